//! Every key exchange method: rekeys from both sides, and values that end the connection.

use super::*;
use crate::crypto::{kex, kexes};
use crate::ssh::disconnect::DisconnectReason;
use crate::ssh::numbers::{KEX_ECDH_INIT, KEX_ECDH_REPLY};

pub(super) fn with_kex(name: &'static str, config: TransportConfig) -> TransportConfig {
    TransportConfig { kexes: vec![name], ..config }
}

pub(super) fn pair_of(name: &'static str) -> Pair {
    Pair::with(with_kex(name, TransportConfig::default()), with_kex(name, server_config()))
}

#[test]
fn every_method_exchanges_keys_again() {
    for method in kexes() {
        let mut pair = pair_of(method.name);
        pair.run();
        pair.authenticate();
        let session = pair.client.transport.session_id().unwrap().to_vec();
        pair.client.transport.start_rekey(pair.now);
        pair.run();
        pair.check_traffic();
        pair.server.transport.start_rekey(pair.now);
        pair.run();
        pair.check_traffic();
        assert_eq!((pair.client.exchanges(), pair.server.exchanges()), (3, 3), "{}", method.name);
        assert_eq!(pair.client.transport.session_id(), Some(&session[..]));
    }
}

/// As long as the prime of group 14, and larger.
fn beyond_group_14() -> Vec<u8> {
    [&[0][..], &[0xff; 256]].concat()
}

/// A value for each method that must be refused, and the words for it.
fn hostile_values() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let point = |bytes: usize| [&[4][..], &vec![1; 2 * bytes]].concat();
    let mut values = vec![
        ("curve25519-sha256", vec![0; 32], "point of low order"),
        ("curve25519-sha256", vec![9; 31], "not 32 bytes"),
        ("curve25519-sha256", vec![], "not 32 bytes"),
        ("mlkem768x25519-sha256", vec![0; 32], "32 bytes long"),
        ("mlkem768x25519-sha256", vec![0; 4096], "32 bytes long"),
        ("sntrup761x25519-sha512", vec![0; 32], "32 bytes long"),
        ("sntrup761x25519-sha512", vec![0; 1040], "32 bytes long"),
        ("sntrup761x25519-sha512@openssh.com", vec![0; 4096], "32 bytes long"),
        ("ecdh-sha2-nistp256", point(32), "not a point of the curve"),
        ("ecdh-sha2-nistp384", point(48), "not a point of the curve"),
        ("ecdh-sha2-nistp521", point(66), "not a point of the curve"),
        ("ecdh-sha2-nistp256", vec![0], "not an uncompressed point"),
        ("ecdh-sha2-nistp256", point(48), "not an uncompressed point"),
        ("diffie-hellman-group14-sha256", beyond_group_14(), "not within 2 to p - 2"),
        ("diffie-hellman-group14-sha256", vec![0x80], "negative"),
    ];
    for method in kexes() {
        let name = method.name;
        if name.starts_with("diffie-hellman") && !method.exchanges_group() {
            values.push((name, vec![], "not within 2 to p - 2"));
            values.push((name, vec![1], "not within 2 to p - 2"));
            values.push((name, vec![0], "needless zeros"));
            values.push((name, vec![0x7f; 2000], "not within 2 to p - 2"));
        }
    }
    values
}

pub(super) fn assert_refused(end: &mut End, now: Instant, why: &str, name: &str) {
    let failure = end.failure.clone().unwrap_or_else(|| panic!("{name}: {why}: was taken"));
    assert_eq!(failure.reason, DisconnectReason::KeyExchangeFailed, "{name}");
    assert!(failure.description.contains(why), "{name}: {failure}");
    assert_eq!(end.transport.session_id(), None);
    end.transport.disconnect(&failure);
    let farewell = split_plain(&end.transmit(now)).pop().unwrap();
    assert_eq!(farewell[5], crate::ssh::numbers::DISCONNECT);
}

#[test]
fn a_server_refuses_hostile_values_with_a_disconnect() {
    for (name, value, why) in hostile_values() {
        let mut pair = pair_of(name);
        let greeting = pair.client.transmit(pair.now);
        let mut message = vec![KEX_ECDH_INIT];
        message.put_string(&value);
        pair.server.feed(pair.now, &greeting);
        pair.server.feed(pair.now, &plain(&message));
        assert_refused(&mut pair.server, pair.now, why, name);
    }
}

#[test]
fn a_client_refuses_hostile_values_with_a_disconnect() {
    let key = Ed25519Signer::from_seed([7; 32]);
    let blob = crate::crypto::Signer::public_blob(&key);
    for (name, value, why) in hostile_values() {
        let mut pair = pair_of(name);
        let greeting = pair.server.transmit(pair.now);
        pair.client.feed(pair.now, &greeting);
        let mut message = vec![KEX_ECDH_REPLY];
        message.put_string(blob);
        message.put_string(&value);
        message.put_string(b"never looked at");
        pair.client.feed(pair.now, &plain(&message));
        assert_refused(&mut pair.client, pair.now, why, name);
    }
}

/// The halves of a hybrid that are right in form only.
#[test]
fn a_hybrid_with_one_bad_half_is_refused() {
    let init = |name| {
        let mut random = ChaChaRandom::from_seed([5; 32]);
        kex(name).unwrap().client(&mut random).unwrap().init().to_vec()
    };
    let (mlkem, sntrup) = ("mlkem768x25519-sha256", "sntrup761x25519-sha512");
    let unreduced = [&[0xff; 3], &init(mlkem)[3..]].concat();
    let low_order = |name, key: usize| [&init(name)[..key], &[0; 32]].concat();
    for (name, value, why) in [
        (mlkem, unreduced, "not an ML-KEM-768 encapsulation key"),
        (mlkem, low_order(mlkem, 1184), "point of low order"),
        (sntrup, low_order(sntrup, 1158), "point of low order"),
    ] {
        let mut pair = pair_of(name);
        let greeting = pair.client.transmit(pair.now);
        pair.server.feed(pair.now, &greeting);
        let mut message = vec![KEX_ECDH_INIT];
        message.put_string(&value);
        pair.server.feed(pair.now, &plain(&message));
        assert_refused(&mut pair.server, pair.now, why, name);
    }
}

/// A ciphertext with one bit changed on its way is taken for another secret: the signature over
/// the exchange hash does not verify, and nothing comes of it.
#[test]
fn a_hybrids_ciphertext_that_was_tampered_with_ends_the_connection() {
    for name in ["mlkem768x25519-sha256", "sntrup761x25519-sha512"] {
        for at in [0, 500, 1038] {
            let mut pair = pair_of(name);
            let greeting = pair.client.transmit(pair.now);
            pair.server.feed(pair.now, &greeting);
            let answer = pair.server.transmit(pair.now);
            pair.client.feed(pair.now, &answer);
            let init = pair.client.transmit(pair.now);
            pair.server.feed(pair.now, &init);
            let mut reply = pair.server.transmit(pair.now);
            // Length, padding length, number, the host key's 4 + 51 bytes, the value's length.
            reply[4 + 1 + 1 + 4 + 51 + 4 + at] ^= 1;
            pair.client.feed(pair.now, &reply);
            let failure = pair.client.failure.expect("a signature over something else");
            assert_eq!(failure.reason, DisconnectReason::HostKeyNotVerifiable, "{name} {at}");
            assert_eq!(pair.client.transport.session_id(), None);
        }
    }
}
