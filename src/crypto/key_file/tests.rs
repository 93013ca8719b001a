//! Key files of every format, as ssh-keygen, openssl and puttygen write them.

use proptest::prelude::*;
use ssh_key::LineEnding;
use ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey};
use ssh_key::public::Ed25519PublicKey;

use super::super::fixtures::{key_file, key_files};
use super::super::{fingerprint_sha256, verify};
use super::*;

fn refused(text: &str, passphrase: Option<&str>) -> CryptoError {
    match read_private_key(text, passphrase) {
        Err(error) => error,
        Ok(signer) => panic!("read {}", fingerprint_sha256(signer.public_blob())),
    }
}

/// The public key of a `.pub` line.
fn public_blob(key: &str) -> Vec<u8> {
    ssh_key::PublicKey::from_openssh(key_file(key, "pub")).unwrap().to_bytes().unwrap()
}

#[test]
fn every_format_gives_the_same_key() {
    let mut seen = 0;
    for (key, format, text) in key_files() {
        let locked = format.contains("locked");
        if format == "pub" || format == "pem-md5-locked" || format.starts_with("refused") {
            continue;
        }
        seen += 1;
        let signer = read_private_key(text, locked.then_some("fixture"))
            .unwrap_or_else(|error| panic!("{key} {format}: {error}"));
        assert_eq!(signer.public_blob(), public_blob(key), "{key} {format}");
        let algorithm = signer.algorithms()[0];
        let signature = signer.sign(algorithm, b"data").unwrap();
        assert_eq!(verify(signer.public_blob(), algorithm, b"data", &signature), Ok(()));
        if locked {
            assert_eq!(refused(text, None), CryptoError::PassphraseNeeded, "{key} {format}");
            let wrong = refused(text, Some("another"));
            assert_eq!(wrong, CryptoError::PassphraseWrong, "{key} {format}");
        } else {
            // A passphrase that is not needed does no harm: one may be set for several files.
            assert!(read_private_key(text, Some("fixture")).is_ok(), "{key} {format}");
        }
        let other = text.replace('\n', "\r\n");
        assert!(read_private_key(&other, Some("fixture")).is_ok(), "{key} {format} CR LF");
    }
    assert_eq!(seen, 61);
}

#[test]
fn old_encryptions_are_refused_with_the_cure() {
    for key in ["p256", "p384", "p521", "rsa3072"] {
        let error = refused(key_file(key, "pem-md5-locked"), Some("fixture"));
        assert!(error.to_string().contains("ssh-keygen -p -f"), "{error}");
    }
    let error = refused(key_file("p256", "refused-pbes1"), Some("fixture"));
    assert!(error.to_string().contains("-v2 aes-256-cbc"), "{error}");
}

/// A file says what its passphrase costs to try; one that asks for hours or all memory is refused
/// before any work is done.
#[test]
fn costs_are_bounded() {
    let ppk = key_file("ed25519", "ppk3-locked");
    for (line, costly) in [
        ("Argon2-Memory: 1024", "Argon2-Memory: 4000000000"),
        ("Argon2-Memory: 1024", "Argon2-Memory: 300000"),
        ("Argon2-Passes: 3", "Argon2-Passes: 100000"),
    ] {
        assert!(ppk.contains(line));
        assert_eq!(refused(&ppk.replace(line, costly), Some("fixture")), TOO_COSTLY, "{costly}");
    }
    let pbkdf2 = key_file("p256", "refused-costly-pbkdf2");
    assert_eq!(refused(pbkdf2, Some("fixture")), TOO_COSTLY);
    let scrypt = patched(key_file("p256", "pkcs8-locked-scrypt"), |der| {
        // r 8 and p 1 become 127 each.
        let at = der.windows(6).position(|window| window == [2, 1, 8, 2, 1, 1]).unwrap();
        der[at + 2] = 127;
        der[at + 5] = 127;
    });
    assert_eq!(refused(&scrypt, Some("fixture")), TOO_COSTLY);
    // N, r, p; the file has 16384, 8, 1. With few rows the p blocks beside them are what is large.
    let damaged = CryptoError::PrivateKey("a PEM file that does not decode");
    for (costs, error) in [
        ([2, 1, 0, 2, 2, 1, 0, 2, 1, 1], damaged),
        ([2, 1, 1, 2, 2, 1, 0, 2, 1, 1], damaged),
        ([2, 1, 3, 2, 2, 1, 0, 2, 1, 1], damaged),
        ([2, 1, 2, 2, 1, 127, 2, 2, 127, 255], TOO_COSTLY),
    ] {
        let scrypt = patched(key_file("p256", "pkcs8-locked-scrypt"), |der| {
            let usual = [2, 2, 64, 0, 2, 1, 8, 2, 1, 1];
            let at = der.windows(10).position(|window| window == usual).unwrap();
            der[at..at + 10].copy_from_slice(&costs);
        });
        assert_eq!(refused(&scrypt, Some("fixture")), error, "{costs:?}");
    }
    let bcrypt = patched(key_file("ed25519", "openssh-locked"), |der| {
        // After the salt's 16 bytes: the rounds.
        let at = der.windows(6).position(|window| window == b"bcrypt").unwrap() + 6 + 4 + 20;
        assert_eq!(der[at..at + 4], [0, 0, 0, 4]);
        der[at] = 0xff;
    });
    assert_eq!(refused(&bcrypt, Some("fixture")), TOO_COSTLY);
}

/// The file with other bytes inside.
fn patched(pem: &str, change: impl Fn(&mut [u8])) -> String {
    use pkcs8::der::pem::{Decoder, encode_string};
    let mut decoder = Decoder::new(pem.trim().as_bytes())
        .or_else(|_| Decoder::new_wrapped(pem.trim().as_bytes(), 70))
        .unwrap();
    let label = decoder.type_label().to_owned();
    let mut bytes = Vec::new();
    decoder.decode_to_end(&mut bytes).unwrap();
    change(&mut bytes);
    encode_string(&label, LineEnding::LF, &bytes).unwrap()
}

#[test]
fn files_that_are_none() {
    let public = key_file("ed25519", "pub");
    for text in
        ["", "hello", public, "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"]
    {
        assert!(matches!(refused(text, None), CryptoError::PrivateKey(_)), "{text}");
    }
    let long = "x".repeat(PRIVATE_KEY_TEXT_MAX + 1);
    assert_eq!(refused(&long, None), CryptoError::PrivateKey("file too long"));
    let dsa = "-----BEGIN DSA PRIVATE KEY-----\nMAA=\n-----END DSA PRIVATE KEY-----\n";
    assert_eq!(refused(dsa, None), UNKNOWN_TYPE);
    let ppk = key_file("p256", "ppk3");
    for (from, to) in [
        ("File-3", "File-1"),
        ("Comment: fixture", "Comment: changed"),
        ("Encryption: none", "Encryption: rot13"),
        ("ecdsa-sha2-nistp256\n", "ssh-ed25519\n"),
        ("Public-Lines: 3", "Public-Lines: 99999999999999"),
        ("Private-MAC: ", "Private-MAC: zz"),
    ] {
        assert!(ppk.contains(from), "{from}");
        assert!(matches!(refused(&ppk.replace(from, to), None), CryptoError::PrivateKey(_)));
    }
}

/// CVE-2020-9283 and russh's fix 0363fde: a file cut anywhere ends in an error and no panic.
#[test]
fn cve_2020_9283_files_cut_anywhere() {
    for (key, format, text) in key_files() {
        let costly = format.contains("locked") && format != "ppk2-locked";
        if format == "pub" || format.starts_with("refused") {
            continue;
        }
        // Trying a passphrase at each length would take minutes; what is tried is the reading.
        let passphrase = (!costly).then_some("fixture");
        let step = if key.starts_with("rsa") { 23 } else { 3 };
        for length in (0..text.trim_end().len() - 1).step_by(step) {
            if let Some(text) = text.get(..length) {
                assert!(read_private_key(text, passphrase).is_err(), "{key} {format} {length}");
            }
        }
    }
}

/// Signing with a public half that is not the private one's gives the private one away.
#[test]
fn halves_that_differ_are_refused() {
    let public = Ed25519Signer::from_seed([2; 32]).public_blob()[19..].try_into().unwrap();
    let pair = Ed25519Keypair {
        public: Ed25519PublicKey(public),
        private: Ed25519PrivateKey::from_bytes(&[1; 32]),
    };
    let text = PrivateKey::new(KeypairData::Ed25519(pair), "mixed")
        .and_then(|key| key.to_openssh(LineEnding::LF))
        .unwrap();
    refused(&text, None);
    let mixed = Ed25519Signer::from_halves(&[1; 32], &public).err();
    assert_eq!(mixed, Some(CryptoError::PrivateKey("public and private half differ")));
    let swapped = patched(key_file("p256", "pem"), |der| {
        let last = der.len() - 1;
        der[last] ^= 1;
    });
    assert_eq!(refused(&swapped, None), CryptoError::PrivateKey("public and private half differ"));
}

#[test]
fn rsa_keys_outside_the_bounds_are_refused() {
    let [n, e, d, p, q] = rsa_numbers(key_file("rsa3072", "pem"));
    let small = RsaSigner::from_numbers(&n[..128], &e, &d[..128], [&p[..64], &q[..64]]).map(|_| ());
    assert_eq!(small, Err(CryptoError::PublicKey("modulus outside 2048 to 16384 bits")));
    let huge = [&n[..], &n, &n, &n, &n, &n].concat();
    let huge = RsaSigner::from_numbers(&huge, &e, &d, [&p, &q]).map(|_| ());
    assert_eq!(huge, Err(CryptoError::PublicKey("modulus outside 2048 to 16384 bits")));
}

#[test]
fn made_keys_round_trip() {
    let signer = Ed25519Signer::from_seed([9; 32]);
    for comment in ["", "a comment", "ringferry host key, größer"] {
        let text = signer.to_openssh_private_key(comment).unwrap();
        assert!(text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
        let again = read_private_key(&text, None).unwrap();
        assert_eq!(again.public_blob(), signer.public_blob());
        assert_eq!(again.sign("ssh-ed25519", b"x"), signer.sign("ssh-ed25519", b"x"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// One byte anywhere, in any file that is cheap to open: an error or the same key.
    #[test]
    fn a_changed_byte_is_no_other_key(
        at in any::<usize>(),
        byte in 32u8..127,
        pick in any::<usize>(),
    ) {
        let cheap = |format: &str| !format.contains("locked") && format != "pub";
        let files: Vec<_> = key_files()
            .filter(|file| cheap(file.1) && !file.1.starts_with("refused") && file.0 != "rsa3072")
            // OpenSSL leaves the public half of an Ed25519 key out: any seed is a key.
            .filter(|file| (file.0, file.1) != ("ed25519", "pkcs8"))
            .collect();
        let (key, _, text) = files[pick % files.len()];
        let mut bytes = text.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(signer) = read_private_key(std::str::from_utf8(&bytes).unwrap(), None) {
            prop_assert_eq!(signer.public_blob(), public_blob(key));
        }
    }
}

/// One key in 256 has a private number with zeros in front, which its file leaves out.
#[test]
fn a_short_number_is_a_number() {
    let text = "\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAaAAAABNlY2RzYS
1zaGEyLW5pc3RwMjU2AAAACG5pc3RwMjU2AAAAQQSMXnnUWGYRVHpvqOdWjR+pY+/pUcJT
2yeu4lyV8ne+2+/DZS8Ci4V5xou+eIRaWqQdlbchnIu+XXyKO3402E+rAAAAqOfPO8Hnzz
vBAAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBIxeedRYZhFUem+o
51aNH6lj7+lRwlPbJ67iXJXyd77b78NlLwKLhXnGi754hFpapB2VtyGci75dfIo7fjTYT6
sAAAAfGnQYqFAxJjxorE+IhKgQCGoVNpSl+Tut+UfpWQ78XAAAAA5yaW5nZmVycnktdGVz
dAECAw==
-----END OPENSSH PRIVATE KEY-----
";
    let signer = read_private_key(text, None).unwrap();
    assert_eq!(
        fingerprint_sha256(signer.public_blob()),
        "SHA256:ipgf9vp0IxMxBrKdRgh0Ki0MpmA9btI2XXiMG5aA4/w"
    );
    let signature = signer.sign("ecdsa-sha2-nistp256", b"data").unwrap();
    assert_eq!(verify(signer.public_blob(), "ecdsa-sha2-nistp256", b"data", &signature), Ok(()));
    for cut in (0..text.trim_end().len()).step_by(7) {
        assert!(read_private_key(&text[..cut], None).is_err(), "cut at {cut}");
    }
    // Another number does not belong to the public half.
    refused(&text.replace("GnQYqFAx", "GnQYqFAy"), None);
}
