//! One-time codes from an authenticator app (TOTP, RFC 6238).

use totp_rs::{Algorithm, Builder, Secret};
use zeroize::Zeroizing;

use super::Problem;
use super::limits::{TOTP_SECRET_BYTES_MAX, TOTP_SECRET_BYTES_MIN};

mod uri;

/// A secret shared with a user's app, and how codes are made of it. Its `Debug` shows neither.
#[derive(Clone)]
pub struct Totp {
    /// With a skew of 0: the window is ours, since each step counts once.
    codes: totp_rs::Totp,
}

/// The last step whose code a user was let in with. The same for all connections of the user, and
/// to be kept over a reload of the users: a code that was seen on its way must not be good for
/// another login (RFC 6238 section 5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TotpState {
    last_step: Option<u64>,
}

impl Totp {
    /// The period and length every app assumes.
    const PERIOD_SECONDS: u64 = 30;
    const DIGITS: u8 = 6;

    /// Reads a secret in base32, in either case and with blanks, hyphens and padding as apps show
    /// it, or an `otpauth://totp/` URI, which may also say algorithm, digits (6 or 8) and period
    /// (15 to 60 seconds). A bare secret is for SHA-1, 6 digits and 30 seconds.
    ///
    /// # Errors
    /// It is neither, holds less than 128 bits, or asks for codes of another kind. The message does
    /// not repeat it.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("otpauth:")) {
            return uri::parse(text);
        }
        let secret = secret(text)?;
        Self::new(secret, Algorithm::SHA1, Self::DIGITS, Self::PERIOD_SECONDS)
    }

    /// For a new secret, which has to be random.
    ///
    /// # Errors
    /// None that could be met: 160 bits are enough.
    pub fn of(secret: [u8; 20]) -> Result<Self, Problem> {
        let secret = Secret::new_stack(secret);
        Self::new(secret, Algorithm::SHA1, Self::DIGITS, Self::PERIOD_SECONDS)
    }

    fn new(
        secret: Secret,
        algorithm: Algorithm,
        digits: u8,
        period_seconds: u64,
    ) -> Result<Self, Problem> {
        let builder = Builder::new().with_secret(secret).with_algorithm(algorithm);
        let builder = builder.with_digits(digits).with_step_duration(period_seconds).with_skew(0);
        let codes = builder.build();
        codes.map(|codes| Self { codes }).map_err(|error| Problem::new(error.to_string()))
    }

    /// Whether `code` is the current one, or the one before or after it, and of a step that `state`
    /// does not know as used; then it is from here on. `now` is in seconds since 1970. Blanks in
    /// the code do not count, since apps show it in groups.
    ///
    /// Three codes out of a million are right at any time: the number of attempts has to be
    /// bounded. A clock that is put back locks out whoever was let in, until it has caught up.
    pub fn verify(&self, code: &str, now: i64, state: &mut TotpState) -> bool {
        let code: Zeroizing<String> = Zeroizing::new(code.split(' ').collect());
        let Ok(now) = u64::try_from(now) else { return false };
        let current = now / self.codes.step();
        let mut accepted = None;
        // All three are computed and compared (in constant time), whichever matches.
        for step in current.saturating_sub(1)..=current.saturating_add(1) {
            let same = self.codes.check(&code, step.saturating_mul(self.codes.step())).is_some();
            let fresh = state.last_step.is_none_or(|last| step > last);
            if same & fresh {
                accepted = accepted.or(Some(step));
            }
        }
        state.last_step = accepted.or(state.last_step);
        accepted.is_some()
    }

    /// The code that an app shows at `now`, in seconds since 1970.
    pub fn code(&self, now: i64) -> String {
        self.codes.generate(u64::try_from(now).unwrap_or(0)).to_string()
    }

    /// The secret in base32.
    pub fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(self.codes.secret().to_base32())
    }

    /// The URI that apps read from a QR code, for the user `name` of `issuer`.
    pub fn uri(&self, issuer: &str, name: &str) -> Zeroizing<String> {
        uri::write(self, issuer, name)
    }
}

impl std::fmt::Debug for Totp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Totp(..)")
    }
}

/// A secret in base32 (RFC 4648 section 6).
fn secret(text: &str) -> Result<Secret, Problem> {
    let letters = text.trim_end_matches('=').chars().filter(|c| !matches!(c, ' ' | '-'));
    let letters = Zeroizing::new(letters.collect::<String>().to_ascii_uppercase());
    if letters.is_empty() || !letters.chars().all(|c| matches!(c, 'A'..='Z' | '2'..='7')) {
        return Err(Problem::new(
            "it is neither a secret in base32 (letters and 2 to 7) nor an otpauth:// URI; \
             `ringferry passwd --totp NAME` makes one",
        ));
    }
    // 5 bits a letter: that many left over belong to no byte.
    if matches!(letters.len() % 8, 1 | 3 | 6) {
        return Err(Problem::new("the secret in base32 lacks a letter, or has one too many"));
    }
    let bytes = letters.len() * 5 / 8;
    if !(TOTP_SECRET_BYTES_MIN..=TOTP_SECRET_BYTES_MAX).contains(&bytes) {
        return Err(Problem::new(format!(
            "the secret has {} bits; allowed: {} to {}",
            bytes * 8,
            TOTP_SECRET_BYTES_MIN * 8,
            TOTP_SECRET_BYTES_MAX * 8
        )));
    }
    Secret::try_from_base32(letters.as_str())
        .map_err(|_| Problem::new("the secret is not in base32"))
}

#[cfg(test)]
mod tests;
