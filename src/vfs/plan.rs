//! From an SFTP request that names paths to an [`FsOp`].

use ringferry_sftp::{Attrs, OpenFlags, Request};

use super::{Change, FsOp, OpenFor, admit};

/// What a session may do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy {
    /// Nothing may be changed.
    pub read_only: bool,
}

/// Why a request is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The path cannot be a path; the text says why.
    BadPath(&'static str),
    /// The policy forbids it; the text says what it forbids.
    Denied(&'static str),
    /// The request contradicts itself; the text says how.
    Invalid(&'static str),
}

impl Policy {
    fn permit<'a>(&self, op: FsOp<'a>) -> Result<FsOp<'a>, Refusal> {
        if self.read_only && op.writes() {
            return Err(Refusal::Denied("Permission denied: this server is read-only"));
        }
        Ok(op)
    }
}

/// The operation that `request` asks for; `None` when the request names no path (it works on a
/// handle, or it is not served here).
///
/// # Errors
/// A [`Refusal`] when a path is no path or the policy forbids the operation.
pub fn plan<'a>(request: &Request<'a>, policy: &Policy) -> Option<Result<FsOp<'a>, Refusal>> {
    raw(request).map(|op| op.and_then(|op| policy.permit(op)))
}

fn raw<'a>(request: &Request<'a>) -> Option<Result<FsOp<'a>, Refusal>> {
    Some(match *request {
        Request::Open { path, flags, ref attrs, .. } => {
            open_for(flags, attrs).and_then(|how| Ok(FsOp::Open(admit(path)?, how)))
        }
        Request::Opendir { path, .. } => admit(path).map(FsOp::OpenDir),
        Request::Stat { path, .. } => admit(path).map(|path| FsOp::Stat { path, follow: true }),
        Request::Lstat { path, .. } => admit(path).map(|path| FsOp::Stat { path, follow: false }),
        Request::Setstat { path, ref attrs, .. } => {
            admit(path).map(|path| FsOp::SetStat(path, change(attrs)))
        }
        Request::Remove { path, .. } => admit(path).map(FsOp::Remove),
        Request::Mkdir { path, ref attrs, .. } => {
            admit(path).map(|path| FsOp::MakeDir(path, mode(attrs, 0o777)))
        }
        Request::Rmdir { path, .. } => admit(path).map(FsOp::RemoveDir),
        Request::Realpath { path, .. } => admit(path).map(FsOp::RealPath),
        Request::Rename { old, new, .. } => rename(old, new, false),
        Request::PosixRename { old, new, .. } => rename(old, new, true),
        Request::Readlink { path, .. } => admit(path).map(FsOp::ReadLink),
        // OpenSSH's order, which every client but two follows: the target first, then the link.
        Request::Symlink { first, second, .. } => {
            admit(first).and_then(|target| admit(second).map(|link| FsOp::Symlink { target, link }))
        }
        _ => return None,
    })
}

fn rename<'a>(old: &'a [u8], new: &'a [u8], over: bool) -> Result<FsOp<'a>, Refusal> {
    Ok(FsOp::Rename { old: admit(old)?, new: admit(new)?, over })
}

fn open_for(flags: OpenFlags, attrs: &Attrs) -> Result<OpenFor, Refusal> {
    let how = OpenFor {
        read: flags.contains(OpenFlags::READ),
        write: flags.contains(OpenFlags::WRITE) || flags.contains(OpenFlags::APPEND),
        append: flags.contains(OpenFlags::APPEND),
        create: flags.contains(OpenFlags::CREAT),
        exclusive: flags.contains(OpenFlags::EXCL),
        truncate: flags.contains(OpenFlags::TRUNC),
        mode: mode(attrs, 0o666),
    };
    if !how.read && !how.write {
        return Err(Refusal::Invalid("the open asks neither to read nor to write"));
    }
    Ok(how)
}

fn mode(attrs: &Attrs, default: u32) -> u32 {
    attrs.permissions.map_or(default, |mode| mode & 0o7777)
}

/// The change that a request's attributes ask for.
#[must_use]
pub fn change(attrs: &Attrs) -> Change {
    Change {
        size: attrs.size,
        mode: attrs.permissions.map(|mode| mode & 0o7777),
        owner: attrs.owner,
        times: attrs.times,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ_ONLY: Policy = Policy { read_only: true };
    const FREE: Policy = Policy { read_only: false };

    fn open(flags: u32) -> Request<'static> {
        Request::Open {
            id: 1,
            path: b"f",
            flags: OpenFlags::from_bits(flags),
            attrs: Attrs::default(),
        }
    }

    fn writers() -> Vec<Request<'static>> {
        let attrs = Attrs::default();
        vec![
            open(2),
            open(1 | 8),
            open(1 | 0x10),
            open(4),
            Request::Setstat { id: 1, path: b"f", attrs },
            Request::Remove { id: 1, path: b"f" },
            Request::Mkdir { id: 1, path: b"f", attrs },
            Request::Rmdir { id: 1, path: b"f" },
            Request::Rename { id: 1, old: b"f", new: b"g" },
            Request::PosixRename { id: 1, old: b"f", new: b"g" },
            Request::Symlink { id: 1, first: b"f", second: b"g" },
        ]
    }

    #[test]
    fn read_only_refuses_every_request_that_changes_something() {
        for request in writers() {
            assert!(matches!(plan(&request, &READ_ONLY), Some(Err(Refusal::Denied(_)))));
            assert!(matches!(plan(&request, &FREE), Some(Ok(_))), "{request:?}");
        }
    }

    #[test]
    fn read_only_permits_what_only_looks() {
        let readers = [
            open(1),
            Request::Opendir { id: 1, path: b"f" },
            Request::Stat { id: 1, path: b"f" },
            Request::Lstat { id: 1, path: b"f" },
            Request::Realpath { id: 1, path: b"f" },
            Request::Readlink { id: 1, path: b"f" },
        ];
        for request in readers {
            assert!(matches!(plan(&request, &READ_ONLY), Some(Ok(_))), "{request:?}");
        }
    }

    #[test]
    fn an_open_that_asks_for_nothing_is_invalid() {
        assert!(matches!(plan(&open(0), &FREE), Some(Err(Refusal::Invalid(_)))));
    }

    #[test]
    fn setuid_and_file_type_bits_of_a_mode_are_cut_to_the_permission_bits() {
        let attrs = Attrs { permissions: Some(0o100_644), ..Attrs::default() };
        assert_eq!(change(&attrs).mode, Some(0o644));
        assert!(change(&Attrs::default()).is_empty());
    }
}
