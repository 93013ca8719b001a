//! What an application decides about its connections before the first byte.

use std::sync::Arc;
use std::time::Duration;

use super::channel::WindowBudget;
use super::transport::TransportConfig;

/// How a server treats every connection it accepts.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Identification, algorithms, host keys and rekey limits.
    pub transport: TransportConfig,
    /// Authentication methods offered, in this order: of `publickey`, `password` and
    /// `keyboard-interactive`. A request for a method that is not here fails without asking the
    /// application.
    pub methods: Vec<&'static str>,
    /// Text sent before the first answer to an authentication request. `None` sends nothing.
    pub banner: Option<String>,
    /// Failed authentication requests after which the connection is cut, at least 1.
    pub max_auth_tries: u32,
    /// Time from the first byte to a finished authentication. `None` waits for ever.
    pub auth_timeout: Option<Duration>,
    /// Silence after which the peer is asked for a sign of life. `None` never asks.
    pub keepalive_interval: Option<Duration>,
    /// Questions in a row that may go unanswered before the connection is cut; 0 never cuts.
    pub keepalive_count_max: u32,
    /// Bytes a peer may have under way to us on one channel at first.
    pub window_bytes: u32,
    /// Bytes that may become where a long link can use them, at most 15 MiB toward OpenSSH. What is
    /// not larger than `window_bytes` keeps every window at that.
    pub window_bytes_max: u32,
    /// What the windows of all connections may grow by, together.
    pub window_budget: Arc<WindowBudget>,
    /// The largest data packet we ask the peer to send, in bytes of data; OpenSSH at most 32 KiB.
    pub packet_bytes_max: u32,
    /// Channels one connection may hold at a time.
    pub channels_max: usize,
    /// Kinds of channel a client may ask for; the application decides on each. Others are refused.
    pub channel_kinds: Vec<&'static str>,
    /// Time a client may take to answer when we ask for a channel. `None` waits for ever.
    pub open_timeout: Option<Duration>,
}

impl ServerConfig {
    /// The usual server over `transport`: both methods, six tries, two minutes to log in.
    pub fn new(transport: TransportConfig) -> Self {
        Self {
            transport,
            methods: vec!["publickey", "password"],
            banner: None,
            max_auth_tries: 6,
            auth_timeout: Some(Duration::from_secs(120)),
            keepalive_interval: Some(Duration::from_secs(60)),
            keepalive_count_max: 3,
            window_bytes: WINDOW_BYTES,
            window_bytes_max: WINDOW_BYTES_MAX,
            window_budget: Arc::new(WindowBudget::new(WINDOW_GROWTH_BYTES_MAX)),
            packet_bytes_max: PACKET_BYTES_MAX,
            channels_max: 10,
            channel_kinds: vec!["session"],
            open_timeout: Some(OPEN_TIMEOUT),
        }
    }
}

impl Default for ServerConfig {
    /// As [`ServerConfig::new`] over the default transport, which has no host key: add one.
    fn default() -> Self {
        Self::new(TransportConfig::default())
    }
}

/// How a client treats its connections.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Identification, algorithms and rekey limits.
    pub transport: TransportConfig,
    /// Time from the first byte to a finished authentication. `None` waits for ever.
    pub auth_timeout: Option<Duration>,
    /// Silence after which the peer is asked for a sign of life. `None` never asks.
    pub keepalive_interval: Option<Duration>,
    /// Questions in a row that may go unanswered before the connection is cut; 0 never cuts.
    pub keepalive_count_max: u32,
    /// Bytes a peer may have under way to us on one channel at first.
    pub window_bytes: u32,
    /// Bytes that may become where a long link can use them, at most 15 MiB toward OpenSSH. What is
    /// not larger than `window_bytes` keeps every window at that.
    pub window_bytes_max: u32,
    /// What the windows of all connections may grow by, together.
    pub window_budget: Arc<WindowBudget>,
    /// The largest data packet we ask the peer to send, in bytes of data; OpenSSH at most 32 KiB.
    pub packet_bytes_max: u32,
    /// Channels one connection may hold at a time.
    pub channels_max: usize,
    /// Kinds of channel a server may ask for; the application decides on each. Others are refused.
    pub channel_kinds: Vec<&'static str>,
    /// Time a server may take to answer when we ask for a channel. `None` waits for ever.
    pub open_timeout: Option<Duration>,
}

impl ClientConfig {
    /// The usual client over `transport`.
    pub fn new(transport: TransportConfig) -> Self {
        Self {
            transport,
            auth_timeout: Some(Duration::from_secs(120)),
            keepalive_interval: None,
            keepalive_count_max: 3,
            window_bytes: WINDOW_BYTES,
            window_bytes_max: WINDOW_BYTES_MAX,
            window_budget: Arc::new(WindowBudget::new(WINDOW_GROWTH_BYTES_MAX)),
            packet_bytes_max: PACKET_BYTES_MAX,
            channels_max: 10,
            channel_kinds: Vec::new(),
            open_timeout: Some(OPEN_TIMEOUT),
        }
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self::new(TransportConfig::default())
    }
}

/// OpenSSH's default, and what every client is known to cope with: 64 packets of 32 KiB.
const WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// 100 ms of 320 MB/s.
const WINDOW_BYTES_MAX: u32 = 32 * 1024 * 1024;

/// 18 of OpenSSH's clients at the far ends of long links have the most that is of use to them, and
/// a hundred 4.5 MiB each.
const WINDOW_GROWTH_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// As long as a key exchange may take: the peer may be in the middle of one.
const OPEN_TIMEOUT: Duration = super::limits::KEX_TIMEOUT;

/// Twice what OpenSSH is asked for, and PuTTY and libssh2 send: others have half the packets to
/// seal, and each is still a small part of a receive buffer.
const PACKET_BYTES_MAX: u32 = 64 * 1024;
