//! Lays the configuration's layers over one another: defaults, file, `--set`, flags.

use std::fmt;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::Config;
use super::defs::{DEFINITIONS, Definition, defaults, definition};
use super::value::{Value, quote};

/// Where settings come from; later layers go over earlier ones.
#[derive(Clone, Copy, Debug)]
pub enum Layer<'a> {
    /// A TOML file: its name for messages, and its text.
    File {
        /// As the user wrote it.
        name: &'a str,
        /// The whole text.
        text: &'a str,
    },
    /// One `--set`: `KEY=VALUE`.
    Set(&'a str),
    /// A flag of its own, such as `--listen`, for `key`. More than one value makes a list.
    Flag {
        /// The flag as typed.
        flag: &'static str,
        /// The key it sets.
        key: &'static str,
        /// Its values, in order.
        values: &'a [String],
    },
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `FILE:LINE`, or the argument.
    pub place: String,
    /// The key, if one is to blame.
    pub key: Option<String>,
    /// What is wrong, and what would be allowed.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.what)
    }
}

/// The configuration that the layers make, or everything that is wrong with them.
pub fn load(layers: &[Layer<'_>]) -> Result<Config, Vec<Fault>> {
    let mut config = defaults()
        .map_err(|what| vec![Fault { place: "built-in defaults".to_owned(), key: None, what }])?;
    let mut faults = Vec::new();
    for layer in layers {
        match layer {
            Layer::File { name, text } => file(&mut config, name, text, &mut faults),
            Layer::Set(argument) => faults.extend(set(&mut config, argument).err()),
            Layer::Flag { flag, key, values } => {
                faults.extend(self::flag(&mut config, flag, key, values).err());
            }
        }
    }
    if faults.is_empty() {
        faults.extend(emptied(&config));
    }
    if faults.is_empty() { Ok(config) } else { Err(faults) }
}

/// Lists of algorithms from which everything was taken.
fn emptied(config: &Config) -> impl Iterator<Item = Fault> {
    let empty = |definition: &&Definition| {
        definition.place.effective(config).is_some_and(|names| names.is_empty())
    };
    DEFINITIONS.iter().filter(empty).map(|definition| Fault {
        place: format!("algorithms = {}", quote(config.algorithms)),
        key: Some(definition.key.to_owned()),
        what: "nothing of the preset is left: take less away, or name what to offer".to_owned(),
    })
}

fn file(config: &mut Config, name: &str, text: &str, faults: &mut Vec<Fault>) {
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            let what = error.message().replace('\n', ", ");
            faults.push(Fault { place: line_place(name, text, offset), key: None, what });
            return;
        }
    };
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in entries {
        faults.extend(entry(config, name, text, key, value).err());
    }
}

fn entry(
    config: &mut Config,
    name: &str,
    text: &str,
    key: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
) -> Result<(), Fault> {
    let place = || line_place(name, text, key.span().start);
    let Some(definition) = definition(key.get_ref()) else {
        return Err(unknown(place(), key.get_ref()));
    };
    apply(config, definition, &Value::from_toml(value.get_ref()), place)
}

fn set(config: &mut Config, argument: &str) -> Result<(), Fault> {
    let place = || format!("--set {}", plain(argument));
    let Some((key, text)) = argument.split_once('=') else {
        let what = "there is no `=`; the form is KEY=VALUE".to_owned();
        return Err(Fault { place: place(), key: None, what });
    };
    let key = key.trim();
    let Some(definition) = definition(key) else {
        return Err(unknown(place(), key));
    };
    apply(config, definition, &definition.place.argument(text), place)
}

fn flag(config: &mut Config, flag: &str, key: &str, values: &[String]) -> Result<(), Fault> {
    let place = || flag.to_owned();
    let Some(definition) = definition(key) else {
        return Err(unknown(place(), key));
    };
    let value = match values {
        // A flag takes its argument as it is, commas and all; only a list of flags is a list.
        values if definition.place.is_list() => Value::texts(values),
        [single] => definition.place.argument(single),
        _ => Value::texts(values),
    };
    apply(config, definition, &value, place)
}

fn apply(
    config: &mut Config,
    definition: &Definition,
    value: &Value,
    place: impl Fn() -> String,
) -> Result<(), Fault> {
    definition.place.apply(config, value).map_err(|what| Fault {
        place: place(),
        key: Some(definition.key.to_owned()),
        what: format!("{what}; allowed: {}", definition.place.allowed()),
    })
}

fn unknown(place: String, key: &str) -> Fault {
    let nearest = nearest(key);
    let what = match nearest {
        Some(nearest) => format!("there is no key {}; did you mean {nearest}?", quote(key)),
        None => format!("there is no key {}; `ringferry check` prints them all", quote(key)),
    };
    Fault { place, key: None, what }
}

fn line_place(name: &str, text: &str, offset: usize) -> String {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    format!("{}:{line}", plain(name))
}

/// Arguments come from whoever starts the server, but terminals should not be steered by them.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// The known key most like `key`, when it is like enough. `MaxAuthTries` is like `max_auth_tries`.
fn nearest(key: &str) -> Option<&'static str> {
    let squeeze = |text: &str| -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_lowercase()).collect()
    };
    let key = squeeze(key.get(..64).unwrap_or(key));
    let scored = DEFINITIONS.iter().map(|definition| {
        let name = squeeze(definition.key);
        (distance(&key, &name), name.len(), definition.key)
    });
    let (edits, length, name) = scored.min()?;
    (edits <= 1.max(length / 3) && edits < length).then_some(name)
}

/// Levenshtein's distance: inserted, removed and replaced bytes.
fn distance(left: &[u8], right: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let (mut diagonal, mut previous) = (i, i + 1);
        for (cell, b) in row.iter_mut().skip(1).zip(right) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            previous = replaced.min(diagonal + 1).min(previous + 1);
            *cell = previous;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests;
