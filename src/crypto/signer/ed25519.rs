//! Ed25519 keys (RFC 8032, RFC 8709).

use ed25519_dalek::{Signer as _, SigningKey};
use ssh_key::LineEnding;
use ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData, PrivateKey};
use ssh_key::public::Ed25519PublicKey;
use zeroize::Zeroizing;

use super::super::CryptoError;
use super::super::blob::put_string;
use super::super::verify::ED25519;
use super::{HALVES_DIFFER, Signer};

/// An ed25519 key (RFC 8709). The private half is wiped when dropped.
pub struct Ed25519Signer {
    pub(super) key: SigningKey,
    /// The same key for signing: 11 us where ed25519-dalek takes 23 (Xeon, 2.5 GHz).
    #[cfg(feature = "aws-lc")]
    pub(super) fast: Option<aws_lc_rs::signature::Ed25519KeyPair>,
    pub(super) blob: Vec<u8>,
}

impl Ed25519Signer {
    /// The key of this seed (RFC 8032 5.1.5).
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let key = SigningKey::from_bytes(&seed);
        let mut blob = Vec::with_capacity(51);
        put_string(&mut blob, ED25519.as_bytes());
        put_string(&mut blob, key.verifying_key().as_bytes());
        Ed25519Signer {
            #[cfg(feature = "aws-lc")]
            fast: aws_lc_rs::signature::Ed25519KeyPair::from_seed_and_public_key(
                seed.as_ref(),
                key.verifying_key().as_bytes(),
            )
            .ok(),
            key,
            blob,
        }
    }

    /// As [`Ed25519Signer::from_seed`], where a file holds the public half too: signing with
    /// another one than the private half's gives the private half away.
    pub(in crate::crypto) fn from_halves(
        seed: &[u8],
        public: &[u8],
    ) -> Result<Ed25519Signer, CryptoError> {
        let seed = <[u8; 32]>::try_from(seed)
            .map(Zeroizing::new)
            .map_err(|_| CryptoError::PrivateKey("the private half is not 32 bytes long"))?;
        let signer = Ed25519Signer::from_seed(*seed);
        if signer.key.verifying_key().as_bytes() != public {
            return Err(HALVES_DIFFER);
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
}

impl Ed25519Signer {
    /// R and S. Ed25519 has no random part, so both backends give the same bytes.
    pub(super) fn raw_signature(&self, data: &[u8]) -> [u8; 64] {
        #[cfg(feature = "aws-lc")]
        if let Some(fast) = &self.fast
            && let Ok(signature) = fast.try_sign(data)
            && let Ok(signature) = signature.as_ref().try_into()
        {
            return signature;
        }
        self.key.sign(data).to_bytes()
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
        put_string(&mut out, &self.raw_signature(data));
        Ok(out)
    }
}

impl std::fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ed25519Signer({})", crate::crypto::fingerprint_sha256(&self.blob))
    }
}
