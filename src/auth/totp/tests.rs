use super::*;

/// RFC 6238 appendix B: the secrets are the digits repeated, in as many bytes as the hash has.
fn of_the_rfc(algorithm: Algorithm) -> Totp {
    let bytes = match algorithm {
        Algorithm::SHA1 => 20,
        Algorithm::SHA256 => 32,
        _ => 64,
    };
    let secret: Vec<u8> = b"1234567890".iter().copied().cycle().take(bytes).collect();
    Totp::new(secret.into(), algorithm, 8, 30).unwrap()
}

#[test]
fn codes_are_those_of_the_rfc() {
    for (now, sha1, sha256, sha512) in [
        (59, "94287082", "46119246", "90693936"),
        (1_111_111_109, "07081804", "68084774", "25091201"),
        (1_111_111_111, "14050471", "67062674", "99943326"),
        (1_234_567_890, "89005924", "91819424", "93441116"),
        (2_000_000_000, "69279037", "90698825", "38618901"),
        (20_000_000_000, "65353130", "77737706", "47863826"),
    ] {
        for (algorithm, code) in
            [(Algorithm::SHA1, sha1), (Algorithm::SHA256, sha256), (Algorithm::SHA512, sha512)]
        {
            let totp = of_the_rfc(algorithm);
            assert_eq!(totp.code(now), code);
            assert!(totp.verify(code, now, &mut TotpState::default()), "{algorithm:?} {now}");
        }
    }
}

/// oathtool --totp --base32 --now '2026-01-02 03:04:05 UTC' JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP, and
/// with --totp=sha256 --digits=8 --time-step-size=60s.
#[test]
fn codes_are_those_of_oathtool() {
    let plain = Totp::parse("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").unwrap();
    assert_eq!(plain.code(1_767_323_045), "763146");
    let uri = "otpauth://totp/x?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&algorithm=SHA256&digits=8\
               &period=60";
    assert_eq!(Totp::parse(uri).unwrap().code(1_767_323_045), "99150346");
}

#[test]
fn a_code_is_good_for_its_step_and_the_ones_beside_it() {
    let totp = of_the_rfc(Algorithm::SHA1);
    let code = totp.code(3000);
    for (now, good) in
        [(2969, false), (2970, true), (2999, true), (3029, true), (3059, true), (3060, false)]
    {
        assert_eq!(totp.verify(&code, now, &mut TotpState::default()), good, "{now}");
    }
    let mut state = TotpState::default();
    let spaced = format!(" {} {} ", &code[..4], &code[4..]);
    assert!(totp.verify(&spaced, 3000, &mut state), "as an app shows it");
    for wrong in ["", "0", &code[..7], "0x123456", "+4287082", "９４２８７０８２"] {
        assert!(!totp.verify(wrong, 3000, &mut TotpState::default()), "{wrong}");
    }
    assert!(!totp.verify(&format!("{code}0"), 3000, &mut TotpState::default()));
    for now in [i64::MIN, -1, 0, i64::MAX] {
        assert!(!totp.verify(&code, now, &mut TotpState::default()), "{now}");
    }
}

#[test]
fn no_code_is_good_twice_nor_one_before_it() {
    let totp = of_the_rfc(Algorithm::SHA1);
    let (before, code, after) = (totp.code(2970), totp.code(3000), totp.code(3030));
    let mut state = TotpState::default();
    assert!(!totp.verify("00000000", 3000, &mut state));
    assert_eq!(state, TotpState::default(), "a wrong code uses nothing up");
    assert!(totp.verify(&code, 3000, &mut state));
    assert!(!totp.verify(&code, 3000, &mut state), "again");
    assert!(!totp.verify(&code, 3030, &mut state), "again, a step later");
    assert!(!totp.verify(&before, 3000, &mut state), "an older one");
    assert!(totp.verify(&after, 3000, &mut state), "an app whose clock is ahead");
    assert!(!totp.verify(&after, 3030, &mut state));
    assert!(totp.verify(&totp.code(3060), 3060, &mut state));
}

#[test]
fn secrets_are_read_as_apps_show_them() {
    let whole = Totp::parse("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").unwrap();
    for text in [
        "jbsw y3dp ehpk 3pxp jbsw y3dp ehpk 3pxp",
        "JBSW-Y3DP-EHPK-3PXP-JBSW-Y3DP-EHPK-3PXP",
        "otpauth://totp/ringferry:ann?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
        "OTPAUTH://TOTP/a%20b?issuer=x%26y&secret=jbswy3dpehpk3pxpjbswy3dpehpk3pxp&algorithm=sha1\
         &digits=6&period=30&image=https%3A%2F%2Fexample.org",
        &whole.uri("the issuer", "ann:ö/?&"),
    ] {
        let totp = Totp::parse(text).unwrap();
        assert_eq!(totp.code(3000), whole.code(3000), "{text}");
        assert_eq!(totp.base32(), whole.base32(), "{text}");
    }
    let padded = Totp::parse("MFRGGZDFMZTWQ2LKNNWG23TPOA======").unwrap();
    let escaped = "otpauth://totp/x?secret=MFRGGZDFMZTWQ2LKNNWG23TPOA%3D%3D%3d%3D%3D%3D";
    assert_eq!(Totp::parse(escaped).unwrap().base32(), padded.base32());
    assert_eq!(
        whole.uri("a b", "ö").as_str(),
        "otpauth://totp/a%20b:%C3%B6?secret=\
        JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=a%20b&algorithm=SHA1&digits=6&period=30"
    );
    assert_eq!(Totp::of([255; 20]).unwrap().base32().as_str(), "7".repeat(32));
}

#[test]
fn what_is_no_secret_is_refused_and_not_repeated() {
    let uri =
        |rest: &str| format!("otpauth://totp/x?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP{rest}");
    for (text, said) in [
        (String::new(), "neither a secret in base32"),
        ("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PX0".to_owned(), "neither a secret in base32"),
        ("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXé".to_owned(), "neither a secret in base32"),
        ("JBSWY3DPEHPK3PXPJBSWY3DPE".to_owned(), "lacks a letter"),
        ("JBSWY3DPEHPK3PXPJBSWY3DP".to_owned(), "has 120 bits; allowed: 128 to 1024"),
        ("A".repeat(208), "has 1040 bits"),
        ("otpauth://hotp/x?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP".to_owned(), "not of the form"),
        ("otpauth:x".to_owned(), "not of the form"),
        ("otpauth://totp/x".to_owned(), "not of the form"),
        ("otpauth://totp/x?issuer=y".to_owned(), "no secret="),
        (uri("&algorithm=MD5"), "algorithm="),
        (uri("&digits=7"), "digits="),
        (uri("&period=14"), "period="),
        (uri("&period=61"), "period="),
        (uri("&period=-30"), "period="),
        (uri("&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"), "secret= twice"),
        (uri("&counter=1"), "a word that is not known"),
        (uri(&"&issuer=x".repeat(200)), "longer than 1024"),
    ] {
        let problem = Totp::parse(&text).unwrap_err().to_string();
        assert!(problem.contains(said), "{text}: {problem}");
        assert!(!problem.contains("JBSW"), "{problem}");
    }
}

#[test]
fn debug_output_holds_no_secret() {
    let totp = Totp::of([7; 20]).unwrap();
    assert_eq!(format!("{totp:?}"), "Totp(..)");
}
