//! Names that break quoting, both as names in records and as words of the command.

use std::fs;

use super::{Scene, names_in};

/// `ran` would be made by a shell that was given the name as it stands.
const NAMES: [&str; 25] = [
    "with space",
    " leading",
    "trailing ",
    "quo'te",
    "dou\"ble",
    "'both' \"kinds\"",
    "$(touch ran)",
    "`touch ran`",
    "$HOME",
    "back\\slash",
    "back\\\\slashes\\",
    "; touch ran",
    "a&b|c>ran<d",
    "naïve é",
    "日本語 🦀",
    "glob[1]*?",
    "star*",
    "{brace,s}",
    "~tilde",
    "#hash",
    "!bang!",
    "-dash",
    "tab\there",
    "%s%n",
    "paren(s)",
];

/// Between single quotes, as rclone and careful people do it.
fn in_single_quotes(name: &str) -> String {
    format!("'{}'", name.replace('\'', "'\\''"))
}

/// Between double quotes with what is special there escaped.
fn in_double_quotes(name: &str) -> String {
    let escaped = name.chars().flat_map(|c| match c {
        '\\' | '"' | '$' | '`' => vec!['\\', c],
        _ => vec![c],
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// A backslash before whatever is no letter and no digit.
fn with_backslashes(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || !c.is_ascii();
    name.chars().flat_map(|c| if plain(c) { vec![c] } else { vec!['\\', c] }).collect()
}

#[test]
fn names_in_records() {
    let scene = Scene::start();
    let up = scene.make_local_folder("up");
    for name in NAMES {
        fs::write(scene.scratch.path("up").join(name), name).expect("write");
    }
    scene.make_folder("in");
    let sources = NAMES.map(|name| format!("{up}/{name}"));
    let sources: Vec<&str> = sources.iter().map(|source| &source[..]).collect();
    scene.scp(&[&sources[..], &[&scene.far("in")]].concat()).expect_success();
    let mut sorted = NAMES;
    sorted.sort_unstable();
    assert_eq!(names_in(&scene.served("in")), sorted);
    for name in NAMES {
        scene.expect_served(&format!("in/{name}"), name);
    }
    scene.scp(&["-r", &scene.far("in"), &scene.local("back")]).expect_success();
    assert_eq!(names_in(&scene.scratch.path("back")), sorted);
    for name in NAMES {
        scene.expect_local(&format!("back/{name}"), name);
    }
}

/// Each name in each way to quote it, to the server and from it.
#[test]
fn names_in_commands() {
    let scene = Scene::start();
    scene.make_folder("in");
    let source = scene.write_local("source");
    let ways = [in_single_quotes, in_double_quotes, with_backslashes];
    for (index, name) in NAMES.into_iter().chain(["new\nline"]).enumerate() {
        // One way up, the next one down: in all, every way for every kind of name.
        let up = ways[index % 3](name);
        let down = if name.contains('\n') { in_single_quotes } else { ways[(index + 1) % 3] }(name);
        scene.scp(&[&source, &scene.far(&format!("in/{up}"))]).expect_success();
        scene.expect_served(&format!("in/{name}"), "source");
        // The client compares the name that comes with the word it sent, quotes and all, unless
        // told not to (`-T`).
        let back = scene.local("back");
        scene.scp(&["-T", &scene.far(&format!("in/{down}")), &back]).expect_success();
        scene.expect_local("back", "source");
        fs::remove_file(&back).expect("remove");
    }
    let mut expected: Vec<&str> = NAMES.into_iter().chain(["new\nline"]).collect();
    expected.sort_unstable();
    assert_eq!(names_in(&scene.served("in")), expected);
}

/// Quotes in the middle of a word, a pattern beside them, and what is quoted is no pattern.
#[test]
fn quotes_and_patterns_in_one_word() {
    let scene = Scene::start();
    scene.make_folder("in it");
    for name in ["a b.txt", "a c.txt", "a*c.txt", "b.txt"] {
        scene.write_served(&format!("in it/{name}"));
    }
    for (number, (word, expected)) in [
        ("'in it'/a*", &["a b.txt", "a c.txt", "a*c.txt"][..]),
        ("in\\ it/'a '*.txt", &["a b.txt", "a c.txt"]),
        ("\"in it\"/'a*'*", &["a*c.txt"]),
        ("in' 'it/a\\*c.txt", &["a*c.txt"]),
        ("in?it/?.txt", &["b.txt"]),
    ]
    .iter()
    .enumerate()
    {
        let back = scene.make_local_folder(&format!("back-{number}"));
        scene.scp(&["-T", &scene.far(word), &back]).expect_success();
        assert_eq!(names_in(back.as_ref()), *expected, "{word}");
    }
}

/// A record is a line, so a name with a newline goes as `\^J` in it, and nobody takes that back.
#[test]
fn newlines_in_records_are_encoded() {
    let scene = Scene::start();
    scene.make_folder("in");
    let source = scene.write_local("two\nlines");
    scene.scp(&[&source, &scene.far("in")]).expect_success();
    assert_eq!(names_in(&scene.served("in")), ["two\\^Jlines"]);
    scene.make_folder("out");
    scene.write_served("out/two\nlines");
    let back = scene.local("back");
    scene.scp(&["-r", &scene.far("out"), &back]).expect_success();
    assert_eq!(names_in(back.as_ref()), ["two\\^Jlines"]);
    scene.expect_local("back/two\\^Jlines", "out/two\nlines");
}

/// Bytes that are no UTF-8 are a name like any other.
#[test]
fn names_that_are_no_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let scene = Scene::start();
    let name = OsStr::from_bytes(b"caf\xe9");
    let up = scene.make_local_folder("up");
    fs::write(scene.scratch.path("up").join(name), "latin").expect("write");
    scene.scp(&["-r", &up, &scene.far("in")]).expect_success();
    super::expect_content(&scene.served("in").join(name), "latin");
    scene.scp(&["-r", &scene.far("in"), &scene.local("back")]).expect_success();
    super::expect_content(&scene.scratch.path("back").join(name), "latin");
}
