//! The fields messages are made of: big-endian numbers and length-prefixed strings
//! (RFC 4251 section 5).

/// Why a body does not parse, in words for a log line and the STATUS message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseError(pub &'static str);

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ParseError {}

const SHORT_NUMBER: ParseError = ParseError("a number is cut short");
const SHORT_STRING: ParseError = ParseError("a string is longer than its message");

/// Takes fields off the front of a body. A failed take leaves the reader where it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(body: &'a [u8]) -> Self {
        Reader { rest: body }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        let (chunk, rest) = self.rest.split_first_chunk::<N>().ok_or(SHORT_NUMBER)?;
        self.rest = rest;
        Ok(*chunk)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ParseError> {
        self.chunk().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, ParseError> {
        self.chunk().map(u64::from_be_bytes)
    }

    /// RFC 4251 section 5: any byte but 0 is TRUE.
    pub(crate) fn boolean(&mut self) -> Result<bool, ParseError> {
        self.chunk::<1>().map(|[byte]| byte != 0)
    }

    pub(crate) fn string(&mut self) -> Result<&'a [u8], ParseError> {
        let mut ahead = *self;
        let length = ahead.u32()? as usize;
        let (string, rest) = ahead.rest.split_at_checked(length).ok_or(SHORT_STRING)?;
        self.rest = rest;
        Ok(string)
    }
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// A string of more than 4 GiB has no encoding; its first 4 GiB are sent, which no peer takes.
pub(crate) fn put_string(out: &mut Vec<u8>, string: &[u8]) {
    let length = u32::try_from(string.len()).unwrap_or(u32::MAX);
    put_u32(out, length);
    out.extend_from_slice(string.get(..length as usize).unwrap_or(string));
}

/// A string whose bytes `fill` appends; its length is written afterwards.
pub(crate) fn put_string_with(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    put_u32(out, 0);
    fill(out);
    patch_length(out, at);
}

/// A frame of `kind`: `fill` appends what follows the type byte, the length is written afterwards.
pub(crate) fn put_frame(out: &mut Vec<u8>, kind: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    put_string_with(out, |out| {
        out.push(kind);
        fill(out);
    });
}

/// Writes into the four bytes at `at` how many bytes follow them.
pub(crate) fn patch_length(out: &mut [u8], at: usize) {
    let follow = out.len().saturating_sub(at).saturating_sub(4);
    patch_u32(out, at, u32::try_from(follow).unwrap_or(u32::MAX));
}

/// Overwrites the four bytes at `at`, which the caller has put there before.
pub(crate) fn patch_u32(out: &mut [u8], at: usize, value: u32) {
    if let Some(place) = out.get_mut(at..).and_then(|tail| tail.first_chunk_mut::<4>()) {
        *place = value.to_be_bytes();
    }
}
