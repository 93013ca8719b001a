use super::*;
use crate::auth::recipe::{NOW, Recipe, string};

fn read(recipe: &Recipe) -> Certificate {
    Certificate::from_blob(&recipe.blob()).unwrap()
}

/// What is wrong with it for whoever comes from `peer` at `now`.
fn flaw_at(recipe: &Recipe, peer: &str, now: i64) -> Option<Flaw> {
    let certificate = read(recipe);
    let attempt = Attempt { peer: peer.parse().unwrap(), now };
    match Terms::of(&certificate) {
        Ok(terms) => terms.flaw(&certificate, &attempt),
        Err(flaw) => Some(flaw),
    }
}

fn flaw(recipe: &Recipe) -> Option<Flaw> {
    flaw_at(recipe, "192.0.2.1", NOW)
}

#[test]
fn a_good_certificate_has_no_flaw() {
    assert_eq!(flaw(&Recipe::new()), None);
    let told = read(&Recipe::new());
    let terms = Terms::of(&told).unwrap();
    assert_eq!(terms.demands, Demands { touched: true, recognized: false });
}

#[test]
fn the_second_it_ends_is_too_late() {
    let seconds = |at: i64| u64::try_from(at).unwrap();
    let recipe = Recipe { validity: (seconds(NOW), seconds(NOW + 10)), ..Recipe::new() };
    for (now, wanted) in [
        (NOW - 1, Some(Flaw::Early)),
        (NOW, None),
        (NOW + 9, None),
        (NOW + 10, Some(Flaw::Expired)),
        (i64::MIN, Some(Flaw::Early)),
        (i64::MAX, Some(Flaw::Expired)),
    ] {
        assert_eq!(flaw_at(&recipe, "::1", now), wanted, "{now}");
    }
    let never = Recipe { validity: (seconds(NOW), seconds(NOW)), ..Recipe::new() };
    assert_eq!(flaw(&never), Some(Flaw::Expired));
}

#[test]
fn a_hosts_certificate_is_no_users() {
    assert_eq!(flaw(&Recipe { kind: 2, ..Recipe::new() }), Some(Flaw::NotUsers));
}

#[test]
fn commit_openssh_10_3_no_principals_are_no_user() {
    assert_eq!(flaw(&Recipe { principals: vec![], ..Recipe::new() }), Some(Flaw::Nobody));
}

#[test]
fn critical_options_are_known_or_end_it() {
    let with = |critical: Vec<(&'static str, Vec<u8>)>| Recipe { critical, ..Recipe::new() };
    let unknown = |name: &str| Some(Flaw::Option(name.to_owned()));
    let twice = |name: &str| Some(Flaw::Twice(name.to_owned()));
    for (critical, wanted) in [
        (vec![("force-command", string(b"internal-sftp"))], None),
        (vec![("force-command", string(b"/bin/sh"))], Some(Flaw::Command)),
        (vec![("force-command", string(b"internal-sftp -R"))], Some(Flaw::Command)),
        (vec![("force-command", string(b""))], Some(Flaw::Command)),
        (vec![("force-command", b"internal-sftp".to_vec())], twice("force-command")),
        (vec![("force-command", string(b"internal-sftp")); 2], twice("force-command")),
        (vec![("verify-required", vec![])], None),
        (vec![("verify-required", vec![0])], twice("verify-required")),
        (vec![("Force-Command", string(b"internal-sftp"))], unknown("Force-Command")),
        (vec![("permit-pty", vec![])], unknown("permit-pty")),
        (vec![("", vec![])], unknown("")),
        (vec![("source-address", string(b"192.0.2.0/24"))], None),
        (vec![("source-address", string(b"::1,192.0.2.1"))], None),
        (vec![("source-address", string(b"192.0.3.0/24"))], Some(Flaw::Unfit(Unfit::From))),
        (vec![("source-address", string(b""))], Some(Flaw::Addresses)),
        (vec![("source-address", string(b"*"))], Some(Flaw::Addresses)),
        (vec![("source-address", string(b"192.0.2.1/24"))], Some(Flaw::Addresses)),
        (vec![("source-address", string(b"\xff"))], Some(Flaw::Addresses)),
        (vec![("source-address", string(b"192.0.2.0/24")); 2], twice("source-address")),
    ] {
        assert_eq!(flaw(&with(critical.clone())), wanted, "{critical:?}");
    }
    let recognized = read(&with(vec![("verify-required", vec![])]));
    assert!(Terms::of(&recognized).unwrap().demands.recognized);
}

#[test]
fn an_address_is_the_same_in_either_family() {
    let critical = vec![("source-address", string(b"127.0.0.0/8"))];
    let recipe = Recipe { critical, ..Recipe::new() };
    assert_eq!(flaw_at(&recipe, "::ffff:127.0.0.1", NOW), None);
    assert_eq!(flaw_at(&recipe, "::1", NOW), Some(Flaw::Unfit(Unfit::From)));
}

#[test]
fn extensions_may_be_unknown() {
    let extensions = vec![("what-is-this", b"x".to_vec()), ("no-touch-required", vec![])];
    let certificate = read(&Recipe { extensions, ..Recipe::new() });
    let demands = Terms::of(&certificate).unwrap().demands;
    assert_eq!(demands, Demands { touched: false, recognized: false });
}
