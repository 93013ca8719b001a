//! Compressed connections: data both ways, through frames and copies, with new keys on the way.

use std::time::Duration;

use super::pair::{Dice, Pair, Split, client_config, server_config};
use super::transfer::Trains;
use crate::crypto::compressions;
use crate::ssh::{ChannelId, Event};

/// Every compression, `none` among them: the tests here hold for it as well.
fn names() -> impl Iterator<Item = &'static str> {
    compressions().iter().map(|it| it.name)
}

/// Logged in with one compression, its bytes split so.
fn pair(name: &'static str, split: Split) -> (Pair, ChannelId, ChannelId) {
    let (mut server, mut client) = (server_config(), client_config());
    server.transport.compressions = vec![name];
    client.transport.compressions = vec![name];
    let mut pair = Pair::new(server, client);
    pair.split = split;
    pair.client.connection.auth_password("alice", "secret");
    pair.run();
    let (ours, theirs) = pair.open_session();
    for end in [&pair.client, &pair.server] {
        assert_eq!(end.connection.compresses(), name != "none");
        let info = end.connection.info();
        assert_eq!((info.sent.compression, info.received.compression), (name, name));
    }
    (pair, ours, theirs)
}

/// Half noise, half the same line again and again.
fn mixed(dice: &mut Dice, len: usize) -> Vec<u8> {
    let mut data = dice.bytes(len / 2);
    data.extend(b"GET /index.html 200\n".iter().cycle().take(len - len / 2));
    data
}

#[test]
fn frames_and_keys_at_random_moments() {
    for (seed, name) in (1..).zip(names()) {
        let mut dice = Dice::new(seed);
        let (mut pair, ours, theirs) = pair(name, Split::Random(Dice::new(seed + 100), 100_000));
        let (up, down) = (mixed(&mut dice, 3 << 20), mixed(&mut dice, 3 << 20));
        let mut client = Trains::new(ours, up.clone(), 16);
        let mut server = Trains::new(theirs, down.clone(), 16);
        for turn in 0.. {
            assert!(turn < 100_000, "stuck with {name}");
            match dice.roll(20) {
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
            assert_eq!((pair.client.end(), pair.server.end()), (None, None), "{name}");
            if client.is_done() && server.is_done() {
                break;
            }
        }
        pair.run();
        assert!(pair.server.data[&theirs] == up, "{name}");
        assert!(pair.client.data[&ours] == down, "{name}");
        let done = |it: &&Event| matches!(it, Event::KexDone { first: false });
        assert!(pair.server.events.iter().filter(done).count() >= 5);
        assert_eq!(client.compressed > 90 && server.compressed > 90, name != "none");
        let on_the_wire = pair.server.connection.info().sent.bytes;
        // The noise is as long as before, the lines are all but gone.
        let share = on_the_wire as f64 / down.len() as f64;
        assert!(if name == "none" { share > 1.0 } else { share < 0.56 }, "{name}: {share}");
    }
}

#[test]
fn copies_and_extended_data_and_a_byte_at_a_time() {
    for name in names() {
        let (mut pair, ours, theirs) = pair(name, Split::Bytewise);
        let mut dice = Dice::new(9);
        let (up, down) = (mixed(&mut dice, 20_000), mixed(&mut dice, 30_000));
        assert_eq!(pair.client.connection.write(ours, &up), up.len());
        assert_eq!(pair.server.connection.write(theirs, &down), down.len());
        assert_eq!(pair.server.connection.write_extended(theirs, 1, b"oh no"), 5);
        pair.client.connection.rekey(pair.now);
        pair.run();
        assert!(pair.server.data[&theirs] == up, "{name}");
        assert!(pair.client.data[&ours] == down, "{name}");
        assert_eq!(pair.client.extended, b"oh no");
        pair.client.connection.close(ours);
        pair.run();
        assert!(pair.client.saw(|it| *it == Event::Closed { channel: ours }));
    }
}

/// Frames that were laid out before compression started are sealed all the same.
#[test]
fn append_data_serves_connections_that_do_not_compress() {
    let (mut pair, ours, theirs) = pair("none", Split::Whole);
    let server = &mut pair.server.connection;
    let frame = server.reserve_data(theirs, 5).unwrap();
    let mut bytes = vec![0; frame.frame_bytes()];
    bytes[frame.data_range()].copy_from_slice(b"hello");
    let before = server.send_window(theirs);
    server.append_data(&frame, &mut bytes, &mut pair.to_client).unwrap();
    assert_eq!(pair.to_client.len(), frame.frame_bytes());
    assert_eq!(server.send_window(theirs), before);
    pair.run();
    assert_eq!(pair.client.data[&ours], b"hello");
}
