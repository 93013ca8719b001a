//! Stands in for `crate::ssh` and `crate::crypto` until they are joined; then this file goes.
#![allow(missing_docs)]

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub struct AuthRequest {
    pub user: String,
    pub method: AuthMethod,
}

pub enum AuthMethod {
    None,
    Password(Zeroizing<String>),
    KeyOffered { algorithm: String, blob: Vec<u8> },
    KeyVerified { algorithm: String, blob: Vec<u8> },
    Other(String),
}

pub(crate) fn signature_algorithms() -> &'static [&'static str] {
    &["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"]
}

pub(crate) fn key_type_for_algorithm(name: &str) -> &str {
    if name.starts_with("rsa-sha2-") { "ssh-rsa" } else { name }
}

pub(crate) fn fingerprint_sha256(blob: &[u8]) -> String {
    format!("SHA256:{:02x?}", Sha256::digest(blob))
}
