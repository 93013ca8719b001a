//! Which algorithms of a kind are offered: those of the preset, an edit of them, or a list of one's
//! own. The three signs are sshd_config(5)'s.

use super::value::{Value, quote};
use crate::crypto::{
    Preset, ciphers, compressions, host_key_algorithms, kexes, macs, user_key_algorithms,
};
use crate::ssh::pattern;

/// What was asked for; the preset it starts from is another setting.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Selection {
    edit: Edit,
    /// As written, and checked: for [`Edit::Remove`] they may be patterns.
    names: Vec<String>,
}

/// What the names do to the preset's list.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Edit {
    /// They stand in its place; no names leave it as it is.
    #[default]
    Replace,
    /// `+`: those it lacks go behind it.
    Append,
    /// `-`: they are taken from it.
    Remove,
    /// `^`: they go in front of it.
    Prepend,
}

impl Edit {
    const SIGNS: [(char, Edit); 3] =
        [('+', Edit::Append), ('-', Edit::Remove), ('^', Edit::Prepend)];

    fn sign(self) -> Option<char> {
        Edit::SIGNS.iter().find(|(_, edit)| *edit == self).map(|(sign, _)| *sign)
    }
}

/// A kind of algorithm: the two lists a selection is read against.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// Every name there is, in order of preference.
    pub(crate) known: fn() -> Vec<&'static str>,
    /// What a preset offers.
    of_preset: fn(Preset) -> Vec<&'static str>,
}

impl Kind {
    pub(crate) const KEX: Kind =
        Kind { known: || kexes().iter().map(|kex| kex.name).collect(), of_preset: Preset::kexes };
    pub(crate) const HOST_KEY: Kind =
        Kind { known: || host_key_algorithms().to_vec(), of_preset: Preset::host_key_algorithms };
    pub(crate) const CIPHER: Kind = Kind {
        known: || ciphers().iter().map(|cipher| cipher.name).collect(),
        of_preset: Preset::ciphers,
    };
    pub(crate) const MAC: Kind =
        Kind { known: || macs().iter().map(|mac| mac.name).collect(), of_preset: Preset::macs };

    pub(crate) const COMPRESSION: Kind = Kind {
        known: || compressions().iter().map(|compression| compression.name).collect(),
        of_preset: Preset::compressions,
    };
    pub(crate) const USER_KEY: Kind = Kind {
        known: || user_key_algorithms().to_vec(),
        of_preset: |_| user_key_algorithms().to_vec(),
    };

    /// What `selection` makes of this kind's part of `preset`, in order of preference.
    pub(crate) fn offered(self, selection: &Selection, preset: Preset) -> Vec<&'static str> {
        selection.resolve((self.of_preset)(preset), &(self.known)())
    }
}

impl Selection {
    /// Reads a list, or a string of names parted by commas; a sign before the first name makes it
    /// an edit of the whole list.
    pub(crate) fn read(value: &Value, known: &[&'static str]) -> Result<Selection, String> {
        let mut names = Vec::new();
        let items = match value {
            Value::List(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        for item in items {
            let Value::Text(text) = item else {
                return Err(format!("{} is not a string", item.describe()));
            };
            names.extend(text.split(',').map(|name| name.trim().to_owned()));
        }
        let sign = names.first().and_then(|name| name.chars().next());
        let sign = Edit::SIGNS.into_iter().find(|(known, _)| Some(*known) == sign);
        if let Some((sign, _)) = sign
            && let Some(first) = names.first_mut()
        {
            *first = first.strip_prefix(sign).unwrap_or_default().trim_start().to_owned();
        }
        let edit = sign.map_or(Edit::Replace, |(_, edit)| edit);
        let selection = Selection { edit, names };
        selection.check(known)?;
        Ok(selection)
    }

    fn check(&self, known: &[&'static str]) -> Result<(), String> {
        for (at, name) in self.names.iter().enumerate() {
            if self.names.iter().skip(at + 1).any(|later| later == name) {
                return Err(format!("{} stands there twice", quote(name)));
            }
            let pattern = self.edit == Edit::Remove;
            let found = known.iter().any(|it| if pattern { matches(name, it) } else { it == name });
            match name.chars().next() {
                _ if found => {}
                None => return Err("a name is missing".to_owned()),
                Some(sign) if Edit::SIGNS.iter().any(|(known, _)| *known == sign) => {
                    return Err(format!("the sign {sign} stands once, before the first name"));
                }
                Some(_) => return Err(format!("{} is unknown", quote(name))),
            }
        }
        Ok(())
    }

    /// The names offered, in order of preference, where the preset offers `preset`.
    fn resolve(&self, preset: Vec<&'static str>, known: &[&'static str]) -> Vec<&'static str> {
        let named = || self.names.iter().filter_map(|name| known.iter().find(|it| *it == name));
        let others = |name: &&&str| !self.names.iter().any(|named| named == **name);
        match self.edit {
            Edit::Replace if self.names.is_empty() => preset,
            Edit::Replace => named().copied().collect(),
            Edit::Append => {
                let new = named().filter(|name| !preset.contains(name));
                preset.iter().chain(new).copied().collect()
            }
            Edit::Remove => {
                let stays = |name: &&&str| !self.names.iter().any(|pattern| matches(pattern, name));
                preset.iter().filter(stays).copied().collect()
            }
            Edit::Prepend => named().chain(preset.iter().filter(others)).copied().collect(),
        }
    }

    /// As TOML, the way it was written.
    pub(crate) fn show(&self) -> String {
        match self.edit.sign() {
            Some(sign) => quote(&format!("{sign}{}", self.names.join(","))),
            None => {
                let names: Vec<_> = self.names.iter().map(|name| quote(name)).collect();
                format!("[{}]", names.join(", "))
            }
        }
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern::matches(pattern.as_bytes(), name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["gcm", "chacha", "ctr-128", "ctr-256", "cbc"];

    fn read(text: &str) -> Result<Selection, String> {
        Selection::read(&Value::text(text), &KNOWN)
    }

    fn resolved(text: &str) -> String {
        let preset = KNOWN.into_iter().take(4).collect();
        read(text).unwrap().resolve(preset, &KNOWN).join(" ")
    }

    #[test]
    fn signs_edit_the_presets_list() {
        for (text, names) in [
            ("cbc,gcm", "cbc gcm"),
            ("+cbc", "gcm chacha ctr-128 ctr-256 cbc"),
            ("+ctr-128, cbc", "gcm chacha ctr-128 ctr-256 cbc"),
            ("-chacha", "gcm ctr-128 ctr-256"),
            ("-ctr-*,cbc", "gcm chacha"),
            ("-ctr-???", "gcm chacha"),
            ("-*", ""),
            ("^ctr-256,cbc", "ctr-256 cbc gcm chacha ctr-128"),
        ] {
            assert_eq!(resolved(text), names, "{text}");
        }
        let list = Value::texts(["+cbc", "ctr-128"]);
        assert_eq!(Selection::read(&list, &KNOWN), read("+cbc,ctr-128"));
        let none = Selection::read(&Value::List(vec![]), &KNOWN).unwrap();
        assert_eq!(none.resolve(vec!["gcm"], &KNOWN), ["gcm"]);
    }

    #[test]
    fn a_mistake_names_what_is_wrong() {
        for (text, says) in [
            ("rot13", "\"rot13\" is unknown"),
            ("+gcm,rot13", "\"rot13\" is unknown"),
            ("-rot*", "\"rot*\" is unknown"),
            ("gcm,gcm", "\"gcm\" stands there twice"),
            ("gcm,+cbc", "the sign + stands once"),
            ("++cbc", "the sign + stands once"),
            ("", "a name is missing"),
            ("+", "a name is missing"),
            ("gcm,", "a name is missing"),
            ("g*", "\"g*\" is unknown"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        assert!(Selection::read(&Value::Integer(1), &KNOWN).is_err());
    }

    #[test]
    fn what_is_shown_reads_back() {
        for text in ["gcm", "cbc,gcm", "+cbc", "-ctr-*", "^cbc,gcm"] {
            let selection = read(text).unwrap();
            let shown = selection.show();
            let value = toml::de::DeValue::parse(&shown).unwrap();
            let again = Selection::read(&Value::from_toml(value.get_ref()), &KNOWN);
            assert_eq!(again, Ok(selection), "{shown}");
        }
        assert_eq!(Selection::default().show(), "[]");
    }
}
