//! Ed25519 against RFC 8032, and key files against ssh-keygen's.

use super::super::fixtures::hex;
use super::super::{Backend, fingerprint_sha256, key_type_of, verify_with};
use super::*;

const KEY: &str = include_str!("../../../tests/fixtures/crypto/ed25519_key");
const PUBLIC: &str = include_str!("../../../tests/fixtures/crypto/ed25519_key.pub");
const LOCKED: &str = include_str!("../../../tests/fixtures/crypto/ed25519_locked_key");
const RSA: &str = include_str!("../../../tests/fixtures/crypto/rsa2048_key");
const P256: &str = include_str!("../../../tests/fixtures/crypto/p256_key");

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

#[test]
fn other_algorithms_are_not_signed_with() {
    let signer = Ed25519Signer::from_seed([1; 32]);
    for algorithm in ["", "ssh-rsa", "rsa-sha2-256", "ssh-ed25519-cert-v01@openssh.com"] {
        assert_eq!(signer.sign(algorithm, b"x"), Err(CryptoError::UnknownAlgorithm));
    }
    assert_eq!(signer.algorithms(), host_key_algorithms());
}

#[test]
fn a_key_file_of_ssh_keygen() {
    let signer = Ed25519Signer::from_openssh_private_key(KEY).unwrap();
    assert_eq!(signer.public_line("fixture key").unwrap(), PUBLIC.trim_end());
    assert_eq!(key_type_of(signer.public_blob()), Some("ssh-ed25519"));
    // What `ssh-keygen -l` prints for it.
    let fingerprint = "SHA256:xseq9Q6/8iizeGK1IsHceLr80XQPoIAe4BmhpB6qTGw";
    assert_eq!(fingerprint_sha256(signer.public_blob()), fingerprint);
    assert_eq!(format!("{signer:?}"), format!("Ed25519Signer({fingerprint})"));
}

#[test]
fn key_files_round_trip() {
    let signer = Ed25519Signer::from_seed([9; 32]);
    for comment in ["", "a comment", "ringferry host key, größer"] {
        let text = signer.to_openssh_private_key(comment).unwrap();
        assert!(text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
        let again = Ed25519Signer::from_openssh_private_key(&text).unwrap();
        assert_eq!(again.key, signer.key);
        assert_eq!(again.blob, signer.blob);
    }
    assert!(signer.public_line("").unwrap().starts_with("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"));
}

/// A comment cannot smuggle a second line into an authorized_keys file.
#[test]
fn comments_hold_no_line_breaks() {
    let signer = Ed25519Signer::from_seed([9; 32]);
    for comment in ["a\nb", "a\rb", "\0", "\u{1b}[2J"] {
        let refused = Err(CryptoError::PrivateKey("control character in the comment"));
        assert_eq!(signer.public_line(comment), refused);
    }
}

#[test]
fn files_that_cannot_be_used() {
    let refused = |text: &str| match Ed25519Signer::from_openssh_private_key(text) {
        Err(CryptoError::PrivateKey(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(LOCKED), "protected by a passphrase");
    assert_eq!(refused(P256), "not an ed25519 key");
    assert_eq!(refused(RSA), "not an ed25519 key");
    assert_eq!(refused(""), "not an OpenSSH private key file");
    assert_eq!(refused(PUBLIC), "not an OpenSSH private key file");
    assert_eq!(refused(&"x".repeat(PRIVATE_KEY_TEXT_MAX + 1)), "file too long");
    for length in 0..KEY.trim_end().len() - 1 {
        refused(&KEY[..length]);
    }
}

/// Signing with a public half that is not the private one's gives the private one away.
#[test]
fn halves_that_differ_are_refused() {
    let pair = Ed25519Keypair {
        public: Ed25519PublicKey(SigningKey::from_bytes(&[2; 32]).verifying_key().to_bytes()),
        private: Ed25519PrivateKey::from_bytes(&[1; 32]),
    };
    let text = PrivateKey::new(KeypairData::Ed25519(pair), "mixed")
        .and_then(|key| key.to_openssh(LineEnding::LF))
        .unwrap();
    assert!(Ed25519Signer::from_openssh_private_key(&text).is_err());
}
