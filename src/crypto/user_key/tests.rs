//! Keys and certificates as users show them, and a security key made of software.

use ed25519_dalek::Signer as _;
use sha2::{Digest, Sha256};

use super::super::blob::put_string;
use super::super::fixtures::{CERTIFICATES, sections};
use super::super::{Backend, CertifiedSigner, Ed25519Signer, Signer, verify, verify_with};
use super::*;

const DATA: &[u8] = b"the session identifier and the request";

/// An authenticator: what it signs is what OpenSSH's PROTOCOL.u2f says.
enum SecurityKey {
    Ed25519(ed25519_dalek::SigningKey),
    P256(p256::ecdsa::SigningKey),
}

impl SecurityKey {
    fn both() -> [Self; 2] {
        [
            Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&[5; 32])),
            Self::P256(p256::ecdsa::SigningKey::from_slice(&[6; 32]).unwrap()),
        ]
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => SK_ED25519,
            Self::P256(_) => SK_ECDSA_P256,
        }
    }

    fn public_blob(&self, application: &[u8]) -> Vec<u8> {
        let mut blob = Vec::new();
        put_string(&mut blob, self.name().as_bytes());
        match self {
            Self::Ed25519(key) => put_string(&mut blob, key.verifying_key().as_bytes()),
            Self::P256(key) => {
                put_string(&mut blob, b"nistp256");
                put_string(&mut blob, &key.verifying_key().to_sec1_point(false).to_bytes());
            }
        }
        put_string(&mut blob, application);
        blob
    }

    fn sign(&self, application: &[u8], flags: u8, counter: u32) -> Vec<u8> {
        let mut signed = Sha256::digest(application).to_vec();
        signed.push(flags);
        signed.extend(counter.to_be_bytes());
        signed.extend(Sha256::digest(DATA));
        let mut out = Vec::new();
        put_string(&mut out, self.name().as_bytes());
        match self {
            Self::Ed25519(key) => put_string(&mut out, &key.sign(&signed).to_bytes()),
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(&signed);
                let (r, s) = signature.split_bytes();
                let mut numbers = Vec::new();
                super::super::blob::put_positive(&mut numbers, &r);
                super::super::blob::put_positive(&mut numbers, &s);
                put_string(&mut out, &numbers);
            }
        }
        out.push(flags);
        out.extend(counter.to_be_bytes());
        out
    }
}

fn read(algorithm: &str, blob: &[u8]) -> Result<UserKey, CryptoError> {
    UserKey::read(algorithm, blob, 3072)
}

#[test]
fn a_security_key_tells_what_it_signed_about_its_owner() {
    for authenticator in SecurityKey::both() {
        let (name, blob) = (authenticator.name(), authenticator.public_blob(b"ssh:"));
        let key = read(name, &blob).unwrap();
        for (flags, touched, recognized) in
            [(0, false, false), (1, true, false), (4, false, true), (5, true, true)]
        {
            let signature = authenticator.sign(b"ssh:", flags, 7);
            let presence = key.verify(DATA, &signature).unwrap();
            assert_eq!(presence, Some(Presence { touched, recognized }), "{name} {flags}");
            for backend in Backend::built_in() {
                assert_eq!(verify_with(*backend, &blob, name, DATA, &signature), Ok(()));
            }
        }
    }
}

/// The flags and the counter are signed, and so is the application.
#[test]
fn what_a_security_key_says_cannot_be_changed() {
    for authenticator in SecurityKey::both() {
        let (name, blob) = (authenticator.name(), authenticator.public_blob(b"ssh:"));
        let key = read(name, &blob).unwrap();
        let good = authenticator.sign(b"ssh:", 0, 7);
        let flags = good.len() - 5;
        for at in flags..good.len() {
            let mut forged = good.clone();
            forged[at] ^= 1;
            assert_eq!(key.verify(DATA, &forged), Err(CryptoError::Signature), "{name} {at}");
        }
        assert_eq!(key.verify(b"other", &good), Err(CryptoError::Signature));
        let other = authenticator.sign(b"ssh:other", 1, 7);
        assert_eq!(key.verify(DATA, &other), Err(CryptoError::Signature));
        for cut in 0..good.len() {
            assert!(key.verify(DATA, &good[..cut]).is_err(), "{name} {cut}");
        }
        assert!(key.verify(DATA, &[&good[..], &[0]].concat()).is_err());
        for cut in 0..blob.len() {
            let read = read(name, &blob[..cut]);
            assert!(read.is_err() || read.unwrap().verify(DATA, &good).is_err(), "{name} {cut}");
        }
        let long = authenticator.public_blob(&[b'x'; 2000]);
        assert!(verify(&long, name, DATA, &authenticator.sign(&[b'x'; 2000], 1, 7)).is_err());
    }
}

/// The two kinds of signature are told apart by their names, which nobody may swap.
#[test]
fn a_security_keys_signature_is_no_plain_one() {
    let authenticator = &SecurityKey::both()[0];
    let SecurityKey::Ed25519(inner) = authenticator else { panic!("the first is Ed25519") };
    let plain_signer = Ed25519Signer::from_seed([5; 32]);
    let plain = read("ssh-ed25519", plain_signer.public_blob()).unwrap();
    assert_eq!(&plain_signer.public_blob()[19..], inner.verifying_key().as_bytes());
    let signature = authenticator.sign(b"ssh:", 1, 7);
    assert!(plain.verify(DATA, &signature).is_err());
    let security = read(SK_ED25519, &authenticator.public_blob(b"ssh:")).unwrap();
    let signature = plain_signer.sign("ssh-ed25519", DATA).unwrap();
    assert!(security.verify(DATA, &signature).is_err());
    assert_eq!(plain.verify(DATA, &signature), Ok(None));
}

fn certificate(name: &str) -> Vec<u8> {
    let section =
        sections(CERTIFICATES).find(|(heading, _)| heading.split(' ').next() == Some(name));
    Certificate::blob_from_line(section.unwrap().1).unwrap()
}

#[test]
fn a_certificate_is_shown_for_the_algorithm_of_its_key() {
    for (name, algorithm) in [
        ("ed25519", "ssh-ed25519-cert-v01@openssh.com"),
        ("p256", "ecdsa-sha2-nistp256-cert-v01@openssh.com"),
    ] {
        let blob = certificate(name);
        let key = read(algorithm, &blob).unwrap();
        assert_eq!(key.algorithm, plain_algorithm(algorithm));
        assert_eq!(key.key, Certificate::from_blob(&blob).unwrap().key_blob());
        for other in user_key_algorithms().iter().filter(|other| **other != algorithm) {
            assert!(read(other, &blob).is_err(), "{name} as {other}");
        }
    }
    assert_eq!(read("ssh-rsa", b"").unwrap_err(), CryptoError::UnknownAlgorithm);
}

/// The signature is the certified key's, not the authority's, and none of a key beside it.
#[test]
fn a_certificate_is_proven_by_its_key_only() {
    let signer = Ed25519Signer::from_seed([2; 32]);
    let blob = super::super::certificate::tests::user_blob();
    let key = read("ssh-ed25519-cert-v01@openssh.com", &blob).unwrap();
    let by = |signer: &Ed25519Signer| signer.sign("ssh-ed25519", DATA).unwrap();
    assert_eq!(key.verify(DATA, &by(&signer)), Ok(None));
    for other in [1, 3] {
        let other = Ed25519Signer::from_seed([other; 32]);
        assert_eq!(key.verify(DATA, &by(&other)), Err(CryptoError::Signature));
    }
    let certified = CertifiedSigner::new(std::sync::Arc::new(signer), &blob).unwrap();
    let algorithm = certified.algorithms()[0];
    assert_eq!(key.verify(DATA, &certified.sign(algorithm, DATA).unwrap()), Ok(None));
}

#[test]
fn names_of_signatures_are_announced_once() {
    assert_eq!(announced_signatures(user_key_algorithms()), super::super::signature_algorithms());
    let taken = ["rsa-sha2-512-cert-v01@openssh.com", SK_ED25519_CERTIFIED, "rsa-sha2-512"];
    assert_eq!(announced_signatures(&taken), ["rsa-sha2-512", SK_ED25519]);
}

#[test]
fn a_label_names_the_key_inside_a_certificate() {
    let blob = certificate("user");
    let certificate = Certificate::from_blob(&blob).unwrap();
    let label = KeyLabel::of(&blob);
    assert_eq!(label.fingerprint, fingerprint_sha256(certificate.key_blob()));
    let authority = fingerprint_sha256(certificate.authority_blob());
    let says = format!("{:?} serial {} of {authority}", certificate.key_id(), certificate.serial());
    assert_eq!(label.certificate, Some(says));
    let mut odd = blob.clone();
    odd.truncate(40);
    for blob in [&b""[..], b"\0\0\0\x07ssh-rsa", &odd] {
        let label = KeyLabel::of(blob);
        assert_eq!(label.to_string(), format!("key {}", fingerprint_sha256(blob)));
    }
}
