//! A block cipher mode and a MAC as one packet cipher, in the two orders SSH has.
//!
//! Encrypt-then-MAC (OpenSSH's `-etm@openssh.com`) leaves the length in the clear and covers the
//! ciphertext; a forgery is refused before anything is decrypted. Encrypt-and-MAC (RFC 4253 6.4)
//! encrypts the length with the rest and covers the plaintext, so that the first block has to be
//! decrypted to learn how long the packet is. Either way the MAC also covers the sequence number.

mod apart;

use std::sync::Arc;

use super::limits::PACKETS_PER_KEY;
use super::mac::{Mac, keyed};
use super::packet::clear_length;
use super::{Backend, CryptoError, MacAlgorithm, MacKey, PacketOpen, PacketSeal, SealRun, Shape};

/// Every mode here runs AES.
pub(super) const BLOCK_BYTES: usize = 16;

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

/// One direction of a block cipher in a mode that chains: each call takes whole blocks and goes on
/// where the last one stopped, over all packets of a key.
pub(super) trait BlockMode: Send {
    /// Encrypts or decrypts in place, whichever the direction is.
    fn apply(&mut self, blocks: &mut [u8]) -> Result<(), CryptoError>;

    /// One that applies the next `blocks` of them, while this one goes on behind those. `None`
    /// where each block needs the one before it; nothing has happened then.
    fn split_off(&mut self, blocks: usize) -> Option<Box<dyn BlockMode>> {
        let _ = blocks;
        None
    }

    /// Whether an attacker who learns what one block decrypts to has learnt plaintext: true for
    /// CBC, where any block can stand at the front of a packet, whose length is then looked at.
    fn tells_plaintext(&self) -> bool {
        false
    }
}

pub(super) fn seal(
    backend: Backend,
    mode: Box<dyn BlockMode>,
    mac: Option<MacKey>,
) -> Result<Box<dyn PacketSeal>, CryptoError> {
    let keys = Keys::new(backend, mode, mac)?;
    Ok(if keys.shape.length_padded {
        Box::new(EncryptAndMacSealer(keys))
    } else {
        Box::new(EncryptThenMac(keys))
    })
}

pub(super) fn open(
    backend: Backend,
    mode: Box<dyn BlockMode>,
    mac: Option<MacKey>,
) -> Result<Box<dyn PacketOpen>, CryptoError> {
    let keys = Keys::new(backend, mode, mac)?;
    Ok(if keys.shape.length_padded {
        Box::new(EncryptAndMacOpener { keys, first: None })
    } else {
        Box::new(EncryptThenMac(keys))
    })
}

/// What one direction needs in either order.
struct Keys {
    shape: Shape,
    mode: Box<dyn BlockMode>,
    mac: Arc<dyn Mac>,
    packets: u64,
    /// The sequence number of the next packet, after the first.
    next: Option<u32>,
}

impl Keys {
    fn new(
        backend: Backend,
        mode: Box<dyn BlockMode>,
        mac: Option<MacKey>,
    ) -> Result<Keys, CryptoError> {
        let mac = mac.ok_or(CryptoError::KeyLength)?;
        let shape = shape(Some(mac.algorithm));
        Ok(Keys { shape, mode, mac: keyed(backend, &mac)?.into(), packets: 0, next: None })
    }

    /// The sequence number is what keeps the MACs of two packets apart, so a key ends before it
    /// comes round.
    fn spend(&mut self, count: u32) -> Result<(), CryptoError> {
        let spent = self.packets + u64::from(count);
        if spent > PACKETS_PER_KEY {
            return Err(CryptoError::NoncesExhausted);
        }
        self.packets = spent;
        Ok(())
    }

    /// As [`Keys::spend`], and refuses a number out of turn: it is UMAC's nonce, and two tags under
    /// one give the key away.
    fn spend_sealing(&mut self, sequence: u32, count: u32) -> Result<(), CryptoError> {
        if self.next.is_some_and(|next| next != sequence) {
            return Err(CryptoError::NoncesExhausted);
        }
        self.spend(count)?;
        self.next = Some(sequence.wrapping_add(count));
        Ok(())
    }
}

struct EncryptThenMac(Keys);

impl PacketSeal for EncryptThenMac {
    fn shape(&self) -> Shape {
        self.0.shape
    }

    fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let keys = &mut self.0;
        let parts = keys.shape.split(packet)?;
        keys.spend_sealing(sequence, 1)?;
        keys.mode.apply(parts.body)?;
        keys.mac.sign(sequence, &[parts.length, parts.body], parts.tag);
        Ok(())
    }

    fn seal_apart(
        &mut self,
        sequence: u32,
        packet_bytes: &[usize],
    ) -> Option<Result<Box<dyn SealRun>, CryptoError>> {
        self.0.seal_apart(sequence, packet_bytes)
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
        keys.spend(1)?;
        if !keys.mac.verify(sequence, &[parts.length, parts.body], parts.tag) {
            parts.body.fill(0);
            return Err(CryptoError::PacketTag);
        }
        keys.mode.apply(parts.body)
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
        keys.spend_sealing(sequence, 1)?;
        keys.mac.sign(sequence, &[parts.length, parts.body], parts.tag);
        let encrypted = parts.length.len() + parts.body.len();
        let encrypted = packet.get_mut(..encrypted).ok_or(CryptoError::PacketShape)?;
        keys.mode.apply(encrypted)
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
        self.keys.mode.apply(&mut first)?;
        Ok(first)
    }
}

impl PacketOpen for EncryptAndMacOpener {
    fn shape(&self) -> Shape {
        self.keys.shape
    }

    fn length_is_plaintext(&self) -> bool {
        self.keys.mode.tells_plaintext()
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
        self.keys.spend(1)?;
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
        self.keys.mode.apply(rest)?;
        if !self.keys.mac.verify(sequence, &[&first, rest], parts.tag) {
            parts.body.fill(0);
            return Err(CryptoError::PacketTag);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
