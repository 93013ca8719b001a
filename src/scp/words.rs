//! Command lines, taken apart by a shell's rules for quotes and nothing else of a shell.
//!
//! A line with a pipe, a variable or a second command in it is no command here. Patterns and a
//! leading tilde are remembered, for `glob` and for [`Word::below_home`].

use super::limits::{COMMAND_BYTES_MAX, WORDS_MAX};

/// One word of a command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// The word, its quotes taken off.
    pub text: Vec<u8>,
    /// For each byte of `text`, whether it was quoted.
    quoted: Vec<bool>,
}

impl Word {
    /// The home directory.
    #[must_use]
    pub fn home() -> Self {
        Self { text: b".".to_vec(), quoted: vec![true] }
    }

    /// Whether the word means itself: no unquoted pattern character, no home directory.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.has_pattern() && !self.starts_with_tilde()
    }

    /// Whether the word begins with the name of a home directory. A quote anywhere in that name
    /// makes it a file's (POSIX, Shell Command Language 2.6.1).
    #[must_use]
    pub fn starts_with_tilde(&self) -> bool {
        let mut name = self.bytes().take_while(|unit| *unit != (b'/', false));
        name.next() == Some((b'~', false)) && name.all(|(_, quoted)| !quoted)
    }

    /// Whether an unquoted pattern character is in it. A lone `]` begins nothing.
    #[must_use]
    pub fn has_pattern(&self) -> bool {
        self.bytes().any(|unit| matches!(unit, (b'*' | b'?' | b'[', false)))
    }

    /// The bytes, each with whether it was quoted.
    pub(super) fn bytes(&self) -> impl Iterator<Item = (u8, bool)> {
        self.text.iter().copied().zip(self.quoted.iter().copied())
    }

    /// The word with `~/` taken off, for paths are taken from the home directory on; an empty word
    /// is the home directory too, as it is to SFTP. `None`: somebody else's home, and nobody else
    /// has one here.
    #[must_use]
    pub fn below_home(&self) -> Option<Self> {
        let mut bytes: Vec<(u8, bool)> = self.bytes().collect();
        if self.starts_with_tilde() {
            // The slashes after the tilde must not make it absolute.
            let rest = bytes.split_off(1);
            if rest.first().is_some_and(|(byte, _)| *byte != b'/') {
                return None;
            }
            bytes = rest.into_iter().skip_while(|(byte, _)| *byte == b'/').collect();
        }
        if bytes.is_empty() {
            bytes.push((b'.', true));
        }
        let (text, quoted) = bytes.into_iter().unzip();
        Some(Self { text, quoted })
    }

    fn push(&mut self, byte: u8, quoted: bool) {
        self.text.push(byte);
        self.quoted.push(quoted);
    }
}

/// The words of a command line (POSIX, Shell Command Language 2.2); `None` if only a shell could
/// carry it out, or if it is out of bounds.
#[must_use]
pub fn split(line: &[u8]) -> Option<Vec<Word>> {
    if line.len() > COMMAND_BYTES_MAX || line.contains(&0) {
        return None;
    }
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' | b'\t' => words.extend(word.take()),
            b'\\' => match bytes.next()? {
                b'\n' => return None,
                byte => word.get_or_insert_default().push(byte, true),
            },
            b'\'' => single_quoted(word.get_or_insert_default(), &mut bytes)?,
            b'"' => double_quoted(word.get_or_insert_default(), &mut bytes)?,
            // Inside a word it is a character as any other.
            b'#' if word.is_none() => return None,
            b'|' | b'&' | b';' | b'<' | b'>' | b'(' | b')' | b'$' | b'`' | b'\n' => return None,
            byte => word.get_or_insert_default().push(byte, false),
        }
    }
    words.extend(word);
    (words.len() <= WORDS_MAX).then_some(words)
}

fn single_quoted(word: &mut Word, bytes: &mut impl Iterator<Item = u8>) -> Option<()> {
    loop {
        match bytes.next()? {
            b'\'' => return Some(()),
            byte => word.push(byte, true),
        }
    }
}

fn double_quoted(word: &mut Word, bytes: &mut impl Iterator<Item = u8>) -> Option<()> {
    loop {
        match bytes.next()? {
            b'"' => return Some(()),
            b'\\' => match bytes.next()? {
                byte @ (b'\\' | b'"' | b'$' | b'`') => word.push(byte, true),
                b'\n' => return None,
                byte => {
                    word.push(b'\\', true);
                    word.push(byte, true);
                }
            },
            b'$' | b'`' => return None,
            byte => word.push(byte, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &[u8]) -> Option<Vec<Vec<u8>>> {
        Some(split(line)?.into_iter().map(|word| word.text).collect())
    }

    #[test]
    fn quotes_are_a_shells() {
        let cases: [(&[u8], &[&[u8]]); 17] = [
            (b"", &[]),
            (b" \t ", &[]),
            (b"scp -t a", &[b"scp", b"-t", b"a"]),
            (b"  scp\t-t  a ", &[b"scp", b"-t", b"a"]),
            (b"'a b' \"c d\" e\\ f", &[b"a b", b"c d", b"e f"]),
            (b"a'b'\"c\"d", &[b"abcd"]),
            (b"'' \"\"", &[b"", b""]),
            (b"'$x`y`;|&<>(){}*?[]~#\n\\'", &[b"$x`y`;|&<>(){}*?[]~#\n\\"]),
            (br#""\$\`\"\\\x';|*""#, &[br#"$`"\\x';|*"#]),
            (br"\$\;\'\ \~\*", &[b"$;' ~*"]),
            (br"'it'\''s'", &[b"it's"]),
            (b"*.txt ?[a-c] ~/x", &[b"*.txt", b"?[a-c]", b"~/x"]),
            (b"a{b,c}d", &[b"a{b,c}d"]),
            (b"a=b %c !d ^e", &[b"a=b", b"%c", b"!d", b"^e"]),
            ("日本 '語 é'".as_bytes(), &["日本".as_bytes(), "語 é".as_bytes()]),
            (b"\xff\xfe", &[b"\xff\xfe"]),
            (b"a#b c# ''#d", &[b"a#b", b"c#", b"#d"]),
        ];
        for (line, wanted) in cases {
            let got = texts(line).unwrap_or_else(|| panic!("{}", line.escape_ascii()));
            assert_eq!(got, wanted, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn what_only_a_shell_could_do_is_no_command() {
        for line in [
            &b"a|b"[..],
            b"a&",
            b"a;b",
            b"a <b",
            b"a >b",
            b"(a)",
            b"a$b",
            b"`a`",
            b"a # b",
            b"a\nb",
            b"a\0b",
            b"'a\0b'",
            b"a\\\0",
            b"\"$a\"",
            b"\"`a`\"",
            b"a\\\nb",
            b"\"a\\\nb\"",
            b"'a",
            b"\"a",
            b"\"a\\",
            b"a\\",
        ] {
            assert_eq!(split(line), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_line_is_bounded() {
        let long = vec![b'a'; COMMAND_BYTES_MAX];
        assert_eq!(texts(&long), Some(vec![long.clone()]));
        assert_eq!(split(&[&long[..], b"a"].concat()), None);
        let many = b"a ".repeat(WORDS_MAX);
        assert_eq!(split(&many).map(|words| words.len()), Some(WORDS_MAX));
        assert_eq!(split(&[&many[..], b"a"].concat()), None);
    }

    #[test]
    fn unquoted_patterns_and_tildes_are_remembered() {
        // The line, whether it is plain, whether it starts with a home directory.
        let cases: [(&[u8], bool, bool); 17] = [
            (b"a", true, false),
            (b"a*", false, false),
            (b"a?", false, false),
            (b"[a", false, false),
            (b"a]", true, false),
            (b"'a*'", true, false),
            (b"\\*", true, false),
            (b"\"[\"a]", true, false),
            (b"'a'*", false, false),
            (b"~", false, true),
            (b"~/a", false, true),
            (b"~ada/a", false, true),
            (b"~/'a'", false, true),
            (b"~'ada'/a", true, false),
            (b"'~'/a", true, false),
            (b"\\~", true, false),
            (b"a~", true, false),
        ];
        for (line, plain, tilde) in cases {
            let word = split(line).unwrap().remove(0);
            let shown = line.escape_ascii();
            assert_eq!((word.is_plain(), word.starts_with_tilde()), (plain, tilde), "{shown}");
        }
    }

    #[test]
    fn a_tilde_is_the_home_directory() {
        let cases: [(&[u8], Option<&[u8]>); 11] = [
            (b"~", Some(b".")),
            (b"~/", Some(b".")),
            (b"~/a", Some(b"a")),
            (b"~//a", Some(b"a")),
            (b"~/~", Some(b"~")),
            (b"~ada", None),
            (b"~ada/a", None),
            (b"'~ada'", Some(b"~ada")),
            (b"''", Some(b".")),
            (b"/~", Some(b"/~")),
            (b"/", Some(b"/")),
        ];
        for (line, wanted) in cases {
            let word = split(line).unwrap().remove(0);
            let got = word.below_home().map(|word| word.text);
            assert_eq!(got.as_deref(), wanted, "{}", line.escape_ascii());
        }
    }
}
