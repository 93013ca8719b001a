//! Private keys: signing.
//!
//! Every signature follows from key and data alone: Ed25519 and RSA (PKCS #1 v1.5) have no random
//! part, and ECDSA takes its nonce from RFC 6979. A connection can be replayed bit by bit, and no
//! weak random source can give a key away (CVE-2024-31497).

mod certified;
mod ecdsa;
mod ed25519;
mod rsa;
#[cfg(test)]
mod tests;

pub use certified::CertifiedSigner;
pub use ecdsa::EcdsaSigner;
pub use ed25519::Ed25519Signer;
pub use rsa::RsaSigner;

use super::CryptoError;
use super::curve::{ECDSA_P256, ECDSA_P384, ECDSA_P521};
use super::user_key::{SK_ECDSA_P256_CERTIFIED, SK_ED25519_CERTIFIED};
use super::verify::{ED25519, RSA_SHA256, RSA_SHA512, SK_ECDSA_P256, SK_ED25519};

pub(super) const HALVES_DIFFER: CryptoError =
    CryptoError::PrivateKey("public and private half differ");

/// The host key algorithms we can sign with and verify as a client, in order of preference. The
/// certificates come last: a client puts them first if it trusts an authority for the server, as
/// OpenSSH's does, and the client's order is the one that counts. With one of them in front no
/// guess of the first message could be right at a server without certificates.
pub fn host_key_algorithms() -> &'static [&'static str] {
    &[
        ED25519,
        ECDSA_P256,
        ECDSA_P384,
        ECDSA_P521,
        RSA_SHA512,
        RSA_SHA256,
        "ssh-ed25519-cert-v01@openssh.com",
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com",
        "ecdsa-sha2-nistp521-cert-v01@openssh.com",
        "rsa-sha2-512-cert-v01@openssh.com",
        "rsa-sha2-256-cert-v01@openssh.com",
    ]
}

/// The signature algorithm inside a host key's or a user's algorithm: that of the certified key for
/// one of a certificate, else the name itself. It works for types of keys too.
pub fn plain_algorithm(algorithm: &str) -> &str {
    match algorithm {
        SK_ED25519_CERTIFIED => SK_ED25519,
        SK_ECDSA_P256_CERTIFIED => SK_ECDSA_P256,
        other => other.strip_suffix("-cert-v01@openssh.com").unwrap_or(other),
    }
}

/// A key that signs: a host key, or a user's in the client.
pub trait Signer: Send + Sync {
    /// The signature algorithms, in order of preference.
    fn algorithms(&self) -> &'static [&'static str];

    /// The public key in its wire encoding.
    fn public_blob(&self) -> &[u8];

    /// Signs, and gives the whole SSH signature blob: string algorithm, string signature.
    ///
    /// # Errors
    /// [`CryptoError::UnknownAlgorithm`] if `algorithm` is not one of [`Signer::algorithms`].
    fn sign(&self, algorithm: &str, data: &[u8]) -> Result<Vec<u8>, CryptoError>;
}

/// A public key as a line of an authorized_keys or known-key file, without the line end.
///
/// # Errors
/// [`CryptoError::PublicKey`] if the blob is no key, or if `comment` holds a line break or another
/// control character.
pub fn public_line(public_blob: &[u8], comment: &str) -> Result<String, CryptoError> {
    if comment.chars().any(char::is_control) {
        return Err(CryptoError::PublicKey("control character in the comment"));
    }
    ssh_key::PublicKey::from_bytes(public_blob)
        .and_then(|mut key| {
            key.set_comment(comment);
            key.to_openssh()
        })
        .map_err(|_| CryptoError::PublicKey("cannot be encoded"))
}
