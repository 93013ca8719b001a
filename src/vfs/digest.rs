//! Which digest a `check-file` request gets, and of what. The hashing is the server's.

use super::Refusal;
use super::limits::CHECK_BLOCK_BYTES_MIN;

/// A digest algorithm that `check-file` can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Their names say it.
pub enum DigestKind {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Crc32,
    Blake3,
    Xxh3,
    Xxh128,
}

impl DigestKind {
    /// All of them.
    pub const ALL: [DigestKind; 10] = [
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Crc32,
        Self::Blake3,
        Self::Xxh3,
        Self::Xxh128,
    ];

    /// Its name on the wire (draft-ietf-secsh-filexfer-extensions-00 section 3; BLAKE3 is younger).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Crc32 => "crc32",
            Self::Blake3 => "blake3",
            Self::Xxh3 => "xxh3",
            Self::Xxh128 => "xxh128",
        }
    }

    /// How many bytes one digest has.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Crc32 => 4,
            Self::Xxh3 => 8,
            Self::Md5 | Self::Xxh128 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 | Self::Blake3 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The first of a client's comma-separated names that is known here.
    #[must_use]
    pub fn choose(names: &[u8]) -> Option<Self> {
        let known = |name: &[u8]| Self::ALL.into_iter().find(|kind| kind.name().as_bytes() == name);
        names.split(|byte| *byte == b',').find_map(known)
    }
}

/// What is to be hashed, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The algorithm.
    pub kind: DigestKind,
    /// The first byte that counts.
    pub start: u64,
    /// How many bytes count; 0: all up to the end of the file.
    pub length: u64,
    /// One digest for each so many bytes; 0: one in all.
    pub block_bytes: u32,
}

impl Check {
    /// Takes the fields of a `check-file` request, by name or by handle.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for blocks too small, [`Refusal::Failed`] when no algorithm is known.
    pub fn new(
        algorithms: &[u8],
        start: u64,
        length: u64,
        block_bytes: u32,
    ) -> Result<Self, Refusal> {
        if block_bytes != 0 && block_bytes < CHECK_BLOCK_BYTES_MIN {
            return Err(Refusal::Invalid("the blocks are smaller than 256 bytes"));
        }
        let kind = DigestKind::choose(algorithms)
            .ok_or(Refusal::Failed("none of the digest algorithms asked for is known here"))?;
        Ok(Self { kind, start, length, block_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_name_is_taken() {
        let cases: [(&[u8], Option<DigestKind>); 7] = [
            (b"sha256", Some(DigestKind::Sha256)),
            (b"md6,sha512,md5", Some(DigestKind::Sha512)),
            (b"blake3,sha1", Some(DigestKind::Blake3)),
            (b"SHA1,md5", Some(DigestKind::Md5)),
            (b"", None),
            (b",,", None),
            (b"sha2566", None),
        ];
        for (names, kind) in cases {
            assert_eq!(DigestKind::choose(names), kind, "{}", names.escape_ascii());
        }
        for kind in DigestKind::ALL {
            assert_eq!(DigestKind::choose(kind.name().as_bytes()), Some(kind));
        }
    }

    #[test]
    fn blocks_are_none_or_large_enough() {
        let check = |block_bytes| Check::new(b"md5", 0, 0, block_bytes);
        assert!(check(0).is_ok() && check(256).is_ok() && check(u32::MAX).is_ok());
        for small in [1, 255] {
            assert!(matches!(check(small), Err(Refusal::Invalid(_))));
        }
        assert!(matches!(Check::new(b"x", 0, 0, 0), Err(Refusal::Failed(_))));
    }
}
