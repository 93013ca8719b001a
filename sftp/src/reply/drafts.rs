//! Answers of the extensions that OpenSSH does not have: those of
//! draft-ietf-secsh-filexfer-extensions-00, and AsyncSSH's.

use std::ops::Range;

use super::extended_with;
use crate::wire::{put_string, put_u32, put_u64};

/// Who made a server, as the data of the `vendor-id` pair of VERSION tells it
/// (draft-ietf-secsh-filexfer-09 section 4.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The names are the draft's.
pub struct VendorId<'a> {
    pub vendor: &'a str,
    pub product: &'a str,
    pub version: &'a str,
    pub build: u64,
}

impl VendorId<'_> {
    /// Appends the data of the pair.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for text in [self.vendor, self.product, self.version] {
            put_string(out, text.as_bytes());
        }
        put_u64(out, self.build);
    }
}

/// The three forms clients expect the answer to `check-file` in. Nothing on the wire tells which:
/// it depends on the name of the request and on who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CheckFileShape {
    /// The draft's: the algorithm's name, then the digests without lengths (WinSCP, ProFTPD).
    Draft,
    /// The same behind the string "check-file" (paramiko).
    Paramiko,
    /// "check-file", the name, and each digest as a string of its own (Apache MINA's client).
    Mina,
}

/// EXTENDED_REPLY to `check-file`: the digests of the blocks, `digest_bytes` each, one after the
/// other in `digests`.
pub fn check_file(
    out: &mut Vec<u8>,
    id: u32,
    shape: CheckFileShape,
    algorithm: &str,
    digests: &[u8],
    digest_bytes: usize,
) {
    extended_with(out, id, |out| {
        if shape != CheckFileShape::Draft {
            put_string(out, b"check-file");
        }
        put_string(out, algorithm.as_bytes());
        match shape {
            CheckFileShape::Draft | CheckFileShape::Paramiko => out.extend_from_slice(digests),
            CheckFileShape::Mina => {
                digests.chunks(digest_bytes.max(1)).for_each(|digest| put_string(out, digest));
            }
        }
    });
}

/// The answer to `space-available`, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SpaceAvailable {
    /// Size of the file system.
    pub device_bytes: u64,
    /// Free of it.
    pub device_bytes_unused: u64,
    /// What the user may have in all.
    pub user_bytes: u64,
    /// What the user may still write.
    pub user_bytes_unused: u64,
    /// Bytes a file grows by at least.
    pub allocation_unit_bytes: u32,
}

/// EXTENDED_REPLY to `space-available`.
pub fn space_available(out: &mut Vec<u8>, id: u32, space: &SpaceAvailable) {
    extended_with(out, id, |out| {
        put_u64(out, space.device_bytes);
        put_u64(out, space.device_bytes_unused);
        put_u64(out, space.user_bytes);
        put_u64(out, space.user_bytes_unused);
        put_u32(out, space.allocation_unit_bytes);
    });
}

/// EXTENDED_REPLY to `ranges@asyncssh.com`: the ranges of a file that hold data, and whether the
/// last one asked about reached the end of the file.
pub fn ranges(out: &mut Vec<u8>, id: u32, ranges: &[Range<u64>], at_end: bool) {
    extended_with(out, id, |out| {
        put_u32(out, u32::try_from(ranges.len()).unwrap_or(u32::MAX));
        for range in ranges {
            put_u64(out, range.start);
            put_u64(out, range.end.saturating_sub(range.start));
        }
        out.push(u8::from(at_end));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shape: CheckFileShape) -> Vec<u8> {
        let mut out = Vec::new();
        check_file(&mut out, 7, shape, "md5", b"aabb", 2);
        out.split_off(9)
    }

    #[test]
    fn check_file_has_a_shape_for_each_kind_of_client() {
        assert_eq!(check(CheckFileShape::Draft), b"\0\0\0\x03md5aabb");
        assert_eq!(check(CheckFileShape::Paramiko), b"\0\0\0\x0acheck-file\0\0\0\x03md5aabb");
        let mina = b"\0\0\0\x0acheck-file\0\0\0\x03md5\0\0\0\x02aa\0\0\0\x02bb";
        assert_eq!(check(CheckFileShape::Mina), mina);
    }

    #[test]
    fn ranges_are_offsets_and_lengths() {
        let mut out = Vec::new();
        ranges(&mut out, 1, &[4..6, 8..9], true);
        assert_eq!(out[9..13], 2_u32.to_be_bytes());
        assert_eq!(out[13..29], [4_u64.to_be_bytes(), 2_u64.to_be_bytes()].concat());
        assert_eq!(out.last(), Some(&1));
        assert_eq!(out.len(), 9 + 4 + 2 * 16 + 1);
    }

    #[test]
    fn space_available_is_four_longs_and_a_word() {
        let mut out = Vec::new();
        let space =
            SpaceAvailable { device_bytes: 1, allocation_unit_bytes: 9, ..Default::default() };
        space_available(&mut out, 1, &space);
        assert_eq!(out.len(), 9 + 4 * 8 + 4);
        assert_eq!((out[16], out[out.len() - 1]), (1, 9));
    }

    #[test]
    fn a_vendor_is_three_strings_and_a_number() {
        let mut out = Vec::new();
        VendorId { vendor: "v", product: "p", version: "1", build: 2 }.encode(&mut out);
        assert_eq!(out, b"\0\0\0\x01v\0\0\0\x01p\0\0\0\x011\0\0\0\0\0\0\0\x02");
    }
}
