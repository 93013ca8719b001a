//! What is a path a client may name at all, and how it is made absolute.

use std::borrow::Cow;

use super::Refusal;
use super::limits::PATH_BYTES_MAX;

/// Checks the bytes of a client's path and gives them back, with `""` read as `"."` (as OpenSSH
/// does).
///
/// # Errors
/// [`Refusal::BadPath`] when it holds a NUL byte or is longer than [`PATH_BYTES_MAX`].
pub fn admit(path: &[u8]) -> Result<&[u8], Refusal> {
    if path.is_empty() {
        return Ok(b".");
    }
    if path.len() > PATH_BYTES_MAX {
        return Err(Refusal::BadPath("the path is longer than 4095 bytes"));
    }
    if path.contains(&0) {
        return Err(Refusal::BadPath("the path holds a NUL byte"));
    }
    Ok(path)
}

/// Admits `path` and puts `home` in front of it unless it is absolute. Nothing else changes: `..`
/// and links are for whoever resolves it.
pub(super) fn absolute<'a>(home: &[u8], path: &'a [u8]) -> Result<Cow<'a, [u8]>, Refusal> {
    let path = admit(path)?;
    match path {
        [b'/', ..] => Ok(Cow::Borrowed(path)),
        b"." => Ok(Cow::Owned(home.to_vec())),
        _ => {
            let between: &[u8] = if home.ends_with(b"/") { b"" } else { b"/" };
            let joined = [home, between, path].concat();
            admit(&joined)?;
            Ok(Cow::Owned(joined))
        }
    }
}

/// `~`, `~/x`, `~user` and `~user/x` of a shell, for the session's own user; anything else is a
/// path as any other. Nobody else has a home here.
pub(super) fn expand<'a>(
    home: &[u8],
    user: &str,
    path: &'a [u8],
) -> Result<Cow<'a, [u8]>, Refusal> {
    let Some(rest) = path.strip_prefix(b"~") else { return absolute(home, path) };
    let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    let (name, below) = rest.split_at_checked(end).unwrap_or((rest, b""));
    if !name.is_empty() && name != user.as_bytes() {
        return Err(Refusal::Missing);
    }
    // What follows the name starts with its slashes: they must not make it absolute.
    let slashes = below.iter().take_while(|byte| **byte == b'/').count();
    let below = below.get(slashes..).unwrap_or_default();
    absolute(home, below)
}

/// Whether `path` is absolute and in the one form a resolver gives it: no empty component, no `.`,
/// no `..`, no slash at the end.
pub(super) fn is_canonical(path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(b"/") else { return false };
    let fits = |name: &[u8]| !name.is_empty() && name != b"." && name != b"..";
    admit(path).is_ok() && (rest.is_empty() || rest.split(|byte| *byte == b'/').all(fits))
}

/// The components of a canonical path.
pub(super) fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_path_is_the_current_directory() {
        assert_eq!(admit(b""), Ok(&b"."[..]));
        assert_eq!(admit(b"a/b"), Ok(&b"a/b"[..]));
    }

    #[test]
    fn nul_and_overlong_paths_are_refused() {
        assert!(matches!(admit(b"a\0b"), Err(Refusal::BadPath(_))));
        assert!(admit(&vec![b'a'; PATH_BYTES_MAX]).is_ok());
        assert!(matches!(admit(&vec![b'a'; PATH_BYTES_MAX + 1]), Err(Refusal::BadPath(_))));
        let long = vec![b'a'; PATH_BYTES_MAX];
        assert!(matches!(absolute(b"/h", &long), Err(Refusal::BadPath(_))));
    }

    #[test]
    fn relative_paths_start_at_home() {
        let cases: [(&[u8], &[u8], &[u8]); 8] = [
            (b"/", b"a", b"/a"),
            (b"/", b"", b"/"),
            (b"/h", b".", b"/h"),
            (b"/h", b"a/", b"/h/a/"),
            (b"/h", b"../x", b"/h/../x"),
            (b"/h", b"/x/../y", b"/x/../y"),
            (b"/h", b"~", b"/h/~"),
            (b"/h", b"\xff", b"/h/\xff"),
        ];
        for (home, path, wanted) in cases {
            assert_eq!(absolute(home, path).unwrap(), wanted, "{}", path.escape_ascii());
        }
    }

    #[test]
    fn a_tilde_is_the_home_of_the_sessions_own_user_only() {
        let cases: [(&[u8], Option<&[u8]>); 11] = [
            (b"~", Some(b"/h")),
            (b"~/", Some(b"/h")),
            (b"~/x", Some(b"/h/x")),
            (b"~//x", Some(b"/h/x")),
            (b"~ada", Some(b"/h")),
            (b"~ada/x/y", Some(b"/h/x/y")),
            (b"~bob", None),
            (b"~adamant/x", None),
            (b"x", Some(b"/h/x")),
            (b"/~", Some(b"/~")),
            (b"", Some(b"/h")),
        ];
        for (path, wanted) in cases {
            let got = expand(b"/h", "ada", path);
            let wanted = wanted.map(Cow::Borrowed).ok_or(Refusal::Missing);
            assert_eq!(got, wanted, "{}", path.escape_ascii());
        }
    }

    #[test]
    fn canonical_paths() {
        for good in ["/", "/a", "/a/b.c", "/..a/...", "/ "] {
            assert!(is_canonical(good.as_bytes()), "{good}");
        }
        for bad in ["", "a", "//", "/a/", "/a//b", "/.", "/a/..", "/../a", "/a\0"] {
            assert!(!is_canonical(bad.as_bytes()), "{bad}");
        }
    }
}
