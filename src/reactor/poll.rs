//! The fallback driver: epoll and plain syscalls, the same operations and completions.
//!
//! It owns every operation until it has completed it. Sockets are tried first and watched,
//! edge-triggered, when they are not ready; file reads and writes run inline, on this thread; fsync
//! and advice on pages run on a thread of their own, because they take milliseconds. Invariant: an
//! operation is in exactly one of the queue, a watch, a pause or the sync thread's hands.

mod sync;
mod watch;

use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags};

use self::sync::{SyncThread, Work};
use self::watch::{Direction, Event, Watches};
use super::accept::{Pause, Verdict, verdict};
use super::advice::DONT_CACHE;
use super::buffer::SharedBuffer;
use super::driver::Statistics;
use super::error::ReactorError;
use super::limits::{ACCEPTS_PER_TURN_MAX, ReactorLimits, SEGMENTS_MAX};
use super::op::{
    Completion, Done, Op, OpId, Socket, Token, WAKE_TOKEN, advance, checked_bytes, finish, scatter,
};
use super::slots::Slots;
use super::waker::Waker;

const STALE: OpId = OpId { slot: u32::MAX, generation: 0 };

pub(super) struct Poll {
    slots: Slots<Waiting>,
    /// Operations to try in the next turn.
    queue: VecDeque<OpId>,
    watches: Watches,
    paused: Vec<OpId>,
    ready: Vec<Completion>,
    waker: Waker,
    sync: SyncThread,
    operations_max: usize,
    completions_max: usize,
    statistics: Statistics,
}

struct Waiting {
    token: Token,
    op: Op,
    done: usize,
    total: usize,
    /// With the sync thread: it cannot be cancelled any more.
    handed_over: bool,
    pause: Pause,
}

/// What trying an operation led to.
enum Attempt {
    Over {
        result: Result<usize, Errno>,
        more: bool,
    },
    /// Not ready: wait for readiness.
    Wait(Direction),
    /// Did its share; others first.
    Yield,
    /// Somebody else will finish it.
    Elsewhere,
}

impl Attempt {
    fn over(result: Result<usize, Errno>) -> Self {
        Attempt::Over { result, more: false }
    }
}

impl Poll {
    pub(super) fn new(limits: &ReactorLimits) -> Result<Self, ReactorError> {
        let setup = |what| move |errno| ReactorError::Setup { what, errno };
        let waker = Waker::new().map_err(setup("wake-up descriptor"))?;
        let sync = SyncThread::new().map_err(setup("wake-up descriptor"))?;
        let watches = Watches::new(&waker, sync.waker()).map_err(setup("epoll instance"))?;
        Ok(Poll {
            slots: Slots::new(),
            queue: VecDeque::new(),
            watches,
            paused: Vec::new(),
            ready: Vec::new(),
            waker,
            sync,
            operations_max: limits.operations_max,
            completions_max: limits.completions_per_wait_max.max(1),
            statistics: Statistics::default(),
        })
    }

    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.slots.len() + self.ready.len()
    }

    pub(super) fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    pub(super) fn submit(&mut self, token: Token, op: Op) -> OpId {
        self.statistics.submitted += 1;
        let total = match checked_bytes(&op) {
            Ok(0) if op.counts_bytes() => return self.complete_now(token, op, Ok(0)),
            Err(errno) => return self.complete_now(token, op, Err(errno)),
            Ok(total) => total,
        };
        if self.slots.len() >= self.operations_max {
            return self.complete_now(token, op, Err(Errno::NOBUFS));
        }
        if let Op::Accept { listener } = &op {
            // accept(2) has no MSG_DONTWAIT: a connection that vanished must not block the thread.
            let _ = rustix::io::ioctl_fionbio(listener, true);
        }
        let pause = Pause::default();
        let waiting = Waiting { token, op, done: 0, total, handed_over: false, pause };
        match self.slots.insert(waiting) {
            Ok(id) => {
                self.queue.push_back(id);
                id
            }
            Err(waiting) => self.complete_now(token, waiting.op, Err(Errno::NOBUFS)),
        }
    }

    fn complete_now(&mut self, token: Token, op: Op, result: Result<usize, Errno>) -> OpId {
        self.ready.push(Completion { token, done: finish(op, result, false) });
        STALE
    }

    /// The id stays behind in the queue, the watch or the pauses, and is skipped there.
    pub(super) fn cancel(&mut self, id: OpId) {
        if self.slots.get_mut(id).is_some_and(|waiting| !waiting.handed_over) {
            self.end(id, Err(Errno::CANCELED), false);
        }
    }

    fn end(&mut self, id: OpId, result: Result<usize, Errno>, more: bool) {
        if let Some(waiting) = self.slots.remove(id) {
            let done = finish(waiting.op, result, more);
            self.ready.push(Completion { token: waiting.token, done });
        }
    }

    pub(super) fn wait(
        &mut self,
        deadline: Option<Instant>,
        out: &mut Vec<Completion>,
    ) -> Result<(), Errno> {
        let before = out.len();
        loop {
            let resume = self.resume_accepts();
            self.run_queue();
            self.look(deadline, resume)?;
            self.run_queue();
            let most = self.ready.len().min(self.completions_max);
            out.extend(self.ready.drain(..most));
            let expired = || deadline.is_some_and(|deadline| deadline <= Instant::now());
            if out.len() > before || expired() {
                self.statistics.completed += (out.len() - before) as u64;
                return Ok(());
            }
        }
    }

    /// Asks epoll what happened; sleeps only if there is nothing else to do.
    fn look(&mut self, deadline: Option<Instant>, resume: Option<Instant>) -> Result<(), Errno> {
        let busy = !self.ready.is_empty() || !self.queue.is_empty();
        let end = match (deadline, resume) {
            _ if busy => Some(Instant::now()),
            (Some(deadline), Some(resume)) => Some(deadline.min(resume)),
            (end, None) | (None, end) => end,
        };
        self.statistics.waits += 1;
        for event in self.watches.wait(end, &mut self.queue)? {
            match event {
                Event::Woken => {
                    drain(&self.waker);
                    self.statistics.woken += 1;
                    self.ready.push(Completion { token: WAKE_TOKEN, done: Done::Woken });
                }
                Event::Synced => {
                    drain(self.sync.waker());
                    for (id, result) in self.sync.finished() {
                        self.end(id, result.map(|()| 0), false);
                    }
                }
            }
        }
        Ok(())
    }

    fn resume_accepts(&mut self) -> Option<Instant> {
        if self.paused.is_empty() {
            return None;
        }
        let now = Instant::now();
        let mut next = None;
        for id in std::mem::take(&mut self.paused) {
            let Some(waiting) = self.slots.get_mut(id) else { continue };
            match waiting.pause.until() {
                Some(until) if until > now => {
                    next = Some(next.map_or(until, |next: Instant| next.min(until)));
                    self.paused.push(id);
                }
                _ => {
                    waiting.pause.end();
                    self.statistics.accepts_rearmed += 1;
                    self.queue.push_back(id);
                }
            }
        }
        next
    }

    /// Tries everything queued now, as far as this wait may complete.
    fn run_queue(&mut self) {
        for _ in 0..self.queue.len() {
            if self.ready.len() >= self.completions_max {
                return;
            }
            let Some(id) = self.queue.pop_front() else { return };
            match self.attempt(id) {
                Some(Attempt::Over { result, more }) => self.end(id, result, more),
                Some(Attempt::Wait(direction)) => self.watch(id, direction),
                Some(Attempt::Yield) => self.queue.push_back(id),
                Some(Attempt::Elsewhere) | None => {}
            }
        }
    }

    fn watch(&mut self, id: OpId, direction: Direction) {
        let Some(waiting) = self.slots.get_mut(id) else { return };
        let (Op::Accept { listener: socket } | Op::Recv { socket, .. } | Op::Send { socket, .. }) =
            &waiting.op
        else {
            return;
        };
        match self.watches.park(socket, direction, id) {
            Ok(true) => {}
            Ok(false) => self.queue.push_back(id), // became ready meanwhile
            Err(errno) => self.end(id, Err(errno), false),
        }
    }

    fn attempt(&mut self, id: OpId) -> Option<Attempt> {
        let waiting = self.slots.get_mut(id)?;
        Some(match &mut waiting.op {
            Op::Accept { listener } => {
                let listener = Arc::clone(listener);
                return self.accept(id, &listener);
            }
            Op::Recv { socket, buffer, range, poll_first } => {
                let known = self.watches.readable(socket);
                if std::mem::take(poll_first) && !known {
                    return Some(Attempt::Wait(Direction::Read));
                }
                let into = buffer.get_mut(range.clone()).unwrap_or_default();
                receive(&mut self.watches, socket, into)
            }
            Op::Send { socket, buffer, range, .. } => {
                let rest = range.start + waiting.done..range.end;
                let from = buffer.get(rest).unwrap_or_default();
                let answer = send(socket, from);
                if answer == Err(Errno::AGAIN) {
                    return Some(Attempt::Wait(Direction::Write));
                }
                waiting.step(answer, &mut self.statistics)
            }
            Op::Read { file, offset, buffer, segments, drop_behind } => {
                let mut slices = scatter(buffer, segments, waiting.done);
                let offset = *offset + waiting.done as u64;
                let answer = file.assume().and_then(|_as| match drop_behind {
                    true => rustix::io::preadv2(file, &mut slices, offset, DONT_CACHE),
                    false => rustix::io::preadv(file, &mut slices, offset),
                });
                waiting.step(answer, &mut self.statistics)
            }
            Op::Write { file, offset, segments } => {
                let slices = gather(segments, waiting.done);
                let offset = *offset + waiting.done as u64;
                let answer =
                    file.assume().and_then(|_as| rustix::io::pwritev(file, &slices, offset));
                waiting.step(answer, &mut self.statistics)
            }
            Op::Fsync { file, data_only } => {
                let work = Work::Sync { data_only: *data_only };
                let started = self.sync.start(id, file, work);
                waiting.hand_over(started)
            }
            Op::Advise { file, offset, bytes, advice } => {
                let work = Work::Advise { offset: *offset, bytes: *bytes, advice: *advice };
                let started = self.sync.start(id, file, work);
                waiting.hand_over(started)
            }
        })
    }

    fn accept(&mut self, id: OpId, listener: &Socket) -> Option<Attempt> {
        for _ in 0..ACCEPTS_PER_TURN_MAX {
            let waiting = self.slots.get_mut(id)?;
            let token = waiting.token;
            let accepted = match rustix::net::accept_with(listener, SocketFlags::CLOEXEC) {
                Ok(socket) => {
                    waiting.pause.forget();
                    Ok(socket)
                }
                Err(Errno::AGAIN) => return Some(Attempt::Wait(Direction::Read)),
                Err(errno) => match verdict(errno) {
                    Verdict::Next => continue,
                    Verdict::End => return Some(Attempt::over(Err(errno))),
                    Verdict::Pause => {
                        waiting.pause.begin(Instant::now());
                        self.paused.push(id);
                        Err(errno)
                    }
                },
            };
            let paused = accepted.is_err();
            self.ready.push(Completion { token, done: Done::Accepted(accepted) });
            if paused {
                return Some(Attempt::Elsewhere);
            }
        }
        Some(Attempt::Yield)
    }
}

impl Waiting {
    /// It is with the sync thread now, unless that could not be `started`.
    fn hand_over(&mut self, started: Result<(), Errno>) -> Attempt {
        self.handed_over = started.is_ok();
        started.map_or_else(|errno| Attempt::over(Err(errno)), |()| Attempt::Elsewhere)
    }

    /// Takes the kernel's answer to one transfer; an unfinished one is tried again in turn.
    fn step(&mut self, answer: Result<usize, Errno>, statistics: &mut Statistics) -> Attempt {
        match advance(&self.op, &mut self.done, self.total, answer, false) {
            Some(result) => Attempt::over(result),
            None => {
                statistics.continued += 1;
                Attempt::Yield
            }
        }
    }
}

fn drain(waker: &Waker) {
    // epoll said it is readable, and only this thread reads it: this cannot block.
    let _ = rustix::io::read(waker.descriptor(), &mut [0_u8; 8]);
    waker.acknowledge();
}

fn receive(watches: &mut Watches, socket: &Socket, into: &mut [u8]) -> Attempt {
    let len = into.len();
    match rustix::net::recv(socket, into, RecvFlags::DONTWAIT) {
        Ok((count, _)) => {
            let more = watches.received(socket, count == len);
            Attempt::Over { result: Ok(count), more: more && count > 0 }
        }
        Err(Errno::AGAIN) => {
            watches.empty(socket);
            Attempt::Wait(Direction::Read)
        }
        Err(Errno::INTR) => Attempt::Yield,
        Err(errno) => Attempt::over(Err(errno)),
    }
}

fn send(socket: &Socket, from: &[u8]) -> Result<usize, Errno> {
    rustix::net::send(socket, from, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
}

/// The bytes that `segments` name, after the first `done` of them.
fn gather(segments: &[(SharedBuffer, Range<usize>)], done: usize) -> Vec<IoSlice<'_>> {
    let mut skip = done;
    let mut slices = Vec::with_capacity(segments.len().min(SEGMENTS_MAX));
    for (buffer, range) in segments {
        if skip >= range.len() {
            skip -= range.len();
            continue;
        }
        slices.push(IoSlice::new(buffer.get(range.start + skip..range.end).unwrap_or_default()));
        skip = 0;
        if slices.len() == SEGMENTS_MAX {
            break;
        }
    }
    slices
}
