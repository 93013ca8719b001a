//! Channels and answers by the hundred thousand: what they leave behind.

use ringferry::ssh::{Role, numbers};

use super::peer::{Field, Scene, channel_open, message, quick_config};

const ROUNDS: usize = 100_000;

/// Says `payload` again and again in portions, everything answered and heard, and returns what our
/// side holds at the end on top of what it held after the first portion.
fn left_behind(scene: &mut Scene, payloads: &[&[u8]]) -> i64 {
    let portion = |scene: &mut Scene| {
        for _ in 0..1000 / payloads.len() {
            payloads.iter().for_each(|payload| scene.peer.queue(payload));
        }
        scene.run();
        scene.heard.clear();
        assert!(!scene.ours.is_closed());
    };
    portion(scene);
    let measured = allocation_counter::measure(|| (1..ROUNDS / 1000).for_each(|_| portion(scene)));
    measured.bytes_current
}

/// CVE-2026-3982x (x/crypto/ssh 6c195c8): channels that were refused were never freed. Here those
/// the application refuses, those of a kind nobody serves, and those with packets of 0 bytes.
#[test]
fn cve_2026_3982x_refused_channels_leave_nothing() {
    let of_kind = |kind: &'static [u8], packet_max: u32| {
        let fields =
            [Field::Text(kind), Field::Number(7), Field::Number(1000), Field::Number(packet_max)];
        message(numbers::CHANNEL_OPEN, &fields)
    };
    let mut scene = Scene::logged_in(Role::Server, &quick_config());
    scene.accepts = false;
    let kinds = [
        of_kind(b"session", 1000),
        of_kind(b"session", 0),
        of_kind(b"direct-tcpip", 1000),
        of_kind(b"unheard-of", 1000),
    ];
    let payloads: Vec<&[u8]> = kinds.iter().map(Vec::as_slice).collect();
    let left = left_behind(&mut scene, &payloads);
    assert!(left < 4096, "{left} bytes");
    assert_eq!(scene.ours.channel_count(), 0);
}

/// Nor do channels that were opened and closed again.
#[test]
fn closed_channels_leave_nothing() {
    let mut scene = Scene::logged_in(Role::Server, &quick_config());
    scene.accepts = true;
    let cycle = |scene: &mut Scene, id: u32| {
        scene.peer.queue(&channel_open());
        scene.peer.queue(&message(numbers::CHANNEL_EOF, &[Field::Number(id)]));
        scene.peer.queue(&message(numbers::CHANNEL_CLOSE, &[Field::Number(id)]));
        scene.run();
        scene.heard.clear();
        assert!(!scene.ours.is_closed());
    };
    (0..100).for_each(|id| cycle(&mut scene, id));
    let measured = allocation_counter::measure(|| {
        (100..20_000).for_each(|id| cycle(&mut scene, id));
    });
    assert!(measured.bytes_current < 4096, "{measured:?}");
    assert_eq!(scene.ours.channel_count(), 0);
}

/// CVE-2026-39830: answers to nothing, of all four kinds.
#[test]
fn cve_2026_39830_unsolicited_replies_leave_nothing() {
    for role in [Role::Server, Role::Client] {
        let mut scene = Scene::with_session(role, &quick_config());
        let on_channel = |number: u8| message(number, &[Field::Number(0)]);
        let (success, failure) =
            (on_channel(numbers::CHANNEL_SUCCESS), on_channel(numbers::CHANNEL_FAILURE));
        let payloads: [&[u8]; 4] =
            [&[numbers::REQUEST_SUCCESS], &[numbers::REQUEST_FAILURE], &success, &failure];
        let left = left_behind(&mut scene, &payloads);
        assert!(left < 4096, "{left} bytes");
    }
}
