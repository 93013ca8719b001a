//! Splitting a path into its parent and its last component, the way the kernel's namei does.

use rustix::io::Errno;

/// A path's last component.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Last<'a> {
    /// Only slashes.
    Root,
    /// ".".
    Dot,
    /// "..".
    DotDot,
    /// An ordinary name.
    Name(Name<'a>),
}

/// One component without slashes in it, and whether a slash followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Name<'a> {
    pub(super) bytes: &'a [u8],
    /// The name with one slash after it if the path had any: for the calls that create, remove and
    /// rename, which never follow the last component and answer ENOTDIR for "file/" themselves.
    /// Calls that look something up must use `bytes`: "link/" would make them follow the link.
    pub(super) with_slash: &'a [u8],
}

impl Name<'_> {
    pub(super) fn has_slash(&self) -> bool {
        self.bytes.len() != self.with_slash.len()
    }
}

/// The parent as a path that openat2 resolves in the root, and the last component. An empty path is
/// ENOENT, as everywhere in the kernel.
pub(super) fn split(path: &[u8]) -> Result<(&[u8], Last<'_>), Errno> {
    if path.is_empty() {
        return Err(Errno::NOENT);
    }
    let Some(end) = path.iter().rposition(|byte| *byte != b'/') else {
        return Ok((b"/", Last::Root));
    };
    let (body, slashes) = path.split_at_checked(end + 1).ok_or(Errno::INVAL)?;
    let start = body.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (parent, bytes) = body.split_at_checked(start).ok_or(Errno::INVAL)?;
    let with_slash_bytes = bytes.len() + usize::from(!slashes.is_empty());
    let with_slash = path.get(start..start + with_slash_bytes).unwrap_or(bytes);
    let parent = if parent.is_empty() { b".".as_slice() } else { parent };
    let last = match bytes {
        b"." => Last::Dot,
        b".." => Last::DotDot,
        bytes => Last::Name(Name { bytes, with_slash }),
    };
    Ok((parent, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name<'a>(bytes: &'a [u8], with_slash: &'a [u8]) -> Last<'a> {
        Last::Name(Name { bytes, with_slash })
    }

    #[test]
    fn splits_like_namei() {
        let cases: &[(&[u8], &[u8], Last<'_>)] = &[
            (b"a", b".", name(b"a", b"a")),
            (b"/a", b"/", name(b"a", b"a")),
            (b"a/", b".", name(b"a", b"a/")),
            (b"/a/b///", b"/a/", name(b"b", b"b/")),
            (b"a//b", b"a//", name(b"b", b"b")),
            (b"/", b"/", Last::Root),
            (b"///", b"/", Last::Root),
            (b".", b".", Last::Dot),
            (b"a/./", b"a/", Last::Dot),
            (b"..", b".", Last::DotDot),
            (b"/..", b"/", Last::DotDot),
            (b"a/..//", b"a/", Last::DotDot),
            (b"...", b".", name(b"...", b"...")),
        ];
        for (path, parent, last) in cases {
            assert_eq!(split(path), Ok((*parent, *last)), "{}", path.escape_ascii());
        }
        assert_eq!(split(b""), Err(Errno::NOENT));
    }
}
