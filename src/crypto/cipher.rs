//! The table of packet ciphers.

use super::limits::{REKEY_BYTES_BLOCK_8, REKEY_BYTES_BLOCK_16};
use super::{
    Backend, CryptoError, MacAlgorithm, MacKey, PacketOpen, PacketSeal, Preset, Shape, cbc, chacha,
    composition, ctr, gcm, macs,
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
    AesCbc,
}

/// In order of preference. A client's order decides (RFC 4253 7.1), so this is for our own client
/// and for `ringferry algorithms`: GCM first, because its kernels are several times faster where
/// the CPU has AES instructions; then CTR, for clients that have nothing else, because its MAC
/// costs several times what it does; CBC last, which gives plaintext away where it is not helped.
static CIPHERS: [CipherAlgorithm; 9] = [
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
    aes("aes128-ctr", 16, Construction::AesCtr, Preset::Hardened),
    aes("aes192-ctr", 24, Construction::AesCtr, Preset::Hardened),
    aes("aes256-ctr", 32, Construction::AesCtr, Preset::Hardened),
    aes("aes128-cbc", 16, Construction::AesCbc, Preset::Legacy),
    aes("aes192-cbc", 24, Construction::AesCbc, Preset::Legacy),
    aes("aes256-cbc", 32, Construction::AesCbc, Preset::Legacy),
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

/// A mode that takes a MAC.
const fn aes(
    name: &'static str,
    key_bytes: usize,
    construction: Construction,
    preset: Preset,
) -> CipherAlgorithm {
    CipherAlgorithm {
        name,
        key_bytes,
        iv_bytes: composition::BLOCK_BYTES,
        aead: false,
        rekey_bytes: REKEY_BYTES_BLOCK_16,
        preset,
        construction,
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

/// Every cipher and every MAC at least once, for tests that would take too long over [`suites`].
#[cfg(test)]
pub(crate) fn suites_spread()
-> impl Iterator<Item = (&'static CipherAlgorithm, Option<&'static MacAlgorithm>)> + Clone {
    let with_mac = CIPHERS.iter().filter(|cipher| !cipher.aead);
    let with_mac = with_mac.cycle().zip(macs()).map(|(cipher, mac)| (cipher, Some(mac)));
    CIPHERS.iter().filter(|cipher| cipher.aead).map(|cipher| (cipher, None)).chain(with_mac)
}

impl CipherAlgorithm {
    /// The layout of its packets, which for a cipher that does not authenticate on its own depends
    /// on the MAC. An AEAD ignores `mac`.
    pub fn shape(&self, mac: Option<&MacAlgorithm>) -> Shape {
        match self.construction {
            Construction::AesGcm => gcm::SHAPE,
            Construction::ChaChaPoly => chacha::SHAPE,
            Construction::AesCtr | Construction::AesCbc => composition::shape(mac),
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
        match self.construction {
            Construction::ChaChaPoly => chacha::preferred_seal(key, iv),
            _ => self.seal_with(self.chosen(), key, iv, mac),
        }
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
        match self.construction {
            Construction::ChaChaPoly => chacha::preferred_open(key, iv),
            _ => self.open_with(self.chosen(), key, iv, mac),
        }
    }

    /// A sealer from the backend named, for tests and benchmarks. Of what only one library has, it
    /// is that one's.
    ///
    /// # Errors
    /// As [`CipherAlgorithm::seal`], and [`CryptoError::UnknownAlgorithm`] if the backend is not
    /// one of [`CipherAlgorithm::backends`], or is OpenSSL and does not offer the algorithm.
    pub fn seal_with(
        &self,
        backend: Backend,
        key: &[u8],
        iv: &[u8],
        mac: Option<MacKey>,
    ) -> Result<Box<dyn PacketSeal>, CryptoError> {
        let backend = self.require(backend)?;
        match self.construction {
            Construction::AesGcm => gcm::seal(backend, key, iv),
            Construction::ChaChaPoly => chacha::seal(backend, key, iv),
            Construction::AesCtr => composition::seal(backend, ctr::mode(backend, key, iv)?, mac),
            Construction::AesCbc => composition::seal(backend, cbc::encrypting(key, iv)?, mac),
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
        let backend = self.require(backend)?;
        match self.construction {
            Construction::AesGcm => gcm::open(backend, key, iv),
            Construction::ChaChaPoly => chacha::open(backend, key, iv),
            Construction::AesCtr => composition::open(backend, ctr::mode(backend, key, iv)?, mac),
            Construction::AesCbc => composition::open(backend, cbc::decrypting(key, iv)?, mac),
        }
    }

    /// The backends in this build that [`CipherAlgorithm::seal_with`] takes.
    pub fn backends(&self) -> &'static [Backend] {
        match self.construction {
            Construction::ChaChaPoly => chacha::BACKENDS,
            _ => Backend::built_in(),
        }
    }

    fn require(&self, backend: Backend) -> Result<Backend, CryptoError> {
        let has = self.backends().contains(&backend);
        if has { Ok(backend) } else { Err(CryptoError::UnknownAlgorithm) }
    }

    /// The backend that [`CipherAlgorithm::seal`] and [`CipherAlgorithm::open`] encrypt bulk with;
    /// short packets may be another's. The MAC's is [`MacAlgorithm::backend`].
    pub fn backend(&self) -> Backend {
        match self.construction {
            Construction::AesCbc => Backend::PureRust,
            _ => self.chosen(),
        }
    }

    /// The backend of everything that both have.
    fn chosen(&self) -> Backend {
        match self.construction {
            Construction::ChaChaPoly => chacha::backend(),
            _ => Backend::preferred(),
        }
    }
}

#[cfg(test)]
mod tests;
