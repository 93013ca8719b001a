//! What holds for all users: the authorities whose certificates are taken, and what is revoked.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::Revocations;

/// Whose certificates are taken from every user, and which keys and certificates from nobody.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Digests of the authorities' public keys.
    authorities: Vec<[u8; 32]>,
    revoked: Arc<Revocations>,
}

impl Trust {
    /// `authorities` are public keys as on the wire: sshd's `TrustedUserCAKeys`.
    pub fn new(authorities: &[Vec<u8>], revoked: Revocations) -> Self {
        let authorities = authorities.iter().map(|blob| Sha256::digest(blob).into()).collect();
        Self { authorities, revoked: Arc::new(revoked) }
    }

    /// Whether some authority's certificates are taken from everybody.
    pub fn has_authorities(&self) -> bool {
        !self.authorities.is_empty()
    }

    /// Whether this one's are.
    pub(super) fn is_authority(&self, digest: &[u8; 32]) -> Choice {
        let no = Choice::from(0);
        self.authorities.iter().fold(no, |found, authority| found | authority.ct_eq(digest))
    }

    pub(super) fn revoked(&self) -> &Revocations {
        &self.revoked
    }
}
