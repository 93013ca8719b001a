//! File attributes (draft-ietf-secsh-filexfer-02 section 5).

use crate::wire::{ParseError, Reader, put_u32, put_u64};

const SIZE: u32 = 0x0000_0001;
const UIDGID: u32 = 0x0000_0002;
const PERMISSIONS: u32 = 0x0000_0004;
const ACMODTIME: u32 = 0x0000_0008;
const EXTENDED: u32 = 0x8000_0000;

/// The ATTRS structure: each field is there or not, as its flag says.
///
/// Extended pairs are stepped over when they arrive and never sent: no client of version 3 uses
/// them. Flag bits of later versions are ignored, as OpenSSH does.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Attrs {
    /// Length of the file in bytes.
    pub size: Option<u64>,
    /// User and group id.
    pub owner: Option<(u32, u32)>,
    /// `st_mode`, file type included.
    pub permissions: Option<u32>,
    /// Times of last access and of last modification, in seconds since 1970 (until 2106).
    pub times: Option<(u32, u32)>,
}

impl Attrs {
    /// Reads one structure off the front of `bytes` and gives what follows it.
    ///
    /// Fails if `bytes` ends inside it.
    pub fn decode(bytes: &[u8]) -> Result<(Attrs, &[u8]), ParseError> {
        let mut reader = Reader::new(bytes);
        let attrs = Attrs::read(&mut reader)?;
        Ok((attrs, reader.rest()))
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Attrs, ParseError> {
        let flags = reader.u32()?;
        let mut attrs = Attrs::default();
        if flags & SIZE != 0 {
            attrs.size = Some(reader.u64()?);
        }
        if flags & UIDGID != 0 {
            attrs.owner = Some((reader.u32()?, reader.u32()?));
        }
        if flags & PERMISSIONS != 0 {
            attrs.permissions = Some(reader.u32()?);
        }
        if flags & ACMODTIME != 0 {
            attrs.times = Some((reader.u32()?, reader.u32()?));
        }
        if flags & EXTENDED != 0 {
            skip_extended(reader)?;
        }
        Ok(attrs)
    }

    /// Appends the structure to `out`: [`encoded_len`](Self::encoded_len) bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let flag = |present: bool, bit: u32| if present { bit } else { 0 };
        put_u32(
            out,
            flag(self.size.is_some(), SIZE)
                | flag(self.owner.is_some(), UIDGID)
                | flag(self.permissions.is_some(), PERMISSIONS)
                | flag(self.times.is_some(), ACMODTIME),
        );
        if let Some(size) = self.size {
            put_u64(out, size);
        }
        if let Some((uid, gid)) = self.owner {
            put_u32(out, uid);
            put_u32(out, gid);
        }
        if let Some(permissions) = self.permissions {
            put_u32(out, permissions);
        }
        if let Some((atime, mtime)) = self.times {
            put_u32(out, atime);
            put_u32(out, mtime);
        }
    }

    /// How many bytes [`encode`](Self::encode) appends: 4 to 32.
    pub fn encoded_len(&self) -> usize {
        let eights = [self.size.is_some(), self.owner.is_some(), self.times.is_some()];
        let eights = eights.iter().filter(|present| **present).count();
        4 + eights * 8 + if self.permissions.is_some() { 4 } else { 0 }
    }
}

/// The count is the peer's word only: each pair takes eight bytes at least, so a count of 2^32-1
/// fails before the first pair is looked at.
fn skip_extended(reader: &mut Reader<'_>) -> Result<(), ParseError> {
    let count = reader.u32()? as usize;
    if count > reader.rest().len() / 8 {
        return Err(ParseError("more extended attributes than fit the message"));
    }
    for _ in 0..count {
        reader.string()?;
        reader.string()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::put_string;

    #[test]
    fn extended_pairs_are_stepped_over() {
        let mut bytes = Vec::new();
        put_u32(&mut bytes, EXTENDED | PERMISSIONS);
        put_u32(&mut bytes, 0o100644);
        put_u32(&mut bytes, 2);
        for string in ["acl@example.org", "x", "", ""] {
            put_string(&mut bytes, string.as_bytes());
        }
        bytes.extend_from_slice(b"after");
        let (attrs, rest) = Attrs::decode(&bytes).unwrap();
        assert_eq!(attrs, Attrs { permissions: Some(0o100644), ..Attrs::default() });
        assert_eq!(rest, b"after");
    }

    #[test]
    fn a_count_of_four_billion_pairs_fails_at_once() {
        let mut bytes = Vec::new();
        put_u32(&mut bytes, EXTENDED);
        put_u32(&mut bytes, u32::MAX);
        bytes.resize(200_000, 0);
        assert!(Attrs::decode(&bytes).is_err());
    }

    #[test]
    fn flags_of_later_versions_are_ignored() {
        let bytes = [0x00, 0x00, 0x01, 0x01, 0, 0, 0, 0, 0, 0, 0, 9];
        let (attrs, rest) = Attrs::decode(&bytes).unwrap();
        assert_eq!(attrs, Attrs { size: Some(9), ..Attrs::default() });
        assert!(rest.is_empty());
    }

    #[test]
    fn every_combination_comes_back_and_has_the_length_told() {
        for bits in 0..16u32 {
            let given = |bit: u32| bits & bit != 0;
            let attrs = Attrs {
                size: given(1).then_some(u64::MAX),
                owner: given(2).then_some((1, u32::MAX)),
                permissions: given(4).then_some(0o140777),
                times: given(8).then_some((0, u32::MAX)),
            };
            let mut bytes = Vec::new();
            attrs.encode(&mut bytes);
            assert_eq!(bytes.len(), attrs.encoded_len());
            assert_eq!(Attrs::decode(&bytes), Ok((attrs, &[][..])));
            for cut in 0..bytes.len() {
                assert!(Attrs::decode(&bytes[..cut]).is_err(), "cut at {cut} of {attrs:?}");
            }
        }
    }
}
