//! What the bare loop of small files and its client say to each other: a header with a verb, a
//! length and a name, as long as an SSH packet with a short SFTP request in it, and then the bytes
//! of a file where there are any.

use std::io::{ErrorKind, Read, Write};

use crate::Outcome;
use crate::load::session::silence;

/// A STATUS or a READ under AES-GCM takes 52 to 84 bytes.
const HEADER_BYTES: usize = 64;
/// Where the name begins, behind the verb and the length.
const NAME_AT: usize = 5;
/// The most of a file in one message: what OpenSSH's client asks for at once.
const DATA_BYTES_MAX: usize = 32 * 1024;

/// What is asked for, and the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Verb {
    Open = b'o',
    Create = b'c',
    Read = b'r',
    Write = b'w',
    Close = b'x',
    Done = b'd',
}

const VERBS: [Verb; 6] =
    [Verb::Open, Verb::Create, Verb::Read, Verb::Write, Verb::Close, Verb::Done];

/// One message, in a buffer that the next one takes over.
pub(super) struct Message {
    buffer: Vec<u8>,
}

impl Message {
    pub(super) fn new() -> Message {
        Message { buffer: vec![0; HEADER_BYTES + DATA_BYTES_MAX] }
    }

    /// Begins a message of this verb and name, with no bytes of a file.
    pub(super) fn begin(&mut self, verb: Verb, name: &str) -> Outcome<()> {
        let room = &mut self.buffer[NAME_AT..HEADER_BYTES];
        if name.len() > room.len() {
            return Err(format!("{name} is longer than {} bytes", room.len()).into());
        }
        room.fill(0);
        room[..name.len()].copy_from_slice(name.as_bytes());
        self.buffer[0] = verb as u8;
        self.carry(0)
    }

    /// Where the bytes of a file go.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.buffer[HEADER_BYTES..]
    }

    /// Says how many bytes of [`Message::room`] count.
    pub(super) fn carry(&mut self, data_bytes: usize) -> Outcome<()> {
        self.buffer[1..NAME_AT].copy_from_slice(&u32::try_from(data_bytes)?.to_be_bytes());
        Ok(())
    }

    pub(super) fn verb(&self) -> Outcome<Verb> {
        let known = VERBS.into_iter().find(|&verb| verb as u8 == self.buffer[0]);
        known.ok_or_else(|| format!("verb {}", self.buffer[0]).into())
    }

    pub(super) fn name(&self) -> Outcome<&str> {
        let name = std::str::from_utf8(&self.buffer[NAME_AT..HEADER_BYTES])?;
        Ok(name.trim_end_matches('\0'))
    }

    pub(super) fn data(&self) -> &[u8] {
        &self.buffer[HEADER_BYTES..self.end()]
    }

    /// Where the message ends in the buffer, and past it if its length is none of ours.
    fn end(&self) -> usize {
        let [_, a, b, c, d, ..] = *self.buffer else { return usize::MAX };
        HEADER_BYTES + u32::from_be_bytes([a, b, c, d]) as usize
    }

    /// Takes the next message, by one system call if all of it is there. `false` at the end.
    pub(super) fn receive(&mut self, from: &mut impl Read) -> Outcome<bool> {
        let mut filled = 0;
        while filled < HEADER_BYTES || filled < self.end() {
            match from.read(&mut self.buffer[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err("the end came within a message".into()),
                Ok(got) => filled += got,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(silence(error)),
            }
            if filled >= HEADER_BYTES && self.end() > self.buffer.len() {
                return Err(format!("a message of {} bytes", self.end()).into());
            }
        }
        if filled > self.end() {
            return Err("a message before the last one was answered".into());
        }
        Ok(true)
    }

    pub(super) fn send(&self, to: &mut impl Write) -> Outcome<()> {
        to.write_all(&self.buffer[..self.end()]).map_err(silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_received() {
        let mut sent = Message::new();
        sent.begin(Verb::Write, "folder/name").unwrap();
        sent.room()[..4].copy_from_slice(b"text");
        sent.carry(4).unwrap();
        let mut wire = Vec::new();
        sent.send(&mut wire).unwrap();
        assert_eq!(wire.len(), HEADER_BYTES + 4);

        let mut came = Message::new();
        assert!(came.receive(&mut &*wire).unwrap());
        assert_eq!((came.verb().unwrap(), came.name().unwrap()), (Verb::Write, "folder/name"));
        assert_eq!(came.data(), b"text");
        assert!(!came.receive(&mut &[][..]).unwrap(), "the end");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let mut message = Message::new();
        let long = [&[b'w'; 1][..], &[0xff; HEADER_BYTES]].concat();
        let refused = |message: &mut Message, wire: &[u8]| {
            message.receive(&mut &*wire).unwrap_err().to_string()
        };
        assert!(refused(&mut message, &long).contains("a message of"), "longer than the buffer");
        assert!(refused(&mut message, &long[..9]).contains("the end came"), "cut short");
        assert!(refused(&mut message, &[0; HEADER_BYTES + 1]).contains("before"), "two at once");
        assert!(message.receive(&mut &[0; HEADER_BYTES][..]).unwrap());
        assert_eq!(message.verb().unwrap_err().to_string(), "verb 0");
        assert!(message.begin(Verb::Open, &"x".repeat(HEADER_BYTES)).is_err(), "a long name");
    }
}
