//! The io_uring driver.
//!
//! It owns the ring and every operation given to it. Entries are queued by `submit` and handed over
//! in one syscall by `wait`, which also collects what has completed. Invariant: a slot is freed
//! only by the last completion of its operation, so what the kernel was told of outlives its use.

mod diagnosis;
mod handle;
mod patient;
mod personalities;
mod probe;
mod running;

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use io_uring::types::Fd;
use io_uring::{cqueue, opcode, squeue};
use rustix::io::Errno;

use self::handle::{Handle, Sleep};
use self::patient::Patient;
use self::personalities::Personalities;
use self::running::{Running, op_id, user_data};
use super::accept::{Verdict, verdict};
use super::buffer::{Buffer, BufferPool};
use super::driver::Statistics;
use super::identity;
use super::limits::{DROP_WAIT_MAX, PoolLimits, ReactorLimits, SUBMIT_PAUSE};
use super::op::{Completion, Done, Op, OpId, Token, WAKE_TOKEN, advance, checked_bytes, finish};
use super::slots::Slots;
use super::waker::Waker;

#[cfg(test)]
pub(super) use self::handle::RingFlags;
#[cfg(test)]
pub(super) use self::probe::Failure;

/// The read of the wake-up descriptor. No slot has this number, see [`Slots::insert`].
const WAKE: u64 = u64::MAX;
/// A cancel, whose own outcome says nothing: the cancelled operation completes either way.
const CANCEL: u64 = u64::MAX - 1;
/// What `submit` answers for an operation that completed at once.
const STALE: OpId = OpId { slot: u32::MAX, generation: 0 };

pub(super) struct Ring {
    handle: Handle,
    slots: Slots<Running>,
    personalities: Personalities,
    patient: Patient,
    /// See [`Reactor::gather`](crate::reactor::Reactor::gather).
    gather: Option<Duration>,
    /// Completions that needed no kernel.
    ready: Vec<Completion>,
    /// Entries the queue had no room for.
    backlog: VecDeque<squeue::Entry>,
    /// Accepts in a pause.
    paused: Vec<OpId>,
    scratch: Vec<cqueue::Entry>,
    waker: Waker,
    wake_buffer: Option<Buffer>,
    wake_armed: bool,
    closing: bool,
    operations_max: usize,
    completions_max: usize,
    statistics: Statistics,
}

impl Ring {
    /// The best ring this host allows, or the reason why there is none and the cure.
    pub(super) fn new(limits: &ReactorLimits) -> Result<Self, String> {
        probe::open(limits)
    }

    /// A ring with exactly `flags`, self-tested.
    #[cfg(test)]
    pub(super) fn with_flags(flags: RingFlags, limits: &ReactorLimits) -> Result<Self, Failure> {
        probe::open_with(flags, limits)
    }

    fn from_handle(handle: Handle, limits: &ReactorLimits) -> Result<Self, Errno> {
        let pool = BufferPool::new(PoolLimits {
            small_bytes: size_of::<u64>(),
            large_bytes: size_of::<u64>(),
            bytes_max: size_of::<u64>(),
            free_max: 0,
        });
        Ok(Ring {
            handle,
            slots: Slots::new(),
            personalities: Personalities::default(),
            patient: Patient::default(),
            gather: None,
            ready: Vec::new(),
            backlog: VecDeque::new(),
            paused: Vec::new(),
            scratch: Vec::new(),
            waker: Waker::new()?,
            wake_buffer: Some(pool.small().ok_or(Errno::NOMEM)?),
            wake_armed: false,
            closing: false,
            operations_max: limits.operations_max,
            completions_max: limits.completions_per_wait_max.max(1),
            statistics: Statistics::default(),
        })
    }

    #[cfg(test)]
    pub(super) fn personalities(&self) -> usize {
        self.personalities.len()
    }

    pub(super) fn flag_names(&self) -> Vec<&'static str> {
        self.handle.names().to_vec()
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

    pub(super) fn urge(&mut self, id: OpId) {
        self.patient.urge(id);
    }

    pub(super) fn submit(&mut self, token: Token, mut op: Op) -> OpId {
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
            // Before Linux 6.0 an accept on an O_NONBLOCK listener answers EAGAIN instead of
            // waiting.
            let _ = rustix::io::ioctl_fionbio(listener, false);
        }
        if let Op::Send { patient, .. } = &mut op {
            // What this needs came before, with Linux 5.17.
            *patient &= self.handle.since_5_19();
        }
        let is_patient = matches!(op, Op::Send { patient: true, .. });
        match self.slots.insert(Running::new(token, op, total)) {
            Ok(id) => {
                if is_patient {
                    self.patient.add(id);
                }
                self.start(id);
                id
            }
            Err(running) => self.complete_now(token, running.op, Err(Errno::NOBUFS)),
        }
    }

    fn complete_now(&mut self, token: Token, op: Op, result: Result<usize, Errno>) -> OpId {
        self.ready.push(Completion { token, done: finish(op, result, false) });
        STALE
    }

    pub(super) fn cancel(&mut self, id: OpId) {
        let Some(running) = self.slots.get_mut(id) else { return };
        if std::mem::replace(&mut running.cancelled, true) {
            return;
        }
        self.patient.urge(id);
        if running.pause.until().is_some() {
            // In a pause the kernel has nothing of it.
            self.paused.retain(|paused| *paused != id);
            if let Some(running) = self.slots.remove(id) {
                self.complete_now(running.token, running.op, Err(Errno::CANCELED));
            }
            return;
        }
        self.push(opcode::AsyncCancel::new(user_data(id)).build().user_data(CANCEL));
    }

    /// Queues the entry for what is left of an operation.
    fn start(&mut self, id: OpId) {
        let since_5_19 = self.handle.since_5_19();
        let Some(running) = self.slots.get_mut(id) else { return };
        let personality = match running.op.identity() {
            None => Ok(personalities::NONE),
            Some(identity) => self.personalities.number(&self.handle, identity),
        };
        match personality {
            Ok(number) => {
                let entry = running.entry(id, since_5_19).personality(number);
                self.push(entry);
            }
            // Never as the server itself. The kernel has nothing of it now.
            Err(errno) => {
                if let Some(running) = self.slots.remove(id) {
                    self.complete_now(running.token, running.op, Err(errno));
                }
            }
        }
    }

    /// Queues an entry that refers to nothing, to `self.wake_buffer` or to a slot's operation.
    fn push(&mut self, entry: squeue::Entry) {
        // SAFETY: by this function's terms the entry's memory belongs to a slot, which is freed by
        // the operation's last completion only, or to `wake_buffer`, which lives as long as `self`;
        // and `drop` takes every completion, or leaks both, before `self` goes.
        if self.backlog.is_empty() && unsafe { self.handle.push(&entry) } {
            return;
        }
        self.backlog.push_back(entry);
        self.statistics.queue_full += 1;
        if identity::is_assumed() {
            // What is handed over now would be done as that user; `wait` hands it over later.
            return;
        }
        self.statistics.waits += 1;
        // A failure shows again in `wait`, where there is someone to tell.
        let _ = self.handle.enter(Sleep::No, None);
        self.refill();
    }

    fn refill(&mut self) {
        while let Some(entry) = self.backlog.front() {
            // SAFETY: as in `push`.
            if !unsafe { self.handle.push(entry) } {
                return;
            }
            self.backlog.pop_front();
        }
    }

    pub(super) fn gather(&mut self, time: Duration) -> bool {
        let can = self.handle.can_gather();
        self.gather = can.then_some(time);
        can
    }

    pub(super) fn wait(
        &mut self,
        deadline: Option<Instant>,
        out: &mut Vec<Completion>,
    ) -> Result<(), Errno> {
        let before = out.len();
        out.append(&mut self.ready);
        self.arm_wake();
        loop {
            self.refill();
            let resume = self.resume_accepts();
            let busy = out.len() > before || !self.backlog.is_empty() || self.patient.is_urged();
            let sleep = if busy { Sleep::No } else { sleep(deadline, resume) };
            self.enter(sleep, deadline)?;
            self.reap(before, out);
            // Deferred work comes 20 completions a turn, and what was just continued may complete
            // at once: gather it while it costs a syscall and no wait.
            while out.len() < before + self.completions_max && self.handle.work_pending() {
                let gathered = out.len();
                self.enter(Sleep::No, deadline)?;
                self.reap(before, out);
                // The kernel adds work first and raises its flag after. Work that another core
                // adds may be done in between; then the flag stays up, with nothing behind it,
                // until more work comes, and what was gathered must not wait for that.
                if out.len() == gathered {
                    break;
                }
            }
            out.append(&mut self.ready);
            self.report_patient(out);
            let expired = || deadline.is_some_and(|deadline| deadline <= Instant::now());
            if out.len() > before || expired() {
                self.statistics.completed += (out.len() - before) as u64;
                return Ok(());
            }
        }
    }

    fn enter(&mut self, sleep: Sleep, deadline: Option<Instant>) -> Result<(), Errno> {
        self.statistics.waits += 1;
        let entered = self.handle.enter(sleep, self.gather.take());
        if self.handle.queued() == 0 && self.backlog.is_empty() {
            self.patient.all_handed_over();
        }
        match entered {
            // BUSY: completions did not fit and must be taken before more is submitted.
            Ok(()) | Err(Errno::TIME | Errno::INTR | Errno::BUSY) => Ok(()),
            Err(Errno::AGAIN) => {
                // No memory for requests: others have to finish first.
                let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
                std::thread::sleep(left.unwrap_or(SUBMIT_PAUSE).min(SUBMIT_PAUSE));
                Ok(())
            }
            Err(errno) => Err(errno),
        }
    }

    fn arm_wake(&mut self) {
        if self.wake_armed || self.closing {
            return;
        }
        let Some(buffer) = &self.wake_buffer else { return };
        let fd = Fd(self.waker.descriptor().as_raw_fd());
        let entry = opcode::Read::new(fd, buffer.pointer(), 8).build().user_data(WAKE);
        self.wake_armed = true;
        self.push(entry);
    }

    /// Starts the accepts whose pause is over; the end of the next pause.
    fn resume_accepts(&mut self) -> Option<Instant> {
        if self.paused.is_empty() {
            return None;
        }
        let now = Instant::now();
        let mut next = None;
        for id in std::mem::take(&mut self.paused) {
            let Some(running) = self.slots.get_mut(id) else { continue };
            match running.pause.until() {
                Some(until) if until > now => {
                    next = Some(next.map_or(until, |next: Instant| next.min(until)));
                    self.paused.push(id);
                }
                _ => {
                    running.pause.end();
                    self.rearm(id);
                }
            }
        }
        next
    }

    fn rearm(&mut self, id: OpId) {
        self.statistics.accepts_rearmed += 1;
        self.start(id);
    }

    /// Takes what is in the completion queue, as far as this wait may.
    fn reap(&mut self, before: usize, out: &mut Vec<Completion>) {
        let room = (before + self.completions_max).saturating_sub(out.len());
        let mut scratch = std::mem::take(&mut self.scratch);
        self.handle.take(room, &mut scratch);
        for entry in scratch.drain(..) {
            match entry.user_data() {
                CANCEL => {}
                WAKE => self.woken(entry.result(), out),
                data => self.completed(op_id(data), &entry, out),
            }
        }
        self.scratch = scratch;
    }

    fn woken(&mut self, result: i32, out: &mut Vec<Completion>) {
        self.wake_armed = false;
        self.arm_wake();
        if result > 0 {
            self.waker.acknowledge();
            self.statistics.woken += 1;
            out.push(Completion { token: WAKE_TOKEN, done: Done::Woken });
        }
    }

    fn completed(&mut self, id: OpId, entry: &cqueue::Entry, out: &mut Vec<Completion>) {
        let Some(running) = self.slots.get_mut(id) else {
            debug_assert!(false, "a completion without an operation");
            return;
        };
        let mut answer = answer(entry.result());
        if let Op::Send { patient, .. } = &mut running.op
            && std::mem::take(patient)
        {
            self.patient.remove(id);
            if answer == Err(Errno::AGAIN) {
                // The socket is full: now it waits, as if interrupted.
                answer = Err(Errno::INTR);
            }
        }
        let result = match &running.op {
            Op::Accept { .. } => {
                return self.accepted(id, answer, cqueue::more(entry.flags()), out);
            }
            Op::Recv { .. } | Op::Fsync { .. } | Op::Advise { .. } => match answer {
                Err(Errno::INTR) if running.cancelled => Some(Err(Errno::CANCELED)),
                Err(Errno::INTR) => None,
                answer => Some(answer),
            },
            op => advance(op, &mut running.done, running.total, answer, running.cancelled),
        };
        match result {
            Some(result) => self.end(id, result, cqueue::sock_nonempty(entry.flags()), out),
            None => {
                self.statistics.continued += 1;
                self.start(id);
            }
        }
    }

    fn accepted(
        &mut self,
        id: OpId,
        answer: Result<usize, Errno>,
        still_armed: bool,
        out: &mut Vec<Completion>,
    ) {
        let Some(running) = self.slots.get_mut(id) else { return };
        let token = running.token;
        let mut end = running.cancelled.then_some(Errno::CANCELED);
        let mut pause = false;
        match answer {
            Ok(fd) => {
                running.pause.forget();
                let fd = i32::try_from(fd).unwrap_or(-1);
                // SAFETY: a successful accept's result is a descriptor made for this completion.
                let socket = unsafe { OwnedFd::from_raw_fd(fd) };
                out.push(Completion { token, done: Done::Accepted(Ok(socket)) });
            }
            Err(Errno::CANCELED) => {
                end = Some(Errno::CANCELED);
            }
            Err(errno) => match verdict(errno) {
                Verdict::Next => {}
                Verdict::Pause => {
                    out.push(Completion { token, done: Done::Accepted(Err(errno)) });
                    pause = true;
                }
                Verdict::End => end = end.or(Some(errno)),
            },
        }
        match end {
            _ if still_armed => {}
            Some(errno) => self.end(id, Err(errno), false, out),
            None if pause => {
                running.pause.begin(Instant::now());
                self.paused.push(id);
            }
            None => self.rearm(id),
        }
    }

    /// Reports the patient sends that have succeeded, if that can be told.
    fn report_patient(&mut self, out: &mut Vec<Completion>) {
        if !self.patient.has_handed_over() || !self.handle.is_drained() {
            return;
        }
        for id in self.patient.succeeded() {
            if let Some(running) = self.slots.remove(id) {
                let done = finish(running.op, Ok(running.total), false);
                out.push(Completion { token: running.token, done });
            }
        }
    }

    /// Frees the slot: the kernel has let go of it.
    fn end(
        &mut self,
        id: OpId,
        result: Result<usize, Errno>,
        more: bool,
        out: &mut Vec<Completion>,
    ) {
        if let Some(running) = self.slots.remove(id) {
            let done = finish(running.op, result, more);
            out.push(Completion { token: running.token, done });
        }
    }
}

fn answer(result: i32) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| Errno::from_raw_os_error(result.saturating_neg()))
}

fn sleep(deadline: Option<Instant>, resume: Option<Instant>) -> Sleep {
    let end = match (deadline, resume) {
        (Some(deadline), Some(resume)) => deadline.min(resume),
        (Some(end), None) | (None, Some(end)) => end,
        (None, None) => return Sleep::Forever,
    };
    match end.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Sleep::No,
        left => Sleep::AtMost(left),
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.closing = true;
        for id in self.slots.ids() {
            self.cancel(id);
        }
        if self.wake_armed {
            self.push(opcode::AsyncCancel::new(WAKE).build().user_data(CANCEL));
        }
        let give_up = Instant::now() + DROP_WAIT_MAX;
        let mut out = Vec::new();
        while self.slots.len() > 0 || self.wake_armed {
            let failed = self.wait_for_one(give_up, &mut out).is_err();
            out.clear();
            if failed || Instant::now() >= give_up {
                break;
            }
        }
        let kept = self.slots.len();
        if kept > 0 || self.wake_armed {
            // A disk that does not answer: better lose the memory than let the kernel write to it
            // after it has become something else.
            std::mem::forget(std::mem::replace(&mut self.slots, Slots::new()));
            std::mem::forget(self.wake_buffer.take());
        }
        debug_assert!(kept == 0 || std::thread::panicking(), "the kernel kept {kept} operations");
    }
}

impl Ring {
    /// One turn of `wait` that returns even if only the wake-up read completed.
    fn wait_for_one(&mut self, end: Instant, out: &mut Vec<Completion>) -> Result<(), Errno> {
        self.refill();
        self.enter(sleep(Some(end), None), Some(end))?;
        self.reap(0, out);
        self.report_patient(out);
        Ok(())
    }
}
