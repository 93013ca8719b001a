//! Signatures made by OpenSSL in both backends, and keys and signatures that must be refused.

use proptest::prelude::*;

use super::super::blob::put_string;
use super::super::fixtures::{hex, lines};
use super::super::{Ed25519Signer, Signer};
use super::*;

const MESSAGE: &[u8] = b"ringferry signature fixture";

struct Fixture {
    name: &'static str,
    algorithm: &'static str,
    key: Vec<u8>,
    signature: Vec<u8>,
}

fn read(text: &'static str) -> Vec<Fixture> {
    let fixture = |[name, algorithm, key, signature]: [&'static str; 4]| Fixture {
        name,
        algorithm,
        key: hex(key),
        signature: hex(signature),
    };
    lines(text).into_iter().map(fixture).collect()
}

fn fixtures() -> Vec<Fixture> {
    read(include_str!("../../../tests/fixtures/crypto/signatures.txt"))
}

fn named(name: &str) -> Fixture {
    fixtures().into_iter().find(|fixture| fixture.name == name).unwrap()
}

/// The verdict of every backend, which must be the same.
fn verdict(key: &[u8], algorithm: &str, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
    let verdicts: Vec<_> = Backend::built_in()
        .iter()
        .map(|backend| verify_with(*backend, key, algorithm, data, signature))
        .collect();
    assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{verdicts:?}");
    assert_eq!(verify(key, algorithm, data, signature), verdicts[0]);
    verdicts[0]
}

fn public_key<T>(result: Result<T, CryptoError>) -> &'static str {
    match result {
        Err(CryptoError::PublicKey(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    }
}

/// A blob of strings.
fn blob(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    fields.iter().for_each(|field| put_string(&mut out, field));
    out
}

/// A signature blob with these bytes inside.
fn signature(algorithm: &str, bytes: &[u8]) -> Vec<u8> {
    blob(&[algorithm.as_bytes(), bytes])
}

#[test]
fn signatures_made_with_openssl() {
    let fixtures = fixtures();
    for fixture in &fixtures {
        let Fixture { name, algorithm, key, signature } = fixture;
        assert_eq!(verdict(key, algorithm, MESSAGE, signature), Ok(()), "{name}");
        let other = verdict(key, algorithm, b"another message", signature);
        assert_eq!(other, Err(CryptoError::Signature), "{name}");
    }
    // No card was at hand: see `user_key/tests.rs` for those, and tests/certificates.rs.
    for algorithm in signature_algorithms().iter().filter(|name| !is_security_key(name)) {
        assert!(fixtures.iter().any(|fixture| fixture.algorithm == *algorithm), "{algorithm}");
    }
}

/// A selection of C2SP/wycheproof's: at most a few of each of its flags. What it calls acceptable
/// lacks a NULL in the padding of RSA, which we do not take.
#[test]
fn wycheproof() {
    let text = include_str!("../../../tests/fixtures/crypto/wycheproof.txt");
    let mut counts = [0, 0];
    for [name, algorithm, key, message, signature, result] in lines(text) {
        let verified = verdict(&hex(key), algorithm, &hex(message), &hex(signature));
        assert_eq!(verified.is_ok(), result == "valid", "{name}: {verified:?}");
        counts[usize::from(result == "valid")] += 1;
    }
    assert!(counts[0] > 80 && counts[1] > 50, "{counts:?}");
}

#[test]
fn a_flip_anywhere_in_a_signature_is_refused() {
    for name in ["ed25519", "p256-11", "p256-short-r", "p384", "p521", "rsa2048-256"] {
        let Fixture { algorithm, key, signature, .. } = named(name);
        for at in 0..signature.len() {
            let mut bad = signature.clone();
            bad[at] ^= 1;
            assert!(verdict(&key, algorithm, MESSAGE, &bad).is_err(), "{name} {at}");
        }
    }
}

#[test]
fn keys_and_signatures_cut_short_or_too_long() {
    for Fixture { name, algorithm, key, signature } in fixtures() {
        let step = 1 + signature.len() / 100;
        for cut in (0..signature.len()).step_by(step) {
            let result = verdict(&key, algorithm, MESSAGE, &signature[..cut]);
            assert!(matches!(result, Err(CryptoError::SignatureEncoding(_))), "{name} {cut}");
        }
        for cut in (0..key.len()).step_by(step) {
            public_key(verdict(&key[..cut], algorithm, MESSAGE, &signature));
        }
        let longer = |bytes: &[u8]| [bytes, &[0]].concat();
        let result = verdict(&key, algorithm, MESSAGE, &longer(&signature));
        assert_eq!(result, Err(CryptoError::SignatureEncoding("bytes after the end")), "{name}");
        public_key(verdict(&longer(&key), algorithm, MESSAGE, &signature));
    }
    let long = vec![0; BLOB_BYTES_MAX + 1];
    let Fixture { algorithm, key, signature, .. } = named("ed25519");
    assert_eq!(public_key(verdict(&long, algorithm, MESSAGE, &signature)), "too long");
    let result = verdict(&key, algorithm, MESSAGE, &long);
    assert_eq!(result, Err(CryptoError::SignatureEncoding("too long")));
}

/// The algorithm asked for, the one in the signature and the key's type must be one.
#[test]
fn algorithms_do_not_mix() {
    let fixtures = fixtures();
    for one in &fixtures {
        for other in fixtures.iter().filter(|other| other.algorithm != one.algorithm) {
            let result = verdict(&one.key, other.algorithm, MESSAGE, &one.signature);
            let refused = CryptoError::SignatureEncoding("made with another algorithm");
            assert_eq!(result, Err(refused));
            if key_type_for_algorithm(one.algorithm) != key_type_for_algorithm(other.algorithm) {
                let result = verdict(&other.key, one.algorithm, MESSAGE, &one.signature);
                assert_eq!(public_key(result), "of another type than the algorithm");
            }
        }
    }
    let Fixture { key, signature, .. } = named("rsa2048-256");
    for algorithm in ["", "ssh-rsa", "ssh-dss", "rsa-sha2-1024", "none"] {
        let result = verdict(&key, algorithm, MESSAGE, &signature);
        assert_eq!(result, Err(CryptoError::UnknownAlgorithm), "{algorithm}");
    }
}

/// Each of these has a signature that would verify, were the key let in.
#[test]
fn cve_2026_39829_rsa_keys_outside_the_bounds() {
    let refused = read(include_str!("../../../tests/fixtures/crypto/refused.txt"));
    assert_eq!(refused.len(), 6);
    for Fixture { name, algorithm, key, signature } in refused {
        let why = public_key(verdict(&key, algorithm, MESSAGE, &signature));
        let want = if name.starts_with("rsa") {
            "modulus outside 2048 to 16384 bits"
        } else {
            "exponent outside 3 to 2^33"
        };
        assert_eq!(why, want, "{name}");
    }
}

#[test]
fn rsa_numbers_that_are_none() {
    let modulus = [&[0], &[0xff; 256][..]].concat();
    let even = [&[0], &[0xfe; 256][..]].concat();
    let signature = signature("rsa-sha2-256", &[1; 256]);
    let huge = [1; 2000];
    for (exponent, modulus, why) in [
        (&[][..], &modulus[..], "not a positive number"),
        (&[0], &modulus, "not a positive number"),
        (&[0x81], &modulus, "not a positive number"),
        (&[3], &[], "not a positive number"),
        (&[3], &modulus[1..], "not a positive number"),
        (&[3], &even, "even modulus or exponent"),
        (&[4], &modulus, "even modulus or exponent"),
        (&[2, 0, 0, 0, 1], &modulus, "exponent outside 3 to 2^33"),
        (&huge, &modulus, "exponent outside 3 to 2^33"),
    ] {
        let key = blob(&[b"ssh-rsa", exponent, modulus]);
        assert_eq!(public_key(verdict(&key, "rsa-sha2-256", MESSAGE, &signature)), why);
    }
}

/// A signature must be smaller than the modulus, and not longer.
#[test]
fn rsa_signatures_of_the_wrong_size() {
    let Fixture { key, signature: good, .. } = named("rsa2048-256");
    let bytes = &good[good.len() - 256..];
    for (bytes, want) in [
        (Vec::new(), CryptoError::Signature),
        (vec![0; 256], CryptoError::Signature),
        (vec![0xff; 256], CryptoError::Signature),
        (bytes[1..].to_vec(), CryptoError::Signature),
        ([&[0], bytes].concat(), CryptoError::SignatureEncoding("longer than the modulus")),
    ] {
        let bad = signature("rsa-sha2-256", &bytes);
        assert_eq!(verdict(&key, "rsa-sha2-256", MESSAGE, &bad), Err(want));
    }
}

/// CVE-2020-9283: an ed25519 key of another length was indexed past its end.
#[test]
fn cve_2020_9283_ed25519_keys_and_signatures_of_the_wrong_length() {
    let Fixture { key, signature: good, .. } = named("ed25519");
    let (point, bytes) = (&key[key.len() - 32..], &good[good.len() - 64..]);
    for length in [0, 1, 31, 33, 64] {
        let point: Vec<u8> = point.iter().copied().cycle().take(length).collect();
        let key = blob(&[b"ssh-ed25519", &point]);
        assert_eq!(public_key(verdict(&key, ED25519, MESSAGE, &good)), "not 32 bytes long");
    }
    for length in [0, 1, 63, 65, 128] {
        let bytes: Vec<u8> = bytes.iter().copied().cycle().take(length).collect();
        let result = verdict(&key, ED25519, MESSAGE, &signature(ED25519, &bytes));
        assert_eq!(result, Err(CryptoError::SignatureEncoding("not 64 bytes long")));
    }
}

/// With the identity as the key, R = identity and S = 0 fit every message.
#[test]
fn ed25519_keys_of_low_order() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let key = blob(&[b"ssh-ed25519", &identity]);
    let forged = signature(ED25519, &[&identity[..], &[0; 32]].concat());
    assert_eq!(public_key(verdict(&key, ED25519, MESSAGE, &forged)), "point of low order");
    let key = blob(&[b"ssh-ed25519", &[0; 32]]);
    assert_eq!(public_key(verdict(&key, ED25519, MESSAGE, &forged)), "point of low order");
    let mut outside = [0; 32];
    outside[0] = 2;
    let key = blob(&[b"ssh-ed25519", &outside]);
    assert_eq!(public_key(verdict(&key, ED25519, MESSAGE, &forged)), "not a point of the curve");
}

/// S + L is the same number to a careless verifier (RFC 8032 5.1.7 asks for S < L).
#[test]
fn ed25519_signatures_are_not_malleable() {
    let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let Fixture { key, signature: good, .. } = named("ed25519");
    let mut bad = good.clone();
    let start = bad.len() - 32;
    let mut carry = 0;
    for (byte, add) in bad[start..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    assert_eq!(verdict(&key, ED25519, MESSAGE, &bad), Err(CryptoError::Signature));
}

#[test]
fn p256_points_that_are_none() {
    let Fixture { key, signature, .. } = named("p256-00");
    let point = &key[key.len() - 65..];
    let of = |curve: &[u8], point: &[u8]| {
        let key = blob(&[b"ecdsa-sha2-nistp256", curve, point]);
        public_key(verdict(&key, ECDSA_P256, MESSAGE, &signature))
    };
    let mut off = point.to_vec();
    off[64] ^= 1;
    let beyond = [&[4][..], &[0xff; 64]].concat();
    assert_eq!(of(b"nistp256", &off), "not a point of the curve");
    assert_eq!(of(b"nistp256", &beyond), "not a point of the curve");
    assert_eq!(of(b"nistp256", &[&[4][..], &[0; 64]].concat()), "not a point of the curve");
    assert_eq!(of(b"nistp256", &[0]), "not an uncompressed point");
    assert_eq!(of(b"nistp256", &[&[2], &point[1..33]].concat()), "not an uncompressed point");
    assert_eq!(of(b"nistp256", &[&[6], &point[1..]].concat()), "not an uncompressed point");
    assert_eq!(of(b"nistp384", point), "names another curve");
}

#[test]
fn p256_numbers_out_of_range() {
    let Fixture { key, .. } = named("p256-00");
    let order = hex("00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let positive = CryptoError::SignatureEncoding("not a positive number");
    for (r, s, want) in [
        (&[][..], &[1][..], positive),
        (&[1], &[0, 0], positive),
        (&[0x80], &[1], positive),
        (&[1; 33], &[1], CryptoError::SignatureEncoding("number longer than the curve's")),
        (&order, &[1], CryptoError::Signature),
        (&[1], &order, CryptoError::Signature),
        (&[1], &[1], CryptoError::Signature),
    ] {
        let bad = signature(ECDSA_P256, &blob(&[r, s]));
        assert_eq!(verdict(&key, ECDSA_P256, MESSAGE, &bad), Err(want));
    }
    let bad = signature(ECDSA_P256, &blob(&[&[1], &[1], &[]]));
    let refused = CryptoError::SignatureEncoding("bytes after the end");
    assert_eq!(verdict(&key, ECDSA_P256, MESSAGE, &bad), Err(refused));
}

/// Off the curve, at infinity, compressed, of another curve's length: on the larger curves too.
#[test]
fn p384_and_p521_points_that_are_none() {
    for (name, curve) in [("p384", Curve::P384), ("p521", Curve::P521)] {
        let Fixture { algorithm, key, signature, .. } = named(name);
        let point = &key[key.len() - 1 - 2 * curve.scalar_bytes()..];
        let of = |point: &[u8]| {
            let key = blob(&[algorithm.as_bytes(), curve.name().as_bytes(), point]);
            public_key(verdict(&key, algorithm, MESSAGE, &signature))
        };
        let mut off = point.to_vec();
        *off.last_mut().unwrap() ^= 1;
        assert_eq!(of(&off), "not a point of the curve");
        let zeros = vec![0; point.len() - 1];
        assert_eq!(of(&[&[4], &zeros[..]].concat()), "not a point of the curve");
        assert_eq!(of(&[0]), "not an uncompressed point");
        assert_eq!(of(&point[..65]), "not an uncompressed point");
        let compressed = [&[2], &point[1..=curve.scalar_bytes()]].concat();
        assert_eq!(of(&compressed), "not an uncompressed point");
    }
}

/// However large or odd a key, the answer comes within 10 ms; it takes no arithmetic to refuse it.
#[test]
fn cve_2026_39829_keys_of_any_size_are_answered_at_once() {
    let mut keys = Vec::new();
    for bits in [512, 1024, 1536, 2047, 16385, 32768, 65536] {
        let mut modulus = vec![0xff; bits / 8];
        if bits % 8 != 0 {
            modulus.insert(0, (1 << (bits % 8)) - 1);
        }
        let signed = [&[0][..], &modulus].concat();
        keys.push(blob(&[b"ssh-rsa", &[1, 0, 1], &signed]));
    }
    let modulus = [&[0][..], &[0xff; 384]].concat();
    for exponent in [&[1][..], &[2], &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff], &[0x7f; 384]] {
        keys.push(blob(&[b"ssh-rsa", exponent, &modulus]));
    }
    for key in &keys {
        let start = std::time::Instant::now();
        let signature = signature("rsa-sha2-512", &[1; 256]);
        public_key(verdict(key, "rsa-sha2-512", MESSAGE, &signature));
        public_key(check_key_size(key, 2048));
        // Three verdicts and a check, in a build that may be a debug one.
        assert!(start.elapsed().as_millis() < 40, "{:?}", start.elapsed());
    }
}

#[test]
fn the_smallest_rsa_key_is_for_the_caller_to_say() {
    let Fixture { key, .. } = named("rsa2048-256");
    assert_eq!(check_key_size(&key, 2048), Ok(()));
    let refused = CryptoError::RsaBits { bits: 2048, bits_min: 3072 };
    assert_eq!(check_key_size(&key, 3072), Err(refused));
    assert_eq!(refused.to_string(), "an RSA key of 2048 bits, where at least 3072 are asked for");
    assert_eq!(check_key_size(&named("ed25519").key, 3072), Ok(()));
    assert_eq!(check_key_size(&named("p256-00").key, 3072), Ok(()));
}

/// Some signers write numbers with zeros in front; the value counts, as in OpenSSH.
#[test]
fn needless_zeros_are_passed_over() {
    let Fixture { key, signature: good, .. } = named("p256-00");
    let mut fields = Blob::new(&good);
    fields.string().unwrap();
    let mut numbers = Blob::new(fields.string().unwrap());
    let (r, s) = (numbers.string().unwrap(), numbers.string().unwrap());
    let padded = blob(&[&[&[0, 0, 0], r].concat(), s]);
    assert_eq!(verdict(&key, ECDSA_P256, MESSAGE, &signature(ECDSA_P256, &padded)), Ok(()));
}

proptest! {
    #[test]
    fn random_ed25519_keys_and_messages(
        seed in any::<[u8; 32]>(),
        message in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let signer = Ed25519Signer::from_seed(seed);
        let signature = signer.sign(ED25519, &message).unwrap();
        prop_assert_eq!(verdict(signer.public_blob(), ED25519, &message, &signature), Ok(()));
    }

    /// Whatever comes in behind right names ends in an error, the same in both backends.
    #[test]
    fn noise_is_refused(
        key in prop::collection::vec(any::<u8>(), 0..400),
        noise in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        for algorithm in signature_algorithms() {
            let name = key_type_for_algorithm(algorithm).as_bytes();
            for key in [key.clone(), [blob(&[name]), key.clone()].concat(), blob(&[name, &key])] {
                prop_assert!(verdict(&key, algorithm, MESSAGE, &noise).is_err());
                let signature = signature(algorithm, &noise);
                prop_assert!(verdict(&key, algorithm, MESSAGE, &signature).is_err());
            }
        }
    }
}
