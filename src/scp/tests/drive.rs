//! Drives both ends over a file system in memory, as a server does.

use super::memory::Memory;
use crate::scp::{Ask, End, Options, split};

/// One end with its files and what it has yet to read.
pub(in crate::scp) struct Party {
    end: End,
    pub(in crate::scp) files: Memory,
    pub(in crate::scp) input: Vec<u8>,
    /// The other end sends no more than what is in `input`.
    pub(in crate::scp) input_over: bool,
    told_over: bool,
    pub(in crate::scp) status: Option<u32>,
}

impl Party {
    /// `line` is what follows `scp`.
    pub(in crate::scp) fn new(line: &str, files: Memory) -> Self {
        let options = Options::parse(&split(line.as_bytes()).unwrap()).unwrap();
        let end = End::new(options);
        let (input_over, told_over) = (false, false);
        Self { end, files, input: Vec::new(), input_over, told_over, status: None }
    }

    /// Does one thing; whether there was one to do.
    pub(in crate::scp) fn turn(&mut self, output: &mut Vec<u8>) -> bool {
        let ask = self.end.poll();
        assert_eq!(ask, self.end.poll(), "asked twice, asked otherwise");
        let sent = self.end.take_output();
        output.extend(&sent);
        match ask {
            Ask::Done(status) => {
                let before = self.status.replace(status);
                before.is_none() || !sent.is_empty()
            }
            Ask::Input if !self.input.is_empty() => {
                let used = self.end.input(&self.input);
                assert!(used > 0, "input was asked for and not taken");
                self.input.drain(..used);
                true
            }
            Ask::Input if self.input_over && !self.told_over => {
                self.told_over = true;
                self.end.input_ended();
                true
            }
            Ask::Input => !sent.is_empty(),
            ask => {
                let before = self.input.len();
                let told = self.files.carry_out(&ask, &mut self.input, self.input_over, output);
                let moved = told.is_some() || self.input.len() < before;
                if let Some(told) = told {
                    self.end.told(told);
                }
                moved || !sent.is_empty()
            }
        }
    }
}

/// What one end sends, given everything that the other sends; its exit status, and its files.
pub(in crate::scp) fn alone(line: &str, files: Memory, input: &[u8]) -> (Vec<u8>, u32, Memory) {
    let mut party = Party::new(line, files);
    party.input = input.to_vec();
    party.input_over = true;
    let mut output = Vec::new();
    while party.turn(&mut output) {}
    let status = party.status.unwrap_or_else(|| panic!("it waits after {}", input.escape_ascii()));
    assert!(party.files.is_closed(), "something is open after {}", input.escape_ascii());
    (output, status, party.files)
}

/// A copy from one end to the other, in pieces of so many bytes.
pub(in crate::scp) struct Copied {
    pub(in crate::scp) from: Party,
    pub(in crate::scp) to: Party,
    /// Everything the source sent.
    pub(in crate::scp) sent: Vec<u8>,
    /// Everything the sink sent.
    pub(in crate::scp) answered: Vec<u8>,
}

pub(in crate::scp) fn copy(
    source: (&str, Memory),
    sink: (&str, Memory),
    piece_bytes: usize,
) -> Copied {
    let (from, to) = (Party::new(source.0, source.1), Party::new(sink.0, sink.1));
    let mut it = Copied { from, to, sent: Vec::new(), answered: Vec::new() };
    let (mut sent, mut answered) = (0, 0);
    loop {
        let mut moved = it.from.turn(&mut it.sent) | it.to.turn(&mut it.answered);
        moved |= deliver(&it.sent, &mut sent, &mut it.to, piece_bytes, it.from.status);
        moved |= deliver(&it.answered, &mut answered, &mut it.from, piece_bytes, it.to.status);
        if !moved {
            break;
        }
    }
    assert!(it.from.status.is_some() && it.to.status.is_some(), "both ends wait");
    assert!(it.from.files.is_closed() && it.to.files.is_closed());
    it
}

fn deliver(
    pipe: &[u8],
    delivered: &mut usize,
    to: &mut Party,
    piece_bytes: usize,
    status: Option<u32>,
) -> bool {
    let piece = &pipe[*delivered..pipe.len().min(*delivered + piece_bytes)];
    if to.status.is_some() || piece.is_empty() {
        let news = status.is_some() && !to.input_over;
        to.input_over |= status.is_some();
        return news;
    }
    *delivered += piece.len();
    to.input.extend(piece);
    true
}
