//! The keys of the users file, table by table: what `defs.rs` above is for the configuration.

use super::{FolderSettings, MountSettings, UserSettings};
use crate::daemon::config::defs::{
    self, CHAINS, CLIENT_PATH, Definition, SYMLINKS, SYMLINKS_AMONG, UMASK_EMPTY,
};
use crate::daemon::config::place::{Place, Unit};
use crate::daemon::config::read;
use crate::daemon::config::value::Value;
use crate::vfs::Grants;

/// One kind of table.
pub(super) struct Schema<T: 'static> {
    pub(super) definitions: &'static [Definition<T>],
    /// The keys without a default.
    pub(super) required: &'static [&'static str],
    /// The keys that are tables of their own, which the schema does not read.
    pub(super) tables: &'static [&'static str],
}

impl<T> Schema<T> {
    /// The row of a key.
    pub(super) fn definition(&self, key: &str) -> Option<&'static Definition<T>> {
        self.definitions.iter().find(|definition| definition.key == key)
    }

    /// Every key that may stand in the table.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.definitions.iter().map(|definition| definition.key).chain(self.tables.iter().copied())
    }
}

/// `[users.NAME]`
pub(super) static USER: Schema<UserSettings> =
    Schema { definitions: USER_KEYS, required: &[], tables: &["mounts", "folders"] };

/// `[[users.NAME.mounts]]`
pub(super) static MOUNT: Schema<MountSettings> =
    Schema { definitions: MOUNT_KEYS, required: &["path", "folder"], tables: &[] };

/// `[[users.NAME.folders]]`
pub(super) static FOLDER: Schema<FolderSettings> =
    Schema { definitions: FOLDER_KEYS, required: &["path"], tables: &[] };

/// The word for every permission at once.
pub(super) const ALL: &str = "all";

/// What of a SETSTAT can be ignored.
const SETSTAT: &[&str] = &["mode", "owner", "times"];

const MODE_EMPTY: &str = "what the client asks for";

fn message(text: &str) -> Result<(), String> {
    if text.len() > MESSAGE_BYTES_MAX { Err("it is longer than 8 KiB".to_owned()) } else { Ok(()) }
}

/// What clients are shown at most before a login.
const MESSAGE_BYTES_MAX: usize = 8 * 1024;

static USER_KEYS: &[Definition<UserSettings>] = &[
    Definition {
        key: "root",
        doc: "The folder the user sees as /. May be left out where there are mounts: then / is a \
              folder that holds nothing but them and cannot be changed.",
        default: || Value::text(""),
        place: Place::AbsolutePath(|user| &mut user.root),
    },
    Definition {
        key: "authorized_keys",
        doc: "Public keys that may log in, each a line as in an authorized_keys file.",
        default: || Value::List(vec![]),
        place: Place::Texts {
            at: |user| &mut user.authorized_keys,
            form: "lines of an authorized_keys file",
            check: |_| Ok(()),
        },
    },
    Definition {
        key: "authorized_keys_files",
        doc: "Files of such lines. Lines that are no key are passed over with a warning.",
        default: || Value::List(vec![]),
        place: Place::AbsolutePaths(|user| &mut user.authorized_keys_files),
    },
    Definition {
        key: "authentication_methods",
        doc: "Chains of methods, any one of which lets the user in, instead of those of the \
              configuration.",
        default: || Value::List(vec![]),
        place: Place::Phrases {
            at: |user| &mut user.authentication_methods,
            form: CHAINS,
            check: defs::chain,
        },
    },
    Definition {
        key: "expiry_time",
        doc: "When the account ends: YYYYMMDD, HHMM or HHMMSS behind it, Z behind that for UTC. \
              Sessions that are open go on.",
        default: || Value::text(""),
        place: Place::Text {
            at: |user| &mut user.expiry_time,
            form: "a time as in expiry-time= of authorized_keys, such as \"20271231\"",
            check: |_| Ok(()),
        },
    },
    Definition {
        key: "message",
        doc: "Text shown to the user just before a login succeeds.",
        default: || Value::text(""),
        place: Place::Text {
            at: |user| &mut user.message,
            form: "text of up to 8 KiB",
            check: message,
        },
    },
    Definition {
        key: "password_hash",
        doc: "The hash of the user's password, as ringferry passwd prints it.",
        default: || Value::text(""),
        place: Place::Secret {
            at: |user| &mut user.password_hash,
            form: "the hash of a password, from ringferry passwd",
        },
    },
    Definition {
        key: "totp_secret",
        doc: "The secret of the one-time codes that an app makes for the user (TOTP), as ringferry \
              passwd --totp prints it: in base32, or as an otpauth:// URI.",
        default: || Value::text(""),
        place: Place::Secret {
            at: |user| &mut user.totp_secret,
            form: "a secret of one-time codes, from ringferry passwd --totp NAME",
        },
    },
    Definition {
        key: "principals",
        doc: "Names in certificates that log in as this user, instead of the user's own: sshd's \
              AuthorizedPrincipalsFile. Whose certificates, trusted_user_ca_keys says, or \
              cert-authority in front of a key.",
        default: || Value::List(vec![]),
        place: Place::Texts {
            at: |user| &mut user.principals,
            form: "names without commas and control characters",
            check: |text| match text {
                "" => Err("a name is empty".to_owned()),
                text if text.contains(',') || text.chars().any(char::is_control) => {
                    Err(format!("{text:?} is in no certificate"))
                }
                _ => Ok(()),
            },
        },
    },
    Definition {
        key: "home",
        doc: "Where relative paths and ~ start, as the user sees it.",
        default: || Value::text("/"),
        place: Place::Text {
            at: |user| &mut user.home,
            form: CLIENT_PATH,
            check: read::client_path,
        },
    },
    Definition {
        key: "read_only",
        doc: "Refuse every request that would change something, whatever the folders permit.",
        default: || Value::Flag(false),
        place: Place::Flag(|user| &mut user.read_only),
    },
    Definition {
        key: "umask",
        doc: "Permission bits taken off the files and folders the user makes.",
        default: || Value::text(""),
        place: Place::Octal { at: |user| &mut user.umask, max: 0o777, empty: UMASK_EMPTY },
    },
    Definition {
        key: "file_mode",
        doc: "The mode of every file the user makes, whatever the client asks for and the umask \
              says.",
        default: || Value::text(""),
        place: Place::Octal { at: |user| &mut user.file_mode, max: 0o777, empty: MODE_EMPTY },
    },
    Definition {
        key: "directory_mode",
        doc: "The mode of every folder the user makes, likewise. Setgid is not for it to say: \
              folders have it from the one they are made in.",
        default: || Value::text(""),
        place: Place::Octal { at: |user| &mut user.directory_mode, max: 0o1777, empty: MODE_EMPTY },
    },
    Definition {
        key: "ignore_setstat",
        doc: "Changes that are dropped and answered with success, for clients that insist on \
              them after each upload.",
        default: || Value::List(vec![]),
        place: Place::Words { at: |user| &mut user.ignore_setstat, among: || SETSTAT.to_vec() },
    },
    Definition {
        key: "symlinks",
        doc: SYMLINKS,
        default: || Value::text("follow"),
        place: Place::Choice { at: |user| &mut user.symlinks, among: SYMLINKS_AMONG },
    },
    Definition {
        key: "quota_bytes",
        doc: "Bytes the files below the user's root and mounts may hold, those that are just \
              being written among them.",
        default: || Value::Integer(0),
        place: Place::Number {
            at: |user| &mut user.quota_bytes,
            unit: Unit::Bytes,
            min: 1,
            max: i64::MAX as u64,
            zero: Some("no quota"),
        },
    },
    Definition {
        key: "quota_files",
        doc: "Names there may be below them: files, folders and links.",
        default: || Value::Integer(0),
        place: Place::Number {
            at: |user| &mut user.quota_files,
            unit: Unit::Count,
            min: 1,
            max: i64::MAX as u64,
            zero: Some("no quota"),
        },
    },
    Definition {
        key: "free_bytes_min",
        doc: "Writes are refused that would leave less free space than this on their filesystem.",
        default: || Value::Integer(0),
        place: Place::Number {
            at: |user| &mut user.free_bytes_min,
            unit: Unit::Bytes,
            min: 1,
            max: i64::MAX as u64,
            zero: Some("writes go on until the disk is full"),
        },
    },
];

static MOUNT_KEYS: &[Definition<MountSettings>] = &[
    Definition {
        key: "path",
        doc: "Where the user sees the folder. What root has there is hidden by it.",
        default: || Value::text(""),
        place: Place::Text {
            at: |mount| &mut mount.path,
            form: CLIENT_PATH,
            check: read::client_path,
        },
    },
    Definition {
        key: "folder",
        doc: "The folder of the host.",
        default: || Value::text(""),
        place: Place::AbsolutePath(|mount| &mut mount.folder),
    },
];

static FOLDER_KEYS: &[Definition<FolderSettings>] = &[
    Definition {
        key: "path",
        doc: "The folder this is for, as the user sees it, with everything below it that has no \
              table of its own.",
        default: || Value::text(""),
        place: Place::Text {
            at: |folder| &mut folder.path,
            form: CLIENT_PATH,
            check: read::client_path,
        },
    },
    Definition {
        key: "permissions",
        doc: "What may be done there. An empty list: nothing.",
        default: || Value::texts([ALL]),
        place: Place::Words {
            at: |folder| &mut folder.permissions,
            among: || Grants::ALL.names().chain([ALL]).collect(),
        },
    },
    Definition {
        key: "allowed",
        doc: "Patterns of the names that files may have there. Empty: any.",
        default: || Value::List(vec![]),
        place: patterns(|folder| &mut folder.allowed),
    },
    Definition {
        key: "denied",
        doc: "Patterns of names that can be seen in a listing, and nothing else.",
        default: || Value::List(vec![]),
        place: patterns(|folder| &mut folder.denied),
    },
    Definition {
        key: "hidden",
        doc: "Patterns of names that are as if they were not there.",
        default: || Value::List(vec![]),
        place: patterns(|folder| &mut folder.hidden),
    },
];

const fn patterns(at: fn(&mut FolderSettings) -> &mut Vec<String>) -> Place<FolderSettings> {
    Place::Texts {
        at,
        form: "patterns of names: * stands for any characters, ? for one, [a-z] for one of them, \
               {a,b} for either",
        check: pattern,
    }
}

/// A name holds no slash, so a pattern with one is a path somebody meant, and matches nothing.
fn pattern(text: &str) -> Result<(), String> {
    match text {
        "" => Err("a pattern is empty".to_owned()),
        _ if text.contains('/') => Err(format!("{text:?} has a / in it; names have none")),
        _ => Ok(()),
    }
}
