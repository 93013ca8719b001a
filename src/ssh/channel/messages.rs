//! The channel messages we send (RFC 4254 5), as payloads. `peer` is always the peer's number.

use crate::ssh::channel::Offer;
use crate::ssh::numbers;
use crate::ssh::requests::{ChannelRequest, GlobalRequest};
use crate::ssh::wire::Writer;

/// Bytes of a CHANNEL_DATA payload before its data: number, recipient, length.
pub(crate) const DATA_HEADER_BYTES: usize = 9;

/// What stands before the data of CHANNEL_DATA.
pub(crate) fn data_header(peer: u32, bytes: u32) -> [u8; DATA_HEADER_BYTES] {
    let mut header = [numbers::CHANNEL_DATA; DATA_HEADER_BYTES];
    if let Some((_, fields)) = header.split_first_mut() {
        for (field, byte) in fields.iter_mut().zip(two(peer, bytes)) {
            *field = byte;
        }
    }
    header
}

/// What stands before the data of CHANNEL_EXTENDED_DATA, with room for the data.
pub(crate) fn extended_data(peer: u32, code: u32, data: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(13 + data.len());
    message.put_u8(numbers::CHANNEL_EXTENDED_DATA);
    message.put_u32(peer);
    message.put_u32(code);
    message.put_string(data);
    message
}

/// A whole CHANNEL_DATA. `data` is shorter than 4 GiB: it came out of a window.
pub(crate) fn data(peer: u32, data: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(DATA_HEADER_BYTES + data.len());
    message.put_u8(numbers::CHANNEL_DATA);
    message.put_u32(peer);
    message.put_string(data);
    message
}

/// CHANNEL_WINDOW_ADJUST.
pub(crate) fn window_adjust(peer: u32, bytes: u32) -> Vec<u8> {
    let mut message = vec![numbers::CHANNEL_WINDOW_ADJUST];
    message.extend(two(peer, bytes));
    message
}

/// EOF, CLOSE, SUCCESS and FAILURE: a number and the recipient.
pub(crate) fn plain(number: u8, peer: u32) -> Vec<u8> {
    let mut message = vec![number];
    message.put_u32(peer);
    message
}

/// CHANNEL_OPEN for a channel of `kind`, whose own data is `data`; `ours` describes our side.
pub(crate) fn open(kind: &str, ours: Offer, data: &[u8]) -> Vec<u8> {
    let mut message = vec![numbers::CHANNEL_OPEN];
    message.put_string(kind.as_bytes());
    message.put_u32(ours.peer);
    message.extend(two(ours.window, ours.packet_max));
    message.extend_from_slice(data);
    message
}

/// CHANNEL_OPEN_CONFIRMATION to the channel the peer calls `peer`; `ours` describes our side.
pub(crate) fn confirmation(peer: u32, ours: Offer) -> Vec<u8> {
    let mut message = vec![numbers::CHANNEL_OPEN_CONFIRMATION];
    message.extend(two(peer, ours.peer));
    message.extend(two(ours.window, ours.packet_max));
    message
}

/// CHANNEL_OPEN_FAILURE.
pub(crate) fn open_failure(peer: u32, reason: u32, description: &str) -> Vec<u8> {
    let mut message = vec![numbers::CHANNEL_OPEN_FAILURE];
    message.extend(two(peer, reason));
    message.put_string(description.as_bytes());
    message.put_string(b"");
    message
}

/// CHANNEL_REQUEST.
pub(crate) fn request(peer: u32, request: &ChannelRequest, want_reply: bool) -> Vec<u8> {
    let mut message = plain(numbers::CHANNEL_REQUEST, peer);
    message.put_string(request.name().as_bytes());
    message.put_bool(want_reply);
    request.encode(&mut message);
    message
}

/// GLOBAL_REQUEST.
pub(crate) fn global_request(request: &GlobalRequest, want_reply: bool) -> Vec<u8> {
    let mut message = vec![numbers::GLOBAL_REQUEST];
    message.put_string(request.name().as_bytes());
    message.put_bool(want_reply);
    request.encode(&mut message);
    message
}

/// The kind of channel that files are moved over.
pub(crate) const SESSION: &str = "session";

/// Kinds that have a meaning somewhere: refused as prohibited, where others are unknown.
pub(crate) const KNOWN_KINDS: &[&str] = &[
    SESSION,
    "x11",
    "direct-tcpip",
    "forwarded-tcpip",
    "auth-agent@openssh.com",
    "direct-streamlocal@openssh.com",
    "forwarded-streamlocal@openssh.com",
    "tun@openssh.com",
];

/// The reasons of RFC 4254 5.1 we give.
pub(crate) mod refusal {
    /// SSH_OPEN_ADMINISTRATIVELY_PROHIBITED.
    pub(crate) const PROHIBITED: u32 = 1;
    /// SSH_OPEN_CONNECT_FAILED, which also stands for an answer that never came.
    pub(crate) const CONNECT_FAILED: u32 = 2;
    /// SSH_OPEN_UNKNOWN_CHANNEL_TYPE.
    pub(crate) const UNKNOWN_CHANNEL_TYPE: u32 = 3;
    /// SSH_OPEN_RESOURCE_SHORTAGE.
    pub(crate) const RESOURCE_SHORTAGE: u32 = 4;
}

fn two(first: u32, second: u32) -> impl Iterator<Item = u8> {
    first.to_be_bytes().into_iter().chain(second.to_be_bytes())
}
