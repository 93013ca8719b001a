//! What is known about a running transport, for logs and metrics.

/// The two ends of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The end that connects.
    Client,
    /// The end that listens.
    Server,
}

/// What was negotiated in one direction.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct DirectionInfo {
    /// The packet cipher; empty before the first exchange.
    pub cipher: &'static str,
    /// The MAC; empty where the cipher needs none.
    pub mac: &'static str,
    /// Packets since the connection began.
    pub packets: u64,
    /// Bytes of packets since the connection began, with lengths, padding and tags.
    pub bytes: u64,
}

/// What is known about a transport.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransportInfo {
    /// Which end we are.
    pub role: Role,
    /// Our identification line.
    pub ident: String,
    /// The peer's identification line, once it has come.
    pub peer_ident: Option<String>,
    /// Whether both sides keep to the strict key exchange.
    pub strict: bool,
    /// The key exchange method of the latest exchange; empty before the first.
    pub kex: &'static str,
    /// The host key algorithm of the latest exchange; empty before the first.
    pub host_key_algorithm: &'static str,
    /// What we send.
    pub sent: DirectionInfo,
    /// What we receive.
    pub received: DirectionInfo,
    /// Exchanges of keys that were completed, the first one included.
    pub exchanges: u64,
}

impl TransportInfo {
    pub(super) fn new(role: Role, ident: String) -> Self {
        Self {
            role,
            ident,
            peer_ident: None,
            strict: false,
            kex: "",
            host_key_algorithm: "",
            sent: DirectionInfo::default(),
            received: DirectionInfo::default(),
            exchanges: 0,
        }
    }
}
