//! The configuration: one table of definitions (`defs.rs`) and everything that comes from it.
//!
//! From a row come the parsing of the TOML file, `--set KEY=VALUE` and the flags of `serve`, the
//! texts of their errors, `ringferry check` and `examples/ringferry.toml`. It opens no file and
//! makes nothing: the caller hands in text. Invariant: a [`Config`] that was loaded holds only
//! values its rows allow.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use crate::crypto::Preset;

pub(crate) mod defs;
mod fault;
mod load;
mod penalties;
mod place;
pub(crate) mod read;
mod render;
mod secret;
mod selection;
mod users;
mod value;

pub use fault::Fault;
pub use load::{Layer, load};
pub(crate) use penalties::penalty_rules;
pub use render::{key_table, render};
pub use secret::SecretText;
use selection::Kind;
pub use selection::Selection;
pub(crate) use users::login_name;
pub use users::{FolderSettings, MountSettings, Table, UserSettings, UserTables, load_users};

/// The effective configuration. What each field means, and its range, stands in `defs.rs`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Addresses to accept connections on; never empty.
    pub listen: Vec<SocketAddr>,
    /// The folder clients see as `/`.
    pub root: PathBuf,
    /// The file of the users; empty: there is one, whom the next settings are for.
    pub users_file: PathBuf,
    /// Whether the users of the host log in, instead of one or those of a users file.
    pub system_users: bool,
    /// Where their keys are: see `check_template` of `system_users/key_files.rs`.
    pub authorized_keys_file: Vec<String>,
    /// Patterns of those of them who may not log in, as `USER` or `USER@HOST`.
    pub deny_users: Vec<String>,
    /// Patterns of those who may; empty: all.
    pub allow_users: Vec<String>,
    /// Patterns of groups whose members may not.
    pub deny_groups: Vec<String>,
    /// Patterns of groups whose members may; empty: all.
    pub allow_groups: Vec<String>,
    /// Login name; empty: the name of the user who starts the server.
    pub user: String,
    /// Files of public keys that may log in; empty: the invoking user's own.
    pub authorized_keys: Vec<PathBuf>,
    /// Chains of methods, any of which lets a user in; empty: a key, or a password.
    pub authentication_methods: Vec<String>,
    /// The program, or the URL, that is asked who may log in; empty: none.
    pub auth_hook: Vec<String>,
    /// Seconds it may take.
    pub auth_hook_timeout: u64,
    /// Methods it is asked about: see `METHODS` of `hook.rs`.
    pub auth_hook_methods: Vec<&'static str>,
    /// The file of what is shown before a login; empty: nothing is.
    pub banner: PathBuf,
    /// What `keyboard-interactive` says before it asks.
    pub interactive_instruction: String,
    /// How it asks for the password.
    pub password_prompt: String,
    /// How it asks for the code of the second factor.
    pub totp_prompt: String,
    /// Whether the code may be seen as it is typed.
    pub totp_echo: bool,
    /// Files of the authorities whose certificates log in.
    pub trusted_user_ca_keys: Vec<PathBuf>,
    /// Files of what is revoked.
    pub revoked_keys: Vec<PathBuf>,
    /// Where relative paths of clients start, as they see it.
    pub home: String,
    /// Permission bits taken off what is made; none: the process's own.
    pub umask: Option<u32>,
    /// `follow` or `refuse`.
    pub symlinks: &'static str,
    /// Private host keys; empty: one made and kept in the state folder.
    pub host_key: Vec<PathBuf>,
    /// Certificates for host keys.
    pub host_certificate: Vec<PathBuf>,
    /// Files that hold passphrases of host keys.
    pub host_key_passphrase_file: Vec<PathBuf>,
    /// Bits an RSA key must have.
    pub required_rsa_size: u64,
    /// Whether every request that would change something is refused.
    pub read_only: bool,
    /// Threads that serve connections; 0: one a core.
    pub shards: u64,
    /// Threads that seal besides them; none: as many as pay.
    pub crypto_threads: Option<u64>,
    /// `auto`, `ring` or `poll`.
    pub driver: &'static str,
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`.
    pub log_level: &'static str,
    /// `text` or `json`.
    pub log_format: &'static str,
    /// Failed authentication attempts a connection may make.
    pub max_auth_tries: u64,
    /// Seconds a connection may take to log in; 0: no bound.
    pub login_grace_time: u64,
    /// Seconds of silence after which the server asks whether the client is there; 0: never.
    pub client_alive_interval: u64,
    /// Unanswered questions after which the connection is closed; 0: never closed for it.
    pub client_alive_count_max: u64,
    /// Bytes after which the server exchanges keys anew; 0: the cipher's own.
    pub key_renegotiation_threshold: u64,
    /// Sessions (channels) a connection may have open.
    pub max_sessions: u64,
    /// Commands that are carried out.
    pub enabled_exec: Vec<&'static str>,
    /// Bytes a channel's receive window may grow to.
    pub window_bytes_max: u64,
    /// Bytes that all receive windows may grow by, together.
    pub window_budget_bytes: u64,
    /// Connections the server holds.
    pub max_connections: u64,
    /// Random early drop, as BEGIN:RATE:FULL.
    pub max_startups: String,
    /// Connections of a source that have not logged in; 0: no bound.
    pub per_source_max_startups: u64,
    /// Connections of a source; 0: no bound.
    pub per_source_max_connections: u64,
    /// Bits of an IPv4 and an IPv6 address that name a source, as 32:64.
    pub per_source_net_block_size: String,
    /// Penalties, each as NAME:TIME: see the manual, security.
    pub per_source_penalties: Vec<String>,
    /// Addresses without penalties.
    pub per_source_penalty_exempt_list: Vec<IpNet>,
    /// Connections of a user; 0: no bound.
    pub per_user_max_connections: u64,
    /// Sessions of a user; 0: no bound.
    pub per_user_max_sessions: u64,
    /// Addresses that may connect; empty: all.
    pub allow_addresses: Vec<IpNet>,
    /// Addresses that may not.
    pub deny_addresses: Vec<IpNet>,
    /// Proxies that say whom they speak for.
    pub proxy_protocol_from: Vec<IpNet>,
    /// Seconds without a packet of data after which a connection is closed; 0: never.
    pub idle_timeout: u64,
    /// `keep` or `drop`: whether files stay in memory behind a transfer.
    pub file_cache: &'static str,
    /// Pieces in which a long upload is written to disk while it arrives; 0: it is not.
    pub write_behind_bytes: u64,
    /// Length of an upload from which on that is done.
    pub write_behind_from_bytes: u64,
    /// Seconds after which the server exchanges keys anew; 0: never for that.
    pub key_renegotiation_interval: u64,
    /// Seconds a client may take to identify itself.
    pub ident_timeout: u64,
    /// Seconds an exchange of keys may take.
    pub kex_timeout: u64,
    /// Software named in the identification line; empty: this one and its version.
    pub version_string: String,
    /// Comment behind it.
    pub version_addendum: String,
    /// Patterns of the clients that are served; empty: all.
    pub client_versions: Vec<String>,
    /// Files of groups for the Diffie-Hellman group exchange; empty: RFC 3526's.
    pub moduli_file: Vec<PathBuf>,
    /// `off`, `on`, `safe` or `required`.
    pub strict_kex: &'static str,
    /// `hardened`, `default`, `compatible` or `legacy`: what the lists below start from.
    pub algorithms: &'static str,
    /// Key exchange methods: see [`Config::kexes`].
    pub kex_algorithms: Selection,
    /// Host key algorithms: see [`Config::host_key_names`].
    pub host_key_algorithms: Selection,
    /// Ciphers: see [`Config::cipher_names`].
    pub ciphers: Selection,
    /// MACs: see [`Config::mac_names`].
    pub macs: Selection,
    /// Compressions: see [`Config::compression_names`].
    pub compression: Selection,
    /// Signatures users may log in with: see [`Config::user_key_names`].
    pub pubkey_accepted_algorithms: Selection,
}

impl Config {
    /// What the algorithm lists start from.
    pub fn preset(&self) -> Preset {
        Preset::named(self.algorithms).unwrap_or(Preset::Default)
    }

    /// The key exchange methods offered, in order of preference; so the others for their kinds.
    pub fn kexes(&self) -> Vec<&'static str> {
        Kind::KEX.offered(&self.kex_algorithms, self.preset())
    }

    /// The host key algorithms offered.
    pub fn host_key_names(&self) -> Vec<&'static str> {
        Kind::HOST_KEY.offered(&self.host_key_algorithms, self.preset())
    }

    /// The ciphers offered.
    pub fn cipher_names(&self) -> Vec<&'static str> {
        Kind::CIPHER.offered(&self.ciphers, self.preset())
    }

    /// The MACs offered.
    pub fn mac_names(&self) -> Vec<&'static str> {
        Kind::MAC.offered(&self.macs, self.preset())
    }

    /// The compressions offered.
    pub fn compression_names(&self) -> Vec<&'static str> {
        Kind::COMPRESSION.offered(&self.compression, self.preset())
    }

    /// The signatures users may log in with.
    pub fn user_key_names(&self) -> Vec<&'static str> {
        Kind::USER_KEY.offered(&self.pubkey_accepted_algorithms, self.preset())
    }
}
