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

use ringferry::auth::{AuthorizedKey, PasswordDigest, Revocations, Trust, Users};
use ringferry::crypto::{Ed25519Signer, Signer};
use ringferry::ssh::{Role, numbers};

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

/// A server that knows one user, before the first request to log in.
fn at_the_door(with_password: bool) -> Scene {
    let mut scene = Scene::in_auth(Role::Server, &quick_config());
    let blob = listed().public_blob().to_vec();
    let key = AuthorizedKey { blob, ..AuthorizedKey::default() };
    let digest = with_password.then(|| PasswordDigest::of(std::str::from_utf8(PASSWORD).unwrap()));
    let trust = Trust::new(&[recipe::public_blob(recipe::AUTHORITY)], Revocations::default());
    scene.users = Some(Users::sole(KNOWN, vec![key], digest).trusting(trust));
    scene
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
fn answers(with_password: bool, user: &str, steps: &[Make]) -> Answers {
    let mut scene = at_the_door(with_password);
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
    for with_password in [false, true] {
        for (what, first) in SAID {
            // Alone, until there are too many of it, and as the second thing said.
            for (more, second) in SAID {
                let steps = [*first, *second];
                let known = answers(with_password, KNOWN, &steps);
                let unknown = answers(with_password, UNKNOWN, &steps);
                assert_eq!(known, unknown, "{what}, then {more}");
            }
            let known = answers(with_password, KNOWN, &[*first; 7]);
            let unknown = answers(with_password, UNKNOWN, &[*first; 7]);
            assert_eq!(known, unknown, "{what}, seven times");
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
    for (right, wrong) in pairs {
        assert_eq!(answers(true, UNKNOWN, &[*right; 7]), answers(true, KNOWN, &[*wrong; 7]));
    }
}

/// The messages are good ones: they do let the known user in.
#[test]
fn the_known_user_is_let_in() {
    let mut scene = at_the_door(true);
    scene.say(&probe(KNOWN, &listed()));
    assert_eq!(scene.heard[0][0], numbers::USERAUTH_PK_OK);
    let message = proof(&scene, KNOWN, &listed());
    scene.say(&message);
    assert!(scene.ours.is_authenticated());
    let mut scene = at_the_door(true);
    scene.say(&password(KNOWN, PASSWORD));
    assert!(scene.ours.is_authenticated());
}
