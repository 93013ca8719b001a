//! Several sessions on one connection, against the real server: our client role in this process,
//! over a socket. A session whose client does not read, or asks for more than is taken from it,
//! stalls itself and nobody else.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringferry::crypto::{Ed25519Signer, Signer};
use ringferry::ssh::{
    ChannelId, ChannelRequest, ClientConfig, DisconnectReason, Event, GlobalRequest,
};

use support::driver;
use support::files::{Scratch, write_random};
use support::packets::{MKDIR, OPEN, OPEN_READ, READ, open_body, read_body, string};
use support::server::{Options, Server, Subject};
use support::{MIB, SOON, skipped};

const KEY_SEED: [u8; 32] = [0x5e; 32];

/// A server that knows the key.
fn started() -> (Scratch, Server) {
    started_with(&Options::default())
}

fn started_with(options: &Options) -> (Scratch, Server) {
    let scratch = Scratch::new();
    let blob = Ed25519Signer::from_seed(KEY_SEED).public_blob().to_vec();
    let line = ssh_key::PublicKey::from_bytes(&blob).and_then(|key| key.to_openssh());
    fs::write(scratch.path("authorized_keys"), line.expect("a public key")).expect("write");
    let server = Server::start_with(&scratch, options);
    (scratch, server)
}

/// A connection with any number of SFTP sessions.
struct Client {
    peer: driver::Client,
    /// Channel data by session, and whether its window is given back.
    received: BTreeMap<ChannelId, Vec<u8>>,
    reads: BTreeMap<ChannelId, bool>,
    events: Vec<Event>,
}

impl Client {
    fn connect(server: &Server) -> Client {
        let peer = driver::Client::connect(server.address, ClientConfig::default(), 6 * SOON);
        let (received, reads) = (BTreeMap::new(), BTreeMap::new());
        let mut client = Client { peer, received, reads, events: Vec::new() };
        let key = Ed25519Signer::from_seed(KEY_SEED);
        client.peer.connection.auth_publickey(&server.user, Arc::new(key));
        client.run_until(|client| client.peer.connection.is_authenticated());
        client
    }

    /// One turn: what is queued goes out, what has come is taken.
    fn turn(&mut self) {
        self.peer.wait_at_most(Duration::from_millis(20));
        while let Some(event) = self.peer.try_event() {
            match event {
                Event::HostKeyOffered { .. } => {
                    self.peer.connection.handle_host_key(Instant::now(), true);
                }
                Event::Data { channel, range, .. } => {
                    let count = u32::try_from(range.len()).expect("small");
                    let bytes = self.peer.data(range);
                    self.received.entry(channel).or_default().extend_from_slice(bytes);
                    if self.reads[&channel] {
                        self.peer.connection.adjust(channel, count);
                    }
                }
                event => self.events.push(event),
            }
        }
    }

    fn run_until(&mut self, done: impl Fn(&Client) -> bool) {
        let end = Instant::now() + SOON;
        while !done(self) {
            assert!(Instant::now() < end, "stuck: {:?}", self.events);
            self.turn();
        }
    }

    /// A session with the SFTP subsystem, versions exchanged and `path` open as handle.
    fn session(&mut self, path: &str) -> (ChannelId, Vec<u8>) {
        let channel = self.peer.connection.open_session().expect("room for a session");
        self.reads.insert(channel, true);
        self.run_until(|it| it.events.contains(&Event::ChannelOpened { channel }));
        self.peer.connection.request_subsystem(channel, "sftp");
        let granted = Event::ChannelReply { channel, success: true };
        self.run_until(|it| it.events.contains(&granted));
        self.write(channel, &[0, 0, 0, 5, 1, 0, 0, 0, 3]);
        self.ask(channel, OPEN, 1, &open_body(path, OPEN_READ));
        self.run_until(|it| packets(it.bytes(channel)).count() == 2);
        let handle = packets(self.bytes(channel)).nth(1).expect("a HANDLE");
        assert_eq!(handle[0], 102, "{handle:?}");
        let handle = handle[9..].to_vec();
        self.received.insert(channel, Vec::new());
        (channel, handle)
    }

    fn bytes(&self, channel: ChannelId) -> &[u8] {
        self.received.get(&channel).map_or(&[], Vec::as_slice)
    }

    /// Sends all of `data`, whatever the window takes at once.
    fn write(&mut self, channel: ChannelId, data: &[u8]) {
        let mut sent = self.peer.send(channel, data);
        let end = Instant::now() + SOON;
        while sent < data.len() {
            assert!(Instant::now() < end, "{sent} bytes sent: {:?}", self.events);
            self.turn();
            sent += self.peer.send(channel, &data[sent..]);
        }
    }

    fn ask(&mut self, channel: ChannelId, kind: u8, id: u32, body: &[u8]) {
        self.write(channel, &packet(kind, id, body));
    }

    /// Asks for `bytes` of the file in pieces of 255 KiB, all at once.
    fn download(&mut self, channel: ChannelId, handle: &[u8], bytes: u64) {
        for (id, offset) in (2..).zip((0..bytes).step_by(261_120)) {
            self.ask(channel, READ, id, &read_body(handle, offset, 261_120));
        }
    }

    /// The payloads of all DATA replies so far.
    fn data(&self, channel: ChannelId) -> Vec<u8> {
        let data = packets(self.bytes(channel)).filter(|packet| packet[0] == 103);
        data.flat_map(|packet| packet[9..].to_vec()).collect()
    }
}

fn packet(kind: u8, id: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 5).expect("a small packet");
    [&length.to_be_bytes()[..], &[kind], &id.to_be_bytes(), body].concat()
}

/// The whole SFTP packets at the front of `stream`, from their type on.
fn packets(mut stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = stream.split_first_chunk::<4>()?;
        let (packet, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        stream = rest;
        Some(packet)
    })
}

#[test]
fn a_session_that_is_not_read_stalls_only_itself() {
    let (scratch, server) = started();
    write_random(&scratch.served("big"), 8 * MIB, 21);
    write_random(&scratch.served("other"), 6 * MIB, 22);
    let mut client = Client::connect(&server);
    let (stuck, stuck_handle) = client.session("/big");
    let (other, other_handle) = client.session("/other");
    client.reads.insert(stuck, false);
    client.download(stuck, &stuck_handle, 8 * MIB);
    // Its window fills to the last byte, and then nothing more comes.
    let window = ClientConfig::default().window_bytes as usize;
    client.run_until(|it| it.bytes(stuck).len() + 1024 > window);
    let held = client.bytes(stuck).len();
    client.download(other, &other_handle, 6 * MIB);
    client.run_until(|it| it.bytes(other).len() as u64 >= 6 * MIB + 25 * 13);
    assert!(client.data(other) == fs::read(scratch.served("other")).expect("other"));
    assert!(client.bytes(stuck).len() <= window);
    // Once it is read it goes on where it stood.
    client.reads.insert(stuck, true);
    client.peer.connection.adjust(stuck, u32::try_from(held).expect("a window"));
    client.run_until(|it| it.bytes(stuck).len() as u64 >= 8 * MIB + 33 * 13);
    assert!(client.data(stuck) == fs::read(scratch.served("big")).expect("big"));
}

#[test]
fn a_session_whose_requests_are_parked_stalls_only_itself() {
    let (scratch, server) = started();
    write_random(&scratch.served("big"), 4 * MIB, 23);
    write_random(&scratch.served("other"), 4 * MIB, 24);
    let mut client = Client::connect(&server);
    let (stuck, handle) = client.session("/big");
    let (other, other_handle) = client.session("/other");
    client.reads.insert(stuck, false);
    // More READs than are queued for a session (65,536), until its inbound window is used up too.
    let asked = packet(READ, 2, &read_body(&handle, 0, 32 * 1024)).repeat(1000);
    let end = Instant::now() + SOON;
    let mut quiet = 0;
    while quiet < 20 {
        assert!(Instant::now() < end, "the server takes requests without end");
        let written = client.peer.send(stuck, &asked);
        quiet = if written == 0 { quiet + 1 } else { 0 };
        client.turn();
    }
    client.download(other, &other_handle, 4 * MIB);
    client.run_until(|it| it.bytes(other).len() as u64 >= 4 * MIB + 17 * 13);
    assert!(client.data(other) == fs::read(scratch.served("other")).expect("other"));
}

/// Far more requests than the server carries out in one turn, and the end of the channel and of the
/// connection right behind them.
#[test]
fn requests_in_front_of_the_end_are_carried_out() {
    const FOLDERS: u32 = 4000;
    let (scratch, server) = started();
    fs::write(scratch.served("there"), b"1").expect("a file");
    let mut client = Client::connect(&server);
    let (channel, _) = client.session("/there");
    let folder = |number| [string(format!("/{number}")), vec![0; 4]].concat();
    let asked: Vec<u8> =
        (0..FOLDERS).flat_map(|number| packet(MKDIR, number + 2, &folder(number))).collect();
    client.write(channel, &asked);
    client.peer.connection.close(channel);
    client.peer.connection.disconnect(DisconnectReason::ByApplication, "done");
    let last = scratch.served(&(FOLDERS - 1).to_string());
    let end = Instant::now() + SOON;
    while !last.exists() {
        let made = fs::read_dir(scratch.root()).expect("the root").count();
        assert!(Instant::now() < end, "{made} folders: {:?}", client.events);
        client.turn();
    }
}

/// scp and sftp wait for all three, in this order, behind the last reply.
#[test]
fn a_session_that_ends_says_how_and_the_next_one_goes_on() {
    let (scratch, server) = started();
    write_random(&scratch.served("big"), MIB, 25);
    let mut client = Client::connect(&server);
    let (channel, handle) = client.session("/big");
    let (next, next_handle) = client.session("/big");
    client.events.clear();
    client.download(channel, &handle, MIB);
    client.peer.connection.eof(channel);
    client.run_until(|it| it.events.contains(&Event::Closed { channel }));
    assert!(client.data(channel) == fs::read(scratch.served("big")).expect("big"));
    let exit = Event::ChannelRequest { channel, request: ChannelRequest::ExitStatus(0) };
    let mut ends: Vec<&Event> = client.events.iter().collect();
    ends.retain(|event| !matches!(event, Event::WindowOpened { .. }));
    assert_eq!(ends, [&exit, &Event::Eof { channel }, &Event::Closed { channel }]);
    client.download(next, &next_handle, MIB);
    client.run_until(|it| it.bytes(next).len() as u64 >= MIB + 5 * 13);
    assert!(client.data(next) == fs::read(scratch.served("big")).expect("big"));
}

/// `eow@openssh.com`: an ssh whose output has nowhere to go any more. Its session ends although
/// most of what it asked for has not come, and takes nobody with it.
#[test]
fn a_client_that_reads_no_more_ends_its_session_only() {
    let (scratch, server) = started();
    write_random(&scratch.served("big"), 32 * MIB, 26);
    let mut client = Client::connect(&server);
    let (channel, handle) = client.session("/big");
    let (next, next_handle) = client.session("/big");
    client.events.clear();
    client.download(channel, &handle, 32 * MIB);
    client.run_until(|it| it.bytes(channel).len() as u64 >= MIB);
    client.peer.connection.request(channel, &ChannelRequest::EndOfWrite, false);
    client.run_until(|it| it.events.contains(&Event::Closed { channel }));
    assert!((client.bytes(channel).len() as u64) < 32 * MIB, "all of it came");
    let mut ends: Vec<&Event> = client.events.iter().collect();
    ends.retain(|event| !matches!(event, Event::WindowOpened { .. }));
    assert!(matches!(ends[0], Event::ChannelRequest { .. }), "how it ended: {ends:?}");
    assert_eq!(ends[1..], [&Event::Eof { channel }, &Event::Closed { channel }]);
    client.download(next, &next_handle, 5 * 261_120);
    client.run_until(|it| it.bytes(next).len() == 5 * (13 + 261_120));
    assert!(client.data(next) == fs::read(scratch.served("big")).expect("big")[..5 * 261_120]);
}

/// Requests keep a connection, keepalives of either side do not.
#[test]
fn idle_timeout_is_about_requests() {
    if Subject::chosen() != Subject::Ringferry {
        return skipped("sshd has another rule: a channel's");
    }
    const IDLE: Duration = Duration::from_secs(2);
    let settings = [("idle_timeout", "2"), ("client_alive_interval", "1")];
    let settings = settings.map(|(key, value)| (key, value.to_owned())).to_vec();
    let (scratch, server) = started_with(&Options { settings, ..Options::default() });
    write_random(&scratch.served("small"), 1000, 27);
    let mut client = Client::connect(&server);
    let (channel, handle) = client.session("/small");
    let begun = Instant::now();
    let mut id = 2;
    while begun.elapsed() < IDLE + IDLE / 2 {
        client.ask(channel, READ, id, &read_body(&handle, 0, 1000));
        client.run_until(|it| it.bytes(channel).len() == (id as usize - 1) * 1013);
        id += 1;
        std::thread::sleep(Duration::from_millis(200));
    }
    // Our own keepalives, and then only our answers to the server's, which it sends into silence.
    for asks in [true, false] {
        let begun = Instant::now();
        let replies = until_cut(&mut client, asks);
        assert!(begun.elapsed() >= IDLE - Duration::from_millis(300), "cut too early");
        assert!(!asks || replies >= 3, "keepalives went by: {:?}", client.events);
        server.log.wait_line(SOON, |line| {
            let local = format!("peer={}", client.peer.local_address());
            line.contains(&local) && line.contains("idle timeout: nothing was asked for 2 s")
        });
        client = Client::connect(&server);
        client.session("/small");
    }
}

/// Asks for nothing, at most for signs of life, until the server ends the connection; says how many
/// of those came.
fn until_cut(client: &mut Client, asks: bool) -> usize {
    client.events.clear();
    let begun = Instant::now();
    let mut asked_at = begun;
    let is_end = |event: &Event| matches!(event, Event::Disconnected { by_peer: true, .. });
    while !client.events.iter().any(is_end) {
        assert!(begun.elapsed() < SOON, "it goes on: {:?}", client.events);
        if asks && asked_at.elapsed() >= Duration::from_millis(200) {
            asked_at = Instant::now();
            client.peer.connection.global_request(&GlobalRequest::Keepalive, true);
        }
        client.turn();
    }
    client.events.iter().filter(|event| matches!(event, Event::GlobalReply { .. })).count()
}
