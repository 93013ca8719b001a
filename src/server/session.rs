//! One session: a channel's bytes in, replies in request order out. It speaks SFTP, or it is a
//! command's (`command`).
//!
//! Requests are carried out as they are decoded (`requests`), WRITEs joined in a batch, READs left
//! as descriptors for the trains. Where a request must wait (an fsync or a job runs, READs of a
//! file that it would change have not read yet, too many replies are queued, its turn is over), the
//! bytes behind it are parked; the channel's window is not given back for them, so there are never
//! more of them than the window holds.

mod answers;
mod command;
mod data;
mod handles;
mod opened;
mod requests;

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Instant;

use ringferry_sftp::reply::CheckFileShape;
use ringferry_sftp::{Decoder, DecoderLimits, FrameError, Item, Request, Status, client, reply};

use super::job::{self, Cancel, JobNumber, Jobs, Running, Started};
use super::limits::STDERR_BYTES_QUEUED_MAX;
use super::names::Names;
use super::pages::{Due, PagePolicy};
use super::profile::Profile;
use super::replies::{Replies, Ticket};
use super::writes::{Incoming, WriteBatch};
use crate::reactor::{Op, Reactor, Token};
use crate::ssh::ChannelId;
use crate::vfs::{HandleTable, SymlinkOrder, WireHandle, limits::HANDLES_MAX};

pub(super) use answers::status_of;
pub use command::Verbs;
pub(super) use command::{Asked, Command, SHRANK, parse};
pub(super) use opened::{Inode, Open, OpenDir, OpenFile, Opened, Party, Reading};

/// What a session may use of the place it is served at.
pub(super) struct Site<'a> {
    pub(super) profile: &'a Arc<Profile>,
    pub(super) names: &'a Names,
    pub(super) jobs: &'a Jobs,
    /// Where fsync runs; without one it runs at once.
    pub(super) reactor: Option<&'a mut Reactor>,
    /// Token under which this session's operations complete.
    pub(super) token: Token,
    /// Seconds since 1970, for listings.
    pub(super) wall_clock: i64,
    /// When others are to get their turn; never where there are none.
    pub(super) turn_ends: Option<Instant>,
    /// For log lines.
    pub(super) party: &'a Rc<Party>,
}

impl Site<'_> {
    fn turn_is_over(&self) -> bool {
        self.turn_ends.is_some_and(|end| Instant::now() >= end)
    }
}

/// What holds up decoding, and the place its reply has.
struct Barrier {
    /// None for a command, whose output comes in the order it is made in.
    ticket: Option<Ticket>,
    id: u32,
    then: Then,
    /// The job that runs; none for an fsync, which is the reactor's.
    running: Option<Running>,
}

/// What an answer is for, besides its reply.
enum Then {
    Reply,
    Read(Rc<OpenFile>),
    /// An error is latched on the file.
    Write(Rc<OpenFile>),
    /// The directory goes back to its handle.
    Dir(WireHandle),
    Digests(CheckFileShape),
    /// The room on a file system, told as `space-available` tells it.
    SpaceAvailable,
    /// It is the command's that runs.
    Command,
}

pub(super) struct Session {
    pub(super) channel: ChannelId,
    client_ident: String,
    symlink_order: SymlinkOrder,
    decoder: Decoder,
    pub(super) replies: Replies,
    handles: HandleTable<Open>,
    /// The files that are open, by device and inode.
    inodes: HashMap<(u64, u64), Weak<Inode>>,
    /// READs that have not read yet.
    reads: Rc<Cell<u32>>,
    writes: WriteBatch,
    /// The file that was read last; nothing is kept open for it.
    pub(super) last_read: Weak<OpenFile>,
    /// The kernel is being told of pages.
    advising: bool,
    incoming: Option<Incoming>,
    /// Payload of a WRITE to a file whose file system may hang; it goes there in one job.
    gathered: Vec<u8>,
    /// A request, encoded again, that has to wait.
    held: Vec<u8>,
    /// The session is this command's and speaks no SFTP.
    run: Option<Box<command::Run>>,
    /// Bytes that it has not taken yet lie in the buffer at hand.
    more_at_hand: bool,
    /// What is to be sent as standard error.
    pub(super) stderr: Vec<u8>,
    /// Channel data that came while nothing could be decoded.
    parked: Vec<u8>,
    parked_at: usize,
    barrier: Option<Barrier>,
    greeted: bool,
    /// The client has sent its last byte.
    pub(super) input_ended: bool,
    /// The stream broke the protocol; nothing more is decoded.
    pub(super) failed: bool,
    /// Exit status, EOF and CLOSE have been sent.
    pub(super) finished: bool,
    /// The channel is gone; only operations that still run keep the session.
    pub(super) closed: bool,
}

impl Session {
    /// A session on `channel` with a client that calls itself `client_ident`, as we do `own_ident`;
    /// `seed` makes its handles unlike any other session's.
    pub(super) fn new(channel: ChannelId, client_ident: &str, own_ident: &str, seed: u64) -> Self {
        Self {
            channel,
            client_ident: client_ident.to_owned(),
            symlink_order: SymlinkOrder::of(client_ident, own_ident),
            decoder: Decoder::new(DecoderLimits::default()),
            replies: Replies::default(),
            handles: HandleTable::new(HANDLES_MAX, seed),
            inodes: HashMap::new(),
            reads: Rc::default(),
            writes: WriteBatch::default(),
            last_read: Weak::new(),
            advising: false,
            incoming: None,
            gathered: Vec::new(),
            held: Vec::new(),
            run: None,
            more_at_hand: false,
            stderr: Vec::new(),
            parked: Vec::new(),
            parked_at: 0,
            barrier: None,
            greeted: false,
            input_ended: false,
            failed: false,
            finished: false,
            closed: false,
        }
    }

    fn must_wait(&self) -> bool {
        self.barrier.is_some()
            || self.replies.is_full()
            || self.failed
            || !self.held.is_empty()
            || self.stderr.len() >= STDERR_BYTES_QUEUED_MAX
            || self.incoming.as_ref().is_some_and(Incoming::waits)
    }

    /// Takes channel data that lies at `range` of `buffer`; gives how many bytes were consumed, for
    /// which window may be given back. What is not consumed now is parked.
    ///
    /// The buffer must stay as it is until [`flush`](Self::flush).
    ///
    /// # Errors
    /// A stream that is not SFTP: the session is over.
    pub(super) fn input(
        &mut self,
        site: &mut Site<'_>,
        buffer: &[u8],
        range: Range<usize>,
    ) -> Result<usize, FrameError> {
        let start = range.start;
        let at =
            if self.parked.is_empty() { self.decode(site, buffer, range.clone())? } else { start };
        if at < range.end {
            self.parked.extend_from_slice(buffer.get(at..range.end).unwrap_or_default());
        }
        Ok(at - start)
    }

    /// Decodes what was parked, as far as it goes now; gives how many bytes were consumed.
    ///
    /// # Errors
    /// As [`input`](Self::input).
    pub(super) fn resume(&mut self, site: &mut Site<'_>) -> Result<usize, FrameError> {
        self.run_command(site);
        self.take_up_held(site);
        if self.parked.is_empty() || self.must_wait() {
            return Ok(0);
        }
        let parked = std::mem::take(&mut self.parked);
        let from = self.parked_at;
        let decoded = self.decode(site, &parked, from..parked.len());
        // Whatever came of it: the batch points into these bytes, and they go.
        self.flush(&parked);
        let at = decoded?;
        if at < parked.len() {
            self.parked = parked;
            self.parked_at = at;
            // What was consumed is dropped once it is the larger part, so that this stays linear.
            if self.parked_at > self.parked.len() / 2 {
                self.parked.drain(..self.parked_at);
                self.parked_at = 0;
            }
        } else {
            self.parked_at = 0;
        }
        Ok(at - from)
    }

    /// Whether [`resume`](Self::resume) would find something to do now.
    pub(super) fn can_resume(&self) -> bool {
        let may = self.barrier.is_none() && !self.replies.is_full() && !self.failed;
        let goes_on = self.run.as_ref().is_some_and(|run| run.can_go_on());
        may && (goes_on && !self.must_wait()
            || !self.held.is_empty()
            || !self.parked.is_empty() && !self.must_wait())
    }

    /// Carries out the request that had to wait, if it need not any more.
    fn take_up_held(&mut self, site: &mut Site<'_>) {
        if self.held.is_empty() || self.barrier.is_some() || self.replies.is_full() || self.failed {
            return;
        }
        let held = std::mem::take(&mut self.held);
        let mut decoder = Decoder::new(DecoderLimits::default());
        if let Ok(step) = decoder.next(&held)
            && let Some(Item::Request(request)) = step.item
        {
            self.request(site, &request);
        }
    }

    /// Keeps `request` until READs that came before it have read.
    fn hold(&mut self, request: &Request<'_>) {
        client::encode(&mut self.held, request);
    }

    /// Writes what is batched out of `buffer`.
    pub(super) fn flush(&mut self, buffer: &[u8]) {
        self.writes.flush(buffer, &mut self.replies);
    }

    /// A turn is over: see [`WriteBatch::take_ahead_bytes`].
    pub(super) fn take_ahead_bytes(&mut self) -> u64 {
        self.writes.take_ahead_bytes()
    }

    fn decode(
        &mut self,
        site: &mut Site<'_>,
        buffer: &[u8],
        range: Range<usize>,
    ) -> Result<usize, FrameError> {
        if self.run.is_some() {
            return Ok(self.command_input(site, buffer, range));
        }
        let mut at = range.start;
        // Taken out for the loop: a request borrows the decoder while it is carried out.
        let mut decoder =
            std::mem::replace(&mut self.decoder, Decoder::new(DecoderLimits::default()));
        let result = loop {
            if self.must_wait() || at >= range.end || (at > range.start && site.turn_is_over()) {
                break Ok(at);
            }
            let rest = buffer.get(at..range.end).unwrap_or_default();
            match decoder.next(rest) {
                Err(error) => {
                    self.failed = true;
                    break Err(error);
                }
                Ok(step) => {
                    let item_at = at;
                    at += step.consumed;
                    match step.item {
                        None => break Ok(at),
                        Some(item) => self.item(site, buffer, item_at, item),
                    }
                }
            }
        };
        self.decoder = decoder;
        result
    }

    fn item(&mut self, site: &mut Site<'_>, buffer: &[u8], at: usize, item: Item<'_>) {
        match item {
            Item::WriteData { range, last } => {
                self.write_data(site, buffer, at + range.start..at + range.end, last);
            }
            Item::Malformed { id, why } => {
                self.flush(buffer);
                self.status(id, Status::BadMessage, why);
            }
            Item::Request(request @ Request::Write { .. }) if self.greeted => {
                self.write(site, buffer, &request);
            }
            Item::Request(request) => {
                self.flush(buffer);
                self.request(site, &request);
            }
        }
    }

    /// Starts `work`, whose answer takes the next place among the replies.
    fn start(
        &mut self,
        site: &mut Site<'_>,
        id: u32,
        then: Then,
        work: impl FnOnce(&Cancel) -> job::Result + Send + 'static,
    ) {
        match site.jobs.start(&site.party.user, site.token, work) {
            Started::Finished(result) => self.answer(site, None, id, then, result),
            Started::Running(running) => {
                let ticket = Some(self.replies.push_waiting());
                self.barrier = Some(Barrier { ticket, id, then, running: Some(running) });
            }
        }
    }

    /// Whether it is this session that job `number` is for.
    pub(super) fn waits_for(&self, number: JobNumber) -> bool {
        let running = self.barrier.as_ref().and_then(|barrier| barrier.running.as_ref());
        running.is_some_and(|running| running.number == number)
    }

    /// Its job has come back.
    pub(super) fn job_finished(&mut self, site: &Site<'_>, result: job::Result) {
        if let Some(Barrier { ticket, id, then, .. }) = self.barrier.take() {
            self.answer(site, ticket, id, then, result);
        }
    }

    fn fsync(&mut self, site: &mut Site<'_>, id: u32, handle: &[u8]) {
        let file = match self.file(handle) {
            Ok(file) => file,
            Err((status, message)) => return self.status(id, status, message),
        };
        if let Some(errno) = file.latched.get() {
            let (status, message) = status_of(errno);
            return self.status(id, status, message);
        }
        let ticket = Some(self.replies.push_waiting());
        let then = Then::Write(Rc::clone(&file));
        self.barrier = Some(Barrier { ticket, id, then, running: None });
        match &mut site.reactor {
            Some(reactor) => {
                let op = Op::Fsync { file: file.file.fd.clone(), data_only: false };
                reactor.submit(site.token, op);
            }
            None => self.synced(file.file.sync()),
        }
    }

    /// The fsync that held up decoding has ended.
    pub(super) fn synced(&mut self, result: Result<(), rustix::io::Errno>) {
        let Some(Barrier { ticket, id, then, .. }) =
            self.barrier.take_if(|it| it.running.is_none())
        else {
            return;
        };
        if let (Err(errno), Then::Write(file)) = (result, then) {
            file.fail(errno);
        }
        let (status, message) = result.map_or_else(status_of, |()| (Status::Ok, "Success"));
        if let Some(ticket) = ticket {
            self.replies.settle(ticket, |out| reply::status(out, id, status, message));
        }
    }

    /// What the kernel is to be told of the pages of files read and written in this turn; one piece
    /// at a time, and what becomes due meanwhile is part of the next.
    pub(super) fn advice_due(&mut self, policy: &PagePolicy) -> Option<Op> {
        if self.advising {
            return None;
        }
        let of_writes = self.writes.take_written();
        let due = of_writes.and_then(|file| Some((file.trail.due_of_writes(policy)?, file)));
        let (due, file) = due.or_else(|| {
            let file = std::mem::take(&mut self.last_read).upgrade()?;
            Some((file.trail.due_of_reads(policy)?, file))
        })?;
        self.advising = true;
        let (file, Due { offset, bytes, advice }) = (file.file.fd.clone(), due);
        Some(Op::Advise { file, offset, bytes, advice })
    }

    /// The kernel has been told.
    pub(super) fn advised(&mut self) {
        self.advising = false;
    }

    /// Whether an operation of the reactor's runs, which will want this session when it is done. A
    /// job does not: its result finds nobody and is dropped.
    pub(super) fn is_busy(&self) -> bool {
        self.advising || self.barrier.as_ref().is_some_and(|barrier| barrier.running.is_none())
    }

    /// Whether a job runs: the client waits for it and has not gone to sleep.
    pub(super) fn has_job(&self) -> bool {
        self.barrier.as_ref().is_some_and(|barrier| barrier.running.is_some())
    }

    /// Nothing more is decoded or answered; what has begun to leave does so.
    pub(super) fn stop(&mut self) {
        self.failed = true;
        self.replies = Replies::default();
        self.stderr.clear();
        self.cancel();
    }

    /// Tells a job that nobody waits for it.
    fn cancel(&self) {
        if let Some(Barrier { running: Some(running), .. }) = &self.barrier {
            running.cancel.cancel();
        }
    }

    /// Whether everything the client asked has been answered and it asks no more.
    pub(super) fn is_done(&self) -> bool {
        let asked_all = match &self.run {
            Some(run) => run.is_over(),
            None => self.input_ended && self.parked.is_empty() && self.held.is_empty(),
        };
        let told_all = self.replies.is_empty() && self.stderr.is_empty();
        (asked_all || self.failed) && told_all && self.barrier.is_none()
    }

    /// What the client is told when the session is done.
    pub(super) fn exit_status(&self) -> u32 {
        match &self.run {
            _ if self.failed => 1,
            Some(run) => run.exit_status(),
            None => 0,
        }
    }

    /// The session ends: everything it holds open is let go, and what it moved is logged.
    pub(super) fn abandon(&mut self, site: &Site<'_>) {
        self.cancel();
        // With the channel goes the window that vouched for it.
        (self.parked, self.parked_at) = (Vec::new(), 0);
        let given_up = self.barrier.take_if(|it| it.running.is_some()).map(|it| it.then);
        if let Some(Then::Read(file) | Then::Write(file)) = given_up {
            handles::let_file_go(site, file);
        }
        self.abandon_command(site);
        let left: Vec<Open> = self.handles.drain().collect();
        for open in left {
            self.let_go(site, open);
        }
    }
}
