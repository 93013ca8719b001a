use super::super::split;
use super::super::tests::memory::Memory;
use super::*;

/// The paths that a word stands for; `None`: too many.
fn expanded(word: &str, mut files: Memory) -> Option<Vec<String>> {
    let word = split(word.as_bytes()).unwrap().remove(0);
    let mut progress = Expansion::begin(&word);
    loop {
        match progress {
            Progress::On(expansion) => {
                let ask = expansion.ask();
                let told = files.carry_out(&ask, &mut Vec::new(), false, &mut Vec::new());
                progress = expansion.told(told.unwrap());
            }
            Progress::Over(paths) => {
                assert!(files.is_closed());
                return Some(paths.iter().map(|it| it.escape_ascii().to_string()).collect());
            }
            Progress::TooMany(literal) => {
                assert!(files.is_closed());
                assert_eq!(literal, word.text);
                return None;
            }
        }
    }
}

fn files() -> Memory {
    let files = Memory::new().dir("a").dir("a/b").dir("c").dir("c/b").dir(".d").dir("[x]");
    let files = files.file("a/1", b"").file("a/2", b"").file("a/b/3", b"").file("c/b/3", b"");
    files.file("f", b"").file(".g", b"").file("[x]/y", b"").file("*", b"").file("a-", b"")
}

#[test]
fn components_are_replaced_one_by_one() {
    for (word, paths) in [
        ("*", &["*", "[x]", "a", "a-", "c", "f"][..]),
        ("./*", &["./*", "./[x]", "./a", "./a-", "./c", "./f"]),
        ("/*", &["/*", "/[x]", "/a", "/a-", "/c", "/f"]),
        (".*", &[".d", ".g"]),
        ("a/*", &["a/1", "a/2", "a/b"]),
        ("a//*", &["a/1", "a/2", "a/b"]),
        ("*/b", &["a/b", "c/b"]),
        ("*/b/*", &["a/b/3", "c/b/3"]),
        ("*/*/3", &["a/b/3", "c/b/3"]),
        ("*/", &["[x]/", "a/", "c/"]),
        ("a/*/", &["a/b/"]),
        ("?/b/", &["a/b", "c/b"]),
        ("[ac]", &["a", "c"]),
        ("[!ac]", &["*", "f"]),
        ("?", &["*", "a", "c", "f"]),
        ("a*", &["a", "a-"]),
        ("../*/b", &["../a/b", "../c/b"]),
        ("'a'/*", &["a/1", "a/2", "a/b"]),
        ("\"[\"?]/*", &["[x]/y"]),
        ("[x/*", &["[x/*"]),
        ("[x]", &["[x]"]),
        ("[x]/y", &["[x]/y"]),
    ] {
        assert_eq!(expanded(word, files()).unwrap(), paths, "{word}");
    }
}

#[test]
fn what_matches_nothing_stands_for_itself() {
    for word in ["z*", "*/z", "f/*", "z/*", "a/*/z*", "f*/", "[z]", "**/3", "f?"] {
        assert_eq!(expanded(word, files()).unwrap(), [word]);
    }
    let mut shut = files();
    shut.closed.insert(b"a".to_vec());
    assert_eq!(expanded("a/*", shut).unwrap(), ["a/*"]);
}

#[test]
fn matches_are_bounded() {
    let many = |count: usize, name: &str| {
        let mut files = Memory::new().dir("d");
        for number in 0..count {
            files = files.file(&format!("d/{name}{number:06}"), b"");
        }
        files
    };
    assert_eq!(expanded("d/*", many(MATCHES_MAX, "")).unwrap().len(), MATCHES_MAX);
    assert_eq!(expanded("d/*", many(MATCHES_MAX + 1, "")), None);
    let long = "n".repeat(242);
    // "d/", 242, 6, and one more each.
    let fit = MATCH_BYTES_MAX / 251;
    assert_eq!(expanded("d/*", many(fit, &long)).unwrap().len(), fit);
    assert_eq!(expanded("d/*", many(fit + 1, &long)), None);
}
