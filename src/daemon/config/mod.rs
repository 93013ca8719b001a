//! The configuration: one table of definitions (`defs.rs`) and everything that comes from it.
//!
//! From a row come the parsing of the TOML file, `--set KEY=VALUE` and the flags of `serve`, the
//! texts of their errors, `ringferry check` and `examples/ringferry.toml`. It opens no file and
//! makes nothing: the caller hands in text. Invariant: a [`Config`] that was loaded holds only
//! values its rows allow.

use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) mod defs;
mod load;
mod place;
mod render;
mod value;

pub use load::{Fault, Layer, load};
pub use render::{key_table, render};

/// The effective configuration. What each field means, and its range, stands in `defs.rs`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Addresses to accept connections on; never empty.
    pub listen: Vec<SocketAddr>,
    /// The folder clients see as `/`.
    pub root: PathBuf,
    /// Login name; empty: the name of the user who starts the server.
    pub user: String,
    /// Files of public keys that may log in; empty: the invoking user's own.
    pub authorized_keys: Vec<PathBuf>,
    /// Private host keys; empty: one made and kept in the state folder.
    pub host_key: Vec<PathBuf>,
    /// Whether every request that would change something is refused.
    pub read_only: bool,
    /// Threads that serve connections; 0: one a core.
    pub shards: u64,
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
    /// Connections the server holds.
    pub max_connections: u64,
    /// Seconds without a packet of data after which a connection is closed; 0: never.
    pub idle_timeout: u64,
    /// Key exchange methods offered, in order of preference; never empty.
    pub kex_algorithms: Vec<&'static str>,
    /// Ciphers offered, in order of preference; never empty.
    pub ciphers: Vec<&'static str>,
    /// MACs offered, in order of preference; never empty.
    pub macs: Vec<&'static str>,
}
