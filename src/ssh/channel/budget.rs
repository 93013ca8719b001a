//! The memory that windows may grow into, shared by many connections.
//!
//! A window is a promise to keep what the peer sends, so the windows of all channels together are
//! what a process may have to hold. Each channel has its start size for nothing; what it grows by
//! is drawn from here and comes back when the window has shrunk or the channel is gone. Must not
//! know who draws. Invariant: what is drawn is never more than `bytes_max`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the windows of all connections that share it may grow by, in bytes.
#[derive(Debug)]
pub struct WindowBudget {
    bytes_max: u64,
    drawn: AtomicU64,
}

impl WindowBudget {
    /// Room for `bytes_max` bytes in all.
    pub fn new(bytes_max: u64) -> Self {
        Self { bytes_max, drawn: AtomicU64::new(0) }
    }

    /// Bytes there are in all.
    pub fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// Bytes that windows have grown by and not given back.
    pub fn drawn_bytes(&self) -> u64 {
        self.drawn.load(Ordering::Relaxed)
    }

    fn free_bytes(&self) -> u64 {
        self.bytes_max.saturating_sub(self.drawn_bytes())
    }
}

/// What one channel has drawn; dropping it gives all of it back.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<WindowBudget>,
    bytes: u32,
}

impl Share {
    pub(super) fn new(budget: Arc<WindowBudget>) -> Self {
        Self { budget, bytes: 0 }
    }

    #[cfg(test)]
    pub(super) fn budget(&self) -> &Arc<WindowBudget> {
        &self.budget
    }

    /// What the channel may have drawn in all: as much as it leaves free. So one channel never
    /// takes more than half, a few have as much as each can use, and many come to equal parts.
    pub(super) fn fair_bytes(&self) -> u32 {
        let half = (self.budget.free_bytes() + u64::from(self.bytes)) / 2;
        u32::try_from(half).unwrap_or(u32::MAX)
    }

    /// Draws `bytes` more, or what is left of them.
    pub(super) fn draw(&mut self, bytes: u32) -> u32 {
        let wanted = u64::from(bytes.min(u32::MAX - self.bytes));
        let mut got = 0;
        // Other shards draw too: what was free a moment ago need not be now.
        let fits = |drawn: u64| {
            got = wanted.min(self.budget.bytes_max.saturating_sub(drawn));
            Some(drawn + got)
        };
        let order = Ordering::Relaxed;
        let _ = self.budget.drawn.fetch_update(order, order, fits);
        let got = u32::try_from(got).unwrap_or(0);
        self.bytes += got;
        got
    }

    /// Gives `bytes` back.
    pub(super) fn give_back(&mut self, bytes: u32) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.drawn.fetch_sub(u64::from(bytes), Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(bytes_max: u64, count: usize) -> (Arc<WindowBudget>, Vec<Share>) {
        let budget = Arc::new(WindowBudget::new(bytes_max));
        let shares = (0..count).map(|_| Share::new(Arc::clone(&budget))).collect();
        (budget, shares)
    }

    #[test]
    fn no_more_is_drawn_than_there_is_and_dropping_gives_it_back() {
        let (budget, mut shares) = shares(100, 2);
        assert_eq!(shares[0].draw(70), 70);
        assert_eq!(shares[1].draw(70), 30);
        assert_eq!((shares[1].draw(1), budget.drawn_bytes()), (0, 100));
        shares[0].give_back(20);
        assert_eq!(budget.drawn_bytes(), 80);
        shares[0].give_back(u32::MAX);
        assert_eq!(budget.drawn_bytes(), 30, "nobody gives back what is another's");
        drop(shares);
        assert_eq!(budget.drawn_bytes(), 0);
    }

    #[test]
    fn a_budget_larger_than_any_window_does_not_wrap() {
        let (budget, mut shares) = shares(u64::MAX, 1);
        assert_eq!(shares[0].draw(u32::MAX), u32::MAX);
        assert_eq!(shares[0].draw(u32::MAX), 0);
        assert_eq!(budget.drawn_bytes(), u64::from(u32::MAX));
        assert_eq!(shares[0].fair_bytes(), u32::MAX);
    }

    #[test]
    fn many_who_want_all_of_it_come_to_equal_parts() {
        let (budget, mut shares) = shares(1_100, 10);
        // One comes first and takes what one may have.
        let first = shares[0].fair_bytes();
        assert_eq!(shares[0].draw(first), 550);
        for _ in 0..20 {
            for share in &mut shares {
                let (fair, has) = (share.fair_bytes(), share.bytes);
                share.draw(fair.saturating_sub(has));
                share.give_back(has.saturating_sub(fair));
            }
        }
        for share in &shares {
            assert!((95..=105).contains(&share.bytes), "{shares:?}");
        }
        assert!(budget.drawn_bytes() <= 1_100);
    }
}
