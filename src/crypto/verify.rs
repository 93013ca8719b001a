//! Signature verification: users' keys on the server, host keys on the client.
//!
//! Keys and signatures are taken apart and bounded here, once, so a backend only ever sees values
//! of the right size.

#[cfg(feature = "aws-lc")]
mod awslc;
mod pure;
mod security_key;
#[cfg(test)]
mod tests;

use super::blob::{Blob, key_type_for_algorithm};
use super::curve::{Curve, ECDSA_P256, ECDSA_P384, ECDSA_P521, SCALAR_BYTES_MAX};
use super::limits::{
    BLOB_BYTES_MAX, RSA_AUTHORITY_BITS_MAX, RSA_BITS_MAX, RSA_BITS_MIN, RSA_EXPONENT_BITS_MAX,
};
use super::{Backend, CryptoError};

pub use security_key::Presence;
pub(super) use security_key::{SK_ECDSA_P256, SK_ED25519, is_security_key};

pub(super) const ED25519: &str = "ssh-ed25519";
pub(super) const RSA_SHA256: &str = "rsa-sha2-256";
pub(super) const RSA_SHA512: &str = "rsa-sha2-512";

/// The signature algorithms verified, in order of preference; what `server-sig-algs` announces.
pub fn signature_algorithms() -> &'static [&'static str] {
    &[
        ED25519,
        SK_ED25519,
        ECDSA_P256,
        ECDSA_P384,
        ECDSA_P521,
        SK_ECDSA_P256,
        RSA_SHA512,
        RSA_SHA256,
    ]
}

/// The backend in use for a signature algorithm.
pub(super) fn backend_for(_algorithm: &str) -> Backend {
    Backend::preferred()
}

/// Verifies `signature`, a whole SSH signature blob, over `data`. The blob must name `algorithm`,
/// and the key must be of the type that signs with it. Whether somebody touched a security key for
/// it does not matter here: [`verify_presence`] tells.
///
/// # Errors
/// [`CryptoError::UnknownAlgorithm`] for a name that is not in [`signature_algorithms`],
/// [`CryptoError::PublicKey`] and [`CryptoError::SignatureEncoding`] for what does not parse or
/// breaks a bound, [`CryptoError::Signature`] for a signature that does not verify.
pub fn verify(
    public_blob: &[u8],
    algorithm: &str,
    data: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    verify_with(backend_for(algorithm), public_blob, algorithm, data, signature)
}

/// As [`verify`], and tells what a security key says about its owner; `None` for other keys.
///
/// # Errors
/// As [`verify`].
pub fn verify_presence(
    public_blob: &[u8],
    algorithm: &str,
    data: &[u8],
    signature: &[u8],
) -> Result<Option<Presence>, CryptoError> {
    presence_with(backend_for(algorithm), public_blob, algorithm, data, signature)
}

fn presence_with(
    backend: Backend,
    public_blob: &[u8],
    algorithm: &str,
    data: &[u8],
    signature: &[u8],
) -> Result<Option<Presence>, CryptoError> {
    if !is_security_key(algorithm) {
        return verify_plain(backend, public_blob, algorithm, data, signature).map(|()| None);
    }
    let inside = security_key::inside(public_blob, algorithm, data, signature)?;
    let (key, data, signature) = (&inside.public_blob, &inside.data, &inside.signature);
    verify_plain(backend, key, inside.algorithm, data, signature)?;
    Ok(Some(inside.presence))
}

/// As [`verify`], with the backend named, for tests and benchmarks. RSA moduli over 8192 bits are
/// verified by the pure Rust backend in either case: aws-lc stops there.
///
/// # Errors
/// As [`verify`], and [`CryptoError::UnknownAlgorithm`] if the backend is not in this build.
pub fn verify_with(
    backend: Backend,
    public_blob: &[u8],
    algorithm: &str,
    data: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    presence_with(backend, public_blob, algorithm, data, signature).map(|_| ())
}

/// The signatures that a key on a disk makes.
fn verify_plain(
    backend: Backend,
    public_blob: &[u8],
    algorithm: &str,
    data: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    let backend = backend.require()?;
    let signature = signature_bytes(algorithm, signature)?;
    match algorithm {
        ED25519 => {
            let key = ed25519_key(public_blob)?;
            let signature = signature
                .try_into()
                .map_err(|_| CryptoError::SignatureEncoding("not 64 bytes long"))?;
            match backend {
                #[cfg(feature = "aws-lc")]
                Backend::AwsLc => awslc::ed25519(&key, data, signature),
                _ => pure::ed25519(&key, data, signature),
            }
        }
        ECDSA_P256 | ECDSA_P384 | ECDSA_P521 => {
            let curve = Curve::of_algorithm(algorithm).ok_or(CryptoError::UnknownAlgorithm)?;
            let point = ecdsa_point(curve, public_blob)?;
            let mut room = [0; 2 * SCALAR_BYTES_MAX];
            let signature = ecdsa_scalars(curve, signature, &mut room)?;
            match backend {
                #[cfg(feature = "aws-lc")]
                Backend::AwsLc => awslc::ecdsa(curve, point, data, signature),
                _ => pure::ecdsa(curve, point, data, signature),
            }
        }
        RSA_SHA256 | RSA_SHA512 => {
            let hash = if algorithm == RSA_SHA256 { RsaHash::Sha256 } else { RsaHash::Sha512 };
            let key = RsaKey::from_blob(public_blob)?;
            let signature = key.padded(signature)?;
            match backend {
                #[cfg(feature = "aws-lc")]
                Backend::AwsLc if key.bits() <= awslc::RSA_BITS_MAX => {
                    awslc::rsa(&key, hash, data, &signature)
                }
                _ => pure::rsa(&key, hash, data, &signature),
            }
        }
        _ => Err(CryptoError::UnknownAlgorithm),
    }
}

/// Refuses an RSA key of fewer than `rsa_bits_min` bits, as sshd's RequiredRSASize; keys of other
/// types have one size each and pass.
///
/// # Errors
/// [`CryptoError::RsaBits`] for such a key, [`CryptoError::PublicKey`] for one outside the bounds
/// that hold in any case, 2048 to 16384 bits, or one that does not parse.
pub fn check_key_size(public_blob: &[u8], rsa_bits_min: usize) -> Result<(), CryptoError> {
    if super::key_type_of(public_blob) != Some(key_type_for_algorithm(RSA_SHA256)) {
        return Ok(());
    }
    let bits = RsaKey::from_blob(public_blob)?.bits();
    if bits < rsa_bits_min {
        return Err(CryptoError::RsaBits { bits, bits_min: rsa_bits_min });
    }
    Ok(())
}

/// The same for the authority of a certificate, whose signature anybody can have verified without
/// holding any key: one that the fast backend does not take is refused.
pub(super) fn check_authority_size(
    public_blob: &[u8],
    rsa_bits_min: usize,
) -> Result<(), CryptoError> {
    check_key_size(public_blob, rsa_bits_min)?;
    if super::key_type_of(public_blob) == Some(key_type_for_algorithm(RSA_SHA256))
        && RsaKey::from_blob(public_blob)?.bits() > RSA_AUTHORITY_BITS_MAX
    {
        return Err(CryptoError::PublicKey("an authority's, and RSA of more than 8192 bits"));
    }
    Ok(())
}

/// The signature proper, out of a blob that must name `algorithm` (RFC 4253 6.6, RFC 8332 3).
fn signature_bytes<'a>(algorithm: &str, blob: &'a [u8]) -> Result<&'a [u8], CryptoError> {
    let mut fields = signature_fields(algorithm, blob)?;
    let signature = fields.string().ok_or(CryptoError::SignatureEncoding("cut short"))?;
    fields.end().ok_or(CryptoError::SignatureEncoding("bytes after the end"))?;
    Ok(signature)
}

/// What follows the name in a signature blob, which must be `algorithm`.
fn signature_fields<'a>(algorithm: &str, blob: &'a [u8]) -> Result<Blob<'a>, CryptoError> {
    if !signature_algorithms().contains(&algorithm) {
        return Err(CryptoError::UnknownAlgorithm);
    }
    if blob.len() > BLOB_BYTES_MAX {
        return Err(CryptoError::SignatureEncoding("too long"));
    }
    let mut blob = Blob::new(blob);
    let name = blob.string().ok_or(CryptoError::SignatureEncoding("cut short"))?;
    if name != algorithm.as_bytes() {
        return Err(CryptoError::SignatureEncoding("made with another algorithm"));
    }
    Ok(blob)
}

/// What follows the type name in a public key blob of the type that signs with `algorithm`.
fn key_fields<'a>(algorithm: &str, blob: &'a [u8]) -> Result<Blob<'a>, CryptoError> {
    if blob.len() > BLOB_BYTES_MAX {
        return Err(CryptoError::PublicKey("too long"));
    }
    let mut blob = Blob::new(blob);
    match blob.string() {
        Some(name) if name == key_type_for_algorithm(algorithm).as_bytes() => Ok(blob),
        Some(_) => Err(CryptoError::PublicKey("of another type than the algorithm")),
        None => Err(CryptoError::PublicKey("cut short")),
    }
}

/// The point of an ed25519 key (RFC 8709 4): on the curve, and not of low order, because such a key
/// has signatures that fit any message.
pub(super) fn ed25519_key(blob: &[u8]) -> Result<ed25519_dalek::VerifyingKey, CryptoError> {
    let mut fields = key_fields(ED25519, blob)?;
    let point = fields.string().ok_or(CryptoError::PublicKey("cut short"))?;
    fields.end().ok_or(CryptoError::PublicKey("bytes after the end"))?;
    let point = point.try_into().map_err(|_| CryptoError::PublicKey("not 32 bytes long"))?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(point)
        .map_err(|_| CryptoError::PublicKey("not a point of the curve"))?;
    if key.is_weak() {
        return Err(CryptoError::PublicKey("point of low order"));
    }
    Ok(key)
}

/// The uncompressed point of an ECDSA key (RFC 5656 3.1). Whether it is on the curve the backend
/// finds out.
fn ecdsa_point(curve: Curve, blob: &[u8]) -> Result<&[u8], CryptoError> {
    let mut fields = key_fields(curve.algorithm(), blob)?;
    let name = fields.string().ok_or(CryptoError::PublicKey("cut short"))?;
    let point = fields.string().ok_or(CryptoError::PublicKey("cut short"))?;
    fields.end().ok_or(CryptoError::PublicKey("bytes after the end"))?;
    if name != curve.name().as_bytes() {
        return Err(CryptoError::PublicKey("names another curve"));
    }
    let uncompressed = point.first() == Some(&4) && point.len() == 1 + 2 * curve.scalar_bytes();
    if uncompressed { Ok(point) } else { Err(CryptoError::PublicKey("not an uncompressed point")) }
}

/// The two numbers of an ECDSA signature (RFC 5656 3.1.2), each to the curve's own length.
fn ecdsa_scalars<'a>(
    curve: Curve,
    signature: &[u8],
    room: &'a mut [u8; 2 * SCALAR_BYTES_MAX],
) -> Result<&'a [u8], CryptoError> {
    let mut blob = Blob::new(signature);
    let bytes = curve.scalar_bytes();
    let out = room.get_mut(..2 * bytes).unwrap_or_default();
    for half in out.chunks_exact_mut(bytes) {
        let digits =
            blob.positive().ok_or(CryptoError::SignatureEncoding("not a positive number"))?;
        let start = half
            .len()
            .checked_sub(digits.len())
            .ok_or(CryptoError::SignatureEncoding("number longer than the curve's"))?;
        if let Some(half) = half.get_mut(start..) {
            half.copy_from_slice(digits);
        }
    }
    blob.end().ok_or(CryptoError::SignatureEncoding("bytes after the end"))?;
    Ok(out)
}

/// The hash inside an RSA signature.
#[derive(Clone, Copy)]
enum RsaHash {
    Sha256,
    Sha512,
}

/// An RSA public key (RFC 4253 6.6) within the bounds: most significant bytes first, no leading
/// zeros.
pub(super) struct RsaKey<'a> {
    modulus: &'a [u8],
    exponent: &'a [u8],
}

impl<'a> RsaKey<'a> {
    pub(super) fn from_blob(blob: &'a [u8]) -> Result<RsaKey<'a>, CryptoError> {
        const NUMBER: CryptoError = CryptoError::PublicKey("not a positive number");
        let mut fields = key_fields(RSA_SHA256, blob)?;
        let exponent = fields.positive().ok_or(NUMBER)?;
        let modulus = fields.positive().ok_or(NUMBER)?;
        fields.end().ok_or(CryptoError::PublicKey("bytes after the end"))?;
        let key = RsaKey { modulus, exponent };
        if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&key.bits()) {
            return Err(CryptoError::PublicKey("modulus outside 2048 to 16384 bits"));
        }
        let odd = |digits: &[u8]| digits.last().is_some_and(|byte| byte % 2 == 1);
        if !odd(modulus) || !odd(exponent) {
            return Err(CryptoError::PublicKey("even modulus or exponent"));
        }
        if exponent == [1] || bits(exponent) > RSA_EXPONENT_BITS_MAX {
            return Err(CryptoError::PublicKey("exponent outside 3 to 2^33"));
        }
        Ok(key)
    }

    pub(super) fn bits(&self) -> usize {
        bits(self.modulus)
    }

    /// The signature with the modulus's length. Some signers leave leading zeros out, against
    /// RFC 8332 3; OpenSSH lets them, so do we.
    fn padded(&self, signature: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let missing = self
            .modulus
            .len()
            .checked_sub(signature.len())
            .ok_or(CryptoError::SignatureEncoding("longer than the modulus"))?;
        let mut out = vec![0; missing];
        out.extend_from_slice(signature);
        Ok(out)
    }
}

/// Bits of a number without leading zero bytes.
fn bits(digits: &[u8]) -> usize {
    let top = digits.first().map_or(0, |byte| byte.leading_zeros() as usize);
    (digits.len() * 8).saturating_sub(top)
}
