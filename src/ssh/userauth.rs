//! User authentication (RFC 4252), both roles.
//!
//! Owns the conversation: services, attempts, what counts as a failure and when there have been
//! too many. Knows nothing of who may log in: a server asks the application, a client is told what
//! to try. Invariant: the identity granted is the one the last message proved, under the one user
//! name this connection ever named.

mod client;
mod interactive;
mod server;

pub(crate) use client::{Attempt, ClientAuth, Offered};
pub(crate) use server::{Decision, ServerAuth, Then, banner};

use super::numbers::USERAUTH_REQUEST;
use super::wire::Writer;

/// The service that runs before any other.
pub(crate) const USERAUTH_SERVICE: &[u8] = b"ssh-userauth";

/// The service a user logs in to.
pub(crate) const CONNECTION_SERVICE: &[u8] = b"ssh-connection";

/// A USERAUTH_REQUEST up to its method-specific part.
fn request_head(user: &str, method: &str) -> Vec<u8> {
    let mut message = vec![USERAUTH_REQUEST];
    message.put_string(user.as_bytes());
    message.put_string(CONNECTION_SERVICE);
    message.put_string(method.as_bytes());
    message
}

/// The method whose request also names the server's host key (OpenSSH's PROTOCOL 3.1).
const HOSTBOUND: &str = "publickey-hostbound-v00@openssh.com";

/// The connection, as far as a signature can be tied to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding<'a> {
    /// The exchange hash of the first exchange.
    pub(crate) session_id: &'a [u8],
    /// The key the server showed in it.
    pub(crate) host_key: &'a [u8],
}

/// A signed publickey request without its signature; with a `host_key` it is host-bound.
fn publickey_request(user: &str, algorithm: &str, blob: &[u8], host_key: Option<&[u8]>) -> Vec<u8> {
    let method = if host_key.is_some() { HOSTBOUND } else { "publickey" };
    let mut message = request_head(user, method);
    message.put_bool(true);
    message.put_string(algorithm.as_bytes());
    message.put_string(blob);
    if let Some(host_key) = host_key {
        message.put_string(host_key);
    }
    message
}

/// What a publickey signature is made over (RFC 4252 7): the session, then the request. Taking the
/// session identifier in ties the signature to this connection.
fn signed_data(session_id: &[u8], request: &[u8]) -> Vec<u8> {
    let mut data = Vec::with_capacity(4 + session_id.len() + request.len());
    data.put_string(session_id);
    data.extend_from_slice(request);
    data
}

#[cfg(test)]
mod tests;
