use std::sync::Arc;
use std::time::Duration;

use super::*;

const WINDOW: u32 = 1000;

fn window() -> WindowRules {
    WindowRules { start: WINDOW, max: WINDOW, budget: Arc::new(WindowBudget::new(0)) }
}

fn offer(window: u32) -> Offer {
    Offer { peer: 7, window, packet_max: 100 }
}

fn open_channel() -> Channel {
    let mut channel = Channel::offered(ChannelId(3), &window(), offer(1000));
    channel.accept(Instant::now());
    channel
}

/// What either side can do to end a channel.
#[derive(Clone, Copy, PartialEq, Debug)]
enum End {
    OurEof,
    OurClose,
    PeerEof,
    PeerClose,
}

#[test]
fn eof_and_close_in_every_order() {
    use End::*;
    let all = [OurEof, OurClose, PeerEof, PeerClose];
    // Every sequence of four out of four, repetitions too, up to the peer's CLOSE.
    for code in 0..256usize {
        let steps: Vec<End> = (0..4).map(|step| all[(code >> (2 * step)) & 3]).collect();
        let mut channel = open_channel();
        let (mut eofs, mut closes) = (0, 0);
        for (done, step) in steps.iter().enumerate() {
            let past = &steps[..done];
            let closed = past.contains(&OurClose);
            match step {
                OurEof => {
                    let sends = channel.send_eof();
                    assert_eq!(sends, !closed && !past.contains(&OurEof), "{steps:?}");
                    eofs += usize::from(sends);
                }
                OurClose => closes += usize::from(channel.send_close()),
                PeerEof => {
                    let news = channel.receive_eof().unwrap();
                    assert_eq!(news, !closed && !past.contains(&PeerEof), "{steps:?}");
                }
                PeerClose => {
                    closes += usize::from(channel.receive_close().unwrap());
                    assert_eq!(closes, 1, "CLOSE leaves exactly once: {steps:?}");
                    break;
                }
            }
            assert!(eofs <= 1 && closes <= 1, "{steps:?}");
            let can_send = !past.iter().chain([step]).any(|it| matches!(it, OurEof | OurClose));
            assert_eq!(channel.is_sendable(), can_send, "{steps:?}");
            assert_eq!(channel.send_window() > 0, can_send);
        }
    }
}

#[test]
fn data_after_eof_is_an_error_and_after_our_close_is_dropped() {
    let mut channel = open_channel();
    assert_eq!(channel.receive_data(Instant::now(), 10).unwrap(), Arrival::Deliver);
    assert!(channel.send_close());
    assert_eq!(channel.receive_data(Instant::now(), 10).unwrap(), Arrival::Drop);
    assert_eq!(channel.consume(Instant::now(), WINDOW), None, "no grants for what nobody wants");
    channel.receive_eof().unwrap();
    assert!(channel.receive_data(Instant::now(), 0).is_err());
}

#[test]
fn dropped_data_still_uses_the_window() {
    let mut channel = open_channel();
    channel.send_close();
    assert!(channel.receive_data(Instant::now(), WINDOW as usize).is_ok());
    assert!(channel.receive_data(Instant::now(), 1).is_err());
}

#[test]
fn data_past_the_window_is_an_error() {
    let mut channel = open_channel();
    assert!(channel.receive_data(Instant::now(), WINDOW as usize).is_ok());
    let error = channel.receive_data(Instant::now(), 1).unwrap_err();
    assert!(error.description.contains("window of 0"), "{error}");
}

#[test]
fn a_channel_that_is_not_open_takes_nothing() {
    let mut channel = Channel::opening(ChannelId(0), &window(), None, None);
    assert!(channel.receive_data(Instant::now(), 1).is_err());
    assert!(channel.receive_eof().is_err());
    assert!(channel.receive_close().is_err());
    assert!(channel.receive_adjust(1).is_err());
    assert!(channel.check_open().is_err());
    assert!(!channel.send_eof() && !channel.send_close());
    assert_eq!(channel.reserve(1), None);
    channel.confirm(offer(5)).unwrap();
    assert_eq!((channel.peer(), channel.send_window()), (7, 5));
    assert!(channel.confirm(offer(5)).is_err(), "confirmed twice");
    assert!(channel.refused().is_err(), "refused after it was confirmed");
}

#[test]
fn a_confirmation_without_packets_is_an_error() {
    let mut channel = Channel::opening(ChannelId(0), &window(), None, None);
    assert!(channel.confirm(Offer { peer: 0, window: 1, packet_max: 0 }).is_err());
}

#[test]
fn a_window_grown_past_32_bits_is_an_error() {
    let mut channel = open_channel();
    channel.receive_adjust(u32::MAX - 1000).unwrap();
    assert!(channel.receive_adjust(1).is_err());
    assert_eq!(channel.reserve(100), Some(100));
    assert!(channel.receive_adjust(1).is_err(), "reserved is not sent");
    channel.settle(100);
    channel.receive_adjust(100).unwrap();
    assert_eq!(channel.send_window(), u32::MAX);
}

#[test]
fn replies_are_counted_both_ways() {
    let mut channel = open_channel();
    for _ in 0..100_000 {
        assert!(!channel.receive_reply());
    }
    for _ in 0..REPLIES_AWAITED_MAX {
        assert!(channel.await_reply());
    }
    assert!(!channel.await_reply());
    assert!(channel.receive_reply());
    assert!(channel.await_reply());
}

fn channels(max: usize, open_timeout: Option<Duration>) -> Channels {
    let window = window();
    Channels::new(ChannelRules { max, window, kinds: vec!["session"], open_timeout })
}

#[test]
fn an_answer_that_comes_too_late_opens_nothing() {
    let (now, second) = (Instant::now(), Duration::from_secs(1));
    let mut channels = channels(3, Some(second));
    let [first, second_one] = [0, 1].map(|_| channels.open(now).unwrap());
    assert_eq!(channels.next_deadline(), Some(now + second));
    assert_eq!(channels.abandon_overdue(now), None);
    let late = [0, 1].map(|_| channels.abandon_overdue(now + second));
    assert_eq!(late, [Some(first), Some(second_one)]);
    assert_eq!((channels.abandon_overdue(now + second), channels.next_deadline()), (None, None));
    let channel = channels.get_mut(first).unwrap();
    assert!(channel.is_forgotten() && channel.check_open().is_err());
    assert!(channel.refused().is_ok());
    assert_eq!(channel.confirm(offer(5)).unwrap(), Confirmed::TooLate);
    assert_eq!(channel.receive_data(Instant::now(), 3).unwrap(), Arrival::Drop);
    assert_eq!(channel.reserve(1), None);
    assert!(!channel.receive_close().unwrap(), "our CLOSE has gone out");
    assert!(channel.confirm(offer(5)).is_err());
}

#[test]
fn numbers_are_not_used_twice_and_channels_are_counted() {
    let now = Instant::now();
    let mut channels = channels(2, None);
    let first = channels.offer(offer(1)).unwrap();
    let second = channels.open(now).unwrap();
    assert_eq!(channels.offer(offer(1)), None);
    assert!(channels.is_full());
    channels.remove(first);
    let third = channels.open(now).unwrap();
    assert!(third != first && third != second);
    assert!(channels.named(now, first.0).is_err());
    for _ in 0..1_000_000 {
        let id = channels.offer(offer(1));
        assert_eq!(id, None);
    }
    channels.remove(second);
    for _ in 0..100_000 {
        let id = channels.offer(offer(1)).unwrap();
        channels.remove(id);
    }
    assert_eq!(channels.len(), 1);
}
