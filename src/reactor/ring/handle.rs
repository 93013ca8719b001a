//! The io_uring instance itself: queues, the registered descriptor, and the one enter call.

use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::time::Duration;

use io_uring::types::{SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, Parameters, Probe, Submitter, cqueue, squeue};
use rustix::io::Errno;

use crate::reactor::limits::ReactorLimits;

/// How long an enter may sleep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sleep {
    /// Not at all: submit, run what the kernel has deferred, come back.
    No,
    /// Until one completion, or so long.
    AtMost(Duration),
    /// Until one completion.
    Forever,
}

/// The flags of io_uring_setup this driver chooses among.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(in crate::reactor) struct RingFlags {
    pub(in crate::reactor) submit_all: bool,
    pub(in crate::reactor) coop_taskrun: bool,
    pub(in crate::reactor) single_issuer: bool,
    pub(in crate::reactor) defer_taskrun: bool,
    pub(in crate::reactor) no_sqarray: bool,
}

impl RingFlags {
    /// From the best to what every supported kernel has: Linux 6.6, 6.1, 6.0, 5.19, 5.18, 5.15.
    pub(in crate::reactor) const STEPS: [RingFlags; 6] = {
        let floor = RingFlags {
            submit_all: false,
            coop_taskrun: false,
            single_issuer: false,
            defer_taskrun: false,
            no_sqarray: false,
        };
        let v5_18 = RingFlags { submit_all: true, ..floor };
        let v5_19 = RingFlags { coop_taskrun: true, ..v5_18 };
        let v6_0 = RingFlags { single_issuer: true, ..v5_19 };
        let v6_1 = RingFlags { coop_taskrun: false, defer_taskrun: true, ..v6_0 };
        let v6_6 = RingFlags { no_sqarray: true, ..v6_1 };
        [v6_6, v6_1, v6_0, v5_19, v5_18, floor]
    };

    fn names(self) -> Vec<&'static str> {
        [
            (self.single_issuer, "SINGLE_ISSUER"),
            (self.defer_taskrun, "DEFER_TASKRUN"),
            (self.coop_taskrun, "COOP_TASKRUN"),
            (self.submit_all, "SUBMIT_ALL"),
            (self.no_sqarray, "NO_SQARRAY"),
        ]
        .into_iter()
        .filter_map(|(set, name)| set.then_some(name))
        .collect()
    }
}

pub(super) struct Handle {
    /// Borrows from `ring`; `None` only while being dropped.
    submitter: Option<Submitter<'static>>,
    /// From `Box::leak`, given back in `drop`. The registered ring descriptor lives in the
    /// submitter, which borrows the ring: both must be kept, so the ring cannot be a plain field.
    ring: NonNull<IoUring>,
    /// `NO_IOWAIT` where the kernel has it (6.15): an idle server is not waiting for a disk.
    enter_flags: EnterFlags,
    /// Linux 5.19 or later, which brought COOP_TASKRUN, receives that wait for readiness first and
    /// multishot accepts together: having the one tells of the others.
    since_5_19: bool,
    names: Vec<&'static str>,
}

impl Handle {
    pub(super) fn new(flags: RingFlags, limits: &ReactorLimits) -> io::Result<Self> {
        let submissions = limits.submission_entries.clamp(1, 32_768);
        let mut builder = IoUring::builder();
        builder.setup_cqsize(limits.completion_entries.max(submissions)).setup_clamp();
        builder.dontfork();
        if flags.submit_all {
            builder.setup_submit_all();
        }
        if flags.coop_taskrun {
            builder.setup_coop_taskrun();
        }
        if flags.coop_taskrun || flags.defer_taskrun {
            builder.setup_taskrun_flag();
        }
        if flags.single_issuer {
            builder.setup_single_issuer();
        }
        if flags.defer_taskrun {
            builder.setup_defer_taskrun();
        }
        if flags.no_sqarray {
            builder.setup_no_sqarray();
        }
        let ring: &'static IoUring = Box::leak(Box::new(builder.build(submissions)?));
        let submitter = ring.submitter();
        let mut handle = Handle {
            submitter: Some(submitter),
            ring: NonNull::from(ring),
            enter_flags: EnterFlags::empty(),
            since_5_19: flags.coop_taskrun || flags.defer_taskrun,
            names: flags.names(),
        };
        handle.tune(limits);
        Ok(handle)
    }

    /// What helps and is not needed.
    fn tune(&mut self, limits: &ReactorLimits) {
        if self.params().is_feature_no_iowait() {
            self.enter_flags |= EnterFlags::NO_IOWAIT;
            self.names.push("NO_IOWAIT");
        }
        let Some(submitter) = &mut self.submitter else { return };
        // Linux 5.18; a thread has 16 places, so the 17th ring of a thread goes without.
        if submitter.register_ring_fd().is_ok() {
            self.names.push("REGISTERED_RING");
        }
        if limits.file_workers_max > 0 {
            // Bounded workers only; 0 leaves the other number as it is.
            let _ = submitter.register_iowq_max_workers(&mut [limits.file_workers_max, 0]);
        }
    }

    fn ring(&self) -> &IoUring {
        // SAFETY: `ring` comes from `Box::leak` in `new` and is freed in `drop` only. Only shared
        // references to it are ever made until then.
        unsafe { self.ring.as_ref() }
    }

    pub(super) fn names(&self) -> &[&'static str] {
        &self.names
    }

    pub(super) fn since_5_19(&self) -> bool {
        self.since_5_19
    }

    /// Whether a sleep can gather completions: since Linux 6.12.
    pub(super) fn can_gather(&self) -> bool {
        self.params().is_feature_min_timeout()
    }

    pub(super) fn params(&self) -> &Parameters {
        self.ring().params()
    }

    pub(super) fn probe(&self) -> io::Result<Probe> {
        let mut probe = Probe::new();
        self.ring().submitter().register_probe(&mut probe)?;
        Ok(probe)
    }

    /// Registers this thread's credentials: the number entries name them by.
    pub(super) fn register_personality(&self) -> io::Result<u16> {
        self.ring().submitter().register_personality()
    }

    pub(super) fn unregister_personality(&self, number: u16) -> io::Result<()> {
        self.ring().submitter().unregister_personality(number)
    }

    fn submission(&self) -> io_uring::SubmissionQueue<'_> {
        // SAFETY: every caller in this file drops the queue before it returns, and `Handle` is
        // neither `Send` nor `Sync`, so no second one exists.
        unsafe { self.ring().submission_shared() }
    }

    fn completion(&self) -> io_uring::CompletionQueue<'_> {
        // SAFETY: as for `submission`.
        unsafe { self.ring().completion_shared() }
    }

    /// Queues an entry; false if the queue is full.
    ///
    /// # Safety
    ///
    /// What the entry points to must stay valid, and unused by others as the operation demands,
    /// until the entry's last completion has been taken.
    pub(super) unsafe fn push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: the caller's promise is exactly what `push` asks for.
        unsafe { self.submission().push(entry).is_ok() }
    }

    /// Entries queued and not yet given to the kernel.
    pub(super) fn queued(&self) -> usize {
        self.submission().len()
    }

    /// The kernel has completions that only another enter brings into the queue: deferred work, or
    /// what did not fit.
    pub(super) fn work_pending(&self) -> bool {
        let submission = self.submission();
        submission.taskrun() || submission.cq_overflow()
    }

    /// Whether no completion is left to read.
    pub(super) fn is_drained(&self) -> bool {
        self.completion().is_empty() && !self.submission().cq_overflow()
    }

    /// Moves up to `max` completions to `into`.
    pub(super) fn take(&mut self, max: usize, into: &mut Vec<cqueue::Entry>) {
        into.extend(self.completion().take(max));
    }

    /// Submits everything queued and sleeps as told. Completions already there end the sleep.
    /// `GETEVENTS` always, because deferred work runs with it only.
    ///
    /// A sleep of at least `gather` is not ended by one completion but by two; behind it one that
    /// is there is enough. The kernel begins the deferred work of a RECV only when the sleep ends.
    pub(super) fn enter(&mut self, sleep: Sleep, gather: Option<Duration>) -> Result<(), Errno> {
        let Some(submitter) = &self.submitter else { return Err(Errno::BADF) };
        let queued = u32::try_from(self.queued()).unwrap_or(u32::MAX);
        let flags = EnterFlags::GETEVENTS | self.enter_flags;
        let timespec;
        let (want, limit) = match sleep {
            Sleep::No => (0, None),
            Sleep::Forever => (1, None),
            Sleep::AtMost(length) => {
                timespec = Timespec::from(length);
                (1, Some(SubmitArgs::new().timespec(&timespec)))
            }
        };
        let (want, limit) = match gather.and_then(|time| u32::try_from(time.as_micros()).ok()) {
            Some(micros) if want > 0 => (2, Some(limit.unwrap_or_default().min_wait_usec(micros))),
            _ => (want, limit),
        };
        let answer = match &limit {
            // SAFETY: no argument is passed, and `queued` is what the queue holds.
            None => unsafe { submitter.enter::<libc::sigset_t>(queued, want, flags.bits(), None) },
            // SAFETY: with EXT_ARG the argument is an io_uring_getevents_arg, which `SubmitArgs` is
            // transparent over; it and the timespec it points to live until the call returns.
            Some(arguments) => unsafe {
                let flags = flags | EnterFlags::EXT_ARG;
                submitter.enter(queued, want, flags.bits(), Some(arguments))
            },
        };
        answer.map(drop).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(mut submitter) = self.submitter.take() {
            // A registered descriptor keeps the ring alive until the thread ends.
            let _ = submitter.unregister_ring_fd();
        }
        // SAFETY: from `Box::leak` in `new`, not used after this; the only other borrow of it, the
        // submitter, is gone.
        drop(unsafe { Box::from_raw(self.ring.as_ptr()) });
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handle({} {:?})", self.ring().as_raw_fd(), self.names)
    }
}
