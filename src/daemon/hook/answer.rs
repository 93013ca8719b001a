//! What the hook answers: one JSON object, taken whole or not at all.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

use super::limits::{ANSWER_BYTES_MAX, REASON_CHARS_MAX};
use crate::daemon::config::read::{client_path, octal_digits};
use crate::reactor::fs::Links;
use crate::vfs::limits::RULES_MAX;
use crate::vfs::{Grants, NamePatterns, Rule};

/// What somebody is given who is let in.
#[derive(Debug)]
pub(super) struct Grant {
    /// The folder of the host that he sees as `/`.
    pub(super) root: PathBuf,
    pub(super) home: String,
    pub(super) read_only: bool,
    pub(super) umask: Option<u32>,
    pub(super) links: Option<Links>,
    /// None: everything is permitted.
    pub(super) rules: Vec<Rule>,
}

/// A key that is not known is a mistake: a `readonly` that is passed over would let somebody write.
/// So is a null.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    accept: bool,
    #[serde(default, deserialize_with = "present")]
    reason: Option<String>,
    #[serde(default, deserialize_with = "present")]
    root: Option<PathBuf>,
    #[serde(default, deserialize_with = "present")]
    home: Option<String>,
    #[serde(default)]
    read_only: bool,
    #[serde(default, deserialize_with = "present")]
    umask: Option<String>,
    #[serde(default, deserialize_with = "present")]
    symlinks: Option<Symlinks>,
    #[serde(default)]
    folders: Vec<Folder>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Symlinks {
    Follow,
    Refuse,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Folder {
    path: String,
    permissions: Vec<String>,
}

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Reads an answer.
///
/// # Errors
/// Why nobody is let in by it, for the log.
pub(super) fn read(bytes: &[u8]) -> Result<Grant, String> {
    if bytes.len() > ANSWER_BYTES_MAX {
        return Err(format!("the hook's answer is longer than {ANSWER_BYTES_MAX} bytes"));
    }
    // A list of the values in their order would be taken for one, too.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err("the hook's answer is not what is expected: it is no object".to_owned());
    }
    let answer: Answer = serde_json::from_slice(bytes)
        .map_err(|error| format!("the hook's answer is not what is expected: {error}"))?;
    if !answer.accept {
        let reason = answer.reason.unwrap_or_default();
        let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
        return Err(match reason.as_str() {
            "" => "the hook refuses".to_owned(),
            reason => format!("the hook refuses: {reason}"),
        });
    }
    grant(answer).map_err(|what| format!("the hook accepts, but its answer will not do: {what}"))
}

fn grant(answer: Answer) -> Result<Grant, String> {
    let root = answer.root.ok_or("root is missing")?;
    let home = answer.home.unwrap_or_else(|| "/".to_owned());
    client_path(&home).map_err(|what| format!("home: {what}"))?;
    let umask = answer.umask.map(|digits| {
        let bits = octal_digits(&digits, 0o777);
        bits.ok_or_else(|| format!("umask: {digits:?} is not octal digits up to 0777"))
    });
    Ok(Grant {
        root: folder(&root).map_err(|what| format!("root: {what}"))?,
        home,
        read_only: answer.read_only,
        umask: umask.transpose()?,
        links: answer.symlinks.map(|symlinks| match symlinks {
            Symlinks::Follow => Links::Follow,
            Symlinks::Refuse => Links::Refuse,
        }),
        rules: rules(&answer.folders)?,
    })
}

/// A folder of the host, absolute and without links in its name.
fn folder(path: &Path) -> Result<PathBuf, String> {
    let shown = path.display();
    if !path.is_absolute() {
        return Err(format!("{shown} is not an absolute path"));
    }
    let found = std::fs::canonicalize(path).map_err(|error| format!("{shown}: {error}"))?;
    // A user who may rename one of its folders could lead the next one's session elsewhere.
    if found != path {
        return Err(format!("{shown} leads through a link: name {}", found.display()));
    }
    if found.is_dir() { Ok(found) } else { Err(format!("{shown} is not a folder")) }
}

/// As the tables of folders in the users file: where none is for, everything is permitted.
fn rules(folders: &[Folder]) -> Result<Vec<Rule>, String> {
    if folders.len() > RULES_MAX {
        return Err(format!("folders: there are more than {RULES_MAX}"));
    }
    let mut rules: Vec<Rule> = Vec::new();
    for Folder { path, permissions } in folders {
        client_path(path).map_err(|what| format!("folders: {what}"))?;
        if rules.iter().any(|rule| rule.path == path.as_bytes()) {
            return Err(format!("folders: {path:?} stands there twice"));
        }
        let mut grants = Grants::NONE;
        for name in permissions {
            grants |= match name.as_str() {
                "all" => Grants::ALL,
                name => Grants::from_name(name)
                    .ok_or_else(|| format!("folders: there is no permission {name:?}"))?,
            };
        }
        let (path, names) = (path.clone().into_bytes(), NamePatterns::default());
        rules.push(Rule { path, grants, names });
    }
    if !rules.iter().any(|rule| rule.path == b"/") {
        let names = NamePatterns::default();
        rules.push(Rule { path: b"/".to_vec(), grants: Grants::ALL, names });
    }
    Ok(rules)
}

#[cfg(test)]
mod tests;
