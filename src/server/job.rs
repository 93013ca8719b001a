//! One operation on the file system, and what came of it.
//!
//! An operation that cannot take long is carried out where its request is decoded. The others (a
//! file system that may hang, a digest, a copy) are jobs: they run on the threads of
//! [`Blocking`](super::blocking::Blocking) and their session takes nothing else up until their
//! result has come back to its shard.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ringferry_sftp::Status;
use rustix::io::Errno;

use super::blocking::Blocking;
use super::mailbox::Mailbox;
use super::session::{OpenDir, Opened};
use crate::reactor::Token;
use crate::reactor::fs::{Metadata, Space};
use crate::vfs::Refusal;

/// What an operation gives.
pub(super) enum Answer {
    Done,
    Attrs(Metadata),
    /// A path of the client's view, or the text of a link.
    Path(Vec<u8>),
    File(Box<Opened>),
    Dir(Box<OpenDir>),
    /// A directory that was read on, with what comes next in `left`.
    Entries(Box<OpenDir>),
    /// A directory that was looked at, and what was seen.
    OfDir(Box<OpenDir>, Box<Result>),
    Data(Vec<u8>),
    /// So many bytes were written.
    Wrote(usize),
    Space(Space),
    Digests(Digests),
    Ranges(Vec<Range<u64>>, bool),
}

/// The digests of a file's blocks, one after the other.
pub(super) struct Digests {
    pub(super) algorithm: &'static str,
    pub(super) digest_bytes: usize,
    pub(super) bytes: Vec<u8>,
}

/// Why an operation was not carried out.
#[derive(Debug)]
pub(super) enum Failure {
    System(Errno),
    Refused(Refusal),
    Said(Status, &'static str),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

pub(super) type Result = std::result::Result<Answer, Failure>;

/// The result of a job on its way back to its session.
pub(super) struct Finished {
    pub(super) token: Token,
    pub(super) number: JobNumber,
    pub(super) user: Arc<str>,
    pub(super) result: Result,
}

/// Tells a job from any other of this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct JobNumber(u64);

impl JobNumber {
    /// One that no other job has.
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Tells a job that nobody waits for it any more.
#[derive(Clone, Default)]
pub(super) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub(super) fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// # Errors
    /// `ECANCELED` once it is no longer wanted.
    pub(super) fn check(&self) -> std::result::Result<(), Errno> {
        if self.0.load(Ordering::Relaxed) { Err(Errno::CANCELED) } else { Ok(()) }
    }
}

/// Where a session's jobs run.
#[derive(Clone)]
pub(super) enum Jobs {
    /// On this thread: it serves one session and may wait.
    Here,
    /// On threads that may block; results come back through the shard's mailbox.
    Elsewhere { blocking: Blocking, mailbox: Arc<Mailbox> },
}

/// A job that runs.
pub(super) struct Running {
    pub(super) number: JobNumber,
    pub(super) cancel: Cancel,
}

/// What [`Jobs::start`] has done with the work.
pub(super) enum Started {
    Running(Running),
    Finished(Result),
}

impl Jobs {
    /// Carries `work` out for `user`, now or elsewhere; its result comes back under `token`.
    pub(super) fn start(
        &self,
        user: &Arc<str>,
        token: Token,
        work: impl FnOnce(&Cancel) -> Result + Send + 'static,
    ) -> Started {
        let cancel = Cancel::default();
        let Self::Elsewhere { blocking, mailbox } = self else {
            return Started::Finished(work(&cancel));
        };
        let number = JobNumber::next();
        let (mailbox, owner) = (Arc::clone(mailbox), Arc::clone(user));
        let mut report = Report { mailbox, token, number, user: owner, result: None };
        let seen = cancel.clone();
        let work = move || {
            // The whole of it, so that it is dropped with the job and not before.
            let report = &mut report;
            // It may have waited longer than its client.
            report.result = Some(match seen.check() {
                Ok(()) => work(&seen),
                Err(errno) => Err(errno.into()),
            });
        };
        blocking.run(user, Box::new(work));
        Started::Running(Running { number, cancel })
    }
}

impl Jobs {
    /// Lets go of something whose last close may hang.
    pub(super) fn drop_elsewhere(&self, user: &Arc<str>, what: impl Send + 'static) {
        match self {
            Self::Here => drop(what),
            Self::Elsewhere { blocking, .. } => {
                blocking.run_always(user, Box::new(move || drop(what)));
            }
        }
    }
}

/// Delivers a job's result when it goes, whatever became of the job.
struct Report {
    mailbox: Arc<Mailbox>,
    token: Token,
    number: JobNumber,
    user: Arc<str>,
    result: Option<Result>,
}

impl Drop for Report {
    fn drop(&mut self) {
        let failed = || Err(Failure::Said(Status::Failure, "the server failed at this request"));
        let result = self.result.take().unwrap_or_else(failed);
        let (token, number, user) = (self.token, self.number, Arc::clone(&self.user));
        self.mailbox.finish(Finished { token, number, user, result });
    }
}
