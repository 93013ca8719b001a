//! Groups that both sides of a group exchange agree on (RFC 4419).

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::KexClient;
use super::ephemeral::Ephemeral;
use super::modp::Group;
use crate::crypto::limits::{DH_GROUP_BITS_MAX, DH_GROUP_BITS_MIN};
use crate::crypto::{CryptoError, Random, SharedSecret};

/// The integers modulo a prime, and a generator. That the prime is one is its maker's word: testing
/// it would cost more than the exchange, and the server's signature covers it. Copies share all.
#[derive(Clone)]
pub struct DhGroup(Arc<Shared>);

struct Shared {
    prime: Vec<u8>,
    generator: Vec<u8>,
    bits: u32,
    /// Made ready for computing by the first exchange, which pays as much for it as for the rest.
    ready: OnceLock<Option<Group>>,
}

impl DhGroup {
    /// From magnitudes, most significant byte first.
    ///
    /// # Errors
    /// [`CryptoError::Group`] unless the prime is odd and has [`DH_GROUP_BITS_MIN`] to
    /// [`DH_GROUP_BITS_MAX`] bits, and the generator is within 2 to p - 2.
    pub fn new(prime: &[u8], generator: &[u8]) -> Result<DhGroup, CryptoError> {
        let (prime, generator) = (without_zeros(prime), without_zeros(generator));
        let bits = bits(prime);
        if bits < DH_GROUP_BITS_MIN {
            return Err(CryptoError::Group("the prime has less than 2048 bits"));
        }
        if bits > DH_GROUP_BITS_MAX {
            return Err(CryptoError::Group("the prime has more than 8192 bits"));
        }
        if prime.last().is_some_and(|last| last % 2 == 0) {
            return Err(CryptoError::Group("the prime is even"));
        }
        if !within(generator, prime) {
            return Err(CryptoError::Group("the generator is not within 2 to p - 2"));
        }
        let (prime, generator) = (prime.to_vec(), generator.to_vec());
        Ok(DhGroup(Arc::new(Shared { prime, generator, bits, ready: OnceLock::new() })))
    }

    /// The size of the prime.
    pub fn bits(&self) -> u32 {
        self.0.bits
    }

    /// The prime, most significant byte first, without leading zeros.
    pub fn prime(&self) -> &[u8] {
        &self.0.prime
    }

    /// The generator, likewise.
    pub fn generator(&self) -> &[u8] {
        &self.0.generator
    }

    /// Starts the client's side with a fresh ephemeral key.
    ///
    /// # Errors
    /// [`CryptoError::EphemeralKey`] if none can be made.
    pub fn client(&self, random: &mut dyn Random) -> Result<Box<dyn KexClient>, CryptoError> {
        Ok(Box::new(self.ephemeral(random)?))
    }

    /// The whole of the server's side: takes e, gives f and the secret.
    ///
    /// # Errors
    /// [`CryptoError::KeyExchange`] if `init` is not an acceptable value,
    /// [`CryptoError::EphemeralKey`] as [`DhGroup::client`].
    pub fn server(
        &self,
        init: &[u8],
        random: &mut dyn Random,
    ) -> Result<(Vec<u8>, SharedSecret), CryptoError> {
        self.ephemeral(random)?.serve(init)
    }

    fn ephemeral(&self, random: &mut dyn Random) -> Result<Ephemeral, CryptoError> {
        let Shared { prime, generator, ready, .. } = &*self.0;
        let group = ready.get_or_init(|| Group::new(prime, generator));
        Ephemeral::generate_in(group.as_ref().ok_or(CryptoError::EphemeralKey)?, random)
    }
}

impl fmt::Debug for DhGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DhGroup({} bits)", self.0.bits)
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let leading = number.iter().take_while(|byte| **byte == 0).count();
    number.get(leading..).unwrap_or_default()
}

/// Bits of a number without leading zeros; `u32::MAX` for one whose bits cannot be counted.
fn bits(number: &[u8]) -> u32 {
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    let bytes = u32::try_from(number.len()).unwrap_or(u32::MAX);
    bytes.checked_mul(8).map_or(u32::MAX, |bits| bits - unused)
}

/// Whether a number is within 2 to p - 2, both without leading zeros. `prime` is odd, so p - 1
/// differs from it in the last byte only.
fn within(number: &[u8], prime: &[u8]) -> bool {
    let above_one = number.len() > 1 || number.first().is_some_and(|first| *first > 1);
    let mut last = prime.to_vec();
    if let Some(byte) = last.last_mut() {
        *byte &= 0xfe;
    }
    above_one && (number.len(), number) < (last.len(), &last[..])
}
