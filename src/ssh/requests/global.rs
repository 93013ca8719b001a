//! The payloads of GLOBAL_REQUEST (RFC 4254 4 and 7.1, OpenSSH's PROTOCOL 2.2 to 2.5).

use super::super::wire::{Reader, WireError, Writer};
use super::text;

/// Something asked of the connection as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GlobalRequest {
    /// `keepalive@openssh.com`: any answer is a sign of life; refused by custom.
    Keepalive,
    /// `no-more-sessions@openssh.com`: the client will open no further session.
    NoMoreSessions,
    /// Listen, and open a `forwarded-tcpip` channel for each connection.
    TcpipForward {
        /// Where to listen; empty for everywhere.
        address: String,
        /// 0 lets the server choose, which tells it in its answer.
        port: u32,
    },
    /// Listen there no longer.
    CancelTcpipForward {
        /// As in the request to listen.
        address: String,
        /// As in the request to listen.
        port: u32,
    },
    /// `streamlocal-forward@openssh.com`: listen on a socket of the filesystem.
    StreamlocalForward {
        /// Its path.
        path: Vec<u8>,
    },
    /// `cancel-streamlocal-forward@openssh.com`: listen there no longer.
    CancelStreamlocalForward {
        /// As in the request to listen.
        path: Vec<u8>,
    },
    /// `hostkeys-00@openssh.com`: every host key the server has.
    HostKeys {
        /// Public keys as strings, one after another, as sent.
        keys: Vec<u8>,
    },
    /// `hostkeys-prove-00@openssh.com`: the client wants a proof of each of these keys.
    HostKeysProve {
        /// Public keys as strings, one after another, as sent.
        keys: Vec<u8>,
    },
    /// A request by a name not known here.
    Other {
        /// Its name; bytes that are not UTF-8 are replaced.
        name: String,
        /// Its data, as sent.
        data: Vec<u8>,
    },
}

impl GlobalRequest {
    /// The request's name on the wire.
    pub fn name(&self) -> &str {
        match self {
            Self::Keepalive => "keepalive@openssh.com",
            Self::NoMoreSessions => "no-more-sessions@openssh.com",
            Self::TcpipForward { .. } => "tcpip-forward",
            Self::CancelTcpipForward { .. } => "cancel-tcpip-forward",
            Self::StreamlocalForward { .. } => "streamlocal-forward@openssh.com",
            Self::CancelStreamlocalForward { .. } => "cancel-streamlocal-forward@openssh.com",
            Self::HostKeys { .. } => "hostkeys-00@openssh.com",
            Self::HostKeysProve { .. } => "hostkeys-prove-00@openssh.com",
            Self::Other { name, .. } => name,
        }
    }

    /// Reads the data that follows `want_reply`. Of requests that should have none it is passed
    /// over: an answer is all their senders want.
    pub(crate) fn decode(name: &[u8], mut data: Reader<'_>) -> Result<Self, WireError> {
        let request = match name {
            b"keepalive@openssh.com" => return Ok(Self::Keepalive),
            b"no-more-sessions@openssh.com" => return Ok(Self::NoMoreSessions),
            b"tcpip-forward" => {
                Self::TcpipForward { address: text(data.string()?), port: data.u32()? }
            }
            b"cancel-tcpip-forward" => {
                Self::CancelTcpipForward { address: text(data.string()?), port: data.u32()? }
            }
            b"streamlocal-forward@openssh.com" => {
                Self::StreamlocalForward { path: data.string()?.to_vec() }
            }
            b"cancel-streamlocal-forward@openssh.com" => {
                Self::CancelStreamlocalForward { path: data.string()?.to_vec() }
            }
            b"hostkeys-00@openssh.com" => Self::HostKeys { keys: data.rest().to_vec() },
            b"hostkeys-prove-00@openssh.com" => Self::HostKeysProve { keys: data.rest().to_vec() },
            other => Self::Other { name: text(other), data: data.rest().to_vec() },
        };
        data.end()?;
        Ok(request)
    }

    /// Appends the data that follows `want_reply`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Keepalive | Self::NoMoreSessions => {}
            Self::TcpipForward { address, port } | Self::CancelTcpipForward { address, port } => {
                out.put_string(address.as_bytes());
                out.put_u32(*port);
            }
            Self::StreamlocalForward { path } | Self::CancelStreamlocalForward { path } => {
                out.put_string(path);
            }
            Self::HostKeys { keys } | Self::HostKeysProve { keys } => out.extend_from_slice(keys),
            Self::Other { data, .. } => out.extend_from_slice(data),
        }
    }
}
