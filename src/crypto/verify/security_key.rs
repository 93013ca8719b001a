//! Keys that live in a FIDO authenticator (OpenSSH's PROTOCOL.u2f): what it signs is not the data
//! but a few bytes of its own around the data's digest, and with them it tells whether somebody
//! touched it.

use super::super::HashAlgorithm;
use super::super::blob::{Blob, put_string};
use super::super::curve::ECDSA_P256;
use super::super::limits::APPLICATION_BYTES_MAX;
use super::{CryptoError, ED25519, key_fields, signature_fields};

pub(crate) const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";
pub(crate) const SK_ECDSA_P256: &str = "sk-ecdsa-sha2-nistp256@openssh.com";

/// The person was there and touched it.
const TOUCHED: u8 = 0x01;

/// The person was recognized, by a PIN or a finger.
const RECOGNIZED: u8 = 0x04;

const CUT_KEY: CryptoError = CryptoError::PublicKey("cut short");
const CUT_SIGNATURE: CryptoError = CryptoError::SignatureEncoding("cut short");

/// What a security key says about the person in front of it. It is part of what it signs: whoever
/// has one has it from a signature that was verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Presence {
    /// Somebody touched it for this signature.
    pub touched: bool,
    /// It made sure that it was its owner, by a PIN or a fingerprint.
    pub recognized: bool,
}

/// The plain signature inside one of a security key.
pub(super) struct Inside {
    pub(super) algorithm: &'static str,
    pub(super) public_blob: Vec<u8>,
    pub(super) data: Vec<u8>,
    /// A whole signature blob.
    pub(super) signature: Vec<u8>,
    /// To be believed once the signature is verified.
    pub(super) presence: Presence,
}

/// Whether keys of this type, or signatures of this algorithm, are a security key's.
pub(crate) fn is_security_key(name: &str) -> bool {
    name == SK_ED25519 || name == SK_ECDSA_P256
}

/// Takes apart what a security key of `algorithm` has to do with a signature.
pub(super) fn inside(
    public_blob: &[u8],
    algorithm: &str,
    data: &[u8],
    signature: &[u8],
) -> Result<Inside, CryptoError> {
    let plain = if algorithm == SK_ED25519 { ED25519 } else { ECDSA_P256 };
    let (key, application) = key(public_blob, algorithm, plain)?;
    let mut fields = signature_fields(algorithm, signature)?;
    let bytes = fields.string().ok_or(CUT_SIGNATURE)?;
    let flags = fields.u8().ok_or(CUT_SIGNATURE)?;
    let counter = fields.u32().ok_or(CUT_SIGNATURE)?;
    fields.end().ok_or(CryptoError::SignatureEncoding("bytes after the end"))?;
    let mut inner = Vec::new();
    put_string(&mut inner, plain.as_bytes());
    put_string(&mut inner, bytes);
    let mut signed = HashAlgorithm::Sha256.digest(&[application]);
    signed.push(flags);
    signed.extend_from_slice(&counter.to_be_bytes());
    signed.extend_from_slice(&HashAlgorithm::Sha256.digest(&[data]));
    Ok(Inside {
        algorithm: plain,
        public_blob: key,
        data: signed,
        signature: inner,
        presence: Presence { touched: flags & TOUCHED != 0, recognized: flags & RECOGNIZED != 0 },
    })
}

/// The plain public key inside, as its own blob, and the application the key was made for.
fn key<'a>(
    blob: &'a [u8],
    algorithm: &str,
    plain: &str,
) -> Result<(Vec<u8>, &'a [u8]), CryptoError> {
    let mut fields: Blob<'a> = key_fields(algorithm, blob)?;
    let mut key = Vec::new();
    put_string(&mut key, plain.as_bytes());
    for _ in 0..if plain == ED25519 { 1 } else { 2 } {
        put_string(&mut key, fields.string().ok_or(CUT_KEY)?);
    }
    let application = fields.string().ok_or(CUT_KEY)?;
    fields.end().ok_or(CryptoError::PublicKey("bytes after the end"))?;
    if application.len() > APPLICATION_BYTES_MAX {
        return Err(CryptoError::PublicKey("application too long"));
    }
    Ok((key, application))
}
