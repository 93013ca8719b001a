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
    for packet in &packets[..damaged] {
        let received = end.transport.receive(now, &mut packet.clone()).unwrap();
        assert!(matches!(received.item, Some(Item::Payload(_))));
    }
    let mut delivered = 0;
    loop {
        match end.transport.receive(now, bytes) {
            Err(failure) => return (delivered, Some(failure)),
            Ok(received) if received.item.is_some() => delivered += 1,
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
    for (cipher, mac) in crate::crypto::suites() {
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
                let place = format!("{name}: bit {bit} of packet {index}");
                let failure = failure.unwrap_or_else(|| panic!("{place} went unnoticed"));
                assert_eq!(delivered, 0, "{place}");
                let reason = failure.reason;
                // A length that cannot be is refused before there is a tag to look at.
                let early = bit / 8 < header && reason == DisconnectReason::ProtocolError;
                assert!(reason == DisconnectReason::MacError || early, "{place}: {failure}");
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
