//! The one place that resolves a client's path.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::names::{Last, split};
use crate::reactor::limits::{PATH_BYTES_MAX, RESOLVE_TRIES_MAX};

/// Absolute paths, absolute links and `..` stay inside the root; links of procfs that point at open
/// objects rather than names are refused (ELOOP).
const CONFINED: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);

/// Opens a client's path inside `root`.
pub(super) fn open(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    open_with(root, path, flags, mode, CONFINED)
}

/// A descriptor that only names the object, without permissions on it and without side effects.
pub(super) fn locate(root: BorrowedFd<'_>, path: &[u8], follow: bool) -> Result<OwnedFd, Errno> {
    let follow = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    open(root, path, OFlags::PATH | OFlags::CLOEXEC | follow, Mode::empty())
}

/// As [`locate`], but any symbolic link on the way or at the end is ELOOP.
pub(super) fn locate_without_links(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    open_with(root, path, flags, Mode::empty(), CONFINED | ResolveFlags::NO_SYMLINKS)
}

/// The directory a path's last component is in, and that component.
pub(super) fn parent<'a>(
    root: BorrowedFd<'_>,
    path: &'a [u8],
) -> Result<(OwnedFd, Last<'a>), Errno> {
    if path.len() >= PATH_BYTES_MAX {
        return Err(Errno::NAMETOOLONG);
    }
    let (parent, last) = split(path)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok((open(root, parent, flags, Mode::empty())?, last))
}

fn open_with(
    root: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    mode: Mode,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    if path.len() >= PATH_BYTES_MAX {
        return Err(Errno::NAMETOOLONG);
    }
    // EAGAIN: a rename or mount elsewhere made it impossible to tell whether `..` stays inside
    // (openat2(2)). It says nothing about this path, so try again.
    for _ in 1..RESOLVE_TRIES_MAX {
        match openat2(root.as_fd(), path, flags, mode, resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            answer => return answer,
        }
    }
    openat2(root, path, flags, mode, resolve)
}
