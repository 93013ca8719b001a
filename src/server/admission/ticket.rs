//! What one connection holds of the bounds.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use ipnet::IpNet;

use super::gate::Gate;
use super::refusals::Refusal;
use crate::auth::Offence;

/// What a connection that was let in counts for.
pub(super) struct Held {
    pub(super) source: IpNet,
    /// Nobody has logged in on it.
    pub(super) stranger: bool,
}

/// A place in the server; given back when it goes.
pub(in crate::server) struct Ticket {
    gate: Arc<Gate>,
    /// None yet where a proxy has still to tell whom it speaks for.
    held: Option<Held>,
    /// The address that penalties are for, unless there are none for it.
    penalised: Option<IpAddr>,
    user: Option<Arc<str>>,
    sessions: usize,
}

impl Ticket {
    pub(super) fn new(gate: &Arc<Gate>, held: Held, penalised: Option<IpAddr>) -> Self {
        let gate = Arc::clone(gate);
        Self { gate, held: Some(held), penalised, user: None, sessions: 0 }
    }

    /// For a connection from a proxy, which is judged when its header has come.
    pub(in crate::server) fn unjudged(gate: &Arc<Gate>) -> Self {
        let gate = Arc::clone(gate);
        Self { gate, held: None, penalised: None, user: None, sessions: 0 }
    }

    /// The header of a proxy's connection has come.
    ///
    /// # Errors
    /// As with [`Gate::admit`].
    pub(in crate::server) fn judge(
        &mut self,
        peer: IpAddr,
        trusted: bool,
        now: Instant,
        draw: impl FnOnce() -> u64,
    ) -> Result<(), Refusal> {
        *self = self.gate.admit(peer, trusted, now, draw)?;
        Ok(())
    }

    /// Counts and logs that the connection is turned away after all.
    pub(in crate::server) fn refuse(&self, peer: IpAddr, refusal: Refusal, now: Instant) {
        self.gate.refuse(peer, refusal, now);
    }

    /// A user has logged in.
    ///
    /// # Errors
    /// He has too many connections: this one is to be ended.
    pub(in crate::server) fn logged_in(&mut self, user: &str) -> Result<(), Refusal> {
        let Some(held) = self.held.as_mut().filter(|held| held.stranger) else { return Ok(()) };
        let user: Arc<str> = user.into();
        let judged = self.gate.logged_in(held, &user);
        held.stranger = false;
        self.user = Some(user);
        judged
    }

    /// Whether the user may have one more session; then he has.
    pub(in crate::server) fn open_session(&mut self) -> bool {
        let opened = self.user.as_ref().is_some_and(|user| self.gate.open_session(user));
        self.sessions += usize::from(opened);
        opened
    }

    /// One of them has ended.
    pub(in crate::server) fn close_session(&mut self) {
        let Some(user) = self.user.as_ref().filter(|_| self.sessions > 0) else { return };
        self.sessions -= 1;
        self.gate.close_sessions(user, 1);
    }

    /// The connection is over, and this is held against its source.
    pub(in crate::server) fn end(self, offence: Option<Offence>, now: Instant) {
        if let (Some(peer), Some(offence)) = (self.penalised, offence) {
            self.gate.penalise(peer, offence, now);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(user) = &self.user {
            self.gate.close_sessions(user, self.sessions);
        }
        if let Some(held) = &self.held {
            self.gate.release(held, self.user.as_ref());
        }
    }
}
