//! Verdicts that take work: done on threads of their own, so that no shard waits for a hash.

use std::sync::Arc;

use super::blocking::Blocking;
use super::job::{Cancel, JobNumber};
use super::limits::{VERDICTS_AT_ONCE_MAX, VERDICTS_WAITING_PER_ASKER_MAX};
use super::mailbox::Mailbox;
use crate::auth::{Verdict, Work};
use crate::reactor::Token;

/// Where the verdicts of one shard's connections are worked out.
pub(super) struct Verdicts {
    threads: VerdictThreads,
    mailbox: Arc<Mailbox>,
}

/// The threads, shared by all shards.
#[derive(Clone)]
pub(super) struct VerdictThreads {
    /// For what computes. All share alike: whoever tries to log in is nobody yet.
    computing: Blocking,
    everybody: Arc<str>,
    /// For what waits, a few for each name and source: a home that hangs holds up its own user.
    waiting: Blocking,
}

impl VerdictThreads {
    pub(super) fn new() -> Self {
        Self {
            computing: Blocking::with_share(VERDICTS_AT_ONCE_MAX),
            everybody: "".into(),
            waiting: Blocking::with_share(VERDICTS_WAITING_PER_ASKER_MAX),
        }
    }
}

/// A verdict on its way back to its connection.
pub(super) struct Judged {
    pub(super) token: Token,
    pub(super) number: JobNumber,
    pub(super) verdict: Verdict,
}

/// A verdict that is being worked out; nobody waits for it any more once this is dropped.
pub(super) struct Pending {
    pub(super) number: JobNumber,
    cancel: Cancel,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Verdicts {
    pub(super) fn new(threads: VerdictThreads, mailbox: Arc<Mailbox>) -> Self {
        Self { threads, mailbox }
    }

    /// Has `work` done elsewhere; the verdict comes back under `token`. Work that waits is done for
    /// each `asker`, a name from an address, a few at a time.
    pub(super) fn start(&self, token: Token, asker: &str, work: Work) -> Pending {
        let (number, cancel) = (JobNumber::next(), Cancel::default());
        let mut report =
            Report { mailbox: Arc::clone(&self.mailbox), token, number, verdict: None };
        let seen = cancel.clone();
        let waits = work.waits();
        let work = move || {
            let report = &mut report;
            // Its client may have gone while it waited for its turn.
            if seen.check().is_ok() {
                report.verdict = Some(work.run());
            }
        };
        let threads = &self.threads;
        match waits {
            true => threads.waiting.run(&asker.into(), Box::new(work)),
            false => threads.computing.run(&threads.everybody, Box::new(work)),
        }
        Pending { number, cancel }
    }
}

/// Delivers the verdict when it goes, whatever became of the work.
struct Report {
    mailbox: Arc<Mailbox>,
    token: Token,
    number: JobNumber,
    verdict: Option<Verdict>,
}

impl Drop for Report {
    fn drop(&mut self) {
        let cause = "the server could not judge it: too many logins at once, or a fault of its own";
        let failed = || Verdict::Reject { cause: cause.to_owned() };
        let verdict = self.verdict.take().unwrap_or_else(failed);
        self.mailbox.judged(Judged { token: self.token, number: self.number, verdict });
    }
}
