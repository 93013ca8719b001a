//! Every operation on every driver: the same body runs on the ring, on a ring as the oldest
//! supported kernel would have it, and on epoll.
#![allow(clippy::single_range_in_vec_init)] // one segment is a list of one range

mod child;
mod files;
mod gather;
mod identity;
mod lifecycle;
mod network;
mod pages;
mod patient;
mod refusal;

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ring::RingFlags;
use super::*;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Ring,
    OldRing,
    Poll,
}

/// A reactor of a kind, or `None` after saying why the host has none.
fn reactor(kind: Kind, limits: &ReactorLimits) -> Option<Reactor> {
    let made = match kind {
        Kind::Ring => Reactor::new(DriverChoice::Ring, limits),
        Kind::OldRing => Reactor::with_ring_flags(RingFlags::default(), limits),
        Kind::Poll => Reactor::new(DriverChoice::Poll, limits),
    };
    match made {
        Ok(reactor) => Some(reactor),
        Err(ReactorError::RingUnavailable(why)) => {
            println!("SKIPPED: {why}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// `on_each_driver!(name, body)` makes the tests `name::ring`, `name::old_ring` and `name::poll`.
macro_rules! on_each_driver {
    ($name:ident, $body:expr) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            use crate::reactor::tests::{Kind, run};

            #[test]
            fn ring() {
                run(Kind::Ring, $body);
            }

            #[test]
            fn old_ring() {
                run(Kind::OldRing, $body);
            }

            #[test]
            fn poll() {
                run(Kind::Poll, $body);
            }
        }
    };
}
use on_each_driver;

fn run(kind: Kind, body: fn(&mut Reactor)) {
    if let Some(mut reactor) = reactor(kind, &ReactorLimits::default()) {
        body(&mut reactor);
        assert_eq!(reactor.in_flight(), 0, "the test left operations behind");
    }
}

/// Long enough for a machine with many tests at once; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether the file is on a filesystem that is memory, so that no page of it ever goes.
pub(super) fn is_in_memory(file: impl AsFd) -> bool {
    /// linux/magic.h.
    const TMPFS_MAGIC: rustix::fs::FsWord = 0x0102_1994;
    rustix::fs::fstatfs(file).unwrap().f_type == TMPFS_MAGIC
}

/// Waits for exactly `count` completions.
fn collect(reactor: &mut Reactor, count: usize) -> Vec<Completion> {
    let deadline = Instant::now() + PATIENCE;
    let mut out = Vec::new();
    while out.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} completions: {out:?}", out.len());
        reactor.wait(Some(deadline), &mut out).unwrap();
    }
    assert_eq!(out.len(), count, "{out:?}");
    out
}

fn one(reactor: &mut Reactor) -> Completion {
    collect(reactor, 1).remove(0)
}

/// Nothing completes for a moment.
fn quiet(reactor: &mut Reactor) {
    let mut out = Vec::new();
    reactor.wait(Some(Instant::now() + Duration::from_millis(30)), &mut out).unwrap();
    assert!(out.is_empty(), "{out:?}");
}

fn pool() -> BufferPool {
    BufferPool::new(PoolLimits { small_bytes: 4096, large_bytes: 1 << 20, ..Default::default() })
}

fn filled(pool: &BufferPool, bytes: &[u8]) -> Buffer {
    let mut buffer = pool.small().unwrap();
    buffer[..bytes.len()].copy_from_slice(bytes);
    buffer
}

fn pair() -> (Socket, Socket) {
    let (near, far) = UnixStream::pair().unwrap();
    (Arc::new(OwnedFd::from(near)), Arc::new(OwnedFd::from(far)))
}

fn receive(socket: &Socket, buffer: Buffer, poll_first: bool) -> Op {
    let range = 0..buffer.len();
    Op::Recv { socket: Arc::clone(socket), buffer, range, poll_first }
}

fn send(socket: &Socket, buffer: Buffer, bytes: usize) -> Op {
    Op::Send { socket: Arc::clone(socket), buffer, range: 0..bytes, patient: false }
}
