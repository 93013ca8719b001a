//! What each fuzz target does with its input. `tests/corpus.rs` runs the same over the kept inputs,
//! and over bytes at random, with every `cargo test`.
//!
//! Every entry that plays a connection goes through [`Scene::take_input`], which fails if a call
//! neither takes bytes nor returns for good.
#![allow(dead_code)]

use std::time::Duration;

use ringferry::auth::{KeyRules, authorized_keys};
use ringferry::crypto::{
    Certificate, fingerprint_sha256, kexes, key_type_of, read_private_key, signature_algorithms,
    verify,
};
use ringferry::ssh::{DisconnectReason, Role, numbers};
use ringferry_sftp::client::ReplyDecoder;
use ringferry_sftp::{Decoder, DecoderLimits};

#[path = "../peer/mod.rs"]
mod peer;

use peer::{Scene, plain, quick_config, transport_config};

const IDENT: &[u8] = b"SSH-2.0-fuzz\r\n";

/// The identification line and what stands before it.
pub(crate) fn ident(data: &[u8]) {
    for role in [Role::Server, Role::Client] {
        raw(Scene::new(role, &quick_config()), &[data]);
    }
}

/// Bytes behind the identification line.
pub(crate) fn deframe(data: &[u8]) {
    for role in [Role::Server, Role::Client] {
        let (front, back) = data.split_at(data.len() / 2);
        raw(Scene::new(role, &transport_config()), &[IDENT, front, back]);
    }
}

/// The body of the first KEXINIT.
pub(crate) fn kexinit(data: &[u8]) {
    let payload = [&[numbers::KEXINIT], data].concat();
    for role in [Role::Server, Role::Client] {
        raw(Scene::new(role, &transport_config()), &[IDENT, &plain(&payload)]);
    }
}

/// Messages of a key exchange; the first byte picks the method.
pub(crate) fn kex(data: &[u8]) {
    let Some((method, script)) = data.split_first() else { return };
    let name = kexes()[usize::from(*method) % kexes().len()].name;
    let lists = [name, "ssh-ed25519", GCM, GCM, "", "", "none", "none", "", ""];
    let mut kexinit = vec![numbers::KEXINIT];
    kexinit.extend([7; 16]);
    for list in lists {
        kexinit.extend(u32::try_from(list.len()).unwrap().to_be_bytes());
        kexinit.extend_from_slice(list.as_bytes());
    }
    kexinit.extend([0; 5]);
    for role in [Role::Server, Role::Client] {
        let mut said = vec![IDENT.to_vec(), plain(&kexinit)];
        said.extend(payloads(script).map(plain));
        let said: Vec<_> = said.iter().map(Vec::as_slice).collect();
        raw(Scene::new(role, &transport_config()), &said);
    }
}

const GCM: &str = "aes128-gcm@openssh.com";

/// Messages of somebody who wants to log in and is not let in.
pub(crate) fn userauth(data: &[u8]) {
    let mut scene = Scene::in_auth(Role::Server, &quick_config());
    scene.accepts = false;
    for payload in payloads(data) {
        scene.say(payload);
        assert!(!scene.ours.is_authenticated());
    }
    end(&mut scene);
}

/// Requests to a server with a session open.
pub(crate) fn connection(data: &[u8]) {
    let mut scene = Scene::with_session(Role::Server, &quick_config());
    for payload in payloads(data) {
        scene.say(payload);
    }
    end(&mut scene);
}

/// Public keys, signatures and lines of authorized_keys.
pub(crate) fn public_key(data: &[u8]) {
    let (signature, blob) = data.split_at(data.len() / 3);
    for algorithm in signature_algorithms() {
        for blob in [data, blob] {
            let _ = verify(blob, algorithm, b"signed", signature);
        }
    }
    for blob in [data, blob] {
        if let Some(name) = key_type_of(blob) {
            assert!(!name.is_empty());
        }
        assert!(fingerprint_sha256(blob).starts_with("SHA256:"));
    }
    let file = authorized_keys::parse(data, &KeyRules::default());
    assert!(file.keys.len() + file.rejected.len() <= data.len());
}

/// Private key files of every format, without a passphrase: one would make each input slow.
pub(crate) fn private_key(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(key) = read_private_key(&text, None) {
        let algorithm = key.algorithms()[0];
        let signature = key.sign(algorithm, data).unwrap();
        assert_eq!(verify(key.public_blob(), algorithm, data, &signature), Ok(()));
    }
    let _ = Certificate::from_blob(data);
}

/// A stream of SFTP requests, and of replies, whole and in two pieces.
pub(crate) fn sftp_request(data: &[u8]) {
    for cut in [0, data.len() / 2] {
        let mut requests = Decoder::new(DecoderLimits::default());
        let mut replies = ReplyDecoder::new(ReplyDecoder::default_limits());
        let (mut requests_left, mut replies_left) = (true, true);
        for piece in [&data[..cut], &data[cut..]] {
            let mut rest = piece;
            while requests_left {
                let Ok(step) = requests.next(rest) else {
                    requests_left = false;
                    break;
                };
                let done = step.item.is_none();
                assert!(step.consumed > 0 || done, "no progress");
                rest = &rest[step.consumed..];
                if done {
                    assert!(rest.is_empty());
                    break;
                }
            }
            let mut rest = piece;
            while replies_left {
                let Ok(step) = replies.next(rest) else {
                    replies_left = false;
                    break;
                };
                let done = step.item.is_none();
                assert!(step.consumed > 0 || done, "no progress");
                rest = &rest[step.consumed..];
                if done {
                    break;
                }
            }
        }
    }
}

/// A whole server from the first byte to the login: raw bytes, messages, time.
pub(crate) fn server_before_login(data: &[u8]) {
    let Some((start, script)) = data.split_first() else { return };
    let mut scene = match start % 3 {
        0 => Scene::new(Role::Server, &quick_config()),
        1 => Scene::shaken(Role::Server, &quick_config()),
        _ => Scene::in_auth(Role::Server, &quick_config()),
    };
    scene.accepts = false;
    for payload in payloads(script) {
        match payload.split_first() {
            // 255 is a number nobody has: what follows are bytes, not a message.
            Some((255, bytes)) => {
                scene.input.extend_from_slice(bytes);
                scene.take_input();
            }
            Some((254, rest)) => pass_time(&mut scene, rest.len() as u64),
            _ => scene.say(payload),
        }
        assert!(!scene.ours.is_authenticated());
    }
    end(&mut scene);
}

/// A whole server behind the login, whose application writes, grants, closes and rekeys.
pub(crate) fn server_after_login(data: &[u8]) {
    let mut scene = Scene::with_session(Role::Server, &quick_config());
    play(&mut scene, data);
}

/// A client against a server that says anything; the first byte picks the phase.
pub(crate) fn client(data: &[u8]) {
    let Some((start, script)) = data.split_first() else { return };
    let config = quick_config();
    let mut scene = match start % 5 {
        0 => Scene::new(Role::Client, &config),
        1 => Scene::shaken(Role::Client, &config),
        2 => Scene::in_auth(Role::Client, &config),
        3 => Scene::logged_in(Role::Client, &config),
        _ => Scene::with_session(Role::Client, &config),
    };
    play(&mut scene, script);
}

/// A peer that sends messages and an application that does things in between.
fn play(scene: &mut Scene, script: &[u8]) {
    let channel = ringferry::ssh::ChannelId(0);
    for payload in payloads(script) {
        match payload.split_first() {
            Some((255, [0, ..])) => scene.ours.rekey(scene.now),
            Some((255, [1, ..])) => scene.peer.start_rekey(scene.now),
            Some((255, [2, ..])) => scene.ours.eof(channel),
            Some((255, [3, ..])) => scene.ours.close(channel),
            Some((255, [4, rest @ ..])) => {
                let taken = scene.ours.write(channel, rest);
                assert!(taken <= rest.len());
            }
            Some((255, [5, ..])) => scene.accepts = !scene.accepts,
            Some((255, [6, ..])) => drop(scene.ours.open_session()),
            Some((254, rest)) => pass_time(scene, rest.len() as u64),
            _ => scene.peer.queue(payload),
        }
        scene.run();
        assert!(scene.ours.channel_count() <= 10);
    }
    end(scene);
}

fn pass_time(scene: &mut Scene, seconds: u64) {
    scene.now += Duration::from_secs(seconds);
    scene.ours.handle_timeout(scene.now);
    scene.run();
}

/// Hands `pieces` over one after another, and what our side says to nobody.
fn raw(mut scene: Scene, pieces: &[&[u8]]) {
    for piece in pieces {
        scene.input.extend_from_slice(piece);
        scene.take_input();
        scene.ours.poll_transmit(scene.now, &mut Vec::new());
    }
    assert_eq!(scene.ours.user(), None);
    end(&mut scene);
}

/// However it went, it can be ended, and then nothing goes on.
fn end(scene: &mut Scene) {
    scene.ours.disconnect(DisconnectReason::ByApplication, "enough");
    scene.ours.poll_transmit(scene.now, &mut Vec::new());
    scene.take_input();
    assert!(scene.ours.is_closed() && !scene.ours.wants_input());
    assert_eq!(scene.ours.next_deadline(), None);
}

/// A script of payloads: a length in one byte, then so many bytes.
fn payloads(script: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = script;
    std::iter::from_fn(move || {
        let (length, tail) = rest.split_first()?;
        let (payload, tail) = tail.split_at(tail.len().min(usize::from(*length)));
        rest = tail;
        Some(payload)
    })
    .take(64)
}

/// A script in which `payloads` are said one after another.
pub(crate) fn script(payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut script = Vec::new();
    for payload in payloads {
        script.push(u8::try_from(payload.len()).unwrap());
        script.extend_from_slice(payload);
    }
    script
}

type Entry = fn(&[u8]);

/// Every entry by the name of its target and of its folder in the corpus.
pub(crate) const ENTRIES: [(&str, Entry); 12] = [
    ("ident", ident),
    ("deframe", deframe),
    ("kexinit", kexinit),
    ("kex", kex),
    ("userauth", userauth),
    ("connection", connection),
    ("public_key", public_key),
    ("private_key", private_key),
    ("sftp_request", sftp_request),
    ("server_before_login", server_before_login),
    ("server_after_login", server_after_login),
    ("client", client),
];
