//! sha-crypt and yescrypt, as crypt(3) writes them into shadow(5).
//!
//! Both crates take the result's length from the hash, and yescrypt's takes an empty result to be
//! met by every password: the lengths are checked here.

use mcf::{Base64, PasswordHashRef};
use sha_crypt::{PasswordVerifier, ShaCrypt};
use yescrypt::{Mode, Params, Yescrypt};

use crate::auth::Problem;
use crate::auth::limits::{SHA_CRYPT_ROUNDS_MAX, YESCRYPT_MEMORY_BYTES_MAX};

/// Fewer rounds are not computed by crypt(3), which takes them for as many.
const SHA_CRYPT_ROUNDS_MIN: u32 = 1000;

/// crypt(3) takes no more of a salt, and writes no more.
const SHA_CRYPT_SALT_BYTES_MAX: usize = 16;

/// What crypt(3) writes: flavour, log2 of N and r come to 3 or 4 characters.
const YESCRYPT_PARAMS_BYTES_MAX: usize = 6;

/// The result of yescrypt, in bytes.
const YESCRYPT_OUTPUT_BYTES: usize = 32;

/// SHA-512-crypt (`$6$`) or SHA-256-crypt (`$5$`).
pub(super) struct Sha(String);

impl Sha {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let damaged = |what: &str| Problem::new(format!("the sha-crypt hash is damaged: {what}"));
        let mut fields = fields(text).map_err(|what| damaged(&what))?;
        let output_bytes = if text.starts_with("$6$") { 64 } else { 32 };
        if let Some(rounds) = fields.first().and_then(|field| field.strip_prefix("rounds=")) {
            let digits = rounds.bytes().all(|byte| byte.is_ascii_digit());
            let rounds = rounds.parse().ok().filter(|_| digits);
            let allowed = SHA_CRYPT_ROUNDS_MIN..=SHA_CRYPT_ROUNDS_MAX;
            if !rounds.is_some_and(|rounds: u32| allowed.contains(&rounds)) {
                let what = format!("{SHA_CRYPT_ROUNDS_MIN} to {SHA_CRYPT_ROUNDS_MAX}");
                return Err(Problem::new(format!("sha-crypt's rounds= may be {what}")));
            }
            fields.remove(0);
        }
        let [salt, output] = fields[..] else {
            return Err(damaged("it is $6$SALT$RESULT, or $6$rounds=N$SALT$RESULT"));
        };
        if salt.is_empty() || salt.len() > SHA_CRYPT_SALT_BYTES_MAX {
            return Err(damaged("a salt has 1 to 16 characters"));
        }
        if decoded(output).is_none_or(|output| output.len() != output_bytes) {
            return Err(damaged("its result is not what the function gives"));
        }
        Ok(Self(text.to_owned()))
    }

    pub(super) fn verify(&self, password: &str) -> bool {
        ShaCrypt::default().verify_password(password.as_bytes(), self.0.as_str()).is_ok()
    }
}

/// yescrypt (`$y$`).
pub(super) struct Yes(String);

impl Yes {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let damaged = |what: &str| Problem::new(format!("the yescrypt hash is damaged: {what}"));
        let fields = fields(text).map_err(|what| damaged(&what))?;
        let [params, salt, output] = fields[..] else {
            return Err(damaged("it is $y$PARAMETERS$SALT$RESULT"));
        };
        yescrypt_params(params)?;
        if decoded(salt).is_none_or(|salt| salt.is_empty()) {
            return Err(damaged("its salt is not in crypt(3)'s base64"));
        }
        if decoded(output).is_none_or(|output| output.len() != YESCRYPT_OUTPUT_BYTES) {
            return Err(damaged("its result is not what the function gives"));
        }
        Ok(Self(text.to_owned()))
    }

    pub(super) fn verify(&self, password: &str) -> bool {
        Yescrypt::default().verify_password(password.as_bytes(), self.0.as_str()).is_ok()
    }
}

/// Only what crypt(3)'s gensalt writes: the flavour `j`, N and r, within the memory allowed. The
/// others (p, t, g, a ROM) are nowhere in use, and their cost would need bounds of its own.
fn yescrypt_params(text: &str) -> Result<(), Problem> {
    let refused = || {
        Problem::new(
            "yescrypt's parameters are not of the kind that crypt(3) writes, such as $y$j9T$",
        )
    };
    // yescrypt 0.1 panics in its debug build on a `z` that opens a number, which no real one does.
    if text.len() > YESCRYPT_PARAMS_BYTES_MAX || text.contains('z') {
        return Err(refused());
    }
    let params: Params = text.parse().map_err(|_| refused())?;
    let memory_bytes = params.n().checked_mul(128 * u64::from(params.r()));
    if memory_bytes.is_none_or(|bytes| bytes > YESCRYPT_MEMORY_BYTES_MAX) {
        return Err(Problem::new(format!(
            "yescrypt takes more than {YESCRYPT_MEMORY_BYTES_MAX} bytes of memory"
        )));
    }
    // Whatever else the text says is lost here, so that the two differ.
    let plain = Params::new(Mode::Rw, params.n(), params.r(), 1).map_err(|_| refused())?;
    if plain.to_string() == text { Ok(()) } else { Err(refused()) }
}

/// The fields after the form's name.
fn fields(text: &str) -> Result<Vec<&str>, String> {
    let hash = PasswordHashRef::new(text).map_err(|error| error.to_string())?;
    // Not the crate's own fields, which leave out an empty one at the end.
    Ok(hash.as_str().split('$').skip(2).collect())
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    Base64::Crypt.decode_vec(text).ok()
}
