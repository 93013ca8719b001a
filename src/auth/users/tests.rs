mod certificates;

use std::net::{IpAddr, Ipv4Addr};

use jiff::tz::TimeZone;
use zeroize::Zeroizing;

use super::*;
use crate::auth::authorized_keys::{KeyRules, parse};
use crate::auth::{Chain, judge};
use crate::ssh::{AuthMethod, AuthRequest};

fn key(byte: u8) -> AuthorizedKey {
    AuthorizedKey { blob: vec![byte; 51], ..AuthorizedKey::default() }
}

fn person(name: &str, keys: &[AuthorizedKey]) -> Person {
    Person { name: name.to_owned(), keys: keys.to_vec(), ..Person::default() }
}

fn of_keys(people: Vec<Person>) -> Users {
    Users::new(people, LoginRules::default())
}

fn users() -> Users {
    let people = [("ann", &[key(1), key(2)][..]), ("bob", &[key(3)]), ("eve", &[])];
    of_keys(people.into_iter().map(|(name, keys)| person(name, keys)).collect())
}

const ATTEMPT: Attempt = Attempt { peer: IpAddr::V4(Ipv4Addr::LOCALHOST), now: 5000 };

fn ask_of(users: &Users, user: &str, method: AuthMethod) -> Verdict {
    let request = AuthRequest { user: user.to_owned(), method };
    judge(users, &request, &Login::default(), &ATTEMPT)
}

fn ask(user: &str, method: AuthMethod) -> Verdict {
    ask_of(&users(), user, method)
}

fn cause(verdict: Verdict) -> String {
    match verdict {
        Verdict::Reject { cause } => cause,
        Verdict::Later(work) => cause(work.run()),
        other => panic!("{other:?}"),
    }
}

fn offered(blob: Vec<u8>) -> AuthMethod {
    AuthMethod::KeyOffered { algorithm: "ssh-ed25519".to_owned(), blob }
}

fn verified(blob: Vec<u8>) -> AuthMethod {
    AuthMethod::KeyVerified { algorithm: "ssh-ed25519".to_owned(), blob, presence: None }
}

fn password(text: &str) -> AuthMethod {
    AuthMethod::Password(Zeroizing::new(text.to_owned()))
}

fn answers(texts: &[&str]) -> AuthMethod {
    let texts = texts.iter().map(|text| Zeroizing::new((*text).to_owned()));
    AuthMethod::Answers(texts.collect())
}

#[test]
fn a_key_opens_for_its_own_user_only() {
    let granted = [("ann", 1), ("ann", 2), ("bob", 3)];
    for user in ["ann", "bob", "eve", "Ann", "", "an", "anna"] {
        for byte in 0..5 {
            for method in [offered, verified] {
                let verdict = ask(user, method(vec![byte; 51]));
                let accepted = verdict == Verdict::Accept;
                assert_eq!(accepted, granted.contains(&(user, byte)), "{user} {byte}");
            }
        }
    }
    assert!(cause(ask("ann", verified(vec![1; 50]))).contains("is not authorized"), "a prefix");
}

#[test]
fn the_log_tells_a_wrong_name_from_a_wrong_key() {
    assert!(cause(ask("ann", verified(vec![3; 51]))).contains("is not authorized"));
    assert!(cause(ask("eve", verified(vec![1; 51]))).contains("is not authorized"));
    assert_eq!(cause(ask("mallory", verified(vec![1; 51]))), "no such user");
}

#[test]
fn a_name_and_a_key_do_not_run_into_one_another() {
    let whole = AuthorizedKey { blob: b"xy".to_vec(), ..AuthorizedKey::default() };
    let users = of_keys(vec![person("a", &[whole]), person("ax", &[])]);
    assert_eq!(ask_of(&users, "a", verified(b"xy".to_vec())), Verdict::Accept);
    assert_ne!(ask_of(&users, "ax", verified(b"y".to_vec())), Verdict::Accept);
}

/// A known hash: of "correct horse", by crypt.crypt.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

fn with_hash(name: &str) -> Person {
    let password = crate::auth::PasswordHash::parse(HASH).ok();
    Person { secrets: Secrets { password, ..Secrets::default() }, ..person(name, &[]) }
}

#[test]
fn a_hashed_password_takes_work_whoever_it_is_for() {
    let users = of_keys(vec![with_hash("ann"), person("bob", &[key(1)])]);
    for proof in [password, |text: &str| answers(&[text])] {
        let judged = |user: &str, text: &str| match ask_of(&users, user, proof(text)) {
            Verdict::Later(work) => work.run(),
            verdict => panic!("at once: {verdict:?}"),
        };
        assert_eq!(judged("ann", "correct horse"), Verdict::Accept);
        assert_eq!(cause(judged("ann", "battery")), "wrong password");
        for text in ["correct horse", "battery"] {
            assert_eq!(cause(judged("bob", text)), "the user has no password");
            assert_eq!(cause(judged("mallory", text)), "no such user");
        }
    }
}

/// From that second on nothing lets in, and no other answer tells of it.
#[test]
fn an_account_that_has_expired_is_closed() {
    let ann = |expires| Person { keys: vec![key(1)], expires: Some(expires), ..with_hash("ann") };
    let judged = |expires, method| match ask_of(&of_keys(vec![ann(expires)]), "ann", method) {
        Verdict::Later(work) => work.run(),
        verdict => verdict,
    };
    let right = || [offered(vec![1; 51]), verified(vec![1; 51]), password("correct horse")];
    for method in right() {
        assert_eq!(judged(ATTEMPT.now + 1, method), Verdict::Accept);
    }
    for expires in [ATTEMPT.now, 0] {
        for method in right() {
            assert_eq!(cause(judged(expires, method)), "the account has expired");
        }
        assert_eq!(cause(judged(expires, password("battery"))), "wrong password");
    }
}

/// Before anything is proved, what is offered and asked does not tell who is who.
#[test]
fn everybody_is_asked_the_same_at_first() {
    let chain = |text: &str| Some(Chains::new(vec![Chain::parse(text).unwrap()]));
    let totp = crate::auth::Totp::of([7; 20]).ok();
    let ann = with_hash("ann");
    let secrets = Secrets { totp, ..ann.secrets.clone() };
    let chains = chain("keyboard-interactive:password+totp");
    let users = of_keys(vec![Person { secrets, chains, ..ann }, with_hash("bob")]);
    assert_eq!(users.methods(), ["publickey", "password", "keyboard-interactive"]);
    let asked = |user| ask_of(&users, user, AuthMethod::Interactive);
    assert!(matches!(asked("ann"), Verdict::Ask(prompts) if prompts.prompts.len() == 2));
    assert_eq!(asked("ann"), asked("bob"));
    assert_eq!(asked("ann"), asked("mallory"));
    let code = crate::auth::Totp::of([7; 20]).unwrap().code(ATTEMPT.now);
    let judged = |user| match ask_of(&users, user, answers(&["correct horse", &code])) {
        Verdict::Later(work) => work.run(),
        verdict => panic!("at once: {verdict:?}"),
    };
    assert_eq!(judged("ann"), Verdict::Accept);
    assert_eq!(cause(judged("bob")), "the user has no second factor");
    assert_eq!(cause(judged("mallory")), "no such user");
    // The password alone is right for bob, and only for him.
    let alone = |user| cause(ask_of(&users, user, password("correct horse")));
    assert!(alone("ann").contains("authentication_methods"));
    let Verdict::Later(work) = ask_of(&users, "bob", password("correct horse")) else { panic!() };
    assert_eq!(work.run(), Verdict::Accept);
}

/// A key may stand on several lines: one that permits is enough, as in sshd.
#[test]
fn options_of_a_key_are_asked_at_each_attempt() {
    let key = "ssh-ed25519 \
        AAAAC3NzaC1lZDI1NTE5AAAAIGILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCy/";
    let rules = KeyRules { rsa_bits_min: 3072, zone: TimeZone::UTC };
    let lines =
        format!("from=\"10.0.0.0/8\" {key}\nfrom=\"192.0.2.1\",expiry-time=\"20010909Z\" {key}\n");
    let keys = parse(lines.as_bytes(), &rules).keys;
    let blob = keys[0].blob.clone();
    let users = of_keys(vec![person("ann", &keys)]);
    let ask = |user: &str, peer: &str, now: i64, method: fn(Vec<u8>) -> AuthMethod| {
        let request = AuthRequest { user: user.to_owned(), method: method(blob.clone()) };
        let attempt = Attempt { peer: peer.parse().unwrap(), now };
        judge(&users, &request, &Login::default(), &attempt)
    };
    for method in [offered, verified] {
        assert_eq!(ask("ann", "10.1.1.1", i64::MAX, method), Verdict::Accept);
        assert_eq!(ask("ann", "192.0.2.1", 0, method), Verdict::Accept);
        assert!(cause(ask("ann", "192.0.2.2", 0, method)).contains("from this address"));
        let late = cause(ask("ann", "192.0.2.1", 999_993_600, method));
        assert!(late.contains("may not be used"), "the first line's reason: {late}");
        assert_eq!(cause(ask("bob", "10.1.1.1", 0, method)), "no such user");
    }
}

#[test]
fn nobody_logs_in_by_what_nobody_has() {
    for given in ["", "sesame", "\0"] {
        assert_eq!(cause(ask("ann", password(given))), "the user has no password");
        assert_eq!(cause(ask("mallory", password(given))), "no such user");
    }
    for method in [AuthMethod::None, AuthMethod::Other("hostbased".to_owned())] {
        assert_eq!(cause(ask("ann", method)), "the method is not offered");
    }
    assert_eq!(cause(ask("ann", AuthMethod::Interactive)), "there is nothing to ask");
    assert_eq!(cause(ask("ann", answers(&["x"]))), "there was nothing to ask");
    assert_eq!(users().methods(), ["publickey"]);
}

#[test]
fn the_password_of_one_run_works_for_its_user_only() {
    let users = Users::sole("ann", vec![], Some(PasswordDigest::of("sesame")));
    assert_eq!(users.methods(), ["publickey", "password", "keyboard-interactive"]);
    for proof in [password, |text: &str| answers(&[text])] {
        assert_eq!(ask_of(&users, "ann", proof("sesame")), Verdict::Accept);
        assert_eq!(cause(ask_of(&users, "ann", proof("sesam"))), "wrong password");
        assert_eq!(cause(ask_of(&users, "ann", proof(""))), "wrong password");
        assert_eq!(cause(ask_of(&users, "bob", proof("sesame"))), "no such user");
    }
    let asked = |user| ask_of(&users, user, AuthMethod::Interactive);
    assert_eq!(asked("ann"), asked("mallory"));
    assert!(matches!(asked("ann"), Verdict::Ask(prompts) if prompts.prompts.len() == 1));
}

#[test]
fn a_chain_wants_all_of_its_methods() {
    let chain = |text: &str| Some(Chains::new(vec![Chain::parse(text).unwrap()]));
    let secrets = Secrets { digest: Some(PasswordDigest::of("sesame")), ..Secrets::default() };
    let ann = Person { secrets, chains: chain("publickey,password"), ..person("ann", &[key(1)]) };
    let users = of_keys(vec![ann, person("bob", &[key(2)])]);
    assert_eq!(users.methods(), ["publickey", "password", "keyboard-interactive"]);
    let mut login = Login::default();
    let ask = |login: &Login, method| {
        let request = AuthRequest { user: "ann".to_owned(), method };
        judge(&users, &request, login, &ATTEMPT)
    };
    // The password alone is right, and not enough; it says no more than a wrong one would.
    assert!(cause(ask(&login, password("sesame"))).contains("authentication_methods"));
    assert_eq!(ask(&login, offered(vec![1; 51])), Verdict::Accept);
    let Verdict::Partial { proof, methods } = ask(&login, verified(vec![1; 51])) else {
        panic!("a key alone is not enough")
    };
    assert_eq!(methods, ["password"]);
    login.record(proof);
    assert!(matches!(ask(&login, verified(vec![1; 51])), Verdict::Reject { .. }));
    assert!(matches!(ask(&login, AuthMethod::Interactive), Verdict::Reject { .. }));
    assert_eq!(cause(ask(&login, password("wrong"))), "wrong password");
    assert_eq!(ask(&login, password("sesame")), Verdict::Accept);
}

#[test]
fn debug_output_holds_no_digest() {
    assert_eq!(format!("{:?}", users()), "Users(3 with 3 keys)");
}
