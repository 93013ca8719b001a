//! A key encapsulation mechanism that quantum computers are not known to break, beside X25519:
//! C_INIT is the encapsulation key and the X25519 value, S_REPLY the ciphertext and the X25519
//! value, and K the hash of both secrets, a string (draft-ietf-sshm-mlkem-hybrid-kex and
//! draft-ietf-sshm-ntruprime-ssh). Whoever wants K has to break both.

use zeroize::Zeroizing;

use super::ephemeral::{Ephemeral, Group};
use super::{KexClient, x25519};
use crate::crypto::{Backend, CryptoError, HashAlgorithm, Random, SharedSecret};

/// A key encapsulation mechanism: the private key it decapsulates with, and what it does.
pub(super) trait Kem: Sized + Send {
    /// Bytes of an encapsulation key.
    const ENCAPSULATION_KEY_BYTES: usize;
    /// Bytes of a ciphertext.
    const CIPHERTEXT_BYTES: usize;
    /// What is wrong with a C_INIT of another length.
    const INIT_LENGTH: &str;
    /// What is wrong with an S_REPLY of another length.
    const REPLY_LENGTH: &str;
    /// The hash that joins the secrets.
    const HASH: HashAlgorithm;

    /// A fresh key and its encapsulation key.
    fn generate(random: &mut dyn Random) -> (Self, Vec<u8>);

    /// A ciphertext for the owner of `key`, and the secret inside; `key` has the right length.
    fn encapsulate(
        backend: Backend,
        key: &[u8],
        random: &mut dyn Random,
    ) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), CryptoError>;

    /// The secret inside `ciphertext`, which has the right length. One that was tampered with
    /// gives a secret nobody else has: the server's signature over the exchange hash does not
    /// verify then.
    fn decapsulate(&self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError>;
}

/// The client's side.
pub(super) struct Client<K> {
    kem: K,
    x25519: Ephemeral,
    init: Vec<u8>,
}

impl<K: Kem> Client<K> {
    pub(super) fn generate(backend: Backend, random: &mut dyn Random) -> Result<Self, CryptoError> {
        let (kem, key) = K::generate(random);
        let x25519 = Ephemeral::generate(Group::X25519, backend, random)?;
        let init = [&key, x25519.public()].concat();
        Ok(Self { kem, x25519, init })
    }
}

impl<K: Kem> KexClient for Client<K> {
    fn init(&self) -> &[u8] {
        &self.init
    }

    fn finish(self: Box<Self>, reply: &[u8]) -> Result<SharedSecret, CryptoError> {
        let (ciphertext, theirs) = halves(reply, K::CIPHERTEXT_BYTES, K::REPLY_LENGTH)?;
        let classical = self.x25519.agree(theirs)?;
        let quantum = self.kem.decapsulate(ciphertext)?;
        Ok(combine::<K>(&quantum, &classical))
    }
}

/// The server's side.
pub(super) fn serve<K: Kem>(
    backend: Backend,
    init: &[u8],
    random: &mut dyn Random,
) -> Result<(Vec<u8>, SharedSecret), CryptoError> {
    let (key, theirs) = halves(init, K::ENCAPSULATION_KEY_BYTES, K::INIT_LENGTH)?;
    let (mut reply, quantum) = K::encapsulate(backend, key, random)?;
    let x25519 = Ephemeral::generate(Group::X25519, backend, random)?;
    let classical = x25519.agree(theirs)?;
    reply.extend_from_slice(x25519.public());
    Ok((reply, combine::<K>(&quantum, &classical)))
}

/// Parts the mechanism's value from X25519's.
fn halves<'a>(
    value: &'a [u8],
    kem_bytes: usize,
    otherwise: &'static str,
) -> Result<(&'a [u8], &'a [u8]), CryptoError> {
    let parts = value.split_at_checked(kem_bytes);
    parts
        .filter(|(_, x25519)| x25519.len() == x25519::PUBLIC_BYTES)
        .ok_or(CryptoError::KeyExchange(otherwise))
}

/// K = HASH(K_PQ || K_CL).
fn combine<K: Kem>(quantum: &[u8], classical: &[u8]) -> SharedSecret {
    let secret = Zeroizing::new(K::HASH.digest(&[quantum, classical]));
    SharedSecret::from_string(&secret)
}
