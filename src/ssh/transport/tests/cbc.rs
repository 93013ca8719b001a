//! What the end of a connection tells about a CBC packet that was tampered with.

use super::*;
use crate::ssh::disconnect::DisconnectReason;
use crate::ssh::limits::{PACKET_BYTES_MAX, PACKET_BYTES_MAX_BEFORE_AUTH};

const BLOCK_BYTES: usize = 16;

fn cbc(mac: &'static str) -> TransportConfig {
    TransportConfig { macs: vec![mac], ..only("aes128-cbc", TransportConfig::default()) }
}

/// Feeds `frame`, then zeros; how many bytes it took until the connection ended, and how it did.
fn end_of(mut pair: Pair, frame: &[u8], bytes: usize) -> (usize, Disconnect) {
    let mut wire = frame.to_vec();
    wire.resize(bytes, 0);
    // In pieces, so that every moment shows at which something is decided.
    for (at, piece) in wire.chunks(BLOCK_BYTES / 2).enumerate() {
        pair.server.feed(pair.now, piece);
        if let Some(failure) = pair.server.failure {
            assert_eq!(pair.server.payloads.len(), 0);
            return (at * BLOCK_BYTES / 2 + piece.len(), failure);
        }
    }
    panic!("the connection goes on after {bytes} bytes")
}

/// The attack: a block of an earlier packet comes again as the first of a new one, and the peer's
/// reaction depends on what its first four bytes decrypt to. The reaction must not.
#[test]
fn cve_2008_5161_a_refusal_tells_nothing_of_the_length() {
    let macs = crate::crypto::macs().iter().filter(|mac| !mac.encrypt_then_mac);
    for (mac, authenticated) in macs.flat_map(|mac| [(mac, true), (mac, false)]) {
        let max = if authenticated { PACKET_BYTES_MAX } else { PACKET_BYTES_MAX_BEFORE_AUTH };
        // The most a packet can be whose length the cipher's blocks allow.
        let bytes = (4 + max as usize) / BLOCK_BYTES * BLOCK_BYTES + mac.tag_bytes;
        let mut ends = Vec::new();
        for tamper in 0..40 {
            let mut pair = Pair::with(cbc(mac.name), server_config());
            pair.run();
            if authenticated {
                pair.authenticate();
            }
            let earlier = pair.client.frame(&channel_data(&[7; 200])).unwrap();
            let mut frame = pair.client.frame(&channel_data(b"secret")).unwrap();
            pair.server.feed(pair.now, &earlier);
            pair.server.payloads.clear();
            match tamper {
                // Blocks of the earlier packet, each of which decrypts to another length.
                0..10 => frame[..BLOCK_BYTES]
                    .copy_from_slice(&earlier[tamper * BLOCK_BYTES..(tamper + 1) * BLOCK_BYTES]),
                // The length is right and the MAC is not.
                10..20 => {
                    let last = frame.len() - 1;
                    frame[last - (tamper - 10)] ^= 1;
                }
                _ => frame[tamper] ^= 0x80,
            }
            ends.push(end_of(pair, &frame, bytes + BLOCK_BYTES));
        }
        let (at, failure) = &ends[0];
        assert_eq!(failure.reason, DisconnectReason::MacError);
        assert!((bytes..bytes + BLOCK_BYTES / 2).contains(at), "{at} {bytes} {}", mac.name);
        assert!(ends.iter().all(|end| *end == ends[0]), "{} {ends:?}", mac.name);
    }
}

/// With the MAC over the ciphertext nothing is decrypted before it is known to be the peer's, so a
/// bad packet is refused as soon as it is there.
#[test]
fn cve_2008_5161_does_not_touch_encrypt_then_mac() {
    for mac in crate::crypto::macs().iter().filter(|mac| mac.encrypt_then_mac) {
        let mut pair = Pair::connected_with(cbc(mac.name), server_config());
        let mut frame = pair.client.frame(&channel_data(b"secret")).unwrap();
        frame[20] ^= 1;
        let (at, failure) = end_of(pair, &frame, frame.len());
        assert_eq!((at, failure.reason), (frame.len(), DisconnectReason::MacError));
    }
}
