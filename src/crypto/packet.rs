//! The two traits of a packet cipher, and the `none` cipher used before NEWKEYS.

use super::CryptoError;

/// How a cipher shapes a packet (RFC 4253 6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// The padded part is a multiple of this many bytes; at least 8.
    pub block_bytes: usize,
    /// Bytes of tag or MAC after the ciphertext; 0 for `none`.
    pub tag_bytes: usize,
    /// Whether the 4 length bytes count toward the multiple of `block_bytes`: true where the length
    /// is encrypted with the rest (and for `none`), false for AEAD and encrypt-then-MAC ciphers.
    pub length_padded: bool,
}

impl Shape {
    /// Splits `packet` into (length, body, tag) if its size is one this shape can have.
    pub(super) fn split(self, packet: &mut [u8]) -> Result<Parts<'_>, CryptoError> {
        let body = self.body_bytes(packet.len())?;
        let (front, tag) = packet.split_at_mut_checked(4 + body).ok_or(CryptoError::PacketShape)?;
        let (length, body) = front.split_first_chunk_mut().ok_or(CryptoError::PacketShape)?;
        Ok(Parts { length, body, tag })
    }

    /// Bytes between the length and the tag of a packet of this size, if it can be a packet's.
    pub(super) fn body_bytes(self, packet_bytes: usize) -> Result<usize, CryptoError> {
        let body_and_tag = packet_bytes.checked_sub(4).ok_or(CryptoError::PacketShape)?;
        let body = body_and_tag.checked_sub(self.tag_bytes).ok_or(CryptoError::PacketShape)?;
        let padded = if self.length_padded { body + 4 } else { body };
        if body == 0 || !padded.is_multiple_of(self.block_bytes) {
            return Err(CryptoError::PacketShape);
        }
        Ok(body)
    }
}

/// A packet taken apart.
pub(super) struct Parts<'a> {
    pub(super) length: &'a mut [u8; 4],
    pub(super) body: &'a mut [u8],
    pub(super) tag: &'a mut [u8],
}

/// One direction's sealing key. One instance a key: a rekey makes a new one.
pub trait PacketSeal: Send {
    /// How packets are laid out for this cipher.
    fn shape(&self) -> Shape;

    /// Seals in place. `packet` is length (4 bytes, big endian, plaintext) | padding_length (1) |
    /// payload | padding | room for the tag.
    ///
    /// # Errors
    /// [`CryptoError::PacketShape`] if the layout does not fit [`PacketSeal::shape`];
    /// [`CryptoError::NoncesExhausted`] if the key has no nonce left, and nothing is sealed then;
    /// [`CryptoError::Library`], and the packet is wiped then.
    fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError>;

    /// Hands the next packets, from `sequence` on and of these sizes, to be sealed elsewhere: by
    /// another thread, before or after others. This sealer goes on behind them. `None` from a
    /// cipher whose packets cannot be sealed apart.
    ///
    /// # Errors
    /// [`CryptoError::NoncesExhausted`] if the key has not so many nonces left;
    /// [`CryptoError::PacketShape`] from a cipher that counts blocks, if a size cannot be a
    /// packet's. No nonce is spent then.
    fn seal_apart(
        &mut self,
        sequence: u32,
        packet_bytes: &[usize],
    ) -> Option<Result<Box<dyn SealRun>, CryptoError>> {
        let _ = (sequence, packet_bytes);
        None
    }
}

/// Packets that are sealed away from their [`PacketSeal`]. Their nonces are theirs alone.
pub trait SealRun: Send {
    /// Seals the run's next packet in place; `packet` is as for [`PacketSeal::seal`].
    ///
    /// # Errors
    /// [`CryptoError::PacketShape`] or [`CryptoError::Library`]; the packet's nonce is spent all
    /// the same. [`CryptoError::NoncesExhausted`] once all packets of the run are sealed.
    fn seal_next(&mut self, packet: &mut [u8]) -> Result<(), CryptoError>;

    /// Seals the run's next two packets, which takes some ciphers less than one after the other.
    ///
    /// # Errors
    /// As [`SealRun::seal_next`], for either; then neither may be sent.
    fn seal_two(&mut self, first: &mut [u8], second: &mut [u8]) -> Result<(), CryptoError> {
        self.seal_next(first)?;
        self.seal_next(second)
    }
}

/// One direction's opening key.
pub trait PacketOpen: Send {
    /// How packets are laid out for this cipher.
    fn shape(&self) -> Shape;

    /// How many bytes of the packet [`PacketOpen::packet_length`] needs: 4, or a block where the
    /// length is encrypted with what follows it.
    fn header_bytes(&self) -> usize;

    /// Whether whoever learns the length field, or only that it was a possible one, has learnt
    /// plaintext of an earlier packet. The caller must then refuse a bad length, a wrong tag and
    /// all else at the same moment and in the same words (CVE-2008-5161).
    fn length_is_plaintext(&self) -> bool {
        false
    }

    /// The value of the packet's length field, not authenticated yet. Call it once a packet and
    /// keep the result: a stream cipher moves on. Only the front of `header` is read.
    ///
    /// # Errors
    /// [`CryptoError::PacketShape`] if `header` is shorter than [`PacketOpen::header_bytes`].
    fn packet_length(&mut self, sequence: u32, header: &[u8]) -> Result<u32, CryptoError>;

    /// Verifies and decrypts in place. `packet` is the whole packet: length | ciphertext | tag. On
    /// success the bytes from 4 up to the tag are plaintext; the length bytes stay as they came.
    ///
    /// # Errors
    /// [`CryptoError::PacketTag`] if the tag does not verify (the body is wiped then),
    /// [`CryptoError::PacketShape`] if the size cannot be a packet's,
    /// [`CryptoError::NoncesExhausted`] if the key has none left, and nothing is touched then,
    /// [`CryptoError::Library`] (the body is wiped then).
    fn open(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError>;
}

/// The `none` cipher's sealer: checks the layout, changes nothing.
pub fn plain_seal() -> Box<dyn PacketSeal> {
    Box::new(Plain)
}

/// The `none` cipher's opener.
pub fn plain_open() -> Box<dyn PacketOpen> {
    Box::new(Plain)
}

const PLAIN: Shape = Shape { block_bytes: 8, tag_bytes: 0, length_padded: true };

struct Plain;

impl PacketSeal for Plain {
    fn shape(&self) -> Shape {
        PLAIN
    }

    fn seal(&mut self, _sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        PLAIN.split(packet).map(drop)
    }
}

impl PacketOpen for Plain {
    fn shape(&self) -> Shape {
        PLAIN
    }

    fn header_bytes(&self) -> usize {
        4
    }

    fn packet_length(&mut self, _sequence: u32, header: &[u8]) -> Result<u32, CryptoError> {
        clear_length(header)
    }

    fn open(&mut self, _sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        PLAIN.split(packet).map(drop)
    }
}

/// The length field where it is not encrypted.
pub(super) fn clear_length(header: &[u8]) -> Result<u32, CryptoError> {
    header.first_chunk().map(|bytes| u32::from_be_bytes(*bytes)).ok_or(CryptoError::PacketShape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_packets_are_checked_and_left_alone() {
        let packet: Vec<u8> = [0, 0, 0, 12, 4].into_iter().chain(20..31).collect();
        let mut sealed = packet.clone();
        assert_eq!(plain_seal().seal(0, &mut sealed), Ok(()));
        assert_eq!(plain_open().packet_length(0, &sealed), Ok(12));
        assert_eq!(plain_open().open(0, &mut sealed), Ok(()));
        assert_eq!(sealed, packet);
        for size in [0, 3, 4, 5, 12, 15] {
            let refused = Err(CryptoError::PacketShape);
            assert_eq!(plain_seal().seal(0, &mut vec![0; size]), refused);
            assert_eq!(plain_open().open(0, &mut vec![0; size]), refused);
        }
        assert_eq!(plain_open().packet_length(0, &[0, 0, 1]), Err(CryptoError::PacketShape));
    }
}
