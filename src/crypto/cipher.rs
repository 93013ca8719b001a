//! The table of packet ciphers.

use super::limits::{REKEY_BYTES_BLOCK_8, REKEY_BYTES_BLOCK_16};
use super::{Backend, CryptoError, PacketOpen, PacketSeal, Shape, chacha, gcm};

/// A packet cipher: its name, its sizes, and how to make its two directions.
#[derive(Debug)]
#[non_exhaustive]
pub struct CipherAlgorithm {
    /// The name in KEXINIT.
    pub name: &'static str,
    /// Bytes of key to derive (RFC 4253 7.2 letters C and D).
    pub key_bytes: usize,
    /// Bytes of IV to derive (letters A and B); 0 where the cipher takes none.
    pub iv_bytes: usize,
    /// Whether the cipher authenticates on its own; the negotiated MAC is then ignored.
    pub aead: bool,
    /// The layout of its packets.
    pub shape: Shape,
    /// Bytes in one direction after which OpenSSH asks for new keys.
    pub rekey_bytes: u64,
    construction: Construction,
}

#[derive(Clone, Copy, Debug)]
enum Construction {
    AesGcm,
    ChaChaPoly,
}

/// In order of preference. A client's order decides (RFC 4253 7.1), so this is for our own client
/// and for `ringferry algorithms`: GCM first, because its kernels are several times faster where
/// the CPU has AES instructions.
static CIPHERS: [CipherAlgorithm; 3] = [
    aes_gcm("aes128-gcm@openssh.com", 16),
    aes_gcm("aes256-gcm@openssh.com", 32),
    CipherAlgorithm {
        name: "chacha20-poly1305@openssh.com",
        key_bytes: 64,
        iv_bytes: 0,
        aead: true,
        shape: chacha::SHAPE,
        rekey_bytes: REKEY_BYTES_BLOCK_8,
        construction: Construction::ChaChaPoly,
    },
];

const fn aes_gcm(name: &'static str, key_bytes: usize) -> CipherAlgorithm {
    CipherAlgorithm {
        name,
        key_bytes,
        iv_bytes: 12,
        aead: true,
        shape: gcm::SHAPE,
        rekey_bytes: REKEY_BYTES_BLOCK_16,
        construction: Construction::AesGcm,
    }
}

/// The ciphers of this build, in order of preference.
pub fn ciphers() -> &'static [CipherAlgorithm] {
    &CIPHERS
}

/// The cipher of this name.
pub fn cipher(name: &str) -> Option<&'static CipherAlgorithm> {
    CIPHERS.iter().find(|cipher| cipher.name == name)
}

impl CipherAlgorithm {
    /// A sealer. `mac_key` is for ciphers that do not authenticate on their own; AEAD ones ignore
    /// it.
    ///
    /// # Errors
    /// [`CryptoError::KeyLength`] if `key` or `iv` is not exactly as long as the table says.
    pub fn seal(
        &self,
        key: &[u8],
        iv: &[u8],
        mac_key: &[u8],
    ) -> Result<Box<dyn PacketSeal>, CryptoError> {
        self.seal_with(self.backend(), key, iv, mac_key)
    }

    /// An opener; see [`CipherAlgorithm::seal`].
    ///
    /// # Errors
    /// As [`CipherAlgorithm::seal`].
    pub fn open(
        &self,
        key: &[u8],
        iv: &[u8],
        mac_key: &[u8],
    ) -> Result<Box<dyn PacketOpen>, CryptoError> {
        self.open_with(self.backend(), key, iv, mac_key)
    }

    /// A sealer from the backend named, for tests and benchmarks.
    ///
    /// # Errors
    /// As [`CipherAlgorithm::seal`], and [`CryptoError::UnknownAlgorithm`] if the backend is not in
    /// this build.
    pub fn seal_with(
        &self,
        backend: Backend,
        key: &[u8],
        iv: &[u8],
        _mac_key: &[u8],
    ) -> Result<Box<dyn PacketSeal>, CryptoError> {
        match self.construction {
            Construction::AesGcm => gcm::seal(backend.require()?, key, iv),
            Construction::ChaChaPoly => chacha::seal(backend.require()?, key, iv),
        }
    }

    /// An opener from the backend named, for tests and benchmarks.
    ///
    /// # Errors
    /// As [`CipherAlgorithm::seal_with`].
    pub fn open_with(
        &self,
        backend: Backend,
        key: &[u8],
        iv: &[u8],
        _mac_key: &[u8],
    ) -> Result<Box<dyn PacketOpen>, CryptoError> {
        match self.construction {
            Construction::AesGcm => gcm::open(backend.require()?, key, iv),
            Construction::ChaChaPoly => chacha::open(backend.require()?, key, iv),
        }
    }

    /// The backend [`CipherAlgorithm::seal`] and [`CipherAlgorithm::open`] take.
    pub fn backend(&self) -> Backend {
        match self.construction {
            Construction::AesGcm => Backend::preferred(),
            Construction::ChaChaPoly => chacha::BACKEND,
        }
    }
}

#[cfg(test)]
mod tests;
