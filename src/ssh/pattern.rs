//! Patterns as in the lists of sshd_config: `*` stands for any characters, `?` for one, and a `!`
//! in front for what must not match.

/// Whether the list lets `text` through: one pattern matches it, and none with a `!` does. As in
/// ssh_config(5), a list of nothing but `!` lets nothing through; `*` behind them does.
pub(crate) fn list_matches(patterns: &[String], text: &str) -> bool {
    let mut listed = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(refused) if matches(refused.as_bytes(), text.as_bytes()) => return false,
            Some(_) => {}
            None => listed |= matches(pattern.as_bytes(), text.as_bytes()),
        }
    }
    listed
}

/// Whether a pattern can match something: it is printable US-ASCII and more than a `!`.
pub(crate) fn is_pattern(pattern: &str) -> bool {
    let bare = pattern.strip_prefix('!').unwrap_or(pattern);
    !bare.is_empty() && bare.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// Whether all of `text` fits one pattern. Goes back to the last `*` only, so that the time is the
/// product of the lengths at most.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Where to go on when what follows the last `*` does not fit here.
    let mut again = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', after)), _) => {
                again = Some((after, text));
                pattern = after;
            }
            (Some((wanted, after)), Some((byte, rest))) if *wanted == b'?' || wanted == byte => {
                (pattern, text) = (after, rest);
            }
            (None, None) => return true,
            _ => {
                let Some((after, [_, rest @ ..])) = again else {
                    return false;
                };
                again = Some((after, rest));
                (pattern, text) = (after, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        let cases = [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("a*b*c", "a-b-b-c", true),
            ("OpenSSH_?.*", "OpenSSH_9.2p1", true),
            ("OpenSSH_?.*", "OpenSSH_10.0", false),
            ("?", "", false),
            ("abc", "abd", false),
            ("*OpenSSH", "OpenSSH OpenSSH", true),
            ("A", "a", false),
        ];
        for (pattern, text, fits) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_longer() {
        let pattern = "*a".repeat(120);
        assert!(!matches(pattern.as_bytes(), &[b'b'; 250]));
        assert!(!matches(format!("{pattern}b").as_bytes(), &[b'a'; 250]));
    }

    #[test]
    fn a_list_refuses_first() {
        let list = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        let openssh = list(&["!OpenSSH_6.*", "OpenSSH_*", "PuTTY*"]);
        assert!(list_matches(&openssh, "OpenSSH_9.2"));
        assert!(list_matches(&openssh, "PuTTY_Release_0.78"));
        assert!(!list_matches(&openssh, "OpenSSH_6.6"));
        assert!(!list_matches(&openssh, "libssh2_1.11"));
        assert!(!list_matches(&list(&["!x"]), "y"));
        assert!(list_matches(&list(&["!x", "*"]), "y"));
        assert!(is_pattern("!x") && !is_pattern("!") && !is_pattern("") && !is_pattern("a\n"));
    }
}
