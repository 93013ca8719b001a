//! UMAC (RFC 4418) as OpenSSH has it: 64 or 128 bits of tag, the sequence number as the nonce.
//!
//! From the `purecrypto` crate, whose UMAC is safe Rust and works without branches or tables that
//! depend on secrets. Neither aws-lc nor RustCrypto has one; what else there is binds C.

use purecrypto::mac::{Umac64, Umac128};

use super::Mac;
use crate::crypto::CryptoError;

/// Bytes of key: AES-128's.
pub(super) const KEY_BYTES: usize = 16;

pub(super) fn keyed_64(key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
    Ok(Box::new(Keyed64(Umac64::new(fitting(key)?))))
}

pub(super) fn keyed_128(key: &[u8]) -> Result<Box<dyn Mac>, CryptoError> {
    Ok(Box::new(Keyed128(Umac128::new(fitting(key)?))))
}

fn fitting(key: &[u8]) -> Result<&[u8; KEY_BYTES], CryptoError> {
    key.try_into().map_err(|_| CryptoError::KeyLength)
}

/// OpenSSH's nonce: the sequence number as 8 bytes, big endian. The message is the packet alone.
fn nonce(sequence: u32) -> [u8; 8] {
    u64::from(sequence).to_be_bytes()
}

struct Keyed64(Umac64);

impl Keyed64 {
    fn tag(&self, nonce: &[u8; 8], parts: &[&[u8]]) -> [u8; 8] {
        // A copy keeps the derived keys, which are dear to make.
        let mut state = self.0.clone();
        parts.iter().for_each(|part| state.update(part));
        state.finalize(nonce)
    }
}

impl Mac for Keyed64 {
    fn sign(&self, sequence: u32, parts: &[&[u8]], tag: &mut [u8]) {
        tag.copy_from_slice(&self.tag(&nonce(sequence), parts));
    }
}

struct Keyed128(Umac128);

impl Keyed128 {
    fn tag(&self, nonce: &[u8; 8], parts: &[&[u8]]) -> [u8; 16] {
        let mut state = self.0.clone();
        parts.iter().for_each(|part| state.update(part));
        state.finalize(nonce)
    }
}

impl Mac for Keyed128 {
    fn sign(&self, sequence: u32, parts: &[&[u8]], tag: &mut [u8]) {
        tag.copy_from_slice(&self.tag(&nonce(sequence), parts));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::{hex, lines};
    use super::*;

    /// The RFC's key and nonce. Its longest message, 32 MiB, is beyond any packet and left out. It
    /// has 96 bits of what UMAC-128 makes; the last 32 are nettle's.
    #[test]
    fn rfc_4418() {
        let key = b"abcdefghijklmnop";
        let (short, long) = (Keyed64(Umac64::new(key)), Keyed128(Umac128::new(key)));
        let text = include_str!("../../../tests/fixtures/crypto/rfc_4418.txt");
        let vectors = lines::<4>(text);
        assert_eq!(vectors.len(), 7);
        for [pattern, times, tag_64, tag_128] in vectors {
            let message = hex(pattern).repeat(times.parse().unwrap());
            let (front, back) = message.split_at(message.len() / 3);
            for parts in [&[&message[..]][..], &[front, b"", back]] {
                assert_eq!(short.tag(b"bcdefghi", parts)[..], hex(tag_64), "{pattern} {times}");
                assert_eq!(long.tag(b"bcdefghi", parts)[..], hex(tag_128), "{pattern} {times}");
            }
        }
    }

    /// As OpenSSH's mac.c puts it.
    #[test]
    fn the_nonce_is_the_sequence_number_in_eight_bytes() {
        assert_eq!(nonce(0x0102_0304), [0, 0, 0, 0, 1, 2, 3, 4]);
        let mac = Keyed64(Umac64::new(&[1; KEY_BYTES]));
        let mut tag = [0; 8];
        mac.sign(7, &[b"packet"], &mut tag);
        assert_eq!(tag, mac.tag(&[0, 0, 0, 0, 0, 0, 0, 7], &[b"packet"]));
    }
}
