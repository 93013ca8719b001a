use super::*;
use proptest::prelude::*;

fn source(input: &[u8]) -> Option<String> {
    let header = ProxyHeader::read(input).unwrap().expect("a whole header");
    assert_eq!(header.bytes, input.len() - REST.len());
    header.source.map(|address| address.to_string())
}

/// What comes behind a header.
const REST: &[u8] = b"SSH-2.0-x\r\n";

fn v1(line: &str) -> Vec<u8> {
    [line.as_bytes(), b"\r\n", REST].concat()
}

fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [V2_START, &[command, family], &length, body, REST].concat()
}

const V4: &[u8] = &[192, 0, 2, 1, 10, 0, 0, 1, 0x30, 0x39, 0, 22];

fn v6_body() -> Vec<u8> {
    let from: Ipv6Addr = "2001:db8::1".parse().unwrap();
    [&from.octets()[..], &Ipv6Addr::LOCALHOST.octets(), &[0x30, 0x39, 0, 22]].concat()
}

fn good() -> Vec<(Vec<u8>, Option<&'static str>)> {
    let mut with_tlv = V4.to_vec();
    with_tlv.extend([4, 0, 3, 1, 2, 3]);
    vec![
        (v1("PROXY TCP4 192.0.2.1 10.0.0.1 12345 22"), Some("192.0.2.1:12345")),
        (v1("PROXY TCP6 2001:db8::1 ::1 12345 22"), Some("[2001:db8::1]:12345")),
        (v1("PROXY UNKNOWN"), None),
        (v1("PROXY UNKNOWN ffff::1 ffff::2 65535 65535"), None),
        (v2(0x21, 0x11, V4), Some("192.0.2.1:12345")),
        (v2(0x21, 0x11, &with_tlv), Some("192.0.2.1:12345")),
        (v2(0x21, 0x21, &v6_body()), Some("[2001:db8::1]:12345")),
        (v2(0x21, 0x00, &[]), None),
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, V4), None),
        (v2(0x20, 0x31, &[0; 216]), None),
        (v2(0x21, 0x11, &[V4, &[0; PROXY_V2_BYTES_MAX - 28]].concat()), Some("192.0.2.1:12345")),
    ]
}

#[test]
fn both_versions_tell_whom_they_speak_for() {
    for (input, expected) in good() {
        assert_eq!(source(&input).as_deref(), expected, "{input:?}");
    }
}

#[test]
fn a_part_of_a_header_waits_for_the_rest() {
    for (input, _) in good() {
        for cut in 0..input.len() - REST.len() {
            assert_eq!(ProxyHeader::read(&input[..cut]), Ok(None), "{input:?} cut at {cut}");
        }
    }
}

#[test]
fn what_is_no_header_is_told_at_once() {
    for bad in
        ["S", "SSH-2.0-x\r\n", "GET / HTTP/1.1\r\n", "PROXYx", "proxy ", "\r\n\r\n\0\r\nq", "\n"]
    {
        assert_eq!(ProxyHeader::read(bad.as_bytes()), Err(ProxyHeaderError::Missing), "{bad:?}");
    }
}

#[test]
fn a_broken_header_is_refused() {
    let lines = [
        "PROXY",
        "PROXY ",
        "PROXY TCP4",
        "PROXY TCP4 192.0.2.1 10.0.0.1 12345",
        "PROXY TCP4 192.0.2.1 10.0.0.1 12345 22 ",
        "PROXY TCP4 192.0.2.1  10.0.0.1 12345 22",
        "PROXY TCP4 192.0.2.1 10.0.0.1 +12345 22",
        "PROXY TCP4 192.0.2.1 10.0.0.1 012345 22",
        "PROXY TCP4 192.0.2.1 10.0.0.1 65536 22",
        "PROXY TCP4 192.0.2.1 10.0.0.1 1 ",
        "PROXY TCP4 192.0.2.1 10.0.0.1 1 -22",
        "PROXY TCP4 192.0.2.256 10.0.0.1 1 22",
        "PROXY TCP4 192.0.2.01 10.0.0.1 1 22",
        "PROXY TCP4 ::1 ::1 1 22",
        "PROXY TCP6 192.0.2.1 10.0.0.1 1 22",
        "PROXY TCP6 fe80::1%1 ::1 1 22",
        "PROXY UNKNOWNx",
        "PROXY TCP 192.0.2.1 10.0.0.1 1 22",
        "PROXY TCP4 192.0.2.1 10.0.0.1 1 22\r",
        "PROXY TCP4 192.0.2.1\0 10.0.0.1 1 22",
    ];
    for line in lines {
        let input = v1(line);
        assert!(ProxyHeader::read(&input).is_err(), "{line:?}");
    }
    assert!(ProxyHeader::read(b"PROXY UNKNOWN\n").is_err(), "LF alone");
    assert!(ProxyHeader::read(b"PROXY UNKNOWN \xff\r\n").is_err());
    let mut v3 = v2(0x31, 0x11, V4);
    assert!(ProxyHeader::read(&v3).is_err());
    v3[12] = 0x22;
    assert!(ProxyHeader::read(&v3).is_err());
    for (family, body) in
        [(0x12, V4), (0x31, &[0; 216][..]), (0x41, V4), (0x11, &V4[..11]), (0x21, V4), (0x11, &[])]
    {
        assert!(ProxyHeader::read(&v2(0x21, family, body)).is_err(), "{family:x}");
    }
}

#[test]
fn a_header_is_bounded() {
    let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(PROXY_V1_BYTES_MAX - 16));
    assert_eq!(longest.len(), PROXY_V1_BYTES_MAX);
    assert!(ProxyHeader::read(longest.as_bytes()).is_ok());
    let longer = format!("PROXY UNKNOWN {}\r\n", "x".repeat(PROXY_V1_BYTES_MAX - 15));
    assert!(ProxyHeader::read(longer.as_bytes()).is_err());
    assert_eq!(ProxyHeader::read(&longer.as_bytes()[..PROXY_V1_BYTES_MAX - 1]), Ok(None));
    assert!(ProxyHeader::read(&longer.as_bytes()[..PROXY_V1_BYTES_MAX]).is_err(), "without an end");
    // The length alone is enough; the rest need not come.
    let too_long = u16::try_from(PROXY_V2_BYTES_MAX - V2_HEAD_BYTES + 1).unwrap().to_be_bytes();
    let head = [V2_START, &[0x21, 0x11], &too_long].concat();
    assert!(ProxyHeader::read(&head).is_err());
}

proptest! {
    /// Never a panic, and what was told of the front stays told when more comes.
    #[test]
    fn anything_is_read_the_same_however_it_arrives(
        start in 0_usize..12,
        tail in proptest::collection::vec(any::<u8>(), 0..200),
        cut in 0_usize..200,
    ) {
        let (mut input, _) = good().swap_remove(start);
        let keep = input.len().min(cut);
        input.truncate(keep);
        input.extend(&tail);
        let whole = ProxyHeader::read(&input);
        for end in 0..input.len() {
            match ProxyHeader::read(&input[..end]) {
                Ok(None) => {}
                told => prop_assert_eq!(told, whole),
            }
        }
    }
}
