//! Every payload cut at every byte, and payloads that make no sense.

use super::pair::{Dice, server_config};
use super::raw::{Raw, about, data, open};
use crate::ssh::channel::messages::request;
use crate::ssh::wire::Writer;
use crate::ssh::{ChannelRequest, Event, TerminalModes, WindowSize, X11Cookie, numbers};
use zeroize::Zeroizing;

/// Messages about the session channel (ours is 0), whole.
fn whole_messages() -> Vec<Vec<u8>> {
    let size = WindowSize::default();
    let requests = [
        ChannelRequest::Subsystem { name: "sftp".into() },
        ChannelRequest::Exec { command: b"ls".to_vec() },
        ChannelRequest::Shell,
        ChannelRequest::Pty { term: "xterm".into(), size, modes: TerminalModes::default() },
        ChannelRequest::X11 {
            single_connection: false,
            protocol: "MIT-MAGIC-COOKIE-1".into(),
            cookie: X11Cookie(Zeroizing::new("00ff".into())),
            screen: 0,
        },
        ChannelRequest::AuthAgent,
        ChannelRequest::Break { milliseconds: 500 },
        ChannelRequest::Env { name: "A".into(), value: b"b".to_vec() },
        ChannelRequest::WindowChange(size),
        ChannelRequest::Signal { name: "TERM".into() },
        ChannelRequest::EndOfWrite,
    ];
    let mut all: Vec<_> = requests.iter().map(|asked| request(0, asked, true)).collect();
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
fn cve_2026_46597_commit_760bf692_every_message_cut_at_every_byte_ends_it() {
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

/// A client's half of it: what a server tells it of its command, with a session open.
#[test]
fn commit_9beb694_what_a_client_is_told_cut_at_every_byte_ends_it() {
    let with_session = || {
        let mut raw = Raw::client_logged_in();
        raw.ours.open_session().unwrap();
        raw.answers(&about(numbers::CHANNEL_OPEN_CONFIRMATION, 0, |message| {
            [40, 1000, 1000].into_iter().for_each(|field| message.put_u32(field));
        }));
        raw
    };
    let told = [
        ChannelRequest::ExitStatus(7),
        ChannelRequest::ExitSignal {
            name: "KILL".into(),
            core_dumped: false,
            message: "gone".into(),
        },
        ChannelRequest::XonXoff { client_can_do: true },
    ];
    for message in told.iter().map(|told| request(0, told, false)) {
        for cut in 1..message.len() {
            with_session().refuses(&message[..cut]);
        }
        let mut longer = message.clone();
        longer.push(0);
        with_session().refuses(&longer);
        let mut raw = with_session();
        raw.events.clear();
        assert!(raw.answers(&message).is_empty());
        assert!(matches!(raw.events[..], [Event::ChannelRequest { .. }]));
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
