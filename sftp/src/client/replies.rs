//! Replies off the wire: bytes in any split, replies out.

use std::ops::Range;

use crate::attrs::Attrs;
use crate::frame::{DecoderLimits, End, FrameError, Framed, Framer};
use crate::limits::REPLY_BYTES_MAX;
use crate::numbers;
use crate::wire::{ParseError, Reader};

/// Decodes what a server sends. The payload of DATA is never copied.
#[derive(Debug)]
pub struct ReplyDecoder {
    framer: Framer,
}

/// What one call of [`ReplyDecoder::next`] has done.
#[derive(PartialEq, Eq, Debug)]
pub struct ReplyStep<'a> {
    /// Bytes of the input that are done with; pass the rest to the next call.
    pub consumed: usize,
    /// What they gave. `None` means all of the input is consumed and more is wanted.
    pub item: Option<ReplyItem<'a>>,
}

/// One thing the stream holds.
#[derive(PartialEq, Eq, Debug)]
pub enum ReplyItem<'a> {
    /// A reply, complete but for the payload of DATA.
    Reply(Reply<'a>),
    /// A piece of the payload of the last `Data`: a range of this call's input.
    ReadData {
        /// Where in the input.
        range: Range<usize>,
        /// Whether it completes the payload.
        last: bool,
    },
    /// A reply that does not parse. It has been stepped over.
    Malformed {
        /// The id of the request it answers.
        id: u32,
        /// What is wrong with it, in words.
        why: &'static str,
    },
}

/// One reply; `id` is the request's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The fields are the draft's.
pub enum Reply<'a> {
    Version {
        version: u32,
        extensions: Pairs<'a>,
    },
    /// `message` and `language` are empty where the server has left them out. `code` may be one
    /// past 8, of a server that keeps to no version.
    Status {
        id: u32,
        code: u32,
        message: &'a [u8],
        language: &'a [u8],
    },
    Handle {
        id: u32,
        handle: &'a [u8],
    },
    /// `len` bytes of payload follow as `ReadData`; none if `len` is 0.
    Data {
        id: u32,
        len: u32,
    },
    Name {
        id: u32,
        names: Names<'a>,
    },
    Attrs {
        id: u32,
        attrs: Attrs,
    },
    Extended {
        id: u32,
        payload: &'a [u8],
    },
    /// A message number no reply has.
    Unknown {
        id: u32,
        kind: u8,
    },
}

impl Reply<'_> {
    /// The id of the request it answers; `None` for `Version`.
    pub fn id(&self) -> Option<u32> {
        match *self {
            Reply::Version { .. } => None,
            Reply::Status { id, .. }
            | Reply::Handle { id, .. }
            | Reply::Data { id, .. }
            | Reply::Name { id, .. }
            | Reply::Attrs { id, .. }
            | Reply::Extended { id, .. }
            | Reply::Unknown { id, .. } => Some(id),
        }
    }
}

impl ReplyDecoder {
    /// A decoder at the start of a stream.
    pub fn new(limits: DecoderLimits) -> Self {
        ReplyDecoder { framer: Framer::new(End::Client, limits) }
    }

    /// Limits for servers in general: any reply may be as long as [`REPLY_BYTES_MAX`].
    pub const fn default_limits() -> DecoderLimits {
        DecoderLimits { frame_bytes_max: REPLY_BYTES_MAX, assembled_bytes_max: REPLY_BYTES_MAX }
    }

    /// One step over the front of `input`.
    ///
    /// Fails if the stream cannot be followed any further, then for ever.
    pub fn next<'a>(&'a mut self, input: &'a [u8]) -> Result<ReplyStep<'a>, FrameError> {
        let step = self.framer.next(input)?;
        let item = step.framed.map(|framed| match framed {
            Framed::Whole { kind, body } => parsed(body, parse(kind, body)),
            Framed::Head { body } => parsed(body, parse_data(body)),
            Framed::Payload { range, last } => ReplyItem::ReadData { range, last },
            Framed::Malformed { id, why } => ReplyItem::Malformed { id, why },
        });
        Ok(ReplyStep { consumed: step.consumed, item })
    }
}

fn parsed<'a>(body: &[u8], reply: Result<Reply<'a>, ParseError>) -> ReplyItem<'a> {
    match reply {
        Ok(reply) => ReplyItem::Reply(reply),
        // The framer has made sure that there is an id.
        Err(ParseError(why)) => {
            ReplyItem::Malformed { id: Reader::new(body).u32().unwrap_or(0), why }
        }
    }
}

fn parse(kind: u8, body: &[u8]) -> Result<Reply<'_>, ParseError> {
    let reader = &mut Reader::new(body);
    if kind == numbers::VERSION {
        return Ok(Reply::Version { version: reader.u32()?, extensions: Pairs(reader.rest()) });
    }
    let id = reader.u32()?;
    Ok(match kind {
        numbers::STATUS => Reply::Status {
            id,
            code: reader.u32()?,
            message: reader.string().unwrap_or_default(),
            language: reader.string().unwrap_or_default(),
        },
        numbers::HANDLE => Reply::Handle { id, handle: reader.string()? },
        numbers::NAME => Reply::Name { id, names: Names::read(reader)? },
        numbers::ATTRS => Reply::Attrs { id, attrs: Attrs::read(reader)? },
        numbers::EXTENDED_REPLY => Reply::Extended { id, payload: reader.rest() },
        kind => Reply::Unknown { id, kind },
    })
}

fn parse_data(head: &[u8]) -> Result<Reply<'_>, ParseError> {
    let reader = &mut Reader::new(head);
    Ok(Reply::Data { id: reader.u32()?, len: reader.u32()? })
}

/// The extension pairs of a VERSION reply. A pair cut short ends them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pairs<'a>(&'a [u8]);

impl<'a> Pairs<'a> {
    /// The pairs (name, data) in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + 'a {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || Some((reader.string().ok()?, reader.string().ok()?)))
    }

    /// The data of the extension `name`, if the server has it.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.iter().find(|(its, _)| *its == name.as_bytes()).map(|(_, data)| data)
    }
}

/// The entries of a NAME reply, known to be complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Names<'a> {
    count: u32,
    entries: &'a [u8],
}

/// One entry of a NAME reply. What a hostile server may have put into the names is for the caller
/// to judge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameEntry<'a> {
    /// The name.
    pub filename: &'a [u8],
    /// Its `ls -l` line.
    pub longname: &'a [u8],
    /// Its attributes.
    pub attrs: Attrs,
}

impl<'a> NameEntry<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        Ok(NameEntry {
            filename: reader.string()?,
            longname: reader.string()?,
            attrs: Attrs::read(reader)?,
        })
    }
}

impl<'a> Names<'a> {
    /// Walks all entries once, so that iterating needs no errors. The count is the server's word
    /// only: the walk ends with the bytes.
    fn read(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let count = reader.u32()?;
        let names = Names { count, entries: reader.rest() };
        for _ in 0..count {
            NameEntry::read(reader)?;
        }
        Ok(names)
    }

    /// How many entries there are. None at all means the end, to some servers.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = NameEntry<'a>> + 'a {
        let mut reader = Reader::new(self.entries);
        (0..self.count).map_while(move |_| NameEntry::read(&mut reader).ok())
    }
}

/// Packed strings, as `users-groups-by-id@openssh.com` answers. One cut short ends them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    /// The strings in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + 'a {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || reader.string().ok())
    }
}

/// Takes apart the payload of a reply to `users-groups-by-id@openssh.com`: users, then groups.
pub fn users_groups_by_id(payload: &[u8]) -> Result<(Strings<'_>, Strings<'_>), ParseError> {
    let mut reader = Reader::new(payload);
    Ok((Strings(reader.string()?), Strings(reader.string()?)))
}

#[cfg(test)]
mod tests;
