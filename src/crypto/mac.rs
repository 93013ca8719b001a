//! The table of MACs, and one trait for them.

mod hmac;
mod umac;

use subtle::ConstantTimeEq;

use self::hmac::HmacHash;
use super::{Backend, CryptoError, Preset};

/// A MAC for ciphers that do not authenticate on their own.
#[derive(Debug)]
#[non_exhaustive]
pub struct MacAlgorithm {
    /// The name in KEXINIT.
    pub name: &'static str,
    /// Bytes of key to derive (RFC 4253 7.2 letters E and F).
    pub key_bytes: usize,
    /// Bytes of MAC on the wire.
    pub tag_bytes: usize,
    /// Whether the MAC covers the ciphertext (`-etm@openssh.com`).
    pub encrypt_then_mac: bool,
    /// The strictest preset that offers it.
    pub preset: Preset,
    construction: Construction,
}

#[derive(Clone, Copy, Debug)]
enum Construction {
    Hmac(HmacHash),
    Umac64,
    Umac128,
}

/// A MAC and the key that was derived for it.
#[derive(Clone, Copy)]
pub struct MacKey<'a> {
    /// Which MAC.
    pub algorithm: &'static MacAlgorithm,
    /// As many bytes as [`MacAlgorithm::key_bytes`] says.
    pub key: &'a [u8],
}

/// In order of preference. Those over the ciphertext come first: they refuse a forgery before
/// anything of it is decrypted. SHA-256 before SHA-512, which is slower where the CPU has
/// instructions for SHA-256. UMAC is the fastest but its library is young; with 64 bits of tag it
/// is short for what one key may seal. SHA-1 comes last, though HMAC does not suffer from its
/// collisions.
static MACS: [MacAlgorithm; 10] = [
    hmac("hmac-sha2-256-etm@openssh.com", HmacHash::Sha256, Preset::Hardened),
    hmac("hmac-sha2-512-etm@openssh.com", HmacHash::Sha512, Preset::Hardened),
    umac("umac-128-etm@openssh.com", 16, Preset::Hardened),
    umac("umac-64-etm@openssh.com", 8, Preset::Compatible),
    hmac("hmac-sha2-256", HmacHash::Sha256, Preset::Compatible),
    hmac("hmac-sha2-512", HmacHash::Sha512, Preset::Compatible),
    umac("umac-128@openssh.com", 16, Preset::Compatible),
    umac("umac-64@openssh.com", 8, Preset::Compatible),
    hmac("hmac-sha1-etm@openssh.com", HmacHash::Sha1, Preset::Legacy),
    hmac("hmac-sha1", HmacHash::Sha1, Preset::Legacy),
];

const fn hmac(name: &'static str, hash: HmacHash, preset: Preset) -> MacAlgorithm {
    MacAlgorithm {
        name,
        key_bytes: hash.bytes(),
        tag_bytes: hash.bytes(),
        encrypt_then_mac: is_etm(name),
        preset,
        construction: Construction::Hmac(hash),
    }
}

const fn umac(name: &'static str, tag_bytes: usize, preset: Preset) -> MacAlgorithm {
    MacAlgorithm {
        name,
        key_bytes: umac::KEY_BYTES,
        tag_bytes,
        encrypt_then_mac: is_etm(name),
        preset,
        construction: if tag_bytes == 8 { Construction::Umac64 } else { Construction::Umac128 },
    }
}

/// OpenSSH names what covers the ciphertext by its ending.
const fn is_etm(name: &str) -> bool {
    matches!(name.as_bytes().last_chunk(), Some(b"-etm@openssh.com"))
}

/// The MACs of this build, in order of preference.
pub fn macs() -> &'static [MacAlgorithm] {
    &MACS
}

/// The MAC of this name.
pub fn mac(name: &str) -> Option<&'static MacAlgorithm> {
    MACS.iter().find(|mac| mac.name == name)
}

impl MacAlgorithm {
    /// The backend packets are authenticated with.
    pub fn backend(&self) -> Backend {
        match self.construction {
            Construction::Hmac(_) => Backend::preferred(),
            Construction::Umac64 | Construction::Umac128 => Backend::PureRust,
        }
    }
}

/// A packet and the place of its tag.
pub(super) struct Signed<'a> {
    pub(super) sequence: u32,
    pub(super) length: &'a [u8; 4],
    pub(super) body: &'a [u8],
    pub(super) tag: &'a mut [u8],
}

impl Signed<'_> {
    pub(super) fn sign_by(self, mac: &(impl Mac + ?Sized)) {
        mac.sign(self.sequence, &[self.length, self.body], self.tag);
    }
}

/// A keyed MAC from one library.
pub(super) trait Mac: Send + Sync {
    /// Writes the tag over the packet's sequence number and all `parts` in a row; `tag` has exactly
    /// its length.
    fn sign(&self, sequence: u32, parts: &[&[u8]], tag: &mut [u8]);

    /// As [`Mac::sign`] for each of two packets, where that takes less than one after the other.
    fn sign_two(&self, packets: [Signed<'_>; 2]) {
        packets.into_iter().for_each(|packet| packet.sign_by(self));
    }

    /// Whether `tag` is the one over `parts`, in a time that does not tell where they differ.
    fn verify(&self, sequence: u32, parts: &[&[u8]], tag: &[u8]) -> bool {
        let mut expected = [0; TAG_BYTES_MAX];
        let Some(expected) = expected.get_mut(..tag.len()) else {
            return false;
        };
        self.sign(sequence, parts, expected);
        expected.ct_eq(tag).into()
    }
}

/// The longest tag: HMAC-SHA-512's.
const TAG_BYTES_MAX: usize = 64;

/// A keyed MAC from the backend named, or from the only one that has it.
pub(super) fn keyed(backend: Backend, mac: &MacKey) -> Result<Box<dyn Mac>, CryptoError> {
    let MacKey { algorithm, key } = *mac;
    if key.len() != algorithm.key_bytes {
        return Err(CryptoError::KeyLength);
    }
    match algorithm.construction {
        Construction::Hmac(hash) => hmac::keyed(backend, hash, key),
        Construction::Umac64 => umac::keyed_64(key),
        Construction::Umac128 => umac::keyed_128(key),
    }
}

#[cfg(test)]
mod tests;
