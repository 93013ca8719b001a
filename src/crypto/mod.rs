//! Cryptography for the protocol: the algorithm tables and one trait for each kind of algorithm.
//!
//! Owns: packet ciphers, compressions, key exchange, hashes and key derivation, host key
//! signatures, signature verification, fingerprints, the random number trait. Composes kept crates;
//! no primitive is written here. Must not know: the transport's state machine, sockets, files, the
//! clock.
//! Invariant: what a peer sends is refused with a [`CryptoError`], never a panic, and a packet
//! whose tag does not verify leaves nothing decrypted behind. Each bulk algorithm but CBC and UMAC
//! exists twice, from aws-lc-rs (feature `aws-lc`) and from pure Rust crates, ChaCha20-Poly1305 a
//! third time from OpenSSL (feature `openssl`), and the tests hold one against the other.

mod backend;
mod blob;
mod cbc;
mod certificate;
mod chacha;
mod cipher;
mod composition;
mod compression;
mod ctr;
mod curve;
mod error;
mod fingerprint;
#[cfg(test)]
mod fixtures;
mod gcm;
mod hash;
mod kex;
mod key_file;
mod limits;
mod mac;
mod packet;
mod preset;
mod random;
mod secret;
mod signer;
mod user_key;
mod verify;

pub use backend::{Backend, backend_name, backend_of};
pub use blob::{key_type_for_algorithm, key_type_of};
pub use certificate::{Certificate, CertificateKind, CertificateOption, public_blob_from_line};
#[cfg(test)]
pub(crate) use cipher::suites_spread;
pub use cipher::{CipherAlgorithm, cipher, ciphers, suites};
pub use compression::{Compress, CompressionAlgorithm, Expand, compression, compressions};
pub use error::CryptoError;
pub use fingerprint::fingerprint_sha256;
pub use hash::HashAlgorithm;
pub use kex::{DhGroup, KexAlgorithm, KexClient, Moduli, ModuliProblem, kex, kexes};
pub use key_file::read_private_key;
pub use limits::{DH_GROUP_BITS_MAX, DH_GROUP_BITS_MIN, MODULI_FILE_BYTES_MAX};
pub use limits::{RSA_BITS_MAX, RSA_BITS_MIN, RSA_BITS_MIN_DEFAULT};
pub use mac::{MacAlgorithm, MacKey, mac, macs};
pub use packet::{PacketOpen, PacketSeal, SealRun, Shape, plain_open, plain_seal};
pub use preset::Preset;
pub use random::{ChaChaRandom, Random};
pub use secret::{SharedSecret, derive};
pub use signer::{
    CertifiedSigner, EcdsaSigner, Ed25519Signer, RsaSigner, Signer, host_key_algorithms,
    plain_algorithm, public_line,
};
pub use user_key::user_key_algorithms;
pub use user_key::{KeyLabel, UserKey, announced_signatures, is_security_key_blob};
pub use verify::{
    Presence, check_key_size, signature_algorithms, verify, verify_presence, verify_with,
};
