//! A peer that sends without end, or withholds what is due, while our answers pile up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringferry::ssh::limits::QUEUE_BYTES_MAX;
use ringferry::ssh::{Connection, Event, Role, ServerConfig, numbers};

use super::peak_bytes;
use super::peer::{Field, Scene, message, quick_config, random};

/// What may be allocated while answers wait: the queue's bound, doubled as vectors grow.
const QUEUE_PEAK_BYTES: u64 = 2 * QUEUE_BYTES_MAX as u64 + super::SLACK_BYTES;

/// `count` packets with `payload`, in one piece.
fn many(scene: &mut Scene, payload: &[u8], count: usize) -> Vec<u8> {
    (0..count).flat_map(|_| scene.sealed(payload)).collect()
}

/// Messages that ask for no answer are forgotten at once, however many come.
#[test]
fn a_hundred_thousand_messages_without_an_answer_leave_nothing() {
    for payload in [
        message(numbers::IGNORE, &[Field::Text(&[0; 200])]),
        message(numbers::UNIMPLEMENTED, &[Field::Number(5)]),
        message(numbers::DEBUG, &[Field::Bool(true), Field::Text(b"text"), Field::Text(b"")]),
        message(numbers::PONG, &[Field::Text(b"nobody asked")]),
    ] {
        let mut scene = Scene::logged_in(Role::Server, &quick_config());
        let mut peak = 0;
        for _ in 0..100 {
            let packets = many(&mut scene, &payload, 1000);
            peak = peak.max(peak_bytes(&mut scene, &packets));
        }
        assert!(peak < 4096, "message {}: {peak} bytes", payload[0]);
        assert!(!scene.ours.is_closed());
    }
}

/// CVE-2025-26466: PINGs whose answers nobody reads, before the login and while our KEXINIT waits.
#[test]
fn cve_2025_26466_pings_leave_nothing_where_answers_would_pile_up() {
    let ping = message(numbers::PING, &[Field::Text(&[7; 256])]);
    let mut early = Scene::in_auth(Role::Server, &quick_config());
    let packets = many(&mut early, &ping, 10_000);
    assert!(peak_bytes(&mut early, &packets) < 4096);
    assert!(!early.ours.is_closed());

    let mut scene = Scene::logged_in(Role::Server, &quick_config());
    scene.ours.rekey(scene.now);
    scene.ours.poll_transmit(scene.now, &mut Vec::new());
    let packets = many(&mut scene, &ping, 10_000);
    assert!(peak_bytes(&mut scene, &packets) < 4096);
    assert!(!scene.ours.is_closed());
}

/// CVE-2025-22869 and Dropbear d35cf537: the peer never answers our KEXINIT and keeps asking for
/// things. What waits for the end of the exchange is bounded, and then the connection ends.
#[test]
fn cve_2025_22869_answers_behind_a_withheld_kexinit_are_bounded() {
    let request = message(
        numbers::GLOBAL_REQUEST,
        &[Field::Text(b"keepalive@openssh.com"), Field::Bool(true)],
    );
    let open = message(
        numbers::CHANNEL_OPEN,
        &[Field::Text(b"direct-tcpip"), Field::Number(1), Field::Number(9), Field::Number(9)],
    );
    for payload in [request, open] {
        let mut scene = Scene::logged_in(Role::Server, &quick_config());
        scene.ours.rekey(scene.now);
        scene.ours.poll_transmit(scene.now, &mut Vec::new());
        let (mut peak, mut rounds) = (0, 0);
        while !scene.ours.is_closed() {
            rounds += 1;
            assert!(rounds < 4000, "answers to message {} pile up", payload[0]);
            let packets = many(&mut scene, &payload, 1000);
            peak = peak.max(peak_bytes(&mut scene, &packets));
        }
        assert!(peak < QUEUE_PEAK_BYTES, "message {}: {peak} bytes at once", payload[0]);
    }
}

/// The same peer while it downloads: the application's data stops being taken far earlier.
#[test]
fn cve_2025_22869_a_download_stops_behind_a_withheld_kexinit() {
    let mut scene = Scene::with_session(Role::Server, &quick_config());
    let channel = ringferry::ssh::ChannelId(0);
    scene.ours.rekey(scene.now);
    scene.ours.poll_transmit(scene.now, &mut Vec::new());
    let data = vec![1; 1 << 20];
    let mut out = Vec::with_capacity(1 << 20);
    let measured = allocation_counter::measure(|| {
        for _ in 0..100 {
            scene.ours.write(channel, &data);
            scene.ours.poll_transmit(scene.now, &mut out);
        }
    });
    assert_eq!(out.len(), 0, "data left during the exchange");
    assert!(measured.bytes_max < 1 << 20, "{measured:?}");
    // And it is over when the exchange has taken too long.
    let deadline = scene.ours.next_deadline().unwrap();
    assert!(scene.ours.handle_timeout(deadline).is_some());
}

/// New keys again and again: the old ones go.
#[test]
fn exchanges_of_keys_leave_nothing() {
    let mut scene = Scene::logged_in(Role::Server, &quick_config());
    let round = |scene: &mut Scene| {
        scene.peer.start_rekey(scene.now);
        scene.run();
        // Some life in between, or it would be a storm.
        scene.say(&[numbers::REQUEST_FAILURE]);
        scene.heard.clear();
    };
    for _ in 0..10 {
        round(&mut scene);
    }
    let measured = allocation_counter::measure(|| (0..200).for_each(|_| round(&mut scene)));
    assert_eq!(scene.ours.info().exchanges, 211);
    assert!(measured.bytes_current < 4096, "{measured:?}");
}

/// What an idle connection holds before anybody has logged in.
#[test]
fn a_connection_before_the_login_is_small() {
    let mut scene = Scene::new(Role::Server, &quick_config());
    let measured = allocation_counter::measure(|| {
        scene = Scene::in_auth(Role::Server, &quick_config());
    });
    // Both ends and the bytes between them, against 64 KiB for ours alone.
    assert!(measured.bytes_current < 64 * 1024, "{measured:?}");
}

/// OpenSSH's CVE-2024-6387 sat in what ran when the time to log in was over. Here that is a call
/// like any other: 10^5 connections that run out of time leave nothing, each with its own words.
#[test]
fn cve_2024_6387_a_hundred_thousand_deadlines() {
    let config = quick_config();
    let server = Arc::new(ServerConfig::new(config.clone()));
    let expire = |mut ours: Connection, now: Instant, words: &str| {
        ours.poll_transmit(now, &mut Vec::new());
        let deadline = ours.next_deadline().unwrap();
        assert_eq!(ours.handle_timeout(deadline - Duration::from_nanos(1)), None);
        let end = ours.handle_timeout(deadline);
        let Some(Event::Disconnected { by_peer: false, description, .. }) = end else {
            panic!("{end:?} at the deadline");
        };
        assert!(description.contains(words), "{description}");
        assert!(ours.is_closed() && ours.next_deadline().is_none());
        assert_eq!(ours.handle_timeout(deadline), None);
    };
    let now = Instant::now();
    let fresh = || Connection::server(Arc::clone(&server), random(3), now);
    let silent = || expire(fresh(), now, "identification");
    let greeted = || {
        let mut ours = fresh();
        let line = &mut b"SSH-2.0-slow\r\n".to_owned();
        assert_eq!(ours.handle_input(now, line).consumed, line.len());
        expire(ours, now, "key exchange");
    };
    let expire_scene = |scene: Scene| expire(scene.ours, scene.now, "the login was not over");
    let shaken = || expire_scene(Scene::shaken(Role::Server, &config));
    let asking = || expire_scene(Scene::in_auth(Role::Server, &config));
    silent();
    greeted();
    shaken();
    asking();
    let measured = allocation_counter::measure(|| {
        (0..90_000).for_each(|_| silent());
        (0..9_000).for_each(|_| greeted());
        (0..500).for_each(|_| shaken());
        (0..500).for_each(|_| asking());
    });
    assert_eq!(measured.bytes_current, 0, "{measured:?}");
}
