//! The first exchange: every cipher, every way of cutting the bytes, guesses, verdicts, failures.

use super::*;
use crate::crypto::{kexes, macs, signature_algorithms};
use crate::ssh::disconnect::DisconnectReason;
use crate::ssh::limits::{BANNER_LINES_MAX, KEX_TIMEOUT};
use crate::ssh::numbers::{KEX_ECDH_INIT, SERVICE_REQUEST, USERAUTH_REQUEST};

#[test]
fn every_cipher_and_method_carries_traffic() {
    let every_kex = || kexes().iter().map(|kex| kex.name).collect();
    for suite in suites() {
        for kex in kexes() {
            let client = TransportConfig { kexes: vec![kex.name], ..suite.client.clone() };
            let server = TransportConfig { kexes: every_kex(), ..server_config() };
            let mut pair = Pair::connected_with(client, server);
            pair.check_traffic();
            for end in [&pair.client, &pair.server] {
                let info = end.transport.info();
                for way in [info.sent, info.received] {
                    assert_eq!((way.cipher, way.mac), (suite.cipher, suite.mac.unwrap_or("")));
                }
                assert_eq!(info.kex, kex.name);
                assert_eq!(info.host_key_algorithm, "ssh-ed25519");
                assert!(info.strict);
                assert!(end.items.contains(&Item::KexDone { first: true }));
            }
            let (client, server) = (&pair.client.transport, &pair.server.transport);
            assert_eq!(client.session_id(), server.session_id());
            assert_eq!(client.session_id().unwrap().len(), kex.hash.bytes());
            assert_eq!(client.info().sent.bytes, server.info().received.bytes);
            assert_eq!(client.info().received.packets, server.info().sent.packets);
        }
    }
}

#[test]
fn frames_of_every_size_arrive_whole() {
    for suite in suites() {
        let mut pair = Pair::connected_with(suite.client.clone(), server_config());
        for bytes in (0..70).chain([255, 4096, 32 * 1024, 256 * 1024]) {
            let payload = channel_data(&vec![7; bytes]);
            let frame = pair.server.frame(&payload).unwrap();
            pair.client.feed(pair.now, &frame);
            assert_eq!(pair.client.payloads.pop(), Some(payload), "{bytes} {suite:?}");
            assert_eq!(pair.client.inbox.len(), 0);
        }
        pair.check_traffic();
    }
}

#[test]
fn a_frame_laid_out_for_another_size_is_refused_and_costs_nothing() {
    let mut pair = Pair::connected();
    let bytes = pair.server.transport.data_shape().unwrap().frame_bytes(100);
    for wrong in [bytes - 1, bytes + 1, 0, 4] {
        let refused = pair.server.transport.seal_frame(&mut vec![0; wrong], 100);
        assert_eq!(refused, Err(SealError::Shape));
    }
    pair.check_traffic();
}

#[test]
fn byte_by_byte_and_in_random_pieces() {
    for Suite { client, .. } in suites() {
        let mut pair = Pair::with(client.clone(), server_config());
        pair.run_in_pieces(|_| 1);
        pair.check_traffic();
        for seed in 0..8 {
            let mut dice = Dice::new(seed);
            let mut pair = Pair::with(client.clone(), server_config());
            pair.client.transport.queue(&channel_data(&[1; 20_000]));
            pair.server.transport.queue(&channel_data(&[2; 20_000]));
            pair.run_in_pieces(|_| 1 + dice.below(700));
            assert_eq!(pair.server.payloads, [channel_data(&[1; 20_000])]);
            assert_eq!(pair.client.payloads, [channel_data(&[2; 20_000])]);
            pair.check_traffic();
        }
    }
}

#[test]
fn needed_tells_the_whole_packet_as_soon_as_it_can() {
    let mut pair = Pair::connected();
    let frame = pair.server.frame(&channel_data(&[1; 1000])).unwrap();
    assert_eq!(pair.client.transport.needed(), 4);
    pair.client.feed(pair.now, &frame[..3]);
    assert_eq!(pair.client.transport.needed(), 4);
    pair.client.feed(pair.now, &frame[3..4]);
    assert_eq!(pair.client.transport.needed(), frame.len());
    pair.client.feed(pair.now, &frame[4..frame.len() - 1]);
    assert_eq!(pair.client.payloads.len(), 0);
    pair.client.feed(pair.now, &frame[frame.len() - 1..]);
    assert_eq!(pair.client.payloads.len(), 1);
    assert_eq!(pair.client.transport.needed(), 4);
}

/// Where the length is encrypted with its block, that takes the whole block.
#[test]
fn an_encrypted_length_takes_its_block() {
    let client = TransportConfig {
        macs: vec!["hmac-sha2-256"],
        ..only("aes128-ctr", TransportConfig::default())
    };
    let mut pair = Pair::connected_with(client, server_config());
    let frame = pair.server.frame(&channel_data(&[1; 1000])).unwrap();
    assert_eq!(pair.client.transport.needed(), 16);
    pair.client.feed(pair.now, &frame[..15]);
    assert_eq!(pair.client.transport.needed(), 16);
    pair.client.feed(pair.now, &frame[15..16]);
    assert_eq!(pair.client.transport.needed(), frame.len());
    pair.client.feed(pair.now, &frame[16..]);
    assert_eq!(pair.client.payloads, [channel_data(&[1; 1000])]);
}

/// Each direction takes the client's first MAC that the server has; an AEAD takes none.
#[test]
fn macs_are_agreed_on_for_each_direction() {
    let both = vec!["aes128-gcm@openssh.com", "aes256-ctr"];
    let names = |config| TransportConfig { ciphers: both.clone(), ..config };
    let reverse: Vec<_> = macs().iter().rev().map(|mac| mac.name).collect();
    let client = TransportConfig { macs: reverse.clone(), ..names(TransportConfig::default()) };
    let pair = Pair::connected_with(client.clone(), names(server_config()));
    let info = pair.server.transport.info();
    assert_eq!((info.sent.cipher, info.sent.mac), (both[0], ""));
    let pair = Pair::connected_with(
        TransportConfig { ciphers: vec![both[1]], ..client },
        TransportConfig { macs: vec![reverse[2], reverse[1]], ..server_config() },
    );
    for end in [&pair.client, &pair.server] {
        let info = end.transport.info();
        assert_eq!([info.sent.mac, info.received.mac], [reverse[1], reverse[1]]);
    }
    let mut pair = Pair::with(
        TransportConfig { macs: vec![reverse[0]], ..only(both[1], TransportConfig::default()) },
        TransportConfig { macs: vec![reverse[1]], ..server_config() },
    );
    pair.run();
    let text = pair.server.failure_text();
    assert!(text.contains("no common MAC from client to server"), "{text}");
}

#[test]
fn messages_queued_before_the_first_keys_follow_them() {
    let mut pair = Pair::new();
    let mut request = vec![SERVICE_REQUEST];
    request.put_string(b"ssh-userauth");
    pair.client.transport.queue(&request);
    assert_eq!(pair.client.transport.data_shape(), None);
    assert_eq!(pair.client.frame(&request), Err(SealError::Rekeying));
    let first = split_plain(&pair.client.transmit(pair.now));
    assert_eq!(first.len(), 2, "only the identification and the KEXINIT leave");
    assert!(pair.client.transport.queued_bytes() >= request.len());
    pair.server.feed(pair.now, &first.concat());
    pair.run();
    assert_eq!(pair.server.payloads, [request]);
    assert_eq!(pair.client.transport.queued_bytes(), 0);
}

#[test]
fn the_server_names_its_signature_algorithms() {
    let pair = Pair::connected();
    let listed = pair.client.transport.peer_extension("server-sig-algs").unwrap();
    assert_eq!(listed, signature_algorithms().join(",").as_bytes());
    let names = |end: &End| -> Vec<_> {
        let names = end.transport.peer_extensions().map(|(name, _)| name.to_vec());
        names.map(|name| String::from_utf8(name).unwrap()).collect()
    };
    let told = ["server-sig-algs", "publickey-hostbound@openssh.com", "ping@openssh.com"];
    assert_eq!(names(&pair.client), told);
    for name in &told[1..] {
        assert_eq!(pair.client.transport.peer_extension(name), Some(&b"0"[..]));
    }
    assert_eq!(pair.client.transport.peer_extension("other"), None);
    assert_eq!(names(&pair.server), ["ext-info-in-auth@openssh.com"]);
    // Where no key logs in there is less to say.
    let server = TransportConfig { signature_algorithms: Vec::new(), ..server_config() };
    let pair = Pair::connected_with(TransportConfig::default(), server);
    assert_eq!(names(&pair.client), ["ping@openssh.com"]);
}

#[test]
fn a_client_is_told_again_during_the_login() {
    let mut pair = Pair::new();
    pair.run();
    let tell = |pair: &mut Pair, names: &[&str]| {
        pair.server.transport.tell_signature_algorithms(names);
        pair.run();
        pair.client.transport.peer_extension("server-sig-algs").unwrap().to_vec()
    };
    let all = signature_algorithms().join(",").into_bytes();
    assert_eq!(tell(&mut pair, &["rsa-sha2-512"]), all, "nobody is logging in");
    pair.client.transport.queue(&[USERAUTH_REQUEST]);
    pair.run();
    assert_eq!(tell(&mut pair, &["rsa-sha2-512"]), b"rsa-sha2-512");
    assert_eq!(tell(&mut pair, &["ssh-ed25519"]), b"rsa-sha2-512", "once");
    pair.authenticate();
    pair.check_traffic();
}

#[test]
fn both_ends_know_the_first_host_key() {
    let mut pair = Pair::connected();
    let blob = crate::crypto::Signer::public_blob(&Ed25519Signer::from_seed([7; 32])).to_vec();
    pair.client.transport.start_rekey(pair.now);
    pair.run();
    for end in [&pair.client, &pair.server] {
        assert_eq!(end.transport.host_key(), Some(&blob[..]));
        let info = end.transport.info();
        assert_eq!((info.rekeys(), info.exchanges), (1, 2));
        assert!(info.sent.is_protected() && info.received.is_protected());
    }
    // Both count from their NEWKEYS on, and agree.
    pair.check_traffic();
    let (client, server) = (pair.client.transport.info(), pair.server.transport.info());
    assert_eq!((client.sent.sequence, client.received.sequence), (1, 1));
    assert_eq!((server.received.sequence, server.sent.sequence), (1, 1));
    assert!(client.sent.packets > 5);
    assert!(!Pair::new().client.transport.info().sent.is_protected());
}

/// A client that sends the first message of its first method ahead.
fn eager(kexes: &[&'static str], strict_kex: StrictKex) -> TransportConfig {
    TransportConfig { guess: true, kexes: kexes.to_vec(), strict_kex, ..TransportConfig::default() }
}

#[test]
fn our_own_guess_right_and_wrong() {
    const HYBRID: &str = "mlkem768x25519-sha256";
    const CURVE: &str = "curve25519-sha256";
    let cases = [
        (&[HYBRID, CURVE][..], &[HYBRID, CURVE][..], HYBRID, 1),
        // The server's first is another, and yet both agree on what was guessed.
        (&[HYBRID, CURVE], &[CURVE, HYBRID], HYBRID, 2),
        (&[HYBRID, CURVE], &[CURVE], CURVE, 2),
    ];
    for strict in [StrictKex::Off, StrictKex::On] {
        for (client, server, agreed, inits) in cases {
            let server = TransportConfig { kexes: server.to_vec(), ..server_config() };
            let mut pair = Pair::with(eager(client, strict), server);
            let greeting = pair.client.transmit(pair.now);
            assert_eq!(split_plain(&greeting).len(), 3, "identification, KEXINIT and the guess");
            pair.server.feed(pair.now, &greeting);
            let answer = pair.server.transmit(pair.now);
            // Identification, KEXINIT, and for a right guess at once REPLY, NEWKEYS, EXT_INFO.
            assert_eq!(split_plain(&answer).len(), if inits == 1 { 5 } else { 2 });
            pair.client.feed(pair.now, &answer);
            pair.run();
            for end in [&pair.client, &pair.server] {
                assert_eq!(end.failure, None, "{agreed} {strict:?}");
                assert_eq!(end.transport.info().kex, agreed);
                assert_eq!(end.transport.info().strict, strict == StrictKex::On);
            }
            pair.authenticate();
            // Later exchanges are asked for in a running connection: nothing is guessed there.
            pair.client.transport.start_rekey(pair.now);
            pair.run();
            assert_eq!(pair.server.exchanges(), 2);
            pair.check_traffic();
        }
    }
}

/// RFC 4253 section 7: the host key counts too.
#[test]
fn our_own_guess_is_wrong_with_another_host_key_first() {
    let config = eager(&["curve25519-sha256"], StrictKex::On);
    let names = vec!["ecdsa-sha2-nistp256", "ssh-ed25519"];
    let mut pair =
        Pair::with(TransportConfig { host_key_algorithms: names, ..config }, server_config());
    pair.run();
    assert_eq!(pair.server.failure, None);
    pair.authenticate();
    pair.check_traffic();
}

#[test]
fn versions_that_are_not_accepted_are_told_so() {
    for (patterns, taken) in [
        (&["ringferry_*"][..], true),
        (&["!OpenSSH_*", "*"], true),
        (&["OpenSSH_*", "PuTTY*"], false),
        (&["*", "!ringferry_?.*"], false),
    ] {
        let peer_versions: Vec<_> = patterns.iter().map(|text| (*text).to_owned()).collect();
        for role in [Role::Client, Role::Server] {
            let mut configs = [TransportConfig::default(), server_config()];
            configs[usize::from(role == Role::Server)].peer_versions.clone_from(&peer_versions);
            let [client, server] = configs;
            let mut pair = Pair::with(client, server);
            pair.run();
            let (ours, theirs) = match role {
                Role::Client => (&mut pair.client, &mut pair.server),
                Role::Server => (&mut pair.server, &mut pair.client),
            };
            assert_eq!(ours.failure.is_none(), taken, "{patterns:?}");
            let Some(failure) = ours.failure.clone() else { continue };
            assert_eq!(failure.reason, DisconnectReason::ProtocolVersionNotSupported);
            assert!(failure.description.contains("\"SSH-2.0-ringferry_"), "{failure}");
            assert_eq!(ours.exchanges(), 0);
            ours.transport.disconnect(&failure);
            let bytes = ours.transmit(pair.now);
            theirs.feed(pair.now, &bytes);
            assert!(matches!(theirs.items.last(), Some(Item::Disconnected { reason: 8, .. })));
        }
    }
}

#[test]
fn the_client_waits_for_the_verdict_on_the_host_key() {
    let mut pair = Pair::new();
    pair.client.trusting = false;
    pair.run();
    assert_eq!(pair.client.items.last(), Some(&Item::HostKeyOffered));
    let blob = crate::crypto::Signer::public_blob(&Ed25519Signer::from_seed([7; 32])).to_vec();
    assert_eq!(pair.client.transport.host_key(), Some(&blob[..]));
    assert!(!pair.client.transport.wants_input());
    assert!(!pair.client.inbox.is_empty(), "the server's NEWKEYS stays in the input");
    assert_eq!(pair.client.transport.session_id(), None);
    // A person may take long over it, and the peer is not to blame.
    pair.now += KEX_TIMEOUT * 10;
    assert_eq!(pair.client.transport.next_deadline(), None);
    assert_eq!(pair.client.transport.handle_timeout(pair.now), Ok(()));
    pair.client.transport.host_key_verdict(true).unwrap();
    pair.run();
    pair.client.feed(pair.now, &[]);
    pair.authenticate();
    pair.check_traffic();
}

#[test]
fn a_refused_host_key_ends_the_connection() {
    let mut pair = Pair::new();
    pair.client.trusting = false;
    pair.run();
    let end = pair.client.transport.host_key_verdict(false).unwrap_err();
    assert_eq!(end.reason, DisconnectReason::HostKeyNotVerifiable);
    pair.client.transport.disconnect(&end);
    pair.run();
    assert!(matches!(pair.server.items.last(), Some(Item::Disconnected { reason: 9, .. })));
}

#[test]
fn a_signature_by_another_key_is_refused() {
    /// Shows the key of one signer and signs with another.
    struct Liar(Ed25519Signer, Ed25519Signer);
    impl crate::crypto::Signer for Liar {
        fn algorithms(&self) -> &'static [&'static str] {
            self.0.algorithms()
        }
        fn public_blob(&self) -> &[u8] {
            self.0.public_blob()
        }
        fn sign(&self, name: &str, data: &[u8]) -> Result<Vec<u8>, crate::crypto::CryptoError> {
            self.1.sign(name, data)
        }
    }
    let liar = Liar(Ed25519Signer::from_seed([7; 32]), Ed25519Signer::from_seed([8; 32]));
    let server = TransportConfig { host_keys: vec![Arc::new(liar)], ..server_config() };
    let mut pair = Pair::with(TransportConfig::default(), server);
    pair.run();
    let failure = pair.client.failure.unwrap();
    assert_eq!(failure.reason, DisconnectReason::HostKeyNotVerifiable);
    assert_eq!(pair.client.transport.host_key(), None);
}

#[test]
fn nothing_in_common_names_both_lists() {
    let client = only("aes128-gcm@openssh.com", TransportConfig::default());
    let server = only("chacha20-poly1305@openssh.com", server_config());
    let mut pair = Pair::with(client, server);
    pair.run();
    for end in [&pair.client, &pair.server] {
        let failure = end.failure.as_ref().unwrap();
        assert_eq!(failure.reason, DisconnectReason::KeyExchangeFailed);
        let text = &failure.description;
        assert!(text.contains("[aes128-gcm@openssh.com]"), "{text}");
        assert!(text.contains("[chacha20-poly1305@openssh.com]"), "{text}");
    }
}

/// A client that offers the methods in another order and says that a guess follows.
pub(super) fn guessing_client(kexes: Vec<&'static str>) -> End {
    // A guess is right only if the lists of host key algorithms begin alike as well.
    let host_key_algorithms = vec!["ssh-ed25519"];
    let config = TransportConfig { kexes, host_key_algorithms, ..TransportConfig::default() };
    let mut kexinit = kexinit::write(Role::Client, &config, [9; 16], FIRST);
    let at = kexinit.len() - 5;
    kexinit[at] = 1;
    let mut client = End::new(Role::Client, config, 1, Instant::now());
    client.transport.replace_kexinit(kexinit);
    client
}

/// What Dropbear does without post-quantum methods: its first is not the server's first, so the
/// guess is wrong, although both come to agree on it.
#[test]
fn a_guess_of_the_servers_second_choice_is_passed_over() {
    let mut pair = Pair::new();
    pair.client = guessing_client(vec!["curve25519-sha256", "curve25519-sha256@libssh.org"]);
    pair.client.transport.push(&[KEX_ECDH_INIT, 1, 2, 3]);
    pair.run();
    assert_eq!(pair.server.failure, None);
    assert_eq!(pair.server.transport.info().kex, "curve25519-sha256");
    pair.authenticate();
    pair.check_traffic();
}

#[test]
fn a_wrong_guess_is_passed_over() {
    let mut pair = Pair::new();
    pair.client = guessing_client(vec!["curve25519-sha256@libssh.org", "curve25519-sha256"]);
    // The guess itself, for whatever method.
    pair.client.transport.push(&[KEX_ECDH_INIT, 1, 2, 3]);
    pair.run();
    assert_eq!(pair.server.failure, None);
    pair.authenticate();
    pair.check_traffic();
}

#[test]
fn only_one_packet_is_passed_over_for_a_wrong_guess() {
    let mut pair = Pair::new();
    pair.client = guessing_client(vec!["curve25519-sha256@libssh.org", "curve25519-sha256"]);
    pair.client.transport.push(&[KEX_ECDH_INIT, 1, 2, 3]);
    pair.client.transport.push(&[KEX_ECDH_INIT, 1, 2, 3]);
    pair.run();
    assert!(pair.server.failure.is_some());
}

#[test]
fn a_right_guess_is_taken() {
    let offered = || vec!["mlkem768x25519-sha256", "curve25519-sha256"];
    let mut pair = Pair::new();
    pair.client = guessing_client(offered());
    pair.run();
    pair.authenticate();
    pair.check_traffic();
    // A right guess with rubbish inside is not passed over.
    let mut pair = Pair::new();
    pair.client = guessing_client(offered());
    pair.client.transport.push(&[KEX_ECDH_INIT, 1, 2, 3]);
    pair.run();
    assert!(pair.server.failure_text().contains("malformed"), "{}", pair.server.failure_text());
}

#[test]
fn older_identifications_and_lines_before_them() {
    let mut pair = Pair::new();
    pair.server.transport.info.ident = "SSH-1.99-old".to_owned();
    for _ in 0..BANNER_LINES_MAX {
        pair.client.feed(pair.now, b"Hello there\r\n");
    }
    pair.run();
    pair.authenticate();
    pair.check_traffic();
    assert_eq!(pair.client.items[0], Item::Ident("SSH-1.99-old".to_owned()));
    assert_eq!(pair.client.transport.info().peer_ident.as_deref(), Some("SSH-1.99-old"));
}

#[test]
fn a_server_takes_no_line_before_the_identification() {
    let mut pair = Pair::new();
    pair.server.feed(pair.now, b"GET / HTTP/1.1\r\n");
    let failure = pair.server.failure.clone().unwrap();
    assert_eq!(failure.reason, DisconnectReason::ProtocolVersionNotSupported);
    pair.server.transport.disconnect(&failure);
    let out = pair.server.transmit(pair.now);
    assert!(out.starts_with(b"SSH-2.0-ringferry_"));
    assert_eq!(split_plain(&out).len(), 2, "no DISCONNECT for somebody who speaks no SSH");
    assert!(pair.server.transport.is_closed());
    assert_eq!(pair.server.transport.next_deadline(), None);
}
