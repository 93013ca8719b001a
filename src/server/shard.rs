//! A shard: one thread, one reactor, the connections placed on it.
//!
//! ```text
//! loop { wait for completions -> note each on its connection -> give connections their turn }
//! ```
//!
//! Nothing in the loop waits but `reactor.wait`, and that only while nobody waits for a turn.
//! Connections stay on their shard for life.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use slab::Slab;

use super::accept::Acceptor;
use super::blocking::Blocking;
use super::connection::{Driver, Place};
use super::gathering::Turned;
use super::job::{Finished, Jobs};
use super::limits::{
    GATHER_TIME, LARGE_BUFFER_BYTES, LOAD_INTERVAL, SHARD_BUFFER_BYTES_MAX, SHARD_FREE_BYTES_MAX,
    SMALL_BUFFER_BYTES, STOP_TIMEOUT, TRAIN_BYTES_MAX, TRAIN_BYTES_MAX_SHARED, TURN_TIME_MAX,
};
use super::mailbox::{Arrival, Mailbox};
use super::placement::Load;
use super::sealing::{Pool, SealedTrain, Sealing};
use super::settings::Settings;
use super::stop::Stop;
use super::turns::{Turns, Weight, was_lately};
use super::verdicts::{Judged, VerdictThreads, Verdicts};
use crate::reactor::{
    BufferPool, Completion, Done, Op, PoolLimits, Reactor, Slices, Timers, Token, WAKE_TOKEN,
    ask_for_slices, thread_cpu_time,
};
use crate::ssh::Connection;

/// Tokens from here on are listeners'; a connection's token never has this bit.
const LISTENER: u64 = 1 << 63;

pub(super) struct Shard {
    index: usize,
    settings: Arc<Settings>,
    jobs: Jobs,
    verdicts: Verdicts,
    reactor: Reactor,
    pool: BufferPool,
    timers: Timers,
    sealing: Sealing,
    drivers: Slab<Driver>,
    turns: Turns,
    /// When light connections last had a turn.
    last_light: Option<Instant>,
    /// What it asked of the scheduler; `None` before it did.
    slices: Option<Slices>,
    /// The connections that are at work; kept for its room.
    round: Vec<usize>,
    mailbox: Arc<Mailbox>,
    load: Arc<Load>,
    /// Every shard's, this one's among them.
    loads: Vec<Arc<Load>>,
    acceptor: Option<Arc<Acceptor>>,
    stop: Arc<Stop>,
    stopping: Option<Instant>,
    measured: Instant,
    /// Bytes moved since then.
    bytes_moved: u64,
    /// Who had a turn since it slept.
    turned: Turned,
    /// CPU time of this thread then.
    worked: Duration,
}

/// The time at the start of a turn; operations of one turn share it.
#[derive(Clone, Copy)]
struct Clock {
    now: Instant,
    /// Seconds since 1970.
    wall: i64,
}

impl Clock {
    fn read() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { now: Instant::now(), wall: i64::try_from(wall.as_secs()).unwrap_or(i64::MAX) }
    }
}

/// What a shard is built of.
pub(super) struct Parts {
    pub(super) index: usize,
    pub(super) settings: Arc<Settings>,
    pub(super) blocking: Blocking,
    pub(super) verdicts: VerdictThreads,
    pub(super) sealing: Option<Arc<Pool>>,
    pub(super) reactor: Reactor,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) load: Arc<Load>,
    pub(super) loads: Vec<Arc<Load>>,
    pub(super) acceptor: Option<Arc<Acceptor>>,
    pub(super) stop: Arc<Stop>,
}

impl Shard {
    pub(super) fn new(parts: Parts) -> Self {
        let limits = PoolLimits {
            small_bytes: SMALL_BUFFER_BYTES,
            large_bytes: LARGE_BUFFER_BYTES,
            bytes_max: SHARD_BUFFER_BYTES_MAX,
            free_max: SHARD_FREE_BYTES_MAX,
        };
        let (blocking, mailbox) = (parts.blocking, Arc::clone(&parts.mailbox));
        let sealing = Sealing::new(parts.sealing, Arc::clone(&mailbox));
        let verdicts = Verdicts::new(parts.verdicts, Arc::clone(&mailbox));
        let jobs = Jobs::Elsewhere { blocking, mailbox };
        Self {
            index: parts.index,
            settings: parts.settings,
            jobs,
            verdicts,
            reactor: parts.reactor,
            pool: BufferPool::new(limits),
            timers: Timers::new(),
            sealing,
            drivers: Slab::new(),
            turns: Turns::default(),
            last_light: None,
            slices: None,
            round: Vec::new(),
            mailbox: parts.mailbox,
            load: parts.load,
            loads: parts.loads,
            acceptor: parts.acceptor,
            stop: parts.stop,
            stopping: None,
            measured: Instant::now(),
            bytes_moved: 0,
            turned: Turned::default(),
            worked: Duration::ZERO,
        }
    }

    /// Serves until it is told to stop and its connections are gone.
    pub(super) fn run(mut self) -> Result<(), rustix::io::Errno> {
        self.want_slices(Slices::Short);
        self.listen();
        let mut completions = Vec::new();
        let mut clock = Clock::read();
        loop {
            let deadline = self.deadline(clock.now);
            if self.turned.take() && self.turns.is_empty() {
                self.reactor.gather(GATHER_TIME);
            }
            self.reactor.wait(deadline, &mut completions)?;
            clock = Clock::read();
            for completion in completions.drain(..) {
                self.complete(clock, completion);
            }
            self.expire(clock);
            self.progress(clock);
            self.measure(clock.now);
            if self.stop.requested() && self.stopped(clock) {
                break;
            }
        }
        let trains_sealed_elsewhere = self.sealing.trains;
        tracing::debug!(shard = self.index, trains_sealed_elsewhere, "shard stopped");
        Ok(())
    }

    fn want_slices(&mut self, slices: Slices) {
        if self.slices.replace(slices) != Some(slices)
            && let Err(error) = ask_for_slices(slices)
        {
            tracing::debug!(shard = self.index, %error, "the scheduler does not listen");
        }
    }

    fn listen(&mut self) {
        let Some(acceptor) = self.acceptor.clone() else { return };
        for (index, listener) in acceptor.listeners.iter().enumerate() {
            let op = Op::Accept { listener: listener.socket.clone() };
            self.reactor.submit(Token(LISTENER | index as u64), op);
        }
    }

    fn deadline(&self, now: Instant) -> Option<Instant> {
        if !self.turns.is_empty() {
            return Some(now);
        }
        // While bytes move the load is measured, and once more when they have stopped; an idle
        // shard sleeps until something happens.
        let moves = self.bytes_moved > 0 || self.load.moves_bytes();
        let measure = moves.then(|| self.measured + LOAD_INTERVAL);
        [self.timers.next(), measure, self.stopping].into_iter().flatten().min()
    }

    fn complete(&mut self, clock: Clock, completion: Completion) {
        let Completion { token, done } = completion;
        if token == WAKE_TOKEN {
            for arrival in self.mailbox.take() {
                self.admit(clock.now, arrival);
            }
            for finished in self.mailbox.take_finished() {
                self.job_finished(clock, finished);
            }
            for train in self.mailbox.take_sealed() {
                self.train_sealed(clock.now, train);
            }
            for judged in self.mailbox.take_judged() {
                self.judged(clock, judged);
            }
            return;
        }
        if token.0 & LISTENER != 0 {
            self.accepted(clock.now, token, done);
            return;
        }
        let slot = Driver::slot_of(token);
        if let Some(driver) = self.drivers.get_mut(slot) {
            driver.complete(token, done);
            self.turns.add(slot, driver.weight(clock.now));
        }
    }

    fn train_sealed(&mut self, now: Instant, train: SealedTrain) {
        let slot = Driver::slot_of(train.token);
        if let Some(driver) = self.drivers.get_mut(slot) {
            driver.train_sealed(now, train);
            self.turns.add(slot, driver.weight(now));
        }
    }

    fn job_finished(&mut self, clock: Clock, finished: Finished) {
        let slot = Driver::slot_of(finished.token);
        let (drivers, turns, mut place) = self.split(clock);
        let unwanted = match drivers.get_mut(slot) {
            Some(driver) => {
                turns.add(slot, driver.weight(clock.now));
                driver.job_finished(&mut place, finished)
            }
            None => Some(finished),
        };
        if let Some(Finished { user, result, .. }) = unwanted {
            // A file it has opened may be on a file system that hangs.
            self.jobs.drop_elsewhere(&user, result);
        }
    }

    fn judged(&mut self, clock: Clock, judged: Judged) {
        let slot = Driver::slot_of(judged.token);
        let (drivers, turns, place) = self.split(clock);
        if let Some(driver) = drivers.get_mut(slot) {
            driver.verdict_came(&place, judged);
            turns.add(slot, driver.weight(clock.now));
        }
    }

    fn accepted(&mut self, now: Instant, token: Token, done: Done) {
        let Some(acceptor) = self.acceptor.clone() else { return };
        match done {
            Done::Accepted(Ok(socket)) if !self.stop.requested() => acceptor.place(socket, now),
            Done::Accepted(Err(errno)) => {
                tracing::warn!(error = %errno, "a connection could not be accepted");
            }
            Done::AcceptEnded(errno) if !self.stop.requested() => {
                tracing::warn!(?errno, "accepting ended; it starts again");
                let index = (token.0 & !LISTENER) as usize;
                if let Some(listener) = acceptor.listeners.get(index) {
                    let op = Op::Accept { listener: listener.socket.clone() };
                    self.reactor.submit(token, op);
                }
            }
            _ => {}
        }
    }

    fn admit(&mut self, now: Instant, arrival: Arrival) {
        let entry = self.drivers.vacant_entry();
        let slot = entry.key();
        let random = super::run::random();
        let ssh = Connection::server(self.settings.roll.get().ssh.clone(), random, now);
        let number = u32::try_from(slot).unwrap_or(u32::MAX);
        entry.insert(Driver::new(arrival, number, ssh, now));
        self.turns.add(slot, Weight::Stranger);
    }

    /// The connections, their turns, and the rest of the shard for whoever is at work.
    fn split(&mut self, clock: Clock) -> (&mut Slab<Driver>, &mut Turns, Place<'_>) {
        let place = Place {
            shard: self.index,
            settings: &self.settings,
            jobs: &self.jobs,
            verdicts: &self.verdicts,
            reactor: &mut self.reactor,
            pool: &self.pool,
            sealing: &mut self.sealing,
            now: clock.now,
            train_bytes_max: match was_lately(self.last_light, clock.now) {
                true => TRAIN_BYTES_MAX_SHARED,
                false => TRAIN_BYTES_MAX,
            },
            turn_ends: Instant::now() + TURN_TIME_MAX,
            wall_clock: clock.wall,
        };
        (&mut self.drivers, &mut self.turns, place)
    }

    fn expire(&mut self, clock: Clock) {
        while let Some(token) = self.timers.next_expired(clock.now) {
            let slot = Driver::slot_of(token);
            let (drivers, turns, mut place) = self.split(clock);
            if let Some(driver) = drivers.get_mut(slot) {
                driver.timed_out(&mut place);
                turns.add(slot, driver.weight(clock.now));
            }
        }
    }

    fn progress(&mut self, clock: Clock) {
        let mut round = std::mem::take(&mut self.round);
        if self.turns.take_round(&mut round) {
            self.last_light = Some(clock.now);
            self.want_slices(Slices::Short);
        }
        for slot in round.drain(..) {
            self.turn(clock, slot);
        }
        self.round = round;
    }

    /// One connection carries on as far as its turn lasts.
    fn turn(&mut self, clock: Clock, slot: usize) {
        let (drivers, turns, mut place) = self.split(clock);
        let Some(driver) = drivers.get_mut(slot) else { return };
        driver.progress(&mut place);
        let moved = driver.take_bytes_moved();
        let gathers = driver.gathers();
        let token = Token(slot as u64);
        if driver.is_gone() {
            let driver = drivers.remove(slot);
            self.load.remove_connection();
            let connections = self.loads.iter().map(|load| load.connections()).sum();
            let (_, _, mut place) = self.split(clock);
            driver.finish(&mut place, connections);
            self.timers.clear(token);
        } else {
            if driver.wants_turn() {
                turns.add(slot, driver.weight(clock.now));
            }
            match driver.next_deadline(place.settings) {
                Some(deadline) => self.timers.set(token, deadline),
                None => self.timers.clear(token),
            }
        }
        self.bytes_moved += moved;
        self.turned.note(gathers);
    }

    fn measure(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.measured);
        if passed < LOAD_INTERVAL {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes_moved);
        if bytes > 0 && !was_lately(self.last_light, now) {
            // Nobody on it waits for little: a shard with somebody who does is to run before it.
            self.want_slices(Slices::Usual);
        }
        let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
        let worked = thread_cpu_time();
        let own = worked.saturating_sub(std::mem::replace(&mut self.worked, worked));
        let saved = self.sealing.take_saved();
        let percent = |time: Duration| {
            let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            (time.saturating_mul(100) / millis).min(100)
        };
        self.load.set_work(bytes.saturating_mul(1000) / millis, percent(own));
        self.load.set_trains_sealed_elsewhere(self.sealing.trains);
        self.sealing.set_busy(percent(own + saved));
        self.measured = now;
    }

    /// Sees its connections off; `true` when it may go.
    fn stopped(&mut self, clock: Clock) -> bool {
        let now = clock.now;
        let until = *self.stopping.get_or_insert_with(|| {
            for (slot, driver) in &mut self.drivers {
                driver.disconnect("the server is stopping");
                self.turns.add(slot, Weight::Light);
            }
            now + STOP_TIMEOUT
        });
        self.progress(clock);
        if now >= until && !self.drivers.is_empty() {
            tracing::warn!(
                shard = self.index,
                connections = self.drivers.len(),
                "left at the deadline"
            );
        }
        self.drivers.is_empty() || now >= until
    }
}
