//! The table: every key there is, in the order `ringferry check` prints them.
//!
//! A new setting is a new row here and a field in [`Config`]; parsing, errors, the sample file and
//! the manual follow. Names and meanings are sshd_config(5)'s where it has the setting.

mod admission;
mod algorithms;
mod logins;

use super::Config;
use super::place::{Place, Unit};
use super::read;
use super::value::Value;
use crate::crypto::{RSA_BITS_MAX, RSA_BITS_MIN, RSA_BITS_MIN_DEFAULT};
use crate::daemon::system_users::{check_pattern, check_template};
use crate::server::Verbs;
use crate::ssh::{ident, pattern};

/// One key of a `C`.
pub(crate) struct Definition<C = Config> {
    /// Its name in the file.
    pub(crate) key: &'static str,
    /// What it does, in sentences for the person who sets it.
    pub(crate) doc: &'static str,
    /// The value it has when nobody sets it. Must be one that `place` allows.
    pub(crate) default: fn() -> Value,
    /// Where it lands, and with it the type and the range.
    pub(crate) place: Place<C>,
}

/// Looks a key up by its name.
pub(crate) fn definition(key: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.key == key)
}

/// A week in seconds: long enough for any deadline, short enough to catch a wrong unit.
pub(super) const WEEK: u64 = 604_800;

/// An hour in seconds: the most that a step of a connection's start may take.
const HOUR: u64 = 3_600;

/// Bytes of each half of the identification line: both fit into its 255.
const IDENT_TEXT_BYTES_MAX: usize = 100;
const IDENT_TEXT_LONG: &str = "it is longer than 100 bytes";

fn addendum(text: &str) -> Result<(), String> {
    match text {
        text if text.len() > IDENT_TEXT_BYTES_MAX => Err(IDENT_TEXT_LONG.to_owned()),
        text => ident::check_comment("ringferry", text),
    }
}

/// What the users file says in the same words.
pub(super) use self::logins::{CHAINS, chain};
pub(super) const CLIENT_PATH: &str = "an absolute path without . and .. and without a / at its end";
pub(super) const UMASK_EMPTY: &str = "the umask the server was started with";
pub(super) const SYMLINKS: &str = "Symbolic links inside what a client sees. follow: they lead \
    where they say, seen from the client's /, and never out. refuse: a path that leads through one \
    is an error; links can still be listed, read and removed.";
pub(super) const SYMLINKS_AMONG: &[&str] = &["follow", "refuse"];

/// A list of patterns of users or groups.
const fn names_listed(at: fn(&mut Config) -> &mut Vec<String>) -> Place {
    const FORM: &str = "a pattern of names (* and ?), or pattern@host";
    Place::Texts { at, form: FORM, check: check_pattern }
}

/// The keys that `system_users` takes the place of.
pub(super) const NOT_OF_SYSTEM_USERS: &[&str] =
    &["root", "users_file", "user", "authorized_keys", "home"];

/// The keys that are for system users only.
pub(super) const SYSTEM_USERS_KEYS: &[&str] =
    &["authorized_keys_file", "deny_users", "allow_users", "deny_groups", "allow_groups"];

/// The keys that `auth_hook` takes the place of.
pub(super) const NOT_OF_THE_HOOK: &[&str] = &[
    "root",
    "users_file",
    "system_users",
    "user",
    "authorized_keys",
    "home",
    "authentication_methods",
    "trusted_user_ca_keys",
];

/// The keys that say how it is asked.
pub(super) const HOOK_KEYS: &[&str] = &["auth_hook_timeout", "auth_hook_methods"];

/// The keys that a users file takes the place of.
pub(super) const SOLE_USER_KEYS: &[&str] =
    &["root", "user", "authorized_keys", "home", "umask", "symlinks"];

/// Every key.
pub(crate) static DEFINITIONS: &[Definition] = &[
    Definition {
        key: "listen",
        doc: "Addresses to accept connections on. Port 0 takes a free one: see the ready line.",
        default: || Value::texts(["127.0.0.1:2222"]),
        place: Place::Addresses(|config| &mut config.listen),
    },
    Definition {
        key: "root",
        doc: "The folder clients see as /. Nothing outside it can be reached. A relative path \
              starts at the working directory. The default is made if it is missing.",
        default: || Value::text(DEFAULT_ROOT),
        place: Place::Path(|config| &mut config.root),
    },
    Definition {
        key: "users_file",
        doc: "The file of the users, each with roots, keys and permissions of their own: see the \
              chapter users of the manual, and examples/users.toml. Empty: one user, whom root, \
              user, authorized_keys, home, umask and symlinks are for; with a users file these do \
              not apply, and read_only is for everybody.",
        default: || Value::text(""),
        place: Place::OptionalPath(|config| &mut config.users_file),
    },
    Definition {
        key: "system_users",
        doc: "The users of this host log in, each with the keys in his home, sees his home as / \
              and does everything as himself: see the chapter users of the manual. The server has \
              to be root. root, user, authorized_keys, home and users_file do not apply then; \
              read_only, umask and symlinks are for everybody.",
        default: || Value::Flag(false),
        place: Place::Flag(|config| &mut config.system_users),
    },
    Definition {
        key: "authorized_keys_file",
        doc: "With system_users: where the keys of a user are. A relative path starts at his \
              home; %h is his home, %u his name, %U his number, %% a percent sign.",
        default: || Value::texts([".ssh/authorized_keys"]),
        place: Place::Texts {
            at: |config| &mut config.authorized_keys_file,
            form: "a path, with %h, %u, %U and %% at most",
            check: check_template,
        },
    },
    Definition {
        key: "deny_users",
        doc: "With system_users: patterns of names (* and ?) of users who may not log in. \
              USER@HOST denies from addresses of this pattern, or of this network (CIDR). The four \
              lists are asked in the order of their names here, as in sshd.",
        default: || Value::List(vec![]),
        place: names_listed(|config| &mut config.deny_users),
    },
    Definition {
        key: "allow_users",
        doc: "With system_users: likewise, of users who may log in. Empty: all.",
        default: || Value::List(vec![]),
        place: names_listed(|config| &mut config.allow_users),
    },
    Definition {
        key: "deny_groups",
        doc: "With system_users: patterns of the names of groups none of whose members logs in.",
        default: || Value::List(vec![]),
        place: names_listed(|config| &mut config.deny_groups),
    },
    Definition {
        key: "allow_groups",
        doc: "With system_users: likewise, of groups whose members may log in. Empty: all.",
        default: || Value::List(vec![]),
        place: names_listed(|config| &mut config.allow_groups),
    },
    Definition {
        key: "user",
        doc: "The login name. Empty: the name of the user who starts the server.",
        default: || Value::text(""),
        place: Place::Login(|config| &mut config.user),
    },
    Definition {
        key: "authorized_keys",
        doc: "Files of public keys that may log in. Empty: ~/.ssh/authorized_keys and \
              ~/.ssh/*.pub of the user who starts the server; where these hold no key, a \
              password made for this run is printed.",
        default: || Value::List(vec![]),
        place: Place::Paths(|config| &mut config.authorized_keys),
    },
    Definition {
        key: "trusted_user_ca_keys",
        doc: "Files of public keys of authorities. A certificate that one of them signed logs in \
              whoever it names among its principals: users by their login names, or by the \
              principals of the users file. Made with ssh-keygen -s CA -I ID -n NAME KEY.pub.",
        default: || Value::List(vec![]),
        place: Place::Paths(|config| &mut config.trusted_user_ca_keys),
    },
    Definition {
        key: "revoked_keys",
        doc: "Files of what may not log in any more, keys, certificates and authorities: key \
              revocation lists (ssh-keygen -k) or lists of public keys. While one of them cannot \
              be read the server does not start.",
        default: || Value::List(vec![]),
        place: Place::Paths(|config| &mut config.revoked_keys),
    },
    Definition {
        key: "home",
        doc: "Where relative paths and ~ of clients start, as clients see it.",
        default: || Value::text("/"),
        place: Place::Text {
            at: |config| &mut config.home,
            form: CLIENT_PATH,
            check: read::client_path,
        },
    },
    Definition {
        key: "umask",
        doc: "Permission bits taken off the files and folders that clients make.",
        default: || Value::text(""),
        place: Place::Octal { at: |config| &mut config.umask, max: 0o777, empty: UMASK_EMPTY },
    },
    Definition {
        key: "symlinks",
        doc: SYMLINKS,
        default: || Value::text("follow"),
        place: Place::Choice { at: |config| &mut config.symlinks, among: SYMLINKS_AMONG },
    },
    Definition {
        key: "host_key",
        doc: "Private host keys, one of a type, mode 0600, in OpenSSH's, PEM or PuTTY's format. \
              Empty: one Ed25519 key, made on the first start and kept in the state folder \
              ($STATE_DIRECTORY, else $XDG_STATE_HOME/ringferry, else ~/.local/state/ringferry, \
              else next to root or the users file).",
        default: || Value::List(vec![]),
        place: Place::Paths(|config| &mut config.host_key),
    },
    Definition {
        key: "host_certificate",
        doc: "Certificates for the host keys (*-cert.pub, made with ssh-keygen -h), offered beside \
              the plain keys.",
        default: || Value::List(vec![]),
        place: Place::Paths(|config| &mut config.host_certificate),
    },
    Definition {
        key: "host_key_passphrase_file",
        doc: "Files, mode 0600, whose first line is a passphrase; each is tried on the host keys \
              that are encrypted.",
        default: || Value::List(vec![]),
        place: Place::Paths(|config| &mut config.host_key_passphrase_file),
    },
    Definition {
        key: "required_rsa_size",
        doc: "Bits an RSA key must have, the server's own and its users'. PuTTY makes keys of \
              2048 bits unless it is told otherwise.",
        default: || Value::Integer(RSA_BITS_MIN_DEFAULT as i64),
        place: Place::Number {
            at: |config| &mut config.required_rsa_size,
            unit: Unit::Count,
            min: RSA_BITS_MIN as u64,
            max: RSA_BITS_MAX as u64,
            zero: None,
        },
    },
    Definition {
        key: "read_only",
        doc: "Refuse every request that would change something, whoever asks.",
        default: || Value::Flag(false),
        place: Place::Flag(|config| &mut config.read_only),
    },
    Definition {
        key: "shards",
        doc: "Threads that serve connections, each with its own ring. With one a core there \
              is one more, for whoever comes while all the others move bytes: it is awake sooner.",
        default: || Value::Integer(0),
        place: Place::Number {
            at: |config| &mut config.shards,
            unit: Unit::Count,
            min: 1,
            max: 1024,
            zero: Some("one a core"),
        },
    },
    Definition {
        key: "crypto_threads",
        doc: "Threads that encrypt downloads besides the shards. auto has one for each core but \
              the first and uses them while a shard has no time left and a core idles, which is \
              faster and costs more CPU; a number uses so many whenever they have room; 0 none. \
              The CBC ciphers take no part, and CTR only with a MAC of the -etm kind.",
        default: || Value::text("auto"),
        place: Place::AutoNumber { at: |config| &mut config.crypto_threads, max: 64 },
    },
    Definition {
        key: "driver",
        doc: "How the server talks to the kernel: ring is io_uring, poll is epoll, auto takes the \
              ring where the kernel allows it.",
        default: || Value::text("auto"),
        place: Place::Choice { at: |config| &mut config.driver, among: &["auto", "ring", "poll"] },
    },
    Definition {
        key: "log_level",
        doc: "The least severe events that are logged to stderr.",
        default: || Value::text("info"),
        place: Place::Choice {
            at: |config| &mut config.log_level,
            among: &["off", "error", "warn", "info", "debug", "trace"],
        },
    },
    Definition {
        key: "log_format",
        doc: "One line an event, as text for people or as JSON for programs.",
        default: || Value::text("text"),
        place: Place::Choice { at: |config| &mut config.log_format, among: &["text", "json"] },
    },
    logins::AUTHENTICATION_METHODS,
    logins::AUTH_HOOK,
    logins::AUTH_HOOK_TIMEOUT,
    logins::AUTH_HOOK_METHODS,
    logins::BANNER,
    logins::INTERACTIVE_INSTRUCTION,
    logins::PASSWORD_PROMPT,
    logins::TOTP_PROMPT,
    logins::TOTP_ECHO,
    Definition {
        key: "max_auth_tries",
        doc: "Authentication attempts a connection may fail before it is closed.",
        default: || Value::Integer(6),
        place: Place::Number {
            at: |config| &mut config.max_auth_tries,
            unit: Unit::Count,
            min: 1,
            max: 1000,
            zero: None,
        },
    },
    Definition {
        key: "login_grace_time",
        doc: "Time a connection may take to log in before it is closed.",
        default: || Value::Integer(120),
        place: Place::Number {
            at: |config| &mut config.login_grace_time,
            unit: Unit::Seconds,
            min: 1,
            max: WEEK,
            zero: Some("no bound"),
        },
    },
    Definition {
        key: "client_alive_interval",
        doc: "Silence after which the server asks the client whether it is still there. On by \
              default, unlike sshd's: a client that vanished must not hold its files for ever.",
        default: || Value::Integer(60),
        place: Place::Number {
            at: |config| &mut config.client_alive_interval,
            unit: Unit::Seconds,
            min: 1,
            max: WEEK,
            zero: Some("it never asks"),
        },
    },
    Definition {
        key: "client_alive_count_max",
        doc: "Questions of client_alive_interval that may stay unanswered before the connection is \
              closed.",
        default: || Value::Integer(3),
        place: Place::Number {
            at: |config| &mut config.client_alive_count_max,
            unit: Unit::Count,
            min: 1,
            max: 1_000_000,
            zero: Some("never closed for that"),
        },
    },
    Definition {
        key: "key_renegotiation_threshold",
        doc: "Bytes in either direction after which the server exchanges keys anew.",
        default: || Value::Integer(0),
        place: Place::Number {
            at: |config| &mut config.key_renegotiation_threshold,
            unit: Unit::Bytes,
            // Below this, a connection would do little but exchange keys.
            min: 4096,
            max: i64::MAX as u64,
            zero: Some("what suits the cipher"),
        },
    },
    Definition {
        key: "max_sessions",
        doc: "Sessions (channels) a connection may have open at once.",
        default: || Value::Integer(10),
        place: Place::Number {
            at: |config| &mut config.max_sessions,
            unit: Unit::Count,
            min: 1,
            max: 1024,
            zero: None,
        },
    },
    Definition {
        key: "enabled_exec",
        doc: "Commands that are carried out, without a shell and in the user's folders only. \
              sftp-server is SFTP by its paths on other servers; rclone is its hashes. Whatever \
              else a client asks to have executed is answered with a message and status 127. [] is \
              none; the SFTP subsystem is no command and stays.",
        default: || Value::List(Verbs::all().into_iter().map(Value::text).collect()),
        place: Place::Words { at: |config| &mut config.enabled_exec, among: Verbs::all },
    },
    Definition {
        key: "window_bytes_max",
        doc: "Bytes of an upload that may be under way, or waiting in the server, on one channel: \
              the most its receive window grows to. Windows start at 2 MiB (or this, if it is \
              less) and grow where a long link can use it: 100 ms there and back need 10 MiB for \
              100 MB/s. OpenSSH's clients get 15 MiB at most, since they slow down beyond. The \
              kernel must take as much: see net.ipv4.tcp_rmem in the chapter limits of the manual.",
        default: || Value::Integer(32 << 20),
        place: Place::Number {
            at: |config| &mut config.window_bytes_max,
            unit: Unit::Bytes,
            // Two packets, so that a grant is on its way while the other is.
            min: 128 << 10,
            max: 1 << 30,
            zero: None,
        },
    },
    Definition {
        key: "window_budget_bytes",
        doc: "Memory, in bytes, that the receive windows of all channels may grow by, together. \
              One channel takes at most half of it; where many want it they come to equal parts. \
              0 keeps every window at the size it starts with.",
        default: || Value::Integer(256 << 20),
        place: Place::Number {
            at: |config| &mut config.window_budget_bytes,
            unit: Unit::Bytes,
            min: 1 << 20,
            max: 1 << 40,
            zero: Some("windows never grow"),
        },
    },
    Definition {
        key: "max_connections",
        doc: "Connections the server holds at once; one more is turned away.",
        default: || Value::Integer(1024),
        place: Place::Number {
            at: |config| &mut config.max_connections,
            unit: Unit::Count,
            min: 1,
            max: 1_000_000,
            zero: None,
        },
    },
    admission::MAX_STARTUPS,
    admission::PER_SOURCE_MAX_STARTUPS,
    admission::PER_SOURCE_MAX_CONNECTIONS,
    admission::PER_SOURCE_NET_BLOCK_SIZE,
    admission::PER_SOURCE_PENALTIES,
    admission::PER_SOURCE_PENALTY_EXEMPT_LIST,
    admission::PER_USER_MAX_CONNECTIONS,
    admission::PER_USER_MAX_SESSIONS,
    admission::ALLOW_ADDRESSES,
    admission::DENY_ADDRESSES,
    admission::PROXY_PROTOCOL_FROM,
    Definition {
        key: "idle_timeout",
        doc: "Time without a request after which a connection is closed.",
        default: || Value::Integer(0),
        place: Place::Number {
            at: |config| &mut config.idle_timeout,
            unit: Unit::Seconds,
            min: 1,
            max: WEEK,
            zero: Some("never"),
        },
    },
    Definition {
        key: "file_cache",
        doc: "Whether files that were sent or received stay in memory. keep: as long as the kernel \
              likes. drop: bulk data goes again behind the transfer, for files that nobody asks \
              for twice or that are together larger than memory.",
        default: || Value::text("keep"),
        place: Place::Choice { at: |config| &mut config.file_cache, among: &["keep", "drop"] },
    },
    Definition {
        key: "write_behind_bytes",
        doc: "A long upload is written to disk while it arrives, in pieces of so many bytes, so \
              that the kernel need not stop it and others later to catch up.",
        default: || Value::Integer(8 << 20),
        place: Place::Number {
            at: |config| &mut config.write_behind_bytes,
            unit: Unit::Bytes,
            min: 1 << 20,
            max: 1 << 30,
            zero: Some("when the kernel likes"),
        },
    },
    Definition {
        key: "write_behind_from_bytes",
        doc: "Length of an upload from which on that is done. ext4 holds up writes to a file of \
              which it sends an earlier part to disk, so short ones are left to the kernel.",
        default: || Value::Integer(2 << 30),
        place: Place::Number {
            at: |config| &mut config.write_behind_from_bytes,
            unit: Unit::Bytes,
            min: 1 << 20,
            max: 1 << 40,
            zero: None,
        },
    },
    Definition {
        key: "key_renegotiation_interval",
        doc: "Time after which the server exchanges keys anew: the second word of sshd's \
              RekeyLimit.",
        default: || Value::Integer(0),
        place: Place::Number {
            at: |config| &mut config.key_renegotiation_interval,
            unit: Unit::Seconds,
            min: 1,
            max: WEEK,
            zero: Some("never for that"),
        },
    },
    Definition {
        key: "ident_timeout",
        doc: "Time a client may take to send its identification line before it is cut off.",
        default: || Value::Integer(20),
        place: Place::Number {
            at: |config| &mut config.ident_timeout,
            unit: Unit::Seconds,
            min: 1,
            max: HOUR,
            zero: None,
        },
    },
    Definition {
        key: "kex_timeout",
        doc: "Time an exchange of keys may take before the connection is closed.",
        default: || Value::Integer(60),
        place: Place::Number {
            at: |config| &mut config.kex_timeout,
            unit: Unit::Seconds,
            min: 1,
            max: HOUR,
            zero: None,
        },
    },
    Definition {
        key: "version_string",
        doc: "The software the server's identification line names, behind SSH-2.0-. Empty: \
              ringferry and its version. Some clients go by it: WinSCP and AsyncSSH know OpenSSH's \
              order of symlink arguments by a name with OpenSSH in it.",
        default: || Value::text(""),
        place: Place::Text {
            at: |config| &mut config.version_string,
            form: "printable US-ASCII without blanks and minus signs, at most 100 bytes",
            check: |text| match text {
                "" => Ok(()),
                text if text.len() > IDENT_TEXT_BYTES_MAX => Err(IDENT_TEXT_LONG.to_owned()),
                text => ident::check_software(text),
            },
        },
    },
    Definition {
        key: "version_addendum",
        doc: "Text behind the software in the identification line.",
        default: || Value::text(""),
        place: Place::Text {
            at: |config| &mut config.version_addendum,
            form: "printable US-ASCII, at most 100 bytes",
            check: addendum,
        },
    },
    Definition {
        key: "client_versions",
        doc: "Clients that are served, by patterns of what their identification line says behind \
              SSH-2.0-, such as [\"*\", \"!libssh_0.5*\"]. Empty: all. A client can say what it \
              likes: this keeps out broken ones, not attackers.",
        default: || Value::List(vec![]),
        place: Place::Texts {
            at: |config| &mut config.client_versions,
            form: "patterns: * stands for any characters, ? for one, a ! in front refuses",
            check: |text| match pattern::is_pattern(text) {
                true => Ok(()),
                false => Err(format!("{text:?} can match nothing")),
            },
        },
    },
    algorithms::MODULI_FILE,
    algorithms::STRICT_KEX,
    algorithms::ALGORITHMS,
    algorithms::KEX_ALGORITHMS,
    algorithms::HOST_KEY_ALGORITHMS,
    algorithms::CIPHERS,
    algorithms::MACS,
    algorithms::COMPRESSION,
    algorithms::PUBKEY_ACCEPTED_ALGORITHMS,
];

/// The only root that is made when it is missing: a mistyped path must not be served empty.
pub(crate) const DEFAULT_ROOT: &str = "./ringferry-data";

/// The values of all defaults.
pub(crate) fn defaults() -> Result<Config, String> {
    let mut config = Config::default();
    for definition in DEFINITIONS {
        let value = (definition.default)();
        let applied = definition.place.apply(&mut config, &value);
        applied.map_err(|what| format!("the default of {}: {what}", definition.key))?;
    }
    Ok(config)
}
