//! What is a path a client may name at all.

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
    }
}
