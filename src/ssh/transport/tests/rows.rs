//! What has gone wrong in other transports, a test for each: named by its CVE, or by the commit
//! that mended it where there is none. `tests/cve.rs` holds the list.

use super::*;
use crate::crypto::{kex, kexes};
use crate::ssh::disconnect::DisconnectReason;
use crate::ssh::kexinit;
use crate::ssh::limits::PEER_REKEYS_IDLE_MAX;
use crate::ssh::numbers::{
    EXT_INFO, IGNORE, KEX_ECDH_INIT, KEX_ECDH_REPLY, KEXINIT, USERAUTH_REQUEST,
};

/// An end that knows its peer's identification and nothing else.
fn greeted(role: Role) -> End {
    let config = match role {
        Role::Client => TransportConfig::default(),
        Role::Server => server_config(),
    };
    let now = Instant::now();
    let mut end = End::new(role, config, 3, now);
    end.feed(now, b"SSH-2.0-test\r\n");
    end.transmit(now);
    end
}

/// russh 5e91396: a message before the KEXINIT panicked.
#[test]
fn commit_5e91396_any_message_before_the_kexinit() {
    for role in [Role::Client, Role::Server] {
        for number in 0..=255u8 {
            for length in [1, 2, 5, 40] {
                let mut end = greeted(role);
                let mut payload = vec![0; length];
                payload[0] = number;
                end.feed(Instant::now(), &plain(&payload));
                let harmless = matches!(number, 1..=4);
                assert_eq!(end.failure.is_none(), harmless, "message {number} to the {role:?}");
                assert_eq!(end.payloads.len(), 0);
                assert!(end.transmit(Instant::now()).is_empty(), "an answer to {number}");
            }
        }
    }
}

/// A KEXINIT with these methods which says that a guess follows.
fn guessing(role: Role, config: &TransportConfig, first: bool) -> Vec<u8> {
    let mut kexinit = kexinit::write(
        role,
        config,
        [9; 16],
        if first { FIRST } else { kexinit::Shape::default() },
    );
    let at = kexinit.len() - 5;
    kexinit[at] = 1;
    kexinit
}

/// russh 7c5659f and 6da3f4a, Dropbear's OTP report 8676: a guess is right only if both sides put
/// the same method first, and a wrong one is passed over, once, whatever it is for.
#[test]
fn commit_6da3f4a_guesses_of_every_method_right_and_wrong() {
    let quick = ["curve25519-sha256", "ecdh-sha2-nistp256", "mlkem768x25519-sha256"];
    for first in kexes().iter().map(|method| method.name) {
        for other in quick.into_iter().filter(|other| *other != first) {
            for right in [true, false] {
                let lists = |kexes: Vec<&'static str>, config| TransportConfig { kexes, ..config };
                let ours = lists(vec![first, other], TransportConfig::default());
                let theirs = if right { vec![first, other] } else { vec![other, first] };
                let mut pair = Pair::with(ours.clone(), lists(theirs, server_config()));
                let kexinit = guessing(Role::Client, &ours, true);
                pair.client.transport.replace_kexinit(kexinit);
                if !right {
                    pair.client.transport.push(&[KEX_ECDH_INIT, 0, 0, 0, 1, 7]);
                }
                pair.run();
                assert_eq!(pair.server.failure, None, "{first}, {other}: {right}");
                assert_eq!(pair.server.transport.info().kex, first);
                pair.authenticate();
                pair.check_traffic();
            }
        }
    }
}

/// The server guesses too: a client passes the packet over.
#[test]
fn commit_7c5659f_a_wrong_guess_of_the_server() {
    let names = ["curve25519-sha256", "ecdh-sha2-nistp256"];
    let [ours, theirs] = [[0, 1], [1, 0]].map(|order| order.map(|at| names[at]).to_vec());
    let client = TransportConfig { kexes: ours, ..TransportConfig::default() };
    let server = TransportConfig { kexes: theirs, ..server_config() };
    let mut pair = Pair::with(client, server.clone());
    let kexinit = guessing(Role::Server, &server, true);
    pair.server.transport.replace_kexinit(kexinit);
    pair.server.transport.push(&[KEX_ECDH_REPLY, 1, 2, 3]);
    pair.run();
    assert_eq!(pair.client.failure, None);
    pair.authenticate();
    pair.check_traffic();
}

/// A guess that is announced and never sent swallows the next message of the exchange, no other.
#[test]
fn an_announced_guess_lets_nothing_else_through() {
    let names = vec!["curve25519-sha256@libssh.org", "curve25519-sha256"];
    let config = TransportConfig { kexes: names, ..TransportConfig::default() };
    for number in (0..=255).filter(|number| !(30..=49).contains(number) && *number != 1) {
        let mut end = greeted(Role::Server);
        let now = Instant::now();
        end.feed(now, &plain(&guessing(Role::Client, &config, true)));
        end.feed(now, &plain(&[number, 0, 0, 0, 0]));
        assert!(end.failure.is_some(), "message {number} in place of a guess");
    }
}

/// libssh CVE-2025-8277: each wrong guess of a rekey left an ephemeral key behind.
#[test]
fn cve_2025_8277_wrong_guesses_leave_nothing() {
    let names = vec!["curve25519-sha256@libssh.org", "curve25519-sha256"];
    let config = TransportConfig { kexes: names, ..TransportConfig::default() };
    let mut pair = Pair::connected_with(config.clone(), server_config());
    let mut round = || {
        pair.client.transport.start_rekey(pair.now);
        pair.client.transport.replace_kexinit(guessing(Role::Client, &config, false));
        pair.client.transport.push(&[KEX_ECDH_INIT, 0, 0, 0, 1, 7]);
        pair.run();
        pair.check_traffic();
        for end in [&mut pair.client, &mut pair.server] {
            end.payloads.clear();
            end.items.clear();
        }
        pair.server.exchanges()
    };
    let mut exchanges = 0;
    for _ in 0..10 {
        exchanges = round();
    }
    assert_eq!(exchanges, 11);
    let measured = allocation_counter::measure(|| {
        for _ in 0..100 {
            exchanges = round();
        }
    });
    assert_eq!(exchanges, 111);
    assert!(measured.bytes_current.abs() < 4096, "{measured:?}");
}

/// libssh CVE-2025-8114 and its use after free when a send failed: an exchange that is broken off
/// at any step, on either side, leaves an end that can still be asked everything.
#[test]
fn cve_2025_8114_an_exchange_broken_off_at_any_step() {
    for steps in 0..6 {
        for rekey in [false, true] {
            let mut pair = if rekey { Pair::connected() } else { Pair::new() };
            if rekey {
                pair.client.transport.start_rekey(pair.now);
            }
            for _ in 0..steps {
                let up = pair.client.transmit(pair.now);
                pair.server.feed(pair.now, &up);
                let down = pair.server.transmit(pair.now);
                pair.client.feed(pair.now, &down);
            }
            for end in [&mut pair.client, &mut pair.server] {
                // What it has to say is lost, and the caller gives up.
                end.transmit(pair.now);
                let gone = Disconnect::new(DisconnectReason::ConnectionLost, "gone");
                end.transport.disconnect(&gone);
                end.transmit(pair.now);
                assert!(end.transport.is_closed() && end.transport.data_shape().is_none());
                assert_eq!(end.transport.next_deadline(), None);
                assert_eq!(end.transport.handle_timeout(pair.now), Ok(()));
                assert_eq!(end.transport.host_key_verdict(true), Ok(()));
                end.transport.start_rekey(pair.now);
                end.transport.queue(&[IGNORE, 0, 0, 0, 0]);
                assert!(end.transmit(pair.now).is_empty());
            }
        }
    }
}

/// russh #358 and #577: a later exchange is no strict one, and numbers start again all the same.
#[test]
fn cve_2023_48795_only_the_first_exchange_is_strict() {
    let mut pair = Pair::connected();
    for round in 0..u64::from(PEER_REKEYS_IDLE_MAX) {
        for end in [&mut pair.client, &mut pair.server] {
            end.transport.push(&[IGNORE, 0, 0, 0, 0]);
        }
        pair.client.transport.start_rekey(pair.now);
        pair.client.transport.push(&[IGNORE, 0, 0, 0, 0]);
        pair.run();
        pair.check_traffic();
        assert_eq!(pair.client.exchanges(), round + 2);
        let frame = pair.client.frame(&channel_data(b"x")).unwrap();
        let received = pair.server.transport.receive(pair.now, &mut frame.clone()).unwrap();
        assert_eq!(received.sequence, 1, "one behind the data of the check");
    }
}

/// CVE-2018-10933 and CVE-2018-7750 below the table of states: nothing of the upper layers passes
/// while no keys are in place, however it is framed.
#[test]
fn cve_2018_7750_nothing_passes_before_the_first_keys() {
    for role in [Role::Client, Role::Server] {
        for number in USERAUTH_REQUEST..=u8::MAX {
            let mut end = greeted(role);
            let now = Instant::now();
            let config = server_config();
            let peer = if role == Role::Client { Role::Server } else { Role::Client };
            end.feed(now, &plain(&kexinit::write(peer, &config, [4; 16], FIRST)));
            assert_eq!(end.failure, None);
            end.feed(now, &plain(&[number, 0, 0, 0, 0]));
            assert!(end.failure.is_some(), "message {number} to the {role:?}");
            assert_eq!(end.payloads.len(), 0);
        }
    }
}

impl Pair {
    /// Runs with `other` in place of the server's first message of this number.
    fn run_with_another(&mut self, number: u8, other: &[u8]) {
        let mut replaced = false;
        loop {
            let mut ready = Vec::new();
            let outbox = &mut self.server.transport.outbox;
            while let Some(front) = outbox.front() {
                let hit = front[0] == number && !replaced;
                replaced |= hit;
                ready.push(if hit { other.to_vec() } else { front.to_vec() });
                outbox.pop();
            }
            ready.iter().for_each(|message| outbox.push_own(message));
            let up = self.client.transmit(self.now);
            let down = self.server.transmit(self.now);
            if up.is_empty() && down.is_empty() {
                break;
            }
            self.server.feed(self.now, &up);
            self.client.feed(self.now, &down);
        }
        assert!(replaced, "there was no message {number}");
    }
}

/// CVE-2026-55199: a count of 2^32 - 1 in a server's EXT_INFO, with and without entries behind it.
#[test]
fn cve_2026_55199_a_count_of_extensions_is_no_loop() {
    for count in [1, 33, 1 << 16, u32::MAX] {
        for entries in [0, 1, 40] {
            let mut pair = Pair::new();
            let mut message = vec![EXT_INFO];
            message.put_u32(count);
            for entry in 0..entries {
                message.put_string(format!("extension-{entry}").as_bytes());
                message.put_string(b"");
            }
            pair.run_with_another(EXT_INFO, &message);
            assert_eq!(pair.client.failure.is_none(), count == entries, "{entries} of {count}");
            assert!(pair.client.transport.extensions.len() <= 32);
        }
    }
}

/// CVE-2023-28113 in whole connections: no exchange method takes a value of nothing but one byte.
#[test]
fn cve_2023_28113_values_of_one_byte_for_every_method() {
    // A group exchange has no value to send before its group.
    for method in kexes().iter().filter(|method| !method.name.contains("group-exchange")) {
        for byte in [0, 1, 2, 0x7f, 0x80, 0xff] {
            for length in [1, 31, 32, 33, 256, 1216] {
                let config =
                    TransportConfig { kexes: vec![method.name], ..TransportConfig::default() };
                let mut end = greeted(Role::Server);
                let now = Instant::now();
                end.feed(now, &plain(&kexinit::write(Role::Client, &config, [4; 16], FIRST)));
                let mut message = vec![KEX_ECDH_INIT];
                message.put_string(&vec![byte; length]);
                end.feed(now, &plain(&message));
                let fits = kex(method.name).is_some_and(|kex| {
                    let mut random = ChaChaRandom::from_seed([1; 32]);
                    kex.server(&vec![byte; length], &mut random).is_ok()
                });
                assert_eq!(end.failure.is_none(), fits, "{} {byte} x {length}", method.name);
                if byte < 2 && length == 1 {
                    assert!(!fits, "{}: {byte} is taken", method.name);
                }
            }
        }
    }
}

/// A KEXINIT again and again without an answer is one exchange, not many.
#[test]
fn commit_d35cf537_kexinits_without_end_are_refused() {
    let mut pair = Pair::connected();
    let again = kexinit::write(
        Role::Client,
        &TransportConfig::default(),
        [4; 16],
        kexinit::Shape::default(),
    );
    assert_eq!(again[0], KEXINIT);
    pair.client.transport.push(&again);
    pair.client.transport.push(&again);
    let up = pair.client.transmit(pair.now);
    pair.server.feed(pair.now, &up);
    assert!(pair.server.failure_text().contains("under way"), "{}", pair.server.failure_text());
}
