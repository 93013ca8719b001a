//! ECDSA keys on NIST's curves (RFC 5656).
//!
//! The pure Rust crates sign in either build: their nonce follows from key and data (RFC 6979).
//! aws-lc draws a random one, which would need a system call in the middle of the protocol core and
//! make no two runs alike.

use p256::ecdsa::signature::Signer as _;

use super::super::CryptoError;
use super::super::blob::{put_positive, put_string};
use super::super::curve::{Curve, ECDSA_P256, ECDSA_P384, ECDSA_P521};
use super::{HALVES_DIFFER, Signer};

/// An ECDSA key. The private half is wiped when dropped.
pub struct EcdsaSigner {
    key: Key,
    blob: Vec<u8>,
}

enum Key {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
}

impl EcdsaSigner {
    /// The key of this number, most significant byte first, for `algorithm`
    /// (`ecdsa-sha2-nistp256`...).
    ///
    /// # Errors
    /// [`CryptoError::UnknownAlgorithm`], or [`CryptoError::PrivateKey`] if the number is not
    /// within 1 and the order of the curve's group.
    pub fn from_scalar(algorithm: &str, scalar: &[u8]) -> Result<EcdsaSigner, CryptoError> {
        let curve = Curve::of_algorithm(algorithm).ok_or(CryptoError::UnknownAlgorithm)?;
        EcdsaSigner::of_curve(curve, scalar)
    }

    /// As [`EcdsaSigner::from_scalar`], where a file holds the public half too.
    pub(in crate::crypto) fn from_halves(
        curve: Curve,
        scalar: &[u8],
        point: &[u8],
    ) -> Result<EcdsaSigner, CryptoError> {
        let signer = EcdsaSigner::of_curve(curve, scalar)?;
        if signer.blob != blob_of(curve, point) {
            return Err(HALVES_DIFFER);
        }
        Ok(signer)
    }

    pub(in crate::crypto) fn of_curve(
        curve: Curve,
        scalar: &[u8],
    ) -> Result<EcdsaSigner, CryptoError> {
        const RANGE: CryptoError =
            CryptoError::PrivateKey("the private number is not within the group's order");
        // Some writers pad with zeros, some leave leading ones out.
        let leading = scalar.iter().take_while(|byte| **byte == 0).count();
        let digits = scalar.get(leading..).unwrap_or_default();
        let bytes = curve.scalar_bytes();
        let missing = bytes.checked_sub(digits.len()).ok_or(RANGE)?;
        let mut number = zeroize::Zeroizing::new(vec![0; bytes]);
        number.get_mut(missing..).unwrap_or_default().copy_from_slice(digits);
        macro_rules! make {
            ($curve:ident, $name:ident) => {{
                let key = $curve::ecdsa::SigningKey::from_slice(&number).map_err(|_| RANGE)?;
                let point = key.verifying_key().to_sec1_point(false);
                (blob_of(curve, point.as_bytes()), Key::$name(key))
            }};
        }
        let (blob, key) = match curve {
            Curve::P256 => make!(p256, P256),
            Curve::P384 => make!(p384, P384),
            Curve::P521 => make!(p521, P521),
        };
        Ok(EcdsaSigner { key, blob })
    }

    /// r and s, each of the curve's length.
    fn raw_signature(&self, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        const FAILED: CryptoError = CryptoError::PrivateKey("no signature could be made");
        macro_rules! sign {
            ($curve:ident, $key:expr) => {{
                let signature: $curve::ecdsa::Signature =
                    $key.try_sign(data).map_err(|_| FAILED)?;
                signature.to_bytes().to_vec()
            }};
        }
        Ok(match &self.key {
            Key::P256(key) => sign!(p256, key),
            Key::P384(key) => sign!(p384, key),
            Key::P521(key) => sign!(p521, key),
        })
    }

    const fn curve(&self) -> Curve {
        match self.key {
            Key::P256(_) => Curve::P256,
            Key::P384(_) => Curve::P384,
            Key::P521(_) => Curve::P521,
        }
    }
}

/// RFC 5656 3.1.
fn blob_of(curve: Curve, point: &[u8]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(48 + point.len());
    put_string(&mut blob, curve.algorithm().as_bytes());
    put_string(&mut blob, curve.name().as_bytes());
    put_string(&mut blob, point);
    blob
}

impl Signer for EcdsaSigner {
    fn algorithms(&self) -> &'static [&'static str] {
        match self.curve() {
            Curve::P256 => &[ECDSA_P256],
            Curve::P384 => &[ECDSA_P384],
            Curve::P521 => &[ECDSA_P521],
        }
    }

    fn public_blob(&self) -> &[u8] {
        &self.blob
    }

    fn sign(&self, algorithm: &str, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let curve = self.curve();
        if algorithm != curve.algorithm() {
            return Err(CryptoError::UnknownAlgorithm);
        }
        let raw = self.raw_signature(data)?;
        let (r, s) = raw.split_at_checked(curve.scalar_bytes()).unwrap_or_default();
        let mut numbers = Vec::with_capacity(raw.len() + 10);
        put_positive(&mut numbers, r);
        put_positive(&mut numbers, s);
        let mut out = Vec::with_capacity(numbers.len() + 27);
        put_string(&mut out, algorithm.as_bytes());
        put_string(&mut out, &numbers);
        Ok(out)
    }
}

impl std::fmt::Debug for EcdsaSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EcdsaSigner({})", crate::crypto::fingerprint_sha256(&self.blob))
    }
}
