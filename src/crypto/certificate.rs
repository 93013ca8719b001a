//! OpenSSH's certificates (its PROTOCOL.certkeys): a public key, what it is for, and a signature
//! of an authority over both.

use std::borrow::Cow;

use pkcs8::der::pem::Base64Decoder;

use super::blob::{Blob, put_positive, put_string};
use super::limits::{CERTIFICATE_BYTES_MAX, PRINCIPALS_MAX};
use super::verify::{SK_ECDSA_P256, SK_ED25519, signature_algorithms, verify};
use super::{CryptoError, key_type_for_algorithm, key_type_of, plain_algorithm};

const SUFFIX: &str = "-cert-v01@openssh.com";
const CUT_SHORT: CryptoError = CryptoError::Certificate("cut short");

/// Whom a certificate speaks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CertificateKind {
    /// A person or program that logs in.
    User,
    /// A server.
    Host,
}

/// A certificate whose signature is good. Whether its authority is one to trust, and whether it
/// speaks for this host at this time, is for [`Certificate::check_host`] and its caller; what a
/// user's is good for, for whoever lets users in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    key: Vec<u8>,
    serial: u64,
    kind: CertificateKind,
    key_id: Vec<u8>,
    principals: Vec<String>,
    valid_after: u64,
    valid_before: u64,
    critical: Vec<CertificateOption>,
    extensions: Vec<CertificateOption>,
    authority: Vec<u8>,
}

/// A critical option or an extension.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateOption {
    /// What it is called. Untrusted.
    pub name: String,
    /// What it says, encoded as its name asks for.
    pub data: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate as on the wire and verifies its authority's signature.
    ///
    /// # Errors
    /// [`CryptoError::Certificate`], [`CryptoError::PublicKey`] and
    /// [`CryptoError::SignatureEncoding`] for what does not parse or breaks a bound,
    /// [`CryptoError::Signature`] for a signature that does not verify.
    pub fn from_blob(blob: &[u8]) -> Result<Certificate, CryptoError> {
        let (certificate, signed, signature) = Self::read(blob)?;
        check_signature(&certificate.authority, signed, signature)?;
        Ok(certificate)
    }

    /// What a certificate says, for a log: nobody has verified its signature.
    pub(crate) fn unverified(blob: &[u8]) -> Result<Certificate, CryptoError> {
        Self::read(blob).map(|(certificate, ..)| certificate)
    }

    /// The certificate, what of it is signed, and the signature.
    fn read(blob: &[u8]) -> Result<(Certificate, &[u8], &[u8]), CryptoError> {
        if blob.len() > CERTIFICATE_BYTES_MAX {
            return Err(CryptoError::Certificate("too long"));
        }
        let mut fields = Blob::new(blob);
        let kind = fields.string().ok_or(CUT_SHORT)?;
        let kind = std::str::from_utf8(kind).ok().filter(|kind| kind.ends_with(SUFFIX));
        let key_type = kind.ok_or(CryptoError::Certificate("not a certificate"))?;
        let key_type = plain_algorithm(key_type);
        fields.string().ok_or(CUT_SHORT)?; // the nonce
        let key = key_of(key_type, &mut fields)?;
        let serial = fields.u64().ok_or(CUT_SHORT)?;
        let kind = match fields.u32().ok_or(CUT_SHORT)? {
            1 => CertificateKind::User,
            2 => CertificateKind::Host,
            _ => return Err(CryptoError::Certificate("neither a user's nor a host's")),
        };
        let key_id = fields.string().ok_or(CUT_SHORT)?.to_vec();
        let principals = principals(fields.string().ok_or(CUT_SHORT)?)?;
        let valid_after = fields.u64().ok_or(CUT_SHORT)?;
        let valid_before = fields.u64().ok_or(CUT_SHORT)?;
        let critical = options(fields.string().ok_or(CUT_SHORT)?)?;
        let extensions = options(fields.string().ok_or(CUT_SHORT)?)?;
        fields.string().ok_or(CUT_SHORT)?; // reserved
        let authority = fields.string().ok_or(CUT_SHORT)?;
        let signed = blob.len() - fields.remaining();
        let signature = fields.string().ok_or(CUT_SHORT)?;
        fields.end().ok_or(CryptoError::Certificate("bytes after the end"))?;
        let certificate = Certificate {
            key,
            serial,
            kind,
            key_id,
            principals,
            valid_after,
            valid_before,
            critical,
            extensions,
            authority: authority.to_vec(),
        };
        Ok((certificate, blob.get(..signed).unwrap_or_default(), signature))
    }

    /// The certificate as on the wire, out of a line as `*-cert.pub` files hold it: type, base64,
    /// comment.
    ///
    /// # Errors
    /// [`CryptoError::Certificate`] if the text is no such line.
    pub fn blob_from_line(line: &str) -> Result<Vec<u8>, CryptoError> {
        public_blob_from_line(line).map_err(|_| {
            CryptoError::Certificate("not a line of a type and base64, as in *-cert.pub")
        })
    }

    /// The certified public key, as on the wire.
    pub fn key_blob(&self) -> &[u8] {
        &self.key
    }

    /// The authority's public key, as on the wire.
    pub fn authority_blob(&self) -> &[u8] {
        &self.authority
    }

    /// Whom it speaks for.
    pub fn kind(&self) -> CertificateKind {
        self.kind
    }

    /// The number its authority gave it.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// The name its authority gave it. Untrusted: escape it before a terminal sees it.
    pub fn key_id(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.key_id)
    }

    /// The same, as it stands there.
    pub fn key_id_bytes(&self) -> &[u8] {
        &self.key_id
    }

    /// What nobody may pass over who does not know it.
    pub fn critical_options(&self) -> &[CertificateOption] {
        &self.critical
    }

    /// What it grants to those who know it.
    pub fn extensions(&self) -> &[CertificateOption] {
        &self.extensions
    }

    /// The names it is for. Untrusted, as the key's name is.
    pub fn principals(&self) -> &[String] {
        &self.principals
    }

    /// The first second it is valid, and the first it is not any more, in Unix time.
    pub fn validity(&self) -> (u64, u64) {
        (self.valid_after, self.valid_before)
    }

    /// Whether it speaks for a host now, whatever its names: what a server checks of its own.
    ///
    /// # Errors
    /// [`CryptoError::Certificate`] says which rule it breaks.
    pub fn check_host_now(&self, now: u64) -> Result<(), CryptoError> {
        let refused = |why| Err(CryptoError::Certificate(why));
        if self.kind != CertificateKind::Host {
            return refused("not a host certificate");
        }
        if now < self.valid_after {
            return refused("not yet valid");
        }
        if now >= self.valid_before {
            return refused("expired");
        }
        // None is defined for hosts, and an unknown one must not be passed over.
        if !self.critical.is_empty() {
            return refused("has a critical option, and none is known for hosts");
        }
        Ok(())
    }

    /// Whether it speaks for `host`, a name in lower case, at `now` in Unix time. A principal may
    /// be a pattern of `*` and `?`, as in OpenSSH. A certificate without principals speaks for
    /// nobody. That its authority is one to trust is for the caller to check.
    ///
    /// # Errors
    /// [`CryptoError::Certificate`] says which rule it breaks.
    pub fn check_host(&self, host: &str, now: u64) -> Result<(), CryptoError> {
        self.check_host_now(now)?;
        if self.principals.is_empty() {
            return Err(CryptoError::Certificate("without principals, which is for nobody"));
        }
        if !self.principals.iter().any(|pattern| matches(host.as_bytes(), pattern.as_bytes())) {
            return Err(CryptoError::Certificate("for another host"));
        }
        Ok(())
    }
}

/// A public key or certificate of whatever type, as on the wire, out of a line as `*.pub` files
/// hold it: type, base64, comment. Nothing but the type is looked at.
///
/// # Errors
/// [`CryptoError::PublicKey`] if the text is no such line.
pub fn public_blob_from_line(line: &str) -> Result<Vec<u8>, CryptoError> {
    const NO_LINE: CryptoError = CryptoError::PublicKey("not a line of a type and base64");
    let mut words = line.split_ascii_whitespace();
    let (kind, encoded) = words.next().zip(words.next()).ok_or(NO_LINE)?;
    if encoded.len() > 2 * CERTIFICATE_BYTES_MAX {
        return Err(CryptoError::PublicKey("too long"));
    }
    let mut decoder = Base64Decoder::new(encoded.as_bytes()).map_err(|_| NO_LINE)?;
    let mut blob = vec![0; decoder.remaining_len()];
    decoder.decode(&mut blob).map_err(|_| NO_LINE)?;
    if key_type_of(&blob) == Some(kind) { Ok(blob) } else { Err(NO_LINE) }
}

/// The public key inside, with its type's name in front: each type has its own number of fields.
/// Numbers lose needless zeros in front, so that a key is one blob: revocation lists name it.
fn key_of(key_type: &str, fields: &mut Blob<'_>) -> Result<Vec<u8>, CryptoError> {
    const NUMBER: CryptoError = CryptoError::PublicKey("not a positive number");
    let mut key = Vec::new();
    put_string(&mut key, key_type.as_bytes());
    let count = match key_type {
        "ssh-ed25519" => 1,
        "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ecdsa-sha2-nistp521" => 2,
        SK_ED25519 => 2,
        SK_ECDSA_P256 => 3,
        "ssh-rsa" => {
            put_positive(&mut key, fields.positive().ok_or(NUMBER)?);
            put_positive(&mut key, fields.positive().ok_or(NUMBER)?);
            return Ok(key);
        }
        _ => return Err(CryptoError::Certificate("for a key of an unknown type")),
    };
    for _ in 0..count {
        put_string(&mut key, fields.string().ok_or(CUT_SHORT)?);
    }
    Ok(key)
}

/// No name may hold a comma: OpenSSH once took such a name apart, and a certificate for one user
/// then spoke for several. Control characters have no place in a name either.
fn principals(list: &[u8]) -> Result<Vec<String>, CryptoError> {
    let mut list = Blob::new(list);
    let mut names = Vec::new();
    while list.remaining() > 0 {
        let name = list.string().ok_or(CUT_SHORT)?;
        if names.len() == PRINCIPALS_MAX {
            return Err(CryptoError::Certificate("more than 256 principals"));
        }
        let odd = |byte: &u8| *byte == b',' || byte.is_ascii_control();
        let name = std::str::from_utf8(name).ok().filter(|name| !name.as_bytes().iter().any(odd));
        let name = name.filter(|name| !name.is_empty());
        names.push(name.ok_or(CryptoError::Certificate("a principal that is no name"))?.to_owned());
    }
    Ok(names)
}

/// A list of options: string name, string data.
fn options(list: &[u8]) -> Result<Vec<CertificateOption>, CryptoError> {
    let mut list = Blob::new(list);
    let mut options = Vec::new();
    while list.remaining() > 0 {
        let name = String::from_utf8_lossy(list.string().ok_or(CUT_SHORT)?).into_owned();
        let data = list.string().ok_or(CUT_SHORT)?.to_vec();
        options.push(CertificateOption { name, data });
    }
    Ok(options)
}

/// An authority is a plain key: a certificate that vouches for another would make a chain, which
/// the format does not know and whose length nobody would bound.
fn check_signature(authority: &[u8], data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let key_type = key_type_of(authority).ok_or(CUT_SHORT)?;
    if key_type.ends_with(SUFFIX) {
        return Err(CryptoError::Certificate("signed by a certificate"));
    }
    let name = Blob::new(signature).string().ok_or(CUT_SHORT)?;
    let algorithm = signature_algorithms()
        .iter()
        .find(|known| known.as_bytes() == name && key_type_for_algorithm(known) == key_type)
        .ok_or(CryptoError::Certificate("signed with an algorithm that is not taken"))?;
    verify(authority, algorithm, data, signature)
}

/// Whether `text` matches a pattern of `*` and `?`, in time proportional to their product at most.
fn matches(text: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    // Where the last `*` stood, and how far its match reached.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(at) {
        match pattern.get(place) {
            Some(b'*') => {
                star = Some((place, at));
                place += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                place += 1;
            }
            _ => match star {
                Some((starred, reached)) => {
                    star = Some((starred, reached + 1));
                    place = starred + 1;
                    at = reached + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(place..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
pub(super) mod tests;
