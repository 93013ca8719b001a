//! The table of packet ciphers.

use super::limits::{REKEY_BYTES_BLOCK_8, REKEY_BYTES_BLOCK_16};
use super::{
    Backend, CryptoError, MacAlgorithm, MacKey, PacketOpen, PacketSeal, Preset, Shape, chacha, ctr,
    gcm, macs,
};

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
    /// Bytes in one direction after which OpenSSH asks for new keys.
    pub rekey_bytes: u64,
    /// The strictest preset that offers it.
    pub preset: Preset,
    construction: Construction,
}

#[derive(Clone, Copy, Debug)]
enum Construction {
    AesGcm,
    ChaChaPoly,
    AesCtr,
}

/// In order of preference. A client's order decides (RFC 4253 7.1), so this is for our own client
/// and for `ringferry algorithms`: GCM first, because its kernels are several times faster where
/// the CPU has AES instructions; CTR last, for clients that have nothing else, because its MAC
/// costs several times what it does.
static CIPHERS: [CipherAlgorithm; 6] = [
    aes_gcm("aes128-gcm@openssh.com", 16),
    aes_gcm("aes256-gcm@openssh.com", 32),
    CipherAlgorithm {
        name: "chacha20-poly1305@openssh.com",
        key_bytes: 64,
        iv_bytes: 0,
        aead: true,
        rekey_bytes: REKEY_BYTES_BLOCK_8,
        preset: Preset::Hardened,
        construction: Construction::ChaChaPoly,
    },
    aes_ctr("aes128-ctr", 16),
    aes_ctr("aes192-ctr", 24),
    aes_ctr("aes256-ctr", 32),
];

const fn aes_gcm(name: &'static str, key_bytes: usize) -> CipherAlgorithm {
    CipherAlgorithm {
        name,
        key_bytes,
        iv_bytes: 12,
        aead: true,
        rekey_bytes: REKEY_BYTES_BLOCK_16,
        preset: Preset::Hardened,
        construction: Construction::AesGcm,
    }
}

const fn aes_ctr(name: &'static str, key_bytes: usize) -> CipherAlgorithm {
    CipherAlgorithm {
        name,
        key_bytes,
        iv_bytes: 16,
        aead: false,
        rekey_bytes: REKEY_BYTES_BLOCK_16,
        preset: Preset::Hardened,
        construction: Construction::AesCtr,
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

/// Every cipher with every MAC it can be used with: none for those that authenticate on their own.
pub fn suites()
-> impl Iterator<Item = (&'static CipherAlgorithm, Option<&'static MacAlgorithm>)> + Clone {
    CIPHERS.iter().flat_map(|cipher| {
        let alone = cipher.aead.then_some(None);
        let with = macs().iter().map(Some).filter(|_| !cipher.aead);
        alone.into_iter().chain(with).map(move |mac| (cipher, mac))
    })
}

impl CipherAlgorithm {
    /// The layout of its packets, which for a cipher that does not authenticate on its own depends
    /// on the MAC. An AEAD ignores `mac`.
    pub fn shape(&self, mac: Option<&MacAlgorithm>) -> Shape {
        match self.construction {
            Construction::AesGcm => gcm::SHAPE,
            Construction::ChaChaPoly => chacha::SHAPE,
            Construction::AesCtr => ctr::shape(mac),
        }
    }

    /// A sealer. `mac` is for ciphers that do not authenticate on their own; AEAD ones ignore it.
    ///
    /// # Errors
    /// [`CryptoError::KeyLength`] if `key`, `iv` or the MAC's key is not exactly as long as the
    /// tables say, or if a MAC is needed and missing.
    pub fn seal(
        &self,
        key: &[u8],
        iv: &[u8],
        mac: Option<MacKey>,
    ) -> Result<Box<dyn PacketSeal>, CryptoError> {
        self.seal_with(self.backend(), key, iv, mac)
    }

    /// An opener; see [`CipherAlgorithm::seal`].
    ///
    /// # Errors
    /// As [`CipherAlgorithm::seal`].
    pub fn open(
        &self,
        key: &[u8],
        iv: &[u8],
        mac: Option<MacKey>,
    ) -> Result<Box<dyn PacketOpen>, CryptoError> {
        self.open_with(self.backend(), key, iv, mac)
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
        mac: Option<MacKey>,
    ) -> Result<Box<dyn PacketSeal>, CryptoError> {
        match self.construction {
            Construction::AesGcm => gcm::seal(backend.require()?, key, iv),
            Construction::ChaChaPoly => chacha::seal(backend.require()?, key, iv),
            Construction::AesCtr => ctr::seal(backend.require()?, key, iv, mac),
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
        mac: Option<MacKey>,
    ) -> Result<Box<dyn PacketOpen>, CryptoError> {
        match self.construction {
            Construction::AesGcm => gcm::open(backend.require()?, key, iv),
            Construction::ChaChaPoly => chacha::open(backend.require()?, key, iv),
            Construction::AesCtr => ctr::open(backend.require()?, key, iv, mac),
        }
    }

    /// The backend [`CipherAlgorithm::seal`] and [`CipherAlgorithm::open`] take.
    pub fn backend(&self) -> Backend {
        match self.construction {
            Construction::AesGcm | Construction::AesCtr => Backend::preferred(),
            Construction::ChaChaPoly => chacha::BACKEND,
        }
    }
}

#[cfg(test)]
mod tests;
