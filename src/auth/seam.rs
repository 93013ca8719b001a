//! Stands in for `crate::ssh` until it is joined; then this file goes.
#![allow(missing_docs)]

use zeroize::Zeroizing;

pub struct AuthRequest {
    pub user: String,
    pub method: AuthMethod,
}

pub enum AuthMethod {
    None,
    Password(Zeroizing<String>),
    KeyOffered { algorithm: String, blob: Vec<u8> },
    KeyVerified { algorithm: String, blob: Vec<u8> },
    Other(String),
}
