//! How a connection comes in and goes, as far as admission is concerned: the header of a proxy, the
//! user's bounds, and what its end says of whoever made it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::io::Errno;

use super::{Driver, Phase, Place};
use crate::auth::{Offence, ProxyHeader};
use crate::server::admission::{Refusal, turn_away};
use crate::server::run;
use crate::ssh::{DisconnectReason, Event};

/// What is remembered of a connection's end.
#[derive(Default)]
pub(super) struct Ending {
    /// Bytes of the PROXY header, which are the proxy's and not the peer's.
    header_bytes: u64,
    /// The peer closed or reset it.
    pub(super) peer_left: bool,
    /// It was not logged in within one of the times for it.
    too_late: bool,
    /// Its client is not among those that are served.
    turned_away: bool,
    /// It named a user whom nobody knows.
    pub(super) unknown_user: bool,
    /// The server failed over it.
    crashed: bool,
}

/// Does what a stranger's bytes decide over: `None` if that panicked, which is then the end of his
/// connection and not of the server. `work` is PURE, and nothing it has touched is used again.
///
/// Others' panics go on: they have files open, and operations in the kernel.
pub(super) fn contained<T>(stranger: bool, work: impl FnOnce() -> T) -> Option<T> {
    if stranger { catch_unwind(AssertUnwindSafe(work)).ok() } else { Some(work()) }
}

/// Whether a socket failed because the peer has gone.
pub(super) fn is_departure(errno: Errno) -> bool {
    matches!(errno, Errno::CONNRESET | Errno::PIPE)
}

impl Driver {
    /// Looks for the PROXY header at the front of what has arrived. Until it is there nothing is
    /// sent, and the time for the identification line runs.
    pub(super) fn take_header(&mut self, place: &mut Place<'_>) {
        if self.ssh.is_closed() {
            return self.lost("closed before a PROXY header came");
        }
        let (buffer, filled) = self.inbound.bytes();
        match ProxyHeader::read(buffer.get(filled).unwrap_or_default()) {
            Ok(None) => self.arm(place),
            Ok(Some(header)) => {
                self.inbound.consume(header.bytes);
                self.ending.header_bytes = header.bytes as u64;
                self.awaits_header = false;
                if let Some(source) = header.source {
                    self.proxy = Some(std::mem::replace(&mut self.peer, source));
                }
                let trusted = header.source.is_none();
                let ip = self.peer.ip();
                match self.ticket.judge(ip, trusted, place.now, run::random_number) {
                    Ok(()) => self.trace(),
                    Err(refusal) => self.turn_away(refusal),
                }
            }
            Err(error) => {
                self.ticket.refuse(self.peer.ip(), Refusal::ProxyHeader, place.now);
                self.lost(&error.to_string());
            }
        }
    }

    fn turn_away(&mut self, refusal: Refusal) {
        turn_away(&self.socket, refusal);
        self.lost(&format!("refused: {}", refusal.cause()));
    }

    /// The client has said what it is.
    pub(super) fn identified(&mut self, place: &Place<'_>, ident: String) {
        tracing::info!(
            connection = self.number,
            peer = %self.peer,
            proxy = self.proxy.map(tracing::field::display),
            shard = place.shard,
            client = ident.as_str(),
            "connection accepted"
        );
        self.peer_ident = ident;
    }

    /// A deadline has passed, and this came of it.
    pub(super) fn deadline_passed(&mut self, event: &Event) {
        if matches!(event, Event::Disconnected { .. }) && !self.ssh.is_authenticated() {
            self.ending.too_late = true;
            if self.awaits_header {
                self.lost("no PROXY header came in time");
            }
        }
    }

    /// What the peer sent made us panic before anybody had logged in.
    pub(super) fn crashed(&mut self) {
        let (connection, peer) = (self.number, self.peer);
        tracing::error!(
            connection,
            %peer,
            "the server failed over what came before a login, and closes the connection; the \
             message of the failure is above: please report it"
        );
        self.ending.crashed = true;
        self.lost("the server failed");
    }

    /// The connection is over, with a DISCONNECT.
    pub(super) fn turned_away(&mut self, by_peer: bool, reason: u32) {
        // With an identification line that was read: its version is not what was wrong with it.
        let identified = self.ssh.info().peer_ident.is_some();
        self.ending.turned_away |= !by_peer
            && identified
            && reason == DisconnectReason::ProtocolVersionNotSupported.code();
    }

    /// Ends the connection where its user has enough of them.
    pub(super) fn has_too_many_connections(&mut self, place: &Place<'_>, user: &str) -> bool {
        let Err(refusal) = self.ticket.logged_in(user) else { return false };
        self.ticket.refuse(self.peer.ip(), refusal, place.now);
        let cause = refusal.cause();
        self.cause.get_or_insert_with(|| cause.clone());
        self.ssh.disconnect(DisconnectReason::TooManyConnections, &cause);
        true
    }

    /// Whether the user may have one more session; then it counts.
    pub(super) fn may_open_session(&mut self) -> bool {
        let may = self.ticket.open_session();
        if !may {
            let (connection, peer, user) = (self.number, self.peer, &*self.party.user);
            tracing::info!(connection, %peer, user, "session refused: per_user_max_sessions");
        }
        may
    }

    /// Whether the peer only looked whether somebody is there, as balancers do every second.
    pub(super) fn was_a_probe(&self) -> bool {
        let silent = self.bytes_received == self.ending.header_bytes;
        self.phase == Phase::Ending && self.ending.peer_left && silent
    }

    /// What is held against the source of the connection, which is over.
    pub(super) fn offence(&self) -> Option<Offence> {
        if self.ssh.is_authenticated() {
            return None;
        }
        Some(match self.ssh.auth_progress() {
            _ if self.ending.crashed => Offence::Crash,
            _ if self.ending.too_late => Offence::GraceExceeded,
            _ if self.ending.turned_away => Offence::RefuseConnection,
            (Some(_), 1..) if self.ending.unknown_user => Offence::InvalidUser,
            (Some(_), 1..) => Offence::AuthFail,
            _ => Offence::NoAuth,
        })
    }
}
