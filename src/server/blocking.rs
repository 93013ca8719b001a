//! Threads for work that may take long: file systems that may hang, digests, copies.
//!
//! A shard never waits, so what may is done here. The threads are shared by all shards and started
//! as they are needed. No user has more than [`JOBS_PER_USER_MAX`] jobs running: one whose file
//! system hangs keeps that many threads and no more.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::limits::{
    BLOCKING_THREADS_MAX, IDLE_THREAD_TIMEOUT, JOBS_PER_USER_MAX, JOBS_WAITING_PER_USER_MAX,
};

/// Something to be done on another thread.
pub(super) type Work = Box<dyn FnOnce() + Send>;

/// Hands work to threads that may block.
#[derive(Clone)]
pub(super) struct Blocking {
    shared: Arc<Shared>,
}

struct Shared {
    /// Jobs one user has running at once.
    share: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Arc<str>, Work)>,
    shares: HashMap<Arc<str>, Share>,
    threads: usize,
    idle: usize,
}

/// The jobs of one user.
#[derive(Default)]
struct Share {
    running: usize,
    waiting: usize,
}

impl Default for Blocking {
    fn default() -> Self {
        Self::with_share(JOBS_PER_USER_MAX)
    }
}

impl Blocking {
    /// Threads of which one user has at most `share`.
    pub(super) fn with_share(share: usize) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self { shared: Arc::new(Shared { share, state, changed }) }
    }

    /// Runs `work` as soon as a thread is free and `user` has less than his share running.
    ///
    /// Where too many of his wait, or no thread can be had at all, the work is dropped, and with it
    /// whatever it would have answered with: its owner must answer from `drop`.
    pub(super) fn run(&self, user: &Arc<str>, work: Work) {
        let waiting = self.shared.lock().shares.get(user).map_or(0, |share| share.waiting);
        if waiting < JOBS_WAITING_PER_USER_MAX {
            self.run_always(user, work);
        }
    }

    /// The same however many wait: for letting go of what is held.
    pub(super) fn run_always(&self, user: &Arc<str>, work: Work) {
        let mut state = self.shared.lock();
        state.waiting.push_back((Arc::clone(user), work));
        state.shares.entry(Arc::clone(user)).or_default().waiting += 1;
        // A thread that was woken counts as idle until it has the lock: one for each that waits.
        if state.waiting.len() > state.idle && state.threads < BLOCKING_THREADS_MAX {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("blocking".to_owned());
            match thread.spawn(move || shared.serve()) {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => {
                    tracing::error!(%error, "no thread can be started for blocking work");
                    state.waiting.clear();
                    state.shares.clear();
                }
                Err(_) => {}
            }
        }
        drop(state);
        self.shared.changed.notify_one();
    }
}

impl Shared {
    /// Jobs run outside the lock and cannot leave it poisoned half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread's life: until there has been nothing to do for a while.
    fn serve(&self) {
        let mut state = self.lock();
        loop {
            if let Some((user, work)) = state.next(self.share) {
                drop(state);
                // A job that panics answers from its own drop; the thread goes on.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                state = self.lock();
                state.ended(&user);
                // Another job of this user may have waited for this one's end.
                self.changed.notify_one();
                continue;
            }
            state.idle += 1;
            let waited = self.changed.wait_timeout(state, IDLE_THREAD_TIMEOUT);
            let (next, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = next;
            state.idle -= 1;
            if timeout.timed_out() && state.waiting.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

impl State {
    /// The first job whose user may have one more.
    fn next(&mut self, share: usize) -> Option<(Arc<str>, Work)> {
        let shares = &self.shares;
        let running = |user: &Arc<str>| shares.get(user).map_or(0, |share| share.running);
        let index = self.waiting.iter().position(|(user, _)| running(user) < share)?;
        let (user, work) = self.waiting.remove(index)?;
        let share = self.shares.entry(Arc::clone(&user)).or_default();
        share.waiting = share.waiting.saturating_sub(1);
        share.running += 1;
        Some((user, work))
    }

    fn ended(&mut self, user: &Arc<str>) {
        if let Some(share) = self.shares.get_mut(user) {
            share.running = share.running.saturating_sub(1);
            if share.running == 0 && share.waiting == 0 {
                self.shares.remove(user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn a_user_whose_jobs_hang_leaves_threads_for_the_others() {
        let blocking = Blocking::default();
        let (hung, other): (Arc<str>, Arc<str>) = ("hung".into(), "other".into());
        let (release, started) = (Arc::new(Mutex::new(())), mpsc::channel());
        let held = release.lock().unwrap();
        for _ in 0..JOBS_PER_USER_MAX + 3 {
            let (release, started) = (Arc::clone(&release), started.0.clone());
            blocking.run(
                &hung,
                Box::new(move || {
                    started.send(()).unwrap();
                    drop(release.lock());
                }),
            );
        }
        for _ in 0..JOBS_PER_USER_MAX {
            started.1.recv_timeout(LONG).unwrap();
        }
        let (done, answers) = mpsc::channel();
        blocking.run(&other, Box::new(move || done.send(7).unwrap()));
        assert_eq!(answers.recv_timeout(LONG), Ok(7));
        assert!(started.1.try_recv().is_err(), "more than his share ran");
        drop(held);
        for _ in 0..3 {
            started.1.recv_timeout(LONG).unwrap();
        }
    }

    /// Work that says that it runs, waits for the lock, and lets go of the sender when it ends.
    fn held(release: &Arc<Mutex<()>>, started: &mpsc::Sender<()>) -> Work {
        let (release, started) = (Arc::clone(release), started.clone());
        Box::new(move || {
            started.send(()).unwrap();
            drop(release.lock());
        })
    }

    #[test]
    fn two_jobs_at_once_do_not_wait_for_the_same_idle_thread() {
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        for _ in 0..50 {
            let blocking = Blocking::default();
            blocking.run(&one, Box::new(|| {}));
            while blocking.shared.lock().idle != 1 {
                std::thread::yield_now();
            }
            let (release, (started, starts)) = (Arc::new(Mutex::new(())), mpsc::channel());
            let lock = release.lock().unwrap();
            blocking.run(&one, held(&release, &started));
            blocking.run(&other, held(&release, &started));
            for _ in 0..2 {
                starts.recv_timeout(LONG).expect("one job waits behind the other");
            }
            drop((lock, started));
            assert!(starts.recv_timeout(LONG).is_err(), "both have ended");
        }
    }

    #[test]
    fn a_user_whose_jobs_pile_up_is_told_so() {
        let blocking = Blocking::default();
        let user: Arc<str> = "hung".into();
        let (release, (started, starts)) = (Arc::new(Mutex::new(())), mpsc::channel());
        let lock = release.lock().unwrap();
        for _ in 0..JOBS_PER_USER_MAX {
            blocking.run(&user, held(&release, &started));
            starts.recv_timeout(LONG).unwrap();
        }
        for _ in 0..JOBS_WAITING_PER_USER_MAX + 5 {
            blocking.run(&user, held(&release, &started));
        }
        drop((lock, started));
        // Those that were dropped dropped their senders.
        assert_eq!(starts.iter().count(), JOBS_WAITING_PER_USER_MAX);
    }

    #[test]
    fn a_job_that_panics_takes_no_thread_with_it() {
        let blocking = Blocking::default();
        let user: Arc<str> = "ann".into();
        let (done, answers) = mpsc::channel();
        for step in 0..2 * BLOCKING_THREADS_MAX {
            let done = done.clone();
            blocking.run(
                &user,
                Box::new(move || {
                    done.send(step).unwrap();
                    panic!("a job's own fault");
                }),
            );
        }
        let seen = (0..2 * BLOCKING_THREADS_MAX).filter(|_| answers.recv_timeout(LONG).is_ok());
        assert_eq!(seen.count(), 2 * BLOCKING_THREADS_MAX);
    }
}
