//! What the server needs to be told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::reactor::DriverChoice;
use crate::server::{AdmissionRules, CryptoThreads, CurrentRoll, Names, PagePolicy, Verbs};

/// Everything [`run`](super::run) needs; checked and complete.
pub struct Settings {
    /// Addresses to listen on; port 0 lets the kernel pick one.
    pub listen: Vec<SocketAddr>,
    /// Who may log in and what each is given; may be replaced while the server runs.
    pub roll: Arc<CurrentRoll>,
    /// What the server calls itself.
    pub software_version: String,
    /// Threads that serve connections, at least 1.
    pub shards: usize,
    /// One thread more, which takes who comes while all of these move bytes: it mostly sleeps, so
    /// it gets a core sooner than a thread that works all the time.
    pub spare_shard: bool,
    /// Threads that seal besides them.
    pub crypto_threads: CryptoThreads,
    /// Which driver the reactors run on.
    pub driver: DriverChoice,
    /// Which commands clients may have carried out.
    pub verbs: Verbs,
    /// Names of users and groups, for directory listings.
    pub names: Names,
    /// What becomes of the files' pages in memory.
    pub pages: PagePolicy,
    /// Most connections at once; more are closed as they come.
    pub connections_max: usize,
    /// Which of them are let in.
    pub admission: AdmissionRules,
    /// A connection that moves no byte for this long is closed.
    pub idle_timeout: Option<Duration>,
}
