//! OpenSSH's files of ECDSA keys on nistp256 whose private number is short.
//!
//! The number is an mpint, and one key in 256 has one of fewer than 32 bytes. ssh-key (0.7.0-rc.11)
//! takes no file with less; this reads those that have no passphrase. Encrypted ones stay refused.

use pkcs8::der::pem::Base64Decoder;
use zeroize::Zeroizing;

use crate::crypto::blob::Blob;

const MAGIC: &[u8] = b"openssh-key-v1\0";
const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";
/// Bytes of a number on nistp256.
const NUMBER_BYTES: usize = 32;

/// The private number, filled up from the left, and the public point (PROTOCOL.key).
pub(super) fn read(text: &str) -> Option<(Zeroizing<[u8; NUMBER_BYTES]>, Vec<u8>)> {
    let body = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
    let lines: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    let mut decoder = Base64Decoder::new(lines.as_bytes()).ok()?;
    let mut bytes = Zeroizing::new(vec![0; decoder.remaining_len()]);
    decoder.decode(&mut bytes).ok()?;
    let mut file = Blob::new(bytes.strip_prefix(MAGIC)?);
    let (cipher, kdf, kdf_options) = (file.string()?, file.string()?, file.string()?);
    if (cipher, kdf, kdf_options) != (b"none", b"none", b"") || file.u32()? != 1 {
        return None;
    }
    file.string()?;
    let mut private = Blob::new(file.string()?);
    file.end()?;
    if private.u32()? != private.u32()?
        || private.string()? != b"ecdsa-sha2-nistp256"
        || private.string()? != b"nistp256"
    {
        return None;
    }
    let (point, digits) = (private.string()?, private.positive()?);
    let _comment = private.string()?;
    let mut number = Zeroizing::new([0; NUMBER_BYTES]);
    let at = NUMBER_BYTES.checked_sub(digits.len())?;
    number.get_mut(at..)?.copy_from_slice(digits);
    Some((number, point.to_vec()))
}
