//! Digests of a file's content, for check-file and for commands.

use std::hash::Hasher as _;

use ringferry_sftp::Status;
use rustix::io::Errno;
use sha2::digest::DynDigest;
use twox_hash::{XxHash3_64, XxHash3_128};

use super::job::{Answer, Cancel, Digests, Failure, Result};
use super::limits::{DIGESTS_BYTES_MAX, JOB_SLICE_BYTES};
use crate::reactor::fs::File;
use crate::vfs::{Check, DigestKind};

/// A digest being made.
pub(super) enum Hasher {
    /// MD5, SHA-1 and the SHA-2s.
    Hash(Box<dyn DynDigest>),
    Crc32(crc32fast::Hasher),
    Blake3(Box<blake3::Hasher>),
    Xxh3(Box<XxHash3_64>),
    Xxh128(Box<XxHash3_128>),
}

impl Hasher {
    pub(super) fn new(kind: DigestKind) -> Self {
        match kind {
            DigestKind::Md5 => Self::Hash(Box::<md5::Md5>::default()),
            DigestKind::Sha1 => Self::Hash(Box::<sha1::Sha1>::default()),
            DigestKind::Sha224 => Self::Hash(Box::<sha2::Sha224>::default()),
            DigestKind::Sha256 => Self::Hash(Box::<sha2::Sha256>::default()),
            DigestKind::Sha384 => Self::Hash(Box::<sha2::Sha384>::default()),
            DigestKind::Sha512 => Self::Hash(Box::<sha2::Sha512>::default()),
            DigestKind::Crc32 => Self::Crc32(crc32fast::Hasher::new()),
            DigestKind::Blake3 => Self::Blake3(Box::default()),
            DigestKind::Xxh3 => Self::Xxh3(Box::default()),
            DigestKind::Xxh128 => Self::Xxh128(Box::default()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Hash(hash) => hash.update(bytes),
            Self::Crc32(hash) => hash.update(bytes),
            Self::Blake3(hash) => {
                hash.update(bytes);
            }
            Self::Xxh3(hash) => hash.write(bytes),
            Self::Xxh128(hash) => hash.write(bytes),
        }
    }

    /// Appends the digest and starts anew.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Hash(hash) => out.extend_from_slice(&hash.finalize_reset()),
            // In the order people write it in.
            Self::Crc32(hash) => {
                out.extend_from_slice(&std::mem::take(hash).finalize().to_be_bytes());
            }
            Self::Blake3(hash) => {
                out.extend_from_slice(hash.finalize().as_bytes());
                hash.reset();
            }
            Self::Xxh3(hash) => {
                out.extend_from_slice(&std::mem::take(&mut **hash).finish().to_be_bytes());
            }
            Self::Xxh128(hash) => {
                out.extend_from_slice(&std::mem::take(&mut **hash).finish_128().to_be_bytes());
            }
        }
    }
}

/// The digests that `check` asks for of `file`: one, or one for each block.
pub(super) fn check_file(file: &File, check: &Check, cancel: &Cancel) -> Result {
    let size = file.metadata()?.size;
    let end = match check.length {
        0 => size,
        length => check.start.saturating_add(length).min(size),
    };
    let block_bytes = u64::from(check.block_bytes);
    let blocks = match block_bytes {
        0 => 1,
        bytes => end.saturating_sub(check.start).div_ceil(bytes),
    };
    // One of the reply's shapes has a length of four bytes in front of each.
    let reply_bytes = blocks.saturating_mul(check.kind.bytes() as u64 + 4);
    if reply_bytes > DIGESTS_BYTES_MAX as u64 {
        let what = "more digests than a reply holds; ask for larger blocks or a shorter range";
        return Err(Failure::Said(Status::Failure, what));
    }
    let mut bytes = Vec::new();
    let mut hasher = Hasher::new(check.kind);
    let mut buffer = vec![0; JOB_SLICE_BYTES];
    let mut at = check.start;
    loop {
        let block_end = match block_bytes {
            0 => end,
            bytes => at.saturating_add(bytes).min(end),
        };
        at = hash_up_to(file, &mut hasher, &mut buffer, at, block_end, cancel)?;
        hasher.finish(&mut bytes);
        if at >= end {
            break;
        }
    }
    let (algorithm, digest_bytes) = (check.kind.name(), check.kind.bytes());
    Ok(Answer::Digests(Digests { algorithm, digest_bytes, bytes }))
}

/// Hashes `at..end`; a file that got shorter meanwhile is an error, since its digest would be
/// another file's.
fn hash_up_to(
    file: &File,
    hasher: &mut Hasher,
    buffer: &mut [u8],
    mut at: u64,
    end: u64,
    cancel: &Cancel,
) -> std::result::Result<u64, Errno> {
    while at < end {
        cancel.check()?;
        let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let slice = buffer.get_mut(..wanted).unwrap_or_default();
        let count = file.read_at(slice, at)?;
        hasher.update(slice.get(..count).unwrap_or_default());
        if count < wanted {
            return Err(Errno::IO);
        }
        at += count as u64;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(kind: DigestKind, bytes: &[u8]) -> String {
        let (mut hasher, mut out) = (Hasher::new(kind), Vec::new());
        // What was hashed before must not show.
        hasher.update(b"before");
        hasher.finish(&mut out);
        out.clear();
        hasher.update(bytes);
        hasher.finish(&mut out);
        assert_eq!(out.len(), kind.bytes());
        out.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn digests_of_nothing_are_the_published_ones() {
        let cases = [
            (DigestKind::Md5, "d41d8cd98f00b204e9800998ecf8427e"),
            (DigestKind::Sha1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            (DigestKind::Sha224, "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"),
            (DigestKind::Crc32, "00000000"),
        ];
        for (kind, expected) in cases {
            assert_eq!(hex(kind, b""), expected, "{}", kind.name());
        }
        let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hex(DigestKind::Sha256, b""), sha256);
        let blake3 = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(hex(DigestKind::Blake3, b""), blake3);
        assert!(hex(DigestKind::Sha384, b"").starts_with("38b060a751ac96384cd9327eb1b1e36a"));
        assert!(hex(DigestKind::Sha512, b"").starts_with("cf83e1357eefb8bdf1542850d66d8007"));
        assert_eq!(hex(DigestKind::Crc32, b"123456789"), "cbf43926");
        assert_eq!(hex(DigestKind::Xxh3, b""), "2d06800538d394c2");
        assert_eq!(hex(DigestKind::Xxh128, b""), "99aa06d3014798d86001c324468d497f");
    }
}
