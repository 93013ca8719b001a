//! Every length and every count in every SFTP request, each with every telling number: among them
//! `extended_count`, the number of extended attributes, of which pkg/sftp made a slice.

use ringferry_sftp::{Decoder, DecoderLimits, Item, Request, numbers};

use super::peer::Field::{self, Number, Text};
use super::peer::{message, message_with, numbers_in};
use super::{SLACK_BYTES, telling_numbers};

/// Where a case names attributes, all of them: size, owner, permissions, times, two extended.
macro_rules! with_attributes {
    ($($field:expr),*) => {
        &[
            $($field,)*
            Number(0x8000_000f),
            Number(0),
            Number(9),
            Number(1000),
            Number(100),
            Number(0o644),
            Number(1),
            Number(2),
            Number(2),
            Text(b"acl@example.org"),
            Text(b"x"),
            Text(b"y@example.org"),
            Text(b""),
        ]
    };
}

const ID: Field = Number(7);
const HANDLE: Field = Text(b"\0\0\0\x01");
const PATH: Field = Text(b"/a");

const REQUESTS: &[(u8, &[Field])] = &[
    (numbers::INIT, &[Number(3), Text(b"name@example.org"), Text(b"1")]),
    (numbers::OPEN, with_attributes!(ID, PATH, Number(1))),
    (numbers::CLOSE, &[ID, HANDLE]),
    (numbers::READ, &[ID, HANDLE, Number(0), Number(0), Number(4)]),
    (numbers::WRITE, &[ID, HANDLE, Number(0), Number(0), Text(b"data")]),
    (numbers::LSTAT, &[ID, PATH]),
    (numbers::FSTAT, &[ID, HANDLE]),
    (numbers::SETSTAT, with_attributes!(ID, PATH)),
    (numbers::FSETSTAT, with_attributes!(ID, HANDLE)),
    (numbers::OPENDIR, &[ID, PATH]),
    (numbers::READDIR, &[ID, HANDLE]),
    (numbers::REMOVE, &[ID, PATH]),
    (numbers::MKDIR, with_attributes!(ID, PATH)),
    (numbers::RMDIR, &[ID, PATH]),
    (numbers::REALPATH, &[ID, PATH]),
    (numbers::STAT, &[ID, PATH]),
    (numbers::RENAME, &[ID, PATH, Text(b"/b")]),
    (numbers::READLINK, &[ID, PATH]),
    (numbers::SYMLINK, &[ID, PATH, Text(b"/b")]),
    (numbers::EXTENDED, &[ID, Text(b"posix-rename@openssh.com"), PATH, Text(b"/b")]),
    (numbers::EXTENDED, &[ID, Text(b"hardlink@openssh.com"), PATH, Text(b"/b")]),
    (numbers::EXTENDED, &[ID, Text(b"fsync@openssh.com"), HANDLE]),
    (numbers::EXTENDED, &[ID, Text(b"limits@openssh.com")]),
    (numbers::EXTENDED, &[ID, Text(b"statvfs@openssh.com"), PATH]),
    (numbers::EXTENDED, &[ID, Text(b"fstatvfs@openssh.com"), HANDLE]),
    (numbers::EXTENDED, with_attributes!(ID, Text(b"lsetstat@openssh.com"), PATH)),
    (numbers::EXTENDED, &[ID, Text(b"expand-path@openssh.com"), PATH]),
    (numbers::EXTENDED, &[ID, Text(b"home-directory"), Text(b"alice")]),
    (
        numbers::EXTENDED,
        &[
            ID,
            Text(b"users-groups-by-id@openssh.com"),
            Text(b"\0\0\0\x01\0\0\0\x02"),
            Text(b"\0\0\0\x03"),
        ],
    ),
    (
        numbers::EXTENDED,
        &[
            ID,
            Text(b"copy-data"),
            HANDLE,
            Number(0),
            Number(0),
            Number(0),
            Number(4),
            HANDLE,
            Number(0),
            Number(0),
        ],
    ),
    (
        numbers::EXTENDED,
        &[
            ID,
            Text(b"check-file-name"),
            PATH,
            Text(b"md5,sha1"),
            Number(0),
            Number(0),
            Number(0),
            Number(4),
            Number(256),
        ],
    ),
    (numbers::EXTENDED, &[ID, Text(b"copy-file"), PATH, Text(b"/b"), Number(1)]),
    (numbers::EXTENDED, &[ID, Text(b"space-available"), PATH]),
    (
        numbers::EXTENDED,
        &[ID, Text(b"ranges@asyncssh.com"), HANDLE, Number(0), Number(0), Number(0), Number(4)],
    ),
];

/// A request behind its length.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a small message");
    [&length.to_be_bytes()[..], message].concat()
}

/// Feeds a decoder the pieces and shows each item to `seen`, until it fails or has them all.
fn decode(pieces: &[&[u8]], mut seen: impl FnMut(&Item<'_>)) {
    let mut decoder = Decoder::new(DecoderLimits::default());
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let Ok(step) = decoder.next(rest) else { return };
            rest = &rest[step.consumed..];
            match step.item {
                Some(item) => seen(&item),
                None => break,
            }
        }
    }
}

/// Fails if a decoder allocates more over `bytes` than it should: whole, and cut in two so that
/// the request is put together from its parts.
fn assert_decoded_in_proportion(bytes: &[u8], what: &str) {
    let limit = 2 * bytes.len() as u64 + SLACK_BYTES;
    for cut in [0, 4, bytes.len() / 2, bytes.len() - 1] {
        let (front, back) = bytes.split_at(cut);
        let measured = allocation_counter::measure(|| {
            decode(&[front, back], |item| {
                std::hint::black_box(item);
            });
        });
        let peak = measured.bytes_max;
        assert!(peak <= limit, "{what}, cut at {cut}: {peak} bytes for {}", bytes.len());
    }
}

/// The cases are what they are meant to be: requests that the server knows and would carry out.
#[test]
fn the_sftp_requests_are_good_ones() {
    for (kind, fields) in REQUESTS {
        let mut requests = 0;
        decode(&[&framed(&message(*kind, fields))], |item| match item {
            Item::Request(Request::Unknown { .. } | Request::ExtendedUnknown { .. })
            | Item::Malformed { .. } => panic!("{kind} {item:?}"),
            Item::Request(_) => requests += 1,
            Item::WriteData { range, last } => assert!(range.len() == 4 && *last),
        });
        assert_eq!(requests, 1, "{kind}");
    }
}

#[test]
fn lengths_and_counts_of_sftp_requests_allocate_nothing() {
    for (kind, fields) in REQUESTS {
        for value in telling_numbers() {
            for at in 0..numbers_in(fields) {
                let bytes = framed(&message_with(*kind, fields, Some((at, value))));
                let what = format!("request {kind}, its number {at} set to {value}");
                assert_decoded_in_proportion(&bytes, &what);
            }
            let bytes = [&value.to_be_bytes()[..], &message(*kind, fields)].concat();
            assert_decoded_in_proportion(&bytes, &format!("request {kind} of {value} bytes"));
        }
    }
}
