//! The driver of one connection: socket, SSH core, sessions, trains.
//!
//! A completion is noted, then [`Driver::progress`] carries everything as far as it goes: open what
//! has arrived, carry out the requests, lay out and seal the next train, re-arm the socket. Nothing
//! here waits. A connection that ends sends its last bytes (at most [`FLUSH_TIMEOUT`] long),
//! cancels what still runs and is [`gone`](Driver::is_gone) when the last completion has come back.

mod entry;
mod events;
mod login;
mod output;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use rustix::io::Errno;

use self::login::{Proved, Tried};
use super::admission::Ticket;
use super::gathering::Gathering;
use super::inbound::Inbound;
use super::job::{Finished, Jobs};
use super::limits::{FLUSH_TIMEOUT, HEAVY_BYTES, STARVED_RETRY};
use super::mailbox::Arrival;
use super::outbound::Outbound;
use super::profile::Profile;
use super::roll::Roll;
use super::sealing::{Pace, Sealing};
use super::session::{Party, Session};
use super::settings::Settings;
use super::turns::{Weight, was_lately};
use super::verdicts::{Pending, Verdicts};
use crate::auth::Login;
use crate::reactor::{BufferPool, Done, Reactor, Socket, Token};
use crate::ssh::{ChannelId, Connection, DisconnectReason};

/// What a connection may use of its shard.
pub(super) struct Place<'a> {
    /// The shard's number.
    pub(super) shard: usize,
    pub(super) settings: &'a Settings,
    pub(super) jobs: &'a Jobs,
    pub(super) verdicts: &'a Verdicts,
    pub(super) reactor: &'a mut Reactor,
    pub(super) pool: &'a BufferPool,
    pub(super) sealing: &'a mut Sealing,
    pub(super) now: Instant,
    /// Payload of a train.
    pub(super) train_bytes_max: usize,
    /// When this turn should be over.
    pub(super) turn_ends: Instant,
    pub(super) wall_clock: i64,
}

impl Place<'_> {
    /// Whether the others are to get their turn.
    fn turn_is_over(&self) -> bool {
        Instant::now() >= self.turn_ends
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Last bytes are being sent; the socket is closed by then at the latest.
    Flushing(Instant),
    /// Nothing is sent any more; operations are coming back.
    Ending,
}

/// One connection.
pub(super) struct Driver {
    /// Unique number of the connection in this process, for logs.
    pub(super) number: u64,
    slot: u32,
    socket: Socket,
    /// Where it comes from; what a proxy says, once it has.
    peer: SocketAddr,
    /// The proxy, where there is one that speaks for another.
    proxy: Option<SocketAddr>,
    /// The PROXY header has still to come, and the judgement with it.
    awaits_header: bool,
    /// What it holds of the bounds of connections.
    ticket: Ticket,
    /// How it ended, as far as that may be held against its source.
    ending: entry::Ending,
    party: Rc<Party>,
    /// What has been proved of the user.
    login: Login,
    /// Who decided last about a request to log in.
    roll: Option<Arc<Roll>>,
    /// A verdict that is being worked out, and on what.
    judging: Option<(Pending, Tried)>,
    /// Known once the user has logged in.
    profile: Option<Arc<Profile>>,
    ssh: Connection,
    inbound: Inbound,
    outbound: Outbound,
    sessions: Vec<Session>,
    /// Channels whose clients show what comes on a terminal in raw mode.
    terminals: BTreeSet<ChannelId>,
    /// Session that is asked first for the next train, so that all get their turn.
    next_session: usize,
    phase: Phase,
    /// Why it ended, for the log.
    cause: Option<String>,
    opened: Instant,
    /// When a channel was last used. Keepalives and new keys are no use of it.
    last_used: Instant,
    bytes_received: u64,
    bytes_told: u64,
    rekeys: u64,
    /// The largest receive window a channel had.
    window_bytes: u32,
    starved: bool,
    pace: Pace,
    /// There is more to open or to carry out than one turn took.
    unfinished: bool,
    /// Bytes received and sealed in this turn.
    work_bytes: u64,
    gathering: Gathering,
    /// When a turn last moved much, or took all its time.
    last_heavy: Option<Instant>,
    peer_ident: String,
    /// What logged the user in, for the log.
    proved: Proved,
}

impl Driver {
    pub(super) fn new(arrival: Arrival, slot: u32, ssh: Connection, now: Instant) -> Self {
        let Arrival { socket, peer, number, ticket, proxied } = arrival;
        let mut made = Self {
            number,
            slot,
            socket: Arc::new(socket),
            peer,
            proxy: None,
            awaits_header: proxied,
            ticket,
            ending: entry::Ending::default(),
            party: Rc::new(Party { connection: number, peer: Some(peer), user: "".into() }),
            login: Login::default(),
            roll: None,
            judging: None,
            profile: None,
            ssh,
            inbound: Inbound::default(),
            outbound: Outbound::default(),
            sessions: Vec::new(),
            terminals: BTreeSet::new(),
            next_session: 0,
            phase: Phase::Open,
            cause: None,
            opened: now,
            last_used: now,
            bytes_received: 0,
            bytes_told: 0,
            rekeys: 0,
            window_bytes: 0,
            starved: false,
            pace: Pace::default(),
            unfinished: false,
            work_bytes: 0,
            gathering: Gathering::default(),
            last_heavy: None,
            peer_ident: String::new(),
            proved: Proved::default(),
        };
        if !proxied {
            made.trace();
        }
        made
    }

    /// Shows every packet from here on in the log, where that is wanted.
    fn trace(&mut self) {
        if tracing::enabled!(tracing::Level::TRACE) {
            let (number, peer) = (self.number, self.peer);
            self.ssh.set_trace(Box::new(move |packet| {
                tracing::trace!(connection = number, %peer, "{packet}");
            }));
        }
    }

    /// Token of the connection's operations; a session's own carry its channel above the slot.
    fn token(&self, channel: ChannelId) -> Token {
        Token((u64::from(channel.0) + 1) << 32 | u64::from(self.slot))
    }

    fn socket_token(&self) -> Token {
        Token(u64::from(self.slot))
    }

    /// The connection's slot in its shard, from the token of any of its operations.
    pub(super) fn slot_of(token: Token) -> usize {
        (token.0 & 0xffff_ffff) as usize
    }

    fn channel_of(token: Token) -> Option<ChannelId> {
        u32::try_from((token.0 >> 32).checked_sub(1)?).ok().map(ChannelId)
    }

    fn session(&mut self, channel: ChannelId) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|own| own.channel == channel)
    }

    /// The session whose operation completed under `token`.
    fn session_of(&mut self, token: Token) -> Option<&mut Session> {
        Self::channel_of(token).and_then(|channel| self.session(channel))
    }

    /// Whether it can be dropped: ended, with no operation left in the kernel.
    pub(super) fn is_gone(&self) -> bool {
        self.phase == Phase::Ending && !self.is_busy()
    }

    /// What its next turn is likely to cost.
    pub(super) fn weight(&self, now: Instant) -> Weight {
        let moves_much = was_lately(self.last_heavy, now);
        match (&self.profile, moves_much) {
            // Nothing of it is opened any more: deadlines hold whoever else has work for the shard.
            (None, _) if self.phase != Phase::Open || self.ssh.is_closed() => Weight::Light,
            (None, _) => Weight::Stranger,
            (Some(_), false) => Weight::Light,
            (Some(_), true) => Weight::Heavy,
        }
    }

    /// Whether its shard may sleep on for a moment when more of its bytes come. Not while some lie
    /// in the socket: its client is the faster one then, and the sleep would hold it up.
    pub(super) fn gathers(&self) -> bool {
        self.phase == Phase::Open && self.gathering.pays() && !self.inbound.more_waits()
    }

    /// Whether it wants another turn though nothing completes.
    pub(super) fn wants_turn(&self) -> bool {
        self.unfinished && self.phase == Phase::Open
    }

    fn is_busy(&self) -> bool {
        self.inbound.receiving().is_some()
            || !self.outbound.is_still()
            || self.sessions.iter().any(Session::is_busy)
    }

    /// Bytes moved, both ways, since this was last asked.
    pub(super) fn take_bytes_moved(&mut self) -> u64 {
        let moved = self.bytes_received + self.outbound.bytes_sent;
        moved - std::mem::replace(&mut self.bytes_told, moved)
    }

    /// Notes that an operation has completed; [`progress`](Self::progress) is to follow.
    pub(super) fn complete(&mut self, token: Token, done: Done) {
        match done {
            Done::Received { buffer, result, more } => {
                self.received(buffer, result, more);
            }
            Done::Sent { result, .. } => match result {
                Ok(count) => self.outbound.sent(count),
                Err(errno) => {
                    self.outbound.sent(0);
                    self.ending.peer_left |= entry::is_departure(errno);
                    self.lost(&format!("sending failed: {errno}"));
                }
            },
            Done::Read { buffer, result, .. } => self.file_read(buffer, result),
            Done::Synced { result } => {
                if let Some(session) = self.session_of(token) {
                    session.synced(result);
                }
            }
            Done::Advised { .. } => {
                if let Some(session) = self.session_of(token) {
                    session.advised();
                }
            }
            Done::Accepted(_) | Done::AcceptEnded(_) | Done::Wrote { .. } | Done::Woken => {}
        }
    }

    /// A job of one of its sessions has come back; [`progress`](Self::progress) is to follow. Gives
    /// back what no session waits for.
    pub(super) fn job_finished(
        &mut self,
        place: &mut Place<'_>,
        finished: Finished,
    ) -> Option<Finished> {
        let Some(site) = events::site(place, finished.token, &self.profile, &self.party) else {
            return Some(finished);
        };
        let waits = |own: &&mut Session| own.waits_for(finished.number);
        let Some(session) = self.sessions.iter_mut().find(waits) else { return Some(finished) };
        session.job_finished(&site, finished.result);
        None
    }

    fn received(
        &mut self,
        buffer: crate::reactor::Buffer,
        result: Result<usize, Errno>,
        more: bool,
    ) {
        let count = *result.as_ref().unwrap_or(&0);
        self.inbound.received(buffer, count, more);
        self.bytes_received += count as u64;
        self.work_bytes += count as u64;
        match result {
            Ok(0) => {
                self.ending.peer_left |= self.phase == Phase::Open;
                self.lost("the peer closed the connection");
            }
            Ok(_) | Err(Errno::CANCELED) => {}
            Err(errno) => {
                self.ending.peer_left |= entry::is_departure(errno);
                self.lost(&format!("receiving failed: {errno}"));
            }
        }
    }

    /// Everything that can be done now is done.
    pub(super) fn progress(&mut self, place: &mut Place<'_>) {
        if self.phase == Phase::Open && self.awaits_header {
            self.unfinished = false;
            self.starved = false;
            self.take_header(place);
        }
        if self.phase == Phase::Open && !self.awaits_header {
            self.carry_on(place);
        }
        if let Phase::Flushing(_) = self.phase {
            self.pump(place);
            if self.outbound.is_flushed() {
                self.end(place);
            }
        }
        if self.phase == Phase::Ending {
            self.cancel(place);
        }
    }

    /// The turn of a connection that is open: what has arrived, and what is to leave.
    fn carry_on(&mut self, place: &mut Place<'_>) {
        self.unfinished = false;
        self.starved = false;
        // What came first is carried out first: a CLOSE of the channel must find nothing parked
        // but what waits for something else than its turn.
        self.resume_parked(place);
        self.take_input(place);
        if self.phase != Phase::Open {
            return;
        }
        // A command runs once it has been asked for.
        self.resume_parked(place);
        self.advise(place);
        self.send_errors();
        self.finish_sessions();
        self.pump(place);
        self.arm(place);
        let much = std::mem::take(&mut self.work_bytes) >= HEAVY_BYTES;
        if much || place.turn_is_over() {
            self.last_heavy = Some(place.now);
        }
        let ahead = self.sessions.iter_mut().map(Session::take_ahead_bytes).sum();
        self.gathering.turn_over(ahead, self.bytes_received);
        if self.starved {
            // The shard has no buffer for it: it is not to invite more bytes than it must.
            self.ssh.shrink_windows();
        }
        if self.ssh.is_closed() {
            self.phase = Phase::Flushing(place.now + FLUSH_TIMEOUT);
        }
    }

    fn arm(&mut self, place: &mut Place<'_>) {
        // What has arrived comes before what may: bytes that wait for the next turn lie in the
        // buffer that a RECV would take, and requests that wait for it must not meet its end.
        if !self.ssh.wants_input() || self.unfinished {
            return;
        }
        let token = self.socket_token();
        let needed = self.ssh.needed();
        self.starved |=
            self.inbound.arm(place.reactor, place.pool, &self.socket, token, needed).is_err();
    }

    /// The socket is of no more use.
    fn lost(&mut self, cause: &str) {
        if self.phase != Phase::Ending {
            self.phase = Phase::Ending;
            self.cause.get_or_insert_with(|| cause.to_owned());
        }
    }

    fn end(&mut self, place: &mut Place<'_>) {
        self.phase = Phase::Ending;
        self.cancel(place);
    }

    /// Takes back what still runs; safe to call again.
    fn cancel(&mut self, place: &mut Place<'_>) {
        self.outbound.drop_sealed();
        self.cancel_jobs(place);
        let reading = self.outbound.reading.as_ref().map(|(_, _, id)| *id);
        for id in [self.inbound.receiving(), self.outbound.sending(), reading].into_iter().flatten()
        {
            place.reactor.cancel(id);
        }
    }

    /// Jobs need not come back before the connection goes; what they bring is nobody's.
    fn cancel_jobs(&mut self, place: &mut Place<'_>) {
        let mut sessions = std::mem::take(&mut self.sessions);
        for session in sessions.iter_mut().filter(|session| session.has_job()) {
            let token = self.token(session.channel);
            if let Some(site) = events::site(place, token, &self.profile, &self.party) {
                session.abandon(&site);
            }
        }
        self.sessions = sessions;
    }

    /// When this connection must be looked at again though nothing completes.
    pub(super) fn next_deadline(&self, settings: &Settings) -> Option<Instant> {
        match self.phase {
            Phase::Ending => None,
            Phase::Flushing(until) => Some(until),
            Phase::Open => {
                let idle = settings.idle_timeout.map(|idle| self.last_used + idle);
                let starved = self.starved.then(|| Instant::now() + STARVED_RETRY);
                [self.ssh.next_deadline(), idle, starved].into_iter().flatten().min()
            }
        }
    }

    /// A deadline has passed.
    pub(super) fn timed_out(&mut self, place: &mut Place<'_>) {
        self.starved = false;
        match self.phase {
            Phase::Flushing(until) if until <= place.now => self.end(place),
            Phase::Flushing(_) | Phase::Ending => {}
            Phase::Open => {
                if let Some(event) = self.ssh.handle_timeout(place.now) {
                    self.deadline_passed(&event);
                    self.event(place, event);
                }
                if self.sessions.iter().any(Session::has_job) {
                    self.last_used = place.now;
                }
                let idle = place.settings.idle_timeout;
                if let Some(idle) = idle.filter(|idle| self.last_used + *idle <= place.now) {
                    let seconds = idle.as_secs();
                    self.disconnect(&format!("idle timeout: nothing was asked for {seconds} s"));
                }
            }
        }
    }

    /// Ends the connection with a DISCONNECT.
    pub(super) fn disconnect(&mut self, cause: &str) {
        self.cause.get_or_insert_with(|| cause.to_owned());
        self.ssh.disconnect(DisconnectReason::ByApplication, cause);
    }

    /// Lets go of everything, writes the last log line and answers for how it ended;
    /// `connections` are still open elsewhere.
    pub(super) fn finish(mut self, place: &mut Place<'_>, connections: usize) {
        let mut sessions = std::mem::take(&mut self.sessions);
        for session in &mut sessions {
            let token = self.token(session.channel);
            if let Some(site) = events::site(place, token, &self.profile, &self.party) {
                session.abandon(&site);
            }
        }
        drop(sessions);
        let (quiet, offence) = (self.was_a_probe(), self.offence());
        drop(self.inbound);
        self.ticket.end(offence, place.now);
        if quiet {
            let (connection, peer) = (self.number, self.peer);
            tracing::debug!(connection, %peer, connections, "closed by a peer that said nothing");
            return;
        }
        tracing::info!(
            connection = self.number,
            peer = %self.peer,
            user = self.ssh.user(),
            cause = self.cause.as_deref().unwrap_or("closed"),
            received_bytes = self.bytes_received,
            sent_bytes = self.outbound.bytes_sent,
            rekeys = self.rekeys,
            window_bytes = self.window_bytes,
            seconds = place.now.saturating_duration_since(self.opened).as_secs_f32(),
            client = self.peer_ident.as_str(),
            connections,
            buffers = place.pool.stats().outstanding,
            "connection closed"
        );
    }
}
