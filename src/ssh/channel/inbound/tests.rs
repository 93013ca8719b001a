use proptest::prelude::*;

use super::*;
use crate::ssh::connection::limits::WINDOW_IDLE_TIMEOUT;

const MIB: u32 = 1024 * 1024;
const MS: Duration = Duration::from_millis(1);
const START: u32 = 2 * MIB;

fn budget(bytes: u64) -> Arc<WindowBudget> {
    Arc::new(WindowBudget::new(bytes))
}

fn window(start: u32, max: u32, budget: &Arc<WindowBudget>) -> InboundWindow {
    InboundWindow::new(&WindowRules { start, max, budget: Arc::clone(budget) })
}

fn fixed(bytes: u32) -> InboundWindow {
    window(bytes, bytes, &budget(0))
}

impl InboundWindow {
    /// The peer uses all it has in the first moment of a round trip, the application takes it at
    /// once. What the peer may have under way after that.
    fn trip(&mut self, now: &mut Instant, round_trip: Duration, bytes_max: u32) -> u32 {
        let mut left = self.left.min(bytes_max);
        while left > 0 {
            let part = left.min(32 * 1024);
            self.receive(*now, part as usize).unwrap();
            self.consume(*now, part);
            left -= part;
        }
        *now += round_trip;
        self.check();
        self.target
    }

    fn check(&self) {
        let sum = u64::from(self.left) + u64::from(self.taken) + u64::from(self.credit);
        assert_eq!(sum, u64::from(self.target), "{self:?}");
        assert!(self.target >= self.start && self.target <= self.max, "{self:?}");
    }
}

/// A window whose peer is `round_trip` away and knows nothing but to send.
fn grown(round_trip: Duration, trips: u32, bytes_max: u32) -> (InboundWindow, Instant) {
    let mut window = window(START, 15 * MIB, &budget(1 << 30));
    let mut now = Instant::now();
    window.round_trip_took(round_trip);
    for _ in 0..trips {
        window.trip(&mut now, round_trip, bytes_max);
    }
    (window, now)
}

#[test]
fn credit_is_granted_an_eighth_at_a_time() {
    let (mut window, now) = (fixed(800), Instant::now());
    assert_eq!(window.receive(now, 300), Some(()));
    assert_eq!(window.consume(now, 99), None);
    assert_eq!(window.consume(now, 1), Some(100));
    assert_eq!(window.left(), 600);
    assert_eq!(window.consume(now, 150), Some(150));
    assert_eq!(window.consume(now, u32::MAX), None, "only 50 were left to consume");
    assert_eq!(window.receive(now, 750), Some(()));
    assert_eq!(window.receive(now, 1), None, "all of it is used or waits for its grant");
}

#[test]
fn a_window_of_one_byte_still_moves() {
    let (mut window, now) = (fixed(1), Instant::now());
    for _ in 0..100 {
        assert_eq!(window.receive(now, 1), Some(()));
        assert_eq!(window.receive(now, 1), None);
        assert_eq!(window.consume(now, 1), Some(1));
    }
}

#[test]
fn a_length_past_32_bits_is_not_a_short_one() {
    let (mut window, now) = (fixed(u32::MAX), Instant::now());
    assert_eq!(window.receive(now, (u32::MAX as usize) + 2), None);
    assert_eq!(window.left(), u32::MAX);
}

#[test]
fn a_peer_that_fills_its_window_each_round_trip_gets_twice_as_much_up_to_the_most() {
    // What a grant permits comes a round trip after it, and is measured in the one after that. A
    // little less than the whole window is used: the last grant is not due yet.
    let sizes = [1, 2, 3, 4, 6, 8].map(|trips| grown(100 * MS, trips, u32::MAX).0.target() / MIB);
    assert_eq!(sizes, [2, 4, 4, 7, 14, 15]);
    let mut huge = window(START, u32::MAX, &budget(u64::MAX));
    let mut now = Instant::now();
    huge.round_trip_took(100 * MS);
    // 2 MiB to 2 GiB is ten doublings, and each takes two round trips.
    for _ in 0..24 {
        huge.trip(&mut now, 100 * MS, u32::MAX);
    }
    assert_eq!(huge.target(), i32::MAX as u32);
}

#[test]
fn a_near_or_slow_or_unmeasured_peer_keeps_the_window_it_has() {
    assert_eq!(grown(Duration::ZERO, 50, u32::MAX).0.target(), START);
    assert_eq!(grown(MS / 2, 50, u32::MAX).0.target(), START);
    assert_eq!(grown(100 * MS, 50, MIB).0.target(), START, "half of it is never used");
    let (mut window, mut now) = (window(START, 15 * MIB, &budget(1 << 30)), Instant::now());
    for _ in 0..50 {
        window.receive(now, 1024).unwrap();
        window.consume(now, 1024);
        now += 100 * MS;
    }
    assert_eq!(window.target(), START);
}

#[test]
fn a_window_is_twice_what_the_link_carries() {
    // 3 MiB come in a round trip, whatever the window.
    assert_eq!(grown(100 * MS, 20, 3 * MIB).0.target(), 6 * MIB);
}

#[test]
fn grants_of_a_grown_window_come_as_often_as_those_of_a_small_one() {
    let (mut window, now) = grown(100 * MS, 10, u32::MAX);
    assert_eq!(window.target(), 15 * MIB);
    window.consume(now, u32::MAX);
    window.credit += std::mem::take(&mut window.left) - MIB;
    window.left = MIB;
    window.consume(now, 0);
    window.receive(now, GRANT_BYTES_MAX as usize).unwrap();
    assert_eq!(window.consume(now, GRANT_BYTES_MAX - 1), None);
    assert_eq!(window.consume(now, 1), Some(GRANT_BYTES_MAX));
}

#[test]
fn a_window_comes_down_by_what_is_not_granted_again() {
    let (mut window, now) = grown(100 * MS, 10, u32::MAX);
    let budget = Arc::clone(window.share_budget());
    assert_eq!(budget.drawn_bytes(), u64::from(13 * MIB));
    window.shrink();
    window.check();
    assert!(window.left() > 14 * MIB, "what was granted stays granted");
    let mut granted = 0;
    while window.target() > START {
        window.receive(now, 32 * 1024).unwrap();
        granted += window.consume(now, 32 * 1024).unwrap_or(0);
        window.check();
    }
    assert_eq!((granted, budget.drawn_bytes()), (0, 0));
    // And then it moves on as any other.
    window.receive(now, 256 * 1024).unwrap();
    assert_eq!(window.consume(now, 256 * 1024), Some(256 * 1024));
    drop(window);
    assert_eq!(budget.drawn_bytes(), 0);
}

#[test]
fn silence_and_an_application_that_falls_behind_bring_it_down() {
    let (mut window, mut now) = grown(100 * MS, 10, u32::MAX);
    now += WINDOW_IDLE_TIMEOUT;
    for _ in 0..13 {
        window.receive(now, MIB as usize).unwrap();
        window.consume(now, MIB);
    }
    assert_eq!(window.target(), START);
    let (mut window, now) = grown(100 * MS, 10, u32::MAX);
    for _ in 0..14 {
        window.receive(now, MIB as usize).unwrap();
    }
    window.consume(now, 14 * MIB);
    assert_eq!(window.target(), START);
    window.check();
}

#[test]
fn windows_that_share_a_budget_make_room_for_each_other() {
    let budget = budget(u64::from(20 * MIB));
    let mut windows: Vec<_> = (0..4).map(|_| window(START, 15 * MIB, &budget)).collect();
    for window in &mut windows {
        window.round_trip_took(100 * MS);
    }
    let mut now = Instant::now();
    let (first, others) = windows.split_at_mut(1);
    for _ in 0..10 {
        first[0].trip(&mut now, 100 * MS, u32::MAX);
    }
    assert_eq!(first[0].target(), 12 * MIB, "half of the budget");
    for _ in 0..30 {
        for window in first.iter_mut().chain(others.iter_mut()) {
            window.trip(&mut now, Duration::ZERO, u32::MAX);
        }
        now += 100 * MS;
    }
    for window in first.iter().chain(others.iter()) {
        let drawn = window.target() - START;
        assert!((3 * MIB..=5 * MIB).contains(&drawn), "{drawn} of four equal parts");
    }
    assert!(budget.drawn_bytes() <= u64::from(20 * MIB));
    drop(windows);
    assert_eq!(budget.drawn_bytes(), 0);
}

impl InboundWindow {
    fn share_budget(&self) -> &Arc<WindowBudget> {
        self.share.budget()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Receive(usize, u32),
    Consume(usize, u32),
    Shrink(usize),
    Wait(u64),
    Trip(usize, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop_oneof![0..4_000u32, 0..=u32::MAX];
    prop_oneof![
        6 => (0..3usize, bytes.clone()).prop_map(|(at, bytes)| Step::Receive(at, bytes)),
        6 => (0..3usize, bytes).prop_map(|(at, bytes)| Step::Consume(at, bytes)),
        1 => (0..3usize).prop_map(Step::Shrink),
        4 => (0..20u64).prop_map(Step::Wait),
        1 => Just(Step::Wait(20_000)),
        1 => (0..3usize, 0..50u64).prop_map(|(at, ms)| Step::Trip(at, ms)),
    ]
}

proptest! {
    /// Whatever happens: the parts of a window add up, the peer's view of its window is ours, and
    /// the budget counts what windows are larger than they began.
    #[test]
    fn every_byte_of_window_is_in_one_place(
        steps in prop::collection::vec(step(), 1..400),
        start in 1..3_000u32,
        max in 0..40_000u32,
        budget_bytes in 0..60_000u64,
    ) {
        let budget = budget(budget_bytes);
        let mut windows = [0; 3].map(|_| window(start, max, &budget));
        // What each peer believes it may send.
        let mut peers = [start; 3];
        let mut now = Instant::now();
        for step in steps {
            match step {
                Step::Receive(at, bytes) => {
                    // More often than not something that fits.
                    let bytes = if bytes < 4_000 { bytes.min(peers[at]) } else { bytes };
                    let received = windows[at].receive(now, bytes as usize).is_some();
                    prop_assert_eq!(received, bytes <= peers[at]);
                    peers[at] -= if received { bytes } else { 0 };
                }
                Step::Consume(at, bytes) => {
                    if let Some(grant) = windows[at].consume(now, bytes) {
                        prop_assert!(grant > 0);
                        peers[at] = peers[at].checked_add(grant).unwrap();
                    }
                }
                Step::Shrink(at) => windows[at].shrink(),
                Step::Wait(ms) => now += Duration::from_millis(ms),
                Step::Trip(at, ms) => windows[at].round_trip_took(Duration::from_millis(ms)),
            }
            let mut grown = 0;
            for (window, peer) in windows.iter().zip(peers) {
                window.check();
                prop_assert_eq!(window.left(), peer);
                grown += u64::from(window.target() - start);
            }
            prop_assert_eq!(budget.drawn_bytes(), grown);
            prop_assert!(grown <= budget_bytes);
        }
        // No window is ever stuck: a peer that has used it up gets more once all is consumed.
        for window in &mut windows {
            window.receive(now, window.left() as usize).unwrap();
            window.consume(now, u32::MAX);
            prop_assert!(window.left() > 0);
        }
        drop(windows);
        prop_assert_eq!(budget.drawn_bytes(), 0);
    }
}
