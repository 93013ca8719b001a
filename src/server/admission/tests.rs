use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::refusals::{Line, Refusals};
use super::*;
use crate::auth::{NetBlocks, Networks, Offence, Penalised, PenaltyRules, parse_network};
use crate::server::limits::{REFUSAL_LOG_INTERVAL_MS, REFUSAL_LOG_SOURCES_MAX};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn nets(texts: &[&str]) -> Networks {
    Networks::new(texts.iter().map(|text| parse_network(text).unwrap()).collect())
}

/// No bounds at all.
fn open_rules() -> AdmissionRules {
    AdmissionRules {
        startups: "1000000".parse().unwrap(),
        startups_per_source_max: None,
        penalties: None,
        penalty_exempt: Networks::default(),
        ..AdmissionRules::default()
    }
}

struct Door {
    gate: Arc<Gate>,
    start: Instant,
}

impl Door {
    fn new(rules: AdmissionRules) -> Self {
        let start = Instant::now();
        Self { gate: Arc::new(Gate::new(rules, start)), start }
    }

    fn at(&self, millis: u64) -> Instant {
        self.start + Duration::from_millis(millis)
    }

    fn admit(&self, peer: &str) -> Result<Ticket, Refusal> {
        self.admit_at(peer, 0)
    }

    fn admit_at(&self, peer: &str, millis: u64) -> Result<Ticket, Refusal> {
        self.gate.admit(ip(peer), false, self.at(millis), || 99)
    }

    fn refusal(&self, peer: &str) -> Option<Refusal> {
        self.admit(peer).err()
    }
}

#[test]
fn lists_of_addresses_decide_first() {
    let door = Door::new(AdmissionRules { deny: nets(&["192.0.2.0/24"]), ..open_rules() });
    assert_eq!(door.refusal("192.0.2.7"), Some(Refusal::Denied));
    assert_eq!(door.refusal("::ffff:192.0.2.7"), Some(Refusal::Denied));
    assert_eq!(door.refusal("192.0.3.7"), None);
    let (allow, deny) = (nets(&["192.0.2.0/24"]), nets(&["192.0.2.9"]));
    let door = Door::new(AdmissionRules { allow, deny, ..open_rules() });
    assert_eq!(door.refusal("192.0.2.7"), None);
    assert_eq!(door.refusal("192.0.2.9"), Some(Refusal::Denied));
    assert_eq!(door.refusal("2001:db8::1"), Some(Refusal::NotAllowed));
    let refused = door.gate.statistics().refused;
    assert_eq!((refused[1], refused[2]), (1, 1), "{REFUSALS:?}");
}

#[test]
fn early_drop_counts_those_who_have_not_logged_in() {
    let door = Door::new(AdmissionRules { startups: "2:50:4".parse().unwrap(), ..open_rules() });
    let mut first = door.admit("192.0.2.1").unwrap();
    let second = door.admit("192.0.2.2").unwrap();
    // From here on the draw decides: 99 is let in until all are dropped.
    let lucky = door.admit("192.0.2.3").unwrap();
    let low = door.gate.admit(ip("192.0.2.4"), false, door.start, || 49);
    assert_eq!(low.err(), Some(Refusal::Startups));
    let last = door.admit("192.0.2.4").unwrap();
    assert_eq!(door.refusal("192.0.2.5"), Some(Refusal::Startups));
    assert_eq!(door.gate.statistics().startups, 4);
    first.logged_in("ann").unwrap();
    assert!(door.admit("192.0.2.5").is_ok(), "and gone again");
    drop((second, lucky, last));
    assert_eq!(door.gate.statistics().startups, 0);
    drop(first);
    assert_eq!(door.gate.statistics().startups, 0);
}

#[test]
fn a_source_has_bounds_of_its_own() {
    let door = Door::new(AdmissionRules {
        startups_per_source_max: Some(2),
        connections_per_source_max: Some(3),
        net_blocks: "24:64".parse().unwrap(),
        ..open_rules()
    });
    let mut held = [door.admit("192.0.2.1").unwrap(), door.admit("192.0.2.2").unwrap()];
    assert_eq!(door.refusal("192.0.2.3"), Some(Refusal::SourceStartups));
    assert_eq!(door.refusal("192.0.3.3"), None);
    held[0].logged_in("ann").unwrap();
    let third = door.admit("192.0.2.3").unwrap();
    assert_eq!(door.refusal("192.0.2.4"), Some(Refusal::SourceStartups));
    held[1].logged_in("ann").unwrap();
    assert_eq!(door.refusal("192.0.2.4"), Some(Refusal::SourceConnections));
    // A proxy that speaks for itself is not held to them.
    assert!(door.gate.admit(ip("192.0.2.5"), true, door.start, || 99).is_ok());
    drop(third);
    assert!(door.admit("192.0.2.4").is_ok());
}

#[test]
fn a_user_has_bounds_of_his_own() {
    let door = Door::new(AdmissionRules {
        connections_per_user_max: Some(2),
        sessions_per_user_max: Some(3),
        ..open_rules()
    });
    let mut tickets: Vec<_> = (0..4).map(|_| door.admit("192.0.2.1").unwrap()).collect();
    assert!(!tickets[0].open_session(), "nobody has logged in");
    assert_eq!(tickets[0].logged_in("ann"), Ok(()));
    assert_eq!(tickets[1].logged_in("ann"), Ok(()));
    assert_eq!(tickets[2].logged_in("ann"), Err(Refusal::UserConnections));
    assert_eq!(tickets[3].logged_in("bob"), Ok(()));
    assert!(tickets[0].open_session() && tickets[0].open_session());
    assert!(tickets[1].open_session() && !tickets[1].open_session());
    assert!(tickets[3].open_session(), "another user's");
    tickets[0].close_session();
    assert!(tickets[1].open_session() && !tickets[0].open_session());
    // What is not open is not closed.
    tickets[2].close_session();
    assert!(!tickets[0].open_session());
    // A connection that goes takes its sessions along, and its place.
    drop(tickets.remove(1));
    drop(tickets.remove(1));
    assert!(tickets[0].open_session() && tickets[0].open_session() && !tickets[0].open_session());
    let mut again = door.admit("192.0.2.1").unwrap();
    assert_eq!(again.logged_in("ann"), Ok(()));
}

#[test]
fn a_bad_end_is_held_against_its_source_only() {
    let rules = PenaltyRules { min_ms: 4_999, ..PenaltyRules::default() };
    let exempt = nets(&["192.0.2.99"]);
    let door = Door::new(AdmissionRules {
        penalties: Some(rules),
        penalty_exempt: exempt,
        ..open_rules()
    });
    let end = |peer: &str, trusted: bool, offence: Option<Offence>| {
        let ticket = door.gate.admit(ip(peer), trusted, door.start, || 99).unwrap();
        ticket.end(offence, door.at(1_000));
    };
    end("192.0.2.1", false, Some(Offence::AuthFail));
    end("192.0.2.2", false, None);
    end("192.0.2.3", true, Some(Offence::AuthFail));
    end("192.0.2.99", false, Some(Offence::AuthFail));
    let penalty = |left_ms| Some(Refusal::Penalty(Penalised::For(Offence::AuthFail, left_ms)));
    assert_eq!(door.admit_at("192.0.2.1", 1_000).err(), penalty(5_000));
    assert_eq!(door.admit_at("192.0.2.1", 5_999).err(), penalty(1));
    for other in ["192.0.2.2", "192.0.2.3", "192.0.2.99"] {
        assert!(door.admit_at(other, 1_000).is_ok(), "{other}");
    }
    assert_eq!(door.gate.statistics().penalised_sources, (1, 0));
    assert!(door.admit_at("192.0.2.1", 6_000).is_ok());
    assert_eq!(door.gate.statistics().penalised_sources, (0, 0));
}

#[test]
fn a_connection_behind_a_proxy_counts_once_it_is_judged() {
    let penalties = Some(PenaltyRules { min_ms: 0, ..PenaltyRules::default() });
    let startups = "1".parse().unwrap();
    let door = Door::new(AdmissionRules { penalties, startups, ..open_rules() });
    let mut ticket = Ticket::unjudged(&door.gate);
    assert_eq!(door.gate.statistics().startups, 0);
    ticket.judge(ip("192.0.2.1"), false, door.start, || 99).unwrap();
    assert_eq!(door.gate.statistics().startups, 1);
    let mut other = Ticket::unjudged(&door.gate);
    let judged = other.judge(ip("192.0.2.2"), false, door.start, || 99);
    assert_eq!(judged, Err(Refusal::Startups));
    other.end(Some(Offence::NoAuth), door.start);
    assert_eq!(door.gate.statistics().penalised_sources, (0, 0), "it was never let in");
    ticket.end(Some(Offence::NoAuth), door.start);
    assert_eq!(door.gate.statistics().startups, 0);
    assert!(door.refusal("192.0.2.1").is_some());
}

#[test]
fn what_tickets_hold_is_given_back() {
    let door = Door::new(open_rules());
    for number in 0..1_000_u32 {
        let mut ticket = door.admit(&format!("192.0.{}.{}", number % 7, number % 251)).unwrap();
        if number % 2 == 0 {
            ticket.logged_in("ann").unwrap();
            assert!(ticket.open_session());
        }
    }
    assert_eq!(door.gate.holds(), (0, 0, 0));
}

#[test]
fn a_flood_of_refusals_leaves_few_lines() {
    let mut refusals = Refusals::default();
    let source = |number: u32| NetBlocks::default().source(std::net::Ipv4Addr::from(number).into());
    let line = |refused, unlogged| Some(Line { refused, unlogged });
    assert_eq!(refusals.note(source(0), Refusal::Denied, 0), line(1, 0));
    for _ in 0..1_000 {
        assert_eq!(refusals.note(source(0), Refusal::Denied, 5), None);
    }
    assert_eq!(refusals.note(source(0), Refusal::Startups, 5), line(1, 0), "another cause");
    assert_eq!(refusals.note(source(0), Refusal::Denied, REFUSAL_LOG_INTERVAL_MS), line(1_001, 0));
    // A million sources, all at once: as many lines as there are places.
    let flood = 1_000_000;
    let now_ms = REFUSAL_LOG_INTERVAL_MS + 1;
    let lines = (1..=flood)
        .filter(|number| refusals.note(source(*number), Refusal::Denied, now_ms).is_some());
    assert_eq!(lines.count(), REFUSAL_LOG_SOURCES_MAX - 2);
    let later_ms = now_ms + REFUSAL_LOG_INTERVAL_MS;
    let unlogged = u64::from(flood) - (REFUSAL_LOG_SOURCES_MAX as u64 - 2);
    assert_eq!(refusals.note(source(flood + 1), Refusal::Denied, later_ms), line(1, unlogged));
    assert_eq!(refusals.counts()[1], u64::from(flood) + 1_003);
}

#[test]
fn each_refusal_counts_under_its_name() {
    let penalty = Refusal::Penalty(Penalised::Overflow);
    let all = [
        (Refusal::Connections, "max_connections"),
        (Refusal::Denied, "deny_addresses"),
        (Refusal::NotAllowed, "allow_addresses"),
        (penalty, "per_source_penalties"),
        (Refusal::Startups, "max_startups"),
        (Refusal::SourceStartups, "per_source_max_startups"),
        (Refusal::SourceConnections, "per_source_max_connections"),
        (Refusal::ProxyHeader, "proxy_header"),
        (Refusal::UserConnections, "per_user_max_connections"),
    ];
    let source = NetBlocks::default().source(ip("192.0.2.1"));
    for (refusal, name) in all {
        let mut refusals = Refusals::default();
        refusals.note(source, refusal, 0);
        let counted = REFUSALS.iter().zip(refusals.counts()).find(|(_, count)| *count == 1);
        assert_eq!(counted.map(|(name, _)| *name), Some(name));
        assert!(!refusal.cause().is_empty());
    }
}
