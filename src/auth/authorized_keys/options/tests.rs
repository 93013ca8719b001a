use super::*;

fn parse(text: &str) -> Result<KeyOptions, String> {
    KeyOptions::parse(text, &TimeZone::fixed(jiff::tz::offset(2)))
}

fn unfit(text: &str, peer: &str, now: i64) -> Option<Unfit> {
    let options = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    options.unfit_for(&Attempt { peer: peer.parse().unwrap(), now })
}

#[test]
fn what_nobody_has_can_be_taken_from_everybody() {
    for text in [
        "restrict",
        "no-pty,no-agent-forwarding,no-X11-forwarding,no-port-forwarding,no-user-rc",
        "RESTRICT,pty",
        "environment=\"A=b,c\",permitopen=\"host:22\",tunnel=\"0\"",
        "permitlisten=\"a\\\"b,c\"",
        "environment=\"A=a\\\\b\\c\",no-pty",
    ] {
        assert_eq!(parse(text), Ok(KeyOptions::default()), "{text}");
    }
}

#[test]
fn from_is_for_addresses_and_networks() {
    let cases = [
        ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3", "10.1.2.4", false),
        ("10.1.2.3", "::ffff:10.1.2.3", true),
        ("::ffff:10.1.2.3", "10.1.2.3", true),
        ("10.0.0.0/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        ("0.0.0.0/0", "::1", false),
        ("2001:db8::/32", "2001:db8:1::5", true),
        ("2001:db8::/32", "2001:db9::5", false),
        ("2001:DB8::1", "2001:db8::1", true),
        ("10.1.*", "10.1.200.3", true),
        ("10.1.*", "10.10.1.3", false),
        ("10.1.2.?", "10.1.2.30", false),
        ("2001:DB8:*", "2001:db8::7", true),
        ("*", "192.0.2.1", true),
        ("10.0.0.0/8,192.0.2.1", "192.0.2.1", true),
        ("*,!192.0.2.1", "192.0.2.1", false),
        ("!192.0.2.0/24,*", "192.0.2.1", false),
        ("!192.0.2.0/24,*", "192.0.3.1", true),
        ("!192.0.2.1", "192.0.3.1", false),
        ("*,!::ffff:127.0.0.0/104", "127.0.0.1", false),
        ("*,!::ffff:127.0.0.0/104", "128.0.0.1", true),
    ];
    for (list, peer, good) in cases {
        let wanted = if good { None } else { Some(Unfit::From) };
        assert_eq!(unfit(&format!("from=\"{list}\""), peer, 0), wanted, "{list} {peer}");
    }
}

/// A backslash stands for itself but in front of a quote: read otherwise, what is between these two
/// values would be part of one.
#[test]
fn quotes_are_told_as_sshd_tells_them() {
    let text = r#"environment="A=a\\"b",from="10.0.0.1",environment="B=c\\"d""#;
    assert_eq!(unfit(text, "127.0.0.1", 0), Some(Unfit::From));
    assert_eq!(unfit(text, "10.0.0.1", 0), None);
    for (line, options) in [
        (r#"a="b c",d e f"#, r#"a="b c",d"#),
        (r#"a="b\" c" d"#, r#"a="b\" c""#),
        (r#"a="b\\" c" d"#, r#"a="b\\" c""#),
        (r#"a\"b c"#, r#"a\"b"#),
        (r#"a="b c"#, r#"a="b c"#),
    ] {
        assert_eq!(line.get(..end(line)), Some(options), "{line}");
    }
}

#[test]
fn a_key_ends_when_it_says() {
    // 1,000,000,000 s after 1970 it was 2001-09-09 01:46:40 UTC.
    let cases = [
        ("20010909014640Z", 1_000_000_000),
        ("20010909014640UTC", 1_000_000_000),
        ("200109090146Z", 999_999_960),
        ("20010909Z", 999_993_600),
        ("20010909", 999_993_600 - 7200),
        ("20010909034640", 1_000_000_000),
        ("20010909014640z", 1_000_000_000),
        ("20010909Z\",expiry-time=\"20010910Z", 999_993_600),
        ("20010910Z\",expiry-time=\"20010909Z", 999_993_600),
        ("99991231Z", i64::MAX),
    ];
    for (text, end) in cases {
        let options = format!("expiry-time=\"{text}\"");
        assert_eq!(unfit(&options, "::1", end - 1), None, "{text}");
        assert_eq!(unfit(&options, "::1", end), Some(Unfit::Expired), "{text}");
    }
    let both = "from=\"10.0.0.0/8\",expiry-time=\"20010909Z\"";
    assert_eq!(unfit(both, "11.0.0.1", 0), Some(Unfit::From));
    assert_eq!(unfit(both, "10.0.0.1", i64::MAX), Some(Unfit::Expired));
    assert_eq!(unfit(both, "10.0.0.1", 0), None);
}

/// Half understood, a line would grant more than its author meant.
#[test]
fn whatever_is_not_understood_makes_the_line_worth_nothing() {
    for (text, told) in [
        ("command=\"internal-sftp\"", "command"),
        ("restrict,COMMAND=\"x\"", "command"),
        ("cert-authority,command=\"x\"", "command"),
        ("principals=\"a\"", "for lines with cert-authority"),
        ("cert-authority,principals", "principals needs a value"),
        ("cert-authority,principals=\"\"", "a name in principals is empty"),
        ("cert-authority,principals=\"a,,b\"", "a name in principals is empty"),
        ("cert-authority,principals=\"a\",principals=\"b\"", "twice"),
        ("cert-authority=\"x\"", "not known"),
        ("verify-required=\"x\"", "not known"),
        ("restrict,unheard-of", "\"unheard-of\" in front of the key is not known"),
        ("", "\"\" in front"),
        ("restrict,", "\"\" in front"),
        ("from", "from needs a value"),
        ("from=10.0.0.1", "not in quotes"),
        ("from=\"", "a quote without its end"),
        ("restrict=\"x\"", "not known"),
        ("environment", "not known"),
        ("environment=\"A=a\"b\"c\"", "goes on behind its quote"),
        ("from=\"::1\"restrict", "goes on behind its quote"),
        ("from=\"\"", "is not an address"),
        ("from=\"10.0.0.1,\"", "is not an address"),
        ("from=\"host.example\"", "names are not looked up"),
        ("from=\"*.example\"", "names are not looked up"),
        ("from=\"10.0.0.1 \"", "is not an address"),
        ("from=\"10.0.0.0/33\"", "is not a network"),
        ("from=\"10.0.0.1/8\"", "is not a network"),
        ("from=\"10.*/8\"", "is not a network"),
        ("from=\"127.010.0.0/16\"", "is not a network"),
        ("from=\"10.0.0.0/+8\"", "is not a network"),
        ("from=\"::ffff:10.0.0.0/95\"", "is not a network"),
        ("from=\"::1\",from=\"::2\"", "twice"),
        ("expiry-time=\"2001\"", "is not YYYYMMDD"),
        ("expiry-time=\"20011301\"", "is not YYYYMMDD"),
        ("expiry-time=\"20010909 \"", "is not YYYYMMDD"),
        ("expiry-time=\"200109092460Z\"", "is not YYYYMMDD"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.contains(told), "{text}: {error}");
        assert!(!error.contains('\x1b') && error.len() < 200, "{error}");
    }
    let error = parse(&format!("\x1b[2J{}", "x".repeat(1000))).unwrap_err();
    assert!(!error.contains('\x1b') && error.len() < 200, "{error}");
}

/// What sshd merges: a demand of one side is a demand, and both must waive it.
#[test]
fn a_security_key_must_be_touched_and_may_have_to_know_its_owner() {
    let presence = |touched, recognized| Some(Presence { touched, recognized });
    for (text, shown, lacks) in [
        ("restrict", presence(true, false), None),
        ("restrict", presence(false, true), Some(Unfit::Untouched)),
        ("no-touch-required", presence(false, false), None),
        ("verify-required", presence(true, false), Some(Unfit::Unrecognized)),
        ("verify-required", presence(false, true), Some(Unfit::Untouched)),
        ("verify-required", presence(true, true), None),
        ("verify-required,no-touch-required", presence(false, true), None),
        ("verify-required,no-touch-required", presence(false, false), Some(Unfit::Unrecognized)),
        ("restrict", None, None),
        ("verify-required", None, Some(Unfit::Unrecognized)),
    ] {
        assert_eq!(parse(text).unwrap().demands().unmet(shown), lacks, "{text} {shown:?}");
    }
    let of = |text: &str| parse(text).unwrap().demands();
    let (lax, strict) = (of("no-touch-required"), of("verify-required"));
    assert_eq!(lax.and(strict), Demands { touched: true, recognized: true });
    assert_eq!(lax.and(lax), Demands { touched: false, recognized: false });
}

#[test]
fn principals_are_compared_whole() {
    let options = parse("cert-authority,principals=\"ann,bob b\"").unwrap();
    assert!(options.is_authority());
    let admits = |options: &KeyOptions, names: &[&str], own: u8| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        bool::from(options.admits(&names, Choice::from(own)))
    };
    for own in [0, 1] {
        assert!(admits(&options, &["ann"], own) && admits(&options, &["x", "bob b"], own));
        for names in [&["ann,bob b"][..], &["bob"], &["an"], &["annx"], &["*"], &[]] {
            assert!(!admits(&options, names, own), "{names:?}: the list stands for the user");
        }
    }
    let options = parse("cert-authority").unwrap();
    assert!(admits(&options, &["x"], 1) && !admits(&options, &["x"], 0));
}

#[test]
fn a_certificates_networks_are_plain_ones() {
    assert_eq!(networks("10.0.0.0/8,::1").unwrap().len(), 2);
    for list in ["", "10.0.0.0/8,", "10.*", "!10.0.0.1", "10.0.0.1/8", "host", "10.0.0.0/8, ::1"] {
        assert_eq!(networks(list), None, "{list}");
    }
}
