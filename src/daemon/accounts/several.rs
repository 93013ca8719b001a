//! The users of a users file: its tables together with what only the host can tell.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Account, Accounts, Quota, Umask, key_rules, links};
use crate::auth::{
    AuthorizedKey, Chain, Chains, KeyRules, LoginRules, PasswordHash, Person, Secrets, Step, Totp,
    Users, authorized_keys,
};
use crate::daemon::config::{
    Config, Fault, FolderSettings, Table, UserSettings, UserTables, load_users,
};
use crate::daemon::failure::{Failure, USAGE};
use crate::daemon::private_file::{self, Refusal};
use crate::daemon::settings::chains;
use crate::daemon::trust::trust;
use crate::daemon::user_keys::{self, UserKeys};
use crate::vfs::{Access, Grants, NamePatterns, Rule, SetstatIgnored};

/// Largest users file, in bytes: with a key each, some 40,000 users, more than there may be.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Who may write the file decides who may log in.
const MODE_SUSPECT: u32 = 0o022;

/// Who may read the file learns secrets, or what guesses at passwords can be tried on.
const MODE_TELLING: u32 = 0o044;

/// Everybody whom the users file of `config` names. All that is wrong with it is told at once.
pub(crate) fn several(
    config: &Config,
    umask: Umask,
    rules: &LoginRules,
) -> Result<Accounts, Failure> {
    let name = config.users_file.display().to_string();
    let text = read(&config.users_file)?;
    let tables = load_users(&name, &text).map_err(failure)?;
    let keys = key_rules(config);
    let trust = trust(config, &keys)?;
    let reading = Reading {
        umask,
        read_only: config.read_only,
        keys,
        everybodys: rules.chains.as_ref(),
        certificates: trust.has_authorities(),
    };
    let (mut faults, mut people) = (Vec::new(), Vec::new());
    for user in &tables {
        people.push(reading.user(user, &mut faults));
    }
    let own = tables.iter().zip(&people).map(|(user, (_, person))| (user, person));
    faults.extend(first_questions(own, rules));
    if !faults.is_empty() {
        return Err(failure(faults));
    }
    if people.iter().any(|(_, person)| person.secrets.has_any()) {
        readable(&config.users_file).inspect(|warning| user_keys::warn(warning));
    }
    let (accounts, people) = people.into_iter().unzip();
    let authenticator = Arc::new(Users::new(people, rules.clone()).trusting(trust));
    Ok(Accounts { authenticator, accounts, made_at_login: None, password: None })
}

/// Before anything is proved everybody is asked the same, known or not: chains that begin with
/// `keyboard-interactive` have to agree on what it asks.
fn first_questions<'a>(
    people: impl Iterator<Item = (&'a UserTables, &'a Person)>,
    rules: &LoginRules,
) -> Vec<Fault> {
    let mut first = rules.chains.as_ref().and_then(Chains::first_questions);
    let mut faults = Vec::new();
    for (user, person) in people {
        let own = person.chains.as_ref().and_then(Chains::first_questions);
        if let (Some(own), Some(first)) = (own, first)
            && own != first
        {
            let what = "keyboard-interactive comes first here and asks something else than for \
                        others; before anything is proved everybody must be asked the same, or \
                        strangers would learn who is who";
            faults.push(user.user.fault("authentication_methods", what));
        }
        first = first.or(own);
    }
    faults
}

fn failure(faults: Vec<Fault>) -> Failure {
    let causes = faults.iter().map(ToString::to_string).collect();
    Failure { exit_code: USAGE, causes, cure: None }
}

fn read(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let failed = |what: String| Failure::configuration(format!("users_file {shown}: {what}"));
    let bytes = match private_file::read(path, FILE_BYTES_MAX, MODE_SUSPECT) {
        Err(Refusal::Mode(mode)) => {
            user_keys::warn(&format!(
                "users_file {shown}: others may write it (mode {mode:04o}), and so let anybody \
                 in; chmod go-w {shown}"
            ));
            private_file::read(path, FILE_BYTES_MAX, 0)
        }
        read => read,
    };
    let bytes = bytes.map_err(|refusal| failed(refusal.describe(FILE_BYTES_MAX)))?;
    String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8 text".to_owned()))
}

/// What to say where others than the server can read the file. Its group is fine where that is how
/// the server itself reads a file that is somebody else's.
fn readable(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    let telling = if own { MODE_TELLING } else { MODE_TELLING & 0o007 };
    let mode = metadata.mode() & 0o777;
    let (shown, whom) = (path.display(), if own { "go-r" } else { "o-r" });
    (mode & telling != 0).then(|| {
        format!(
            "users_file {shown}: it holds password hashes or secrets, and others may read it (mode \
             {mode:04o}); chmod {whom} {shown}"
        )
    })
}

/// What holds for all users.
struct Reading<'a> {
    umask: Umask,
    read_only: bool,
    keys: KeyRules,
    /// The chains of those who have none of their own.
    everybodys: Option<&'a Chains>,
    /// Users may log in with certificates, and need no keys of their own.
    certificates: bool,
}

impl Reading<'_> {
    fn user(&self, user: &UserTables, faults: &mut Vec<Fault>) -> (Account, Person) {
        let own = &user.user.value;
        let account = Account {
            name: user.name.clone(),
            mounts: mounts(user, faults),
            links: links(own.symlinks),
            access: self.access(user, faults),
            quota: Quota {
                bytes: unless_zero(own.quota_bytes),
                files: unless_zero(own.quota_files),
            },
        };
        let secrets = secrets(&user.user, faults);
        let person = Person {
            name: user.name.clone(),
            keys: self.keys(user, faults),
            principals: own.principals.clone(),
            chains: chains(&own.authentication_methods),
            expires: self.expires(&user.user, faults),
            message: (!own.message.is_empty()).then(|| own.message.clone()),
            secrets,
        };
        if let Some(why) = self.locked_out(&person) {
            user_keys::warn(&user.user.fault("authorized_keys", why).to_string());
        }
        (account, person)
    }

    fn access(&self, user: &UserTables, faults: &mut Vec<Fault>) -> Access {
        let own = &user.user.value;
        let ignored = |what: &str| own.ignore_setstat.contains(&what);
        let mut access = rules(user, faults);
        access.home = own.home.clone().into_bytes();
        access.read_only = own.read_only || self.read_only;
        access.umask = own.umask.unwrap_or(self.umask);
        access.file_mode = own.file_mode;
        access.directory_mode = own.directory_mode;
        access.setstat_ignored = SetstatIgnored {
            mode: ignored("mode"),
            owner: ignored("owner"),
            times: ignored("times"),
        };
        access.free_bytes_min = own.free_bytes_min;
        access
    }

    fn expires(&self, user: &Table<UserSettings>, faults: &mut Vec<Fault>) -> Option<i64> {
        let text = &user.value.expiry_time;
        if text.is_empty() {
            return None;
        }
        let read = authorized_keys::expiry_time(text, &self.keys);
        read.map_err(|what| faults.push(user.fault("expiry_time", what))).ok()
    }

    /// Why the user cannot log in, however the proofs are put together.
    fn locked_out(&self, person: &Person) -> Option<String> {
        let name = &person.name;
        let Some(chains) = person.chains.as_ref().or(self.everybodys) else {
            let keys = self.certificates || !person.keys.is_empty();
            let nothing = !keys && !person.secrets.has_password();
            let why = || format!("there is no usable key or password: {name} cannot log in");
            return nothing.then(why);
        };
        let has = |step: Step| person.has_for(step) || self.certificates && step == Step::PublicKey;
        let complete = |chain: &Chain| chain.steps().iter().all(|step| has(*step));
        let lacks = !chains.iter().any(complete);
        lacks.then(|| {
            let texts: Vec<_> = chains.iter().map(ToString::to_string).collect();
            format!(
                "{name} cannot log in: for none of authentication_methods ({}) there is all that \
                 is needed of keys, password_hash and totp_secret",
                texts.join(" ")
            )
        })
    }

    fn keys(&self, user: &UserTables, faults: &mut Vec<Fault>) -> Vec<AuthorizedKey> {
        let mut found = UserKeys::default();
        self.key_lines(&user.user, &mut found, faults);
        for (at, path) in user.user.value.authorized_keys_files.iter().enumerate() {
            if let Err(refusal) = found.add_file(path, &self.keys) {
                let what = format!("{}: {}", path.display(), user_keys::describe(&refusal));
                faults.push(user.user.item_fault("authorized_keys_files", at, what));
            }
        }
        found.warn();
        found.keys
    }

    /// The keys in the users file itself, where a line that is no key is a mistake: nobody else
    /// reads the file, as somebody may a file of keys.
    fn key_lines(&self, user: &Table<UserSettings>, found: &mut UserKeys, faults: &mut Vec<Fault>) {
        for (at, line) in user.value.authorized_keys.iter().enumerate() {
            let mut parsed = authorized_keys::parse(line.as_bytes(), &self.keys);
            let what = match (parsed.rejected.first(), parsed.keys.pop()) {
                (Some(rejected), _) => rejected.cause.clone(),
                (None, Some(_)) if !parsed.keys.is_empty() => {
                    "there are several lines in one text".to_owned()
                }
                (None, Some(key)) => {
                    found.add_key(key);
                    continue;
                }
                (None, None) => "there is no key in the line".to_owned(),
            };
            faults.push(user.item_fault("authorized_keys", at, what));
        }
    }
}

/// The password and the one-time codes of a user.
fn secrets(user: &Table<UserSettings>, faults: &mut Vec<Fault>) -> Secrets {
    let mut made = Secrets::default();
    let (hash, secret) = (&user.value.password_hash, &user.value.totp_secret);
    if !hash.is_empty() {
        match PasswordHash::parse(hash.as_str()) {
            Ok(hash) => made.password = Some(hash),
            Err(problem) => faults.push(user.fault("password_hash", problem.to_string())),
        }
    }
    if !secret.is_empty() {
        match Totp::parse(secret.as_str()) {
            Ok(totp) => made.totp = Some(totp),
            Err(problem) => faults.push(user.fault("totp_secret", problem.to_string())),
        }
    }
    made
}

/// The folders a user sees, absolute and without links in their names.
fn mounts(user: &UserTables, faults: &mut Vec<Fault>) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let root = &user.user.value.root;
    if !root.as_os_str().is_empty() {
        match folder(root) {
            Ok(folder) => found.push(("/".to_owned(), folder)),
            Err(what) => faults.push(user.user.fault("root", what)),
        }
    }
    for mount in &user.mounts {
        match folder(&mount.value.folder) {
            Ok(folder) => found.push((mount.value.path.clone(), folder)),
            Err(what) => faults.push(mount.fault("folder", what)),
        }
    }
    found
}

fn folder(path: &Path) -> Result<PathBuf, String> {
    let shown = path.display();
    let found = std::fs::canonicalize(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            format!("there is no folder {shown}; make it: mkdir -p {shown}")
        }
        _ => format!("{shown}: {error}"),
    })?;
    if found.is_dir() { Ok(found) } else { Err(format!("{shown} is not a folder")) }
}

/// What the tables of folders permit. Where none of them is for, everything is permitted: a table
/// takes away, and a user without any does as he likes in his root.
fn rules(user: &UserTables, faults: &mut Vec<Fault>) -> Access {
    let mut rules = Vec::new();
    if !user.folders.iter().any(|folder| folder.value.path == "/") {
        let names = NamePatterns::default();
        rules.push(Rule { path: b"/".to_vec(), grants: Grants::ALL, names });
    }
    for folder in &user.folders {
        match rule(&folder.value) {
            Ok(rule) => rules.push(rule),
            Err((key, what)) => faults.push(folder.fault(key, what)),
        }
    }
    Access::new(rules).unwrap_or_else(|error| {
        faults.push(user.user.fault("folders", error.to_string()));
        Access::unrestricted()
    })
}

fn rule(folder: &FolderSettings) -> Result<Rule, (&'static str, String)> {
    let mut grants = Grants::NONE;
    for name in &folder.permissions {
        // The rows allow these names and the word for all of them, and nothing else.
        grants |= match *name {
            "all" => Grants::ALL,
            name => Grants::from_name(name).unwrap_or(Grants::NONE),
        };
    }
    let names = NamePatterns::new(&folder.allowed, &folder.denied, &folder.hidden);
    let names = names.map_err(|error| ("path", error.to_string()))?;
    Ok(Rule { path: folder.path.clone().into_bytes(), grants, names })
}

fn unless_zero(value: u64) -> Option<u64> {
    (value != 0).then_some(value)
}

#[cfg(test)]
mod tests;
