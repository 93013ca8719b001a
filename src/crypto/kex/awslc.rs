//! Keys of the elliptic curves from aws-lc.

use aws_lc_rs::agreement::{self, Algorithm, PrivateKey, UnparsedPublicKey};
use zeroize::Zeroizing;

pub(super) struct Key {
    algorithm: &'static Algorithm,
    private: PrivateKey,
    public: Vec<u8>,
}

impl Key {
    /// `None` if the scalar is not one of the curve's, or the library fails, for which it has no
    /// reason but want of memory.
    pub(super) fn new(algorithm: &'static Algorithm, scalar: &[u8]) -> Option<Key> {
        let private = PrivateKey::from_private_key(algorithm, scalar).ok()?;
        let public = private.compute_public_key().ok()?.as_ref().to_vec();
        Some(Key { algorithm, private, public })
    }
}

impl super::ephemeral::Key for Key {
    fn public(&self) -> &[u8] {
        &self.public
    }

    /// aws-lc itself refuses points that are not on the curve, and X25519's all-zero result.
    fn agree(&self, theirs: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let theirs = UnparsedPublicKey::new(self.algorithm, theirs);
        agreement::agree(&self.private, theirs, (), |shared| Ok(Zeroizing::new(shared.to_vec())))
            .ok()
    }
}
