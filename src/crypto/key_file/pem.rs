//! What OpenSSL writes: PKCS #8 (RFC 5958), PKCS #1 (RFC 8017) and SEC 1 (RFC 5915) in PEM.

use std::sync::Arc;

use pkcs8::der::asn1::{ObjectIdentifier, OctetStringRef};
use pkcs8::der::{Decode, SecretDocument};
use pkcs8::pkcs5::pbes2::Kdf;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use super::super::curve::Curve;
use super::super::limits::PBKDF2_ITERATIONS_MAX;
use super::super::{CryptoError, EcdsaSigner, Ed25519Signer, RsaSigner, Signer};
use super::{TOO_COSTLY, UNKNOWN_TYPE, check_memory_cost};

const DAMAGED: CryptoError = CryptoError::PrivateKey("a PEM file that does not decode");

/// RFC 8017 A.1, RFC 5480 2.1.1, RFC 8410 3.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// RFC 5480 2.1.1.1.
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

pub(super) fn read(text: &str, passphrase: Option<&str>) -> Result<Arc<dyn Signer>, CryptoError> {
    let (label, block) = private_block(text)?;
    if block.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(CryptoError::PrivateKey(
            "encrypted in the old PEM way, with an MD5 of the passphrase for a key; \
             ssh-keygen -p -f FILE writes it anew",
        ));
    }
    let (_, document) = SecretDocument::from_pem(block).map_err(|_| DAMAGED)?;
    match label {
        "PRIVATE KEY" => pkcs8(document.as_bytes()),
        "ENCRYPTED PRIVATE KEY" => {
            let passphrase = passphrase.ok_or(CryptoError::PassphraseNeeded)?;
            encrypted(document.as_bytes(), passphrase)
        }
        "RSA PRIVATE KEY" => pkcs1(document.as_bytes()),
        "EC PRIVATE KEY" => sec1(document.as_bytes(), None),
        _ => Err(UNKNOWN_TYPE),
    }
}

/// The first block that holds a private key: OpenSSL may put the curve's parameters in front.
fn private_block(text: &str) -> Result<(&str, &str), CryptoError> {
    const BEGIN: &str = "-----BEGIN ";
    let mut rest = text;
    while let Some((_, from_label)) = rest.split_once(BEGIN) {
        let (label, after) = from_label.split_once("-----").ok_or(DAMAGED)?;
        if label.ends_with("PRIVATE KEY") {
            let start = rest.len() - from_label.len() - BEGIN.len();
            let block = rest.get(start..).ok_or(DAMAGED)?;
            let end = format!("-----END {label}-----");
            let length = block.find(&end).ok_or(DAMAGED)? + end.len();
            return Ok((label, block.get(..length).ok_or(DAMAGED)?));
        }
        rest = after;
    }
    Err(CryptoError::PrivateKey("a PEM file without a private key"))
}

fn encrypted(der: &[u8], passphrase: &str) -> Result<Arc<dyn Signer>, CryptoError> {
    const NOT_PBES2: CryptoError = CryptoError::PrivateKey(
        "encrypted with a scheme older than PBES2, or damaged; \
         openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE writes it anew",
    );
    let info = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| NOT_PBES2)?;
    let scheme = info.encryption_algorithm.pbes2().ok_or(NOT_PBES2)?;
    match &scheme.kdf {
        Kdf::Pbkdf2(kdf) if kdf.iteration_count > PBKDF2_ITERATIONS_MAX => return Err(TOO_COSTLY),
        Kdf::Pbkdf2(_) => {}
        Kdf::Scrypt(kdf) => {
            // RFC 7914 2; the library panics at 0.
            if kdf.cost_parameter < 2 || !kdf.cost_parameter.is_power_of_two() {
                return Err(DAMAGED);
            }
            // 128 r N bytes, which each of the p passes fills and reads again, and 128 r p.
            let block = u64::from(kdf.block_size).saturating_mul(128);
            let passes = u64::from(kdf.parallelization);
            let blocks = kdf.cost_parameter.saturating_add(passes);
            let memory_kib = block.saturating_mul(blocks).div_ceil(1024);
            check_memory_cost(memory_kib, passes.saturating_mul(2))?;
        }
        _ => return Err(CryptoError::PrivateKey("encrypted with an unknown key derivation")),
    }
    let opened = info.decrypt(passphrase).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::DecryptFailed) => {
            CryptoError::PassphraseWrong
        }
        // With a wrong key, one padding in 256 looks right and what is inside is noise.
        pkcs8::Error::Asn1(_) => CryptoError::PassphraseWrong,
        _ => CryptoError::PrivateKey("encrypted with an algorithm that is not supported"),
    })?;
    pkcs8(opened.as_bytes()).map_err(|error| match error {
        DAMAGED => CryptoError::PassphraseWrong,
        error => error,
    })
}

fn pkcs8(der: &[u8]) -> Result<Arc<dyn Signer>, CryptoError> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| DAMAGED)?;
    let private = info.private_key.as_bytes();
    match info.algorithm.oid {
        RSA => pkcs1(private),
        EC => {
            let curve = info.algorithm.parameters_oid().map_err(|_| UNKNOWN_TYPE)?;
            sec1(private, Some(curve))
        }
        ED25519 => {
            let seed = <&OctetStringRef>::from_der(private).map_err(|_| DAMAGED)?;
            let seed = <[u8; 32]>::try_from(seed.as_bytes()).map_err(|_| DAMAGED)?;
            let seed = Zeroizing::new(seed);
            match info.public_key.and_then(|key| key.as_bytes()) {
                Some(public) => Ok(Arc::new(Ed25519Signer::from_halves(&*seed, public)?)),
                None => Ok(Arc::new(Ed25519Signer::from_seed(*seed))),
            }
        }
        _ => Err(UNKNOWN_TYPE),
    }
}

fn pkcs1(der: &[u8]) -> Result<Arc<dyn Signer>, CryptoError> {
    let key = ::pkcs1::RsaPrivateKeyRef::try_from(der).map_err(|_| DAMAGED)?;
    if key.other_prime_infos.is_some() {
        return Err(CryptoError::PrivateKey("an RSA key of more than two primes"));
    }
    let signer = RsaSigner::from_numbers(
        key.modulus.as_bytes(),
        key.public_exponent.as_bytes(),
        key.private_exponent.as_bytes(),
        [key.prime1.as_bytes(), key.prime2.as_bytes()],
    )?;
    Ok(Arc::new(signer))
}

/// `outer` is the curve PKCS #8 names around it; alone, the key must name one itself.
fn sec1(der: &[u8], outer: Option<ObjectIdentifier>) -> Result<Arc<dyn Signer>, CryptoError> {
    let key = EcPrivateKey::try_from(der).map_err(|_| DAMAGED)?;
    let inner = key.parameters.map(|EcParameters::NamedCurve(curve)| curve);
    if outer.is_some() && inner.is_some() && outer != inner {
        return Err(CryptoError::PrivateKey("names two curves"));
    }
    let curve = match outer.or(inner) {
        Some(P256) => Curve::P256,
        Some(P384) => Curve::P384,
        Some(P521) => Curve::P521,
        Some(_) => return Err(UNKNOWN_TYPE),
        None => return Err(CryptoError::PrivateKey("names no curve")),
    };
    Ok(Arc::new(match key.public_key {
        Some(public) => EcdsaSigner::from_halves(curve, key.private_key, public)?,
        None => EcdsaSigner::of_curve(curve, key.private_key)?,
    }))
}
