//! Zstandard (RFC 8878), by the reference library: no Rust implementation compresses as well.
//!
//! A direction is one frame that never ends; each packet is a flush. The window is small, so that
//! what a connection costs is bounded, and the expander refuses a larger one.

use zstd::stream::raw::{CParameter, DParameter, Decoder, Encoder, InBuffer, Operation, OutBuffer};

use super::{Compress, CryptoError, Expand, advance, make_room};
use crate::crypto::limits::{ZSTD_LEVEL, ZSTD_WINDOW_LOG};

fn failed(_: std::io::Error) -> CryptoError {
    CryptoError::Compression("zstd failed")
}

pub(super) struct Compressor(Encoder<'static>);

impl Compressor {
    pub(super) fn new() -> Result<Self, CryptoError> {
        let mut encoder = Encoder::new(ZSTD_LEVEL).map_err(failed)?;
        encoder.set_parameter(CParameter::WindowLog(ZSTD_WINDOW_LOG)).map_err(failed)?;
        Ok(Self(encoder))
    }
}

impl Compress for Compressor {
    fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), CryptoError> {
        let mut left = payload;
        while !left.is_empty() {
            let mut input = InBuffer::around(left);
            self.0.run(&mut input, &mut room(out, left.len())).map_err(failed)?;
            let taken = input.pos() as u64;
            advance(&mut left, taken);
        }
        while self.0.flush(&mut room(out, FLUSH_BYTES)).map_err(failed)? > 0 {}
        Ok(())
    }
}

/// Room for a flush that has little to write; one with more comes again.
const FLUSH_BYTES: usize = 4096;

/// Where what comes out goes: behind what is in `out`, `more` bytes at least.
fn room(out: &mut Vec<u8>, more: usize) -> OutBuffer<'_, Vec<u8>> {
    out.reserve(more);
    let at = out.len();
    OutBuffer::around_pos(out, at)
}

pub(super) struct Expander(Decoder<'static>);

impl Expander {
    pub(super) fn new() -> Result<Self, CryptoError> {
        let mut decoder = Decoder::new().map_err(failed)?;
        decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG)).map_err(failed)?;
        Ok(Self(decoder))
    }
}

impl Expand for Expander {
    fn expand(
        &mut self,
        packet: &[u8],
        out: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<(), CryptoError> {
        out.clear();
        let mut left = packet;
        loop {
            make_room(out, bytes_max)?;
            let mut input = InBuffer::around(left);
            let at = out.len();
            let hint = self
                .0
                .run(&mut input, &mut OutBuffer::around_pos(out, at))
                .map_err(|_| CryptoError::Compression("it is no zstd frame that is taken"))?;
            let taken = input.pos() as u64;
            advance(&mut left, taken);
            if hint == 0 {
                return Err(CryptoError::Compression("the zstd frame ends"));
            }
            // Where room is left, nothing more comes out of what was taken in.
            if out.len() < out.capacity() && (left.is_empty() || taken == 0) {
                break;
            }
        }
        make_room(out, bytes_max)?;
        if left.is_empty() { Ok(()) } else { Err(CryptoError::Compression("zstd stopped")) }
    }
}
