use proptest::prelude::*;

use super::*;
use crate::client;
use crate::frame::DecoderLimits;
use crate::limits::{ASSEMBLY_BYTES_KEPT, FRAME_BYTES_MAX, REQUEST_BYTES_MAX};
use crate::{Attrs, IdList, OpenFlags, numbers};

/// Values to fill any request with.
#[derive(Clone, Debug)]
struct Fill {
    id: u32,
    small: u32,
    large: u64,
    other: u64,
    first: Vec<u8>,
    second: Vec<u8>,
    handle: Vec<u8>,
    ids: Vec<[u8; 4]>,
    attrs: Attrs,
}

const KINDS: usize = 38;

/// One of each kind of request there is.
fn request(which: usize, fill: &Fill) -> Request<'_> {
    let Fill { id, small, large, other, attrs, .. } = *fill;
    let (path, second, handle) = (&fill.first[..], &fill.second[..], &fill.handle[..]);
    let ids = IdList::from_bytes(fill.ids.as_flattened()).unwrap();
    match which {
        0 => Request::Init { version: small },
        1 => Request::Open { id, path, flags: OpenFlags::from_bits(small), attrs },
        2 => Request::Close { id, handle },
        3 => Request::Read { id, handle, offset: large, len: small },
        4 => Request::Write { id, handle, offset: large, len: small % 5000 },
        5 => Request::Lstat { id, path },
        6 => Request::Fstat { id, handle },
        7 => Request::Setstat { id, path, attrs },
        8 => Request::Fsetstat { id, handle, attrs },
        9 => Request::Opendir { id, path },
        10 => Request::Readdir { id, handle },
        11 => Request::Remove { id, path },
        12 => Request::Mkdir { id, path, attrs },
        13 => Request::Rmdir { id, path },
        14 => Request::Realpath { id, path },
        15 => Request::Stat { id, path },
        16 => Request::Rename { id, old: path, new: second },
        17 => Request::Readlink { id, path },
        18 => Request::Symlink { id, first: path, second },
        19 => Request::PosixRename { id, old: path, new: second },
        20 => Request::Hardlink { id, old: path, new: second },
        21 => Request::Fsync { id, handle },
        22 => Request::Limits { id },
        23 => Request::Statvfs { id, path },
        24 => Request::Fstatvfs { id, handle },
        25 => Request::Lsetstat { id, path, attrs },
        26 => Request::ExpandPath { id, path },
        27 => Request::HomeDirectory { id, user: path },
        28 => Request::UsersGroupsById { id, uids: ids, gids: IdList::default() },
        29 => Request::UsersGroupsById { id, uids: IdList::default(), gids: ids },
        30 => Request::CopyData {
            id,
            read_handle: handle,
            read_offset: large,
            length: other,
            write_handle: handle,
            write_offset: !large,
        },
        31 => Request::ExtendedUnknown { id, name: b"nobody@example.org" },
        32 => Request::CopyFile { id, source: path, target: second, overwrite: small % 2 == 1 },
        33 => Request::SpaceAvailable { id, path },
        34 => Request::Ranges { id, handle, offset: large, length: other },
        35 => Request::CheckFileName {
            id,
            path,
            algorithms: second,
            start: large,
            length: other,
            block_bytes: small,
        },
        36 => Request::CheckFileHandle {
            id,
            handle,
            algorithms: path,
            start: large,
            length: other,
            block_bytes: small,
            short_name: small % 2 == 1,
        },
        _ => Request::Unknown { id, kind: 99 },
    }
}

fn encoded(request: &Request<'_>) -> Vec<u8> {
    let mut wire = Vec::new();
    client::encode(&mut wire, request);
    if let Request::Write { len, .. } = *request {
        wire.extend((0..len).map(|n| n.to_le_bytes()[0]));
    }
    wire
}

/// An item that owns what it holds; neighbouring pieces of a payload become one.
#[derive(Clone, PartialEq, Debug)]
enum Seen {
    Request(String),
    Payload(Vec<u8>, bool),
    Malformed(u32, &'static str),
    Failed(FrameError),
}

/// Feeds `input` in pieces that end at `cuts` and checks what holds for every step.
fn decode(limits: DecoderLimits, input: &[u8], cuts: impl Iterator<Item = usize>) -> Vec<Seen> {
    let mut decoder = Decoder::new(limits);
    let mut seen = Vec::new();
    let mut from = 0;
    for cut in cuts.chain([input.len()]) {
        let piece = &input[from..cut];
        from = cut;
        let mut at = 0;
        loop {
            let step = match decoder.next(&piece[at..]) {
                Ok(step) => step,
                Err(error) => {
                    assert_eq!(decoder.next(piece).unwrap_err(), error, "not for ever");
                    seen.push(Seen::Failed(error));
                    return seen;
                }
            };
            assert!(step.consumed <= piece.len() - at);
            match step.item {
                Some(Item::Request(request)) => seen.push(Seen::Request(format!("{request:?}"))),
                Some(Item::Malformed { id, why }) => seen.push(Seen::Malformed(id, why)),
                Some(Item::WriteData { range, last }) => {
                    assert!(!range.is_empty());
                    assert_eq!(range.end, step.consumed);
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
            let bound = limits.assembled_bytes_max as usize + 4;
            assert!(decoder.framer.assembled_bytes() <= bound);
        }
    }
    seen
}

fn decode_whole(input: &[u8]) -> Vec<Seen> {
    decode(DecoderLimits::default(), input, std::iter::empty())
}

fn expected(request: &Request<'_>) -> Vec<Seen> {
    let mut seen = vec![Seen::Request(format!("{request:?}"))];
    if let Request::Write { len, .. } = *request
        && len > 0
    {
        let wire = encoded(request);
        seen.push(Seen::Payload(wire[wire.len() - len as usize..].to_vec(), true));
    }
    seen
}

fn fill() -> Fill {
    Fill {
        id: 0xdead_beef,
        small: 3,
        large: 1 << 40,
        other: 0,
        first: b"/some/path".to_vec(),
        second: b"else".to_vec(),
        handle: vec![0, 0, 0, 1],
        ids: vec![[0; 4], [0, 0, 3, 232]],
        attrs: Attrs {
            size: Some(5),
            owner: Some((1, 2)),
            permissions: Some(0o644),
            times: Some((3, 4)),
        },
    }
}

fn fills() -> impl Strategy<Value = Fill> {
    let attrs = any::<(Option<u64>, Option<(u32, u32)>, Option<u32>, Option<(u32, u32)>)>();
    (
        any::<(u32, u32, u64, u64)>(),
        proptest::collection::vec(any::<u8>(), 0..40),
        proptest::collection::vec(any::<u8>(), 0..40),
        proptest::collection::vec(any::<u8>(), 0..12),
        proptest::collection::vec(any::<[u8; 4]>(), 0..5),
        attrs,
    )
        .prop_map(|((id, small, large, other), first, second, handle, ids, attrs)| Fill {
            id,
            small,
            large,
            other,
            first,
            second,
            handle,
            ids,
            attrs: Attrs { size: attrs.0, owner: attrs.1, permissions: attrs.2, times: attrs.3 },
        })
}

/// The frame `wire` cut to `length` bytes, with a length field that says so.
fn cut_frame(wire: &[u8], length: usize) -> Vec<u8> {
    let mut cut = wire[..length].to_vec();
    cut[..4].copy_from_slice(&u32::try_from(length - 4).unwrap().to_be_bytes());
    cut
}

#[test]
fn init_and_open_are_the_drafts_bytes() {
    let wire = b"\0\0\0\x05\x01\0\0\0\x03\
                 \0\0\0\x1b\x03\0\0\0\x07\0\0\0\x02/f\0\0\0\x1a\0\0\0\x01\0\0\0\0\0\0\0\x09";
    let attrs = Attrs { size: Some(9), ..Attrs::default() };
    let flags = OpenFlags::WRITE | OpenFlags::CREAT | OpenFlags::TRUNC;
    let open = Request::Open { id: 7, path: b"/f", flags, attrs };
    let both = [expected(&Request::Init { version: 3 }), expected(&open)].concat();
    assert_eq!(decode_whole(wire), both);
}

#[test]
fn a_request_in_one_piece_is_borrowed_from_the_input() {
    let wire = encoded(&Request::Stat { id: 1, path: b"/a/file" });
    let mut decoder = Decoder::new(DecoderLimits::default());
    let step = decoder.next(&wire).unwrap();
    let Some(Item::Request(Request::Stat { path, .. })) = step.item else { panic!("{step:?}") };
    assert!(wire.as_ptr_range().contains(&path.as_ptr()));
    assert_eq!(decoder.framer.assembled_bytes(), 0);
}

#[test]
fn a_write_comes_as_ranges_of_the_input() {
    let request = Request::Write { id: 1, handle: b"hndl", offset: 0, len: 1000 };
    let wire = encoded(&request);
    let mut decoder = Decoder::new(DecoderLimits::default());
    let head = wire.len() - 1000;
    let step = decoder.next(&wire[..head + 10]).unwrap();
    assert_eq!(step, Step { consumed: head, item: Some(Item::Request(request)) });
    let step = decoder.next(&wire[head..head + 10]).unwrap();
    assert_eq!(step.item, Some(Item::WriteData { range: 0..10, last: false }));
    assert_eq!(decoder.next(&[]).unwrap(), Step { consumed: 0, item: None });
    let step = decoder.next(&wire[head + 10..]).unwrap();
    assert_eq!(step.item, Some(Item::WriteData { range: 0..990, last: true }));
    assert_eq!(decoder.framer.assembled_bytes(), 0);
}

#[test]
fn an_empty_write_has_no_data() {
    let write = Request::Write { id: 1, handle: b"h", offset: 8, len: 0 };
    let close = Request::Close { id: 2, handle: b"h" };
    let wire = [encoded(&write), encoded(&close)].concat();
    assert_eq!(decode_whole(&wire), [expected(&write), expected(&close)].concat());
}

#[test]
fn bytes_after_the_last_field_are_stepped_over() {
    for which in 0..KINDS {
        let fill = fill();
        let request = request(which, &fill);
        let mut wire = encoded(&request);
        wire.extend_from_slice(b"more");
        let length = wire.len();
        let wire = [cut_frame(&wire, length), encoded(&request)].concat();
        let twice = [expected(&request), expected(&request)].concat();
        assert_eq!(decode_whole(&wire), twice);
        let bytewise = decode(DecoderLimits::default(), &wire, 0..wire.len());
        assert_eq!(bytewise, twice);
    }
}

#[test]
fn each_truncation_of_each_request_is_an_error_that_says_so() {
    let fill = fill();
    let after = Request::Limits { id: 77 };
    for which in 0..KINDS {
        let request = request(which, &fill);
        let wire = encoded(&request);
        for length in 5..wire.len() {
            let cut = [cut_frame(&wire, length), encoded(&after)].concat();
            let seen = decode_whole(&cut);
            match &seen[..] {
                [Seen::Failed(FrameError::NoId { length: got, .. })] => {
                    assert!(length < 9 && *got as usize == length - 4);
                }
                [Seen::Malformed(0xdead_beef, why), next] => {
                    assert!(length >= 9 && !why.is_empty());
                    assert_eq!(*next, expected(&after)[0], "the stream goes on");
                }
                seen => panic!("{request:?} cut to {length}: {seen:?}"),
            }
            assert_eq!(decode(DecoderLimits::default(), &cut, 0..cut.len()), seen);
        }
    }
}

#[test]
fn lengths_inside_that_lie_are_malformed() {
    let fill = fill();
    for which in 1..KINDS {
        let wire = encoded(&request(which, &fill));
        for at in 9..wire.len().saturating_sub(3) {
            let mut wire = wire.clone();
            wire[at..at + 4].fill(0xff);
            let seen = decode_whole(&wire);
            assert!(
                matches!(seen[..], [Seen::Malformed(..) | Seen::Request(_), ..]),
                "{which} at {at}: {seen:?}"
            );
            assert_eq!(decode(DecoderLimits::default(), &wire, 0..wire.len()), seen);
        }
    }
}

#[test]
fn frames_without_length_or_id_end_the_stream() {
    assert_eq!(decode_whole(&[0; 4]), [Seen::Failed(FrameError::Empty)]);
    let no_id = FrameError::NoId { kind: 17, length: 4 };
    assert_eq!(decode_whole(b"\0\0\0\x04\x11\0\0\0"), [Seen::Failed(no_id)]);
    let text = FrameError::TooLong { length: 0x5468_6973, max: FRAME_BYTES_MAX };
    assert_eq!(decode_whole(b"This account is not available\n"), [Seen::Failed(text)]);
    assert_eq!(text.to_string(), "SFTP frame of 1416128883 bytes, more than 263168");
}

#[test]
fn the_frame_limit_is_exact() {
    let head = 4 + 1 + 4 + 4 + 1 + 8 + 4;
    let len = FRAME_BYTES_MAX - (head - 4);
    let write = Request::Write { id: 1, handle: b"h", offset: 0, len };
    assert_eq!(decode_whole(&encoded(&write)), expected(&write));
    let write = Request::Write { id: 1, handle: b"h", offset: 0, len: len + 1 };
    let error = FrameError::TooLong { length: FRAME_BYTES_MAX + 1, max: FRAME_BYTES_MAX };
    assert_eq!(decode_whole(&encoded(&write)), [Seen::Failed(error)]);
}

#[test]
fn a_request_too_long_to_assemble_is_stepped_over() {
    let fits = vec![b'x'; REQUEST_BYTES_MAX as usize - 9];
    let stat = Request::Stat { id: 3, path: &fits };
    assert_eq!(decode_whole(&encoded(&stat)), expected(&stat));
    let long = vec![b'x'; REQUEST_BYTES_MAX as usize - 8];
    let after = Request::Limits { id: 4 };
    let wire = [encoded(&Request::Stat { id: 3, path: &long }), encoded(&after)].concat();
    let seen = [vec![Seen::Malformed(3, "the message is too long")], expected(&after)].concat();
    assert_eq!(decode_whole(&wire), seen);
    assert_eq!(decode(DecoderLimits::default(), &wire, (0..wire.len()).step_by(1000)), seen);
}

#[test]
fn a_handle_too_long_is_malformed() {
    let handle = [1; 257];
    for which in [2, 3, 4, 6, 8, 10, 21, 24, 30, 34, 36] {
        let fill = Fill { handle: handle.to_vec(), ..fill() };
        let seen = decode_whole(&encoded(&request(which, &fill)));
        let why = "a handle is longer than 256 bytes";
        assert_eq!(seen, [Seen::Malformed(0xdead_beef, why)]);
        let fill = Fill { handle: handle[1..].to_vec(), ..fill };
        let request = request(which, &fill);
        assert_eq!(decode_whole(&encoded(&request)), expected(&request));
    }
}

#[test]
fn the_memory_of_a_long_request_is_given_back() {
    let long = vec![b'x'; 60_000];
    let wire = encoded(&Request::Stat { id: 3, path: &long });
    let mut decoder = Decoder::new(DecoderLimits::default());
    assert_eq!(decoder.next(&wire[..50_000]).unwrap().item, None);
    assert!(decoder.next(&wire[50_000..]).unwrap().item.is_some());
    assert_eq!(decoder.next(&[]).unwrap().item, None);
    assert!(decoder.framer.assembled_capacity() <= ASSEMBLY_BYTES_KEPT);
}

#[test]
fn ids_that_end_inside_an_id_are_malformed() {
    let mut wire = Vec::new();
    let payload = [0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0, 0];
    client::extended(&mut wire, 8, "users-groups-by-id@openssh.com", &payload);
    assert_eq!(decode_whole(&wire), [Seen::Malformed(8, "an id list ends inside an id")]);
}

#[test]
fn an_attribute_count_of_four_billion_is_malformed() {
    for kind in [numbers::SETSTAT, numbers::MKDIR, numbers::FSETSTAT] {
        let mut wire = encoded(&Request::Setstat { id: 6, path: b"p", attrs: Attrs::default() });
        wire[4] = kind;
        let flags = wire.len() - 4;
        wire[flags] = 0x80;
        wire.extend_from_slice(&[0xff; 4]);
        wire.extend_from_slice(&[0; 1000]);
        let length = wire.len();
        let why = "more extended attributes than fit the message";
        assert_eq!(decode_whole(&cut_frame(&wire, length)), [Seen::Malformed(6, why)]);
    }
}

#[test]
fn ids_and_names_are_those_of_the_request() {
    let fill = fill();
    let mut names = std::collections::BTreeSet::new();
    for which in 0..KINDS {
        let request = request(which, &fill);
        assert_eq!(request.id(), (which > 0).then_some(0xdead_beef));
        names.insert(request.name());
    }
    // Two of the samples are the same request with different lists.
    assert_eq!(names.len(), KINDS - 1);
}

proptest! {
    #[test]
    fn every_request_comes_back(which in 0..KINDS, fill in fills()) {
        let request = request(which, &fill);
        prop_assert_eq!(decode_whole(&encoded(&request)), expected(&request));
    }

    #[test]
    fn any_split_gives_the_same_items(
        requests in proptest::collection::vec((0..KINDS, fills()), 1..6),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..20),
    ) {
        let mut wire = Vec::new();
        let mut wanted = Vec::new();
        for (which, fill) in &requests {
            let request = request(*which, fill);
            wire.extend(encoded(&request));
            wanted.extend(expected(&request));
        }
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        cuts.sort_unstable();
        let limits = DecoderLimits::default();
        prop_assert_eq!(decode(limits, &wire, cuts.into_iter()), wanted.clone());
        prop_assert_eq!(decode(limits, &wire, 0..wire.len()), wanted);
    }

    #[test]
    fn noise_gives_the_same_in_any_split(
        frames in proptest::collection::vec(
            (0u8..25, proptest::collection::vec(any::<u8>(), 0..60), -2i32..3), 1..6),
        small in any::<bool>(),
    ) {
        let mut wire = Vec::new();
        for (kind, body, lie) in frames {
            let length = u32::try_from(body.len() + 1).unwrap().saturating_add_signed(lie);
            wire.extend(length.to_be_bytes());
            wire.push(if kind > 20 { numbers::EXTENDED } else { kind });
            wire.extend(body);
        }
        let mut limits = DecoderLimits { frame_bytes_max: 4000, ..DecoderLimits::default() };
        if small {
            limits.assembled_bytes_max = 20;
        }
        let whole = decode(limits, &wire, std::iter::empty());
        prop_assert_eq!(decode(limits, &wire, 0..wire.len()), whole);
    }
}
