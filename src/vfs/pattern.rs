//! Patterns for the names in a folder.

use std::fmt;

use globset::{Candidate, Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use super::limits::{PATTERN_BYTES_MAX, PATTERNS_MAX};

/// Why a pattern is none; the text names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(String);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

/// Which names a folder takes, refuses and keeps to itself.
///
/// A pattern is for one component: `*`, `?` (one byte), `[a-z]`, `{a,b}`, and `\` in front of any
/// of these for the character itself. Upper and lower case differ. Names are bytes, and one that
/// is not UTF-8 is matched like any other.
#[derive(Clone, Debug, Default)]
pub struct NamePatterns {
    allowed: List,
    denied: List,
    hidden: List,
}

impl NamePatterns {
    /// Compiles the three lists. An empty `allowed` takes every name.
    ///
    /// # Errors
    /// The first pattern that is malformed, too long or one too many.
    pub fn new<S: AsRef<str>>(
        allowed: &[S],
        denied: &[S],
        hidden: &[S],
    ) -> Result<Self, PatternError> {
        Ok(Self {
            allowed: List::compile(allowed)?,
            denied: List::compile(denied)?,
            hidden: List::compile(hidden)?,
        })
    }

    /// Whether no name is treated in any special way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.denied.is_empty() && self.hidden.is_empty()
    }

    /// Whether something other than a directory may have this name.
    #[must_use]
    pub fn allows(&self, name: &[u8]) -> bool {
        self.allowed.is_empty() || self.allowed.matches(name)
    }

    /// Whether the name may be seen but not touched.
    #[must_use]
    pub fn denies(&self, name: &[u8]) -> bool {
        self.denied.matches(name)
    }

    /// Whether the name is as good as not there.
    #[must_use]
    pub fn hides(&self, name: &[u8]) -> bool {
        self.hidden.matches(name)
    }

    pub(super) fn hides_any(&self) -> bool {
        !self.hidden.is_empty()
    }

    /// Whether whatever `other` holds back is held back here too. Judged by the patterns' text: two
    /// ways to write the same are not the same, which errs on the side of no.
    pub(super) fn hold_back_all_of(&self, other: &Self) -> bool {
        let denied = |text: &String| self.denied.has(text) || self.hidden.has(text);
        other.hidden.texts.iter().all(|text| self.hidden.has(text))
            && other.denied.texts.iter().all(denied)
            && (other.allowed.is_empty()
                || !self.allowed.is_empty()
                    && self.allowed.texts.iter().all(|text| other.allowed.has(text)))
    }
}

#[derive(Clone, Debug, Default)]
struct List {
    texts: Vec<String>,
    set: GlobSet,
}

impl List {
    fn compile<S: AsRef<str>>(patterns: &[S]) -> Result<Self, PatternError> {
        if patterns.len() > PATTERNS_MAX {
            let count = patterns.len();
            return Err(PatternError(format!("{count} patterns, and {PATTERNS_MAX} may stand")));
        }
        let mut set = GlobSetBuilder::new();
        let mut texts = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            set.add(compile(pattern.as_ref())?);
            texts.push(pattern.as_ref().to_owned());
        }
        let set = set.build().map_err(|error| PatternError(error.to_string()))?;
        Ok(Self { texts, set })
    }

    fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    fn has(&self, text: &str) -> bool {
        self.texts.iter().any(|known| known == text)
    }

    fn matches(&self, name: &[u8]) -> bool {
        !self.is_empty() && self.set.is_match_candidate(&Candidate::from_bytes(name))
    }
}

fn compile(pattern: &str) -> Result<Glob, PatternError> {
    let wrong = |why: &str| PatternError(format!("the pattern {pattern:?} {why}"));
    if pattern.is_empty() {
        return Err(wrong("is empty"));
    }
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(wrong(&format!("is longer than {PATTERN_BYTES_MAX} bytes")));
    }
    if pattern.contains(['/', '\0']) {
        return Err(wrong("holds a character that no name can hold"));
    }
    if pattern.contains('[') && !pattern.is_ascii() {
        // A class is one of bytes: such a character would match by halves.
        return Err(wrong("has [ ] and a character beyond US-ASCII"));
    }
    GlobBuilder::new(pattern)
        .backslash_escape(true)
        .empty_alternates(true)
        .build()
        .map_err(|error| wrong(&format!("cannot be read: {}", error.kind())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(patterns: &[&str]) -> NamePatterns {
        NamePatterns::new(&[], patterns, &[]).unwrap()
    }

    #[test]
    fn what_patterns_match() {
        let cases: &[(&str, &[u8], bool)] = &[
            ("*.exe", b"a.exe", true),
            ("*.exe", b".exe", true),
            ("*.exe", b"a.EXE", false),
            ("*.exe", b"a.exe.txt", false),
            ("*.[eE][xX][eE]", b"a.ExE", true),
            ("*.{csv,xml}", b"a.xml", true),
            ("*.{csv,xml}", b"a.json", false),
            ("report{,.old}", b"report", true),
            ("a?c", b"abc", true),
            ("a?c", b"ac", false),
            ("[!a-c]x", b"dx", true),
            ("[!a-c]x", b"ax", false),
            (".*", b".ssh", true),
            (".*", b"ssh", false),
            ("*", b"\xff\xfe", true),
            ("?x", b"\xffx", true),
            ("a*", b"a\nb\xff", true),
            ("\\*", b"*", true),
            ("\\*", b"a", false),
            ("**", b"anything", true),
            ("é*", "éa".as_bytes(), true),
        ];
        for (pattern, name, fits) in cases {
            let shown = name.escape_ascii();
            assert_eq!(denied(&[pattern]).denies(name), *fits, "{pattern} on {shown}");
        }
    }

    #[test]
    fn an_error_names_the_pattern() {
        let long = "a".repeat(PATTERN_BYTES_MAX + 1);
        for bad in ["", "a/b", "[a", "{a", "a\\", "[z-a]", "[é]", &long] {
            let error = NamePatterns::new(&[], &[], &["fine", bad]).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
        let many = vec!["*"; PATTERNS_MAX + 1];
        assert!(NamePatterns::new(&many, &[], &[]).is_err());
        assert!(NamePatterns::new(&many[1..], &[], &[]).is_ok());
    }

    #[test]
    fn an_empty_list_allows_all_and_denies_none() {
        let none = NamePatterns::default();
        assert!(none.is_empty());
        assert!(none.allows(b"a") && !none.denies(b"a") && !none.hides(b"a"));
        let some = NamePatterns::new(&["*.csv"], &[], &[]).unwrap();
        assert!(some.allows(b"a.csv") && !some.allows(b"a.txt"));
    }

    #[test]
    fn less_held_back_is_seen() {
        let of = |allowed: &[&str], denied: &[&str], hidden: &[&str]| {
            NamePatterns::new(allowed, denied, hidden).unwrap()
        };
        let none = NamePatterns::default();
        let strict = of(&["*.csv"], &["*.exe"], &[".*"]);
        assert!(strict.hold_back_all_of(&strict) && strict.hold_back_all_of(&none));
        assert!(!none.hold_back_all_of(&strict));
        assert!(!of(&["*.csv"], &["*.exe"], &[]).hold_back_all_of(&strict));
        assert!(!of(&["*.csv"], &[], &[".*"]).hold_back_all_of(&strict));
        assert!(of(&["*.csv"], &[], &[".*", "*.exe"]).hold_back_all_of(&strict));
        assert!(!of(&[], &["*.exe"], &[".*"]).hold_back_all_of(&strict));
        assert!(!of(&["*.csv", "*.x"], &["*.exe"], &[".*"]).hold_back_all_of(&strict));
    }
}
