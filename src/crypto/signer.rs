//! Private keys: signing, and the OpenSSH file format.

use ed25519_dalek::{Signer as _, SigningKey};
use ssh_key::LineEnding;
use ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData, PrivateKey};
use ssh_key::public::Ed25519PublicKey;
use zeroize::Zeroizing;

use super::CryptoError;
use super::blob::put_string;
use super::limits::PRIVATE_KEY_TEXT_MAX;

const ED25519: &str = "ssh-ed25519";
const NOT_ED25519: CryptoError = CryptoError::PrivateKey("not an ed25519 key");

/// The host key algorithms we can sign with and verify as a client, in order of preference.
pub fn host_key_algorithms() -> &'static [&'static str] {
    &[ED25519]
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

/// An ed25519 key (RFC 8709). The private half is wiped when dropped.
pub struct Ed25519Signer {
    key: SigningKey,
    blob: Vec<u8>,
}

impl Ed25519Signer {
    /// The key of this seed (RFC 8032 5.1.5).
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let key = SigningKey::from_bytes(&seed);
        let mut blob = Vec::with_capacity(51);
        put_string(&mut blob, ED25519.as_bytes());
        put_string(&mut blob, key.verifying_key().as_bytes());
        Ed25519Signer { key, blob }
    }

    /// Reads an unencrypted OpenSSH private key file.
    ///
    /// # Errors
    /// [`CryptoError::PrivateKey`] if the text is not such a file, is encrypted, is of another key
    /// type, or its two halves do not belong together.
    pub fn from_openssh_private_key(text: &str) -> Result<Self, CryptoError> {
        if text.len() > PRIVATE_KEY_TEXT_MAX {
            return Err(CryptoError::PrivateKey("file too long"));
        }
        let key = PrivateKey::from_openssh(text).map_err(|error| match error {
            ssh_key::Error::AlgorithmUnknown | ssh_key::Error::AlgorithmUnsupported { .. } => {
                NOT_ED25519
            }
            _ => CryptoError::PrivateKey("not an OpenSSH private key file"),
        })?;
        if key.is_encrypted() {
            return Err(CryptoError::PrivateKey("protected by a passphrase"));
        }
        let KeypairData::Ed25519(pair) = key.key_data() else {
            return Err(NOT_ED25519);
        };
        let seed = Zeroizing::new(pair.private.to_bytes());
        let signer = Ed25519Signer::from_seed(*seed);
        if signer.key.verifying_key().as_bytes() != &pair.public.0 {
            return Err(CryptoError::PrivateKey("public and private half differ"));
        }
        Ok(signer)
    }

    /// The key as an unencrypted OpenSSH private key file, with `comment` inside.
    ///
    /// # Errors
    /// [`CryptoError::PrivateKey`] if the comment cannot be encoded.
    pub fn to_openssh_private_key(&self, comment: &str) -> Result<Zeroizing<String>, CryptoError> {
        let pair = Ed25519Keypair {
            public: Ed25519PublicKey(self.key.verifying_key().to_bytes()),
            private: Ed25519PrivateKey::from_bytes(self.key.as_bytes()),
        };
        PrivateKey::new(KeypairData::Ed25519(pair), comment)
            .and_then(|key| key.to_openssh(LineEnding::LF))
            .map_err(|_| CryptoError::PrivateKey("cannot be encoded"))
    }

    /// The public key as a line of an authorized_keys or known-key file, without the line end.
    ///
    /// # Errors
    /// [`CryptoError::PrivateKey`] if `comment` holds a line break or another control character.
    pub fn public_line(&self, comment: &str) -> Result<String, CryptoError> {
        if comment.chars().any(char::is_control) {
            return Err(CryptoError::PrivateKey("control character in the comment"));
        }
        ssh_key::PublicKey::from_bytes(&self.blob)
            .and_then(|mut key| {
                key.set_comment(comment);
                key.to_openssh()
            })
            .map_err(|_| CryptoError::PrivateKey("cannot be encoded"))
    }
}

impl Signer for Ed25519Signer {
    fn algorithms(&self) -> &'static [&'static str] {
        &[ED25519]
    }

    fn public_blob(&self) -> &[u8] {
        &self.blob
    }

    fn sign(&self, algorithm: &str, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if algorithm != ED25519 {
            return Err(CryptoError::UnknownAlgorithm);
        }
        let mut out = Vec::with_capacity(83);
        put_string(&mut out, ED25519.as_bytes());
        put_string(&mut out, &self.key.sign(data).to_bytes());
        Ok(out)
    }
}

impl std::fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ed25519Signer({})", super::fingerprint_sha256(&self.blob))
    }
}

#[cfg(test)]
mod tests;
