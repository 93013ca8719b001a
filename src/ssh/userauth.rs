//! User authentication (RFC 4252), both roles.
//!
//! Owns the conversation: services, attempts, what counts as a failure and when there have been
//! too many. Knows nothing of who may log in: a server asks the application, a client is told what
//! to try. Invariant: the identity granted is the one the last message proved, under the one user
//! name this connection ever named.

mod client;
mod server;

pub(crate) use client::{Attempt, ClientAuth};
pub(crate) use server::{Decision, ServerAuth, Then};

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

/// A signed publickey request without its signature.
fn publickey_request(user: &str, algorithm: &str, blob: &[u8]) -> Vec<u8> {
    let mut message = request_head(user, "publickey");
    message.put_bool(true);
    message.put_string(algorithm.as_bytes());
    message.put_string(blob);
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
