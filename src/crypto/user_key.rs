//! A user's public key as he shows it: plain, or inside a certificate.

use super::curve::{ECDSA_P256, ECDSA_P384, ECDSA_P521};
use super::limits::KEY_ID_CHARS_MAX;
use super::verify::{ED25519, RSA_SHA256, RSA_SHA512, SK_ECDSA_P256, SK_ED25519};
use super::verify::{check_authority_size, check_key_size, is_security_key, verify_presence};
use super::{
    Certificate, CryptoError, Presence, fingerprint_sha256, key_type_for_algorithm, key_type_of,
    plain_algorithm,
};

pub(super) const SK_ED25519_CERTIFIED: &str = "sk-ssh-ed25519-cert-v01@openssh.com";
pub(super) const SK_ECDSA_P256_CERTIFIED: &str = "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com";

/// The algorithms a user may log in with, in order of preference: those of
/// [`signature_algorithms`](super::signature_algorithms), and with a certificate for the key.
pub fn user_key_algorithms() -> &'static [&'static str] {
    &[
        ED25519,
        SK_ED25519,
        ECDSA_P256,
        ECDSA_P384,
        ECDSA_P521,
        SK_ECDSA_P256,
        RSA_SHA512,
        RSA_SHA256,
        "ssh-ed25519-cert-v01@openssh.com",
        SK_ED25519_CERTIFIED,
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com",
        "ecdsa-sha2-nistp521-cert-v01@openssh.com",
        SK_ECDSA_P256_CERTIFIED,
        "rsa-sha2-512-cert-v01@openssh.com",
        "rsa-sha2-256-cert-v01@openssh.com",
    ]
}

/// What `server-sig-algs` announces where `taken` of [`user_key_algorithms`] are taken: the names
/// of signatures, each once. A signature of a certified key is named as the plain key's.
pub fn announced_signatures<'a>(taken: &[&'a str]) -> Vec<&'a str> {
    let mut names = Vec::new();
    for name in taken.iter().map(|name| plain_algorithm(name)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A key that fits an algorithm, and is large enough. Whether it may log in is not known here, nor
/// whether whoever shows it holds it.
#[derive(Debug)]
pub struct UserKey {
    /// Of the signature.
    algorithm: &'static str,
    key: Vec<u8>,
}

impl UserKey {
    /// Reads what is shown for `algorithm`, one of [`user_key_algorithms`]. Of a certificate the
    /// authority's signature is verified.
    ///
    /// # Errors
    /// [`CryptoError::UnknownAlgorithm`], and what is wrong with the key: another type than the
    /// algorithm's, an RSA key, the user's or the authority's, of fewer than `rsa_bits_min` bits, a
    /// certificate that does not hold together.
    pub fn read(algorithm: &str, blob: &[u8], rsa_bits_min: usize) -> Result<Self, CryptoError> {
        let known = user_key_algorithms().iter().find(|known| **known == algorithm);
        let algorithm = *known.ok_or(CryptoError::UnknownAlgorithm)?;
        if key_type_of(blob) != Some(key_type_for_algorithm(algorithm)) {
            return Err(CryptoError::PublicKey("of another type than the algorithm"));
        }
        let plain = plain_algorithm(algorithm);
        let key = if plain == algorithm {
            blob.to_vec()
        } else {
            let unverified = Certificate::unverified(blob)?;
            check_authority_size(unverified.authority_blob(), rsa_bits_min)?;
            let certificate = Certificate::from_blob(blob)?;
            certificate.key_blob().to_vec()
        };
        check_key_size(&key, rsa_bits_min)?;
        Ok(Self { algorithm: plain, key })
    }

    /// Verifies a signature of it over `data`. It must be made with the algorithm the key was shown
    /// for. A security key tells about its owner.
    ///
    /// # Errors
    /// As [`verify`](super::verify).
    pub fn verify(&self, data: &[u8], signature: &[u8]) -> Result<Option<Presence>, CryptoError> {
        verify_presence(&self.key, self.algorithm, data, signature)
    }
}

/// Whether a public key, not a certificate, is a security key's.
pub fn is_security_key_blob(public_blob: &[u8]) -> bool {
    key_type_of(public_blob).is_some_and(is_security_key)
}

/// A key as a log names it. Of a certificate it tells what that says, verified or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyLabel {
    /// Of the key itself, also where it comes in a certificate: `ssh-keygen -l` shows the same.
    pub fingerprint: String,
    /// Of a certificate: its key id, in quotes and without control characters, its serial number
    /// and the fingerprint of its authority.
    pub certificate: Option<String>,
}

impl KeyLabel {
    /// The label of what is shown.
    pub fn of(blob: &[u8]) -> Self {
        let certified = key_type_of(blob).is_some_and(|kind| plain_algorithm(kind) != kind);
        match certified.then(|| Certificate::unverified(blob)) {
            Some(Ok(certificate)) => Self::of_certificate(&certificate),
            _ => Self { fingerprint: fingerprint_sha256(blob), certificate: None },
        }
    }

    /// The label of a certificate.
    pub fn of_certificate(certificate: &Certificate) -> Self {
        let id: String = certificate.key_id().chars().take(KEY_ID_CHARS_MAX).collect();
        let authority = fingerprint_sha256(certificate.authority_blob());
        Self {
            fingerprint: fingerprint_sha256(certificate.key_blob()),
            certificate: Some(format!("{id:?} serial {} of {authority}", certificate.serial())),
        }
    }
}

impl std::fmt::Display for KeyLabel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.certificate {
            Some(certificate) => write!(f, "certificate {certificate} for {}", self.fingerprint),
            None => write!(f, "key {}", self.fingerprint),
        }
    }
}

#[cfg(test)]
mod tests;
