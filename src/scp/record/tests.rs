use super::*;

fn protocol(line: &[u8]) -> &'static str {
    match Record::parse(line) {
        Err(Violation::Protocol(why)) => why,
        other => panic!("{}: {other:?}", line.escape_ascii()),
    }
}

#[test]
fn records_are_read() {
    let item = |mode, size, name: &'static [u8]| Record::File { mode, size, name };
    let cases: [(&[u8], Record<'_>); 14] = [
        (b"C0644 3 a", item(0o644, 3, b"a")),
        (b"C7777 0 a", item(0o7777, 0, b"a")),
        (b"C0000 0 a b", item(0, 0, b"a b")),
        (b"C0644 007  a", item(0o644, 7, b" a")),
        (b"C0644 9223372036854775807 a", item(0o644, i64::MAX as u64, b"a")),
        (b"C0644 1 ...", item(0o644, 1, b"...")),
        (b"C0644 1 \xff\x1b", item(0o644, 1, b"\xff\x1b")),
        (b"D0755 0 d", Record::Directory { mode: 0o755, name: b"d" }),
        (b"E", Record::Leave),
        (b"T5 0 4 999999", Record::Times(Some(Times { atime: 4, mtime: 5 }))),
        (b"T4294967295 0 0 0", Record::Times(Some(Times { atime: 0, mtime: u32::MAX }))),
        (b"T4294967296 0 0 0", Record::Times(None)),
        (b"\x01scp: a: b", Record::Warning),
        (b"\x02", Record::Fatal),
    ];
    for (line, wanted) in cases {
        assert_eq!(Record::parse(line), Ok(wanted), "{}", line.escape_ascii());
    }
}

#[test]
fn what_is_no_record_is_told() {
    for (line, why) in [
        (&b""[..], "unexpected <newline>"),
        (b"X", "expected control record"),
        (b"Ex", "expected control record"),
        (b"c0644 0 a", "expected control record"),
        (b"\0", "expected control record"),
        (b"C", "bad mode"),
        (b"C644 0 a", "bad mode"),
        (b"C0648 0 a", "bad mode"),
        (b"C-644 0 a", "bad mode"),
        (b"C064", "bad mode"),
        (b"C0644", "mode not delimited"),
        (b"C00644 0 a", "mode not delimited"),
        (b"C0644 ", "size not present"),
        (b"C0644  0 a", "size not present"),
        (b"C0644 -1 a", "size not present"),
        (b"C0644 +1 a", "size not present"),
        (b"C0644 1", "size not delimited"),
        (b"C0644 1a b", "size not delimited"),
        (b"C0644 0x1 b", "size not delimited"),
        (b"C0644 9223372036854775808 a", "size out of range"),
        (b"C0644 18446744073709551616 a", "size out of range"),
        (b"C0644 99999999999999999999999999999999 a", "size out of range"),
        (b"T", "times not delimited"),
        (b"T1 0 1", "times not delimited"),
        (b"T1 0 1 0 0", "times not delimited"),
        (b"T1 0 1 0 ", "times not delimited"),
        (b"T1  0 1 0", "times not delimited"),
        (b"T-1 0 1 0", "times not delimited"),
        (b"T1 1000000 1 0", "times not delimited"),
        (b"T1 0 1 1000000", "times not delimited"),
        (b"T1 0 18446744073709551616 0", "times not delimited"),
    ] {
        assert_eq!(protocol(line), why, "{}", line.escape_ascii());
    }
}

#[test]
fn a_name_is_one_component() {
    for name in [&b""[..], b".", b"..", b"/", b"a/b", b"/etc/passwd", b"../x", b"a\0b"] {
        for letter in ["C", "D"] {
            let line = [letter.as_bytes(), b"0755 0 ", name].concat();
            assert_eq!(Record::parse(&line), Err(Violation::Filename(name)));
        }
    }
}

#[test]
fn what_is_written_is_read() {
    let line = file(0o104_755, 12, b"a\nb \xff");
    assert_eq!(line, b"C4755 12 a\\^Jb \xff\n");
    assert_eq!(directory(0o40_700, b"d"), b"D0700 0 d\n");
    assert_eq!(times(Times { atime: 1, mtime: 2 }), b"T2 0 1 0\n");
    for line in [&*line, b"D0700 0 d\n", b"T2 0 1 0\n", LEAVE] {
        assert!(Record::parse(line.strip_suffix(b"\n").unwrap()).is_ok());
    }
}
