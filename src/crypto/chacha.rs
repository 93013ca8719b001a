//! chacha20-poly1305@openssh.com (OpenSSH's PROTOCOL.chacha20poly1305).
//!
//! 64 bytes of key are two ChaCha20 keys: the first half, K_2, encrypts the body and makes the
//! Poly1305 key; the second, K_1, encrypts the length. The nonce is the sequence number.

#[cfg(feature = "aws-lc")]
mod awslc;
#[cfg(feature = "openssl")]
mod openssl;
mod pure;

use std::sync::Arc;

use subtle::ConstantTimeEq;

use super::limits::PACKETS_PER_KEY;
use super::{Backend, CryptoError, PacketOpen, PacketSeal, SealRun, Shape};
use pure::Pure;

const KEY_BYTES: usize = 64;
const TAG_BYTES: usize = 16;
const BLOCK_BYTES: u8 = 64;

pub(super) const SHAPE: Shape =
    Shape { block_bytes: 8, tag_bytes: TAG_BYTES, length_padded: false };

/// The libraries in this build that have it, whether or not OpenSSL offers it here.
pub(super) const BACKENDS: &[Backend] = &[
    #[cfg(feature = "openssl")]
    Backend::OpenSsl,
    #[cfg(feature = "aws-lc")]
    Backend::AwsLc,
    Backend::PureRust,
];

/// The backend that bulk is encrypted with. At 32 KiB the chacha20 and poly1305 crates seal 1.9
/// GB/s where they have AVX-512 code and the CPU runs it, and 1.0 to 1.1 elsewhere; aws-lc 1.1 to
/// 1.4 (Xeons, 2.5 GHz). OpenSSL, where it is built in, 3.0 and 1.7.
pub(super) fn backend() -> Backend {
    #[cfg(feature = "openssl")]
    if openssl::is_fastest() && openssl::offered() {
        return Backend::OpenSsl;
    }
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

/// The sealing half from the backend named.
///
/// # Errors
/// [`CryptoError::UnknownAlgorithm`] if OpenSSL was named and does not offer it.
pub(super) fn seal(
    backend: Backend,
    key: &[u8],
    iv: &[u8],
) -> Result<Box<dyn PacketSeal>, CryptoError> {
    let key = check(key, iv)?;
    Ok(match backend {
        #[cfg(feature = "openssl")]
        Backend::OpenSsl => Box::new(Sealer::new(openssl::OpenSsl::new(key)?)),
        #[cfg(feature = "aws-lc")]
        Backend::AwsLc => Box::new(Sealer::new(awslc::SealingKey::new(key))),
        _ => Box::new(Sealer::new(Pure::new(key))),
    })
}

/// The opening half from the backend named.
///
/// # Errors
/// As [`seal`].
pub(super) fn open(
    backend: Backend,
    key: &[u8],
    iv: &[u8],
) -> Result<Box<dyn PacketOpen>, CryptoError> {
    let key = check(key, iv)?;
    Ok(match backend {
        #[cfg(feature = "openssl")]
        Backend::OpenSsl => Box::new(Opener(openssl::OpenSsl::new(key)?)),
        #[cfg(feature = "aws-lc")]
        Backend::AwsLc => Box::new(Opener(awslc::OpeningKey::new(key))),
        _ => Box::new(Opener(Pure::new(key))),
    })
}

/// The sealing half in use: see [`backend`].
pub(super) fn preferred_seal(key: &[u8], iv: &[u8]) -> Result<Box<dyn PacketSeal>, CryptoError> {
    match backend() {
        #[cfg(all(feature = "openssl", feature = "aws-lc"))]
        Backend::OpenSsl => {
            let key = check(key, iv)?;
            let (long, short) = (openssl::OpenSsl::new(key)?, awslc::SealingKey::new(key));
            Ok(Box::new(Sealer::new(BySize { long, short, from: openssl::LONG_BYTES_MIN })))
        }
        #[cfg(feature = "aws-lc")]
        Backend::PureRust => {
            let key = check(key, iv)?;
            let (long, short) = (Pure::new(key), awslc::SealingKey::new(key));
            Ok(Box::new(Sealer::new(BySize { long, short, from: pure::LONG_BYTES_MIN })))
        }
        alone => seal(alone, key, iv),
    }
}

/// The opening half in use.
pub(super) fn preferred_open(key: &[u8], iv: &[u8]) -> Result<Box<dyn PacketOpen>, CryptoError> {
    match backend() {
        #[cfg(all(feature = "openssl", feature = "aws-lc"))]
        Backend::OpenSsl => {
            let key = check(key, iv)?;
            let (long, short) = (openssl::OpenSsl::new(key)?, awslc::OpeningKey::new(key));
            Ok(Box::new(Opener(BySize { long, short, from: openssl::LONG_BYTES_MIN })))
        }
        #[cfg(feature = "aws-lc")]
        Backend::PureRust => {
            let key = check(key, iv)?;
            let (long, short) = (Pure::new(key), awslc::OpeningKey::new(key));
            Ok(Box::new(Opener(BySize { long, short, from: pure::LONG_BYTES_MIN })))
        }
        alone => open(alone, key, iv),
    }
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
    ///
    /// # Errors
    /// [`CryptoError::Library`]; how much of the two is encrypted then, nobody can tell.
    fn encrypt(
        &self,
        sequence: u32,
        length_and_body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], CryptoError>;
}

/// The opening half from one library.
trait Open: Send {
    /// The length field in the clear.
    fn length(&self, sequence: u32, length: [u8; 4]) -> [u8; 4];

    /// Verifies the tag over length and body, then decrypts the body.
    ///
    /// # Errors
    /// [`CryptoError::PacketTag`]; [`CryptoError::Library`], with the body in whatever state.
    fn decrypt(
        &self,
        sequence: u32,
        length_and_body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), CryptoError>;
}

/// A library that has ChaCha20 and Poly1305 apart; what they make together stands here once.
trait Parts: Send + Sync {
    /// The keystream of one packet's body, behind its first block.
    type Stream;
    /// What the tag is made with; that first block keyed it.
    type Mac;

    /// Applies the length's keystream.
    fn apply_to_length(&self, sequence: u32, length: &mut [u8; 4]);

    fn body(&self, sequence: u32) -> Result<(Self::Stream, Self::Mac), CryptoError>;

    /// Encrypts or decrypts.
    fn apply(stream: &mut Self::Stream, bytes: &mut [u8]) -> Result<(), CryptoError>;

    /// Poly1305 over the bytes as they are, without the padding of RFC 8439.
    fn authenticate(&self, mac: Self::Mac, message: &[u8]) -> Result<[u8; TAG_BYTES], CryptoError>;
}

impl<P: Parts> Seal for P {
    fn encrypt(
        &self,
        sequence: u32,
        length_and_body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], CryptoError> {
        let (mut stream, mac) = self.body(sequence)?;
        if let Some((length, body)) = length_and_body.split_first_chunk_mut::<4>() {
            self.apply_to_length(sequence, length);
            P::apply(&mut stream, body)?;
        }
        self.authenticate(mac, length_and_body)
    }
}

impl<P: Parts> Open for P {
    fn length(&self, sequence: u32, mut length: [u8; 4]) -> [u8; 4] {
        self.apply_to_length(sequence, &mut length);
        length
    }

    fn decrypt(
        &self,
        sequence: u32,
        length_and_body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), CryptoError> {
        let (mut stream, mac) = self.body(sequence)?;
        if !bool::from(self.authenticate(mac, length_and_body)?.ct_eq(tag)) {
            return Err(CryptoError::PacketTag);
        }
        match length_and_body.split_first_chunk_mut::<4>() {
            Some((_, body)) => P::apply(&mut stream, body),
            None => Ok(()),
        }
    }
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
        let sealed = self.key.encrypt(sequence, front);
        match sealed {
            Ok(sealed) => *tag = sealed,
            // Some of it may be plaintext, and whoever overlooks the error must not send that.
            Err(_) => packet.fill(0),
        }
        sealed.map(drop)
    }

    fn seal_apart(
        &mut self,
        sequence: u32,
        packet_bytes: &[usize],
    ) -> Option<Result<Box<dyn SealRun>, CryptoError>> {
        let key = Arc::clone(&self.key);
        let count = u32::try_from(packet_bytes.len()).ok()?;
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
            // for every cipher, and for a library that fails half-way.
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
    /// The fewest bytes of length and body that are long.
    from: usize,
}

#[cfg(feature = "aws-lc")]
impl<L: Seal, S: Seal> Seal for BySize<L, S> {
    fn encrypt(
        &self,
        sequence: u32,
        length_and_body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], CryptoError> {
        match length_and_body.len() < self.from {
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
        match length_and_body.len() < self.from {
            true => self.short.decrypt(sequence, length_and_body, tag),
            false => self.long.decrypt(sequence, length_and_body, tag),
        }
    }
}

#[cfg(test)]
mod tests;
