//! Key exchange methods.

#[cfg(feature = "aws-lc")]
mod awslc;
mod ephemeral;
mod group;
mod hybrid;
mod mlkem;
mod modp;
mod moduli;
mod nist;
mod primes;
mod sntrup;
mod x25519;

#[cfg(test)]
mod tests;

pub use group::DhGroup;
pub use moduli::{Moduli, ModuliProblem};

use super::curve::Curve;
use super::{Backend, CryptoError, HashAlgorithm, Preset, Random, SharedSecret};
use ephemeral::{Ephemeral, Group};
use mlkem::MlKem768;
use modp::{GROUP_14, GROUP_16, GROUP_18};
use sntrup::Sntrup761;

/// A key exchange method: two messages, a secret, a hash.
#[derive(Debug)]
#[non_exhaustive]
pub struct KexAlgorithm {
    /// The name in KEXINIT.
    pub name: &'static str,
    /// The hash for the exchange hash and the key derivation.
    pub hash: HashAlgorithm,
    /// The strictest preset that offers it.
    pub preset: Preset,
    exchange: Exchange,
}

#[derive(Debug)]
enum Exchange {
    /// Each side sends the public half of an ephemeral key.
    DiffieHellman(Group),
    /// The same, once both sides have agreed on a group.
    AgreedGroup,
    /// ML-KEM-768 beside X25519.
    MlKem768X25519,
    /// Streamlined NTRU Prime beside X25519.
    Sntrup761X25519,
}

/// In order of preference. The methods of the later presets are weaker or slower than those before
/// them, and no client of today needs them.
static KEXES: [KexAlgorithm; 12] = [
    KexAlgorithm {
        name: "mlkem768x25519-sha256",
        hash: HashAlgorithm::Sha256,
        preset: Preset::Hardened,
        exchange: Exchange::MlKem768X25519,
    },
    sntrup761("sntrup761x25519-sha512"),
    // The name it had before its draft; OpenSSH's clients from 8.5 to 9.8 know no other.
    sntrup761("sntrup761x25519-sha512@openssh.com"),
    dh("curve25519-sha256", HashAlgorithm::Sha256, Preset::Default, Group::X25519),
    // The name it had before RFC 8731.
    dh("curve25519-sha256@libssh.org", HashAlgorithm::Sha256, Preset::Default, Group::X25519),
    dh("ecdh-sha2-nistp256", HashAlgorithm::Sha256, Preset::Compatible, Group::Nist(Curve::P256)),
    dh("ecdh-sha2-nistp384", HashAlgorithm::Sha384, Preset::Compatible, Group::Nist(Curve::P384)),
    dh("ecdh-sha2-nistp521", HashAlgorithm::Sha512, Preset::Compatible, Group::Nist(Curve::P521)),
    dh(
        "diffie-hellman-group16-sha512",
        HashAlgorithm::Sha512,
        Preset::Compatible,
        Group::Modp(&GROUP_16),
    ),
    dh(
        "diffie-hellman-group18-sha512",
        HashAlgorithm::Sha512,
        Preset::Compatible,
        Group::Modp(&GROUP_18),
    ),
    dh(
        "diffie-hellman-group14-sha256",
        HashAlgorithm::Sha256,
        Preset::Compatible,
        Group::Modp(&GROUP_14),
    ),
    KexAlgorithm {
        name: "diffie-hellman-group-exchange-sha256",
        hash: HashAlgorithm::Sha256,
        preset: Preset::Compatible,
        exchange: Exchange::AgreedGroup,
    },
];

const fn dh(name: &'static str, hash: HashAlgorithm, preset: Preset, group: Group) -> KexAlgorithm {
    KexAlgorithm { name, hash, preset, exchange: Exchange::DiffieHellman(group) }
}

const fn sntrup761(name: &'static str) -> KexAlgorithm {
    let (hash, exchange) = (HashAlgorithm::Sha512, Exchange::Sntrup761X25519);
    KexAlgorithm { name, hash, preset: Preset::Hardened, exchange }
}

/// The key exchange methods of this build, in order of preference.
pub fn kexes() -> &'static [KexAlgorithm] {
    &KEXES
}

/// The key exchange method of this name.
pub fn kex(name: &str) -> Option<&'static KexAlgorithm> {
    KEXES.iter().find(|kex| kex.name == name)
}

/// The client's side between its message and the server's answer.
///
/// Values are what stands in the messages' fields, behind the length: the contents of a string, or
/// those of an mpint for the `diffie-hellman-` methods (RFC 4253 8). Both are framed and hashed
/// alike, so nobody else has to tell them apart.
pub trait KexClient: Send {
    /// Q_C (e, C_INIT), to be sent in the client's message.
    fn init(&self) -> &[u8];

    /// Takes the server's Q_S (f, S_REPLY). The ephemeral key is gone afterwards, whatever the
    /// outcome.
    ///
    /// # Errors
    /// [`CryptoError::KeyExchange`] if `reply` is not an acceptable value.
    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, CryptoError>;
}

impl KexAlgorithm {
    /// Whether both sides agree on a group first (RFC 4419). [`DhGroup::client`] and
    /// [`DhGroup::server`] take the place of the methods here then.
    pub fn exchanges_group(&self) -> bool {
        matches!(self.exchange, Exchange::AgreedGroup)
    }

    /// Starts the client's side with a fresh ephemeral key.
    ///
    /// # Errors
    /// [`CryptoError::EphemeralKey`] if none can be made, [`CryptoError::GroupNeeded`] for a group
    /// exchange.
    pub fn client(&self, random: &mut dyn Random) -> Result<Box<dyn KexClient>, CryptoError> {
        self.client_with(Backend::preferred(), random)
    }

    /// As [`KexAlgorithm::client`], with the backend named, for tests and benchmarks; one that is
    /// not in this build, or lacks the method, gives way to the pure Rust one.
    ///
    /// # Errors
    /// As [`KexAlgorithm::client`].
    pub fn client_with(
        &self,
        backend: Backend,
        random: &mut dyn Random,
    ) -> Result<Box<dyn KexClient>, CryptoError> {
        Ok(match self.exchange {
            Exchange::DiffieHellman(group) => {
                Box::new(Ephemeral::generate(group, backend, random)?)
            }
            Exchange::AgreedGroup => return Err(CryptoError::GroupNeeded),
            Exchange::MlKem768X25519 => {
                Box::new(hybrid::Client::<MlKem768>::generate(backend, random)?)
            }
            Exchange::Sntrup761X25519 => {
                Box::new(hybrid::Client::<Sntrup761>::generate(backend, random)?)
            }
        })
    }

    /// The whole of the server's side: takes Q_C (e, C_INIT), gives Q_S (f, S_REPLY) and the
    /// secret. Values are as [`KexClient`] has them.
    ///
    /// # Errors
    /// [`CryptoError::KeyExchange`] if `init` is not an acceptable value; the others as
    /// [`KexAlgorithm::client`].
    pub fn server(
        &self,
        init: &[u8],
        random: &mut dyn Random,
    ) -> Result<(Vec<u8>, SharedSecret), CryptoError> {
        self.server_with(Backend::preferred(), init, random)
    }

    /// As [`KexAlgorithm::server`], with the backend named as in [`KexAlgorithm::client_with`].
    ///
    /// # Errors
    /// As [`KexAlgorithm::server`].
    pub fn server_with(
        &self,
        backend: Backend,
        init: &[u8],
        random: &mut dyn Random,
    ) -> Result<(Vec<u8>, SharedSecret), CryptoError> {
        match self.exchange {
            Exchange::DiffieHellman(group) => {
                Ephemeral::generate(group, backend, random)?.serve(init)
            }
            Exchange::AgreedGroup => Err(CryptoError::GroupNeeded),
            Exchange::MlKem768X25519 => hybrid::serve::<MlKem768>(backend, init, random),
            Exchange::Sntrup761X25519 => hybrid::serve::<Sntrup761>(backend, init, random),
        }
    }

    /// The backend that serves it; for the hybrids, that of their first half.
    pub(super) fn backend(&self) -> Backend {
        match self.exchange {
            Exchange::DiffieHellman(Group::X25519 | Group::Nist(_)) => Backend::preferred(),
            Exchange::Sntrup761X25519 if cfg!(feature = "oqs") => Backend::Oqs,
            _ => Backend::PureRust,
        }
    }
}

impl KexClient for Ephemeral {
    fn init(&self) -> &[u8] {
        self.public()
    }

    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, CryptoError> {
        Ok(SharedSecret::from_number(&self.agree(reply)?))
    }
}
