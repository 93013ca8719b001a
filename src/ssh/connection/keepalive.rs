//! Finding out that a silent peer is gone: questions at an interval, so many of them.

use std::time::{Duration, Instant};

/// What a look at the clock says.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Tick {
    /// Nothing to do yet.
    Quiet,
    /// Ask for a sign of life.
    Ask,
    /// So many questions went unanswered.
    Dead(u32),
}

/// The silence of one peer. Any packet breaks it, an answer or not.
#[derive(Debug)]
pub(super) struct Keepalive {
    interval: Option<Duration>,
    count_max: u32,
    asked: u32,
    /// When to look again; set once somebody is logged in.
    due: Option<Instant>,
}

impl Keepalive {
    pub(super) fn new(interval: Option<Duration>, count_max: u32) -> Self {
        let interval = interval.filter(|interval| !interval.is_zero());
        Self { interval, count_max, asked: 0, due: None }
    }

    /// Starts watching: before login the login deadline does.
    pub(super) fn start(&mut self, now: Instant) {
        self.asked = 0;
        self.due = self.interval.and_then(|interval| now.checked_add(interval));
    }

    /// A packet arrived.
    pub(super) fn heard(&mut self, now: Instant) {
        if self.due.is_some() {
            self.start(now);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Looks at the clock. With `excused` the peer need not answer: we owe it something.
    pub(super) fn tick(&mut self, now: Instant, excused: bool) -> Tick {
        if self.due.is_none_or(|due| now < due) {
            return Tick::Quiet;
        }
        if excused {
            self.start(now);
            return Tick::Quiet;
        }
        if self.count_max > 0 && self.asked >= self.count_max {
            return Tick::Dead(self.asked);
        }
        let asked = self.asked.saturating_add(1);
        self.start(now);
        self.asked = asked;
        Tick::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_peer_is_asked_and_then_dead() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut keepalive = Keepalive::new(Some(second), 2);
        assert_eq!(keepalive.deadline(), None, "nobody is logged in");
        keepalive.start(start);
        assert_eq!(keepalive.tick(start, false), Tick::Quiet);
        assert_eq!(keepalive.tick(start + second, false), Tick::Ask);
        assert_eq!(keepalive.deadline(), Some(start + 2 * second));
        assert_eq!(keepalive.tick(start + 2 * second, false), Tick::Ask);
        assert_eq!(keepalive.tick(start + 3 * second, false), Tick::Dead(2));
    }

    #[test]
    fn any_packet_starts_the_count_again() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut keepalive = Keepalive::new(Some(second), 1);
        keepalive.start(start);
        let mut now = start;
        for _ in 0..10 {
            now += second;
            assert_eq!(keepalive.tick(now, false), Tick::Ask);
            keepalive.heard(now);
        }
        now += second;
        assert_eq!(keepalive.tick(now, true), Tick::Quiet, "we owe the peer a verdict");
    }

    #[test]
    fn a_count_of_zero_asks_for_ever() {
        let start = Instant::now();
        let mut keepalive = Keepalive::new(Some(Duration::from_secs(1)), 0);
        keepalive.start(start);
        for seconds in 1..100 {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(keepalive.tick(now, false), Tick::Ask);
        }
        assert_eq!(Keepalive::new(None, 3).tick(start, false), Tick::Quiet);
    }
}
