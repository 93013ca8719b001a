//! A failure of the server before anybody has logged in: here of the authenticator that whoever
//! uses the library brings along.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};

use ringferry::auth::{Attempt, Authenticator, Given, Login, PenaltyRules, Proven, Verdict};
use ringferry::crypto::Ed25519Signer;
use ringferry::reactor::DriverChoice;
use ringferry::server::{
    AdmissionRules, CryptoThreads, CurrentRoll, Names, PagePolicy, Profiles, Roll, Settings,
    Statistics, Stop, Verbs, run,
};
use ringferry::ssh::{ClientConfig, Event, ServerConfig, TransportConfig};

use crate::support::driver::Client;
use crate::support::{SOON, wait_for};
use crate::{PENALISED, Said, connect_from, expect_closed, knock};

/// Panics over one user.
struct Fragile;

impl Authenticator for Fragile {
    fn methods(&self) -> Vec<&'static str> {
        vec!["password"]
    }

    fn key_offered(&self, _: &str, _: &[u8], _: &Login, _: &Attempt) -> Verdict {
        nobody_gets_in()
    }

    fn key_verified(&self, _: &str, _: Proven<'_>, _: &Login, _: &Attempt) -> Verdict {
        nobody_gets_in()
    }

    fn password(&self, user: &str, _: Given, _: &Login, _: &Attempt) -> Verdict {
        assert_ne!(user, "mallory", "what nobody foresaw");
        nobody_gets_in()
    }

    fn interactive(&self, _: &str, _: &Login, _: &Attempt) -> Verdict {
        nobody_gets_in()
    }

    fn answers(&self, _: &str, _: Vec<Given>, _: &Login, _: &Attempt) -> Verdict {
        nobody_gets_in()
    }

    fn message(&self, _: &str) -> Option<String> {
        None
    }
}

fn nobody_gets_in() -> Verdict {
    Verdict::Reject { cause: "nobody gets in".to_owned() }
}

fn settings(admission: AdmissionRules) -> Settings {
    let transport = TransportConfig {
        host_keys: vec![Arc::new(Ed25519Signer::from_seed([9; 32]))],
        ..TransportConfig::default()
    };
    let ssh = ServerConfig { methods: Fragile.methods(), ..ServerConfig::new(transport) };
    Settings {
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        roll: Arc::new(CurrentRoll::new(Roll {
            authenticator: Arc::new(Fragile),
            profiles: Profiles::default(),
            ssh: Arc::new(ssh),
        })),
        software_version: "ringferry".to_owned(),
        shards: 1,
        spare_shard: false,
        crypto_threads: CryptoThreads::Fixed(0),
        driver: DriverChoice::Auto,
        verbs: Verbs::default(),
        names: Names::of_this_host(),
        pages: PagePolicy::default(),
        connections_max: 100,
        admission,
        idle_timeout: None,
    }
}

/// A password for `user`, up to the server's answer.
fn attempt(address: SocketAddr, user: &str) -> String {
    let mut client = Client::connect(address, ClientConfig::default(), SOON);
    loop {
        match client.event() {
            Event::HostKeyOffered { .. } => {
                client.connection.handle_host_key(std::time::Instant::now(), true);
            }
            Event::KexDone { .. } => client.connection.auth_password(user, "secret"),
            Event::AuthFailed { .. } => return "failed".to_owned(),
            Event::Disconnected { description, .. } => return description,
            _ => {}
        }
    }
}

#[test]
fn a_failure_before_the_login_ends_one_connection_and_is_penalised() {
    let rules = PenaltyRules { noauth_ms: 0, authfail_ms: 0, min_ms: 0, ..PenaltyRules::default() };
    let admission = AdmissionRules {
        penalties: Some(rules),
        penalty_exempt: Default::default(),
        ..AdmissionRules::default()
    };
    let stop = Arc::new(Stop::new());
    let (started, ready) = mpsc::channel::<(SocketAddr, Statistics)>();
    let stopping = Arc::clone(&stop);
    let server = std::thread::spawn(move || {
        let mut ready = |ready: &ringferry::server::Ready<'_>| {
            let _ = started.send((ready.listen[0], ready.statistics.clone()));
        };
        run(settings(admission), &mut ready, stopping)
    });
    let (address, statistics) = ready.recv_timeout(SOON).expect("it starts");

    // Somebody else is there all the while.
    let (greeted, mut other) = knock("127.0.0.30", address);
    assert_eq!(greeted, Said::Greeting);
    assert_eq!(attempt(address, "alice"), "failed");
    let crash = std::thread::spawn(move || attempt(address, "mallory"));
    assert!(crash.join().is_err(), "the stream ends in the middle");
    let penalised = || (statistics.admission().penalised_sources == (1, 0)).then_some(());
    assert!(wait_for(SOON, penalised).is_some(), "{:?}", statistics.admission());
    assert_eq!(knock("127.0.0.1", address).0, Said::Refusal(PENALISED.to_owned()));

    // The other one is served, and others are.
    other.write_all(b"GET / HTTP/1.1\r\n").expect("sent");
    expect_closed(other, SOON);
    drop(connect_from("127.0.0.31", address));
    assert_eq!(knock("127.0.0.32", address).0, Said::Greeting);
    let held = statistics.admission();
    assert_eq!(held.refused.iter().sum::<u64>(), 1, "{held:?}");
    stop.request();
    server.join().expect("no shard has failed").expect("it ends in order");
}
