//! What the peer may still send us (RFC 4254 5.2), and how much that should be.
//!
//! The window starts small. One that the peer uses more than half of in a round trip grows to twice
//! what it used, so that a peer at the far end of a long link is not stopped by us; a peer that is
//! near, or slow, never gets there. It shrinks again when the budget is wanted by others, when the
//! application falls behind, when nothing has come for a while, and when the caller says so. A
//! window cannot be taken back, so it shrinks by not granting again what was consumed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::budget::{Share, WindowBudget};
use super::rate::{Rate, Seen};
use crate::ssh::connection::limits::{
    GRANT_BYTES_MAX, GRANT_SHARE, ROUND_TRIP_MIN, WINDOW_BYTES_LIMIT,
};

/// How large the windows of a connection's channels are.
#[derive(Clone, Debug)]
pub(crate) struct WindowRules {
    /// Bytes each starts with.
    pub(crate) start: u32,
    /// Bytes one may grow to.
    pub(crate) max: u32,
    /// Where growth comes from.
    pub(crate) budget: Arc<WindowBudget>,
}

impl WindowRules {
    pub(crate) fn new(start: u32, max: u32, budget: &Arc<WindowBudget>) -> Self {
        Self { start, max, budget: Arc::clone(budget) }
    }
}

/// One channel's inbound window. Invariants: `left + taken + credit == target`, so a grant can
/// never carry the peer's window past the size we chose; and `target` is `start` plus what is drawn
/// from the budget.
#[derive(Debug)]
pub(crate) struct InboundWindow {
    start: u32,
    max: u32,
    target: u32,
    /// The target comes down to this before it may grow again.
    limit: u32,
    /// The peer may send so much.
    left: u32,
    /// The application has not consumed so much.
    taken: u32,
    /// Consumed or grown by, not granted yet.
    credit: u32,
    rate: Rate,
    share: Share,
}

impl InboundWindow {
    pub(crate) fn new(rules: &WindowRules) -> Self {
        let start = rules.start;
        let max = rules.max.min(WINDOW_BYTES_LIMIT).max(start);
        Self {
            start,
            max,
            target: start,
            limit: max,
            left: start,
            taken: 0,
            credit: 0,
            rate: Rate::default(),
            share: Share::new(Arc::clone(&rules.budget)),
        }
    }

    pub(crate) fn left(&self) -> u32 {
        self.left
    }

    /// The size we chose.
    pub(crate) fn target(&self) -> u32 {
        self.target
    }

    /// The peer has answered what it could not know before, `time` after it was told.
    pub(crate) fn round_trip_took(&mut self, time: Duration) {
        self.rate.took(time);
    }

    /// `bytes` arrived; `None` if the peer had no right to send them.
    pub(crate) fn receive(&mut self, now: Instant, bytes: usize) -> Option<()> {
        let bytes = u32::try_from(bytes).ok()?;
        self.left = self.left.checked_sub(bytes)?;
        self.taken += bytes;
        match self.rate.arrives(now, bytes) {
            Seen::Nothing => {}
            Seen::Silence => self.shrink(),
            Seen::Trip(bytes) => self.fit(bytes),
        }
        // What waits here is memory, and a larger window would only make it more.
        if self.taken > self.start {
            self.shrink();
        }
        Some(())
    }

    /// The application is done with `bytes` (what never arrived is not counted): the grant to send
    /// once enough has come together.
    pub(crate) fn consume(&mut self, now: Instant, bytes: u32) -> Option<u32> {
        let bytes = bytes.min(self.taken);
        self.taken -= bytes;
        self.credit += bytes;
        self.come_down();
        let enough = (self.target / GRANT_SHARE).clamp(1, GRANT_BYTES_MAX);
        if self.credit < enough {
            return None;
        }
        self.rate.granted(now, self.left);
        let grant = std::mem::take(&mut self.credit);
        self.left += grant;
        Some(grant)
    }

    /// The window goes back to its start size, as the peer uses it up.
    pub(crate) fn shrink(&mut self) {
        self.limit = self.start;
        self.come_down();
    }

    /// The peer sent `bytes` in the last round trip.
    fn fit(&mut self, bytes: u64) {
        if self.target > self.limit {
            return;
        }
        self.limit = self.max.min(self.start.saturating_add(self.share.fair_bytes()));
        if self.target > self.limit {
            return self.come_down();
        }
        if self.rate.round_trip().is_none_or(|time| time < ROUND_TRIP_MIN) {
            return;
        }
        // Twice what a round trip carries: the peer's next burst finds its window there already.
        // And no more than double, whatever one measurement says.
        let twice = u32::try_from(bytes.saturating_mul(2)).unwrap_or(u32::MAX);
        let wanted = twice.min(self.target.saturating_mul(2)).min(self.limit);
        let growth = self.share.draw(wanted.saturating_sub(self.target));
        self.target += growth;
        self.credit += growth;
    }

    fn come_down(&mut self) {
        let over = self.target.saturating_sub(self.limit).min(self.credit);
        self.target -= over;
        self.credit -= over;
        self.share.give_back(over);
    }
}

#[cfg(test)]
mod tests;
