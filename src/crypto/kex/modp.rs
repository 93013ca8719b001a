//! Diffie-Hellman modulo a prime (RFC 4253 8): those of RFC 3526 (RFC 8268), and others that both
//! sides agree on (RFC 4419). Values are the contents of mpints.

use std::fmt;
use std::sync::LazyLock;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Limb, Odd};
use zeroize::{Zeroize, Zeroizing};

use super::ephemeral::Key;
use super::primes;
use crate::crypto::Random;
use crate::crypto::secret::mpint;

/// Bytes of a private exponent: twice the 256 bits of the longest cipher key. It is more than the
/// first of RFC 3526 section 8's two estimates for every group, and than the second up to group 16.
const EXPONENT_BYTES: usize = 64;

/// The same in bits.
const EXPONENT_BITS: u32 = 512;

/// The generator of every group of RFC 3526.
const GENERATOR: u8 = 2;

pub(super) static GROUP_14: NamedGroup = NamedGroup::new("14", || rfc_3526(primes::GROUP_14));
pub(super) static GROUP_16: NamedGroup = NamedGroup::new("16", || rfc_3526(primes::GROUP_16));
pub(super) static GROUP_18: NamedGroup = NamedGroup::new("18", || rfc_3526(primes::GROUP_18));

/// A prime made ready for computing, and a generator. The prime is shared by copies.
#[derive(Clone)]
pub(super) struct Group {
    modulus: BoxedMontyParams,
    generator: BoxedUint,
}

impl Group {
    /// From magnitudes, most significant byte first; `None` if they are no group.
    pub(super) fn new(prime: &[u8], generator: &[u8]) -> Option<Group> {
        let bits = u32::try_from(prime.len()).ok()?.checked_mul(8)?;
        let prime = Odd::new(BoxedUint::from_be_slice(prime, bits).ok()?).into_option()?;
        let modulus = BoxedMontyParams::new_vartime(prime);
        let generator = BoxedUint::from_be_slice(generator, modulus.bits_precision()).ok()?;
        let group = Group { modulus, generator };
        group.holds(&group.generator).then_some(group)
    }

    /// Whether a number is within 2 to p - 2.
    fn holds(&self, number: &BoxedUint) -> bool {
        let last = self.modulus.modulus().wrapping_sub(Limb::ONE);
        *number > BoxedUint::one() && *number < last
    }
}

/// A group of RFC 3526, made ready for computing on its first use.
pub(super) struct NamedGroup {
    name: &'static str,
    group: LazyLock<Option<Group>>,
}

impl NamedGroup {
    const fn new(name: &'static str, group: fn() -> Option<Group>) -> Self {
        Self { name, group: LazyLock::new(group) }
    }

    /// The group itself. Never `None`: the tests make every one.
    pub(super) fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }
}

impl fmt::Debug for NamedGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedGroup({})", self.name)
    }
}

fn rfc_3526(prime: &str) -> Option<Group> {
    Group::new(&magnitude(prime)?, &[GENERATOR])
}

/// The number behind hexadecimal digits, most significant byte first, without leading zeros.
pub(super) fn magnitude(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.bytes().map(|digit| char::from(digit).to_digit(16));
    let digits = digits.map(|digit| digit.and_then(|digit| u8::try_from(digit).ok()));
    let digits = digits.collect::<Option<Vec<u8>>>()?;
    let leading = digits.iter().take_while(|digit| **digit == 0).count();
    let digits = digits.get(leading..).unwrap_or_default();
    // With an odd number of digits, the first byte is one digit.
    let (first, pairs) = digits.split_at(digits.len() % 2);
    let bytes = pairs.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit));
    Some(first.iter().copied().chain(bytes).collect())
}

/// A key with a random exponent.
pub(super) fn generate(group: &Group, random: &mut dyn Random) -> Option<Box<dyn Key>> {
    let mut bytes = Zeroizing::new([0; EXPONENT_BYTES]);
    random.fill(bytes.as_mut());
    // Far above 1 and far below the order, (p - 1) / 2, whatever the rest is.
    if let Some(first) = bytes.first_mut() {
        *first |= 0x80;
    }
    let exponent = Zeroizing::new(BoxedUint::from_be_slice(bytes.as_ref(), EXPONENT_BITS).ok()?);
    let group = group.clone();
    let public = mpint(&power(&group.modulus, group.generator.clone(), &exponent)).to_vec();
    Some(Box::new(Modp { group, exponent, public }))
}

/// Refuses what is no positive mpint in its shortest form: it would be hashed otherwise than it was
/// sent.
pub(super) fn check(theirs: &[u8]) -> Result<(), &'static str> {
    match theirs {
        [first, ..] if *first >= 0x80 => Err("negative"),
        [0] => Err("needless zeros"),
        [0, second, ..] if *second < 0x80 => Err("needless zeros"),
        _ => Ok(()),
    }
}

struct Modp {
    group: Group,
    exponent: Zeroizing<BoxedUint>,
    public: Vec<u8>,
}

impl Key for Modp {
    fn public(&self) -> &[u8] {
        &self.public
    }

    fn agree(&self, theirs: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let digits = theirs.strip_prefix(&[0]).unwrap_or(theirs);
        // One that is longer than the prime is refused here.
        let modulus = &self.group.modulus;
        let theirs = BoxedUint::from_be_slice(digits, modulus.bits_precision()).ok()?;
        self.group.holds(&theirs).then(|| power(modulus, theirs, &self.exponent))
    }
}

/// In a time that tells nothing of the exponent.
fn power(modulus: &BoxedMontyParams, base: BoxedUint, exponent: &BoxedUint) -> Zeroizing<Vec<u8>> {
    let mut power = BoxedMontyForm::new(base, modulus).pow(exponent);
    let number = Zeroizing::new(power.retrieve());
    power.zeroize();
    Zeroizing::new(number.to_be_bytes().into_vec())
}
