//! Two peers on a wire that splits bytes as a test wants.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::crypto::{ChaChaRandom, Ed25519Signer};
use crate::ssh::{
    AuthRequest, AuthVerdict, ChannelId, ClientConfig, Connection, Event, ServerConfig,
    TransportConfig,
};

/// xorshift64: the tests' own dice, the same on every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number in 0..=max.
    pub(super) fn roll(&mut self, max: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % (max + 1)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| u8::try_from(self.roll(255)).unwrap()).collect()
    }
}

/// How the wire splits what it carries.
pub(super) enum Split {
    Whole,
    Bytewise,
    Random(Dice, usize),
}

impl Split {
    fn take(&mut self, there: usize) -> usize {
        match self {
            Self::Whole => there,
            Self::Bytewise => there.min(1),
            Self::Random(dice, max) => there.min(1 + dice.roll(*max)),
        }
    }
}

/// One end, what has arrived at it, and how its application answers.
pub(super) struct End {
    pub(super) connection: Connection,
    input: Vec<u8>,
    /// Everything but data.
    pub(super) events: Vec<Event>,
    pub(super) data: BTreeMap<ChannelId, Vec<u8>>,
    pub(super) extended: Vec<u8>,
    pub(super) auth: Box<dyn FnMut(&AuthRequest) -> AuthVerdict>,
    pub(super) accept_host_key: bool,
    pub(super) accept_channels: bool,
    pub(super) accept_requests: bool,
    /// Whether data is consumed as it comes.
    pub(super) consumes: bool,
}

impl End {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            input: Vec::new(),
            events: Vec::new(),
            data: BTreeMap::new(),
            extended: Vec::new(),
            auth: Box::new(|_| AuthVerdict::Accept),
            accept_host_key: true,
            accept_channels: true,
            accept_requests: true,
            consumes: true,
        }
    }

    pub(super) fn receive(&mut self, now: Instant, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.pump(now);
    }

    /// Hands the input over until nothing moves.
    pub(super) fn pump(&mut self, now: Instant) {
        let mut start = 0;
        loop {
            let handled = self.connection.handle_input(now, &mut self.input[start..]);
            let input = start;
            start += handled.consumed;
            match handled.event {
                Some(event) => self.react(now, event, input, handled.expanded),
                None if handled.consumed == 0 => break,
                None => {}
            }
        }
        self.input.drain(..start);
        let needed = self.connection.needed();
        if self.connection.wants_input() && needed > 0 {
            assert!(needed > self.input.len(), "all that was needed is there and not taken");
        }
    }

    fn react(&mut self, now: Instant, event: Event, input: usize, expanded: bool) {
        match &event {
            Event::Data { channel, range, extended } => {
                let bytes = if expanded {
                    &self.connection.expanded()[range.clone()]
                } else {
                    &self.input[input + range.start..input + range.end]
                };
                match extended {
                    None => self.data.entry(*channel).or_default().extend_from_slice(bytes),
                    Some(_) => self.extended.extend_from_slice(bytes),
                }
                let taken = u32::try_from(bytes.len()).unwrap();
                if self.consumes {
                    self.connection.adjust(*channel, taken);
                }
                return;
            }
            Event::HostKeyOffered { .. } => {
                assert!(!self.connection.wants_input());
                self.connection.handle_host_key(now, self.accept_host_key);
            }
            Event::AuthRequest(request) => {
                assert!(!self.connection.wants_input());
                let verdict = (self.auth)(request);
                self.connection.handle_auth(now, verdict);
            }
            Event::ChannelOpenRequested { .. } => {
                assert!(!self.connection.wants_input());
                self.connection.handle_channel_verdict(now, self.accept_channels);
            }
            Event::ChannelRequest { request, .. } if request.needs_verdict() => {
                assert!(!self.connection.wants_input());
                self.connection.handle_channel_verdict(now, self.accept_requests);
            }
            _ => {}
        }
        self.events.push(event);
    }

    pub(super) fn saw(&self, matching: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(matching)
    }

    /// How the connection ended, if it did.
    pub(super) fn end(&self) -> Option<(bool, u32, &str)> {
        self.events.iter().find_map(|event| match event {
            Event::Disconnected { by_peer, reason, description } => {
                Some((*by_peer, *reason, description.as_str()))
            }
            _ => None,
        })
    }
}

pub(super) struct Pair {
    pub(super) client: End,
    pub(super) server: End,
    pub(super) now: Instant,
    pub(super) split: Split,
    /// On the way to the server, to the client.
    pub(super) to_server: Vec<u8>,
    pub(super) to_client: Vec<u8>,
}

pub(super) fn transport() -> TransportConfig {
    TransportConfig {
        host_keys: vec![Arc::new(Ed25519Signer::from_seed([9; 32]))],
        ..TransportConfig::default()
    }
}

pub(super) fn server_config() -> ServerConfig {
    ServerConfig::new(transport())
}

pub(super) fn client_config() -> ClientConfig {
    ClientConfig::default()
}

pub(super) fn random(seed: u8) -> Box<ChaChaRandom> {
    Box::new(ChaChaRandom::from_seed([seed; 32]))
}

impl Pair {
    pub(super) fn new(server: ServerConfig, client: ClientConfig) -> Self {
        let now = Instant::now();
        Self {
            client: End::new(Connection::client(Arc::new(client), random(1), now)),
            server: End::new(Connection::server(Arc::new(server), random(2), now)),
            now,
            split: Split::Whole,
            to_server: Vec::new(),
            to_client: Vec::new(),
        }
    }

    pub(super) fn usual() -> Self {
        Self::new(server_config(), client_config())
    }

    /// A pair with a user logged in and a session channel open, by the client's and the server's
    /// number.
    pub(super) fn with_session(
        server: ServerConfig,
        client: ClientConfig,
    ) -> (Self, ChannelId, ChannelId) {
        let mut pair = Self::new(server, client);
        pair.client.connection.auth_password("alice", "secret");
        pair.run();
        let (ours, theirs) = pair.open_session();
        (pair, ours, theirs)
    }

    pub(super) fn open_session(&mut self) -> (ChannelId, ChannelId) {
        let ours = self.client.connection.open_session().unwrap();
        self.run();
        assert!(self.client.saw(|event| *event == Event::ChannelOpened { channel: ours }));
        let theirs = self.server.events.iter().rev().find_map(|event| match event {
            Event::ChannelOpenRequested { channel, .. } => Some(*channel),
            _ => None,
        });
        (ours, theirs.unwrap())
    }

    /// One delivery in each direction: whether anything moved.
    pub(super) fn step(&mut self) -> bool {
        self.client.connection.poll_transmit(self.now, &mut self.to_server);
        self.server.connection.poll_transmit(self.now, &mut self.to_client);
        let there = self.split.take(self.to_server.len());
        let back = self.split.take(self.to_client.len());
        if there > 0 {
            self.server.receive(self.now, &self.to_server[..there]);
            self.to_server.drain(..there);
        }
        if back > 0 {
            self.client.receive(self.now, &self.to_client[..back]);
            self.to_client.drain(..back);
        }
        there + back > 0
    }

    /// Until nothing moves any more.
    pub(super) fn run(&mut self) {
        while self.step() {}
        self.client.pump(self.now);
        self.server.pump(self.now);
        while self.step() {}
    }

    /// Lets time pass; both ends look at the clock when they asked to.
    pub(super) fn sleep(&mut self, time: Duration) {
        let until = self.now + time;
        for turn in 0.. {
            assert!(turn < 10_000, "a deadline that has passed does not go away");
            let next = [&self.client, &self.server]
                .into_iter()
                .filter_map(|end| end.connection.next_deadline())
                .min()
                .filter(|next| *next <= until);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            for end in [&mut self.client, &mut self.server] {
                if end.connection.next_deadline().is_some_and(|deadline| deadline <= self.now) {
                    let event = end.connection.handle_timeout(self.now);
                    end.events.extend(event);
                }
            }
            self.run();
        }
        self.now = until;
    }
}
