//! The one place that gives the kernel more than one path component.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::{Errno, retry_on_intr};

/// No link, no "..", nothing that leads out. The kernel checks at the end once more that what it
/// found is still below the top, whatever was renamed meanwhile.
const CONFINED: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// A descriptor that only names a directory, without permissions on it and without side effects.
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The directory `below` (relative, without "..") under `top`. A link on the way is ELOOP.
pub(super) fn directory(top: BorrowedFd<'_>, below: &[u8]) -> Result<OwnedFd, Errno> {
    match retry_on_intr(|| openat2(top, below, DIRECTORY, Mode::empty(), CONFINED)) {
        // Moved out of the folder on the way: not there any more, and no matter of devices.
        Err(Errno::XDEV) => Err(Errno::NOENT),
        answer => answer,
    }
}

/// The directory `name` in `parent`; ENOTDIR for anything else, links among it.
pub(super) fn child(parent: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| openat(parent, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty()))
}

/// Whatever `name` in `parent` is, as a descriptor that only names it; a link itself.
pub(super) fn node(parent: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    retry_on_intr(|| openat(parent, name, flags, Mode::empty()))
}

/// Opens `name` in `parent` itself: a link is ELOOP, or ENOTDIR where a directory is wanted.
pub(super) fn open(
    parent: BorrowedFd<'_>,
    name: &[u8],
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| openat(parent, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode))
}

/// Makes the file `below` (relative, without "..") under `top`. A link on the way is ELOOP, and
/// whatever is there already is EEXIST, links among it (`flags` hold `O_CREAT` and `O_EXCL`).
pub(super) fn make(
    top: BorrowedFd<'_>,
    below: &[u8],
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| openat2(top, below, flags | OFlags::CLOEXEC, mode, CONFINED))
}

/// Whether the link `name` in `parent` leads to an open object rather than a name, as those of
/// procfs do. The text of such a link means nothing.
pub(super) fn is_magic_link(parent: BorrowedFd<'_>, name: &[u8]) -> Result<bool, Errno> {
    if rustix::fs::fstatfs(parent.as_fd())?.f_type != rustix::fs::PROC_SUPER_MAGIC {
        return Ok(false);
    }
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let plain = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let probe = retry_on_intr(|| openat2(parent, name, flags, Mode::empty(), plain));
    Ok(probe.err() == Some(Errno::LOOP))
}
