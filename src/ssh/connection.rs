//! [`Connection`]: transport, authentication and channels put together, for both roles.
//!
//! Owns the order of things and nothing else: which layer sees a packet, what waits for the
//! application, when it is over. The layers' rules live in `transport`, `userauth` and `channel`;
//! which message may come when, in `connection/table.rs`.

mod authentication;
mod channels;
mod commands;
mod data;
mod dispatch;
mod global;
mod hostkeys;
mod keepalive;
pub(crate) mod limits;
mod table;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use data::DataFrame;
use global::GlobalReplies;
use hostkeys::HostKeys;
use keepalive::{Keepalive, Tick};
use limits::{PACKET_BYTES_MAX_OPENSSH, WINDOW_BYTES_MAX_OPENSSH};
use table::Phase;

use super::channel::messages::refusal;
use super::channel::{Channel, ChannelRules, Channels, WindowRules};
use super::config::{ClientConfig, ServerConfig};
use super::disconnect::{Disconnect, DisconnectReason};
use super::event::{ChannelId, Event, Handled};
use super::ident;
use super::trace::PacketTrace;
use super::transport::{Item, Role, Transport, TransportInfo};
use super::userauth::{ClientAuth, ServerAuth};
use crate::crypto::Random;

/// One SSH connection, client or server, without a socket, a clock or a source of randomness.
///
/// Four kinds of method and no others: getters; `handle_*` (input, a verdict, a timeout); commands
/// (`write`, `adjust`, `close`, `rekey`...); `poll_*`.
///
/// **One mutation, then drain.** After every `handle_*` and every run of commands: while
/// [`poll_transmit`](Self::poll_transmit) gives bytes, send them, in the order they came out;
/// then look at [`next_deadline`](Self::next_deadline). Frames sealed with
/// [`seal_data`](Self::seal_data) take their place on the wire when they are sealed: what
/// `poll_transmit` gave before goes before them, what it gives later goes after.
///
/// **Decisions stop the machine.** After [`Event::HostKeyOffered`], [`Event::AuthRequest`],
/// [`Event::ChannelOpenRequested`] and a [`Event::ChannelRequest`] that needs a verdict,
/// [`wants_input`](Self::wants_input) is false until the answer is given.
///
/// **The end.** After [`Event::Disconnected`] send what `poll_transmit` still gives and close the
/// socket. Every other call does nothing from then on. An end that a verdict or a command brings
/// about shows in [`is_closed`](Self::is_closed) at once, and its event comes from the next
/// `handle_input`, which may be given an empty slice.
pub struct Connection {
    transport: Transport,
    side: Side,
    phase: Phase,
    awaiting: Awaiting,
    channels: Channels,
    keepalive: Keepalive,
    /// When the login must be over, and how long that was at first.
    auth_deadline: Option<(Instant, Duration)>,
    user: Option<String>,
    packet_bytes_max: u32,
    global: GlobalReplies,
    host_keys: HostKeys,
    /// The client said it would open no further sessions.
    no_more_sessions: bool,
    /// Events that did not come from a packet: at most one of each command's.
    events: VecDeque<Event>,
    closed: bool,
}

/// How the software of OpenSSH and of those built on it calls itself.
const OPENSSH: &str = "OpenSSH_";

/// What only one of the roles has.
enum Side {
    Server { config: Arc<ServerConfig>, auth: ServerAuth },
    Client { auth: ClientAuth },
}

/// The decision the application owes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Awaiting {
    Nothing,
    HostKey,
    Auth,
    ChannelOpen(ChannelId),
    ChannelRequest { channel: ChannelId, want_reply: bool },
}

impl Connection {
    /// The server's end of a new connection. `random` must be seeded for this connection alone.
    pub fn server(config: Arc<ServerConfig>, random: Box<dyn Random>, now: Instant) -> Self {
        let mut transport = config.transport.clone();
        if !config.methods.contains(&"publickey") {
            // Nothing to announce.
            transport.signature_algorithms.clear();
        }
        let transport = Arc::new(transport);
        Self::new(
            Transport::new(Role::Server, transport, random, now),
            Channels::new(ChannelRules {
                max: config.channels_max,
                window: WindowRules::new(
                    config.window_bytes,
                    config.window_bytes_max,
                    &config.window_budget,
                ),
                kinds: config.channel_kinds.clone(),
                open_timeout: config.open_timeout,
            }),
            config.packet_bytes_max,
            Keepalive::new(config.keepalive_interval, config.keepalive_count_max),
            auth_deadline(now, config.auth_timeout),
            Side::Server { config, auth: ServerAuth::default() },
        )
    }

    /// The client's end of a new connection. `random` must be seeded for this connection alone.
    pub fn client(config: Arc<ClientConfig>, random: Box<dyn Random>, now: Instant) -> Self {
        let transport = Arc::new(config.transport.clone());
        Self::new(
            Transport::new(Role::Client, transport, random, now),
            Channels::new(ChannelRules {
                max: config.channels_max,
                window: WindowRules::new(
                    config.window_bytes,
                    config.window_bytes_max,
                    &config.window_budget,
                ),
                kinds: config.channel_kinds.clone(),
                open_timeout: config.open_timeout,
            }),
            config.packet_bytes_max,
            Keepalive::new(config.keepalive_interval, config.keepalive_count_max),
            auth_deadline(now, config.auth_timeout),
            Side::Client { auth: ClientAuth::default() },
        )
    }

    fn new(
        transport: Transport,
        channels: Channels,
        packet_bytes_max: u32,
        keepalive: Keepalive,
        auth_deadline: Option<(Instant, Duration)>,
        side: Side,
    ) -> Self {
        Self {
            transport,
            side,
            phase: Phase::Service,
            awaiting: Awaiting::Nothing,
            channels,
            keepalive,
            auth_deadline,
            user: None,
            packet_bytes_max,
            global: GlobalReplies::default(),
            host_keys: HostKeys::default(),
            no_more_sessions: false,
            events: VecDeque::new(),
            closed: false,
        }
    }

    /// Whether [`handle_input`](Self::handle_input) can do anything: false while a verdict is owed
    /// and after the end, once every event was handed out.
    pub fn wants_input(&self) -> bool {
        !self.events.is_empty() || (!self.closed && self.awaiting == Awaiting::Nothing)
    }

    /// Bytes the packet at the front of the input needs in all, 0 while that is not known.
    pub fn needed(&self) -> usize {
        self.transport.needed()
    }

    /// Whether a DISCONNECT was sent or received, or the connection failed: flush
    /// [`poll_transmit`](Self::poll_transmit), then close the socket.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// What was negotiated and how much has gone through.
    pub fn info(&self) -> &TransportInfo {
        self.transport.info()
    }

    /// The exchange hash of the first key exchange, which names this connection in signatures.
    pub fn session_id(&self) -> Option<&[u8]> {
        self.transport.session_id()
    }

    /// The server's host key of the first exchange as on the wire.
    pub fn host_key(&self) -> Option<&[u8]> {
        self.transport.host_key()
    }

    /// What the peer has said in EXT_INFO (RFC 8308), names and values. Untrusted.
    pub fn peer_extensions(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.transport.peer_extensions()
    }

    /// Shows every packet from here on to `trace`, secrets left out: from the first one on if it is
    /// set before anything is received or sent.
    pub fn set_trace(&mut self, trace: PacketTrace) {
        self.transport.set_trace(trace);
    }

    /// The user who is logged in.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether authentication is over and channels may be used.
    pub fn is_authenticated(&self) -> bool {
        self.phase == Phase::Open
    }

    /// The name being authenticated or logged in, and how many attempts have failed (server).
    pub fn auth_progress(&self) -> (Option<&str>, u32) {
        match &self.side {
            Side::Server { auth, .. } => (auth.user(), auth.failures()),
            Side::Client { .. } => (self.user(), 0),
        }
    }

    /// Bytes a peer may have under way to us, or waiting here, on a channel: its window's size,
    /// which changes with what the link can use. 0 for a channel that is gone.
    pub fn window_bytes(&self, channel: ChannelId) -> u32 {
        self.channels.get(channel).map_or(0, Channel::window_bytes)
    }

    /// How many channels there are.
    pub fn channel_count(&self) -> usize {
        self.channels.len()
    }

    /// Takes at most one packet off the front of `input`, opening it in place, and reports at most
    /// one event. Loop until nothing was consumed and there was no event, or until
    /// [`wants_input`](Self::wants_input) is false. `input` must start where the last call's
    /// `consumed` ended, and bytes once given must be given again unchanged.
    pub fn handle_input(&mut self, now: Instant, input: &mut [u8]) -> Handled {
        if let Some(event) = self.events.pop_front() {
            return Handled::without_input(Some(event));
        }
        if !self.wants_input() {
            return Handled::without_input(None);
        }
        match self.step(now, input) {
            Ok(handled) => handled,
            Err(cause) => Handled::without_input(Some(self.fail(cause))),
        }
    }

    /// The message of the packet that was opened last, if that came compressed; see
    /// [`Handled::expanded`].
    pub fn expanded(&self) -> &[u8] {
        self.transport.expanded()
    }

    /// Acts on the deadlines that have passed.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Event> {
        if self.closed {
            return None;
        }
        match self.tick(now) {
            Ok(event) => event,
            Err(cause) => Some(self.fail(cause)),
        }
    }

    /// Appends what is to be sent next to `out`: nothing when there is nothing.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) {
        self.transport.poll_transmit(now, out);
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called, if nothing else happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.closed {
            return None;
        }
        let login = self.auth_deadline.filter(|_| self.phase != Phase::Open).map(|(at, _)| at);
        let owed = self.awaiting != Awaiting::Nothing;
        let open = self.channels.next_deadline().filter(|_| !owed);
        [self.transport.next_deadline(), login, self.keepalive.deadline(), open]
            .into_iter()
            .flatten()
            .min()
    }

    /// Ends the connection: queues DISCONNECT. [`Event::Disconnected`] follows from the next
    /// [`handle_input`](Self::handle_input).
    pub fn disconnect(&mut self, reason: DisconnectReason, description: &str) {
        if !self.closed {
            self.fail_later(Disconnect { reason, description: description.to_owned() });
        }
    }

    /// Exchanges keys anew; does nothing while an exchange runs, nor before somebody is logged in:
    /// OpenSSH's server takes no new keys before, and what is said at the end of a login must not
    /// cross an exchange.
    pub fn rekey(&mut self, now: Instant) {
        if !self.closed && self.phase == Phase::Open {
            self.transport.start_rekey(now);
        }
    }

    fn role(&self) -> Role {
        match self.side {
            Side::Server { .. } => Role::Server,
            Side::Client { .. } => Role::Client,
        }
    }

    fn step(&mut self, now: Instant, input: &mut [u8]) -> Result<Handled, Disconnect> {
        let received = self.transport.receive(now, input)?;
        if received.consumed > 0 {
            self.keepalive.heard(now);
        }
        let event = match received.item {
            None | Some(Item::Unimplemented { .. }) => None,
            Some(Item::Payload(range)) => {
                let before = self.phase;
                let event = if received.expanded {
                    let expanded = self.transport.take_expanded();
                    let event = self.message(&expanded, range, received.sequence);
                    self.transport.give_back(expanded);
                    event?
                } else {
                    self.message(input, range, received.sequence)?
                };
                if before != Phase::Open && self.phase == Phase::Open {
                    self.keepalive.start(now);
                }
                event
            }
            Some(Item::Ident(peer_ident)) => {
                if ident::software(&peer_ident).starts_with(OPENSSH) {
                    self.channels.limit_windows(WINDOW_BYTES_MAX_OPENSSH);
                    self.packet_bytes_max = self.packet_bytes_max.min(PACKET_BYTES_MAX_OPENSSH);
                }
                Some(Event::Connected { peer_ident })
            }
            Some(Item::HostKeyOffered) => {
                self.awaiting = Awaiting::HostKey;
                let blob = self.transport.host_key().unwrap_or_default().to_vec();
                let certificate = self.transport.host_certificate().cloned().map(Box::new);
                Some(Event::HostKeyOffered { blob, certificate })
            }
            Some(Item::KexDone { first }) => {
                if first && self.role() == Role::Client {
                    self.transport.queue(&ClientAuth::service_request());
                }
                Some(Event::KexDone { first })
            }
            Some(Item::Disconnected { reason, description }) => {
                self.closed = true;
                Some(Event::Disconnected { by_peer: true, reason, description })
            }
        };
        Ok(Handled { consumed: received.consumed, expanded: received.expanded, event })
    }

    fn tick(&mut self, now: Instant) -> Result<Option<Event>, Disconnect> {
        // A peer that waits for our verdict has no reason to speak, and what it says is not read.
        let owed = self.awaiting != Awaiting::Nothing;
        if owed {
            self.transport.excuse(now);
        }
        self.transport.handle_timeout(now)?;
        if let Some((_, timeout)) = self.auth_deadline.filter(|(at, _)| now >= *at)
            && self.phase != Phase::Open
        {
            let description = format!("the login was not over within {} s", timeout.as_secs());
            return Err(Disconnect::new(DisconnectReason::ByApplication, description));
        }
        match self.keepalive.tick(now, owed) {
            Tick::Quiet => {}
            Tick::Ask => self.ask_for_life(),
            Tick::Dead(asked) => {
                return Err(Disconnect {
                    reason: DisconnectReason::ConnectionLost,
                    description: format!("{asked} keepalive requests went unanswered"),
                });
            }
        }
        // One event a call: a second channel's deadline is still due, so another call follows.
        let late = if owed { None } else { self.channels.abandon_overdue(now) };
        Ok(late.map(|channel| Event::ChannelOpenFailed {
            channel,
            reason: refusal::CONNECT_FAILED,
            description: "the peer did not answer in time".to_owned(),
        }))
    }

    /// Ends the connection with a DISCONNECT of ours.
    fn fail(&mut self, cause: Disconnect) -> Event {
        self.transport.disconnect(&cause);
        self.closed = true;
        self.awaiting = Awaiting::Nothing;
        self.events.clear();
        Event::Disconnected {
            by_peer: false,
            reason: cause.reason.code(),
            description: cause.description,
        }
    }

    /// As [`fail`](Self::fail), outside `handle_input`: the event waits for the next call.
    fn fail_later(&mut self, cause: Disconnect) {
        let event = self.fail(cause);
        self.events.push_back(event);
    }
}

fn auth_deadline(now: Instant, timeout: Option<Duration>) -> Option<(Instant, Duration)> {
    timeout.and_then(|timeout| Some((now.checked_add(timeout)?, timeout)))
}

#[cfg(test)]
mod tests;
