//! The rekey matrix: each limit, at either end and at both, under each cipher, with 64 requests
//! under way in both directions. What was sent arrives, keys were exchanged where they were due,
//! and between an end's KEXINIT and its NEWKEYS there is nothing of the layers above.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::pair::{Dice, End, Pair, Split};
use super::transfer::{Trains, suites};
use crate::ssh::numbers::{CHANNEL_DATA, KEXINIT, NEWKEYS, allowed_in_key_exchange};
use crate::ssh::{ClientConfig, ServerConfig, TransportConfig};

/// Requests under way at a time.
const DEPTH: usize = 64;

/// When keys are exchanged, and the traffic to show it with.
struct Limit {
    bytes: Option<u64>,
    interval: Option<Duration>,
    /// How often the keys have to change at least.
    rekeys_min: u64,
    requests: usize,
    request_bytes: usize,
    /// How much time passes from one turn to the next.
    turn: Duration,
}

const fn by_bytes(bytes: u64, rekeys_min: u64, requests: usize, request_bytes: usize) -> Limit {
    let turn = Duration::from_millis(1);
    Limit { bytes: Some(bytes), interval: None, rekeys_min, requests, request_bytes, turn }
}

const LIMITS: [Limit; 5] = [
    by_bytes(16, 8, 96, 100),
    by_bytes(1024, 8, 96, 1000),
    by_bytes(128 * 1024, 4, 96, 8 * 1024),
    by_bytes(1024 * 1024, 1, 72, 32 * 1024),
    Limit {
        bytes: None,
        interval: Some(Duration::from_secs(5)),
        rekeys_min: 2,
        requests: 128,
        request_bytes: 4096,
        turn: Duration::from_millis(250),
    },
];

/// Who keeps the limit.
#[derive(Clone, Copy, Debug)]
enum Side {
    Client,
    Server,
    Both,
}

fn limit(transport: &mut TransportConfig, limit: &Limit, keeps: bool) {
    transport.kexes = vec!["curve25519-sha256"];
    // The other side has its cipher's own limit, which is far away.
    if keeps {
        transport.rekey_bytes = limit.bytes;
        transport.rekey_interval = limit.interval;
    }
}

/// The numbers of what an end sends, in order.
type Sent = Arc<Mutex<Vec<u8>>>;

fn listen(end: &mut End) -> Sent {
    let sent = Sent::default();
    let log = Arc::clone(&sent);
    end.connection.set_trace(Box::new(move |packet| {
        if packet.is_sent() {
            log.lock().unwrap().push(packet.number());
        }
    }));
    sent
}

/// Nothing but the exchange itself between KEXINIT and NEWKEYS. Returns how many there were.
fn exchanges(sent: &Sent, what: &str) -> u64 {
    let (mut bound, mut exchanges, mut data) = (false, 0, 0);
    for number in sent.lock().unwrap().iter() {
        match *number {
            KEXINIT => {
                assert!(!bound, "{what}: KEXINIT within an exchange");
                bound = true;
            }
            NEWKEYS => {
                assert!(bound, "{what}: NEWKEYS without KEXINIT");
                bound = false;
                exchanges += 1;
            }
            other => {
                let fits = !bound || allowed_in_key_exchange(other);
                assert!(fits, "{what}: message {other} between KEXINIT and NEWKEYS");
                data += usize::from(other == CHANNEL_DATA);
            }
        }
    }
    assert!(data >= DEPTH, "{what}: only {data} packets of data");
    exchanges
}

fn cell(server: &ServerConfig, client: &ClientConfig, row: &Limit, side: Side, what: &str) {
    let (mut server, mut client) = (server.clone(), client.clone());
    limit(&mut server.transport, row, matches!(side, Side::Server | Side::Both));
    limit(&mut client.transport, row, matches!(side, Side::Client | Side::Both));
    let (mut pair, ours, theirs) = Pair::with_session(server, client);
    let sent = [&mut pair.client, &mut pair.server].map(listen);
    let before = pair.client.connection.info().exchanges;
    pair.split = Split::Random(Dice::new(31), 40 * row.request_bytes.min(2048));
    let mut dice = Dice::new(32);
    let (up, down) = {
        let mut bytes = || dice.bytes(row.requests * row.request_bytes);
        (bytes(), bytes())
    };
    let mut client = Trains::in_requests(ours, up.clone(), DEPTH, row.request_bytes);
    let mut server = Trains::in_requests(theirs, down.clone(), DEPTH, row.request_bytes);
    for turn in 0.. {
        assert!(turn < 100_000, "{what}: stuck");
        pair.now += row.turn;
        for end in [&mut pair.client, &mut pair.server] {
            if end.connection.next_deadline().is_some_and(|deadline| deadline <= pair.now) {
                end.connection.handle_timeout(pair.now);
            }
        }
        client.go(&mut pair.client, pair.now, &mut pair.to_server);
        client.seal(&mut pair.client, 1 + dice.roll(3), pair.now, &mut pair.to_server);
        server.go(&mut pair.server, pair.now, &mut pair.to_client);
        server.seal(&mut pair.server, 1 + dice.roll(3), pair.now, &mut pair.to_client);
        pair.step();
        assert_eq!((pair.client.end(), pair.server.end()), (None, None), "{what}");
        if client.is_done() && server.is_done() {
            break;
        }
    }
    pair.run();
    assert!(pair.server.data[&theirs] == up, "{what}: not what the client sent");
    assert!(pair.client.data[&ours] == down, "{what}: not what the server sent");
    for (end, sent) in [&pair.client, &pair.server].into_iter().zip(sent) {
        let exchanges = exchanges(&sent, what);
        assert_eq!(before + exchanges, end.connection.info().exchanges, "{what}");
        assert!(exchanges >= row.rekeys_min, "{what}: {exchanges} exchanges");
    }
}

fn row(row: &Limit) {
    for (name, server, client) in suites() {
        for side in [Side::Client, Side::Server, Side::Both] {
            let what = format!("{:?} {:?} at {side:?}, {name}", row.bytes, row.interval);
            cell(&server, &client, row, side, &what);
        }
    }
}

#[test]
fn rekeys_every_16_bytes() {
    row(&LIMITS[0]);
}

#[test]
fn rekeys_every_kib() {
    row(&LIMITS[1]);
}

#[test]
fn rekeys_every_128_kib() {
    row(&LIMITS[2]);
}

#[test]
fn rekeys_every_mib() {
    row(&LIMITS[3]);
}

#[test]
fn rekeys_every_five_seconds() {
    row(&LIMITS[4]);
}
