//! Framing: packets out of payloads and payloads out of packets, in place (RFC 4253 section 6).
//!
//! A [`Sealer`] and an [`Opener`] each hold one direction: its cipher, its sequence number and what
//! has gone through under the present key. Neither knows what a payload means.

mod apart;

use std::fmt;
use std::ops::Range;

pub(crate) use apart::Laid;
pub use apart::SealJob;

use super::disconnect::{Disconnect, DisconnectReason};
use super::limits::{
    KEY_PACKETS_MAX, PACKET_BYTES_MAX, PACKET_BYTES_MAX_BEFORE_AUTH, PACKET_BYTES_MIN,
    PADDING_BYTES_MIN,
};
use crate::crypto::{
    Compress, CryptoError, Expand, PacketOpen, PacketSeal, Random, Shape, plain_open, plain_seal,
};

/// How a payload becomes a frame under the present cipher.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameShape {
    shape: Shape,
}

impl FrameShape {
    /// Where the payload starts in a frame: after the length and the padding length.
    pub const PAYLOAD_AT: usize = 5;

    pub(crate) fn new(shape: Shape) -> Self {
        Self { shape }
    }

    /// The bytes of a whole frame, tag included, around a payload of `payload_len` bytes.
    pub fn frame_bytes(&self, payload_len: usize) -> usize {
        let padding = self.padding_bytes(payload_len);
        Self::PAYLOAD_AT + payload_len + padding + self.shape.tag_bytes
    }

    /// As little padding as the block size allows, four bytes at least.
    fn padding_bytes(&self, payload_len: usize) -> usize {
        let length_field = if self.shape.length_padded { 4 } else { 0 };
        let padded = length_field + 1 + payload_len + PADDING_BYTES_MIN;
        // Ciphers have blocks of 8 bytes at least, but a shape is only a value.
        let block = self.shape.block_bytes.max(1);
        PADDING_BYTES_MIN + (block - padded % block) % block
    }
}

/// Why a frame was not sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SealError {
    /// The frame was laid out for another cipher; lay it out again.
    Shape,
    /// Keys are being exchanged, or the first ones are not there yet; try again afterwards.
    Rekeying,
    /// Older bytes of the same channel are queued: `poll_transmit` has to come first.
    Queued,
    /// What is sent is compressed, which cannot be done in place:
    /// [`Connection::append_data`](super::Connection::append_data) does it.
    Compressed,
    /// The connection is over, or the cipher failed. It will not get better.
    Closed,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shape => "the frame was laid out for another cipher",
            Self::Rekeying => "keys are being exchanged",
            Self::Queued => "older bytes of the channel are queued",
            Self::Compressed => "what is sent is compressed and has no place in its frame",
            Self::Closed => "the connection is over",
        })
    }
}

impl std::error::Error for SealError {}

/// What went through one direction under one key.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Usage {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Usage {
    fn count(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

/// Random bytes for padding, fetched in larger pieces.
struct Padding {
    bytes: [u8; Self::BYTES],
    used: usize,
}

impl Padding {
    const BYTES: usize = 1024;

    fn fill(&mut self, random: &mut dyn Random, out: &mut [u8]) {
        if self.used + out.len() > Self::BYTES {
            random.fill(&mut self.bytes);
            self.used = 0;
        }
        match self.bytes.get(self.used..self.used + out.len()) {
            Some(bytes) => out.copy_from_slice(bytes),
            None => random.fill(out),
        }
        self.used += out.len();
    }
}

/// The sending direction.
pub(crate) struct Sealer {
    cipher: Box<dyn PacketSeal>,
    compressor: Option<Box<dyn Compress>>,
    sequence: u32,
    usage: Usage,
    padding: Padding,
}

impl Sealer {
    /// Starts with the `none` cipher.
    pub(crate) fn new() -> Self {
        let padding = Padding { bytes: [0; Padding::BYTES], used: Padding::BYTES };
        let usage = Usage::default();
        Self { cipher: plain_seal(), compressor: None, sequence: 0, usage, padding }
    }

    /// Takes a new cipher into use, after NEWKEYS. Payloads are not compressed until
    /// [`Sealer::compress_by`].
    pub(crate) fn change(&mut self, cipher: Box<dyn PacketSeal>, reset_sequence: bool) {
        self.cipher = cipher;
        self.compressor = None;
        self.usage = Usage::default();
        if reset_sequence {
            self.sequence = 0;
        }
    }

    /// Compresses payloads from the next packet on.
    pub(crate) fn compress_by(&mut self, compressor: Option<Box<dyn Compress>>) {
        self.compressor = compressor;
    }

    /// Whether payloads are compressed.
    pub(crate) fn compresses(&self) -> bool {
        self.compressor.is_some()
    }

    pub(crate) fn shape(&self) -> FrameShape {
        FrameShape::new(self.cipher.shape())
    }

    /// The number of the next packet.
    pub(crate) fn sequence(&self) -> u32 {
        self.sequence
    }

    /// What went out under the present key.
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// Seals a frame whose payload is in its place, and as it is.
    pub(crate) fn seal(
        &mut self,
        random: &mut dyn Random,
        frame: &mut [u8],
        payload_len: usize,
    ) -> Result<(), SealError> {
        if self.usage.packets >= KEY_PACKETS_MAX {
            return Err(SealError::Closed);
        }
        self.lay(random, frame, payload_len)?;
        self.cipher.seal(self.sequence, frame).map_err(|_| SealError::Closed)?;
        self.count(frame.len());
        Ok(())
    }

    fn count(&mut self, bytes: usize) {
        self.sequence = self.sequence.wrapping_add(1);
        self.usage.count(bytes);
    }

    /// Writes what stands around the payload: lengths and padding.
    fn lay(
        &mut self,
        random: &mut dyn Random,
        frame: &mut [u8],
        payload_len: usize,
    ) -> Result<(), SealError> {
        let shape = self.shape();
        if frame.len() != shape.frame_bytes(payload_len) {
            return Err(SealError::Shape);
        }
        let padding = shape.padding_bytes(payload_len);
        let length = u32::try_from(1 + payload_len + padding).map_err(|_| SealError::Shape)?;
        let padding_length = u8::try_from(padding).map_err(|_| SealError::Shape)?;
        let (header, rest) = frame.split_first_chunk_mut::<5>().ok_or(SealError::Shape)?;
        let [a, b, c, d] = length.to_be_bytes();
        *header = [a, b, c, d, padding_length];
        let gap = rest.get_mut(payload_len..payload_len + padding).ok_or(SealError::Shape)?;
        self.padding.fill(random, gap);
        Ok(())
    }

    /// Appends `payload` to `out` as a sealed packet, compressed if that is on; one copy.
    pub(crate) fn append(
        &mut self,
        random: &mut dyn Random,
        out: &mut Vec<u8>,
        payload: &[u8],
    ) -> Result<usize, SealError> {
        let at = out.len();
        let sealed = self.lay_and_seal(random, out, payload);
        if sealed.is_err() {
            out.truncate(at);
        }
        sealed
    }

    fn lay_and_seal(
        &mut self,
        random: &mut dyn Random,
        out: &mut Vec<u8>,
        payload: &[u8],
    ) -> Result<usize, SealError> {
        let at = out.len();
        out.reserve(self.shape().frame_bytes(payload.len()));
        out.extend_from_slice(&[0; FrameShape::PAYLOAD_AT]);
        match &mut self.compressor {
            None => out.extend_from_slice(payload),
            Some(compressor) => {
                compressor.compress(payload, out).map_err(|_| SealError::Closed)?;
            }
        }
        let payload_len = out.len() - at - FrameShape::PAYLOAD_AT;
        let bytes = self.shape().frame_bytes(payload_len);
        out.resize(at + bytes, 0);
        let frame = out.get_mut(at..).unwrap_or_default();
        self.seal(random, frame, payload_len).map(|()| bytes)
    }
}

/// One packet of the peer's, opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Opened {
    /// Where the payload lies in the input, or in [`Opener::expanded`]; never empty.
    pub(crate) payload: Range<usize>,
    /// Whether the payload came compressed.
    pub(crate) expanded: bool,
    /// The bytes of the whole packet.
    pub(crate) bytes: usize,
    /// The packet's sequence number.
    pub(crate) sequence: u32,
}

/// The receiving direction.
pub(crate) struct Opener {
    cipher: Box<dyn PacketOpen>,
    expander: Option<Box<dyn Expand>>,
    /// The latest payload that came compressed. Kept for its room.
    expanded: Vec<u8>,
    sequence: u32,
    usage: Usage,
    /// `packet_length` of the packet at the front: a cipher is asked for it only once.
    length: Option<u32>,
    length_max: u32,
    /// The packet at the front is refused already, and the rest of the longest one is waited for.
    refused: bool,
}

impl Opener {
    /// Starts with the `none` cipher and the limits for peers who are not authenticated.
    pub(crate) fn new() -> Self {
        Self {
            cipher: plain_open(),
            expander: None,
            expanded: Vec::new(),
            sequence: 0,
            usage: Usage::default(),
            length: None,
            length_max: PACKET_BYTES_MAX_BEFORE_AUTH,
            refused: false,
        }
    }

    /// Takes a new cipher into use, after NEWKEYS. Payloads are not expanded until
    /// [`Opener::expand_by`].
    pub(crate) fn change(&mut self, cipher: Box<dyn PacketOpen>, reset_sequence: bool) {
        self.cipher = cipher;
        self.expander = None;
        self.usage = Usage::default();
        self.length = None;
        if reset_sequence {
            self.sequence = 0;
        }
    }

    /// Expands payloads from the next packet on.
    pub(crate) fn expand_by(&mut self, expander: Option<Box<dyn Expand>>) {
        self.expander = expander;
    }

    /// Lends the latest payload that came compressed; [`Opener::give_back`] returns it.
    pub(crate) fn take_expanded(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.expanded)
    }

    /// Returns what was lent.
    pub(crate) fn give_back(&mut self, expanded: Vec<u8>) {
        self.expanded = expanded;
    }

    /// The latest payload that came compressed.
    pub(crate) fn expanded(&self) -> &[u8] {
        &self.expanded
    }

    /// Takes packets as large as those of authenticated peers.
    pub(crate) fn lift_limits(&mut self) {
        self.length_max = PACKET_BYTES_MAX;
    }

    /// The number of the next packet.
    pub(crate) fn sequence(&self) -> u32 {
        self.sequence
    }

    /// What came in under the present key.
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// The bytes of the packet at the front, or of the part that will tell; 0 before anything came.
    pub(crate) fn needed(&self) -> usize {
        match self.length {
            Some(length) => self.packet_bytes(length),
            None => self.cipher.header_bytes(),
        }
    }

    fn packet_bytes(&self, length: u32) -> usize {
        4 + length as usize + self.cipher.shape().tag_bytes
    }

    /// Opens the packet at the front of `input` in place. `None` asks for more bytes.
    pub(crate) fn open(&mut self, input: &mut [u8]) -> Result<Option<Opened>, Disconnect> {
        let length = match self.length {
            Some(length) => length,
            None => {
                let Some(header) = input.get(..self.cipher.header_bytes()) else {
                    return Ok(None);
                };
                let length = self
                    .cipher
                    .packet_length(self.sequence, header)
                    .map_err(|error| self.failed(error))?;
                let length = match self.check_length(length) {
                    Ok(()) => length,
                    Err(_) if self.cipher.length_is_plaintext() => self.refuse_late(),
                    Err(failure) => return Err(failure),
                };
                self.length = Some(length);
                length
            }
        };
        let bytes = self.packet_bytes(length);
        let Some(packet) = input.get_mut(..bytes) else {
            return Ok(None);
        };
        if self.usage.packets >= KEY_PACKETS_MAX {
            return Err(Disconnect::protocol(format!(
                "the peer sent {KEY_PACKETS_MAX} packets without new keys"
            )));
        }
        let opened = self.cipher.open(self.sequence, packet);
        if self.refused {
            return Err(self.failed(CryptoError::PacketTag));
        }
        if opened.is_err() && self.cipher.length_is_plaintext() {
            self.length = Some(self.refuse_late());
            return self.open(input);
        }
        opened.map_err(|error| self.failed(error))?;
        let mut payload = self.payload(packet, length)?;
        let expanded = self.expand(packet.get(payload.clone()).unwrap_or_default())?;
        if expanded {
            payload = 0..self.expanded.len();
        }
        let sequence = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        self.usage.count(bytes);
        self.length = None;
        Ok(Some(Opened { payload, expanded, bytes, sequence }))
    }

    /// Expands a compressed payload, which may become as long as a packet may be. Whether it was
    /// one.
    fn expand(&mut self, payload: &[u8]) -> Result<bool, Disconnect> {
        let Some(expander) = &mut self.expander else {
            return Ok(false);
        };
        let bytes_max = self.length_max as usize;
        let expanded = expander.expand(payload, &mut self.expanded, bytes_max);
        expanded.map_err(|error| self.failed(error))?;
        if self.expanded.is_empty() {
            return Err(self.failed(CryptoError::Compression("nothing comes out of it")));
        }
        Ok(true)
    }

    /// CVE-2008-5161. Under CBC an attacker can send any block of an earlier packet again as the
    /// first of a new one; if the connection ended at once, or after as many bytes as the length
    /// field asks for, its end would tell that block's plaintext. So whatever is wrong, the longest
    /// packet there can be is waited for, decrypted and checked, and refused as one with a wrong
    /// MAC. Returns its length.
    fn refuse_late(&mut self) -> u32 {
        self.refused = true;
        let block = u32::try_from(self.cipher.shape().block_bytes).unwrap_or(u32::MAX).max(1);
        self.length_max - (self.length_max + 4) % block
    }

    fn check_length(&self, length: u32) -> Result<(), Disconnect> {
        let shape = self.cipher.shape();
        let padded = if shape.length_padded { u64::from(length) + 4 } else { u64::from(length) };
        let block = shape.block_bytes.max(1) as u64;
        if (PACKET_BYTES_MIN..=self.length_max).contains(&length) && padded.is_multiple_of(block) {
            return Ok(());
        }
        let sequence = self.sequence;
        let max = self.length_max;
        Err(Disconnect::protocol(format!(
            "packet {sequence} has a length of {length}: not within {PACKET_BYTES_MIN}..={max} or \
             not a multiple of the cipher's {block} bytes"
        )))
    }

    /// Where the payload lies in an opened packet.
    fn payload(&self, packet: &[u8], length: u32) -> Result<Range<usize>, Disconnect> {
        let padding = usize::from(packet.get(4).copied().unwrap_or_default());
        let end = (4 + length as usize).saturating_sub(padding);
        if padding < PADDING_BYTES_MIN || end <= FrameShape::PAYLOAD_AT {
            let sequence = self.sequence;
            return Err(Disconnect::protocol(format!(
                "packet {sequence} of length {length} has {padding} bytes of padding"
            )));
        }
        Ok(FrameShape::PAYLOAD_AT..end)
    }

    fn failed(&self, error: CryptoError) -> Disconnect {
        let description = format!("packet {}: {error}", self.sequence);
        match error {
            CryptoError::PacketTag => Disconnect::new(DisconnectReason::MacError, description),
            CryptoError::Compression(_) => {
                Disconnect::new(DisconnectReason::CompressionError, description)
            }
            _ => Disconnect::protocol(description),
        }
    }
}

#[cfg(test)]
impl Sealer {
    /// As if so much had gone out under the present key.
    pub(crate) fn pretend(&mut self, bytes: u64) {
        self.usage.bytes = bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4253 section 6: the padded part is a multiple of the block, padding is 4 to 255 bytes.
    #[test]
    fn frames_of_every_shape_keep_the_rules() {
        for (block_bytes, tag_bytes) in [(8, 0), (8, 16), (16, 16), (16, 32)] {
            for length_padded in [false, true] {
                let shape = FrameShape::new(Shape { block_bytes, tag_bytes, length_padded });
                for payload in (1..100).chain([32 * 1024, 256 * 1024 + 9]) {
                    let padding = shape.padding_bytes(payload);
                    assert!((4..4 + block_bytes).contains(&padding));
                    let padded = 1 + payload + padding + if length_padded { 4 } else { 0 };
                    assert_eq!(padded % block_bytes, 0);
                    assert_eq!(shape.frame_bytes(payload), 5 + payload + padding + tag_bytes);
                }
            }
        }
    }

    #[test]
    fn padding_is_random_and_never_reused() {
        let mut random = crate::crypto::ChaChaRandom::from_seed([1; 32]);
        let mut sealer = Sealer::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let mut packet = Vec::new();
            // 5 bytes of header, 3 of payload, 8 of padding.
            sealer.append(&mut random, &mut packet, b"abc").unwrap();
            assert_eq!((packet.len(), packet[4]), (16, 8));
            assert!(seen.insert(packet[8..].to_vec()));
        }
    }
}
