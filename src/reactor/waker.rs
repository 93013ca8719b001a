//! Waking a reactor from another thread: an eventfd that the driver keeps an operation on.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

/// Wakes the reactor it came from. Cheap to clone; outliving the reactor is harmless.
#[derive(Clone, Debug)]
pub struct Waker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    descriptor: OwnedFd,
    /// A wake-up is on its way: further calls need no syscall.
    pending: AtomicBool,
}

impl Waker {
    pub(super) fn new() -> Result<Self, Errno> {
        // Blocking on purpose: the ring answers EAGAIN for O_NONBLOCK files instead of waiting.
        let descriptor = eventfd(0, EventfdFlags::CLOEXEC)?;
        Ok(Waker(Arc::new(Shared { descriptor, pending: AtomicBool::new(false) })))
    }

    /// Makes the reactor report [`super::Done::Woken`]. Calls that happen before it does are
    /// reported once; what the caller wrote to shared memory before is visible to the reactor's
    /// thread after.
    pub fn wake(&self) {
        if !self.0.pending.swap(true, Ordering::AcqRel) {
            // The counter is at most 1, so this can neither block nor overflow.
            let _ = rustix::io::write(&self.0.descriptor, &1_u64.to_ne_bytes());
        }
    }

    /// Called by the driver when it has read the counter, before it reports the wake-up.
    pub(super) fn acknowledge(&self) {
        self.0.pending.swap(false, Ordering::AcqRel);
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.descriptor.as_fd()
    }
}
