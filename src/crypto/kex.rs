//! Key exchange methods.

use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::{Backend, CryptoError, HashAlgorithm, Random, SharedSecret};

/// The backend in use.
pub(super) const BACKEND: Backend = Backend::PureRust;

/// A key exchange method: two messages, a secret, a hash.
#[derive(Debug)]
#[non_exhaustive]
pub struct KexAlgorithm {
    /// The name in KEXINIT.
    pub name: &'static str,
    /// The hash for the exchange hash and the key derivation.
    pub hash: HashAlgorithm,
}

/// In order of preference. The second is the first under the name it had before RFC 8731.
static KEXES: [KexAlgorithm; 2] = [
    KexAlgorithm { name: "curve25519-sha256", hash: HashAlgorithm::Sha256 },
    KexAlgorithm { name: "curve25519-sha256@libssh.org", hash: HashAlgorithm::Sha256 },
];

/// The key exchange methods of this build, in order of preference.
pub fn kexes() -> &'static [KexAlgorithm] {
    &KEXES
}

/// The key exchange method of this name.
pub fn kex(name: &str) -> Option<&'static KexAlgorithm> {
    KEXES.iter().find(|kex| kex.name == name)
}

/// The client's side between its message and the server's answer.
pub trait KexClient: Send {
    /// Q_C, to be sent in the client's message.
    fn init(&self) -> &[u8];

    /// Takes the server's Q_S. The ephemeral key is gone afterwards, whatever the outcome.
    ///
    /// # Errors
    /// [`CryptoError::KeyExchange`] if `reply` is not an acceptable value.
    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, CryptoError>;
}

impl KexAlgorithm {
    /// Starts the client's side with a fresh ephemeral key.
    pub fn client(&self, random: &mut dyn Random) -> Box<dyn KexClient> {
        Box::new(X25519Client::new(random))
    }

    /// The whole of the server's side: takes Q_C, gives Q_S and the secret.
    ///
    /// # Errors
    /// [`CryptoError::KeyExchange`] if `init` is not an acceptable value.
    pub fn server(
        &self,
        init: &[u8],
        random: &mut dyn Random,
    ) -> Result<(Vec<u8>, SharedSecret), CryptoError> {
        let secret = ephemeral(random);
        let shared = agree(&secret, init)?;
        Ok((PublicKey::from(&secret).as_bytes().to_vec(), shared))
    }
}

struct X25519Client {
    secret: StaticSecret,
    public: PublicKey,
}

impl X25519Client {
    fn new(random: &mut dyn Random) -> Self {
        let secret = ephemeral(random);
        let public = PublicKey::from(&secret);
        X25519Client { secret, public }
    }
}

impl KexClient for X25519Client {
    fn init(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, CryptoError> {
        agree(&self.secret, reply)
    }
}

fn ephemeral(random: &mut dyn Random) -> StaticSecret {
    let mut bytes = Zeroizing::new([0; 32]);
    random.fill(bytes.as_mut());
    StaticSecret::from(*bytes)
}

/// X25519 with the checks of RFC 8731 3: 32 bytes, and no all-zero result, which is what every
/// point of low order gives.
fn agree(secret: &StaticSecret, theirs: &[u8]) -> Result<SharedSecret, CryptoError> {
    let theirs: [u8; 32] =
        theirs.try_into().map_err(|_| CryptoError::KeyExchange("not 32 bytes long"))?;
    let shared = secret.diffie_hellman(&PublicKey::from(theirs));
    if !shared.was_contributory() {
        return Err(CryptoError::KeyExchange("point of low order"));
    }
    Ok(SharedSecret::from_number(shared.as_bytes()))
}
