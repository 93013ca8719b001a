//! Those who are turned away: what they are told, counted and logged.

use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::AsFd;

use ipnet::IpNet;
use rustix::net::SendFlags;

use crate::auth::{Offence, Penalised};
use crate::server::limits::{REFUSAL_LOG_INTERVAL_MS, REFUSAL_LOG_SOURCES_MAX};

/// Why a connection was turned away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The server holds `max_connections`.
    Connections,
    /// Its address is in `deny_addresses`.
    Denied,
    /// Its address is not in `allow_addresses`.
    NotAllowed,
    /// Its source is penalised.
    Penalty(Penalised),
    /// `max_startups` dropped it.
    Startups,
    /// Its source holds `per_source_max_startups`.
    SourceStartups,
    /// Its source holds `per_source_max_connections`.
    SourceConnections,
    /// A proxy sent no header, or a broken one.
    ProxyHeader,
    /// The user holds `per_user_max_connections`.
    UserConnections,
}

/// How many kinds of refusals are counted.
const KINDS: usize = 9;

/// The names of the counts in [`AdmissionStatistics::refused`].
pub const REFUSALS: [&str; KINDS] = [
    "max_connections",
    "deny_addresses",
    "allow_addresses",
    "per_source_penalties",
    "max_startups",
    "per_source_max_startups",
    "per_source_max_connections",
    "proxy_header",
    "per_user_max_connections",
];

impl Refusal {
    /// Its place in [`REFUSALS`].
    fn kind(self) -> usize {
        match self {
            Self::Connections => 0,
            Self::Denied => 1,
            Self::NotAllowed => 2,
            Self::Penalty(_) => 3,
            Self::Startups => 4,
            Self::SourceStartups => 5,
            Self::SourceConnections => 6,
            Self::ProxyHeader => 7,
            Self::UserConnections => 8,
        }
    }

    /// For the log.
    pub(in crate::server) fn cause(self) -> String {
        let penalty = |offence: Offence, left_ms: u64| {
            let seconds = left_ms.div_ceil(1000);
            format!("penalty for {}, {seconds} s to go", offence.describe())
        };
        let words = match self {
            Self::Connections => "max_connections is reached",
            Self::Denied => "the address is in deny_addresses",
            Self::NotAllowed => "the address is not in allow_addresses",
            Self::Penalty(Penalised::For(offence, left_ms)) => return penalty(offence, left_ms),
            Self::Penalty(Penalised::Overflow) => {
                "more sources are penalised than are kept, and overflow is deny-all"
            }
            Self::Startups => "max_startups: too many connections have not logged in",
            Self::SourceStartups => "per_source_max_startups is reached",
            Self::SourceConnections => "per_source_max_connections is reached",
            Self::ProxyHeader => {
                "no good PROXY header from an address in proxy_protocol_from: have the proxy send \
                 one, or take its address off the list"
            }
            Self::UserConnections => "per_user_max_connections is reached",
        };
        words.to_owned()
    }

    /// What the peer is told: sshd's words, where it has some.
    fn message(self) -> &'static [u8] {
        match self {
            Self::Penalty(_) => b"Not allowed at this time\r\n",
            Self::Startups | Self::SourceStartups => b"Exceeded MaxStartups\r\n",
            _ => b"",
        }
    }
}

/// Tells the peer, if there is something to tell and its socket takes it at once; whoever is turned
/// away is not waited for.
pub(in crate::server) fn turn_away(socket: impl AsFd, refusal: Refusal) {
    let message = refusal.message();
    if !message.is_empty() {
        let _ = rustix::net::send(socket, message, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
    }
}

/// Who was turned away and who is held off, at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct AdmissionStatistics {
    /// Connections turned away since the start, in the order of [`REFUSALS`].
    pub refused: [u64; KINDS],
    /// Connections that have not logged in.
    pub startups: usize,
    /// Sources in the table of penalties, with IPv4 and with IPv6 addresses.
    pub penalised_sources: (usize, usize),
}

/// A line about refusals that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Line {
    /// Refusals that it is about, of the same source for the same cause.
    pub(super) refused: u64,
    /// Others, that got no line.
    pub(super) unlogged: u64,
}

/// Counts refusals and keeps their lines few: a flood must not fill the log.
#[derive(Default)]
pub(super) struct Refusals {
    counts: [u64; KINDS],
    /// When a line was last written for a source and a kind, and the refusals since.
    told: HashMap<(IpNet, usize), (u64, u64)>,
    /// Refusals of sources that found no place there, and of those whose line never came.
    unlogged: u64,
}

impl Refusals {
    pub(super) fn counts(&self) -> [u64; KINDS] {
        self.counts
    }

    /// Notes a refusal. A line where one is due: the first of a source for a cause, and then one
    /// each interval.
    pub(super) fn note(&mut self, source: IpNet, refusal: Refusal, now_ms: u64) -> Option<Line> {
        let kind = refusal.kind();
        if let Some(count) = self.counts.get_mut(kind) {
            *count += 1;
        }
        let is_due = |then_ms: u64| now_ms.saturating_sub(then_ms) >= REFUSAL_LOG_INTERVAL_MS;
        let key = (source, kind);
        let refused = match self.told.get_mut(&key) {
            Some((then_ms, since)) if is_due(*then_ms) => {
                *then_ms = now_ms;
                std::mem::take(since) + 1
            }
            Some((_, since)) => {
                *since += 1;
                return None;
            }
            None => {
                if self.told.len() >= REFUSAL_LOG_SOURCES_MAX {
                    let unlogged = &mut self.unlogged;
                    self.told.retain(|_, (then_ms, since)| {
                        *unlogged += if is_due(*then_ms) { *since } else { 0 };
                        !is_due(*then_ms)
                    });
                }
                if self.told.len() >= REFUSAL_LOG_SOURCES_MAX {
                    self.unlogged += 1;
                    return None;
                }
                self.told.insert(key, (now_ms, 0));
                1
            }
        };
        Some(Line { refused, unlogged: std::mem::take(&mut self.unlogged) })
    }
}

/// Writes the line.
pub(super) fn log(peer: IpAddr, refusal: Refusal, line: Line) {
    let Line { refused, unlogged } = line;
    let cause = refusal.cause();
    tracing::warn!(%peer, refused, unlogged, "connection refused: {cause}");
}
