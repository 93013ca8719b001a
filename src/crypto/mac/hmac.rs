//! HMAC (RFC 2104, RFC 6668) behind both libraries.
//!
//! RFC 4253 6.4 puts the sequence number in front of the packet as 4 bytes.
//!
//! A CPU's own rounds of SHA-1 and SHA-256 wait for one another most of the time, and another
//! packet's can run meanwhile. No library hashes two messages at once; but where blocks of two
//! follow each other closely enough, the CPU does, out of order.

use std::slice;

use hmac::KeyInit;
use hmac::block_api::HmacCore;
use hmac::digest::block_api::{Block, Buffer, EagerHash, FixedOutputCore, UpdateCore};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::{Mac, Signed};
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

    /// Whether this CPU has instructions for it that the crates use. Few have any for SHA-512; both
    /// others have blocks of [`BLOCK_BYTES`].
    fn has_instructions(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        let has = std::arch::is_x86_feature_detected!("sha");
        #[cfg(target_arch = "aarch64")]
        let has = std::arch::is_aarch64_feature_detected!("sha2");
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let has = false;
        has && self != HmacHash::Sha512
    }
}

/// What SHA-1 and SHA-256 hash at a time.
const BLOCK_BYTES: usize = 64;

/// Takes a key of any length.
pub(super) fn keyed(
    backend: Backend,
    hash: HmacHash,
    key: &[u8],
) -> Result<Box<dyn Mac>, CryptoError> {
    match backend {
        #[cfg(feature = "aws-lc")]
        Backend::AwsLc => Ok(Box::new(awslc::key(hash, key)?)),
        _ => pure(hash, key),
    }
}

fn pure(hash: HmacHash, key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
    Ok(match hash {
        HmacHash::Sha1 => Box::new(Pure::<Sha1>::new(hash, key)?),
        HmacHash::Sha256 => Box::new(Pure::<Sha256>::new(hash, key)?),
        HmacHash::Sha512 => Box::new(Pure::<Sha512>::new(hash, key)?),
    })
}

/// The `hmac` crate's, a block at a time.
struct Pure<D: EagerHash> {
    /// Behind the key's first block.
    keyed: HmacCore<D>,
    two_at_once: bool,
}

/// A tag in the making.
struct State<D: EagerHash> {
    core: HmacCore<D>,
    /// What does not fill a block yet.
    buffer: Buffer<HmacCore<D>>,
}

impl<D: EagerHash> State<D> {
    fn update(&mut self, data: &[u8]) {
        self.buffer.digest_blocks(data, |blocks| self.core.update_blocks(blocks));
    }

    fn finish(mut self, tag: &mut [u8]) {
        let mut out = Default::default();
        self.core.finalize_fixed_core(&mut self.buffer, &mut out);
        tag.copy_from_slice(&out);
    }
}

impl<D: EagerHash> Pure<D> {
    fn new(hash: HmacHash, key: &[u8]) -> Result<Self, CryptoError> {
        let keyed = HmacCore::new_from_slice(key).map_err(|_| CryptoError::KeyLength)?;
        Ok(Pure { keyed, two_at_once: hash.has_instructions() })
    }

    fn begin(&self, sequence: u32, parts: &[&[u8]]) -> State<D> {
        let buffer = Buffer::<HmacCore<D>>::default();
        let mut state = State { core: self.keyed.clone(), buffer };
        state.update(&sequence.to_be_bytes());
        parts.iter().for_each(|part| state.update(part));
        state
    }
}

impl<D> Mac for Pure<D>
where
    D: EagerHash,
    HmacCore<D>: Send + Sync,
{
    fn sign(&self, sequence: u32, parts: &[&[u8]], tag: &mut [u8]) {
        self.begin(sequence, parts).finish(tag);
    }

    /// One after the other, 32 KiB take 21.5 us each; block by block 15.5 (EPYC 7003).
    fn sign_two(&self, packets: [Signed<'_>; 2]) {
        if !self.two_at_once {
            return packets.into_iter().for_each(|packet| packet.sign_by(self));
        }
        let [a, b] = packets.map(|Signed { sequence, length, body, tag }| {
            // The first block is filled up, so that the others are hashed where they lie.
            let (front, rest) = body.split_at((BLOCK_BYTES - 8).min(body.len()));
            let (blocks, end) = Block::<HmacCore<D>>::slice_as_chunks(rest);
            (self.begin(sequence, &[length, front]), blocks, end, tag)
        });
        let ((mut a, a_blocks, a_end, a_tag), (mut b, b_blocks, b_end, b_tag)) = (a, b);
        for (of_a, of_b) in a_blocks.iter().zip(b_blocks) {
            a.core.update_blocks(slice::from_ref(of_a));
            b.core.update_blocks(slice::from_ref(of_b));
        }
        let both = a_blocks.len().min(b_blocks.len());
        for (state, blocks, end) in [(&mut a, a_blocks, a_end), (&mut b, b_blocks, b_end)] {
            state.core.update_blocks(blocks.get(both..).unwrap_or_default());
            state.update(end);
        }
        a.finish(a_tag);
        b.finish(b_tag);
    }
}

#[cfg(feature = "aws-lc")]
mod awslc {
    use aws_lc_rs::hmac::{Context, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA512, Key};

    use super::{HmacHash, Mac, Signed};
    use crate::crypto::CryptoError;

    pub(super) struct Keyed {
        key: Key,
        /// The crate's, for two packets at once: a call into this library for each block takes
        /// longer than the block.
        two: Option<Box<dyn Mac>>,
    }

    pub(super) fn key(hash: HmacHash, key: &[u8]) -> Result<Keyed, CryptoError> {
        let two = hash.has_instructions().then(|| super::pure(hash, key)).transpose()?;
        let algorithm = match hash {
            HmacHash::Sha1 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            HmacHash::Sha256 => HMAC_SHA256,
            HmacHash::Sha512 => HMAC_SHA512,
        };
        Ok(Keyed { key: Key::new(algorithm, key), two })
    }

    impl Mac for Keyed {
        fn sign(&self, sequence: u32, parts: &[&[u8]], tag: &mut [u8]) {
            let mut state = Context::with_key(&self.key);
            state.update(&sequence.to_be_bytes());
            parts.iter().for_each(|part| state.update(part));
            tag.copy_from_slice(state.sign().as_ref());
        }

        fn sign_two(&self, packets: [Signed<'_>; 2]) {
            match &self.two {
                Some(two) => two.sign_two(packets),
                None => packets.into_iter().for_each(|it| it.sign_by(self)),
            }
        }
    }
}
