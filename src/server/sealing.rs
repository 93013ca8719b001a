//! Sealing trains on cores that idle.
//!
//! Owns the pool that all shards share and each shard's judgement whether to use it. A train goes
//! to the pool whole, with its numbers and nonces settled, and comes back through the shard's
//! mailbox; the connection sends its trains in the order in which they were laid. It must not know
//! what is in a train. Invariant: a train is sealed once, by the pool or by its shard.
//!
//! It costs CPU: waking a worker, and a train that moves from one core's cache to another's. So
//! left to itself a shard sends trains away only while it has no time left, the connection's cipher
//! is slow, and trains come back soon, which they do not where other processes want the cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::limits::{
    OFFLOAD_BUSY_PERCENT_MIN, OFFLOAD_PAUSE, OFFLOAD_PICOS_A_BYTE_MIN, OFFLOAD_SLOWER_MAX,
    OFFLOAD_TRAIN_BYTES_MIN, TRAINS_PER_WORKER_MAX,
};
use super::mailbox::Mailbox;
use crate::reactor::{Buffer, Token};
use crate::ssh::{SealError, SealJob};

/// How many threads seal trains besides the shards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CryptoThreads {
    /// As many as there are cores but one; used while it pays.
    Auto,
    /// So many, used for every long train; none with 0.
    Fixed(usize),
}

impl CryptoThreads {
    fn count(self) -> usize {
        match self {
            Self::Fixed(count) => count,
            Self::Auto => {
                std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1)
            }
        }
    }
}

/// The threads, and what is under way on them.
pub(super) struct Pool {
    threads: rayon::ThreadPool,
    trains_max: usize,
    under_way: AtomicUsize,
    always: bool,
}

impl Pool {
    /// `None` where nothing is to be sealed but by the shards.
    ///
    /// # Errors
    /// The threads cannot be started.
    pub(super) fn new(threads: CryptoThreads) -> std::io::Result<Option<Arc<Self>>> {
        let count = threads.count();
        if count == 0 {
            return Ok(None);
        }
        let built = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|index| format!("crypto-{index}"))
            // The train it was about goes back as failed, and ends its connection.
            .panic_handler(|_| tracing::error!("sealing a train panicked"))
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Some(Arc::new(Self {
            threads: built,
            trains_max: count * TRAINS_PER_WORKER_MAX,
            under_way: AtomicUsize::new(0),
            always: threads != CryptoThreads::Auto,
        })))
    }
}

/// Room for one train on the pool.
pub(super) struct Seat(Arc<Pool>);

impl Seat {
    fn take(pool: &Arc<Pool>) -> Option<Self> {
        let room = |taken| (taken < pool.trains_max).then_some(taken + 1);
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        pool.under_way.fetch_update(set, get, room).ok().map(|_| Self(Arc::clone(pool)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Tells a train that is away from any other of this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TrainNumber(u64);

/// A train on its way back.
pub(super) struct SealedTrain {
    pub(super) token: Token,
    pub(super) number: TrainNumber,
    pub(super) sealed: Result<Buffer, SealError>,
    bytes: usize,
    /// From when it was sent away.
    took: Duration,
}

/// Delivers a train when it goes, whatever became of it.
struct Delivery {
    mailbox: Arc<Mailbox>,
    token: Token,
    number: TrainNumber,
    bytes: usize,
    sent: Instant,
    sealed: Result<Buffer, SealError>,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let sealed = std::mem::replace(&mut self.sealed, Err(SealError::Closed));
        let (token, number, bytes) = (self.token, self.number, self.bytes);
        let took = self.sent.elapsed();
        self.mailbox.train_sealed(SealedTrain { token, number, sealed, bytes, took });
    }
}

/// What sealing takes one connection of late, with the cipher it has.
#[derive(Default)]
pub(super) struct Pace {
    here: Option<u64>,
    away: Option<u64>,
    paused_until: Option<Instant>,
}

impl Pace {
    /// When a train began to be sealed on the shard, if it tells how fast the cipher is: a brief
    /// one tells what the call costs, and is never sent away.
    pub(super) fn begin(bytes: usize) -> Option<Instant> {
        (bytes >= OFFLOAD_TRAIN_BYTES_MIN).then(Instant::now)
    }

    /// A train that told something was sealed on the shard.
    pub(super) fn sealed_here(&mut self, bytes: usize, took: Duration) {
        average(&mut self.here, bytes, took);
    }

    /// A train has come back. Where they take much longer than here, cores are not idle.
    pub(super) fn came_back(&mut self, now: Instant, train: &SealedTrain) {
        average(&mut self.away, train.bytes, train.took);
        let (Some(here), Some(away)) = (self.here, self.away) else { return };
        if away > here.saturating_mul(OFFLOAD_SLOWER_MAX) {
            self.paused_until = Some(now + OFFLOAD_PAUSE);
            self.away = None;
        }
    }

    fn is_slow(&self) -> bool {
        self.here.is_some_and(|picos| picos >= OFFLOAD_PICOS_A_BYTE_MIN)
    }

    fn is_paused(&self, now: Instant) -> bool {
        self.paused_until.is_some_and(|until| now < until)
    }
}

/// Picoseconds a byte; each train counts an eighth.
fn average(picos_a_byte: &mut Option<u64>, bytes: usize, took: Duration) {
    let picos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).saturating_mul(1000);
    let now = picos / (bytes as u64).max(1);
    *picos_a_byte = Some(match *picos_a_byte {
        None => now,
        Some(before) => (before.saturating_mul(7).saturating_add(now)) / 8,
    });
}

/// One shard's way to the pool.
pub(super) struct Sealing {
    pool: Option<Arc<Pool>>,
    mailbox: Arc<Mailbox>,
    shard_busy: bool,
    /// What the trains sent away would have taken the shard.
    saved: Duration,
    /// Trains sent away.
    pub(super) trains: u64,
}

impl Sealing {
    pub(super) fn new(pool: Option<Arc<Pool>>, mailbox: Arc<Mailbox>) -> Self {
        Self { pool, mailbox, shard_busy: false, saved: Duration::ZERO, trains: 0 }
    }

    /// The shard was busy, or would have been, for so many hundredths of its time.
    pub(super) fn set_busy(&mut self, percent: u64) {
        self.shard_busy = percent >= OFFLOAD_BUSY_PERCENT_MIN;
    }

    /// Time saved since this was last asked.
    pub(super) fn take_saved(&mut self) -> Duration {
        std::mem::take(&mut self.saved)
    }

    /// Room on the pool for a train of so many bytes, if it is to go there.
    pub(super) fn seat(&self, now: Instant, bytes: usize, pace: &Pace) -> Option<Seat> {
        let pool = self.pool.as_ref()?;
        let pays = pool.always || (self.shard_busy && pace.is_slow() && !pace.is_paused(now));
        if bytes < OFFLOAD_TRAIN_BYTES_MIN || !pays {
            return None;
        }
        Seat::take(pool)
    }

    /// Seals a train on the pool; it comes back under `token` and the number that is returned.
    pub(super) fn send_away(
        &mut self,
        seat: Seat,
        token: Token,
        job: SealJob,
        mut buffer: Buffer,
        pace: &Pace,
    ) -> TrainNumber {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = TrainNumber(NEXT.fetch_add(1, Ordering::Relaxed));
        let bytes = job.bytes();
        self.trains += 1;
        let picos = pace.here.unwrap_or(0).saturating_mul(bytes as u64);
        self.saved += Duration::from_nanos(picos / 1000);
        let pool = Arc::clone(&seat.0);
        let mut delivery = Delivery {
            mailbox: Arc::clone(&self.mailbox),
            token,
            number,
            bytes,
            sent: Instant::now(),
            sealed: Err(SealError::Closed),
        };
        pool.threads.spawn_fifo(move || {
            // The whole of both, so that they go with the work and not before.
            let (delivery, _seat) = (&mut delivery, seat);
            delivery.sealed = job.seal(&mut buffer).map(|()| buffer);
        });
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::{DriverChoice, Reactor, ReactorLimits};

    const LONG: usize = OFFLOAD_TRAIN_BYTES_MIN;
    const SLOW: Duration = Duration::from_micros(OFFLOAD_TRAIN_BYTES_MIN as u64 / 1000);

    fn sealing(threads: CryptoThreads) -> (Sealing, Reactor) {
        let reactor = Reactor::new(DriverChoice::Poll, &ReactorLimits::default()).unwrap();
        let mailbox = Arc::new(Mailbox::new(reactor.waker()));
        (Sealing::new(Pool::new(threads).unwrap(), mailbox), reactor)
    }

    /// As if left to itself, whatever machine this is.
    fn automatic() -> (Sealing, Reactor) {
        let (mut sealing, reactor) = sealing(CryptoThreads::Fixed(1));
        if let Some(pool) = sealing.pool.as_mut().and_then(Arc::get_mut) {
            pool.always = false;
        }
        (sealing, reactor)
    }

    fn slow_cipher() -> Pace {
        let mut pace = Pace::default();
        pace.sealed_here(LONG, SLOW);
        pace
    }

    #[test]
    fn forbidden_and_forced() {
        let (now, pace) = (Instant::now(), Pace::default());
        assert!(sealing(CryptoThreads::Fixed(0)).0.seat(now, LONG, &pace).is_none());
        let (forced, _reactor) = sealing(CryptoThreads::Fixed(1));
        assert!(forced.seat(now, LONG - 1, &pace).is_none(), "a short train is not worth the way");
        let seats = [forced.seat(now, LONG, &pace), forced.seat(now, LONG, &pace)];
        assert!(seats.iter().all(Option::is_some));
        assert!(forced.seat(now, LONG, &pace).is_none(), "no more than a worker can soon take");
        drop(seats);
        assert!(forced.seat(now, LONG, &pace).is_some());
    }

    #[test]
    fn left_to_itself_it_needs_a_busy_shard_and_a_slow_cipher() {
        let (now, mut pace) = (Instant::now(), slow_cipher());
        let (mut own, _reactor) = automatic();
        assert!(own.seat(now, LONG, &pace).is_none());
        own.set_busy(99);
        let unknown = Pace::default();
        assert!(own.seat(now, LONG, &unknown).is_none(), "what the cipher takes is not known yet");
        assert!(own.seat(now, LONG, &pace).is_some());
        own.set_busy(10);
        assert!(own.seat(now, LONG, &pace).is_none());
        own.set_busy(99);
        (0..100).for_each(|_| pace.sealed_here(LONG, SLOW / 100));
        assert!(own.seat(now, LONG, &pace).is_none(), "the cipher is fast");
    }

    #[test]
    fn a_brief_train_does_not_tell_how_fast_the_cipher_is() {
        assert!(Pace::begin(LONG - 1).is_none());
        assert!(Pace::begin(LONG).is_some_and(|began| began <= Instant::now()));
    }

    #[test]
    fn workers_that_are_slow_are_left_alone_for_a_while() {
        let (now, mut pace) = (Instant::now(), slow_cipher());
        let (mut own, _reactor) = automatic();
        own.set_busy(99);
        let back = |took| SealedTrain {
            token: Token(1),
            number: TrainNumber(0),
            sealed: Err(SealError::Closed),
            bytes: LONG,
            took,
        };
        pace.came_back(now, &back(SLOW));
        assert!(own.seat(now, LONG, &pace).is_some());
        (0..30).for_each(|_| pace.came_back(now, &back(SLOW * 10)));
        assert!(own.seat(now, LONG, &pace).is_none());
        assert!(own.seat(now + OFFLOAD_PAUSE, LONG, &pace).is_some(), "and then tried again");
    }
}
