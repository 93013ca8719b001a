//! Work shared out: trains that other cores seal, long queues of requests that other sessions do
//! not wait behind, and a thousand connections that come at once.

mod support;

use std::io::Read;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Resource, Signal, getrlimit, setrlimit};

use support::client::{Running, quoted};
use support::files::{Scratch, assert_same_bytes, write_random};
use support::log::field;
use support::packets::{
    CLOSE, OPEN, OPEN_TRUNCATE, OPEN_WRITE_CREATE, Packets, REMOVE, Reply, STAT,
    STATUS_NO_SUCH_FILE, open_body, string,
};
use support::server::{Options, Server, Subject};
use support::{MIB, SOON, skipped, wait_for};

const LOAD: Duration = Duration::from_secs(120);

const CHACHA: &str = "chacha20-poly1305@openssh.com";
const GCM: &str = "aes256-gcm@openssh.com";
const CTR: &str = "aes128-ctr";
const ETM: &str = "hmac-sha2-256-etm@openssh.com";

/// Downloads by several clients at once, with new keys every four MiB. Gives how many trains other
/// cores sealed; none where the subject has no such thing.
fn sealed_elsewhere(threads: u32, driver: &str, ciphers: &[&str], mac: &str) -> Option<u64> {
    let scratch = Scratch::new();
    let settings = vec![
        ("crypto_threads", threads.to_string()),
        ("driver", driver.to_owned()),
        ("macs", format!("^{mac}")),
        ("key_renegotiation_threshold", "4M".to_owned()),
        ("log_level", "debug".to_owned()),
    ];
    let options = Options { shards: Some(1), settings, ..Options::default() };
    let mut server = Server::start_with(&scratch, &options);
    write_random(&scratch.served("file"), 24 * MIB + 7, 3);
    let macs = format!("-oMACs={mac}");
    let clients: Vec<_> = ciphers
        .iter()
        .enumerate()
        .map(|(index, cipher)| {
            let back = scratch.path(&format!("back-{index}"));
            let batch = format!("get /file {}\n", quoted(&back));
            (Running::start(server.sftp_command(&["-c", cipher, &macs]), &batch), back)
        })
        .collect();
    for (client, back) in clients {
        client.wait(LOAD).expect_success();
        assert_same_bytes(&scratch.served("file"), &back);
    }
    if !server.subject.logs_fields() {
        return None;
    }
    assert_eq!(server.stop(), Some(0));
    Some(server.log.numbers("trains_sealed_elsewhere").iter().sum())
}

#[test]
fn trains_that_other_cores_seal_arrive_whole_and_in_order() {
    for driver in ["ring", "poll"] {
        match sealed_elsewhere(2, driver, &[CHACHA, GCM, CTR, CHACHA], ETM) {
            Some(trains) => assert!(trains > 0, "{driver}: {trains} trains"),
            None => return skipped("(counters only) the subject seals alone"),
        }
    }
    assert!(sealed_elsewhere(2, "auto", &[CTR], ETM) > Some(0), "its counters are known before");
    let plaintext = sealed_elsewhere(2, "auto", &[CTR], "hmac-sha2-256");
    assert_eq!(plaintext, Some(0), "a MAC over the plaintext stays on the shard");
    assert_eq!(sealed_elsewhere(0, "auto", &[CHACHA], ETM), Some(0), "0 threads seal nothing");
}

/// Far more requests than one turn carries out, sent without waiting for an answer.
#[test]
fn a_flood_of_requests_is_answered_whole_while_others_are_served() {
    const FLOOD: u32 = 30_000;
    let scratch = Scratch::new();
    let server = Server::start_with(&scratch, &Options { shards: Some(1), ..Options::default() });
    std::fs::write(scratch.served("there"), b"1234").expect("a file");
    let mut flood = Packets::open(&server);
    let mut other = Packets::open(&server);
    let first = flood.send(STAT, &string("/there"));
    for number in 1..FLOOD {
        let path = if number % 2 == 0 { "/there" } else { "/not-there" };
        assert_eq!(flood.send(STAT, &string(path)), first + number);
    }
    for _ in 0..50 {
        assert_eq!(other.ask(STAT, &string("/there")).expect_attrs().size, Some(4));
    }
    for number in 0..FLOOD {
        let (id, reply) = flood.reply().expect("an answer");
        assert_eq!(id, first + number);
        match (number % 2, reply) {
            (0, Reply::Attrs(attrs)) => assert_eq!(attrs.size, Some(4)),
            (1, Reply::Status { code: 2, .. }) => {}
            (_, other) => panic!("{other:?} to request {number}"),
        }
    }
    flood.finish();
    assert_eq!(flood.wait_end(SOON), Some(0));
}

/// To free a large file keeps a file system busy, and a shard has other sessions.
#[test]
fn large_files_are_let_go_of_off_the_shard_and_in_the_order_of_the_requests() {
    const LARGE: u64 = 64 * MIB;
    let scratch = Scratch::new();
    let server = Server::start_with(&scratch, &Options { shards: Some(1), ..Options::default() });
    let jobs_threads = || threads(&server, "blocking").count();
    let sized = |name: &str, bytes| {
        let file = std::fs::File::create(scratch.served(name)).expect("a file");
        file.set_len(bytes).expect("a size");
    };
    let mut session = Packets::open(&server);
    sized("small", 3);
    session.ask(REMOVE, &string("/small")).expect_ok();
    assert_eq!(jobs_threads(), 0, "no thread is started for what is quick");
    for name in ["removed", "emptied", "replaced"] {
        sized(name, LARGE);
    }
    sized("new", 5);
    // None of them is waited for.
    let removed = session.send(REMOVE, &string("/removed"));
    let gone = session.send(STAT, &string("/removed"));
    let emptied = session.send(OPEN, &open_body("/emptied", OPEN_WRITE_CREATE | OPEN_TRUNCATE));
    let empty = session.send(STAT, &string("/emptied"));
    let names = [string("/new"), string("/replaced")].concat();
    let renamed = session.send_extended("posix-rename@openssh.com", &names);
    let new = session.send(STAT, &string("/replaced"));
    session.reply_to(removed).expect_ok();
    session.reply_to(gone).expect_status(STATUS_NO_SUCH_FILE);
    let handle = session.reply_to(emptied).expect_handle();
    assert_eq!(session.reply_to(empty).expect_attrs().size, Some(0));
    session.reply_to(renamed).expect_ok();
    assert_eq!(session.reply_to(new).expect_attrs().size, Some(5));
    session.ask_write(&handle, 0, b"content").expect_ok();
    session.ask(CLOSE, &string(&handle)).expect_ok();
    assert_eq!(std::fs::read(scratch.served("emptied")).expect("read"), b"content");
    if server.subject == Subject::Ringferry {
        assert!(jobs_threads() > 0, "the shard did it itself");
    }
    session.finish();
    assert_eq!(session.wait_end(SOON), Some(0));
}

/// Short slices are for a shard on which somebody waits for little. One that only moves bulk would
/// interrupt its clients for nothing.
#[test]
fn slices_are_short_while_somebody_waits_for_little() {
    const SHORT_NS: u64 = 100_000;
    let scratch = Scratch::new();
    let server = Server::start_with(&scratch, &Options { shards: Some(1), ..Options::default() });
    let own = slice_ns(Path::new("/proc/thread-self"));
    let (Some(usual), Some(shard)) = (own, threads(&server, "shard-0").next()) else {
        return skipped("no shards, or a kernel that does not show slices");
    };
    let becomes = |ns| wait_for(SOON, || (slice_ns(&shard) == Some(ns)).then_some(()));
    if becomes(SHORT_NS).is_none() {
        return skipped("the kernel is older than 6.12: threads have no slices of their own");
    }
    let large = std::fs::File::create(scratch.served("large")).expect("a file");
    large.set_len(256 * MIB).expect("a size");
    let gets = "get /large /dev/null\n".repeat(1000);
    let mut bulk = Running::start(server.sftp_command(&[]), &gets);
    becomes(usual).expect("the usual slices beside a download");
    let mut light = Packets::open(&server);
    let asked = wait_for(SOON, || {
        light.ask(STAT, &string("/large")).expect_attrs();
        (slice_ns(&shard) == Some(SHORT_NS)).then_some(())
    });
    asked.expect("short slices beside a session that asks for attributes");
    becomes(usual).expect("the usual ones once it is quiet");
    assert!(!bulk.has_ended());
    bulk.kill();
    light.finish();
}

/// The folders in /proc of the server's threads of that name.
fn threads(server: &Server, name: &str) -> impl Iterator<Item = PathBuf> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid())).expect("threads");
    let line = format!("{name}\n");
    let is_it = move |task: &PathBuf| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm == line)
    };
    tasks.flatten().map(|task| task.path()).filter(is_it)
}

/// The scheduler's slice for a thread, by its folder in /proc.
fn slice_ns(task: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(task.join("sched")).ok()?;
    let line = text.lines().find(|line| line.starts_with("se.slice"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}

#[test]
fn a_thousand_connections_at_once_are_all_greeted() {
    const CONNECTIONS: usize = 1000;
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|most| most < 2 * CONNECTIONS as u64) {
        return skipped("the limit of open files is too low (ulimit -Hn)");
    }
    let mut raised = limit;
    raised.current = limit.maximum;
    setrlimit(Resource::Nofile, raised).expect("raise the limit of open files");
    let scratch = Scratch::new();
    // Nobody is cut off while the others are still being greeted.
    let settings = vec![
        ("max_connections", (CONNECTIONS + 10).to_string()),
        ("ident_timeout", "600".to_owned()),
        // All of them from one address, and nobody logs in.
        ("max_startups", (CONNECTIONS + 10).to_string()),
        ("per_source_max_startups", "0".to_owned()),
    ];
    let server =
        Server::start_with(&scratch, &Options { settings, shards: Some(2), ..Options::default() });
    let address = server.address;
    let connect = || TcpStream::connect(address).expect("a connection");
    let streams: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect()).collect();
    for mut stream in streams.iter() {
        stream.set_read_timeout(Some(SOON)).expect("a timeout");
        let mut ident = [0; 8];
        stream.read_exact(&mut ident).expect("a greeting");
        assert_eq!(&ident, b"SSH-2.0-");
    }
    if server.subject.logs_fields() {
        // Half of them on each shard, as the server says when it is asked.
        server.signal(Signal::USR1);
        let shard = |line: &str| line.contains("statistics of a shard");
        let told = |line: &str| field(line, "imbalance_percent").is_some();
        let total = server.log.wait_line(SOON, told);
        assert_eq!(field(&total, "connections"), Some("1000"));
        let shards = server.log.lines().into_iter().filter(|line| shard(line));
        let each: Vec<_> =
            shards.map(|line| field(&line, "connections").map(str::to_owned)).collect();
        assert_eq!(each, [Some("500".to_owned()), Some("500".to_owned())]);
    }
    drop(streams);
    server.sftp(&[], "ls /\n", SOON).expect_success();
}
