//! Reads Rust just well enough to tell code from comments and literals, and tests from the rest.

/// A file under inspection.
#[derive(Clone)]
pub(crate) struct Source {
    /// From the root of the repository, with `/`.
    pub(crate) path: String,
    text: String,
    /// `text` with comments and the insides of literals blanked out; same lines.
    code: String,
    /// For each line, whether it belongs to a test module.
    in_tests: Vec<bool>,
}

impl Source {
    /// Takes a file apart.
    pub(crate) fn new(path: String, text: String) -> Self {
        let code = blank(&text);
        let marks = test_lines(&code);
        let mut source = Self { path, text, code, in_tests: marks };
        if source.is_test() {
            source.in_tests.fill(true);
        }
        source
    }

    /// Whether the whole file is test code.
    pub(crate) fn is_test(&self) -> bool {
        let path = &self.path;
        path.ends_with("/tests.rs") || path.contains("/tests/") || path.starts_with("tests/")
    }

    /// Every line, with its number.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// Every line without comments and literals.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines())
    }

    /// The lines of [`Self::code`] that are not test code.
    pub(crate) fn shipped_code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code().zip(&self.in_tests).filter(|(_, tests)| !**tests).map(|(line, _)| line)
    }

    /// The first names inside each `crate::{...}` outside tests, with the line it opens on.
    pub(crate) fn crate_groups(&self) -> Vec<(usize, Vec<String>)> {
        const OPEN: &str = "crate::{";
        let mut groups = Vec::new();
        for (at, _) in self.code.match_indices(OPEN) {
            let line = self.code[..at].matches('\n').count();
            if !self.in_tests.get(line).copied().unwrap_or(false) {
                groups.push((line + 1, first_names(&self.code[at + OPEN.len()..])));
            }
        }
        groups
    }

    /// Whether the comment above line `number`, or above the statement it continues, or on the
    /// line, holds `wanted`.
    pub(crate) fn argued_above(&self, number: usize, wanted: &str) -> bool {
        let lines: Vec<_> = self.text.lines().collect();
        if lines[number - 1].contains(wanted) {
            return true;
        }
        for line in lines[..number - 1].iter().rev().take(40).map(|line| line.trim()) {
            let comment = line.starts_with("//");
            if comment && line.contains(wanted) {
                return true;
            }
            let ends_something = line.is_empty() || line.ends_with([';', '{', '}', ',']);
            if !comment && !line.starts_with("#[") && ends_something {
                return false;
            }
        }
        false
    }
}

/// `use crate::{a::{b, c}, d}` begins with the names `a` and `d`.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut name) = (0, Vec::new(), Some(String::new()));
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.extend(name.replace(String::new())),
            // `d as e` is `d`; blanks in front of a name are not its end.
            c if c.is_whitespace() && name.as_ref().is_some_and(String::is_empty) => {}
            c if c.is_whitespace() => names.extend(name.take()),
            c if c.is_alphanumeric() || c == '_' => {
                if let Some(name) = &mut name {
                    name.push(c);
                }
                continue;
            }
            _ => {}
        }
        if depth > 0 || c == ':' {
            names.extend(name.take());
        }
    }
    names.extend(name);
    names.retain(|name| !name.is_empty());
    names
}

/// Whether `line` holds `token`, not as a part of longer words.
pub(crate) fn mentions(line: &str, token: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(token).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + token.len()..].chars().next();
        let starts = token.starts_with(word);
        let ends = token.ends_with(word) && !token.ends_with("Tcp") && !token.ends_with("Udp");
        !(starts && before.is_some_and(word) || ends && after.is_some_and(word))
    })
}

/// Whether `word` stands in `line` by itself.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    mentions(line, word)
}

/// Replaces comments and what stands in string and character literals by blanks.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let after_word =
            bytes[..at].last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest).filter(|_| !after_word) {
            length
        } else if rest.starts_with('"') {
            quoted(rest, '"')
        } else if rest.starts_with('\'') && is_character(rest) {
            quoted(rest, '\'')
        } else {
            let c = rest.chars().next().unwrap();
            out.push(c);
            at += c.len_utf8();
            continue;
        };
        let blanked = rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' });
        out.extend(blanked);
        at += length;
    }
    out
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of a raw string at the front: `r"..."`, `br#"..."#`.
fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('b').or(rest.strip_prefix('c')).unwrap_or(rest);
    let body = body.strip_prefix('r')?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let inside = body[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inside.find(&close).map_or(inside.len(), |at| at + close.len());
    Some(rest.len() - inside.len() + end)
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// `'x'` and `'\n'` are characters, `'a` is a lifetime.
fn is_character(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

/// Marks the lines of `#[cfg(test)] mod x { ... }`, whose closing brace stands in the column of
/// its `mod` (rustfmt sees to that).
fn test_lines(code: &str) -> Vec<bool> {
    let mut marks = Vec::new();
    let (mut expecting, mut until) = (false, None::<String>);
    for line in code.lines() {
        let body = line.trim();
        if let Some(close) = &until {
            marks.push(true);
            if line.trim_end() == close {
                until = None;
            }
            continue;
        }
        let opens = expecting && body.contains("mod ") && body.ends_with('{');
        if opens {
            let indent = &line[..line.len() - line.trim_start().len()];
            until = Some(format!("{indent}}}"));
        }
        marks.push(opens || body.starts_with("#[cfg(test)]"));
        expecting = body.starts_with("#[cfg(test)]") || (expecting && body.starts_with("#["));
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_nothing_else() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("f(\"x\\\"y\", 'z', '\\'', b'q')", "f(      ,    ,     , b   )"),
            ("r#\"a\"b\"# c", "         c"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("for\"x\"", "for   "),
            ("\"never closed", "             "),
        ] {
            assert_eq!(blank(text), code, "{text}");
        }
    }

    #[test]
    fn words_are_whole() {
        assert!(mentions("x = async move", "async") && !mentions("asynchronous", "async"));
        assert!(mentions("f().await", ".await") && !mentions("f().awaited", ".await"));
        assert!(!mentions("my_crate::ssh", "crate::ssh") && !mentions("crate::sshx", "crate::ssh"));
        assert!(mentions("std::net::TcpStream", "std::net::Tcp"));
    }

    #[test]
    fn groups_give_their_first_names() {
        assert_eq!(first_names("a::{b, c}, d as e, f}"), ["a", "d", "f"]);
        assert_eq!(first_names("\n  reactor,\n};\nuse x;"), ["reactor"]);
    }
}
