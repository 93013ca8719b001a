//! Channels of any kind, asked for by either side, and answers that do not come.

use std::time::Duration;

use super::pair::{Pair, client_config, server_config};
use super::raw::{Raw, about, data, open};
use crate::ssh::{ChannelId, ClientConfig, Event, ServerConfig};

const SECOND: Duration = Duration::from_secs(1);

fn logged_in(server: ServerConfig, client: ClientConfig) -> Pair {
    let mut pair = Pair::new(server, client);
    pair.client.connection.auth_password("alice", "secret");
    pair.run();
    pair
}

#[test]
fn a_server_asks_for_a_channel_and_moves_data_over_it() {
    let client = ClientConfig { channel_kinds: vec!["forwarded-tcpip"], ..client_config() };
    let mut pair = logged_in(server_config(), client);
    assert_eq!(pair.server.connection.open_session(), None, "no server asks for a session");
    let ours = pair.server.connection.open_channel("forwarded-tcpip", b"from where").unwrap();
    pair.run();
    assert!(pair.server.saw(|event| *event == Event::ChannelOpened { channel: ours }));
    let theirs = pair.client.events.iter().find_map(|event| match event {
        Event::ChannelOpenRequested { channel, kind, data } => {
            assert_eq!((kind.as_str(), data.as_slice()), ("forwarded-tcpip", &b"from where"[..]));
            Some(*channel)
        }
        _ => None,
    });
    let theirs = theirs.unwrap();
    assert_eq!(pair.server.connection.write(ours, b"ping"), 4);
    assert_eq!(pair.client.connection.write(theirs, b"pong"), 4);
    pair.run();
    assert_eq!(pair.client.data[&theirs], b"ping");
    assert_eq!(pair.server.data[&ours], b"pong");
    let refused = pair.server.connection.open_channel("x11", b"").unwrap();
    let unknown = pair.server.connection.open_channel("x12", b"").unwrap();
    pair.run();
    for (wanted, code) in [(refused, 1), (unknown, 3)] {
        assert!(pair.server.saw(|event| match event {
            Event::ChannelOpenFailed { channel, reason, .. } => {
                (*channel, *reason) == (wanted, code)
            }
            _ => false,
        }));
    }
}

#[test]
fn a_kind_that_is_listed_is_the_applications_to_decide() {
    let config = ServerConfig { channel_kinds: vec!["direct-tcpip"], ..server_config() };
    let mut raw = Raw::server_logged_in_to(config);
    assert_eq!(raw.answers(&open(b"session", 1, 10, 10))[0][..9], [92, 0, 0, 0, 1, 0, 0, 0, 1]);
    raw.accepts = false;
    assert_eq!(raw.answers(&open(b"direct-tcpip", 1, 10, 10))[0][0], 92);
    raw.accepts = true;
    assert_eq!(raw.answers(&open(b"direct-tcpip", 1, 10, 10))[0][0], 91);
}

#[test]
fn an_open_that_is_not_answered_fails_in_time() {
    let config = ClientConfig { open_timeout: Some(5 * SECOND), ..client_config() };
    let mut raw = Raw::client_logged_in_with(config);
    let [first, second] = [0, 1].map(|_| raw.ours.open_session().unwrap());
    raw.run();
    raw.heard.clear();
    let due = raw.ours.next_deadline().unwrap();
    assert_eq!(due - raw.now, 5 * SECOND);
    assert_eq!(raw.ours.handle_timeout(raw.now), None);
    for wanted in [first, second] {
        assert_eq!(raw.ours.next_deadline(), Some(due));
        match raw.ours.handle_timeout(due) {
            Some(Event::ChannelOpenFailed { channel, reason: 2, .. }) => {
                assert_eq!(channel, wanted)
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((raw.ours.handle_timeout(due), raw.ours.next_deadline()), (None, None));
    // A late confirmation is closed again, a late refusal passed over; nobody hears of either.
    raw.events.clear();
    let confirmation = about(91, first.0, |message| {
        message.extend([0, 0, 0, 9, 0, 0, 4, 0, 0, 0, 4, 0]);
    });
    assert_eq!(raw.answers(&confirmation), [about(97, 9, |_| {})]);
    assert!(raw.answers(&data(first.0, b"too late")).is_empty());
    assert!(raw.answers(&about(97, first.0, |_| {})).is_empty());
    assert!(raw.answers(&about(92, second.0, |it| it.extend([0; 12]))).is_empty());
    assert_eq!(raw.events, []);
    assert_eq!(raw.ours.channel_count(), 0);
    raw.refuses(&confirmation);
}

#[test]
fn confirmations_and_refusals_of_nothing_end_it() {
    let confirmation =
        |id: u32| about(91, id, |it| it.extend([0, 0, 0, 9, 0, 0, 4, 0, 0, 0, 4, 0]));
    let refusal = |id: u32| about(92, id, |message| message.extend([0; 12]));
    for id in [0, 1, u32::MAX] {
        Raw::server_logged_in().refuses(&confirmation(id));
        Raw::server_logged_in().refuses(&refusal(id));
        Raw::client_logged_in().refuses(&confirmation(id));
        Raw::client_logged_in().refuses(&refusal(id));
    }
    // One that is open already.
    Raw::server_with_session(10, 10).refuses(&confirmation(0));
    Raw::server_with_session(10, 10).refuses(&refusal(0));
    let mut raw = Raw::client_logged_in();
    let ours = raw.ours.open_session().unwrap();
    assert_eq!(ours, ChannelId(0));
    raw.answers(&confirmation(0));
    raw.refuses(&confirmation(0));
}

#[test]
fn a_confirmation_with_packets_of_nothing_ends_it() {
    let mut raw = Raw::client_logged_in();
    raw.ours.open_session().unwrap();
    raw.run();
    raw.refuses(&about(91, 0, |it| it.extend([0, 0, 0, 9, 0, 0, 4, 0, 0, 0, 0, 0])));
}
