//! Which requests a session may send at all, by OpenSSH's names for them.

use std::fmt;

use ringferry_sftp::Request;

/// One request: its short name, the extension it comes as, and whether it changes anything.
struct Known(&'static str, Option<&'static str>, bool);

/// Names and last column as in OpenSSH's `sftp-server`, so that its `-P` and `-p` lists can be
/// kept; the last five are not among its own.
const TABLE: [Known; 34] = [
    // OPEN changes things or not by its flags, which are judged later.
    Known("open", None, false),
    Known("close", None, false),
    Known("read", None, false),
    Known("write", None, true),
    Known("lstat", None, false),
    Known("fstat", None, false),
    Known("setstat", None, true),
    Known("fsetstat", None, true),
    Known("opendir", None, false),
    Known("readdir", None, false),
    Known("remove", None, true),
    Known("mkdir", None, true),
    Known("rmdir", None, true),
    Known("realpath", None, false),
    Known("stat", None, false),
    Known("rename", None, true),
    Known("readlink", None, false),
    Known("symlink", None, true),
    Known("posix-rename", Some("posix-rename@openssh.com"), true),
    Known("statvfs", Some("statvfs@openssh.com"), false),
    Known("fstatvfs", Some("fstatvfs@openssh.com"), false),
    Known("hardlink", Some("hardlink@openssh.com"), true),
    Known("fsync", Some("fsync@openssh.com"), true),
    Known("lsetstat", Some("lsetstat@openssh.com"), true),
    Known("limits", Some("limits@openssh.com"), false),
    Known("expand-path", Some("expand-path@openssh.com"), false),
    Known("copy-data", Some("copy-data"), true),
    Known("home-directory", Some("home-directory"), false),
    Known("users-groups-by-id", Some("users-groups-by-id@openssh.com"), false),
    // Both are advertised as one, by a name that is also paramiko's for the second.
    Known("check-file-name", Some("check-file"), false),
    Known("check-file-handle", Some("check-file"), false),
    Known("copy-file", Some("copy-file"), true),
    Known("space-available", Some("space-available"), false),
    Known("ranges", Some("ranges@asyncssh.com"), false),
];

/// A name in a list of requests that no request has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRequest(String);

impl fmt::Display for UnknownRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no request {:?}", self.0)
    }
}

impl std::error::Error for UnknownRequest {}

/// Which requests a session may send: `sftp-server`'s `-P` (all but these) and `-p` (only these).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestFilter {
    /// One bit a row of the table.
    permitted: u64,
}

impl Default for RequestFilter {
    fn default() -> Self {
        Self { permitted: u64::MAX }
    }
}

impl RequestFilter {
    /// Permits what is in `allowed` (`None`: everything) and not in `denied`. Names are the short
    /// ones or those of the extensions; empty ones are passed over, as in `-P ""`.
    ///
    /// # Errors
    /// The first name that no request has.
    pub fn new<S: AsRef<str>>(denied: &[S], allowed: Option<&[S]>) -> Result<Self, UnknownRequest> {
        let permitted = allowed.map_or(Ok(u64::MAX), rows)?;
        Ok(Self { permitted: permitted & !rows(denied)? })
    }

    /// Every short name, for `-Q requests`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|known| known.0)
    }

    /// Whether `request` may be sent. INIT may, and so may what no list can name: it is not served.
    #[must_use]
    pub fn permits(&self, request: &Request<'_>) -> bool {
        self.permitted == u64::MAX
            || row(request).is_none_or(|(index, _)| self.permitted & (1 << index) != 0)
    }

    /// Whether an extension of this name is to be advertised: one request at least that comes under
    /// it may be sent. Names that no request has are not this filter's matter.
    #[must_use]
    pub fn permits_extension(&self, name: &str) -> bool {
        let mut rows = TABLE.iter().enumerate().filter(|(_, known)| known.1 == Some(name));
        let Some((first, _)) = rows.next() else { return true };
        rows.map(|(index, _)| index).chain([first]).any(|index| self.permitted & (1 << index) != 0)
    }
}

/// Whether `request` changes something whatever its flags and attributes say, by the table.
pub(super) fn writes(request: &Request<'_>) -> bool {
    row(request).is_some_and(|(_, known)| known.2)
}

/// Whether an extension is there to change something.
pub(super) fn extension_writes(name: &str) -> bool {
    TABLE.iter().any(|known| known.1 == Some(name) && known.2)
}

/// The rows that `names` name, a bit each. `check-file` names two.
fn rows<S: AsRef<str>>(names: &[S]) -> Result<u64, UnknownRequest> {
    let mut bits = 0;
    for name in names.iter().map(AsRef::as_ref).filter(|name| !name.is_empty()) {
        let is = |known: &Known| known.0 == name || known.1 == Some(name);
        let named = TABLE.iter().enumerate().filter(|(_, known)| is(known));
        let found = named.fold(0_u64, |bits, (index, _)| bits | 1 << index);
        if found == 0 {
            return Err(UnknownRequest(name.to_owned()));
        }
        bits |= found;
    }
    Ok(bits)
}

fn row(request: &Request<'_>) -> Option<(usize, &'static Known)> {
    let name = short_name(request)?;
    TABLE.iter().enumerate().find(|(_, known)| known.0 == name)
}

/// The request's name in the table; `None` for what no list can name.
pub(super) fn short_name(request: &Request<'_>) -> Option<&'static str> {
    Some(match request {
        Request::Init { .. } | Request::ExtendedUnknown { .. } | Request::Unknown { .. } => {
            return None;
        }
        Request::Open { .. } => "open",
        Request::Close { .. } => "close",
        Request::Read { .. } => "read",
        Request::Write { .. } => "write",
        Request::Lstat { .. } => "lstat",
        Request::Fstat { .. } => "fstat",
        Request::Setstat { .. } => "setstat",
        Request::Fsetstat { .. } => "fsetstat",
        Request::Opendir { .. } => "opendir",
        Request::Readdir { .. } => "readdir",
        Request::Remove { .. } => "remove",
        Request::Mkdir { .. } => "mkdir",
        Request::Rmdir { .. } => "rmdir",
        Request::Realpath { .. } => "realpath",
        Request::Stat { .. } => "stat",
        Request::Rename { .. } => "rename",
        Request::Readlink { .. } => "readlink",
        Request::Symlink { .. } => "symlink",
        Request::PosixRename { .. } => "posix-rename",
        Request::Statvfs { .. } => "statvfs",
        Request::Fstatvfs { .. } => "fstatvfs",
        Request::Hardlink { .. } => "hardlink",
        Request::Fsync { .. } => "fsync",
        Request::Lsetstat { .. } => "lsetstat",
        Request::Limits { .. } => "limits",
        Request::ExpandPath { .. } => "expand-path",
        Request::CopyData { .. } => "copy-data",
        Request::HomeDirectory { .. } => "home-directory",
        Request::UsersGroupsById { .. } => "users-groups-by-id",
        Request::CheckFileName { .. } => "check-file-name",
        Request::CheckFileHandle { .. } => "check-file-handle",
        Request::CopyFile { .. } => "copy-file",
        Request::SpaceAvailable { .. } => "space-available",
        Request::Ranges { .. } => "ranges",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: Request<'static> = Request::Stat { id: 1, path: b"x" };
    const LIMITS: Request<'static> = Request::Limits { id: 1 };
    const RENAME: Request<'static> = Request::PosixRename { id: 1, old: b"x", new: b"y" };

    #[test]
    fn lists_deny_and_allow() {
        let deny = RequestFilter::new(&["stat", "posix-rename@openssh.com", ""], None).unwrap();
        assert!(!deny.permits(&STAT) && !deny.permits(&RENAME) && deny.permits(&LIMITS));
        let allow = RequestFilter::new(&[], Some(&["stat", "posix-rename"])).unwrap();
        assert!(allow.permits(&STAT) && allow.permits(&RENAME) && !allow.permits(&LIMITS));
        let both = RequestFilter::new(&["stat"], Some(&["stat", "limits"])).unwrap();
        assert!(!both.permits(&STAT) && both.permits(&LIMITS));
        let all = RequestFilter::default();
        assert!(all.permits(&STAT) && all.permits(&LIMITS) && all.permits(&RENAME));
    }

    #[test]
    fn what_no_list_can_name_passes() {
        let nothing = RequestFilter::new(&[], Some(&[""])).unwrap();
        assert!(nothing.permits(&Request::Init { version: 3 }));
        assert!(nothing.permits(&Request::Unknown { id: 1, kind: 99 }));
        assert!(nothing.permits(&Request::ExtendedUnknown { id: 1, name: b"x" }));
        assert!(!nothing.permits(&STAT));
    }

    #[test]
    fn an_unknown_name_is_named() {
        for bad in ["Stat", "init", "posix-rename@example.org", "stat,open"] {
            let error = RequestFilter::new(&[bad], None).unwrap_err();
            assert!(error.to_string().contains(bad), "{error}");
            assert!(RequestFilter::new(&[], Some(&[bad])).is_err());
        }
    }

    #[test]
    fn extensions_go_with_their_requests() {
        let denied = |names: &[&str]| RequestFilter::new(names, None).unwrap();
        let name = "check-file";
        assert!(!denied(&["copy-data"]).permits_extension("copy-data"));
        assert!(denied(&["copy-data"]).permits_extension("limits@openssh.com"));
        assert!(denied(&["check-file-name"]).permits_extension(name));
        assert!(denied(&["check-file-handle"]).permits_extension(name));
        assert!(!denied(&["check-file-name", "check-file-handle"]).permits_extension(name));
        assert!(!denied(&["check-file"]).permits_extension(name));
        assert!(denied(&["check-file"]).permits_extension("vendor-id"));
    }

    #[test]
    fn names_are_unique_and_fit_the_bits() {
        let names: std::collections::BTreeSet<_> = RequestFilter::names().collect();
        assert_eq!(names.len(), TABLE.len());
        assert!(TABLE.len() < 64);
    }
}
