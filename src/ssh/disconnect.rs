//! Why a connection ends: the reason codes of RFC 4253 section 11.1 and a text for people.

use std::fmt;

use super::numbers::DISCONNECT;
use super::wire::{Reader, WireError, Writer};

/// The reason codes of RFC 4253 section 11.1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum DisconnectReason {
    /// This host may not connect.
    HostNotAllowedToConnect = 1,
    /// The peer broke the protocol.
    ProtocolError = 2,
    /// No common algorithms, or the exchange of keys failed.
    KeyExchangeFailed = 3,
    /// Not used by any RFC.
    Reserved = 4,
    /// A packet failed its integrity check.
    MacError = 5,
    /// Compressed bytes could not be expanded.
    CompressionError = 6,
    /// The service asked for does not exist.
    ServiceNotAvailable = 7,
    /// The peer speaks another version of the protocol.
    ProtocolVersionNotSupported = 8,
    /// The server's host key could not be verified.
    HostKeyNotVerifiable = 9,
    /// The connection was lost, or a deadline passed.
    ConnectionLost = 10,
    /// An ordinary end.
    ByApplication = 11,
    /// The server is full.
    TooManyConnections = 12,
    /// The user called off the login.
    AuthCancelledByUser = 13,
    /// The server takes no more attempts to log in.
    NoMoreAuthMethodsAvailable = 14,
    /// No user by that name.
    IllegalUserName = 15,
}

impl DisconnectReason {
    /// The code on the wire.
    pub const fn code(self) -> u32 {
        self as u32
    }
}

/// The end of a connection, as an error: what is sent to the peer and written to the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disconnect {
    /// The reason code.
    pub reason: DisconnectReason,
    /// What happened, in one sentence that names the numbers.
    pub description: String,
}

impl Disconnect {
    /// An end for `reason`, described by `description`.
    pub fn new(reason: DisconnectReason, description: impl Into<String>) -> Self {
        Self { reason, description: description.into() }
    }

    /// The peer broke the protocol.
    pub fn protocol(description: impl Into<String>) -> Self {
        Self::new(DisconnectReason::ProtocolError, description)
    }

    /// The exchange of keys failed.
    pub fn key_exchange(description: impl Into<String>) -> Self {
        Self::new(DisconnectReason::KeyExchangeFailed, description)
    }

    /// The message that tells the peer.
    pub fn message(&self) -> Vec<u8> {
        let mut message = vec![DISCONNECT];
        message.put_u32(self.reason.code());
        message.put_string(self.description.as_bytes());
        message.put_string(b"");
        message
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (reason {})", self.description, self.reason.code())
    }
}

impl std::error::Error for Disconnect {}

/// Reads a peer's DISCONNECT from after its number: the reason code, and the text cleaned of
/// control characters and cut to `text_max` bytes, so that it can go into a log line.
pub(crate) fn read_peer(body: &[u8], text_max: usize) -> Result<(u32, String), WireError> {
    let mut reader = Reader::new(body);
    let reason = reader.u32()?;
    // Some peers stop after the code.
    let text = if reader.remaining() == 0 { &[] } else { reader.string()? };
    let text = text.get(..text_max).unwrap_or(text);
    let cleaned = String::from_utf8_lossy(text)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    Ok((reason, cleaned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_back() {
        let sent = Disconnect::protocol("packet 7 is\ntoo long");
        let message = sent.message();
        assert_eq!(message[0], DISCONNECT);
        let (reason, text) = read_peer(&message[1..], 100).unwrap();
        assert_eq!((reason, text.as_str()), (2, "packet 7 is too long"));
        assert_eq!(read_peer(&message[1..], 6).unwrap().1, "packet");
        assert_eq!(read_peer(&message[1..5], 6).unwrap(), (2, String::new()));
        assert_eq!(read_peer(&message[1..4], 6), Err(WireError::Truncated));
        assert_eq!(DisconnectReason::IllegalUserName.code(), 15);
    }
}
