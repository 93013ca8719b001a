//! Message numbers (RFC 4250 section 4.1, RFC 8308, OpenSSH's PROTOCOL) and how they are grouped.

/// Ends the connection, with a reason (RFC 4253 section 11.1).
pub const DISCONNECT: u8 = 1;
/// Padding against traffic analysis; nothing to do (RFC 4253 section 11.2).
pub const IGNORE: u8 = 2;
/// The peer did not know the packet with the sequence number inside (RFC 4253 section 11.4).
pub const UNIMPLEMENTED: u8 = 3;
/// Text for a debug log (RFC 4253 section 11.3).
pub const DEBUG: u8 = 4;
/// Asks for a service: user authentication (RFC 4253 section 10).
pub const SERVICE_REQUEST: u8 = 5;
/// Grants the service asked for.
pub const SERVICE_ACCEPT: u8 = 6;
/// Extensions the sender has (RFC 8308).
pub const EXT_INFO: u8 = 7;
/// Starts a key exchange with lists of algorithms (RFC 4253 section 7.1).
pub const KEXINIT: u8 = 20;
/// The last packet under the old keys (RFC 4253 section 7.3).
pub const NEWKEYS: u8 = 21;
/// The client's public value (RFC 5656 section 4, RFC 8731).
pub const KEX_ECDH_INIT: u8 = 30;
/// The server's host key, public value and signature.
pub const KEX_ECDH_REPLY: u8 = 31;
/// What a group exchange began with before RFC 4419; the number is that of [`KEX_ECDH_INIT`].
pub const KEX_DH_GEX_REQUEST_OLD: u8 = 30;
/// The server's group (RFC 4419 section 5); the number is that of [`KEX_ECDH_REPLY`].
pub const KEX_DH_GEX_GROUP: u8 = 31;
/// The client's public value in that group.
pub const KEX_DH_GEX_INIT: u8 = 32;
/// The server's host key, public value and signature.
pub const KEX_DH_GEX_REPLY: u8 = 33;
/// The sizes of a group the client takes.
pub const KEX_DH_GEX_REQUEST: u8 = 34;

/// A client's attempt to log in (RFC 4252 section 5).
pub const USERAUTH_REQUEST: u8 = 50;
/// The attempt failed, or was one step of several.
pub const USERAUTH_FAILURE: u8 = 51;
/// The client is logged in.
pub const USERAUTH_SUCCESS: u8 = 52;
/// Text to show before the login.
pub const USERAUTH_BANNER: u8 = 53;
/// The key offered would do (RFC 4252 section 7). The number means other things in other methods.
pub const USERAUTH_PK_OK: u8 = 60;
/// The password must be changed first (RFC 4252 section 8).
pub const USERAUTH_PASSWD_CHANGEREQ: u8 = 60;
/// Questions to answer (RFC 4256 section 3.2).
pub const USERAUTH_INFO_REQUEST: u8 = 60;
/// The answers (RFC 4256 section 3.4).
pub const USERAUTH_INFO_RESPONSE: u8 = 61;

/// A request to the connection as a whole (RFC 4254 section 4).
pub const GLOBAL_REQUEST: u8 = 80;
/// A global request was granted.
pub const REQUEST_SUCCESS: u8 = 81;
/// A global request was not granted, or not known.
pub const REQUEST_FAILURE: u8 = 82;
/// Asks for a channel (RFC 4254 section 5.1).
pub const CHANNEL_OPEN: u8 = 90;
/// The channel is open.
pub const CHANNEL_OPEN_CONFIRMATION: u8 = 91;
/// The channel was refused.
pub const CHANNEL_OPEN_FAILURE: u8 = 92;
/// Grants the other side more bytes (RFC 4254 section 5.2).
pub const CHANNEL_WINDOW_ADJUST: u8 = 93;
/// Bytes of a channel.
pub const CHANNEL_DATA: u8 = 94;
/// Bytes of a channel's side stream, such as stderr.
pub const CHANNEL_EXTENDED_DATA: u8 = 95;
/// No more bytes come from this side (RFC 4254 section 5.3).
pub const CHANNEL_EOF: u8 = 96;
/// This side is done with the channel.
pub const CHANNEL_CLOSE: u8 = 97;
/// A request to one channel (RFC 4254 section 5.4).
pub const CHANNEL_REQUEST: u8 = 98;
/// A channel request was granted.
pub const CHANNEL_SUCCESS: u8 = 99;
/// A channel request was not granted, or not known.
pub const CHANNEL_FAILURE: u8 = 100;

/// Asks for a [`PONG`] with the same bytes (OpenSSH, `ping@openssh.com`).
pub const PING: u8 = 192;
/// Answers a [`PING`].
pub const PONG: u8 = 193;

/// Whether a message may be sent between a KEXINIT and the NEWKEYS that ends its exchange: those of
/// the transport layer, without the two about services (RFC 4253 section 7.1), nor EXT_INFO, which
/// has its own places (RFC 8308 section 2.4).
pub const fn allowed_in_key_exchange(number: u8) -> bool {
    number < USERAUTH_REQUEST && !matches!(number, SERVICE_REQUEST | SERVICE_ACCEPT | EXT_INFO)
}

/// The name of a message number for logs and error texts; empty if it has none. 30 and 31 are
/// named as all methods but one use them.
pub const fn name(number: u8) -> &'static str {
    match number {
        DISCONNECT => "DISCONNECT",
        IGNORE => "IGNORE",
        UNIMPLEMENTED => "UNIMPLEMENTED",
        DEBUG => "DEBUG",
        SERVICE_REQUEST => "SERVICE_REQUEST",
        SERVICE_ACCEPT => "SERVICE_ACCEPT",
        EXT_INFO => "EXT_INFO",
        KEXINIT => "KEXINIT",
        NEWKEYS => "NEWKEYS",
        KEX_ECDH_INIT => "KEX_ECDH_INIT",
        KEX_ECDH_REPLY => "KEX_ECDH_REPLY",
        KEX_DH_GEX_INIT => "KEX_DH_GEX_INIT",
        KEX_DH_GEX_REPLY => "KEX_DH_GEX_REPLY",
        KEX_DH_GEX_REQUEST => "KEX_DH_GEX_REQUEST",
        USERAUTH_REQUEST => "USERAUTH_REQUEST",
        USERAUTH_FAILURE => "USERAUTH_FAILURE",
        USERAUTH_SUCCESS => "USERAUTH_SUCCESS",
        USERAUTH_BANNER => "USERAUTH_BANNER",
        USERAUTH_PK_OK => "USERAUTH_PK_OK",
        USERAUTH_INFO_RESPONSE => "USERAUTH_INFO_RESPONSE",
        GLOBAL_REQUEST => "GLOBAL_REQUEST",
        REQUEST_SUCCESS => "REQUEST_SUCCESS",
        REQUEST_FAILURE => "REQUEST_FAILURE",
        CHANNEL_OPEN => "CHANNEL_OPEN",
        CHANNEL_OPEN_CONFIRMATION => "CHANNEL_OPEN_CONFIRMATION",
        CHANNEL_OPEN_FAILURE => "CHANNEL_OPEN_FAILURE",
        CHANNEL_WINDOW_ADJUST => "CHANNEL_WINDOW_ADJUST",
        CHANNEL_DATA => "CHANNEL_DATA",
        CHANNEL_EXTENDED_DATA => "CHANNEL_EXTENDED_DATA",
        CHANNEL_EOF => "CHANNEL_EOF",
        CHANNEL_CLOSE => "CHANNEL_CLOSE",
        CHANNEL_REQUEST => "CHANNEL_REQUEST",
        CHANNEL_SUCCESS => "CHANNEL_SUCCESS",
        CHANNEL_FAILURE => "CHANNEL_FAILURE",
        PING => "PING",
        PONG => "PONG",
        _ => "",
    }
}
