//! What the kernel says about an object, and what a caller wants changed.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, Gid, Mode, Stat, StatVfs, StatxFlags, Timespec, Timestamps, Uid};
use rustix::io::{Errno, retry_on_intr};

/// The attributes of a file, directory or link, as fstat(2) gives them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Metadata {
    /// Type and permission bits (st_mode).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Hard links.
    pub nlink: u64,
    /// Last access, seconds since 1970.
    pub atime: i64,
    /// Last modification, seconds since 1970.
    pub mtime: i64,
    /// Inode number, unique in `dev`.
    pub ino: u64,
    /// The filesystem.
    pub dev: u64,
}

const TYPE_BITS: u32 = 0o170_000;
const FIFO: u32 = 0o010_000;
const SOCKET: u32 = 0o140_000;
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

impl Metadata {
    /// Whether this is a directory.
    pub fn is_dir(&self) -> bool {
        self.mode & TYPE_BITS == DIRECTORY
    }

    /// Whether this is a regular file.
    pub fn is_file(&self) -> bool {
        self.mode & TYPE_BITS == REGULAR
    }

    /// Whether this is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.mode & TYPE_BITS == SYMLINK
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.mode & TYPE_BITS == FIFO
    }

    pub(super) fn is_socket(&self) -> bool {
        self.mode & TYPE_BITS == SOCKET
    }

    /// Whether this is a FIFO, a socket or a device: opening it may wait, or do something.
    pub fn is_special(&self) -> bool {
        !self.is_dir() && !self.is_file() && !self.is_symlink()
    }

    /// What tells one object from all others while it exists: filesystem and inode.
    pub fn id(&self) -> (u64, u64) {
        (self.dev, self.ino)
    }

    /// Whether both describe the same object.
    pub fn same_object(&self, other: &Metadata) -> bool {
        self.id() == other.id()
    }

    pub(super) fn of(fd: BorrowedFd<'_>) -> Result<Self, Errno> {
        Ok(Self::from_stat(&rustix::fs::fstat(fd)?))
    }

    /// The same of a file that was just made, without its times. Whoever has asked for them gets to
    /// see a later one after the next write (multigrain timestamps, Linux 6.13), and so that write
    /// has to change the inode once more: 3 of the 138 us that the upload of a small file took.
    pub(super) fn of_new(fd: BorrowedFd<'_>) -> Result<Self, Errno> {
        let wanted = StatxFlags::TYPE
            | StatxFlags::MODE
            | StatxFlags::NLINK
            | StatxFlags::UID
            | StatxFlags::GID
            | StatxFlags::INO
            | StatxFlags::SIZE;
        let stat = rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, wanted)?;
        Ok(Metadata {
            mode: stat.stx_mode.into(),
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            size: stat.stx_size,
            nlink: stat.stx_nlink.into(),
            atime: 0,
            mtime: 0,
            ino: stat.stx_ino,
            dev: rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor),
        })
    }

    /// Of what `name` is in a directory, a link not followed.
    pub(super) fn of_name(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Self, Errno> {
        let look = || rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
        Ok(Self::from_stat(&retry_on_intr(look)?))
    }

    /// Of a directory that only a view has.
    pub(super) fn of_virtual_dir() -> Self {
        Metadata { mode: DIRECTORY | 0o555, nlink: 2, ..Metadata::default() }
    }

    // The fields of `Stat` have different widths on different architectures.
    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)]
    pub(super) fn from_stat(stat: &Stat) -> Self {
        Metadata {
            mode: stat.st_mode as u32,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: stat.st_size as u64,
            nlink: stat.st_nlink as u64,
            atime: stat.st_atime as i64,
            mtime: stat.st_mtime as i64,
            ino: stat.st_ino as u64,
            dev: stat.st_dev as u64,
        }
    }
}

/// What to change; `None` leaves a thing as it is. Everything asked for is tried, in the order
/// size, mode, times, owner, and the last failure is reported, as OpenSSH does: a client that sets
/// permissions and an owner it may not set still gets its permissions.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Change {
    /// New length in bytes; regular files only.
    pub size: Option<u64>,
    /// New permission bits; bits above 0o7777 are ignored.
    pub mode: Option<u32>,
    /// New owner and group; `u32::MAX` leaves one of them as it is.
    pub owner: Option<(u32, u32)>,
    /// New times of last access and modification, seconds since 1970.
    pub times: Option<(i64, i64)>,
}

impl Change {
    pub(super) fn mode_bits(mode: u32) -> Mode {
        Mode::from_raw_mode(mode & 0o7777)
    }

    pub(super) fn timestamps((atime, mtime): (i64, i64)) -> Timestamps {
        let at = |seconds| Timespec { tv_sec: seconds, tv_nsec: 0 };
        Timestamps { last_access: at(atime), last_modification: at(mtime) }
    }

    pub(super) fn ids((uid, gid): (u32, u32)) -> (Option<Uid>, Option<Gid>) {
        let set = |id: u32| (id != u32::MAX).then_some(id);
        (set(uid).map(Uid::from_raw), set(gid).map(Gid::from_raw))
    }
}

/// Runs the steps of a change and keeps the last failure.
#[derive(Default)]
pub(super) struct LastFailure(Option<Errno>);

impl LastFailure {
    pub(super) fn keep(&mut self, result: Result<(), Errno>) {
        if let Err(errno) = result {
            self.0 = Some(errno);
        }
    }

    pub(super) fn into_result(self) -> Result<(), Errno> {
        self.0.map_or(Ok(()), Err)
    }
}

/// The room on a filesystem, as fstatvfs(3) gives it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Space {
    /// Preferred block size, bytes (f_bsize).
    pub block_bytes: u64,
    /// Unit of the block counts, bytes (f_frsize).
    pub fragment_bytes: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Free blocks.
    pub blocks_free: u64,
    /// Free blocks that an unprivileged user may take.
    pub blocks_available: u64,
    /// Inodes in all.
    pub files: u64,
    /// Free inodes.
    pub files_free: u64,
    /// Free inodes that an unprivileged user may take.
    pub files_available: u64,
    /// Filesystem id (f_fsid).
    pub id: u64,
    /// Mount flags (ST_RDONLY is 1, ST_NOSUID is 2).
    pub flags: u64,
    /// Longest file name, bytes.
    pub name_bytes_max: u64,
}

impl Space {
    pub(super) fn from_statvfs(from: &StatVfs) -> Self {
        Space {
            block_bytes: from.f_bsize,
            fragment_bytes: from.f_frsize,
            blocks: from.f_blocks,
            blocks_free: from.f_bfree,
            blocks_available: from.f_bavail,
            files: from.f_files,
            files_free: from.f_ffree,
            files_available: from.f_favail,
            id: from.f_fsid,
            flags: from.f_flag.bits(),
            name_bytes_max: from.f_namemax,
        }
    }
}
