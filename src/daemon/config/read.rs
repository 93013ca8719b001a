//! From a value as it was written to what a row wants of it, or what is wrong with it.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use super::place::Unit;
use super::value::{Value, quote};
use crate::auth::parse_network;
use crate::vfs::limits::PATH_BYTES_MAX;

pub(super) fn flag(value: &Value) -> Result<bool, String> {
    match value {
        Value::Flag(flag) => Ok(*flag),
        other => Err(format!("{} is not true or false", other.describe())),
    }
}

pub(super) fn number(value: &Value, unit: Unit) -> Result<u64, String> {
    let parsed = match (value, unit) {
        (Value::Integer(number), _) => {
            return u64::try_from(*number).map_err(|_| format!("{number} is negative"));
        }
        (Value::Text(text), Unit::Bytes) => bytes(text),
        (Value::Text(text), Unit::Seconds) => seconds(text),
        _ => None,
    };
    let name = match unit {
        Unit::Count => "an integer",
        Unit::Bytes => "a number of bytes",
        Unit::Seconds => "a number of seconds",
    };
    parsed.ok_or_else(|| format!("{} is not {name}", value.describe()))
}

/// A number up to `max`, or none for `auto`.
pub(super) fn auto_number(value: &Value, max: u64) -> Result<Option<u64>, String> {
    match value {
        Value::Text(text) if text == "auto" => Ok(None),
        Value::Text(_) => Err(format!("{} is neither auto nor an integer", value.describe())),
        other => match number(other, Unit::Count)? {
            number if number <= max => Ok(Some(number)),
            _ => Err(format!("{} is out of range", value.describe())),
        },
    }
}

/// `512`, `64K`, `1M`, `2G`; the suffixes are powers of 1024 in either case.
fn bytes(text: &str) -> Option<u64> {
    let (digits, shift) = match text.strip_suffix(|c: char| c.is_ascii_alphabetic()) {
        None => (text, 0),
        Some(digits) => match text.bytes().last()?.to_ascii_uppercase() {
            b'K' => (digits, 10),
            b'M' => (digits, 20),
            b'G' => (digits, 30),
            _ => return None,
        },
    };
    plain_digits(digits)?.checked_mul(1 << shift)
}

/// `90`, `10m`, `1h30m`: a sum of numbers with their units, as sshd_config(5) TIME FORMATS.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let (mut total, mut rest) = (0u64, text);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        let (unit, after) = match after.chars().next() {
            None => (1, after),
            Some(c) => {
                let unit = match c.to_ascii_lowercase() {
                    's' => 1,
                    'm' => 60,
                    'h' => 3_600,
                    'd' => 86_400,
                    'w' => 604_800,
                    _ => return None,
                };
                (unit, after.strip_prefix(c)?)
            }
        };
        total = total.checked_add(plain_digits(digits)?.checked_mul(unit)?)?;
        rest = after;
    }
    Some(total)
}

pub(super) fn plain_digits(text: &str) -> Option<u64> {
    // parse() alone would also take a leading `+`.
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

pub(super) fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(format!("{} is not a string", other.describe())),
    }
}

pub(super) fn choice(value: &Value, among: &[&'static str]) -> Result<&'static str, String> {
    let given = text(value)?;
    let found = among.iter().find(|name| **name == given);
    found.copied().ok_or_else(|| format!("{} is unknown", value.describe()))
}

pub(super) fn login(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!("{} holds a blank or a control character", value.describe()));
    }
    Ok(name.to_owned())
}

pub(super) fn checked(
    value: &Value,
    check: fn(&str) -> Result<(), String>,
) -> Result<String, String> {
    let text = text(value)?;
    check(text)?;
    Ok(text.to_owned())
}

pub(super) fn path(value: &Value) -> Result<PathBuf, String> {
    let path = text(value)?;
    match path {
        "" => Err("the path is empty".to_owned()),
        _ if path.contains('\0') => Err("the path holds a NUL byte".to_owned()),
        "~" => Err("~ is not expanded: write the whole path".to_owned()),
        _ if path.starts_with("~/") => Err("~ is not expanded: write the whole path".to_owned()),
        _ => Ok(PathBuf::from(path)),
    }
}

/// `022`, `0640`: octal digits as text; the empty text is none.
pub(super) fn octal(value: &Value, max: u32) -> Result<Option<u32>, String> {
    match text(value)? {
        "" => Ok(None),
        digits => octal_digits(digits, max)
            .map(Some)
            .ok_or_else(|| format!("{} is not octal digits up to {max:04o}", value.describe())),
    }
}

/// Octal digits, at most as many as say something, worth at most `max`.
pub(crate) fn octal_digits(digits: &str, max: u32) -> Option<u32> {
    let plain = (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let number = plain.then(|| u32::from_str_radix(digits, 8).ok()).flatten()?;
    (number <= max).then_some(number)
}

/// Some of the words in `among`, each once.
pub(super) fn words(value: &Value, among: &[&'static str]) -> Result<Vec<&'static str>, String> {
    let words = each(value, |item| choice(item, among))?;
    for (at, word) in words.iter().enumerate() {
        if words.iter().skip(at + 1).any(|later| later == word) {
            return Err(format!("{} stands there twice", quote(word)));
        }
    }
    Ok(words)
}

pub(super) fn optional_path(value: &Value) -> Result<PathBuf, String> {
    if text(value)?.is_empty() { Ok(PathBuf::new()) } else { path(value) }
}

pub(super) fn absolute_path(value: &Value) -> Result<PathBuf, String> {
    let path = path(value)?;
    if path.is_absolute() {
        return Ok(path);
    }
    Err(format!("{} does not start with /", value.describe()))
}

/// A path as clients see it, in its one canonical form: `/` and names between single slashes.
pub(crate) fn client_path(path: &str) -> Result<(), String> {
    let shown = || quote(path);
    let Some(rest) = path.strip_prefix('/') else {
        return Err(format!("{} does not start with /", shown()));
    };
    if path.len() > PATH_BYTES_MAX {
        return Err(format!("it is longer than {PATH_BYTES_MAX} bytes"));
    }
    if path.contains('\0') {
        return Err("the path holds a NUL byte".to_owned());
    }
    let names = rest.split('/').filter(|_| !rest.is_empty());
    for name in names {
        match name {
            "" => return Err(format!("{} has a / too many", shown())),
            "." | ".." => return Err(format!("{} has a {name} in it", shown())),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn address(value: &Value) -> Result<SocketAddr, String> {
    let parsed = text(value)?.parse();
    parsed.map_err(|_| format!("{} is not ADDR:PORT", value.describe()))
}

pub(super) fn network(value: &Value) -> Result<IpNet, String> {
    parse_network(text(value)?)
}

/// A single value counts as a list of one.
pub(super) fn each<T>(
    value: &Value,
    one: impl Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    match value {
        Value::List(items) => items.iter().map(one).collect(),
        single => Ok(vec![one(single)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_suffixes_of_1024() {
        for (text, expected) in [
            ("0", Some(0)),
            ("512", Some(512)),
            ("64K", Some(65_536)),
            ("1m", Some(1 << 20)),
            ("2G", Some(2 << 30)),
            ("K", None),
            ("", None),
            ("1T", None),
            ("+1K", None),
            ("1 K", None),
            ("-1", None),
            ("1.5M", None),
            ("1KK", None),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551615K", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn seconds_take_sums_of_units() {
        for (text, expected) in [
            ("0", Some(0)),
            ("600", Some(600)),
            ("10m", Some(600)),
            ("1h30m", Some(5_400)),
            ("1W2d3H4m5s", Some(788_645)),
            ("1m30", Some(90)),
            ("", None),
            ("m", None),
            ("1y", None),
            ("-1", None),
            ("1h m", None),
            ("99999999999999999999w", None),
            ("18446744073709551615w", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn octal_digits_are_bounded_and_nothing_else() {
        for (text, expected) in [
            ("0", Some(0)),
            ("022", Some(0o22)),
            ("0777", Some(0o777)),
            ("1000", None),
            ("8", None),
            ("", None),
            ("0o22", None),
            ("+22", None),
            ("-1", None),
            ("000022", None),
        ] {
            assert_eq!(octal_digits(text, 0o777), expected, "{text}");
        }
        assert_eq!(octal(&Value::text(""), 0o777), Ok(None));
        assert!(octal(&Value::Integer(22), 0o777).is_err());
    }

    #[test]
    fn a_client_path_has_one_form() {
        for good in ["/", "/a", "/a/b c", "/..a/b."] {
            assert_eq!(client_path(good), Ok(()), "{good}");
        }
        for bad in ["", "a", "//", "/a/", "/a//b", "/.", "/..", "/a/../b", "/a\0"] {
            assert!(client_path(bad).is_err(), "{bad}");
        }
        assert!(client_path(&"/a".repeat(PATH_BYTES_MAX)).is_err());
    }
}
