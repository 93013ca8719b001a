use proptest::prelude::*;

use super::*;
use crate::wire::{put_frame, put_string, put_u32};
use crate::{Status, extension, reply};

#[derive(Clone, PartialEq, Debug)]
enum Seen {
    Reply(String),
    Payload(Vec<u8>, bool),
    Malformed(u32, &'static str),
    Failed(FrameError),
}

fn decode(input: &[u8], piece_bytes: usize) -> Vec<Seen> {
    let mut decoder = ReplyDecoder::new(ReplyDecoder::default_limits());
    let mut seen = Vec::new();
    for piece in input.chunks(piece_bytes) {
        let mut at = 0;
        loop {
            let step = match decoder.next(&piece[at..]) {
                Ok(step) => step,
                Err(error) => {
                    seen.push(Seen::Failed(error));
                    return seen;
                }
            };
            match step.item {
                Some(ReplyItem::Reply(reply)) => seen.push(Seen::Reply(format!("{reply:?}"))),
                Some(ReplyItem::Malformed { id, why }) => seen.push(Seen::Malformed(id, why)),
                Some(ReplyItem::ReadData { range, last }) => {
                    let bytes = &piece[at..][range];
                    match seen.last_mut() {
                        Some(Seen::Payload(before, before_last)) if !*before_last => {
                            before.extend_from_slice(bytes);
                            *before_last = last;
                        }
                        _ => seen.push(Seen::Payload(bytes.to_vec(), last)),
                    }
                }
                None => {
                    assert_eq!(step.consumed, piece.len() - at, "bytes left behind");
                    break;
                }
            }
            at += step.consumed;
        }
    }
    seen
}

/// The one reply in `wire`.
fn single(wire: &[u8], check: impl FnOnce(Reply<'_>)) {
    let mut decoder = ReplyDecoder::new(ReplyDecoder::default_limits());
    let step = decoder.next(wire).unwrap();
    assert_eq!(step.consumed, wire.len());
    match step.item {
        Some(ReplyItem::Reply(reply)) => check(reply),
        item => panic!("{item:?}"),
    }
}

fn one_of_each() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut add = |fill: &dyn Fn(&mut Vec<u8>)| {
        let mut wire = Vec::new();
        fill(&mut wire);
        all.push(wire);
    };
    add(&|out| reply::version(out, &[extension::LIMITS], None));
    add(&|out| reply::status(out, 9, Status::Failure, "Failure"));
    add(&|out| reply::handle(out, 9, b"hndl"));
    add(&|out| reply::data(out, 9, b"data"));
    add(&|out| reply::name(out, 9, b"/home"));
    add(&|out| reply::attrs(out, 9, &Attrs { size: Some(1), ..Attrs::default() }));
    add(&|out| reply::limits(out, 9, &reply::ServerLimits::default()));
    all
}

#[test]
fn every_reply_comes_back() {
    let wire = one_of_each().concat();
    let seen = decode(&wire, wire.len());
    let replies = [
        "Version { version: 3, ",
        "Status { id: 9, code: 4, message: [70, 97, ",
        "Handle { id: 9, handle: [104, 110, 100, 108] }",
        "Data { id: 9, len: 4 }",
        "",
        "Name { id: 9, names: Names { count: 1, ",
        "Attrs { id: 9, attrs: Attrs { size: Some(1), ",
        "Extended { id: 9, payload: [0, 0, 0, 0, 0, 4, 0, 0, ",
    ];
    assert_eq!(seen.len(), replies.len());
    for (seen, start) in seen.iter().zip(replies) {
        match seen {
            Seen::Reply(reply) => assert!(reply.starts_with(start), "{reply}"),
            Seen::Payload(data, true) => assert_eq!(data, b"data"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_version_tells_its_extensions() {
    let mut wire = Vec::new();
    reply::version(&mut wire, &[extension::LIMITS, extension::STATVFS], None);
    single(&wire, |reply| {
        let Reply::Version { version: 3, extensions } = reply else { panic!("{reply:?}") };
        assert_eq!(reply.id(), None);
        assert_eq!(extensions.iter().count(), 2);
        assert_eq!(extensions.get("statvfs@openssh.com"), Some(&b"2"[..]));
        assert_eq!(extensions.get("statvfs"), None);
    });
}

#[test]
fn a_status_may_lack_its_message() {
    let mut wire = Vec::new();
    put_frame(&mut wire, numbers::STATUS, |out| {
        put_u32(out, 5);
        put_u32(out, 14);
    });
    let bare = Reply::Status { id: 5, code: 14, message: b"", language: b"" };
    single(&wire, |reply| assert_eq!(reply, bare));
    wire.clear();
    put_frame(&mut wire, numbers::STATUS, |out| {
        put_u32(out, 5);
        put_u32(out, 0);
        put_string(out, b"done");
        out.extend_from_slice(&[0, 0, 0, 9, b'e']);
    });
    let cut = Reply::Status { id: 5, code: 0, message: b"done", language: b"" };
    single(&wire, |reply| assert_eq!(reply, cut));
}

#[test]
fn names_come_back_and_a_count_that_lies_is_malformed() {
    let mut wire = Vec::new();
    let attrs = Attrs { permissions: Some(0o40755), ..Attrs::default() };
    let mut names = reply::names(&mut wire, 2);
    assert!(names.push(b".", b"drwx .", &attrs) && names.push(b"\xff", b"", &attrs));
    names.finish();
    single(&wire, |reply| {
        let Reply::Name { id: 2, names } = reply else { panic!("{reply:?}") };
        let entries: Vec<_> = names.iter().collect();
        let first = NameEntry { filename: b".", longname: b"drwx .", attrs };
        let second = NameEntry { filename: b"\xff", longname: b"", attrs };
        assert_eq!(entries, [first, second]);
        assert_eq!((names.len(), names.is_empty()), (2, false));
    });
    wire[9..13].fill(0xff);
    assert_eq!(decode(&wire, 7), [Seen::Malformed(2, "a number is cut short")]);
}

#[test]
fn users_and_groups_come_back() {
    let mut wire = Vec::new();
    reply::users_groups(&mut wire, 3, [&b"root"[..], b""], [&b"wheel"[..]]);
    single(&wire, |reply| {
        let Reply::Extended { id: 3, payload } = reply else { panic!("{reply:?}") };
        let (users, groups) = users_groups_by_id(payload).unwrap();
        assert_eq!(users.iter().collect::<Vec<_>>(), [&b"root"[..], b""]);
        assert_eq!(groups.iter().collect::<Vec<_>>(), [b"wheel"]);
        assert!(users_groups_by_id(&payload[..payload.len() - 1]).is_err());
    });
}

#[test]
fn data_is_not_copied() {
    let mut wire = Vec::new();
    reply::data(&mut wire, 1, &[7; 100_000]);
    let mut decoder = ReplyDecoder::new(ReplyDecoder::default_limits());
    let step = decoder.next(&wire).unwrap();
    assert_eq!(step.consumed, reply::DATA_HEADER_BYTES);
    let step = decoder.next(&wire[13..]).unwrap();
    assert_eq!(step.item, Some(ReplyItem::ReadData { range: 0..100_000, last: true }));
    assert_eq!(decoder.framer.assembled_capacity(), 0);
}

#[test]
fn data_longer_than_its_frame_is_malformed() {
    let mut wire = Vec::new();
    reply::data(&mut wire, 1, b"data");
    wire[12] = 5;
    assert_eq!(decode(&wire, 100), [Seen::Malformed(1, "the data is longer than its message")]);
    wire[12] = 4;
    for length in 9..wire.len() {
        let mut cut = wire[..length].to_vec();
        cut[3] = u8::try_from(length - 4).unwrap();
        for piece in [1, 100] {
            let seen = decode(&cut, piece);
            assert!(matches!(seen[..], [Seen::Malformed(1, _)]), "cut to {length}: {seen:?}");
        }
    }
}

#[test]
fn a_greeting_in_front_of_the_stream_is_an_error() {
    let seen = decode(b"Welcome to example.org!\r\n", 100);
    assert!(matches!(seen[..], [Seen::Failed(FrameError::TooLong { .. })]));
}

proptest! {
    #[test]
    fn any_split_gives_the_same(
        mut noise in
            proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3),
        pieces in 1usize..40,
    ) {
        let mut wire = one_of_each().concat();
        // Even places stay as they are, so that many cases reach the last reply.
        noise.retain(|(at, _)| at.index(wire.len()) % 2 == 1);
        for (at, value) in noise {
            let at = at.index(wire.len());
            wire[at] = value;
        }
        prop_assert_eq!(decode(&wire, pieces), decode(&wire, wire.len()));
    }
}
