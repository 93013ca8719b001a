//! Group exchange: which group is agreed on, in which order, and what ends the connection.

use super::handshake::guessing_client;
use super::kex::{assert_refused, pair_of, with_kex};
use super::*;
use crate::crypto::Moduli;
use crate::ssh::GexBits;
use crate::ssh::numbers::{
    KEX_DH_GEX_GROUP, KEX_DH_GEX_INIT, KEX_DH_GEX_REPLY, KEX_DH_GEX_REQUEST, KEX_ECDH_INIT,
};

const METHOD: &str = "diffie-hellman-group-exchange-sha256";

fn gex_bits(min: u32, preferred: u32, max: u32) -> GexBits {
    GexBits { min, preferred, max }
}

fn pair_with(client: GexBits, server: GexBits, moduli: Moduli) -> Pair {
    let client = TransportConfig { gex_bits: client, ..TransportConfig::default() };
    let moduli = Arc::new(moduli);
    let server = TransportConfig { gex_bits: server, moduli, ..server_config() };
    Pair::with(with_kex(METHOD, client), with_kex(METHOD, server))
}

fn request(min: u32, preferred: u32, max: u32) -> Vec<u8> {
    crate::ssh::group_exchange::request(gex_bits(min, preferred, max))
}

/// A KEX_DH_GEX_GROUP.
fn group(prime: &[u8], generator: &[u8]) -> Vec<u8> {
    let mut message = vec![KEX_DH_GEX_GROUP];
    message.put_mpint(prime);
    message.put_mpint(generator);
    message
}

/// The prime of RFC 3526 that has so many bits.
fn prime(bits: u32) -> Vec<u8> {
    let mut random = ChaChaRandom::from_seed([1; 32]);
    Moduli::default().choose(bits, bits, bits, &mut random).unwrap().prime().to_vec()
}

fn minus(number: &[u8], less: u8) -> Vec<u8> {
    let mut number = number.to_vec();
    *number.last_mut().unwrap() -= less;
    number
}

/// The payload of a packet before the first keys.
fn payload(packet: &[u8]) -> &[u8] {
    &packet[5..packet.len() - usize::from(packet[4])]
}

/// A server that has been greeted, and the time.
fn greeted() -> Pair {
    let mut pair = pair_of(METHOD);
    let greeting = pair.client.transmit(pair.now);
    pair.server.feed(pair.now, &greeting);
    pair.server.transmit(pair.now);
    pair
}

/// A client that has been greeted and has sent its request.
fn asking(bits: GexBits) -> Pair {
    let mut pair = pair_with(bits, GexBits::default(), Moduli::default());
    let greeting = pair.server.transmit(pair.now);
    pair.client.feed(pair.now, &greeting);
    let sent = split_plain(&pair.client.transmit(pair.now));
    let asked = request(bits.min, bits.preferred, bits.max);
    assert_eq!(payload(sent.last().unwrap()), asked);
    pair
}

/// The size of the group in the server's answer.
fn offered_bits(pair: &mut Pair) -> u32 {
    let answer = split_plain(&pair.server.transmit(pair.now)).pop().unwrap();
    let payload = payload(&answer);
    assert_eq!(payload[0], KEX_DH_GEX_GROUP);
    let mut reader = crate::ssh::wire::Reader::new(&payload[1..]);
    let prime = reader.mpint().unwrap();
    assert_eq!(reader.mpint(), Ok(&[2][..]));
    8 * u32::try_from(prime.len()).unwrap()
}

#[test]
fn the_group_asked_for_is_offered() {
    for (asked, wanted) in [
        ((2048, 3072, 8192), 3072),
        ((2048, 2048, 8192), 2048),
        // Old PuTTYs and paramiko begin at 1024.
        ((1024, 1024, 8192), 2048),
        ((1024, 2048, 2048), 2048),
        ((2048, 7680, 8192), 8192),
        ((2048, 7680, 7680), 6144),
        ((0, 0, u32::MAX), 2048),
        ((0, u32::MAX, u32::MAX), 8192),
        ((8192, 9000, 16_384), 8192),
    ] {
        let mut pair = greeted();
        pair.server.feed(pair.now, &plain(&request(asked.0, asked.1, asked.2)));
        assert_eq!(pair.server.failure, None);
        assert_eq!(offered_bits(&mut pair), wanted, "{asked:?}");
    }
}

#[test]
fn a_server_offers_nothing_outside_its_own_bounds() {
    let server = gex_bits(3072, 3072, 4096);
    for (asked, wanted) in [((2048, 2048, 8192), 3072), ((2048, 8192, 8192), 4096)] {
        let mut pair = pair_with(GexBits::default(), server, Moduli::default());
        let greeting = pair.client.transmit(pair.now);
        pair.server.feed(pair.now, &greeting);
        pair.server.transmit(pair.now);
        pair.server.feed(pair.now, &plain(&request(asked.0, asked.1, asked.2)));
        assert_eq!(offered_bits(&mut pair), wanted);
    }
    let mut pair = pair_with(gex_bits(2048, 2048, 2048), server, Moduli::default());
    pair.run();
    let text = "no group for an exchange with 2048 to 2048 bits; offered are 3072 to 4096";
    assert_refused(&mut pair.server, pair.now, text, METHOD);
}

/// A group that only the file has, with another generator.
#[test]
fn the_groups_of_the_file_come_first() {
    let digits: String = prime(2048).iter().map(|byte| format!("{byte:02X}")).collect();
    let text = format!("20260101000000 2 6 100 2047 5 {digits}\n");
    let (moduli, problems) = Moduli::parse(text.as_bytes());
    assert_eq!(problems, []);
    let mut pair = pair_with(gex_bits(2048, 2048, 8192), GexBits::default(), moduli);
    let greeting = pair.client.transmit(pair.now);
    pair.server.feed(pair.now, &greeting);
    let answer = pair.server.transmit(pair.now);
    pair.client.feed(pair.now, &answer);
    let request = pair.client.transmit(pair.now);
    pair.server.feed(pair.now, &request);
    let answer = pair.server.transmit(pair.now);
    assert_eq!(payload(&answer), group(&prime(2048), &[5]));
    pair.client.feed(pair.now, &answer);
    pair.run();
    pair.authenticate();
    pair.check_traffic();
    for end in [&pair.client, &pair.server] {
        assert_eq!(end.transport.info().kex, METHOD);
    }
}

#[test]
fn requests_that_cannot_be_met_end_the_connection() {
    let cut = |bytes: usize| request(2048, 3072, 8192)[..bytes].to_vec();
    let none = "no group for an exchange with";
    for (message, why) in [
        (request(512, 512, 512), none),
        (request(1024, 1024, 2047), none),
        (request(0, 0, 0), none),
        (request(8193, 8193, u32::MAX), none),
        (request(u32::MAX, u32::MAX, u32::MAX), none),
        (request(4097, 4097, 6143), none),
        (request(8192, 3072, 2048), "8192 to 2048 bits, preferably 3072"),
        (request(3072, 2048, 8192), "3072 to 8192 bits, preferably 2048"),
        (request(2048, 8192, 4096), "2048 to 4096 bits, preferably 8192"),
        (cut(1), "malformed"),
        (cut(12), "malformed"),
        ([&request(2048, 3072, 8192)[..], &[0]].concat(), "malformed"),
        // Before RFC 4419: one size, and the number of a KEX_ECDH_INIT.
        (vec![KEX_ECDH_INIT, 0, 0, 8, 0], "KEX_DH_GEX_REQUEST_OLD"),
    ] {
        let mut pair = greeted();
        pair.server.feed(pair.now, &plain(&message));
        assert_refused(&mut pair.server, pair.now, why, METHOD);
    }
}

#[test]
fn groups_that_were_not_asked_for_or_are_none_end_the_connection() {
    let all = GexBits::default();
    let p = prime(2048);
    let odd = |bytes: usize| vec![0xff; bytes];
    let range = "the generator is not within 2 to p - 2";
    let mut negative = vec![KEX_DH_GEX_GROUP];
    negative.put_string(&p);
    negative.put_mpint(&[2]);
    for (bits, message, why) in [
        (all, group(&[], &[2]), "less than 2048 bits"),
        (all, group(&odd(64), &[2]), "less than 2048 bits"),
        (all, group(&odd(255), &[2]), "less than 2048 bits"),
        (all, group(&odd(1025), &[2]), "more than 8192 bits"),
        (all, group(&odd(30_000), &[2]), "more than 8192 bits"),
        (gex_bits(3072, 3072, 8192), group(&p, &[2]), "has 2048 bits; asked for were 3072 to 8192"),
        (gex_bits(2048, 2048, 2048), group(&prime(3072), &[2]), "has 3072 bits"),
        (all, group(&minus(&p, 1), &[2]), "the prime is even"),
        (all, group(&p, &[]), range),
        (all, group(&p, &[1]), range),
        (all, group(&p, &minus(&p, 1)), range),
        (all, group(&p, &p), range),
        (all, negative, "malformed"),
        (all, group(&p, &[2])[..200].to_vec(), "malformed"),
        (all, [&group(&p, &[2])[..], &[0]].concat(), "malformed"),
    ] {
        let mut pair = asking(bits);
        pair.client.feed(pair.now, &plain(&message));
        assert_refused(&mut pair.client, pair.now, why, METHOD);
    }
}

#[test]
fn cve_2023_28113_public_values_outside_the_group() {
    let p = prime(2048);
    let plus_one = {
        let mut number = minus(&p, 1);
        *number.last_mut().unwrap() = 0;
        let carry = number.len() - 2;
        // The prime ends in 64 ones, so p + 1 ends in 64 zeros.
        number[carry - 6..].fill(0);
        number[carry - 7] += 1;
        number
    };
    for value in [vec![], vec![1], minus(&p, 1), p.clone(), plus_one, vec![0xff; 2000]] {
        let mut init = vec![KEX_DH_GEX_INIT];
        init.put_mpint(&value);
        let mut pair = greeted();
        pair.server.feed(pair.now, &plain(&request(2048, 2048, 2048)));
        pair.server.transmit(pair.now);
        pair.server.feed(pair.now, &plain(&init));
        assert_refused(&mut pair.server, pair.now, "not within 2 to p - 2", METHOD);

        let key = Ed25519Signer::from_seed([7; 32]);
        let mut reply = vec![KEX_DH_GEX_REPLY];
        reply.put_string(crate::crypto::Signer::public_blob(&key));
        reply.put_mpint(&value);
        reply.put_string(b"never looked at");
        let mut pair = asking(gex_bits(2048, 2048, 2048));
        pair.client.feed(pair.now, &plain(&group(&p, &[2])));
        pair.client.feed(pair.now, &plain(&reply));
        assert_refused(&mut pair.client, pair.now, "not within 2 to p - 2", METHOD);
    }
}

/// Each step takes one number, and in no other step is it taken.
#[test]
fn messages_out_of_order_end_the_connection() {
    for number in 31..=49 {
        let mut pair = greeted();
        if number != KEX_DH_GEX_REQUEST {
            pair.server.feed(pair.now, &plain(&[number]));
            assert!(pair.server.failure_text().contains("does not fit the key exchange"));
        }
        let mut pair = greeted();
        pair.server.feed(pair.now, &plain(&request(2048, 2048, 2048)));
        if number != KEX_DH_GEX_INIT {
            pair.server.feed(pair.now, &plain(&[number]));
            assert!(pair.server.failure_text().contains("does not fit the key exchange"));
        }
        let mut pair = asking(GexBits::default());
        if number != KEX_DH_GEX_GROUP {
            pair.client.feed(pair.now, &plain(&[number]));
            assert!(pair.client.failure_text().contains("does not fit the key exchange"));
        }
        let mut pair = asking(GexBits::default());
        pair.client.feed(pair.now, &plain(&group(&prime(2048), &[2])));
        if number != KEX_DH_GEX_REPLY {
            pair.client.feed(pair.now, &plain(&[number]));
            assert!(pair.client.failure_text().contains("does not fit the key exchange"));
        }
    }
    // The numbers of a group exchange mean nothing to another method.
    let mut pair = pair_of("curve25519-sha256");
    let greeting = pair.client.transmit(pair.now);
    pair.server.feed(pair.now, &greeting);
    pair.server.feed(pair.now, &plain(&request(2048, 2048, 2048)));
    assert!(pair.server.failure_text().contains("34 KEX_DH_GEX_REQUEST"));
}

#[test]
fn a_guess_is_a_request() {
    // Right: the request that the client sends anyway has been announced.
    let mut pair = pair_of(METHOD);
    pair.client = guessing_client(vec![METHOD]);
    pair.run();
    pair.authenticate();
    pair.check_traffic();
    // Wrong, although both agree on the method: the first request is passed over.
    let server = TransportConfig { kexes: vec!["curve25519-sha256", METHOD], ..server_config() };
    let mut pair = Pair::with(TransportConfig::default(), server.clone());
    pair.client = guessing_client(vec![METHOD]);
    pair.client.transport.push(&request(0, 0, 0));
    pair.run();
    assert_eq!(pair.server.failure, None);
    assert_eq!(pair.server.transport.info().kex, METHOD);
    pair.authenticate();
    pair.check_traffic();
    // Wrong: a request where another method is agreed on.
    let mut pair = Pair::with(TransportConfig::default(), server);
    pair.client = guessing_client(vec!["ecdh-sha2-nistp256", "curve25519-sha256", METHOD]);
    pair.client.transport.push(&request(2048, 3072, 8192));
    pair.run();
    assert_eq!(pair.server.failure, None);
    assert_eq!(pair.server.transport.info().kex, "curve25519-sha256");
}

#[test]
fn our_own_guess_is_a_request_too() {
    for (server, right) in [(vec![METHOD], true), (vec!["curve25519-sha256", METHOD], false)] {
        let client =
            with_kex(METHOD, TransportConfig { guess: true, ..TransportConfig::default() });
        let server = TransportConfig { kexes: server, ..server_config() };
        let mut pair = Pair::with(client, server);
        let greeting = split_plain(&pair.client.transmit(pair.now));
        assert_eq!(payload(greeting.last().unwrap()), request(2048, 3072, 8192));
        pair.server.feed(pair.now, &greeting.concat());
        let answer = split_plain(&pair.server.transmit(pair.now));
        let offered = payload(answer.last().unwrap())[0] == KEX_DH_GEX_GROUP;
        assert_eq!(offered, right, "the group comes with the greeting, if the guess is right");
        pair.client.feed(pair.now, &answer.concat());
        pair.run();
        pair.authenticate();
        pair.check_traffic();
    }
}
