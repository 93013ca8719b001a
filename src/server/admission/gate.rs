//! What all shards share of admission. The lock is taken a few times in a connection's life.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ipnet::IpNet;

use super::refusals::{self, AdmissionStatistics, Refusal, Refusals};
use super::rules::AdmissionRules;
use super::ticket::{Held, Ticket};
use crate::auth::{Offence, Penalties};

/// Lets connections in or turns them away.
pub(in crate::server) struct Gate {
    pub(super) rules: AdmissionRules,
    state: Mutex<State>,
    /// When the clock of penalties began.
    epoch: Instant,
}

#[derive(Default)]
struct State {
    /// Connections that have not logged in.
    startups: usize,
    sources: HashMap<IpNet, OfSource>,
    users: HashMap<Arc<str>, OfUser>,
    penalties: Option<Penalties>,
    refusals: Refusals,
}

/// What one source holds.
#[derive(Default)]
struct OfSource {
    startups: usize,
    connections: usize,
}

/// What one user holds.
#[derive(Default)]
struct OfUser {
    connections: usize,
    sessions: usize,
}

impl Gate {
    pub(in crate::server) fn new(rules: AdmissionRules, now: Instant) -> Self {
        let penalties = rules.penalties.map(Penalties::new);
        let state = Mutex::new(State { penalties, ..State::default() });
        Self { rules, state, epoch: now }
    }

    /// Whether connections from there begin with a PROXY header.
    pub(in crate::server) fn is_proxy(&self, peer: IpAddr) -> bool {
        self.rules.proxies.contain(peer)
    }

    /// Lets a connection from `peer` in. One that is `trusted` (a proxy that speaks for itself) is
    /// neither held to the bounds of its source nor penalised. `draw` gives a random number.
    ///
    /// # Errors
    /// Why it is to be turned away, counted and logged already.
    pub(in crate::server) fn admit(
        self: &Arc<Self>,
        peer: IpAddr,
        trusted: bool,
        now: Instant,
        draw: impl FnOnce() -> u64,
    ) -> Result<Ticket, Refusal> {
        let source = self.rules.net_blocks.source(peer);
        let excused = trusted || self.rules.penalty_exempt.contain(peer);
        let mut state = self.state();
        let judged = self.judge(&mut state, peer, source, trusted, excused, now, draw);
        if let Err(refusal) = judged {
            drop(state);
            self.refuse(peer, refusal, now);
            return Err(refusal);
        }
        state.startups += 1;
        let of_source = state.sources.entry(source).or_default();
        of_source.startups += 1;
        of_source.connections += 1;
        drop(state);
        let penalised = (!excused).then_some(peer);
        Ok(Ticket::new(self, Held { source, stranger: true }, penalised))
    }

    #[expect(clippy::too_many_arguments, reason = "what one judgement is made of, called once")]
    fn judge(
        &self,
        state: &mut State,
        peer: IpAddr,
        source: IpNet,
        trusted: bool,
        excused: bool,
        now: Instant,
        draw: impl FnOnce() -> u64,
    ) -> Result<(), Refusal> {
        let rules = &self.rules;
        if rules.deny.contain(peer) {
            return Err(Refusal::Denied);
        }
        if !rules.allow.is_empty() && !rules.allow.contain(peer) {
            return Err(Refusal::NotAllowed);
        }
        if let Some(penalties) = state.penalties.as_mut().filter(|_| !excused) {
            penalties.check(source, self.millis(now)).map_err(Refusal::Penalty)?;
        }
        let calm = rules.startups.is_calm(state.startups);
        if !calm && rules.startups.drops(state.startups, draw()) {
            return Err(Refusal::Startups);
        }
        let reaches = |held: usize, most: Option<usize>| most.is_some_and(|most| held >= most);
        if let Some(held) = state.sources.get(&source).filter(|_| !trusted) {
            if reaches(held.startups, rules.startups_per_source_max) {
                return Err(Refusal::SourceStartups);
            }
            if reaches(held.connections, rules.connections_per_source_max) {
                return Err(Refusal::SourceConnections);
            }
        }
        Ok(())
    }

    /// Counts a refusal, and logs it unless there are too many of its kind.
    pub(in crate::server) fn refuse(&self, peer: IpAddr, refusal: Refusal, now: Instant) {
        let source = self.rules.net_blocks.source(peer);
        let line = self.state().refusals.note(source, refusal, self.millis(now));
        if let Some(line) = line {
            refusals::log(peer, refusal, line);
        }
    }

    /// Holds the end of a connection against its source.
    pub(super) fn penalise(&self, peer: IpAddr, offence: Offence, now: Instant) {
        let source = self.rules.net_blocks.source(peer);
        let now_ms = self.millis(now);
        let began = match &mut self.state().penalties {
            Some(penalties) => penalties.penalise(source, offence, now_ms),
            None => None,
        };
        if let Some(penalty_ms) = began {
            let cause = offence.describe();
            tracing::info!(%source, penalty_ms, "penalty for {cause}: the source is refused");
        }
    }

    /// The connection that holds this has logged in.
    ///
    /// # Errors
    /// The user has too many; he holds one more until the ticket goes.
    pub(super) fn logged_in(&self, held: &Held, user: &Arc<str>) -> Result<(), Refusal> {
        let mut state = self.state();
        state.startups = state.startups.saturating_sub(1);
        if let Some(of_source) = state.sources.get_mut(&held.source) {
            of_source.startups = of_source.startups.saturating_sub(1);
        }
        let of_user = state.users.entry(Arc::clone(user)).or_default();
        of_user.connections += 1;
        match self.rules.connections_per_user_max {
            Some(most) if of_user.connections > most => Err(Refusal::UserConnections),
            _ => Ok(()),
        }
    }

    /// Whether the user may have one more session; then he has.
    pub(super) fn open_session(&self, user: &Arc<str>) -> bool {
        let mut state = self.state();
        let Some(of_user) = state.users.get_mut(user) else { return false };
        let free = self.rules.sessions_per_user_max.is_none_or(|most| of_user.sessions < most);
        of_user.sessions += usize::from(free);
        free
    }

    /// Some of the user's sessions have ended.
    pub(super) fn close_sessions(&self, user: &Arc<str>, count: usize) {
        if let Some(of_user) = self.state().users.get_mut(user) {
            of_user.sessions = of_user.sessions.saturating_sub(count);
        }
    }

    /// The connection has ended.
    pub(super) fn release(&self, held: &Held, user: Option<&Arc<str>>) {
        let mut state = self.state();
        state.startups = state.startups.saturating_sub(usize::from(held.stranger));
        if let Some(of_source) = state.sources.get_mut(&held.source) {
            let left = of_source.startups.saturating_sub(usize::from(held.stranger));
            of_source.startups = left;
            of_source.connections = of_source.connections.saturating_sub(1);
            if of_source.connections == 0 {
                state.sources.remove(&held.source);
            }
        }
        let Some(user) = user else { return };
        if let Some(of_user) = state.users.get_mut(user) {
            of_user.connections = of_user.connections.saturating_sub(1);
            if of_user.connections == 0 {
                state.users.remove(user);
            }
        }
    }

    /// What there is to tell.
    pub(in crate::server) fn statistics(&self) -> AdmissionStatistics {
        let state = self.state();
        AdmissionStatistics {
            refused: state.refusals.counts(),
            startups: state.startups,
            penalised_sources: state.penalties.as_ref().map_or((0, 0), Penalties::sources),
        }
    }

    /// Connections that have not logged in, sources and users that are kept.
    #[cfg(test)]
    pub(super) fn holds(&self) -> (usize, usize, usize) {
        let state = self.state();
        (state.startups, state.sources.len(), state.users.len())
    }

    /// Whoever panicked under the lock has left numbers that are off by one at most.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn millis(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }
}
