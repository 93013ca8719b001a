//! One comparison of a password, for whoever asks: with the user's hash, or with another's in its
//! place.

use std::sync::LazyLock;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::PasswordHash;

/// argon2id of a password that was thrown away, with the parameters `ringferry passwd` takes.
static NOBODYS: LazyLock<Option<PasswordHash>> = LazyLock::new(|| {
    let text = "$argon2id$v=19$m=19456,t=2,p=1$VlF0YlMrMkNWWGRheUtMeg\
                $H4Jf3+FnHH4DMILho0pyE0yUPSCcxZxJdhnEGQ1/jcE";
    PasswordHash::parse(text).ok()
});

/// The work that a password attempt is answered with. It owns what it needs, so that it can be done
/// on another thread.
///
/// The answer must not tell who exists, and neither must the time it takes: an unknown user, or one
/// without a password, gets a [stand-in](Self::stand_in) whose verdict is always no.
#[derive(Clone, Debug)]
pub struct PasswordCheck {
    pub(super) hash: Option<PasswordHash>,
    /// Whether the hash is the user's own.
    counts: bool,
}

impl PasswordCheck {
    /// For a user with a password.
    pub fn of(hash: &PasswordHash) -> Self {
        Self { hash: Some(hash.clone()), counts: true }
    }

    /// For a name without one. `hashes` are those of all users: which of them is taken is settled
    /// by the name and `secret`, so that a name always costs what somebody's costs, and nobody can
    /// tell beforehand whose. Where there are none, it is argon2id with the default cost.
    ///
    /// `secret` is drawn at the start and kept. Names change places when `hashes` changes.
    pub fn stand_in(hashes: &[PasswordHash], name: &str, secret: &[u8; 32]) -> Self {
        // HMAC fills a key up with zeros to the 64 bytes of a block.
        let mut key = [0; 64];
        key.iter_mut().zip(secret).for_each(|(to, from)| *to = *from);
        let mut mac = Hmac::<Sha256>::new(&key.into());
        mac.update(name.as_bytes());
        let digest = mac.finalize().into_bytes();
        let number = digest.iter().take(8).fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
        let at = number.checked_rem(hashes.len() as u64).and_then(|at| usize::try_from(at).ok());
        let hash = at.and_then(|at| hashes.get(at)).or(NOBODYS.as_ref());
        Self { hash: hash.cloned(), counts: false }
    }

    /// Does the work, tens of milliseconds of it, and tells whether the user may come in.
    pub fn run(&self, password: &str) -> bool {
        let same = self.hash.as_ref().is_some_and(|hash| hash.verify(password));
        same & self.counts
    }
}
