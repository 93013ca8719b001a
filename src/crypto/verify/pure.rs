//! Verification by the pure Rust crates.

use p256::ecdsa::signature::Verifier;
use rsa::{BoxedUint, Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest, Sha256, Sha512};

use super::{CryptoError, Curve, RSA_BITS_MAX, RSA_BITS_MIN, RsaHash, RsaKey};

pub(super) fn ed25519(
    key: &ed25519_dalek::VerifyingKey,
    data: &[u8],
    signature: &[u8; 64],
) -> Result<(), CryptoError> {
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    key.verify_strict(data, &signature).map_err(|_| CryptoError::Signature)
}

pub(super) fn ecdsa(
    curve: Curve,
    point: &[u8],
    data: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    macro_rules! verify {
        ($curve:ident) => {{
            let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes(point)
                .map_err(|_| CryptoError::PublicKey("not a point of the curve"))?;
            let signature = $curve::ecdsa::Signature::from_slice(signature)
                .map_err(|_| CryptoError::Signature)?;
            key.verify(data, &signature).map_err(|_| CryptoError::Signature)
        }};
    }
    match curve {
        Curve::P256 => verify!(p256),
        Curve::P384 => verify!(p384),
        Curve::P521 => verify!(p521),
    }
}

pub(super) fn rsa(
    key: &RsaKey<'_>,
    hash: RsaHash,
    data: &[u8],
    signature: &[u8],
) -> Result<(), CryptoError> {
    let modulus = BoxedUint::from_be_slice_vartime(key.modulus);
    let exponent = BoxedUint::from_be_slice_vartime(key.exponent);
    let key = RsaPublicKey::new_with_size_limits(modulus, exponent, RSA_BITS_MIN..=RSA_BITS_MAX)
        .map_err(|_| CryptoError::PublicKey("not an RSA key"))?;
    let verified = match hash {
        RsaHash::Sha256 => {
            key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(data), signature)
        }
        RsaHash::Sha512 => {
            key.verify(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(data), signature)
        }
    };
    verified.map_err(|_| CryptoError::Signature)
}
