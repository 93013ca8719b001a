//! HMAC (RFC 2104, RFC 6668) behind both libraries.
//!
//! RFC 4253 6.4 puts the sequence number in front of the packet as 4 bytes.

use hmac::{Hmac, KeyInit};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::Mac;
use crate::crypto::{Backend, CryptoError};

/// A hash that SSH has an HMAC with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HmacHash {
    Sha1,
    Sha256,
    Sha512,
}

impl HmacHash {
    /// Bytes of a digest, and of the key SSH derives.
    pub(super) const fn bytes(self) -> usize {
        match self {
            HmacHash::Sha1 => 20,
            HmacHash::Sha256 => 32,
            HmacHash::Sha512 => 64,
        }
    }
}

/// Takes a key of any length.
pub(super) fn keyed(
    backend: Backend,
    hash: HmacHash,
    key: &[u8],
) -> Result<Box<dyn Mac>, CryptoError> {
    let wrong = |_| CryptoError::KeyLength;
    Ok(match (backend, hash) {
        #[cfg(feature = "aws-lc")]
        (Backend::AwsLc, _) => Box::new(awslc::key(hash, key)),
        (_, HmacHash::Sha1) => Box::new(Hmac::<Sha1>::new_from_slice(key).map_err(wrong)?),
        (_, HmacHash::Sha256) => Box::new(Hmac::<Sha256>::new_from_slice(key).map_err(wrong)?),
        (_, HmacHash::Sha512) => Box::new(Hmac::<Sha512>::new_from_slice(key).map_err(wrong)?),
    })
}

impl<M: hmac::Mac + Clone + Send> Mac for M {
    fn sign(&self, sequence: u32, parts: &[&[u8]], tag: &mut [u8]) {
        // A copy of the state behind the key's first block.
        let mut state = self.clone();
        state.update(&sequence.to_be_bytes());
        parts.iter().for_each(|part| state.update(part));
        tag.copy_from_slice(&state.finalize().into_bytes());
    }
}

#[cfg(feature = "aws-lc")]
mod awslc {
    use aws_lc_rs::hmac::{Context, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA512, Key};

    use super::{HmacHash, Mac};

    /// Keeps the blanket implementation for the `hmac` crate apart.
    pub(super) struct Keyed(Key);

    pub(super) fn key(hash: HmacHash, key: &[u8]) -> Keyed {
        let algorithm = match hash {
            HmacHash::Sha1 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            HmacHash::Sha256 => HMAC_SHA256,
            HmacHash::Sha512 => HMAC_SHA512,
        };
        Keyed(Key::new(algorithm, key))
    }

    impl Mac for Keyed {
        fn sign(&self, sequence: u32, parts: &[&[u8]], tag: &mut [u8]) {
            let mut state = Context::with_key(&self.0);
            state.update(&sequence.to_be_bytes());
            parts.iter().for_each(|part| state.update(part));
            tag.copy_from_slice(state.sign().as_ref());
        }
    }
}
