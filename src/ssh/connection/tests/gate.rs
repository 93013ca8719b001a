//! Every message number in every state, and every payload cut at every byte.

use super::pair::{Dice, client_config, server_config};
use super::raw::{Raw, about, data, open};
use crate::ssh::connection::table::{Action, Phase, action};
use crate::ssh::transport::Role;
use crate::ssh::wire::Writer;
use crate::ssh::{ChannelRequest, Event, TerminalModes, WindowSize, numbers};

/// Numbers the transport keeps to itself: what it does with them is its own tests' business.
fn is_transports(number: u8) -> bool {
    number < 50 && !matches!(number, numbers::SERVICE_REQUEST | numbers::SERVICE_ACCEPT)
        || matches!(number, numbers::PING | numbers::PONG)
}

fn at(role: Role, phase: Phase) -> Raw {
    match (role, phase) {
        (Role::Server, Phase::Service) => Raw::server(server_config()),
        (Role::Server, Phase::Auth) => Raw::server_in_auth(server_config()),
        (Role::Server, Phase::Open) => Raw::server_logged_in(),
        (Role::Client, Phase::Service) => Raw::client(client_config()),
        (Role::Client, Phase::Auth) => Raw::client_in_auth(),
        (Role::Client, Phase::Open) => Raw::client_logged_in(),
    }
}

fn every_number(role: Role) {
    for phase in [Phase::Service, Phase::Auth, Phase::Open] {
        for number in 0..=255u8 {
            let mut raw = at(role, phase);
            let authenticated = raw.ours.is_authenticated();
            raw.events.clear();
            raw.heard.clear();
            // Four bytes 0: too short for some, a channel that is not there for others.
            raw.say(&[number, 0, 0, 0, 0]);
            let what = format!("{role:?} {phase:?} {number}: {:?}", raw.events);
            assert_eq!(raw.ours.is_authenticated(), authenticated, "{what}");
            let opened = |event: &Event| {
                matches!(event, Event::ChannelOpenRequested { .. } | Event::AuthRequest(_))
            };
            assert!(!raw.events.iter().any(opened), "{what}");
            if is_transports(number) {
                continue;
            }
            match action(role, phase, number) {
                Action::Handle => {}
                Action::Disconnect => assert!(raw.end().is_some() && raw.dropped, "{what}"),
                Action::Ignore => assert!(raw.end().is_none() && raw.heard.is_empty(), "{what}"),
                Action::Unimplemented => {
                    assert!(raw.end().is_none(), "{what}");
                    assert_eq!(raw.heard, [vec![numbers::UNIMPLEMENTED]], "{what}");
                }
            }
        }
    }
}

#[test]
fn every_number_in_every_state_of_a_server() {
    every_number(Role::Server);
}

#[test]
fn every_number_in_every_state_of_a_client() {
    every_number(Role::Client);
}

#[test]
fn a_server_does_not_take_what_a_client_is_told() {
    let mut raw = Raw::server_in_auth(server_config());
    raw.refuses(&[numbers::USERAUTH_SUCCESS]);
    assert!(!raw.ours.is_authenticated());
    let mut raw = Raw::server_in_auth(server_config());
    raw.refuses(&open(b"session", 0, 1000, 1000));
    let mut raw = Raw::server(server_config());
    raw.refuses(&open(b"session", 0, 1000, 1000));
}

#[test]
fn a_client_takes_no_success_it_did_not_ask_for() {
    let mut raw = Raw::client(client_config());
    let mut accept = vec![numbers::SERVICE_ACCEPT];
    accept.put_string(b"ssh-userauth");
    raw.say(&accept);
    raw.refuses(&[numbers::USERAUTH_SUCCESS]);
}

/// Messages about the session channel (ours is 0), whole.
fn whole_messages() -> Vec<Vec<u8>> {
    let size = WindowSize::default();
    let requests = [
        ChannelRequest::Subsystem { name: "sftp".into() },
        ChannelRequest::Exec { command: b"ls".to_vec() },
        ChannelRequest::Shell,
        ChannelRequest::Pty { term: "xterm".into(), size, modes: TerminalModes::default() },
        ChannelRequest::Env { name: "A".into(), value: b"b".to_vec() },
        ChannelRequest::WindowChange(size),
        ChannelRequest::Signal { name: "TERM".into() },
        ChannelRequest::EndOfWrite,
    ];
    let mut all: Vec<_> = requests
        .iter()
        .map(|request| crate::ssh::channel::messages::request(0, request, true))
        .collect();
    all.push(open(b"session", 41, 1000, 1000));
    all.push(data(0, b"hello"));
    all.push(about(numbers::CHANNEL_EXTENDED_DATA, 0, |message| {
        message.put_u32(1);
        message.put_string(b"hello");
    }));
    all.push(about(numbers::CHANNEL_WINDOW_ADJUST, 0, |message| message.put_u32(10)));
    for number in [96, 97, 99, 100] {
        all.push(about(number, 0, |_| {}));
    }
    let mut global = vec![numbers::GLOBAL_REQUEST];
    global.put_string(b"keepalive@openssh.com");
    global.put_bool(true);
    all.push(global);
    all
}

#[test]
fn every_message_cut_at_every_byte_ends_it() {
    for message in whole_messages() {
        for cut in 1..message.len() {
            let mut raw = Raw::server_with_session(1000, 1000);
            raw.refuses(&message[..cut]);
        }
        let mut raw = Raw::server_with_session(1000, 1000);
        raw.answers(&message);
    }
}

#[test]
fn confirmations_and_refusals_cut_at_every_byte_end_it() {
    let confirmation = about(numbers::CHANNEL_OPEN_CONFIRMATION, 0, |message| {
        for field in [7, 1000, 1000] {
            message.put_u32(field);
        }
    });
    let refusal = about(numbers::CHANNEL_OPEN_FAILURE, 0, |message| {
        message.put_u32(1);
        message.put_string(b"no");
    });
    for message in [confirmation, refusal] {
        for cut in 1..=message.len() {
            let mut raw = Raw::client_logged_in();
            raw.ours.open_session().unwrap();
            raw.run();
            raw.say(&message[..cut]);
            assert_eq!(raw.end().is_some(), cut < message.len(), "cut at {cut}");
        }
    }
}

/// Bodies made of nothing sensible, and of sensible pieces in a senseless order.
#[test]
fn random_messages_neither_panic_nor_hang() {
    let mut dice = Dice::new(21);
    let whole = whole_messages();
    let (mut raw, mut ends) = (Raw::server_with_session(1000, 1000), 0);
    for _ in 0..4000 {
        let mut message = whole[dice.roll(whole.len() - 1)].clone();
        match dice.roll(3) {
            0 => {
                let count = dice.roll(40);
                message.truncate(1);
                message.extend(dice.bytes(count));
            }
            1 => {
                let at = dice.roll(message.len() - 1).max(1);
                message[at] = u8::try_from(dice.roll(255)).unwrap();
            }
            _ => {}
        }
        raw.say(&message);
        raw.heard.clear();
        raw.events.clear();
        assert!(raw.ours.channel_count() <= server_config().channels_max);
        if raw.ours.is_closed() {
            raw = Raw::server_with_session(1000, 1000);
            ends += 1;
        }
    }
    assert!(ends > 100, "only {ends} were bad enough");
}
