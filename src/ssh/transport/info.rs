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
    /// The compression, whether it has started or waits for the login; empty before the first
    /// exchange.
    pub compression: &'static str,
    /// The sequence number of the next packet.
    pub sequence: u32,
    /// Packets since the connection began.
    pub packets: u64,
    /// Bytes of packets since the connection began, with lengths, padding and tags.
    pub bytes: u64,
}

impl DirectionInfo {
    /// Whether packets are encrypted and authenticated; there is not one without the other.
    pub fn is_protected(&self) -> bool {
        !self.cipher.is_empty()
    }

    /// The algorithms in one word, with commas between; a MAC and a compression only if there is
    /// one.
    pub fn names(&self) -> String {
        let names = [self.cipher, self.mac, self.compression];
        let named: Vec<_> = names.into_iter().filter(|name| !["", "none"].contains(name)).collect();
        named.join(",")
    }
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
    /// How often keys were exchanged again.
    pub fn rekeys(&self) -> u64 {
        self.exchanges.saturating_sub(1)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_leave_out_what_there_is_not() {
        let mut way =
            DirectionInfo { cipher: "a", compression: "none", ..DirectionInfo::default() };
        assert_eq!(way.names(), "a");
        (way.mac, way.compression) = ("m", "zlib@openssh.com");
        assert_eq!(way.names(), "a,m,zlib@openssh.com");
    }
}
