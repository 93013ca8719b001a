//! Every bound of the transport layer, each with the reason for its value.

use std::time::Duration;

/// The identification line with its line end (RFC 4253 section 4.2).
pub const IDENT_LINE_BYTES_MAX: usize = 255;

/// One line a server sends before its identification line. OpenSSH's client takes the same.
pub const BANNER_LINE_BYTES_MAX: usize = 8 * 1024;

/// Lines a server may send before its identification line. OpenSSH's client takes the same. A
/// client may send none at all.
pub const BANNER_LINES_MAX: usize = 1024;

/// `packet_length` before authentication: what RFC 4253 section 6.1 asks everybody to take. A
/// payload that comes compressed may not expand to more either; so with the next one.
pub const PACKET_BYTES_MAX_BEFORE_AUTH: u32 = 35_000;

/// `packet_length` after authentication: 256 KiB of channel data, which is the most OpenSSH takes
/// for a whole packet, plus room for the headers around it.
pub const PACKET_BYTES_MAX: u32 = 256 * 1024 + 1024;

/// `packet_length` covers the padding length, one byte of payload and four of padding at least.
pub const PACKET_BYTES_MIN: u32 = 6;

/// Padding a packet must have (RFC 4253 section 6).
pub const PADDING_BYTES_MIN: usize = 4;

/// A KEXINIT. OpenSSH's with every algorithm on is below 2.5 KiB; the payload is kept until the
/// exchange is over, so it is bounded well below a packet.
pub const KEXINIT_BYTES_MAX: usize = 32 * 1024;

/// Messages that wait to be sealed, in bytes, and 8 for keeping each. Writers stop far earlier (see
/// [`QUEUE_BYTES_FULL`]); only answers the peer asked for, while it takes none of them or does not
/// finish a key exchange, get here, and then the connection ends.
pub const QUEUE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Messages that wait to be sealed, in bytes, from which on no more channel data is queued.
pub const QUEUE_BYTES_FULL: usize = 256 * 1024;

/// Packets under one key, in each direction: RFC 4344 section 3.1 wants new keys before the 32-bit
/// sequence number comes round, and OpenSSH asks for them at the same number.
pub const REKEY_PACKETS_MAX: u64 = 1 << 31;

/// Packets under one key that are the end. Past 2^32 a sequence number, and with it a nonce, could
/// come twice; this stops a quarter of the way before. Far enough above [`REKEY_PACKETS_MAX`] for
/// an exchange to finish in between.
pub const KEY_PACKETS_MAX: u64 = 3 << 30;

/// How many times the bytes after which new keys are asked for may go through under the old ones,
/// while the peer has not answered. The deadline of the exchange is earlier on all but the fastest
/// networks, and what a peer has under way when it is asked is far less.
pub const KEY_BYTES_FACTOR_MAX: u64 = 2;

/// Key exchanges a peer may start before it is authenticated. OpenSSH starts none; the cost of one
/// is ours as much as the peer's, and an unknown peer should not cause much of it.
pub const PEER_REKEYS_BEFORE_AUTH_MAX: u32 = 4;

/// Key exchanges a peer may start one after another with nothing sent between them. Each message
/// of the layers above and each second earns one back, so that even OpenSSH's smallest
/// `RekeyLimit`, 16 bytes, which exchanges keys at every packet, is served.
pub const PEER_REKEYS_IDLE_MAX: u32 = 32;

/// Extensions kept from a peer's EXT_INFO. All known ones together are fewer than ten.
pub const EXTENSIONS_MAX: usize = 32;

/// EXT_INFO messages a server may send: behind its NEWKEYS, and once during the login (RFC 8308
/// section 2.4, OpenSSH's PROTOCOL 1.10). A client sends one.
pub const EXT_INFOS_MAX: u32 = 2;

/// Bytes of the peer's DISCONNECT text that go into the log.
pub const DISCONNECT_TEXT_BYTES_MAX: usize = 1024;

/// How long a peer may take to send its identification line.
pub const IDENT_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a key exchange may take from the first KEXINIT on. OpenSSH lets LoginGraceTime, 120 s,
/// bound the first one and nothing bound the others.
pub const KEX_TIMEOUT: Duration = Duration::from_secs(60);
