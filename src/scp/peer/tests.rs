use super::*;

#[test]
fn a_line_may_come_in_any_pieces() {
    let text = b"C0644 3 a\nrest";
    for cut in 0..=text.len() {
        let (first, second) = text.split_at(cut);
        let mut peer = Peer::default();
        let (used, line) = peer.line(first);
        let (used, line) = match line {
            Line::Partial => {
                assert_eq!((used, peer.is_inside_line()), (cut, cut > 0));
                let (more, line) = peer.line(second);
                (used + more, line)
            }
            line => (used, line),
        };
        assert_eq!((used, line), (10, Line::Whole(b"C0644 3 a".to_vec())), "cut at {cut}");
        assert!(!peer.is_inside_line());
    }
}

#[test]
fn a_line_is_bounded() {
    let longest = vec![b'a'; LINE_BYTES_MAX];
    let mut peer = Peer::default();
    assert_eq!(peer.line(&longest), (LINE_BYTES_MAX, Line::Partial));
    assert_eq!(peer.line(b"\n"), (1, Line::Whole(longest.clone())));
    assert_eq!(peer.line(&longest), (LINE_BYTES_MAX, Line::Partial));
    assert_eq!(peer.line(b"a"), (1, Line::TooLong));
    let endless = vec![b'a'; 1 << 20];
    assert_eq!(peer.line(&endless).1, Line::TooLong);
    assert!(peer.line.capacity() <= 2 * LINE_BYTES_MAX, "what is too long is not kept");
}

#[test]
fn answers_are_read() {
    let cases: [(&[u8], usize, Answer, bool); 7] = [
        (b"\0\0", 1, Answer::Good, false),
        (b"\0C", 1, Answer::Good, false),
        (b"\x01scp: a\nb", 8, Answer::Bad, true),
        (b"\x01\n", 2, Answer::Bad, true),
        (b"\x02scp: a\nb", 8, Answer::Fatal, true),
        (b"what?\n\0", 6, Answer::Fatal, true),
        (b"\n", 1, Answer::Fatal, true),
    ];
    for (bytes, used, answer, failed) in cases {
        for cut in 0..used {
            let mut peer = Peer::default();
            let (first, second) = bytes.split_at(cut);
            assert_eq!(peer.answer(first), (cut, Answer::Partial), "{}", bytes.escape_ascii());
            let (more, got) = peer.answer(second);
            assert_eq!((cut + more, got), (used, answer));
            assert_eq!(peer.failed, failed);
        }
    }
}

#[test]
fn names_are_safe_for_a_terminal_and_short_enough_for_openssh() {
    let cases: [(&[u8], &[u8]); 8] = [
        (b"a b'c", b"a b'c"),
        ("日本".as_bytes(), "日本".as_bytes()),
        (b"a\x1b[2Jb", b"a\\^[[2Jb"),
        (b"a\nb\rc\td\0", b"a\\^Jb\\^Mc\\^Id\\^@"),
        (b"\x7f", b"\\^?"),
        (b"\x01\x02", b"\\^A\\^B"),
        ("\u{9b}x".as_bytes(), b"\\302\\233x"),
        (b"a\xffb\xe6\x97", b"a\\377b\\346\\227"),
    ];
    for (name, wanted) in cases {
        assert_eq!(shown(name), wanted, "{}", name.escape_ascii());
    }
    for long in [b"x".repeat(9000), "é".repeat(5000).into(), b"\xff".repeat(9000)] {
        let mut peer = Peer::default();
        peer.complain(&long, "No such file or directory");
        let line = peer.take_output();
        assert!(line.len() < 2047 && line.ends_with(b"...: No such file or directory\n"));
        assert!(std::str::from_utf8(&line).is_ok());
        assert!(peer.failed);
    }
}
