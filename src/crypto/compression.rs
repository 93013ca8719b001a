//! The table of compressions, and the two halves of one behind a trait each.
//!
//! Compression is not cryptography, but it is one more kind of algorithm that KEXINIT names. It is
//! never on unless the peer asks: most files are compressed already, and it costs several times
//! what the rest of a transfer does.

mod deflate;
#[cfg(test)]
mod tests;
#[cfg(feature = "zstd")]
mod zstd;

use super::{CryptoError, Preset};

/// A compression of the payloads sent in one direction (RFC 4253 6.2).
#[derive(Debug)]
#[non_exhaustive]
pub struct CompressionAlgorithm {
    /// The name in KEXINIT.
    pub name: &'static str,
    /// Whether it waits until the client is authenticated, so that nobody unknown reaches the
    /// expander (draft-miller-secsh-compression-delayed). Otherwise it starts with the keys.
    pub delayed: bool,
    /// The strictest preset that offers it; `None` where it has to be named.
    pub preset: Option<Preset>,
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    None,
    /// RFC 1950.
    Zlib,
    /// RFC 8878.
    #[cfg(feature = "zstd")]
    Zstd,
}

/// The sending half of a compression. One instance a key: a rekey makes a new one.
pub trait Compress: Send {
    /// Appends `payload` to `out`, compressed and flushed: the peer can expand all of it at once.
    ///
    /// # Errors
    /// [`CryptoError::Compression`] if the library fails.
    fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), CryptoError>;
}

/// The receiving half of a compression.
pub trait Expand: Send {
    /// Replaces what `out` holds by what `packet` expands to, at most `bytes_max` bytes; `out`
    /// never grows much past that. What does not end where a payload ends shows in the payload,
    /// which is cut short.
    ///
    /// # Errors
    /// [`CryptoError::Compression`] with what is wrong. The stream is of no more use then.
    fn expand(
        &mut self,
        packet: &[u8],
        out: &mut Vec<u8>,
        bytes_max: usize,
    ) -> Result<(), CryptoError>;
}

/// `none` comes first: a peer gets another one only by preferring it.
static COMPRESSIONS: &[CompressionAlgorithm] = &[
    CompressionAlgorithm {
        name: "none",
        delayed: false,
        preset: Some(Preset::Hardened),
        format: Format::None,
    },
    CompressionAlgorithm {
        name: "zlib@openssh.com",
        delayed: true,
        preset: Some(Preset::Default),
        format: Format::Zlib,
    },
    #[cfg(feature = "zstd")]
    CompressionAlgorithm {
        name: "zstd@ringferry",
        delayed: true,
        preset: Some(Preset::Default),
        format: Format::Zstd,
    },
    // Strangers reach its expander, so no preset has it.
    CompressionAlgorithm { name: "zlib", delayed: false, preset: None, format: Format::Zlib },
];

/// The compressions of this build, in order of preference.
pub fn compressions() -> &'static [CompressionAlgorithm] {
    COMPRESSIONS
}

/// The compression of this name.
pub fn compression(name: &str) -> Option<&'static CompressionAlgorithm> {
    COMPRESSIONS.iter().find(|compression| compression.name == name)
}

impl CompressionAlgorithm {
    /// A fresh sending half; `None` where payloads stay as they are.
    ///
    /// # Errors
    /// [`CryptoError::Compression`] if the library fails.
    pub fn compressor(&self) -> Result<Option<Box<dyn Compress>>, CryptoError> {
        Ok(match self.format {
            Format::None => None,
            Format::Zlib => Some(Box::new(deflate::Deflate::new())),
            #[cfg(feature = "zstd")]
            Format::Zstd => Some(Box::new(zstd::Compressor::new()?)),
        })
    }

    /// A fresh receiving half; `None` where payloads stay as they are.
    ///
    /// # Errors
    /// As [`compressor`](Self::compressor).
    pub fn expander(&self) -> Result<Option<Box<dyn Expand>>, CryptoError> {
        Ok(match self.format {
            Format::None => None,
            Format::Zlib => Some(Box::new(deflate::Inflate::new())),
            #[cfg(feature = "zstd")]
            Format::Zstd => Some(Box::new(zstd::Expander::new()?)),
        })
    }
}

/// Takes `count` bytes, which a library says it has read, off the front of `left`.
fn advance(left: &mut &[u8], count: u64) {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    *left = left.get(count..).unwrap_or_default();
}

/// Makes room in `out` for more of what a packet expands to.
///
/// # Errors
/// [`CryptoError::Compression`] once more than `bytes_max` bytes have come out.
fn make_room(out: &mut Vec<u8>, bytes_max: usize) -> Result<(), CryptoError> {
    if out.len() > bytes_max {
        return Err(CryptoError::Compression("it expands to more than a packet may hold"));
    }
    if out.len() == out.capacity() {
        // One byte more than may come tells a payload that fits from one that does not.
        let more = out.len().max(EXPANDED_BYTES_FIRST).min(bytes_max + 1 - out.len());
        out.reserve_exact(more);
    }
    Ok(())
}

/// What a packet's expansion starts with: most messages are far smaller.
const EXPANDED_BYTES_FIRST: usize = 4096;
