//! Whole copies: a source against a sink, each with files of its own.

use super::limits::DEPTH_MAX;

pub(super) mod drive;
pub(super) mod memory;
mod openssh;

use drive::{Copied, copy};
use memory::{Memory, NOW, Node};

const PIECES: [usize; 4] = [1, 2, 7, 4096];

fn ok(copied: &Copied) {
    let answered = copied.answered.escape_ascii();
    let status = (copied.from.status, copied.to.status);
    assert_eq!(status, (Some(0), Some(0)), "{answered}");
    assert!(copied.answered.iter().all(|byte| *byte == 0), "{answered}");
}

fn failed(copied: &Copied) {
    assert_eq!((copied.from.status, copied.to.status), (Some(1), Some(1)));
}

fn has(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

/// Every kind of name and file that a tree can have.
fn tree() -> Memory {
    let mut files = Memory::new().dir("t").dir("t/empty").dir("t/a b").dir("t/a b/deep");
    files = files
        .file("t/nothing", b"")
        .file("t/a b/two words", b"two words")
        .file("t/a b/deep/it's \"quoted\"", &vec![b'q'; 10_000])
        .file("t/日本語 é", b"utf-8")
        .file("t/C0644 3 x", b"E\nC0644 0 y\n\0\x01\x02")
        .file("t/~", b"tilde")
        .file("t/-r", b"option")
        .file("t/$x;*?[a]\\", b"shell")
        .file("t/.hidden", b"dot")
        .with(b"t/\xff\xfe", Node::File(b"bytes".to_vec()), 0o600)
        .with(b"t/exec", Node::File(b"#!".to_vec()), 0o4755)
        .with(b"t/readonly", Node::File(b"r".to_vec()), 0o444)
        .with(b"t/closed", Node::Dir, 0o1555)
        .file("t/closed/in", b"in");
    for (number, entry) in (1..).zip(files.entries.values_mut()) {
        entry.times = (1_000_000_000 + number, 4_000_000_000 + number);
    }
    files
}

#[test]
fn a_tree_arrives_as_it_is() {
    for piece_bytes in PIECES {
        let wanted = tree();
        let copied = copy(("-rpf t", tree()), ("-rpt .", Memory::new()), piece_bytes);
        ok(&copied);
        let got = &copied.to.files;
        assert_eq!(got.names(), wanted.names(), "pieces of {piece_bytes}");
        for (path, entry) in wanted.entries.iter().filter(|(path, _)| !path.is_empty()) {
            assert_eq!(&got.entries[path], entry, "{}", path.escape_ascii());
        }
    }
}

#[test]
fn without_p_modes_are_masked_and_times_are_new() {
    let copied = copy(("-rf t", tree()), ("-rt .", Memory::new()), 7);
    ok(&copied);
    let got = |path: &str| &copied.to.files.entries[path.as_bytes()];
    assert_eq!(copied.to.files.names(), tree().names());
    assert_eq!((got("t/exec").mode, got("t/exec").times), (0o755, NOW));
    assert_eq!((got("t/closed").mode, got("t/closed").times), (0o555, NOW));
    assert_eq!(got("t/readonly").mode, 0o444);
    assert!(!copied.sent.starts_with(b"T"));
}

#[test]
fn a_name_with_a_newline_is_told_as_openssh_tells_it() {
    let files = Memory::new().dir("t").file("t/a\nE\nb", b"x");
    for piece_bytes in PIECES {
        let copied = copy(("-rf t", files.clone()), ("-rt .", Memory::new()), piece_bytes);
        ok(&copied);
        assert_eq!(copied.to.files.names(), ["t", r"t/a\\^JE\\^Jb"]);
    }
}

#[test]
fn one_file_gets_the_name_that_was_asked_for() {
    let files = || Memory::new().file("a", b"new");
    let copied = copy(("-f a", files()), ("-t b", Memory::new()), 2);
    ok(&copied);
    assert_eq!(copied.to.files.bytes("b"), Some(&b"new"[..]));
    assert_eq!(copied.sent, b"C0644 3 a\nnew\0");

    let copied = copy(("-f a", files()), ("-t d/", Memory::new().dir("d")), 2);
    ok(&copied);
    assert_eq!(copied.to.files.names(), ["d", "d/a"]);
}

#[test]
fn a_longer_file_is_overwritten_and_cut_and_keeps_its_mode() {
    let old = Memory::new().with(b"b", Node::File(b"much longer".to_vec()), 0o600);
    let copied = copy(("-f a", Memory::new().file("a", b"new")), ("-t b", old), 4096);
    ok(&copied);
    assert_eq!(copied.to.files.bytes("b"), Some(&b"new"[..]));
    assert_eq!(copied.to.files.entries[&b"b"[..]].mode, 0o600);
}

#[test]
fn patterns_and_several_paths() {
    let files = || {
        let files = Memory::new().dir("x").dir("y").file("a*", b"star").file("c.txt", b"c");
        files
            .file("x/1.txt", b"1")
            .file("x/2.log", b"2")
            .file("y/3.txt", b"3")
            .file("y/.4.txt", b"4")
    };
    for (line, names) in [
        ("-f ?/*.txt", &["1.txt", "3.txt"][..]),
        ("-f */[12]*", &["1.txt", "2.log"]),
        ("-f c.txt ~/x/2.log 'a*'", &["2.log", "a*", "c.txt"]),
        ("-f ~/y/.*.txt a\\*", &[".4.txt", "a*"]),
        ("-f /x/*", &["1.txt", "2.log"]),
        ("-f *.txt x/1.txt", &["1.txt", "c.txt"]),
    ] {
        let copied = copy((line, files()), ("-d -t .", Memory::new()), 4096);
        ok(&copied);
        assert_eq!(copied.to.files.names(), names, "{line}");
    }
    let copied = copy(("-f no* c.txt", files()), ("-d -t .", Memory::new()), 4096);
    failed(&copied);
    assert!(copied.sent.starts_with(b"\x01scp: no*: No such file or directory\n"));
    assert_eq!(copied.to.files.names(), ["c.txt"]);
}

#[test]
fn what_cannot_be_sent_is_told_and_the_rest_goes_on() {
    let mut files = Memory::new().dir("t").dir("t/shut").file("t/shut/x", b"x").file("t/ok", b"ok");
    files = files.file("t/secret", b"s").with(b"t/pipe", Node::Special, 0o644);
    files = files.with(b"t/dangling", Node::Link(b"nowhere".to_vec()), 0o777);
    files = files.with(b"t/link", Node::Link(b"t/ok".to_vec()), 0o777);
    files.closed.extend([b"t/shut".to_vec(), b"t/secret".to_vec()]);
    for piece_bytes in PIECES {
        let copied = copy(("-rf t", files.clone()), ("-rt .", Memory::new()), piece_bytes);
        failed(&copied);
        assert_eq!(copied.to.files.names(), ["t", "t/link", "t/ok"]);
        for line in [
            "\x01scp: t/shut: Permission denied\n",
            "\x01scp: t/secret: Permission denied\n",
            "\x01scp: t/pipe: not a regular file\n",
            "\x01scp: t/dangling: No such file or directory\n",
        ] {
            assert!(has(&copied.sent, line), "{line}");
        }
        let opened = |ask: &super::Ask| format!("{ask:?}").starts_with("OpenToRead");
        assert_eq!(copied.from.files.asked.iter().filter(|ask| opened(ask)).count(), 3);
    }
}

#[test]
fn a_directory_needs_r() {
    let files = Memory::new().dir("t").file("t/x", b"x").file("y", b"y");
    let copied = copy(("-f t y", files), ("-t .", Memory::new()), 7);
    failed(&copied);
    assert_eq!(copied.to.files.names(), ["y"]);
    assert!(copied.sent.starts_with(b"\x01scp: t: not a regular file\n"));
}

#[test]
fn a_read_error_fills_up_with_zeros() {
    for piece_bytes in PIECES {
        let mut files = Memory::new().file("bad", b"12345678").file("good", b"good");
        files.unreadable.insert(b"bad".to_vec(), 3);
        let copied = copy(("-f bad good", files), ("-d -t .", Memory::new()), piece_bytes);
        failed(&copied);
        assert!(has(&copied.sent, "123\0\0\0\0\0\x01scp: bad: Input/output error\n"));
        assert_eq!(copied.to.files.bytes("good"), Some(&b"good"[..]));
    }
}

#[test]
fn a_file_that_cannot_be_written_is_answered_once() {
    for piece_bytes in PIECES {
        let files = Memory::new().file("big", &[b'x'; 100]).file("empty", b"");
        let mut full = Memory::new();
        full.room_bytes = 60;
        let copied = copy(("-f big empty", files), ("-d -t .", full), piece_bytes);
        failed(&copied);
        let answers = b"\0\0\x01scp: ./big: No space left on device\n\0\0";
        assert_eq!(copied.answered, answers, "{}", copied.answered.escape_ascii());
        assert_eq!(copied.to.files.bytes("empty"), Some(&b""[..]));
    }
}

#[test]
fn what_the_sink_refuses_is_skipped() {
    let files = Memory::new().dir("t").dir("t/no").file("t/no/x", b"x").file("t/ok", b"ok");
    let files = files.file("t/shut", b"s");
    let mut target = Memory::new();
    target.closed.extend([b"t/no".to_vec(), b"t/shut".to_vec()]);
    for piece_bytes in PIECES {
        let source = ("-rpf t", files.clone());
        let copied = copy(source, ("-rpt .", target.clone()), piece_bytes);
        failed(&copied);
        assert_eq!(copied.to.files.names(), ["t", "t/ok"]);
    }
    // A file stands where the directory would.
    let target = Memory::new().dir("t").file("t/no", b"file");
    let copied = copy(("-rf t", files), ("-rt .", target), 7);
    failed(&copied);
    assert!(has(&copied.answered, "\x01scp: ./t/no: Not a directory\n"));
    assert_eq!(copied.to.files.bytes("t/no"), Some(&b"file"[..]));
    assert_eq!(copied.to.files.bytes("t/ok"), Some(&b"ok"[..]));
}

#[test]
fn an_error_on_closing_is_told() {
    let mut target = Memory::new();
    target.late_error = Some("Disk quota exceeded");
    let copied = copy(("-f a", Memory::new().file("a", b"a")), ("-t .", target), 7);
    failed(&copied);
    assert_eq!(copied.answered, b"\0\0\x01scp: ./a: Disk quota exceeded\n");
}

#[test]
fn a_loop_of_links_ends() {
    let files = Memory::new().dir("t").file("t/x", b"x");
    let files = files.with(b"t/up", Node::Link(b"t".to_vec()), 0o777);
    let copied = copy(("-rf t", files), ("-rt .", Memory::new()), 4096);
    failed(&copied);
    assert!(has(&copied.sent, "Too many levels of symbolic links"));
}

#[test]
fn a_tree_that_is_too_deep_is_cut_off() {
    let mut files = Memory::new();
    let mut path = String::from("d");
    for _ in 0..DEPTH_MAX + 2 {
        files = files.dir(&path).file(&format!("{path}/f"), b"f");
        path += "/d";
    }
    let copied = copy(("-rf d", files), ("-rt .", Memory::new()), 4096);
    failed(&copied);
    assert!(has(&copied.sent, "Too many levels of directories"));
    let made = copied.to.files.names();
    assert_eq!(made.iter().filter(|name| name.ends_with('d')).count(), DEPTH_MAX);
    assert_eq!(made.iter().filter(|name| name.ends_with('f')).count(), DEPTH_MAX);
}
