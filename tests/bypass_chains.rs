//! Ways round the login with passwords, questions, codes and chains of proofs: each is tried on a
//! server that would let the honest one in, and none gives a session. The chapter *security* of the
//! manual has the list; `bypass_keys` is the other half.

#[path = "peer/mod.rs"]
mod peer;
#[path = "peer/recipe.rs"]
mod recipe;

use std::sync::LazyLock;

use ringferry::auth::password::Cost;
use ringferry::auth::{
    Authenticator, AuthorizedKey, Chain, Chains, KeyRules, LoginRules, PasswordHash, Person,
    Revocations, Secrets, Totp, Trust, Users, authorized_keys,
};
use ringferry::crypto::public_line;
use ringferry::ssh::{ServerConfig, numbers};

use peer::{Field, Scene, channel_open, message, quick_config};
use recipe::{AUTHORITY, HOLDER, Recipe, public_blob, put, signature, string};

// Seeds of keys, each listed for the one who is named.
const ALICES: u8 = 1;
const BOBS: u8 = 2;
const DAVES: u8 = 3;
const DAVES_SECOND: u8 = 4;
const GRACES_EXPIRED: u8 = 5;
const STRANGER: u8 = 7;

/// Who has a password. Each has his own.
const NAMES: [&str; 5] = ["alice", "bob", "carol", "erin", "grace"];

fn password_of(name: &str) -> String {
    format!("{name}'s own")
}

/// Hashing them once is enough.
static HASHES: LazyLock<Vec<PasswordHash>> = LazyLock::new(|| {
    let cost = Cost { memory_kib: 64, passes: 1 };
    let hash = |name: &&str| PasswordHash::make(&password_of(name), &[7; 16], cost).unwrap();
    NAMES.iter().map(|name| PasswordHash::parse(&hash(name)).unwrap()).collect()
});

fn codes_of(name: &str) -> Totp {
    Totp::of([name.as_bytes()[0]; 20]).unwrap()
}

/// The code of somebody's app, at the time it is there.
fn code_of(name: &str) -> String {
    codes_of(name).code(0)
}

fn key(options: &str, seed: u8) -> AuthorizedKey {
    let text = format!("{options} {}", public_line(&public_blob(seed), "").unwrap());
    authorized_keys::parse(text.as_bytes(), &KeyRules::default()).keys.remove(0)
}

fn person(name: &str, chain: &str, keys: Vec<AuthorizedKey>) -> Person {
    let place = NAMES.iter().position(|one| *one == name);
    let secrets = Secrets {
        password: place.map(|at| HASHES[at].clone()),
        totp: place.map(|_| codes_of(name)),
        ..Secrets::default()
    };
    let chains = Some(Chains::new(vec![Chain::parse(chain).unwrap()]));
    Person { name: name.to_owned(), keys, secrets, chains, ..Person::default() }
}

/// The users of the server. It is 1970 there.
fn users() -> Users {
    let people = vec![
        person("alice", "publickey,keyboard-interactive:totp", vec![key("restrict", ALICES)]),
        person("bob", "password,publickey", vec![key("restrict", BOBS)]),
        person("carol", "password", vec![]),
        person(
            "dave",
            "publickey,publickey",
            vec![key("restrict", DAVES), key("restrict", DAVES_SECOND)],
        ),
        person("erin", "keyboard-interactive:password+totp", vec![]),
        person(
            "grace",
            "publickey,password",
            vec![key("expiry-time=\"19700101Z\"", GRACES_EXPIRED)],
        ),
    ];
    let trust = Trust::new(&[public_blob(AUTHORITY)], Revocations::default());
    Users::new(people, LoginRules::default()).trusting(trust)
}

/// A server with these users, before the first request to log in.
fn at_the_door(users: Users) -> Scene {
    let mut config = ServerConfig::new(quick_config());
    config.methods = users.methods();
    let mut scene = Scene::serving(config);
    scene.run();
    scene.say(&message(numbers::SERVICE_REQUEST, &[Field::Text(b"ssh-userauth")]));
    scene.heard.clear();
    scene.users = Some(users);
    scene
}

fn head(user: &str, method: &str) -> Vec<u8> {
    let mut out = vec![numbers::USERAUTH_REQUEST];
    for text in [user, "ssh-connection", method] {
        put(&mut out, text.as_bytes());
    }
    out
}

fn none(user: &str) -> Vec<u8> {
    head(user, "none")
}

fn password(user: &str, text: &[u8]) -> Vec<u8> {
    let mut out = head(user, "password");
    out.push(0);
    put(&mut out, text);
    out
}

/// The user's own.
fn right_password(user: &str) -> Vec<u8> {
    password(user, password_of(user).as_bytes())
}

fn ask(user: &str) -> Vec<u8> {
    let mut out = head(user, "keyboard-interactive");
    put(&mut out, b"");
    put(&mut out, b"");
    out
}

fn answers(texts: &[&str]) -> Vec<u8> {
    let mut out = vec![numbers::USERAUTH_INFO_RESPONSE];
    out.extend(u32::try_from(texts.len()).unwrap().to_be_bytes());
    texts.iter().for_each(|text| put(&mut out, text.as_bytes()));
    out
}

/// A key, or a certificate, that signs in this connection.
fn proof(at: &Scene, user: &str, algorithm: &str, blob: &[u8], seed: u8) -> Vec<u8> {
    let mut out = head(user, "publickey");
    out.push(1);
    put(&mut out, algorithm.as_bytes());
    put(&mut out, blob);
    let mut data = string(at.peer.session_id().unwrap());
    data.extend_from_slice(&out);
    put(&mut out, &signature(seed, &data));
    out
}

fn signed(at: &Scene, user: &str, seed: u8) -> Vec<u8> {
    proof(at, user, "ssh-ed25519", &public_blob(seed), seed)
}

fn certified(at: &Scene, user: &str, recipe: &Recipe) -> Vec<u8> {
    proof(at, user, recipe.key_type, &recipe.blob(), HOLDER)
}

/// Something that is said, one after the other.
type Said = fn(&Scene) -> Vec<Vec<u8>>;

/// A way in that is none.
type Case = (&'static str, Said);

#[path = "bypass_chains/cases.rs"]
mod cases;

fn lets_in(what: &str, said: Said) -> bool {
    let mut scene = at_the_door(users());
    for message in said(&scene) {
        if !scene.ours.is_closed() {
            scene.say(&message);
        }
    }
    let told = scene.heard.iter().any(|message| message[0] == numbers::USERAUTH_SUCCESS);
    assert_eq!(told, scene.ours.is_authenticated(), "{what}");
    if !told {
        // Whoever is not let in has no channel, and has been told so, or was disconnected.
        if !scene.ours.is_closed() {
            scene.say(&channel_open());
        }
        assert_eq!(scene.ours.channel_count(), 0, "{what}");
        assert!(scene.farewell.is_some(), "{what}");
    }
    told
}

/// Otherwise the rest says nothing.
#[test]
fn the_honest_are_let_in() {
    for (what, said) in cases::HONEST {
        assert!(lets_in(what, *said), "{what}");
    }
}

#[test]
fn no_way_round_the_chain() {
    for (what, said) in cases::CHAINS {
        assert!(!lets_in(what, *said), "{what}");
    }
}

#[test]
fn no_way_round_the_password_and_the_questions() {
    for (what, said) in cases::SECRETS {
        assert!(!lets_in(what, *said), "{what}");
    }
}

/// The rows are those of the manual.
#[test]
fn the_manual_names_every_case() {
    let manual = include_str!("../src/manual/security.md");
    let cases = [cases::CHAINS, cases::SECRETS].concat();
    assert!(cases.len() >= 40, "{}", cases.len());
    for (what, _) in cases {
        assert!(manual.contains(&format!("| {what} |")), "{what}");
    }
}
