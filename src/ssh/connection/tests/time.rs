//! Deadlines, in virtual time.

use std::time::Duration;

use super::pair::{Pair, client_config, server_config};
use super::raw::Raw;
use crate::ssh::{DisconnectReason, Event, ServerConfig, numbers};

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
    assert!(!by_peer && description.contains("log in"), "{description}");
    assert!(pair.client.end().unwrap().0, "the peer was told");
    assert_eq!(pair.server.connection.next_deadline(), None);
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
