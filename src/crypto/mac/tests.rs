//! HMAC against published vectors and the other backend; every MAC against tags that are not its.

use proptest::prelude::*;

use super::super::fixtures::{hex, lines};
use super::*;

/// The tag over `data`, whose first four bytes go where the sequence number does.
fn tag(backend: Backend, hash: HmacHash, key: &[u8], data: &[u8]) -> Vec<u8> {
    let mac = hmac::keyed(backend, hash, key).unwrap();
    let (sequence, rest) = data.split_first_chunk().unwrap();
    let (front, back) = rest.split_at(rest.len() / 3);
    let (sequence, parts) = (u32::from_be_bytes(*sequence), [front, b"", back]);
    let mut tag = vec![0; hash.bytes()];
    mac.sign(sequence, &parts, &mut tag);
    assert!(mac.verify(sequence, &parts, &tag));
    tag
}

/// The RFCs' cases that cut the tag are left out: SSH does not.
#[test]
fn rfc_2202_and_rfc_4231() {
    let vectors = lines::<4>(include_str!("../../../tests/fixtures/crypto/hmac.txt"));
    assert_eq!(vectors.len(), 3 * 6);
    for backend in Backend::built_in() {
        for [hash, key, data, expected] in &vectors {
            let tag = tag(*backend, named(hash), &hex(key), &hex(data));
            assert_eq!(tag, hex(expected), "{hash} {data} {backend:?}");
        }
    }
}

fn named(hash: &str) -> HmacHash {
    match hash {
        "sha1" => HmacHash::Sha1,
        "sha256" => HmacHash::Sha256,
        "sha512" => HmacHash::Sha512,
        _ => panic!("{hash}"),
    }
}

proptest! {
    #[test]
    fn backends_agree(
        key in prop::collection::vec(any::<u8>(), 0..200),
        data in prop::collection::vec(any::<u8>(), 4..600),
    ) {
        for hash in [HmacHash::Sha1, HmacHash::Sha256, HmacHash::Sha512] {
            let tags = Backend::built_in().iter().map(|it| tag(*it, hash, &key, &data));
            let tags: Vec<_> = tags.collect();
            prop_assert!(tags.iter().all(|tag| *tag == tags[0]));
        }
    }
}

#[test]
fn a_tag_that_differs_or_is_cut_does_not_verify() {
    for algorithm in macs() {
        for backend in Backend::built_in() {
            let key = vec![3; algorithm.key_bytes];
            let mac = keyed(*backend, &MacKey { algorithm, key: &key }).unwrap();
            let mut tag = vec![0; algorithm.tag_bytes];
            mac.sign(5, &[b"data"], &mut tag);
            for bit in 0..tag.len() * 8 {
                tag[bit / 8] ^= 1 << (bit % 8);
                assert!(!mac.verify(5, &[b"data"], &tag));
                tag[bit / 8] ^= 1 << (bit % 8);
            }
            assert!(mac.verify(5, &[b"da", b"ta"], &tag));
            assert!(!mac.verify(5, &[b"data "], &tag));
            for sequence in [4, 6, 5 << 8, 5 | 1 << 31] {
                assert!(!mac.verify(sequence, &[b"data"], &tag));
            }
            for key in [&key[1..], &[]] {
                let short = keyed(*backend, &MacKey { algorithm, key });
                assert_eq!(short.err(), Some(CryptoError::KeyLength));
            }
        }
    }
}

#[test]
fn table() {
    let rows: Vec<_> =
        macs().iter().map(|mac| (mac.name, mac.key_bytes, mac.tag_bytes, mac.preset)).collect();
    let (hardened, compatible) = (Preset::Hardened, Preset::Compatible);
    assert_eq!(
        rows,
        [
            ("hmac-sha2-256-etm@openssh.com", 32, 32, hardened),
            ("hmac-sha2-512-etm@openssh.com", 64, 64, hardened),
            ("umac-128-etm@openssh.com", 16, 16, hardened),
            ("umac-64-etm@openssh.com", 16, 8, compatible),
            ("hmac-sha2-256", 32, 32, compatible),
            ("hmac-sha2-512", 64, 64, compatible),
            ("umac-128@openssh.com", 16, 16, compatible),
            ("umac-64@openssh.com", 16, 8, compatible),
            ("hmac-sha1-etm@openssh.com", 20, 20, Preset::Legacy),
            ("hmac-sha1", 20, 20, Preset::Legacy),
        ]
    );
    for algorithm in macs() {
        assert!(std::ptr::eq(algorithm, mac(algorithm.name).unwrap()));
        assert_eq!(algorithm.encrypt_then_mac, algorithm.name.contains("-etm@"));
    }
    assert!(mac("hmac-md5").is_none());
}
