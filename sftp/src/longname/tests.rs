use super::*;

/// A Friday: 20 November 2026, 11:48:47 UTC.
const NOW: i64 = 1_795_175_327;

fn line(long: &LongName<'_>) -> String {
    let mut out = Vec::new();
    format(&mut out, long);
    String::from_utf8(out).unwrap()
}

fn root<'a>(mode: u32, links: u64, size: u64, mtime: i64, name: &'a str) -> LongName<'a> {
    LongName {
        mode,
        links,
        owner: Principal::Name(b"root"),
        group: Principal::Name(b"root"),
        size,
        mtime,
        name: name.as_bytes(),
        now: NOW,
    }
}

/// Lines OpenSSH's sftp-server gave, in UTC, at `NOW` or a second later, for files of these
/// attributes.
#[test]
fn lines_of_openssh() {
    let cases = [
        (
            root(0o107000, 1, 0, 1_795_275_327, "nox"),
            "---S--S--T    1 root     root            0 Nov 21  2026 nox",
        ),
        (
            root(0o102755, 1, 0, 1_779_407_327, "setgid"),
            "-rwxr-sr-x    1 root     root            0 May 21  2026 setgid",
        ),
        (
            root(0o104755, 1, 0, 1_779_407_387, "setuid"),
            "-rwsr-xr-x    1 root     root            0 May 21 23:49 setuid",
        ),
        (
            root(0o040755, 4, 4096, 1_795_175_327, "."),
            "drwxr-xr-x    4 root     root         4096 Nov 20 11:48 .",
        ),
        (
            root(0o041777, 14, 4096, 1_795_175_327, ".."),
            "drwxrwxrwt   14 root     root         4096 Nov 20 11:48 ..",
        ),
        (
            root(0o010644, 1, 0, -2_147_483_648, "fifo"),
            "prw-r--r--    1 root     root            0 Dec 13  1901 fifo",
        ),
        (
            root(0o040755, 2, 4096, 0, "dir"),
            "drwxr-xr-x    2 root     root         4096 Jan  1  1970 dir",
        ),
        (
            root(0o020644, 1, 0, 1_000_000_000, "chr"),
            "crw-r--r--    1 root     root            0 Sep  9  2001 chr",
        ),
        (
            root(0o060644, 1, 0, 1_000_000_000, "blk"),
            "brw-r--r--    1 root     root            0 Sep  9  2001 blk",
        ),
        (
            root(0o140755, 1, 0, 1_000_000_000, "sock"),
            "srwxr-xr-x    1 root     root            0 Sep  9  2001 sock",
        ),
        (
            root(0o120777, 1, 5, 1_000_000_001, "link"),
            "lrwxrwxrwx    1 root     root            5 Sep  9  2001 link",
        ),
        (
            root(0o100644, 2, 3, 951_782_400, "plain"),
            "-rw-r--r--    2 root     root            3 Feb 29  2000 plain",
        ),
        (
            LongName {
                owner: Principal::Id(u32::MAX - 1),
                group: Principal::Name(b"users"),
                ..root(0o100000, 1, 0, 15_032_385_535, "special")
            },
            "----------    1 4294967294 users           0 May 10  2446 special",
        ),
        (
            LongName {
                owner: Principal::Name(b"cloudsdk"),
                group: Principal::Id(12_345_678),
                ..root(0o100644, 1, 123_456_789_012, 4_294_967_295, "big")
            },
            "-rw-r--r--    1 cloudsdk 12345678 123456789012 Feb  7  2106 big",
        ),
    ];
    for (long, expected) in cases {
        assert_eq!(line(&long), expected);
    }
}

fn date_column(mtime: i64, now: i64) -> String {
    let long = LongName { mtime, now, name: b"|", ..LongName::default() };
    let line = line(&long);
    line["?---------    1 0        0               0 ".len()..].trim_end_matches('|').to_owned()
}

#[test]
fn the_hour_shows_for_half_a_year() {
    let half = 15_768_000;
    assert_eq!(date_column(NOW, NOW), "Nov 20 11:48 ");
    assert_eq!(date_column(NOW + 1, NOW), "Nov 20  2026 ");
    assert_eq!(date_column(NOW - half + 1, NOW), "May 21 23:48 ");
    assert_eq!(date_column(NOW - half, NOW), "May 21  2026 ");
    assert_eq!(date_column(1_709_164_859, 1_709_164_859), "Feb 29 00:00 ");
}

#[test]
fn a_year_without_four_digits_leaves_the_column_empty() {
    assert_eq!(date_column(253_402_300_799, NOW), "Dec 31  9999 ");
    assert_eq!(date_column(253_402_300_800, NOW), " ");
    assert_eq!(date_column(i64::MAX, NOW), " ");
    assert_eq!(date_column(i64::MIN, i64::MIN), " ");
}

#[test]
fn wide_values_keep_their_columns_apart() {
    let long = LongName {
        mode: 0o100644,
        links: 12_345,
        owner: Principal::Name(b"a-user-of-many-letters"),
        group: Principal::Name(b"domain users"),
        size: u64::MAX,
        mtime: 0,
        name: "größe \u{1f980}".as_bytes(),
        now: NOW,
    };
    let expected = "-rw-r--r--  12345 a-user-of-many-letters domain users \
                    18446744073709551615 Jan  1  1970 größe \u{1f980}";
    assert_eq!(line(&long), expected);
}

#[test]
fn names_are_bytes() {
    let mut out = b"kept".to_vec();
    format(&mut out, &LongName { name: b"\xff\xfe", ..LongName::default() });
    assert!(out.starts_with(b"kept?---------    1 0        0 "));
    assert!(out.ends_with(b" \xff\xfe"));
}
