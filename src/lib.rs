#![doc = include_str!("../README.md")]
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

// PURE: bytes and values in, bytes and values out.
// Who may log in.
pub mod auth;
// Algorithm tables, ciphers, key exchange, signatures; a backend of two behind each.
pub mod crypto;
// The rcp protocol, both ends.
pub mod scp;
// The SSH protocol, both roles.
pub mod ssh;
// From requests to file operations.
pub mod vfs;

// MACHINE: the kernel.
// The ring, buffers, timers, the confined file tree; the only `unsafe` code.
#[allow(unsafe_code)]
pub mod reactor;

// JOIN: the only place that sees both.
// Shards, connections, transfers.
pub mod server;

// Command line, configuration, logs, keys, signals.
pub mod daemon;
// Chapters: architecture, users, protocol deviations, states, limits, security.
pub mod manual;
