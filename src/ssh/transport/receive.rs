//! The receiving half: one step over the input, and what each message number means in each state.

use std::time::Instant;

use super::{Item, Received, Role, Transport};
use crate::ssh::disconnect::{Disconnect, read_peer};
use crate::ssh::ident::{self, Step};
use crate::ssh::limits::{DISCONNECT_TEXT_BYTES_MAX, EXT_INFOS_MAX, EXTENSIONS_MAX};
use crate::ssh::numbers::{
    self, DEBUG, DISCONNECT, EXT_INFO, IGNORE, KEXINIT, NEWKEYS, PING, PONG, SERVICE_ACCEPT,
    SERVICE_REQUEST, UNIMPLEMENTED, USERAUTH_REQUEST, USERAUTH_SUCCESS,
};
use crate::ssh::pattern::list_matches;
use crate::ssh::trace::PacketRecord;
use crate::ssh::wire::{Reader, WireError};

/// What the peer may send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The first KEXINIT has not come.
    Greeting,
    /// From the first KEXINIT to the first NEWKEYS.
    FirstExchange,
    /// From a later KEXINIT to its NEWKEYS.
    LaterExchange,
    /// Anything, and a KEXINIT at any moment.
    Open,
}

/// The classes of message numbers (RFC 4250 section 4.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    Disconnect,
    /// IGNORE, DEBUG, UNIMPLEMENTED.
    Chatter,
    Service,
    ExtInfo,
    KexInit,
    NewKeys,
    /// 30 to 49, the method's own.
    KexMethod,
    /// 50 and above.
    Above,
    /// PING and PONG.
    Ping,
    /// Transport numbers nobody has given a meaning.
    Unknown,
}

impl Class {
    fn of(number: u8) -> Self {
        match number {
            DISCONNECT => Self::Disconnect,
            IGNORE | DEBUG | UNIMPLEMENTED => Self::Chatter,
            SERVICE_REQUEST | SERVICE_ACCEPT => Self::Service,
            EXT_INFO => Self::ExtInfo,
            KEXINIT => Self::KexInit,
            NEWKEYS => Self::NewKeys,
            30..=49 => Self::KexMethod,
            PING | PONG => Self::Ping,
            50.. => Self::Above,
            _ => Self::Unknown,
        }
    }

    /// Why a message of this class may not come in `state`, if it may not.
    fn refusal(self, state: State, strict: bool) -> Option<&'static str> {
        match (self, state) {
            (Self::Disconnect, _) => None,
            // Whether the exchange is strict is not known before the KEXINIT, whose sequence number
            // tells then what came before it.
            (Self::Chatter, State::FirstExchange) if strict => {
                Some("the strict key exchange takes only its own messages")
            }
            (Self::Chatter, _) => None,
            (Self::KexInit, State::Greeting | State::Open) => None,
            (Self::KexInit, _) => Some("a key exchange is under way already"),
            (Self::KexMethod | Self::NewKeys, State::FirstExchange | State::LaterExchange) => None,
            (Self::KexMethod | Self::NewKeys, _) => Some("no key exchange is under way"),
            (Self::Unknown, State::LaterExchange) => None,
            (_, State::Open) => None,
            (_, State::Greeting) => Some("the first message must be KEXINIT"),
            (_, State::FirstExchange | State::LaterExchange) => {
                Some("nothing but the key exchange may come before NEWKEYS")
            }
        }
    }
}

/// The end of a peer that sent a message where it may not come.
pub(super) fn unexpected(number: u8, sequence: u32, why: &str) -> Disconnect {
    let name = numbers::name(number);
    let separator = if name.is_empty() { "" } else { " " };
    Disconnect::protocol(format!("packet {sequence} is message {number}{separator}{name}: {why}"))
}

impl Received {
    fn nothing() -> Self {
        Self::without_packet(0, None)
    }

    fn without_packet(consumed: usize, item: Option<Item>) -> Self {
        Self { consumed, sequence: 0, expanded: false, item }
    }
}

impl Transport {
    /// One step over the front of `input`: at most one packet is opened, in place.
    ///
    /// # Errors
    /// The end of the connection. What `input` holds then is undefined.
    pub fn receive(&mut self, now: Instant, input: &mut [u8]) -> Result<Received, Disconnect> {
        self.now = now;
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if !self.wants_input() {
            return Ok(Received::nothing());
        }
        let received = if self.ident.is_some() {
            self.receive_ident(input)
        } else {
            self.receive_packet(input)
        };
        self.remember(received)
    }

    /// Keeps an error, so that nothing goes on after it.
    pub(super) fn remember<T>(&mut self, result: Result<T, Disconnect>) -> Result<T, Disconnect> {
        if let Err(end) = &result {
            self.failure = Some(end.clone());
        }
        result
    }

    fn receive_ident(&mut self, input: &[u8]) -> Result<Received, Disconnect> {
        let Some(reader) = &mut self.ident else {
            return Ok(Received::nothing());
        };
        Ok(match reader.read(input)? {
            Step::More => Received::nothing(),
            Step::Skip(consumed) => Received::without_packet(consumed, None),
            Step::Ident(ident, consumed) => {
                self.ident = None;
                self.info.peer_ident = Some(ident.clone());
                let taken = &self.config.peer_versions;
                if !taken.is_empty() && !list_matches(taken, ident::software(&ident)) {
                    return Err(ident::refused(&ident));
                }
                Received::without_packet(consumed, Some(Item::Ident(ident)))
            }
        })
    }

    fn receive_packet(&mut self, input: &mut [u8]) -> Result<Received, Disconnect> {
        let Some(opened) = self.opener.open(input)? else {
            return Ok(Received::nothing());
        };
        self.info.received.packets += 1;
        self.info.received.bytes += opened.bytes as u64;
        self.info.received.sequence = self.opener.sequence();
        self.check_keys()?;
        let passed = if opened.expanded {
            let expanded = self.take_expanded();
            let passed = self.dispatch(&expanded, opened.sequence);
            self.give_back(expanded);
            passed?
        } else {
            let payload = input.get(opened.payload.clone()).unwrap_or_default();
            self.dispatch(payload, opened.sequence)?
        };
        let item = match passed {
            Passed::On => Some(Item::Payload(opened.payload)),
            Passed::Item(item) => Some(item),
            Passed::Nothing => None,
        };
        let (sequence, expanded) = (opened.sequence, opened.expanded);
        Ok(Received { consumed: opened.bytes, sequence, expanded, item })
    }

    fn state(&self) -> State {
        match &self.exchange {
            None => State::Open,
            Some(exchange) => match (exchange.is_first(), exchange.binds_peer()) {
                (true, false) => State::Greeting,
                (true, true) => State::FirstExchange,
                (false, false) => State::Open,
                (false, true) => State::LaterExchange,
            },
        }
    }

    fn dispatch(&mut self, payload: &[u8], sequence: u32) -> Result<Passed, Disconnect> {
        let number = payload.first().copied().unwrap_or_default();
        let class = Class::of(number);
        let state = self.state();
        if let Some(trace) = &mut self.trace {
            trace(&PacketRecord::new(false, sequence, payload));
        }
        if let Some(why) = class.refusal(state, self.info.strict) {
            return Err(unexpected(number, sequence, why));
        }
        if state != State::Open && sequence == u32::MAX && self.session_id.is_none() {
            return Err(Disconnect::protocol("2^32 packets before the first keys"));
        }
        let after_newkeys = std::mem::take(&mut self.after_newkeys);
        match class {
            Class::Above => {
                let why = "only USERAUTH_SUCCESS may follow an EXT_INFO during the login";
                if std::mem::take(&mut self.success_must_follow) && number != USERAUTH_SUCCESS {
                    return Err(unexpected(number, sequence, why));
                }
                self.login_begun |= number == USERAUTH_REQUEST;
                self.peer_budget.earn();
                Ok(Passed::On)
            }
            Class::Service => self.service(number, sequence),
            Class::Disconnect => Ok(Passed::Item(self.on_disconnect(payload))),
            Class::Chatter => Ok(on_chatter(number, payload)),
            Class::ExtInfo => self.on_ext_info(payload, sequence, after_newkeys),
            Class::KexInit => self.on_kexinit(payload, sequence).map(|()| Passed::Nothing),
            Class::KexMethod => {
                let item = self.on_kex_message(number, payload, sequence)?;
                Ok(item.map_or(Passed::Nothing, Passed::Item))
            }
            Class::NewKeys => self.on_newkeys(payload, sequence).map(Passed::Item),
            Class::Ping => {
                self.on_ping(number, payload);
                Ok(Passed::Nothing)
            }
            Class::Unknown => {
                self.unimplemented(sequence);
                Ok(Passed::Nothing)
            }
        }
    }

    /// Clients ask and servers accept, never the other way.
    fn service(&self, number: u8, sequence: u32) -> Result<Passed, Disconnect> {
        match (self.role, number) {
            (Role::Server, SERVICE_REQUEST) | (Role::Client, SERVICE_ACCEPT) => Ok(Passed::On),
            _ => Err(unexpected(number, sequence, "it goes the other way")),
        }
    }

    fn on_disconnect(&mut self, payload: &[u8]) -> Item {
        let body = payload.get(1..).unwrap_or_default();
        // A peer that leaves without proper words has left all the same.
        let (reason, description) = read_peer(body, DISCONNECT_TEXT_BYTES_MAX).unwrap_or_default();
        self.outbox.drop_held();
        self.close();
        Item::Disconnected { reason, description }
    }

    /// EXT_INFO comes right behind the first NEWKEYS; a server may send another one right before
    /// USERAUTH_SUCCESS (RFC 8308 section 2.4), or at any time during the login if the client has
    /// said so (OpenSSH's PROTOCOL 1.10). Anywhere else it may have been smuggled in.
    fn on_ext_info(
        &mut self,
        payload: &[u8],
        sequence: u32,
        after_newkeys: bool,
    ) -> Result<Passed, Disconnect> {
        let in_login = self.role == Role::Client && self.login_begun && !self.authenticated;
        self.ext_infos += 1;
        if !(after_newkeys || in_login) || self.ext_infos > EXT_INFOS_MAX {
            let why = "it may only follow the first NEWKEYS, or come once during the login";
            return Err(unexpected(EXT_INFO, sequence, why));
        }
        self.success_must_follow = !after_newkeys && !self.ext_info_in_auth;
        self.read_extensions(payload)
            .map_err(|error| Disconnect::protocol(format!("malformed EXT_INFO: {error}")))?;
        Ok(Passed::Nothing)
    }

    fn read_extensions(&mut self, payload: &[u8]) -> Result<(), WireError> {
        let mut reader = Reader::new(payload);
        reader.u8()?;
        // Each round reads eight bytes at least or ends with an error.
        for _ in 0..reader.u32()? {
            let (name, value) = (reader.string()?, reader.string()?);
            if let Some((_, old)) = self.extensions.iter_mut().find(|(known, _)| known == name) {
                *old = value.to_vec();
            } else if self.extensions.len() < EXTENSIONS_MAX {
                self.extensions.push((name.to_vec(), value.to_vec()));
            }
        }
        reader.end()
    }

    /// No answer before authentication nor while answers would pile up behind a key exchange
    /// (CVE-2025-26466).
    fn on_ping(&mut self, number: u8, payload: &[u8]) {
        if number == PING && self.authenticated && !self.is_exchanging() {
            let mut answer = payload.to_vec();
            if let Some(first) = answer.first_mut() {
                *first = PONG;
            }
            self.queue(&answer);
        }
    }
}

/// Where a message went.
enum Passed {
    /// To the layers above.
    On,
    /// It was ours, and they should hear of it.
    Item(Item),
    /// It was ours.
    Nothing,
}

fn on_chatter(number: u8, payload: &[u8]) -> Passed {
    if number != UNIMPLEMENTED {
        return Passed::Nothing;
    }
    let mut reader = Reader::new(payload.get(1..).unwrap_or_default());
    match reader.u32() {
        Ok(sequence) => Passed::Item(Item::Unimplemented { sequence }),
        Err(_) => Passed::Nothing,
    }
}
