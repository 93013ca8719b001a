//! Every cipher against packets made with OpenSSL, against itself in the other backend, and against
//! an attacker on the wire.

use std::iter;

use proptest::prelude::*;

use super::super::fixtures::{hex, lines};
use super::*;

/// Length, body and room for the tag.
fn packet(cipher: &CipherAlgorithm, body: &[u8]) -> Vec<u8> {
    let mut packet = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    packet.extend_from_slice(body);
    packet.resize(packet.len() + cipher.shape.tag_bytes, 0);
    packet
}

/// Every cipher in every backend.
fn all() -> impl Iterator<Item = (&'static CipherAlgorithm, Backend)> {
    ciphers().iter().flat_map(|cipher| Backend::built_in().iter().map(move |b| (cipher, *b)))
}

fn key_and_iv(cipher: &CipherAlgorithm) -> (Vec<u8>, Vec<u8>) {
    ((0..64).take(cipher.key_bytes).collect(), (100..).take(cipher.iv_bytes).collect())
}

fn sealer(cipher: &CipherAlgorithm, backend: Backend) -> Box<dyn PacketSeal> {
    let (key, iv) = key_and_iv(cipher);
    cipher.seal_with(backend, &key, &iv, &[]).unwrap()
}

fn opener(cipher: &CipherAlgorithm, backend: Backend) -> Box<dyn PacketOpen> {
    let (key, iv) = key_and_iv(cipher);
    cipher.open_with(backend, &key, &iv, &[]).unwrap()
}

fn opened(open: &mut dyn PacketOpen, sequence: u32, packet: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let mut packet = packet.to_vec();
    open.open(sequence, &mut packet)?;
    Ok(packet[4..packet.len() - open.shape().tag_bytes].to_vec())
}

/// The files' packets of a cipher follow one another, across the wrap of GCM's counter and of the
/// sequence number.
#[test]
fn packets_made_with_openssl() {
    let packets = lines::<6>(include_str!("../../../tests/fixtures/crypto/packets.txt"));
    for (algorithm, backend) in all() {
        let mut pair = None;
        for [name, sequence, key, iv, body, sealed] in &packets {
            if *name != algorithm.name {
                continue;
            }
            let (seal, open) = pair.get_or_insert_with(|| {
                let (key, iv) = (hex(key), hex(iv));
                let seal = algorithm.seal_with(backend, &key, &iv, &[]).unwrap();
                (seal, algorithm.open_with(backend, &key, &iv, &[]).unwrap())
            });
            let (sequence, body, sealed) = (sequence.parse().unwrap(), hex(body), hex(sealed));
            let mut packet = packet(algorithm, &body);
            seal.seal(sequence, &mut packet).unwrap();
            assert_eq!(packet, sealed, "{name} {backend:?} {sequence}");
            assert_eq!(
                open.packet_length(sequence, &sealed[..4]),
                Ok(u32::try_from(body.len()).unwrap())
            );
            assert_eq!(opened(open.as_mut(), sequence, &sealed), Ok(body));
        }
        assert!(pair.is_some(), "no packets for {}", algorithm.name);
    }
}

/// What a body is in the next test: its blocks, and a byte to tell them apart.
fn bodies() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((1usize..300, any::<u8>()), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Both backends seal to the same bytes, and each opens them.
    #[test]
    fn backends_agree(
        key in prop::collection::vec(any::<u8>(), 64),
        iv in prop::collection::vec(any::<u8>(), 12),
        start in any::<u32>(),
        bodies in bodies(),
    ) {
        for cipher in ciphers() {
            let (key, iv) = (&key[..cipher.key_bytes], &iv[..cipher.iv_bytes]);
            let mut packets: Vec<Vec<Vec<u8>>> = Vec::new();
            for backend in Backend::built_in() {
                let mut seal = cipher.seal_with(*backend, key, iv, &[]).unwrap();
                packets.push(bodies.iter().enumerate().map(|(at, (blocks, byte))| {
                    let body = vec![*byte; blocks * cipher.shape.block_bytes];
                    let mut packet = packet(cipher, &body);
                    seal.seal(start.wrapping_add(u32::try_from(at).unwrap()), &mut packet).unwrap();
                    packet
                }).collect());
            }
            prop_assert!(packets.iter().all(|sealed| *sealed == packets[0]), "{}", cipher.name);
            for backend in Backend::built_in() {
                let mut open = cipher.open_with(*backend, key, iv, &[]).unwrap();
                for (at, (sealed, (blocks, byte))) in iter::zip(&packets[0], &bodies).enumerate() {
                    let sequence = start.wrapping_add(u32::try_from(at).unwrap());
                    let length = blocks * cipher.shape.block_bytes;
                    prop_assert_eq!(open.packet_length(sequence, sealed), Ok(u32::try_from(length).unwrap()));
                    let body = opened(open.as_mut(), sequence, sealed);
                    prop_assert_eq!(body, Ok(vec![*byte; length]));
                }
            }
        }
    }
}

/// Length, body and tag: a flip of any bit is refused, and no byte of the body remains.
#[test]
fn every_flipped_bit_is_refused() {
    for (cipher, backend) in all() {
        let mut packet = packet(cipher, &[0xa5; 16]);
        sealer(cipher, backend).seal(3, &mut packet).unwrap();
        for bit in 0..packet.len() * 8 {
            let mut bad = packet.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let result = opener(cipher, backend).open(3, &mut bad);
            assert_eq!(result, Err(CryptoError::PacketTag), "{} {backend:?} {bit}", cipher.name);
            assert_eq!(bad[4..20], [0; 16], "{} {backend:?} {bit}", cipher.name);
        }
        assert_eq!(opened(opener(cipher, backend).as_mut(), 3, &packet), Ok(vec![0xa5; 16]));
    }
}

/// A packet held back, repeated or moved is refused.
#[test]
fn packets_out_of_turn_are_refused() {
    for (cipher, backend) in all() {
        let mut seal = sealer(cipher, backend);
        let packets: Vec<Vec<u8>> = (0u32..3)
            .map(|sequence| {
                let mut packet = packet(cipher, &[sequence.to_be_bytes()[3]; 32]);
                seal.seal(sequence, &mut packet).unwrap();
                packet
            })
            .collect();
        let mut open = opener(cipher, backend);
        assert_eq!(opened(open.as_mut(), 0, &packets[1]), Err(CryptoError::PacketTag));
        let mut open = opener(cipher, backend);
        assert!(opened(open.as_mut(), 0, &packets[0]).is_ok());
        assert_eq!(opened(open.as_mut(), 1, &packets[0]), Err(CryptoError::PacketTag));
        let mut open = opener(cipher, backend);
        assert!(opened(open.as_mut(), 0, &packets[0]).is_ok());
        assert_eq!(opened(open.as_mut(), 1, &packets[2]), Err(CryptoError::PacketTag));
    }
}

#[test]
fn another_key_or_iv_is_refused() {
    for (cipher, backend) in all() {
        let mut packet = packet(cipher, &[1; 16]);
        sealer(cipher, backend).seal(0, &mut packet).unwrap();
        let (key, iv) = key_and_iv(cipher);
        for at in 0..key.len() + iv.len() {
            let (mut key, mut iv) = (key.clone(), iv.clone());
            if at < key.len() {
                key[at] ^= 1;
            } else {
                iv[at - key.len()] ^= 1;
            }
            let mut open = cipher.open_with(backend, &key, &iv, &[]).unwrap();
            // The second half of ChaCha's key encrypts the length only, which the tag covers as it
            // is on the wire.
            if cipher.iv_bytes == 0 && at >= 32 {
                assert_ne!(open.packet_length(0, &packet), Ok(16));
            } else {
                assert_eq!(opened(open.as_mut(), 0, &packet), Err(CryptoError::PacketTag));
            }
        }
    }
}

#[test]
fn sizes_that_cannot_be_a_packet() {
    for (cipher, backend) in all() {
        let block = cipher.shape.block_bytes;
        for size in 0..4 + 3 * block + cipher.shape.tag_bytes {
            let body = size.checked_sub(4 + cipher.shape.tag_bytes);
            let possible = body.is_some_and(|body| body > 0 && body % block == 0);
            let mut packet = vec![0; size];
            let sealed = sealer(cipher, backend).seal(0, &mut packet);
            let opened = opener(cipher, backend).open(0, &mut packet);
            if possible {
                assert_eq!((sealed, opened), (Ok(()), Ok(())));
            } else {
                assert_eq!(sealed, Err(CryptoError::PacketShape));
                assert_eq!(opened, Err(CryptoError::PacketShape));
            }
        }
        let header = opener(cipher, backend).packet_length(0, &[0; 3]);
        assert_eq!(header, Err(CryptoError::PacketShape));
    }
}

#[test]
fn key_material_of_the_wrong_length() {
    for (cipher, backend) in all() {
        let (key, iv) = key_and_iv(cipher);
        let short = &key[1..];
        let long = [&key[..], &[0]].concat();
        let long_iv = [&iv[..], &[0]].concat();
        for (key, iv) in [(short, &iv[..]), (&long, &iv), (&key, &long_iv), (&[], &iv)] {
            let refused = CryptoError::KeyLength;
            assert_eq!(cipher.seal_with(backend, key, iv, &[]).err(), Some(refused));
            assert_eq!(cipher.open_with(backend, key, iv, &[]).err(), Some(refused));
        }
    }
}

#[test]
fn table() {
    let names: Vec<_> = ciphers().iter().map(|cipher| cipher.name).collect();
    assert_eq!(
        names,
        ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"]
    );
    for cipher in ciphers() {
        assert!(std::ptr::eq(cipher, super::cipher(cipher.name).unwrap()));
        assert_eq!(sealer(cipher, cipher.backend()).shape(), cipher.shape);
        assert_eq!(opener(cipher, cipher.backend()).shape(), cipher.shape);
    }
    assert!(super::cipher("none").is_none());
    assert!(super::cipher("aes128-cbc").is_none());
}
