//! What follows `scp` in the command line with which a client starts the other end.

use super::words::Word;

/// Which end of the copy this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `-f`: files go to the peer.
    Source,
    /// `-t`: files come from the peer.
    Sink,
}

/// The options and paths of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Which end this is.
    pub role: Role,
    /// `-r`: directories too.
    pub recursive: bool,
    /// `-p`: times and all permissions are kept.
    pub preserve: bool,
    /// `-d`: the target has to be a directory.
    pub target_is_directory: bool,
    /// What to send, or where to put what comes: then it is one.
    pub paths: Vec<Word>,
}

impl Options {
    /// Reads the words after `scp`. As in OpenSSH, options come before the first path.
    ///
    /// # Errors
    /// A text for the client's standard error.
    pub fn parse(arguments: &[Word]) -> Result<Self, String> {
        let (mut source, mut sink) = (false, false);
        let (mut recursive, mut preserve, mut target_is_directory) = (false, false, false);
        let mut rest = arguments;
        while let Some((word, after)) = rest.split_first() {
            let Some(letters) = word.text.strip_prefix(b"-").filter(|it| !it.is_empty()) else {
                break;
            };
            rest = after;
            if letters == b"-" {
                break;
            }
            for letter in letters {
                match letter {
                    b'f' => source = true,
                    b't' => sink = true,
                    b'r' => recursive = true,
                    b'p' => preserve = true,
                    b'd' => target_is_directory = true,
                    // How much is told on the terminal of the client.
                    b'v' | b'q' => {}
                    other => {
                        return Err(format!("scp: unknown option -- {}", other.escape_ascii()));
                    }
                }
            }
        }
        let role = match (source, sink) {
            (true, false) => Role::Source,
            (false, true) => Role::Sink,
            _ => return Err("scp: one of -f and -t has to be given".to_owned()),
        };
        match (role, rest) {
            (_, []) => Err("scp: no path is given".to_owned()),
            (Role::Sink, [_, _, ..]) => Err("scp: ambiguous target".to_owned()),
            _ => Ok(Self { role, recursive, preserve, target_is_directory, paths: rest.to_vec() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::split;
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(&split(line.as_bytes()).unwrap())
    }

    #[test]
    fn options_come_in_any_grouping() {
        for line in ["-rpt x", "-r -p -t x", "-t -rp -- x", "-v -q -prt 'x'", "'-r' -pt x"] {
            let options = parse(line).unwrap();
            assert_eq!(options.role, Role::Sink, "{line}");
            assert!(options.recursive && options.preserve && !options.target_is_directory);
            assert_eq!(options.paths.len(), 1, "{line}");
            assert_eq!(options.paths[0].text, b"x", "{line}");
        }
        let options = parse("-d -t x").unwrap();
        assert!(options.target_is_directory && !options.recursive && !options.preserve);
    }

    #[test]
    fn paths_begin_where_options_end() {
        let texts = |line: &str| -> Vec<_> {
            parse(line).unwrap().paths.into_iter().map(|word| word.text).collect()
        };
        assert_eq!(texts("-f a b c"), [b"a", b"b", b"c"]);
        assert_eq!(texts("-f -- -r"), [b"-r"]);
        assert_eq!(texts("-f -- -- a"), [&b"--"[..], b"a"]);
        assert_eq!(texts("-f -"), [b"-"]);
        assert_eq!(texts("-f a -r"), [&b"a"[..], b"-r"]);
        assert_eq!(texts("-f ''"), [b""]);
        assert!(parse("-f *.txt ~/a").unwrap().paths.iter().all(|word| !word.is_plain()));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (line, told) in [
            ("", "one of -f and -t"),
            ("a", "one of -f and -t"),
            ("-r a", "one of -f and -t"),
            ("-ft a", "one of -f and -t"),
            ("-f -t a", "one of -f and -t"),
            ("-t", "no path"),
            ("-f --", "no path"),
            ("-t a b", "ambiguous target"),
            ("-Zt a", "unknown option -- Z"),
            ("-t --recursive a", "unknown option -- -"),
            ("-é a", r"unknown option -- \xc3"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.starts_with("scp: ") && error.contains(told), "{line}: {error}");
        }
    }
}
