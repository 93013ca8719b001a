//! What goes to the peer besides files, and how its lines and answers are put together again.

use super::limits::{LINE_BYTES_MAX, SHOWN_BYTES_MAX};

/// Why a copy ends when the peer stops in the middle of something.
pub(super) const LOST: &str = "lost connection";

/// Both directions of the conversation with the other end.
#[derive(Debug, Default)]
pub(super) struct Peer {
    output: Vec<u8>,
    /// The beginning of a line.
    line: Vec<u8>,
    /// The peer sends no more.
    pub(super) ended: bool,
    /// Something went wrong, here or there: it is told by the exit status.
    pub(super) failed: bool,
}

/// What came of reading a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// More bytes are needed.
    Partial,
    /// All of it, without its line end.
    Whole(Vec<u8>),
    /// It is longer than [`LINE_BYTES_MAX`].
    TooLong,
}

/// The peer's answer to a record or to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// More bytes are needed.
    Partial,
    /// `\0`
    Good,
    /// `\1` and a message.
    Bad,
    /// `\2` and a message; so is whatever else begins a line.
    Fatal,
}

impl Peer {
    /// Puts bytes into the output.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Tells that all is well.
    pub(super) fn acknowledge(&mut self) {
        self.output.push(0);
    }

    /// An error line about a path.
    pub(super) fn complain(&mut self, path: &[u8], why: &str) {
        self.error_line(&[&*shown(path), b": ", &*shown(why.as_bytes())].concat());
    }

    /// An error line about what the peer did.
    pub(super) fn protest(&mut self, what: &str, about: &[u8]) {
        self.error_line(&[what.as_bytes(), &shown(about)].concat());
    }

    fn error_line(&mut self, text: &[u8]) {
        self.failed = true;
        self.output.extend(b"\x01scp: ");
        self.output.extend(text);
        self.output.push(b'\n');
    }

    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// The exit status if the copy ended now.
    pub(super) fn status(&self) -> u32 {
        u32::from(self.failed)
    }

    /// Whether bytes have come that are not yet a line.
    pub(super) fn is_inside_line(&self) -> bool {
        !self.line.is_empty()
    }

    /// Reads a line: how many of the bytes belong to it, and what it is.
    pub(super) fn line(&mut self, bytes: &[u8]) -> (usize, Line) {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (part, _) = bytes.split_at_checked(end.unwrap_or(bytes.len())).unwrap_or((bytes, b""));
        if self.line.len() + part.len() > LINE_BYTES_MAX {
            self.line = Vec::new();
            return (part.len(), Line::TooLong);
        }
        self.line.extend_from_slice(part);
        match end {
            Some(end) => (end + 1, Line::Whole(std::mem::take(&mut self.line))),
            None => (part.len(), Line::Partial),
        }
    }

    /// Reads an answer: how many of the bytes belong to it, and what it is.
    pub(super) fn answer(&mut self, bytes: &[u8]) -> (usize, Answer) {
        if self.line.is_empty() && bytes.first() == Some(&0) {
            return (1, Answer::Good);
        }
        let (taken, line) = self.line(bytes);
        let answer = match line {
            Line::Partial => return (taken, Answer::Partial),
            Line::Whole(line) if line.first() == Some(&1) => Answer::Bad,
            Line::Whole(_) | Line::TooLong => Answer::Fatal,
        };
        self.failed = true;
        (taken, answer)
    }
}

/// A name for a terminal: control characters and what is not UTF-8 are escaped as OpenSSH does it,
/// and what is too long is cut off.
fn shown(name: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            let mut utf8 = [0; 4];
            match character {
                // The letter of the control key that makes it.
                '\0'..='\x1f' | '\x7f' => {
                    text.extend([b'\\', b'^', character as u8 ^ 0x40]);
                }
                '\u{80}'..='\u{9f}' => octal(&mut text, character.encode_utf8(&mut utf8)),
                character => text.extend(character.encode_utf8(&mut utf8).bytes()),
            }
            if text.len() > SHOWN_BYTES_MAX {
                return cut(text);
            }
        }
        octal(&mut text, chunk.invalid());
        if text.len() > SHOWN_BYTES_MAX {
            return cut(text);
        }
    }
    text
}

fn octal(text: &mut Vec<u8>, bytes: impl AsRef<[u8]>) {
    for byte in bytes.as_ref() {
        text.extend(format!("\\{byte:03o}").bytes());
    }
}

fn cut(mut text: Vec<u8>) -> Vec<u8> {
    text.truncate(SHOWN_BYTES_MAX);
    // No half of a character.
    while text.last().is_some_and(|byte| *byte >= 0x80) {
        text.pop();
    }
    text.extend(b"...");
    text
}

#[cfg(test)]
mod tests;
