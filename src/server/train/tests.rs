//! Trains over a real connection in memory, with files that are not what they were.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use ringferry_sftp::client::{Reply as Answer, ReplyDecoder, ReplyItem};

use super::*;
use crate::crypto::{ChaChaRandom, Ed25519Signer};
use crate::reactor::fs::{OpenHow, Root};
use crate::reactor::{BufferPool, PoolLimits};
use crate::server::limits::TRAIN_BYTES_MAX;
use crate::server::room;
use crate::server::session::{Inode, OpenFile, Opened, Party};
use crate::ssh::{AuthVerdict, ClientConfig, Event, ServerConfig, TransportConfig};
use crate::vfs::{Access, Grants};

/// A server and a client that are logged in and have one channel.
struct Pair {
    server: Connection,
    client: Connection,
    now: Instant,
    channel: ChannelId,
    /// Channel data the client has received.
    stream: Vec<u8>,
    /// Whether the client gives window back.
    grants: bool,
    /// Zeros were sent for what a file did not give.
    filled_up: bool,
}

impl Pair {
    fn new(client: ClientConfig) -> Self {
        let now = Instant::now();
        let signer = Ed25519Signer::from_seed([7; 32]);
        let transport =
            TransportConfig { host_keys: vec![Arc::new(signer)], ..TransportConfig::default() };
        let random = |byte| Box::new(ChaChaRandom::from_seed([byte; 32]));
        let config = Arc::new(ServerConfig::new(transport));
        let mut pair = Self {
            server: Connection::server(config, random(1), now),
            client: Connection::client(Arc::new(client), random(2), now),
            now,
            channel: ChannelId(0),
            stream: Vec::new(),
            grants: true,
            filled_up: false,
        };
        pair.client.auth_password("me", "secret");
        pair.exchange(Vec::new());
        pair.client.open_session().unwrap();
        pair.exchange(Vec::new());
        pair
    }

    /// Sends `sealed` after what the server has queued, then lets both talk until they are quiet.
    fn exchange(&mut self, sealed: Vec<u8>) {
        let mut to_client = Vec::new();
        let (mut at_client, mut at_server) = (sealed, Vec::new());
        loop {
            self.server.poll_transmit(self.now, &mut to_client);
            at_client.append(&mut to_client);
            let before = (at_client.len(), at_server.len());
            let heard = self.client_takes(&mut at_client);
            self.client.poll_transmit(self.now, &mut at_server);
            let asked = self.server_takes(&mut at_server);
            self.server.poll_transmit(self.now, &mut to_client);
            if !heard
                && !asked
                && to_client.is_empty()
                && before == (at_client.len(), at_server.len())
            {
                return;
            }
        }
    }

    fn client_takes(&mut self, input: &mut Vec<u8>) -> bool {
        let mut heard = false;
        while self.client.wants_input() {
            let handled = self.client.handle_input(self.now, input);
            if handled.consumed == 0 && handled.event.is_none() {
                break;
            }
            heard = true;
            match handled.event {
                Some(Event::HostKeyOffered { .. }) => self.client.handle_host_key(self.now, true),
                Some(Event::Data { channel, range, .. }) => {
                    let source = if handled.expanded { self.client.expanded() } else { &input[..] };
                    self.stream.extend_from_slice(&source[range.clone()]);
                    if self.grants {
                        self.client.adjust(channel, range.len() as u32);
                    }
                }
                Some(Event::Disconnected { description, .. }) => panic!("{description}"),
                _ => {}
            }
            input.drain(..handled.consumed);
        }
        heard
    }

    fn server_takes(&mut self, input: &mut Vec<u8>) -> bool {
        let mut asked = false;
        while self.server.wants_input() {
            let handled = self.server.handle_input(self.now, input);
            if handled.consumed == 0 && handled.event.is_none() {
                break;
            }
            asked = true;
            match handled.event {
                Some(Event::AuthRequest(_)) => {
                    self.server.handle_auth(self.now, AuthVerdict::Accept);
                }
                Some(Event::ChannelOpenRequested { channel, .. }) => {
                    self.channel = channel;
                    self.server.handle_channel_verdict(self.now, true);
                }
                Some(Event::Disconnected { description, .. }) => panic!("{description}"),
                _ => {}
            }
            input.drain(..handled.consumed);
        }
        asked
    }

    /// Lays, fills and seals one train as the connection driver does; `false` when none leaves.
    fn train(&mut self, replies: &mut Replies, pool: &BufferPool) -> bool {
        self.train_with(replies, pool, |_| {})
    }

    /// As [`train`](Self::train); `meanwhile` runs between layout and read.
    fn train_with(
        &mut self,
        replies: &mut Replies,
        pool: &BufferPool,
        meanwhile: impl FnOnce(&mut Self),
    ) -> bool {
        let mut buffer = pool.large().unwrap();
        let Some((train, read)) =
            lay(&mut self.server, self.channel, replies, &mut buffer, TRAIN_BYTES_MAX)
        else {
            return false;
        };
        meanwhile(self);
        if let Some(read) = read {
            let got = fill(&read, &mut buffer);
            if got != train.file_bytes {
                let recovered = train.recover(&mut self.server, &buffer, Ok(got));
                let Ok(Recovered { stream, drop_rest, filled_up }) = recovered else {
                    panic!("shrunk")
                };
                self.filled_up |= filled_up;
                if drop_rest {
                    replies.pop_front();
                }
                replies.push_front_bytes(stream);
                return true;
            }
        }
        let mut control = Vec::new();
        self.server.poll_transmit(self.now, &mut control);
        let unsealed = if self.server.compresses() {
            train.compress(&mut self.server, &mut buffer, &mut control)
        } else {
            let (range, unsealed) = train.seal(&mut self.server, &mut buffer, &control);
            control = buffer[range].to_vec();
            unsealed
        };
        if let Some(unsealed) = unsealed {
            replies.push_front_bytes(unsealed.0);
        }
        self.exchange(control);
        true
    }

    fn drain(&mut self, replies: &mut Replies, pool: &BufferPool) {
        let mut trains = 0;
        while self.train(replies, pool) {
            trains += 1;
            assert!(trains < 10_000, "trains without end");
        }
        assert!(replies.is_empty());
    }

    /// What the client was answered: id and DATA payload, or id and status code.
    fn answers(&self) -> Vec<(u32, Result<Vec<u8>, u32>)> {
        let mut decoder = ReplyDecoder::new(ReplyDecoder::default_limits());
        let (mut at, mut answers) = (0, Vec::new());
        while at < self.stream.len() {
            let step = decoder.next(&self.stream[at..]).unwrap();
            match step.item {
                Some(ReplyItem::Reply(Answer::Data { id, .. })) => answers.push((id, Ok(vec![]))),
                Some(ReplyItem::ReadData { range, .. }) => {
                    let (_, Ok(data)) = answers.last_mut().unwrap() else { panic!("no DATA") };
                    data.extend_from_slice(&self.stream[at + range.start..at + range.end]);
                }
                Some(ReplyItem::Reply(Answer::Status { id, code, .. })) => {
                    answers.push((id, Err(code)));
                }
                Some(other) => panic!("{other:?}"),
                None => {}
            }
            at += step.consumed;
        }
        answers
    }
}

/// One PREADV, as the reactor does it.
fn fill(read: &FileRead, buffer: &mut Buffer) -> usize {
    let (mut done, mut offset) = (0, read.offset);
    for segment in &read.segments {
        let got = read.file.file.read_at(&mut buffer[segment.clone()], offset).unwrap();
        done += got;
        offset += got as u64;
    }
    done
}

fn pool() -> BufferPool {
    BufferPool::new(PoolLimits {
        small_bytes: 8 * 1024,
        large_bytes: crate::server::limits::LARGE_BUFFER_BYTES,
        bytes_max: 16 << 20,
        free_max: 16 << 20,
    })
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 256) as u8).collect()
}

fn open(folder: &Path, bytes: &[u8]) -> Reading {
    std::fs::File::create(folder.join("f")).unwrap().write_all(bytes).unwrap();
    open_there(folder, "f")
}

fn open_there(folder: &Path, name: &str) -> Reading {
    let root = Root::open(folder).unwrap();
    let how = OpenHow { read: true, ..OpenHow::default() };
    let file = root.open_file(name.as_bytes(), how).unwrap();
    let peer = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    let party = Rc::new(Party { connection: 1, peer, user: "".into() });
    let metadata = file.metadata().unwrap();
    let room = Arc::new(room::Room::new(&file, metadata, &Access::unrestricted(), false));
    let opened = Opened {
        id: room.id(),
        room,
        file,
        path: format!("/{name}").into_bytes(),
        append: false,
        can_read: true,
        can_write: false,
        grants: Grants::ALL,
        slow: false,
        was_emptied: false,
    };
    let inode = Rc::new(Inode::new(Rc::default()));
    Reading::new(Rc::new(OpenFile::new(opened, &party, inode)))
}

fn ask(replies: &mut Replies, file: &Reading, id: u32, offset: u64, len: u32) {
    let (file, header_sent, bare) = (file.clone(), false, false);
    replies.push_read(ReadReply { id, file, offset, len, header_sent, bare });
}

/// A client whose window and packets are of these sizes.
fn client(window_bytes: u32, packet_bytes_max: u32) -> ClientConfig {
    ClientConfig { window_bytes, packet_bytes_max, ..ClientConfig::default() }
}

#[test]
fn a_file_comes_back_whole_whatever_window_and_packets_the_client_has() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = content(700_000);
    let file = open(folder.path(), &bytes);
    let sizes = [(2 << 20, 32 << 10), (100_000, 16 << 10), (40_000, 1000), (5000, 77)];
    for ((window, packet), compression) in
        sizes.into_iter().flat_map(|sizes| COMPRESSIONS.map(|name| (sizes, name)))
    {
        let (mut pair, pool) =
            (Pair::new(compressing(client(window, packet), compression)), pool());
        let mut replies = Replies::default();
        for (id, offset) in (0..).zip((0..bytes.len()).step_by(255 * 1024)) {
            ask(&mut replies, &file, id, offset as u64, 255 * 1024);
        }
        replies.push_with(|out| reply::status(out, 99, Status::Ok, "between"));
        ask(&mut replies, &file, 100, 0, 10);
        ask(&mut replies, &file, 101, 700_000, 10);
        pair.drain(&mut replies, &pool);
        let answers = pair.answers();
        let whole: Vec<u8> = answers
            .iter()
            .filter(|(id, _)| *id < 99)
            .flat_map(|(_, data)| data.clone().unwrap())
            .collect();
        assert!(whole == bytes, "window {window}, packets of {packet}");
        let rest = &answers[answers.len() - 3..];
        assert_eq!(rest[0], (99, Err(Status::Ok.code())));
        assert_eq!(rest[1], (100, Ok(bytes[..10].to_vec())));
        assert_eq!(rest[2], (101, Err(Status::Eof.code())));
        assert_eq!(pool.stats().outstanding, 0);
    }
}

/// The header of a DATA reply alone takes 13 bytes.
#[test]
fn a_window_of_any_size_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = content(300);
    let file = open(folder.path(), &bytes);
    for (window, packet) in [(1, 1), (1, 32 << 10), (8, 8), (13, 32 << 10), (14, 32 << 10)] {
        let (mut pair, pool) = (Pair::new(client(window, packet)), pool());
        let mut replies = Replies::default();
        ask(&mut replies, &file, 1, 0, 300);
        ask(&mut replies, &file, 2, 300, 10);
        pair.drain(&mut replies, &pool);
        assert!(pair.answers() == [(1, Ok(bytes.clone())), (2, Err(Status::Eof.code()))]);
    }
}

#[test]
fn a_file_that_claims_to_be_empty_is_read() {
    // procfs tells no sizes.
    let file = open_there(Path::new("/proc/sys/kernel"), "ostype");
    assert_eq!(file.file.metadata().unwrap().size, 0);
    let (mut pair, pool) = (Pair::new(client(2 << 20, 32 << 10)), pool());
    let mut replies = Replies::default();
    ask(&mut replies, &file, 1, 0, 300);
    ask(&mut replies, &file, 2, 6, 300);
    pair.drain(&mut replies, &pool);
    assert_eq!(pair.answers(), [(1, Ok(b"Linux\n".to_vec())), (2, Err(Status::Eof.code()))]);
}

const COMPRESSIONS: [&str; 2] = ["none", "zlib@openssh.com"];

/// A client that takes this compression alone.
fn compressing(mut client: ClientConfig, compression: &'static str) -> ClientConfig {
    client.transport.compressions = vec![compression];
    client
}

#[test]
fn no_window_no_train_and_what_was_reserved_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = open(folder.path(), &content(300_000));
    let (mut pair, pool) = (Pair::new(client(64 << 10, 32 << 10)), pool());
    pair.grants = false;
    let mut replies = Replies::default();
    ask(&mut replies, &file, 1, 0, 255 * 1024);
    assert!(pair.train(&mut replies, &pool));
    assert_eq!(pair.stream.len(), 64 << 10, "the window is filled to the last byte");
    assert!(!pair.train(&mut replies, &pool));
    assert_eq!(pair.server.send_window(pair.channel), 0);
    assert!(!replies.is_empty());
}

#[test]
fn a_file_cut_while_its_train_is_read_is_answered_with_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = content(200_000);
    for left in [0, 1, 99_999, 100_000, 150_000] {
        let file = open(folder.path(), &bytes);
        let (mut pair, pool) = (Pair::new(ClientConfig::default()), pool());
        let window = pair.server.send_window(pair.channel);
        let mut replies = Replies::default();
        replies.push_with(|out| reply::status(out, 1, Status::Ok, "before"));
        ask(&mut replies, &file, 2, 0, 100_000);
        ask(&mut replies, &file, 3, 100_000, 100_000);
        let cut = || std::fs::OpenOptions::new().write(true).open(folder.path().join("f")).unwrap();
        assert!(pair.train_with(&mut replies, &pool, |_| cut().set_len(left).unwrap()));
        assert_eq!(pair.server.send_window(pair.channel), window, "nothing left, nothing used");
        pair.drain(&mut replies, &pool);
        let part = |from: usize, to: usize| {
            let to = to.min(left as usize);
            if from < to { Ok(bytes[from..to].to_vec()) } else { Err(Status::Eof.code()) }
        };
        let wanted = [(1, Err(0)), (2, part(0, 100_000)), (3, part(100_000, 200_000))];
        assert!(pair.answers() == wanted, "cut to {left}");
    }
}

#[test]
fn bytes_announced_in_an_earlier_train_cannot_be_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = open(folder.path(), &content(300_000));
    let (mut pair, pool) = (Pair::new(client(64 << 10, 32 << 10)), pool());
    let mut replies = Replies::default();
    ask(&mut replies, &file, 1, 0, 200_000);
    assert!(pair.train(&mut replies, &pool));
    let mut buffer = pool.large().unwrap();
    let laid = lay(&mut pair.server, pair.channel, &mut replies, &mut buffer, TRAIN_BYTES_MAX);
    let (train, _) = laid.unwrap();
    assert!(train.recover(&mut pair.server, &buffer, Ok(10)).is_err());
}

/// As scp sends a file: its length was announced, and there is no header to say that less comes.
#[test]
fn a_bare_file_that_is_cut_is_filled_up_with_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = content(700_000);
    for left in [0, 1, 99_999, 260_000, 600_000, 700_000] {
        let file = open(folder.path(), &bytes);
        let (mut pair, pool) = (Pair::new(client(400 << 10, 32 << 10)), pool());
        let mut replies = Replies::default();
        let (len, header_sent, bare) = (700_000, true, true);
        replies.push_read(ReadReply { id: 0, file, offset: 0, len, header_sent, bare });
        replies.push_with(|out| out.extend_from_slice(b"behind"));
        let cut = || std::fs::OpenOptions::new().write(true).open(folder.path().join("f")).unwrap();
        assert!(pair.train_with(&mut replies, &pool, |_| cut().set_len(left).unwrap()));
        pair.drain(&mut replies, &pool);
        let mut wanted = bytes[..left as usize].to_vec();
        wanted.resize(700_000, 0);
        wanted.extend_from_slice(b"behind");
        assert!(pair.stream == wanted, "cut to {left}");
        assert_eq!(pair.filled_up, left < 700_000, "cut to {left}");
    }
}

#[test]
fn a_train_laid_before_a_key_exchange_is_laid_again_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = content(200_000);
    let file = open(folder.path(), &bytes);
    for compression in COMPRESSIONS {
        let client = compressing(ClientConfig::default(), compression);
        let (mut pair, pool) = (Pair::new(client), pool());
        let mut replies = Replies::default();
        ask(&mut replies, &file, 1, 0, 200_000);
        // The exchange begins while the file is read: nothing can be sealed until it is over.
        let began = pair.train_with(&mut replies, &pool, |pair| pair.server.rekey(pair.now));
        assert!(began);
        pair.drain(&mut replies, &pool);
        assert!(pair.answers() == [(1, Ok(bytes.clone()))], "{compression}");
        assert_eq!(pair.server.compresses(), compression != "none");
    }
}
