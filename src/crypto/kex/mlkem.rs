//! ML-KEM-768 (FIPS 203).
//!
//! It is the ml-kem crate's in every build: aws-lc draws its own randomness, where ours has to come
//! from the caller.

use ml_kem::kem::{Decapsulate, KeyExport};
use ml_kem::{B32, DecapsulationKey768, EncapsulationKey768, Key, Seed};
use zeroize::{Zeroize, Zeroizing};

use super::hybrid::Kem;
use crate::crypto::{Backend, CryptoError, HashAlgorithm, Random};

/// A decapsulation key.
pub(super) struct MlKem768(DecapsulationKey768);

impl Kem for MlKem768 {
    const ENCAPSULATION_KEY_BYTES: usize = 1184;
    const CIPHERTEXT_BYTES: usize = 1088;
    const INIT_LENGTH: &str = "not 1184 + 32 bytes long";
    const REPLY_LENGTH: &str = "not 1088 + 32 bytes long";
    const HASH: HashAlgorithm = HashAlgorithm::Sha256;

    fn generate(random: &mut dyn Random) -> (Self, Vec<u8>) {
        let mut seed = Seed::default();
        random.fill(&mut seed);
        let key = DecapsulationKey768::from_seed(seed);
        seed.as_mut_slice().zeroize();
        let public = key.encapsulation_key().to_bytes().to_vec();
        (Self(key), public)
    }

    fn encapsulate(
        _backend: Backend,
        key: &[u8],
        random: &mut dyn Random,
    ) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), CryptoError> {
        let key: &Key<EncapsulationKey768> =
            key.try_into().map_err(|_| CryptoError::KeyExchange(Self::INIT_LENGTH))?;
        // The check of FIPS 203 7.2: every coefficient is reduced.
        let key = EncapsulationKey768::new(key)
            .map_err(|_| CryptoError::KeyExchange("not an ML-KEM-768 encapsulation key"))?;
        let mut message = B32::default();
        random.fill(&mut message);
        let (ciphertext, mut secret) = key.encapsulate_deterministic(&message);
        message.as_mut_slice().zeroize();
        let copy = Zeroizing::new(secret.to_vec());
        secret.as_mut_slice().zeroize();
        Ok((ciphertext.to_vec(), copy))
    }

    fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let ciphertext =
            ciphertext.try_into().map_err(|_| CryptoError::KeyExchange(Self::REPLY_LENGTH))?;
        let mut secret = self.0.decapsulate(ciphertext);
        let copy = Zeroizing::new(secret.to_vec());
        secret.as_mut_slice().zeroize();
        Ok(copy)
    }
}
