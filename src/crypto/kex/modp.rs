//! Diffie-Hellman modulo the primes of RFC 3526 (RFC 4253 8, RFC 8268). Values are the contents of
//! mpints.

use std::fmt;
use std::sync::LazyLock;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Limb, Odd};
use zeroize::{Zeroize, Zeroizing};

use super::ephemeral::Key;
use super::primes;
use crate::crypto::Random;
use crate::crypto::secret::mpint;

/// Bytes of a private exponent: twice the 256 bits of the longest cipher key, and more than RFC
/// 3526 section 8 asks for with any group but 18, for whose 310 to 620 bits it is within the range.
const EXPONENT_BYTES: usize = 64;

/// The same in bits.
const EXPONENT_BITS: u32 = 512;

/// The generator of all three groups.
const GENERATOR: u8 = 2;

pub(super) static GROUP_14: Group = Group::new("14", || modulus(primes::GROUP_14, 2048));
pub(super) static GROUP_16: Group = Group::new("16", || modulus(primes::GROUP_16, 4096));
pub(super) static GROUP_18: Group = Group::new("18", || modulus(primes::GROUP_18, 8192));

/// A group of RFC 3526, made ready for computing on its first use.
pub(super) struct Group {
    name: &'static str,
    modulus: LazyLock<Option<BoxedMontyParams>>,
}

impl Group {
    const fn new(name: &'static str, modulus: fn() -> Option<BoxedMontyParams>) -> Self {
        Self { name, modulus: LazyLock::new(modulus) }
    }

    /// The prime. Never `None`: the tests make every group.
    fn modulus(&self) -> Option<&BoxedMontyParams> {
        self.modulus.as_ref()
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Group({})", self.name)
    }
}

fn modulus(hex: &str, bits: u32) -> Option<BoxedMontyParams> {
    let prime = BoxedUint::from_be_hex(hex, bits).into_option()?;
    Some(BoxedMontyParams::new_vartime(Odd::new(prime).into_option()?))
}

/// A key with a random exponent.
pub(super) fn generate(group: &'static Group, random: &mut dyn Random) -> Option<Box<dyn Key>> {
    let mut bytes = Zeroizing::new([0; EXPONENT_BYTES]);
    random.fill(bytes.as_mut());
    // Far above 1 and far below the order, (p - 1) / 2, whatever the rest is.
    if let Some(first) = bytes.first_mut() {
        *first |= 0x80;
    }
    let exponent = Zeroizing::new(BoxedUint::from_be_slice(bytes.as_ref(), EXPONENT_BITS).ok()?);
    let modulus = group.modulus()?;
    let generator = BoxedUint::from_be_slice(&[GENERATOR], modulus.bits_precision()).ok()?;
    let public = mpint(&power(modulus, generator, &exponent)).to_vec();
    Some(Box::new(Modp { modulus, exponent, public }))
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
    modulus: &'static BoxedMontyParams,
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
        let theirs = BoxedUint::from_be_slice(digits, self.modulus.bits_precision()).ok()?;
        let last = self.modulus.modulus().wrapping_sub(Limb::ONE);
        let within = theirs > BoxedUint::one() && theirs < last;
        within.then(|| power(self.modulus, theirs, &self.exponent))
    }
}

/// In a time that tells nothing of the exponent.
fn power(modulus: &BoxedMontyParams, base: BoxedUint, exponent: &BoxedUint) -> Zeroizing<Vec<u8>> {
    let mut power = BoxedMontyForm::new(base, modulus).pow(exponent);
    let number = Zeroizing::new(power.retrieve());
    power.zeroize();
    Zeroizing::new(number.to_be_bytes().into_vec())
}
