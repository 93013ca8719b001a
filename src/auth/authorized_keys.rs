//! Reads authorized_keys files (sshd(8), AUTHORIZED_KEYS FILE FORMAT) and `*.pub` files.
//!
//! A line is understood whole or rejected whole: a line with options this server does not enforce
//! would grant more than its author meant. Rejected lines are reported, never silently dropped.

mod options;

use jiff::tz::TimeZone;
use ssh_key::PublicKey;

use super::limits::LINE_BYTES_MAX;
use crate::crypto::{
    RSA_BITS_MIN_DEFAULT, check_key_size, key_type_for_algorithm, signature_algorithms,
};

pub use options::KeyOptions;
pub(super) use options::Unfit;

/// What lines are read by.
#[derive(Clone, Debug)]
pub struct KeyRules {
    /// An RSA key of fewer bits could not log in, so its line is rejected.
    pub rsa_bits_min: usize,
    /// The zone of times that name none.
    pub zone: TimeZone,
}

impl Default for KeyRules {
    /// As sshd has them where nothing is set, with RSA keys of 3072 bits and times in UTC.
    fn default() -> Self {
        Self { rsa_bits_min: RSA_BITS_MIN_DEFAULT, zone: TimeZone::UTC }
    }
}

/// A key that may log in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizedKey {
    /// The public key as it goes over the wire (RFC 4253 section 6.6).
    pub blob: Vec<u8>,
    /// What stands in front of it.
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
            Err(cause) => file.rejected.push(RejectedLine { line: number, cause }),
        }
    }
    file
}

/// `None` for a line without a key.
fn parse_line(line: &[u8], rules: &KeyRules) -> Result<Option<AuthorizedKey>, String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("the line is longer than {LINE_BYTES_MAX} bytes"));
    }
    if line.contains(&0) {
        return Err("the line holds a NUL byte".to_owned());
    }
    let text = String::from_utf8_lossy(line);
    let text = text.trim_matches([' ', '\t', '\r']);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    if text.contains('\r') {
        return Err("the line holds a carriage return that does not end it".to_owned());
    }
    let (options, text) = match is_key_type(split_field(text).0) {
        true => (None, text),
        false => {
            let (options, rest) = split_options(text);
            (Some(options), rest)
        }
    };
    let (kind, rest) = split_field(text);
    if !is_key_type(kind) {
        return Err("neither a public key nor a comment".to_owned());
    }
    let options = options
        .map_or_else(|| Ok(KeyOptions::default()), |text| KeyOptions::parse(text, &rules.zone))?;
    if !signature_algorithms().iter().any(|name| key_type_for_algorithm(name) == kind) {
        return Err(format!("keys of type {kind} are not supported"));
    }
    let (base64, comment) = split_field(rest);
    let key = PublicKey::from_openssh(&format!("{kind} {base64}"))
        .map_err(|error| format!("the {kind} key does not decode: {error}"))?;
    let blob =
        key.to_bytes().map_err(|error| format!("the {kind} key does not encode: {error}"))?;
    check_key_size(&blob, rules.rsa_bits_min).map_err(|error| error.to_string())?;
    Ok(Some(AuthorizedKey { blob, options, comment: comment.to_owned(), line: 0 }))
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

/// Options run to the first blank outside double quotes; `\"` is a quote inside quotes.
fn split_options(text: &str) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => {
                let (options, rest) = text.split_at(at);
                return (options, rest.trim_start_matches([' ', '\t']));
            }
            _ => {}
        }
    }
    (text, "")
}

fn printable(c: char) -> char {
    if c.is_control() { '?' } else { c }
}

#[cfg(test)]
mod tests;
