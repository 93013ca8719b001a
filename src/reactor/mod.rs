//! MACHINE: the only code that talks to the kernel, and the only code with `unsafe`.
//!
//! It owns operations from submission to completion (buffers, descriptors, iovecs), the buffer
//! pool, the wake-up descriptor and the confined view of a directory tree ([`fs`]). It must not
//! know SSH, SFTP or a connection: it sees tokens, descriptors and byte ranges.
//!
//! Invariant: memory and descriptors of an operation stay with the driver until its last completion
//! has arrived, so nothing can be freed or reused while the kernel may still touch it.

mod accept;
mod advice;
mod buffer;
mod cpu;
mod driver;
mod entropy;
mod error;
pub mod fs;
mod identity;
mod inherited;
mod limits;
mod op;
mod poll;
mod ring;
mod slices;
mod slots;
mod timers;
mod waker;

#[cfg(test)]
mod tests;

pub use buffer::{Buffer, BufferPool, PoolStats, SharedBuffer};
pub use cpu::thread_cpu_time;
pub use driver::{DriverChoice, DriverInfo, Reactor, Statistics};
pub use entropy::random_seed;
pub use error::ReactorError;
pub use identity::{Assumed, Identity};
pub use inherited::close_on_exec;
pub use limits::{PoolLimits, ReactorLimits};
pub use op::{Advice, Completion, Done, FileRef, Op, OpId, OpenFd, Socket, Token, WAKE_TOKEN};
pub use rustix::io::Errno;
pub use slices::{Slices, ask_for_slices};
pub use timers::Timers;
pub use waker::Waker;
