//! Signatures against published vectors, against each other, and against what verifies them.

use std::sync::Arc;

use ed25519_dalek::Signer as _;

use super::super::blob::{Blob, put_positive, put_string};
use super::super::fixtures::{hex, key_file, sections};
use super::super::{Backend, Certificate, HashAlgorithm, key_type_of, read_private_key};
use super::super::{fingerprint_sha256, verify, verify_with};
use super::*;

const KINDS: [&str; 5] = ["ed25519", "p256", "p384", "p521", "rsa3072"];

fn fixture(kind: &str) -> Arc<dyn Signer> {
    read_private_key(key_file(kind, "openssh"), None).unwrap()
}

#[test]
fn rfc_8032_7_1() {
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "-",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555\
             fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let signer = Ed25519Signer::from_seed(hex(seed).try_into().unwrap());
        let blob = [&hex("0000000b"), &b"ssh-ed25519\0\0\0\x20"[..], &hex(public)].concat();
        assert_eq!(signer.public_blob(), blob);
        let want = [&hex("0000000b"), &b"ssh-ed25519\0\0\0\x40"[..], &hex(signature)].concat();
        assert_eq!(signer.sign("ssh-ed25519", &hex(message)), Ok(want.clone()));
        for backend in Backend::built_in() {
            let verified = verify_with(*backend, &blob, "ssh-ed25519", &hex(message), &want);
            assert_eq!(verified, Ok(()));
        }
    }
}

/// The key that signs and the one that is kept beside it for export give the same signature.
#[test]
fn backends_sign_alike() {
    for seed in 0..32 {
        let signer = Ed25519Signer::from_seed([seed; 32]);
        let data = vec![seed; usize::from(seed) * 7];
        #[cfg(feature = "aws-lc")]
        assert!(signer.fast.is_some());
        assert_eq!(signer.raw_signature(&data), signer.key.sign(&data).to_bytes());
    }
}

/// RFC 6979 A.2.5 to A.2.7: the nonce, and so the signature, follows from key and message.
#[test]
fn rfc_6979_a_2() {
    for (algorithm, key, message, r, s) in [
        (
            ECDSA_P256,
            "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
            "sample",
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
        (
            ECDSA_P256,
            "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
            "test",
            "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
            "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
        ),
        (
            ECDSA_P384,
            "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8\
             96d5724e4c70a825f872c9ea60d2edf5",
            "sample",
            "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c\
             81a648152e44acf96e36dd1e80fabe46",
            "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94f\
             a329c145786e679e7b82c71a38628ac8",
        ),
        (
            ECDSA_P521,
            "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c\
             70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538",
            "sample",
            "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5\
             d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa",
            "00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c\
             0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a",
        ),
    ] {
        let signer = EcdsaSigner::from_scalar(algorithm, &hex(key)).unwrap();
        let mut numbers = Vec::new();
        put_positive(&mut numbers, &hex(r));
        put_positive(&mut numbers, &hex(s));
        let mut want = Vec::new();
        put_string(&mut want, algorithm.as_bytes());
        put_string(&mut want, &numbers);
        let signature = signer.sign(algorithm, message.as_bytes()).unwrap();
        assert_eq!(signature, want, "{algorithm} {message}");
        let verified = verify(signer.public_blob(), algorithm, message.as_bytes(), &signature);
        assert_eq!(verified, Ok(()));
    }
}

/// What each key signs, every backend verifies; and the same again is the same again.
#[test]
fn every_key_signs_what_every_backend_verifies() {
    for kind in KINDS {
        let signer = fixture(kind);
        for algorithm in signer.algorithms() {
            for length in [0, 1, 32, 64, 1000] {
                let data = vec![0x5a; length];
                let signature = signer.sign(algorithm, &data).unwrap();
                assert_eq!(signer.sign(algorithm, &data).unwrap(), signature, "{algorithm}");
                for backend in Backend::built_in() {
                    let blob = signer.public_blob();
                    let verified = verify_with(*backend, blob, algorithm, &data, &signature);
                    assert_eq!(verified, Ok(()), "{algorithm} {backend:?} {length}");
                }
            }
        }
    }
}

/// PKCS #1 v1.5 has no random part: both backends give the same bytes, blinding or not.
#[test]
fn rsa_backends_sign_alike() {
    let numbers = super::super::key_file::rsa_numbers(key_file("rsa3072", "pem"));
    let [n, e, d, p, q] = &numbers;
    let signer = RsaSigner::from_numbers(n, e, d, [p, q]).unwrap();
    assert_eq!(signer.bits(), 3072);
    #[cfg(feature = "aws-lc")]
    assert!(signer.has_fast());
    for algorithm in signer.algorithms() {
        let of = |backend: &Backend| signer.sign_with(*backend, algorithm, b"data").unwrap();
        let signatures: Vec<_> = Backend::built_in().iter().map(of).collect();
        assert!(signatures.iter().all(|signature| *signature == signatures[0]));
    }
    // Numbers that do not belong together would sign with what gives the primes away.
    let one = |at: usize| {
        let mut numbers = numbers.clone();
        *numbers[at].last_mut().unwrap() ^= 2;
        let [n, e, d, p, q] = &numbers;
        RsaSigner::from_numbers(n, e, d, [p, q]).map(|_| ())
    };
    for at in 0..5 {
        assert!(one(at).is_err(), "{at}");
    }
    assert!(RsaSigner::from_numbers(n, e, d, [p, p]).is_err());
    assert!(RsaSigner::from_numbers(n, e, d, [&[1], n]).is_err());
    assert!(RsaSigner::from_numbers(n, e, d, [&[0], &[0]]).is_err());
    assert!(RsaSigner::from_numbers(n, e, &[&n[..], n].concat(), [p, q]).is_err());
}

#[test]
fn ecdsa_numbers_out_of_range() {
    let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    for number in [&[][..], &[0], &[0; 32], &order, &[0xff; 32], &[1; 33]] {
        let made = EcdsaSigner::from_scalar(ECDSA_P256, number);
        assert!(matches!(made, Err(CryptoError::PrivateKey(_))), "{number:?}");
    }
    let one = EcdsaSigner::from_scalar(ECDSA_P256, &[1]).unwrap();
    let padded = EcdsaSigner::from_scalar(ECDSA_P256, &[[0; 40].as_slice(), &[1]].concat());
    assert_eq!(padded.unwrap().public_blob(), one.public_blob());
    let unknown = EcdsaSigner::from_scalar("ecdsa-sha2-nistp224", &[1]).map(|_| ());
    assert_eq!(unknown, Err(CryptoError::UnknownAlgorithm));
}

/// PuTTY made the nonces of P-521 from 512 bits of hash: the top nine were always zero, and sixty
/// signatures gave the key away. Ours are RFC 6979's (the vectors above). Here each nonce is found
/// again from signature and key, k = (z + r d) / s, and the top four of its 521 bits are counted.
#[test]
fn cve_2024_31497_p521_nonces_use_all_their_bits() {
    use p521::elliptic_curve::PrimeField;
    let number = |digits: &[u8]| {
        let mut bytes = p521::FieldBytes::default();
        bytes[66 - digits.len()..].copy_from_slice(digits);
        p521::Scalar::from_repr(bytes).unwrap()
    };
    let private = hex("0123456789abcdef").repeat(8);
    let signer = EcdsaSigner::from_scalar(ECDSA_P521, &private).unwrap();
    let mut counts = [0u32; 16];
    for message in 0..320u32 {
        let message = message.to_be_bytes();
        let signature = signer.sign(ECDSA_P521, &message).unwrap();
        let mut fields = Blob::new(&signature);
        fields.string().unwrap();
        let mut numbers = Blob::new(fields.string().unwrap());
        let (r, s) = (numbers.positive().unwrap(), numbers.positive().unwrap());
        let z = number(&HashAlgorithm::Sha512.digest(&[&message]));
        let nonce = (z + number(r) * number(&private)) * number(s).invert().unwrap();
        let bytes = nonce.to_repr();
        counts[usize::from(bytes[0] << 3 | bytes[1] >> 5)] += 1;
    }
    // Chi squared with 15 degrees of freedom: beyond 60 once in two million. A bias of the top
    // bits gives 4,800; and the signatures are the same in each run.
    let expected = 320.0 / 16.0;
    let distance = |seen: &u32| (f64::from(*seen) - expected).powi(2) / expected;
    let chi: f64 = counts.iter().map(distance).sum();
    assert!(chi < 60.0, "{chi} {counts:?}");
}

#[test]
fn other_algorithms_are_not_signed_with() {
    for kind in KINDS {
        let signer = fixture(kind);
        for algorithm in ["", "ssh-rsa", "none"].iter().chain(host_key_algorithms()) {
            let signed = signer.sign(algorithm, b"x").map(|_| ());
            if signer.algorithms().contains(algorithm) {
                assert_eq!(signed, Ok(()));
                assert!(host_key_algorithms().contains(algorithm));
            } else {
                assert_eq!(signed, Err(CryptoError::UnknownAlgorithm), "{kind} {algorithm}");
            }
        }
    }
}

#[test]
fn a_certified_key_signs_by_its_certificate() {
    for (heading, line) in sections(super::super::fixtures::CERTIFICATES) {
        let kind = heading.split(' ').next().unwrap();
        if kind == "user" {
            continue;
        }
        let blob = Certificate::blob_from_line(line).unwrap();
        let signer = CertifiedSigner::new(fixture(kind), &blob).unwrap();
        assert_eq!(signer.public_blob(), blob);
        for algorithm in signer.algorithms() {
            assert!(host_key_algorithms().contains(algorithm));
            assert_eq!(key_type_of(&blob), Some(super::super::key_type_for_algorithm(algorithm)));
            let plain = plain_algorithm(algorithm);
            let signature = signer.sign(algorithm, b"data").unwrap();
            let key = Certificate::from_blob(&blob).unwrap();
            assert_eq!(verify(key.key_blob(), plain, b"data", &signature), Ok(()));
            assert_eq!(signer.sign(plain, b"data"), Err(CryptoError::UnknownAlgorithm));
        }
        let other = if kind == "p256" { "p384" } else { "p256" };
        let refused = CertifiedSigner::new(fixture(other), &blob).map(|_| ());
        assert_eq!(refused, Err(CryptoError::Certificate("for another key")));
    }
}

#[test]
fn public_keys_as_lines() {
    let line = key_file("ed25519", "pub");
    let comment = line.trim_end().splitn(3, ' ').nth(2).unwrap();
    let signer = fixture("ed25519");
    assert_eq!(public_line(signer.public_blob(), comment).unwrap(), line.trim_end());
    let digest = HashAlgorithm::Sha256.digest(&[signer.public_blob()]);
    assert_eq!(
        fingerprint_sha256(signer.public_blob()).len(),
        7 + digest.len().div_ceil(3) * 4 - 1
    );
    // A comment cannot smuggle a second line into an authorized_keys file.
    for comment in ["a\nb", "a\rb", "\0", "\u{1b}[2J"] {
        let refused = Err(CryptoError::PublicKey("control character in the comment"));
        assert_eq!(public_line(signer.public_blob(), comment), refused);
    }
    assert!(public_line(b"noise", "").is_err());
}
