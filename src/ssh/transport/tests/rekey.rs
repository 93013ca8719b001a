//! New keys in a running connection: from either side, from both, under traffic, and refused.

use super::*;
use crate::ssh::disconnect::DisconnectReason;
use crate::ssh::limits::{PEER_REKEYS_BEFORE_AUTH_MAX, PEER_REKEYS_IDLE_MAX};
use crate::ssh::numbers::{IGNORE, SERVICE_REQUEST, UNIMPLEMENTED};
use crate::ssh::rekey::Allowance;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Starter {
    Client,
    Server,
    Both,
}

fn start(pair: &mut Pair, starter: Starter) {
    if starter != Starter::Server {
        pair.client.transport.start_rekey(pair.now);
    }
    if starter != Starter::Client {
        pair.server.transport.start_rekey(pair.now);
    }
}

#[test]
fn from_either_side_and_from_both_with_every_cipher() {
    for suite in suites() {
        for starter in [Starter::Client, Starter::Server, Starter::Both] {
            let mut pair = Pair::connected_with(suite.client.clone(), server_config());
            let session = pair.client.transport.session_id().unwrap().to_vec();
            for round in 2..6 {
                start(&mut pair, starter);
                pair.run();
                for end in [&pair.client, &pair.server] {
                    assert_eq!(end.failure, None, "{starter:?} {suite:?}");
                    assert_eq!(end.exchanges(), round, "{starter:?} {suite:?}");
                    assert_eq!(end.transport.session_id(), Some(&session[..]));
                    assert_eq!(end.items.last(), Some(&Item::KexDone { first: false }));
                    assert!(!end.transport.is_exchanging());
                }
                pair.check_traffic();
            }
        }
    }
}

/// Frames and queued messages in both directions, bytes that arrive late and in pieces, and new
/// keys at any moment: everything arrives, in order.
#[test]
fn traffic_survives_new_keys_at_any_moment() {
    for seed in 0..30 {
        let mut dice = Dice::new(seed);
        let suite = suites().nth(usize::from(seed) % suites().count()).unwrap();
        let mut pair = Pair::connected_with(suite.client.clone(), server_config());
        let mut sent = [0u32, 0];
        let mut wires = [Vec::new(), Vec::new()];
        for _ in 0..600 {
            let side = dice.below(2);
            let (from, to) = match side {
                0 => (&mut pair.client, &mut pair.server),
                _ => (&mut pair.server, &mut pair.client),
            };
            let message = channel_data(&sent[side].to_be_bytes());
            match dice.below(10) {
                0..=2 => {
                    from.transport.queue(&message);
                    sent[side] += 1;
                }
                // Frames overtake what is queued but not sealed, so seal that first.
                3..=5 => {
                    wires[side].extend(from.transmit(pair.now));
                    let idle = from.transport.queued_bytes() == 0;
                    if let Ok(frame) = from.frame(&message) {
                        assert!(idle);
                        wires[side].extend(frame);
                        sent[side] += 1;
                    }
                }
                6 => from.transport.start_rekey(pair.now),
                7 => wires[side].extend(from.transmit(pair.now)),
                _ => {
                    let bytes = wires[side].len().min(dice.below(3000));
                    let arriving: Vec<u8> = wires[side].drain(..bytes).collect();
                    to.feed(pair.now, &arriving);
                    assert_eq!(to.failure, None, "seed {seed} {suite:?}");
                }
            }
        }
        pair.server.feed(pair.now, &wires[0]);
        pair.client.feed(pair.now, &wires[1]);
        pair.run();
        for (side, end) in [(0, &pair.server), (1, &pair.client)] {
            assert_eq!(end.failure, None, "seed {seed} {suite:?}");
            let want: Vec<_> = (0..sent[side]).map(|n| channel_data(&n.to_be_bytes())).collect();
            assert_eq!(end.payloads, want, "seed {seed} {suite:?}");
        }
        assert!(pair.client.exchanges() > 3, "seed {seed}: {}", pair.client.exchanges());
    }
}

#[test]
fn our_kexinit_holds_our_messages_but_not_the_peers() {
    let mut pair = Pair::connected();
    pair.server.transport.start_rekey(pair.now);
    assert_eq!(pair.server.transport.data_shape(), None);
    assert_eq!(pair.server.frame(&channel_data(b"x")), Err(SealError::Rekeying));
    pair.server.transport.queue(&channel_data(b"held"));
    pair.server.transport.unimplemented(77);
    let kexinit = pair.server.transmit(pair.now);
    assert_eq!(pair.server.transport.queued_bytes(), channel_data(b"held").len() + 8);

    // The client has not heard of it and goes on, from the queue and with frames.
    pair.client.transport.queue(&channel_data(b"before"));
    let mut up = pair.client.transmit(pair.now);
    up.extend(pair.client.frame(&channel_data(b"and a frame")).unwrap());
    pair.server.feed(pair.now, &up);
    assert_eq!(pair.server.payloads, [channel_data(b"before"), channel_data(b"and a frame")]);

    pair.client.feed(pair.now, &kexinit);
    assert_eq!(pair.client.items.last(), Some(&Item::Unimplemented { sequence: 77 }));
    assert_eq!(pair.client.transport.data_shape(), None, "it has answered with its own KEXINIT");
    pair.run();
    assert_eq!(pair.client.payloads, [channel_data(b"held")]);
    pair.check_traffic();
}

#[test]
fn the_directions_change_keys_on_their_own() {
    let mut pair = Pair::connected();
    pair.client.transport.start_rekey(pair.now);
    let up = pair.client.transmit(pair.now);
    pair.server.feed(pair.now, &up);
    let down = pair.server.transmit(pair.now);
    pair.client.feed(pair.now, &down);
    let up = pair.client.transmit(pair.now); // KEX_ECDH_INIT
    pair.server.feed(pair.now, &up);
    assert_eq!(pair.server.transport.data_shape(), None, "NEWKEYS has not left");
    let mut down = pair.server.transmit(pair.now); // KEX_ECDH_REPLY, NEWKEYS
    // The server sends under its new keys before the client has changed its own.
    down.extend(pair.server.frame(&channel_data(b"early")).unwrap());
    assert_eq!(pair.server.exchanges(), 1);
    pair.client.feed(pair.now, &down);
    assert_eq!(pair.client.payloads, [channel_data(b"early")]);
    pair.run();
    assert_eq!(pair.server.exchanges(), 2);
    pair.check_traffic();
}

#[test]
fn a_peer_that_sends_data_behind_its_kexinit_is_cut_off() {
    let mut service = vec![SERVICE_REQUEST];
    service.put_string(b"ssh-userauth");
    for message in [channel_data(b"x"), service, vec![192, 0, 0, 0, 0]] {
        let mut pair = Pair::connected();
        pair.client.transport.start_rekey(pair.now);
        pair.client.transport.push(&message);
        pair.run();
        let failure = pair.server.failure.unwrap();
        assert_eq!(failure.reason, DisconnectReason::ProtocolError);
        assert!(failure.description.contains("before NEWKEYS"), "{failure}");
        assert_eq!(pair.server.payloads.len(), 0);
    }
    // The transport's own messages may come, strict or not: that is for the first exchange.
    let mut pair = Pair::connected();
    pair.client.transport.start_rekey(pair.now);
    pair.client.transport.push(&[IGNORE, 0, 0, 0, 0]);
    pair.client.transport.push(&[UNIMPLEMENTED, 0, 0, 0, 9]);
    pair.client.transport.push(&[9]);
    pair.run();
    assert!(pair.server.items.contains(&Item::Unimplemented { sequence: 9 }));
    pair.check_traffic();
}

#[test]
fn a_second_kexinit_within_an_exchange_is_fatal() {
    let mut pair = Pair::connected();
    pair.client.transport.start_rekey(pair.now);
    let again = kexinit::write(
        Role::Client,
        &TransportConfig::default(),
        [4; 16],
        kexinit::Shape::default(),
    );
    pair.client.transport.push(&again);
    pair.run();
    assert!(pair.server.failure_text().contains("under way"), "{}", pair.server.failure_text());
}

#[test]
fn bytes_packets_and_time_ask_for_new_keys() {
    let by = |change: fn(&mut TransportConfig)| {
        let mut config = server_config();
        change(&mut config);
        Pair::connected_with(TransportConfig::default(), config)
    };
    let chunk = channel_data(&[0; 1000]);

    let mut bytes = by(|config| config.rekey_bytes = Some(10_000));
    for (sent, exchanges) in [(8, 1), (2, 2), (8, 2), (2, 3)] {
        for _ in 0..sent {
            bytes.client.transport.queue(&chunk);
        }
        bytes.run();
        assert_eq!(bytes.server.exchanges(), exchanges, "received bytes count");
    }
    for _ in 0..10 {
        let frame = bytes.server.frame(&chunk).unwrap();
        bytes.client.feed(bytes.now, &frame);
    }
    assert_eq!(bytes.server.transport.next_deadline(), Some(bytes.now), "it is due");
    bytes.run();
    assert_eq!(bytes.server.exchanges(), 4, "so do sent ones, sealed as frames");

    let mut packets = by(|config| config.rekey_packets = 10);
    for _ in 0..30 {
        packets.check_traffic();
    }
    assert_eq!(packets.server.exchanges(), 4);

    let mut time = by(|config| config.rekey_interval = Some(60 * SECOND));
    assert_eq!(time.server.transport.next_deadline(), Some(time.now + 60 * SECOND));
    assert_eq!(time.client.transport.next_deadline(), None);
    time.now += 59 * SECOND;
    time.server.transport.handle_timeout(time.now).unwrap();
    time.run();
    assert_eq!(time.server.exchanges(), 1);
    time.now += SECOND;
    time.server.transport.handle_timeout(time.now).unwrap();
    time.run();
    assert_eq!(time.server.exchanges(), 2);
    assert_eq!(time.server.transport.next_deadline(), Some(time.now + 60 * SECOND));
}

#[test]
fn before_authentication_nothing_is_used_up() {
    let config = TransportConfig {
        rekey_bytes: Some(1),
        rekey_packets: 1,
        rekey_interval: Some(SECOND),
        ..server_config()
    };
    let mut pair = Pair::with(TransportConfig::default(), config);
    pair.run();
    pair.check_traffic();
    pair.now += 5 * SECOND;
    pair.server.transport.handle_timeout(pair.now).unwrap();
    pair.run();
    assert_eq!(pair.server.exchanges(), 1);
    pair.server.transport.set_authenticated();
    pair.run();
    assert_eq!(pair.server.exchanges(), 2);
}

#[test]
fn new_keys_after_every_packet_are_served() {
    let config = TransportConfig { rekey_bytes: Some(1), ..TransportConfig::default() };
    let mut pair = Pair::connected_with(config, server_config());
    for _ in 0..3 * PEER_REKEYS_IDLE_MAX {
        pair.check_traffic();
    }
    assert!(pair.server.exchanges() > u64::from(3 * PEER_REKEYS_IDLE_MAX));
}

#[test]
fn a_storm_of_rekeys_is_refused() {
    let mut pair = Pair::connected();
    for _ in 0..PEER_REKEYS_IDLE_MAX {
        pair.client.transport.start_rekey(pair.now);
        pair.run();
        assert_eq!(pair.server.failure, None);
    }
    pair.client.transport.start_rekey(pair.now);
    pair.run();
    let failure = pair.server.failure.unwrap();
    assert_eq!(failure.reason, DisconnectReason::ProtocolError);
    assert_eq!(pair.server.transport.info().exchanges, 1 + u64::from(PEER_REKEYS_IDLE_MAX));

    let mut stranger = Pair::new();
    stranger.run();
    for _ in 0..=PEER_REKEYS_BEFORE_AUTH_MAX {
        assert_eq!(stranger.server.failure, None);
        stranger.client.transport.start_rekey(stranger.now);
        stranger.run();
    }
    let text = stranger.server.failure_text();
    assert!(text.contains("before authentication"), "{text}");
}

#[test]
fn a_peer_that_never_answers_is_cut_off() {
    let mut pair = Pair::connected();
    let timeout = pair.server.transport.config.kex_timeout;
    pair.server.transport.start_rekey(pair.now);
    pair.server.transmit(pair.now);
    let at = pair.now + timeout;
    assert_eq!(pair.server.transport.next_deadline(), Some(at));
    // Data in between does not count as an answer.
    pair.now += timeout - SECOND;
    let frame = pair.client.frame(&channel_data(b"x")).unwrap();
    pair.server.feed(pair.now, &frame);
    pair.server.transport.handle_timeout(pair.now).unwrap();
    assert_eq!(pair.server.transport.next_deadline(), Some(at));
    let end = pair.server.transport.handle_timeout(at).unwrap_err();
    assert_eq!(end.reason, DisconnectReason::KeyExchangeFailed);
    assert!(end.description.contains("60 s"), "{end}");
}

#[test]
fn a_server_may_not_change_its_host_key() {
    let mut pair = Pair::connected();
    let mut config = server_config();
    config.host_keys = vec![Arc::new(Ed25519Signer::from_seed([8; 32]))];
    pair.server.transport.config = Arc::new(config);
    pair.client.transport.start_rekey(pair.now);
    pair.run();
    let failure = pair.client.failure.unwrap();
    assert_eq!(failure.reason, DisconnectReason::HostKeyNotVerifiable);
}

/// Before the login nobody asks for new keys, so the ciphers' own numbers are the end (OpenSSH
/// 10.3, ca313fef2); after it a peer that withholds its KEXINIT gets as much again.
#[test]
fn commit_ca313fef2_keys_that_are_used_up_are_the_end() {
    let chunk = channel_data(&[0; 1000]);
    let small = Allowance::new(5000, None, 1 << 31);
    let mut stranger = Pair::new();
    stranger.run();
    stranger.server.transport.received_allowance = small;
    for _ in 0..6 {
        stranger.client.transport.queue(&chunk);
    }
    stranger.run();
    let failure = stranger.server.failure.unwrap();
    assert_eq!(failure.reason, DisconnectReason::ProtocolError);
    assert!(failure.description.contains("received under them"), "{failure}");
    assert_eq!(stranger.server.payloads.len(), 4);

    let mut stranger = Pair::new();
    stranger.run();
    stranger.server.transport.sent_allowance = small;
    for _ in 0..6 {
        stranger.server.transport.queue(&chunk);
    }
    stranger.run();
    let end = stranger.server.transport.handle_timeout(stranger.now).unwrap_err();
    assert!(end.description.contains("sent under them"), "{end}");

    let mut pair = Pair::connected();
    pair.server.transport.received_allowance = small;
    for sent in 0..20 {
        let frame = pair.client.frame(&chunk).unwrap();
        pair.server.feed(pair.now, &frame);
        // Its KEXINIT never gets to the client.
        pair.server.transmit(pair.now);
        assert_eq!(pair.server.transport.is_exchanging(), sent >= 4, "after {sent}");
        if pair.server.failure.is_some() {
            break;
        }
    }
    assert_eq!(pair.server.payloads.len(), 9);
    assert!(pair.server.failure_text().contains("no new ones"), "{}", pair.server.failure_text());
}

/// A cipher that may carry 1 GiB a key takes over from one that has carried 3.
#[test]
fn old_keys_are_held_to_their_own_limits() {
    const CHACHA: &str = "chacha20-poly1305@openssh.com";
    let gcm = only("aes128-gcm@openssh.com", TransportConfig::default());
    let mut pair = Pair::connected_with(gcm, server_config());
    pair.server.transport.sealer.pretend(3 << 30);
    let chacha = only(CHACHA, TransportConfig::default());
    pair.client.transport.config = Arc::new(chacha);
    pair.client.transport.start_rekey(pair.now);
    pair.run();
    assert_eq!(pair.server.failure, None);
    assert_eq!((pair.client.exchanges(), pair.server.exchanges()), (2, 2));
    assert_eq!(pair.server.transport.info().sent.cipher, CHACHA);
    pair.check_traffic();
}
