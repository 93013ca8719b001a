//! Ways round the login with a key: each is tried on a server that would let the honest one in, and
//! none gives a session. The chapter *security* of the manual has the list.

#[path = "peer/mod.rs"]
mod peer;
#[path = "peer/recipe.rs"]
mod recipe;

use ringferry::auth::{AuthorizedKey, KeyRules, Revocations, Trust, Users, authorized_keys};
use ringferry::crypto::public_line;
use ringferry::ssh::{Role, numbers};

use peer::{Scene, quick_config};
use recipe::{
    AUTHORITY, HOLDER, Recipe, SK_ED25519, public_blob, put, security_blob, security_signature,
    signature, string,
};

const ED25519: &str = "ssh-ed25519";
const ED25519_CERTIFIED: &str = "ssh-ed25519-cert-v01@openssh.com";
const SK_CERTIFIED: &str = "sk-ssh-ed25519-cert-v01@openssh.com";
const RSA: &str = "rsa-sha2-512";
const RSA_CERTIFIED: &str = "rsa-sha2-512-cert-v01@openssh.com";
const P256: &str = "ecdsa-sha2-nistp256";

// Seeds of keys. Alice has all of these on a line but the last.
const LISTED: u8 = 1;
const ELSEWHERE: u8 = 2;
const EXPIRED: u8 = 3;
const REVOKED: u8 = 4;
const CARD: u8 = 5;
const CARD_WITH_PIN: u8 = 6;
const STRANGER: u8 = 7;

const TOUCH: u8 = 1;
const PIN: u8 = 4;

fn line(options: &str, blob: &[u8]) -> AuthorizedKey {
    let text = format!("{options} {}", public_line(blob, "").unwrap());
    let file = authorized_keys::parse(text.as_bytes(), &KeyRules::default());
    assert_eq!(file.rejected, []);
    file.keys.into_iter().next().unwrap()
}

/// A server that knows alice, her keys and an authority, before the first request. It is 1970 there
/// and everybody comes from 127.0.0.1.
fn at_the_door() -> Scene {
    let keys = vec![
        line("restrict", &public_blob(LISTED)),
        line("from=\"10.0.0.0/8\"", &public_blob(ELSEWHERE)),
        line("expiry-time=\"19700101Z\"", &public_blob(EXPIRED)),
        line("restrict", &public_blob(REVOKED)),
        line("restrict", &security_blob(CARD)),
        line("verify-required", &security_blob(CARD_WITH_PIN)),
    ];
    let mut revoked = Revocations::default();
    revoked.add(public_line(&public_blob(REVOKED), "").unwrap().as_bytes()).unwrap();
    let trust = Trust::new(&[public_blob(AUTHORITY)], revoked);
    let mut scene = Scene::in_auth(Role::Server, &quick_config());
    scene.users = Some(Users::sole("alice", keys, None).trusting(trust));
    scene
}

/// A request to log in with a key, to be changed one part at a time.
#[derive(Clone)]
struct Request {
    user: &'static str,
    service: &'static str,
    algorithm: &'static str,
    blob: Vec<u8>,
    /// The host key it names, if it is the kind that names one.
    host_key: Option<Vec<u8>>,
}

impl Request {
    fn of(algorithm: &'static str, blob: Vec<u8>) -> Self {
        let (user, service) = ("alice", "ssh-connection");
        Self { user, service, algorithm, blob, host_key: None }
    }

    /// With the plain key of a seed.
    fn plain(seed: u8) -> Self {
        Self::of(ED25519, public_blob(seed))
    }

    fn certified(recipe: &Recipe) -> Self {
        Self::of(ED25519_CERTIFIED, recipe.blob())
    }

    fn body(&self, signed: bool) -> Vec<u8> {
        let method: &[u8] = match self.host_key {
            Some(_) => b"publickey-hostbound-v00@openssh.com",
            None => b"publickey",
        };
        let mut out = vec![numbers::USERAUTH_REQUEST];
        for text in [self.user.as_bytes(), self.service.as_bytes(), method] {
            put(&mut out, text);
        }
        out.push(u8::from(signed));
        put(&mut out, self.algorithm.as_bytes());
        put(&mut out, &self.blob);
        self.host_key.iter().for_each(|key| put(&mut out, key));
        out
    }

    /// The question whether the key would do.
    fn probe(&self) -> Vec<u8> {
        self.body(false)
    }

    /// What is signed in this connection, or in the one of another identifier.
    fn data(&self, session: &[u8]) -> Vec<u8> {
        let mut data = string(session);
        data.extend(self.body(true));
        data
    }

    fn with(&self, signature: &[u8]) -> Vec<u8> {
        let mut out = self.body(true);
        put(&mut out, signature);
        out
    }

    /// Signed as it should be by the plain key of a seed.
    fn signed(&self, scene: &Scene, seed: u8) -> Vec<u8> {
        self.with(&signature(seed, &self.data(session(scene))))
    }

    /// By a security key.
    fn by_card(&self, scene: &Scene, seed: u8, flags: u8) -> Vec<u8> {
        self.with(&security_signature(seed, flags, &self.data(session(scene))))
    }
}

fn session(scene: &Scene) -> &[u8] {
    scene.peer.session_id().unwrap()
}

/// The server's, by `peer::transport_config`.
fn host_key() -> Vec<u8> {
    public_blob(9)
}

/// An RSA key of so many bits, or what looks like one: nobody knows its factors.
fn rsa(bits: usize, exponent: &[u8]) -> Vec<u8> {
    let mut out = string(b"ssh-rsa");
    out.extend(rsa_fields(bits, exponent));
    out
}

fn rsa_fields(bits: usize, exponent: &[u8]) -> Vec<u8> {
    let mut modulus = vec![0xff; bits.div_ceil(8) + 1];
    modulus[0] = 0;
    modulus[1] >>= (8 - bits % 8) % 8;
    let mut out = string(exponent);
    put(&mut out, &modulus);
    out
}

fn p256(point: &[u8]) -> Vec<u8> {
    let mut out = string(P256.as_bytes());
    put(&mut out, b"nistp256");
    put(&mut out, point);
    out
}

/// A point that is on no curve, as long as it should be.
fn off_curve() -> Vec<u8> {
    [&[4][..], &[1; 64]].concat()
}

/// Something that is said, one after the other.
type Said = fn(&Scene) -> Vec<Vec<u8>>;

/// A way in that is none.
type Case = (&'static str, Said);

#[path = "bypass_keys/cases.rs"]
mod cases;

fn lets_in(said: Said) -> bool {
    let mut scene = at_the_door();
    for message in said(&scene) {
        if !scene.ours.is_closed() {
            scene.say(&message);
        }
    }
    let told = scene.heard.iter().any(|message| message[0] == numbers::USERAUTH_SUCCESS);
    assert_eq!(told, scene.ours.is_authenticated());
    // Whoever is not let in has been told so, or was disconnected.
    let answered = scene.heard.iter().any(|message| message[0] == numbers::USERAUTH_FAILURE);
    assert!(told || answered || scene.farewell.is_some());
    told
}

/// Otherwise the rest says nothing.
#[test]
fn the_honest_are_let_in() {
    for (what, said) in cases::HONEST {
        assert!(lets_in(*said), "{what}");
    }
}

#[test]
fn cve_2024_45337_no_way_round_the_signature() {
    for (what, said) in cases::SIGNATURES {
        assert!(!lets_in(*said), "{what}");
    }
}

#[test]
fn no_way_round_what_is_said_of_a_key() {
    for (what, said) in cases::KEYS {
        assert!(!lets_in(*said), "{what}");
    }
}

#[test]
fn commit_openssh_10_3_no_way_in_with_a_bad_certificate() {
    for (what, said) in cases::CERTIFICATES {
        assert!(!lets_in(*said), "{what}");
    }
}

/// Asked about and proven, plain and certified by the trusted authority.
#[test]
fn cve_2020_9283_cve_2026_39829_malformed_keys_fail_cleanly() {
    let short = |length| Recipe { key: string(&vec![1; length]), ..Recipe::new() }.blob();
    let certified = |key_type, key| Recipe { key_type, key, ..Recipe::new() }.blob();
    let rsa_certified = |bits, exponent: &[u8]| {
        certified("ssh-rsa-cert-v01@openssh.com", rsa_fields(bits, exponent))
    };
    let ecdsa_fields = [string(b"nistp256"), string(&off_curve())].concat();
    let bare = |bytes: &[u8]| [string(b"ssh-ed25519"), string(bytes)].concat();
    let exponent = [1, 0, 1];
    let mut cases = vec![
        (ED25519, bare(&[1; 31])),
        (ED25519, bare(&[1; 33])),
        (ED25519, bare(&[])),
        (ED25519, bare(&[0; 32])),
        (ED25519, bare(&[0xff; 32])),
        (P256, p256(&off_curve())),
        (P256, p256(&[0])),
        (P256, p256(&[4])),
        (P256, p256(&[[2].as_slice(), &[1; 32]].concat())),
        (ED25519_CERTIFIED, short(31)),
        (ED25519_CERTIFIED, short(33)),
        ("ecdsa-sha2-nistp256-cert-v01@openssh.com", {
            certified("ecdsa-sha2-nistp256-cert-v01@openssh.com", ecdsa_fields)
        }),
        (RSA_CERTIFIED, rsa_certified(1024, &exponent)),
        (RSA_CERTIFIED, rsa_certified(3072, &[1])),
        (RSA_CERTIFIED, rsa_certified(65536, &exponent)),
    ];
    for bits in [0, 1, 512, 1024, 2047, 2048, 3071, 16385, 32768, 65536] {
        cases.push((RSA, rsa(bits.max(1), &exponent)));
    }
    for exponent in [&[1][..], &[2], &[0x80], &[], &[0, 0, 0, 1], &[0x7f; 64], &[0x7f; 2048]] {
        cases.push((RSA, rsa(3072, exponent)));
    }
    // The authority itself, as it is verified before anybody is asked about it.
    for authority in [rsa(512, &exponent), rsa(65536, &exponent), bare(&[1; 31]), p256(&[0])] {
        let recipe = Recipe { authority_blob: Some(authority), ..Recipe::new() };
        cases.push((ED25519_CERTIFIED, recipe.blob()));
    }
    for (algorithm, blob) in cases {
        let what =
            format!("{algorithm} of {} bytes: {:02x?}", blob.len(), &blob[..blob.len().min(80)]);
        let mut scene = at_the_door();
        let request = Request::of(algorithm, blob);
        scene.say(&request.probe());
        // A trusted authority's word is good for a key until that signs: it is looked at then.
        let asked = scene.heard.pop().expect("an answer")[0];
        let good = asked == numbers::USERAUTH_PK_OK && algorithm.contains("-cert-");
        assert!(good || asked == numbers::USERAUTH_FAILURE, "{what}");
        let message = request.signed(&scene, STRANGER);
        scene.say(&message);
        let mut scalars = string(b"ecdsa-sha2-nistp256");
        put(&mut scalars, &[string(&[1]), string(&[1])].concat());
        let mut number = string(RSA.as_bytes());
        put(&mut number, &[1; 384]);
        for signature in [scalars, number] {
            if !scene.ours.is_closed() {
                scene.say(&request.with(&signature));
            }
        }
        assert!(!scene.ours.is_authenticated(), "{what}");
        assert!(
            scene.heard.iter().all(|message| message[0] == numbers::USERAUTH_FAILURE),
            "{what}"
        );
    }
}

/// The rows above are those of the manual.
#[test]
fn the_manual_names_every_case() {
    let manual = include_str!("../src/manual/security.md");
    let cases = [cases::SIGNATURES, cases::KEYS, cases::CERTIFICATES].concat();
    assert!(cases.len() >= 40, "{}", cases.len());
    for (what, _) in cases {
        assert!(manual.contains(&format!("| {what} |")), "{what}");
    }
}
