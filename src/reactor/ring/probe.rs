//! Finding out at start what this host's io_uring can do, by using it.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use io_uring::opcode;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::Ring;
use super::diagnosis::{Host, cause_and_cure};
use super::handle::{Handle, RingFlags};
use crate::reactor::buffer::{Buffer, BufferPool};
use crate::reactor::limits::{PoolLimits, ReactorLimits, SELF_TEST_WAIT_MAX};
use crate::reactor::op::{Done, Op, OpenFd, Token};

/// The opcodes the driver cannot do without.
const OPCODES: [(u8, &str); 9] = [
    (opcode::Accept::CODE, "ACCEPT"),
    (opcode::Recv::CODE, "RECV"),
    (opcode::Send::CODE, "SEND"),
    (opcode::Read::CODE, "READ"),
    (opcode::Readv::CODE, "READV"),
    (opcode::Write::CODE, "WRITE"),
    (opcode::Writev::CODE, "WRITEV"),
    (opcode::Fsync::CODE, "FSYNC"),
    (opcode::AsyncCancel::CODE, "ASYNC_CANCEL"),
];

/// What went wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::reactor) enum Failure {
    /// io_uring_setup, or mapping its queues.
    Setup(Errno),
    /// IORING_REGISTER_PROBE.
    Probe(Errno),
    /// An opcode, or a feature, is not there.
    Missing(&'static str),
    /// An operation of the self-test failed.
    SelfTest(&'static str, Errno),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Setup(errno) => write!(f, "io_uring_setup failed: {errno}"),
            Failure::Probe(errno) => write!(f, "io_uring_register(PROBE) failed: {errno}"),
            Failure::Missing(what) => write!(f, "io_uring lacks {what}"),
            Failure::SelfTest(what, errno) => write!(f, "io_uring self-test: {what}: {errno}"),
        }
    }
}

/// The best ring this host allows.
pub(super) fn open(limits: &ReactorLimits) -> Result<Ring, String> {
    let host = Host::this();
    if host.is_too_old() {
        return Err(cause_and_cure(&Failure::Setup(Errno::NOSYS), &host));
    }
    let mut last = Failure::Setup(Errno::INVAL);
    for flags in RingFlags::STEPS {
        match open_with(flags, limits) {
            Ok(ring) => return Ok(ring),
            // Only EINVAL speaks of the flags; the rest would fail the same without them.
            Err(failure @ Failure::Setup(Errno::INVAL)) => last = failure,
            Err(failure) => {
                last = failure;
                break;
            }
        }
    }
    Err(cause_and_cure(&last, &host))
}

/// A ring with exactly `flags`, checked by use.
pub(super) fn open_with(flags: RingFlags, limits: &ReactorLimits) -> Result<Ring, Failure> {
    let handle = Handle::new(flags, limits).map_err(|error| Failure::Setup(errno(&error)))?;
    let probe = handle.probe().map_err(|error| Failure::Probe(errno(&error)))?;
    for (code, name) in OPCODES {
        if !probe.is_supported(code) {
            return Err(Failure::Missing(name));
        }
    }
    let params = handle.params();
    if !params.is_feature_nodrop() || !params.is_feature_ext_arg() {
        return Err(Failure::Missing("NODROP or EXT_ARG"));
    }
    let mut ring = Ring::from_handle(handle, limits)
        .map_err(|errno| Failure::SelfTest("wake-up descriptor", errno))?;
    self_test(&mut ring)?;
    ring.statistics = Default::default();
    Ok(ring)
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

const SAMPLE: &[u8; 8] = b"selftest";

/// A few bytes through a file and through a socket, by the same code that will serve.
fn self_test(ring: &mut Ring) -> Result<(), Failure> {
    let pool = BufferPool::new(PoolLimits {
        small_bytes: SAMPLE.len(),
        large_bytes: SAMPLE.len(),
        bytes_max: 8 * SAMPLE.len(),
        free_max: 0,
    });
    let buffer = || pool.small().ok_or(Failure::SelfTest("memory", Errno::NOMEM));
    let sample = || -> Result<Buffer, Failure> {
        let mut sample = buffer()?;
        sample.copy_from_slice(SAMPLE);
        Ok(sample)
    };
    let range = 0..SAMPLE.len();

    let file = memfd_create("ring-self-test", MemfdFlags::CLOEXEC)
        .map_err(|errno| Failure::SelfTest("memfd_create", errno))?;
    let file = Arc::new(OpenFd::from(file));
    let segments = vec![(Arc::new(sample()?), range.clone())];
    run(ring, "WRITE", Op::Write { file: Arc::clone(&file), offset: 0, segments })?;
    let (segments, drop_behind) = (vec![range.clone()], false);
    run(ring, "READ", Op::Read { file, offset: 0, buffer: buffer()?, segments, drop_behind })?;

    let flags = SocketFlags::CLOEXEC;
    let (near, far) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(|errno| Failure::SelfTest("socketpair", errno))?;
    let (near, far): (Arc<OwnedFd>, Arc<OwnedFd>) = (Arc::new(near), Arc::new(far));
    run(
        ring,
        "SEND",
        Op::Send { socket: near, buffer: sample()?, range: range.clone(), patient: false },
    )?;
    let (socket, poll_first) = (far, true);
    run(ring, "RECV", Op::Recv { socket, buffer: buffer()?, range, poll_first })
}

/// Runs one operation on the sample; whatever comes back must be the sample.
fn run(ring: &mut Ring, what: &'static str, op: Op) -> Result<(), Failure> {
    let failed = |errno| Failure::SelfTest(what, errno);
    ring.submit(Token(0), op);
    let mut out = Vec::new();
    ring.wait(Some(Instant::now() + SELF_TEST_WAIT_MAX), &mut out).map_err(failed)?;
    let (bytes, result) = match out.pop().map(|completion| completion.done) {
        Some(Done::Received { buffer, result, .. } | Done::Read { buffer, result, .. }) => {
            (buffer.to_vec(), result)
        }
        Some(Done::Sent { result, .. } | Done::Wrote { result, .. }) => (SAMPLE.to_vec(), result),
        _ => return Err(failed(Errno::TIMEDOUT)),
    };
    match result {
        Ok(count) if count == SAMPLE.len() && bytes == SAMPLE => Ok(()),
        Ok(_) => Err(failed(Errno::IO)),
        Err(errno) => Err(failed(errno)),
    }
}
