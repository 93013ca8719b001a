use proptest::prelude::*;

use super::super::tests::drive::alone;
use super::super::tests::memory::{Memory, Node};
use super::*;

fn files() -> Memory {
    let files = Memory::new().dir("t").dir("t/d").file("t/d/x", b"x").file("t/y", b"yy");
    files.file("z", b"zzz").file("e", b"")
}

/// What is sent, and the exit status, when the sink sends `input` and no more.
fn sent(line: &str, input: &[u8]) -> (String, u32) {
    let (sent, status, _) = alone(line, files(), input);
    (sent.escape_ascii().to_string(), status)
}

#[test]
fn nothing_is_sent_before_the_sink_is_ready() {
    assert_eq!(sent("-f z", b""), (String::new(), 1));
    assert_eq!(sent("-f z", b"\0"), ("C0644 3 z\\n".to_owned(), 1));
    assert_eq!(sent("-f z", b"\0\0"), ("C0644 3 z\\nzzz\\x00".to_owned(), 1));
    assert_eq!(sent("-f z", b"\0\0\0"), ("C0644 3 z\\nzzz\\x00".to_owned(), 0));
    assert_eq!(sent("-f e", b"\0\0\0"), ("C0644 0 e\\n\\x00".to_owned(), 0));
    assert_eq!(sent("-pf z", b"\0"), ("T7 0 7 0\\n".to_owned(), 1));
}

#[test]
fn a_refusal_skips_one_item() {
    let both = "C0644 3 z\\nC0644 0 e\\n\\x00".to_owned();
    assert_eq!(sent("-f z e", b"\0\x01no\n\0\0"), (both, 1));
    // The directory is left out with all that is in it: no E.
    let (text, status) = sent("-rf t z", b"\0\x01no\n\0\0");
    assert_eq!((&*text, status), ("D0755 0 t\\nC0644 3 z\\nzzz\\x00", 1));
    // So with its times.
    let (text, status) = sent("-prf t e", b"\0\x01no\n\0\0\0");
    assert_eq!((&*text, status), ("T7 0 7 0\\nT7 0 7 0\\nC0644 0 e\\n\\x00", 1));
    // What comes after the data is an error too, and after a directory.
    assert_eq!(sent("-f e e", b"\0\0\x01full\n\0\0").1, 1);
    assert_eq!(sent("-rf t", b"\0\0\0\0\0\0\0\0\x01set times\n").1, 1);
    assert_eq!(sent("-rf t", b"\0\0\0\0\0\0\0\0\0").1, 0);
}

#[test]
fn a_fatal_answer_is_the_end() {
    for answer in [&b"\x02no\n"[..], b"what is this?\n", b"\n", &[b'x'; 10_000]] {
        for before in 0..9 {
            let input = [&vec![0; before][..], answer, &[0; 20]].concat();
            let (sent, status, files) = alone("-rf t", files(), &input);
            assert_eq!(status, 1, "{}", sent.escape_ascii());
            let (whole, _, all) = alone("-rf t", files.clone(), &[0; 9]);
            assert!(whole.starts_with(&sent));
            assert!(files.asked.len() < all.asked.len());
        }
    }
}

#[test]
fn the_last_component_is_the_name() {
    for (path, record) in [
        ("z", "C0644 3 z\n"),
        ("./z", "C0644 3 z\n"),
        ("t//y", "C0644 2 y\n"),
        ("t/../z", "C0644 3 z\n"),
        ("/z", "C0644 3 z\n"),
        ("t/", "D0755 0 t\n"),
        ("t/d///", "D0755 0 d\n"),
        (".", "D0755 0 .\n"),
        ("t/.", "D0755 0 .\n"),
        ("t/..", "D0755 0 ..\n"),
        ("/", "D0755 0 \n"),
        ("~", "D0755 0 .\n"),
        ("~/t", "D0755 0 t\n"),
        ("''", "D0755 0 .\n"),
    ] {
        let (sent, _, _) = alone(&format!("-rf {path}"), files(), b"\0");
        assert_eq!(sent.escape_ascii().to_string(), record.escape_default().to_string(), "{path}");
    }
}

#[test]
fn what_is_not_there_is_told_safely() {
    for (path, line) in [
        ("nil", "\x01scp: nil: No such file or directory\n"),
        ("~ada/x", "\x01scp: ~ada/x: No such file or directory\n"),
        ("'a\x1b[2J\n'", "\x01scp: a\\^[[2J\\^J: No such file or directory\n"),
        ("z/x", "\x01scp: z/x: Not a directory\n"),
        ("'t/*'", "\x01scp: t/*: No such file or directory\n"),
    ] {
        let (sent, status, _) = alone(&format!("-f {path}"), files(), b"\0");
        assert_eq!(
            (sent.escape_ascii().to_string(), status),
            (line.as_bytes().escape_ascii().to_string(), 1)
        );
    }
}

#[test]
fn a_file_that_became_something_else_is_not_sent() {
    // What is told of the opened file counts, not what was there before.
    let word = super::super::split(b"-f z").unwrap();
    let mut source = Source::new(Options::parse(&word).unwrap());
    let facts = |kind| Told::Facts(Facts { kind, size: 3, mode: 0o644, atime: 0, mtime: 0 });
    assert_eq!(source.input(b"\0"), 1);
    assert_eq!(source.poll(), Ask::Stat(b"z".to_vec()));
    source.told(facts(Kind::File));
    assert_eq!(source.poll(), Ask::OpenToRead(b"z".to_vec()));
    source.told(facts(Kind::Special));
    assert_eq!(source.take_output(), b"\x01scp: z: not a regular file\n");
    assert_eq!(source.poll(), Ask::CloseFile);
    source.told(Told::Done);
    assert_eq!(source.poll(), Ask::Done(1));
}

#[test]
fn a_name_that_no_record_has_room_for_is_skipped() {
    let long = "n".repeat(NAME_BYTES_MAX + 1);
    let files = files().file(&long, b"l").with("m".repeat(400).as_bytes(), Node::Dir, 0o755);
    let (sent, status, _) = alone(&format!("-f {long} e"), files, b"\0\0\0");
    assert_eq!(status, 1);
    assert!(sent.ends_with(b": File name too long\nC0644 0 e\n\0"));
}

proptest! {
    #[test]
    fn no_answers_break_it(
        answers in prop::collection::vec(
            prop_oneof![
                Just(vec![0]), Just(vec![0]), Just(vec![0]), Just(b"\x01no\n".to_vec()),
                prop::collection::vec(any::<u8>(), 0..4),
            ],
            0..40,
        ),
        preserve in any::<bool>(),
    ) {
        let line = if preserve { "-prf t z nil t/*" } else { "-rf t z nil t/*" };
        let (_, status, files) = alone(line, files(), &answers.concat());
        prop_assert!(status <= 1);
        for ask in files.asked {
            let writes = matches!(
                ask,
                Ask::OpenToWrite { .. } | Ask::MakeDir { .. } | Ask::SetPath { .. }
                    | Ask::SetAttrs { .. } | Ask::SetSize(_) | Ask::Receive { .. }
            );
            prop_assert!(!writes, "{ask:?}");
        }
    }
}
