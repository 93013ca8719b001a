//! What is revoked: OpenSSH's key revocation lists (its PROTOCOL.krl, what `ssh-keygen -k` makes)
//! and plain lists of public keys, as sshd's `RevokedKeys`.
//!
//! A list is understood whole or refused whole: what is passed over stays valid.

mod krl;

use std::collections::{HashMap, HashSet};

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::crypto::{Certificate, key_type_of, public_blob_from_line};

/// Why a list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevocationProblem {
    /// A key revocation list that breaks its format, or asks for what is not known here.
    #[error("it is no key revocation list: {0}")]
    Krl(&'static str),
    /// A line of a list of public keys that is none.
    #[error("line {0} is no public key")]
    Line(usize),
}

/// Everything that is revoked, of all lists together.
#[derive(Clone, Default)]
pub struct Revocations {
    /// SHA-256 of public keys: of those that are listed whole, and those listed by it.
    keys: HashSet<[u8; 32]>,
    keys_sha1: HashSet<[u8; 20]>,
    /// By their authority, the digest of its key; `None` is for every authority.
    certificates: HashMap<Option<[u8; 32]>, Certificates>,
}

/// Certificates of one authority.
#[derive(Clone, Default)]
struct Certificates {
    /// Serial numbers, the first and the last of a run, in order once a list is read.
    serials: Vec<(u64, u64)>,
    bitmaps: Vec<Bitmap>,
    key_ids: HashSet<Vec<u8>>,
}

/// Serial numbers, a bit each: the last bit of the last byte is the first number.
#[derive(Clone)]
struct Bitmap {
    first: u64,
    bits: Vec<u8>,
}

impl Revocations {
    /// Adds what a file lists: a key revocation list, known by how it begins, or public keys, one a
    /// line as in `*.pub` files.
    ///
    /// # Errors
    /// What is wrong with it; then none of it may be relied on.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), RevocationProblem> {
        match bytes.starts_with(krl::MAGIC) {
            true => krl::read(bytes, self).map_err(RevocationProblem::Krl)?,
            false => self.add_lines(bytes)?,
        }
        self.certificates.values_mut().for_each(Certificates::sort);
        Ok(())
    }

    /// Lines of keys that could not log in anyway count like others: who lists an old key has done
    /// no wrong.
    fn add_lines(&mut self, bytes: &[u8]) -> Result<(), RevocationProblem> {
        for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let wrong = RevocationProblem::Line(number);
            let text = std::str::from_utf8(line).map_err(|_| wrong.clone())?;
            let blob = public_blob_from_line(text).map_err(|_| wrong.clone())?;
            let certified = key_type_of(&blob).is_some_and(|kind| kind.contains("-cert-v0"));
            let key = match certified {
                true => Certificate::from_blob(&blob).map_err(|_| wrong)?.key_blob().to_vec(),
                false => blob,
            };
            self.keys.insert(Sha256::digest(&key).into());
        }
        Ok(())
    }

    /// Whether nothing is revoked.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.keys_sha1.is_empty() && self.certificates.is_empty()
    }

    /// Whether a plain key is revoked.
    pub fn has_key(&self, public_blob: &[u8]) -> bool {
        let sha256: [u8; 32] = Sha256::digest(public_blob).into();
        let sha1: [u8; 20] = Sha1::digest(public_blob).into();
        self.keys.contains(&sha256) || self.keys_sha1.contains(&sha1)
    }

    /// Whether a certificate is revoked, itself, with its key or with its authority.
    pub fn has_certificate(&self, certificate: &Certificate) -> bool {
        let authority = certificate.authority_blob();
        if self.has_key(certificate.key_blob()) || self.has_key(authority) {
            return true;
        }
        let authority: [u8; 32] = Sha256::digest(authority).into();
        [Some(authority), None]
            .iter()
            .filter_map(|authority| self.certificates.get(authority))
            .any(|revoked| revoked.has(certificate))
    }
}

impl Certificates {
    fn has(&self, certificate: &Certificate) -> bool {
        let serial = certificate.serial();
        // 0 is the number of whoever does not number: as in sshd, no list of numbers means it.
        self.key_ids.contains(certificate.key_id_bytes())
            || serial != 0
                && (self.has_run(serial) || self.bitmaps.iter().any(|bitmap| bitmap.has(serial)))
    }

    fn has_run(&self, serial: u64) -> bool {
        let before = self.serials.partition_point(|(first, _)| *first <= serial);
        let run = before.checked_sub(1).and_then(|at| self.serials.get(at));
        run.is_some_and(|(_, last)| serial <= *last)
    }

    /// Puts the runs in order, and those that touch or overlap together: the last one that begins
    /// before a number is then the only one that may hold it.
    fn sort(&mut self) {
        self.serials.sort_unstable();
        self.serials.dedup_by(|later, earlier| {
            let joins = later.0 <= earlier.1.saturating_add(1);
            if joins {
                earlier.1 = earlier.1.max(later.1);
            }
            joins
        });
    }
}

impl Bitmap {
    fn has(&self, serial: u64) -> bool {
        let Some(bit) = serial.checked_sub(self.first) else { return false };
        let byte = usize::try_from(bit / 8).ok().and_then(|at| self.bits.iter().rev().nth(at));
        byte.is_some_and(|byte| byte & (1 << (bit % 8)) != 0)
    }
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys = self.keys.len() + self.keys_sha1.len();
        write!(f, "Revocations({keys} keys, {} authorities)", self.certificates.len())
    }
}

#[cfg(test)]
mod tests;
