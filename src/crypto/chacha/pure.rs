//! Both halves from the chacha20 and poly1305 crates.

use chacha20::ChaCha20Legacy;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit, UniversalHash};
use zeroize::Zeroizing;

use super::{BLOCK_BYTES, CryptoError, KEY_BYTES, Parts, TAG_BYTES};

/// Keystream is asked for in whole steps of four blocks: the chacha20 crate's AVX-512 code makes
/// four at once in a tenth of the time that it takes for a single one (0.10.2, whose code for one
/// block calls a function for each instruction). A packet needs three single blocks.
const STEP_BYTES: usize = 4 * BLOCK_BYTES as usize;

/// Shorter packets than this are sealed and opened by aws-lc, where both libraries are there: a
/// packet of 64 bytes takes it 0.8 us and the crates 2.8, most of it the preparation of Poly1305's
/// vectors; from here on the crates are as fast.
#[cfg(feature = "aws-lc")]
pub(super) const LONG_BYTES_MIN: usize = 4096;

pub(super) struct Pure {
    pub(super) body: Zeroizing<[u8; 32]>,
    length: Zeroizing<[u8; 32]>,
}

impl Pure {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Self {
        let mut pure = Pure { body: Zeroizing::new([0; 32]), length: Zeroizing::new([0; 32]) };
        let (body, length) = key.split_at(32);
        pure.body.copy_from_slice(body);
        pure.length.copy_from_slice(length);
        pure
    }

    /// Applies the length's keystream.
    pub(super) fn length(&self, sequence: u32, length: &mut [u8]) {
        apply_to_rest(&mut stream(&self.length, sequence), length);
    }
}

/// The keystream of one packet; the sequence number is the nonce.
fn stream(key: &[u8; 32], sequence: u32) -> ChaCha20Legacy {
    ChaCha20Legacy::new(key.into(), &u64::from(sequence).to_be_bytes().into())
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

impl Parts for Pure {
    type Stream = ChaCha20Legacy;
    type Mac = Poly1305;

    fn apply_to_length(&self, sequence: u32, length: &mut [u8; 4]) {
        self.length(sequence, length);
    }

    fn body(&self, sequence: u32) -> Result<(ChaCha20Legacy, Poly1305), CryptoError> {
        let mut body = stream(&self.body, sequence);
        let mut first = Zeroizing::new([0; STEP_BYTES]);
        body.apply_keystream(first.as_mut());
        let key = first.first_chunk::<32>().copied().map(Zeroizing::new).unwrap_or_default();
        body.seek(u32::from(BLOCK_BYTES));
        Ok((body, Poly1305::new((&*key).into())))
    }

    fn apply(stream: &mut ChaCha20Legacy, body: &mut [u8]) -> Result<(), CryptoError> {
        let whole = body.len() - body.len() % STEP_BYTES;
        if let Some((whole, rest)) = body.split_at_mut_checked(whole) {
            stream.apply_keystream(whole);
            apply_to_rest(stream, rest);
        }
        Ok(())
    }

    fn authenticate(
        &self,
        mut mac: Poly1305,
        message: &[u8],
    ) -> Result<[u8; TAG_BYTES], CryptoError> {
        let (blocks, rest) = poly1305::Block::slice_as_chunks(message);
        mac.update(blocks);
        Ok(mac.compute_unpadded(rest).into())
    }
}
