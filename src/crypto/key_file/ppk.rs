//! PuTTY's format, versions 2 and 3 (appendix C of its manual).
//!
//! ssh-key's reader does without the RSA keys in this build and takes the zeros at the end of an
//! Ed25519 seed for zeros in front, so the lines are read here; the primitives are the crates'.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use pkcs8::der::pem::Base64Decoder;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::super::blob::{Blob, put_string};
use super::super::curve::Curve;
use super::super::limits::PRIVATE_KEY_TEXT_MAX;
use super::super::{CryptoError, EcdsaSigner, Ed25519Signer, RsaSigner, Signer};
use super::{UNKNOWN_TYPE, check_memory_cost};

const DAMAGED: CryptoError = CryptoError::PrivateKey("a PuTTY key file that does not decode");

/// The fields of a file, not decoded but for base64.
#[derive(Default)]
struct Fields<'a> {
    version: u8,
    algorithm: &'a str,
    encryption: &'a str,
    comment: &'a str,
    public: Vec<u8>,
    private: Zeroizing<Vec<u8>>,
    derivation: Option<&'a str>,
    memory_kib: Option<&'a str>,
    passes: Option<&'a str>,
    lanes: Option<&'a str>,
    salt: Option<&'a str>,
    mac: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn read(text: &'a str) -> Option<Fields<'a>> {
        let mut lines = text.lines();
        let first = lines.next()?.strip_prefix("PuTTY-User-Key-File-")?;
        let (version, algorithm) = first.split_once(": ")?;
        let mut fields = Fields { version: version.parse().ok()?, algorithm, ..Fields::default() };
        while let Some(line) = lines.next() {
            let (name, value) = line.split_once(": ")?;
            match name {
                "Encryption" => fields.encryption = value,
                "Comment" => fields.comment = value,
                "Public-Lines" => fields.public = base64(&mut lines, value)?.to_vec(),
                "Private-Lines" => fields.private = base64(&mut lines, value)?,
                "Key-Derivation" => fields.derivation = Some(value),
                "Argon2-Memory" => fields.memory_kib = Some(value),
                "Argon2-Passes" => fields.passes = Some(value),
                "Argon2-Parallelism" => fields.lanes = Some(value),
                "Argon2-Salt" => fields.salt = Some(value),
                "Private-MAC" => fields.mac = Some(value),
                _ => return None,
            }
        }
        Some(fields)
    }

    /// The MAC's input (C.4): every field anybody could turn to their advantage.
    fn authenticated(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(
            self.public.len() + self.private.len() + self.comment.len() + 100,
        ));
        put_string(&mut out, self.algorithm.as_bytes());
        put_string(&mut out, self.encryption.as_bytes());
        put_string(&mut out, self.comment.as_bytes());
        put_string(&mut out, &self.public);
        put_string(&mut out, &self.private);
        out
    }
}

/// `count` lines of base64, joined.
fn base64<'a>(
    lines: &mut impl Iterator<Item = &'a str>,
    count: &str,
) -> Option<Zeroizing<Vec<u8>>> {
    // Room for all there can be: a text that grows leaves copies behind that nobody wipes.
    let mut text = Zeroizing::new(String::with_capacity(PRIVATE_KEY_TEXT_MAX));
    for _ in 0..count.parse::<usize>().ok()? {
        text.push_str(lines.next()?);
    }
    let mut decoder = Base64Decoder::new(text.as_bytes()).ok()?;
    let mut out = Zeroizing::new(vec![0; decoder.remaining_len()]);
    decoder.decode(&mut out).ok()?;
    Some(out)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() {
        return None;
    }
    let digits = text.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    digits.collect()
}

/// What a passphrase becomes.
struct Keys {
    cipher: Zeroizing<[u8; 32]>,
    iv: [u8; 16],
    mac: Zeroizing<Vec<u8>>,
}

pub(super) fn read(text: &str, passphrase: Option<&str>) -> Result<Arc<dyn Signer>, CryptoError> {
    let mut fields = Fields::read(text).ok_or(DAMAGED)?;
    if !matches!(fields.version, 2 | 3) {
        return Err(CryptoError::PrivateKey("a PuTTY key file of another version than 2 and 3"));
    }
    let encrypted = match fields.encryption {
        "none" => false,
        "aes256-cbc" => true,
        _ => return Err(CryptoError::PrivateKey("a PuTTY key file with an unknown encryption")),
    };
    let mac_key = if encrypted {
        let passphrase = passphrase.ok_or(CryptoError::PassphraseNeeded)?;
        let keys =
            if fields.version == 2 { keys_v2(passphrase) } else { keys_v3(&fields, passphrase)? };
        decrypt(&mut fields.private, &keys)?;
        keys.mac
    } else if fields.version == 2 {
        mac_key_v2("")
    } else {
        Zeroizing::default()
    };
    let mac = fields.mac.and_then(hex).ok_or(DAMAGED)?;
    let data = fields.authenticated();
    let right = if fields.version == 2 {
        verifies::<Hmac<Sha1>>(&mac_key, &data, &mac)
    } else {
        verifies::<Hmac<Sha256>>(&mac_key, &data, &mac)
    };
    match (right, encrypted) {
        (true, _) => signer(&fields),
        (false, true) => Err(CryptoError::PassphraseWrong),
        (false, false) => Err(CryptoError::PrivateKey("a PuTTY key file that was changed")),
    }
}

fn verifies<M: Mac + KeyInit>(key: &[u8], data: &[u8], mac: &[u8]) -> bool {
    <M as KeyInit>::new_from_slice(key)
        .is_ok_and(|keyed| keyed.chain_update(data).verify_slice(mac).is_ok())
}

fn mac_key_v2(passphrase: &str) -> Zeroizing<Vec<u8>> {
    let digest = Sha1::new_with_prefix(b"putty-private-key-file-mac-key");
    Zeroizing::new(digest.chain_update(passphrase).finalize().to_vec())
}

fn keys_v2(passphrase: &str) -> Keys {
    let mut stream = Zeroizing::new(Vec::with_capacity(40));
    for count in 0..2u32 {
        let digest = Sha1::new_with_prefix(count.to_be_bytes()).chain_update(passphrase);
        stream.extend_from_slice(&digest.finalize());
    }
    let mut cipher = Zeroizing::new([0; 32]);
    cipher.iter_mut().zip(stream.iter()).for_each(|(key, byte)| *key = *byte);
    Keys { cipher, iv: [0; 16], mac: mac_key_v2(passphrase) }
}

fn keys_v3(fields: &Fields<'_>, passphrase: &str) -> Result<Keys, CryptoError> {
    let algorithm = match fields.derivation {
        Some("Argon2id") => Algorithm::Argon2id,
        Some("Argon2i") => Algorithm::Argon2i,
        Some("Argon2d") => Algorithm::Argon2d,
        _ => return Err(CryptoError::PrivateKey("encrypted with an unknown key derivation")),
    };
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok()).ok_or(DAMAGED);
    let (memory_kib, passes) = (number(fields.memory_kib)?, number(fields.passes)?);
    check_memory_cost(u64::from(memory_kib), u64::from(passes))?;
    let salt = fields.salt.and_then(hex).ok_or(DAMAGED)?;
    let params =
        Params::new(memory_kib, passes, number(fields.lanes)?, None).map_err(|_| DAMAGED)?;
    let mut stream = Zeroizing::new([0; 80]);
    Argon2::new(algorithm, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), &salt, &mut *stream)
        .map_err(|_| DAMAGED)?;
    let mut keys = Keys { cipher: Zeroizing::default(), iv: [0; 16], mac: Zeroizing::default() };
    let (cipher, rest) = stream.split_at(32);
    let (iv, mac) = rest.split_at(16);
    keys.cipher.copy_from_slice(cipher);
    keys.iv.copy_from_slice(iv);
    keys.mac = Zeroizing::new(mac.to_vec());
    Ok(keys)
}

fn decrypt(private: &mut [u8], keys: &Keys) -> Result<(), CryptoError> {
    let mut cipher = cbc::Decryptor::<aes::Aes256>::new((&*keys.cipher).into(), (&keys.iv).into());
    if !private.len().is_multiple_of(16) {
        return Err(DAMAGED);
    }
    for block in private.chunks_exact_mut(16) {
        cipher.decrypt_block(block.try_into().map_err(|_| DAMAGED)?);
    }
    Ok(())
}

/// C.3: the public half as on the wire, the private one by type. What pads the last block of the
/// cipher is random and not looked at.
fn signer(fields: &Fields<'_>) -> Result<Arc<dyn Signer>, CryptoError> {
    let mut public = Blob::new(&fields.public);
    let mut private = Blob::new(&fields.private);
    if public.string() != Some(fields.algorithm.as_bytes()) {
        return Err(DAMAGED);
    }
    match fields.algorithm {
        "ssh-ed25519" => {
            let point = public.string().ok_or(DAMAGED)?;
            // A number with its least significant byte first, zeros at the end left out.
            let digits = private.string().ok_or(DAMAGED)?;
            let mut seed = Zeroizing::new([0; 32]);
            seed.get_mut(..digits.len()).ok_or(DAMAGED)?.copy_from_slice(digits);
            Ok(Arc::new(Ed25519Signer::from_halves(&*seed, point)?))
        }
        "ssh-rsa" => {
            let exponent = public.positive().ok_or(DAMAGED)?;
            let modulus = public.positive().ok_or(DAMAGED)?;
            let [d, p, q] = [(); 3].map(|()| private.positive());
            let (d, p, q) = (d.ok_or(DAMAGED)?, p.ok_or(DAMAGED)?, q.ok_or(DAMAGED)?);
            Ok(Arc::new(RsaSigner::from_numbers(modulus, exponent, d, [p, q])?))
        }
        algorithm => {
            let curve = Curve::of_algorithm(algorithm).ok_or(UNKNOWN_TYPE)?;
            public.string().ok_or(DAMAGED)?;
            let point = public.string().ok_or(DAMAGED)?;
            let number = private.positive().ok_or(DAMAGED)?;
            Ok(Arc::new(EcdsaSigner::from_halves(curve, number, point)?))
        }
    }
}
