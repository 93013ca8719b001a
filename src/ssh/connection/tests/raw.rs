//! A connection against a peer that is only a transport: it sends any payload at any time.

use std::sync::Arc;
use std::time::Instant;

use super::pair::{client_config, random, server_config, transport};
use crate::crypto::Ed25519Signer;
use crate::ssh::transport::{Item, Role, Transport};
use crate::ssh::userauth::{Attempt, Binding, ClientAuth, Offered};
use crate::ssh::wire::Writer;
use crate::ssh::{AuthVerdict, ClientConfig, Connection, Event, ServerConfig, numbers};

pub(super) struct Raw {
    pub(super) ours: Connection,
    pub(super) peer: Transport,
    /// Payloads our connection sent, oldest first.
    pub(super) heard: Vec<Vec<u8>>,
    pub(super) events: Vec<Event>,
    /// What the application answers to whatever asks.
    pub(super) accepts: bool,
    /// What it answers to logins instead.
    pub(super) verdict: Option<AuthVerdict>,
    /// What it shows before that.
    pub(super) message: Option<String>,
    pub(super) now: Instant,
    ours_input: Vec<u8>,
    peer_input: Vec<u8>,
    /// Set when the peer heard DISCONNECT.
    pub(super) dropped: bool,
}

impl Raw {
    /// A server of ours, after the first key exchange.
    pub(super) fn server(config: ServerConfig) -> Self {
        let now = Instant::now();
        let ours = Connection::server(Arc::new(config), random(1), now);
        let peer = Transport::new(Role::Client, Arc::new(transport()), random(2), now);
        Self::shaken(ours, peer, now)
    }

    /// A client of ours, after the first key exchange, its SERVICE_REQUEST heard.
    pub(super) fn client(config: ClientConfig) -> Self {
        let now = Instant::now();
        let ours = Connection::client(Arc::new(config), random(1), now);
        let peer = Transport::new(Role::Server, Arc::new(transport()), random(2), now);
        Self::shaken(ours, peer, now)
    }

    fn shaken(ours: Connection, peer: Transport, now: Instant) -> Self {
        let mut raw = Self {
            ours,
            peer,
            heard: Vec::new(),
            events: Vec::new(),
            accepts: true,
            verdict: None,
            message: None,
            now,
            ours_input: Vec::new(),
            peer_input: Vec::new(),
            dropped: false,
        };
        raw.run();
        assert!(raw.events.contains(&Event::KexDone { first: true }));
        raw
    }

    /// A server of ours with the service granted.
    pub(super) fn server_in_auth(config: ServerConfig) -> Self {
        let mut raw = Self::server(config);
        raw.say(&ClientAuth::service_request());
        assert_eq!(raw.heard.pop().unwrap()[0], numbers::SERVICE_ACCEPT);
        raw
    }

    /// A server of ours with a user logged in.
    pub(super) fn server_logged_in() -> Self {
        Self::server_logged_in_to(server_config())
    }

    pub(super) fn server_logged_in_to(config: ServerConfig) -> Self {
        let mut raw = Self::server_in_auth(config);
        let login = raw.signed("alice", 1);
        raw.say(&login);
        assert_eq!(raw.heard.pop().unwrap()[0], numbers::GLOBAL_REQUEST, "the host keys");
        assert_eq!(raw.heard.pop().unwrap(), [numbers::USERAUTH_SUCCESS]);
        raw.peer.set_authenticated();
        raw
    }

    /// As [`server_logged_in`](Self::server_logged_in), with a session channel the peer calls 40
    /// and we call 0.
    pub(super) fn server_with_session(window: u32, packet_max: u32) -> Self {
        let mut raw = Self::server_logged_in();
        raw.say(&open(b"session", 40, window, packet_max));
        assert_eq!(raw.heard.pop().unwrap()[0], numbers::CHANNEL_OPEN_CONFIRMATION);
        raw
    }

    /// A client of ours with the service granted and an attempt under way.
    fn client_in_auth_with(config: ClientConfig) -> Self {
        let mut raw = Self::client(config);
        let mut accept = vec![numbers::SERVICE_ACCEPT];
        accept.put_string(b"ssh-userauth");
        raw.say(&accept);
        raw.ours.auth_password("alice", "secret");
        raw.run();
        assert_eq!(raw.heard.pop().unwrap()[0], numbers::USERAUTH_REQUEST);
        raw
    }

    pub(super) fn client_logged_in() -> Self {
        Self::client_logged_in_with(client_config())
    }

    pub(super) fn client_logged_in_with(config: ClientConfig) -> Self {
        let mut raw = Self::client_in_auth_with(config);
        raw.peer.set_authenticated();
        raw.say(&[numbers::USERAUTH_SUCCESS]);
        assert!(raw.ours.is_authenticated());
        raw
    }

    /// A USERAUTH_REQUEST signed with the key of this seed.
    pub(super) fn signed(&self, user: &str, seed: u8) -> Vec<u8> {
        let mut client = ClientAuth::default();
        client.service_accept(b"").unwrap();
        let key = Arc::new(Ed25519Signer::from_seed([seed; 32]));
        client.attempt(user, Attempt::PublicKey(key));
        let (session_id, host_key) = (self.peer.session_id(), self.peer.host_key());
        let binding = Binding { session_id: session_id.unwrap(), host_key: host_key.unwrap() };
        client.next_message(binding, Offered::default()).unwrap().unwrap().to_vec()
    }

    /// The peer sends `payload`, and everything that follows happens.
    pub(super) fn say(&mut self, payload: &[u8]) {
        self.peer.queue(payload);
        self.run();
    }

    /// Frames we sealed reach the peer.
    pub(super) fn ship(&mut self, frames: &[u8]) {
        self.peer_input.extend_from_slice(frames);
        self.run();
    }

    pub(super) fn run(&mut self) {
        loop {
            let mut out = Vec::new();
            self.peer.poll_transmit(self.now, &mut out);
            let mut back = Vec::new();
            self.ours.poll_transmit(self.now, &mut back);
            let moved = !out.is_empty() || !back.is_empty();
            self.ours_input.extend(out);
            self.peer_input.extend(back);
            self.pump_ours();
            self.pump_peer();
            if !moved {
                break;
            }
        }
    }

    fn pump_ours(&mut self) {
        loop {
            let handled = self.ours.handle_input(self.now, &mut self.ours_input);
            self.ours_input.drain(..handled.consumed);
            let Some(event) = handled.event else {
                if handled.consumed == 0 {
                    break;
                }
                continue;
            };
            self.answer(&event);
            self.events.push(event);
        }
    }

    fn answer(&mut self, event: &Event) {
        let verdict = if self.accepts { AuthVerdict::Accept } else { AuthVerdict::Reject };
        match event {
            Event::HostKeyOffered { .. } => self.ours.handle_host_key(self.now, self.accepts),
            Event::AuthRequest(_) => {
                if let Some(text) = &self.message {
                    self.ours.show_banner(text);
                }
                self.ours.handle_auth(self.now, self.verdict.clone().unwrap_or(verdict));
            }
            Event::ChannelOpenRequested { .. } => {
                self.ours.handle_channel_verdict(self.now, self.accepts);
            }
            Event::ChannelRequest { request, .. } if request.needs_verdict() => {
                self.ours.handle_channel_verdict(self.now, self.accepts);
            }
            _ => {}
        }
    }

    fn pump_peer(&mut self) {
        // After its DISCONNECT our side may say nothing more that matters.
        while let Ok(received) = self.peer.receive(self.now, &mut self.peer_input) {
            match received.item {
                Some(Item::Payload(range)) => self.heard.push(self.peer_input[range].to_vec()),
                Some(Item::Unimplemented { .. }) => self.heard.push(vec![numbers::UNIMPLEMENTED]),
                Some(Item::HostKeyOffered) => self.peer.host_key_verdict(true).unwrap(),
                Some(Item::Disconnected { .. }) => self.dropped = true,
                None if received.consumed == 0 => break,
                _ => {}
            }
            self.peer_input.drain(..received.consumed);
        }
    }

    /// How our connection ended by itself, if it did.
    pub(super) fn end(&self) -> Option<(u32, &str)> {
        self.events.iter().find_map(|event| match event {
            Event::Disconnected { by_peer: false, reason, description } => {
                Some((*reason, description.as_str()))
            }
            _ => None,
        })
    }

    /// The peer speaks and our side must end it.
    pub(super) fn refuses(&mut self, payload: &[u8]) -> String {
        self.say(payload);
        let end = self.end().map(|(_, description)| description.to_owned());
        let end = end.unwrap_or_else(|| panic!("{payload:02x?} was taken"));
        assert!(self.ours.is_closed() && !self.ours.wants_input());
        assert!(self.dropped, "DISCONNECT reached the peer");
        end
    }

    /// The peer speaks and our side goes on: what it says back.
    pub(super) fn answers(&mut self, payload: &[u8]) -> Vec<Vec<u8>> {
        self.heard.clear();
        self.say(payload);
        assert_eq!(self.end(), None, "{payload:02x?}");
        std::mem::take(&mut self.heard)
    }
}

pub(super) fn open(kind: &[u8], id: u32, window: u32, packet_max: u32) -> Vec<u8> {
    let mut message = vec![numbers::CHANNEL_OPEN];
    message.put_string(kind);
    for number in [id, window, packet_max] {
        message.put_u32(number);
    }
    message
}

/// A message about channel `channel` with more fields.
pub(super) fn about(number: u8, channel: u32, fields: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut message = vec![number];
    message.put_u32(channel);
    fields(&mut message);
    message
}

pub(super) fn data(channel: u32, bytes: &[u8]) -> Vec<u8> {
    about(numbers::CHANNEL_DATA, channel, |message| message.put_string(bytes))
}
