//! Makes certificates, with anything in them, and security keys of software. It uses nothing of
//! ours, and is used by the unit tests of `src/auth` too.
#![allow(dead_code)]

use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest, Sha256};

/// 2026-01-01.
pub(crate) const NOW: i64 = 1_767_225_600;

pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A string inside a string, as options hold theirs.
pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, bytes);
    out
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// The plain Ed25519 key of a seed, as on the wire.
pub(crate) fn public_blob(seed: u8) -> Vec<u8> {
    let mut out = string(b"ssh-ed25519");
    put(&mut out, key(seed).verifying_key().as_bytes());
    out
}

/// A whole signature blob of the plain key of a seed.
pub(crate) fn signature(seed: u8, data: &[u8]) -> Vec<u8> {
    let mut out = string(b"ssh-ed25519");
    put(&mut out, &key(seed).sign(data).to_bytes());
    out
}

pub(crate) const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";

/// The key of a seed, were it a security key's.
pub(crate) fn security_blob(seed: u8) -> Vec<u8> {
    let mut out = string(SK_ED25519.as_bytes());
    out.extend(security_fields(seed));
    out
}

/// What stands behind its type.
pub(crate) fn security_fields(seed: u8) -> Vec<u8> {
    let mut out = string(key(seed).verifying_key().as_bytes());
    put(&mut out, b"ssh:");
    out
}

/// What a security key signs for `data` with these flags: 1 is touched, 4 is recognized.
pub(crate) fn security_signature(seed: u8, flags: u8, data: &[u8]) -> Vec<u8> {
    let mut signed = Sha256::digest(b"ssh:").to_vec();
    signed.push(flags);
    signed.extend(9u32.to_be_bytes());
    signed.extend(Sha256::digest(data));
    let mut out = string(SK_ED25519.as_bytes());
    put(&mut out, &key(seed).sign(&signed).to_bytes());
    out.push(flags);
    out.extend(9u32.to_be_bytes());
    out
}

/// What goes into a certificate, to be changed one at a time.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub(crate) key_type: &'static str,
    /// The certified key from behind its type.
    pub(crate) key: Vec<u8>,
    pub(crate) serial: u64,
    /// 1 is a user's, 2 a host's.
    pub(crate) kind: u32,
    pub(crate) key_id: Vec<u8>,
    pub(crate) principals: Vec<&'static str>,
    pub(crate) validity: (u64, u64),
    pub(crate) critical: Vec<(&'static str, Vec<u8>)>,
    pub(crate) extensions: Vec<(&'static str, Vec<u8>)>,
    /// The seed of who signs.
    pub(crate) authority: u8,
    /// What it says who has signed, where that is not so.
    pub(crate) authority_blob: Option<Vec<u8>>,
}

/// The seed of the authority, and that of the key it certifies.
pub(crate) const AUTHORITY: u8 = 101;
pub(crate) const HOLDER: u8 = 102;

impl Recipe {
    /// A good one for `alice`.
    pub(crate) fn new() -> Self {
        Self {
            key_type: "ssh-ed25519-cert-v01@openssh.com",
            key: string(key(HOLDER).verifying_key().as_bytes()),
            serial: 7,
            kind: 1,
            key_id: b"alice's laptop".to_vec(),
            principals: vec!["alice"],
            validity: (0, u64::MAX),
            critical: vec![],
            extensions: vec![("permit-pty", vec![])],
            authority: AUTHORITY,
            authority_blob: None,
        }
    }

    /// The same of a security key.
    pub(crate) fn security() -> Self {
        let key_type = "sk-ssh-ed25519-cert-v01@openssh.com";
        Self { key_type, key: security_fields(HOLDER), ..Self::new() }
    }

    pub(crate) fn blob(&self) -> Vec<u8> {
        let mut out = string(self.key_type.as_bytes());
        put(&mut out, &[7; 32]);
        out.extend_from_slice(&self.key);
        out.extend(self.serial.to_be_bytes());
        out.extend(self.kind.to_be_bytes());
        put(&mut out, &self.key_id);
        let mut principals = Vec::new();
        self.principals.iter().for_each(|name| put(&mut principals, name.as_bytes()));
        put(&mut out, &principals);
        out.extend(self.validity.0.to_be_bytes());
        out.extend(self.validity.1.to_be_bytes());
        for options in [&self.critical, &self.extensions] {
            let mut list = Vec::new();
            for (name, data) in options {
                put(&mut list, name.as_bytes());
                put(&mut list, data);
            }
            put(&mut out, &list);
        }
        put(&mut out, b"");
        put(&mut out, &self.authority_blob.clone().unwrap_or_else(|| public_blob(self.authority)));
        let signature = signature(self.authority, &out);
        put(&mut out, &signature);
        out
    }
}
