//! Key exchange methods.

#[cfg(feature = "aws-lc")]
mod awslc;
mod ephemeral;
mod hybrid;
mod modp;
mod nist;
mod primes;
mod x25519;

#[cfg(test)]
mod tests;

use super::{Backend, CryptoError, HashAlgorithm, Preset, Random, SharedSecret};
use ephemeral::{Ephemeral, Group};
use modp::{GROUP_14, GROUP_16, GROUP_18};
use nist::Curve;

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
    /// ML-KEM-768 beside X25519.
    MlKem768X25519,
}

/// In order of preference. The methods of the later presets are weaker or slower than those before
/// them, and no client of today needs them.
static KEXES: [KexAlgorithm; 9] = [
    KexAlgorithm {
        name: "mlkem768x25519-sha256",
        hash: HashAlgorithm::Sha256,
        preset: Preset::Hardened,
        exchange: Exchange::MlKem768X25519,
    },
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
];

const fn dh(name: &'static str, hash: HashAlgorithm, preset: Preset, group: Group) -> KexAlgorithm {
    KexAlgorithm { name, hash, preset, exchange: Exchange::DiffieHellman(group) }
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
    /// Starts the client's side with a fresh ephemeral key.
    ///
    /// # Errors
    /// [`CryptoError::EphemeralKey`] if none can be made.
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
            Exchange::MlKem768X25519 => Box::new(hybrid::Client::generate(backend, random)?),
        })
    }

    /// The whole of the server's side: takes Q_C (e, C_INIT), gives Q_S (f, S_REPLY) and the
    /// secret. Values are as [`KexClient`] has them.
    ///
    /// # Errors
    /// [`CryptoError::KeyExchange`] if `init` is not an acceptable value,
    /// [`CryptoError::EphemeralKey`] as [`KexAlgorithm::client`].
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
                let key = Ephemeral::generate(group, backend, random)?;
                let secret = SharedSecret::from_number(&key.agree(init)?);
                Ok((key.public().to_vec(), secret))
            }
            Exchange::MlKem768X25519 => hybrid::serve(backend, init, random),
        }
    }

    /// The backend that serves it; for the hybrid, that of ML-KEM.
    pub(super) fn backend(&self) -> Backend {
        match self.exchange {
            Exchange::DiffieHellman(Group::X25519 | Group::Nist(_)) => Backend::preferred(),
            Exchange::DiffieHellman(Group::Modp(_)) | Exchange::MlKem768X25519 => Backend::PureRust,
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
