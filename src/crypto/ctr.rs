//! AES in counter mode (RFC 4344): aes128-ctr, aes192-ctr and aes256-ctr.
//!
//! The counter is 128 bits, starts at the derived IV and runs through all packets of a key. It
//! never comes round before the key ends.

use aes::cipher::{KeyIvInit, StreamCipher};
use aes::{Aes128, Aes192, Aes256};
use ctr::Ctr128BE;

use super::composition::BlockMode;
use super::{Backend, CryptoError};

/// Either direction: decryption is the same XOR.
pub(super) fn mode(
    backend: Backend,
    key: &[u8],
    iv: &[u8],
) -> Result<Box<dyn BlockMode>, CryptoError> {
    Ok(match (backend, key.len()) {
        #[cfg(feature = "aws-lc")]
        (Backend::AwsLc, _) => Box::new(awslc::keystream(key, iv)?),
        (_, 16) => Box::new(pure::<Ctr128BE<Aes128>>(key, iv)?),
        (_, 24) => Box::new(pure::<Ctr128BE<Aes192>>(key, iv)?),
        (_, 32) => Box::new(pure::<Ctr128BE<Aes256>>(key, iv)?),
        _ => return Err(CryptoError::KeyLength),
    })
}

struct Pure<C>(C);

fn pure<C: KeyIvInit>(key: &[u8], iv: &[u8]) -> Result<Pure<C>, CryptoError> {
    C::new_from_slices(key, iv).map(Pure).map_err(|_| CryptoError::KeyLength)
}

impl<C: StreamCipher + Send> BlockMode for Pure<C> {
    fn apply(&mut self, blocks: &mut [u8]) -> Result<(), CryptoError> {
        self.0.try_apply_keystream(blocks).map_err(|_| CryptoError::NoncesExhausted)
    }
}

#[cfg(feature = "aws-lc")]
mod awslc {
    use aws_lc_rs::cipher::{
        AES_128, AES_192, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey,
    };
    use aws_lc_rs::iv::FixedLength;

    use super::super::composition::BLOCK_BYTES;
    use super::{BlockMode, CryptoError};

    /// A key and where its counter stands. The library's streaming keys count themselves, but write
    /// to another place than they read from: copying each piece aside cost 4 % of a download's CPU.
    pub(super) struct Keystream {
        key: EncryptingKey,
        counter: u128,
    }

    pub(super) fn keystream(key: &[u8], iv: &[u8]) -> Result<Keystream, CryptoError> {
        let algorithm = match key.len() {
            16 => &AES_128,
            24 => &AES_192,
            32 => &AES_256,
            _ => return Err(CryptoError::KeyLength),
        };
        let iv: [u8; BLOCK_BYTES] = iv.try_into().map_err(|_| CryptoError::KeyLength)?;
        let key = UnboundCipherKey::new(algorithm, key).map_err(|_| CryptoError::KeyLength)?;
        let key = EncryptingKey::ctr(key).map_err(|_| CryptoError::KeyLength)?;
        Ok(Keystream { key, counter: u128::from_be_bytes(iv) })
    }

    impl BlockMode for Keystream {
        fn apply(&mut self, blocks: &mut [u8]) -> Result<(), CryptoError> {
            if !blocks.len().is_multiple_of(BLOCK_BYTES) {
                return Err(CryptoError::PacketShape);
            }
            let iv = FixedLength::from(self.counter.to_be_bytes());
            self.counter = self.counter.wrapping_add((blocks.len() / BLOCK_BYTES) as u128);
            self.key
                .less_safe_encrypt(blocks, EncryptionContext::Iv128(iv))
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
