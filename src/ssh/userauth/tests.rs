use std::sync::Arc;

use zeroize::Zeroizing;

use super::client::{Attempt, ClientAuth, Offered};
use super::server::{Answer, Decision, ServerAuth, Then};
use super::*;
use crate::crypto::{Ed25519Signer, Signer};
use crate::ssh::config::ServerConfig;
use crate::ssh::disconnect::DisconnectReason;
use crate::ssh::event::{AuthMethod, AuthRequest, AuthVerdict, Event};
use crate::ssh::numbers;

const SESSION: Binding<'static> =
    Binding { session_id: b"the session identifier", host_key: b"the server's key" };

fn signer(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed([seed; 32])
}

/// What a client sends for `attempt`, from after the message number.
fn body(user: &str, attempt: Attempt) -> Vec<u8> {
    let mut client = ClientAuth::default();
    client.service_accept(b"").unwrap();
    client.attempt(user, attempt);
    let message = client.next_message(SESSION, Offered::default()).unwrap().unwrap();
    assert_eq!(message[0], numbers::USERAUTH_REQUEST);
    message[1..].to_vec()
}

fn password(user: &str, text: &str) -> Vec<u8> {
    body(user, Attempt::Password(Zeroizing::new(text.to_owned())))
}

fn signed(user: &str, seed: u8) -> Vec<u8> {
    body(user, Attempt::PublicKey(Arc::new(signer(seed))))
}

/// A publickey question: the request without a signature.
fn offered(user: &str, algorithm: &str, blob: &[u8]) -> Vec<u8> {
    let mut message = request_head(user, "publickey");
    message.put_bool(false);
    message.put_string(algorithm.as_bytes());
    message.put_string(blob);
    message[1..].to_vec()
}

fn named(user: &str, service: &[u8], method: &str) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_string(user.as_bytes());
    body.put_string(service);
    body.put_string(method.as_bytes());
    body
}

fn asked(answer: Answer) -> AuthRequest {
    match answer.then {
        Then::Ask(request) => request,
        other => panic!("{other:?}"),
    }
}

fn replied(answer: Answer) -> Vec<u8> {
    match answer.then {
        Then::Reply(message, _) => message,
        other => panic!("{other:?}"),
    }
}

fn failure() -> Vec<u8> {
    let mut message = vec![numbers::USERAUTH_FAILURE];
    message.put_string(b"publickey,password");
    message.put_bool(false);
    message
}

#[test]
fn a_password_reaches_the_application_once() {
    let (mut auth, config) = (ServerAuth::default(), ServerConfig::default());
    let request = asked(auth.request(&password("alice", "secret"), SESSION, &config).unwrap());
    assert_eq!(request.user, "alice");
    assert_eq!(request.method, AuthMethod::Password(Zeroizing::new("secret".to_owned())));
    assert!(!format!("{request:?}").contains("secret"));
    match auth.decide(AuthVerdict::Accept, &config).unwrap().unwrap() {
        Decision::Success { user, message } => {
            assert_eq!((user.as_str(), message), ("alice", vec![numbers::USERAUTH_SUCCESS]));
        }
        Decision::Reply(message) => panic!("{message:?}"),
    }
    assert!(auth.decide(AuthVerdict::Accept, &config).is_none(), "success exactly once");
}

#[test]
fn cve_2024_45337_a_probed_key_is_not_the_key_that_signs() {
    let (mut auth, config) = (ServerAuth::default(), ServerConfig::default());
    let (a, b) = (signer(1), signer(2));
    let probe = offered("alice", "ssh-ed25519", a.public_blob());
    let request = asked(auth.request(&probe, SESSION, &config).unwrap());
    let algorithm = "ssh-ed25519".to_owned();
    let blob = a.public_blob().to_vec();
    assert_eq!(request.method, AuthMethod::KeyOffered { algorithm: algorithm.clone(), blob });
    match auth.decide(AuthVerdict::Accept, &config).unwrap().unwrap() {
        Decision::Reply(message) => assert_eq!(message[0], numbers::USERAUTH_PK_OK),
        Decision::Success { .. } => panic!("nobody has signed"),
    }
    let request = asked(auth.request(&signed("alice", 2), SESSION, &config).unwrap());
    let blob = b.public_blob().to_vec();
    assert_eq!(request.method, AuthMethod::KeyVerified { algorithm, blob, presence: None });
}

/// What a client sends for a key of `seed` where the server takes host-bound requests.
fn hostbound(binding: Binding<'_>, seed: u8) -> Vec<u8> {
    let mut client = ClientAuth::default();
    client.service_accept(b"").unwrap();
    client.attempt("alice", Attempt::PublicKey(Arc::new(signer(seed))));
    let offered = Offered { hostbound: true, ..Offered::default() };
    client.next_message(binding, offered).unwrap().unwrap()[1..].to_vec()
}

#[test]
fn a_hostbound_request_logs_in_to_its_own_host_only() {
    let config = ServerConfig::default();
    let good = hostbound(SESSION, 1);
    assert!(good.windows(HOSTBOUND.len()).any(|part| part == HOSTBOUND.as_bytes()));
    let request = asked(ServerAuth::default().request(&good, SESSION, &config).unwrap());
    let blob = signer(1).public_blob().to_vec();
    let algorithm = "ssh-ed25519".to_owned();
    assert_eq!(request.method, AuthMethod::KeyVerified { algorithm, blob, presence: None });
    // A client that met another server, honestly signed or with the name changed afterwards.
    let elsewhere = Binding { host_key: b"another's key!!!", ..SESSION };
    let mut renamed = hostbound(elsewhere, 1);
    let at = renamed.windows(16).position(|part| part == elsewhere.host_key).unwrap();
    renamed[at..at + 16].copy_from_slice(SESSION.host_key);
    // Signed without naming the host, then dressed up as if it had been.
    let plain = signed("alice", 1);
    let signature = plain.len() - 4 - 83;
    let mut dressed = named("alice", CONNECTION_SERVICE, HOSTBOUND);
    dressed.extend_from_slice(
        &plain[named("alice", CONNECTION_SERVICE, "publickey").len()..signature],
    );
    dressed.put_string(SESSION.host_key);
    dressed.extend_from_slice(&plain[signature..]);
    for (what, bytes) in
        [("another host", hostbound(elsewhere, 1)), ("renamed", renamed), ("dressed up", dressed)]
    {
        let mut auth = ServerAuth::default();
        assert_eq!(replied(auth.request(&bytes, SESSION, &config).unwrap()), failure(), "{what}");
        assert_eq!(auth.failures(), 1);
    }
    for cut in 0..good.len() {
        assert!(ServerAuth::default().request(&good[..cut], SESSION, &config).is_err());
    }
    let passwords = ServerConfig { methods: vec!["password"], ..config };
    let mut auth = ServerAuth::default();
    replied(auth.request(&good, SESSION, &passwords).unwrap());
    assert_eq!(auth.failures(), 1, "publickey is not offered in either form");
}

#[test]
fn cve_2024_45337_a_hostbound_probe_is_not_the_key_that_signs() {
    let (mut auth, config) = (ServerAuth::default(), ServerConfig::default());
    let mut probe = offered("alice", "ssh-ed25519", signer(1).public_blob());
    let method = named("alice", CONNECTION_SERVICE, "publickey").len();
    probe.splice(..method, named("alice", CONNECTION_SERVICE, HOSTBOUND));
    probe.put_string(SESSION.host_key);
    let request = asked(auth.request(&probe, SESSION, &config).unwrap());
    assert!(matches!(request.method, AuthMethod::KeyOffered { .. }));
    match auth.decide(AuthVerdict::Accept, &config).unwrap().unwrap() {
        Decision::Reply(message) => assert_eq!(message[0], numbers::USERAUTH_PK_OK),
        Decision::Success { .. } => panic!("nobody has signed"),
    }
    let request = asked(auth.request(&hostbound(SESSION, 2), SESSION, &config).unwrap());
    let (algorithm, blob) = ("ssh-ed25519".to_owned(), signer(2).public_blob().to_vec());
    assert_eq!(request.method, AuthMethod::KeyVerified { algorithm, blob, presence: None });
}

#[test]
fn a_user_can_be_held_to_some_signatures() {
    let config = ServerConfig::default();
    let mut auth = ServerAuth::default();
    asked(auth.request(&signed("alice", 1), SESSION, &config).unwrap());
    auth.take_only(&["rsa-sha2-512"]);
    match auth.decide(AuthVerdict::Accept, &config).unwrap().unwrap() {
        Decision::Reply(message) => assert_eq!(message, failure()),
        Decision::Success { .. } => panic!("ssh-ed25519 has just been ruled out"),
    }
    replied(auth.request(&signed("alice", 1), SESSION, &config).unwrap());
    assert_eq!(auth.failures(), 2);
    asked(auth.request(&password("alice", "secret"), SESSION, &config).unwrap());
    let decided = auth.decide(AuthVerdict::Accept, &config).unwrap().unwrap();
    assert!(matches!(decided, Decision::Success { .. }), "a password signs nothing");
    // The same by configuration, for everybody.
    let mut config = ServerConfig::default();
    config.transport.signature_algorithms = vec!["rsa-sha2-512"];
    replied(ServerAuth::default().request(&signed("alice", 1), SESSION, &config).unwrap());
}

#[test]
fn a_signature_for_anything_else_fails() {
    let config = ServerConfig::default();
    let good = signed("alice", 1);
    let mut cases = vec![(
        "another session",
        good.clone(),
        Binding { session_id: b"another session", ..SESSION },
    )];
    // Every byte of the signature and of the key is covered.
    for at in [good.len() - 1, good.len() - 64, good.len() - 100] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        cases.push(("a flipped bit", bad, SESSION));
    }
    // Signed for another user.
    let mut other = good.clone();
    let alice = other.windows(5).position(|part| part == b"alice").unwrap();
    other[alice..alice + 5].copy_from_slice(b"alicf");
    cases.push(("another user", other, SESSION));
    for (what, bytes, session) in cases {
        let mut auth = ServerAuth::default();
        let answer = auth.request(&bytes, session, &config).unwrap();
        assert_eq!(replied(answer), failure(), "{what}");
        assert_eq!(auth.failures(), 1);
    }
    let mut auth = ServerAuth::default();
    asked(auth.request(&good, SESSION, &config).unwrap());
}

#[test]
fn an_algorithm_must_be_known_and_fit_the_key() {
    let config = ServerConfig { max_auth_tries: 100, ..ServerConfig::default() };
    let key = signer(1);
    let mut auth = ServerAuth::default();
    for algorithm in ["ssh-rsa", "rsa-sha2-512", "ecdsa-sha2-nistp256", "", "ssh-ed25519\0"] {
        let probe = offered("alice", algorithm, key.public_blob());
        let answer = auth.request(&probe, SESSION, &config).unwrap();
        assert_eq!(replied(answer), failure(), "{algorithm}");
    }
    for blob in [&b""[..], b"x", &[0; 64], &[255; 64], &vec![0; 64 * 1024]] {
        let answer = auth.request(&offered("alice", "ssh-ed25519", blob), SESSION, &config);
        assert_eq!(replied(answer.unwrap()), failure());
    }
    assert_eq!(auth.failures(), 10);
}

#[test]
fn unknown_methods_fail_without_a_question() {
    let config = ServerConfig { max_auth_tries: 4, ..ServerConfig::default() };
    let mut auth = ServerAuth::default();
    let none = named("alice", CONNECTION_SERVICE, "none");
    for (method, failures) in [("none", 0), ("keyboard-interactive", 1), ("none", 2), ("", 3)] {
        let body = named("alice", CONNECTION_SERVICE, method);
        let answer = auth.request(&body, SESSION, &config).unwrap();
        assert_eq!(replied(answer), failure());
        assert_eq!(auth.failures(), failures, "{method}");
    }
    // The last is told of like the others.
    match auth.request(&none, SESSION, &config).unwrap().then {
        Then::End(end, Some(refused)) => {
            assert_eq!(end.reason, DisconnectReason::NoMoreAuthMethodsAvailable);
            assert_eq!((&*refused.user, &*refused.method), ("alice", "none"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn methods_that_are_not_offered_fail_without_a_question() {
    let config = ServerConfig { methods: vec!["publickey"], ..ServerConfig::default() };
    let answer = ServerAuth::default().request(&password("alice", "x"), SESSION, &config).unwrap();
    let mut expected = vec![numbers::USERAUTH_FAILURE];
    expected.put_string(b"publickey");
    expected.put_bool(false);
    assert_eq!(replied(answer), expected);
}

#[test]
fn too_many_failures_and_too_many_requests_end_it() {
    let config = ServerConfig { max_auth_tries: 3, ..ServerConfig::default() };
    let mut auth = ServerAuth::default();
    for failed in 1..=3 {
        asked(auth.request(&password("alice", "wrong"), SESSION, &config).unwrap());
        let decided = auth.decide(AuthVerdict::Reject, &config).unwrap();
        assert_eq!(decided.is_err(), failed == 3);
    }
    // Accepted questions are not failures, but they are bounded too.
    let mut auth = ServerAuth::default();
    let probe = offered("alice", "ssh-ed25519", signer(1).public_blob());
    let mut served = 0;
    while auth.request(&probe, SESSION, &config).is_ok() {
        auth.decide(AuthVerdict::Accept, &config).unwrap().unwrap();
        served += 1;
    }
    assert_eq!(served, 128);
}

#[test]
fn the_user_and_the_service_stay_what_they_are() {
    let config = ServerConfig::default();
    let none = |user, service: &[u8]| named(user, service, "none");
    let mut auth = ServerAuth::default();
    auth.request(&none("alice", CONNECTION_SERVICE), SESSION, &config).unwrap();
    assert!(auth.request(&none("bob", CONNECTION_SERVICE), SESSION, &config).is_err());
    assert!(auth.request(&none("alice", b"ssh-other"), SESSION, &config).is_err());
    assert!(auth.request(&none("", CONNECTION_SERVICE), SESSION, &config).is_err());
    assert!(auth.request(&none("alice", CONNECTION_SERVICE), SESSION, &config).is_ok());
    let long = "x".repeat(257);
    let mut auth = ServerAuth::default();
    assert!(auth.request(&none(&long, CONNECTION_SERVICE), SESSION, &config).is_err());
}

#[test]
fn every_request_cut_at_every_byte_ends_it() {
    let config = ServerConfig::default();
    let probe = offered("alice", "ssh-ed25519", signer(1).public_blob());
    for body in [password("alice", "secret"), signed("alice", 1), probe] {
        for cut in 0..body.len() {
            let got = ServerAuth::default().request(&body[..cut], SESSION, &config);
            assert!(got.is_err(), "cut at {cut} of {}", body.len());
        }
        let longer = [&body[..], &[0]].concat();
        assert!(ServerAuth::default().request(&longer, SESSION, &config).is_err());
    }
}

#[test]
fn a_password_change_or_a_monstrous_password_fails() {
    let config = ServerConfig::default();
    let mut change = named("alice", CONNECTION_SERVICE, "password");
    change.put_bool(true);
    change.put_string(b"old");
    change.put_string(b"new");
    let mut broken = named("alice", CONNECTION_SERVICE, "password");
    broken.put_bool(false);
    broken.put_string(b"\xff\xfe");
    for body in [change, broken, password("alice", &"x".repeat(1025))] {
        let answer = ServerAuth::default().request(&body, SESSION, &config).unwrap();
        assert_eq!(replied(answer), failure());
    }
}

#[test]
fn the_banner_is_sent_once() {
    let config = ServerConfig { banner: Some("hello\n".into()), ..ServerConfig::default() };
    let mut auth = ServerAuth::default();
    let first = auth.request(&password("alice", "x"), SESSION, &config).unwrap();
    let banner = first.banner.unwrap();
    assert_eq!(banner[0], numbers::USERAUTH_BANNER);
    assert_eq!(ClientAuth::banner(&banner[1..]).unwrap(), Event::Banner("hello\n".into()));
    assert!(auth.request(&password("alice", "x"), SESSION, &config).unwrap().banner.is_none());
}

#[test]
fn only_the_authentication_service_is_granted() {
    let mut auth = ServerAuth::default();
    let mut name = Vec::new();
    name.put_string(USERAUTH_SERVICE);
    let accept = auth.service_request(&name).unwrap();
    assert_eq!(accept[0], numbers::SERVICE_ACCEPT);
    ClientAuth::default().service_accept(&accept[1..]).unwrap();
    let mut other = Vec::new();
    other.put_string(CONNECTION_SERVICE);
    let end = auth.service_request(&other).unwrap_err();
    assert_eq!(end.reason, DisconnectReason::ServiceNotAvailable);
    assert!(ServerAuth::default().service_request(&name[..6]).is_err());
    // Asking over and over is bounded like everything before login.
    assert!((0..200).any(|_| auth.service_request(&name).is_err()));
}

#[test]
fn a_client_takes_no_answer_it_did_not_ask_for() {
    let mut client = ClientAuth::default();
    assert!(client.success(b"").is_err());
    assert!(client.failure(&failure()[1..]).is_err());
    client.attempt("alice", Attempt::None);
    assert!(client.next_message(SESSION, Offered::default()).unwrap().is_none(), "no service yet");
    client.service_accept(b"").unwrap();
    assert!(client.next_message(SESSION, Offered::default()).unwrap().is_some());
    client.attempt("alice", Attempt::None);
    assert!(client.next_message(SESSION, Offered::default()).unwrap().is_none(), "one at a time");
    let methods = vec!["publickey".to_owned(), "password".to_owned()];
    let event = client.failure(&failure()[1..]).unwrap();
    assert_eq!(event, Event::AuthFailed { methods, partial: false });
    assert!(client.next_message(SESSION, Offered::default()).unwrap().is_some());
    assert_eq!(client.success(b"").unwrap(), "alice");
}

#[test]
fn a_client_keeps_to_the_algorithms_the_server_names() {
    /// A key that can sign two ways.
    struct Two;
    impl Signer for Two {
        fn algorithms(&self) -> &'static [&'static str] {
            &["rsa-sha2-512", "rsa-sha2-256"]
        }
        fn public_blob(&self) -> &[u8] {
            b"blob"
        }
        fn sign(&self, algorithm: &str, _: &[u8]) -> Result<Vec<u8>, crate::crypto::CryptoError> {
            Ok(algorithm.as_bytes().to_vec())
        }
    }
    for (listed, used) in [
        (None, "rsa-sha2-512"),
        (Some(&b"ssh-ed25519,rsa-sha2-256"[..]), "rsa-sha2-256"),
        (Some(b"ssh-ed25519"), "rsa-sha2-512"),
    ] {
        let mut client = ClientAuth::default();
        client.service_accept(b"").unwrap();
        client.attempt("alice", Attempt::PublicKey(Arc::new(Two)));
        let message = client
            .next_message(SESSION, Offered { server_sig_algs: listed, ..Offered::default() })
            .unwrap()
            .unwrap();
        assert!(message.ends_with(used.as_bytes()), "{listed:?}");
    }
}
