//! Deadlines, in virtual time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pair::{Pair, client_config, random, server_config};
use super::raw::Raw;
use crate::ssh::{
    ClientConfig, Connection, DisconnectReason, Event, ServerConfig, TransportConfig, numbers,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_login_that_takes_too_long_is_cut() {
    let config = ServerConfig { auth_timeout: Some(30 * SECOND), ..server_config() };
    let mut pair = Pair::new(config, client_config());
    pair.run();
    pair.sleep(29 * SECOND);
    assert_eq!(pair.server.end(), None);
    pair.sleep(2 * SECOND);
    let (by_peer, _, description) = pair.server.end().unwrap();
    assert!(!by_peer && description.contains("login was not over"), "{description}");
    assert!(pair.client.end().unwrap().0, "the peer was told");
    assert_eq!(pair.server.connection.next_deadline(), None);
}

/// Each of the four has its own time, reason and text.
#[test]
fn every_deadline_says_which_it_was() {
    let transport = TransportConfig {
        ident_timeout: 5 * SECOND,
        kex_timeout: 7 * SECOND,
        ..server_config().transport
    };
    let server = ServerConfig { auth_timeout: Some(11 * SECOND), transport, ..server_config() };
    let client = ClientConfig {
        auth_timeout: Some(11 * SECOND),
        transport: server.transport.clone(),
        ..client_config()
    };
    // The deadline comes when it should, and how it ends.
    let ends = |ours: &mut Connection, at: Instant| {
        assert_eq!(ours.next_deadline(), Some(at));
        assert_eq!(ours.handle_timeout(at - SECOND), None);
        match ours.handle_timeout(at) {
            Some(Event::Disconnected { by_peer: false, reason, description }) => {
                assert_eq!((ours.next_deadline(), ours.is_closed()), (None, true));
                (reason, description)
            }
            other => panic!("{other:?}"),
        }
    };
    let now = Instant::now();
    let made = || {
        let server = Connection::server(Arc::new(server.clone()), random(1), now);
        [server, Connection::client(Arc::new(client.clone()), random(2), now)]
    };
    for mut ours in made() {
        ours.poll_transmit(now, &mut Vec::new());
        let end = ends(&mut ours, now + 5 * SECOND);
        assert_eq!(end, (10, "no identification line within 5 s".to_owned()));
    }
    for mut ours in made() {
        let later = now + SECOND;
        ours.handle_input(later, &mut b"SSH-2.0-x\r\n".to_vec());
        ours.poll_transmit(later, &mut Vec::new());
        let end = ends(&mut ours, later + 7 * SECOND);
        assert_eq!(end, (3, "the key exchange was not over within 7 s".to_owned()));
    }
    for mut raw in [Raw::server(server.clone()), Raw::client(client)] {
        let at = raw.now + 11 * SECOND;
        let end = ends(&mut raw.ours, at);
        assert_eq!(end, (11, "the login was not over within 11 s".to_owned()));
    }
    let mut raw = Raw::server_logged_in_to(server);
    raw.ours.rekey(raw.now);
    raw.ours.poll_transmit(raw.now, &mut Vec::new());
    let end = ends(&mut raw.ours, raw.now + 7 * SECOND);
    assert_eq!(end, (3, "the key exchange was not over within 7 s".to_owned()));
}

#[test]
fn a_login_in_time_is_not() {
    let config = ServerConfig { auth_timeout: Some(30 * SECOND), ..server_config() };
    let (mut pair, ..) = Pair::with_session(config, client_config());
    pair.sleep(3600 * SECOND);
    assert_eq!(pair.server.end(), None);
}

#[test]
fn a_verdict_that_takes_too_long_is_a_login_that_does() {
    let config = ServerConfig { auth_timeout: Some(30 * SECOND), ..server_config() };
    let mut raw = Raw::server_in_auth(config);
    let login = raw.signed("alice", 1);
    raw.peer.queue(&login);
    let mut bytes = Vec::new();
    raw.peer.poll_transmit(raw.now, &mut bytes);
    let handled = raw.ours.handle_input(raw.now, &mut bytes);
    assert!(matches!(handled.event, Some(Event::AuthRequest(_))));
    assert!(!raw.ours.wants_input());
    let late = raw.now + 30 * SECOND;
    let event = raw.ours.handle_timeout(late);
    assert!(matches!(event, Some(Event::Disconnected { by_peer: false, .. })));
    raw.ours.handle_auth(late, crate::ssh::AuthVerdict::Accept);
    assert!(!raw.ours.is_authenticated(), "too late");
}

#[test]
fn a_silent_peer_is_asked_and_then_cut() {
    let config = ServerConfig {
        keepalive_interval: Some(10 * SECOND),
        keepalive_count_max: 3,
        ..server_config()
    };
    let mut raw = Raw::server_logged_in_to(config);
    let mut now = raw.now;
    let mut sent = 0;
    while !raw.ours.is_closed() {
        assert!(sent < 10, "asked for ever");
        now = raw.ours.next_deadline().unwrap();
        raw.ours.handle_timeout(now);
        let mut out = Vec::new();
        raw.ours.poll_transmit(now, &mut out);
        sent += usize::from(!out.is_empty());
    }
    assert_eq!(sent, 3 + 1, "three questions and DISCONNECT");
    assert_eq!(now - raw.now, 40 * SECOND);
}

#[test]
fn a_peer_that_answers_is_kept_whatever_it_answers() {
    let config = ServerConfig {
        keepalive_interval: Some(10 * SECOND),
        keepalive_count_max: 1,
        ..server_config()
    };
    let (mut pair, ..) = Pair::with_session(config, client_config());
    pair.sleep(1000 * SECOND);
    assert_eq!(pair.server.end(), None);
    let info = pair.server.connection.info();
    assert!(info.received.packets >= 100, "every question was answered");
}

#[test]
fn disconnect_says_goodbye_once() {
    let (mut pair, _, theirs) = Pair::with_session(server_config(), client_config());
    pair.server.connection.disconnect(DisconnectReason::ByApplication, "going down");
    pair.server.connection.disconnect(DisconnectReason::ProtocolError, "again");
    assert!(pair.server.connection.is_closed());
    assert_eq!(pair.server.connection.write(theirs, b"late"), 0);
    assert!(!pair.server.connection.can_send_data());
    pair.run();
    assert_eq!(pair.server.end(), Some((false, 11, "going down")));
    assert_eq!(pair.client.end(), Some((true, 11, "going down")));
    let ends = pair.server.events.iter().filter(|it| matches!(it, Event::Disconnected { .. }));
    assert_eq!(ends.count(), 1);
    assert!(!pair.server.connection.wants_input());
    let mut out = Vec::new();
    pair.server.connection.poll_transmit(pair.now, &mut out);
    assert!(out.is_empty());
}

#[test]
fn keepalives_of_either_side_are_answered() {
    let mut raw = Raw::client_logged_in();
    let mut message = vec![numbers::GLOBAL_REQUEST];
    crate::ssh::wire::Writer::put_string(&mut message, b"keepalive@openssh.com");
    message.push(1);
    assert_eq!(raw.answers(&message), [vec![numbers::REQUEST_FAILURE]]);
}

/// A connection may be made on one thread and run on another.
#[test]
fn a_connection_can_change_threads() {
    fn sendable<T: Send>() {}
    sendable::<crate::ssh::Connection>();
}
