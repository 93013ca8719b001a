//! The question the server asks and the answer it gets.

use std::net::IpAddr;

use crate::ssh::AuthRequest;

/// Where and when somebody tries to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The address the connection comes from.
    pub peer: IpAddr,
    /// Seconds since 1970.
    pub now: i64,
}

/// The answer to one authentication request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The key would do (`KeyOffered`), or the user is logged in (`KeyVerified`, `Password`).
    Accept,
    /// The request fails. The peer only learns that it did.
    Reject {
        /// Why, for the log: never sent to the peer, never holds a secret.
        cause: String,
    },
}

/// Decides who may log in. Called by the server on a shard's own thread: it must not block.
pub trait Authenticator: Send + Sync {
    /// Judges one request. `None` and unknown methods are rejected.
    fn check(&self, request: &AuthRequest, attempt: &Attempt) -> Verdict;

    /// The method names to offer, in the order to offer them (RFC 4252 section 5.1).
    fn methods(&self) -> Vec<&'static str>;
}
