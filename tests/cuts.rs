//! Uploads that are cut at a random byte: by a reset connection, by the death of the client and by
//! that of the server, with few or many requests in flight. What is on disk is each time a prefix
//! of the source without a hole, and each client's way of resuming completes it.

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use ringferry_sftp::{OpenFlags, Request};
use support::client::{Running, quoted};
use support::files::{Scratch, Seeded, assert_same_bytes, write_random};
use support::packets::Packets;
use support::server::{Server, Subject};
use support::stall::{Stall, Then};
use support::{MIB, SOON, is_large, skipped};

/// Bytes of the file: several of the client's windows.
const SOURCE_BYTES: u64 = 6 * MIB + 4321;

/// What passes before the file's first byte, about: greetings, keys, the login, OPEN.
const LOGIN_BYTES: u64 = 6_000;

/// One upload, in a debug build, beside other tests.
const LONG: Duration = Duration::from_secs(120);

/// How an upload is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut {
    Reset,
    ClientDies,
    ServerDies,
}

/// Cuts of each kind.
fn cuts() -> u64 {
    if is_large() { 100 } else { 34 }
}

/// What one round is made of.
struct Round {
    name: String,
    cut: Cut,
    /// Bytes of the client's that pass.
    at: u64,
    /// The client's `-R`: requests in flight.
    requests: String,
    /// The client's `-B`: bytes of one.
    request_bytes: &'static str,
}

impl Round {
    fn new(cut: Cut, number: u64, seeded: &mut Seeded) -> Round {
        const BYTES: [&str; 5] = ["4096", "16384", "32768", "65536", "261120"];
        // The ends of the range, then the rest.
        let requests = match number {
            0 => 256,
            1 => 1,
            _ => 1 + seeded.below(256),
        };
        Round {
            name: format!("cut-{number}"),
            cut,
            at: LOGIN_BYTES + seeded.below(SOURCE_BYTES),
            requests: requests.to_string(),
            request_bytes: BYTES[usize::try_from(seeded.below(5)).expect("< 5")],
        }
    }

    fn describe(&self) -> String {
        let Round { name, cut, at, requests, request_bytes } = self;
        format!("{name}: {cut:?} at {at}, {requests} requests of {request_bytes}")
    }
}

/// Starts an upload and cuts it. The server has ended, or given the session up, on return.
fn cut_upload(scratch: &Scratch, server: &mut Server, round: &Round) {
    let descriptors = server.descriptors();
    let stall = Stall::start(server.address, round.at);
    let mut extra = server.options_through(stall.address);
    extra.extend(["-R", &round.requests, "-B", round.request_bytes].map(str::to_owned));
    let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
    let batch = format!("put {} /{}\n", quoted(scratch.path("source")), round.name);
    let mut client = Running::start(server.sftp_command(&extra), &batch);
    if !stall.wait() {
        client.kill();
        panic!("{}: it never came so far: {:?}", round.describe(), client.wait(SOON));
    }
    match round.cut {
        Cut::Reset => stall.end(Then::Reset),
        Cut::ClientDies => {
            client.kill();
            stall.end(Then::PassOn);
        }
        Cut::ServerDies => {
            server.kill();
            stall.end(Then::PassOn);
        }
    }
    let ended = client.wait(SOON);
    assert!(!ended.timed_out && ended.code != Some(0), "{}: {ended:?}", round.describe());
    match round.cut {
        Cut::ServerDies => *server = Server::start(scratch),
        Cut::Reset | Cut::ClientDies => server.expect_idle(descriptors),
    }
}

/// Asserts that the file is how the source begins, and says how long it is; `None` if there is no
/// file.
fn expect_prefix(source: &[u8], file: &Path, round: &Round) -> Option<usize> {
    let bytes = match fs::read(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        read => read.expect("read"),
    };
    let what = round.describe();
    assert!(bytes.len() <= source.len(), "{what}: {} bytes, more than the source", bytes.len());
    if let Some(at) = (0..bytes.len()).find(|&at| bytes[at] != source[at]) {
        panic!("{what}: {} bytes, and byte {at} is not the source's", bytes.len());
    }
    Some(bytes.len())
}

/// As OpenSSH resumes: by the file's size, then writes behind it.
fn resume_by_sftp(scratch: &Scratch, server: &Server, verb: &str, name: &str) {
    let batch = format!("{verb} {} /{name}\n", quoted(scratch.path("source")));
    server.sftp(&[], &batch, LONG).expect_success();
}

/// As WinSCP resumes: OPEN without APPEND, and every WRITE says where.
fn resume_by_offsets(server: &Server, source: &[u8], name: &str) {
    let mut session = Packets::open(server);
    let path = format!("/{name}").into_bytes();
    let attrs = session.ask_request(|id| Request::Stat { id, path: &path }).expect_attrs();
    let size = usize::try_from(attrs.size.expect("a size")).expect("small");
    let flags = OpenFlags::WRITE;
    let open = |id| Request::Open { id, path: &path, flags, attrs: Default::default() };
    let handle = session.ask_request(open).expect_handle();
    let mut offset = size;
    let mut sent = Vec::new();
    for part in source[size..].chunks(32 * 1024) {
        sent.push(session.send_write(&handle, offset as u64, part));
        offset += part.len();
    }
    for id in sent {
        session.reply_to(id).expect_ok();
    }
    session.ask_request(|id| Request::Close { id, handle: &handle }).expect_ok();
}

fn cut_and_resume(cut: Cut, seed: u64) {
    let scratch = Scratch::new();
    let path = scratch.path("source");
    write_random(&path, SOURCE_BYTES, seed);
    let source = fs::read(&path).expect("read");
    let mut server = Server::start(&scratch);
    let mut seeded = Seeded::new(seed);
    let (mut missing, mut whole, mut lengths) = (0, 0, Vec::new());
    for number in 0..cuts() {
        let round = Round::new(cut, number, &mut seeded);
        cut_upload(&scratch, &mut server, &round);
        let file = scratch.served(&round.name);
        match expect_prefix(&source, &file, &round) {
            // Cut before OPEN was read: clients resume nothing and begin anew.
            None => {
                missing += 1;
                resume_by_sftp(&scratch, &server, "put", &round.name);
            }
            // What a dead client had sent may have been all of it: nothing to resume.
            Some(length) if length == source.len() => whole += 1,
            Some(length) => {
                lengths.push(length);
                match number % 3 {
                    0 => resume_by_sftp(&scratch, &server, "put -a", &round.name),
                    1 => resume_by_sftp(&scratch, &server, "reput", &round.name),
                    _ => resume_by_offsets(&server, &source, &round.name),
                }
            }
        }
        assert_same_bytes(&path, &file);
        fs::remove_file(&file).expect("remove");
    }
    lengths.sort_unstable();
    let (shortest, longest) = (lengths.first(), lengths.last());
    eprintln!(
        "{cut:?}: prefixes of {shortest:?} to {longest:?} bytes, {missing} without a file, \
         {whole} whole"
    );
    let inside = lengths.iter().filter(|&&length| length > 0).count() as u64;
    assert!(inside * 2 > cuts(), "of {} cuts {inside} fell into the file", cuts());
}

#[test]
fn by_a_reset_connection() {
    cut_and_resume(Cut::Reset, 61);
}

#[test]
fn by_the_clients_death() {
    cut_and_resume(Cut::ClientDies, 62);
}

#[test]
fn by_the_servers_death() {
    if Subject::chosen() == Subject::Sshd {
        return skipped("sshd's sessions outlive their listener");
    }
    cut_and_resume(Cut::ServerDies, 63);
}
