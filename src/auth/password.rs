//! Passwords that people choose, kept as slow hashes in the forms other programs write.
//!
//! A hash is read once, when the users file is, and what it costs is bounded then: nothing that is
//! wrong with it is left to be found during a login. [`PasswordHash::verify`] takes from one to
//! hundreds of milliseconds and tens of MiB, so it belongs on a thread of its own, a bounded number
//! of them at a time.

use std::sync::Arc;

use super::Problem;
use super::limits::{HASH_BYTES_MAX, PASSWORD_BYTES_MAX};

mod argon2id;
mod bcrypt;
mod check;
mod crypt;

pub use argon2id::Cost;
pub use check::PasswordCheck;

/// The forms, for people.
pub const FORMS: &str = "argon2id ($argon2id$), bcrypt ($2b$, $2a$, $2y$), yescrypt ($y$) or \
                         sha-crypt ($6$, $5$)";

/// The hash of a password. Cheap to clone; its `Debug` tells the form and nothing else.
#[derive(Clone)]
pub struct PasswordHash(Arc<Form>);

/// How a hash is computed, with everything that takes.
enum Form {
    Argon2id(argon2id::Hash),
    Bcrypt(bcrypt::Hash),
    ShaCrypt(crypt::Sha),
    Yescrypt(crypt::Yes),
}

impl PasswordHash {
    /// Reads a hash as it stands in shadow(5), in a file of htpasswd, or as a PHC string.
    ///
    /// # Errors
    /// It has none of the [forms](FORMS), is damaged, or costs more than `limits.rs` allows. The
    /// message does not repeat it.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.len() > HASH_BYTES_MAX {
            return Err(Problem::new(format!("it is longer than {HASH_BYTES_MAX} bytes")));
        }
        let second = text.strip_prefix('$').and_then(|rest| rest.split('$').next());
        let form = match second {
            Some("argon2id") => Form::Argon2id(argon2id::Hash::parse(text)?),
            Some("2a" | "2b" | "2y") => Form::Bcrypt(bcrypt::Hash::parse(text)?),
            Some("6" | "5") => Form::ShaCrypt(crypt::Sha::parse(text)?),
            Some("y") => Form::Yescrypt(crypt::Yes::parse(text)?),
            _ => {
                return Err(Problem::new(format!(
                    "it is no password hash of a form that is taken: {FORMS}; `ringferry passwd` \
                     makes one"
                )));
            }
        };
        Ok(Self(Arc::new(form)))
    }

    /// Hashes `password` with argon2id. `salt` has to be fresh and random.
    ///
    /// # Errors
    /// The password [cannot be one](password_fault), or `cost` is out of bounds.
    pub fn make(password: &str, salt: &[u8; 16], cost: Cost) -> Result<String, Problem> {
        password_fault(password).map_or(Ok(()), Err)?;
        argon2id::make(password, salt, cost)
    }

    /// Whether `password` is the one. The results are compared in constant time.
    ///
    /// What [cannot be a password](password_fault) is refused without work, for it says nothing
    /// about the hash. Passwords are compared byte by byte, without Unicode's normal forms.
    ///
    /// bcrypt takes in 72 bytes and no more: of a longer password the rest does not count, as with
    /// OpenBSD, libxcrypt and htpasswd, or hashes they made of one would never match.
    pub fn verify(&self, password: &str) -> bool {
        if password_fault(password).is_some() {
            return false;
        }
        match &*self.0 {
            Form::Argon2id(hash) => hash.verify(password),
            Form::Bcrypt(hash) => hash.verify(password),
            Form::ShaCrypt(hash) => hash.verify(password),
            Form::Yescrypt(hash) => hash.verify(password),
        }
    }

    /// The form, as [`FORMS`] calls it.
    pub fn form(&self) -> &'static str {
        match &*self.0 {
            Form::Argon2id(_) => "argon2id",
            Form::Bcrypt(_) => "bcrypt",
            Form::ShaCrypt(_) => "sha-crypt",
            Form::Yescrypt(_) => "yescrypt",
        }
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PasswordHash({} ..)", self.form())
    }
}

/// Why a text cannot be a password. An empty one would be a login without a secret, and crypt(3)
/// ends at a NUL: what follows it would not count.
pub fn password_fault(password: &str) -> Option<Problem> {
    match password {
        "" => Some(Problem::new("the password is empty")),
        _ if password.len() > PASSWORD_BYTES_MAX => {
            Some(Problem::new(format!("the password is longer than {PASSWORD_BYTES_MAX} bytes")))
        }
        _ if password.contains('\0') => Some(Problem::new("the password has a NUL in it")),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
