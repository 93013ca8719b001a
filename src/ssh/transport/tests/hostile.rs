//! Peers that break the rules: bad packets, wrong messages, silence, floods.

use super::*;
use crate::ssh::disconnect::DisconnectReason;
use crate::ssh::limits::{
    KEXINIT_BYTES_MAX, PACKET_BYTES_MAX, PACKET_BYTES_MAX_BEFORE_AUTH, QUEUE_BYTES_MAX,
};
use crate::ssh::numbers::{
    EXT_INFO, KEXINIT, NEWKEYS, PING, PONG, SERVICE_ACCEPT, SERVICE_REQUEST, USERAUTH_FAILURE,
    USERAUTH_REQUEST, USERAUTH_SUCCESS, allowed_in_key_exchange,
};

/// A server that knows its client's identification and nothing else.
fn greeted() -> Pair {
    let mut pair = Pair::new();
    pair.server.feed(pair.now, b"SSH-2.0-test\r\n");
    pair
}

/// A packet before the first keys, every field as asked for.
fn crafted(length: u32, padding: u8, body: usize) -> Vec<u8> {
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(padding);
    packet.resize(4 + 1 + body, 2);
    packet
}

#[test]
fn lengths_out_of_range_are_fatal_before_the_body_comes() {
    for length in [0, 1, 4, 5, 6, 11, 13, 20 - 3, 35_004, 1 << 20, 1 << 31, u32::MAX - 3, u32::MAX]
    {
        let mut pair = greeted();
        pair.server.feed(pair.now, &length.to_be_bytes());
        let failure = pair.server.failure.expect("a length that cannot be");
        assert_eq!(failure.reason, DisconnectReason::ProtocolError);
        assert!(failure.description.contains(&length.to_string()), "{failure}");
    }
    let mut pair = greeted();
    pair.server.feed(pair.now, &34_996u32.to_be_bytes());
    assert_eq!(pair.server.failure, None);
    assert_eq!(pair.server.transport.needed(), 35_000);
}

#[test]
fn padding_out_of_range_is_fatal() {
    for (padding, fine) in
        [(0, false), (3, false), (4, true), (10, true), (11, false), (255, false)]
    {
        let mut pair = greeted();
        pair.server.feed(pair.now, &crafted(12, padding, 11));
        assert_eq!(pair.server.failure.is_none(), fine, "{padding} bytes of padding");
        if !fine {
            let text = pair.server.failure_text();
            assert!(text.contains(&format!("{padding} bytes of padding")), "{text}");
        }
    }
}

#[test]
fn packets_grow_with_authentication() {
    let payload = |frame_length: u32| channel_data(&vec![0; frame_length as usize - 40]);
    let mut pair = Pair::new();
    pair.run();
    let frame = pair.client.frame(&payload(PACKET_BYTES_MAX_BEFORE_AUTH + 40)).unwrap();
    pair.server.feed(pair.now, &frame[..64]);
    assert!(pair.server.failure_text().contains("35000"), "{}", pair.server.failure_text());

    let mut pair = Pair::connected();
    let frame = pair.client.frame(&payload(PACKET_BYTES_MAX)).unwrap();
    pair.server.feed(pair.now, &frame);
    assert_eq!(pair.server.failure, None);
    assert_eq!(pair.server.payloads.len(), 1);
    let frame = pair.client.frame(&payload(PACKET_BYTES_MAX + 40)).unwrap();
    pair.server.feed(pair.now, &frame[..64]);
    assert!(pair.server.failure.is_some());
}

#[test]
fn a_flipped_bit_under_keys_is_fatal_wherever_it_is() {
    for suite in suites() {
        let mut bits = 0;
        for byte in 0..60 {
            let mut pair = Pair::connected_with(suite.client.clone(), server_config());
            let mut frame = pair.client.frame(&channel_data(b"do not touch")).unwrap();
            let Some(target) = frame.get_mut(byte) else {
                break;
            };
            *target ^= 1 << (byte % 8);
            bits += 1;
            // A longer length asks for more bytes before the tag can be looked at.
            frame.resize(PACKET_BYTES_MAX as usize + 100, 0);
            pair.server.feed(pair.now, &frame);
            let failure = pair.server.failure.expect("a packet that was tampered with");
            let expected = [DisconnectReason::MacError, DisconnectReason::ProtocolError];
            assert!(expected.contains(&failure.reason));
            if byte >= 4 {
                assert_eq!(failure.reason, DisconnectReason::MacError, "byte {byte}");
            }
            assert_eq!(pair.server.payloads.len(), 0);
        }
        assert!(bits >= 40, "{bits} bits of {suite:?}");
    }
}

#[test]
fn packets_left_out_doubled_or_swapped_are_fatal() {
    for suite in suites() {
        for order in [&[1][..], &[0, 0], &[1, 0], &[0, 2]] {
            let mut pair = Pair::connected_with(suite.client.clone(), server_config());
            let frames = [b"0", b"1", b"2"].map(|x| pair.client.frame(&channel_data(x)).unwrap());
            let wire: Vec<u8> = order.iter().flat_map(|n: &usize| frames[*n].clone()).collect();
            pair.server.feed(pair.now, &wire);
            pair.server.feed(pair.now, &vec![0; PACKET_BYTES_MAX as usize]);
            assert!(pair.server.failure.is_some(), "{order:?} {suite:?}");
            let whole = order.iter().enumerate().take_while(|(at, n)| at == *n).count();
            assert_eq!(pair.server.payloads.len(), whole, "{order:?} {suite:?}");
        }
    }
}

#[test]
fn garbage_never_gets_through() {
    for seed in 0..60 {
        let mut dice = Dice::new(seed);
        let mut garbage = vec![0; 40_000];
        dice.0.fill(&mut garbage);
        if seed % 2 == 0 {
            // A plausible length, so that the bytes behind it are looked at.
            garbage[..4].copy_from_slice(&(12 + 8 * u32::from(seed)).to_be_bytes());
        }
        for mut pair in [greeted(), Pair::connected()] {
            let (mut left, at) = (&garbage[..], pair.now);
            while !left.is_empty() && pair.server.failure.is_none() {
                let (now, later) = left.split_at((1 + dice.below(5000)).min(left.len()));
                pair.server.feed(at, now);
                left = later;
            }
            assert!(pair.server.failure.is_some(), "seed {seed}");
            assert_eq!(pair.server.payloads.len(), 0);
            assert!(pair.server.transport.queued_bytes() < 4096);
        }
    }
}

/// Every message number in every state: only what the table allows goes on.
#[test]
fn every_number_in_every_state() {
    for number in 0..=255u8 {
        let mut message = vec![number];
        message.put_string(b"whatever");
        let chatter = matches!(number, 1..=4);
        let unknown = matches!(number, 0 | 8..=19 | 22..=29);

        // In place of the KEXINIT.
        let mut pair = Pair::new();
        pair.client.transport.replace_kexinit(message.clone());
        let out = pair.client.transmit(pair.now);
        pair.server.feed(pair.now, &out);
        assert_eq!(pair.server.failure.is_none(), chatter, "{number} as greeting");

        // Behind the KEXINIT, which is strict only the first time.
        for first in [true, false] {
            let mut pair = if first { Pair::new() } else { Pair::connected() };
            pair.client.transport.start_rekey(pair.now);
            pair.client.transport.push(&message);
            let out = pair.client.transmit(pair.now);
            pair.server.feed(pair.now, &out);
            let allowed = if first { number == 1 } else { chatter || unknown };
            assert_eq!(pair.server.failure.is_none(), allowed, "{number}, first: {first}");
            assert_eq!(pair.server.payloads.len(), 0);
        }

        let mut pair = Pair::connected();
        pair.client.transport.push(&message);
        let out = pair.client.transmit(pair.now);
        pair.server.feed(pair.now, &out);
        let fatal = matches!(number, SERVICE_ACCEPT | EXT_INFO | KEXINIT | NEWKEYS | 30..=49);
        assert_eq!(pair.server.failure.is_some(), fatal, "{number} after the exchange");
        let passed = number >= 50 && !matches!(number, PING | PONG) || number == SERVICE_REQUEST;
        assert_eq!(pair.server.payloads.len(), usize::from(passed), "{number}");
    }
}

#[test]
fn unknown_numbers_are_answered_with_their_sequence_number() {
    let mut pair = Pair::connected();
    // EXT_INFO was packet 0.
    for sequence in 1..10 {
        pair.client.transport.push(&[19]);
        pair.run();
        assert_eq!(pair.client.items.pop(), Some(Item::Unimplemented { sequence }));
    }
    // The layers above ask for the same with what they were told.
    let mut frame = pair.client.frame(&[200]).unwrap();
    let received = pair.server.transport.receive(pair.now, &mut frame).unwrap();
    pair.server.transport.unimplemented(received.sequence);
    pair.run();
    assert_eq!(pair.client.items.pop(), Some(Item::Unimplemented { sequence: 10 }));
}

#[test]
fn ext_info_comes_right_behind_newkeys_or_not_at_all() {
    let mut ext_info = vec![EXT_INFO];
    ext_info.put_u32(1);
    ext_info.put_string(b"ext-info-in-auth@openssh.com");
    ext_info.put_string(b"0");
    let text = "it may only follow the first NEWKEYS";
    // A client's has come behind its NEWKEYS; another one is one too many, right behind or later.
    let mut pair = Pair::new();
    pair.run();
    let value = pair.server.transport.peer_extension("ext-info-in-auth@openssh.com");
    assert_eq!(value, Some(&b"0"[..]));
    pair.client.transport.push(&ext_info);
    pair.run();
    assert!(pair.server.failure_text().contains(text), "{}", pair.server.failure_text());

    // A server may send another one during the login, but not before it nor after it.
    for (asked, over, fine) in [(false, false, false), (true, false, true), (true, true, false)] {
        let mut pair = Pair::new();
        pair.run();
        if asked {
            pair.client.transport.queue(&[USERAUTH_REQUEST]);
            pair.run();
        }
        if over {
            pair.authenticate();
        }
        pair.server.transport.push(&ext_info);
        pair.server.transport.queue(&channel_data(b"more"));
        pair.run();
        assert_eq!(pair.client.failure.is_none(), fine, "asked: {asked}, over: {over}");
        pair.server.transport.push(&ext_info);
        pair.run();
        assert!(pair.client.failure_text().contains(text), "{}", pair.client.failure_text());
    }

    // Behind later keys there is nothing new to say.
    let mut pair = Pair::connected();
    pair.server.transport.start_rekey(pair.now);
    pair.run();
    pair.server.transport.push(&ext_info);
    pair.run();
    assert!(pair.client.failure_text().contains(text), "{}", pair.client.failure_text());
}

/// RFC 8308 section 2.4, where the client has not said that any time will do.
#[test]
fn a_late_ext_info_comes_right_before_success() {
    for (next, fine) in [(USERAUTH_SUCCESS, true), (USERAUTH_FAILURE, false)] {
        let mut pair = Pair::new();
        pair.run();
        pair.client.transport.ext_info_in_auth = false;
        pair.client.transport.queue(&[USERAUTH_REQUEST]);
        pair.run();
        pair.server.transport.push(&[EXT_INFO, 0, 0, 0, 0]);
        pair.server.transport.queue(&[next]);
        pair.run();
        assert_eq!(pair.client.failure.is_none(), fine, "{}", pair.client.failure_text());
    }
}

#[test]
fn an_ext_info_that_counts_to_four_billion_ends_at_once() {
    let mut pair = Pair::new();
    pair.run();
    pair.client.transport.queue(&[USERAUTH_REQUEST]);
    pair.run();
    pair.server.transport.push(&[EXT_INFO, 255, 255, 255, 255, 0, 0, 0, 1, b'a', 0, 0, 0, 0]);
    pair.run();
    assert!(pair.client.failure_text().contains("malformed EXT_INFO"));
}

#[test]
fn pings_are_answered_after_authentication_only() {
    let ping = |text: &[u8]| {
        let mut message = vec![PING];
        message.put_string(text);
        message
    };
    let mut pair = Pair::new();
    pair.run();
    pair.client.transport.push(&ping(b"early"));
    let out = pair.client.transmit(pair.now);
    pair.server.feed(pair.now, &out);
    assert_eq!(pair.server.transport.queued_bytes(), 0);
    pair.authenticate();
    pair.client.transport.push(&ping(b"text"));
    let out = pair.client.transmit(pair.now);
    pair.server.feed(pair.now, &out);
    assert_eq!(pair.server.transport.outbox.front().unwrap()[0], PONG);
    assert_eq!(pair.server.transport.outbox.front().unwrap()[1..], ping(b"text")[1..]);
    pair.run();
    // While the server waits for an answer to its KEXINIT, nothing piles up.
    pair.server.transport.start_rekey(pair.now);
    pair.server.transmit(pair.now);
    for _ in 0..1000 {
        let frame = pair.client.frame(&ping(&[0; 1000])).unwrap();
        pair.server.feed(pair.now, &frame);
    }
    assert_eq!(pair.server.transport.queued_bytes(), 0);
    assert_eq!(pair.server.failure, None);
}

#[test]
fn answers_pile_up_only_so_far() {
    let mut pair = Pair::connected();
    pair.server.transport.start_rekey(pair.now);
    pair.server.transmit(pair.now);
    let answer = vec![82; 1000];
    for _ in 0..QUEUE_BYTES_MAX / (1000 + 8) {
        pair.server.transport.queue(&answer);
    }
    assert_eq!(pair.server.transport.receive(pair.now, &mut []).map(|r| r.consumed), Ok(0));
    for _ in 0..1000 {
        pair.server.transport.queue(&answer);
    }
    assert!(pair.server.transport.queued_bytes() <= QUEUE_BYTES_MAX);
    assert_eq!(pair.server.transport.next_deadline(), Some(pair.now));
    let end = pair.server.transport.receive(pair.now, &mut []).unwrap_err();
    assert_eq!(pair.server.transport.handle_timeout(pair.now), Err(end.clone()));
    pair.server.transport.disconnect(&end);
    assert!(pair.server.transport.queued_bytes() < 1000, "what was held is dropped");
}

#[test]
fn a_silent_peer_is_cut_off() {
    let mut pair = Pair::new();
    let (ident, kex) = {
        let config = &pair.server.transport.config;
        (config.ident_timeout, config.kex_timeout)
    };
    let at = pair.now + ident;
    assert_eq!(pair.server.transport.next_deadline(), Some(at));
    assert_eq!(pair.server.transport.handle_timeout(at - SECOND), Ok(()));
    let end = pair.server.transport.handle_timeout(at).unwrap_err();
    assert_eq!(end.reason, DisconnectReason::ConnectionLost);

    // The same behind the identification, whatever small talk there is.
    let mut pair = greeted();
    pair.server.transmit(pair.now);
    let at = pair.now + kex;
    assert_eq!(pair.server.transport.next_deadline(), Some(at));
    pair.server.feed(at - SECOND, &plain(&[2, 0, 0, 0, 0]));
    pair.server.transmit(at - SECOND);
    assert_eq!(pair.server.transport.handle_timeout(at - SECOND), Ok(()));
    let end = pair.server.transport.handle_timeout(at).unwrap_err();
    assert_eq!(end.reason, DisconnectReason::KeyExchangeFailed);
}

#[test]
fn a_disconnect_surfaces_with_its_text() {
    let mut pair = Pair::connected();
    pair.server.transport.queue(&channel_data(b"last words"));
    let end = Disconnect::new(DisconnectReason::TooManyConnections, "try\nlater");
    pair.server.transport.disconnect(&end);
    pair.server.transport.queue(&channel_data(b"too late"));
    assert_eq!(pair.server.transport.data_shape(), None);
    assert_eq!(pair.server.transport.seal_frame(&mut [0; 100], 50), Err(SealError::Closed));
    assert!(!pair.server.transport.wants_input());
    pair.run();
    assert_eq!(pair.client.payloads, [channel_data(b"last words")]);
    let said = Item::Disconnected { reason: 12, description: "try later".to_owned() };
    assert_eq!(pair.client.items.last(), Some(&said));
    assert!(pair.client.transport.is_closed());
    assert_eq!(pair.client.transport.next_deadline(), None);
    let mut more = vec![0; 100];
    assert_eq!(pair.client.transport.receive(pair.now, &mut more).map(|r| r.consumed), Ok(0));
}

#[test]
fn a_disconnect_in_the_middle_of_a_rekey_is_readable() {
    for steps in 0..4 {
        let mut pair = Pair::connected();
        pair.client.transport.start_rekey(pair.now);
        for _ in 0..steps {
            let up = pair.client.transmit(pair.now);
            pair.server.feed(pair.now, &up);
            let down = pair.server.transmit(pair.now);
            pair.client.feed(pair.now, &down);
        }
        pair.server.transport.queue(&channel_data(b"held or not"));
        pair.server.transport.disconnect(&Disconnect::protocol("enough"));
        pair.run();
        assert_eq!(pair.client.failure, None, "after {steps} steps");
        let said = Item::Disconnected { reason: 2, description: "enough".to_owned() };
        assert_eq!(pair.client.items.last(), Some(&said), "after {steps} steps");
    }
}

#[test]
fn a_kexinit_is_bounded_and_whole() {
    let whole = kexinit::write(Role::Client, &TransportConfig::default(), [1; 16], FIRST);
    let mut long = whole.clone();
    long.resize(KEXINIT_BYTES_MAX + 1, 0);
    let mut trailing = whole.clone();
    trailing.push(0);
    let mut cases = vec![long, trailing];
    cases.extend((1..whole.len()).map(|cut| whole[..cut].to_vec()));
    for bad in cases {
        let mut pair = greeted();
        pair.server.feed(pair.now, &plain(&bad));
        let failure = pair.server.failure.expect("a KEXINIT that is none");
        assert_eq!(failure.reason, DisconnectReason::ProtocolError, "{} bytes", bad.len());
    }
}

#[test]
fn public_values_and_replies_that_are_none_are_refused() {
    let kexinit = kexinit::write(Role::Client, &TransportConfig::default(), [1; 16], FIRST);
    for value in [&[][..], &[9; 31], &[9; 33], &[0; 32], &[1; 1000]] {
        let mut pair = greeted();
        pair.server.feed(pair.now, &plain(&kexinit));
        let mut init = vec![30];
        init.put_string(value);
        pair.server.feed(pair.now, &plain(&init));
        let failure = pair.server.failure.expect("a value that is none");
        assert_eq!(failure.reason, DisconnectReason::KeyExchangeFailed);
    }
}

#[test]
fn which_messages_a_key_exchange_lets_through() {
    let allowed: Vec<u8> = (0..=255).filter(|n| allowed_in_key_exchange(*n)).collect();
    let expected: Vec<u8> = (0..=4).chain(8..=49).collect();
    assert_eq!(allowed, expected, "neither services, nor EXT_INFO, nor the layers above");
}
