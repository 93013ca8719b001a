//! The rows about who may connect.

use super::Definition;
use crate::auth::{NetBlocks, Startups};
use crate::daemon::config::Config;
use crate::daemon::config::penalties;
use crate::daemon::config::place::{Place, Unit};
use crate::daemon::config::value::Value;

/// A number of connections or sessions, where 0 is no bound.
const fn bound(at: fn(&mut Config) -> &mut u64) -> Place {
    Place::Number { at, unit: Unit::Count, min: 1, max: 1_000_000, zero: Some("no bound") }
}

pub(super) const MAX_STARTUPS: Definition = Definition {
    key: "max_startups",
    doc: "Connections that have not logged in, as BEGIN:RATE:FULL: from BEGIN of them on, RATE \
          percent of new connections are turned away at random, and linearly more up to all of \
          them at FULL. One number turns all away from there on. sshd's is 10:30:100, which turns \
          away honest clients that come in hundreds.",
    default: || Value::text(Startups::default().to_string()),
    place: Place::Text {
        at: |config| &mut config.max_startups,
        form: "BEGIN:RATE:FULL, such as \"500:30:1000\", or one number as text",
        check: |text| text.parse::<Startups>().map(drop),
    },
};

pub(super) const PER_SOURCE_MAX_STARTUPS: Definition = Definition {
    key: "per_source_max_startups",
    doc: "Connections of one source that have not logged in. More are turned away, so that no \
          source takes all that max_startups leaves.",
    default: || Value::Integer(250),
    place: bound(|config| &mut config.per_source_max_startups),
};

pub(super) const PER_SOURCE_MAX_CONNECTIONS: Definition = Definition {
    key: "per_source_max_connections",
    doc: "Connections of one source, logged in or not.",
    default: || Value::Integer(0),
    place: bound(|config| &mut config.per_source_max_connections),
};

pub(super) const PER_SOURCE_NET_BLOCK_SIZE: Definition = Definition {
    key: "per_source_net_block_size",
    doc: "Leading bits of IPv4 and IPv6 addresses that make one source. sshd's is 32:128, with \
          which one customer's IPv6 network is 2^64 sources.",
    default: || Value::text(NetBlocks::default().to_string()),
    place: Place::Text {
        at: |config| &mut config.per_source_net_block_size,
        form: "IPV4BITS:IPV6BITS, such as \"32:64\"",
        check: |text| text.parse::<NetBlocks>().map(drop),
    },
};

pub(super) const PER_SOURCE_PENALTIES: Definition = Definition {
    key: "per_source_penalties",
    doc: "What a connection that nobody logs in on adds to the penalty of its source: authfail for \
          failed attempts, invaliduser if the user is unknown, noauth without an attempt, \
          grace-exceeded if it took too long, refuseconnection if client_versions turned it away, \
          crash if it made the server fail. A source whose penalty passes min is refused until it \
          is over; max is the longest. max-sources4 and max-sources6 sources are kept; with more, \
          overflow and overflow6 say whether the shortest penalties are forgotten (permissive) or \
          everybody is refused (deny-all). What is not named keeps its default; \"no\" alone turns \
          penalties off.",
    default: || Value::texts(penalties::defaults()),
    place: Place::Texts {
        at: |config| &mut config.per_source_penalties,
        form: "NAME:TIME, such as \"authfail:5s\", or \"no\"",
        check: penalties::check,
    },
};

pub(super) const PER_SOURCE_PENALTY_EXEMPT_LIST: Definition = Definition {
    key: "per_source_penalty_exempt_list",
    doc: "Addresses that get no penalties: this machine's own by default. A balancer that many \
          clients come through, and that does not speak the PROXY protocol, belongs here.",
    default: || Value::texts(["127.0.0.0/8", "::1/128"]),
    place: Place::Networks(|config| &mut config.per_source_penalty_exempt_list),
};

pub(super) const PER_USER_MAX_CONNECTIONS: Definition = Definition {
    key: "per_user_max_connections",
    doc: "Connections of one user. One more is told so after its login and ended.",
    default: || Value::Integer(0),
    place: bound(|config| &mut config.per_user_max_connections),
};

pub(super) const PER_USER_MAX_SESSIONS: Definition = Definition {
    key: "per_user_max_sessions",
    doc: "Sessions (channels) of one user, over all his connections. One more is refused.",
    default: || Value::Integer(0),
    place: bound(|config| &mut config.per_user_max_sessions),
};

pub(super) const ALLOW_ADDRESSES: Definition = Definition {
    key: "allow_addresses",
    doc: "The only addresses that may connect. Empty: all may. Others are turned away before \
          anything is said.",
    default: || Value::List(vec![]),
    place: Place::Networks(|config| &mut config.allow_addresses),
};

pub(super) const DENY_ADDRESSES: Definition = Definition {
    key: "deny_addresses",
    doc: "Addresses that may not connect, whatever allow_addresses says.",
    default: || Value::List(vec![]),
    place: Place::Networks(|config| &mut config.deny_addresses),
};

pub(super) const PROXY_PROTOCOL_FROM: Definition = Definition {
    key: "proxy_protocol_from",
    doc: "Proxies and balancers that say whom they speak for: a connection from there must begin \
          with a header of the PROXY protocol, version 1 or 2, and the address in it counts for \
          everything. List nothing else here: whoever connects from these addresses can say he is \
          anybody. Empty: none, and such a header is a protocol error.",
    default: || Value::List(vec![]),
    place: Place::Networks(|config| &mut config.proxy_protocol_from),
};
