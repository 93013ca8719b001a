//! aes128-ctr, aes192-ctr and aes256-ctr (RFC 4344) with a MAC, in the two orders SSH has.
//!
//! Encrypt-then-MAC (OpenSSH's `-etm@openssh.com`) leaves the length in the clear and covers the
//! ciphertext; a forgery is refused before anything is decrypted. Encrypt-and-MAC (RFC 4253 6.4)
//! encrypts the length with the rest and covers the plaintext, so that the first block has to be
//! decrypted to learn how long the packet is. Either way the MAC also covers the sequence number.
//! The counter is 128 bits, starts at the derived IV and runs through all packets of a key.

use aes::cipher::{KeyIvInit, StreamCipher};
use aes::{Aes128, Aes192, Aes256};
use ctr::Ctr128BE;

use super::limits::PACKETS_PER_KEY;
use super::mac::{Mac, keyed};
use super::packet::clear_length;
use super::{Backend, CryptoError, MacAlgorithm, MacKey, PacketOpen, PacketSeal, Shape};

const BLOCK_BYTES: usize = 16;

/// What the first block of an encrypt-and-MAC packet holds besides the length.
const FIRST_BODY_BYTES: usize = BLOCK_BYTES - 4;

/// The layout with this MAC; without one the cipher cannot be used.
pub(super) const fn shape(mac: Option<&MacAlgorithm>) -> Shape {
    match mac {
        Some(mac) => Shape {
            block_bytes: BLOCK_BYTES,
            tag_bytes: mac.tag_bytes,
            length_padded: !mac.encrypt_then_mac,
        },
        None => Shape { block_bytes: BLOCK_BYTES, tag_bytes: 0, length_padded: true },
    }
}

pub(super) fn seal(
    backend: Backend,
    key: &[u8],
    iv: &[u8],
    mac: Option<MacKey>,
) -> Result<Box<dyn PacketSeal>, CryptoError> {
    let keys = Keys::new(backend, key, iv, mac)?;
    Ok(if keys.shape.length_padded {
        Box::new(EncryptAndMacSealer(keys))
    } else {
        Box::new(EncryptThenMac(keys))
    })
}

pub(super) fn open(
    backend: Backend,
    key: &[u8],
    iv: &[u8],
    mac: Option<MacKey>,
) -> Result<Box<dyn PacketOpen>, CryptoError> {
    let keys = Keys::new(backend, key, iv, mac)?;
    Ok(if keys.shape.length_padded {
        Box::new(EncryptAndMacOpener { keys, first: None })
    } else {
        Box::new(EncryptThenMac(keys))
    })
}

/// AES in counter mode from one library: XORs the keystream onto whole blocks and goes on from
/// there with the next call.
trait Keystream: Send {
    fn apply(&mut self, blocks: &mut [u8]) -> Result<(), CryptoError>;
}

/// What one direction needs in either order.
struct Keys {
    shape: Shape,
    stream: Box<dyn Keystream>,
    mac: Box<dyn Mac>,
    packets: u64,
}

impl Keys {
    fn new(
        backend: Backend,
        key: &[u8],
        iv: &[u8],
        mac: Option<MacKey>,
    ) -> Result<Keys, CryptoError> {
        let mac = mac.ok_or(CryptoError::KeyLength)?;
        Ok(Keys {
            shape: shape(Some(mac.algorithm)),
            stream: keystream(backend, key, iv)?,
            mac: keyed(backend, &mac)?,
            packets: 0,
        })
    }

    /// The sequence number is what keeps the MACs of two packets apart, so a key ends before it
    /// comes round. The counter of 2^128 blocks never does.
    fn spend(&mut self) -> Result<(), CryptoError> {
        if self.packets >= PACKETS_PER_KEY {
            return Err(CryptoError::NoncesExhausted);
        }
        self.packets += 1;
        Ok(())
    }
}

fn keystream(backend: Backend, key: &[u8], iv: &[u8]) -> Result<Box<dyn Keystream>, CryptoError> {
    Ok(match (backend, key.len()) {
        #[cfg(feature = "aws-lc")]
        (Backend::AwsLc, _) => Box::new(awslc::keystream(key, iv)?),
        (_, 16) => Box::new(pure::<Ctr128BE<Aes128>>(key, iv)?),
        (_, 24) => Box::new(pure::<Ctr128BE<Aes192>>(key, iv)?),
        (_, 32) => Box::new(pure::<Ctr128BE<Aes256>>(key, iv)?),
        _ => return Err(CryptoError::KeyLength),
    })
}

struct EncryptThenMac(Keys);

impl PacketSeal for EncryptThenMac {
    fn shape(&self) -> Shape {
        self.0.shape
    }

    fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let keys = &mut self.0;
        let parts = keys.shape.split(packet)?;
        keys.spend()?;
        keys.stream.apply(parts.body)?;
        keys.mac.sign(&[&sequence.to_be_bytes(), parts.length, parts.body], parts.tag);
        Ok(())
    }
}

impl PacketOpen for EncryptThenMac {
    fn shape(&self) -> Shape {
        self.0.shape
    }

    fn header_bytes(&self) -> usize {
        4
    }

    fn packet_length(&mut self, _sequence: u32, header: &[u8]) -> Result<u32, CryptoError> {
        clear_length(header)
    }

    fn open(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let keys = &mut self.0;
        let parts = keys.shape.split(packet)?;
        keys.spend()?;
        if !keys.mac.verify(&[&sequence.to_be_bytes(), parts.length, parts.body], parts.tag) {
            parts.body.fill(0);
            return Err(CryptoError::PacketTag);
        }
        keys.stream.apply(parts.body)
    }
}

struct EncryptAndMacSealer(Keys);

impl PacketSeal for EncryptAndMacSealer {
    fn shape(&self) -> Shape {
        self.0.shape
    }

    fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let keys = &mut self.0;
        let parts = keys.shape.split(packet)?;
        keys.spend()?;
        keys.mac.sign(&[&sequence.to_be_bytes(), parts.length, parts.body], parts.tag);
        let encrypted = parts.length.len() + parts.body.len();
        let encrypted = packet.get_mut(..encrypted).ok_or(CryptoError::PacketShape)?;
        keys.stream.apply(encrypted)
    }
}

struct EncryptAndMacOpener {
    keys: Keys,
    /// The first block of the packet at the front, decrypted for its length.
    first: Option<[u8; BLOCK_BYTES]>,
}

impl EncryptAndMacOpener {
    fn decrypt_first(&mut self, packet: &[u8]) -> Result<[u8; BLOCK_BYTES], CryptoError> {
        let mut first = *packet.first_chunk().ok_or(CryptoError::PacketShape)?;
        self.keys.stream.apply(&mut first)?;
        Ok(first)
    }
}

impl PacketOpen for EncryptAndMacOpener {
    fn shape(&self) -> Shape {
        self.keys.shape
    }

    fn header_bytes(&self) -> usize {
        BLOCK_BYTES
    }

    fn packet_length(&mut self, _sequence: u32, header: &[u8]) -> Result<u32, CryptoError> {
        let first = self.decrypt_first(header)?;
        self.first = Some(first);
        clear_length(&first)
    }

    fn open(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        self.keys.shape.split(packet)?;
        self.keys.spend()?;
        let first = match self.first.take() {
            Some(first) => first,
            None => self.decrypt_first(packet)?,
        };
        let parts = self.keys.shape.split(packet)?;
        let (front, rest) = parts
            .body
            .split_first_chunk_mut::<FIRST_BODY_BYTES>()
            .ok_or(CryptoError::PacketShape)?;
        let (_, body) = first.split_last_chunk().ok_or(CryptoError::PacketShape)?;
        *front = *body;
        self.keys.stream.apply(rest)?;
        if !self.keys.mac.verify(&[&sequence.to_be_bytes(), &first, rest], parts.tag) {
            parts.body.fill(0);
            return Err(CryptoError::PacketTag);
        }
        Ok(())
    }
}

struct Pure<C>(C);

fn pure<C: KeyIvInit>(key: &[u8], iv: &[u8]) -> Result<Pure<C>, CryptoError> {
    C::new_from_slices(key, iv).map(Pure).map_err(|_| CryptoError::KeyLength)
}

impl<C: StreamCipher + Send> Keystream for Pure<C> {
    fn apply(&mut self, blocks: &mut [u8]) -> Result<(), CryptoError> {
        self.0.try_apply_keystream(blocks).map_err(|_| CryptoError::NoncesExhausted)
    }
}

#[cfg(feature = "aws-lc")]
mod awslc {
    use aws_lc_rs::cipher::{
        AES_128, AES_192, AES_256, EncryptionContext, StreamingEncryptingKey, UnboundCipherKey,
    };
    use aws_lc_rs::iv::FixedLength;

    use super::{BLOCK_BYTES, CryptoError, Keystream};

    /// Bytes encrypted at a time: the library writes to another place than it reads from, so each
    /// piece is copied aside first. It stays within the first-level cache.
    const PIECE_BYTES: usize = 4096;

    pub(super) fn keystream(key: &[u8], iv: &[u8]) -> Result<StreamingEncryptingKey, CryptoError> {
        let algorithm = match key.len() {
            16 => &AES_128,
            24 => &AES_192,
            32 => &AES_256,
            _ => return Err(CryptoError::KeyLength),
        };
        let iv = FixedLength::<BLOCK_BYTES>::try_from(iv).map_err(|_| CryptoError::KeyLength)?;
        let key = UnboundCipherKey::new(algorithm, key).map_err(|_| CryptoError::KeyLength)?;
        StreamingEncryptingKey::less_safe_ctr(key, EncryptionContext::Iv128(iv))
            .map_err(|_| CryptoError::KeyLength)
    }

    impl Keystream for StreamingEncryptingKey {
        /// Decryption is the same XOR. What has been encrypted stays a whole number of blocks, so
        /// the library asks for no more room than there is.
        fn apply(&mut self, blocks: &mut [u8]) -> Result<(), CryptoError> {
            let mut aside = [0; PIECE_BYTES];
            for piece in blocks.chunks_mut(PIECE_BYTES) {
                let input = aside.get_mut(..piece.len()).ok_or(CryptoError::PacketShape)?;
                input.copy_from_slice(piece);
                let update = self.less_safe_update(input, piece);
                let rest = update.map_err(|_| CryptoError::PacketShape)?.remainder().len();
                if rest > 0 {
                    return Err(CryptoError::PacketShape);
                }
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
