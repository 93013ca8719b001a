//! Every message number in every state, against the table in the manual.
//!
//! A whole connection is driven into each state by a peer that is a bare transport; then one
//! message comes, with a body that makes sense or with none, and what happens is compared with the
//! row of `src/manual/states.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::pair::{random, transport};
use crate::ssh::transport::{Item, Role, StrictKex, Transport};
use crate::ssh::wire::Writer;
use crate::ssh::{
    AuthMethod, AuthVerdict, ChannelRequest, ClientConfig, Connection, Event, GlobalRequest,
    Prompt, Prompts, ServerConfig, TransportConfig, numbers,
};

const MANUAL: &str = include_str!("../../../manual/states.md");

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// Something came of it: an event, an answer, another state.
    Processed,
    /// Nothing at all.
    PassedOver,
    /// The answer is UNIMPLEMENTED.
    Unimplemented,
    /// We end the connection.
    Disconnect,
}

/// A connection of ours and a peer that says one message at a time.
struct Stage {
    ours: Connection,
    peer: Transport,
    now: Instant,
    /// What we sent and the peer has not been given.
    withheld: Vec<u8>,
    peer_input: Vec<u8>,
    /// Numbers of the messages the peer heard above the key exchange, and UNIMPLEMENTED.
    heard: Vec<u8>,
    events: Vec<Event>,
}

/// One key exchange method and one cipher, so that the rows about 30 to 49 are those of one.
fn quick(strict_kex: StrictKex) -> TransportConfig {
    TransportConfig {
        kexes: vec!["curve25519-sha256"],
        ciphers: vec!["aes128-gcm@openssh.com"],
        strict_kex,
        ..transport()
    }
}

impl Stage {
    fn new(role: Role, strict_kex: StrictKex) -> Self {
        let now = Instant::now();
        let config = quick(strict_kex);
        let (ours, other) = match role {
            Role::Server => {
                let methods = vec!["publickey", "password", "keyboard-interactive"];
                let config = ServerConfig { methods, ..ServerConfig::new(config.clone()) };
                let config = Arc::new(config);
                (Connection::server(config, random(1), now), Role::Client)
            }
            Role::Client => {
                let config = Arc::new(ClientConfig::new(config.clone()));
                (Connection::client(config, random(1), now), Role::Server)
            }
        };
        let peer = Transport::new(other, Arc::new(config), random(2), now);
        let (withheld, peer_input) = (Vec::new(), Vec::new());
        let (heard, events) = (Vec::new(), Vec::new());
        let mut stage = Self { ours, peer, now, withheld, peer_input, heard, events };
        let mut ident = Vec::new();
        stage.peer.transmit_ident(&mut ident);
        stage.take(ident);
        stage.give();
        stage
    }

    /// Our side takes bytes of the peer's; what it sends is withheld.
    fn take(&mut self, mut bytes: Vec<u8>) {
        loop {
            let handled = self.ours.handle_input(self.now, &mut bytes);
            bytes.drain(..handled.consumed);
            match handled.event {
                None if handled.consumed == 0 => break,
                None => {}
                Some(event) => self.react(event),
            }
        }
        assert!(bytes.is_empty() || self.ours.is_closed(), "whole packets were given");
        self.ours.poll_transmit(self.now, &mut self.withheld);
    }

    fn react(&mut self, event: Event) {
        match &event {
            Event::HostKeyOffered { .. } => self.ours.handle_host_key(self.now, true),
            Event::AuthRequest(request) if request.method == AuthMethod::Interactive => {
                self.ours.handle_auth(self.now, AuthVerdict::Ask(question()));
            }
            Event::AuthRequest(_) => self.ours.handle_auth(self.now, AuthVerdict::Accept),
            Event::ChannelOpenRequested { .. } => self.ours.handle_channel_verdict(self.now, true),
            _ => {}
        }
        self.events.push(event);
    }

    /// The peer is given everything that was withheld.
    fn give(&mut self) {
        self.peer_input.append(&mut self.withheld);
        while let Ok(received) = self.peer.receive(self.now, &mut self.peer_input) {
            match received.item {
                Some(Item::Payload(range)) => self.heard.push(self.peer_input[range.start]),
                Some(Item::Unimplemented { .. }) => self.heard.push(numbers::UNIMPLEMENTED),
                Some(Item::HostKeyOffered) => self.peer.host_key_verdict(true).unwrap(),
                None if received.consumed == 0 => break,
                _ => {}
            }
            self.peer_input.drain(..received.consumed);
        }
    }

    /// The peer says `payload` now, whether it may or not.
    fn say(&mut self, payload: &[u8]) {
        let mut bytes = Vec::new();
        self.peer.seal_now(payload, &mut bytes);
        self.take(bytes);
    }

    /// Goes on, one message of the peer's at a time, until the next one is in `numbers` or there is
    /// none.
    fn run_to(&mut self, numbers: std::ops::RangeInclusive<u8>) {
        loop {
            self.give();
            match self.peer.front() {
                Some(front) if !numbers.contains(&front[0]) => {
                    let mut bytes = Vec::new();
                    self.peer.transmit_one(&mut bytes);
                    self.take(bytes);
                }
                _ => return,
            }
        }
    }

    /// Past the first key exchange, everything said.
    fn keyed(role: Role) -> Self {
        let mut stage = Self::new(role, StrictKex::On);
        stage.run_to(0..=0);
        assert!(stage.events.contains(&Event::KexDone { first: true }));
        stage.say(&body(numbers::IGNORE));
        stage
    }

    fn in_login(role: Role) -> Self {
        let mut stage = Self::keyed(role);
        match role {
            Role::Server => stage.say(&body(numbers::SERVICE_REQUEST)),
            Role::Client => {
                stage.say(&body(numbers::SERVICE_ACCEPT));
                stage.ours.auth_password("alice", "secret");
                stage.ours.poll_transmit(stage.now, &mut stage.withheld);
            }
        }
        stage.give();
        stage
    }

    /// Logged in. Channel 0 is open, channel 1 was asked for, and on channel 0 and on the
    /// connection one request of ours waits for its answer.
    fn open(role: Role) -> Self {
        let mut stage = Self::in_login(role);
        let session = match role {
            Role::Server => {
                stage.say(&body(numbers::USERAUTH_REQUEST));
                stage.say(&body(numbers::CHANNEL_OPEN));
                crate::ssh::ChannelId(0)
            }
            Role::Client => {
                stage.say(&body(numbers::USERAUTH_SUCCESS));
                let session = stage.ours.open_session().unwrap();
                stage.say(&about(numbers::CHANNEL_OPEN_CONFIRMATION, &[0, 40, 1000, 1000]));
                session
            }
        };
        stage.peer.set_authenticated();
        let eow = ChannelRequest::EndOfWrite;
        stage.ours.request(session, &eow, true);
        assert!(stage.ours.global_request(&GlobalRequest::Keepalive, true));
        assert_eq!(stage.ours.open_channel("x11", &[]).unwrap().0, 1);
        stage.ours.poll_transmit(stage.now, &mut stage.withheld);
        stage.give();
        assert_eq!(stage.ours.channel_count(), 2);
        stage
    }

    /// In a later key exchange: the peer's KEXINIT has come.
    fn rekeying(role: Role) -> Self {
        let mut stage = Self::open(role);
        stage.peer.start_rekey(stage.now);
        let mut bytes = Vec::new();
        stage.peer.transmit_one(&mut bytes);
        stage.take(bytes);
        stage
    }

    fn at(role: Role, state: &str) -> Self {
        let mut stage = match state {
            "greeting" => Self::new(role, StrictKex::On),
            "exchange" | "last word" | "keyed" => {
                let mut stage = Self::new(role, StrictKex::On);
                stage.run_to(match state {
                    "exchange" => 30..=49,
                    _ => numbers::NEWKEYS..=numbers::NEWKEYS,
                });
                if state == "keyed" {
                    let mut bytes = Vec::new();
                    stage.peer.transmit_one(&mut bytes);
                    stage.take(bytes);
                    stage.give();
                }
                stage
            }
            "exchange, not strict" => {
                let mut stage = Self::new(role, StrictKex::Off);
                stage.run_to(30..=49);
                stage
            }
            "service" => Self::keyed(role),
            "login" => Self::in_login(role),
            "login, asked" => {
                let mut stage = Self::keyed(role);
                stage.say(&body(match role {
                    Role::Server => numbers::SERVICE_REQUEST,
                    Role::Client => numbers::SERVICE_ACCEPT,
                }));
                match role {
                    Role::Server => stage.say(&interactive()),
                    Role::Client => {
                        stage.ours.auth_interactive("alice");
                        stage.ours.poll_transmit(stage.now, &mut stage.withheld);
                    }
                }
                stage.give();
                stage
            }
            "login, nothing asked" => {
                let mut stage = Self::keyed(role);
                stage.say(&body(numbers::SERVICE_ACCEPT));
                stage
            }
            "open" => Self::open(role),
            "we ask for keys" => {
                let mut stage = Self::open(role);
                stage.ours.rekey(stage.now);
                stage.ours.poll_transmit(stage.now, &mut stage.withheld);
                stage
            }
            "new exchange" => {
                let mut stage = Self::rekeying(role);
                stage.run_to(30..=49);
                stage
            }
            "new last word" | "new keys" => {
                let mut stage = Self::rekeying(role);
                let newkeys = numbers::NEWKEYS;
                stage.run_to(newkeys..=newkeys);
                if state == "new keys" {
                    let mut bytes = Vec::new();
                    stage.peer.transmit_one(&mut bytes);
                    stage.take(bytes);
                    stage.give();
                }
                stage
            }
            other => panic!("the manual has a state {other:?} nobody knows how to get to"),
        };
        assert!(!stage.ours.is_closed(), "{role:?} {state}: {:?}", stage.events);
        stage.heard.clear();
        stage.events.clear();
        stage
    }

    /// All that a message may have changed.
    fn shown(&self) -> String {
        let info = self.ours.info();
        let extension = self.ours.transport.peer_extension("x@example.com").is_some();
        format!(
            "{:?} {} {} {} {} {} {extension} {}",
            self.ours.phase,
            self.ours.transport.queued_bytes(),
            self.ours.transport.shown_state(),
            self.ours.channel_count(),
            info.sent.packets,
            info.exchanges,
            info.kex,
        )
    }

    /// What comes of `payload`.
    fn fate(&mut self, payload: &[u8]) -> Fate {
        let before = self.shown();
        self.say(payload);
        let after = self.shown();
        self.give();
        let heard = std::mem::take(&mut self.heard);
        let events = std::mem::take(&mut self.events);
        if events.iter().any(|it| matches!(it, Event::Disconnected { by_peer: false, .. })) {
            assert!(self.ours.is_closed());
            Fate::Disconnect
        } else if heard.contains(&numbers::UNIMPLEMENTED) {
            assert_eq!(events, []);
            Fate::Unimplemented
        } else if events.is_empty() && before == after {
            Fate::PassedOver
        } else {
            Fate::Processed
        }
    }
}

fn about(number: u8, fields: &[u32]) -> Vec<u8> {
    let mut message = vec![number];
    fields.iter().for_each(|field| message.put_u32(*field));
    message
}

fn question() -> Prompts {
    let prompts = vec![Prompt { text: "why? ".to_owned(), echo: true }];
    Prompts { prompts, ..Prompts::default() }
}

/// A login by questions.
fn interactive() -> Vec<u8> {
    let mut message = vec![numbers::USERAUTH_REQUEST];
    for text in [&b"alice"[..], b"ssh-connection", b"keyboard-interactive", b"", b""] {
        message.put_string(text);
    }
    message
}

/// A message by this number that says something sensible.
fn body(number: u8) -> Vec<u8> {
    let mut message = match number {
        93..=100 => about(number, &[0]),
        _ => vec![number],
    };
    let texts: &[&[u8]] = match number {
        numbers::IGNORE | numbers::PING | numbers::PONG => &[b"any"],
        numbers::SERVICE_REQUEST | numbers::SERVICE_ACCEPT => &[b"ssh-userauth"],
        numbers::USERAUTH_REQUEST => &[b"alice", b"ssh-connection", b"password"],
        numbers::USERAUTH_FAILURE => &[b"publickey,password"],
        numbers::USERAUTH_BANNER => &[b"be nice", b""],
        numbers::USERAUTH_INFO_REQUEST => &[b"", b"", b""],
        numbers::GLOBAL_REQUEST => &[b"keepalive@openssh.com"],
        numbers::CHANNEL_OPEN => &[b"session"],
        numbers::CHANNEL_REQUEST => &[b"winadj@putty.projects.tartarus.org"],
        numbers::CHANNEL_DATA => &[b"hello"],
        30..=49 => &[&[9; 32]],
        _ => &[],
    };
    texts.iter().for_each(|text| message.put_string(text));
    match number {
        numbers::DISCONNECT => {
            message.put_u32(11);
            message.put_string(b"bye");
            message.put_string(b"");
        }
        numbers::UNIMPLEMENTED => message.put_u32(3),
        numbers::DEBUG => {
            message.put_bool(true);
            message.put_string(b"any");
            message.put_string(b"");
        }
        numbers::EXT_INFO => {
            message.put_u32(1);
            message.put_string(b"x@example.com");
            message.put_string(b"1");
        }
        numbers::USERAUTH_REQUEST => {
            message.put_bool(false);
            message.put_string(b"secret");
        }
        numbers::USERAUTH_FAILURE => message.put_bool(false),
        numbers::USERAUTH_INFO_REQUEST => message.put_u32(0),
        numbers::GLOBAL_REQUEST | numbers::CHANNEL_REQUEST => message.put_bool(true),
        numbers::CHANNEL_OPEN => {
            [40, 1000, 1000].into_iter().for_each(|field| message.put_u32(field));
        }
        numbers::CHANNEL_OPEN_CONFIRMATION => return about(number, &[1, 41, 1000, 1000]),
        numbers::CHANNEL_OPEN_FAILURE => return about(number, &[1, 1, 0, 0]),
        numbers::CHANNEL_WINDOW_ADJUST => message.put_u32(10),
        numbers::CHANNEL_EXTENDED_DATA => {
            message.put_u32(1);
            message.put_string(b"hello");
        }
        numbers::NEWKEYS
        | numbers::USERAUTH_SUCCESS
        | numbers::REQUEST_SUCCESS
        | numbers::REQUEST_FAILURE => {}
        0..=92 | 101.. if texts.is_empty() => message.put_u32(0),
        _ => {}
    }
    message
}

/// As [`body`], or the peer's own message where only that one makes sense.
fn sensible(stage: &Stage, number: u8) -> Vec<u8> {
    let own = stage.peer.front().filter(|front| front[0] == number && number < 50);
    if let Some(own) = own.filter(|_| number != numbers::EXT_INFO) {
        return own.to_vec();
    }
    if number == numbers::KEXINIT {
        let role = stage.peer.role();
        let other = Transport::new(role, Arc::new(quick(StrictKex::On)), random(3), stage.now);
        return other.front().unwrap().to_vec();
    }
    body(number)
}

/// A row of the manual's table.
struct Row {
    role: Role,
    state: String,
    /// By number; what is not here disconnects.
    fates: BTreeMap<u8, Fate>,
    /// Those of the processed that may come without a body; the others disconnect then.
    bare: BTreeSet<u8>,
}

fn numbers_in(cell: &str) -> BTreeSet<u8> {
    let mut all = BTreeSet::new();
    for part in cell.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u8, u8) = (first.parse().unwrap(), last.parse().unwrap());
        assert!(first <= last && (first..=last).all(|number| all.insert(number)), "{cell}");
    }
    all
}

fn rows(role: Role) -> Vec<Row> {
    let name = if role == Role::Server { "server" } else { "client" };
    let mut rows = Vec::new();
    for line in MANUAL.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [of, state, processed, bare, passed, unimplemented] = cells[..] else {
            panic!("{line}");
        };
        if of != name {
            continue;
        }
        let mut fates = BTreeMap::new();
        for (cell, fate) in [
            (processed, Fate::Processed),
            (passed, Fate::PassedOver),
            (unimplemented, Fate::Unimplemented),
        ] {
            for number in numbers_in(cell) {
                assert_eq!(fates.insert(number, fate), None, "{number} is twice in {line}");
            }
        }
        let bare = numbers_in(bare);
        assert!(bare.is_subset(&numbers_in(processed)), "{line}");
        rows.push(Row { role, state: state.to_owned(), fates, bare });
    }
    rows
}

fn compare(row: &Row) -> Vec<String> {
    let mut differences = Vec::new();
    let mut stage = None;
    for number in 0..=255u8 {
        for empty in [false, true] {
            let mut now = stage.take().unwrap_or_else(|| Stage::at(row.role, &row.state));
            let payload = if empty { vec![number] } else { sensible(&now, number) };
            let listed = row.fates.get(&number).copied().unwrap_or(Fate::Disconnect);
            let wanted = match listed {
                Fate::Processed if empty && !row.bare.contains(&number) => Fate::Disconnect,
                listed => listed,
            };
            let fate = now.fate(&payload);
            if fate != wanted {
                let how = if empty { "empty" } else { "whole" };
                let Row { role, state, .. } = row;
                differences.push(format!("{role:?} {state}: {number} {how}: {fate:?} {wanted:?}"));
            }
            // Only what left no trace leaves the state as it was. Behind NEWKEYS anything counts.
            let traceless = matches!(fate, Fate::PassedOver | Fate::Unimplemented);
            stage =
                (traceless && !matches!(row.state.as_str(), "keyed" | "new keys")).then_some(now);
        }
    }
    differences
}

fn every_number_in_every_state(role: Role, states: usize) {
    let rows = rows(role);
    assert_eq!(rows.len(), states, "states of the {role:?} in the manual");
    let differences: Vec<String> = rows.iter().flat_map(compare).collect();
    assert!(differences.is_empty(), "found, listed:\n{}", differences.join("\n"));
}

#[test]
fn every_number_in_every_state_of_a_server_is_as_the_manual_says() {
    every_number_in_every_state(Role::Server, 13);
}

#[test]
fn every_number_in_every_state_of_a_client_is_as_the_manual_says() {
    every_number_in_every_state(Role::Client, 14);
}
