//! Ephemeral Diffie-Hellman keys, whatever the group and whichever the library.

use zeroize::Zeroizing;

use super::modp;
use super::nist;
use super::x25519;
use crate::crypto::curve::Curve;
use crate::crypto::{Backend, CryptoError, Random, SharedSecret};

/// Where the exchange takes place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Group {
    /// RFC 8731.
    X25519,
    /// RFC 5656 with a curve of NIST's.
    Nist(Curve),
    /// RFC 8268: the integers modulo a prime.
    Modp(&'static modp::NamedGroup),
}

/// What a public value of the other side has to look like.
#[derive(Clone, Copy)]
enum Form {
    X25519,
    Point(Curve),
    Number,
}

/// A private key of one library, with its public half.
pub(super) trait Key: Send {
    /// The public half, as it is sent.
    fn public(&self) -> &[u8];

    /// The shared secret, a number; `None` if `theirs` leads to none. The form of `theirs` has been
    /// checked.
    fn agree(&self, theirs: &[u8]) -> Option<Zeroizing<Vec<u8>>>;
}

/// A key for one exchange.
pub(super) struct Ephemeral {
    form: Form,
    key: Box<dyn Key>,
}

impl Ephemeral {
    /// Makes one, with the backend named if it has the group.
    pub(super) fn generate(
        group: Group,
        backend: Backend,
        random: &mut dyn Random,
    ) -> Result<Self, CryptoError> {
        let (form, key) = match group {
            Group::X25519 => (Form::X25519, Some(x25519::generate(backend, random))),
            Group::Nist(curve) => (Form::Point(curve), nist::generate(curve, backend, random)),
            Group::Modp(group) => {
                (Form::Number, group.group().and_then(|group| modp::generate(group, random)))
            }
        };
        Ok(Self { form, key: key.ok_or(CryptoError::EphemeralKey)? })
    }

    /// Makes one in a group that was agreed on.
    pub(super) fn generate_in(
        group: &modp::Group,
        random: &mut dyn Random,
    ) -> Result<Self, CryptoError> {
        let key = modp::generate(group, random).ok_or(CryptoError::EphemeralKey)?;
        Ok(Self { form: Form::Number, key })
    }

    pub(super) fn public(&self) -> &[u8] {
        self.key.public()
    }

    /// The shared secret, a number, most significant byte first.
    pub(super) fn agree(&self, theirs: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let (form, refusal) = match self.form {
            Form::X25519 => (x25519::check(theirs), "point of low order"),
            Form::Point(curve) => (curve.check(theirs), "not a point of the curve"),
            Form::Number => (modp::check(theirs), "not within 2 to p - 2"),
        };
        form.map_err(CryptoError::KeyExchange)?;
        self.key.agree(theirs).ok_or(CryptoError::KeyExchange(refusal))
    }

    /// The server's side: our public value, and the secret shared with the owner of `init`.
    pub(super) fn serve(&self, init: &[u8]) -> Result<(Vec<u8>, SharedSecret), CryptoError> {
        let secret = SharedSecret::from_number(&self.agree(init)?);
        Ok((self.public().to_vec(), secret))
    }
}
