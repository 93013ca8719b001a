//! Attributes of what is at a spot, and the room around it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use super::{Place, Spot};
use crate::reactor::fs::metadata::{Change, LastFailure, Metadata, Space};
use crate::reactor::fs::resolve;

/// A descriptor that only names what is at a spot.
enum Node<'a> {
    Own(OwnedFd),
    Top(BorrowedFd<'a>),
}

impl AsFd for Node<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Node::Own(fd) => fd.as_fd(),
            Node::Top(fd) => fd.as_fd(),
        }
    }
}

impl Spot<'_> {
    /// Changes attributes; see [`Change`]. Of a link its own owner and times are set; its mode
    /// cannot be (EOPNOTSUPP), its size neither (EINVAL).
    pub fn set_stat(&self, change: &Change) -> Result<(), Errno> {
        if matches!(self.place, Place::Virtual) {
            return if *change == Change::default() { Ok(()) } else { Err(Errno::ACCESS) };
        }
        let _as_user = self.view.assume()?;
        let node = self.node()?;
        let node = node.as_fd();
        let mut outcome = LastFailure::default();
        if let Some(size) = change.size {
            outcome.keep(self.truncate(node, size));
        }
        if let Some(mode) = change.mode {
            outcome.keep(self.change_mode(node, Change::mode_bits(mode)));
        }
        if let Some(times) = change.times {
            let times = Change::timestamps(times);
            outcome.keep(rustix::fs::utimensat(node, "", &times, AtFlags::EMPTY_PATH));
        }
        if let Some(owner) = change.owner {
            let (uid, gid) = Change::ids(owner);
            outcome.keep(rustix::fs::chownat(node, "", uid, gid, AtFlags::EMPTY_PATH));
        }
        outcome.into_result()
    }

    /// The room on the filesystem it is on. A directory of the view alone is on none, and answers
    /// for the first folder below it.
    pub fn space(&self) -> Result<Space, Errno> {
        let _as_user = self.view.assume()?;
        let statvfs = match self.place {
            Place::Virtual => {
                let root = self.view.mounts().first_below(&self.path).ok_or(Errno::NOSYS)?;
                rustix::fs::fstatvfs(root.fd())?
            }
            _ => rustix::fs::fstatvfs(self.node()?)?,
        };
        Ok(Space::from_statvfs(&statvfs))
    }

    fn node(&self) -> Result<Node<'_>, Errno> {
        if let Place::Top(root) = self.place {
            return Ok(Node::Top(root.fd()));
        }
        let (directory, name) = self.name(Errno::NOENT)?;
        resolve::node(directory, name.bytes).map(Node::Own)
    }

    fn truncate(&self, node: BorrowedFd<'_>, size: u64) -> Result<(), Errno> {
        let metadata = Metadata::of(node)?;
        if !metadata.is_file() {
            return Err(if metadata.is_dir() { Errno::ISDIR } else { Errno::INVAL });
        }
        let file = self.reopen(&metadata, OFlags::WRONLY)?;
        rustix::fs::ftruncate(file, size)
    }

    /// Sets the mode of exactly the object `node` pins.
    ///
    /// fchmod(2) refuses an `O_PATH` descriptor, fchmodat2(2) is not in rustix (nor before Linux
    /// 6.6), and opening the object for reading fails on a file of mode 0200. So this goes through
    /// `/proc/thread-self/fd`: its links lead to the open object and not to a name, and no byte of
    /// the client's path is resolved again, so it cannot lead out of the root. Where procfs is not
    /// mounted the object is opened for reading instead.
    fn change_mode(&self, node: BorrowedFd<'_>, mode: Mode) -> Result<(), Errno> {
        let metadata = Metadata::of(node)?;
        if metadata.is_symlink() {
            return Err(Errno::OPNOTSUPP);
        }
        let link = format!("/proc/thread-self/fd/{}", node.as_raw_fd());
        match rustix::fs::chmodat(CWD, link, mode, AtFlags::empty()) {
            Err(Errno::NOENT | Errno::NOTDIR) if !metadata.is_special() => {
                rustix::fs::fchmod(self.reopen(&metadata, OFlags::RDONLY)?, mode)
            }
            answer => answer,
        }
    }

    /// Opens what is here again, with permissions; ESTALE if it is another object by now.
    fn reopen(&self, expected: &Metadata, access: OFlags) -> Result<OwnedFd, Errno> {
        let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = match self.place {
            Place::Top(root) => resolve::open(root.fd(), b".", flags, Mode::empty())?,
            _ => {
                let (directory, name) = self.name(Errno::NOENT)?;
                resolve::open(directory, name.bytes, flags, Mode::empty())?
            }
        };
        if Metadata::of(fd.as_fd())?.same_object(expected) { Ok(fd) } else { Err(Errno::STALE) }
    }
}
