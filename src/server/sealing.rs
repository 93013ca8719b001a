//! Sealing trains on cores that idle.
//!
//! Owns the pool that all shards share and each shard's judgement whether to use it. A train goes
//! to the pool whole, with its numbers and nonces settled, and comes back through the shard's
//! mailbox; the connection sends its trains in the order in which they were laid. It must not know
//! what is in a train. Invariant: a train is sealed once, by the pool or by its shard.
//!
//! It costs CPU: waking a worker, and a train that moves from one core's cache to another's. So
//! left to itself a shard sends trains away only while it has no time left, its cipher is slow, and
//! workers answer in time, which they do not where other processes want the core.

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

/// Tells a train that is away from any other of this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TrainNumber(u64);

/// A train on its way back.
pub(super) struct SealedTrain {
    pub(super) token: Token,
    pub(super) number: TrainNumber,
    pub(super) buffer: Buffer,
    pub(super) result: Result<(), SealError>,
    bytes: usize,
    took: Duration,
}

/// One shard's judgement.
pub(super) struct Sealing {
    pool: Option<Arc<Pool>>,
    mailbox: Arc<Mailbox>,
    here: Pace,
    away: Pace,
    shard_busy: bool,
    paused_until: Option<Instant>,
    /// Trains sent away.
    pub(super) trains: u64,
}

/// What a byte takes to seal, of late.
#[derive(Default)]
struct Pace {
    picos_a_byte: Option<u64>,
}

impl Pace {
    /// Each train counts an eighth.
    fn add(&mut self, bytes: usize, took: Duration) {
        let picos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).saturating_mul(1000);
        let now = picos / (bytes as u64).max(1);
        self.picos_a_byte = Some(match self.picos_a_byte {
            None => now,
            Some(before) => (before.saturating_mul(7).saturating_add(now)) / 8,
        });
    }
}

impl Sealing {
    pub(super) fn new(pool: Option<Arc<Pool>>, mailbox: Arc<Mailbox>) -> Self {
        Self {
            pool,
            mailbox,
            here: Pace::default(),
            away: Pace::default(),
            shard_busy: false,
            paused_until: None,
            trains: 0,
        }
    }

    /// The shard was busy for so many of the last hundredths of its time.
    pub(super) fn set_busy(&mut self, percent: u64) {
        self.shard_busy = percent >= OFFLOAD_BUSY_PERCENT_MIN;
    }

    /// A train was sealed on the shard.
    pub(super) fn sealed_here(&mut self, bytes: usize, took: Duration) {
        self.here.add(bytes, took);
    }

    /// Whether a train of so many bytes is to be sent away.
    pub(super) fn wants(&self, now: Instant, bytes: usize) -> bool {
        let Some(pool) = &self.pool else { return false };
        let free = pool.under_way.load(Ordering::Relaxed) < pool.trains_max;
        let slow = || self.here.picos_a_byte.is_some_and(|it| it >= OFFLOAD_PICOS_A_BYTE_MIN);
        let paused = || self.paused_until.is_some_and(|until| now < until);
        let pays = pool.always || (self.shard_busy && slow() && !paused());
        bytes >= OFFLOAD_TRAIN_BYTES_MIN && free && pays
    }

    /// Seals a train on the pool; it comes back under `token` and the number that is returned.
    pub(super) fn send_away(
        &mut self,
        token: Token,
        job: SealJob,
        mut buffer: Buffer,
    ) -> TrainNumber {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = TrainNumber(NEXT.fetch_add(1, Ordering::Relaxed));
        let mailbox = Arc::clone(&self.mailbox);
        let pool = self.pool.clone();
        if let Some(pool) = &pool {
            pool.under_way.fetch_add(1, Ordering::Relaxed);
        }
        let shared = pool.clone();
        let work = move || {
            let (start, bytes) = (Instant::now(), job.bytes());
            let result = job.seal(&mut buffer);
            let took = start.elapsed();
            if let Some(pool) = shared {
                pool.under_way.fetch_sub(1, Ordering::Relaxed);
            }
            mailbox.train_sealed(SealedTrain { token, number, buffer, result, bytes, took });
        };
        self.trains += 1;
        match pool {
            Some(pool) => pool.threads.spawn_fifo(work),
            None => work(),
        }
        number
    }

    /// A train has come back. One that took much longer than here says that its core is not idle.
    pub(super) fn came_back(&mut self, now: Instant, train: &SealedTrain) {
        self.away.add(train.bytes, train.took);
        let (Some(here), Some(away)) = (self.here.picos_a_byte, self.away.picos_a_byte) else {
            return;
        };
        if away > here.saturating_mul(OFFLOAD_SLOWER_MAX) {
            self.paused_until = Some(now + OFFLOAD_PAUSE);
            self.away = Pace::default();
        }
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
        let mut pool = Pool::new(threads).unwrap();
        if let Some(pool) = pool.as_mut().and_then(Arc::get_mut) {
            pool.trains_max = 2;
        }
        (Sealing::new(pool, mailbox), reactor)
    }

    /// As if left to itself, whatever machine this is.
    fn automatic() -> (Sealing, Reactor) {
        let (mut sealing, reactor) = sealing(CryptoThreads::Fixed(1));
        if let Some(pool) = sealing.pool.as_mut().and_then(Arc::get_mut) {
            pool.always = false;
        }
        (sealing, reactor)
    }

    #[test]
    fn forbidden_and_forced() {
        let now = Instant::now();
        assert!(!sealing(CryptoThreads::Fixed(0)).0.wants(now, LONG));
        let (forced, _reactor) = sealing(CryptoThreads::Fixed(1));
        assert!(forced.wants(now, LONG));
        assert!(!forced.wants(now, LONG - 1), "a short train is not worth the way");
        let pool = forced.pool.as_ref().unwrap();
        pool.under_way.store(pool.trains_max, Ordering::Relaxed);
        assert!(!forced.wants(now, LONG), "no more trains than the workers can soon take");
    }

    #[test]
    fn left_to_itself_it_needs_a_busy_shard_and_a_slow_cipher() {
        let now = Instant::now();
        let (mut own, _reactor) = automatic();
        assert!(!own.wants(now, LONG));
        own.set_busy(99);
        assert!(!own.wants(now, LONG), "what the cipher takes is not known yet");
        own.sealed_here(LONG, SLOW);
        assert!(own.wants(now, LONG));
        own.set_busy(10);
        assert!(!own.wants(now, LONG));
        own.set_busy(99);
        (0..100).for_each(|_| own.sealed_here(LONG, SLOW / 100));
        assert!(!own.wants(now, LONG), "the cipher is fast");
    }

    #[test]
    fn workers_that_are_slow_are_left_alone_for_a_while() {
        let now = Instant::now();
        let (mut own, reactor) = automatic();
        own.set_busy(99);
        own.sealed_here(LONG, SLOW);
        let pool = crate::reactor::BufferPool::new(crate::reactor::PoolLimits::default());
        let back = |took| SealedTrain {
            token: Token(1),
            number: TrainNumber(0),
            buffer: pool.small().unwrap(),
            result: Ok(()),
            bytes: LONG,
            took,
        };
        own.came_back(now, &back(SLOW));
        assert!(own.wants(now, LONG));
        (0..30).for_each(|_| own.came_back(now, &back(SLOW * 10)));
        assert!(!own.wants(now, LONG));
        assert!(own.wants(now + OFFLOAD_PAUSE, LONG), "and then tried again");
        drop(reactor);
    }
}
