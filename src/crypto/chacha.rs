//! chacha20-poly1305@openssh.com (OpenSSH's PROTOCOL.chacha20poly1305).
//!
//! 64 bytes of key are two ChaCha20 keys: the first half, K_2, encrypts the body and makes the
//! Poly1305 key; the second, K_1, encrypts the length. The nonce is the sequence number.

use std::sync::Arc;

use chacha20::ChaCha20Legacy;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit, UniversalHash};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::limits::PACKETS_PER_KEY;
use super::{Backend, CryptoError, PacketOpen, PacketSeal, SealRun, Shape};

const KEY_BYTES: usize = 64;
const TAG_BYTES: usize = 16;
const BLOCK_BYTES: u8 = 64;

/// Keystream is asked for in whole steps of four blocks: the chacha20 crate's AVX-512 code makes
/// four at once in a tenth of the time that it takes for a single one (0.10.2, whose code for one
/// block calls a function for each instruction). A packet needs three single blocks.
const STEP_BYTES: usize = 4 * BLOCK_BYTES as usize;

/// Shorter packets than this are sealed and opened by aws-lc, where both libraries are there: a
/// packet of 64 bytes takes it 0.8 us and the crates 2.8, most of it the preparation of Poly1305's
/// vectors; from here on the crates are as fast.
#[cfg(feature = "aws-lc")]
const LONG_BYTES_MIN: usize = 4096;

pub(super) const SHAPE: Shape =
    Shape { block_bytes: 8, tag_bytes: TAG_BYTES, length_padded: false };

/// The backend that bulk is encrypted with. At 32 KiB the chacha20 and poly1305 crates seal 1.9
/// GB/s where they have AVX-512 code and the CPU runs it, and 1.0 to 1.1 elsewhere; aws-lc 1.1 to
/// 1.4 (Xeons, 2.5 GHz).
pub(super) fn backend() -> Backend {
    if wide_vectors() { Backend::PureRust } else { Backend::preferred() }
}

/// Whether the chacha20 crate takes its AVX-512 code: it was built (see .cargo/config.toml), and
/// the CPU has what it needs.
fn wide_vectors() -> bool {
    #[cfg(all(chacha20_avx512, target_arch = "x86_64"))]
    {
        std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512vl")
    }
    #[cfg(not(all(chacha20_avx512, target_arch = "x86_64")))]
    {
        false
    }
}

pub(super) fn seal(
    backend: Backend,
    key: &[u8],
    iv: &[u8],
) -> Result<Box<dyn PacketSeal>, CryptoError> {
    let key = check(key, iv)?;
    Ok(match backend {
        #[cfg(feature = "aws-lc")]
        Backend::AwsLc => Box::new(Sealer::new(awslc::SealingKey::new(key))),
        _ => Box::new(Sealer::new(Pure::new(key))),
    })
}

/// The sealing half in use: see [`backend`].
pub(super) fn preferred_seal(key: &[u8], iv: &[u8]) -> Result<Box<dyn PacketSeal>, CryptoError> {
    #[cfg(feature = "aws-lc")]
    if wide_vectors() {
        let key = check(key, iv)?;
        let (long, short) = (Pure::new(key), awslc::SealingKey::new(key));
        return Ok(Box::new(Sealer::new(BySize { long, short })));
    }
    seal(backend(), key, iv)
}

/// The opening half in use.
pub(super) fn preferred_open(key: &[u8], iv: &[u8]) -> Result<Box<dyn PacketOpen>, CryptoError> {
    #[cfg(feature = "aws-lc")]
    if wide_vectors() {
        let key = check(key, iv)?;
        let (long, short) = (Pure::new(key), awslc::OpeningKey::new(key));
        return Ok(Box::new(Opener(BySize { long, short })));
    }
    open(backend(), key, iv)
}

pub(super) fn open(
    backend: Backend,
    key: &[u8],
    iv: &[u8],
) -> Result<Box<dyn PacketOpen>, CryptoError> {
    let key = check(key, iv)?;
    Ok(match backend {
        #[cfg(feature = "aws-lc")]
        Backend::AwsLc => Box::new(Opener(awslc::OpeningKey::new(key))),
        _ => Box::new(Opener(Pure::new(key))),
    })
}

fn check<'a>(key: &'a [u8], iv: &[u8]) -> Result<&'a [u8; KEY_BYTES], CryptoError> {
    if !iv.is_empty() {
        return Err(CryptoError::KeyLength);
    }
    key.try_into().map_err(|_| CryptoError::KeyLength)
}

/// The sealing half from one library.
trait Seal: Send + Sync {
    /// Encrypts length and body, and returns the tag over both.
    fn encrypt(&self, sequence: u32, length_and_body: &mut [u8]) -> [u8; TAG_BYTES];
}

/// The opening half from one library.
trait Open: Send {
    /// The length field in the clear.
    fn length(&self, sequence: u32, length: [u8; 4]) -> [u8; 4];

    /// Verifies the tag over length and body, then decrypts the body.
    fn decrypt(
        &self,
        sequence: u32,
        length_and_body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), CryptoError>;
}

struct Sealer<K> {
    key: Arc<K>,
    /// How many more packets may be sealed.
    left: u64,
    next: Option<u32>,
}

impl<K> Sealer<K> {
    fn new(key: K) -> Self {
        Sealer { key: Arc::new(key), left: PACKETS_PER_KEY, next: None }
    }

    /// Refuses nonces this key has used. The sequence number is the nonce and goes up by one a
    /// packet, so a number out of turn, or one packet too many, would repeat one.
    fn spend(&mut self, sequence: u32, count: u32) -> Result<(), CryptoError> {
        let left = self.left.checked_sub(u64::from(count));
        if self.next.is_some_and(|next| next != sequence) {
            return Err(CryptoError::NoncesExhausted);
        }
        self.left = left.ok_or(CryptoError::NoncesExhausted)?;
        self.next = Some(sequence.wrapping_add(count));
        Ok(())
    }
}

impl<K: Seal + 'static> PacketSeal for Sealer<K> {
    fn shape(&self) -> Shape {
        SHAPE
    }

    fn seal(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        SHAPE.split(packet)?;
        self.spend(sequence, 1)?;
        let (front, tag) =
            packet.split_last_chunk_mut::<TAG_BYTES>().ok_or(CryptoError::PacketShape)?;
        *tag = self.key.encrypt(sequence, front);
        Ok(())
    }

    fn seal_apart(
        &mut self,
        sequence: u32,
        count: u32,
    ) -> Option<Result<Box<dyn SealRun>, CryptoError>> {
        let key = Arc::clone(&self.key);
        Some(self.spend(sequence, count).map(|()| {
            let next = Some(sequence);
            Box::new(Sealer { key, left: u64::from(count), next }) as Box<dyn SealRun>
        }))
    }
}

impl<K: Seal + 'static> SealRun for Sealer<K> {
    fn seal_next(&mut self, packet: &mut [u8]) -> Result<(), CryptoError> {
        let sequence = self.next.ok_or(CryptoError::NoncesExhausted)?;
        self.seal(sequence, packet)
    }
}

struct Opener<K>(K);

impl<K: Open> PacketOpen for Opener<K> {
    fn shape(&self) -> Shape {
        SHAPE
    }

    fn header_bytes(&self) -> usize {
        4
    }

    fn packet_length(&mut self, sequence: u32, header: &[u8]) -> Result<u32, CryptoError> {
        let length = header.first_chunk().ok_or(CryptoError::PacketShape)?;
        Ok(u32::from_be_bytes(self.0.length(sequence, *length)))
    }

    fn open(&mut self, sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        SHAPE.split(packet)?;
        let (front, tag) =
            packet.split_last_chunk_mut::<TAG_BYTES>().ok_or(CryptoError::PacketShape)?;
        let opened = self.0.decrypt(sequence, front, tag);
        if opened.is_err() {
            // The tag is checked before anything is decrypted; the wipe keeps the promise the same
            // for every cipher.
            if let Some((_, body)) = front.split_first_chunk_mut::<4>() {
                body.fill(0);
            }
        }
        opened
    }
}

/// Long packets in one library, short ones in another.
#[cfg(feature = "aws-lc")]
struct BySize<L, S> {
    long: L,
    short: S,
}

#[cfg(feature = "aws-lc")]
impl<L: Seal, S: Seal> Seal for BySize<L, S> {
    fn encrypt(&self, sequence: u32, length_and_body: &mut [u8]) -> [u8; TAG_BYTES] {
        match length_and_body.len() < LONG_BYTES_MIN {
            true => self.short.encrypt(sequence, length_and_body),
            false => self.long.encrypt(sequence, length_and_body),
        }
    }
}

#[cfg(feature = "aws-lc")]
impl<L: Open, S: Open> Open for BySize<L, S> {
    fn length(&self, sequence: u32, length: [u8; 4]) -> [u8; 4] {
        self.short.length(sequence, length)
    }

    fn decrypt(
        &self,
        sequence: u32,
        length_and_body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), CryptoError> {
        match length_and_body.len() < LONG_BYTES_MIN {
            true => self.short.decrypt(sequence, length_and_body, tag),
            false => self.long.decrypt(sequence, length_and_body, tag),
        }
    }
}

struct Pure {
    body: Zeroizing<[u8; 32]>,
    length: Zeroizing<[u8; 32]>,
}

impl Pure {
    fn new(key: &[u8; KEY_BYTES]) -> Self {
        let mut pure = Pure { body: Zeroizing::new([0; 32]), length: Zeroizing::new([0; 32]) };
        let (body, length) = key.split_at(32);
        pure.body.copy_from_slice(body);
        pure.length.copy_from_slice(length);
        pure
    }

    /// The body's keystream behind its first block, which gave the Poly1305 key.
    fn body(&self, sequence: u32) -> (ChaCha20Legacy, Poly1305) {
        let mut body = stream(&self.body, sequence);
        let mut first = Zeroizing::new([0; STEP_BYTES]);
        body.apply_keystream(first.as_mut());
        let key = first.first_chunk::<32>().copied().map(Zeroizing::new).unwrap_or_default();
        body.seek(u32::from(BLOCK_BYTES));
        (body, Poly1305::new((&*key).into()))
    }

    /// Applies the length's keystream.
    fn length(&self, sequence: u32, length: &mut [u8]) {
        apply_to_rest(&mut stream(&self.length, sequence), length);
    }
}

/// The keystream of one packet; the sequence number is the nonce.
fn stream(key: &[u8; 32], sequence: u32) -> ChaCha20Legacy {
    ChaCha20Legacy::new(key.into(), &u64::from(sequence).to_be_bytes().into())
}

/// Encrypts or decrypts a body.
fn apply(stream: &mut ChaCha20Legacy, body: &mut [u8]) {
    let whole = body.len() - body.len() % STEP_BYTES;
    if let Some((whole, rest)) = body.split_at_mut_checked(whole) {
        stream.apply_keystream(whole);
        apply_to_rest(stream, rest);
    }
}

/// Applies the keystream to less than a step, a step at once.
fn apply_to_rest(stream: &mut ChaCha20Legacy, rest: &mut [u8]) {
    let mut step = [0; STEP_BYTES];
    if let Some(own) = step.get_mut(..rest.len()) {
        own.copy_from_slice(rest);
        stream.apply_keystream(&mut step);
        rest.copy_from_slice(step.get(..rest.len()).unwrap_or_default());
    }
}

impl Seal for Pure {
    fn encrypt(&self, sequence: u32, length_and_body: &mut [u8]) -> [u8; TAG_BYTES] {
        let (mut stream, poly) = self.body(sequence);
        if let Some((length, body)) = length_and_body.split_first_chunk_mut::<4>() {
            self.length(sequence, length);
            apply(&mut stream, body);
        }
        authenticate(poly, length_and_body)
    }
}

impl Open for Pure {
    fn length(&self, sequence: u32, mut length: [u8; 4]) -> [u8; 4] {
        Pure::length(self, sequence, &mut length);
        length
    }

    fn decrypt(
        &self,
        sequence: u32,
        length_and_body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), CryptoError> {
        let (mut stream, poly) = self.body(sequence);
        if !bool::from(authenticate(poly, length_and_body).ct_eq(tag)) {
            return Err(CryptoError::PacketTag);
        }
        if let Some((_, body)) = length_and_body.split_first_chunk_mut::<4>() {
            apply(&mut stream, body);
        }
        Ok(())
    }
}

/// Poly1305 over the bytes as they are, without the padding of RFC 8439.
fn authenticate(mut poly: Poly1305, message: &[u8]) -> [u8; TAG_BYTES] {
    let (blocks, rest) = poly1305::Block::slice_as_chunks(message);
    poly.update(blocks);
    poly.compute_unpadded(rest).into()
}

#[cfg(feature = "aws-lc")]
mod awslc {
    pub(super) use aws_lc_rs::aead::chacha20_poly1305_openssh::{OpeningKey, SealingKey};

    use super::{CryptoError, Open, Seal, TAG_BYTES};

    impl Seal for SealingKey {
        fn encrypt(&self, sequence: u32, length_and_body: &mut [u8]) -> [u8; TAG_BYTES] {
            let mut tag = [0; TAG_BYTES];
            self.seal_in_place(sequence, length_and_body, &mut tag);
            tag
        }
    }

    impl Open for OpeningKey {
        fn length(&self, sequence: u32, length: [u8; 4]) -> [u8; 4] {
            self.decrypt_packet_length(sequence, length)
        }

        fn decrypt(
            &self,
            sequence: u32,
            length_and_body: &mut [u8],
            tag: &[u8; TAG_BYTES],
        ) -> Result<(), CryptoError> {
            self.open_in_place(sequence, length_and_body, tag)
                .map(drop)
                .map_err(|_| CryptoError::PacketTag)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer() -> Sealer<Pure> {
        Sealer::new(Pure::new(&[3; KEY_BYTES]))
    }

    /// The sequence number is the nonce: one that has been used, or may have been, is refused.
    #[test]
    fn a_sequence_number_seals_once() {
        for wrong in [5, 4, 7, 0, u32::MAX] {
            let mut sealer = sealer();
            assert_eq!(sealer.seal(5, &mut [7; 28]), Ok(()));
            let mut packet = [7; 28];
            assert_eq!(sealer.seal(wrong, &mut packet), Err(CryptoError::NoncesExhausted));
            assert_eq!(packet, [7; 28], "nothing is sealed under a used nonce");
            assert_eq!(sealer.seal(6, &mut packet), Ok(()));
        }
    }

    /// Which library seals a packet cannot be seen from outside.
    #[test]
    fn every_size_is_sealed_alike_by_the_libraries_in_use() {
        let key = [9; KEY_BYTES];
        let mut seal = preferred_seal(&key, &[]).unwrap();
        let mut open = preferred_open(&key, &[]).unwrap();
        let mut alone = super::seal(Backend::PureRust, &key, &[]).unwrap();
        for (sequence, body) in (0..).zip([8, 64, 4064, 4072, 4080, 4088, 4096, 32 << 10]) {
            let length = u32::try_from(body).unwrap().to_be_bytes();
            let mut packet = [&length[..], &vec![7; body + TAG_BYTES]].concat();
            let mut expected = packet.clone();
            seal.seal(sequence, &mut packet).unwrap();
            alone.seal(sequence, &mut expected).unwrap();
            assert!(packet == expected, "{body}");
            assert_eq!(open.packet_length(sequence, &packet).map(u32::to_be_bytes), Ok(length));
            open.open(sequence, &mut packet).unwrap();
            assert_eq!(packet[4..4 + body], vec![7; body]);
        }
    }

    #[test]
    fn sequence_numbers_wrap_once() {
        let mut sealer = sealer();
        assert_eq!(sealer.seal(u32::MAX, &mut [7; 28]), Ok(()));
        assert_eq!(sealer.seal(0, &mut [7; 28]), Ok(()));
        sealer.left = 1;
        let apart = sealer.seal_apart(1, 2).unwrap();
        assert_eq!(apart.err(), Some(CryptoError::NoncesExhausted), "only one nonce is left");
        assert_eq!(sealer.seal(1, &mut [7; 28]), Ok(()));
        assert_eq!(sealer.seal(2, &mut [7; 28]), Err(CryptoError::NoncesExhausted));
    }
}
