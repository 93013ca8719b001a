//! Whole logins, by every method.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::pair::{Dice, Pair, Split, client_config, server_config};
use super::raw::Raw;
use crate::crypto::{Ed25519Signer, Signer};
use crate::ssh::wire::Writer;
use crate::ssh::{AuthMethod, AuthVerdict, Event, ServerConfig, numbers};

pub(super) fn key(seed: u8) -> Arc<Ed25519Signer> {
    Arc::new(Ed25519Signer::from_seed([seed; 32]))
}

pub(super) fn assert_logged_in(pair: &Pair, user: &str) {
    for end in [&pair.client, &pair.server] {
        assert!(end.connection.is_authenticated(), "{:?}", end.events);
        assert_eq!(end.connection.user(), Some(user));
        let logins = end.events.iter().filter(|it| matches!(it, Event::Authenticated { .. }));
        assert_eq!(logins.count(), 1);
    }
}

#[test]
fn a_password_logs_in() {
    for split in [Split::Whole, Split::Bytewise, Split::Random(Dice::new(1), 40)] {
        let mut pair = Pair::usual();
        pair.split = split;
        pair.server.auth = Box::new(|request| {
            assert_eq!(request.user, "alice");
            match &request.method {
                AuthMethod::Password(text) if text.as_str() == "secret" => AuthVerdict::Accept,
                _ => AuthVerdict::Reject,
            }
        });
        pair.client.connection.auth_password("alice", "secret");
        pair.run();
        assert_logged_in(&pair, "alice");
        assert!(pair.client.saw(|event| matches!(event, Event::HostKeyOffered { .. })));
        assert!(pair.client.saw(|event| *event == Event::KexDone { first: true }));
        let ident = pair.client.connection.info().ident.clone();
        assert!(pair.server.saw(|it| *it == Event::Connected { peer_ident: ident.clone() }));
    }
}

#[test]
fn a_key_logs_in_and_another_does_not() {
    for split in [Split::Whole, Split::Bytewise, Split::Random(Dice::new(2), 40)] {
        let mut pair = Pair::usual();
        pair.split = split;
        wrong_key_then_right_key(pair);
    }
}

fn wrong_key_then_right_key(mut pair: Pair) {
    let known = key(1).public_blob().to_vec();
    pair.server.auth = Box::new(move |request| match &request.method {
        AuthMethod::KeyVerified { blob, algorithm, presence: None } => {
            assert_eq!(algorithm, "ssh-ed25519");
            if *blob == known { AuthVerdict::Accept } else { AuthVerdict::Reject }
        }
        _ => AuthVerdict::Reject,
    });
    pair.client.connection.auth_publickey("alice", key(2));
    pair.run();
    let methods = vec!["publickey".to_owned(), "password".to_owned()];
    assert!(
        pair.client.saw(|it| *it == Event::AuthFailed { methods: methods.clone(), partial: false })
    );
    assert!(!pair.client.connection.is_authenticated());
    assert!(!pair.server.connection.is_authenticated());
    assert_eq!(pair.server.connection.auth_progress(), (Some("alice"), 1));
    pair.client.connection.auth_publickey("alice", key(1));
    pair.run();
    assert_logged_in(&pair, "alice");
}

#[test]
fn without_proof_nobody_is_even_asked() {
    let mut pair = Pair::usual();
    pair.server.auth = Box::new(|request| panic!("asked {request:?}"));
    pair.client.connection.auth_none("alice");
    pair.run();
    assert!(pair.client.saw(|event| matches!(event, Event::AuthFailed { .. })));
    assert_eq!(pair.server.connection.auth_progress(), (Some("alice"), 0));
}

#[test]
fn the_banner_comes_before_the_answer() {
    let config = ServerConfig { banner: Some("be nice".into()), ..server_config() };
    let mut pair = Pair::new(config, client_config());
    pair.client.connection.auth_password("alice", "x");
    pair.run();
    let at = |wanted: &Event| pair.client.events.iter().position(|event| event == wanted);
    let banner = at(&Event::Banner("be nice".into())).unwrap();
    assert!(banner < at(&Event::Authenticated { user: "alice".into() }).unwrap());
}

#[test]
fn too_many_failures_cut_the_connection() {
    let config = ServerConfig { max_auth_tries: 3, ..server_config() };
    let mut pair = Pair::new(config, client_config());
    pair.server.auth = Box::new(|_| AuthVerdict::Reject);
    for _ in 0..5 {
        pair.client.connection.auth_password("alice", "wrong");
        pair.run();
    }
    assert!(!pair.server.connection.is_authenticated());
    assert_eq!(pair.server.connection.auth_progress().1, 3);
    let (by_peer, reason, _) = pair.server.end().unwrap();
    assert_eq!((by_peer, reason), (false, 14));
    let (by_peer, reason, _) = pair.client.end().unwrap();
    assert_eq!((by_peer, reason), (true, 14));
}

#[test]
fn a_host_key_refused_ends_it() {
    let mut pair = Pair::usual();
    pair.client.accept_host_key = false;
    pair.client.connection.auth_password("alice", "secret");
    pair.run();
    assert!(pair.client.connection.is_closed() && pair.server.connection.is_closed());
    assert!(!pair.server.saw(|event| matches!(event, Event::AuthRequest(_))));
}

#[test]
fn cve_2024_45337_a_key_probed_and_another_that_signs() {
    let mut raw = Raw::server_in_auth(server_config());
    let (a, b) = (key(1), key(2));
    let mut probe = vec![numbers::USERAUTH_REQUEST];
    for field in [&b"alice"[..], b"ssh-connection", b"publickey"] {
        probe.put_string(field);
    }
    probe.put_bool(false);
    probe.put_string(b"ssh-ed25519");
    probe.put_string(a.public_blob());
    assert_eq!(raw.answers(&probe)[0][0], numbers::USERAUTH_PK_OK);
    assert!(!raw.ours.is_authenticated());
    let signed = raw.signed("alice", 2);
    let answers = raw.answers(&signed);
    assert_eq!(answers[0], [numbers::USERAUTH_SUCCESS]);
    assert_eq!(answers[1][0], numbers::GLOBAL_REQUEST, "the host keys");
    let verified = raw.events.iter().find_map(|event| match event {
        Event::AuthRequest(request) => match &request.method {
            AuthMethod::KeyVerified { blob, .. } => Some(blob.clone()),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(verified.as_deref(), Some(b.public_blob()));
}

#[test]
fn a_signature_made_for_one_connection_is_worth_nothing_on_another() {
    let first = Raw::server_in_auth(server_config());
    let stolen = first.signed("alice", 1);
    let mut second = Raw::server(ServerConfig {
        transport: crate::ssh::TransportConfig {
            software_version: "another".into(),
            ..super::pair::transport()
        },
        ..server_config()
    });
    second.say(&crate::ssh::userauth::ClientAuth::service_request());
    assert_eq!(second.answers(&stolen)[0][0], numbers::USERAUTH_FAILURE);
    assert!(!second.events.iter().any(|event| matches!(event, Event::AuthRequest(_))));
}

#[test]
fn a_login_after_the_login_is_passed_over() {
    let mut raw = Raw::server_logged_in();
    let again = raw.signed("bob", 2);
    assert!(raw.answers(&again).is_empty());
    assert_eq!(raw.ours.user(), Some("alice"));
}

#[test]
fn requests_sent_ahead_are_answered_in_order() {
    let mut raw = Raw::server_in_auth(server_config());
    raw.accepts = false;
    for seed in 1..4 {
        let request = raw.signed("alice", seed);
        raw.peer.queue(&request);
    }
    raw.heard.clear();
    raw.run();
    assert_eq!(raw.heard.len(), 3);
    assert!(raw.heard.iter().all(|it| it[0] == numbers::USERAUTH_FAILURE));
}

#[test]
fn cve_2026_46705_changing_the_user_or_the_service_ends_it() {
    for (user, service) in [("bob", "ssh-connection"), ("alice", "ssh-userauth")] {
        let mut raw = Raw::server_in_auth(server_config());
        raw.accepts = false;
        let first = raw.signed("alice", 1);
        assert_eq!(raw.answers(&first)[0][0], numbers::USERAUTH_FAILURE);
        let mut second = vec![numbers::USERAUTH_REQUEST];
        for field in [user, service, "none"] {
            second.put_string(field.as_bytes());
        }
        raw.refuses(&second);
    }
}

#[test]
fn verdicts_nobody_asked_for_do_nothing() {
    let mut pair = Pair::usual();
    pair.server.connection.handle_auth(pair.now, AuthVerdict::Accept);
    pair.server.connection.handle_channel_verdict(pair.now, true);
    pair.server.connection.handle_host_key(pair.now, true);
    pair.client.connection.auth_none("alice");
    pair.run();
    pair.server.connection.handle_auth(pair.now, AuthVerdict::Accept);
    pair.run();
    assert!(!pair.server.connection.is_authenticated());
    assert_eq!(pair.server.end(), None);
    // A password never shows in what a driver may log.
    let shown = format!("{:?}", AuthMethod::Password(Zeroizing::new("secret".into())));
    assert!(!shown.contains("secret"));
}
