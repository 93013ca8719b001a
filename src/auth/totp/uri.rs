//! `otpauth://totp/LABEL?secret=...`, as apps read it from QR codes (the Key Uri Format of Google
//! Authenticator). What a URI says beyond the issuer and the picture changes the codes, so that an
//! unknown word in it is refused.

use totp_rs::Algorithm;
use zeroize::Zeroizing;

use super::{Totp, secret};
use crate::auth::Problem;
use crate::auth::limits::TOTP_URI_BYTES_MAX;

const SCHEME: &str = "otpauth://totp/";

pub(super) fn parse(text: &str) -> Result<Totp, Problem> {
    if text.len() > TOTP_URI_BYTES_MAX {
        return Err(Problem::new(format!("the URI is longer than {TOTP_URI_BYTES_MAX} bytes")));
    }
    let is_totp = text.get(..SCHEME.len()).is_some_and(|it| it.eq_ignore_ascii_case(SCHEME));
    let (Some((_, query)), true) = (text.split_once('?'), is_totp) else {
        return Err(Problem::new("the URI is not of the form otpauth://totp/NAME?secret=BASE32"));
    };
    let found = Query::read(query)?;
    let secret = secret(found.secret.ok_or_else(|| Problem::new("the URI has no secret="))?)?;
    let algorithm = match found.algorithm.map(str::to_ascii_uppercase).as_deref() {
        None | Some("SHA1") => Algorithm::SHA1,
        Some("SHA256") => Algorithm::SHA256,
        Some("SHA512") => Algorithm::SHA512,
        Some(_) => {
            return Err(Problem::new("the URI's algorithm= is not SHA1, SHA256 or SHA512"));
        }
    };
    let digits = match found.digits {
        None | Some("6") => 6,
        Some("8") => 8,
        Some(_) => return Err(Problem::new("the URI's digits= is not 6 or 8")),
    };
    let period = found.period.map_or(Some(Totp::PERIOD_SECONDS), |text| text.parse().ok());
    let period = period.filter(|seconds| (15..=60).contains(seconds));
    let period = period.ok_or_else(|| Problem::new("the URI's period= is not 15 to 60 seconds"))?;
    Totp::new(secret, algorithm, digits, period)
}

#[derive(Default)]
struct Query<'a> {
    secret: Option<&'a str>,
    algorithm: Option<&'a str>,
    digits: Option<&'a str>,
    period: Option<&'a str>,
}

impl<'a> Query<'a> {
    fn read(query: &'a str) -> Result<Self, Problem> {
        let mut found = Self::default();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let place = match name {
                "secret" => &mut found.secret,
                "algorithm" => &mut found.algorithm,
                "digits" => &mut found.digits,
                "period" => &mut found.period,
                "issuer" | "image" => continue,
                _ => return Err(Problem::new("the URI holds a word that is not known")),
            };
            let value = padding(value);
            if place.replace(value).is_some() {
                return Err(Problem::new(format!("the URI has {name}= twice")));
            }
        }
        Ok(found)
    }
}

/// Without the padding of base32, the only thing that is escaped in these values.
fn padding(mut value: &str) -> &str {
    while let Some(rest) = value.strip_suffix("%3D").or_else(|| value.strip_suffix("%3d")) {
        value = rest;
    }
    value
}

pub(super) fn write(totp: &Totp, issuer: &str, name: &str) -> Zeroizing<String> {
    let codes = &totp.codes;
    let (issuer, name, secret) = (escaped(issuer), escaped(name), totp.base32());
    let (algorithm, digits, period) = (codes.algorithm(), codes.digits(), codes.step());
    let algorithm = algorithm.as_str();
    Zeroizing::new(format!(
        "{SCHEME}{issuer}:{name}?secret={}&issuer={issuer}&algorithm={algorithm}&digits={digits}\
         &period={period}",
        secret.as_str()
    ))
}

/// Percent-encoding (RFC 3986 section 2.1) of all that is not unreserved.
fn escaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                made.push(char::from(byte));
            }
            _ => made.push_str(&format!("%{byte:02X}")),
        }
    }
    made
}
