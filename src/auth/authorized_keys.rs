//! Reads authorized_keys files (sshd(8), AUTHORIZED_KEYS FILE FORMAT) and `*.pub` files.
//!
//! A line is understood whole or rejected whole: a line with options this server does not enforce
//! would grant more than its author meant. Rejected lines are reported, never silently dropped.

mod options;

use jiff::tz::TimeZone;
use ssh_key::PublicKey;

use super::limits::LINE_BYTES_MAX;
use crate::crypto::{
    RSA_BITS_MIN_DEFAULT, check_key_size, is_security_key_blob, key_type_for_algorithm,
    signature_algorithms,
};

pub(super) use options::{Demands, Unfit, network, networks};
pub use options::{KeyOptions, expiry_time};

/// What lines are read by.
#[derive(Clone, Debug)]
pub struct KeyRules {
    /// An RSA key of fewer bits could not log in, so its line is rejected.
    pub rsa_bits_min: usize,
    /// The zone of times that name none.
    pub zone: TimeZone,
}

impl Default for KeyRules {
    /// RSA keys from 3072 bits on, times in UTC.
    fn default() -> Self {
        Self { rsa_bits_min: RSA_BITS_MIN_DEFAULT, zone: TimeZone::UTC }
    }
}

/// A key that may log in, or an authority whose certificates may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizedKey {
    /// The public key as it goes over the wire (RFC 4253 section 6.6).
    pub blob: Vec<u8>,
    /// What stands in front of it: also whether it is an authority.
    pub options: KeyOptions,
    /// The rest of the line: for people, with no meaning.
    pub comment: String,
    /// The line it stands on, from 1.
    pub line: usize,
}

/// A line that grants nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedLine {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it. Holds at most a short piece of the line.
    pub cause: String,
    /// The key in it, where it is only the options that are not good enough: it is not to be
    /// granted more by somebody who does not read them.
    pub blob: Option<Vec<u8>>,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFile {
    /// The keys that may log in, in the file's order.
    pub keys: Vec<AuthorizedKey>,
    /// The lines that were not understood.
    pub rejected: Vec<RejectedLine>,
}

/// Reads a whole file. Lines end in LF or CR LF; empty lines and lines that begin with `#` are
/// skipped. Text that is not UTF-8 is kept with replacement characters: only comments may hold it.
pub fn parse(bytes: &[u8], rules: &KeyRules) -> KeyFile {
    let mut file = KeyFile::default();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        match parse_line(line, rules) {
            Ok(None) => {}
            Ok(Some(key)) => file.keys.push(AuthorizedKey { line: number, ..key }),
            Err((cause, blob)) => file.rejected.push(RejectedLine { line: number, cause, blob }),
        }
    }
    file
}

/// Why a line is rejected, and the key in it if that was read.
type Rejected = (String, Option<Vec<u8>>);

/// `None` for a line without a key.
fn parse_line(line: &[u8], rules: &KeyRules) -> Result<Option<AuthorizedKey>, Rejected> {
    let wrong = |cause: &str| Err((cause.to_owned(), None));
    if line.len() > LINE_BYTES_MAX {
        return Err((format!("the line is longer than {LINE_BYTES_MAX} bytes"), None));
    }
    if line.contains(&0) {
        return wrong("the line holds a NUL byte");
    }
    let text = String::from_utf8_lossy(line);
    let text = text.trim_matches([' ', '\t', '\r']);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    if text.contains('\r') {
        return wrong("the line holds a carriage return that does not end it");
    }
    let (options, text) = match is_key_type(split_field(text).0) {
        true => (None, text),
        false => {
            let (options, rest) = text.split_at_checked(options::end(text)).unwrap_or((text, ""));
            (Some(options), rest.trim_start_matches([' ', '\t']))
        }
    };
    let (kind, rest) = split_field(text);
    if !is_key_type(kind) {
        return wrong("neither a public key nor a comment");
    }
    let (base64, comment) = split_field(rest);
    let blob = decode(kind, base64, rules).map_err(|cause| (cause, None))?;
    let options = match options.map(|text| KeyOptions::parse(text, &rules.zone)) {
        None => KeyOptions::default(),
        Some(Ok(options)) if options.asks_for_verification() && !is_security_key_blob(&blob) => {
            let cause = "verify-required is for security keys: this one cannot tell who uses it";
            return Err((cause.to_owned(), Some(blob)));
        }
        Some(Ok(options)) => options,
        Some(Err(cause)) => return Err((cause, Some(blob))),
    };
    Ok(Some(AuthorizedKey { blob, options, comment: comment.to_owned(), line: 0 }))
}

/// The key as it goes over the wire.
fn decode(kind: &str, base64: &str, rules: &KeyRules) -> Result<Vec<u8>, String> {
    if !signature_algorithms().iter().any(|name| key_type_for_algorithm(name) == kind) {
        return Err(format!("keys of type {kind} are not supported"));
    }
    let key = PublicKey::from_openssh(&format!("{kind} {base64}"))
        .map_err(|error| format!("the {kind} key does not decode: {error}"))?;
    let blob =
        key.to_bytes().map_err(|error| format!("the {kind} key does not encode: {error}"))?;
    check_key_size(&blob, rules.rsa_bits_min).map_err(|error| error.to_string())?;
    Ok(blob)
}

/// The first field and what follows it, without the blanks between.
fn split_field(text: &str) -> (&str, &str) {
    match text.split_once([' ', '\t']) {
        Some((field, rest)) => (field, rest.trim_start_matches([' ', '\t'])),
        None => (text, ""),
    }
}

/// Whether a word is the name of some type of public key, supported or not.
fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|start| word.starts_with(start))
        && word.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b',')
}

fn printable(c: char) -> char {
    if c.is_control() { '?' } else { c }
}

#[cfg(test)]
mod tests;
