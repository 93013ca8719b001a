//! How much a peer sends in one round trip, from what is seen at our end.
//!
//! A core without a socket cannot ask the kernel for the round trip, but some things a peer can
//! only say after it has heard us: the first word about a channel, after our number for it; a byte
//! that needs a grant, after that grant. The time in between is a round trip and whatever the peer
//! did meanwhile, so the shortest such time is the closest. Knows nothing of sizes and budgets.
//! Invariant: the round trip only ever shrinks, and is never shorter than the link's was: a window
//! may grow larger than need be, and that no further than its bound.

use std::time::{Duration, Instant};

use crate::ssh::connection::limits::WINDOW_IDLE_TIMEOUT;

/// What an arrival has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    Nothing,
    /// A round trip is over, in which so many bytes came.
    Trip(u64),
    /// Nothing had come for so long that what was measured before is worth nothing.
    Silence,
}

/// The measurement of one channel.
#[derive(Debug, Default)]
pub(super) struct Rate {
    round_trip: Option<Duration>,
    /// Bytes that have arrived in all.
    arrived: u64,
    /// When a grant was sent, and how many bytes have arrived once one has that it permits.
    grant: Option<(Instant, u64)>,
    /// When the running measurement began, and the bytes that had arrived then.
    since: Option<(Instant, u64)>,
    latest: Option<Instant>,
}

impl Rate {
    /// The shortest round trip there was.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Something took a round trip and perhaps more.
    pub(super) fn took(&mut self, time: Duration) {
        self.round_trip = Some(self.round_trip.map_or(time, |shortest| shortest.min(time)));
    }

    /// A grant goes out to a peer that may still send `left` bytes without it.
    pub(super) fn granted(&mut self, now: Instant, left: u32) {
        // One at a time: the next one is watched when this one has been used.
        self.grant.get_or_insert((now, self.arrived + u64::from(left)));
    }

    /// `bytes` arrive.
    pub(super) fn arrives(&mut self, now: Instant, bytes: u32) -> Seen {
        let seen = self.look(now);
        self.arrived += u64::from(bytes);
        self.latest = Some(now);
        if let Some((sent, _)) = self.grant.take_if(|(_, permitted)| self.arrived > *permitted) {
            self.took(now.saturating_duration_since(sent));
        }
        seen
    }

    /// What came up to `now`, without what comes at `now`: a peer that sends a window at a time
    /// would have two of them in one round trip otherwise.
    fn look(&mut self, now: Instant) -> Seen {
        let silent = |at: Instant| now.saturating_duration_since(at) >= WINDOW_IDLE_TIMEOUT;
        let (start, before) = *self.since.get_or_insert((now, self.arrived));
        if self.latest.is_some_and(silent) {
            self.since = Some((now, self.arrived));
            return Seen::Silence;
        }
        let Some(round_trip) = self.round_trip else { return Seen::Nothing };
        let passed = now.saturating_duration_since(start);
        if passed < round_trip || passed.is_zero() {
            return Seen::Nothing;
        }
        self.since = Some((now, self.arrived));
        let bytes = u128::from(self.arrived - before);
        let a_trip = bytes * round_trip.as_nanos() / passed.as_nanos();
        Seen::Trip(u64::try_from(a_trip).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn bytes_of_a_trip_are_those_of_its_share_of_the_time() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        assert_eq!(rate.arrives(start, 500), Seen::Nothing, "no round trip is known");
        rate.took(10 * MS);
        assert_eq!(rate.arrives(start + 9 * MS, 500), Seen::Nothing);
        // 1,000 in 20 ms; what comes now is the next measurement's.
        assert_eq!(rate.arrives(start + 20 * MS, 7), Seen::Trip(500));
        assert_eq!(rate.arrives(start + 30 * MS, 1), Seen::Trip(7));
    }

    #[test]
    fn the_byte_a_grant_permits_ends_a_round_trip() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        rate.granted(start, 100);
        rate.granted(start + MS, 200);
        rate.arrives(start + 5 * MS, 100);
        assert_eq!(rate.round_trip(), None, "these needed no grant");
        rate.arrives(start + 8 * MS, 1);
        assert_eq!(rate.round_trip(), Some(8 * MS));
        // A slower one changes nothing.
        rate.granted(start + 10 * MS, 0);
        rate.arrives(start + 30 * MS, 1);
        assert_eq!(rate.round_trip(), Some(8 * MS));
        rate.granted(start + 40 * MS, 0);
        rate.arrives(start + 43 * MS, 1);
        assert_eq!(rate.round_trip(), Some(3 * MS));
    }

    #[test]
    fn silence_is_told_once_and_measured_anew() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        rate.took(MS);
        rate.arrives(start, 1_000_000);
        let later = start + WINDOW_IDLE_TIMEOUT;
        assert_eq!(rate.arrives(later, 10), Seen::Silence);
        assert_eq!(rate.arrives(later + MS, 10), Seen::Trip(10));
    }

    #[test]
    fn a_clock_that_stands_still_measures_nothing() {
        let (mut rate, start) = (Rate::default(), Instant::now());
        rate.took(Duration::ZERO);
        for _ in 0..10 {
            assert_eq!(rate.arrives(start, 1000), Seen::Nothing);
        }
        assert_eq!(rate.arrives(start + MS, 1), Seen::Trip(0));
    }
}
