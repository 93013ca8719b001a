//! Bulk data both ways, through frames and through copies.

use std::time::Instant;

use super::pair::{Dice, End, Pair, Split, client_config, server_config, transport};
use crate::crypto;
use crate::ssh::{ChannelId, ClientConfig, DataFrame, SealError, ServerConfig, TransportConfig};

const MIB: usize = 1024 * 1024;

/// A driver that sends `data` through frames, some of them reserved long before they are sealed.
pub(super) struct Trains {
    channel: ChannelId,
    data: Vec<u8>,
    reserved_to: usize,
    sealed_to: usize,
    waiting: std::collections::VecDeque<DataFrame>,
    depth: usize,
    request_bytes: usize,
    pub(super) relaid: usize,
    pub(super) compressed: usize,
}

impl Trains {
    pub(super) fn new(channel: ChannelId, data: Vec<u8>, depth: usize) -> Self {
        Self::in_requests(channel, data, depth, 32 * 1024)
    }

    /// As [`new`](Self::new), in packets of `request_bytes`.
    pub(super) fn in_requests(
        channel: ChannelId,
        data: Vec<u8>,
        depth: usize,
        request_bytes: usize,
    ) -> Self {
        Self {
            channel,
            data,
            reserved_to: 0,
            sealed_to: 0,
            waiting: std::collections::VecDeque::new(),
            depth,
            request_bytes,
            relaid: 0,
            compressed: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.sealed_to == self.data.len()
    }

    /// Reserves as deep as it may, then seals `count` packets onto the wire.
    pub(super) fn go(&mut self, end: &mut End, now: Instant, out: &mut Vec<u8>) {
        end.connection.poll_transmit(now, out);
        while self.waiting.len() < self.depth && self.reserved_to < self.data.len() {
            let wanted = (self.data.len() - self.reserved_to).min(self.request_bytes);
            let Some(frame) = end.connection.reserve_data(self.channel, wanted) else { break };
            self.reserved_to += frame.data_len;
            self.waiting.push_back(frame);
        }
    }

    pub(super) fn seal(&mut self, end: &mut End, count: usize, now: Instant, out: &mut Vec<u8>) {
        for _ in 0..count {
            let Some(mut frame) = self.waiting.pop_front() else { return };
            loop {
                let start = out.len();
                out.resize(start + frame.frame_bytes(), 0xee);
                let bytes = &mut out[start..];
                let data = &self.data[self.sealed_to..self.sealed_to + frame.data_len];
                bytes[frame.data_range()].copy_from_slice(data);
                match end.connection.seal_data(&frame, bytes) {
                    Ok(()) => {
                        self.sealed_to += frame.data_len;
                        break;
                    }
                    Err(error) => {
                        out.truncate(start);
                        match error {
                            SealError::Shape => {
                                frame = end.connection.relayout(&frame).unwrap();
                                self.relaid += 1;
                            }
                            SealError::Rekeying => {
                                self.waiting.push_front(frame);
                                return;
                            }
                            SealError::Queued => {
                                end.connection.poll_transmit(now, out);
                            }
                            SealError::Compressed => {
                                let mut bytes = vec![0xee; frame.frame_bytes()];
                                let data = &self.data[self.sealed_to..][..frame.data_len];
                                bytes[frame.data_range()].copy_from_slice(data);
                                end.connection.append_data(&frame, &mut bytes, out).unwrap();
                                self.sealed_to += frame.data_len;
                                self.compressed += 1;
                                break;
                            }
                            SealError::Closed => panic!("closed: {:?}", end.events),
                        }
                    }
                }
            }
        }
    }
}

fn configs(cipher: &'static str) -> (ServerConfig, ClientConfig) {
    let transport = TransportConfig { ciphers: vec![cipher], ..transport() };
    (ServerConfig::new(transport.clone()), ClientConfig::new(transport))
}

/// Both ends with one cipher and one MAC; each of them comes up.
pub(super) fn suites() -> impl Iterator<Item = (String, ServerConfig, ClientConfig)> {
    crypto::suites_spread().map(|(cipher, mac)| {
        let (mut server, mut client) = configs(cipher.name);
        if let Some(mac) = mac {
            server.transport.macs = vec![mac.name];
            client.transport.macs = vec![mac.name];
        }
        (format!("{} {}", cipher.name, mac.map_or("", |mac| mac.name)), server, client)
    })
}

#[test]
fn ten_mib_each_way_through_frames_by_every_cipher() {
    for (name, server, client) in suites() {
        let cipher = client.transport.ciphers[0];
        let (mut pair, ours, theirs) = Pair::with_session(server, client);
        assert_eq!(pair.client.connection.info().sent.cipher, cipher);
        pair.split = Split::Random(Dice::new(3), 200_000);
        let mut dice = Dice::new(4);
        let (up, down) = (dice.bytes(10 * MIB), dice.bytes(10 * MIB));
        let mut client = Trains::new(ours, up.clone(), 16);
        let mut server = Trains::new(theirs, down.clone(), 16);
        let mut moved = true;
        while moved || !(client.is_done() && server.is_done()) {
            client.go(&mut pair.client, pair.now, &mut pair.to_server);
            client.seal(&mut pair.client, 16, pair.now, &mut pair.to_server);
            server.go(&mut pair.server, pair.now, &mut pair.to_client);
            server.seal(&mut pair.server, 16, pair.now, &mut pair.to_client);
            moved = pair.step();
            assert_eq!((pair.client.end(), pair.server.end()), (None, None));
            assert!(moved || (client.is_done() && server.is_done()), "stuck");
        }
        assert!(pair.server.data[&theirs] == up, "{name}");
        assert!(pair.client.data[&ours] == down, "{name}");
    }
}

#[test]
fn ten_mib_each_way_through_copies_by_every_cipher() {
    for (name, server, client) in suites() {
        let (mut pair, ours, theirs) = Pair::with_session(server, client);
        pair.split = Split::Random(Dice::new(5), 200_000);
        let mut dice = Dice::new(6);
        let (up, down) = (dice.bytes(10 * MIB), dice.bytes(10 * MIB));
        let (mut up_at, mut down_at) = (0, 0);
        loop {
            up_at += pair.client.connection.write(ours, &up[up_at..]);
            down_at += pair.server.connection.write(theirs, &down[down_at..]);
            if !pair.step() {
                break;
            }
        }
        assert_eq!((up_at, down_at), (up.len(), down.len()));
        assert!(pair.server.data[&theirs] == up, "{name}");
        assert!(pair.client.data[&ours] == down, "{name}");
    }
}

#[test]
fn bytes_one_at_a_time() {
    let (mut pair, ours, theirs) = Pair::with_session(server_config(), client_config());
    pair.split = Split::Bytewise;
    let data = Dice::new(7).bytes(3000);
    assert_eq!(pair.client.connection.write(ours, &data), data.len());
    assert_eq!(pair.server.connection.write(theirs, &data), data.len());
    pair.run();
    assert_eq!(pair.server.data[&theirs], data);
    assert_eq!(pair.client.data[&ours], data);
}

#[test]
fn a_reader_that_consumes_nothing_stops_the_writer_and_not_the_channel() {
    let window = 100_000;
    let client = ClientConfig { window_bytes: window, ..client_config() };
    let (mut pair, ours, theirs) = Pair::with_session(server_config(), client);
    pair.client.consumes = false;
    let data = Dice::new(8).bytes(150_000);
    let mut sent = 0;
    while pair.server.connection.send_window(theirs) > 0 {
        sent += pair.server.connection.write(theirs, &data[sent..]);
        pair.run();
    }
    assert_eq!(sent, window as usize);
    assert_eq!(pair.server.connection.write(theirs, b"x"), 0);
    assert_eq!(pair.server.connection.reserve_data(theirs, 1), None);
    assert_eq!(pair.client.data[&ours].len(), window as usize);
    // The other direction is not held up, and neither are requests.
    assert_eq!(pair.client.connection.write(ours, b"still here"), 10);
    pair.run();
    assert_eq!(pair.server.data[&theirs], b"still here");
    pair.server.events.clear();
    pair.client.connection.adjust(ours, window);
    pair.run();
    let opened = crate::ssh::Event::WindowOpened { channel: theirs };
    assert_eq!(pair.server.events, [opened]);
    assert_eq!(pair.server.connection.write(theirs, &data[sent..]), 50_000);
    pair.run();
    assert!(pair.client.data[&ours] == data);
}

#[test]
fn written_data_is_not_overtaken_by_frames() {
    let (mut pair, ours, theirs) = Pair::with_session(server_config(), client_config());
    let frame = pair.server.connection.reserve_data(theirs, 6).unwrap();
    let mut bytes = vec![0; frame.frame_bytes()];
    bytes[frame.data_range()].copy_from_slice(b"second");
    assert_eq!(pair.server.connection.write(theirs, b"first "), 6);
    assert_eq!(pair.server.connection.seal_data(&frame, &mut bytes), Err(SealError::Queued));
    pair.server.connection.poll_transmit(pair.now, &mut pair.to_client);
    bytes[frame.data_range()].copy_from_slice(b"second");
    pair.server.connection.seal_data(&frame, &mut bytes).unwrap();
    pair.to_client.extend(bytes);
    pair.run();
    assert_eq!(pair.client.data[&ours], b"first second");
}

#[test]
fn what_is_released_can_be_sent_after_all() {
    let (mut pair, ours, theirs) = Pair::with_session(server_config(), client_config());
    let server = &mut pair.server.connection;
    let window = server.send_window(theirs);
    let frame = server.reserve_data(theirs, 1000).unwrap();
    assert_eq!(server.send_window(theirs), window - 1000);
    // A file that ended early: send 10 bytes of the 1000.
    let frame = server.release_data(frame, 990).unwrap();
    assert_eq!((frame.data_len, server.send_window(theirs)), (10, window - 10));
    let mut bytes = vec![0; frame.frame_bytes()];
    bytes[frame.data_range()].copy_from_slice(b"0123456789");
    server.seal_data(&frame, &mut bytes).unwrap();
    let whole = server.reserve_data(theirs, 5).unwrap();
    assert_eq!(server.release_data(whole, 5), None);
    assert_eq!(server.send_window(theirs), window - 10);
    pair.to_client.extend(bytes);
    pair.run();
    assert_eq!(pair.client.data[&ours], b"0123456789");
}

#[test]
fn a_frame_for_another_cipher_is_laid_out_anew() {
    let ciphers = crypto::ciphers();
    let first_shape = ciphers[0].shape(None);
    let other = ciphers.iter().find(|it| it.shape(None) != first_shape).unwrap();
    let (server, client) = configs(ciphers[0].name);
    let (mut first, _, theirs) = Pair::with_session(server, client);
    let (server, client) = configs(other.name);
    let (mut pair, ours, same) = Pair::with_session(server, client);
    assert_eq!(theirs, same);
    let old = first.server.connection.reserve_data(theirs, 11).unwrap();
    pair.server.connection.reserve_data(theirs, 11).unwrap();
    let mut bytes = vec![0; old.frame_bytes()];
    assert_eq!(pair.server.connection.seal_data(&old, &mut bytes), Err(SealError::Shape));
    let new = pair.server.connection.relayout(&old).unwrap();
    assert_eq!(new.data_len, 11);
    bytes = vec![0; new.frame_bytes() + 1];
    assert_eq!(pair.server.connection.seal_data(&new, &mut bytes), Err(SealError::Shape));
    bytes.pop();
    bytes[new.data_range()].copy_from_slice(b"hello there");
    pair.server.connection.seal_data(&new, &mut bytes).unwrap();
    pair.to_client.extend(bytes);
    pair.run();
    assert_eq!(pair.client.data[&ours], b"hello there");
}
