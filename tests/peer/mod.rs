//! A connection of ours in memory against a peer that is only a transport: it says any payload at
//! any moment, in either role, logged in or not. Public interfaces only, so that tests, the corpus
//! and the fuzz targets all speak to what an application gets.
#![allow(dead_code)]

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use ringferry::auth::{Attempt, Login, Users, judge};
use ringferry::crypto::{ChaChaRandom, Ed25519Signer, Preset};
use ringferry::ssh::transport::{Item, Transport};
use ringferry::ssh::{
    AuthVerdict, ClientConfig, Connection, Event, Role, ServerConfig, TransportConfig, numbers,
};

/// Everything there is, so that the other side's list decides, and one host key.
pub(crate) fn transport_config() -> TransportConfig {
    TransportConfig {
        host_keys: vec![Arc::new(Ed25519Signer::from_seed([9; 32]))],
        ..TransportConfig::preset(Preset::Legacy)
    }
}

/// The quickest exchange and the quickest cipher: most tests are about what comes after.
pub(crate) fn quick_config() -> TransportConfig {
    TransportConfig {
        kexes: vec!["curve25519-sha256"],
        ciphers: vec!["aes128-gcm@openssh.com"],
        ..transport_config()
    }
}

/// Randomness that is the same in every run.
pub(crate) fn random(seed: u8) -> Box<ChaChaRandom> {
    Box::new(ChaChaRandom::from_seed([seed; 32]))
}

/// A packet before the first keys.
pub(crate) fn plain(payload: &[u8]) -> Vec<u8> {
    let padding = 4 + (8 - (4 + 1 + payload.len() + 4) % 8) % 8;
    let length = u32::try_from(1 + payload.len() + padding).unwrap();
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(u8::try_from(padding).unwrap());
    packet.extend_from_slice(payload);
    packet.resize(packet.len() + padding, 0);
    packet
}

/// Our connection, and the peer it hears.
pub(crate) struct Scene {
    pub(crate) ours: Connection,
    pub(crate) peer: Transport,
    pub(crate) now: Instant,
    /// Payloads our side sent, oldest first.
    pub(crate) heard: Vec<Vec<u8>>,
    /// The reason and the words of our side's DISCONNECT.
    pub(crate) farewell: Option<(u32, String)>,
    /// What the application answers to whatever asks.
    pub(crate) accepts: bool,
    /// Who may log in, where that is not for `accepts` to say.
    pub(crate) users: Option<Users>,
    /// What the peer has proved to them.
    pub(crate) login: Login,
    /// Bytes for us that were not taken yet.
    pub(crate) input: Vec<u8>,
    peer_input: Vec<u8>,
}

impl Scene {
    /// Before the first byte.
    pub(crate) fn new(ours: Role, config: &TransportConfig) -> Self {
        let now = Instant::now();
        match ours {
            Role::Server => Self::serving(ServerConfig::new(config.clone())),
            Role::Client => {
                let ours = ClientConfig::new(config.clone());
                let ours = Connection::client(Arc::new(ours), random(1), now);
                Self::between(
                    ours,
                    Transport::new(Role::Server, Arc::new(config.clone()), random(2), now),
                    now,
                )
            }
        }
    }

    /// Our server with a configuration of its own, before the first byte.
    pub(crate) fn serving(config: ServerConfig) -> Self {
        let now = Instant::now();
        let peer = Arc::new(config.transport.clone());
        let ours = Connection::server(Arc::new(config), random(1), now);
        Self::between(ours, Transport::new(Role::Client, peer, random(2), now), now)
    }

    fn between(ours: Connection, peer: Transport, now: Instant) -> Self {
        Self {
            ours,
            peer,
            now,
            heard: Vec::new(),
            farewell: None,
            accepts: true,
            users: None,
            login: Login::default(),
            input: Vec::new(),
            peer_input: Vec::new(),
        }
    }

    /// After the first key exchange.
    pub(crate) fn shaken(ours: Role, config: &TransportConfig) -> Self {
        let mut scene = Self::new(ours, config);
        scene.run();
        assert_eq!(scene.ours.info().exchanges, 1);
        scene
    }

    /// With the authentication service granted; our client has an attempt under way.
    pub(crate) fn in_auth(ours: Role, config: &TransportConfig) -> Self {
        let mut scene = Self::shaken(ours, config);
        let number = match ours {
            Role::Server => numbers::SERVICE_REQUEST,
            Role::Client => numbers::SERVICE_ACCEPT,
        };
        scene.say(&message(number, &[Field::Text(b"ssh-userauth")]));
        if ours == Role::Client {
            scene.ours.auth_password("alice", "secret");
            scene.run();
        }
        assert!(!scene.ours.is_closed());
        scene.heard.clear();
        scene
    }

    /// Logged in.
    pub(crate) fn logged_in(ours: Role, config: &TransportConfig) -> Self {
        let mut scene = Self::in_auth(ours, config);
        scene.peer.set_authenticated();
        match ours {
            Role::Server => scene.say(&password_request()),
            Role::Client => scene.say(&[numbers::USERAUTH_SUCCESS]),
        }
        assert!(scene.ours.is_authenticated());
        scene
    }

    /// Logged in, with a session channel that both sides call 0.
    pub(crate) fn with_session(ours: Role, config: &TransportConfig) -> Self {
        let mut scene = Self::logged_in(ours, config);
        match ours {
            Role::Server => scene.say(&channel_open()),
            Role::Client => {
                scene.ours.open_session().unwrap();
                scene.say(&channel_confirmation());
            }
        }
        assert_eq!(scene.ours.channel_count(), 1);
        scene.heard.clear();
        scene
    }

    /// The peer sends `payload`, and everything that follows happens.
    pub(crate) fn say(&mut self, payload: &[u8]) {
        self.peer.queue(payload);
        self.run();
    }

    /// The packet in which the peer sends `payload`, not delivered yet.
    pub(crate) fn sealed(&mut self, payload: &[u8]) -> Vec<u8> {
        self.peer.queue(payload);
        let mut out = Vec::new();
        self.peer.poll_transmit(self.now, &mut out);
        out
    }

    /// Carries bytes both ways until nothing moves.
    pub(crate) fn run(&mut self) {
        loop {
            let mut up = Vec::new();
            self.peer.poll_transmit(self.now, &mut up);
            let mut down = Vec::new();
            self.ours.poll_transmit(self.now, &mut down);
            if up.is_empty() && down.is_empty() {
                return;
            }
            self.input.extend(up);
            self.peer_input.extend(down);
            self.take_input();
            self.pump_peer();
        }
    }

    /// Our side takes what lies in `input`, as far as it goes. Each call must get on: a connection
    /// that neither takes bytes nor reports anything is asked no more, and one that reports for
    /// ever is caught.
    pub(crate) fn take_input(&mut self) {
        let mut start = 0;
        let turns_max = 1000 + 2 * self.input.len();
        for turn in 0.. {
            assert!(turn < turns_max, "{turn} turns over {} bytes", self.input.len());
            let handled = self.ours.handle_input(self.now, &mut self.input[start..]);
            start += handled.consumed;
            match handled.event {
                Some(event) => self.answer(&event),
                None if handled.consumed == 0 => break,
                None => {}
            }
        }
        self.input.drain(..start);
    }

    fn answer(&mut self, event: &Event) {
        let verdict = if self.accepts { AuthVerdict::Accept } else { AuthVerdict::Reject };
        match event {
            Event::HostKeyOffered { .. } => self.ours.handle_host_key(self.now, true),
            Event::AuthRequest(request) => {
                let attempt = Attempt { peer: Ipv4Addr::LOCALHOST.into(), now: 0 };
                let verdict = match &self.users {
                    Some(users) => {
                        let judged = judge(users, request, &self.login, &attempt);
                        self.login.answer(judged)
                    }
                    None => verdict,
                };
                self.ours.handle_auth(self.now, verdict);
            }
            Event::ChannelOpenRequested { .. } => {
                self.ours.handle_channel_verdict(self.now, self.accepts);
            }
            Event::ChannelRequest { request, .. } if request.needs_verdict() => {
                self.ours.handle_channel_verdict(self.now, self.accepts);
            }
            Event::Data { channel, range, .. } => {
                self.ours.adjust(*channel, u32::try_from(range.len()).unwrap());
            }
            _ => {}
        }
    }

    fn pump_peer(&mut self) {
        while let Ok(received) = self.peer.receive(self.now, &mut self.peer_input) {
            match received.item {
                Some(Item::Payload(range)) => self.heard.push(self.peer_input[range].to_vec()),
                Some(Item::HostKeyOffered) => self.peer.host_key_verdict(true).unwrap(),
                Some(Item::Disconnected { reason, description }) => {
                    self.farewell = Some((reason, description));
                }
                None if received.consumed == 0 => return,
                _ => {}
            }
            self.peer_input.drain(..received.consumed);
        }
        self.peer_input.clear();
    }
}

/// One field of a message (RFC 4251 section 5).
#[derive(Clone, Copy)]
pub(crate) enum Field {
    Bool(bool),
    Number(u32),
    Text(&'static [u8]),
}

/// A message of these fields.
pub(crate) fn message(number: u8, fields: &[Field]) -> Vec<u8> {
    message_with(number, fields, None)
}

/// How many numbers and lengths there are in `fields`.
pub(crate) fn numbers_in(fields: &[Field]) -> usize {
    fields.iter().filter(|field| !matches!(field, Field::Bool(_))).count()
}

/// A message of these fields whose n-th number or length is another one: the bytes stay.
pub(crate) fn message_with(number: u8, fields: &[Field], other: Option<(usize, u32)>) -> Vec<u8> {
    let mut out = vec![number];
    let mut seen = 0;
    for field in fields {
        let (value, bytes): (u32, &[u8]) = match field {
            Field::Bool(value) => {
                out.push(u8::from(*value));
                continue;
            }
            Field::Number(value) => (*value, &[]),
            Field::Text(bytes) => (u32::try_from(bytes.len()).unwrap(), bytes),
        };
        let value = other.filter(|(at, _)| *at == seen).map_or(value, |(_, value)| value);
        out.extend(value.to_be_bytes());
        out.extend_from_slice(bytes);
        seen += 1;
    }
    out
}

/// Alice's password.
pub(crate) fn password_request() -> Vec<u8> {
    message(numbers::USERAUTH_REQUEST, PASSWORD_FIELDS)
}

pub(crate) const PASSWORD_FIELDS: &[Field] = &[
    Field::Text(b"alice"),
    Field::Text(b"ssh-connection"),
    Field::Text(b"password"),
    Field::Bool(false),
    Field::Text(b"secret"),
];

/// A session, which the sender calls 0.
pub(crate) fn channel_open() -> Vec<u8> {
    message(
        numbers::CHANNEL_OPEN,
        &[
            Field::Text(b"session"),
            Field::Number(0),
            Field::Number(2 << 20),
            Field::Number(32 << 10),
        ],
    )
}

/// Our channel 0 is the sender's 0.
pub(crate) fn channel_confirmation() -> Vec<u8> {
    message(
        numbers::CHANNEL_OPEN_CONFIRMATION,
        &[Field::Number(0), Field::Number(0), Field::Number(2 << 20), Field::Number(32 << 10)],
    )
}
