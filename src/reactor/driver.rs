//! The reactor: one interface, two drivers behind it.

use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::error::ReactorError;
use super::limits::ReactorLimits;
use super::op::{Completion, Op, OpId, Token};
use super::poll::Poll;
use super::ring::Ring;
#[cfg(test)]
use super::ring::RingFlags;
use super::waker::Waker;

/// Which driver to use.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum DriverChoice {
    /// io_uring where it works, else epoll, with the reason in [`DriverInfo::note`].
    #[default]
    Auto,
    /// io_uring, or an error.
    Ring,
    /// epoll and plain syscalls.
    Poll,
}

/// Which driver runs, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DriverInfo {
    /// "ring" or "poll".
    pub driver: &'static str,
    /// What the ring was set up with, by its kernel names; empty for the poll driver.
    pub flags: Vec<&'static str>,
    /// Why `Auto` did not take the ring, and what to do about it.
    pub note: Option<String>,
}

/// Counters since the reactor was made.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Statistics {
    /// Operations submitted.
    pub submitted: u64,
    /// Completions handed out.
    pub completed: u64,
    /// Syscalls that submitted or waited (io_uring_enter or epoll_wait).
    pub waits: u64,
    /// Transfers continued because the kernel did only a part.
    pub continued: u64,
    /// Times the submission queue was full and had to be flushed in between.
    pub queue_full: u64,
    /// Accepts started again after the kernel ended them, or paused for want of descriptors.
    pub accepts_rearmed: u64,
    /// Wake-ups reported.
    pub woken: u64,
}

/// Runs operations for one thread. Make it on the thread that will use it: it cannot leave it.
///
/// Dropping cancels what is in flight and waits until the kernel has given every buffer back.
pub struct Reactor {
    driver: Driver,
    info: DriverInfo,
}

enum Driver {
    Ring(Box<Ring>),
    Poll(Box<Poll>),
}

impl Reactor {
    /// A reactor with the driver of `choice`. Fails when the ring is demanded and cannot be used,
    /// or when descriptors run out.
    pub fn new(choice: DriverChoice, limits: &ReactorLimits) -> Result<Self, ReactorError> {
        let note = match choice {
            DriverChoice::Poll => None,
            DriverChoice::Auto | DriverChoice::Ring => match Ring::new(limits) {
                Ok(ring) => return Ok(Self::with_ring(ring)),
                Err(why) if choice == DriverChoice::Ring => {
                    return Err(ReactorError::RingUnavailable(why));
                }
                Err(why) => Some(why),
            },
        };
        let driver = Driver::Poll(Box::new(Poll::new(limits)?));
        Ok(Reactor { driver, info: DriverInfo { driver: "poll", flags: Vec::new(), note } })
    }

    /// A ring with exactly `flags`, as an older kernel would have it.
    #[cfg(test)]
    pub(super) fn with_ring_flags(
        flags: RingFlags,
        limits: &ReactorLimits,
    ) -> Result<Self, ReactorError> {
        let ring = Ring::with_flags(flags, limits)
            .map_err(|failure| ReactorError::RingUnavailable(failure.to_string()))?;
        Ok(Self::with_ring(ring))
    }

    fn with_ring(ring: Ring) -> Self {
        let flags = ring.flag_names();
        let info = DriverInfo { driver: "ring", flags, note: None };
        Reactor { driver: Driver::Ring(Box::new(ring)), info }
    }

    /// Users whose credentials the ring knows.
    #[cfg(test)]
    pub(super) fn personalities(&self) -> usize {
        match &self.driver {
            Driver::Ring(ring) => ring.personalities(),
            Driver::Poll(_) => 0,
        }
    }

    /// Which driver runs, with which flags, and why not another.
    pub fn describe(&self) -> &DriverInfo {
        &self.info
    }

    /// Queues an operation; it starts with the next [`Reactor::wait`]. Never fails: what is wrong
    /// with it arrives as its completion.
    pub fn submit(&mut self, token: Token, op: Op) -> OpId {
        match &mut self.driver {
            Driver::Ring(ring) => ring.submit(token, op),
            Driver::Poll(poll) => poll.submit(token, op),
        }
    }

    /// Asks for an early end. The completion still arrives, with the operation's buffer, and says
    /// `ECANCELED` unless the operation was faster. A stale id is ignored.
    pub fn cancel(&mut self, id: OpId) {
        match &mut self.driver {
            Driver::Ring(ring) => ring.cancel(id),
            Driver::Poll(poll) => poll.cancel(id),
        }
    }

    /// Has a patient send reported by the next [`Reactor::wait`] after all. Other ids are ignored.
    pub fn urge(&mut self, id: OpId) {
        match &mut self.driver {
            Driver::Ring(ring) => ring.urge(id),
            // Reports them all at once.
            Driver::Poll(_) => {}
        }
    }

    /// One completion alone is not to end the next sleep before it has lasted `time`; what a RECV
    /// finds by then it takes at once. Two end it as ever. Whether this driver can do that: a ring
    /// on Linux 6.12 and later.
    pub fn gather(&mut self, time: Duration) -> bool {
        match &mut self.driver {
            Driver::Ring(ring) => ring.gather(time),
            Driver::Poll(_) => false,
        }
    }

    /// Starts what was submitted, then waits until something completed or `deadline` has passed
    /// (`None`: no deadline), and appends everything that is ready to `out`. Returns with nothing
    /// appended only at the deadline. An error is a failure of the driver itself.
    pub fn wait(
        &mut self,
        deadline: Option<Instant>,
        out: &mut Vec<Completion>,
    ) -> Result<(), Errno> {
        match &mut self.driver {
            Driver::Ring(ring) => ring.wait(deadline, out),
            Driver::Poll(poll) => poll.wait(deadline, out),
        }
    }

    /// A handle other threads wake this reactor with.
    pub fn waker(&self) -> Waker {
        match &self.driver {
            Driver::Ring(ring) => ring.waker(),
            Driver::Poll(poll) => poll.waker(),
        }
    }

    /// Operations submitted whose (last) completion has not been handed out.
    pub fn in_flight(&self) -> usize {
        match &self.driver {
            Driver::Ring(ring) => ring.in_flight(),
            Driver::Poll(poll) => poll.in_flight(),
        }
    }

    /// Counters since the reactor was made.
    pub fn statistics(&self) -> &Statistics {
        match &self.driver {
            Driver::Ring(ring) => ring.statistics(),
            Driver::Poll(poll) => poll.statistics(),
        }
    }
}
