//! AES in counter mode (RFC 4344): aes128-ctr, aes192-ctr and aes256-ctr.
//!
//! The counter is 128 bits, starts at the derived IV and runs through all packets of a key. It
//! never comes round before the key ends.

use std::sync::Arc;

use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipher, consts};
use aes::{Aes128, Aes192, Aes256};
use ctr::{Ctr128BE, CtrCore};

use super::composition::{BLOCK_BYTES, BlockMode};
use super::{Backend, CryptoError};

/// Either direction: decryption is the same XOR.
pub(super) fn mode(
    backend: Backend,
    key: &[u8],
    iv: &[u8],
) -> Result<Box<dyn BlockMode>, CryptoError> {
    Ok(match (backend, key.len()) {
        #[cfg(feature = "aws-lc")]
        (Backend::AwsLc, _) => Box::new(Counter::new(awslc::key(key)?, iv)?),
        (_, 16) => Box::new(Counter::new(pure::<Aes128>(key)?, iv)?),
        (_, 24) => Box::new(Counter::new(pure::<Aes192>(key)?, iv)?),
        (_, 32) => Box::new(Counter::new(pure::<Aes256>(key)?, iv)?),
        _ => return Err(CryptoError::KeyLength),
    })
}

/// A key from one library.
trait CtrKey: Send + Sync {
    /// XORs whole blocks with the key stream that begins at `counter`.
    fn apply(&self, counter: [u8; BLOCK_BYTES], blocks: &mut [u8]) -> Result<(), CryptoError>;
}

/// A key and where its counter stands.
struct Counter<K> {
    key: Arc<K>,
    next: u128,
}

impl<K> Counter<K> {
    fn new(key: K, iv: &[u8]) -> Result<Self, CryptoError> {
        let iv: [u8; BLOCK_BYTES] = iv.try_into().map_err(|_| CryptoError::KeyLength)?;
        Ok(Self { key: Arc::new(key), next: u128::from_be_bytes(iv) })
    }

    /// Takes the counters of so many blocks; gives the first.
    fn take(&mut self, blocks: usize) -> u128 {
        let behind = self.next.wrapping_add(blocks as u128);
        std::mem::replace(&mut self.next, behind)
    }
}

impl<K: CtrKey + 'static> BlockMode for Counter<K> {
    fn apply(&mut self, blocks: &mut [u8]) -> Result<(), CryptoError> {
        if !blocks.len().is_multiple_of(BLOCK_BYTES) {
            return Err(CryptoError::PacketShape);
        }
        let first = self.take(blocks.len() / BLOCK_BYTES);
        self.key.apply(first.to_be_bytes(), blocks)
    }

    fn split_off(&mut self, blocks: usize) -> Option<Box<dyn BlockMode>> {
        let next = self.take(blocks);
        Some(Box::new(Self { key: Arc::clone(&self.key), next }))
    }
}

struct Pure<C>(C);

fn pure<C: KeyInit>(key: &[u8]) -> Result<Pure<C>, CryptoError> {
    C::new_from_slice(key).map(Pure).map_err(|_| CryptoError::KeyLength)
}

impl<C> CtrKey for Pure<C>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = consts::U16> + Send + Sync,
{
    fn apply(&self, counter: [u8; BLOCK_BYTES], blocks: &mut [u8]) -> Result<(), CryptoError> {
        let core = CtrCore::inner_iv_init(&self.0, &counter.into());
        Ctr128BE::from_core(core)
            .try_apply_keystream(blocks)
            .map_err(|_| CryptoError::NoncesExhausted)
    }
}

/// The library's streaming keys count themselves, but write to another place than they read from:
/// copying each piece aside cost 4 % of a download's CPU.
#[cfg(feature = "aws-lc")]
mod awslc {
    use aws_lc_rs::cipher::{
        AES_128, AES_192, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey,
    };
    use aws_lc_rs::iv::FixedLength;

    use super::{BLOCK_BYTES, CryptoError, CtrKey};

    pub(super) fn key(key: &[u8]) -> Result<EncryptingKey, CryptoError> {
        let algorithm = match key.len() {
            16 => &AES_128,
            24 => &AES_192,
            32 => &AES_256,
            _ => return Err(CryptoError::KeyLength),
        };
        let key = UnboundCipherKey::new(algorithm, key).map_err(|_| CryptoError::KeyLength)?;
        EncryptingKey::ctr(key).map_err(|_| CryptoError::KeyLength)
    }

    impl CtrKey for EncryptingKey {
        fn apply(&self, counter: [u8; BLOCK_BYTES], blocks: &mut [u8]) -> Result<(), CryptoError> {
            self.less_safe_encrypt(blocks, EncryptionContext::Iv128(FixedLength::from(counter)))
                .map_err(|_| CryptoError::PacketShape)?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{hex, lines};
    use super::*;

    /// The counter is one number of 128 bits (RFC 4344 4), wherever a call leaves off.
    #[test]
    fn the_counter_carries_through_all_its_bytes() {
        for counter in ["00000000fffffffffffffffffffffffe", "fffffffffffffffffffffffffffffffe"] {
            let mut streams: Vec<Vec<u8>> = Vec::new();
            for backend in Backend::built_in() {
                for cut in [0, 16, 32, 48, 96] {
                    let mut data = vec![0; 128];
                    let mut stream = mode(*backend, &[7; 16], &hex(counter)).unwrap();
                    let (front, back) = data.split_at_mut(cut);
                    stream.apply(front).unwrap();
                    stream.apply(back).unwrap();
                    streams.push(data);
                }
            }
            assert!(streams.iter().all(|stream| *stream == streams[0]), "{counter}");
        }
    }

    /// Whole, and in two calls: the counter goes on where it stopped.
    #[test]
    fn nist_sp_800_38a() {
        let text = include_str!("../../tests/fixtures/crypto/nist_sp_800_38a.txt");
        let vectors: Vec<_> = lines::<5>(text).into_iter().filter(|it| it[0] == "ctr").collect();
        assert_eq!(vectors.len(), 3);
        for backend in Backend::built_in() {
            for [_, key, counter, plaintext, ciphertext] in &vectors {
                for cut in [0, 16, 48] {
                    for (from, to) in [(plaintext, ciphertext), (ciphertext, plaintext)] {
                        let mut data = hex(from);
                        let mut stream = mode(*backend, &hex(key), &hex(counter)).unwrap();
                        let (front, back) = data.split_at_mut(cut);
                        stream.apply(front).unwrap();
                        stream.apply(back).unwrap();
                        assert_eq!(data, hex(to), "{backend:?}, cut at {cut}");
                    }
                }
            }
        }
    }
}
