//! The users file: a table for each user, with tables of mounts and folders inside.
//!
//! Like the configuration it is read by rows (`users/defs.rs`) into plain values. Each table keeps
//! the lines its keys stand on, so that whoever finds out later that a folder is missing can say
//! where it was named. It opens no file.

use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::fault::{Fault, plain};
use super::secret::SecretText;
use super::value::{Value, quote};
use crate::vfs::NamePatterns;
use crate::vfs::limits::RULES_MAX;

mod defs;

use defs::{ALL, FOLDER, MOUNT, Schema, USER};

/// Most users of a file. Every attempt to log in is compared with every key there is.
const USERS_MAX: usize = 10_000;

/// Most mounts of a user; each holds a descriptor open.
const MOUNTS_MAX: usize = 64;

/// What one user is given. What each field means stands in `users/defs.rs`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserSettings {
    /// The folder seen as `/`; empty: none.
    pub root: PathBuf,
    /// Lines of public keys.
    pub authorized_keys: Vec<String>,
    /// Files of such lines.
    pub authorized_keys_files: Vec<PathBuf>,
    /// Chains of methods, any of which lets the user in; empty: as for everybody.
    pub authentication_methods: Vec<String>,
    /// When the account ends; empty: never.
    pub expiry_time: String,
    /// Shown just before a login succeeds; empty: nothing is.
    pub message: String,
    /// The hash of a password.
    pub password_hash: SecretText,
    /// The secret of one-time codes.
    pub totp_secret: SecretText,
    /// Names in certificates that stand for the user; empty: the user's own.
    pub principals: Vec<String>,
    /// Where relative paths start.
    pub home: String,
    /// Whether every request that would change something is refused.
    pub read_only: bool,
    /// Permission bits taken off what is made; none: the process's own.
    pub umask: Option<u32>,
    /// The mode of every file that is made.
    pub file_mode: Option<u32>,
    /// The mode of every folder that is made.
    pub directory_mode: Option<u32>,
    /// `mode`, `owner`, `times`: changes that are dropped.
    pub ignore_setstat: Vec<&'static str>,
    /// `follow` or `refuse`.
    pub symlinks: &'static str,
    /// Bytes the user may hold; 0: no quota.
    pub quota_bytes: u64,
    /// Names the user may hold; 0: no quota.
    pub quota_files: u64,
    /// Free space that writes have to leave; 0: none.
    pub free_bytes_min: u64,
}

/// A folder of the host at a place of a user's view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MountSettings {
    /// Where it is seen.
    pub path: String,
    /// What is seen there.
    pub folder: PathBuf,
}

/// What a user may do in a folder of his view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderSettings {
    /// The folder.
    pub path: String,
    /// Names of permissions, or `all`.
    pub permissions: Vec<&'static str>,
    /// Patterns of names files may have; empty: any.
    pub allowed: Vec<String>,
    /// Patterns of names that can only be seen.
    pub denied: Vec<String>,
    /// Patterns of names that are as if they were not there.
    pub hidden: Vec<String>,
}

/// What a table says, and where.
#[derive(Clone, Debug)]
pub struct Table<T> {
    /// What it says.
    pub value: T,
    /// How messages call it, such as `users.ann.mounts`.
    path: String,
    file: String,
    line: usize,
    keys: Vec<Key>,
}

#[derive(Clone, Debug)]
struct Key {
    name: &'static str,
    line: usize,
    /// The lines of the items of a list.
    items: Vec<usize>,
}

/// All tables of one user.
#[derive(Clone, Debug)]
pub struct UserTables {
    /// The login name.
    pub name: String,
    /// `[users.NAME]`
    pub user: Table<UserSettings>,
    /// `[[users.NAME.mounts]]`
    pub mounts: Vec<Table<MountSettings>>,
    /// `[[users.NAME.folders]]`
    pub folders: Vec<Table<FolderSettings>>,
}

impl<T> Table<T> {
    /// Something is wrong with what `key` says.
    pub fn fault(&self, key: &str, what: impl Into<String>) -> Fault {
        self.fault_at(key, self.line_of(key), what)
    }

    /// Something is wrong with an item of the list that `key` holds.
    pub fn item_fault(&self, key: &str, item: usize, what: impl Into<String>) -> Fault {
        let found = self.keys.iter().find(|found| found.name == key);
        let line = found.and_then(|found| found.items.get(item).copied());
        self.fault_at(key, line.unwrap_or_else(|| self.line_of(key)), what)
    }

    fn line_of(&self, key: &str) -> usize {
        let found = self.keys.iter().find(|found| found.name == key);
        found.map_or(self.line, |found| found.line)
    }

    fn fault_at(&self, key: &str, line: usize, what: impl Into<String>) -> Fault {
        Fault {
            place: format!("{}:{line}", self.file),
            key: Some(format!("{}.{key}", self.path)),
            what: what.into(),
        }
    }

    /// Something is wrong with the table as a whole.
    fn fault_of_all(&self, what: impl Into<String>) -> Fault {
        let place = format!("{}:{}", self.file, self.line);
        Fault { place, key: Some(self.path.clone()), what: what.into() }
    }
}

/// The users that `text` names, in its order, or everything that is wrong with it. `name` is what
/// the file is called in messages.
pub fn load_users(name: &str, text: &str) -> Result<Vec<UserTables>, Vec<Fault>> {
    let mut reader = Reader::new(name, text);
    let users = match DeTable::parse(text) {
        Ok(table) => reader.file(table.get_ref()),
        Err(error) => {
            let line = reader.line(error.span().map_or(0, |span| span.start));
            reader.say(line, None, error.message().replace('\n', ", "));
            Vec::new()
        }
    };
    if reader.faults.is_empty() {
        return Ok(users);
    }
    reader.faults.sort_by_key(|(line, _)| *line);
    Err(reader.faults.into_iter().map(|(_, fault)| fault).collect())
}

/// The pass over a file.
struct Reader {
    file: String,
    /// Where each line but the first starts.
    starts: Vec<usize>,
    faults: Vec<(usize, Fault)>,
}

type Entry<'a, 'b> = (&'a str, usize, &'a Spanned<DeValue<'b>>);

impl Reader {
    fn new(name: &str, text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = breaks.map(|(at, _)| at + 1).collect();
        Self { file: plain(name), starts, faults: Vec::new() }
    }

    /// The line, from 1, of the byte at `offset`.
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset) + 1
    }

    fn say(&mut self, line: usize, key: Option<String>, what: impl Into<String>) {
        let place = format!("{}:{line}", self.file);
        self.faults.push((line, Fault { place, key, what: what.into() }));
    }

    /// The entries of a table with their lines, in the file's order.
    fn entries<'a, 'b>(&self, table: &'a DeTable<'b>) -> Vec<Entry<'a, 'b>> {
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entries = entries.into_iter();
        entries.map(|(key, value)| (&**key.get_ref(), self.line(key.span().start), value)).collect()
    }

    fn file(&mut self, table: &DeTable<'_>) -> Vec<UserTables> {
        let mut users = Vec::new();
        for (key, line, value) in self.entries(table) {
            match (key, value.get_ref()) {
                ("users", DeValue::Table(table)) => {
                    for (name, line, value) in self.entries(table) {
                        users.extend(self.user(name, line, value.get_ref()));
                    }
                }
                ("users", _) => self.say(line, Some("users".to_owned()), "it is not a table"),
                (key, _) => self.unknown(line, None, key, ["users"].into_iter()),
            }
        }
        if users.is_empty() && self.faults.is_empty() {
            self.say(1, None, "there is no user; one is a table [users.NAME]");
        }
        if users.len() > USERS_MAX {
            self.say(1, None, format!("there are more than {USERS_MAX} users"));
        }
        users
    }

    fn unknown(
        &mut self,
        line: usize,
        table: Option<String>,
        key: &str,
        known: impl Iterator<Item = &'static str>,
    ) {
        let place = format!("{}:{line}", self.file);
        let otherwise = "the chapter users of the manual tells them all";
        let fault = Fault::unknown_key(place, table, key, known, otherwise);
        self.faults.push((line, fault));
    }

    fn user(&mut self, name: &str, line: usize, value: &DeValue<'_>) -> Option<UserTables> {
        let path = format!("users.{}", shown(name));
        if let Err(what) = login_name(name) {
            self.say(line, Some(path), what);
            return None;
        }
        let DeValue::Table(table) = value else {
            self.say(line, Some(path), "it is not a table; a user is a table [users.NAME]");
            return None;
        };
        let own = self.table(&USER, path, line, table);
        let mounts = self.tables(&MOUNT, &own, "mounts", table, MOUNTS_MAX);
        let folders = self.tables(&FOLDER, &own, "folders", table, RULES_MAX);
        let user = UserTables { name: name.to_owned(), user: own, mounts, folders };
        self.check(&user);
        Some(user)
    }

    /// One table, by its schema; what is wrong keeps its default.
    fn table<T: Clone + Default>(
        &mut self,
        schema: &Schema<T>,
        path: String,
        line: usize,
        table: &DeTable<'_>,
    ) -> Table<T> {
        let file = self.file.clone();
        let mut made = Table { value: defaults(schema), path, file, line, keys: Vec::new() };
        for (key, line, value) in self.entries(table) {
            let Some(definition) = schema.definition(key) else {
                if !schema.tables.contains(&key) {
                    self.unknown(line, Some(made.path.clone()), key, schema.keys());
                }
                continue;
            };
            let items = match value.get_ref() {
                DeValue::Array(items) => {
                    items.iter().map(|it| self.line(it.span().start)).collect()
                }
                _ => Vec::new(),
            };
            made.keys.push(Key { name: definition.key, line, items });
            let value = Value::from_toml(value.get_ref());
            if let Err(what) = definition.place.apply(&mut made.value, &value) {
                let what = format!("{what}; allowed: {}", definition.place.allowed());
                self.faults.push((line, made.fault(key, what)));
            }
        }
        for key in schema.required.iter().filter(|key| !made.has(key)) {
            self.faults.push((line, made.fault_of_all(format!("the key {key} is missing"))));
        }
        made
    }

    /// The tables of the list that `key` of `table` holds, if it is there.
    fn tables<T: Clone + Default>(
        &mut self,
        schema: &Schema<T>,
        user: &Table<UserSettings>,
        key: &'static str,
        table: &DeTable<'_>,
        count_max: usize,
    ) -> Vec<Table<T>> {
        let found = self.entries(table).into_iter().find(|(found, ..)| *found == key);
        let Some((_, line, value)) = found else { return Vec::new() };
        let path = format!("{}.{key}", user.path);
        let none = DeArray::default();
        let items = match value.get_ref() {
            DeValue::Array(items) if items.len() > count_max => {
                self.say(line, Some(path.clone()), format!("there are more than {count_max}"));
                &none
            }
            DeValue::Array(items) => items,
            _ => {
                let what = format!("it is not a list of tables; one is a table [[{path}]]");
                self.say(line, Some(path.clone()), what);
                &none
            }
        };
        let mut made = Vec::new();
        for item in items.iter() {
            let line = self.line(item.span().start);
            match item.get_ref() {
                DeValue::Table(table) => made.push(self.table(schema, path.clone(), line, table)),
                _ => self.say(line, Some(path.clone()), "an item of the list is not a table"),
            }
        }
        made
    }

    /// What the values of a user's tables cannot tell one by one.
    fn check(&mut self, user: &UserTables) {
        let own = &user.user;
        if !own.has("root") && user.mounts.is_empty() && !self.blames(&own.path) {
            let what = "there is no folder to see: set root, or give mounts";
            self.faults.push((own.line, own.fault_of_all(what)));
        }
        let mut seen: Vec<&str> = if own.has("root") { vec!["/"] } else { Vec::new() };
        for mount in user.mounts.iter().filter(|mount| mount.has("path")) {
            self.once(&mut seen, mount, &mount.value.path, "a folder is mounted there already");
        }
        let mut seen = Vec::new();
        for folder in user.folders.iter().filter(|folder| folder.has("path")) {
            self.once(&mut seen, folder, &folder.value.path, "the folder has a table already");
        }
        for folder in &user.folders {
            let value = &folder.value;
            if value.permissions.len() > 1 && value.permissions.contains(&ALL) {
                let what = format!("{} stands for every permission, alone", quote(ALL));
                self.fault_in(folder, "permissions", what);
            }
            for (key, patterns) in
                [("allowed", &value.allowed), ("denied", &value.denied), ("hidden", &value.hidden)]
            {
                if let Err(error) = NamePatterns::new(patterns, &[], &[]) {
                    self.fault_in(folder, key, error.to_string());
                }
            }
        }
    }

    /// `path` must not be among those seen.
    fn once<'a, T>(
        &mut self,
        seen: &mut Vec<&'a str>,
        table: &Table<T>,
        path: &'a str,
        what: &str,
    ) {
        if seen.contains(&path) {
            self.fault_in(table, "path", format!("{}: {what}", quote(path)));
        }
        seen.push(path);
    }

    fn fault_in<T>(&mut self, table: &Table<T>, key: &str, what: String) {
        self.faults.push((table.line_of(key), table.fault(key, what)));
    }

    /// Whether something was said about a table already, which may be why it lacks something.
    fn blames(&self, path: &str) -> bool {
        let is_in = |key: &str| {
            key.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.faults.iter().any(|(_, fault)| fault.key.as_deref().is_some_and(is_in))
    }
}

impl<T> Table<T> {
    /// Whether the file sets `key`.
    fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|found| found.name == key)
    }
}

/// The values of all keys that have a default.
fn defaults<T: Clone + Default>(schema: &Schema<T>) -> T {
    let mut value = T::default();
    for definition in schema.definitions {
        // A row whose default its place refuses is one without: the path that is not set.
        let _ = definition.place.apply(&mut value, &(definition.default)());
    }
    value
}

/// As TOML writes it in the name of a table.
fn shown(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quote(name) }
}

/// What a login name may be. Names end up in logs and, by `~NAME`, in paths.
pub(crate) fn login_name(name: &str) -> Result<(), String> {
    match name {
        "" => Err("a login name is empty".to_owned()),
        "." | ".." => Err(format!("{name} is no login name")),
        _ if name.len() > 64 => Err("a login name is longer than 64 bytes".to_owned()),
        _ if name.contains('/') => Err("a login name has a / in it".to_owned()),
        _ if name.chars().any(char::is_control) => {
            Err("a login name has a control character in it".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
