//! The data types of RFC 4251 section 5: how numbers, strings and lists look on the wire.
//!
//! A [`Reader`] hands out slices of the message it was given and never allocates, so a length field
//! can ask for no more than has arrived. A [`Writer`] appends to a `Vec<u8>`.

use std::fmt;

/// Why a message could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WireError {
    /// A field reaches past the end of the message.
    Truncated,
    /// The message goes on after its last field.
    Trailing,
    /// An integer that must not be negative is, or has leading zeros it does not need.
    Mpint,
    /// A list of names holds something other than printable US-ASCII.
    NameList,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "a field reaches past the end of the message",
            Self::Trailing => "bytes follow the last field of the message",
            Self::Mpint => "an integer is negative or not in its shortest form",
            Self::NameList => "a name list holds something other than printable US-ASCII",
        })
    }
}

impl std::error::Error for WireError {}

/// Reads the fields of one message from front to back.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `message`.
    pub fn new(message: &'a [u8]) -> Self {
        Self { left: message }
    }

    /// The next `count` bytes as they are.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when fewer are left.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (head, tail) = self.left.split_at_checked(count).ok_or(WireError::Truncated)?;
        self.left = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, tail) = self.left.split_first_chunk().ok_or(WireError::Truncated)?;
        self.left = tail;
        Ok(*head)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn u8(&mut self) -> Result<u8, WireError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A boolean: every value but 0 is true (RFC 4251 section 5).
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn bool(&mut self) -> Result<bool, WireError> {
        self.u8().map(|byte| byte != 0)
    }

    /// A 32-bit number, big endian.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A 64-bit number, big endian.
    ///
    /// # Errors
    /// [`WireError::Truncated`].
    pub fn u64(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A string: four bytes of length, then that many bytes of anything.
    ///
    /// # Errors
    /// [`WireError::Truncated`] when the length asks for more than has arrived.
    pub fn string(&mut self) -> Result<&'a [u8], WireError> {
        let (length, tail) = self.left.split_first_chunk::<4>().ok_or(WireError::Truncated)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (head, tail) = tail.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.left = tail;
        Ok(head)
    }

    /// A non-negative integer: its magnitude, big endian, without leading zeros; empty for zero.
    ///
    /// # Errors
    /// [`WireError::Mpint`] for negative ones and needless zeros, [`WireError::Truncated`].
    pub fn mpint(&mut self) -> Result<&'a [u8], WireError> {
        match self.string()? {
            [first, ..] if first & 0x80 != 0 => Err(WireError::Mpint),
            [0] => Err(WireError::Mpint),
            [0, second, ..] if second & 0x80 == 0 => Err(WireError::Mpint),
            [0, magnitude @ ..] | magnitude => Ok(magnitude),
        }
    }

    /// A list of names between commas.
    ///
    /// # Errors
    /// [`WireError::NameList`] for bytes outside printable US-ASCII, [`WireError::Truncated`].
    pub fn name_list(&mut self) -> Result<NameList<'a>, WireError> {
        let text = self.string()?;
        if !text.iter().all(u8::is_ascii_graphic) {
            return Err(WireError::NameList);
        }
        let text = std::str::from_utf8(text).map_err(|_| WireError::NameList)?;
        Ok(NameList { text })
    }

    /// Everything that is left, which ends the message.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.left)
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.left.len()
    }

    /// Checks that the message ends here.
    ///
    /// # Errors
    /// [`WireError::Trailing`] when it does not.
    pub fn end(&self) -> Result<(), WireError> {
        if self.left.is_empty() { Ok(()) } else { Err(WireError::Trailing) }
    }
}

/// A list of names, in the sender's order of preference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameList<'a> {
    text: &'a str,
}

impl<'a> NameList<'a> {
    /// The names in order. Empty names, which RFC 4251 forbids, are passed over: they name nothing.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text.split(',').filter(|name| !name.is_empty())
    }

    /// Whether the list names `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|listed| listed == name)
    }

    /// The list as it came, names between commas.
    pub fn as_str(&self) -> &'a str {
        self.text
    }
}

/// Appends fields to a message.
pub trait Writer {
    /// One byte.
    fn put_u8(&mut self, value: u8);
    /// A boolean as 0 or 1.
    fn put_bool(&mut self, value: bool);
    /// A 32-bit number, big endian.
    fn put_u32(&mut self, value: u32);
    /// A 64-bit number, big endian.
    fn put_u64(&mut self, value: u64);
    /// A string with its length. What does not fit a 32-bit length is cut; no message comes close.
    fn put_string(&mut self, value: &[u8]);
    /// A non-negative integer from its big-endian magnitude, leading zeros allowed.
    fn put_mpint(&mut self, magnitude: &[u8]);
    /// A list of names between commas.
    fn put_name_list<'n>(&mut self, names: impl IntoIterator<Item = &'n str>);
}

/// The length field of a string of `bytes` bytes.
fn length_field(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes()
}

impl Writer for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }

    fn put_bool(&mut self, value: bool) {
        self.push(u8::from(value));
    }

    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn put_string(&mut self, value: &[u8]) {
        let length = length_field(value.len());
        self.extend_from_slice(&length);
        let kept = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        self.extend_from_slice(value.get(..kept).unwrap_or(value));
    }

    fn put_mpint(&mut self, magnitude: &[u8]) {
        let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
        let magnitude = magnitude.get(zeros..).unwrap_or_default();
        // A set top bit would read as a sign.
        let sign = usize::from(magnitude.first().is_some_and(|byte| byte & 0x80 != 0));
        self.extend_from_slice(&length_field(magnitude.len() + sign));
        if sign == 1 {
            self.push(0);
        }
        self.extend_from_slice(magnitude);
    }

    fn put_name_list<'n>(&mut self, names: impl IntoIterator<Item = &'n str>) {
        let at = self.len();
        self.extend_from_slice(&[0; 4]);
        for (index, name) in names.into_iter().enumerate() {
            if index > 0 {
                self.push(b',');
            }
            self.extend_from_slice(name.as_bytes());
        }
        let length = length_field(self.len() - at - 4);
        if let Some(field) = self.get_mut(at..at + 4) {
            field.copy_from_slice(&length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_as_they_were_written() {
        let mut message = Vec::new();
        message.put_u8(7);
        message.put_bool(true);
        message.put_u32(0x0102_0304);
        message.put_u64(0x0102_0304_0506_0708);
        message.put_string(b"hello");
        message.put_mpint(&[0, 0, 0x80, 1]);
        message.put_name_list(["a", "b@c"]);
        message.put_name_list([]);
        let mut reader = Reader::new(&message);
        assert_eq!(reader.u8(), Ok(7));
        assert_eq!(reader.bool(), Ok(true));
        assert_eq!(reader.u32(), Ok(0x0102_0304));
        assert_eq!(reader.u64(), Ok(0x0102_0304_0506_0708));
        assert_eq!(reader.string(), Ok(&b"hello"[..]));
        assert_eq!(reader.mpint(), Ok(&[0x80, 1][..]));
        let names = reader.name_list().unwrap();
        assert_eq!(names.as_str(), "a,b@c");
        assert!(names.contains("b@c") && !names.contains("b"));
        assert_eq!(reader.end(), Err(WireError::Trailing));
        assert_eq!(reader.name_list().unwrap().iter().count(), 0);
        assert_eq!(reader.end(), Ok(()));
    }

    /// The examples of RFC 4251 section 5.
    #[test]
    fn mpints_of_the_rfc() {
        let cases: [(&[u8], &[u8]); 3] = [
            (&[], &[0, 0, 0, 0]),
            (
                &[0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
                &[0, 0, 0, 8, 0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
            ),
            (&[0x80], &[0, 0, 0, 2, 0, 0x80]),
        ];
        for (magnitude, encoded) in cases {
            let mut out = Vec::new();
            out.put_mpint(magnitude);
            assert_eq!(out, encoded);
            assert_eq!(Reader::new(encoded).mpint(), Ok(magnitude));
        }
        for bad in [&[0, 0, 0, 1, 0x80][..], &[0, 0, 0, 1, 0], &[0, 0, 0, 2, 0, 0x7f]] {
            assert_eq!(Reader::new(bad).mpint(), Err(WireError::Mpint));
        }
    }

    #[test]
    fn a_length_cannot_reach_past_what_arrived() {
        for length in [1u32, 5, 0x7fff_ffff, u32::MAX] {
            let mut message = length.to_be_bytes().to_vec();
            message.extend(std::iter::repeat_n(0u8, (length.min(8) - 1) as usize));
            let mut reader = Reader::new(&message);
            assert_eq!(reader.string(), Err(WireError::Truncated));
            assert_eq!(reader.remaining(), message.len(), "a failed read moves nothing");
        }
        assert_eq!(Reader::new(&[0, 0, 0]).u32(), Err(WireError::Truncated));
        assert_eq!(Reader::new(&[0, 0, 0, 2, b'a', b' ']).name_list(), Err(WireError::NameList));
    }
}
