//! Two transports joined in memory, in virtual time.

mod cbc;
mod compression;
mod group_exchange;
mod handshake;
mod hostile;
mod injection;
mod integrity;
mod kex;
mod peer;
mod rekey;
mod rows;
mod strict;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Item, Role, StrictKex, Transport, TransportConfig};
use crate::crypto::{ChaChaRandom, Ed25519Signer, Preset, Random};
use crate::ssh::disconnect::Disconnect;
use crate::ssh::kexinit;
use crate::ssh::numbers::USERAUTH_SUCCESS;
use crate::ssh::packet::{FrameShape, SealError, Sealer};
use crate::ssh::wire::Writer;

/// One end, and everything it has told.
struct End {
    transport: Transport,
    inbox: Vec<u8>,
    payloads: Vec<Vec<u8>>,
    items: Vec<Item>,
    failure: Option<Disconnect>,
    /// Whether a host key is accepted as soon as it is shown.
    trusting: bool,
}

impl End {
    fn new(role: Role, config: TransportConfig, seed: u8, now: Instant) -> Self {
        let random = Box::new(ChaChaRandom::from_seed([seed; 32]));
        Self {
            transport: Transport::new(role, Arc::new(config), random, now),
            inbox: Vec::new(),
            payloads: Vec::new(),
            items: Vec::new(),
            failure: None,
            trusting: true,
        }
    }

    /// Takes bytes in and goes as far as they reach.
    fn feed(&mut self, now: Instant, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        while self.failure.is_none() {
            let received = match self.transport.receive(now, &mut self.inbox) {
                Ok(received) => received,
                Err(failure) => return self.failure = Some(failure),
            };
            let idle = received.consumed == 0;
            match received.item {
                Some(Item::Payload(range)) => {
                    let payload = if received.expanded {
                        self.transport.expanded()[range].to_vec()
                    } else {
                        self.inbox[range].to_vec()
                    };
                    if payload[0] == USERAUTH_SUCCESS && self.transport.role() == Role::Client {
                        self.transport.set_authenticated();
                    }
                    self.payloads.push(payload);
                }
                Some(Item::HostKeyOffered) if self.trusting => {
                    assert!(!self.transport.wants_input());
                    self.transport.host_key_verdict(true).unwrap();
                }
                Some(item) => self.items.push(item),
                None => {}
            }
            self.inbox.drain(..received.consumed);
            if idle {
                return;
            }
        }
    }

    fn transmit(&mut self, now: Instant) -> Vec<u8> {
        let mut out = Vec::new();
        self.transport.poll_transmit(now, &mut out);
        out
    }

    /// A frame of the zero-copy path around `payload`.
    fn frame(&mut self, payload: &[u8]) -> Result<Vec<u8>, SealError> {
        let shape = self.transport.data_shape().ok_or(SealError::Rekeying)?;
        let mut frame = vec![0xaa; shape.frame_bytes(payload.len())];
        frame[FrameShape::PAYLOAD_AT..][..payload.len()].copy_from_slice(payload);
        self.transport.seal_frame(&mut frame, payload.len())?;
        Ok(frame)
    }

    fn exchanges(&self) -> u64 {
        self.transport.info().exchanges
    }

    fn failure_text(&self) -> &str {
        self.failure.as_ref().map_or("", |failure| &failure.description)
    }
}

/// A client and a server, and the time they share.
struct Pair {
    client: End,
    server: End,
    now: Instant,
}

impl Pair {
    fn new() -> Self {
        Self::with(TransportConfig::default(), server_config())
    }

    fn with(client: TransportConfig, server: TransportConfig) -> Self {
        let now = Instant::now();
        Self {
            client: End::new(Role::Client, client, 1, now),
            server: End::new(Role::Server, server, 2, now),
            now,
        }
    }

    /// Past the first exchange, and authenticated as far as the transports know.
    fn connected() -> Self {
        Self::connected_with(TransportConfig::default(), server_config())
    }

    fn connected_with(client: TransportConfig, server: TransportConfig) -> Self {
        let mut pair = Self::with(client, server);
        pair.run();
        pair.authenticate();
        pair
    }

    fn authenticate(&mut self) {
        assert_eq!((self.client.exchanges(), self.server.exchanges()), (1, 1));
        self.client.transport.set_authenticated();
        self.server.transport.set_authenticated();
    }

    /// Carries bytes both ways until nothing moves.
    fn run(&mut self) {
        self.run_in_pieces(|left| left);
    }

    /// As [`Pair::run`], in pieces of the sizes that `piece` picks from what is left.
    fn run_in_pieces(&mut self, mut piece: impl FnMut(usize) -> usize) {
        loop {
            let up = self.client.transmit(self.now);
            let down = self.server.transmit(self.now);
            if up.is_empty() && down.is_empty() {
                return;
            }
            for (bytes, end) in [(up, &mut self.server), (down, &mut self.client)] {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(piece(rest.len()).clamp(1, rest.len()));
                    end.feed(self.now, now);
                    rest = later;
                }
            }
        }
    }

    /// One message each way arrives, and nothing has failed.
    fn check_traffic(&mut self) {
        let before = (self.client.payloads.len(), self.server.payloads.len());
        self.client.transport.queue(&channel_data(b"up"));
        self.server.transport.queue(&channel_data(b"down"));
        self.run();
        assert_eq!(self.client.failure, None);
        assert_eq!(self.server.failure, None);
        assert_eq!(self.client.payloads[before.0..], [channel_data(b"down")]);
        assert_eq!(self.server.payloads[before.1..], [channel_data(b"up")]);
    }
}

/// One cipher, both directions.
fn only(cipher: &'static str, config: TransportConfig) -> TransportConfig {
    TransportConfig { ciphers: vec![cipher], ..config }
}

/// A client that takes one cipher with one MAC, where it needs one.
#[derive(Clone, Debug)]
struct Suite {
    cipher: &'static str,
    mac: Option<&'static str>,
    client: TransportConfig,
}

/// Every cipher and every MAC.
fn suites() -> impl Iterator<Item = Suite> {
    crate::crypto::suites_spread().map(|(cipher, mac)| {
        let mac = mac.map(|mac| mac.name);
        let mut client = only(cipher.name, TransportConfig::default());
        client.macs = mac.map_or(client.macs, |mac| vec![mac]);
        Suite { cipher: cipher.name, mac, client }
    })
}

/// Has everything there is, so that a client's list decides.
fn server_config() -> TransportConfig {
    let key = Ed25519Signer::from_seed([7; 32]);
    TransportConfig { host_keys: vec![Arc::new(key)], ..TransportConfig::preset(Preset::Legacy) }
}

/// A message of the layers above.
fn channel_data(data: &[u8]) -> Vec<u8> {
    let mut message = vec![crate::ssh::numbers::CHANNEL_DATA];
    message.put_u32(0);
    message.put_string(data);
    message
}

/// A packet before the first keys.
fn plain(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut random = ChaChaRandom::from_seed([3; 32]);
    Sealer::new().append(&mut random, &mut out, payload).unwrap();
    out
}

/// Splits what is sent before the first keys: the identification line, then the packets. What
/// follows NEWKEYS stays in one piece.
fn split_plain(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    if rest.starts_with(b"SSH-") {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        pieces.push(rest[..end].to_vec());
        rest = &rest[end..];
    }
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        let last = rest[5] == crate::ssh::numbers::NEWKEYS;
        let (packet, tail) = rest.split_at(4 + length);
        pieces.push(packet.to_vec());
        rest = tail;
        if last && !rest.is_empty() {
            pieces.push(rest.to_vec());
            rest = &[];
        }
    }
    pieces
}

/// Numbers for the tests that pick at random.
struct Dice(ChaChaRandom);

impl Dice {
    fn new(seed: u8) -> Self {
        Self(ChaChaRandom::from_seed([seed; 32]))
    }

    fn below(&mut self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % bound as u64).unwrap()
    }
}

/// The first KEXINIT of a connection.
const FIRST: kexinit::Shape = kexinit::Shape { first: true, unaffected: false, follows: false };

const SECOND: Duration = Duration::from_secs(1);
