//! What a user knows: a password, a second factor.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::verdict::Given;

/// SHA-256 of a password of high entropy: one made by the server for one run. A password people
/// choose needs a slow hash instead.
#[derive(Clone)]
pub struct PasswordDigest([u8; 32]);

impl PasswordDigest {
    /// Digests `password`, which is not kept.
    pub fn of(password: &str) -> Self {
        Self(Sha256::digest(password.as_bytes()).into())
    }

    /// Whether it is the password. In constant time.
    fn is_of(&self, given: &str) -> bool {
        self.0.ct_eq(&Self::of(given).0).into()
    }
}

impl std::fmt::Debug for PasswordDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordDigest(..)")
    }
}

/// What one user knows.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// A password the server made for itself.
    pub digest: Option<PasswordDigest>,
}

impl Secrets {
    /// Whether there is a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.digest.is_some()
    }
}

/// What somebody has typed to log in.
#[derive(Debug, Default)]
pub(super) struct Typed {
    pub(super) password: Option<Given>,
    pub(super) code: Option<Given>,
}

/// What it is compared with. The default fits nothing.
#[derive(Debug, Default)]
pub(super) struct Check {
    digest: Option<PasswordDigest>,
}

impl Secrets {
    pub(super) fn check(&self) -> Check {
        Check { digest: self.digest.clone() }
    }
}

impl Check {
    /// Whether [`judge`](Self::judge) takes long.
    pub(super) fn is_slow(&self) -> bool {
        false
    }

    /// # Errors
    /// What is wrong, for the log.
    pub(super) fn judge(&self, typed: &Typed, _now: i64) -> Result<(), &'static str> {
        let (Some(given), None) = (&typed.password, &typed.code) else {
            return Err("the user has no second factor");
        };
        let nobodys = PasswordDigest([0; 32]);
        let right = self.digest.as_ref().unwrap_or(&nobodys).is_of(given);
        match (&self.digest, right) {
            (Some(_), true) => Ok(()),
            (Some(_), false) => Err("wrong password"),
            (None, _) => Err("the user has no password"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_digest() {
        let secrets = Secrets { digest: Some(PasswordDigest::of("sesame")), ..Secrets::default() };
        assert!(format!("{secrets:?}").contains("PasswordDigest(..)"));
        assert!(PasswordDigest::of("a").is_of("a") && !PasswordDigest::of("a").is_of("b"));
    }
}
