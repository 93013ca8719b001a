//! The groups a server picks from in a group exchange: those of a moduli file, and RFC 3526's.

use std::fmt;
use std::sync::LazyLock;

use super::group::DhGroup;
use super::modp::magnitude;
use super::primes::{GROUP_14, GROUP_15, GROUP_16, GROUP_17, GROUP_18};
use crate::crypto::limits::{MODULI_GROUPS_MAX, MODULI_LINE_BYTES_MAX, MODULI_PROBLEMS_MAX};
use crate::crypto::{CryptoError, Random};

/// The type of a line whose modulus is a safe prime, p = 2q + 1.
const SAFE_PRIME: u32 = 2;
/// The test bit of a modulus that is known not to be prime.
const COMPOSITE: u32 = 1;

/// RFC 3526's groups, for whom nothing in the file fits.
static RFC_3526: LazyLock<Vec<DhGroup>> = LazyLock::new(|| {
    let primes = [GROUP_14, GROUP_15, GROUP_16, GROUP_17, GROUP_18];
    primes.into_iter().filter_map(|prime| DhGroup::new(&magnitude(prime)?, &[2]).ok()).collect()
});

/// The groups a server offers. [`Moduli::default`] has RFC 3526's only.
#[derive(Clone, Default)]
pub struct Moduli {
    groups: Vec<DhGroup>,
}

/// A line of a moduli file that was passed over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModuliProblem {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for ModuliProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl Moduli {
    /// Reads the text of a moduli file (moduli(5)), a group a line: time, type, tests, trials,
    /// size, generator, modulus. Lines that cannot be used are passed over; the first hundred of
    /// them are told.
    pub fn parse(text: &[u8]) -> (Moduli, Vec<ModuliProblem>) {
        let (mut groups, mut problems) = (Vec::new(), Vec::new());
        for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let problem = match read_line(line) {
                Ok(None) => continue,
                Ok(Some(_)) if groups.len() == MODULI_GROUPS_MAX => {
                    format!("more than {MODULI_GROUPS_MAX} groups")
                }
                Ok(Some(group)) => {
                    groups.push(group);
                    continue;
                }
                Err(problem) => problem,
            };
            if problems.len() < MODULI_PROBLEMS_MAX {
                problems.push(ModuliProblem { line: at + 1, problem });
            }
        }
        (Moduli { groups }, problems)
    }

    /// The groups of the file.
    pub fn groups(&self) -> &[DhGroup] {
        &self.groups
    }

    /// A group within `min` to `max` bits: the smallest size that is at least `preferred`, or else
    /// the largest there is, and one of that size at random. Where the file has none, one of RFC
    /// 3526; `None` if no group fits.
    pub fn choose(
        &self,
        min: u32,
        preferred: u32,
        max: u32,
        random: &mut dyn Random,
    ) -> Option<DhGroup> {
        let mut pick = |groups| choose(groups, min, preferred, max, random);
        pick(&self.groups).or_else(|| pick(&RFC_3526))
    }
}

impl fmt::Debug for Moduli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Moduli({} groups)", self.groups.len())
    }
}

fn choose(
    groups: &[DhGroup],
    min: u32,
    preferred: u32,
    max: u32,
    random: &mut dyn Random,
) -> Option<DhGroup> {
    let sizes = || groups.iter().map(DhGroup::bits).filter(|bits| (min..=max).contains(bits));
    let enough = sizes().filter(|bits| *bits >= preferred).min();
    let size = enough.or_else(|| sizes().max())?;
    let equals: Vec<_> = groups.iter().filter(|group| group.bits() == size).collect();
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    let count = u64::try_from(equals.len()).ok()?;
    let at = usize::try_from(u64::from_le_bytes(bytes).checked_rem(count)?).ok()?;
    equals.get(at).copied().cloned()
}

/// The group of a line; `None` for one that is empty or a comment.
fn read_line(line: &[u8]) -> Result<Option<DhGroup>, String> {
    if line.len() > MODULI_LINE_BYTES_MAX {
        return Err(format!("longer than {MODULI_LINE_BYTES_MAX} bytes"));
    }
    let line = std::str::from_utf8(line).map_err(|_| "not text".to_owned())?.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let fields: Vec<_> = line.split_ascii_whitespace().collect();
    let [_time, kind, tests, _trials, size, generator, modulus] = fields[..] else {
        return Err(format!("{} fields instead of 7", fields.len()));
    };
    let number = |what, field: &str| -> Result<u32, String> {
        field.parse().map_err(|_| format!("the {what} is not a number"))
    };
    let hex = |what, field| magnitude(field).ok_or(format!("the {what} is not hexadecimal"));
    if number("type", kind)? != SAFE_PRIME {
        return Err("the modulus is not marked as a safe prime (type 2)".to_owned());
    }
    let tests = number("field of tests", tests)?;
    if tests & COMPOSITE != 0 || tests & !COMPOSITE == 0 {
        return Err(format!("the modulus has passed no test for primality (tests {tests})"));
    }
    let size = number("size", size)?;
    let group = DhGroup::new(&hex("modulus", modulus)?, &hex("generator", generator)?);
    let group = group.map_err(|error| match error {
        CryptoError::Group(why) => why.to_owned(),
        other => other.to_string(),
    })?;
    // The size is that of the modulus without its highest bit.
    if group.bits().checked_sub(1) != Some(size) {
        let bits = group.bits();
        return Err(format!("the size is {size}, but the modulus has {bits} bits"));
    }
    Ok(Some(group))
}
