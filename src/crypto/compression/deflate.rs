//! zlib's format (RFC 1950, RFC 1951), by zlib-rs through flate2.
//!
//! zlib-rs of the libraries behind flate2, since it is memory safe, knows the partial flush that
//! RFC 4253 asks for (miniz_oxide makes it a full sync of five bytes), and is the fastest of the
//! two by far.

use flate2::{Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{Compress, CryptoError, Expand, advance, make_room};
use crate::crypto::limits::DEFLATE_LEVEL;

pub(super) struct Deflate(flate2::Compress);

impl Deflate {
    pub(super) fn new() -> Self {
        Self(flate2::Compress::new(Compression::new(DEFLATE_LEVEL), true))
    }
}

/// More than a flush adds, so that none is written twice for want of room.
const FLUSH_BYTES: usize = 64;

impl Compress for Deflate {
    fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), CryptoError> {
        let mut left = payload;
        loop {
            out.reserve(left.len() + FLUSH_BYTES);
            let before = self.0.total_in();
            let failed = |_| CryptoError::Compression("deflate failed");
            self.0.compress_vec(left, out, FlushCompress::Partial).map_err(failed)?;
            advance(&mut left, self.0.total_in() - before);
            // Where room is left, nothing waits to be written any more.
            if out.len() < out.capacity() {
                break;
            }
        }
        if left.is_empty() { Ok(()) } else { Err(CryptoError::Compression("deflate stopped")) }
    }
}

pub(super) struct Inflate(Decompress);

impl Inflate {
    pub(super) fn new() -> Self {
        Self(Decompress::new(true))
    }
}

impl Expand for Inflate {
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
            let before = self.0.total_in();
            let status =
                self.0.decompress_vec(left, out, FlushDecompress::Sync).map_err(|error| {
                    CryptoError::Compression(match error.needs_dictionary() {
                        Some(_) => "it asks for a preset dictionary",
                        None => "it is no zlib stream",
                    })
                })?;
            advance(&mut left, self.0.total_in() - before);
            if status == Status::StreamEnd {
                return Err(CryptoError::Compression("the zlib stream ends"));
            }
            // Where room is left, nothing more comes out.
            if out.len() < out.capacity() {
                break;
            }
        }
        // Room that an earlier payload needed may be more than this one may have.
        make_room(out, bytes_max)?;
        if left.is_empty() { Ok(()) } else { Err(CryptoError::Compression("inflate stopped")) }
    }
}
