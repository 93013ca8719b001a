//! Telling a running server to stop, from any thread.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::reactor::Waker;

/// A request to stop, shared between the server and whoever may ask.
#[derive(Default)]
pub struct Stop {
    asked: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl Stop {
    /// Not asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the server to stop: it accepts no more, disconnects its peers and returns.
    pub fn request(&self) {
        self.asked.store(true, Ordering::Release);
        if let Ok(wakers) = self.wakers.lock() {
            wakers.iter().for_each(Waker::wake);
        }
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    pub(super) fn register(&self, waker: Waker) {
        if let Ok(mut wakers) = self.wakers.lock() {
            wakers.push(waker);
        }
    }
}
