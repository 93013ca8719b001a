//! Threads for work that may take long: file systems that may hang, digests, copies.
//!
//! A shard never waits, so what may is done here. The threads are shared by all shards and started
//! as they are needed. No user has more than [`JOBS_PER_USER_MAX`] jobs running: one whose file
//! system hangs keeps that many threads and no more.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::limits::{BLOCKING_THREADS_MAX, IDLE_THREAD_TIMEOUT, JOBS_PER_USER_MAX};

/// Something to be done on another thread.
pub(super) type Work = Box<dyn FnOnce() + Send>;

/// Hands work to threads that may block.
#[derive(Clone, Default)]
pub(super) struct Blocking {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Each session has one job at most, so this is no longer than there are sessions.
    waiting: VecDeque<(Arc<str>, Work)>,
    running: HashMap<Arc<str>, usize>,
    threads: usize,
    idle: usize,
}

impl Blocking {
    /// Runs `work` as soon as a thread is free and `user` has less than his share running.
    ///
    /// Where no thread can be had at all the work is dropped, and with it whatever it would have
    /// answered with: its owner must answer from `drop`.
    pub(super) fn run(&self, user: &Arc<str>, work: Work) {
        let mut state = self.shared.lock();
        state.waiting.push_back((Arc::clone(user), work));
        if state.idle == 0 && state.threads < BLOCKING_THREADS_MAX {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name("blocking".to_owned());
            match thread.spawn(move || shared.serve()) {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => {
                    tracing::error!(%error, "no thread can be started for blocking work");
                    state.waiting.clear();
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
            if let Some((user, work)) = state.next() {
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
    fn next(&mut self) -> Option<(Arc<str>, Work)> {
        let running = &self.running;
        let may = |user: &Arc<str>| running.get(user).is_none_or(|&own| own < JOBS_PER_USER_MAX);
        let index = self.waiting.iter().position(|(user, _)| may(user))?;
        let (user, work) = self.waiting.remove(index)?;
        *self.running.entry(Arc::clone(&user)).or_default() += 1;
        Some((user, work))
    }

    fn ended(&mut self, user: &Arc<str>) {
        if let Some(own) = self.running.get_mut(user) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                self.running.remove(user);
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
