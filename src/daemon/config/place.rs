//! Where a value lands in [`Config`], and with it which values are allowed and how they look.

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::de::DeValue;

use super::Config;
use super::selection::{Kind, Selection};
use super::value::{Value, quote};

/// A field of [`Config`]: read through a copy, written in place.
pub(crate) type At<T> = fn(&mut Config) -> &mut T;

/// What a number counts, which decides the suffixes it may carry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Things.
    Count,
    /// Bytes; as a string also with K, M or G (powers of 1024), as sshd_config writes them.
    Bytes,
    /// Seconds; as a string also with s, m, h, d or w, and sums of them (`1h30m`), as sshd_config.
    Seconds,
}

/// Where a value lands; the allowed values come along.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Flag(At<bool>),
    /// From `min` to `max`; and 0, when `zero` says what it means.
    Number {
        at: At<u64>,
        unit: Unit,
        min: u64,
        max: u64,
        zero: Option<&'static str>,
    },
    Choice {
        at: At<&'static str>,
        among: &'static [&'static str],
    },
    /// Algorithms of one kind: the preset's, an edit of them, or others.
    Names {
        at: At<Selection>,
        kind: Kind,
    },
    /// A login name: printable, without blanks; it may be empty.
    Login(At<String>),
    /// Text of a form that `check` knows, and `form` tells people.
    Text {
        at: At<String>,
        form: &'static str,
        check: fn(&str) -> Result<(), String>,
    },
    /// A list of such texts.
    Texts {
        at: At<Vec<String>>,
        form: &'static str,
        check: fn(&str) -> Result<(), String>,
    },
    Path(At<PathBuf>),
    Paths(At<Vec<PathBuf>>),
    /// At least one ADDR:PORT.
    Addresses(At<Vec<SocketAddr>>),
}

impl Place {
    /// Whether the key takes a list, so that a flag given again adds to it.
    pub(crate) fn is_list(&self) -> bool {
        matches!(
            self,
            Self::Names { .. } | Self::Texts { .. } | Self::Paths(_) | Self::Addresses(_)
        )
    }

    /// The allowed values, for error messages and comments.
    pub(crate) fn allowed(&self) -> String {
        match self {
            Self::Flag(_) => "true or false".to_owned(),
            Self::Number { unit, min, max, zero, .. } => {
                let unit = match unit {
                    Unit::Count => "an integer",
                    Unit::Bytes => "bytes, such as 65536 or \"64K\" (K, M, G),",
                    Unit::Seconds => "seconds, such as 90 or \"1m30s\" (s, m, h, d, w),",
                };
                let zero = zero.map_or(String::new(), |zero| format!(", or 0: {zero}"));
                format!("{unit} from {min} to {max}{zero}")
            }
            Self::Choice { among, .. } => one_of(among),
            Self::Names { kind, .. } => format!(
                "a list, in order of preference, of {}; empty: the preset's; a sign before the \
                 first name edits the preset's: + adds to it, - takes away (* and ? stand for any \
                 characters), ^ puts in front",
                (kind.known)().join(", ")
            ),
            Self::Login(_) => "a login name: printable characters without blanks".to_owned(),
            Self::Text { form, .. } => (*form).to_owned(),
            Self::Texts { form, .. } => format!("a list of {form}"),
            Self::Path(_) => "a path".to_owned(),
            Self::Paths(_) => "a path or a list of paths".to_owned(),
            Self::Addresses(_) => {
                "ADDR:PORT, such as \"127.0.0.1:2222\" or \"[::]:22\", or a list of them".to_owned()
            }
        }
    }

    /// Writes `value` into `config`, or says what is wrong with it and leaves `config` as it was.
    pub(crate) fn apply(&self, config: &mut Config, value: &Value) -> Result<(), String> {
        match self {
            Self::Flag(at) => *at(config) = flag(value)?,
            Self::Number { at, unit, min, max, zero } => {
                let number = number(value, *unit)?;
                let allowed = (*min..=*max).contains(&number) || (zero.is_some() && number == 0);
                if !allowed {
                    return Err(format!("{} is out of range", value.describe()));
                }
                *at(config) = number;
            }
            Self::Choice { at, among } => *at(config) = choice(value, among)?,
            Self::Names { at, kind } => *at(config) = Selection::read(value, &(kind.known)())?,
            Self::Login(at) => *at(config) = login(value)?,
            Self::Text { at, check, .. } => *at(config) = checked(value, *check)?,
            Self::Texts { at, check, .. } => {
                *at(config) = each(value, |item| checked(item, *check))?;
            }
            Self::Path(at) => *at(config) = path(value)?,
            Self::Paths(at) => *at(config) = each(value, path)?,
            Self::Addresses(at) => {
                let addresses = each(value, address)?;
                if addresses.is_empty() {
                    return Err("the list is empty".to_owned());
                }
                *at(config) = addresses;
            }
        }
        Ok(())
    }

    /// The value `config` holds, as TOML.
    pub(crate) fn show(&self, config: &Config) -> String {
        let mut config = config.clone();
        let config = &mut config;
        match self {
            Self::Flag(at) => at(config).to_string(),
            Self::Number { at, .. } => at(config).to_string(),
            Self::Choice { at, .. } => quote(at(config)),
            Self::Names { at, .. } => at(config).show(),
            Self::Login(at) => quote(at(config)),
            Self::Text { at, .. } => quote(at(config)),
            Self::Texts { at, .. } => list(at(config).iter().map(|text| quote(text))),
            Self::Path(at) => quote(&at(config).to_string_lossy()),
            Self::Paths(at) => list(at(config).iter().map(|path| quote(&path.to_string_lossy()))),
            Self::Addresses(at) => list(at(config).iter().map(|addr| quote(&addr.to_string()))),
        }
    }

    /// The algorithms `config` comes to, where this place is about them.
    pub(crate) fn effective(&self, config: &Config) -> Option<Vec<&'static str>> {
        let Self::Names { at, kind } = self else { return None };
        let selection = at(&mut config.clone()).clone();
        Some(kind.offered(&selection, config.preset()))
    }

    /// Reads a value from the command line: TOML, or text without its quotes, or a list without its
    /// brackets, parted by commas.
    pub(crate) fn argument(&self, text: &str) -> Value {
        let trimmed = text.trim();
        let quoted = trimmed.starts_with(['"', '\'', '[', '{']);
        let number = matches!(self, Self::Flag(_) | Self::Number { .. });
        if (quoted || number)
            && let Ok(value) = DeValue::parse(trimmed)
        {
            return Value::from_toml(value.get_ref());
        }
        if self.is_list() {
            let items = trimmed.split(',').map(str::trim).filter(|item| !item.is_empty());
            return Value::texts(items);
        }
        Value::text(text)
    }
}

fn one_of(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, front)) => format!("{} or {last}", front.join(", ")),
        None => "nothing".to_owned(),
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn flag(value: &Value) -> Result<bool, String> {
    match value {
        Value::Flag(flag) => Ok(*flag),
        other => Err(format!("{} is not true or false", other.describe())),
    }
}

fn number(value: &Value, unit: Unit) -> Result<u64, String> {
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
fn seconds(text: &str) -> Option<u64> {
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

fn plain_digits(text: &str) -> Option<u64> {
    // parse() alone would also take a leading `+`.
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn text(value: &Value) -> Result<&str, String> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(format!("{} is not a string", other.describe())),
    }
}

fn choice(value: &Value, among: &[&'static str]) -> Result<&'static str, String> {
    let given = text(value)?;
    let found = among.iter().find(|name| **name == given);
    found.copied().ok_or_else(|| format!("{} is unknown", value.describe()))
}

fn login(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!("{} holds a blank or a control character", value.describe()));
    }
    Ok(name.to_owned())
}

fn checked(value: &Value, check: fn(&str) -> Result<(), String>) -> Result<String, String> {
    let text = text(value)?;
    check(text)?;
    Ok(text.to_owned())
}

fn path(value: &Value) -> Result<PathBuf, String> {
    let path = text(value)?;
    match path {
        "" => Err("the path is empty".to_owned()),
        _ if path.contains('\0') => Err("the path holds a NUL byte".to_owned()),
        "~" => Err("~ is not expanded: write the whole path".to_owned()),
        _ if path.starts_with("~/") => Err("~ is not expanded: write the whole path".to_owned()),
        _ => Ok(PathBuf::from(path)),
    }
}

fn address(value: &Value) -> Result<SocketAddr, String> {
    let parsed = text(value)?.parse();
    parsed.map_err(|_| format!("{} is not ADDR:PORT", value.describe()))
}

/// A single value counts as a list of one.
fn each<T>(value: &Value, one: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<T>, String> {
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
    fn arguments_need_no_quotes() {
        let path = Place::Path(|config| &mut config.root);
        assert_eq!(path.argument("/a b"), Value::text("/a b"));
        assert_eq!(path.argument("\"/a b\""), Value::text("/a b"));
        assert_eq!(path.argument("12"), Value::text("12"));
        let paths = Place::Paths(|config| &mut config.host_key);
        assert_eq!(paths.argument("/a,/b"), Value::texts(["/a", "/b"]));
        assert_eq!(paths.argument("[\"/a,b\"]"), Value::texts(["/a,b"]));
        assert_eq!(paths.argument(""), Value::List(vec![]));
        let flag = Place::Flag(|config| &mut config.read_only);
        assert_eq!(flag.argument("true"), Value::Flag(true));
        assert_eq!(flag.argument("yes"), Value::text("yes"));
        let unit = Unit::Bytes;
        let at: At<u64> = |config| &mut config.shards;
        let number = Place::Number { at, unit, min: 0, max: 9, zero: None };
        assert_eq!(number.argument("1M"), Value::text("1M"));
        assert_eq!(number.argument("1_000"), Value::Integer(1000));
    }
}
