//! Cutting a byte stream into frames, for both ends.
//!
//! Each end has one kind of message whose payload is streamed (WRITE to a server, DATA to a
//! client): of those the head is a frame and the payload follows as ranges of the input. All other
//! frames are given whole: borrowed from the input if they lie in it in one piece, otherwise from
//! a buffer they were assembled in. Knows lengths, kinds and ids, not what bodies mean.

use std::ops::Range;

use crate::limits::{ASSEMBLY_BYTES_KEPT, FRAME_BYTES_MAX, HANDLE_BYTES_MAX, REQUEST_BYTES_MAX};
use crate::numbers;

/// What a decoder takes. Lengths are values of a frame's length field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecoderLimits {
    /// The longest frame; a longer one is a [`FrameError`].
    pub frame_bytes_max: u32,
    /// The longest frame whose payload is not streamed, which bounds the assembly buffer. A longer
    /// one is stepped over and reported as malformed.
    pub assembled_bytes_max: u32,
}

/// Those of a server.
impl Default for DecoderLimits {
    fn default() -> Self {
        DecoderLimits { frame_bytes_max: FRAME_BYTES_MAX, assembled_bytes_max: REQUEST_BYTES_MAX }
    }
}

/// The stream cannot be followed any further: close the channel. A decoder that has given one
/// gives it again for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameError {
    /// A frame of length 0, which has no type.
    Empty,
    /// A frame over the limit. Often it is text: a shell's greeting on the way to the client.
    TooLong {
        /// The length it claims.
        length: u32,
        /// The limit.
        max: u32,
    },
    /// A frame too short for the id (or version) that lets it be answered.
    NoId {
        /// Its message number.
        kind: u8,
        /// Its length.
        length: u32,
    },
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FrameError::Empty => write!(f, "SFTP frame of length 0"),
            FrameError::TooLong { length, max } => {
                write!(f, "SFTP frame of {length} bytes, more than {max}")
            }
            FrameError::NoId { kind, length } => {
                write!(f, "SFTP frame of type {kind} and {length} bytes has no id")
            }
        }
    }
}

impl std::error::Error for FrameError {}

/// Which end is reading, hence which kind is streamed and which has no id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Server,
    Client,
}

#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Framed<'a> {
    /// A frame, `body` being what follows its type byte.
    Whole {
        kind: u8,
        body: &'a [u8],
    },
    /// The head of a streamed frame, up to and with its payload's length.
    Head {
        body: &'a [u8],
    },
    /// A piece of that payload: a range of the input.
    Payload {
        range: Range<usize>,
        last: bool,
    },
    Malformed {
        id: u32,
        why: &'static str,
    },
}

#[derive(PartialEq, Eq, Debug)]
pub(crate) struct FrameStep<'a> {
    pub(crate) consumed: usize,
    pub(crate) framed: Option<Framed<'a>>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// At the start of a frame, or inside one that is being assembled.
    Frame,
    /// In a streamed payload of which `left` bytes are to come, then `trailing` to step over.
    Payload {
        left: usize,
        trailing: usize,
    },
    /// Stepping over `left` bytes nobody wants.
    Skip {
        left: usize,
    },
    Failed(FrameError),
}

/// What the bytes at the front of a frame tell to do.
enum Plan {
    /// Nothing can be said before there are so many bytes.
    More(usize),
    /// A frame of so many bytes is there.
    Whole { frame: usize, kind: u8 },
    /// A streamed frame's head of so many bytes is there.
    Head { head: usize, payload: usize, trailing: usize },
    /// A frame that `read` bytes show to be bad; `skip` more belong to it.
    Bad { id: u32, why: &'static str, read: usize, skip: usize },
}

#[derive(Debug)]
pub(crate) struct Framer {
    end: End,
    limits: DecoderLimits,
    state: State,
    /// The front of a frame that has not come in one piece.
    assembled: Vec<u8>,
    /// The last step lent `assembled` out: it is free now.
    lent: bool,
}

impl Framer {
    pub(crate) fn new(end: End, limits: DecoderLimits) -> Self {
        Framer { end, limits, state: State::Frame, assembled: Vec::new(), lent: false }
    }

    /// One step over the front of `input`. Without `framed`, all of `input` is consumed.
    pub(crate) fn next<'a>(&'a mut self, input: &'a [u8]) -> Result<FrameStep<'a>, FrameError> {
        self.free_lent();
        let skipped = match self.state {
            State::Failed(error) => return Err(error),
            State::Payload { left, trailing } => return Ok(self.payload(input, left, trailing)),
            State::Skip { left } => self.skip(input, left),
            State::Frame => 0,
        };
        let mut consumed = skipped;
        let plan = loop {
            let ahead = input.get(consumed..).unwrap_or_default();
            let front = if self.assembled.is_empty() { ahead } else { &self.assembled };
            match self.plan(front) {
                Ok(Plan::More(wanted)) => {
                    let missing = wanted.saturating_sub(self.assembled.len());
                    let piece = ahead.get(..missing).unwrap_or(ahead);
                    if piece.is_empty() {
                        return Ok(FrameStep { consumed, framed: None });
                    }
                    self.assembled.extend_from_slice(piece);
                    consumed += piece.len();
                }
                Ok(plan) => break plan,
                Err(error) => {
                    self.state = State::Failed(error);
                    return Err(error);
                }
            }
        };
        Ok(self.carry_out(plan, input, consumed))
    }

    fn carry_out<'a>(&'a mut self, plan: Plan, input: &'a [u8], at: usize) -> FrameStep<'a> {
        let (read, after) = match plan {
            Plan::More(read) => (read, State::Frame),
            Plan::Whole { frame, .. } => (frame, State::Frame),
            Plan::Head { head, payload: 0, trailing } => (head, State::Skip { left: trailing }),
            Plan::Head { head, payload, trailing } => {
                (head, State::Payload { left: payload, trailing })
            }
            Plan::Bad { read, skip, .. } => (read, State::Skip { left: skip }),
        };
        self.state = after;
        self.lent = !self.assembled.is_empty();
        // What was assembled is exactly the `read` bytes: no more than wanted is ever appended.
        let (front, consumed) = if self.lent {
            (self.assembled.as_slice(), at)
        } else {
            (input.get(at..at + read).unwrap_or_default(), at + read)
        };
        let body = front.get(5..).unwrap_or_default();
        let framed = match plan {
            Plan::More(_) => None,
            Plan::Whole { kind, .. } => Some(Framed::Whole { kind, body }),
            Plan::Head { .. } => Some(Framed::Head { body }),
            Plan::Bad { id, why, .. } => Some(Framed::Malformed { id, why }),
        };
        FrameStep { consumed, framed }
    }

    fn payload(&mut self, input: &[u8], left: usize, trailing: usize) -> FrameStep<'static> {
        let taken = left.min(input.len());
        if taken == 0 {
            return FrameStep { consumed: 0, framed: None };
        }
        let last = taken == left;
        self.state = if last {
            State::Skip { left: trailing }
        } else {
            State::Payload { left: left - taken, trailing }
        };
        FrameStep { consumed: taken, framed: Some(Framed::Payload { range: 0..taken, last }) }
    }

    fn skip(&mut self, input: &[u8], left: usize) -> usize {
        let taken = left.min(input.len());
        self.state = if taken == left { State::Frame } else { State::Skip { left: left - taken } };
        taken
    }

    #[cfg(test)]
    pub(crate) fn assembled_bytes(&self) -> usize {
        self.assembled.len()
    }

    #[cfg(test)]
    pub(crate) fn assembled_capacity(&self) -> usize {
        self.assembled.capacity()
    }

    fn free_lent(&mut self) {
        if self.lent {
            self.lent = false;
            self.assembled.clear();
            self.assembled.shrink_to(ASSEMBLY_BYTES_KEPT);
        }
    }

    fn plan(&self, front: &[u8]) -> Result<Plan, FrameError> {
        let Some(length) = number_at(front, 0) else { return Ok(Plan::More(4)) };
        if length == 0 {
            return Err(FrameError::Empty);
        }
        let max = self.limits.frame_bytes_max;
        if length > max {
            return Err(FrameError::TooLong { length, max });
        }
        let Some(&kind) = front.get(4) else { return Ok(Plan::More(5)) };
        if length < 5 {
            return Err(FrameError::NoId { kind, length });
        }
        let frame = 4 + length as usize;
        let max = self.limits.assembled_bytes_max;
        match (self.end, kind) {
            (End::Server, numbers::INIT) | (End::Client, numbers::VERSION) => {
                if length > max {
                    return Err(FrameError::TooLong { length, max });
                }
                return Ok(whole(front, frame, kind));
            }
            _ => {}
        }
        let Some(id) = number_at(front, 5) else { return Ok(Plan::More(9)) };
        Ok(match (self.end, kind) {
            (End::Server, numbers::WRITE) => plan_write(front, frame, id),
            (End::Client, numbers::DATA) => plan_streamed(front, frame, id, 9, 13),
            _ if length > max => bad(id, "the message is too long", 9, frame),
            _ => whole(front, frame, kind),
        })
    }
}

fn whole(front: &[u8], frame: usize, kind: u8) -> Plan {
    if front.len() < frame { Plan::More(frame) } else { Plan::Whole { frame, kind } }
}

fn bad(id: u32, why: &'static str, read: usize, frame: usize) -> Plan {
    Plan::Bad { id, why, read, skip: frame.saturating_sub(read) }
}

/// WRITE: length, type, id, string handle, u64 offset, string data.
fn plan_write(front: &[u8], frame: usize, id: u32) -> Plan {
    if frame < 13 {
        return bad(id, "a number is cut short", 9, frame);
    }
    let Some(handle) = number_at(front, 9) else { return Plan::More(13) };
    if handle > HANDLE_BYTES_MAX {
        return bad(id, "a handle is longer than 256 bytes", 13, frame);
    }
    plan_streamed(front, frame, id, 13, 13 + handle as usize + 12)
}

/// The head of `head` bytes ends with the payload's length; `read` bytes of it have been used.
fn plan_streamed(front: &[u8], frame: usize, id: u32, read: usize, head: usize) -> Plan {
    if frame < head {
        return bad(id, "the head of the data is cut short", read, frame);
    }
    let Some(payload) = number_at(front, head - 4) else { return Plan::More(head) };
    let payload = payload as usize;
    match (frame - head).checked_sub(payload) {
        Some(trailing) => Plan::Head { head, payload, trailing },
        None => bad(id, "the data is longer than its message", head, frame),
    }
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|number| u32::from_be_bytes(*number))
}
