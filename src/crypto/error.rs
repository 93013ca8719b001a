//! What can go wrong in this folder.

/// Why an operation was refused.
///
/// None of the variants carries secret material or bytes from the peer, so the text is safe to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// The packet's tag does not verify. The connection must end before a later packet acts.
    #[error("packet authentication failed")]
    PacketTag,
    /// The packet is shorter than its cipher's smallest, or not a multiple of the block size.
    #[error("packet length does not fit the cipher")]
    PacketShape,
    /// Sealing once more under this key would use a nonce twice; only a rekey helps.
    #[error("the key has sealed as many packets as its nonces allow")]
    NoncesExhausted,
    /// The library that implements the algorithm failed, for want of memory perhaps. The packet is
    /// neither sealed nor opened.
    #[error("the cryptographic library failed")]
    Library,
    /// A key, IV or MAC key of the wrong length was passed in.
    #[error("key material of the wrong length")]
    KeyLength,
    /// A payload that cannot be compressed or expanded; the text says why.
    #[error("compression: {0}")]
    Compression(&'static str),
    /// The peer's key exchange value is not acceptable; the text says which rule it broke.
    #[error("key exchange value refused: {0}")]
    KeyExchange(&'static str),
    /// No key could be made for an exchange: the random source gives no usable number.
    #[error("no ephemeral key could be made")]
    EphemeralKey,
    /// A group for Diffie-Hellman that cannot be used; the text says which rule it broke.
    #[error("group refused: {0}")]
    Group(&'static str),
    /// The method is a group exchange: both sides have to agree on a [`DhGroup`](super::DhGroup),
    /// which has the rest, first.
    #[error("the method needs a group first")]
    GroupNeeded,
    /// The name is not in the table, or the backend asked for is not built in.
    #[error("algorithm not available")]
    UnknownAlgorithm,
    /// A public key blob that does not parse or breaks a bound; the text says which.
    #[error("public key refused: {0}")]
    PublicKey(&'static str),
    /// An RSA key shorter than asked for.
    #[error("an RSA key of {bits} bits, where at least {bits_min} are asked for")]
    RsaBits {
        /// Bits of the modulus.
        bits: usize,
        /// The fewest that are accepted.
        bits_min: usize,
    },
    /// A signature blob that does not parse; the text says why.
    #[error("malformed signature: {0}")]
    SignatureEncoding(&'static str),
    /// A well-formed signature that does not verify.
    #[error("signature does not verify")]
    Signature,
    /// A private key file that cannot be used; the text says why.
    #[error("private key refused: {0}")]
    PrivateKey(&'static str),
    /// A private key file that is encrypted, and no passphrase was given.
    #[error("the private key is protected by a passphrase")]
    PassphraseNeeded,
    /// A private key file that the passphrase given does not open.
    #[error("the passphrase does not open the private key")]
    PassphraseWrong,
    /// A certificate that does not parse or that nobody may rely on; the text says why.
    #[error("certificate refused: {0}")]
    Certificate(&'static str),
}
