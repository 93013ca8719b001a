//! The strict key exchange: whatever is slipped into the first exchange ends the connection
//! (CVE-2023-48795 and its kin).

use super::*;
use crate::ssh::disconnect::DisconnectReason;
use crate::ssh::numbers::{
    CHANNEL_OPEN, DEBUG, EXT_INFO, IGNORE, KEX_ECDH_INIT, KEX_ECDH_REPLY, NEWKEYS, PING, PONG,
    SERVICE_ACCEPT, SERVICE_REQUEST, UNIMPLEMENTED, USERAUTH_REQUEST, USERAUTH_SUCCESS,
};

/// What may be slipped in: the optional messages, those of later states, and unknown numbers.
fn intruders() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut text = vec![IGNORE];
    text.put_string(b"");
    all.push(text);
    let mut debug = vec![DEBUG, 0];
    debug.put_string(b"hello");
    debug.put_string(b"");
    all.push(debug);
    all.push(vec![UNIMPLEMENTED, 0, 0, 0, 0]);
    all.push(vec![EXT_INFO, 0, 0, 0, 0]);
    for number in [PING, PONG, SERVICE_REQUEST, SERVICE_ACCEPT, USERAUTH_REQUEST] {
        let mut message = vec![number];
        message.put_string(b"ssh-userauth");
        all.push(message);
    }
    all.push(vec![USERAUTH_SUCCESS]);
    all.push(channel_data(b"x"));
    all.push(vec![CHANNEL_OPEN]);
    all.push(vec![NEWKEYS]);
    let mut init = vec![KEX_ECDH_INIT];
    let method = crate::crypto::kexes().first().unwrap();
    let kex = method.client(&mut ChaChaRandom::from_seed([9; 32])).unwrap();
    init.put_string(kex.init());
    all.push(init);
    all.push(vec![KEX_ECDH_REPLY, 0]);
    all.push(kexinit::write(Role::Client, &server_config(), [5; 16], FIRST));
    all.push(kexinit::write(Role::Server, &server_config(), [5; 16], FIRST));
    all.extend([0, 8, 19, 22, 29, 32, 49, 255].map(|number| vec![number]));
    all
}

/// Everything each side says up to and including its NEWKEYS, in an undisturbed exchange.
fn undisturbed() -> [Vec<Vec<u8>>; 2] {
    let mut pair = Pair::new();
    let (mut up, mut down) = (Vec::new(), Vec::new());
    loop {
        let (from_client, from_server) =
            (pair.client.transmit(pair.now), pair.server.transmit(pair.now));
        if from_client.is_empty() && from_server.is_empty() {
            return [split_plain(&up), split_plain(&down)];
        }
        up.extend_from_slice(&from_client);
        down.extend_from_slice(&from_server);
        pair.server.feed(pair.now, &from_client);
        pair.client.feed(pair.now, &from_server);
    }
}

/// Runs the exchange with `intruder` put before piece `at` of one side's.
fn run_with(intruder: &[u8], at: usize, to_server: bool) -> Pair {
    let mut pair = Pair::new();
    let mut seen = [0, 0];
    loop {
        let sent = [pair.client.transmit(pair.now), pair.server.transmit(pair.now)];
        if sent.iter().all(Vec::is_empty) {
            return pair;
        }
        for (side, bytes) in sent.into_iter().enumerate() {
            let hit = (side == 0) == to_server;
            let end = if side == 0 { &mut pair.server } else { &mut pair.client };
            // Past the four pieces of the first exchange everything is encrypted.
            let pieces = if seen[side] < 4 { split_plain(&bytes) } else { vec![bytes] };
            for piece in pieces {
                if hit && seen[side] == at {
                    end.feed(pair.now, &plain(intruder));
                }
                end.feed(pair.now, &piece);
                seen[side] += 1;
            }
        }
    }
}

#[test]
fn an_intruder_anywhere_in_the_first_exchange_is_fatal() {
    let [up, down] = undisturbed();
    // Identification, KEXINIT, INIT or REPLY, NEWKEYS; EXT_INFO is a fifth piece.
    assert_eq!((up.len(), down.len()), (5, 5));
    for intruder in intruders() {
        for (to_server, pieces) in [(true, up.len()), (false, down.len())] {
            for at in 1..pieces {
                let pair = run_with(&intruder, at, to_server);
                let end = if to_server { &pair.server } else { &pair.client };
                let what = intruder[0];
                let place = format!("message {what} before piece {at}, to server: {to_server}");
                assert!(end.failure.is_some(), "{place}");
                assert_eq!(end.payloads.len(), 0, "{place}");
                // A NEWKEYS in front of the real one is the real one; the other is one too many.
                let early = at == 4 || (what, at) == (NEWKEYS, 3);
                assert_eq!(end.exchanges(), u64::from(early), "{place}");
            }
        }
    }
}

#[test]
fn the_undisturbed_exchange_survives_the_same_treatment() {
    let pair = run_with(&[IGNORE], usize::MAX, true);
    assert_eq!((pair.client.exchanges(), pair.server.exchanges()), (1, 1));
}

#[test]
fn sequence_numbers_start_again_at_every_newkeys() {
    // chacha20-poly1305 takes its nonce from the sequence number, so traffic shows they agree; that
    // they are small shows they were reset.
    let chacha = only("chacha20-poly1305@openssh.com", TransportConfig::default());
    let mut pair = Pair::connected_with(chacha, server_config());
    for round in 0..3u32 {
        for _ in 0..5 {
            pair.check_traffic();
        }
        pair.server.transport.unimplemented(1);
        pair.run();
        pair.client.transport.start_rekey(pair.now);
        pair.run();
        assert_eq!(pair.client.exchanges(), u64::from(round) + 2);
        let frame = pair.client.frame(&channel_data(b"x")).unwrap();
        let mut input = frame.clone();
        let received = pair.server.transport.receive(pair.now, &mut input).unwrap();
        assert_eq!((received.consumed, received.sequence), (frame.len(), 0), "round {round}");
    }
}

/// A client that does not offer the strict exchange.
fn lax_client() -> End {
    let config = TransportConfig::default();
    let kexinit = kexinit::write(Role::Client, &config, [9; 16], kexinit::Shape::default());
    let mut client = End::new(Role::Client, config, 1, Instant::now());
    client.transport.replace_kexinit(kexinit);
    client
}

#[test]
fn chatter_between_two_lax_ends_is_tolerated_and_counted() {
    let mut pair = Pair::new();
    pair.client = lax_client();
    let server = kexinit::write(Role::Server, &server_config(), [9; 16], kexinit::Shape::default());
    pair.server.transport.replace_kexinit(server);
    // Behind the KEXINIT of each side.
    pair.client.transport.push(&[IGNORE, 0, 0, 0, 0]);
    pair.client.transport.push(&[UNIMPLEMENTED, 0, 0, 0, 0]);
    let mut debug = vec![DEBUG, 1];
    debug.put_string(b"text");
    debug.put_string(b"");
    pair.server.transport.push(&debug);
    pair.run();
    assert!(!pair.client.transport.info().strict && !pair.server.transport.info().strict);
    pair.authenticate();
    pair.check_traffic();
    // Without strict mode the numbers run on: KEXINIT, IGNORE, UNIMPLEMENTED, INIT, NEWKEYS, data.
    let frame = pair.client.frame(&channel_data(b"x")).unwrap();
    let received = pair.server.transport.receive(pair.now, &mut frame.clone()).unwrap();
    assert_eq!(received.sequence, 6);
    pair.client.transport.start_rekey(pair.now);
    pair.run();
    assert_eq!(pair.server.exchanges(), 2);
    let frame = pair.client.frame(&channel_data(b"x")).unwrap();
    let received = pair.server.transport.receive(pair.now, &mut frame.clone()).unwrap();
    assert_eq!(received.sequence, 10);
}

#[test]
fn other_messages_are_fatal_to_lax_ends_too() {
    for intruder in intruders().into_iter().filter(|m| !(IGNORE..=DEBUG).contains(&m[0])) {
        let mut pair = Pair::new();
        pair.client = lax_client();
        pair.client.transport.push(&intruder);
        let first = pair.client.transmit(pair.now);
        pair.server.feed(pair.now, &first);
        // A proper KEX_ECDH_INIT is what the server waits for.
        let proper = intruder[0] == KEX_ECDH_INIT;
        assert_eq!(pair.server.failure.is_none(), proper, "message {}", intruder[0]);
        assert_eq!(pair.server.payloads.len(), 0);
    }
}

/// A pair with a setting each, run as far as it goes. Both prefer what Terrapin affects.
fn with_settings(client: StrictKex, server: StrictKex) -> Pair {
    let ciphers = vec!["chacha20-poly1305@openssh.com", "aes128-ctr"];
    let macs = vec!["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"];
    let config = |strict_kex, config| TransportConfig {
        strict_kex,
        ciphers: ciphers.clone(),
        macs: macs.clone(),
        ..config
    };
    let client = config(client, TransportConfig::default());
    let mut pair = Pair::with(client, config(server, server_config()));
    pair.run();
    pair
}

#[test]
fn cve_2023_48795_the_four_settings_against_each_other() {
    use StrictKex::{Off, Required, Safe};
    for client in StrictKex::ALL {
        for server in StrictKex::ALL {
            let mut pair = with_settings(client, server);
            let strict = client != Off && server != Off;
            let place = format!("client {client:?}, server {server:?}");
            if !strict && [client, server].contains(&Required) {
                let end = if client == Required { &pair.client } else { &pair.server };
                let failure = end.failure.as_ref().expect("a peer without it");
                assert_eq!(failure.reason, DisconnectReason::KeyExchangeFailed, "{place}");
                assert!(failure.description.contains("strict key exchange is required"));
                assert_eq!((pair.client.exchanges(), pair.server.exchanges()), (0, 0), "{place}");
                continue;
            }
            // The server leaves out what is affected; a client cannot take its offer back.
            if !strict && client == Safe {
                let failure = pair.client.failure.as_ref().expect("an affected cipher");
                let text = &failure.description;
                assert_eq!(failure.reason, DisconnectReason::KeyExchangeFailed, "{place}");
                assert!(text.contains("without it chacha20-poly1305@openssh.com"), "{text}");
                continue;
            }
            let safe = !strict && server == Safe;
            let cipher = if safe { "aes128-ctr" } else { "chacha20-poly1305@openssh.com" };
            pair.authenticate();
            for end in [&pair.client, &pair.server] {
                assert_eq!(end.transport.info().strict, strict, "{place}");
                assert_eq!(end.transport.info().sent.cipher, cipher, "{place}");
            }
            pair.check_traffic();
            pair.client.transport.start_rekey(pair.now);
            pair.run();
            assert_eq!(pair.server.exchanges(), 2, "{place}");
            assert_eq!(pair.server.transport.info().received.cipher, cipher, "{place}");
        }
    }
}

/// A server that plays safe sends its KEXINIT after the client's and yet judges its guess by it.
#[test]
fn a_safe_server_meets_a_guess() {
    for (first, right) in [("mlkem768x25519-sha256", true), ("curve25519-sha256", false)] {
        let client = TransportConfig {
            guess: true,
            strict_kex: StrictKex::Off,
            kexes: vec![first, "curve25519-sha256@libssh.org"],
            ..TransportConfig::default()
        };
        let server = TransportConfig { strict_kex: StrictKex::Safe, ..server_config() };
        let mut pair = Pair::with(client, server);
        let greeting = pair.server.transmit(pair.now);
        assert_eq!(split_plain(&greeting).len(), 1, "no KEXINIT yet");
        let ahead = pair.client.transmit(pair.now);
        pair.client.feed(pair.now, &greeting);
        pair.server.feed(pair.now, &ahead);
        let answer = pair.server.transmit(pair.now);
        // KEXINIT, and for a right guess REPLY, NEWKEYS and EXT_INFO.
        assert_eq!(split_plain(&answer).len(), if right { 4 } else { 1 }, "{first}");
        pair.client.feed(pair.now, &answer);
        pair.run();
        pair.authenticate();
        assert_eq!(pair.server.transport.info().kex, first);
        pair.check_traffic();
    }
}
