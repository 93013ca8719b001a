//! What reaches a shard from other threads: sockets that it is to serve, finished jobs, trains that
//! were sealed elsewhere, and verdicts that took work.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Mutex;

use super::admission::Ticket;
use super::job::Finished;
use super::sealing::SealedTrain;
use super::verdicts::Judged;
use crate::reactor::Waker;

/// A connection that was accepted and not yet served.
pub(super) struct Arrival {
    pub(super) socket: OwnedFd,
    pub(super) peer: SocketAddr,
    /// Number of the connection, unique in this process.
    pub(super) number: u64,
    /// Its place in the server.
    pub(super) ticket: Ticket,
    /// It begins with a PROXY header, and is judged by what that says.
    pub(super) proxied: bool,
}

/// One shard's letter box; any thread may drop something in.
pub(super) struct Mailbox {
    arrivals: Mutex<VecDeque<Arrival>>,
    finished: Mutex<Vec<Finished>>,
    sealed: Mutex<Vec<SealedTrain>>,
    judged: Mutex<Vec<Judged>>,
    waker: Waker,
}

impl Mailbox {
    pub(super) fn new(waker: Waker) -> Self {
        Self {
            arrivals: Mutex::default(),
            finished: Mutex::default(),
            sealed: Mutex::default(),
            judged: Mutex::default(),
            waker,
        }
    }

    pub(super) fn deliver(&self, arrival: Arrival) {
        // A poisoned lock means that shard is gone; the socket closes with the arrival.
        if let Ok(mut arrivals) = self.arrivals.lock() {
            arrivals.push_back(arrival);
        }
        self.waker.wake();
    }

    pub(super) fn take(&self) -> VecDeque<Arrival> {
        self.arrivals.lock().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default()
    }

    /// A job of one of the shard's sessions has ended.
    pub(super) fn finish(&self, finished: Finished) {
        if let Ok(mut all) = self.finished.lock() {
            all.push(finished);
        }
        self.waker.wake();
    }

    pub(super) fn take_finished(&self) -> Vec<Finished> {
        self.finished.lock().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default()
    }

    /// A train of one of the shard's connections is sealed.
    pub(super) fn train_sealed(&self, train: SealedTrain) {
        if let Ok(mut all) = self.sealed.lock() {
            all.push(train);
        }
        self.waker.wake();
    }

    /// A verdict on somebody who logs in on one of the shard's connections has come.
    pub(super) fn judged(&self, judged: Judged) {
        if let Ok(mut all) = self.judged.lock() {
            all.push(judged);
        }
        self.waker.wake();
    }

    pub(super) fn take_judged(&self) -> Vec<Judged> {
        self.judged.lock().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default()
    }

    pub(super) fn take_sealed(&self) -> Vec<SealedTrain> {
        self.sealed.lock().map(|mut all| std::mem::take(&mut *all)).unwrap_or_default()
    }
}
