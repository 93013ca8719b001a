//! AES in cipher block chaining mode (RFC 4253 6.3): aes128-cbc, aes192-cbc and aes256-cbc.
//!
//! The last ciphertext block of a packet is the IV of the next, as RFC 4253 has it, so whoever
//! chooses plaintext knows the IV it meets (RFC 4251 9.3.1). For peers that have nothing better.
//! There is one backend: aws-lc-rs offers CBC with PKCS#7 padding only, which keeps back the last
//! block of what it decrypts.

use aes::cipher::{Array, Block, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use cbc::{Decryptor, Encryptor};

use super::CryptoError;
use super::composition::BlockMode;

pub(super) fn encrypting(key: &[u8], iv: &[u8]) -> Result<Box<dyn BlockMode>, CryptoError> {
    Ok(match key.len() {
        16 => Box::new(Encrypting(keyed::<Encryptor<Aes128>>(key, iv)?)),
        24 => Box::new(Encrypting(keyed::<Encryptor<Aes192>>(key, iv)?)),
        32 => Box::new(Encrypting(keyed::<Encryptor<Aes256>>(key, iv)?)),
        _ => return Err(CryptoError::KeyLength),
    })
}

pub(super) fn decrypting(key: &[u8], iv: &[u8]) -> Result<Box<dyn BlockMode>, CryptoError> {
    Ok(match key.len() {
        16 => Box::new(Decrypting(keyed::<Decryptor<Aes128>>(key, iv)?)),
        24 => Box::new(Decrypting(keyed::<Decryptor<Aes192>>(key, iv)?)),
        32 => Box::new(Decrypting(keyed::<Decryptor<Aes256>>(key, iv)?)),
        _ => return Err(CryptoError::KeyLength),
    })
}

fn keyed<C: KeyIvInit>(key: &[u8], iv: &[u8]) -> Result<C, CryptoError> {
    C::new_from_slices(key, iv).map_err(|_| CryptoError::KeyLength)
}

struct Encrypting<C>(C);

impl<C: BlockModeEncrypt + Send> BlockMode for Encrypting<C> {
    fn apply(&mut self, blocks: &mut [u8]) -> Result<(), CryptoError> {
        self.0.encrypt_blocks(whole::<C>(blocks)?);
        Ok(())
    }

    fn tells_plaintext(&self) -> bool {
        true
    }
}

struct Decrypting<C>(C);

impl<C: BlockModeDecrypt + Send> BlockMode for Decrypting<C> {
    fn apply(&mut self, blocks: &mut [u8]) -> Result<(), CryptoError> {
        self.0.decrypt_blocks(whole::<C>(blocks)?);
        Ok(())
    }

    fn tells_plaintext(&self) -> bool {
        true
    }
}

/// The bytes as blocks, if they are a whole number of them.
fn whole<C: aes::cipher::BlockSizeUser>(bytes: &mut [u8]) -> Result<&mut [Block<C>], CryptoError> {
    match Array::slice_as_chunks_mut(bytes) {
        (blocks, []) => Ok(blocks),
        _ => Err(CryptoError::PacketShape),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{hex, lines};
    use super::*;

    /// Whole, and in two calls: the chain goes on where it stopped.
    #[test]
    fn nist_sp_800_38a() {
        let text = include_str!("../../tests/fixtures/crypto/nist_sp_800_38a.txt");
        let vectors: Vec<_> = lines::<5>(text).into_iter().filter(|it| it[0] == "cbc").collect();
        assert_eq!(vectors.len(), 3);
        for [_, key, iv, plaintext, ciphertext] in vectors {
            for cut in [0, 16, 48] {
                for (mut mode, from, to) in [
                    (encrypting(&hex(key), &hex(iv)).unwrap(), plaintext, ciphertext),
                    (decrypting(&hex(key), &hex(iv)).unwrap(), ciphertext, plaintext),
                ] {
                    let mut data = hex(from);
                    let (front, back) = data.split_at_mut(cut);
                    mode.apply(front).unwrap();
                    mode.apply(back).unwrap();
                    assert_eq!(data, hex(to), "cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn parts_of_a_block_are_refused() {
        for bytes in [1, 15, 17] {
            let refused = Err(CryptoError::PacketShape);
            let (key, iv) = ([0; 16], [0; 16]);
            assert_eq!(encrypting(&key, &iv).unwrap().apply(&mut vec![0; bytes]), refused);
            assert_eq!(decrypting(&key, &iv).unwrap().apply(&mut vec![0; bytes]), refused);
        }
    }
}
