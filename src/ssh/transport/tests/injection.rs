//! Messages slipped into a key exchange at each of its steps, by the sender or by somebody on the
//! wire: the first exchange is strict and takes none, a later one takes small talk.

use super::*;
use crate::crypto;
use crate::ssh::kexinit;
use crate::ssh::limits::PACKET_BYTES_MAX;
use crate::ssh::numbers::{
    CHANNEL_OPEN, CHANNEL_REQUEST, DEBUG, DISCONNECT, EXT_INFO, IGNORE, KEX_ECDH_INIT,
    KEX_ECDH_REPLY, KEXINIT, NEWKEYS, SERVICE_ACCEPT, SERVICE_REQUEST, UNIMPLEMENTED,
    USERAUTH_REQUEST,
};

/// Puts `intruders` in front of the first message with this number among those that are ready to
/// leave, and tells whether there was one.
fn slip(transport: &mut Transport, before: u8, intruders: &[Vec<u8>]) -> bool {
    let mut ready = Vec::new();
    while let Some(front) = transport.outbox.front() {
        ready.push(front.to_vec());
        transport.outbox.pop();
    }
    let at = ready.iter().position(|message| message[0] == before);
    if let Some(at) = at {
        ready.splice(at..at, intruders.iter().cloned());
    }
    for message in &ready {
        transport.outbox.push_own(message);
    }
    at.is_some()
}

/// The quickest method: there are thousands of exchanges here.
fn quick() -> [TransportConfig; 2] {
    let quick = |config| TransportConfig { kexes: vec!["curve25519-sha256"], ..config };
    [quick(TransportConfig::default()), quick(server_config())]
}

fn quick_pair() -> Pair {
    let [client, server] = quick();
    Pair::with(client, server)
}

fn quick_connected() -> Pair {
    let [client, server] = quick();
    Pair::connected_with(client, server)
}

impl Pair {
    /// The end that sends, and the one that hears it.
    fn ends(&mut self, sender: Role) -> (&mut End, &mut End) {
        match sender {
            Role::Client => (&mut self.client, &mut self.server),
            Role::Server => (&mut self.server, &mut self.client),
        }
    }

    /// Runs with `intruders` in front of the sender's next message `before`.
    fn run_with_slipped(&mut self, sender: Role, before: u8, intruders: &[Vec<u8>]) {
        let mut slipped = false;
        loop {
            slipped = slipped || slip(&mut self.ends(sender).0.transport, before, intruders);
            let up = self.client.transmit(self.now);
            let down = self.server.transmit(self.now);
            if up.is_empty() && down.is_empty() {
                break;
            }
            self.server.feed(self.now, &up);
            self.client.feed(self.now, &down);
        }
        assert!(slipped, "there was no message {before}");
    }

    /// Runs packet by packet: what arrives in place of each is what `pass` makes of it. It is told
    /// who sent it and which message is inside; 0 is the identification line.
    fn run_by_packets(&mut self, mut pass: impl FnMut(Role, u8, Vec<u8>) -> Vec<Vec<u8>>) {
        loop {
            let mut moved = false;
            for sender in ROLES {
                let now = self.now;
                let (from, to) = self.ends(sender);
                for (number, packet) in packets(from, now) {
                    moved = true;
                    for piece in pass(sender, number, packet) {
                        to.feed(now, &piece);
                    }
                }
            }
            if !moved {
                return;
            }
        }
    }
}

/// All an end has to say, each packet for itself with the number of its message.
fn packets(end: &mut End, now: Instant) -> Vec<(u8, Vec<u8>)> {
    let mut ready = Vec::new();
    while let Some(front) = end.transport.outbox.front() {
        ready.push(front.to_vec());
        end.transport.outbox.pop();
    }
    let mut packets = vec![(0, end.transmit(now))];
    packets.retain(|(_, ident)| !ident.is_empty());
    for message in ready {
        end.transport.outbox.push_own(&message);
        packets.push((message[0], end.transmit(now)));
    }
    packets
}

/// What each role says in an exchange.
fn steps(sender: Role) -> [u8; 3] {
    match sender {
        Role::Client => [KEXINIT, KEX_ECDH_INIT, NEWKEYS],
        Role::Server => [KEXINIT, KEX_ECDH_REPLY, NEWKEYS],
    }
}

const ROLES: [Role; 2] = [Role::Client, Role::Server];

fn with_string(number: u8, text: &[u8]) -> Vec<u8> {
    let mut message = vec![number];
    message.put_string(text);
    message
}

fn public_value() -> Vec<u8> {
    let method = crypto::kex("curve25519-sha256").unwrap();
    let kex = method.client(&mut ChaChaRandom::from_seed([9; 32])).unwrap();
    with_string(KEX_ECDH_INIT, kex.init())
}

/// A message of every number but DISCONNECT, and well-formed ones of the numbers that matter here.
fn intruders() -> Vec<Vec<u8>> {
    let numbers = (0..=255).filter(|number| *number != DISCONNECT);
    let mut all: Vec<_> = numbers.map(|number| with_string(number, b"whatever")).collect();
    all.push(vec![NEWKEYS]);
    all.push(vec![EXT_INFO, 0, 0, 0, 0]);
    all.push(vec![UNIMPLEMENTED, 0, 0, 0, 0]);
    all.push(with_string(SERVICE_REQUEST, b"ssh-userauth"));
    all.push(with_string(SERVICE_ACCEPT, b"ssh-userauth"));
    all.push(public_value());
    let [client, server] = quick();
    for role in ROLES {
        for config in [&client, &server] {
            all.push(kexinit::write(role, config, [5; 16], FIRST));
            all.push(kexinit::write(role, config, [5; 16], kexinit::Shape::default()));
        }
    }
    all
}

/// The transport numbers without a meaning, RFC 4250 section 4.1.2.
fn is_unknown(number: u8) -> bool {
    matches!(number, 0 | 8..=19 | 22..=29)
}

#[test]
fn every_message_at_every_step_of_the_first_exchange_is_fatal() {
    for sender in ROLES {
        for before in steps(sender) {
            for intruder in intruders() {
                let number = intruder[0];
                let mut pair = quick_pair();
                pair.run_with_slipped(sender, before, std::slice::from_ref(&intruder));
                let place = format!("message {number} before {before} of the {sender:?}'s");
                let receiver = pair.ends(sender).1;
                assert!(receiver.failure.is_some(), "{place}");
                assert_eq!(receiver.payloads.len(), 0, "{place}");
                assert!(receiver.transport.extensions.is_empty(), "{place}");
                // A NEWKEYS in front of the real one is the real one; the other is one too many.
                let early = (number, intruder.len(), before) == (NEWKEYS, 1, NEWKEYS);
                assert_eq!(receiver.exchanges(), u64::from(early), "{place}");
            }
        }
    }
}

/// What goes missing on the wire ends it as surely, or nothing goes on.
#[test]
fn without_any_of_its_messages_the_first_exchange_is_not_over() {
    for sender in ROLES {
        for left_out in steps(sender) {
            let mut pair = quick_pair();
            pair.client.transport.queue(&with_string(SERVICE_REQUEST, b"ssh-userauth"));
            pair.run_by_packets(|from, number, packet| {
                if (from, number) == (sender, left_out) { vec![] } else { vec![packet] }
            });
            let receiver = pair.ends(sender).1;
            assert_eq!(receiver.payloads.len(), 0);
            assert_eq!(receiver.exchanges(), 0, "the {sender:?} without {left_out}");
        }
    }
}

/// RFC 4253 section 7.1: small talk may come at any step; so may numbers nobody knows, which are
/// answered. Everything else waits for NEWKEYS.
#[test]
fn small_talk_at_every_step_of_a_later_exchange_is_tolerated() {
    for sender in ROLES {
        for before in &steps(sender)[1..] {
            for intruder in intruders() {
                let number = intruder[0];
                let mut pair = quick_connected();
                let now = pair.now;
                pair.ends(sender).0.transport.start_rekey(now);
                pair.run_with_slipped(sender, *before, std::slice::from_ref(&intruder));
                let place = format!("message {number} before {before} of the {sender:?}'s");
                let small_talk = (IGNORE..=DEBUG).contains(&number);
                if small_talk || is_unknown(number) {
                    pair.check_traffic();
                    assert_eq!(pair.client.exchanges(), 2, "{place}");
                    let asker = pair.ends(sender).0;
                    let answers = asker.items.iter();
                    let answers = answers.filter(|it| matches!(it, Item::Unimplemented { .. }));
                    assert_eq!(answers.count(), usize::from(!small_talk), "{place}");
                } else {
                    let receiver = pair.ends(sender).1;
                    assert!(receiver.failure.is_some(), "{place}");
                    assert_eq!(receiver.payloads.len(), 0, "{place}");
                }
            }
        }
    }
}

/// A session channel and a command to run in it.
fn channel_open() -> Vec<u8> {
    let mut message = with_string(CHANNEL_OPEN, b"session");
    for number in [0, 1 << 20, 1 << 15] {
        message.put_u32(number);
    }
    message
}

fn exec() -> Vec<u8> {
    let mut message = vec![CHANNEL_REQUEST];
    message.put_u32(0);
    message.put_string(b"exec");
    message.put_bool(true);
    message.put_string(b"id");
    message
}

fn login() -> Vec<u8> {
    let mut message = with_string(USERAUTH_REQUEST, b"mallory");
    for text in ["ssh-connection", "password"] {
        message.put_string(text.as_bytes());
    }
    message.put_bool(false);
    message.put_string(b"guess");
    message
}

/// One trace of the study: a client that says `intruders` before its message `before`, then goes
/// on as if nothing had happened and asks for the service. No answer but DISCONNECT may come.
fn trace(before: u8, intruders: &[Vec<u8>]) {
    let mut pair = quick_pair();
    pair.client.transport.queue(&with_string(SERVICE_REQUEST, b"ssh-userauth"));
    pair.run_with_slipped(Role::Client, before, intruders);
    let failure = pair.server.failure.clone().expect("the server goes on");
    assert_eq!(pair.server.payloads.len(), 0);
    assert_eq!(pair.client.payloads.len(), 0);
    let answered = |item: &Item| matches!(item, Item::Unimplemented { .. });
    assert!(!pair.client.items.iter().any(answered));
    pair.server.transport.disconnect(&failure);
    pair.run();
    let told = |item: &Item| matches!(item, Item::Disconnected { .. });
    assert!(pair.client.items.iter().any(told), "{:?}", pair.client.items);
}

// The nine traces that "Finding SSH Strict Key Exchange Violations by State Learning" (CCS 2025,
// arXiv 2509.10895) publishes, by the server each was found in.

#[test]
fn cve_2025_32433_ccs25_erlang_early_channel_open() {
    trace(KEX_ECDH_INIT, &[channel_open(), exec()]);
}

#[test]
fn ccs25_erlang_a_channel_open_behind_kexinit() {
    trace(KEX_ECDH_INIT, &[channel_open()]);
}

#[test]
fn ccs25_lancom_a_channel_open_behind_kexinit_is_not_answered() {
    trace(KEX_ECDH_INIT, &[channel_open()]);
}

#[test]
fn ccs25_tinyssh_a_channel_open_before_newkeys() {
    trace(NEWKEYS, &[channel_open()]);
}

#[test]
fn ccs25_dropbear_an_ignore_before_newkeys() {
    trace(NEWKEYS, &[vec![IGNORE, 0, 0, 0, 0]]);
}

#[test]
fn ccs25_tectia_a_login_before_kexinit() {
    trace(KEXINIT, &[login()]);
}

#[test]
fn ccs25_tectia_a_login_behind_kexinit() {
    trace(KEX_ECDH_INIT, &[login()]);
}

/// KEX_DH_GEX_REQUEST with the sizes OpenSSH asks for.
fn group_request() -> Vec<u8> {
    let mut message = vec![34];
    for bits in [2048, 3072, 8192] {
        message.put_u32(bits);
    }
    message
}

/// A client and a server that would exchange a group, if this build can.
fn group_exchange() -> Option<Pair> {
    let name = crypto::kex("diffie-hellman-group-exchange-sha256")?.name;
    let with = |config| TransportConfig { kexes: vec![name], ..config };
    Some(Pair::with(with(TransportConfig::default()), with(server_config())))
}

/// A second request for a group, before or behind the answer to the first.
fn a_second_group_request(before: u8) {
    let Some(mut pair) = group_exchange() else {
        return trace(KEX_ECDH_INIT, &[group_request(), group_request()]);
    };
    pair.run_with_slipped(Role::Client, before, &[group_request()]);
    assert!(pair.server.failure.is_some());
    assert_eq!(pair.server.exchanges(), 0);
}

#[test]
fn ccs25_asyncssh_a_second_group_request_is_not_answered() {
    a_second_group_request(34);
}

#[test]
fn ccs25_libssh_a_second_group_request_is_not_passed_over() {
    a_second_group_request(32);
}

/// What somebody on the wire does to the sender's packets: says `intruder` before its NEWKEYS, and
/// holds back the first ones behind it, so that the numbers agree again.
fn on_the_wire(client: &TransportConfig, sender: Role, intruder: Option<&[u8]>, dropped: usize) {
    let mut pair = Pair::with(client.clone(), quick()[1].clone());
    pair.client.transport.queue(&with_string(SERVICE_REQUEST, b"ssh-userauth"));
    for _ in 0..3 {
        pair.server.transport.queue(&channel_data(b"early"));
        pair.client.transport.queue(&channel_data(b"early"));
    }
    let mut behind_newkeys = None;
    pair.run_by_packets(|from, number, packet| {
        if from != sender {
            return vec![packet];
        }
        if let Some(count) = &mut behind_newkeys {
            *count += 1;
            return if *count > dropped { vec![packet] } else { vec![] };
        }
        if number != NEWKEYS {
            return vec![packet];
        }
        behind_newkeys = Some(0);
        intruder.map(plain).into_iter().chain([packet]).collect()
    });
    assert!(behind_newkeys > Some(dropped), "nothing followed what was held back");
    let now = pair.now;
    let receiver = pair.ends(sender).1;
    // CBC with a MAC over the plaintext tells of a bad packet only at the longest packet's end.
    if receiver.failure.is_none() {
        receiver.feed(now, &vec![0; PACKET_BYTES_MAX as usize]);
    }
    let place = format!("{intruder:?} and {dropped} less from the {sender:?}");
    assert!(receiver.failure.is_some(), "{place}");
    assert_eq!(receiver.payloads.len(), 0, "{place}");
    assert!(receiver.transport.extensions.is_empty(), "{place}");
}

/// Terrapin: numbers shifted by optional messages hide that the first packets under keys are gone.
#[test]
fn cve_2023_48795_the_first_packets_under_keys_cannot_be_dropped() {
    let ignore = with_string(IGNORE, b"");
    let unimplemented = [UNIMPLEMENTED, 0, 0, 0, 0];
    for Suite { client, .. } in suites() {
        let client = TransportConfig { kexes: vec!["curve25519-sha256"], ..client };
        for sender in ROLES {
            on_the_wire(&client, sender, None, 1);
            on_the_wire(&client, sender, None, 2);
            on_the_wire(&client, sender, Some(&ignore), 1);
            on_the_wire(&client, sender, Some(&unimplemented), 1);
        }
    }
}

/// A rogue extension: EXT_INFO of somebody on the wire in place of the server's.
#[test]
fn cve_2023_46445_no_extension_before_newkeys() {
    let mut rogue = vec![EXT_INFO];
    rogue.put_u32(1);
    rogue.put_string(b"server-sig-algs");
    rogue.put_string(b"ssh-rsa");
    for Suite { client, .. } in suites() {
        on_the_wire(&client, Role::Server, Some(&rogue), 1);
        on_the_wire(&client, Role::Client, Some(&rogue), 1);
    }
    for sender in ROLES {
        for before in steps(sender) {
            let mut pair = quick_pair();
            pair.run_with_slipped(sender, before, std::slice::from_ref(&rogue));
            let receiver = pair.ends(sender).1;
            assert!(receiver.failure.is_some() && receiver.transport.extensions.is_empty());
        }
    }
}

/// A rogue session: somebody on the wire logs the client in as somebody else, before its keys.
#[test]
fn cve_2023_46446_no_login_before_newkeys() {
    let service = with_string(SERVICE_REQUEST, b"ssh-userauth");
    let [client, _] = quick();
    on_the_wire(&client, Role::Client, Some(&login()), 1);
    on_the_wire(&client, Role::Client, Some(&service), 1);
    for before in steps(Role::Client) {
        trace(before, &[login()]);
        trace(before, &[service.clone(), login()]);
    }
}

#[test]
fn the_undisturbed_exchange_survives_the_same_treatment() {
    let mut pair = quick_pair();
    pair.client.transport.queue(&with_string(SERVICE_REQUEST, b"ssh-userauth"));
    let mut seen = Vec::new();
    pair.run_by_packets(|from, number, packet| {
        seen.push((from, number));
        vec![packet]
    });
    assert_eq!((pair.client.exchanges(), pair.server.exchanges()), (1, 1));
    assert_eq!(pair.server.payloads, [with_string(SERVICE_REQUEST, b"ssh-userauth")]);
    assert_eq!((pair.client.failure, pair.server.failure), (None, None));
    for sender in ROLES {
        let said = seen.iter().filter(|(from, _)| *from == sender).map(|(_, number)| *number);
        // An identification has no number.
        assert_eq!(said.skip(1).take(3).collect::<Vec<_>>(), steps(sender));
    }
}
