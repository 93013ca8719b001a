//! The files of keys in a user's home, trusted as sshd trusts them with StrictModes.
//!
//! They are read as the user: what he may not read is not his, and a link in his home to somebody
//! else's file tells him nothing. Neither the file nor a folder above it up to his home (to `/` for
//! a file elsewhere) may be written by anybody but him and root, who else could add a key.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Keys, SystemUser};
use crate::auth::limits::FILE_BYTES_MAX;
use crate::auth::{KeyRules, authorized_keys};
use crate::daemon::private_file::{self, Refusal};
use crate::daemon::user_keys;

/// Whoever may write a file or a folder may put a key of their own there.
const MODE_BANNED: u32 = 0o022;

/// One key of nobody's: as much is read for a user who has none as for one who has one.
const DUMMY: &[u8] = b"ssh-ed25519 \
    AAAAC3NzaC1lZDI1NTE5AAAAIGILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCy/\n";

/// The keys in the files that `templates` name for `user`.
pub(super) fn read(templates: &[String], user: &SystemUser, rules: &KeyRules) -> Keys {
    let mut found = Keys::default();
    for template in templates {
        let path = expand(template, user);
        match read_file(&path, user) {
            Ok(bytes) => add(&mut found, &path, &bytes, rules),
            Err(refusal) => {
                drop(authorized_keys::parse(DUMMY, rules));
                if !matches!(refusal, Refusal::Missing) {
                    let (path, what) = (path.display(), user_keys::describe(&refusal));
                    found.passed_over.push(format!("{path}: {what}"));
                }
            }
        }
    }
    found
}

fn add(found: &mut Keys, path: &Path, bytes: &[u8], rules: &KeyRules) {
    let file = authorized_keys::parse(bytes, rules);
    for rejected in file.rejected {
        let place = format!("{}:{}", path.display(), rejected.line);
        found.passed_over.push(format!("{place}: line ignored: {}", rejected.cause));
    }
    found.keys.extend(file.keys);
}

/// `%h` is the home, `%u` the name, `%U` the number and `%%` a percent sign; a relative path starts
/// at home. The configuration was checked for other signs.
fn expand(template: &str, user: &SystemUser) -> PathBuf {
    let mut path = String::with_capacity(template.len());
    let mut rest = template.chars();
    while let Some(letter) = rest.next() {
        match (letter, letter == '%') {
            (_, true) => match rest.next() {
                Some('h') => path.push_str(&user.home.to_string_lossy()),
                Some('u') => path.push_str(&user.name),
                Some('U') => path.push_str(&user.identity.uid().to_string()),
                Some(other) => path.push(other),
                None => {}
            },
            (letter, false) => path.push(letter),
        }
    }
    user.home.join(path)
}

/// Checks such a template.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check_template(template: &str) -> Result<(), String> {
    let mut rest = template.chars();
    while let Some(letter) = rest.next() {
        if letter == '%' && !matches!(rest.next(), Some('%' | 'h' | 'u' | 'U')) {
            return Err("% stands before %, h (home), u (name) or U (number) only".to_owned());
        }
    }
    match template {
        "" => Err("it is empty".to_owned()),
        text if text.contains('\0') => Err("it holds a NUL".to_owned()),
        _ => Ok(()),
    }
}

fn read_file(path: &Path, user: &SystemUser) -> Result<Vec<u8>, Refusal> {
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => Refusal::Missing,
        _ => Refusal::Io(error),
    };
    let _as_user = user.identity.assume().map_err(|errno| Refusal::Io(errno.into()))?;
    let real = fs::canonicalize(path).map_err(io)?;
    let home = fs::canonicalize(&user.home).ok();
    let owners = [0, user.identity.uid()];
    for folder in real.ancestors().skip(1) {
        let metadata = fs::symlink_metadata(folder).map_err(io)?;
        if !owners.contains(&metadata.uid()) || metadata.mode() & MODE_BANNED != 0 {
            let folder = folder.display();
            let what = format!("others may write {folder} above it, and so put another there");
            return Err(Refusal::Io(std::io::Error::other(what)));
        }
        if Some(folder) == home.as_deref() {
            break;
        }
    }
    private_file::read_owned(&real, FILE_BYTES_MAX, MODE_BANNED, &owners)
}

#[cfg(test)]
mod tests;
