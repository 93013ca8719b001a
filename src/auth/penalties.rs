//! Penalties for sources whose connections end badly: sshd's PerSourcePenalties.
//!
//! Each connection that ends without a login adds some time to its source's penalty. Once that has
//! come to more than `min_ms`, the source is refused until all of it has passed. The clock is the
//! caller's, in milliseconds, and must not go back.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::limits::PENALISED_SOURCES_MAX;

/// How a connection ended that nobody logged in on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offence {
    /// Attempts to log in failed.
    AuthFail,
    /// Attempts to log in failed, as somebody there is not.
    InvalidUser,
    /// Nobody tried to log in.
    NoAuth,
    /// It took too long.
    GraceExceeded,
    /// What it sent made the server fail.
    Crash,
    /// It was a client that is not served.
    RefuseConnection,
}

impl Offence {
    /// sshd_config's word for it, and what it says in words.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::AuthFail => "failed logins",
            Self::InvalidUser => "logins as users there are not",
            Self::NoAuth => "connections without an attempt to log in",
            Self::GraceExceeded => "connections that took too long to log in",
            Self::Crash => "connections that made the server fail",
            Self::RefuseConnection => "clients that are not served",
        }
    }
}

/// What is done when more sources are penalised than are kept.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Overflow {
    /// The penalty that would end first is forgotten.
    #[default]
    Permissive,
    /// Everybody is refused until a penalty has passed.
    DenyAll,
}

/// How long which end is held against a source. Times in milliseconds; 0 is no penalty for that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PenaltyRules {
    /// For [`Offence::AuthFail`].
    pub authfail_ms: u64,
    /// For [`Offence::InvalidUser`].
    pub invaliduser_ms: u64,
    /// For [`Offence::NoAuth`].
    pub noauth_ms: u64,
    /// For [`Offence::GraceExceeded`].
    pub grace_exceeded_ms: u64,
    /// For [`Offence::Crash`].
    pub crash_ms: u64,
    /// For [`Offence::RefuseConnection`].
    pub refuseconnection_ms: u64,
    /// Only a penalty longer than this has an effect.
    pub min_ms: u64,
    /// None is longer than this.
    pub max_ms: u64,
    /// Sources with IPv4 addresses that are kept.
    pub sources4_max: usize,
    /// What is done when there would be more.
    pub overflow4: Overflow,
    /// Sources with IPv6 addresses that are kept.
    pub sources6_max: usize,
    /// What is done when there would be more.
    pub overflow6: Overflow,
}

impl Default for PenaltyRules {
    /// As sshd's.
    fn default() -> Self {
        Self {
            authfail_ms: 5_000,
            invaliduser_ms: 5_000,
            noauth_ms: 1_000,
            grace_exceeded_ms: 10_000,
            crash_ms: 90_000,
            refuseconnection_ms: 10_000,
            min_ms: 15_000,
            max_ms: 600_000,
            sources4_max: PENALISED_SOURCES_MAX,
            overflow4: Overflow::Permissive,
            sources6_max: PENALISED_SOURCES_MAX,
            overflow6: Overflow::Permissive,
        }
    }
}

impl PenaltyRules {
    /// The penalty for an offence.
    #[must_use]
    pub fn penalty_ms(&self, offence: Offence) -> u64 {
        match offence {
            Offence::AuthFail => self.authfail_ms,
            Offence::InvalidUser => self.invaliduser_ms,
            Offence::NoAuth => self.noauth_ms,
            Offence::GraceExceeded => self.grace_exceeded_ms,
            Offence::Crash => self.crash_ms,
            Offence::RefuseConnection => self.refuseconnection_ms,
        }
    }
}

/// Why a source is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Penalised {
    /// For what it did last, for so much longer.
    For(Offence, u64),
    /// More sources are penalised than are kept ([`Overflow::DenyAll`]).
    Overflow,
}

/// The sources and their penalties. IPv4 and IPv6 are kept apart: a flood from one does not push
/// out the other's.
#[derive(Debug)]
pub struct Penalties {
    rules: PenaltyRules,
    v4: Table<u32>,
    v6: Table<u128>,
}

impl Penalties {
    /// Nobody is penalised yet.
    #[must_use]
    pub fn new(rules: PenaltyRules) -> Self {
        Self {
            rules,
            v4: Table::new(rules.sources4_max, rules.overflow4),
            v6: Table::new(rules.sources6_max, rules.overflow6),
        }
    }

    /// Holds an offence against a source. The penalty's length where it is now in effect and was
    /// not before.
    pub fn penalise(&mut self, source: IpNet, offence: Offence, now_ms: u64) -> Option<u64> {
        match source {
            IpNet::V4(net) => self.v4.penalise(&self.rules, net.addr().into(), offence, now_ms),
            IpNet::V6(net) => self.v6.penalise(&self.rules, net.addr().into(), offence, now_ms),
        }
    }

    /// Whether a connection from the source may be served.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&mut self, source: IpNet, now_ms: u64) -> Result<(), Penalised> {
        match source {
            IpNet::V4(net) => self.v4.check(net.addr().into(), now_ms),
            IpNet::V6(net) => self.v6.check(net.addr().into(), now_ms),
        }
    }

    /// Sources that are kept, with IPv4 and with IPv6 addresses.
    #[must_use]
    pub fn sources(&self) -> (usize, usize) {
        (self.v4.by_source.len(), self.v6.by_source.len())
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    expires_ms: u64,
    /// It has been longer than the minimum; it then stays in effect to its end.
    active: bool,
    /// The last one.
    offence: Offence,
}

/// The sources of one family, in trees: a hash table with as many goings as comings grows to four
/// times its entries. Also in the order in which their penalties end.
#[derive(Debug)]
struct Table<K> {
    sources_max: usize,
    overflow: Overflow,
    by_source: BTreeMap<K, Entry>,
    by_expiry: BTreeSet<(u64, K)>,
}

impl<K: Copy + Ord> Table<K> {
    fn new(sources_max: usize, overflow: Overflow) -> Self {
        let (by_source, by_expiry) = (BTreeMap::new(), BTreeSet::new());
        Self { sources_max, overflow, by_source, by_expiry }
    }

    fn penalise(
        &mut self,
        rules: &PenaltyRules,
        source: K,
        offence: Offence,
        now_ms: u64,
    ) -> Option<u64> {
        self.expire(now_ms);
        let added_ms = rules.penalty_ms(offence);
        if added_ms == 0 {
            return None;
        }
        let before = self.by_source.get(&source).copied();
        if before.is_none() && self.is_full() && self.overflow == Overflow::DenyAll {
            return None;
        }
        let from_ms = before.map_or(now_ms, |entry| entry.expires_ms);
        let latest_ms = now_ms.saturating_add(rules.max_ms);
        let expires_ms = from_ms.saturating_add(added_ms).min(latest_ms);
        let was_active = before.is_some_and(|entry| entry.active);
        let length_ms = expires_ms.saturating_sub(now_ms);
        let active = was_active || length_ms > rules.min_ms;
        if let Some(before) = before {
            self.by_expiry.remove(&(before.expires_ms, source));
        }
        self.by_expiry.insert((expires_ms, source));
        self.by_source.insert(source, Entry { expires_ms, active, offence });
        while self.by_source.len() > self.sources_max {
            self.forget_first();
        }
        (active && !was_active).then_some(length_ms)
    }

    fn check(&mut self, source: K, now_ms: u64) -> Result<(), Penalised> {
        self.expire(now_ms);
        if self.overflow == Overflow::DenyAll && self.is_full() {
            return Err(Penalised::Overflow);
        }
        match self.by_source.get(&source) {
            Some(entry) if entry.active => {
                Err(Penalised::For(entry.offence, entry.expires_ms.saturating_sub(now_ms)))
            }
            _ => Ok(()),
        }
    }

    fn is_full(&self) -> bool {
        self.by_source.len() >= self.sources_max
    }

    fn expire(&mut self, now_ms: u64) {
        while self.by_expiry.first().is_some_and(|(expires_ms, _)| *expires_ms <= now_ms) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, source)) = self.by_expiry.pop_first() {
            self.by_source.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests;
