//! Every cipher, with every MAC it takes, against itself in the other backends and against an
//! attacker on the wire; the AEADs against packets made with OpenSSL.

use std::iter;

use proptest::prelude::*;

use super::super::fixtures::{hex, lines};
use super::*;

/// A cipher and, unless it is an AEAD, a MAC.
#[derive(Clone, Copy)]
struct Suite {
    cipher: &'static CipherAlgorithm,
    mac: Option<&'static MacAlgorithm>,
}

/// What a direction is keyed with.
#[derive(Clone, PartialEq)]
struct Material {
    key: Vec<u8>,
    iv: Vec<u8>,
    mac_key: Vec<u8>,
}

impl Suite {
    fn name(self) -> String {
        format!("{} {}", self.cipher.name, self.mac.map_or("", |mac| mac.name))
    }

    fn shape(self) -> Shape {
        self.cipher.shape(self.mac)
    }

    /// The smallest body of `blocks` blocks, where the length may count toward the first.
    fn body(self, blocks: usize, byte: u8) -> Vec<u8> {
        let length = if self.shape().length_padded { 4 } else { 0 };
        vec![byte; blocks * self.shape().block_bytes - length]
    }

    /// Length, body and room for the tag.
    fn packet(self, body: &[u8]) -> Vec<u8> {
        let mut packet = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        packet.extend_from_slice(body);
        packet.resize(packet.len() + self.shape().tag_bytes, 0);
        packet
    }

    fn material(self) -> Material {
        Material {
            key: (0..64).take(self.cipher.key_bytes).collect(),
            iv: (100..).take(self.cipher.iv_bytes).collect(),
            mac_key: (150..).take(self.mac.map_or(0, |mac| mac.key_bytes)).collect(),
        }
    }

    fn mac_key(self, material: &Material) -> Option<MacKey<'_>> {
        self.mac.map(|algorithm| MacKey { algorithm, key: &material.mac_key })
    }

    fn seal(self, backend: Backend, with: &Material) -> Result<Box<dyn PacketSeal>, CryptoError> {
        self.cipher.seal_with(backend, &with.key, &with.iv, self.mac_key(with))
    }

    fn open(self, backend: Backend, with: &Material) -> Result<Box<dyn PacketOpen>, CryptoError> {
        self.cipher.open_with(backend, &with.key, &with.iv, self.mac_key(with))
    }

    fn sealer(self, backend: Backend) -> Box<dyn PacketSeal> {
        self.seal(backend, &self.material()).unwrap()
    }

    fn opener(self, backend: Backend) -> Box<dyn PacketOpen> {
        self.open(backend, &self.material()).unwrap()
    }
}

fn each() -> impl Iterator<Item = Suite> {
    suites().map(|(cipher, mac)| Suite { cipher, mac })
}

/// As [`each`], with only the smallest key of each mode that takes a MAC: what follows the key
/// schedule is the same code.
fn each_mode() -> impl Iterator<Item = Suite> {
    each().filter(|suite| suite.mac.is_none() || suite.cipher.key_bytes == 16)
}

/// Every suite in every backend.
fn all() -> impl Iterator<Item = (Suite, Backend)> {
    each().flat_map(|suite| suite.cipher.backends().iter().map(move |backend| (suite, *backend)))
}

fn all_modes() -> impl Iterator<Item = (Suite, Backend)> {
    each_mode()
        .flat_map(|suite| suite.cipher.backends().iter().map(move |backend| (suite, *backend)))
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
    for (suite, backend) in all().filter(|(suite, _)| suite.cipher.aead) {
        let algorithm = suite.cipher;
        let mut pair = None;
        for [name, sequence, key, iv, body, sealed] in &packets {
            if *name != algorithm.name {
                continue;
            }
            let (seal, open) = pair.get_or_insert_with(|| {
                let with = Material { key: hex(key), iv: hex(iv), mac_key: Vec::new() };
                (suite.seal(backend, &with).unwrap(), suite.open(backend, &with).unwrap())
            });
            let (sequence, body, sealed) = (sequence.parse().unwrap(), hex(body), hex(sealed));
            let mut packet = suite.packet(&body);
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

/// The packets sealed apart from their key, two at a time, if that can be.
fn sealed_apart(
    seal: &mut dyn PacketSeal,
    sequence: u32,
    mut packets: Vec<Vec<u8>>,
) -> Option<Vec<Vec<u8>>> {
    let sizes: Vec<_> = packets.iter().map(Vec::len).collect();
    let mut run = seal.seal_apart(sequence, &sizes)?.unwrap();
    for packets in packets.chunks_mut(2) {
        match packets {
            [first, second] => run.seal_two(first, second).unwrap(),
            [last] => run.seal_next(last).unwrap(),
            _ => {}
        }
    }
    Some(packets)
}

/// What a body is in the next test: its blocks, and a byte to tell them apart.
fn bodies() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((1usize..300, any::<u8>()), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// All backends seal to the same bytes, and each opens them.
    #[test]
    fn backends_agree(
        key in prop::collection::vec(any::<u8>(), 64),
        iv in prop::collection::vec(any::<u8>(), 16),
        mac_key in prop::collection::vec(any::<u8>(), 64),
        start in any::<u32>(),
        bodies in bodies(),
        mac in 0..macs().len(),
    ) {
        let mac = macs()[mac].name;
        for suite in each().filter(|suite| suite.mac.is_none_or(|it| it.name == mac)) {
            let with = Material {
                key: key[..suite.cipher.key_bytes].to_vec(),
                iv: iv[..suite.cipher.iv_bytes].to_vec(),
                mac_key: mac_key[..suite.mac.map_or(0, |mac| mac.key_bytes)].to_vec(),
            };
            let sequence = |at| start.wrapping_add(u32::try_from(at).unwrap());
            let mut packets: Vec<Vec<Vec<u8>>> = Vec::new();
            for backend in suite.cipher.backends() {
                let mut seal = suite.seal(*backend, &with).unwrap();
                packets.push(bodies.iter().enumerate().map(|(at, (blocks, byte))| {
                    let mut packet = suite.packet(&suite.body(*blocks, *byte));
                    seal.seal(sequence(at), &mut packet).unwrap();
                    packet
                }).collect());
            }
            prop_assert!(packets.iter().all(|sealed| *sealed == packets[0]), "{}", suite.name());
            for backend in suite.cipher.backends() {
                let plain: Vec<_> = bodies
                    .iter()
                    .map(|(blocks, byte)| suite.packet(&suite.body(*blocks, *byte)))
                    .collect();
                let mut seal = suite.seal(*backend, &with).unwrap();
                if let Some(apart) = sealed_apart(seal.as_mut(), start, plain) {
                    prop_assert_eq!(&apart, &packets[0], "{}, apart", suite.name());
                }
            }
            for backend in suite.cipher.backends() {
                let mut open = suite.open(*backend, &with).unwrap();
                for (at, (sealed, (blocks, byte))) in iter::zip(&packets[0], &bodies).enumerate() {
                    let body = suite.body(*blocks, *byte);
                    let field = open.packet_length(sequence(at), sealed).unwrap();
                    prop_assert_eq!(field as usize, body.len());
                    let result = opened(open.as_mut(), sequence(at), sealed);
                    prop_assert_eq!(result, Ok(body));
                }
            }
        }
    }
}

/// Length, body and tag: a flip of any bit is refused, and no byte of the body remains.
#[test]
fn every_flipped_bit_is_refused() {
    for (suite, backend) in all_modes() {
        let body = suite.body(2, 0xa5);
        let mut packet = suite.packet(&body);
        suite.sealer(backend).seal(3, &mut packet).unwrap();
        for bit in 0..packet.len() * 8 {
            let mut bad = packet.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let mut open = suite.opener(backend);
            // The length may be asked for first, or not.
            if bit % 2 == 0 {
                open.packet_length(3, &bad).unwrap();
            }
            let result = open.open(3, &mut bad);
            assert_eq!(result, Err(CryptoError::PacketTag), "{} {backend:?} {bit}", suite.name());
            let left = &bad[4..4 + body.len()];
            assert!(left.iter().all(|byte| *byte == 0), "{} {backend:?} {bit}", suite.name());
        }
        assert_eq!(opened(suite.opener(backend).as_mut(), 3, &packet), Ok(body));
    }
}

/// Packets sealed apart are the same packets, whatever was sealed before and after them, and a run
/// seals as many as it was made for.
#[test]
fn packets_sealed_apart_are_the_same() {
    for (suite, backend) in all() {
        let packet = |number: u32| suite.packet(&suite.body(3, number.to_be_bytes()[3]));
        let first = u32::MAX - 2;
        let sealed = |seal: &mut dyn PacketSeal, number: u32| {
            let mut packet = packet(number);
            seal.seal(first.wrapping_add(number), &mut packet).unwrap();
            packet
        };
        let mut inline = suite.sealer(backend);
        let expected: Vec<_> = (0..6).map(|number| sealed(inline.as_mut(), number)).collect();
        let mut seal = suite.sealer(backend);
        let mut made = vec![sealed(seal.as_mut(), 0)];
        let sizes = (1..5).map(|number| packet(number).len());
        let Some(run) = seal.seal_apart(first + 1, &sizes.collect::<Vec<_>>()) else {
            let etm = suite.mac.is_some_and(|mac| mac.encrypt_then_mac);
            let chains = suite.cipher.name.ends_with("-cbc");
            assert!(!suite.cipher.aead && (!etm || chains), "{} can be", suite.name());
            continue;
        };
        let last = sealed(seal.as_mut(), 5);
        let mut run = run.unwrap();
        for number in 1..5 {
            let mut packet = packet(number);
            run.seal_next(&mut packet).unwrap();
            made.push(packet);
        }
        made.push(last);
        assert_eq!(made, expected, "{} {backend:?}", suite.name());
        let mut more = packet(5);
        assert_eq!(run.seal_next(&mut more), Err(CryptoError::NoncesExhausted));
        assert_eq!(more, packet(5), "nothing is sealed under the nonce of another");
    }
}

/// A packet held back, repeated or moved is refused.
#[test]
fn packets_out_of_turn_are_refused() {
    for (suite, backend) in all() {
        let mut seal = suite.sealer(backend);
        let packets: Vec<Vec<u8>> = (0u32..3)
            .map(|sequence| {
                let mut packet = suite.packet(&suite.body(4, sequence.to_be_bytes()[3]));
                seal.seal(sequence, &mut packet).unwrap();
                packet
            })
            .collect();
        let mut open = suite.opener(backend);
        assert_eq!(opened(open.as_mut(), 0, &packets[1]), Err(CryptoError::PacketTag));
        let mut open = suite.opener(backend);
        assert!(opened(open.as_mut(), 0, &packets[0]).is_ok());
        assert_eq!(opened(open.as_mut(), 1, &packets[0]), Err(CryptoError::PacketTag));
        let mut open = suite.opener(backend);
        assert!(opened(open.as_mut(), 0, &packets[0]).is_ok());
        assert_eq!(opened(open.as_mut(), 1, &packets[2]), Err(CryptoError::PacketTag));
    }
}

/// One bit of the key, the IV or the MAC's key.
#[test]
fn another_key_or_iv_is_refused() {
    for (suite, backend) in all() {
        let body = suite.body(2, 1);
        let mut packet = suite.packet(&body);
        suite.sealer(backend).seal(0, &mut packet).unwrap();
        let good = suite.material();
        let (keys, ivs) = (good.key.len(), good.iv.len());
        for at in 0..keys + ivs + good.mac_key.len() {
            let mut other = good.clone();
            match at.checked_sub(keys) {
                None => other.key[at] ^= 1,
                Some(at) if at < ivs => other.iv[at] ^= 1,
                Some(at) => other.mac_key[at - ivs] ^= 1,
            }
            let mut open = suite.open(backend, &other).unwrap();
            if suite.cipher.iv_bytes == 0 && (32..keys).contains(&at) {
                // The second half of ChaCha's key encrypts the length only, which the tag covers as
                // it is on the wire.
                let length = u32::try_from(body.len()).unwrap();
                assert_ne!(open.packet_length(0, &packet), Ok(length));
            } else if suite.mac.is_some_and(|mac| mac.encrypt_then_mac) && at < keys + ivs {
                // The MAC does not know the cipher's key: the plaintext is another.
                assert_ne!(opened(open.as_mut(), 0, &packet).unwrap(), body);
            } else {
                assert_eq!(opened(open.as_mut(), 0, &packet), Err(CryptoError::PacketTag));
            }
        }
    }
}

#[test]
fn sizes_that_cannot_be_a_packet() {
    for (suite, backend) in all_modes() {
        let Shape { block_bytes, tag_bytes, length_padded } = suite.shape();
        let counted = if length_padded { 0 } else { 4 };
        for size in 0..4 + 3 * block_bytes + tag_bytes {
            let padded = size.checked_sub(counted + tag_bytes);
            let possible = padded.is_some_and(|it| it > 0 && it % block_bytes == 0);
            let mut packet = vec![0; size];
            let sealed = suite.sealer(backend).seal(0, &mut packet);
            let opened = suite.opener(backend).open(0, &mut packet);
            let expected = if possible { Ok(()) } else { Err(CryptoError::PacketShape) };
            assert_eq!((sealed, opened), (expected, expected), "{} {size}", suite.name());
        }
        let mut open = suite.opener(backend);
        let short = vec![0; open.header_bytes() - 1];
        assert_eq!(open.packet_length(0, &short), Err(CryptoError::PacketShape));
    }
}

#[test]
fn key_material_of_the_wrong_length() {
    for (suite, backend) in all() {
        let good = suite.material();
        let longer = |bytes: &[u8]| [bytes, &[0]].concat();
        let mut wrong = vec![
            Material { key: good.key[1..].to_vec(), ..good.clone() },
            Material { key: longer(&good.key), ..good.clone() },
            Material { key: Vec::new(), ..good.clone() },
            Material { iv: longer(&good.iv), ..good.clone() },
        ];
        if suite.mac.is_some() {
            wrong.push(Material { mac_key: good.mac_key[1..].to_vec(), ..good.clone() });
            wrong.push(Material { mac_key: longer(&good.mac_key), ..good.clone() });
        }
        for with in wrong {
            let refused = Some(CryptoError::KeyLength);
            assert_eq!(suite.seal(backend, &with).err(), refused, "{}", suite.name());
            assert_eq!(suite.open(backend, &with).err(), refused, "{}", suite.name());
        }
    }
}

#[test]
fn table() {
    let names: Vec<_> = ciphers().iter().map(|cipher| cipher.name).collect();
    assert_eq!(
        names,
        [
            "aes128-gcm@openssh.com",
            "aes256-gcm@openssh.com",
            "chacha20-poly1305@openssh.com",
            "aes128-ctr",
            "aes192-ctr",
            "aes256-ctr",
            "aes128-cbc",
            "aes192-cbc",
            "aes256-cbc"
        ]
    );
    assert_eq!(suites().count(), 3 + 6 * macs().len());
    for suite in each() {
        let backend = suite.cipher.chosen();
        assert!(std::ptr::eq(suite.cipher, cipher(suite.cipher.name).unwrap()));
        assert_eq!(suite.cipher.aead, suite.mac.is_none());
        assert_eq!(suite.sealer(backend).shape(), suite.shape());
        assert_eq!(suite.opener(backend).shape(), suite.shape());
    }
    assert!(cipher("none").is_none());
    assert!(cipher("3des-cbc").is_none());
}
