//! The two orders of MAC and cipher, and OpenSSL's packets. What holds for every cipher is tested
//! in `cipher/tests.rs`.

use super::super::fixtures::{hex, lines};
use super::super::{cipher, mac};
use super::*;
use crate::crypto::ctr;

/// The packets of a pair follow one another, over the wrap of the sequence number and of the
/// counter.
#[test]
fn packets_made_with_openssl() {
    let packets = lines::<8>(include_str!("../../../tests/fixtures/crypto/mac_packets.txt"));
    for backend in Backend::built_in() {
        let mut pair = None;
        let mut last = "";
        for [name, mac_name, sequence, key, iv, mac_key, body, sealed] in &packets {
            let cipher = cipher(name).unwrap();
            let (key, iv, mac_key) = (hex(key), hex(iv), hex(mac_key));
            let mac = Some(MacKey { algorithm: mac(mac_name).unwrap(), key: &mac_key });
            if std::mem::replace(&mut last, mac_name) != *mac_name {
                let seal = cipher.seal_with(*backend, &key, &iv, mac).unwrap();
                pair = Some((seal, cipher.open_with(*backend, &key, &iv, mac).unwrap()));
            }
            let (seal, open) = pair.as_mut().unwrap();
            let (sequence, body, sealed) = (sequence.parse().unwrap(), hex(body), hex(sealed));
            let length = u32::try_from(body.len()).unwrap();
            let mut packet = [&length.to_be_bytes(), &body[..]].concat();
            packet.resize(sealed.len(), 0);
            seal.seal(sequence, &mut packet).unwrap();
            assert_eq!(packet, sealed, "{name} {mac_name} {backend:?} {sequence}");
            let header = &packet[..open.header_bytes()];
            assert_eq!(open.packet_length(sequence, header), Ok(length));
            open.open(sequence, &mut packet).unwrap();
            assert_eq!(packet[4..4 + body.len()], body);
            assert_eq!(packet[..4], sealed[..4], "the length stays as it came");
        }
    }
    assert_eq!(packets.len(), 3 * 32);
}

fn keys(name: &'static str) -> Keys {
    let key = [3; 64];
    let algorithm = mac(name).unwrap();
    let mac = MacKey { algorithm, key: &key[..algorithm.key_bytes] };
    let backend = Backend::preferred();
    let mode = ctr::mode(backend, &key[..16], &key[..16]).unwrap();
    Keys::new(backend, mode, Some(mac)).unwrap()
}

/// The counter moves by a packet's blocks, whether its length was asked for or not.
#[test]
fn the_first_block_is_decrypted_once() {
    let mut sealer = EncryptAndMacSealer(keys("hmac-sha2-256"));
    let mut opener = EncryptAndMacOpener { keys: keys("hmac-sha2-256"), first: None };
    assert_eq!((PacketOpen::header_bytes(&opener), opener.keys.shape.length_padded), (16, true));
    for sequence in 0..6u32 {
        let mut packet = [&28u32.to_be_bytes()[..], &[7; 28], &[0; 32]].concat();
        sealer.seal(sequence, &mut packet).unwrap();
        assert_ne!(packet[..4], 28u32.to_be_bytes(), "the length is encrypted");
        if sequence % 2 == 0 {
            assert_eq!(opener.packet_length(sequence, &packet), Ok(28));
            assert!(opener.first.is_some());
        }
        opener.open(sequence, &mut packet).unwrap();
        assert_eq!(packet[4..32], [7; 28]);
        assert!(opener.first.is_none());
    }
    let short = opener.packet_length(6, &[0; 15]);
    assert_eq!(short, Err(CryptoError::PacketShape));
}

#[test]
fn a_cipher_without_its_mac_is_refused() {
    for backend in Backend::built_in() {
        for name in ["aes128-ctr", "aes192-ctr", "aes256-ctr", "aes128-cbc"] {
            let cipher = cipher(name).unwrap();
            let (key, iv) = (vec![0; cipher.key_bytes], [0; 16]);
            let refused = Some(CryptoError::KeyLength);
            assert_eq!(cipher.seal_with(*backend, &key, &iv, None).err(), refused);
            assert_eq!(cipher.open_with(*backend, &key, &iv, None).err(), refused);
        }
    }
}

/// After the last sequence number nothing is sealed or opened any more, for good.
#[test]
fn sequence_numbers_run_out_closed() {
    for name in ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"] {
        let bytes = if keys(name).shape.length_padded { 4 + 12 + 32 } else { 4 + 16 + 32 };
        let [mut sealing, mut opening] = [keys(name), keys(name)];
        (sealing.packets, opening.packets) = (PACKETS_PER_KEY - 1, PACKETS_PER_KEY - 1);
        let mut seal: Box<dyn PacketSeal> = match name {
            "hmac-sha2-256" => Box::new(EncryptAndMacSealer(sealing)),
            _ => Box::new(EncryptThenMac(sealing)),
        };
        let mut open: Box<dyn PacketOpen> = match name {
            "hmac-sha2-256" => Box::new(EncryptAndMacOpener { keys: opening, first: None }),
            _ => Box::new(EncryptThenMac(opening)),
        };
        let mut packet = vec![7; bytes];
        assert_eq!(seal.seal(0, &mut packet), Ok(()));
        assert_eq!(open.open(0, &mut packet), Ok(()));
        for next in 1..3 {
            let mut packet = vec![7; bytes];
            assert_eq!(seal.seal(next, &mut packet), Err(CryptoError::NoncesExhausted));
            assert_eq!(open.open(next, &mut packet), Err(CryptoError::NoncesExhausted));
            assert_eq!(packet, vec![7; bytes], "nothing is sealed under a used number");
        }
    }
}

/// The sequence number is UMAC's nonce: one that has been used, or may have been, is refused.
#[test]
fn a_sequence_number_seals_once() {
    for (mac, bytes) in [("umac-128@openssh.com", 32), ("umac-128-etm@openssh.com", 36)] {
        for wrong in [5, 4, 7, 0, u32::MAX] {
            let mut seal: Box<dyn PacketSeal> = match mac {
                "umac-128@openssh.com" => Box::new(EncryptAndMacSealer(keys(mac))),
                _ => Box::new(EncryptThenMac(keys(mac))),
            };
            assert_eq!(seal.seal(5, &mut vec![7; bytes]), Ok(()));
            let mut packet = vec![7; bytes];
            assert_eq!(seal.seal(wrong, &mut packet), Err(CryptoError::NoncesExhausted));
            assert_eq!(packet, vec![7; bytes], "nothing is sealed under a used number");
            assert_eq!(seal.seal(6, &mut packet), Ok(()));
        }
    }
}

/// The counters of a run are settled by the sizes it was made for: a packet of another size would
/// be sealed with another packet's.
#[test]
fn a_run_takes_the_sizes_it_was_made_for() {
    let mac = "hmac-sha2-256-etm@openssh.com";
    let packet = |blocks: usize| vec![7; 4 + blocks * BLOCK_BYTES + 32];
    let sizes = [packet(2).len(), packet(3).len()];
    for wrong in [1, 3] {
        let mut seal = EncryptThenMac(keys(mac));
        let mut run = seal.seal_apart(0, &sizes).unwrap().unwrap();
        let (mut first, mut second) = (packet(wrong), packet(3));
        assert_eq!(run.seal_two(&mut first, &mut second), Err(CryptoError::PacketShape));
        assert_eq!((first, &second), (packet(wrong), &packet(3)), "nothing is encrypted");
        assert_eq!(run.seal_next(&mut second), Err(CryptoError::NoncesExhausted));
    }
}

/// What cannot be sealed apart leaves the key as it was.
#[test]
fn a_run_that_is_refused_spends_nothing() {
    let bytes = 4 + BLOCK_BYTES + 32;
    let mut seal = EncryptThenMac(keys("hmac-sha2-256-etm@openssh.com"));
    let shapeless = seal.seal_apart(0, &[bytes, bytes + 1]).unwrap();
    assert_eq!(shapeless.err(), Some(CryptoError::PacketShape));
    seal.0.packets = PACKETS_PER_KEY - 1;
    let too_many = seal.seal_apart(0, &[bytes; 2]).unwrap();
    assert_eq!(too_many.err(), Some(CryptoError::NoncesExhausted));
    seal.0.mode = crate::crypto::cbc::encrypting(&[3; 16], &[3; 16]).unwrap();
    assert!(seal.seal_apart(0, &[bytes]).is_none(), "CBC chains");
    assert_eq!((seal.0.packets, seal.0.next), (PACKETS_PER_KEY - 1, None));
    seal.0.mode = ctr::mode(Backend::preferred(), &[3; 16], &[3; 16]).unwrap();
    let mut inline = EncryptThenMac(keys("hmac-sha2-256-etm@openssh.com"));
    let [mut packet, mut expected] = [vec![7; bytes], vec![7; bytes]];
    assert_eq!(seal.seal(0, &mut packet), inline.seal(0, &mut expected));
    assert_eq!(packet, expected, "its counter stands where it stood");
    let out_of_turn = inline.seal_apart(5, &[bytes]).unwrap();
    assert_eq!(out_of_turn.err(), Some(CryptoError::NoncesExhausted));
}
