//! Many clients at once, and clients that die: every byte right, every shard used, and every
//! descriptor, buffer and connection given back.

mod support;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use support::client::{Running, quoted};
use support::files::{Scratch, Seeded, assert_same_bytes, write_random};
use support::log::field;
use support::server::{Options, Server};
use support::{MIB, SOON, skipped, wait_for};

const SESSIONS: u64 = 64;
/// 128 processes on a small machine, in a debug build.
const LOAD: Duration = Duration::from_secs(300);

/// Clients killed in each of the two runs.
const KILLS: u64 = 200;
/// Clients alive at once while they are being killed.
const KILLS_AT_ONCE: u64 = 4;
/// The longest a client lives after its start, or after its transfer began.
const DELAY_MILLIS_MAX: u64 = 250;

/// These tests fill both cores: one after the other.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shards(count: u32) -> Options {
    Options { shards: Some(count), ..Options::default() }
}

#[test]
fn sixty_four_sessions_at_once_on_two_shards() {
    let _alone = alone();
    let scratch = Scratch::new();
    let server = Server::start_with(&scratch, &shards(2));
    let clients: Vec<(u64, Running)> = (0..SESSIONS)
        .map(|index| {
            let source = scratch.path(&format!("source-{index}"));
            write_random(&source, 16 * MIB, index);
            (index, source)
        })
        .collect::<Vec<_>>()
        .into_iter()
        .map(|(index, source)| {
            let back = scratch.path(&format!("back-{index}"));
            let batch = format!(
                "put {} /file-{index}\nget /file-{index} {}\n",
                quoted(&source),
                quoted(&back)
            );
            (index, Running::start(server.sftp_command(&[]), &batch))
        })
        .collect();
    for (index, client) in clients {
        client.wait(LOAD).expect_success();
        let source = scratch.path(&format!("source-{index}"));
        assert_same_bytes(&source, &scratch.served(&format!("file-{index}")));
        assert_same_bytes(&source, &scratch.path(&format!("back-{index}")));
    }
    if !server.subject.logs_fields() {
        return skipped("(shards only) the subject has none");
    }
    // Each connection counts once, however many of its lines name the shard.
    let lines = server.log.with_field("shard");
    let served = |shard: &str| {
        let mut peers: Vec<_> = lines
            .iter()
            .filter(|line| field(line, "shard") == Some(shard))
            .filter_map(|line| field(line, "peer"))
            .collect();
        peers.sort_unstable();
        peers.dedup();
        peers.len()
    };
    let (first, second) = (served("0"), served("1"));
    eprintln!("sessions by shard: {first} and {second}");
    assert!(first > 0 && second > 0, "shard 0 served {first}, shard 1 served {second}");
    assert_eq!(first + second, 64, "every session names its shard");
}

/// Starts clients that transfer both ways and kills each at a seeded random moment: one in four
/// while it may still be logging in, the others while they transfer.
fn kill_clients(scratch: &Scratch, server: &Server, seed: u64) {
    let mut seeded = Seeded::new(seed);
    for round in 0..KILLS / KILLS_AT_ONCE {
        std::thread::scope(|scope| {
            for slot in 0..KILLS_AT_ONCE {
                let name = format!("{round}-{slot}");
                let (uploads, early) = (seeded.below(2) == 0, seeded.below(4) == 0);
                let delay = Duration::from_millis(seeded.below(DELAY_MILLIS_MAX));
                scope.spawn(move || kill_one(scratch, server, &name, uploads, early, delay));
            }
        });
    }
}

fn kill_one(
    scratch: &Scratch,
    server: &Server,
    name: &str,
    uploads: bool,
    early: bool,
    delay: Duration,
) {
    let (big, back) = (quoted(scratch.path("big")), scratch.path(name));
    // Twice: even a fast transfer must not end before its client is killed.
    let (batch, copy) = if uploads {
        (format!("put {big} /{name}\nput {big} /{name}\n"), scratch.served(name))
    } else {
        (format!("get /big {0}\nget /big {0}\n", quoted(&back)), back)
    };
    let mut client = Running::start(server.sftp_command(&[]), &batch);
    if !early {
        let begun = || std::fs::metadata(&copy).ok().filter(|file| file.len() > 0);
        assert!(wait_for(LOAD, begun).is_some(), "{name}: no transfer began");
    }
    std::thread::sleep(delay);
    client.kill();
    let ended = client.wait(SOON);
    assert_eq!(ended.code, None, "{name} ended before it was killed: {}", ended.output());
    let _ = std::fs::remove_file(&copy);
}

/// The counters on the newest line about an ended connection: (connections, buffers) still held.
fn counts_left(server: &Server) -> Option<(u64, u64)> {
    let line = server.log.with_field("rekeys").pop()?;
    let number = |name| {
        field(&line, name)
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("no {name}= in {line:?}"))
    };
    Some((number("connections"), number("buffers")))
}

fn survives_killed_clients(shard_count: u32, seed: u64) {
    let _alone = alone();
    let scratch = Scratch::new();
    let mut server = Server::start_with(&scratch, &shards(shard_count));
    write_random(&scratch.path("big"), 256 * MIB, seed);
    std::fs::copy(scratch.path("big"), scratch.served("big")).expect("copy");
    let transfer = |name: &str| {
        let back = scratch.path(name);
        let source = scratch.path("small");
        write_random(&source, 3 * MIB, seed + 1);
        let batch = format!("put {} /{name}\nget /{name} {}\n", quoted(&source), quoted(&back));
        server.sftp(&[], &batch, LOAD).expect_success();
        assert_same_bytes(&source, &scratch.served(name));
        assert_same_bytes(&source, &back);
    };
    let logs = server.subject.logs_fields();
    // The count before is taken after a first transfer: what a server opens lazily and keeps is no
    // leak.
    transfer("before");
    let before = logs.then(|| wait_for(SOON, || counts_left(&server)).expect("a rekeys= line"));
    std::thread::sleep(Duration::from_millis(500));
    let descriptors_before = server.descriptors();
    kill_clients(&scratch, &server, seed);
    server.expect_descriptors_back(descriptors_before);
    transfer("after");
    server.expect_descriptors_back(descriptors_before);
    assert!(server.is_running());
    let Some((connections, buffers)) = before else {
        return skipped("(counters only) the subject does not log them");
    };
    assert_eq!(connections, 0, "the only connection has ended");
    let back = wait_for(SOON, || {
        let (connections, left) = counts_left(&server)?;
        (connections == 0 && left <= buffers).then_some(left)
    });
    let left = back.unwrap_or_else(|| {
        panic!("left {:?}, before (0, {buffers}):\n{}", counts_left(&server), server.log.tail())
    });
    eprintln!("buffers: {buffers} before, {left} after");
}

#[test]
fn two_hundred_killed_clients_leave_nothing_on_one_shard() {
    survives_killed_clients(1, 11);
}

#[test]
fn two_hundred_killed_clients_leave_nothing_on_two_shards() {
    survives_killed_clients(2, 12);
}
