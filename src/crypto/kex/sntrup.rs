//! Streamlined NTRU Prime with p = 761 (draft-josefsson-ntruprime-streamlined), from the sntrup
//! crate: aws-lc does not have it. With the feature `oqs` a server takes liboqs's, in C, which
//! needs 40 us and draws its own randomness from the kernel.
//!
//! Chosen over the sntrup761 crate of the same author, whose arithmetic modulo q now and then
//! leaves the range its encoder expects, and over pqcrypto-ntruprime, which is C and draws its own
//! randomness. A server spends 0.8 ms on it (Xeon, 2.5 GHz): the crate's SIMD code, which needs
//! 22 us, reads past its buffers in every operation (AddressSanitizer, 0.4.0) and is left out.

use std::convert::Infallible;

use chacha20::rand_core::{TryCryptoRng, TryRng};
use sntrup::sntrup761::{Ciphertext, DecapsulationKey, EncapsulationKey, generate_key};
use zeroize::Zeroizing;

use super::hybrid::Kem;
use crate::crypto::{Backend, CryptoError, HashAlgorithm, Random};

/// A decapsulation key; the crate wipes it when dropped.
pub(super) struct Sntrup761(DecapsulationKey);

impl Kem for Sntrup761 {
    const ENCAPSULATION_KEY_BYTES: usize = 1158;
    const CIPHERTEXT_BYTES: usize = 1039;
    const INIT_LENGTH: &str = "not 1158 + 32 bytes long";
    const REPLY_LENGTH: &str = "not 1039 + 32 bytes long";
    const HASH: HashAlgorithm = HashAlgorithm::Sha512;

    fn generate(random: &mut dyn Random) -> (Self, Vec<u8>) {
        let (public, key) = generate_key(&mut Injected(random));
        (Self(key), public.as_ref().to_vec())
    }

    /// Every string of the right length is some key: its numbers are taken modulo what they are
    /// encoded in.
    fn encapsulate(
        backend: Backend,
        key: &[u8],
        random: &mut dyn Random,
    ) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), CryptoError> {
        #[cfg(feature = "oqs")]
        if backend != Backend::PureRust {
            return liboqs::encapsulate(key);
        }
        let _ = backend;
        let key = EncapsulationKey::try_from(key)
            .map_err(|_| CryptoError::KeyExchange(Self::INIT_LENGTH))?;
        let (ciphertext, secret) = key.encapsulate(&mut Injected(random));
        Ok((ciphertext.as_ref().to_vec(), Zeroizing::new(secret.as_ref().to_vec())))
    }

    fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let ciphertext = Ciphertext::try_from(ciphertext)
            .map_err(|_| CryptoError::KeyExchange(Self::REPLY_LENGTH))?;
        Ok(Zeroizing::new(self.0.decapsulate(&ciphertext).as_ref().to_vec()))
    }
}

/// Our source of randomness as the crate wants one.
struct Injected<'a>(&'a mut dyn Random);

impl TryRng for Injected<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Injected<'_> {}

#[cfg(feature = "oqs")]
mod liboqs {
    use oqs::kem::{Algorithm, Kem};
    use zeroize::Zeroizing;

    use crate::crypto::CryptoError;

    /// Of a key that has the right length.
    pub(super) fn encapsulate(key: &[u8]) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), CryptoError> {
        oqs::init();
        let failed = |_| CryptoError::Library;
        let kem = Kem::new(Algorithm::NtruPrimeSntrup761).map_err(failed)?;
        let key = kem.public_key_from_bytes(key).ok_or(CryptoError::Library)?;
        let (ciphertext, secret) = kem.encapsulate(key).map_err(failed)?;
        Ok((ciphertext.into_vec(), Zeroizing::new(secret.into_vec())))
    }
}
