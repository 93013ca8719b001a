//! aes128-gcm@openssh.com and aes256-gcm@openssh.com (RFC 5647 as OpenSSH speaks it).
//!
//! The length stays in the clear and is the associated data; the nonce is 4 fixed bytes and an
//! 8-byte counter that starts where the key derivation put it and goes up by one a packet.

use std::sync::Arc;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes128Gcm, Aes256Gcm, KeyInit};

use super::limits::PACKETS_PER_KEY;
use super::packet::clear_length;
use super::{Backend, CryptoError, PacketOpen, PacketSeal, SealRun, Shape};

const TAG_BYTES: usize = 16;

pub(super) const SHAPE: Shape =
    Shape { block_bytes: 16, tag_bytes: TAG_BYTES, length_padded: false };

pub(super) fn seal(
    backend: Backend,
    key: &[u8],
    iv: &[u8],
) -> Result<Box<dyn PacketSeal>, CryptoError> {
    let nonces = Nonces::new(iv)?;
    Ok(match (backend, key.len()) {
        #[cfg(feature = "aws-lc")]
        (Backend::AwsLc, _) => Box::new(Gcm::new(awslc::key(key)?, nonces)),
        (_, 16) => Box::new(Gcm::new(pure::<Aes128Gcm>(key)?, nonces)),
        (_, 32) => Box::new(Gcm::new(pure::<Aes256Gcm>(key)?, nonces)),
        _ => return Err(CryptoError::KeyLength),
    })
}

pub(super) fn open(
    backend: Backend,
    key: &[u8],
    iv: &[u8],
) -> Result<Box<dyn PacketOpen>, CryptoError> {
    let nonces = Nonces::new(iv)?;
    Ok(match (backend, key.len()) {
        #[cfg(feature = "aws-lc")]
        (Backend::AwsLc, _) => Box::new(Gcm::new(awslc::key(key)?, nonces)),
        (_, 16) => Box::new(Gcm::new(pure::<Aes128Gcm>(key)?, nonces)),
        (_, 32) => Box::new(Gcm::new(pure::<Aes256Gcm>(key)?, nonces)),
        _ => return Err(CryptoError::KeyLength),
    })
}

/// The nonces of one key, each handed out once.
struct Nonces {
    fixed: [u8; 4],
    first: u64,
    used: u64,
    /// `used` stays below it.
    end: u64,
}

impl Nonces {
    fn new(iv: &[u8]) -> Result<Nonces, CryptoError> {
        let (fixed, counter) = iv.split_first_chunk().ok_or(CryptoError::KeyLength)?;
        let counter: [u8; 8] = counter.try_into().map_err(|_| CryptoError::KeyLength)?;
        Ok(Nonces {
            fixed: *fixed,
            first: u64::from_be_bytes(counter),
            used: 0,
            end: PACKETS_PER_KEY,
        })
    }

    /// The derived start may lie anywhere, so the counter itself wraps; what may not wrap is the
    /// number of nonces used.
    fn next(&mut self) -> Result<[u8; 12], CryptoError> {
        if self.used >= self.end {
            return Err(CryptoError::NoncesExhausted);
        }
        let counter = self.first.wrapping_add(self.used);
        self.used += 1;
        let mut nonce = [0; 12];
        let (fixed, rest) = nonce.split_at_mut(4);
        fixed.copy_from_slice(&self.fixed);
        rest.copy_from_slice(&counter.to_be_bytes());
        Ok(nonce)
    }

    /// Splits the next `count` off.
    fn split_off(&mut self, count: usize) -> Result<Nonces, CryptoError> {
        let end = self.used + count as u64;
        if end > self.end {
            return Err(CryptoError::NoncesExhausted);
        }
        let used = std::mem::replace(&mut self.used, end);
        Ok(Nonces { used, end, ..*self })
    }
}

/// AES-GCM from one library.
trait GcmKey: Send + Sync {
    /// Encrypts `body` in place and returns the tag.
    fn encrypt(
        &self,
        nonce: [u8; 12],
        length: [u8; 4],
        body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], CryptoError>;

    /// Decrypts `body` in place if the tag verifies. What `body` holds after an error is undefined.
    fn decrypt(
        &self,
        nonce: [u8; 12],
        length: [u8; 4],
        body: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError>;
}

struct Gcm<K> {
    key: Arc<K>,
    nonces: Nonces,
}

impl<K> Gcm<K> {
    fn new(key: K, nonces: Nonces) -> Self {
        Self { key: Arc::new(key), nonces }
    }
}

impl<K: GcmKey + 'static> PacketSeal for Gcm<K> {
    fn shape(&self) -> Shape {
        SHAPE
    }

    fn seal(&mut self, _sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        self.seal_next(packet)
    }

    fn seal_apart(
        &mut self,
        _sequence: u32,
        packet_bytes: &[usize],
    ) -> Option<Result<Box<dyn SealRun>, CryptoError>> {
        let nonces = self.nonces.split_off(packet_bytes.len());
        let key = Arc::clone(&self.key);
        Some(nonces.map(|nonces| Box::new(Self { key, nonces }) as Box<dyn SealRun>))
    }
}

impl<K: GcmKey> SealRun for Gcm<K> {
    fn seal_next(&mut self, packet: &mut [u8]) -> Result<(), CryptoError> {
        let parts = SHAPE.split(packet)?;
        let tag = self.key.encrypt(self.nonces.next()?, *parts.length, parts.body)?;
        parts.tag.copy_from_slice(&tag);
        Ok(())
    }
}

impl<K: GcmKey> PacketOpen for Gcm<K> {
    fn shape(&self) -> Shape {
        SHAPE
    }

    fn header_bytes(&self) -> usize {
        4
    }

    fn packet_length(&mut self, _sequence: u32, header: &[u8]) -> Result<u32, CryptoError> {
        clear_length(header)
    }

    fn open(&mut self, _sequence: u32, packet: &mut [u8]) -> Result<(), CryptoError> {
        let parts = SHAPE.split(packet)?;
        let nonce = self.nonces.next()?;
        let opened = self.key.decrypt(nonce, *parts.length, parts.body, parts.tag);
        if opened.is_err() {
            parts.body.fill(0);
        }
        opened
    }
}

struct Pure<C>(C);

fn pure<C: KeyInit>(key: &[u8]) -> Result<Pure<C>, CryptoError> {
    C::new_from_slice(key).map(Pure).map_err(|_| CryptoError::KeyLength)
}

impl<C> GcmKey for Pure<C>
where
    C: AeadInOut<NonceSize = aes_gcm::aead::consts::U12, TagSize = aes_gcm::aead::consts::U16>
        + Send
        + Sync,
{
    fn encrypt(
        &self,
        nonce: [u8; 12],
        length: [u8; 4],
        body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], CryptoError> {
        self.0
            .encrypt_inout_detached(&nonce.into(), &length, InOutBuf::from(body))
            .map(Into::into)
            .map_err(|_| CryptoError::PacketShape)
    }

    fn decrypt(
        &self,
        nonce: [u8; 12],
        length: [u8; 4],
        body: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        let tag: [u8; TAG_BYTES] = tag.try_into().map_err(|_| CryptoError::PacketShape)?;
        self.0
            .decrypt_inout_detached(&nonce.into(), &length, InOutBuf::from(body), &tag.into())
            .map_err(|_| CryptoError::PacketTag)
    }
}

#[cfg(feature = "aws-lc")]
mod awslc {
    use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

    use super::{CryptoError, GcmKey, TAG_BYTES};

    pub(super) fn key(key: &[u8]) -> Result<LessSafeKey, CryptoError> {
        let algorithm = match key.len() {
            16 => &AES_128_GCM,
            32 => &AES_256_GCM,
            _ => return Err(CryptoError::KeyLength),
        };
        let key = UnboundKey::new(algorithm, key).map_err(|_| CryptoError::KeyLength)?;
        Ok(LessSafeKey::new(key))
    }

    impl GcmKey for LessSafeKey {
        fn encrypt(
            &self,
            nonce: [u8; 12],
            length: [u8; 4],
            body: &mut [u8],
        ) -> Result<[u8; TAG_BYTES], CryptoError> {
            let nonce = Nonce::assume_unique_for_key(nonce);
            let mut out = [0; TAG_BYTES];
            self.seal_in_place_scatter(nonce, Aad::from(length), body, &[], &mut out)
                .map_err(|_| CryptoError::PacketShape)?;
            Ok(out)
        }

        fn decrypt(
            &self,
            nonce: [u8; 12],
            length: [u8; 4],
            body: &mut [u8],
            tag: &[u8],
        ) -> Result<(), CryptoError> {
            let nonce = Nonce::assume_unique_for_key(nonce);
            self.open_in_place_separate_tag(nonce, Aad::from(length), tag, body)
                .map(drop)
                .map_err(|_| CryptoError::PacketTag)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonces(counter: u64) -> Nonces {
        let iv = [&[1, 2, 3, 4], &counter.to_be_bytes()[..]].concat();
        Nonces::new(&iv).unwrap()
    }

    #[test]
    fn the_counter_goes_up_by_one_and_round() {
        let mut nonces = nonces(u64::MAX);
        assert_eq!(nonces.next(), Ok([1, 2, 3, 4, 255, 255, 255, 255, 255, 255, 255, 255]));
        assert_eq!(nonces.next(), Ok([1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(nonces.next(), Ok([1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 1]));
    }

    /// After the last nonce nothing is sealed or opened any more, for good.
    #[test]
    fn nonces_run_out_closed() {
        let mut gcm = Gcm::new(pure::<Aes128Gcm>(&[0; 16]).unwrap(), nonces(0));
        gcm.nonces.used = PACKETS_PER_KEY - 1;
        assert_eq!(gcm.seal(0, &mut [7; 36]), Ok(()));
        for _ in 0..2 {
            let mut packet = [7; 36];
            assert_eq!(gcm.seal(0, &mut packet), Err(CryptoError::NoncesExhausted));
            assert_eq!(gcm.open(0, &mut packet), Err(CryptoError::NoncesExhausted));
            assert_eq!(packet, [7; 36], "nothing is sealed under a used nonce");
            let apart = gcm.seal_apart(0, &[36]).unwrap();
            assert_eq!(apart.err(), Some(CryptoError::NoncesExhausted));
        }
    }
}
