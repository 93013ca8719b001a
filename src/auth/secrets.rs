//! What a user knows or holds besides keys, and whether what was typed is it.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::chains::Step;
use super::limits::{CODE_PAUSE_DOUBLINGS_MAX, CODE_PAUSE_SECONDS, WRONG_CODES_FREE};
use super::verdict::Given;
use super::{PasswordCheck, PasswordHash, Totp, TotpState};

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

impl fmt::Debug for PasswordDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordDigest(..)")
    }
}

/// What a user's table says of passwords and one-time codes. Its `Debug` shows neither.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// A password the server made for itself.
    pub digest: Option<PasswordDigest>,
    /// The hash of the password, if the user has one.
    pub password: Option<PasswordHash>,
    /// The second factor, if the user has one.
    pub totp: Option<Totp>,
}

impl Secrets {
    /// Whether there is anything that others must not know.
    #[must_use]
    pub fn has_any(&self) -> bool {
        self.has_password() || self.totp.is_some()
    }

    /// Whether there is a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.digest.is_some() || self.password.is_some()
    }
}

/// What is wrong with a hash, a secret or a password. It does not repeat them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(String);

impl Problem {
    pub(super) fn new(cause: impl Into<String>) -> Self {
        Self(cause.into())
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

/// The one-time codes that have let somebody in, so that none does twice: one state a user, over
/// all connections and reloads. A restart forgets them.
#[derive(Clone, Debug, Default)]
pub struct UsedCodes(Arc<Mutex<HashMap<String, CodeState>>>);

#[derive(Clone, Copy, Debug, Default)]
struct CodeState {
    used: TotpState,
    /// Wrong codes in a row that came with a right first proof.
    wrong: u32,
    /// Until then no code is right, in seconds since 1970.
    locked_until: i64,
}

/// What a code is worth to whoever sends it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Weight {
    /// Nothing: what came with it was wrong.
    None,
    /// It is the first proof: strangers send those too, and are to lock nobody out.
    First,
    /// Something was proved before, so that guessing has a meaning and has to be slow.
    Second,
}

impl UsedCodes {
    /// Whether the code is right and was not used. One that decides becomes used by that.
    fn verify(&self, user: &str, totp: &Totp, code: &str, now: i64, weight: Weight) -> bool {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = states.get(user).copied().unwrap_or_default();
        let mut used = state.used;
        let right = totp.verify(code, now, &mut used) & (state.locked_until <= now);
        if right {
            state.used = used;
        }
        match (weight, right) {
            (Weight::None, _) | (Weight::First, false) => return right,
            (Weight::First | Weight::Second, true) => (state.wrong, state.locked_until) = (0, 0),
            (Weight::Second, false) => state.failed(now),
        }
        states.insert(user.to_owned(), state);
        right
    }
}

impl CodeState {
    /// One more wrong code (RFC 4226 section 7.3): from the fifth in a row on there is a pause
    /// before the next, twice as long each time. What was sent during one does not count.
    fn failed(&mut self, now: i64) {
        if self.locked_until > now {
            return;
        }
        self.wrong = self.wrong.saturating_add(1);
        if let Some(doublings) = self.wrong.checked_sub(WRONG_CODES_FREE) {
            let pause = CODE_PAUSE_SECONDS << doublings.min(CODE_PAUSE_DOUBLINGS_MAX);
            self.locked_until = now.saturating_add(pause);
        }
    }
}

/// What somebody has typed to log in.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) password: Option<Given>,
    pub(super) code: Option<Given>,
}

impl Typed {
    /// Whether it is all that the step asks for, and nothing else.
    pub(super) fn is_what(&self, step: Step) -> bool {
        self.password.is_some() == step.needs_password() && self.code.is_some() == step.needs_code()
    }
}

/// What it is compared with. It owns all of that, so that the work can be done on another thread.
pub(super) struct Check {
    user: String,
    password: Password,
    has_password: bool,
    /// The user's second factor, or nobody's.
    totp: Option<Totp>,
    has_totp: bool,
    used_codes: UsedCodes,
}

enum Password {
    /// Quick: a digest, or one that fits nothing.
    Digest(PasswordDigest),
    /// Slow.
    Hash(PasswordCheck),
}

const WRONG_CODE: &str = "wrong code, or one that was used before, or too soon after wrong ones";

/// The second factor of those who have none: the work is done, and counts for nothing.
static NOBODYS_TOTP: LazyLock<Option<Totp>> = LazyLock::new(|| Totp::of([0; 20]).ok());

impl Check {
    /// For a user with these secrets, or, without any, for a name nobody has.
    pub(super) fn new(
        user: &str,
        secrets: Option<&Secrets>,
        stand_ins: &StandIns,
        used_codes: &UsedCodes,
    ) -> Self {
        let digest = secrets.and_then(|own| own.digest.clone());
        let hash = secrets.and_then(|own| own.password.as_ref());
        // Found and cloned for everybody: what an allocation takes can be measured.
        let stand_in = stand_ins.password(user);
        let password = match (digest, hash) {
            (Some(digest), _) => Password::Digest(digest),
            (None, Some(hash)) => Password::Hash(PasswordCheck::of(hash)),
            (None, None) => stand_in,
        };
        let totp = secrets.and_then(|own| own.totp.as_ref());
        Self {
            user: user.to_owned(),
            password,
            has_password: secrets.is_some_and(Secrets::has_password),
            totp: totp.or(NOBODYS_TOTP.as_ref()).cloned(),
            has_totp: totp.is_some(),
            used_codes: used_codes.clone(),
        }
    }

    /// Whether [`judge`](Self::judge) takes long.
    pub(super) fn is_slow(&self, typed: &Typed) -> bool {
        typed.password.is_some() && matches!(self.password, Password::Hash(_))
    }

    /// `proved`: something was, before.
    ///
    /// # Errors
    /// What is wrong, for the log.
    pub(super) fn judge(&self, typed: &Typed, proved: bool, now: i64) -> Result<(), &'static str> {
        let password = typed.password.as_ref().map(|given| self.is_password(given));
        // A code is not used up by a wrong password: it would tell that it was right.
        let wanted = password != Some(false);
        let weight = match (wanted, password.is_some() || proved) {
            (false, _) => Weight::None,
            (true, false) => Weight::First,
            (true, true) => Weight::Second,
        };
        let code = typed.code.as_ref().map(|given| self.is_code(given, now, weight));
        match (password, code) {
            (None, None) => Err("nothing was typed"),
            (Some(false), _) if !self.has_password => Err("the user has no password"),
            (Some(false), _) => Err("wrong password"),
            (_, Some(false)) if !self.has_totp => Err("the user has no second factor"),
            (_, Some(false)) => Err(WRONG_CODE),
            _ => Ok(()),
        }
    }

    fn is_password(&self, given: &str) -> bool {
        let right = match &self.password {
            Password::Digest(digest) => digest.is_of(given),
            Password::Hash(check) => check.run(given),
        };
        right & self.has_password
    }

    fn is_code(&self, given: &str, now: i64, weight: Weight) -> bool {
        let weight = if self.has_totp { weight } else { Weight::None };
        let verify = |totp| self.used_codes.verify(&self.user, totp, given, now, weight);
        self.totp.as_ref().is_some_and(verify) & self.has_totp
    }
}

/// What stands in for the passwords of those who have none.
#[derive(Clone, Default)]
pub(super) struct StandIns {
    /// The hashes of all users.
    pub(super) hashes: Vec<PasswordHash>,
    /// Which of them a name gets nobody can tell beforehand.
    pub(super) secret: [u8; 32],
    /// Those who have a password have one that was made for this run.
    pub(super) quick: bool,
}

impl StandIns {
    fn password(&self, user: &str) -> Password {
        if self.quick {
            return Password::Digest(PasswordDigest([0; 32]));
        }
        Password::Hash(PasswordCheck::stand_in(&self.hashes, user, &self.secret))
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn given(text: &str) -> Option<Given> {
        Some(Zeroizing::new(text.to_owned()))
    }

    fn with_totp(used: &UsedCodes) -> Check {
        let (digest, totp) = (Some(PasswordDigest::of("sesame")), Totp::of([7; 20]).ok());
        let secrets = Secrets { digest, totp, ..Secrets::default() };
        Check::new("ann", Some(&secrets), &StandIns::default(), used)
    }

    #[test]
    fn debug_output_holds_no_digest() {
        let secrets = Secrets { digest: Some(PasswordDigest::of("sesame")), ..Secrets::default() };
        assert!(format!("{secrets:?}").contains("PasswordDigest(..)"));
        assert!(PasswordDigest::of("a").is_of("a") && !PasswordDigest::of("a").is_of("b"));
    }

    #[test]
    fn a_code_is_used_up_by_a_login_and_by_nothing_else() {
        let (now, used) = (1_000_000, UsedCodes::default());
        let code = Totp::of([7; 20]).unwrap().code(now);
        let judge = |password: &str, code: &str| {
            let typed = Typed { password: given(password), code: given(code) };
            with_totp(&used).judge(&typed, false, now)
        };
        assert_eq!(judge("wrong", &code), Err("wrong password"));
        assert!(judge("sesame", "000000").is_err());
        assert_eq!(judge("sesame", &code), Ok(()));
        assert_eq!(judge("sesame", &code), Err(WRONG_CODE));
        let later = Totp::of([7; 20]).unwrap().code(now + 60);
        let typed = Typed { password: given("sesame"), code: given(&later) };
        assert_eq!(with_totp(&used).judge(&typed, false, now + 60), Ok(()));
    }

    /// A million codes at three a time are not many: guessing has to be slow.
    #[test]
    fn whoever_guesses_codes_has_to_wait_longer_and_longer() {
        let used = UsedCodes::default();
        let judge = |code: &str, proved: bool, now: i64| {
            let typed = Typed { password: None, code: given(code) };
            with_totp(&used).judge(&typed, proved, now)
        };
        let right = |now: i64| Totp::of([7; 20]).unwrap().code(now);
        // Strangers lock nobody out.
        for _ in 0..1000 {
            assert!(judge("000000", false, 1_000).is_err());
        }
        assert_eq!(judge(&right(1_000), true, 1_000), Ok(()));
        for _ in 0..WRONG_CODES_FREE {
            assert!(judge("000000", true, 2_000).is_err());
        }
        assert!(judge(&right(2_000), true, 2_000).is_err(), "it is too soon");
        assert!(judge(&right(2_029), true, 2_029).is_err());
        assert_eq!(judge("000000", true, 2_030), Err(WRONG_CODE), "the pause is twice as long now");
        assert!(judge(&right(2_089), true, 2_089).is_err());
        assert_eq!(judge(&right(2_090), true, 2_090), Ok(()));
        assert!(judge("000000", true, 2_091).is_err());
        assert_eq!(judge(&right(2_130), true, 2_130), Ok(()), "it begins anew");
    }

    /// The stand-ins' own secrets are known to whoever reads this file.
    #[test]
    fn what_stands_in_lets_nobody_in() {
        let code = Totp::of([0; 20]).unwrap().code(500);
        let used = UsedCodes::default();
        for secrets in [None, Some(Secrets::default())] {
            for quick in [true, false] {
                let stand_ins = StandIns { quick, ..StandIns::default() };
                let check = Check::new("ann", secrets.as_ref(), &stand_ins, &used);
                let typed = Typed { password: None, code: given(&code) };
                assert_eq!(check.judge(&typed, true, 500), Err("the user has no second factor"));
                let typed = Typed { password: given("x"), code: None };
                assert_eq!(check.is_slow(&typed), !quick);
                assert_eq!(check.judge(&typed, true, 500), Err("the user has no password"));
            }
        }
    }
}
