use proptest::prelude::*;

use super::super::Facts;
use super::super::limits::LINE_BYTES_MAX;
use super::super::split;
use super::super::tests::drive::alone;
use super::super::tests::memory::{Memory, NOW, Node};
use super::*;

/// What is answered and the exit status, when the source sends `input` and no more.
fn sink(line: &str, files: Memory, input: &[u8]) -> (String, u32, Memory) {
    let (answered, status, files) = alone(line, files, input);
    (answered.escape_ascii().to_string(), status, files)
}

/// The same with a target that is a directory, in which nothing may come into being.
fn refused(line: &str, input: &[u8]) -> String {
    let (answered, status, files) = sink(line, target(), input);
    assert_eq!((status, files.names()), (1, target().names()), "{}", input.escape_ascii());
    answered
}

fn target() -> Memory {
    Memory::new().dir("in").dir("in/d").file("secret", b"s")
}

#[test]
fn a_file_is_received() {
    for (line, path) in [("-t in", "in/a"), ("-t in/b", "in/b"), ("-dt ~/in/", "in/a")] {
        let (answered, status, files) = sink(line, target(), b"C0640 3 a\nabc\0");
        assert_eq!((&*answered, status), ("\\x00\\x00\\x00", 0), "{line}");
        assert_eq!(files.bytes(path), Some(&b"abc"[..]), "{line}");
        assert_eq!(files.entries[path.as_bytes()].times, NOW);
        assert_eq!(files.entries[path.as_bytes()].mode, 0o640);
    }
    let (answered, status, files) = sink("-t in", target(), b"C0644 0 a\n\0");
    assert_eq!((&*answered, status, files.bytes("in/a")), ("\\x00\\x00\\x00", 0, Some(&b""[..])));
}

#[test]
fn times_and_modes_are_for_one_file() {
    let input = b"T5 0 4 0\nC4755 1 a\na\0C0644 1 b\nb\0";
    let (_, status, files) = sink("-pt in", target(), input);
    let entry = |path: &str| files.entries[path.as_bytes()].clone();
    assert_eq!((status, entry("in/a").times, entry("in/b").times), (0, (4, 5), NOW));
    assert_eq!((entry("in/a").mode, entry("in/b").mode), (0o4755, 0o644));
    // Times out of range are no reason to refuse the file.
    let (_, status, files) = sink("-pt in", target(), b"T4294967296 0 4 0\nC0644 1 a\na\0");
    assert_eq!((status, files.entries[&b"in/a"[..]].times), (0, NOW));
    // Times of what was refused are not for the next.
    let mut closed = target();
    closed.closed.insert(b"in/a".to_vec());
    let (_, status, files) = sink("-pt in", closed, b"T5 0 4 0\nC0644 1 a\nC0644 1 b\nb\0");
    assert_eq!((status, files.entries[&b"in/b"[..]].times), (1, NOW));
}

#[test]
fn without_p_set_id_bits_are_dropped() {
    let (_, _, files) = sink("-rt in", target(), b"D7755 0 x\nC6777 1 a\na\0E\n");
    assert_eq!(files.entries[&b"in/x"[..]].mode, 0o755);
    assert_eq!(files.entries[&b"in/x/a"[..]].mode, 0o755);
}

#[test]
fn a_directory_is_writable_until_it_is_left() {
    let input = b"D0555 0 x\nC0444 1 a\na\0E\n";
    let (_, status, files) = sink("-rt in", target(), input);
    assert_eq!((status, files.entries[&b"in/x"[..]].mode), (0, 0o555));
    let made = files.asked.iter().find_map(|ask| match ask {
        Ask::MakeDir { mode, .. } => *mode,
        _ => None,
    });
    assert_eq!(made, Some(0o755));
    // One that was there keeps its mode, unless -p says otherwise.
    let (_, _, files) = sink("-rt in", target(), b"D0700 0 d\nE\n");
    assert_eq!(files.entries[&b"in/d"[..]].mode, 0o755);
    let (_, _, files) = sink("-prt in", target(), b"T5 0 4 0\nD0700 0 d\nE\n");
    let entry = &files.entries[&b"in/d"[..]];
    assert_eq!((entry.mode, entry.times), (0o700, (4, 5)));
    // The end of input leaves too.
    let (_, status, files) = sink("-rt in", target(), b"D0555 0 x\nD0500 0 y\n");
    assert_eq!((status, files.entries[&b"in/x"[..]].mode), (0, 0o555));
    assert_eq!(files.entries[&b"in/x/y"[..]].mode, 0o500);
}

#[test]
fn a_directory_may_get_another_name() {
    let (answered, status, files) = sink("-rt new", target(), b"D0755 0 x\nC0644 1 a\na\0E\n");
    assert_eq!((&*answered, status), ("\\x00\\x00\\x00\\x00\\x00", 0));
    assert_eq!(files.bytes("new/a"), Some(&b"a"[..]));
}

#[test]
fn a_target_that_has_to_be_a_directory() {
    for (line, told) in [
        ("-dt secret", "\\x01scp: secret: Not a directory\\n"),
        ("-dt nil", "\\x01scp: nil: No such file or directory\\n"),
        ("-t ~ada", "\\x01scp: ~ada: No such file or directory\\n"),
    ] {
        assert_eq!(refused(line, b"C0644 1 a\na\0"), told);
    }
}

#[test]
fn a_target_may_be_a_pattern_for_one_path() {
    let (_, status, files) = sink("-t i*", target(), b"C0644 1 a\na\0");
    assert_eq!((status, files.bytes("in/a")), (0, Some(&b"a"[..])));
    let (_, status, files) = sink("-t new*", target(), b"C0644 1 a\na\0");
    assert_eq!((status, files.bytes("new*")), (0, Some(&b"a"[..])));
    assert_eq!(refused("-t *", b"C0644 1 a\na\0"), "\\x01scp: ambiguous target\\n");
}

#[test]
fn protocol_errors_are_told_once_and_end_it() {
    let cases: [(&[u8], &str); 13] = [
        (b"\n", "unexpected <newline>"),
        (b"hello\n", "expected control record"),
        (b"\0\n", "expected control record"),
        (b"C0999 1 a\n", "bad mode"),
        (b"C07777 1 a\n", "mode not delimited"),
        (b"C0644 -1 a\n", "size not present"),
        (b"C0644 9223372036854775808 a\n", "size out of range"),
        (b"C0644 18446744073709551617 a\n", "size out of range"),
        (b"T1 2000000 1 0\n", "times not delimited"),
        (b"T1 0 1\n", "times not delimited"),
        (b"D0755 0 x\n", "received directory without -r"),
        (b"C0644 1", "lost connection"),
        (b"C", "lost connection"),
    ];
    for (input, why) in cases {
        let told = format!("\\x00\\x01scp: protocol error: {why}\\n");
        assert_eq!(refused("-t in", input), told, "{}", input.escape_ascii());
        if input.ends_with(b"\n") {
            let more = [input, b"C0644 1 a\na\0"].concat();
            assert_eq!(refused("-t in", &more), told, "it goes on after {}", input.escape_ascii());
        }
    }
    let long = [&b"C0644 1 "[..], &[b'a'; LINE_BYTES_MAX]].concat();
    assert_eq!(refused("-t in", &long), "\\x00\\x01scp: protocol error: line too long\\n");
}

fn unexpected(name: &str) {
    let told = format!("\\x00\\x01scp: error: unexpected filename: {name}\\n");
    for record in ["C0644 1", "D0755 0"] {
        let input = format!("{record} {name}\nC0644 1 x\nx\0");
        assert_eq!(refused("-rt in", input.as_bytes()), told);
        // The name of a single file is not used, and still has to be one.
        assert_eq!(refused("-rt in/new", input.as_bytes()), told);
    }
}

#[test]
fn cve_2018_20685_a_name_that_is_the_target_itself() {
    unexpected("");
    unexpected(".");
}

#[test]
fn cve_2019_6111_a_name_with_a_path_in_it() {
    unexpected("../secret");
    unexpected("/secret");
    unexpected("d/../../secret");
    unexpected("d/x");
    unexpected("d/");
}

#[test]
fn cve_2000_0992_directories_that_lead_up() {
    unexpected("..");
    let told = refused("-rt in", b"D0755 0 ..\nD0755 0 ..\nC0644 1 secret\nx\0E\nE\n");
    assert_eq!(told, "\\x00\\x01scp: error: unexpected filename: ..\\n");
    // More ends than beginnings do not lead up either: the first one too many is the end.
    let (answered, status, files) = sink("-rt in/d", target(), b"E\nC0644 1 secret\nx\0");
    assert_eq!((&*answered, status), ("\\x00\\x00", 0));
    assert_eq!(files.names(), target().names());
}

#[test]
fn cve_2019_6109_names_do_not_reach_a_terminal_as_they_are() {
    let told = refused("-t in", b"C0644 1 \x1b[2K\r/\n");
    assert_eq!(told, "\\x00\\x01scp: error: unexpected filename: \\\\^[[2K\\\\^M/\\n");
}

#[test]
fn messages_of_the_source_are_counted() {
    let (answered, status, files) = sink("-t in", target(), b"\x01scp: a: gone\nC0644 1 b\nb\0");
    assert_eq!((&*answered, status), ("\\x00\\x00\\x00", 1));
    assert_eq!(files.bytes("in/b"), Some(&b"b"[..]));
    assert_eq!(refused("-t in", b"\x02scp: no\nC0644 1 b\nb\0"), "\\x00");
    // After a file: the source could not read all of it.
    let input = b"C0644 2 a\na\0\x01scp: a: I/O error\nC0644 1 b\nb\0";
    let (answered, status, files) = sink("-t in", target(), input);
    assert_eq!((&*answered, status), ("\\x00\\x00\\x00\\x00\\x00", 1));
    assert_eq!(files.bytes("in/b"), Some(&b"b"[..]));
    let (answered, status, _) = sink("-t in", target(), b"C0644 1 a\na\x02no\nC0644 1 b\nb\0");
    assert_eq!((&*answered, status), ("\\x00\\x00", 1));
}

#[test]
fn a_source_that_sends_less_than_it_said() {
    let old = || target().file("in/a", b"0123456789");
    let (answered, status, files) = sink("-pt in", old(), b"T1 0 1 0\nC0600 8 a\nabc");
    assert_eq!((&*answered, status), ("\\x00\\x00\\x00", 1));
    // What came is there; nothing is cut, and no time says that it is whole.
    assert_eq!(files.bytes("in/a"), Some(&b"abc3456789"[..]));
    assert_eq!(files.entries[&b"in/a"[..]].times, NOW);
    let (answered, status, _) = sink("-t in", old(), b"C0644 3 a\nabc");
    assert_eq!((&*answered, status), ("\\x00\\x00", 1), "its last word is missing");
    let (_, status, _) = sink("-t in", target(), b"C0644 9223372036854775807 a\nabc");
    assert_eq!(status, 1);
}

#[test]
fn a_source_that_sends_more_than_it_said() {
    let (answered, status, files) = sink("-t in", target(), b"C0644 2 a\nabcdef\0");
    assert_eq!((&*answered, status), ("\\x00\\x00", 1));
    assert_eq!(files.bytes("in/a"), Some(&b"ab"[..]));
}

#[test]
fn special_files_and_directories_are_not_written_to() {
    let files = || target().with(b"in/pipe", Node::Special, 0o644);
    for (name, told) in [("pipe", "not a regular file"), ("d", "Is a directory")] {
        let input = format!("C0644 1 {name}\nC0644 1 b\nb\0");
        let (answered, status, files) = sink("-t in", files(), input.as_bytes());
        let told = format!("\\x00\\x01scp: in/{name}: {told}\\n\\x00\\x00");
        assert_eq!((answered, status), (told, 1));
        assert_eq!(files.bytes("in/b"), Some(&b"b"[..]));
    }
}

#[test]
fn directories_are_bounded_in_depth_and_length() {
    let input = b"D0755 0 x\n".repeat(DEPTH_MAX + 5);
    let (answered, status, files) = sink("-rt in", target(), &input);
    assert_eq!(status, 1);
    assert_eq!(answered.matches("Too many levels of directories").count(), 5);
    assert_eq!(files.names().len(), target().names().len() + DEPTH_MAX);

    // Even where whoever has the files would take it.
    let options = Options::parse(&split(b"-rt in").unwrap()).unwrap();
    let mut sink = Sink::new(options);
    sink.told(found(Kind::Directory));
    let (name, mut path) = ("x".repeat(1000), "in".to_owned());
    let record = format!("D0755 0 {name}\n");
    for _ in 0..4 {
        path = format!("{path}/{name}");
        assert_eq!(sink.input(record.as_bytes()), record.len());
        assert_eq!(sink.poll(), Ask::Stat(path.clone().into_bytes()));
        sink.told(found(Kind::Directory));
    }
    assert_eq!(sink.take_output(), [0; 5]);
    assert_eq!(sink.input(record.as_bytes()), record.len());
    sink.told(found(Kind::Directory));
    assert!(sink.take_output().ends_with(b": File name too long\n"));
    assert_eq!(sink.poll(), Ask::Input);
}

fn found(kind: Kind) -> Told {
    Told::Facts(Facts { kind, size: 0, mode: 0o644, atime: 0, mtime: 0 })
}

#[test]
fn input_is_left_alone_while_something_else_is_asked_for() {
    let options = Options::parse(&split(b"-t a").unwrap()).unwrap();
    let mut sink = Sink::new(options);
    let bytes = b"C0644 3 a\nabc\0C0644 1 b\n";
    assert_eq!(sink.poll(), Ask::Stat(b"a".to_vec()));
    assert_eq!((sink.input(bytes), sink.take_output()), (0, Vec::new()));
    sink.told(Told::Failed("none".to_owned()));
    assert_eq!((sink.poll(), sink.take_output()), (Ask::Input, vec![0]));
    assert_eq!(sink.input(bytes), 10);
    assert_eq!(sink.poll(), Ask::OpenToWrite { path: b"a".to_vec(), mode: Some(0o644) });
    assert_eq!((sink.input(b"abc"), sink.take_output()), (0, Vec::new()));
    sink.told(found(Kind::File));
    assert_eq!((sink.poll(), sink.take_output()), (Ask::Receive { bytes: 3 }, vec![0]));
    assert_eq!(sink.input(b"abc"), 0);
    sink.told(Told::Done);
    assert_eq!((sink.poll(), sink.input(b"\0C0644")), (Ask::Input, 1));
    for ask in [Ask::SetSize(3), Ask::CloseFile] {
        assert_eq!((sink.poll(), sink.take_output()), (ask, Vec::new()));
        sink.told(Told::Done);
    }
    assert_eq!((sink.poll(), sink.take_output()), (Ask::Input, vec![0]));
}

/// Whether `path` is the target or below it by its text.
fn is_inside(path: &[u8]) -> bool {
    path.strip_prefix(b"in").is_some_and(|below| match below {
        [] => true,
        [b'/', names @ ..] => {
            names.split(|byte| *byte == b'/').all(crate::scp::record::is_component)
        }
        _ => false,
    })
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let names = prop_oneof![
        Just("a".to_owned()),
        Just("d".to_owned()),
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just("../secret".to_owned()),
        "[a-c./\\\\ ]{0,4}",
    ];
    prop_oneof![
        (names.clone(), 0..4_usize).prop_map(|(name, size)| {
            [format!("C0644 {size} {name}\n").into_bytes(), vec![b'x'; size], vec![0]].concat()
        }),
        names.prop_map(|name| format!("D0755 0 {name}\n").into_bytes()),
        Just(b"E\n".to_vec()),
        Just(b"T1 0 1 0\n".to_vec()),
        Just(b"\x01no\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ]
}

proptest! {
    #[test]
    fn nothing_outside_the_target_is_asked_for(
        pieces in prop::collection::vec(pieces(), 0..24),
        line in prop_oneof![Just("-rt in"), Just("-t in"), Just("-prt in"), Just("-drt in")],
    ) {
        let (_, status, files) = alone(line, target(), &pieces.concat());
        prop_assert!(status <= 1);
        prop_assert_eq!(files.bytes("secret"), Some(&b"s"[..]));
        for ask in &files.asked {
            let inside = match ask {
                Ask::Stat(path) | Ask::OpenToWrite { path, .. } | Ask::MakeDir { path, .. }
                | Ask::SetPath { path, .. } => is_inside(path),
                Ask::Receive { .. } | Ask::SetSize(_) | Ask::SetAttrs { .. }
                | Ask::CloseFile => true,
                _ => false,
            };
            prop_assert!(inside, "{ask:?}");
        }
    }
}
