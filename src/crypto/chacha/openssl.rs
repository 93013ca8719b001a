//! The body's keystream and the tag from the system's OpenSSL, through its providers.
//!
//! Anything here can fail, if only for want of memory; then the packet is neither sealed nor
//! opened, and the caller wipes it. The contexts are a packet's own: OpenSSL wipes ChaCha20's when
//! it is freed and Poly1305's state when it has given the tag.

use native_ossl::cipher::{CipherAlg, CipherCtx, Encrypt};
use native_ossl::mac::{MacAlg, MacCtx};
use zeroize::Zeroizing;

use super::pure::Pure;
use super::{BLOCK_BYTES, CryptoError, KEY_BYTES, Parts, TAG_BYTES};

/// Shorter packets than this are sealed and opened by aws-lc, where both libraries are there. A
/// packet of 64 bytes takes it 0.53 us and OpenSSL 0.97, of which a context of ChaCha20's is 0.3;
/// 512 bytes 0.8 and 1.1; 1024 bytes 1.2 and 1.3 (opened 1.4 and 1.2); 2048 bytes 1.9 and 1.7.
#[cfg(feature = "aws-lc")]
pub(super) const LONG_BYTES_MIN: usize = 1024;

/// Whether bulk is sealed faster than by the other libraries; measured on one CPU, parts of it
/// hidden from OpenSSL 3.0.22 and aws-lc. A packet of 32 KiB takes OpenSSL 10.9 us where the others
/// take 18.2 (the crates) and 24.7 (aws-lc); 14.0 without AVX-512's IFMA; 19.6 without AVX-512,
/// where the crates take 28.6. A CPU without AVX2, and another architecture, nobody has measured.
pub(super) fn is_fastest() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        std::arch::is_x86_feature_detected!("avx2")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// What OpenSSL's providers offer under the two names.
struct Algorithms {
    cipher: CipherAlg,
    mac: MacAlg,
}

impl Algorithms {
    /// An error where a configuration leaves one of them out, as FIPS does.
    fn fetch() -> Result<Self, CryptoError> {
        let unknown = |_| CryptoError::UnknownAlgorithm;
        Ok(Algorithms {
            cipher: CipherAlg::fetch(c"ChaCha20", None).map_err(unknown)?,
            mac: MacAlg::fetch(c"POLY1305", None).map_err(unknown)?,
        })
    }
}

/// Whether OpenSSL offers both.
pub(super) fn offered() -> bool {
    Algorithms::fetch().is_ok()
}

pub(super) struct OpenSsl {
    /// The keys, and the keystream of the length: a context of OpenSSL's for 4 bytes takes 0.37 us.
    keys: Pure,
    algorithms: Algorithms,
}

impl OpenSsl {
    /// # Errors
    /// [`CryptoError::UnknownAlgorithm`] if OpenSSL does not offer what it takes.
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Result<Self, CryptoError> {
        Ok(OpenSsl { keys: Pure::new(key), algorithms: Algorithms::fetch()? })
    }
}

/// Why is not told: the peer has no part in it, and the log need not know more.
fn failed<E>(_: E) -> CryptoError {
    CryptoError::Library
}

impl Parts for OpenSsl {
    type Stream = CipherCtx<Encrypt>;
    type Mac = Zeroizing<[u8; 32]>;

    fn apply_to_length(&self, sequence: u32, length: &mut [u8; 4]) {
        self.keys.length(sequence, length);
    }

    fn body(
        &self,
        sequence: u32,
    ) -> Result<(CipherCtx<Encrypt>, Zeroizing<[u8; 32]>), CryptoError> {
        // OpenSSL counts blocks in the first 4 bytes only, where OpenSSH has 8; no packet has 2^32.
        let mut iv = [0; 16];
        if let Some(nonce) = iv.last_chunk_mut() {
            *nonce = u64::from(sequence).to_be_bytes();
        }
        let mut body =
            self.algorithms.cipher.encrypt(&*self.keys.body, &iv, None).map_err(failed)?;
        let mut first = Zeroizing::new([0; BLOCK_BYTES as usize]);
        Self::apply(&mut body, first.as_mut())?;
        let key = first.first_chunk::<32>().copied().map(Zeroizing::new).unwrap_or_default();
        Ok((body, key))
    }

    fn apply(stream: &mut CipherCtx<Encrypt>, bytes: &mut [u8]) -> Result<(), CryptoError> {
        let done = stream.update_in_place(bytes).map_err(failed)?;
        if done == bytes.len() { Ok(()) } else { Err(CryptoError::Library) }
    }

    /// A context kept for the next packet would save 0.08 us, but the threads that seal with one
    /// key would need one each.
    fn authenticate(
        &self,
        key: Zeroizing<[u8; 32]>,
        message: &[u8],
    ) -> Result<[u8; TAG_BYTES], CryptoError> {
        let mut mac = MacCtx::new(&self.algorithms.mac).map_err(failed)?;
        let mut tag = [0; TAG_BYTES];
        mac.init(&*key, None).map_err(failed)?;
        mac.update(message).map_err(failed)?;
        match mac.finish(&mut tag).map_err(failed)? {
            TAG_BYTES => Ok(tag),
            _ => Err(CryptoError::Library),
        }
    }
}
