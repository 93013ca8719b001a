//! Private key files: OpenSSH's own format, PKCS #8, PKCS #1 and SEC 1 in PEM, and PuTTY's PPK,
//! plain or protected by a passphrase.
//!
//! What a passphrase costs to try is in the file, so it is bounded before any work is done. The
//! numbers are bounded and checked against each other where the signers are made.

mod pem;
mod ppk;
mod short;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ssh_key::private::{EcdsaKeypair, KeypairData, PrivateKey};
use ssh_key::{Cipher, Kdf, Mpint};

use super::curve::Curve;
use super::limits::{
    BCRYPT_ROUNDS_MAX, KDF_MEMORY_KIB_MAX, KDF_WORK_KIB_MAX, PRIVATE_KEY_TEXT_MAX,
};
use super::{CryptoError, EcdsaSigner, Ed25519Signer, RsaSigner, Signer};

const UNKNOWN_TYPE: CryptoError =
    CryptoError::PrivateKey("neither an Ed25519, an ECDSA (NIST curves) nor an RSA key");
const TOO_COSTLY: CryptoError =
    CryptoError::PrivateKey("its passphrase takes more time or memory to try than is allowed");

/// Reads a private key file of any of the formats above. `passphrase` is used only if the file is
/// encrypted. The formats with an MD5 of the passphrase for a key (`Proc-Type: 4,ENCRYPTED`) are
/// refused.
///
/// # Errors
/// [`CryptoError::PassphraseNeeded`] and [`CryptoError::PassphraseWrong`] for encrypted files;
/// [`CryptoError::PrivateKey`] and [`CryptoError::PublicKey`] if the text is no such file, if the
/// key is of another type or size than we sign with, or if its halves do not belong together.
pub fn read_private_key(
    text: &str,
    passphrase: Option<&str>,
) -> Result<Arc<dyn Signer>, CryptoError> {
    if text.len() > PRIVATE_KEY_TEXT_MAX {
        return Err(CryptoError::PrivateKey("file too long"));
    }
    let text = text.trim_start();
    if text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----") {
        openssh(text, passphrase)
    } else if text.starts_with("PuTTY-User-Key-File-") {
        ppk::read(text, passphrase)
    } else if text.contains("-----BEGIN ") {
        pem::read(text, passphrase)
    } else {
        Err(CryptoError::PrivateKey("not a private key file"))
    }
}

/// OpenSSH's format (its PROTOCOL.key).
fn openssh(text: &str, passphrase: Option<&str>) -> Result<Arc<dyn Signer>, CryptoError> {
    let damaged = |error| match error {
        ssh_key::Error::AlgorithmUnknown | ssh_key::Error::AlgorithmUnsupported { .. } => {
            UNKNOWN_TYPE
        }
        _ => CryptoError::PrivateKey("not an OpenSSH private key file"),
    };
    let mut key = match PrivateKey::from_openssh(text) {
        Ok(key) => key,
        Err(error) => {
            let (private, public) = short::read(text).ok_or_else(|| damaged(error))?;
            return Ok(Arc::new(EcdsaSigner::from_halves(Curve::P256, &*private, &public)?));
        }
    };
    if key.is_encrypted() {
        let passphrase = passphrase.ok_or(CryptoError::PassphraseNeeded)?;
        if matches!(key.kdf(), Kdf::Bcrypt { rounds, .. } if *rounds > BCRYPT_ROUNDS_MAX) {
            return Err(TOO_COSTLY);
        }
        if key.cipher() == Cipher::TdesCbc {
            return Err(CryptoError::PrivateKey("encrypted with 3DES, which is not supported"));
        }
        key = key.decrypt(passphrase).map_err(|_| CryptoError::PassphraseWrong)?;
    }
    match key.key_data() {
        KeypairData::Ed25519(pair) => {
            let seed = zeroize::Zeroizing::new(pair.private.to_bytes());
            Ok(Arc::new(Ed25519Signer::from_halves(&*seed, &pair.public.0)?))
        }
        KeypairData::Ecdsa(pair) => {
            let (curve, private, public) = match pair {
                EcdsaKeypair::NistP256 { private, public } => {
                    (Curve::P256, private.as_slice(), public.as_bytes())
                }
                EcdsaKeypair::NistP384 { private, public } => {
                    (Curve::P384, private.as_slice(), public.as_bytes())
                }
                EcdsaKeypair::NistP521 { private, public } => {
                    (Curve::P521, private.as_slice(), public.as_bytes())
                }
            };
            Ok(Arc::new(EcdsaSigner::from_halves(curve, private, public)?))
        }
        KeypairData::Rsa(pair) => {
            let (public, private) = (pair.public(), pair.private());
            let number = |number: &Mpint| number.as_positive_bytes().map(<[u8]>::to_vec);
            let bad = CryptoError::PrivateKey("not a positive number");
            let [n, e] = [public.n(), public.e()].map(number);
            let [d, p, q] = [private.d(), private.p(), private.q()]
                .map(|secret| number(secret).map(zeroize::Zeroizing::new));
            let (d, p, q) = (d.ok_or(bad)?, p.ok_or(bad)?, q.ok_or(bad)?);
            let signer = RsaSigner::from_numbers(&n.ok_or(bad)?, &e.ok_or(bad)?, &d, [&*p, &*q])?;
            Ok(Arc::new(signer))
        }
        _ => Err(UNKNOWN_TYPE),
    }
}

/// Refuses what scrypt or Argon2 would take too much memory or time for.
fn check_memory_cost(memory_kib: u64, passes: u64) -> Result<(), CryptoError> {
    let work = memory_kib.saturating_mul(passes);
    if memory_kib > KDF_MEMORY_KIB_MAX || work > KDF_WORK_KIB_MAX {
        return Err(TOO_COSTLY);
    }
    Ok(())
}

/// The numbers of a PKCS #1 file: n, e, d, p, q.
#[cfg(test)]
pub(super) fn rsa_numbers(text: &str) -> [Vec<u8>; 5] {
    use pkcs8::der::{Decode, SecretDocument};
    let (_, document) = SecretDocument::from_pem(text).unwrap();
    let key = ::pkcs1::RsaPrivateKeyRef::from_der(document.as_bytes()).unwrap();
    let numbers = [key.modulus, key.public_exponent, key.private_exponent, key.prime1, key.prime2];
    numbers.map(|number| number.as_bytes().to_vec())
}
