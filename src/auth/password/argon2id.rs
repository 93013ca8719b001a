//! argon2id (RFC 9106), as a PHC string.

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::auth::Problem;
use crate::auth::limits::{ARGON2_LANES_MAX, ARGON2_MEMORY_KIB_MAX, ARGON2_WORK_KIB_MAX};

/// Shortest result taken, in bytes: what a guess at random has to meet.
const OUTPUT_BYTES_MIN: usize = 16;

/// What a new hash costs to verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory that is filled, in KiB.
    pub memory_kib: u32,
    /// How often.
    pub passes: u32,
}

impl Default for Cost {
    /// OWASP's: 19 MiB, two passes.
    fn default() -> Self {
        Self { memory_kib: Params::DEFAULT_M_COST, passes: Params::DEFAULT_T_COST }
    }
}

pub(super) struct Hash {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Hash {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let damaged = |what: &str| Problem::new(format!("the argon2id hash is damaged: {what}"));
        let hash = PasswordHash::new(text).map_err(|error| damaged(&error.to_string()))?;
        if hash.version != Some(Version::V0x13.into()) {
            return Err(Problem::new("it is not of argon2's version 19 (v=19), the current one"));
        }
        let known = |name: &str| ["m", "t", "p"].contains(&name);
        if hash.params.iter().any(|(name, _)| !known(name.as_str())) {
            return Err(damaged("it has other parameters than m, t and p"));
        }
        let number = |name: &str| {
            hash.params.get_decimal(name).ok_or_else(|| damaged(&format!("{name}= is missing")))
        };
        let (memory_kib, passes, lanes) = (number("m")?, number("t")?, number("p")?);
        let (Some(salt), Some(output)) = (&hash.salt, &hash.hash) else {
            return Err(damaged("the salt or the result is missing"));
        };
        if output.len() < OUTPUT_BYTES_MIN {
            return Err(damaged(&format!("its result has less than {OUTPUT_BYTES_MIN} bytes")));
        }
        Ok(Self {
            params: params(memory_kib, passes, lanes)?,
            salt: salt.to_vec(),
            output: output.as_bytes().to_vec(),
        })
    }

    pub(super) fn verify(&self, password: &str) -> bool {
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone());
        let done = argon2.hash_password_into(password.as_bytes(), &self.salt, &mut output);
        let same = output.as_slice().ct_eq(&self.output);
        done.is_ok() & bool::from(same)
    }
}

/// Within the bounds: nobody's line in a users file stalls the server.
fn params(memory_kib: u32, passes: u32, lanes: u32) -> Result<Params, Problem> {
    let work_kib = u64::from(memory_kib) * u64::from(passes);
    if memory_kib > ARGON2_MEMORY_KIB_MAX {
        let what = format!("argon2id with m={memory_kib} takes more than {ARGON2_MEMORY_KIB_MAX}");
        return Err(Problem::new(format!("{what} KiB of memory")));
    }
    if work_kib > ARGON2_WORK_KIB_MAX {
        let what = format!("argon2id with m={memory_kib} and t={passes} takes too long");
        return Err(Problem::new(format!("{what}: their product is over {ARGON2_WORK_KIB_MAX}")));
    }
    if lanes > ARGON2_LANES_MAX {
        return Err(Problem::new(format!("argon2id has more than {ARGON2_LANES_MAX} lanes (p=)")));
    }
    Params::new(memory_kib, passes, lanes, None)
        .map_err(|error| Problem::new(format!("argon2id's parameters cannot be: {error}")))
}

pub(super) fn make(password: &str, salt: &[u8; 16], cost: Cost) -> Result<String, Problem> {
    let params = params(cost.memory_kib, cost.passes, 1)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2
        .hash_password_with_salt(password.as_bytes(), salt)
        .map(|hash: PasswordHash| hash.to_string())
        .map_err(|error| Problem::new(format!("argon2id failed: {error}")))
}
