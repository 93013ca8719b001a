use super::super::super::split;
use super::*;

fn pattern(text: &[u8]) -> Option<Pattern> {
    let word = split(text).unwrap().remove(0);
    Pattern::parse(&word.bytes().collect::<Vec<_>>())
}

#[test]
fn patterns_are_a_shells() {
    let cases: &[(&str, &[u8], bool)] = &[
        ("*", b"anything", true),
        ("*", b"", true),
        ("*", b".dot", false),
        (".*", b".dot", true),
        ("?dot", b".dot", false),
        ("[.]dot", b".dot", false),
        ("'.'*", b".dot", true),
        ("a*", b"a", true),
        ("a*", b"ba", false),
        ("*a", b"aba", true),
        ("*a", b"ab", false),
        ("a*b*c", b"a-b-b-c", true),
        ("a*b*c", b"a-c-b", false),
        ("a**b", b"ab", true),
        ("a?c", b"abc", true),
        ("a?c", b"ac", false),
        ("a?c", "aéc".as_bytes(), true),
        ("a??c", "aéc".as_bytes(), false),
        ("a?c", b"a\xffc", true),
        ("a??c", b"a\xff\xfec", true),
        ("é*", "éa".as_bytes(), true),
        ("[éü]x", "üx".as_bytes(), true),
        ("[éü]x", "ax".as_bytes(), false),
        ("[a-c]x", b"bx", true),
        ("[a-c]x", b"dx", false),
        ("[!a-c]x", b"dx", true),
        ("[^a-c]x", b"bx", false),
        ("[!a]", b"\xff", true),
        ("[]a]x", b"]x", true),
        ("[!]a]x", b"]x", false),
        ("[a-]x", b"-x", true),
        ("[-a]x", b"-x", true),
        ("[a'-'c]x", b"bx", false),
        ("[a'-'c]x", b"-x", true),
        ("['!'a]x", b"!x", true),
        ("[a']'b]x", b"]x", true),
        ("[[:digit:]]*", b"7x", true),
        ("[[:digit:]]*", b"x7", false),
        ("[![:space:][:upper:]]", b"A", false),
        ("[[:alpha:]_-]x", b"_x", true),
        ("[[:alpha:]_-]x", b"-x", true),
        ("[[a]x", b"[x", true),
        ("[[:none:]x]", b":x]", true),
        ("'*'?", b"*a", true),
        ("'*'?", b"aa", false),
        ("\\[a]*", b"[a]b", true),
        ("*{a,b}", b"x{a,b}", true),
        ("*{a,b}", b"xa", false),
    ];
    for (text, name, fits) in cases {
        let pattern = pattern(text.as_bytes()).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(pattern.matches(name), *fits, "{text} on {}", name.escape_ascii());
    }
}

#[test]
fn brackets_without_an_end_are_no_pattern() {
    for text in ["[", "[a", "a[", "[]", "[!]", "[^", "'*'", "\\?", "]", "[a\\]"] {
        assert!(pattern(text.as_bytes()).is_none(), "{text}");
    }
}

#[test]
fn many_stars_take_no_time() {
    let text = b"*a".repeat(500);
    let name = b"a".repeat(499);
    assert!(!pattern(&text).unwrap().matches(&[&name[..], b"b"].concat()));
    assert!(pattern(&text).unwrap().matches(&b"a".repeat(500)));
}

/// Each bracket without an end may be the beginning of one, which once took 44 s for 8,000 of them.
#[test]
fn what_no_name_could_match_stands_for_itself() {
    let bytes = |count: usize, byte: u8| vec![(byte, false); count];
    assert!(Pattern::parse(&bytes(PATTERN_BYTES_MAX, b'*')).is_some());
    for literal in [bytes(PATTERN_BYTES_MAX, b'['), bytes(32 << 10, b'['), bytes(32 << 10, b'*')] {
        assert!(Pattern::parse(&literal).is_none());
    }
    let colons = b"[:".repeat(PATTERN_BYTES_MAX / 2);
    let colons: Vec<_> = colons.into_iter().map(|byte| (byte, false)).collect();
    assert!(Pattern::parse(&colons).is_none());
}
