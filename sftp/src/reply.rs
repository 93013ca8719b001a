//! The answers of a server, each one frame appended to the caller's vector. Where the vector has
//! room nothing is allocated. What an answer means is the draft's section 7 and OpenSSH's PROTOCOL
//! file; the choice of answer is the server's.

mod drafts;

pub use drafts::{CheckFileShape, SpaceAvailable, VendorId, check_file, ranges, space_available};

use crate::attrs::Attrs;
use crate::limits::{ADVERTISED_DATA_BYTES, ADVERTISED_HANDLES, ADVERTISED_PACKET_BYTES};
use crate::names::NameBuilder;
use crate::numbers;
use crate::status::Status;
use crate::wire::{ParseError, Reader, put_frame, put_string, put_string_with, put_u32, put_u64};

/// VERSION 3 with the (name, data) pairs of [`extension`](crate::extension) that are served, and
/// who serves them.
pub fn version(out: &mut Vec<u8>, extensions: &[(&str, &str)], vendor: Option<&VendorId<'_>>) {
    put_frame(out, numbers::VERSION, |out| {
        put_u32(out, numbers::PROTOCOL_VERSION);
        for (name, data) in extensions {
            put_string(out, name.as_bytes());
            put_string(out, data.as_bytes());
        }
        if let Some(vendor) = vendor {
            put_string(out, crate::extension::VENDOR_ID.as_bytes());
            put_string_with(out, |out| vendor.encode(out));
        }
    });
}

/// STATUS with a message in English; the language tag stays empty, as OpenSSH's.
pub fn status(out: &mut Vec<u8>, id: u32, status: Status, message: &str) {
    put_frame(out, numbers::STATUS, |out| {
        put_u32(out, id);
        put_u32(out, status.code());
        put_string(out, message.as_bytes());
        put_string(out, b"");
    });
}

/// STATUS for a failed system call: OpenSSH's code and the system's words.
pub fn errno(out: &mut Vec<u8>, id: u32, errno: i32) {
    status(out, id, Status::from_errno(errno), crate::errno_text(errno));
}

/// HANDLE. Keep handles to 8 bytes: clients size their requests by them.
pub fn handle(out: &mut Vec<u8>, id: u32, handle: &[u8]) {
    put_frame(out, numbers::HANDLE, |out| {
        put_u32(out, id);
        put_string(out, handle);
    });
}

/// How many bytes of a DATA reply come before its payload.
pub const DATA_HEADER_BYTES: usize = 13;

/// What comes before the `len` bytes of payload of a DATA reply, for laying out in front of them.
///
/// A frame cannot hold more than 2^32 - 10 bytes of payload; the limits keep `len` far below.
pub fn data_header(id: u32, len: u32) -> [u8; DATA_HEADER_BYTES] {
    let [f0, f1, f2, f3] = len.saturating_add(9).to_be_bytes();
    let [i0, i1, i2, i3] = id.to_be_bytes();
    let [l0, l1, l2, l3] = len.to_be_bytes();
    [f0, f1, f2, f3, numbers::DATA, i0, i1, i2, i3, l0, l1, l2, l3]
}

/// DATA with its payload copied: for small answers.
pub fn data(out: &mut Vec<u8>, id: u32, payload: &[u8]) {
    put_frame(out, numbers::DATA, |out| {
        put_u32(out, id);
        put_string(out, payload);
    });
}

/// NAME with the one `path`, for REALPATH, READLINK, `expand-path` and `home-directory`: the path
/// stands for the longname too and the attributes are empty, as in OpenSSH's answers.
pub fn name(out: &mut Vec<u8>, id: u32, path: &[u8]) {
    put_frame(out, numbers::NAME, |out| {
        put_u32(out, id);
        put_u32(out, 1);
        put_string(out, path);
        put_string(out, path);
        Attrs::default().encode(out);
    });
}

/// NAME for READDIR: push entries until the builder is full. See [`NameBuilder`].
pub fn names(out: &mut Vec<u8>, id: u32) -> NameBuilder<'_> {
    NameBuilder::new(out, id)
}

/// ATTRS.
pub fn attrs(out: &mut Vec<u8>, id: u32, attrs: &Attrs) {
    put_frame(out, numbers::ATTRS, |out| {
        put_u32(out, id);
        attrs.encode(out);
    });
}

/// EXTENDED_REPLY with a payload of the extension's own.
pub fn extended(out: &mut Vec<u8>, id: u32, payload: &[u8]) {
    extended_with(out, id, |out| out.extend_from_slice(payload));
}

fn extended_with(out: &mut Vec<u8>, id: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    put_frame(out, numbers::EXTENDED_REPLY, |out| {
        put_u32(out, id);
        fill(out);
    });
}

/// The answer to `limits@openssh.com`. 0 means "not told".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerLimits {
    /// The longest frame, in bytes.
    pub packet_bytes: u64,
    /// The longest READ that is answered in full, in bytes.
    pub read_bytes: u64,
    /// The longest WRITE, in bytes.
    pub write_bytes: u64,
    /// How many handles may be open.
    pub handles: u64,
}

/// What every client is known to live with.
impl Default for ServerLimits {
    fn default() -> Self {
        ServerLimits {
            packet_bytes: ADVERTISED_PACKET_BYTES,
            read_bytes: ADVERTISED_DATA_BYTES,
            write_bytes: ADVERTISED_DATA_BYTES,
            handles: ADVERTISED_HANDLES,
        }
    }
}

impl ServerLimits {
    /// Reads the payload of the reply; fails if it is short.
    pub fn decode(payload: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(payload);
        Ok(ServerLimits {
            packet_bytes: reader.u64()?,
            read_bytes: reader.u64()?,
            write_bytes: reader.u64()?,
            handles: reader.u64()?,
        })
    }
}

/// EXTENDED_REPLY to `limits@openssh.com`.
pub fn limits(out: &mut Vec<u8>, id: u32, limits: &ServerLimits) {
    extended_with(out, id, |out| {
        for number in [limits.packet_bytes, limits.read_bytes, limits.write_bytes, limits.handles] {
            put_u64(out, number);
        }
    });
}

/// The answer to `statvfs@openssh.com` and `fstatvfs@openssh.com`: POSIX's `struct statvfs`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[allow(missing_docs)] // The names are those of `struct statvfs`.
pub struct Statvfs {
    pub bsize: u64,
    pub frsize: u64,
    pub blocks: u64,
    pub bfree: u64,
    pub bavail: u64,
    pub files: u64,
    pub ffree: u64,
    pub favail: u64,
    pub fsid: u64,
    /// [`Statvfs::READ_ONLY`] and [`Statvfs::NO_SETUID`], no other bits.
    pub flag: u64,
    pub namemax: u64,
}

impl Statvfs {
    /// `flag`: mounted read-only.
    pub const READ_ONLY: u64 = 1;
    /// `flag`: setuid bits have no effect.
    pub const NO_SETUID: u64 = 2;

    /// Reads the payload of the reply; fails if it is short.
    pub fn decode(payload: &[u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(payload);
        Ok(Statvfs {
            bsize: reader.u64()?,
            frsize: reader.u64()?,
            blocks: reader.u64()?,
            bfree: reader.u64()?,
            bavail: reader.u64()?,
            files: reader.u64()?,
            ffree: reader.u64()?,
            favail: reader.u64()?,
            fsid: reader.u64()?,
            flag: reader.u64()?,
            namemax: reader.u64()?,
        })
    }
}

/// EXTENDED_REPLY to `statvfs@openssh.com` or `fstatvfs@openssh.com`.
pub fn statvfs(out: &mut Vec<u8>, id: u32, vfs: &Statvfs) {
    let sizes = [vfs.bsize, vfs.frsize, vfs.blocks, vfs.bfree, vfs.bavail];
    let others = [vfs.files, vfs.ffree, vfs.favail, vfs.fsid, vfs.flag, vfs.namemax];
    extended_with(out, id, |out| {
        for number in sizes.into_iter().chain(others) {
            put_u64(out, number);
        }
    });
}

/// EXTENDED_REPLY to `users-groups-by-id@openssh.com`: a name for each id asked, in order, empty
/// for an id that has none.
pub fn users_groups<'n>(
    out: &mut Vec<u8>,
    id: u32,
    users: impl IntoIterator<Item = &'n [u8]>,
    groups: impl IntoIterator<Item = &'n [u8]>,
) {
    extended_with(out, id, |out| {
        put_string_with(out, |out| users.into_iter().for_each(|name| put_string(out, name)));
        put_string_with(out, |out| groups.into_iter().for_each(|name| put_string(out, name)));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_the_drafts_bytes() {
        let mut out = b"before".to_vec();
        status(&mut out, 0x0102_0304, Status::Eof, "End of file");
        let expected =
            b"before\0\0\0\x1c\x65\x01\x02\x03\x04\0\0\0\x01\0\0\0\x0bEnd of file\0\0\0\0";
        assert_eq!(out, expected);
    }

    #[test]
    fn errno_keeps_the_cause_that_the_code_loses() {
        let mut out = Vec::new();
        errno(&mut out, 1, 28);
        let mut same = Vec::new();
        status(&mut same, 1, Status::Failure, "No space left on device");
        assert_eq!(out, same);
    }

    #[test]
    fn version_lists_its_extensions() {
        let mut out = Vec::new();
        version(&mut out, &[("a@b", "1"), ("c", "")], None);
        assert_eq!(out, b"\0\0\0\x1a\x02\0\0\0\x03\0\0\0\x03a@b\0\0\0\x011\0\0\0\x01c\0\0\0\0");
    }

    #[test]
    fn a_data_header_is_the_front_of_a_data_reply() {
        let mut out = Vec::new();
        data(&mut out, 0xa1b2_c3d4, b"payload");
        assert_eq!(out[..DATA_HEADER_BYTES], data_header(0xa1b2_c3d4, 7));
        assert_eq!(&out[DATA_HEADER_BYTES..], b"payload");
        assert_eq!(data_header(0, 261_120)[..4], (261_120u32 + 9).to_be_bytes());
    }

    #[test]
    fn limits_are_the_numbers_clients_live_with() {
        let mut out = Vec::new();
        limits(&mut out, 2, &ServerLimits::default());
        assert_eq!(out[..9], [0, 0, 0, 37, 201, 0, 0, 0, 2]);
        let numbers: Vec<u64> =
            out[9..].as_chunks::<8>().0.iter().map(|n| u64::from_be_bytes(*n)).collect();
        assert_eq!(numbers, [262_144, 261_120, 261_120, 1024]);
        assert_eq!(ServerLimits::decode(&out[9..]), Ok(ServerLimits::default()));
        assert!(ServerLimits::decode(&out[10..]).is_err());
    }

    #[test]
    fn statvfs_comes_back() {
        let vfs = Statvfs {
            bsize: 1,
            frsize: 2,
            blocks: 3,
            bfree: 4,
            bavail: 5,
            files: 6,
            ffree: 7,
            favail: 8,
            fsid: 9,
            flag: Statvfs::NO_SETUID,
            namemax: 255,
        };
        let mut out = Vec::new();
        statvfs(&mut out, 3, &vfs);
        assert_eq!(out[..9], [0, 0, 0, 93, 201, 0, 0, 0, 3]);
        assert_eq!(out[9..17], 1u64.to_be_bytes());
        assert_eq!(Statvfs::decode(&out[9..]), Ok(vfs));
    }

    #[test]
    fn users_and_groups_are_strings_of_strings() {
        let mut out = Vec::new();
        users_groups(&mut out, 4, [&b"root"[..], b""], [&b"wheel"[..]]);
        let payload = b"\0\0\0\x0c\0\0\0\x04root\0\0\0\0\0\0\0\x09\0\0\0\x05wheel";
        assert_eq!(&out[9..], payload);
        assert_eq!(out[..9], [0, 0, 0, 34, 201, 0, 0, 0, 4]);
    }

    #[test]
    fn a_vector_with_room_is_not_grown() {
        let mut out = Vec::with_capacity(4096);
        let before = out.capacity();
        status(&mut out, 1, Status::Ok, "Success");
        handle(&mut out, 2, &[0; 4]);
        attrs(&mut out, 3, &Attrs { size: Some(1), ..Attrs::default() });
        name(&mut out, 4, b"/home");
        statvfs(&mut out, 5, &Statvfs::default());
        assert_eq!(out.capacity(), before);
    }
}
