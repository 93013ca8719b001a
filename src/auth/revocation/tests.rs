use super::*;
use crate::auth::recipe::{AUTHORITY, HOLDER, Recipe, public_blob, put, string};

/// A list of these sections.
fn list(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = krl::MAGIC.to_vec();
    out.extend(1u32.to_be_bytes());
    for number in [3u64, 1_767_225_600, 0] {
        out.extend(number.to_be_bytes());
    }
    put(&mut out, b"");
    put(&mut out, b"a comment");
    for (kind, section) in sections {
        out.push(*kind);
        put(&mut out, section);
    }
    out
}

/// A section about certificates of an authority; an empty one is any.
fn of_authority(authority: &[u8], parts: &[(u8, Vec<u8>)]) -> (u8, Vec<u8>) {
    let mut out = string(authority);
    put(&mut out, b"");
    for (kind, part) in parts {
        out.push(*kind);
        put(&mut out, part);
    }
    (1, out)
}

fn numbers(list: &[u64]) -> Vec<u8> {
    list.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn bitmap(first: u64, bits: &[u8]) -> Vec<u8> {
    let mut out = numbers(&[first]);
    put(&mut out, bits);
    out
}

fn read(bytes: &[u8]) -> Result<Revocations, RevocationProblem> {
    let mut revocations = Revocations::default();
    revocations.add(bytes).map(|()| revocations)
}

fn problem(bytes: &[u8]) -> String {
    read(bytes).expect_err("it was read").to_string()
}

fn certificate(recipe: &Recipe) -> Certificate {
    Certificate::from_blob(&recipe.blob()).unwrap()
}

/// Which of these serial numbers of the authority are revoked.
fn revoked(revocations: &Revocations, serials: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let has = |serial: &u64| {
        revocations.has_certificate(&certificate(&Recipe { serial: *serial, ..Recipe::new() }))
    };
    serials.into_iter().filter(has).collect()
}

#[test]
fn keys_are_revoked_whole_and_by_their_digests() {
    let sha1 = Sha1::digest(public_blob(2)).to_vec();
    let sha256 = Sha256::digest(public_blob(3)).to_vec();
    let krl = list(&[
        (2, [string(&public_blob(1)), string(b"whatever")].concat()),
        (3, string(&sha1)),
        (5, string(&sha256)),
    ]);
    let revocations = read(&krl).unwrap();
    for seed in 0..6 {
        assert_eq!(revocations.has_key(&public_blob(seed)), (1..4).contains(&seed), "{seed}");
    }
    assert_eq!(format!("{revocations:?}"), "Revocations(4 keys, 0 authorities)");
    for (kind, why) in [(3, "a SHA-1 is not 20 bytes"), (5, "a SHA-256 is not 32 bytes")] {
        assert!(problem(&list(&[(kind, string(b"short"))])).ends_with(why));
    }
}

/// A key that is revoked is so in a certificate, and as who signed one.
#[test]
fn a_certificate_falls_with_its_key_and_with_its_authority() {
    let good = certificate(&Recipe::new());
    for (seed, falls) in [(HOLDER, true), (AUTHORITY, true), (3, false)] {
        let revocations = read(&list(&[(2, string(&public_blob(seed)))])).unwrap();
        assert_eq!(revocations.has_certificate(&good), falls, "{seed}");
    }
}

#[test]
fn serial_numbers_are_revoked_in_lists_ranges_and_bitmaps() {
    let authority = public_blob(AUTHORITY);
    let parts = [
        (0x20, numbers(&[90, 5, 6, 0, 7, u64::MAX])),
        (0x21, numbers(&[20, 22])),
        (0x21, numbers(&[22, 30])),
        (0x21, numbers(&[21, 22])),
        // 40, 41 and 48: the first number is the last bit.
        (0x22, bitmap(40, &[0b0000_0001, 0b0000_0011])),
        (0x22, bitmap(64, &[0, 0x80])),
        (0x22, bitmap(80, &[])),
    ];
    let revocations = read(&list(&[of_authority(&authority, &parts)])).unwrap();
    let wanted: Vec<u64> =
        [5, 6, 7].into_iter().chain(20..=30).chain([40, 41, 48, 71, 90]).collect();
    assert_eq!(revoked(&revocations, 0..100), wanted, "and never 0, the number of no number");
    assert_eq!(revoked(&revocations, [u64::MAX - 1, u64::MAX]), [u64::MAX]);
    let all = read(&list(&[of_authority(&authority, &[(0x21, numbers(&[0, u64::MAX]))])])).unwrap();
    assert_eq!(revoked(&all, [0, 1, u64::MAX]), [1, u64::MAX]);
    let other = Recipe { authority: 3, serial: 5, ..Recipe::new() };
    assert!(!revocations.has_certificate(&certificate(&other)), "another authority's");
}

#[test]
fn key_ids_are_revoked_of_one_authority_or_of_all() {
    let ids = [string(b"alice's laptop"), string(b"\xff")].concat();
    let of =
        |authority: &[u8]| read(&list(&[of_authority(authority, &[(0x23, ids.clone())])])).unwrap();
    let named = |key_id: &[u8], authority| {
        certificate(&Recipe { key_id: key_id.to_vec(), authority, serial: 0, ..Recipe::new() })
    };
    let (own, all) = (of(&public_blob(AUTHORITY)), of(b""));
    for (key_id, falls) in [
        (&b"alice's laptop"[..], true),
        (b"\xff", true),
        ("\u{fffd}".as_bytes(), false),
        (b"", false),
    ] {
        assert_eq!(own.has_certificate(&named(key_id, AUTHORITY)), falls, "{key_id:?}");
        assert!(!own.has_certificate(&named(key_id, 3)), "{key_id:?}");
        assert_eq!(all.has_certificate(&named(key_id, 3)), falls, "{key_id:?}");
    }
}

#[test]
fn what_is_not_known_refuses_the_list_unless_it_may_be_passed_over() {
    let extension = |critical: u8| [string(b"x@y"), vec![critical], string(b"z")].concat();
    assert!(read(&list(&[(255, extension(0))])).is_ok());
    assert!(problem(&list(&[(255, extension(1))])).contains("critical extension"));
    let within = |part| list(&[of_authority(b"", &[part])]);
    assert!(read(&within((0x39, extension(0)))).is_ok());
    assert!(problem(&within((0x39, extension(1)))).contains("critical extension"));
    assert!(problem(&within((0x24, vec![]))).contains("certificates of an unknown kind"));
    assert!(problem(&list(&[(4, vec![])])).contains("signed"));
    for kind in [0, 6, 254] {
        assert!(problem(&list(&[(kind, vec![])])).contains("a section of an unknown kind"));
    }
    let mut version = list(&[]);
    version[11] = 2;
    assert!(problem(&version).contains("not version 1"));
    for (part, why) in [
        ((0x21, numbers(&[2, 1])), "ends before it begins"),
        ((0x21, numbers(&[1, 2, 3])), "more than two ends"),
        ((0x22, bitmap(0, &[0x80])), "no positive number"),
        ((0x22, [bitmap(0, &[1]), vec![0]].concat()), "something behind it"),
        ((0x20, vec![0; 9]), "cut short"),
    ] {
        assert!(problem(&within(part)).contains(why), "{why}");
    }
}

#[test]
fn a_list_cut_anywhere_is_refused_or_ends_at_a_section() {
    let authority = public_blob(AUTHORITY);
    let sections = [
        (2, string(&public_blob(1))),
        of_authority(&authority, &[(0x20, numbers(&[5])), (0x22, bitmap(9, &[3]))]),
        (5, string(&[0; 32])),
    ];
    let whole = list(&sections);
    let ends: Vec<usize> = (0..=3).map(|count| list(&sections[..count]).len()).collect();
    for cut in krl::MAGIC.len()..=whole.len() {
        assert_eq!(read(&whole[..cut]).is_ok(), ends.contains(&cut), "{cut}");
    }
    // Cut within its first bytes it is no such list any more, and no list of keys either.
    for cut in 1..krl::MAGIC.len() {
        assert_eq!(read(&whole[..cut]).unwrap_err(), RevocationProblem::Line(1));
    }
}

const LINE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCy/";

#[test]
fn a_list_of_keys_is_understood_whole() {
    let text = format!("# gone\n\n \t{LINE} ann@laptop\r\nssh-dss AAAAB3NzaC1kc3M= an old one\n");
    let revocations = read(text.as_bytes()).unwrap();
    let blob = public_blob_from_line(LINE).unwrap();
    assert!(revocations.has_key(&blob) && !revocations.has_key(&blob[1..]));
    assert!(read(b"").unwrap().is_empty());
    for (text, line) in [
        (format!("{LINE}\nno-pty {LINE}\n"), 2),
        ("ssh-ed25519".to_owned(), 1),
        (format!("\n\n{}", LINE.replace("ssh-ed25519", "ssh-rsa")), 3),
        (format!("{LINE}\n\u{1}"), 2),
        (format!("{}-cert-v01@openssh.com AAAA", "ssh-ed25519"), 1),
    ] {
        assert_eq!(read(text.as_bytes()).unwrap_err(), RevocationProblem::Line(line), "{text}");
    }
    assert_eq!(read(b"\xff\xfe").unwrap_err(), RevocationProblem::Line(1));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(0u8.., 0..200)) {
        let _ = read(&bytes);
        let _ = read(&[&list(&[])[..], &bytes].concat());
    }
}
