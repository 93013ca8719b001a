//! What the tests that drive a real server with real clients share: a scratch folder with keys and
//! seeded files (`files`), the server under test (`server`) and its log (`log`), OpenSSH's clients
//! with a deadline (`client`), others' command lines (`foreign`), and peers no stock client can
//! play: raw bytes on a TCP socket or through a proxy that damages them (`wire`), a proxy that
//! stops at a byte (`stall`), and raw SFTP packets through `ssh -s` (`packets`). The other way
//! round, our client role on a socket (`driver`) against Debian's sshd (`sshd`).
//!
//! The server under test is a variable. `RINGFERRY_TEST_SUBJECT=sshd` runs the same tests against
//! Debian's sshd (as root, in a chroot, so that paths look alike, or without one where its shell
//! and `scp` are wanted): a test that fails there asks for something OpenSSH does not do either.
//! `RINGFERRY_TEST_DRIVER` picks our driver (default `ring`), `RINGFERRY_TEST_BINARY` another build
//! of ours. `RINGFERRY_TEST_LARGE` makes the bulk transfers 1 GiB instead of 128 MiB.

// Each test binary compiles this module and uses its own part of it.
#![allow(dead_code)]

pub(crate) mod algorithms;
pub(crate) mod client;
pub(crate) mod driver;
pub(crate) mod files;
pub(crate) mod foreign;
pub(crate) mod log;
pub(crate) mod packets;
pub(crate) mod server;
pub(crate) mod sshd;
pub(crate) mod stall;
pub(crate) mod wire;

use std::time::{Duration, Instant};

pub(crate) const MIB: u64 = 1 << 20;

/// How long anything that should be quick may take before a test calls it stuck. The machine may be
/// running the rest of the tests at the same time.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Whether tests take their full sizes, and their time.
pub(crate) fn is_large() -> bool {
    std::env::var_os("RINGFERRY_TEST_LARGE").is_some()
}

/// Bytes of one bulk transfer.
pub(crate) fn bulk_bytes() -> u64 {
    if is_large() { 1024 * MIB } else { 128 * MIB }
}

/// Says on stderr that a test did not run here, and why. The caller returns at once.
pub(crate) fn skipped(why: &str) {
    let thread = std::thread::current();
    eprintln!("SKIPPED {}: {why}", thread.name().unwrap_or("test"));
}

/// Polls until `done` gives a value; `None` when the deadline passes first.
pub(crate) fn wait_for<T>(deadline: Duration, mut done: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = done() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
