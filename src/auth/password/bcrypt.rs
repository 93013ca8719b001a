//! bcrypt, as OpenBSD, htpasswd and crypt(3) write it.

use std::str::FromStr;

use bcrypt::HashParts;

use crate::auth::Problem;
use crate::auth::limits::{BCRYPT_COST_MAX, BCRYPT_COST_MIN};

/// Under each of the names the same function. `$2a$` stood for ones with mistakes too, in what
/// crypt_blowfish before 1.1 made of bytes beyond ASCII: those became `$2x$`, which is not taken.
pub(super) struct Hash(String);

impl Hash {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let parts = HashParts::from_str(text)
            .map_err(|_| Problem::new("the bcrypt hash is damaged; it has 60 characters"))?;
        let cost = parts.get_cost();
        if !(BCRYPT_COST_MIN..=BCRYPT_COST_MAX).contains(&cost) {
            return Err(Problem::new(format!(
                "bcrypt's cost is {cost}; allowed: {BCRYPT_COST_MIN} to {BCRYPT_COST_MAX}"
            )));
        }
        Ok(Self(text.to_owned()))
    }

    /// The crate adds the NUL that belongs to it, takes the first 72 bytes, and compares in
    /// constant time.
    pub(super) fn verify(&self, password: &str) -> bool {
        bcrypt::verify(password, &self.0).unwrap_or(false)
    }
}
