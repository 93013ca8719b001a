//! Lays the configuration's layers over one another: defaults, file, `--set`, flags.

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::Config;
use super::defs::{
    DEFINITIONS, Definition, HOOK_KEYS, NOT_OF_SYSTEM_USERS, NOT_OF_THE_HOOK, SOLE_USER_KEYS,
    SYSTEM_USERS_KEYS, defaults, definition,
};
use super::fault::{Fault, line_place, plain};
use super::value::{Value, quote};
use crate::daemon::hook::check_words;

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
        faults.extend(not_for_several(&config));
        faults.extend(not_with_system_users(&config));
        faults.extend(not_with_the_hook(&config));
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

/// Keys of the sole user in a configuration whose users have a file of their own.
fn not_for_several(config: &Config) -> Vec<Fault> {
    let Ok(defaults) = defaults() else { return Vec::new() };
    if config.users_file.as_os_str().is_empty() {
        return Vec::new();
    }
    let users_file = quote(&config.users_file.to_string_lossy());
    let set = |definition: &&Definition| {
        SOLE_USER_KEYS.contains(&definition.key)
            && definition.place.show(config) != definition.place.show(&defaults)
    };
    let fault = |definition: &Definition| Fault {
        place: format!("users_file = {users_file}"),
        key: Some(definition.key.to_owned()),
        what: "it is for the sole user of a server without a users file: leave it out, and give \
               each user what is meant in the users file"
            .to_owned(),
    };
    DEFINITIONS.iter().filter(set).map(fault).collect()
}

/// Keys that have no meaning with `system_users`, or none without: a list of who is denied that
/// denies nobody must not pass.
fn not_with_system_users(config: &Config) -> Vec<Fault> {
    let Ok(defaults) = defaults() else { return Vec::new() };
    let (keys, what) = match config.system_users {
        true => (NOT_OF_SYSTEM_USERS, "the users of the host bring theirs: leave it out"),
        false => (SYSTEM_USERS_KEYS, "it is for the users of the host: it needs system_users"),
    };
    let set = |definition: &&Definition| {
        keys.contains(&definition.key)
            && definition.place.show(config) != definition.place.show(&defaults)
    };
    let fault = |definition: &Definition| Fault {
        place: format!("system_users = {}", config.system_users),
        key: Some(definition.key.to_owned()),
        what: what.to_owned(),
    };
    DEFINITIONS.iter().filter(set).map(fault).collect()
}

/// What does not go with `auth_hook`, or has no meaning without it.
fn not_with_the_hook(config: &Config) -> Vec<Fault> {
    let Ok(defaults) = defaults() else { return Vec::new() };
    let place = || match config.auth_hook.first() {
        Some(first) => format!("auth_hook = [{}, ..]", quote(first)),
        None => "auth_hook = []".to_owned(),
    };
    let fault = |key: &str, what: String| Fault { place: place(), key: Some(key.to_owned()), what };
    let mut faults = Vec::new();
    faults.extend(check_words(&config.auth_hook).err().map(|what| fault("auth_hook", what)));
    let hooked = !config.auth_hook.is_empty();
    if hooked && config.auth_hook_methods.is_empty() {
        faults.push(fault("auth_hook_methods", "there is none: name one at least".to_owned()));
    }
    let (keys, what) = match hooked {
        true => (NOT_OF_THE_HOOK, "auth_hook is asked instead: leave it, or auth_hook, out"),
        false => (HOOK_KEYS, "it says how auth_hook is asked, and there is none"),
    };
    let set = |definition: &&Definition| {
        keys.contains(&definition.key)
            && definition.place.show(config) != definition.place.show(&defaults)
    };
    let set = DEFINITIONS.iter().filter(set);
    faults.extend(set.map(|definition| fault(definition.key, what.to_owned())));
    faults
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
    let keys = DEFINITIONS.iter().map(|definition| definition.key);
    Fault::unknown_key(place, None, key, keys, "`ringferry check` prints them all")
}

#[cfg(test)]
mod tests;
