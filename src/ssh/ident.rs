//! The identification line both sides send first (RFC 4253 section 4.2).
//!
//! A server takes nothing before a client's line; a client passes over a bounded number of lines
//! before a server's. The line is kept exactly as it came, because it is hashed into the exchange.

use super::Role;
use super::disconnect::{Disconnect, DisconnectReason};
use super::limits::{BANNER_LINE_BYTES_MAX, BANNER_LINES_MAX, IDENT_LINE_BYTES_MAX};

/// What the front of the input holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Less than a line.
    More,
    /// A line to pass over, of so many bytes.
    Skip(usize),
    /// The peer's identification, and how many bytes it took with its line end.
    Ident(String, usize),
}

/// Reads lines until the peer has identified itself.
#[derive(Debug)]
pub(crate) struct IdentReader {
    role: Role,
    lines: usize,
}

impl IdentReader {
    /// A reader for the peer of a `role`.
    pub(crate) fn new(role: Role) -> Self {
        Self { role, lines: 0 }
    }

    /// Looks at the front of `input` for one line.
    pub(crate) fn read(&mut self, input: &[u8]) -> Result<Step, Disconnect> {
        if input.is_empty() {
            return Ok(Step::More);
        }
        let begins = input.len().min(4);
        let ident = input.get(..begins) == b"SSH-".get(..begins);
        if !ident && self.role == Role::Server {
            return Err(unsupported(
                "the client sent something else before its SSH identification",
            ));
        }
        if ident && begins < 4 {
            return Ok(Step::More);
        }
        let max = if ident { IDENT_LINE_BYTES_MAX } else { BANNER_LINE_BYTES_MAX };
        let window = input.get(..max).unwrap_or(input);
        let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
            if input.len() < max {
                return Ok(Step::More);
            }
            let line = if ident { "identification line" } else { "line before the identification" };
            return Err(Disconnect::protocol(format!("{line} longer than {max} bytes")));
        };
        if ident {
            let line = window.get(..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            return Ok(Step::Ident(parse(line)?, end + 1));
        }
        self.lines += 1;
        if self.lines > BANNER_LINES_MAX {
            return Err(Disconnect::protocol(format!(
                "more than {BANNER_LINES_MAX} lines before the server's identification"
            )));
        }
        Ok(Step::Skip(end + 1))
    }
}

/// Our own line, without its line end.
pub(crate) fn compose(software: &str, comment: &str) -> String {
    let separator = if comment.is_empty() { "" } else { " " };
    format!("SSH-2.0-{software}{separator}{comment}")
}

/// Whether `software` can name ours: RFC 4253 section 4.2 forbids blanks and the minus sign, which
/// peers do not always keep to.
pub(crate) fn check_software(software: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'-';
    match software.bytes().find(|byte| !fits(*byte)) {
        _ if software.is_empty() => Err("it is empty".to_owned()),
        Some(byte) => Err(format!(
            "{software:?} holds {:?}, but only printable US-ASCII without blank and minus sign may \
             stand there",
            char::from(byte)
        )),
        None => Ok(()),
    }
}

/// Whether `comment` can follow `software` in our line.
pub(crate) fn check_comment(software: &str, comment: &str) -> Result<(), String> {
    if !comment.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Err(format!("{comment:?} holds something other than printable US-ASCII"));
    }
    let (bytes, max) = (compose(software, comment).len(), IDENT_LINE_BYTES_MAX - 2);
    if bytes > max {
        return Err(format!("the identification line has {bytes} bytes, and {max} fit"));
    }
    Ok(())
}

/// What a peer's checked line says behind the version of the protocol.
pub(crate) fn software(ident: &str) -> &str {
    ident.splitn(3, '-').nth(2).unwrap_or_default()
}

/// The end of a peer whose version is not among those taken.
pub(crate) fn refused(ident: &str) -> Disconnect {
    unsupported(format!("{ident:?} is not among the versions accepted here"))
}

/// Checks a line that starts with `SSH-`: version 2.0, or 1.99 for "2.0 and older ones too".
fn parse(line: &[u8]) -> Result<String, Disconnect> {
    if !line.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        return Err(Disconnect::protocol(
            "the identification line holds something other than printable US-ASCII",
        ));
    }
    let text = String::from_utf8_lossy(line).into_owned();
    let software = text.strip_prefix("SSH-2.0-").or_else(|| text.strip_prefix("SSH-1.99-"));
    match software {
        Some(software) if !software.is_empty() => Ok(text),
        Some(_) => Err(Disconnect::protocol("the identification line names no software")),
        None => Err(unsupported(format!("the peer does not speak SSH 2.0: \"{text}\""))),
    }
}

fn unsupported(description: impl Into<String>) -> Disconnect {
    Disconnect::new(DisconnectReason::ProtocolVersionNotSupported, description)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(input: &[u8]) -> Result<Step, Disconnect> {
        IdentReader::new(Role::Server).read(input)
    }

    #[test]
    fn lines_with_and_without_carriage_return() {
        let cases: [(&[u8], &str, usize); 3] = [
            (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\nrest", "SSH-2.0-OpenSSH_9.2p1 Debian-2", 32),
            (b"SSH-2.0-x\n", "SSH-2.0-x", 10),
            (b"SSH-1.99-Cisco-1.25\n", "SSH-1.99-Cisco-1.25", 20),
        ];
        for (input, ident, consumed) in cases {
            assert_eq!(server(input), Ok(Step::Ident(ident.to_owned(), consumed)));
            for cut in 0..consumed {
                assert_eq!(server(&input[..cut]), Ok(Step::More), "cut at {cut}");
            }
        }
    }

    #[test]
    fn our_own_line_keeps_the_rules() {
        for good in ["ringferry_0.1.0", "x", "OpenSSH_9.2p1"] {
            assert_eq!(check_software(good), Ok(()));
            assert_eq!(check_comment(good, "Debian-2 and more"), Ok(()));
            let line = compose(good, "Debian-2 and more");
            assert_eq!(parse(line.as_bytes()).as_deref(), Ok(&*line));
            assert_eq!(software(&line), format!("{good} Debian-2 and more"));
            assert_eq!(compose(good, ""), format!("SSH-2.0-{good}"));
        }
        for bad in ["", "a b", "a-b", "a\n", "a\0", "caf\u{e9}"] {
            assert!(check_software(bad).is_err(), "{bad:?}");
        }
        assert!(check_comment("x", "two\nlines").is_err());
        assert!(check_comment("x", &"y".repeat(243)).is_ok());
        assert!(check_comment("x", &"y".repeat(244)).is_err());
        assert_eq!(software("SSH-1.99-Cisco-1.25"), "Cisco-1.25");
    }

    #[test]
    fn other_versions_and_other_bytes_are_refused() {
        for bad in ["SSH-1.5-x\n", "SSH-2.0-\n", "SSH-2.0\n", "SSH-2.0-a\x07b\n", "SSH-2.0-a\0\n"] {
            assert!(server(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(server(b"SSH-2.0-a\rb\n").is_err());
        assert!(server("SSH-2.0-\u{e9}\n".as_bytes()).is_err());
    }

    #[test]
    fn a_client_may_send_no_line_first() {
        for bad in [&b"G"[..], b"\n", b"\r\nSSH-2.0-x\n", b"SS\n", b"hello\r\nSSH-2.0-x\r\n"] {
            assert!(server(bad).is_err(), "{bad:?}");
        }
        assert_eq!(server(b"SSH"), Ok(Step::More));
    }

    #[test]
    fn the_line_is_bounded() {
        let line = |bytes: usize| {
            let mut line = b"SSH-2.0-".to_vec();
            line.resize(bytes - 2, b'a');
            line.extend_from_slice(b"\r\n");
            line
        };
        assert!(matches!(server(&line(255)), Ok(Step::Ident(_, 255))));
        assert!(server(&line(256)).is_err());
        assert_eq!(server(&line(300)[..254]), Ok(Step::More));
        assert!(server(&line(300)[..255]).is_err());
    }

    #[test]
    fn a_server_may_send_lines_first_within_bounds() {
        let mut reader = IdentReader::new(Role::Client);
        for _ in 0..BANNER_LINES_MAX {
            assert_eq!(reader.read(b"Welcome\r\nSSH-2.0-x\n"), Ok(Step::Skip(9)));
        }
        assert!(matches!(reader.read(b"SSH-2.0-x\n"), Ok(Step::Ident(..))));
        assert!(reader.read(b"one more\n").is_err());

        let mut long = vec![b'x'; BANNER_LINE_BYTES_MAX - 1];
        assert_eq!(IdentReader::new(Role::Client).read(&long), Ok(Step::More));
        long.push(b'\n');
        let skip = Step::Skip(BANNER_LINE_BYTES_MAX);
        assert_eq!(IdentReader::new(Role::Client).read(&long), Ok(skip));
        long.insert(0, b'x');
        assert!(IdentReader::new(Role::Client).read(&long).is_err());
        assert_eq!(IdentReader::new(Role::Client).read(b"SS\n"), Ok(Step::Skip(3)));
    }
}
