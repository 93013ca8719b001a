//! Mistakes others have made above the transport, each by the number it was published under.

use super::pair::{client_config, server_config};
use super::raw::{Raw, about, data, open};
use crate::ssh::channel::messages::{global_request, request};
use crate::ssh::userauth::ClientAuth;
use crate::ssh::wire::Writer;
use crate::ssh::{ChannelId, ChannelRequest, Event, GlobalRequest, ServerConfig, numbers};

const OURS: ChannelId = ChannelId(0);

fn exec() -> Vec<u8> {
    request(0, &ChannelRequest::Exec { command: b"touch /tmp/x".to_vec() }, true)
}

/// libssh's server took a client's USERAUTH_SUCCESS for its own.
#[test]
fn cve_2018_10933_a_server_takes_no_success() {
    for message in [&[numbers::USERAUTH_SUCCESS][..], &[numbers::USERAUTH_SUCCESS, 0]] {
        let mut raw = Raw::server(server_config());
        raw.refuses(message);
        assert!(!raw.ours.is_authenticated());
        let mut raw = Raw::server_in_auth(server_config());
        raw.refuses(message);
        assert!(!raw.ours.is_authenticated());
    }
    // Nor does a client take one that nothing was done for.
    let mut raw = Raw::client(client_config());
    let mut accept = vec![numbers::SERVICE_ACCEPT];
    accept.put_string(b"ssh-userauth");
    raw.say(&accept);
    raw.refuses(&[numbers::USERAUTH_SUCCESS]);
}

/// paramiko's server opened channels for whoever asked, twice.
#[test]
fn cve_2018_7750_cve_2018_1000805_no_channel_before_the_login() {
    let early = [
        open(b"session", 0, 1000, 1000),
        exec(),
        data(0, b"ls"),
        global_request(&GlobalRequest::Keepalive, true),
        about(numbers::CHANNEL_CLOSE, 0, |_| {}),
    ];
    for message in &early {
        for mut raw in [Raw::server(server_config()), Raw::server_in_auth(server_config())] {
            raw.events.clear();
            let end = raw.refuses(message);
            assert!(end.contains("too soon"), "{end}");
            assert_eq!(raw.events.len(), 1, "nothing but the end: {:?}", raw.events);
            assert_eq!((raw.heard.len(), raw.ours.channel_count()), (0, 0));
        }
    }
}

/// asyncssh handled both roles' messages in either role.
#[test]
fn cve_2018_7749_neither_role_takes_the_others_messages() {
    let text = |number: u8, text: &[u8]| {
        let mut message = vec![number];
        message.put_string(text);
        message
    };
    let clients = [
        text(numbers::SERVICE_ACCEPT, b"ssh-userauth"),
        text(numbers::USERAUTH_FAILURE, b"none"),
        text(numbers::USERAUTH_BANNER, b"be nice"),
        text(numbers::USERAUTH_PK_OK, b"ssh-ed25519"),
    ];
    for message in &clients {
        Raw::server(server_config()).refuses(message);
        Raw::server_in_auth(server_config()).refuses(message);
        Raw::server_logged_in().refuses(message);
    }
    let servers = [ClientAuth::service_request(), Raw::client_logged_in().signed("alice", 1)];
    for message in &servers {
        Raw::client(client_config()).refuses(message);
        Raw::client_logged_in().refuses(message);
    }
}

/// Erlang's server ran what was asked for before the login; one packet behind the other here.
#[test]
fn cve_2025_32433_nothing_is_run_before_the_login() {
    let mut raw = Raw::server(server_config());
    raw.events.clear();
    raw.peer.queue(&open(b"session", 0, 1000, 1000));
    raw.peer.queue(&exec());
    raw.run();
    assert!(matches!(raw.events[..], [Event::Disconnected { by_peer: false, .. }]));
}

/// russh kept the state of one user's attempts for the next user.
#[test]
fn cve_2026_46705_failures_of_one_user_are_not_the_next_ones() {
    let config = ServerConfig { max_auth_tries: 6, ..server_config() };
    for failures in 1..5u8 {
        let mut raw = Raw::server_in_auth(config.clone());
        raw.accepts = false;
        for seed in 0..failures {
            let attempt = raw.signed("alice", seed);
            assert_eq!(raw.answers(&attempt)[0][0], numbers::USERAUTH_FAILURE);
        }
        raw.accepts = true;
        let other = raw.signed("bob", 9);
        let end = raw.refuses(&other);
        assert!(end.contains("user name changed"), "{end}");
        assert!(!raw.ours.is_authenticated());
    }
}

/// Go's mux locked up on answers to nothing.
#[test]
fn cve_2026_39830_a_hundred_thousand_unsolicited_replies() {
    for mut raw in [Raw::server_with_session(1000, 1000), Raw::client_logged_in()] {
        raw.events.clear();
        raw.heard.clear();
        for round in 0..25_000u32 {
            raw.peer.queue(&[numbers::REQUEST_SUCCESS]);
            raw.peer.queue(&[numbers::REQUEST_FAILURE]);
            raw.peer.queue(&about(numbers::CHANNEL_SUCCESS, round % 3, |_| {}));
            raw.peer.queue(&about(numbers::CHANNEL_FAILURE, round % 3, |_| {}));
            if round % 1000 == 0 {
                raw.run();
            }
        }
        raw.run();
        assert_eq!(raw.events, []);
        assert_eq!(raw.heard.len(), 0);
        let echo = raw.answers(&global_request(&GlobalRequest::Keepalive, true));
        assert_eq!(echo, [[numbers::REQUEST_FAILURE]], "still there");
    }
}

/// Go's writer never ended on lengths that are 0 modulo 2^32, nor ProFTPD's on packets of 0 bytes.
#[test]
fn cve_2026_39834_proftpd_2242_writing_ends_whatever_the_peer_takes() {
    for window in [0, 1, u32::MAX] {
        for packet_max in [1, 8, u32::MAX] {
            let mut raw = Raw::server_with_session(window, packet_max);
            assert_eq!(raw.ours.write(OURS, &[]), 0);
            assert_eq!(raw.ours.reserve_data(OURS, 0), None);
            let text = vec![7; 3000];
            let written = raw.ours.write(OURS, &text);
            assert_eq!(written, text.len().min(window as usize));
            raw.run();
            let carried: usize = raw.heard.iter().map(|message| message.len() - 9).sum();
            assert_eq!(carried, written, "window {window}, packets of {packet_max}");
            // A length past 32 bits is not a short one.
            let frame = raw.ours.reserve_data(OURS, (1 << 32) + 1);
            assert_eq!(frame.is_some(), window == u32::MAX);
        }
    }
    let mut raw = Raw::server_logged_in();
    for window in [0, 1, u32::MAX] {
        let refused = raw.answers(&open(b"session", 40, window, 0));
        assert_eq!(refused[0][..9], [92, 0, 0, 0, 40, 0, 0, 0, 1]);
    }
    assert_eq!(raw.ours.channel_count(), 0);
}

/// Erlang's sftpd looped on extended data.
#[test]
fn cve_2026_54886_extended_data_is_counted_and_ends() {
    let config = ServerConfig { window_bytes: 100, ..server_config() };
    let extended = |code: u32, bytes: &[u8]| {
        about(numbers::CHANNEL_EXTENDED_DATA, 0, |message| {
            message.put_u32(code);
            message.put_string(bytes);
        })
    };
    for code in [0, 1, 2, u32::MAX] {
        let mut raw = Raw::server_logged_in_to(config.clone());
        raw.answers(&open(b"session", 40, 1000, 1000));
        raw.events.clear();
        raw.answers(&extended(code, &[1; 60]));
        raw.answers(&extended(code, b""));
        raw.answers(&data(0, &[2; 40]));
        assert!(matches!(raw.events[0], Event::Data { extended: Some(it), .. } if it == code));
        assert_eq!(raw.events.len(), 2, "nothing is nothing to tell");
        let end = raw.refuses(&extended(code, &[3; 1]));
        assert!(end.contains("window of 0"), "{end}");
    }
    let mut raw = Raw::server_logged_in_to(config);
    raw.answers(&open(b"session", 40, 1000, 1000));
    raw.answers(&about(numbers::CHANNEL_EOF, 0, |_| {}));
    raw.refuses(&extended(1, b"late"));
}
