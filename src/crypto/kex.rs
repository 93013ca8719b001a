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

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Fixed, hex};
    use super::super::{ChaChaRandom, kex};
    use super::*;

    const ALICE: &str = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    const ALICE_PUBLIC: &str = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    const BOB: &str = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
    const BOB_PUBLIC: &str = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
    const SHARED: &str = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

    #[test]
    fn rfc_7748_6_1() {
        for kex in kexes() {
            let client = kex.client(&mut Fixed(hex(ALICE)));
            assert_eq!(client.init(), hex(ALICE_PUBLIC));
            let (reply, secret) = kex.server(client.init(), &mut Fixed(hex(BOB))).unwrap();
            assert_eq!(reply, hex(BOB_PUBLIC));
            let want = [hex("00000020"), hex(SHARED)].concat();
            assert_eq!(secret.encoded(), want);
            assert_eq!(client.finish(&reply).unwrap().encoded(), want);
        }
    }

    /// All the values whose order divides 8, each also with the top bit that X25519 ignores.
    #[test]
    fn cve_2023_28113_points_of_low_order() {
        let low = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        let kex = kex("curve25519-sha256").unwrap();
        let mut random = ChaChaRandom::from_seed([1; 32]);
        for (point, top) in low.iter().flat_map(|point| [(point, 0), (point, 0x80)]) {
            let mut point = hex(point);
            point[31] |= top;
            let refused = Some(CryptoError::KeyExchange("point of low order"));
            assert_eq!(kex.server(&point, &mut random).err(), refused, "{point:02x?}");
            assert_eq!(kex.client(&mut random).finish(&point).err(), refused, "{point:02x?}");
        }
    }

    #[test]
    fn values_of_the_wrong_length() {
        let kex = kex("curve25519-sha256").unwrap();
        let mut random = ChaChaRandom::from_seed([1; 32]);
        for length in [0, 1, 31, 33, 64, 1024] {
            let value = vec![9; length];
            let refused = Some(CryptoError::KeyExchange("not 32 bytes long"));
            assert_eq!(kex.server(&value, &mut random).err(), refused);
            assert_eq!(kex.client(&mut random).finish(&value).err(), refused);
        }
    }

    #[test]
    fn every_exchange_has_its_own_key() {
        let kex = kex("curve25519-sha256").unwrap();
        let mut random = ChaChaRandom::from_seed([1; 32]);
        let first = kex.client(&mut random).init().to_vec();
        assert_ne!(kex.client(&mut random).init(), first);
    }
}
