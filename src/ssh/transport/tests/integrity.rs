//! Every bit of the first 4 KiB behind NEWKEYS, flipped: no cipher lets one through, in either
//! direction, and nothing of a damaged packet is delivered.
//!
//! A handshake for each bit would take hours. The keys are given instead: each bit gets a fresh
//! [`Opener`] with them, which first takes the whole packets before the damaged one.

use super::*;
use crate::crypto::{CipherAlgorithm, MacAlgorithm, MacKey};
use crate::ssh::disconnect::DisconnectReason;
use crate::ssh::limits::PACKET_BYTES_MAX_BEFORE_AUTH;
use crate::ssh::packet::Opener;

/// How much of the stream is damaged, a bit at a time.
const DAMAGED_BYTES: usize = 4096;

/// One direction's keys.
struct Keys {
    cipher: &'static CipherAlgorithm,
    mac: Option<&'static MacAlgorithm>,
    key: Vec<u8>,
    iv: Vec<u8>,
    mac_key: Vec<u8>,
}

impl Keys {
    fn new(cipher: &'static CipherAlgorithm, mac: Option<&'static MacAlgorithm>) -> Self {
        let mut dice = Dice::new(5);
        let mut bytes = |count| {
            let mut bytes = vec![0; count];
            dice.0.fill(&mut bytes);
            bytes
        };
        Self {
            cipher,
            mac,
            key: bytes(cipher.key_bytes),
            iv: bytes(cipher.iv_bytes),
            mac_key: bytes(mac.map_or(0, |mac| mac.key_bytes)),
        }
    }

    fn mac(&self) -> Option<MacKey<'_>> {
        self.mac.map(|algorithm| MacKey { algorithm, key: &self.mac_key })
    }

    fn sealer(&self) -> Sealer {
        let mut sealer = Sealer::new();
        sealer.change(self.cipher.seal(&self.key, &self.iv, self.mac()).unwrap(), true);
        sealer
    }

    fn opener(&self) -> Opener {
        let mut opener = Opener::new();
        opener.change(self.cipher.open(&self.key, &self.iv, self.mac()).unwrap(), true);
        opener
    }
}

/// The payloads of the stream: small ones and one that fills the rest.
fn payloads() -> Vec<Vec<u8>> {
    [1, 300, 1200, 3000].into_iter().map(|bytes| channel_data(&vec![9; bytes])).collect()
}

/// The end that receives, as after the first exchange of keys.
fn receiver(role: Role) -> End {
    let mut pair = Pair::new();
    pair.run();
    match role {
        Role::Client => pair.client,
        Role::Server => pair.server,
    }
}

/// What a receiver makes of a damaged stream: how many packets it delivered, and how it ended.
fn deliver(
    end: &mut End,
    keys: &Keys,
    packets: &[Vec<u8>],
    damaged: usize,
    bytes: &mut Vec<u8>,
) -> (usize, Option<Disconnect>) {
    end.transport.opener = keys.opener();
    end.transport.failure = None;
    let now = Instant::now();
    let mut whole = [0; DAMAGED_BYTES];
    for packet in &packets[..damaged] {
        let whole = &mut whole[..packet.len()];
        whole.copy_from_slice(packet);
        let received = end.transport.receive(now, whole).unwrap();
        assert!(matches!(received.item, Some(Item::Payload(_))));
    }
    let mut delivered = 0;
    loop {
        match end.transport.receive(now, bytes) {
            Err(failure) => return (delivered, Some(failure)),
            Ok(received) if received.item.is_some() => {
                delivered += 1;
                bytes.drain(..received.consumed);
            }
            // A longer length asks for more bytes than the stream has. It never ends for good.
            Ok(_) if !bytes.is_empty() && bytes.len() < end.transport.needed() => {
                bytes.resize(end.transport.needed(), 0x55);
            }
            Ok(_) => return (delivered, None),
        }
    }
}

fn flip_every_bit(role: Role) {
    let mut end = receiver(role);
    for (cipher, mac) in crate::crypto::suites_spread() {
        let keys = Keys::new(cipher, mac);
        let name = format!("{} {}", cipher.name, mac.map_or("", |mac| mac.name));
        let mut sealer = keys.sealer();
        let mut random = ChaChaRandom::from_seed([6; 32]);
        let seal = |payload: &Vec<u8>| {
            let mut packet = Vec::new();
            sealer.append(&mut random, &mut packet, payload).unwrap();
            packet
        };
        let packets: Vec<_> = payloads().iter().map(seal).collect();
        let whole = deliver(&mut end, &keys, &packets, packets.len(), &mut Vec::new());
        assert_eq!(whole, (0, None), "{name}: the stream itself is sound");

        let header = keys.opener().needed();
        let (mut start, mut bits) = (0, 0);
        let mut bytes = Vec::new();
        for (index, packet) in packets.iter().enumerate() {
            for bit in 0..8 * packet.len().min(DAMAGED_BYTES - start) {
                bytes.clear();
                bytes.extend_from_slice(packet);
                bytes[bit / 8] ^= 1 << (bit % 8);
                for later in &packets[index + 1..] {
                    bytes.extend_from_slice(later);
                }
                let (delivered, failure) = deliver(&mut end, &keys, &packets, index, &mut bytes);
                let failure = failure.unwrap_or_else(|| {
                    panic!("{name}: bit {bit} of packet {index} went unnoticed")
                });
                assert_eq!(delivered, 0, "{name}: bit {bit} of packet {index}");
                let reason = failure.reason;
                // A length that cannot be is refused before there is a tag to look at.
                let early = bit / 8 < header && reason == DisconnectReason::ProtocolError;
                assert!(reason == DisconnectReason::MacError || early, "{name}: {failure}");
                assert!(bytes.len() < DAMAGED_BYTES * 2 + PACKET_BYTES_MAX_BEFORE_AUTH as usize);
                bits += 1;
            }
            start += packet.len();
        }
        assert_eq!(bits, 8 * DAMAGED_BYTES, "{name}");
    }
}

#[test]
fn no_flipped_bit_gets_past_a_server() {
    flip_every_bit(Role::Server);
}

#[test]
fn no_flipped_bit_gets_past_a_client() {
    flip_every_bit(Role::Client);
}

/// A packet with this `padding_length` field, sealed properly: what a peer with keys can say.
fn sealed_with_padding(keys: &Keys, body_bytes: usize, padding: u8) -> Vec<u8> {
    let mut cipher = keys.cipher.seal(&keys.key, &keys.iv, keys.mac()).unwrap();
    let shape = cipher.shape();
    let mut packet = u32::try_from(body_bytes).unwrap().to_be_bytes().to_vec();
    packet.push(padding);
    packet.resize(4 + body_bytes, 99);
    packet.resize(packet.len() + shape.tag_bytes, 0);
    cipher.seal(0, &mut packet).unwrap();
    packet
}

/// RFC 4253 section 6 under each cipher: 4 bytes of padding at least, and one byte of payload.
#[test]
fn rfc_4253_6_padding_rules_hold_under_every_cipher() {
    let mut end = receiver(Role::Server);
    for (cipher, mac) in crate::crypto::suites_spread() {
        let keys = Keys::new(cipher, mac);
        let body_bytes = if cipher.shape(mac).length_padded { 60 } else { 64 };
        for padding in 0..=u8::MAX {
            let mut packet = sealed_with_padding(&keys, body_bytes, padding);
            let (delivered, failure) = deliver(&mut end, &keys, &[], 0, &mut packet);
            let fits = (4..body_bytes - 1).contains(&usize::from(padding));
            let place = format!("{} with {padding} bytes of padding", cipher.name);
            assert_eq!((delivered > 0, failure.is_none()), (fits, fits), "{place}: {failure:?}");
        }
    }
}

/// CVE-2024-43410 and its kin under keys: a length out of bounds is refused with the header, before
/// there is a body to wait for.
#[test]
fn cve_2024_43410_lengths_out_of_bounds_under_every_cipher() {
    let mut end = receiver(Role::Server);
    for (cipher, mac) in crate::crypto::suites() {
        let keys = Keys::new(cipher, mac);
        let shape = cipher.shape(mac);
        if shape.length_padded || cipher.name.starts_with("chacha20") {
            continue;
        }
        for length in [0, 1, 5, 6, 15, 17, 35_001, 35_008, 1 << 20, 1 << 31, u32::MAX] {
            let mut header = length.to_be_bytes().to_vec();
            end.transport.opener = keys.opener();
            end.transport.failure = None;
            let end = end.transport.receive(Instant::now(), &mut header).unwrap_err();
            assert!(end.description.contains(&length.to_string()), "{}: {end}", cipher.name);
        }
    }
}
