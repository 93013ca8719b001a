//! Verification by aws-lc-rs.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

use super::{CryptoError, Curve, RsaHash, RsaKey};

/// The largest RSA modulus aws-lc-rs verifies with.
pub(super) const RSA_BITS_MAX: usize = 8192;

pub(super) fn ed25519(
    key: &ed25519_dalek::VerifyingKey,
    data: &[u8],
    signature: &[u8; 64],
) -> Result<(), CryptoError> {
    UnparsedPublicKey::new(&ED25519, key.as_bytes())
        .verify(data, signature)
        .map_err(|_| CryptoError::Signature)
}

pub(super) fn ecdsa(
    curve: Curve,
    point: &[u8],
    data: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    let algorithm = match curve {
        Curve::P256 => &ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &ECDSA_P384_SHA384_FIXED,
        Curve::P521 => &ECDSA_P521_SHA512_FIXED,
    };
    let key = ParsedPublicKey::new(algorithm, point)
        .map_err(|_| CryptoError::PublicKey("not a point of the curve"))?;
    key.verify_sig(data, signature).map_err(|_| CryptoError::Signature)
}

pub(super) fn rsa(
    key: &RsaKey<'_>,
    hash: RsaHash,
    data: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    let parameters = match hash {
        RsaHash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        RsaHash::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
    };
    RsaPublicKeyComponents { n: key.modulus, e: key.exponent }
        .verify(parameters, data, signature)
        .map_err(|_| CryptoError::Signature)
}
