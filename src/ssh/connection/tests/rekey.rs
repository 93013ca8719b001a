//! Keys exchanged anew under load, by either side, at random moments.

use std::time::Duration;

use super::pair::{Dice, Pair, Split, client_config, server_config};
use super::transfer::Trains;
use crate::ssh::{Event, SealError};

fn exchanges(pair: &Pair) -> usize {
    pair.server.events.iter().filter(|it| matches!(it, Event::KexDone { .. })).count()
}

#[test]
fn frames_and_keys_at_random_moments_sixty_four_deep() {
    for seed in 1..=8 {
        let (mut pair, ours, theirs) = Pair::with_session(server_config(), client_config());
        let mut dice = Dice::new(seed);
        pair.split = Split::Random(Dice::new(seed + 100), 100_000);
        let (up, down) = (dice.bytes(6 << 20), dice.bytes(6 << 20));
        let mut client = Trains::new(ours, up.clone(), 64);
        let mut server = Trains::new(theirs, down.clone(), 64);
        for turn in 0.. {
            assert!(turn < 100_000, "stuck, seed {seed}");
            match dice.roll(12) {
                0 => pair.client.connection.rekey(pair.now),
                1 => pair.server.connection.rekey(pair.now),
                2 => {
                    pair.client.connection.rekey(pair.now);
                    pair.server.connection.rekey(pair.now);
                }
                _ => {}
            }
            pair.now += Duration::from_millis(dice.roll(2000) as u64);
            client.go(&mut pair.client, pair.now, &mut pair.to_server);
            client.seal(&mut pair.client, dice.roll(3), pair.now, &mut pair.to_server);
            server.go(&mut pair.server, pair.now, &mut pair.to_client);
            server.seal(&mut pair.server, dice.roll(3), pair.now, &mut pair.to_client);
            pair.step();
            assert_eq!((pair.client.end(), pair.server.end()), (None, None), "seed {seed}");
            if client.is_done() && server.is_done() {
                break;
            }
        }
        pair.run();
        assert!(pair.server.data[&theirs] == up, "seed {seed}");
        assert!(pair.client.data[&ours] == down, "seed {seed}");
        assert!(exchanges(&pair) >= 5, "{} exchanges", exchanges(&pair));
    }
}

#[test]
fn copies_wait_out_an_exchange_and_are_bounded() {
    let (mut pair, ours, theirs) = Pair::with_session(server_config(), client_config());
    pair.server.connection.rekey(pair.now);
    pair.server.connection.poll_transmit(pair.now, &mut pair.to_client);
    assert!(!pair.server.connection.can_send_data());
    assert_eq!(pair.server.connection.reserve_data(theirs, 1), None);
    let data = Dice::new(1).bytes(1 << 20);
    let written = pair.server.connection.write(theirs, &data);
    assert!(written > 200_000 && written < 400_000, "{written} bytes queued");
    assert_eq!(pair.server.connection.write(theirs, &data[written..]), 0);
    pair.run();
    assert!(pair.server.connection.can_send_data());
    assert!(pair.client.data[&ours] == data[..written]);
    assert_eq!(exchanges(&pair), 2);
}

#[test]
fn a_reserved_frame_waits_out_an_exchange() {
    let (mut pair, ours, theirs) = Pair::with_session(server_config(), client_config());
    let frame = pair.server.connection.reserve_data(theirs, 4).unwrap();
    let mut bytes = vec![0; frame.frame_bytes()];
    bytes[frame.data_range()].copy_from_slice(b"wait");
    pair.server.connection.rekey(pair.now);
    assert_eq!(pair.server.connection.seal_data(&frame, &mut bytes), Err(SealError::Rekeying));
    assert_eq!(pair.server.connection.relayout(&frame), None);
    pair.run();
    pair.server.connection.seal_data(&frame, &mut bytes).unwrap();
    pair.to_client.extend(bytes);
    pair.run();
    assert_eq!(pair.client.data[&ours], b"wait");
}

#[test]
fn cve_2025_22869_a_peer_that_never_answers_a_kexinit_is_cut() {
    let (mut pair, _, theirs) = Pair::with_session(server_config(), client_config());
    pair.server.connection.rekey(pair.now);
    let mut lost = Vec::new();
    pair.server.connection.poll_transmit(pair.now, &mut lost);
    // Nothing reaches the client any more; the server's application writes what it may.
    let mut written = 0;
    while !pair.server.connection.is_closed() {
        let taken = pair.server.connection.write(theirs, &[0; 100_000]);
        written += taken;
        let now = pair.server.connection.next_deadline().unwrap();
        pair.now = pair.now.max(now);
        pair.server.connection.handle_timeout(pair.now);
    }
    assert!(written < 1 << 20, "{written} bytes kept for a peer that is not there");
}

#[test]
fn requests_and_closes_cross_an_exchange() {
    let (mut pair, ours, theirs) = Pair::with_session(server_config(), client_config());
    pair.split = Split::Random(Dice::new(11), 60);
    for round in 0..20 {
        pair.client.connection.rekey(pair.now);
        pair.client.connection.request_subsystem(ours, "sftp");
        pair.step();
        pair.server.connection.rekey(pair.now);
        pair.server.connection.write(theirs, b"line\n");
        pair.now += Duration::from_secs(60);
        pair.run();
        let replies = pair
            .client
            .events
            .iter()
            .filter(|it| matches!(it, Event::ChannelReply { success: true, .. }));
        assert_eq!(replies.count(), round + 1);
    }
    pair.client.connection.rekey(pair.now);
    pair.client.connection.close(ours);
    pair.run();
    assert!(pair.client.saw(|it| *it == Event::Closed { channel: ours }));
    assert_eq!(pair.client.data[&ours].len(), 100);
}
