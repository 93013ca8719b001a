//! ML-KEM-768 (FIPS 203) beside X25519, as draft-ietf-sshm-mlkem-hybrid-kex joins them: C_INIT is
//! the encapsulation key and the X25519 value, S_REPLY the ciphertext and the X25519 value, and K
//! the hash of both secrets, a string. Whoever wants K has to break both.
//!
//! ML-KEM is the ml-kem crate's in every build: aws-lc draws its own randomness, where ours has to
//! come from the caller.

use ml_kem::kem::{Decapsulate, KeyExport};
use ml_kem::{B32, DecapsulationKey768, EncapsulationKey768, Key, Seed};
use zeroize::{Zeroize, Zeroizing};

use super::ephemeral::{Ephemeral, Group};
use super::{KexClient, x25519};
use crate::crypto::{Backend, CryptoError, HashAlgorithm, Random, SharedSecret};

/// Bytes of an encapsulation key.
const ENCAPSULATION_KEY_BYTES: usize = 1184;
/// Bytes of a ciphertext.
const CIPHERTEXT_BYTES: usize = 1088;

/// The client's side.
pub(super) struct Client {
    kem: DecapsulationKey768,
    x25519: Ephemeral,
    init: Vec<u8>,
}

impl Client {
    pub(super) fn generate(backend: Backend, random: &mut dyn Random) -> Result<Self, CryptoError> {
        let mut seed = Seed::default();
        random.fill(&mut seed);
        let kem = DecapsulationKey768::from_seed(seed);
        seed.as_mut_slice().zeroize();
        let x25519 = Ephemeral::generate(Group::X25519, backend, random)?;
        let init = [&kem.encapsulation_key().to_bytes(), x25519.public()].concat();
        Ok(Self { kem, x25519, init })
    }
}

impl KexClient for Client {
    fn init(&self) -> &[u8] {
        &self.init
    }

    /// A ciphertext that was tampered with gives a secret nobody else has (FIPS 203 6.3): the
    /// server's signature over the exchange hash does not verify then.
    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, CryptoError> {
        let (ciphertext, theirs) = halves(reply, CIPHERTEXT_BYTES, "not 1088 + 32 bytes long")?;
        let ciphertext = ciphertext.try_into().map_err(|_| CryptoError::KeyExchange("length"))?;
        let classical = self.x25519.agree(theirs)?;
        let mut quantum = self.kem.decapsulate(ciphertext);
        let secret = combine(&quantum, &classical);
        quantum.as_mut_slice().zeroize();
        Ok(secret)
    }
}

/// The server's side.
pub(super) fn serve(
    backend: Backend,
    init: &[u8],
    random: &mut dyn Random,
) -> Result<(Vec<u8>, SharedSecret), CryptoError> {
    let (key, theirs) = halves(init, ENCAPSULATION_KEY_BYTES, "not 1184 + 32 bytes long")?;
    let key: &Key<EncapsulationKey768> =
        key.try_into().map_err(|_| CryptoError::KeyExchange("length"))?;
    // The check of FIPS 203 7.2: every coefficient is reduced.
    let key = EncapsulationKey768::new(key)
        .map_err(|_| CryptoError::KeyExchange("not an ML-KEM-768 encapsulation key"))?;
    let mut message = B32::default();
    random.fill(&mut message);
    let x25519 = Ephemeral::generate(Group::X25519, backend, random)?;
    let classical = x25519.agree(theirs)?;
    let (ciphertext, mut quantum) = key.encapsulate_deterministic(&message);
    message.as_mut_slice().zeroize();
    let secret = combine(&quantum, &classical);
    quantum.as_mut_slice().zeroize();
    Ok(([&ciphertext, x25519.public()].concat(), secret))
}

/// Parts ML-KEM's value from X25519's.
fn halves<'a>(
    value: &'a [u8],
    kem_bytes: usize,
    otherwise: &'static str,
) -> Result<(&'a [u8], &'a [u8]), CryptoError> {
    let parts = value.split_at_checked(kem_bytes);
    parts
        .filter(|(_, x25519)| x25519.len() == x25519::PUBLIC_BYTES)
        .ok_or(CryptoError::KeyExchange(otherwise))
}

/// K = SHA-256(K_PQ || K_CL).
fn combine(quantum: &[u8], classical: &[u8]) -> SharedSecret {
    let secret = Zeroizing::new(HashAlgorithm::Sha256.digest(&[quantum, classical]));
    SharedSecret::from_string(&secret)
}
