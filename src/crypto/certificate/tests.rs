//! Certificates of ssh-keygen, and those that must be refused.

use super::super::blob::put_string;
use super::super::fixtures::{CERTIFICATES, key_file, sections};
use super::super::{Ed25519Signer, Signer, key_type_of, read_private_key};
use super::*;

/// 2026-01-01.
const NOW: u64 = 1_767_225_600;

/// What goes into a certificate, to be changed one at a time.
struct Recipe {
    kind: u32,
    key_type: &'static [u8],
    key: Vec<u8>,
    principals: Vec<&'static [u8]>,
    validity: (u64, u64),
    critical: Vec<&'static [u8]>,
    authority: Vec<u8>,
}

fn authority() -> Ed25519Signer {
    Ed25519Signer::from_seed([1; 32])
}

impl Recipe {
    fn new() -> Self {
        let key = Ed25519Signer::from_seed([2; 32]).public_blob()[19..].to_vec();
        Recipe {
            kind: 2,
            key_type: b"ssh-ed25519-cert-v01@openssh.com",
            key,
            principals: vec![b"sftp.example.org"],
            validity: (NOW - 10, NOW + 10),
            critical: vec![],
            authority: authority().public_blob().to_vec(),
        }
    }

    fn blob(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_string(&mut out, self.key_type);
        put_string(&mut out, &[7; 32]);
        put_string(&mut out, &self.key);
        out.extend_from_slice(&9u64.to_be_bytes());
        out.extend_from_slice(&self.kind.to_be_bytes());
        put_string(&mut out, b"id");
        let list = |items: &[&[u8]]| {
            let mut list = Vec::new();
            items.iter().for_each(|item| put_string(&mut list, item));
            list
        };
        put_string(&mut out, &list(&self.principals));
        out.extend_from_slice(&self.validity.0.to_be_bytes());
        out.extend_from_slice(&self.validity.1.to_be_bytes());
        put_string(&mut out, &list(&self.critical));
        put_string(&mut out, &list(&[b"unknown-extension", b""]));
        put_string(&mut out, b"");
        put_string(&mut out, &self.authority);
        let signature = authority().sign("ssh-ed25519", &out).unwrap();
        put_string(&mut out, &signature);
        out
    }

    fn read(&self) -> Result<Certificate, CryptoError> {
        Certificate::from_blob(&self.blob())
    }

    fn check(&self, host: &str) -> Result<(), CryptoError> {
        self.read().unwrap().check_host(host, NOW)
    }
}

/// A user's, for the key of seed 2, signed by that of seed 1.
pub(in crate::crypto) fn user_blob() -> Vec<u8> {
    Recipe { kind: 1, principals: vec![b"ann"], ..Recipe::new() }.blob()
}

/// In a list of revoked keys a key is one blob.
#[test]
fn a_certified_rsa_key_is_one_blob_however_it_is_written() {
    let mut exact = Vec::new();
    put_string(&mut exact, b"ssh-rsa");
    put_string(&mut exact, &[1, 0, 1]);
    put_string(&mut exact, &[0, 0x80, 1]);
    let mut padded = Vec::new();
    put_string(&mut padded, &[0, 0, 1, 0, 1]);
    put_string(&mut padded, &[0, 0, 0, 0x80, 1]);
    assert_eq!(key_of("ssh-rsa", &mut Blob::new(&padded)), Ok(exact));
    assert!(key_of("ssh-rsa", &mut Blob::new(&[0; 8])).is_err());
}

fn refused<T: std::fmt::Debug>(result: Result<T, CryptoError>) -> &'static str {
    match result {
        Err(CryptoError::Certificate(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn certificates_of_ssh_keygen() {
    let mut seen = 0;
    for (heading, line) in sections(CERTIFICATES) {
        let (name, authority) = heading.split_once(' ').unwrap();
        let authority = ssh_key::PublicKey::from_openssh(authority).unwrap().to_bytes().unwrap();
        let certificate =
            Certificate::from_blob(&Certificate::blob_from_line(line).unwrap()).unwrap();
        assert_eq!(certificate.authority_blob(), authority, "{name}");
        assert_eq!(certificate.validity(), (1_577_836_800, 2_208_988_800));
        seen += 1;
        if name == "user" {
            assert_eq!(certificate.kind(), CertificateKind::User);
            assert_eq!(refused(certificate.check_host("ann", NOW)), "not a host certificate");
            continue;
        }
        let key = read_private_key(key_file(name, "openssh"), None).unwrap();
        assert_eq!(certificate.key_blob(), key.public_blob(), "{name}");
        assert_eq!(key_type_of(certificate.key_blob()), key_type_of(key.public_blob()));
        assert_eq!((certificate.serial(), certificate.kind()), (7, CertificateKind::Host));
        assert_eq!(certificate.key_id(), format!("host {name}"));
        assert_eq!(certificate.principals(), ["sftp.example.org", "*.example.net"]);
        assert_eq!(certificate.check_host("sftp.example.org", NOW), Ok(()));
        assert_eq!(certificate.check_host("any.example.net", NOW), Ok(()));
        for host in ["example.net", "ftp.example.org", "", "sftp.example.org.evil"] {
            assert_eq!(refused(certificate.check_host(host, NOW)), "for another host", "{host}");
        }
    }
    assert_eq!(seen, 6);
}

#[test]
fn validity_is_from_the_first_second_to_before_the_last() {
    let certificate = Recipe::new().read().unwrap();
    let at = |now| certificate.check_host("sftp.example.org", now);
    assert_eq!(refused(at(NOW - 11)), "not yet valid");
    assert_eq!(at(NOW - 10), Ok(()));
    assert_eq!(at(NOW + 9), Ok(()));
    assert_eq!(refused(at(NOW + 10)), "expired");
    let forever = Recipe { validity: (0, u64::MAX), ..Recipe::new() };
    assert_eq!(forever.read().unwrap().check_host("sftp.example.org", u64::MAX - 1), Ok(()));
}

/// OpenSSH 10.3: a name with a comma was taken apart where a list of names was compared with it.
#[test]
fn commit_openssh_10_3_a_comma_is_in_no_principal() {
    for name in [&b"a,sftp.example.org"[..], b",", b"a\0b", b"a\nb", b"", b"\xff"] {
        let recipe = Recipe { principals: vec![name], ..Recipe::new() };
        assert_eq!(refused(recipe.read()), "a principal that is no name");
    }
}

/// OpenSSH 10.3: once, a certificate without principals spoke for everybody.
#[test]
fn commit_openssh_10_3_no_principals_are_nobody() {
    let recipe = Recipe { principals: vec![], ..Recipe::new() };
    assert_eq!(
        refused(recipe.check("sftp.example.org")),
        "without principals, which is for nobody"
    );
    assert_eq!(recipe.read().unwrap().check_host_now(NOW), Ok(()));
}

#[test]
fn principals_are_bounded() {
    let recipe = Recipe { principals: vec![b"name"; PRINCIPALS_MAX], ..Recipe::new() };
    assert_eq!(recipe.read().unwrap().principals().len(), PRINCIPALS_MAX);
    let recipe = Recipe { principals: vec![b"name"; PRINCIPALS_MAX + 1], ..Recipe::new() };
    assert_eq!(refused(recipe.read()), "more than 256 principals");
    assert_eq!(refused(Certificate::from_blob(&[0; CERTIFICATE_BYTES_MAX + 1])), "too long");
}

/// Every critical option is unknown for a host.
#[test]
fn critical_options_are_not_passed_over() {
    let recipe = Recipe { critical: vec![b"force-command", b"x"], ..Recipe::new() };
    let why = "has a critical option, and none is known for hosts";
    assert_eq!(refused(recipe.check("sftp.example.org")), why);
    let odd = Recipe { critical: vec![b"name without data"], ..Recipe::new() };
    assert_eq!(refused(odd.read()), "cut short");
}

/// A certificate as an authority: what would verify it in turn, and how deep does that go?
#[test]
fn cve_2026_39829_a_certificate_is_no_authority() {
    let nested = Recipe { authority: Recipe::new().blob(), ..Recipe::new() };
    assert_eq!(refused(nested.read()), "signed by a certificate");
    let inner = Recipe {
        key_type: b"ssh-ed25519-cert-v01@openssh.com-cert-v01@openssh.com",
        ..Recipe::new()
    };
    assert_eq!(refused(inner.read()), "for a key of an unknown type");
}

#[test]
fn forgeries_are_refused() {
    let blob = Recipe::new().blob();
    assert!(Certificate::from_blob(&blob).is_ok());
    for at in 0..blob.len() {
        let mut forged = blob.clone();
        forged[at] ^= 1;
        assert!(Certificate::from_blob(&forged).is_err(), "{at}");
        assert!(Certificate::from_blob(&blob[..at]).is_err(), "{at}");
    }
    assert_eq!(refused(Certificate::from_blob(&[&blob[..], &[0]].concat())), "bytes after the end");
    let other = Ed25519Signer::from_seed([3; 32]).public_blob().to_vec();
    let recipe = Recipe { authority: other, ..Recipe::new() };
    assert_eq!(recipe.read(), Err(CryptoError::Signature));
    for kind in [0, 3, u32::MAX] {
        let recipe = Recipe { kind, ..Recipe::new() };
        assert_eq!(refused(recipe.read()), "neither a user's nor a host's");
    }
}

#[test]
fn patterns() {
    for (text, pattern, want) in [
        ("", "", true),
        ("a", "", false),
        ("", "*", true),
        ("abc", "a?c", true),
        ("abc", "a*", true),
        ("abc", "*c", true),
        ("abc", "*b", false),
        ("abcbd", "a*b?", true),
        ("abc", "????", false),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "*a*a*a*a*a*a*a*a*a*a*c", false),
    ] {
        assert_eq!(matches(text.as_bytes(), pattern.as_bytes()), want, "{text} {pattern}");
    }
}
