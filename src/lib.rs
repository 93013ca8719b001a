//! ringferry: an SSH file-transfer server for Linux, and the library it is made of.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::todo
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::cast_possible_truncation
    )
)]

pub mod auth;
pub mod client;
pub mod crypto;
pub mod daemon;
pub mod manual;
#[allow(unsafe_code)]
pub mod reactor;
pub mod scp;
pub mod server;
pub mod ssh;
pub mod vfs;
