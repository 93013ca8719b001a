//! Requests: what a client may ask, and how their bodies are taken apart.

use crate::attrs::Attrs;
use crate::flags::OpenFlags;
use crate::limits::HANDLE_BYTES_MAX;
use crate::wire::{ParseError, Reader};
use crate::{extension, numbers};

/// One request. Paths and handles are the client's bytes as they came, borrowed.
///
/// Every request but `Init` has an `id`, which its reply repeats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // The fields are the draft's; a request's comment tells what is not plain.
pub enum Request<'a> {
    /// The first message. Its extension pairs are ignored, as no client sends any that matter.
    Init {
        version: u32,
    },
    Open {
        id: u32,
        path: &'a [u8],
        flags: OpenFlags,
        attrs: Attrs,
    },
    Close {
        id: u32,
        handle: &'a [u8],
    },
    Read {
        id: u32,
        handle: &'a [u8],
        offset: u64,
        len: u32,
    },
    /// `len` bytes of payload follow as `WriteData`; none if `len` is 0.
    Write {
        id: u32,
        handle: &'a [u8],
        offset: u64,
        len: u32,
    },
    Lstat {
        id: u32,
        path: &'a [u8],
    },
    Fstat {
        id: u32,
        handle: &'a [u8],
    },
    Setstat {
        id: u32,
        path: &'a [u8],
        attrs: Attrs,
    },
    Fsetstat {
        id: u32,
        handle: &'a [u8],
        attrs: Attrs,
    },
    Opendir {
        id: u32,
        path: &'a [u8],
    },
    Readdir {
        id: u32,
        handle: &'a [u8],
    },
    Remove {
        id: u32,
        path: &'a [u8],
    },
    Mkdir {
        id: u32,
        path: &'a [u8],
        attrs: Attrs,
    },
    Rmdir {
        id: u32,
        path: &'a [u8],
    },
    Realpath {
        id: u32,
        path: &'a [u8],
    },
    Stat {
        id: u32,
        path: &'a [u8],
    },
    Rename {
        id: u32,
        old: &'a [u8],
        new: &'a [u8],
    },
    Readlink {
        id: u32,
        path: &'a [u8],
    },
    /// In the order of the wire: OpenSSH and those who follow it send the link's target first and
    /// the link second, the draft says the reverse.
    Symlink {
        id: u32,
        first: &'a [u8],
        second: &'a [u8],
    },
    PosixRename {
        id: u32,
        old: &'a [u8],
        new: &'a [u8],
    },
    /// `new` becomes one more name of the file `old`.
    Hardlink {
        id: u32,
        old: &'a [u8],
        new: &'a [u8],
    },
    Fsync {
        id: u32,
        handle: &'a [u8],
    },
    Limits {
        id: u32,
    },
    Statvfs {
        id: u32,
        path: &'a [u8],
    },
    Fstatvfs {
        id: u32,
        handle: &'a [u8],
    },
    Lsetstat {
        id: u32,
        path: &'a [u8],
        attrs: Attrs,
    },
    ExpandPath {
        id: u32,
        path: &'a [u8],
    },
    /// An empty `user` asks for the session's own.
    HomeDirectory {
        id: u32,
        user: &'a [u8],
    },
    UsersGroupsById {
        id: u32,
        uids: IdList<'a>,
        gids: IdList<'a>,
    },
    /// A `length` of 0 copies up to the end of the file.
    CopyData {
        id: u32,
        read_handle: &'a [u8],
        read_offset: u64,
        length: u64,
        write_handle: &'a [u8],
        write_offset: u64,
    },
    /// Digests of a file's bytes from `start`, `length` of them (0: up to its end), one for each
    /// `block_bytes` (0: one in all), by the first of the comma-separated `algorithms` that the
    /// server has.
    CheckFileName {
        id: u32,
        path: &'a [u8],
        algorithms: &'a [u8],
        start: u64,
        length: u64,
        block_bytes: u32,
    },
    /// As `CheckFileName`, of an open file. `short_name`: the request was called `check-file`, as
    /// paramiko calls it and expects another reply for.
    CheckFileHandle {
        id: u32,
        handle: &'a [u8],
        algorithms: &'a [u8],
        start: u64,
        length: u64,
        block_bytes: u32,
        short_name: bool,
    },
    /// Copies a whole file inside the server; an existing target is an error unless `overwrite`.
    CopyFile {
        id: u32,
        source: &'a [u8],
        target: &'a [u8],
        overwrite: bool,
    },
    SpaceAvailable {
        id: u32,
        path: &'a [u8],
    },
    /// The parts of `length` bytes from `offset` that hold data: the rest are holes.
    Ranges {
        id: u32,
        handle: &'a [u8],
        offset: u64,
        length: u64,
    },
    /// An EXTENDED request of a name not known here: answer `OpUnsupported`.
    ExtendedUnknown {
        id: u32,
        name: &'a [u8],
    },
    /// A message number no request has: answer `OpUnsupported`.
    Unknown {
        id: u32,
        kind: u8,
    },
}

impl Request<'_> {
    /// The id its reply must carry; `None` for `Init`.
    pub fn id(&self) -> Option<u32> {
        match *self {
            Request::Init { .. } => None,
            Request::Open { id, .. }
            | Request::Close { id, .. }
            | Request::Read { id, .. }
            | Request::Write { id, .. }
            | Request::Lstat { id, .. }
            | Request::Fstat { id, .. }
            | Request::Setstat { id, .. }
            | Request::Fsetstat { id, .. }
            | Request::Opendir { id, .. }
            | Request::Readdir { id, .. }
            | Request::Remove { id, .. }
            | Request::Mkdir { id, .. }
            | Request::Rmdir { id, .. }
            | Request::Realpath { id, .. }
            | Request::Stat { id, .. }
            | Request::Rename { id, .. }
            | Request::Readlink { id, .. }
            | Request::Symlink { id, .. }
            | Request::PosixRename { id, .. }
            | Request::Hardlink { id, .. }
            | Request::Fsync { id, .. }
            | Request::Limits { id }
            | Request::Statvfs { id, .. }
            | Request::Fstatvfs { id, .. }
            | Request::Lsetstat { id, .. }
            | Request::ExpandPath { id, .. }
            | Request::HomeDirectory { id, .. }
            | Request::UsersGroupsById { id, .. }
            | Request::CopyData { id, .. }
            | Request::CheckFileName { id, .. }
            | Request::CheckFileHandle { id, .. }
            | Request::CopyFile { id, .. }
            | Request::SpaceAvailable { id, .. }
            | Request::Ranges { id, .. }
            | Request::ExtendedUnknown { id, .. }
            | Request::Unknown { id, .. } => Some(id),
        }
    }

    /// A name for logs: the draft's, or the extension's.
    pub fn name(&self) -> &'static str {
        match self {
            Request::Init { .. } => "INIT",
            Request::Open { .. } => "OPEN",
            Request::Close { .. } => "CLOSE",
            Request::Read { .. } => "READ",
            Request::Write { .. } => "WRITE",
            Request::Lstat { .. } => "LSTAT",
            Request::Fstat { .. } => "FSTAT",
            Request::Setstat { .. } => "SETSTAT",
            Request::Fsetstat { .. } => "FSETSTAT",
            Request::Opendir { .. } => "OPENDIR",
            Request::Readdir { .. } => "READDIR",
            Request::Remove { .. } => "REMOVE",
            Request::Mkdir { .. } => "MKDIR",
            Request::Rmdir { .. } => "RMDIR",
            Request::Realpath { .. } => "REALPATH",
            Request::Stat { .. } => "STAT",
            Request::Rename { .. } => "RENAME",
            Request::Readlink { .. } => "READLINK",
            Request::Symlink { .. } => "SYMLINK",
            Request::PosixRename { .. } => extension::POSIX_RENAME.0,
            Request::Hardlink { .. } => extension::HARDLINK.0,
            Request::Fsync { .. } => extension::FSYNC.0,
            Request::Limits { .. } => extension::LIMITS.0,
            Request::Statvfs { .. } => extension::STATVFS.0,
            Request::Fstatvfs { .. } => extension::FSTATVFS.0,
            Request::Lsetstat { .. } => extension::LSETSTAT.0,
            Request::ExpandPath { .. } => extension::EXPAND_PATH.0,
            Request::HomeDirectory { .. } => extension::HOME_DIRECTORY.0,
            Request::UsersGroupsById { .. } => extension::USERS_GROUPS_BY_ID.0,
            Request::CopyData { .. } => extension::COPY_DATA.0,
            Request::CheckFileName { .. } => extension::CHECK_FILE_NAME,
            Request::CheckFileHandle { short_name: true, .. } => extension::CHECK_FILE.0,
            Request::CheckFileHandle { .. } => extension::CHECK_FILE_HANDLE,
            Request::CopyFile { .. } => extension::COPY_FILE.0,
            Request::SpaceAvailable { .. } => extension::SPACE_AVAILABLE.0,
            Request::Ranges { .. } => extension::RANGES.0,
            Request::ExtendedUnknown { .. } => "EXTENDED",
            Request::Unknown { .. } => "UNKNOWN",
        }
    }
}

/// User or group ids packed as big-endian numbers, as `users-groups-by-id@openssh.com` sends them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IdList<'a>(&'a [[u8; 4]]);

impl<'a> IdList<'a> {
    /// Takes the packed bytes; fails if they are not a whole number of ids.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, ParseError> {
        match bytes.as_chunks::<4>() {
            (ids, []) => Ok(IdList(ids)),
            _ => Err(ParseError("an id list ends inside an id")),
        }
    }

    /// The packed bytes.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0.as_flattened()
    }

    /// How many ids there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ids in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + Clone + 'a {
        self.0.iter().map(|id| u32::from_be_bytes(*id))
    }
}

/// Parses what follows the type byte of a frame. Bytes after the last field are ignored, as
/// OpenSSH ignores them. WRITE never comes here: the decoder streams it.
pub(crate) fn parse(kind: u8, body: &[u8]) -> Result<Request<'_>, ParseError> {
    let reader = &mut Reader::new(body);
    if kind == numbers::INIT {
        return Ok(Request::Init { version: reader.u32()? });
    }
    let id = reader.u32()?;
    Ok(match kind {
        numbers::OPEN => Request::Open {
            id,
            path: reader.string()?,
            flags: OpenFlags::from_bits(reader.u32()?),
            attrs: Attrs::read(reader)?,
        },
        numbers::CLOSE => Request::Close { id, handle: handle(reader)? },
        numbers::READ => {
            Request::Read { id, handle: handle(reader)?, offset: reader.u64()?, len: reader.u32()? }
        }
        numbers::LSTAT => Request::Lstat { id, path: reader.string()? },
        numbers::FSTAT => Request::Fstat { id, handle: handle(reader)? },
        numbers::SETSTAT => {
            Request::Setstat { id, path: reader.string()?, attrs: Attrs::read(reader)? }
        }
        numbers::FSETSTAT => {
            Request::Fsetstat { id, handle: handle(reader)?, attrs: Attrs::read(reader)? }
        }
        numbers::OPENDIR => Request::Opendir { id, path: reader.string()? },
        numbers::READDIR => Request::Readdir { id, handle: handle(reader)? },
        numbers::REMOVE => Request::Remove { id, path: reader.string()? },
        numbers::MKDIR => {
            Request::Mkdir { id, path: reader.string()?, attrs: Attrs::read(reader)? }
        }
        numbers::RMDIR => Request::Rmdir { id, path: reader.string()? },
        numbers::REALPATH => Request::Realpath { id, path: reader.string()? },
        numbers::STAT => Request::Stat { id, path: reader.string()? },
        numbers::RENAME => Request::Rename { id, old: reader.string()?, new: reader.string()? },
        numbers::READLINK => Request::Readlink { id, path: reader.string()? },
        numbers::SYMLINK => {
            Request::Symlink { id, first: reader.string()?, second: reader.string()? }
        }
        numbers::EXTENDED => parse_extended(id, reader)?,
        kind => Request::Unknown { id, kind },
    })
}

fn parse_extended<'a>(id: u32, reader: &mut Reader<'a>) -> Result<Request<'a>, ParseError> {
    let name = reader.string()?;
    let is = |extension: (&str, &str)| name == extension.0.as_bytes();
    Ok(if is(extension::POSIX_RENAME) {
        Request::PosixRename { id, old: reader.string()?, new: reader.string()? }
    } else if is(extension::HARDLINK) {
        Request::Hardlink { id, old: reader.string()?, new: reader.string()? }
    } else if is(extension::FSYNC) {
        Request::Fsync { id, handle: handle(reader)? }
    } else if is(extension::LIMITS) {
        Request::Limits { id }
    } else if is(extension::STATVFS) {
        Request::Statvfs { id, path: reader.string()? }
    } else if is(extension::FSTATVFS) {
        Request::Fstatvfs { id, handle: handle(reader)? }
    } else if is(extension::LSETSTAT) {
        Request::Lsetstat { id, path: reader.string()?, attrs: Attrs::read(reader)? }
    } else if is(extension::EXPAND_PATH) {
        Request::ExpandPath { id, path: reader.string()? }
    } else if is(extension::HOME_DIRECTORY) {
        Request::HomeDirectory { id, user: reader.string()? }
    } else if is(extension::USERS_GROUPS_BY_ID) {
        Request::UsersGroupsById {
            id,
            uids: IdList::from_bytes(reader.string()?)?,
            gids: IdList::from_bytes(reader.string()?)?,
        }
    } else if is(extension::COPY_DATA) {
        Request::CopyData {
            id,
            read_handle: handle(reader)?,
            read_offset: reader.u64()?,
            length: reader.u64()?,
            write_handle: handle(reader)?,
            write_offset: reader.u64()?,
        }
    } else if name == extension::CHECK_FILE_NAME.as_bytes() {
        Request::CheckFileName {
            id,
            path: reader.string()?,
            algorithms: reader.string()?,
            start: reader.u64()?,
            length: reader.u64()?,
            block_bytes: reader.u32()?,
        }
    } else if is(extension::CHECK_FILE) || name == extension::CHECK_FILE_HANDLE.as_bytes() {
        Request::CheckFileHandle {
            id,
            handle: handle(reader)?,
            algorithms: reader.string()?,
            start: reader.u64()?,
            length: reader.u64()?,
            block_bytes: reader.u32()?,
            short_name: is(extension::CHECK_FILE),
        }
    } else if is(extension::COPY_FILE) {
        Request::CopyFile {
            id,
            source: reader.string()?,
            target: reader.string()?,
            overwrite: reader.boolean()?,
        }
    } else if is(extension::SPACE_AVAILABLE) {
        Request::SpaceAvailable { id, path: reader.string()? }
    } else if is(extension::RANGES) {
        Request::Ranges {
            id,
            handle: handle(reader)?,
            offset: reader.u64()?,
            length: reader.u64()?,
        }
    } else {
        Request::ExtendedUnknown { id, name }
    })
}

fn handle<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    let handle = reader.string()?;
    if handle.len() > HANDLE_BYTES_MAX as usize {
        return Err(ParseError("a handle is longer than 256 bytes"));
    }
    Ok(handle)
}
