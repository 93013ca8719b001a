//! A path as the client wrote it: its components, how it ended, and names for the kernel.

use std::borrow::Cow;

use rustix::io::Errno;

use crate::reactor::limits::PATH_BYTES_MAX;

/// How a path ended. What is there is the same, but what may be done to it is not: no directory is
/// removed as "x/.", and no link as "x/".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// With an ordinary name, or as "/".
    Plain,
    /// With a slash after a name: a directory, or one to be made.
    Slash,
    /// With ".".
    Dot,
    /// With "..".
    DotDot,
}

impl End {
    pub(super) fn of(path: &[u8]) -> End {
        let body = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
        match path.get(..body).and_then(|body| body.rsplit(|byte| *byte == b'/').next()) {
            Some(b".") => End::Dot,
            Some(b"..") => End::DotDot,
            Some(name) if !name.is_empty() && body < path.len() => End::Slash,
            _ => End::Plain,
        }
    }

    /// Whether it ended in "." or "..", which nothing can be made, removed or renamed as.
    pub(super) fn is_dots(self) -> bool {
        matches!(self, End::Dot | End::DotDot)
    }
}

/// What no syscall would take: an empty path is ENOENT, as everywhere in the kernel, a NUL EINVAL.
pub(super) fn check(path: &[u8]) -> Result<(), Errno> {
    match path {
        [] => Err(Errno::NOENT),
        path if path.len() >= PATH_BYTES_MAX => Err(Errno::NAMETOOLONG),
        path if path.contains(&0) => Err(Errno::INVAL),
        _ => Ok(()),
    }
}

/// The names in a path, ".." among them, without "." and empty ones.
pub(super) fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".")
}

/// Appends "/name".
pub(super) fn push(path: &mut Vec<u8>, name: &[u8]) {
    path.push(b'/');
    path.extend_from_slice(name);
}

/// The canonical path of one without "..", as it is if no links are in it; "" for the top.
pub(super) fn joined(path: &[u8]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(path.len() + 1);
    components(path).for_each(|part| push(&mut joined, part));
    joined
}

/// What is left of `path` below the directory `top`: both are canonical, "" being the top of all.
/// Components are compared, not bytes: "/database" is not below "/data".
pub(super) fn below<'a>(path: &'a [u8], top: &[u8]) -> Option<&'a [u8]> {
    match path.strip_prefix(top)? {
        [] => Some(b""),
        [b'/', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// The parent and the name of a canonical path; `None` for the top.
pub(super) fn parent(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    Some((path.get(..slash)?, path.get(slash + 1..)?))
}

/// One component without slashes in it, and whether a slash followed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Name<'a> {
    pub(super) bytes: &'a [u8],
    /// The name with one slash after it if the path had any: for the calls that create, remove and
    /// rename, which never follow the last component and answer ENOTDIR for "file/" themselves.
    /// Calls that look something up must use `bytes`: "link/" would make them follow the link.
    pub(super) with_slash: Cow<'a, [u8]>,
}

impl<'a> Name<'a> {
    pub(super) fn new(bytes: &'a [u8], slash: bool) -> Self {
        let with_slash = if slash { [bytes, b"/"].concat().into() } else { bytes.into() };
        Name { bytes, with_slash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_namei_s() {
        let cases: &[(&[u8], End)] = &[
            (b"a", End::Plain),
            (b"/a", End::Plain),
            (b"/", End::Plain),
            (b"///", End::Plain),
            (b"...", End::Plain),
            (b"a/", End::Slash),
            (b"/a/b///", End::Slash),
            (b"a/.", End::Dot),
            (b"./", End::Dot),
            (b"a/./", End::Dot),
            (b"..", End::DotDot),
            (b"/..", End::DotDot),
            (b"a/..//", End::DotDot),
        ];
        for (path, end) in cases {
            assert_eq!(End::of(path), *end, "{}", path.escape_ascii());
        }
    }

    #[test]
    fn paths_are_compared_by_component() {
        assert_eq!(below(b"/data/in", b"/data"), Some(&b"in"[..]));
        assert_eq!(below(b"/data/in/x", b"/data"), Some(&b"in/x"[..]));
        assert_eq!(below(b"/data", b"/data"), Some(&b""[..]));
        assert_eq!(below(b"/data", b""), Some(&b"data"[..]));
        assert_eq!(below(b"", b""), Some(&b""[..]));
        assert_eq!(below(b"/database", b"/data"), None);
        assert_eq!(below(b"/dat", b"/data"), None);
        assert_eq!(below(b"", b"/data"), None);
    }

    #[test]
    fn a_canonical_path_has_a_parent_and_a_name() {
        assert_eq!(parent(b"/a/b"), Some((&b"/a"[..], &b"b"[..])));
        assert_eq!(parent(b"/a"), Some((&b""[..], &b"a"[..])));
        assert_eq!(parent(b""), None);
        let parts: Vec<&[u8]> = components(b"//a/./b/../c/").collect();
        assert_eq!(parts, [&b"a"[..], b"b", b"..", b"c"]);
    }

    #[test]
    fn only_what_a_syscall_takes_passes() {
        assert_eq!(check(b""), Err(Errno::NOENT));
        assert_eq!(check(b"a\0"), Err(Errno::INVAL));
        assert_eq!(check(&[b'a'; 4096]), Err(Errno::NAMETOOLONG));
        assert_eq!(check(&[b'a'; 4095]), Ok(()));
    }
}
