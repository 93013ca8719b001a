//! Encrypt-then-MAC packets that are sealed away from their key, two at a time.
//!
//! Counter mode can start at any block, so the counters of a run are settled when it is made; the
//! MAC has no state but the sequence number.

use std::sync::Arc;
use std::vec;

use super::{BLOCK_BYTES, BlockMode, Keys};
use crate::crypto::mac::{Mac, Signed};
use crate::crypto::packet::Parts;
use crate::crypto::{CryptoError, SealRun, Shape};

impl Keys {
    /// See [`PacketSeal::seal_apart`](crate::crypto::PacketSeal::seal_apart).
    pub(super) fn seal_apart(
        &mut self,
        sequence: u32,
        packet_bytes: &[usize],
    ) -> Option<Result<Box<dyn SealRun>, CryptoError>> {
        let count = u32::try_from(packet_bytes.len()).ok()?;
        let bodies: Result<Vec<usize>, CryptoError> =
            packet_bytes.iter().map(|bytes| self.shape.body_bytes(*bytes)).collect();
        let bodies = match bodies {
            Ok(bodies) => bodies,
            Err(error) => return Some(Err(error)),
        };
        let (packets, next) = (self.packets, self.next);
        if let Err(error) = self.spend_sealing(sequence, count) {
            return Some(Err(error));
        }
        let blocks = bodies.iter().sum::<usize>() / BLOCK_BYTES;
        let Some(mode) = self.mode.split_off(blocks) else {
            (self.packets, self.next) = (packets, next);
            return None;
        };
        let (shape, mac) = (self.shape, Arc::clone(&self.mac));
        Some(Ok(Box::new(Run { shape, mode, mac, sequence, bodies: bodies.into_iter() })))
    }
}

struct Run {
    shape: Shape,
    mode: Box<dyn BlockMode>,
    mac: Arc<dyn Mac>,
    /// The next packet's.
    sequence: u32,
    /// Bytes of the bodies of the packets to come.
    bodies: vec::IntoIter<usize>,
}

impl Run {
    /// Encrypts the run's next packet and gives what its tag is to cover.
    fn encrypt<'a>(&mut self, packet: &'a mut [u8]) -> Result<Signed<'a>, CryptoError> {
        let body_bytes = self.bodies.next().ok_or(CryptoError::NoncesExhausted)?;
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let Parts { length, body, tag } = self.shape.split(packet)?;
        if body.len() != body_bytes {
            // Its counters, or those of the packets behind it, would be another packet's.
            self.bodies = Vec::new().into_iter();
            return Err(CryptoError::PacketShape);
        }
        self.mode.apply(body)?;
        Ok(Signed { sequence, length, body, tag })
    }
}

impl SealRun for Run {
    fn seal_next(&mut self, packet: &mut [u8]) -> Result<(), CryptoError> {
        self.encrypt(packet)?.sign_by(self.mac.as_ref());
        Ok(())
    }

    fn seal_two(&mut self, first: &mut [u8], second: &mut [u8]) -> Result<(), CryptoError> {
        let packets = [self.encrypt(first)?, self.encrypt(second)?];
        self.mac.sign_two(packets);
        Ok(())
    }
}
