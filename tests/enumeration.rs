//! Nobody learns from the answers who has an account: whatever a stranger says, an unknown user and
//! the known one get the same bytes.
//!
//! The verdicts are those of the server. That they take as long for the one as for the other is not
//! tested: times of microseconds on a machine that does other things say nothing. `auth::Users`
//! does the same work for both.

#[path = "peer/mod.rs"]
mod peer;
#[path = "peer/recipe.rs"]
mod recipe;

use ringferry::auth::{
    AuthorizedKey, Chain, Chains, LoginRules, PasswordDigest, PasswordHash, Person, Revocations,
    Secrets, Totp, Trust, Users,
};
use ringferry::crypto::{Ed25519Signer, Signer};
use ringferry::ssh::{ServerConfig, numbers};

use peer::{Scene, quick_config};
use recipe::Recipe;

const KNOWN: &str = "alice";
const UNKNOWN: &str = "mallo";
const PASSWORD: &[u8] = b"correct horse";

fn listed() -> Ed25519Signer {
    Ed25519Signer::from_seed([1; 32])
}

fn unlisted() -> Ed25519Signer {
    Ed25519Signer::from_seed([2; 32])
}

/// How the known user logs in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Door {
    Keys,
    /// With a password that was made for the run besides.
    MadePassword,
    /// With a hashed one besides, where another user has chains and a second factor.
    Hashed,
    /// With a password and a code at once, where another user has a key alone.
    Code,
    /// With a key and a code behind it.
    KeyAndCode,
}

const DOORS: [Door; 5] =
    [Door::Keys, Door::MadePassword, Door::Hashed, Door::Code, Door::KeyAndCode];

/// crypt.crypt of [`PASSWORD`], with the lowest cost there is.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

fn chains(text: &str) -> Option<Chains> {
    Some(Chains::new(vec![Chain::parse(text).unwrap()]))
}

/// The known user, and somebody who differs from him.
fn users(door: Door, key: AuthorizedKey) -> Users {
    let secrets = Secrets {
        password: PasswordHash::parse(HASH).ok(),
        totp: Totp::of([7; 20]).ok(),
        ..Secrets::default()
    };
    let hashed = Secrets { totp: None, ..secrets.clone() };
    let known = Person { name: KNOWN.to_owned(), keys: vec![key], ..Person::default() };
    let other = Person { name: "zoe".to_owned(), ..Person::default() };
    let both = chains("keyboard-interactive:password+totp");
    let behind = chains("publickey,keyboard-interactive");
    let people = match door {
        Door::Keys => return Users::sole(KNOWN, known.keys, None),
        Door::MadePassword => {
            let digest = PasswordDigest::of(std::str::from_utf8(PASSWORD).unwrap());
            return Users::sole(KNOWN, known.keys, Some(digest));
        }
        Door::Hashed => {
            [Person { secrets: hashed, ..known }, Person { secrets, chains: behind, ..other }]
        }
        Door::Code => [Person { secrets, chains: both, ..known }, other],
        Door::KeyAndCode => [
            Person { secrets: secrets.clone(), chains: behind, ..known },
            Person { secrets: hashed, ..other },
        ],
    };
    Users::new(people.into(), LoginRules::default())
}

/// A server that knows him, before the first request to log in.
fn at_the_door(door: Door) -> Scene {
    let config = ServerConfig { methods: METHODS.to_vec(), ..ServerConfig::new(quick_config()) };
    let mut scene = Scene::serving(config);
    scene.run();
    let mut service = vec![numbers::SERVICE_REQUEST];
    put(&mut service, b"ssh-userauth");
    scene.say(&service);
    scene.heard.clear();
    let blob = listed().public_blob().to_vec();
    let key = AuthorizedKey { blob, ..AuthorizedKey::default() };
    let trust = Trust::new(&[recipe::public_blob(recipe::AUTHORITY)], Revocations::default());
    scene.users = Some(users(door, key).trusting(trust));
    scene
}

const METHODS: &[&str] = &["publickey", "password", "keyboard-interactive"];

/// Answers to questions, of which there may be none.
fn response(texts: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![numbers::USERAUTH_INFO_RESPONSE];
    out.extend(u32::try_from(texts.len()).unwrap().to_be_bytes());
    texts.iter().for_each(|text| put(&mut out, text));
    out
}

fn put(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    out.extend_from_slice(text);
}

fn head(user: &str, method: &[u8]) -> Vec<u8> {
    let mut out = vec![numbers::USERAUTH_REQUEST];
    for text in [user.as_bytes(), b"ssh-connection", method] {
        put(&mut out, text);
    }
    out
}

fn password(user: &str, text: &[u8]) -> Vec<u8> {
    let mut out = head(user, b"password");
    out.push(0);
    put(&mut out, text);
    out
}

/// The question whether a key would do.
fn probe(user: &str, key: &Ed25519Signer) -> Vec<u8> {
    let mut out = head(user, b"publickey");
    out.push(0);
    put(&mut out, b"ssh-ed25519");
    put(&mut out, key.public_blob());
    out
}

/// The proof, of this connection.
fn proof(scene: &Scene, user: &str, key: &Ed25519Signer) -> Vec<u8> {
    let mut out = head(user, b"publickey");
    out.push(1);
    put(&mut out, b"ssh-ed25519");
    put(&mut out, key.public_blob());
    let mut data = Vec::new();
    put(&mut data, scene.peer.session_id().unwrap());
    data.extend_from_slice(&out);
    put(&mut out, &key.sign("ssh-ed25519", &data).unwrap());
    out
}

type Make = fn(&Scene, &str) -> Vec<u8>;

/// What somebody says who has neither the password nor a key of the known user's.
const SAID: &[(&str, Make)] = &[
    ("none", |_, user| head(user, b"none")),
    ("hostbased", |_, user| head(user, b"hostbased")),
    ("keyboard-interactive", |_, user| {
        let mut out = head(user, b"keyboard-interactive");
        out.extend([0; 8]);
        out
    }),
    ("one answer", |_, _| response(&[b"incorrect"])),
    ("two answers", |_, _| response(&[b"incorrect", b"123456"])),
    ("no answers", |_, _| response(&[])),
    ("a wrong password", |_, user| password(user, b"incorrect")),
    ("no password", |_, user| password(user, b"")),
    ("a long password", |_, user| password(user, &[b'x'; 2000])),
    ("a password to change", |_, user| {
        let mut out = password(user, b"incorrect");
        let flag = out.len() - 4 - b"incorrect".len() - 1;
        out[flag] = 1;
        put(&mut out, b"another");
        out
    }),
    ("a key", |_, user| probe(user, &unlisted())),
    ("a key with a signature", |scene, user| proof(scene, user, &unlisted())),
    ("a key with another's signature", |scene, user| {
        let mut out = proof(scene, user, &unlisted());
        *out.last_mut().unwrap() ^= 1;
        out
    }),
    ("a certificate of a trusted authority", |_, user| {
        let mut out = head(user, b"publickey");
        out.push(0);
        put(&mut out, b"ssh-ed25519-cert-v01@openssh.com");
        put(&mut out, &Recipe { principals: vec!["somebody"], ..Recipe::new() }.blob());
        out
    }),
    ("a certificate of a stranger", |_, user| {
        let mut out = head(user, b"publickey");
        out.push(0);
        put(&mut out, b"ssh-ed25519-cert-v01@openssh.com");
        put(&mut out, &Recipe { authority: 3, ..Recipe::new() }.blob());
        out
    }),
    // The packet of CVE-2018-15473, and its like.
    ("a key cut off", |_, user| {
        let mut out = probe(user, &unlisted());
        out.truncate(out.len() - 7);
        out
    }),
    ("a signature cut off", |scene, user| {
        let mut out = proof(scene, user, &unlisted());
        out.truncate(out.len() - 7);
        out
    }),
    ("a listed key cut off", |_, user| {
        let mut out = probe(user, &listed());
        out.truncate(out.len() - 7);
        out
    }),
    ("a password cut off", |_, user| {
        let mut out = password(user, PASSWORD);
        out.pop();
        out
    }),
    ("bytes behind the password", |_, user| {
        let mut out = password(user, PASSWORD);
        out.push(0);
        out
    }),
];

/// All that a server sends: messages, and why it hung up if it did.
type Answers = (Vec<Vec<u8>>, Option<(u32, String)>);

/// What it sends until `steps` are said or it has hung up.
fn answers(door: Door, user: &str, steps: &[Make]) -> Answers {
    let mut scene = at_the_door(door);
    for step in steps {
        if scene.ours.is_closed() {
            break;
        }
        let message = step(&scene, user);
        scene.say(&message);
    }
    assert!(!scene.ours.is_authenticated());
    assert!(!scene.heard.is_empty() || scene.farewell.is_some());
    assert_eq!(scene.farewell.is_some(), scene.ours.is_closed());
    (scene.heard, scene.farewell)
}

#[test]
fn cve_2018_15473_cve_2016_6210_cve_2026_48859_a_user_nobody_knows_gets_the_same_answers() {
    for door in DOORS {
        for (what, first) in SAID {
            // Alone, until there are too many of it, and as the second thing said.
            for (more, second) in SAID {
                let steps = [*first, *second];
                let known = answers(door, KNOWN, &steps);
                let unknown = answers(door, UNKNOWN, &steps);
                assert_eq!(known, unknown, "{door:?}: {what}, then {more}");
            }
            let known = answers(door, KNOWN, &[*first; 7]);
            let unknown = answers(door, UNKNOWN, &[*first; 7]);
            assert_eq!(known, unknown, "{door:?}: {what}, seven times");
        }
    }
}

/// What would let the known user in gets an unknown one what anything wrong gets the known one.
#[test]
fn the_right_password_and_key_are_wrong_for_a_user_nobody_knows() {
    let pairs: &[(Make, Make)] = &[
        (|_, user| password(user, PASSWORD), |_, user| password(user, b"incorrect")),
        (|_, user| probe(user, &listed()), |_, user| probe(user, &unlisted())),
        (|at, user| proof(at, user, &listed()), |at, user| proof(at, user, &unlisted())),
    ];
    let doors = [Door::MadePassword, Door::Hashed];
    for (door, (right, wrong)) in
        doors.into_iter().flat_map(|door| pairs.iter().map(move |it| (door, it)))
    {
        assert_eq!(answers(door, UNKNOWN, &[*right; 7]), answers(door, KNOWN, &[*wrong; 7]));
    }
}

/// The messages are good ones: they do let the known user in.
#[test]
fn the_known_user_is_let_in() {
    let mut scene = at_the_door(Door::MadePassword);
    scene.say(&probe(KNOWN, &listed()));
    assert_eq!(scene.heard[0][0], numbers::USERAUTH_PK_OK);
    let message = proof(&scene, KNOWN, &listed());
    scene.say(&message);
    assert!(scene.ours.is_authenticated());
    for door in [Door::MadePassword, Door::Hashed] {
        let mut scene = at_the_door(door);
        scene.say(&password(KNOWN, PASSWORD));
        assert!(scene.ours.is_authenticated(), "{door:?}");
    }
    let asks = (SAID.iter().find(|(what, _)| *what == "keyboard-interactive").unwrap()).1;
    let code = Totp::of([7; 20]).unwrap().code(0);
    for (door, given) in [
        (Door::MadePassword, &[PASSWORD][..]),
        (Door::Hashed, &[PASSWORD]),
        (Door::Code, &[PASSWORD, code.as_bytes()]),
        (Door::KeyAndCode, &[code.as_bytes()]),
    ] {
        let mut scene = at_the_door(door);
        if door == Door::KeyAndCode {
            let message = proof(&scene, KNOWN, &listed());
            scene.say(&message);
        }
        let message = asks(&scene, KNOWN);
        scene.say(&message);
        scene.say(&response(given));
        assert!(scene.ours.is_authenticated(), "{door:?}");
    }
}
