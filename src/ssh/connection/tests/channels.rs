//! Channels as hostile or odd peers use them.

use super::pair::{Pair, client_config, server_config};
use super::raw::{Raw, about, data, open};
use crate::ssh::wire::Writer;
use crate::ssh::{ChannelId, ChannelRequest, Event, ServerConfig, numbers};

const OURS: ChannelId = ChannelId(0);

#[test]
fn only_sessions_are_opened() {
    let mut raw = Raw::server_logged_in();
    let prohibited = [
        &b"direct-tcpip"[..],
        b"forwarded-tcpip",
        b"x11",
        b"auth-agent@openssh.com",
        b"tun@openssh.com",
    ];
    for kind in prohibited {
        let heard = raw.answers(&open(kind, 40, 1000, 1000));
        assert_eq!(heard[0][..9], [92, 0, 0, 0, 40, 0, 0, 0, 1]);
    }
    for kind in [&b""[..], b"session\0", b"\xff", b"direct-tcpi"] {
        let heard = raw.answers(&open(kind, 40, 1000, 1000));
        assert_eq!(heard[0][..9], [92, 0, 0, 0, 40, 0, 0, 0, 3], "unknown");
    }
    assert!(!raw.events.iter().any(|it| matches!(it, Event::ChannelOpenRequested { .. })));
    assert_eq!(raw.ours.channel_count(), 0);
}

#[test]
fn a_client_opens_nothing_for_its_server() {
    let mut raw = Raw::client_logged_in();
    for kind in [&b"session"[..], b"forwarded-tcpip"] {
        let heard = raw.answers(&open(kind, 40, 1000, 1000));
        assert_eq!(heard[0][..9], [92, 0, 0, 0, 40, 0, 0, 0, 1]);
    }
}

#[test]
fn channels_are_bounded_and_refused_ones_leave_nothing() {
    let config = ServerConfig { channels_max: 3, ..server_config() };
    let mut raw = Raw::server_logged_in_to(config);
    raw.accepts = false;
    for _ in 0..1000 {
        assert_eq!(raw.answers(&open(b"session", 40, 1000, 1000))[0][0], 92);
    }
    assert_eq!(raw.ours.channel_count(), 0);
    raw.accepts = true;
    for id in 0..3 {
        assert_eq!(raw.answers(&open(b"session", id, 1000, 1000))[0][0], 91);
    }
    let heard = raw.answers(&open(b"session", 9, 1000, 1000));
    assert_eq!(heard[0][..9], [92, 0, 0, 0, 9, 0, 0, 0, 4], "resource shortage");
    assert_eq!(raw.ours.channel_count(), 3);
}

#[test]
fn proftpd_2242_packets_of_nothing_are_refused_and_tiny_ones_work() {
    let mut raw = Raw::server_logged_in();
    assert_eq!(raw.answers(&open(b"session", 40, 1000, 0))[0][0], 92);
    for packet_max in [1, 8] {
        let mut raw = Raw::server_with_session(20, packet_max);
        assert_eq!(raw.ours.write(OURS, &[7; 100]), 20);
        raw.heard.clear();
        raw.run();
        let packets = 20usize.div_ceil(packet_max as usize);
        assert_eq!(raw.heard.len(), packets);
        assert!(raw.heard.iter().all(|it| it.len() <= 9 + packet_max as usize));
        assert_eq!(raw.ours.write(OURS, b"more"), 0);
        assert_eq!(raw.ours.reserve_data(OURS, 4), None);
    }
    let mut raw = Raw::server_with_session(0, u32::MAX);
    assert_eq!(raw.ours.write(OURS, b"none"), 0);
    let mut raw = Raw::server_with_session(u32::MAX, u32::MAX);
    assert_eq!(raw.ours.send_window(OURS), u32::MAX);
    let frame = raw.ours.reserve_data(OURS, usize::MAX).unwrap();
    assert!(frame.data_len < 256 * 1024, "OpenSSH takes packets up to 256 KiB");
    raw.ours.release_data(frame, usize::MAX);
    assert_eq!(raw.ours.send_window(OURS), u32::MAX);
}

#[test]
fn cve_2025_54804_a_window_grown_past_32_bits_ends_it() {
    let adjust = |by: u32| about(93, 0, |message| message.put_u32(by));
    let mut raw = Raw::server_with_session(1000, 1000);
    raw.answers(&adjust(u32::MAX - 1000));
    raw.refuses(&adjust(1));
    let mut raw = Raw::server_with_session(1000, 1000);
    let _frame = raw.ours.reserve_data(OURS, 1000).unwrap();
    raw.refuses(&adjust(u32::MAX - 999));
    // What was sealed is sent: the peer may grant all of it again.
    let mut raw = Raw::server_with_session(u32::MAX, 1000);
    let frame = raw.ours.reserve_data(OURS, 1000).unwrap();
    let mut bytes = vec![0; frame.frame_bytes()];
    raw.ours.seal_data(&frame, &mut bytes).unwrap();
    raw.ship(&bytes);
    raw.answers(&adjust(1000));
    assert_eq!(raw.ours.send_window(OURS), u32::MAX);
    raw.refuses(&adjust(1));
    // Granting nothing is odd but harmless, and nothing to report.
    let mut raw = Raw::server_with_session(1000, 1000);
    raw.events.clear();
    raw.answers(&adjust(0));
    assert_eq!(raw.events, []);
    raw.answers(&adjust(5));
    assert_eq!(raw.events, [Event::WindowOpened { channel: OURS }]);
}

#[test]
fn data_past_our_window_ends_it() {
    let config = ServerConfig { window_bytes: 1000, ..server_config() };
    let mut raw = Raw::server_logged_in_to(config);
    raw.answers(&open(b"session", 40, 1000, 1000));
    assert!(raw.answers(&data(0, &[0; 999])).is_empty());
    raw.answers(&data(0, &[0; 1]));
    let end = raw.refuses(&data(0, &[0; 1]));
    assert!(end.contains("window of 0"), "{end}");
}

#[test]
fn window_goes_back_an_eighth_at_a_time() {
    let config = ServerConfig { window_bytes: 8000, ..server_config() };
    let mut raw = Raw::server_logged_in_to(config);
    raw.answers(&open(b"session", 40, 1000, 1000));
    raw.answers(&data(0, &[0; 4000]));
    raw.ours.adjust(OURS, 999);
    raw.run();
    assert!(raw.heard.is_empty());
    raw.ours.adjust(OURS, 1);
    raw.run();
    assert_eq!(raw.heard, [[93, 0, 0, 0, 40, 0, 0, 3, 232].to_vec()]);
    // What never came cannot be given back.
    raw.heard.clear();
    raw.ours.adjust(OURS, u32::MAX);
    raw.run();
    assert_eq!(raw.heard, [[93, 0, 0, 0, 40, 0, 0, 11, 184].to_vec()]);
}

#[test]
fn cve_2026_54886_data_after_eof_or_close_and_for_no_channel_ends_it() {
    let mut raw = Raw::server_with_session(1000, 1000);
    raw.answers(&about(96, 0, |_| {}));
    raw.answers(&about(96, 0, |_| {}));
    let eofs = raw.events.iter().filter(|event| matches!(event, Event::Eof { .. })).count();
    assert_eq!(eofs, 1, "a second EOF changes nothing");
    raw.refuses(&data(0, b"late"));
    let mut raw = Raw::server_with_session(1000, 1000);
    assert_eq!(raw.answers(&about(97, 0, |_| {})), [about(97, 40, |_| {})]);
    assert!(raw.events.contains(&Event::Closed { channel: OURS }));
    raw.refuses(&data(0, b"late"));
    let mut raw = Raw::server_with_session(1000, 1000);
    raw.answers(&about(97, 0, |_| {}));
    raw.refuses(&about(97, 0, |_| {}));
    let mut raw = Raw::server_with_session(1000, 1000);
    raw.refuses(&data(1, b"nowhere"));
}

/// As paramiko sends it when a command is over before its input is: one thread of it closes the
/// channel while another is about to end its input.
#[test]
fn an_eof_behind_the_peers_own_close_is_passed_over() {
    let mut raw = Raw::server_with_session(1000, 1000);
    raw.answers(&about(97, 0, |_| {}));
    raw.events.clear();
    assert!(raw.answers(&about(96, 0, |_| {})).is_empty());
    assert_eq!(raw.events, []);
    raw.refuses(&about(96, 1, |_| {}));
}

#[test]
fn after_our_close_nothing_more_is_sent_or_reported() {
    let mut raw = Raw::server_with_session(1000, 1000);
    raw.ours.close(OURS);
    raw.ours.close(OURS);
    raw.ours.eof(OURS);
    raw.ours.exit_status(OURS, 0);
    assert_eq!(raw.ours.write(OURS, b"late"), 0);
    assert_eq!(raw.ours.reserve_data(OURS, 4), None);
    raw.run();
    assert_eq!(raw.heard, [about(97, 40, |_| {})]);
    raw.events.clear();
    let exec = ChannelRequest::Exec { command: b"ls".to_vec() };
    let exec = crate::ssh::channel::messages::request(0, &exec, true);
    assert!(raw.answers(&data(0, b"crossing")).is_empty());
    assert!(raw.answers(&exec).is_empty(), "no answer after CLOSE");
    assert!(raw.answers(&about(93, 0, |message| message.put_u32(9))).is_empty());
    assert!(raw.answers(&about(96, 0, |_| {})).is_empty());
    assert_eq!(raw.events, []);
    assert!(raw.answers(&about(97, 0, |_| {})).is_empty());
    assert_eq!(raw.events, [Event::Closed { channel: OURS }]);
    assert_eq!(raw.ours.channel_count(), 0);
}

#[test]
fn frames_reserved_before_a_close_are_not_sealed() {
    let mut raw = Raw::server_with_session(1000, 1000);
    let frame = raw.ours.reserve_data(OURS, 10).unwrap();
    let mut bytes = vec![0; frame.frame_bytes()];
    raw.answers(&about(97, 0, |_| {}));
    assert_eq!(raw.ours.seal_data(&frame, &mut bytes), Err(crate::ssh::SealError::Closed));
    assert_eq!(raw.ours.release_data(frame, 10), None);
}

#[test]
fn unknown_requests_are_refused_and_known_ones_answered_in_order() {
    let mut raw = Raw::server_with_session(1000, 1000);
    let request = |name: &[u8], want_reply| {
        about(98, 0, |message| {
            message.put_string(name);
            message.put_bool(want_reply);
        })
    };
    let refused = [
        &b"winadj@putty.projects.tartarus.org"[..],
        b"simple@putty.projects.tartarus.org",
        b"keepalive@openssh.com",
        b"",
    ];
    for name in refused {
        assert_eq!(raw.answers(&request(name, true)), [about(100, 40, |_| {})]);
        assert!(raw.answers(&request(name, false)).is_empty());
    }
    assert!(raw.answers(&request(b"eow@openssh.com", false)).is_empty());
    raw.heard.clear();
    for name in [&b"shell"[..], b"winadj@putty.projects.tartarus.org", b"shell"] {
        raw.peer.queue(&request(name, true));
    }
    raw.run();
    let answers: Vec<u8> = raw.heard.iter().map(|it| it[0]).collect();
    assert_eq!(answers, [99, 100, 99]);
    raw.accepts = false;
    assert_eq!(raw.answers(&request(b"shell", true)), [about(100, 40, |_| {})]);
    assert!(raw.answers(&request(b"shell", false)).is_empty());
    // A request that belongs to the other role is none of a server's business.
    let exit = ChannelRequest::ExitStatus(0);
    let exit = crate::ssh::channel::messages::request(0, &exit, true);
    assert_eq!(raw.answers(&exit), [about(100, 40, |_| {})]);
}

#[test]
fn a_peer_that_reads_no_answers_is_cut() {
    let mut raw = Raw::server_logged_in();
    let mut message = vec![numbers::GLOBAL_REQUEST];
    message.put_string(b"keepalive@openssh.com");
    message.put_bool(true);
    // Our side may not send: nothing is polled, as when the peer's window of TCP is shut.
    let mut asked = 0u32;
    while !raw.ours.is_closed() {
        let mut bytes = Vec::new();
        for _ in 0..1000 {
            raw.peer.queue(&message);
        }
        raw.peer.poll_transmit(raw.now, &mut bytes);
        let mut start = 0;
        loop {
            let handled = raw.ours.handle_input(raw.now, &mut bytes[start..]);
            start += handled.consumed;
            if handled.consumed == 0 {
                break;
            }
        }
        asked += 1000;
        assert!(asked < 10_000_000, "the queue grows without end");
    }
}

#[test]
fn a_client_hears_how_it_ended() {
    let (mut pair, ours, theirs) = Pair::with_session(server_config(), client_config());
    pair.client.connection.request_exec(ours, b"true");
    pair.run();
    assert!(pair.client.saw(|it| *it == Event::ChannelReply { channel: ours, success: true }));
    assert_eq!(pair.server.connection.write_extended(theirs, 1, b"a word"), 6);
    assert_eq!(pair.server.connection.write(theirs, b"bye"), 3);
    pair.server.connection.exit_status(theirs, 7);
    pair.server.connection.eof(theirs);
    pair.server.connection.close(theirs);
    pair.run();
    assert_eq!(pair.client.extended, b"a word");
    assert_eq!(pair.client.data[&ours], b"bye");
    let at = |wanted: Event| pair.client.events.iter().position(|it| *it == wanted).unwrap();
    let exit = ChannelRequest::ExitStatus(7);
    let exit = at(Event::ChannelRequest { channel: ours, request: exit });
    let (eof, closed) = (at(Event::Eof { channel: ours }), at(Event::Closed { channel: ours }));
    assert!(exit < eof && eof < closed);
    assert!(pair.server.saw(|it| *it == Event::Closed { channel: theirs }));
    assert_eq!(pair.client.connection.channel_count(), 0);
    assert_eq!(pair.server.connection.channel_count(), 0);
}

#[test]
fn a_client_hears_refusals() {
    let (mut pair, ours, _) = Pair::with_session(server_config(), client_config());
    pair.server.accept_requests = false;
    pair.client.connection.request_subsystem(ours, "sftp");
    pair.server.accept_channels = false;
    let second = pair.client.connection.open_session().unwrap();
    pair.run();
    assert!(pair.client.saw(|it| *it == Event::ChannelReply { channel: ours, success: false }));
    let refused = |it: &Event| match it {
        Event::ChannelOpenFailed { channel, reason: 1, .. } => *channel == second,
        _ => false,
    };
    assert!(pair.client.saw(refused));
    assert_eq!(pair.client.connection.channel_count(), 1);
}
