use std::path::Path;

use super::*;
use crate::auth::{Authenticator, Login, LoginRules, Proven, Trust, Verdict};
use crate::daemon::config::{Layer, load};

const ATTEMPT: Attempt =
    Attempt { peer: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), now: 1_700_000_000 };

fn config(text: &str) -> Config {
    load(&[Layer::File { name: "f", text }]).unwrap()
}

fn users(text: &str, folder: &Path) -> SystemUsers {
    let (shadow, nologin) = (folder.join("shadow"), folder.join("nologin"));
    SystemUsers::with(&config(text), Databases { shadow, nologin })
}

const UNKNOWN: &str = "no such user";

/// A user that Debian's base-passwd puts on every machine, with a home and a shell that are there.
const KNOWN: &str = "daemon";

#[test]
fn users_are_found_with_their_groups_and_homes() {
    let folder = tempfile::tempdir().unwrap();
    let made = users("system_users = true", folder.path());
    let user = made.find(KNOWN, &ATTEMPT).unwrap();
    assert_eq!((user.identity.uid(), user.identity.gid()), (1, 1));
    assert_eq!((user.name.as_str(), user.home.as_path()), (KNOWN, Path::new("/usr/sbin")));
    assert!(user.identity.groups().contains(&1));
    let profile = made.profile(&user).unwrap();
    assert_eq!(profile.identity().map(|it| it.uid()), Some(1));
    for unknown in ["no-such-user", "", "daemon\0", "Daemon"] {
        assert_eq!(made.find(unknown, &ATTEMPT).unwrap_err(), "no such user", "{unknown:?}");
    }
}

#[test]
fn root_is_refused_whatever_the_lists_say() {
    let folder = tempfile::tempdir().unwrap();
    let made = users("system_users = true\nallow_users = ['root', '*']", folder.path());
    assert!(made.find("root", &ATTEMPT).unwrap_err().contains("root does not log in"));
    assert!(made.find(KNOWN, &ATTEMPT).is_ok());
}

#[test]
fn lists_and_databases_have_a_say() {
    let folder = tempfile::tempdir().unwrap();
    for (text, word) in [
        ("deny_users = ['dae*']", "deny_users"),
        ("allow_users = ['ann', 'daemon@10.0.0.0/8']", "allow_users"),
        ("deny_groups = ['daemon']", "deny_groups"),
        ("allow_groups = ['staff']", "allow_groups"),
    ] {
        let made = users(&format!("system_users = true\n{text}"), folder.path());
        let refused = made.find(KNOWN, &ATTEMPT).unwrap_err();
        assert!(refused.contains(word), "{text}: {refused}");
    }
    let made = users("system_users = true", folder.path());
    std::fs::write(folder.path().join("shadow"), "daemon:!:1::::::\n").unwrap();
    assert!(made.find(KNOWN, &ATTEMPT).unwrap_err().contains("locked"));
}

#[test]
fn a_verdict_is_refused_alike_for_the_known_and_the_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let made = users("system_users = true", folder.path());
    let made = SystemLogins::new(made, LoginRules::default(), Trust::default());
    let cause = |verdict| match verdict {
        Verdict::Reject { cause } => cause,
        other => panic!("{other:?}"),
    };
    let login = Login::default();
    // It is never said on the spot: the databases may take their time.
    let worked_out = |verdict| match verdict {
        Verdict::Later(work) => cause(work.run()),
        other => panic!("{other:?}"),
    };
    let offered = |user: &str| worked_out(made.key_offered(user, &[1; 51], &login, &ATTEMPT));
    let proven = |user: &str| {
        let key = Proven { blob: &[1; 51], presence: None };
        worked_out(made.key_verified(user, key, &login, &ATTEMPT))
    };
    for judged in [offered(KNOWN), proven(KNOWN)] {
        assert!(judged.contains("is not authorized"), "{judged}");
    }
    assert_eq!((offered("no-such-user"), proven("root").contains("root")), (UNKNOWN.into(), true));
    let password = made.password(KNOWN, String::new().into(), &login, &ATTEMPT);
    assert_eq!(cause(password), "the method is not offered");
    assert_eq!(made.methods(), ["publickey"]);
    let granted = login.granted::<crate::server::Profile>();
    assert!(granted.is_none(), "nobody has logged in");
}

#[test]
fn keys_of_the_configuration_that_would_mean_nothing_are_faults() {
    let folder = "system_users = true\n";
    for (text, key) in [
        (format!("{folder}root = '/srv'"), "root"),
        (format!("{folder}users_file = 'u.toml'"), "users_file"),
        (format!("{folder}authorized_keys = ['k']"), "authorized_keys"),
        ("deny_users = ['ann']".to_owned(), "deny_users"),
        ("allow_groups = ['ann']".to_owned(), "allow_groups"),
        ("authorized_keys_file = ['/k/%u']".to_owned(), "authorized_keys_file"),
    ] {
        let faults = load(&[Layer::File { name: "f", text: &text }]).unwrap_err();
        assert_eq!(faults[0].key.as_deref(), Some(key), "{text}");
    }
    let both = config("system_users = true\numask = '027'\nsymlinks = 'refuse'");
    assert!(both.system_users && both.umask == Some(0o27));
    for wrong in ["allow_users = ['!ann']", "allow_users = ['ann bob']", "deny_groups = ['']"] {
        assert!(load(&[Layer::File { name: "f", text: wrong }]).is_err(), "{wrong}");
    }
}
