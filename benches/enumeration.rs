//! Whether the time of an answer tells who has an account. For each method a known and an unknown
//! user are refused in turns, at random, through the whole of a connection: packets in, the verdict
//! of `auth::Users`, packets out. Prints Welch's t of the two; below 4.5 nothing can be told. On a
//! machine that does other things, t of all samples is small because they scatter: look at the last
//! column.
//!
//! No socket and no log is in it. `cargo bench --bench enumeration [SAMPLES [HASHED_SAMPLES]]`

#[path = "../tests/peer/mod.rs"]
mod peer;
#[path = "../tests/peer/recipe.rs"]
mod recipe;

use std::time::Instant;

use ringferry::auth::password::Cost;
use ringferry::auth::{
    Authenticator, AuthorizedKey, Chain, Chains, LoginRules, PasswordDigest, PasswordHash, Person,
    Secrets, Totp, Users,
};
use ringferry::ssh::{ServerConfig, numbers};

use peer::{Field, Scene, message, quick_config};
use recipe::{public_blob, put, signature, string};

/// As long as one another, or the lengths would tell.
const USERS: [&str; 2] = ["alice", "mallo"];
const LISTED: u8 = 1;
const STRANGER: u8 = 2;

/// Failures a connection bears here, so that key exchanges are few.
const TRIES: usize = 60;

fn users(hashed: bool) -> Users {
    let hash = || {
        let text = PasswordHash::make("correct horse", &[7; 16], Cost::default()).unwrap();
        PasswordHash::parse(&text).unwrap()
    };
    let secrets = Secrets {
        digest: (!hashed).then(|| PasswordDigest::of("correct horse")),
        password: hashed.then(hash),
        totp: Some(Totp::of([3; 20]).unwrap()),
    };
    let chains = ["publickey", "password", "keyboard-interactive:password+totp"];
    let chains = Chains::new(chains.iter().map(|text| Chain::parse(text).unwrap()).collect());
    let key = AuthorizedKey { blob: public_blob(LISTED), ..AuthorizedKey::default() };
    let person = |name: &str| Person {
        name: name.to_owned(),
        keys: vec![key.clone()],
        secrets: secrets.clone(),
        chains: Some(chains.clone()),
        ..Person::default()
    };
    let rules = LoginRules { chains: Some(chains.clone()), ..LoginRules::default() };
    Users::new(vec![person("bobby"), person(USERS[0]), person("carol")], rules)
}

fn at_the_door(users: &Users) -> Scene {
    let mut config = ServerConfig::new(quick_config());
    config.methods = users.methods();
    config.max_auth_tries = 1000;
    let mut scene = Scene::serving(config);
    scene.run();
    scene.say(&message(numbers::SERVICE_REQUEST, &[Field::Text(b"ssh-userauth")]));
    scene.heard.clear();
    scene.users = Some(users.clone());
    scene
}

fn head(user: &str, method: &str) -> Vec<u8> {
    let mut out = vec![numbers::USERAUTH_REQUEST];
    for text in [user, "ssh-connection", method] {
        put(&mut out, text.as_bytes());
    }
    out
}

fn password(_: &Scene, user: &str) -> Vec<Vec<u8>> {
    let mut out = head(user, "password");
    out.push(0);
    put(&mut out, b"incorrect");
    vec![out]
}

fn interactive(_: &Scene, user: &str) -> Vec<Vec<u8>> {
    let mut ask = head(user, "keyboard-interactive");
    ask.extend([0; 8]);
    let mut answers = vec![numbers::USERAUTH_INFO_RESPONSE, 0, 0, 0, 2];
    put(&mut answers, b"incorrect");
    put(&mut answers, b"123456");
    vec![ask, answers]
}

fn key(user: &str, signed: bool, seed: u8) -> Vec<u8> {
    let mut out = head(user, "publickey");
    out.push(u8::from(signed));
    put(&mut out, b"ssh-ed25519");
    put(&mut out, &public_blob(seed));
    out
}

fn proof(at: &Scene, user: &str) -> Vec<Vec<u8>> {
    let mut out = key(user, true, STRANGER);
    let mut data = string(at.peer.session_id().unwrap());
    data.extend_from_slice(&out);
    put(&mut out, &signature(STRANGER, &data));
    vec![out]
}

type Said = fn(&Scene, &str) -> Vec<Vec<u8>>;

/// A method, whether the passwords are hashed, and what is said.
const METHODS: &[(&str, bool, Said)] = &[
    ("none", false, |_, user| vec![head(user, "none")]),
    ("publickey, offered", false, |_, user| vec![key(user, false, STRANGER)]),
    ("publickey, proven", false, proof),
    ("password, made for the run", false, password),
    ("keyboard-interactive, made for the run", false, interactive),
    ("password, argon2id", true, password),
    ("keyboard-interactive, argon2id", true, interactive),
];

/// Nanoseconds of each refusal, of the known and of the unknown user.
fn measure(hashed: bool, said: Said, samples: usize) -> [Vec<f64>; 2] {
    let users = users(hashed);
    let mut times = [Vec::new(), Vec::new()];
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    while times[0].len() < samples {
        let mut scenes = [at_the_door(&users), at_the_door(&users)];
        let words = [0, 1].map(|who| said(&scenes[who], USERS[who]));
        for turn in 0..TRIES / words[0].len() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let first = usize::from(random & 1 == 1);
            for who in [first, 1 - first] {
                let start = Instant::now();
                words[who].iter().for_each(|word| scenes[who].say(word));
                let took = start.elapsed().as_secs_f64() * 1e9;
                // The first finds cold caches.
                if turn > 0 && times[who].len() < samples {
                    times[who].push(took);
                }
            }
        }
        let [known, unknown] = scenes;
        assert!(!known.ours.is_authenticated() && !known.ours.is_closed());
        assert_eq!((known.heard, known.farewell), (unknown.heard, unknown.farewell));
    }
    times
}

fn moments(times: &[f64]) -> (f64, f64) {
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
    (mean, squares / (count - 1.0) / count)
}

fn welch([known, unknown]: &[Vec<f64>; 2]) -> (f64, f64, f64) {
    let ((a, a_error), (b, b_error)) = (moments(known), moments(unknown));
    (a, b, (a - b) / (a_error + b_error).sqrt())
}

/// Without what other programs have stretched: the slowest part of both, by one bound for both.
fn cropped(times: &[Vec<f64>; 2], percent: usize) -> [Vec<f64>; 2] {
    let mut all = times.concat();
    all.sort_by(f64::total_cmp);
    let bound = all[(all.len() - 1) * percent / 100];
    times.clone().map(|times| times.into_iter().filter(|time| *time <= bound).collect())
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let samples = numbers.first().copied().unwrap_or(20_000);
    let hashed_samples = numbers.get(1).copied().unwrap_or(1_000);
    println!("| method | samples | known, µs | unknown, µs | t | t of the quickest 95 % |");
    println!("|---|---|---|---|---|---|");
    for (method, hashed, said) in METHODS {
        let samples = if *hashed { hashed_samples } else { samples };
        let times = measure(*hashed, *said, samples);
        let (known, unknown, t) = welch(&times);
        let (_, _, quick) = welch(&cropped(&times, 95));
        let (known, unknown) = (known / 1e3, unknown / 1e3);
        println!("| {method} | {samples} | {known:.2} | {unknown:.2} | {t:.2} | {quick:.2} |");
    }
}
