//! Compression: at which packet it starts, new contexts with new keys, and what is no stream.

use super::*;
use crate::crypto::{Compress, CryptoError, compressions};
use crate::ssh::disconnect::DisconnectReason;
use crate::ssh::limits::{PACKET_BYTES_MAX, PACKET_BYTES_MAX_BEFORE_AUTH};

/// Both ends with one compression.
fn pair(name: &'static str) -> Pair {
    let compressions = vec![name];
    let client = TransportConfig { compressions: compressions.clone(), ..Default::default() };
    Pair::with(client, TransportConfig { compressions, ..server_config() })
}

/// Past the login, as both ends know.
fn logged_in(name: &'static str) -> Pair {
    let mut pair = pair(name);
    pair.run();
    pair.server.transport.set_authenticated();
    pair.server.transport.queue(&[USERAUTH_SUCCESS]);
    pair.run();
    pair.client.payloads.clear();
    pair
}

/// All but `none`.
fn names() -> impl Iterator<Item = &'static str> {
    compressions().iter().map(|it| it.name).filter(|name| *name != "none")
}

fn compresses(pair: &Pair) -> [bool; 2] {
    [pair.client.transport.compresses(), pair.server.transport.compresses()]
}

/// Whether each packet of `bytes` came compressed, and what it held, taken one by one.
fn open_each(end: &mut End, now: Instant, mut bytes: Vec<u8>) -> Vec<(bool, Option<Vec<u8>>)> {
    let mut seen = Vec::new();
    loop {
        let received = end.transport.receive(now, &mut bytes).unwrap();
        if received.consumed == 0 {
            assert!(bytes.is_empty());
            return seen;
        }
        let payload = received.item.and_then(|item| match item {
            Item::Payload(range) if received.expanded => {
                Some(end.transport.expanded()[range].to_vec())
            }
            Item::Payload(range) => Some(bytes[range].to_vec()),
            _ => None,
        });
        if payload.as_deref() == Some(&[USERAUTH_SUCCESS]) {
            end.transport.set_authenticated();
        }
        seen.push((received.expanded, payload));
        bytes.drain(..received.consumed);
    }
}

#[test]
fn delayed_compression_starts_behind_the_packet_that_ends_the_login() {
    for name in names().filter(|name| name.contains('@')) {
        let mut pair = pair(name);
        pair.run();
        assert_eq!(pair.server.transport.info().received.compression, name);
        assert_eq!(compresses(&pair), [false, false], "{name} before the login");
        let request = channel_data(b"a login, say");
        pair.client.transport.queue(&request);
        let up = pair.client.transmit(pair.now);
        assert_eq!(open_each(&mut pair.server, pair.now, up), [(false, Some(request))]);
        // Queued together, sealed together, and yet the border lies between them.
        let (before, after) = (channel_data(b"a banner"), channel_data(b"a global request"));
        pair.server.transport.set_authenticated();
        pair.server.transport.queue(&before);
        pair.server.transport.queue(&[USERAUTH_SUCCESS]);
        pair.server.transport.queue(&after);
        let down = pair.server.transmit(pair.now);
        let seen = open_each(&mut pair.client, pair.now, down);
        let success = (false, Some(vec![USERAUTH_SUCCESS]));
        assert_eq!(seen, [(false, Some(before)), success, (true, Some(after))], "{name}");
        assert_eq!(compresses(&pair), [true, true]);
        let first = channel_data(b"a channel");
        pair.client.transport.queue(&first);
        let up = pair.client.transmit(pair.now);
        assert_eq!(open_each(&mut pair.server, pair.now, up), [(true, Some(first))]);
        pair.check_traffic();
    }
}

#[test]
fn plain_zlib_starts_with_the_keys() {
    let mut pair = pair("zlib");
    assert_eq!(compresses(&pair), [false, false]);
    pair.run();
    assert_eq!(compresses(&pair), [true, true]);
    pair.check_traffic();
    pair.client.payloads.clear();
    pair.server.transport.queue(&[USERAUTH_SUCCESS]);
    pair.run();
    assert_eq!(pair.client.payloads, [vec![USERAUTH_SUCCESS]], "no new context at the login");
    pair.check_traffic();
}

#[test]
fn nobody_compresses_who_prefers_not_to() {
    let mut pair = Pair::connected();
    assert_eq!(pair.client.transport.info().sent.compression, "none");
    assert_eq!(compresses(&pair), [false, false]);
    pair.check_traffic();
    let hardened =
        TransportConfig { compressions: Preset::Hardened.compressions(), ..server_config() };
    let client = TransportConfig { compressions: vec!["zlib@openssh.com"], ..Default::default() };
    let mut pair = Pair::with(client, hardened);
    pair.run();
    let text = "no common compression from client to server: the client has [zlib@openssh.com], \
                the server has [none]";
    assert_eq!(pair.server.failure_text(), text);
}

/// The directions agree on their own.
#[test]
fn one_direction_alone() {
    let mut pair = pair("zlib@openssh.com");
    let mut payload = kexinit::write(
        Role::Client,
        &TransportConfig { compressions: vec!["zlib@openssh.com"], ..Default::default() },
        [3; 16],
        FIRST,
    );
    // The second list, from server to client, becomes one that is as long.
    let at = payload.windows(16).rposition(|it| it == b"zlib@openssh.com").unwrap();
    payload[at..at + 16].copy_from_slice(b"none,zzz@zzz.com");
    pair.client.transport.replace_kexinit(payload);
    pair.server = {
        let compressions = Preset::Default.compressions();
        let config = TransportConfig { compressions, ..server_config() };
        End::new(Role::Server, config, 2, pair.now)
    };
    pair.run();
    pair.server.transport.set_authenticated();
    pair.server.transport.queue(&[USERAUTH_SUCCESS]);
    pair.run();
    pair.client.payloads.clear();
    assert_eq!(compresses(&pair), [true, false]);
    pair.check_traffic();
    assert_eq!(pair.server.transport.info().sent.compression, "none");
    assert_eq!(pair.server.transport.info().received.compression, "zlib@openssh.com");
}

/// As in Eugeny/russh#558: a context that outlives its key makes garbage of the first packet.
#[test]
fn contexts_are_new_after_every_exchange_of_keys() {
    for name in names() {
        for bytewise in [false, true] {
            let mut pair = logged_in(name);
            for round in 0..5 {
                pair.check_traffic();
                match round % 3 {
                    0 => pair.client.transport.start_rekey(pair.now),
                    1 => pair.server.transport.start_rekey(pair.now),
                    _ => {
                        pair.client.transport.start_rekey(pair.now);
                        pair.server.transport.start_rekey(pair.now);
                    }
                }
                // These wait, and leave behind NEWKEYS under the new context.
                pair.client.transport.queue(&channel_data(b"up"));
                pair.server.transport.queue(&channel_data(b"down"));
                pair.run_in_pieces(|left| if bytewise { 1 } else { left });
                assert_eq!(
                    (pair.client.failure.clone(), pair.server.failure.clone()),
                    (None, None)
                );
                assert_eq!(pair.client.exchanges(), round + 2, "{name}");
                assert_eq!(compresses(&pair), [true, true]);
                assert_eq!(pair.client.payloads.pop(), Some(channel_data(b"down")));
            }
        }
    }
}

/// The server's answer to a login waits for an exchange that it has begun: the client sends its
/// NEWKEYS without knowing, so both directions start with the new keys.
#[test]
fn a_login_that_ends_while_keys_are_exchanged() {
    for name in names() {
        for begins in [Role::Server, Role::Client] {
            let mut pair = pair(name);
            pair.run();
            match begins {
                Role::Server => pair.server.transport.start_rekey(pair.now),
                Role::Client => {
                    pair.client.transport.start_rekey(pair.now);
                    let up = pair.client.transmit(pair.now);
                    pair.server.feed(pair.now, &up);
                }
            }
            pair.server.transport.set_authenticated();
            pair.server.transport.queue(&[USERAUTH_SUCCESS]);
            pair.run();
            assert_eq!((pair.client.failure.clone(), pair.server.failure.clone()), (None, None));
            assert_eq!(pair.client.payloads, [vec![USERAUTH_SUCCESS]], "{name}, {begins:?}");
            assert_eq!(compresses(&pair), [true, true]);
            pair.check_traffic();
        }
    }
}

/// Every compression under every cipher, with frames, in pieces, and new keys on the way.
#[test]
fn every_cipher_carries_compressed_packets() {
    let mut dice = Dice::new(5);
    for suite in suites() {
        for name in names() {
            let client = TransportConfig { compressions: vec![name], ..suite.client.clone() };
            let server = TransportConfig { compressions: vec![name], ..server_config() };
            let mut pair = Pair::with(client, server);
            pair.run();
            pair.server.transport.set_authenticated();
            pair.server.transport.queue(&[USERAUTH_SUCCESS]);
            pair.run();
            pair.client.payloads.clear();
            let mut sent = Vec::new();
            for len in [1, 100, 5000, 32 * 1024, 3] {
                let mut data = vec![0; len];
                Dice::new(1).0.fill(&mut data[..len / 2]);
                let message = channel_data(&data);
                let shape = pair.server.transport.data_shape().unwrap();
                let mut frame = vec![0; shape.frame_bytes(message.len())];
                frame[FrameShape::PAYLOAD_AT..][..message.len()].copy_from_slice(&message);
                let in_place = pair.server.transport.seal_frame(&mut frame, message.len());
                assert_eq!(in_place, Err(SealError::Compressed));
                let mut out = Vec::new();
                pair.server.transport.append_frame(&message, &mut out).unwrap();
                pair.client.feed(pair.now, &out);
                sent.push(message.clone());
                pair.client.transport.queue(&message);
                if len == 5000 {
                    pair.client.transport.start_rekey(pair.now);
                }
                pair.run_in_pieces(|left| dice.below(left) + 1);
            }
            assert_eq!((pair.client.failure.clone(), pair.server.failure.clone()), (None, None));
            assert_eq!(pair.client.payloads, sent, "{name}, {suite:?}");
            assert_eq!(pair.server.payloads, sent, "{name}, {suite:?}");
        }
    }
}

/// Sends what it is given as if it were compressed.
struct Verbatim;

impl Compress for Verbatim {
    fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), CryptoError> {
        out.extend_from_slice(payload);
        Ok(())
    }
}

/// What the server says to a packet with these compressed bytes.
fn end_of(pair: &mut Pair, packet: &[u8]) -> Disconnect {
    pair.client.transport.sealer.compress_by(Some(Box::new(Verbatim)));
    let mut out = Vec::new();
    pair.client.transport.append_frame(packet, &mut out).unwrap();
    pair.server.feed(pair.now, &out);
    pair.server.failure.clone().expect("an end")
}

/// What `compressed` gives is a stream of its own, and plain zlib's has begun with EXT_INFO.
fn expand_anew(pair: &mut Pair, name: &str) {
    let expander = crate::crypto::compression(name).unwrap().expander().unwrap();
    pair.server.transport.opener.expand_by(expander);
}

fn compressed(name: &str, payload: &[u8]) -> Vec<u8> {
    let mut compressor = crate::crypto::compression(name).unwrap().compressor().unwrap().unwrap();
    let mut packet = Vec::new();
    compressor.compress(payload, &mut packet).unwrap();
    packet
}

/// russh inflated a packet to whatever it held. Here it ends at the bound, and memory stays flat.
#[test]
fn cve_2026_46702_a_bomb_ends_the_connection() {
    let zeros = vec![0; 16 << 20];
    for name in names() {
        let mut pair = logged_in(name);
        expand_anew(&mut pair, name);
        let bomb = compressed(name, &zeros);
        assert!(bomb.len() < PACKET_BYTES_MAX as usize);
        let end = end_of(&mut pair, &bomb);
        assert_eq!(end.reason, DisconnectReason::CompressionError, "{name}");
        assert!(end.description.ends_with("it expands to more than a packet may hold"), "{end}");
        assert!(pair.server.transport.expanded().len() <= PACKET_BYTES_MAX as usize + 1);
        assert!(pair.server.payloads.is_empty());
    }
    // Strangers get less.
    let mut pair = pair("zlib");
    pair.run();
    let most = PACKET_BYTES_MAX_BEFORE_AUTH as usize;
    expand_anew(&mut pair, "zlib");
    let end = end_of(&mut pair, &compressed("zlib", &vec![60; most + 1]));
    assert!(end.description.ends_with("it expands to more than a packet may hold"), "{end}");
    assert!(pair.server.transport.expanded().len() <= most + 1);
}

/// The largest payload there is fits, compressed.
#[test]
fn a_payload_of_the_largest_packet_is_taken() {
    let mut pair = logged_in("zlib@openssh.com");
    let message = channel_data(&vec![9; PACKET_BYTES_MAX as usize - 9]);
    pair.client.transport.queue(&message);
    pair.run();
    assert_eq!(pair.server.failure, None);
    assert!(pair.server.payloads == [message]);
}

#[test]
fn what_is_no_stream_ends_the_connection() {
    for name in names() {
        let whole = compressed(name, &channel_data(b"some data"));
        let packets = [&b"\x5e\0\0\0\0\0\0\0\x04data"[..], &whole[..2], &[0; 50], &whole[1..]];
        for packet in packets {
            let mut pair = logged_in(name);
            let end = end_of(&mut pair, packet);
            assert_eq!(end.reason, DisconnectReason::CompressionError, "{name}: {packet:02x?}");
            assert!(end.description.contains(": compression: "), "{end}");
            assert!(pair.server.payloads.is_empty());
            // It is told, too.
            pair.server.transport.disconnect(&end);
            let down = pair.server.transmit(pair.now);
            pair.client.feed(pair.now, &down);
            let told = |item: &Item| matches!(item, Item::Disconnected { reason: 6, .. });
            assert!(pair.client.items.iter().any(told), "{:?}", pair.client.items);
        }
    }
}

/// A client that starts before the login, and one that does not start after it.
#[test]
fn compression_at_the_wrong_time_is_refused() {
    for name in names().filter(|name| name.contains('@')) {
        let mut early = pair(name);
        early.run();
        let packet = compressed(name, &channel_data(b"too early"));
        early.client.transport.sealer.compress_by(Some(Box::new(Verbatim)));
        let mut out = Vec::new();
        early.client.transport.append_frame(&packet, &mut out).unwrap();
        early.server.feed(early.now, &out);
        // Whatever it is, it is not what was meant.
        assert_ne!(early.server.payloads, [channel_data(b"too early")]);
        let mut late = logged_in(name);
        let end = end_of(&mut late, &channel_data(b"too late"));
        assert_eq!(end.reason, DisconnectReason::CompressionError, "{name}");
    }
}
