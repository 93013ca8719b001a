use super::*;
use crate::auth::NetBlocks;

fn from(address: &str) -> IpNet {
    NetBlocks::default().source(address.parse().unwrap())
}

/// The i-th of 2^32 sources.
fn numbered(v6: bool, number: u32) -> IpNet {
    let v6_address = std::net::Ipv6Addr::from(u128::from(number) << 64 | 1);
    let v4_address = std::net::Ipv4Addr::from(number);
    NetBlocks::default().source(if v6 { v6_address.into() } else { v4_address.into() })
}

#[test]
fn each_end_costs_what_sshd_takes_for_it() {
    let rules = PenaltyRules { min_ms: 0, ..PenaltyRules::default() };
    for (offence, penalty_ms) in [
        (Offence::AuthFail, 5_000),
        (Offence::InvalidUser, 5_000),
        (Offence::NoAuth, 1_000),
        (Offence::GraceExceeded, 10_000),
        (Offence::Crash, 90_000),
        (Offence::RefuseConnection, 10_000),
    ] {
        let mut penalties = Penalties::new(rules);
        let source = from("192.0.2.1");
        assert_eq!(penalties.penalise(source, offence, 7), Some(penalty_ms), "{offence:?}");
        let last_ms = 7 + penalty_ms - 1;
        assert_eq!(penalties.check(source, 7), Err(Penalised::For(offence, penalty_ms)));
        assert_eq!(penalties.check(source, last_ms), Err(Penalised::For(offence, 1)));
        assert_eq!(penalties.check(source, last_ms + 1), Ok(()), "{offence:?}");
        assert_eq!(penalties.sources(), (0, 0));
    }
}

#[test]
fn a_source_is_refused_once_its_penalties_pass_the_minimum_and_until_they_are_over() {
    let mut penalties = Penalties::new(PenaltyRules::default());
    let source = from("192.0.2.1");
    // 5, 10, 15 s: not yet more than 15.
    for _ in 0..3 {
        assert_eq!(penalties.penalise(source, Offence::AuthFail, 0), None);
        assert_eq!(penalties.check(source, 0), Ok(()));
    }
    assert_eq!(penalties.penalise(source, Offence::AuthFail, 0), Some(20_000));
    assert_eq!(penalties.check(from("192.0.2.2"), 0), Ok(()), "nobody else");
    // In effect also when less than the minimum is left of it.
    assert_eq!(penalties.check(source, 19_999), Err(Penalised::For(Offence::AuthFail, 1)));
    assert_eq!(penalties.check(source, 20_000), Ok(()));
    // And then it begins anew.
    assert_eq!(penalties.penalise(source, Offence::AuthFail, 20_000), None);
    assert_eq!(penalties.check(source, 20_001), Ok(()));
}

#[test]
fn a_probe_each_second_never_adds_up() {
    let mut penalties = Penalties::new(PenaltyRules::default());
    let source = from("192.0.2.1");
    for second in 0..1_000 {
        penalties.penalise(source, Offence::NoAuth, second * 1_000);
        assert_eq!(penalties.check(source, second * 1_000 + 1), Ok(()));
    }
    // Twenty at once do.
    let now_ms = 2_000_000;
    for _ in 0..20 {
        penalties.penalise(source, Offence::NoAuth, now_ms);
    }
    assert_eq!(penalties.check(source, now_ms), Err(Penalised::For(Offence::NoAuth, 20_000)));
}

#[test]
fn no_penalty_is_longer_than_the_longest() {
    let mut penalties = Penalties::new(PenaltyRules::default());
    let source = from("192.0.2.1");
    for _ in 0..1_000 {
        penalties.penalise(source, Offence::Crash, 0);
    }
    assert_eq!(penalties.check(source, 599_999), Err(Penalised::For(Offence::Crash, 1)));
    assert_eq!(penalties.check(source, 600_000), Ok(()));
    let rules = PenaltyRules { crash_ms: u64::MAX, min_ms: 0, ..PenaltyRules::default() };
    let mut penalties = Penalties::new(rules);
    assert_eq!(penalties.penalise(source, Offence::Crash, u64::MAX - 5), Some(5));
}

#[test]
fn neighbours_in_a_block_share_a_penalty() {
    let mut penalties = Penalties::new(PenaltyRules::default());
    for host in 0..4 {
        let address = format!("2001:db8:0:1::{host}");
        penalties.penalise(from(&address), Offence::AuthFail, 0);
    }
    assert!(penalties.check(from("2001:db8:0:1:ffff::9"), 1).is_err());
    assert_eq!(penalties.check(from("2001:db8:0:2::1"), 1), Ok(()));
    assert_eq!(penalties.sources(), (0, 1));
}

#[test]
fn what_costs_nothing_is_not_kept() {
    let rules = PenaltyRules { noauth_ms: 0, min_ms: 0, ..PenaltyRules::default() };
    let mut penalties = Penalties::new(rules);
    assert_eq!(penalties.penalise(from("192.0.2.1"), Offence::NoAuth, 0), None);
    assert_eq!(penalties.sources(), (0, 0));
}

/// The bounds of the promise: 10^6 sources of each family, no more than 65,536 of them kept, and
/// those whose penalties end last.
#[test]
fn a_million_sources_leave_a_bounded_table() {
    const SOURCES: u32 = 1_000_000;
    const BYTES_MAX: u64 = 16 << 20;
    let measured = allocation_counter::measure(|| {
        let mut penalties = Penalties::new(PenaltyRules::default());
        for number in 0..SOURCES {
            let now_ms = u64::from(number) / 1_000;
            for v6 in [false, true] {
                penalties.penalise(numbered(v6, number), Offence::Crash, now_ms);
            }
        }
        assert_eq!(penalties.sources(), (PENALISED_SOURCES_MAX, PENALISED_SOURCES_MAX));
        for v6 in [false, true] {
            assert!(penalties.check(numbered(v6, SOURCES - 1), 1_000).is_err());
            assert_eq!(penalties.check(numbered(v6, 0), 1_000), Ok(()), "pushed out");
        }
        // All of them go by themselves.
        assert_eq!(penalties.check(numbered(false, 1), 100_000), Ok(()));
        assert_eq!(penalties.check(numbered(true, 1), 100_000), Ok(()));
        assert_eq!(penalties.sources(), (0, 0));
    });
    assert!(measured.bytes_max < BYTES_MAX, "{} bytes", measured.bytes_max);
}

#[test]
fn a_full_table_forgets_the_shortest_or_denies_all() {
    let small = PenaltyRules { sources4_max: 2, min_ms: 0, ..PenaltyRules::default() };
    let mut penalties = Penalties::new(small);
    let [first, second, third] = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(from);
    penalties.penalise(first, Offence::Crash, 0);
    penalties.penalise(second, Offence::NoAuth, 0);
    penalties.penalise(third, Offence::AuthFail, 0);
    assert!(penalties.check(first, 0).is_err() && penalties.check(third, 0).is_err());
    assert_eq!(penalties.check(second, 0), Ok(()), "it would have ended first");

    let mut penalties = Penalties::new(PenaltyRules { overflow4: Overflow::DenyAll, ..small });
    penalties.penalise(first, Offence::Crash, 0);
    assert_eq!(penalties.check(third, 0), Ok(()));
    penalties.penalise(second, Offence::NoAuth, 0);
    assert_eq!(penalties.penalise(third, Offence::Crash, 0), None);
    assert_eq!(penalties.sources(), (2, 0));
    assert_eq!(penalties.check(third, 0), Err(Penalised::Overflow));
    assert_eq!(penalties.check(from("2001:db8::1"), 0), Ok(()), "the other family");
    assert_eq!(penalties.check(third, 1_000), Ok(()), "one has passed");
    assert!(penalties.check(first, 1_000).is_err());
}
