//! What a transport is told before it starts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::crypto::{self, Signer};
use crate::ssh::limits::{IDENT_TIMEOUT, KEX_TIMEOUT, REKEY_PACKETS_MAX};

/// MACs offered although no cipher of ours uses one: some peers (paramiko among them) want a common
/// MAC before they look whether the cipher authenticates on its own.
const UNUSED_MACS: [&str; 4] = [
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
];

/// Settings of the transport layer, one for any number of connections.
#[derive(Clone)]
pub struct TransportConfig {
    /// Our identification line without its line end, `SSH-2.0-...`, at most 253 bytes.
    pub ident: String,
    /// Key exchange methods in order of preference.
    pub kexes: Vec<&'static str>,
    /// Host key algorithms in order of preference: those a client takes. A server offers the ones
    /// of these that its `host_keys` can sign with.
    pub host_key_algorithms: Vec<&'static str>,
    /// Packet ciphers in order of preference, both directions.
    pub ciphers: Vec<&'static str>,
    /// MACs in order of preference, both directions; not looked at when the cipher is an AEAD.
    pub macs: Vec<&'static str>,
    /// Compressions in order of preference, both directions.
    pub compressions: Vec<&'static str>,
    /// A server's host keys.
    pub host_keys: Vec<Arc<dyn Signer>>,
    /// Bytes in one direction after which keys are exchanged again; `None` for the cipher's own
    /// number.
    pub rekey_bytes: Option<u64>,
    /// Packets in one direction after which keys are exchanged again, at most 2^31.
    pub rekey_packets: u64,
    /// Time after which keys are exchanged again, if any.
    pub rekey_interval: Option<Duration>,
    /// How long the peer may take to identify itself.
    pub ident_timeout: Duration,
    /// How long an exchange of keys may take.
    pub kex_timeout: Duration,
}

impl Default for TransportConfig {
    /// Everything the crypto folder has, in its order, and no host key.
    fn default() -> Self {
        let macs: Vec<_> = crypto::macs().iter().map(|mac| mac.name).collect();
        Self {
            ident: concat!("SSH-2.0-ringferry_", env!("CARGO_PKG_VERSION")).to_owned(),
            kexes: crypto::kexes().iter().map(|kex| kex.name).collect(),
            host_key_algorithms: crypto::host_key_algorithms().to_vec(),
            ciphers: crypto::ciphers().iter().map(|cipher| cipher.name).collect(),
            macs: if macs.is_empty() { UNUSED_MACS.to_vec() } else { macs },
            compressions: crypto::compressions().to_vec(),
            host_keys: Vec::new(),
            rekey_bytes: None,
            rekey_packets: REKEY_PACKETS_MAX,
            rekey_interval: None,
            ident_timeout: IDENT_TIMEOUT,
            kex_timeout: KEX_TIMEOUT,
        }
    }
}

impl fmt::Debug for TransportConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportConfig")
            .field("ident", &self.ident)
            .field("kexes", &self.kexes)
            .field("host_key_algorithms", &self.host_key_algorithms)
            .field("ciphers", &self.ciphers)
            .field("macs", &self.macs)
            .field("compressions", &self.compressions)
            .field("host_keys", &self.host_keys.len())
            .field("rekey_bytes", &self.rekey_bytes)
            .field("rekey_packets", &self.rekey_packets)
            .field("rekey_interval", &self.rekey_interval)
            .field("ident_timeout", &self.ident_timeout)
            .field("kex_timeout", &self.kex_timeout)
            .finish()
    }
}
