//! Where a value lands in [`Config`] or a table of the users file, and with it which values are
//! allowed and how they look.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use toml::de::DeValue;

use super::Config;
use super::read;
use super::secret::SecretText;
use super::selection::{Kind, Selection};
use super::value::{Value, quote};

/// A field of what is configured: read through a copy, written in place.
pub(crate) type At<C, T> = fn(&mut C) -> &mut T;

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

/// Where a value lands in a `C`; the allowed values come along.
pub(crate) enum Place<C = Config> {
    Flag(At<C, bool>),
    /// From `min` to `max`; and 0, when `zero` says what it means.
    Number {
        at: At<C, u64>,
        unit: Unit,
        min: u64,
        max: u64,
        zero: Option<&'static str>,
    },
    /// A number, or `auto`.
    AutoNumber {
        at: At<C, Option<u64>>,
        max: u64,
    },
    Choice {
        at: At<C, &'static str>,
        among: &'static [&'static str],
    },
    /// Algorithms of one kind: the preset's, an edit of them, or others.
    Names {
        at: At<C, Selection>,
        kind: Kind,
    },
    /// A login name: printable, without blanks; it may be empty.
    Login(At<C, String>),
    /// Text of a form that `check` knows, and `form` tells people.
    Text {
        at: At<C, String>,
        form: &'static str,
        check: fn(&str) -> Result<(), String>,
    },
    /// A list of such texts.
    Texts {
        at: At<C, Vec<String>>,
        form: &'static str,
        check: fn(&str) -> Result<(), String>,
    },
    /// A list of such texts with commas inside: on the command line they are parted by blanks.
    Phrases {
        at: At<C, Vec<String>>,
        form: &'static str,
        check: fn(&str) -> Result<(), String>,
    },
    /// Text of a form that is told, which is not shown and which others check.
    Secret {
        at: At<C, SecretText>,
        form: &'static str,
    },
    /// Permission bits in octal digits, as text: an integer would be read as decimal.
    Octal {
        at: At<C, Option<u32>>,
        max: u32,
        /// What the empty text means.
        empty: &'static str,
    },
    /// Several of some words, without an order.
    Words {
        at: At<C, Vec<&'static str>>,
        among: fn() -> Vec<&'static str>,
    },
    /// Where it matters, [`Paths`](Self::Paths) and this start at the working directory.
    Path(At<C, PathBuf>),
    Paths(At<C, Vec<PathBuf>>),
    /// A path, or the empty text for none.
    OptionalPath(At<C, PathBuf>),
    /// A path that means the same wherever the server was started.
    AbsolutePath(At<C, PathBuf>),
    AbsolutePaths(At<C, Vec<PathBuf>>),
    /// At least one ADDR:PORT.
    Addresses(At<C, Vec<SocketAddr>>),
    /// Networks and single addresses.
    Networks(At<C, Vec<IpNet>>),
}

impl<C: Clone> Place<C> {
    /// Whether the key takes a list, so that a flag given again adds to it.
    pub(crate) fn is_list(&self) -> bool {
        matches!(
            self,
            Self::Names { .. }
                | Self::Texts { .. }
                | Self::Phrases { .. }
                | Self::Words { .. }
                | Self::Paths(_)
                | Self::AbsolutePaths(_)
                | Self::Addresses(_)
                | Self::Networks(_)
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
            Self::AutoNumber { max, .. } => format!("auto, or an integer up to {max}"),
            Self::Choice { among, .. } => one_of(among),
            Self::Names { kind, .. } => format!(
                "a list, in order of preference, of {}; empty: the preset's; a sign before the \
                 first name edits the preset's: + adds to it, - takes away (* and ? stand for any \
                 characters), ^ puts in front",
                (kind.known)().join(", ")
            ),
            Self::Login(_) => "a login name: printable characters without blanks".to_owned(),
            Self::Text { form, .. } | Self::Secret { form, .. } => (*form).to_owned(),
            Self::Texts { form, .. } | Self::Phrases { form, .. } => format!("a list of {form}"),
            Self::Octal { max, empty, .. } => {
                format!("octal digits in quotes, up to \"{max:04o}\"; empty: {empty}")
            }
            Self::Words { among, .. } => format!("one or a list of {}", among().join(", ")),
            Self::OptionalPath(_) => "a path, or empty for none".to_owned(),
            Self::AbsolutePath(_) => "an absolute path".to_owned(),
            Self::AbsolutePaths(_) => "an absolute path or a list of them".to_owned(),
            Self::Path(_) => "a path".to_owned(),
            Self::Paths(_) => "a path or a list of paths".to_owned(),
            Self::Addresses(_) => {
                "ADDR:PORT, such as \"127.0.0.1:2222\" or \"[::]:22\", or a list of them".to_owned()
            }
            Self::Networks(_) => {
                "an address or a network, such as \"192.0.2.0/24\", or a list of them".to_owned()
            }
        }
    }

    /// Writes `value` into `config`, or says what is wrong with it and leaves `config` as it was.
    pub(crate) fn apply(&self, config: &mut C, value: &Value) -> Result<(), String> {
        match self {
            Self::Flag(at) => *at(config) = read::flag(value)?,
            Self::Number { at, unit, min, max, zero } => {
                let number = read::number(value, *unit)?;
                let allowed = (*min..=*max).contains(&number) || (zero.is_some() && number == 0);
                if !allowed {
                    return Err(format!("{} is out of range", value.describe()));
                }
                *at(config) = number;
            }
            Self::AutoNumber { at, max } => *at(config) = read::auto_number(value, *max)?,
            Self::Choice { at, among } => *at(config) = read::choice(value, among)?,
            Self::Names { at, kind } => *at(config) = Selection::read(value, &(kind.known)())?,
            Self::Login(at) => *at(config) = read::login(value)?,
            Self::Text { at, check, .. } => *at(config) = read::checked(value, *check)?,
            Self::Texts { at, check, .. } | Self::Phrases { at, check, .. } => {
                *at(config) = read::each(value, |item| read::checked(item, *check))?;
            }
            Self::Secret { at, .. } => *at(config) = SecretText::read(value)?,
            Self::Octal { at, max, .. } => *at(config) = read::octal(value, *max)?,
            Self::Words { at, among } => *at(config) = read::words(value, &among())?,
            Self::OptionalPath(at) => *at(config) = read::optional_path(value)?,
            Self::AbsolutePath(at) => *at(config) = read::absolute_path(value)?,
            Self::AbsolutePaths(at) => *at(config) = read::each(value, read::absolute_path)?,
            Self::Path(at) => *at(config) = read::path(value)?,
            Self::Paths(at) => *at(config) = read::each(value, read::path)?,
            Self::Addresses(at) => {
                let addresses = read::each(value, read::address)?;
                if addresses.is_empty() {
                    return Err("the list is empty".to_owned());
                }
                *at(config) = addresses;
            }
            Self::Networks(at) => *at(config) = read::each(value, read::network)?,
        }
        Ok(())
    }

    /// The value `config` holds, as TOML.
    pub(crate) fn show(&self, config: &C) -> String {
        let mut config = config.clone();
        let config = &mut config;
        match self {
            Self::Flag(at) => at(config).to_string(),
            Self::Number { at, .. } => at(config).to_string(),
            Self::AutoNumber { at, .. } => {
                at(config).map_or_else(|| quote("auto"), |number| number.to_string())
            }
            Self::Choice { at, .. } => quote(at(config)),
            Self::Names { at, .. } => at(config).show(),
            Self::Login(at) => quote(at(config)),
            Self::Text { at, .. } => quote(at(config)),
            Self::Texts { at, .. } | Self::Phrases { at, .. } => {
                list(at(config).iter().map(|text| quote(text)))
            }
            Self::Secret { .. } => quote(""),
            Self::Octal { at, .. } => {
                quote(&at(config).map_or(String::new(), |bits| format!("{bits:04o}")))
            }
            Self::Words { at, .. } => list(at(config).iter().map(|word| quote(word))),
            Self::Path(at) | Self::OptionalPath(at) | Self::AbsolutePath(at) => {
                quote(&at(config).to_string_lossy())
            }
            Self::Paths(at) | Self::AbsolutePaths(at) => {
                list(at(config).iter().map(|path| quote(&path.to_string_lossy())))
            }
            Self::Addresses(at) => list(at(config).iter().map(|addr| quote(&addr.to_string()))),
            Self::Networks(at) => list(at(config).iter().map(|net| quote(&net.to_string()))),
        }
    }

    /// Reads a value from the command line: TOML, or text without its quotes, or a list without its
    /// brackets, parted by commas.
    pub(crate) fn argument(&self, text: &str) -> Value {
        let trimmed = text.trim();
        let quoted = trimmed.starts_with(['"', '\'', '[', '{']);
        let number = matches!(self, Self::Flag(_) | Self::Number { .. } | Self::AutoNumber { .. });
        if (quoted || number)
            && let Ok(value) = DeValue::parse(trimmed)
        {
            return Value::from_toml(value.get_ref());
        }
        if matches!(self, Self::Phrases { .. }) {
            return Value::texts(trimmed.split_whitespace());
        }
        if self.is_list() {
            let items = trimmed.split(',').map(str::trim).filter(|item| !item.is_empty());
            return Value::texts(items);
        }
        Value::text(text)
    }
}

impl Place {
    /// The algorithms `config` comes to, where this place is about them.
    pub(crate) fn effective(&self, config: &Config) -> Option<Vec<&'static str>> {
        let Self::Names { at, kind } = self else { return None };
        let selection = at(&mut config.clone()).clone();
        Some(kind.offered(&selection, config.preset()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_need_no_quotes() {
        let path: Place = Place::Path(|config| &mut config.root);
        assert_eq!(path.argument("/a b"), Value::text("/a b"));
        assert_eq!(path.argument("\"/a b\""), Value::text("/a b"));
        assert_eq!(path.argument("12"), Value::text("12"));
        let paths: Place = Place::Paths(|config| &mut config.host_key);
        assert_eq!(paths.argument("/a,/b"), Value::texts(["/a", "/b"]));
        assert_eq!(paths.argument("[\"/a,b\"]"), Value::texts(["/a,b"]));
        assert_eq!(paths.argument(""), Value::List(vec![]));
        let at: At<Config, Vec<String>> = |config| &mut config.authentication_methods;
        let phrases: Place = Place::Phrases { at, form: "", check: |_| Ok(()) };
        assert_eq!(phrases.argument("a,b c"), Value::texts(["a,b", "c"]));
        let flag: Place = Place::Flag(|config| &mut config.read_only);
        assert_eq!(flag.argument("true"), Value::Flag(true));
        assert_eq!(flag.argument("yes"), Value::text("yes"));
        let unit = Unit::Bytes;
        let at: At<Config, u64> = |config| &mut config.shards;
        let number = Place::Number { at, unit, min: 0, max: 9, zero: None };
        assert_eq!(number.argument("1M"), Value::text("1M"));
        assert_eq!(number.argument("1_000"), Value::Integer(1000));
    }
}
