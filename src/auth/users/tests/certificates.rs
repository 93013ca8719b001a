//! Certificates and security keys: who is let in with them, and what the log says of the others.

use super::*;
use crate::auth::Revocations;
use crate::auth::recipe::{AUTHORITY, HOLDER, NOW, Recipe, public_blob, security_blob, string};
use crate::crypto::{Presence, key_type_of};

const TOUCH: Option<Presence> = Some(Presence { touched: true, recognized: false });
const NO_TOUCH: Option<Presence> = Some(Presence { touched: false, recognized: false });
const PIN: Option<Presence> = Some(Presence { touched: true, recognized: true });

fn line(options: &str, blob: &[u8]) -> AuthorizedKey {
    let kind = key_type_of(blob).unwrap();
    let key = ssh_key::PublicKey::from_bytes(blob).unwrap().to_openssh().unwrap();
    let file = parse(format!("{options} {key}").as_bytes(), &KeyRules::default());
    assert_eq!(file.rejected, [], "{kind}");
    file.keys.into_iter().next().unwrap()
}

/// Alice, whose lines these are, and bob, who has nothing.
fn alice(lines: &[AuthorizedKey]) -> Users {
    of_keys(vec![person("alice", lines), person("bob", &[])])
}

/// The usual: the authority is everybody's.
fn trusting() -> Users {
    alice(&[]).trusting(Trust::new(&[public_blob(AUTHORITY)], Revocations::default()))
}

/// The authority is alice's, with these options.
fn listed(options: &str) -> Users {
    alice(&[line(&format!("cert-authority{options}"), &public_blob(AUTHORITY))])
}

fn judged(users: &Users, user: &str, blob: &[u8], shown: Shown) -> Result<(), String> {
    users.keys.judge(user, blob, shown, &Attempt { now: NOW, ..ATTEMPT })
}

fn proven(users: &Users, user: &str, recipe: &Recipe) -> Result<(), String> {
    judged(users, user, &recipe.blob(), Shown::Proven(None))
}

/// It is refused, offered or proven, for such a cause.
fn refused(users: &Users, user: &str, recipe: &Recipe, why: &str) {
    for shown in [Shown::Offered, Shown::Proven(None)] {
        let cause = judged(users, user, &recipe.blob(), shown).expect_err(why);
        assert!(cause.contains(why), "{cause}, not {why}");
    }
}

#[test]
fn a_certificate_logs_in_whom_it_names() {
    for users in [trusting(), listed("")] {
        for shown in [Shown::Offered, Shown::Proven(None)] {
            assert_eq!(judged(&users, "alice", &Recipe::new().blob(), shown), Ok(()));
        }
        for principals in [vec!["bob"], vec!["alic"], vec!["alicee"], vec!["*"], vec!["Alice"]] {
            let recipe = Recipe { principals, ..Recipe::new() };
            assert!(proven(&users, "alice", &recipe).is_err());
        }
        let several = Recipe { principals: vec!["bob", "alice"], ..Recipe::new() };
        assert_eq!(proven(&users, "alice", &several), Ok(()));
    }
    let bobs = Recipe { principals: vec!["bob"], ..Recipe::new() };
    assert_eq!(proven(&trusting(), "bob", &bobs), Ok(()));
    refused(&trusting(), "alice", &bobs, "does not name this user");
    refused(&listed(""), "alice", &bobs, "does not name who is listed");
    refused(&listed(""), "bob", &bobs, "an authority that is not trusted");
    let nobody = Recipe { principals: vec!["mallory"], ..Recipe::new() };
    refused(&trusting(), "mallory", &nobody, "no such user");
}

#[test]
fn an_authority_does_not_log_in_and_a_key_does_not_sign_certificates() {
    let own = public_blob(AUTHORITY);
    for users in [trusting(), listed("")] {
        assert!(judged(&users, "alice", &own, Shown::Proven(None)).is_err());
    }
    let users = alice(&[line("restrict", &own)]);
    assert_eq!(judged(&users, "alice", &own, Shown::Proven(None)), Ok(()));
    refused(&users, "alice", &Recipe::new(), "an authority that is not trusted");
    // Nor does the certified key without its certificate.
    assert!(judged(&trusting(), "alice", &public_blob(HOLDER), Shown::Proven(None)).is_err());
}

#[test]
fn commit_openssh_10_3_a_comma_makes_no_two_principals() {
    for users in [trusting(), listed(""), listed(",principals=\"alice,carol\"")] {
        for name in ["alice,carol", "carol,alice", "alice,", ","] {
            let recipe = Recipe { principals: vec![name], ..Recipe::new() };
            refused(&users, "alice", &recipe, "a principal that is no name");
        }
    }
}

#[test]
fn commit_openssh_10_3_without_principals_it_is_for_nobody() {
    let recipe = Recipe { principals: vec![], ..Recipe::new() };
    for users in [trusting(), listed(""), listed(",principals=\"alice\"")] {
        refused(&users, "alice", &recipe, "names nobody");
    }
}

#[test]
fn what_a_certificate_says_of_itself_counts_whoever_signed_it() {
    let now = u64::try_from(NOW).unwrap();
    for (recipe, why) in [
        (Recipe { validity: (now + 1, u64::MAX), ..Recipe::new() }, "is not valid yet"),
        (Recipe { validity: (0, now), ..Recipe::new() }, "has expired"),
        (Recipe { kind: 2, ..Recipe::new() }, "is a host's"),
        (Recipe { critical: vec![("new@x", vec![])], ..Recipe::new() }, "\"new@x\""),
        (Recipe { authority: 3, ..Recipe::new() }, "an authority that is not trusted"),
        (
            Recipe { critical: vec![("source-address", string(b"10.0.0.0/8"))], ..Recipe::new() },
            "may not be used from this address",
        ),
    ] {
        for users in [trusting(), listed("")] {
            refused(&users, "alice", &recipe, why);
        }
    }
}

/// Somebody else's certificate, or none at all, behind the name of a trusted authority.
#[test]
fn cve_2026_39829_a_certificate_signs_no_certificate() {
    let inner = Recipe { authority_blob: Some(Recipe::new().blob()), ..Recipe::new() };
    refused(&trusting(), "alice", &inner, "an authority that is not trusted");
    let blob = Some(public_blob(AUTHORITY));
    let forged = Recipe { authority: 3, authority_blob: blob, ..Recipe::new() };
    refused(&trusting(), "alice", &forged, "signature does not verify");
}

#[test]
fn options_in_front_of_an_authority_hold_for_its_certificates() {
    refused(&listed(",from=\"10.0.0.0/8\""), "alice", &Recipe::new(), "from this address");
    assert_eq!(proven(&listed(",from=\"127.0.0.1\""), "alice", &Recipe::new()), Ok(()));
    refused(&listed(",expiry-time=\"20251231Z\""), "alice", &Recipe::new(), "has expired");
    // The list stands for the user's name.
    let users = listed(",principals=\"ops,alice@example.org\"");
    refused(&users, "alice", &Recipe::new(), "does not name who is listed");
    for principals in [vec!["ops"], vec!["x", "alice@example.org"]] {
        let recipe = Recipe { principals, ..Recipe::new() };
        assert_eq!(proven(&users, "alice", &recipe), Ok(()));
        refused(&users, "bob", &recipe, "an authority that is not trusted");
    }
    // What one line takes away another may grant, and so may the configuration.
    let authority = public_blob(AUTHORITY);
    let lines = [
        line("cert-authority,from=\"10.0.0.0/8\"", &authority),
        line("cert-authority,principals=\"alice\"", &authority),
    ];
    assert_eq!(proven(&alice(&lines), "alice", &Recipe::new()), Ok(()));
    let users = alice(&lines[..1]).trusting(Trust::new(&[authority], Revocations::default()));
    assert_eq!(proven(&users, "alice", &Recipe::new()), Ok(()));
}

#[test]
fn principals_of_a_user_stand_for_his_name() {
    let named = |lines: &[AuthorizedKey]| {
        let principals = vec!["ops".to_owned(), "alice@example.org".to_owned()];
        of_keys(vec![Person { principals, ..person("alice", lines) }, person("bob", &[])])
    };
    let authority = public_blob(AUTHORITY);
    let trust = Trust::new(std::slice::from_ref(&authority), Revocations::default());
    for users in [named(&[]).trusting(trust), named(&[line("cert-authority", &authority)])] {
        assert!(proven(&users, "alice", &Recipe::new()).is_err(), "her own name is not listed");
        for principal in ["ops", "alice@example.org"] {
            let recipe = Recipe { principals: vec![principal], ..Recipe::new() };
            assert_eq!(proven(&users, "alice", &recipe), Ok(()));
            assert!(proven(&users, "bob", &recipe).is_err());
        }
    }
}

#[test]
fn the_revoked_are_refused_with_their_cause() {
    let users = |lines: &[AuthorizedKey], revoked: u8| {
        let mut list = Revocations::default();
        let key = ssh_key::PublicKey::from_bytes(&public_blob(revoked)).unwrap();
        list.add(key.to_openssh().unwrap().as_bytes()).unwrap();
        alice(lines).trusting(Trust::new(&[public_blob(AUTHORITY)], list))
    };
    for revoked in [AUTHORITY, HOLDER] {
        refused(&users(&[], revoked), "alice", &Recipe::new(), "is revoked");
    }
    assert_eq!(proven(&users(&[], 3), "alice", &Recipe::new()), Ok(()));
    let lines = [line("restrict", &public_blob(3)), line("restrict", &public_blob(4))];
    let ask = |seed| judged(&users(&lines, 3), "alice", &public_blob(seed), Shown::Proven(None));
    assert!(ask(3).unwrap_err().ends_with("is revoked"));
    assert_eq!(ask(4), Ok(()));
}

#[test]
fn a_security_key_is_asked_for_a_touch_once_it_signs() {
    let blob = security_blob(HOLDER);
    let ask = |options: &str, shown| judged(&alice(&[line(options, &blob)]), "alice", &blob, shown);
    for (options, presence, wanted) in [
        ("restrict", TOUCH, Ok(())),
        ("restrict", NO_TOUCH, Err("was not touched")),
        ("restrict", None, Err("was not touched")),
        ("no-touch-required", NO_TOUCH, Ok(())),
        ("verify-required", TOUCH, Err("has not verified its user")),
        ("verify-required", PIN, Ok(())),
    ] {
        assert_eq!(ask(options, Shown::Offered), Ok(()), "nobody has signed");
        match (ask(options, Shown::Proven(presence)), wanted) {
            (Ok(()), Ok(())) => {}
            (Err(cause), Err(why)) if cause.contains(why) => {}
            other => panic!("{options} {presence:?}: {other:?}"),
        }
    }
}

/// The certificate waives the touch; where a line lists its authority, that must too.
#[test]
fn a_certified_security_key_is_asked_by_both() {
    let recipe = |waives: bool, asks: bool| Recipe {
        extensions: if waives { vec![("no-touch-required", vec![])] } else { vec![] },
        critical: if asks { vec![("verify-required", vec![])] } else { vec![] },
        ..Recipe::security()
    };
    let ask = |users: &Users, recipe: &Recipe, presence| {
        judged(users, "alice", &recipe.blob(), Shown::Proven(presence)).is_ok()
    };
    let lax = listed(",no-touch-required");
    for (users, waives, presence, good) in [
        (&trusting(), false, TOUCH, true),
        (&trusting(), false, NO_TOUCH, false),
        (&trusting(), true, NO_TOUCH, true),
        (&listed(""), true, NO_TOUCH, false),
        (&listed(""), true, TOUCH, true),
        (&lax, false, NO_TOUCH, false),
        (&lax, true, NO_TOUCH, true),
    ] {
        assert_eq!(ask(users, &recipe(waives, false), presence), good, "{waives} {presence:?}");
    }
    for users in [trusting(), listed(""), listed(",verify-required")] {
        assert!(!ask(&users, &recipe(false, true), TOUCH));
        assert!(ask(&users, &recipe(false, true), PIN));
    }
    assert!(!ask(&listed(",verify-required"), &recipe(false, false), TOUCH));
    // Of a key on a disk nobody can know who uses it.
    let critical = vec![("verify-required", vec![])];
    let plain = Recipe { critical, ..Recipe::new() };
    assert!(proven(&trusting(), "alice", &plain).unwrap_err().contains("has not verified"));
}

/// The log names the certificate, and nothing of it reaches a terminal raw.
#[test]
fn the_cause_names_key_id_serial_and_authority() {
    let recipe = Recipe { kind: 2, key_id: b"a\x1b[2J\nb".to_vec(), ..Recipe::new() };
    let cause = proven(&trusting(), "alice", &recipe).unwrap_err();
    let fingerprint = |seed| crate::crypto::fingerprint_sha256(&public_blob(seed));
    let (authority, holder) = (fingerprint(AUTHORITY), fingerprint(HOLDER));
    let id = "\"a\\u{1b}[2J\\nb\"";
    let wanted = format!("certificate {id} serial 7 of {authority} for {holder} is a host's");
    assert_eq!(cause, wanted);
    let long = Recipe { kind: 2, key_id: vec![b'x'; 9000], ..Recipe::new() };
    assert!(proven(&trusting(), "alice", &long).unwrap_err().len() < 400);
}
