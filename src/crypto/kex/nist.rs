//! Diffie-Hellman on the curves P-256, P-384 and P-521 (RFC 5656 4).

use p256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use p256::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize, PublicKey, SecretKey};
use zeroize::Zeroizing;

use super::ephemeral::Key;
use crate::crypto::curve::Curve;
use crate::crypto::{Backend, Random};

/// Random numbers looked at for a private key. On P-256, where the order is furthest from a power
/// of two, one in 2^32 is too large.
const TRIES: usize = 64;

/// What an uncompressed point begins with (SEC 1 2.3.3). RFC 5656 allows compressed ones too, but
/// nobody sends them and OpenSSH refuses them.
const UNCOMPRESSED: u8 = 4;

impl Curve {
    /// The bits of a private key's first byte that the order has.
    const fn top(self) -> u8 {
        match self {
            Curve::P256 | Curve::P384 => 0xff,
            Curve::P521 => 0x01,
        }
    }

    #[cfg(feature = "aws-lc")]
    fn agreement(self) -> &'static aws_lc_rs::agreement::Algorithm {
        use aws_lc_rs::agreement::{ECDH_P256, ECDH_P384, ECDH_P521};
        match self {
            Curve::P256 => &ECDH_P256,
            Curve::P384 => &ECDH_P384,
            Curve::P521 => &ECDH_P521,
        }
    }

    /// Refuses what is no uncompressed point by its looks: the point at infinity among others.
    pub(super) fn check(self, theirs: &[u8]) -> Result<(), &'static str> {
        let whole = theirs.len() == 1 + 2 * self.scalar_bytes();
        if whole && theirs.first() == Some(&UNCOMPRESSED) {
            Ok(())
        } else {
            Err("not an uncompressed point of the curve")
        }
    }

    fn key(self, backend: Backend, scalar: &[u8]) -> Option<Box<dyn Key>> {
        #[cfg(feature = "aws-lc")]
        if backend == Backend::AwsLc {
            let key = super::awslc::Key::new(self.agreement(), scalar)?;
            return Some(Box::new(key));
        }
        let _ = backend;
        match self {
            Curve::P256 => Pure::<p256::NistP256>::boxed(scalar),
            Curve::P384 => Pure::<p384::NistP384>::boxed(scalar),
            Curve::P521 => Pure::<p521::NistP521>::boxed(scalar),
        }
    }
}

/// A key from the first random number that is within 1 to the order - 1.
pub(super) fn generate(
    curve: Curve,
    backend: Backend,
    random: &mut dyn Random,
) -> Option<Box<dyn Key>> {
    let mut scalar = Zeroizing::new(vec![0; curve.scalar_bytes()]);
    (0..TRIES).find_map(|_| {
        random.fill(&mut scalar);
        if let Some(first) = scalar.first_mut() {
            *first &= curve.top();
        }
        curve.key(backend, &scalar)
    })
}

struct Pure<C: CurveArithmetic> {
    secret: SecretKey<C>,
    public: Vec<u8>,
}

impl<C> Pure<C>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    fn boxed(scalar: &[u8]) -> Option<Box<dyn Key>> {
        let secret = SecretKey::<C>::from_slice(scalar).ok()?;
        let public = secret.public_key().as_affine().to_uncompressed_point().to_vec();
        Some(Box::new(Self { secret, public }))
    }
}

impl<C> Key for Pure<C>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
{
    fn public(&self) -> &[u8] {
        &self.public
    }

    fn agree(&self, theirs: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let theirs = PublicKey::<C>::from_sec1_bytes(theirs).ok()?;
        let shared = self.secret.diffie_hellman(&theirs);
        Some(Zeroizing::new(shared.raw_secret_bytes().to_vec()))
    }
}
