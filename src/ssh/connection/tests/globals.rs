//! Global requests, ours and the peer's.

use std::time::Duration;

use super::pair::{Pair, client_config, server_config};
use super::raw::{Raw, open};
use crate::ssh::channel::messages::global_request;
use crate::ssh::{Event, GlobalRequest, ServerConfig, numbers};

fn forward() -> GlobalRequest {
    GlobalRequest::TcpipForward { address: "localhost".into(), port: 0 }
}

fn replies(events: &[Event]) -> Vec<(bool, Vec<u8>)> {
    let replies = events.iter().filter_map(|event| match event {
        Event::GlobalReply { success, data } => Some((*success, data.clone())),
        _ => None,
    });
    replies.collect()
}

#[test]
fn every_request_of_a_peer_is_answered_if_it_asks() {
    let requests = [
        GlobalRequest::Keepalive,
        forward(),
        GlobalRequest::CancelTcpipForward { address: String::new(), port: 22 },
        GlobalRequest::StreamlocalForward { path: b"/tmp/x".to_vec() },
        GlobalRequest::CancelStreamlocalForward { path: b"/tmp/x".to_vec() },
        GlobalRequest::Other { name: String::new(), data: b"xyz".to_vec() },
    ];
    for mut raw in [Raw::server_logged_in(), Raw::client_logged_in()] {
        for request in &requests {
            let refused = vec![vec![numbers::REQUEST_FAILURE]];
            assert_eq!(raw.answers(&global_request(request, true)), refused, "{request:?}");
            assert!(raw.answers(&global_request(request, false)).is_empty());
        }
    }
}

#[test]
fn requests_cut_at_every_byte_end_it_or_are_refused() {
    let whole = global_request(&forward(), true);
    for cut in 1..whole.len() {
        Raw::server_logged_in().refuses(&whole[..cut]);
    }
    let mut longer = whole;
    longer.push(0);
    Raw::server_logged_in().refuses(&longer);
}

#[test]
fn no_more_sessions_is_held_to() {
    for want_reply in [false, true] {
        let mut raw = Raw::server_with_session(1000, 1000);
        let answers = raw.answers(&global_request(&GlobalRequest::NoMoreSessions, want_reply));
        assert_eq!(answers, vec![vec![numbers::REQUEST_SUCCESS]; usize::from(want_reply)]);
        raw.refuses(&open(b"session", 41, 1000, 1000));
    }
    // A client is asked for no sessions anyway, so there is nothing for it to promise.
    let mut raw = Raw::client_logged_in();
    let answers = raw.answers(&global_request(&GlobalRequest::NoMoreSessions, true));
    assert_eq!(answers, [[numbers::REQUEST_FAILURE]]);
}

#[test]
fn either_role_asks_and_hears_in_order() {
    let mut pair = Pair::usual();
    assert!(!pair.client.connection.global_request(&forward(), true), "nobody is logged in");
    pair.client.connection.auth_password("alice", "secret");
    pair.run();
    assert!(pair.client.connection.global_request(&forward(), true));
    assert!(pair.client.connection.global_request(&GlobalRequest::NoMoreSessions, true));
    assert!(pair.client.connection.global_request(&GlobalRequest::Keepalive, false));
    assert!(pair.server.connection.global_request(&GlobalRequest::Keepalive, true));
    pair.run();
    assert_eq!(replies(&pair.client.events), [(false, vec![]), (true, vec![])]);
    assert_eq!(replies(&pair.server.events), [(false, vec![])]);
}

#[test]
fn what_a_success_brings_is_handed_on() {
    let mut raw = Raw::client_logged_in();
    assert!(raw.ours.global_request(&forward(), true));
    raw.run();
    raw.answers(&[numbers::REQUEST_SUCCESS, 0, 0, 4, 1]);
    assert_eq!(replies(&raw.events), [(true, vec![0, 0, 4, 1])]);
}

#[test]
fn so_many_wait_and_no_more() {
    let mut raw = Raw::client_logged_in();
    let asked = (0..1000).filter(|_| raw.ours.global_request(&forward(), true)).count();
    assert_eq!(asked, 64);
    assert!(raw.ours.global_request(&forward(), false), "this one waits for nothing");
    raw.run();
    raw.answers(&[numbers::REQUEST_FAILURE]);
    assert!(raw.ours.global_request(&forward(), true));
}

/// Keepalives ask in between; their answers are not taken for the application's.
#[test]
fn answers_to_keepalives_are_not_the_applications() {
    let second = Duration::from_secs(1);
    let config = ServerConfig {
        keepalive_interval: Some(second),
        keepalive_count_max: 0,
        ..server_config()
    };
    let mut raw = Raw::server_logged_in_to(config);
    let tick = |raw: &mut Raw| {
        raw.now += second;
        raw.ours.handle_timeout(raw.now);
        raw.run();
    };
    tick(&mut raw);
    tick(&mut raw);
    assert!(raw.ours.global_request(&forward(), true));
    tick(&mut raw);
    assert_eq!(raw.heard.len(), 4);
    raw.events.clear();
    let success = |byte: u8| [numbers::REQUEST_SUCCESS, byte];
    for byte in 1..=5 {
        raw.answers(&success(byte));
    }
    assert_eq!(replies(&raw.events), [(true, vec![3])], "the third question was the application's");
    assert_eq!(raw.events.len(), 1);
}

#[test]
fn both_ends_keep_each_other_alive() {
    let server = ServerConfig {
        keepalive_interval: Some(Duration::from_secs(10)),
        keepalive_count_max: 1,
        ..server_config()
    };
    let client = crate::ssh::ClientConfig {
        keepalive_interval: Some(Duration::from_secs(15)),
        keepalive_count_max: 1,
        ..client_config()
    };
    let (mut pair, ..) = Pair::with_session(server, client);
    pair.sleep(Duration::from_secs(1000));
    assert_eq!((pair.server.end(), pair.client.end()), (None, None));
    assert_eq!(replies(&pair.server.events), []);
}
