//! The server's end of the stream: bytes in any split, requests out.

use std::ops::Range;

use crate::frame::{DecoderLimits, End, FrameError, Framed, Framer};
use crate::request::{Request, parse};
use crate::wire::{ParseError, Reader};

/// Decodes what a client sends.
///
/// Feed it the channel's data as it comes and loop: each [`next`](Self::next) takes some bytes off
/// the front and gives at most one item. It holds no more than one request in its assembly buffer
/// ([`DecoderLimits::assembled_bytes_max`]), and the payload of a WRITE not at all.
#[derive(Debug)]
pub struct Decoder {
    framer: Framer,
}

/// What one call of [`Decoder::next`] has done.
#[derive(PartialEq, Eq, Debug)]
pub struct Step<'a> {
    /// Bytes of the input that are done with; pass the rest to the next call.
    pub consumed: usize,
    /// What they gave. `None` means all of the input is consumed and more is wanted.
    pub item: Option<Item<'a>>,
}

/// One thing the stream holds.
#[derive(PartialEq, Eq, Debug)]
pub enum Item<'a> {
    /// A request, complete but for a WRITE's payload.
    Request(Request<'a>),
    /// A piece of the payload of the last `Write`: a range of this call's input.
    WriteData {
        /// Where in the input.
        range: Range<usize>,
        /// Whether it completes the payload.
        last: bool,
    },
    /// A request that does not parse. It has been stepped over: answer `BadMessage` and go on.
    Malformed {
        /// Its id.
        id: u32,
        /// What is wrong with it, in words.
        why: &'static str,
    },
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(limits: DecoderLimits) -> Self {
        Decoder { framer: Framer::new(End::Server, limits) }
    }

    /// One step over the front of `input`.
    ///
    /// Fails if the stream cannot be followed any further, then for ever.
    pub fn next<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<'a>, FrameError> {
        let step = self.framer.next(input)?;
        let item = step.framed.map(|framed| match framed {
            Framed::Whole { kind, body } => parsed(body, parse(kind, body)),
            Framed::Head { body } => parsed(body, parse_write(body)),
            Framed::Payload { range, last } => Item::WriteData { range, last },
            Framed::Malformed { id, why } => Item::Malformed { id, why },
        });
        Ok(Step { consumed: step.consumed, item })
    }
}

fn parsed<'a>(body: &[u8], request: Result<Request<'a>, ParseError>) -> Item<'a> {
    match request {
        Ok(request) => Item::Request(request),
        // The framer has made sure that there is an id.
        Err(ParseError(why)) => Item::Malformed { id: Reader::new(body).u32().unwrap_or(0), why },
    }
}

fn parse_write(head: &[u8]) -> Result<Request<'_>, ParseError> {
    let reader = &mut Reader::new(head);
    Ok(Request::Write {
        id: reader.u32()?,
        handle: reader.string()?,
        offset: reader.u64()?,
        len: reader.u32()?,
    })
}

#[cfg(test)]
mod tests;
