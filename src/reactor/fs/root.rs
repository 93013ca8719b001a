//! The tree itself: every operation that names something by path.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::dir::Dir;
use super::file::{File, OpenHow};
use super::metadata::{Change, LastFailure, Metadata, Space};
use super::names::{Last, Name};
use super::{real_path, resolve};

/// A directory that clients see as `/`. Paths are the client's bytes, absolute or relative, both
/// taken from the root; an empty path is ENOENT, a NUL in it EINVAL, 4096 bytes or more
/// ENAMETOOLONG.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
}

/// A directory and a name in it, which may or may not exist.
type Place<'a> = (OwnedFd, Name<'a>);

impl Root {
    /// Opens the directory at `path`, which is the server's own and resolved as usual. ENOSYS means
    /// a kernel (before 5.6) or a seccomp filter without openat2.
    pub fn open(path: &Path) -> Result<Root, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = Root { fd: rustix::fs::openat(CWD, path, flags, Mode::empty())? };
        resolve::locate(root.fd(), b"/", true)?;
        Ok(root)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Opens a regular file, following links. A directory is EISDIR; a FIFO, socket or device is
    /// ENXIO or EINVAL, without waiting for its other end.
    pub fn open_file(&self, path: &[u8], how: OpenHow) -> Result<File, Errno> {
        let fd = resolve::open(self.fd(), path, how.flags(), how.create_mode())?;
        File::from_opened(fd, how.append)
    }

    /// Opens a directory for listing, following links.
    pub fn open_dir(&self, path: &[u8]) -> Result<Dir, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = resolve::open(self.fd(), path, flags, Mode::empty())?;
        let above = [path, b"/.."].concat();
        let parent = resolve::locate(self.fd(), &above, true)
            .and_then(|parent| Metadata::of(parent.as_fd()))
            .or_else(|_| Metadata::of(fd.as_fd()))?;
        Dir::new(fd, parent)
    }

    /// The attributes of what `path` names; of a link itself unless `follow`.
    pub fn stat(&self, path: &[u8], follow: bool) -> Result<Metadata, Errno> {
        Metadata::of(resolve::locate(self.fd(), path, follow)?.as_fd())
    }

    /// Changes attributes; see [`Change`]. Without `follow` a link's own owner and times are set;
    /// its mode cannot be (EOPNOTSUPP), its size neither (EINVAL).
    pub fn set_stat(&self, path: &[u8], follow: bool, change: &Change) -> Result<(), Errno> {
        let node = resolve::locate(self.fd(), path, follow)?;
        let mut outcome = LastFailure::default();
        if let Some(size) = change.size {
            outcome.keep(self.truncate(path, node.as_fd(), size));
        }
        if let Some(mode) = change.mode {
            outcome.keep(self.change_mode(path, node.as_fd(), Change::mode_bits(mode)));
        }
        if let Some(times) = change.times {
            let times = Change::timestamps(times);
            outcome.keep(rustix::fs::utimensat(&node, "", &times, AtFlags::EMPTY_PATH));
        }
        if let Some(owner) = change.owner {
            let (uid, gid) = Change::ids(owner);
            outcome.keep(rustix::fs::chownat(&node, "", uid, gid, AtFlags::EMPTY_PATH));
        }
        outcome.into_result()
    }

    fn truncate(&self, path: &[u8], node: BorrowedFd<'_>, size: u64) -> Result<(), Errno> {
        let metadata = Metadata::of(node)?;
        if !metadata.is_file() {
            return Err(if metadata.is_dir() { Errno::ISDIR } else { Errno::INVAL });
        }
        let file = self.reopen(path, &metadata, OFlags::WRONLY)?;
        rustix::fs::ftruncate(file, size)
    }

    /// Sets the mode of exactly the object `node` pins.
    ///
    /// fchmod(2) refuses an `O_PATH` descriptor, fchmodat2(2) is not in rustix (nor before Linux
    /// 6.6), and opening the object for reading fails on a file of mode 0200. So this goes through
    /// `/proc/thread-self/fd`: its links lead to the open object and not to a name, and no byte of
    /// the client's path is resolved again, so it cannot lead out of the root. Where procfs is not
    /// mounted the object is opened for reading instead.
    fn change_mode(&self, path: &[u8], node: BorrowedFd<'_>, mode: Mode) -> Result<(), Errno> {
        let metadata = Metadata::of(node)?;
        if metadata.is_symlink() {
            return Err(Errno::OPNOTSUPP);
        }
        let link = format!("/proc/thread-self/fd/{}", node.as_raw_fd());
        match rustix::fs::chmodat(CWD, link, mode, AtFlags::empty()) {
            Err(Errno::NOENT | Errno::NOTDIR) => {
                rustix::fs::fchmod(self.reopen(path, &metadata, OFlags::RDONLY)?, mode)
            }
            answer => answer,
        }
    }

    /// Opens `path` again, with permissions; ESTALE if it names another object by now.
    fn reopen(&self, path: &[u8], expected: &Metadata, access: OFlags) -> Result<OwnedFd, Errno> {
        let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = resolve::open(self.fd(), path, flags, Mode::empty())?;
        if Metadata::of(fd.as_fd())?.same_object(expected) { Ok(fd) } else { Err(Errno::STALE) }
    }

    /// Makes a directory; the process's umask is taken off `mode`.
    pub fn mkdir(&self, path: &[u8], mode: u32) -> Result<(), Errno> {
        let (parent, name) = self.new_name(path)?;
        rustix::fs::mkdirat(parent, name.with_slash, Change::mode_bits(mode))
    }

    /// Removes an empty directory.
    pub fn rmdir(&self, path: &[u8]) -> Result<(), Errno> {
        let (parent, last) = resolve::parent(self.fd(), path)?;
        match last {
            Last::Root => Err(Errno::BUSY),
            Last::Dot => Err(Errno::INVAL),
            Last::DotDot => Err(Errno::NOTEMPTY),
            Last::Name(name) => rustix::fs::unlinkat(parent, name.with_slash, AtFlags::REMOVEDIR),
        }
    }

    /// Removes a file or a link, not a directory (EISDIR).
    pub fn unlink(&self, path: &[u8]) -> Result<(), Errno> {
        let (parent, last) = resolve::parent(self.fd(), path)?;
        let Last::Name(name) = last else { return Err(Errno::ISDIR) };
        rustix::fs::unlinkat(parent, name.with_slash, AtFlags::empty())
    }

    /// Renames; EEXIST if `new` exists. Atomic where the filesystem knows `RENAME_NOREPLACE`; else
    /// files are linked and unlinked, which is as exclusive but shows both names for a moment, and
    /// directories are checked before (a directory made in between would be replaced if empty).
    pub fn rename_exclusive(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        let ((from, old), (to, new)) = self.two_names(old, new, Errno::EXIST)?;
        let no_replace = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(&from, old.with_slash, &to, new.with_slash, no_replace) {
            Err(Errno::INVAL | Errno::NOSYS) => rename_by_link(from.as_fd(), old, to.as_fd(), new),
            answer => answer,
        }
    }

    /// Renames in one step, replacing `new` if it exists.
    pub fn rename_over(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        let ((from, old), (to, new)) = self.two_names(old, new, Errno::BUSY)?;
        rustix::fs::renameat(from, old.with_slash, to, new.with_slash)
    }

    /// Both ends of a rename. As in the kernel, both parents are resolved before "." and the like
    /// are refused, the old one first.
    fn two_names<'a>(
        &self,
        old: &'a [u8],
        new: &'a [u8],
        taken: Errno,
    ) -> Result<(Place<'a>, Place<'a>), Errno> {
        match (resolve::parent(self.fd(), old)?, resolve::parent(self.fd(), new)?) {
            ((from, Last::Name(old)), (to, Last::Name(new))) => Ok(((from, old), (to, new))),
            ((_, Last::Name(_)), _) => Err(taken),
            _ => Err(Errno::BUSY),
        }
    }

    /// Makes a symbolic link at `link` with the text `target`, which is stored as it is.
    pub fn symlink(&self, target: &[u8], link: &[u8]) -> Result<(), Errno> {
        let (parent, name) = self.new_name(link)?;
        rustix::fs::symlinkat(target, parent, name.with_slash)
    }

    /// Gives the file `old` a second name `new`. A link is linked itself, not what it points to; a
    /// directory is EPERM.
    pub fn hard_link(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        let (from, last) = resolve::parent(self.fd(), old)?;
        let Last::Name(name) = last else { return Err(Errno::PERM) };
        if name.has_slash() {
            // Looked up by us, because linkat would follow "link/" by the host's rules.
            let node = rustix::fs::statat(&from, name.bytes, AtFlags::SYMLINK_NOFOLLOW)?;
            let is_dir = Metadata::from_stat(&node).is_dir();
            return Err(if is_dir { Errno::PERM } else { Errno::NOTDIR });
        }
        let (to, new) = self.new_name(new)?;
        rustix::fs::linkat(from, name.bytes, to, new.with_slash, AtFlags::empty())
    }

    /// A name about to be made: EEXIST for ".", ".." and "/", which always exist.
    fn new_name<'a>(&self, path: &'a [u8]) -> Result<Place<'a>, Errno> {
        match resolve::parent(self.fd(), path)? {
            (parent, Last::Name(name)) => Ok((parent, name)),
            _ => Err(Errno::EXIST),
        }
    }

    /// The text of a symbolic link; EINVAL for anything else.
    pub fn read_link(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let node = resolve::locate(self.fd(), path, false)?;
        if !Metadata::of(node.as_fd())?.is_symlink() {
            return Err(Errno::INVAL);
        }
        Ok(rustix::fs::readlinkat(node, "", Vec::new())?.into_bytes())
    }

    /// The absolute path in the client's view, without links, "." and "..". The last component may
    /// be missing; everything before it must exist.
    pub fn real_path(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        real_path::resolve(self.fd(), path)
    }

    /// The room on the filesystem `path` is on.
    pub fn statvfs(&self, path: &[u8]) -> Result<Space, Errno> {
        let node = resolve::locate(self.fd(), path, true)?;
        Ok(Space::from_statvfs(&rustix::fs::fstatvfs(node)?))
    }
}

pub(super) fn rename_by_link(
    from: BorrowedFd<'_>,
    old: Name<'_>,
    to: BorrowedFd<'_>,
    new: Name<'_>,
) -> Result<(), Errno> {
    match rustix::fs::linkat(from, old.bytes, to, new.bytes, AtFlags::empty()) {
        Ok(()) => rustix::fs::unlinkat(from, old.bytes, AtFlags::empty()).inspect_err(|_| {
            let _ = rustix::fs::unlinkat(to, new.bytes, AtFlags::empty());
        }),
        // A directory, or a filesystem without hard links.
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            match rustix::fs::statat(to, new.bytes, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Err(Errno::EXIST),
                Err(Errno::NOENT) => rustix::fs::renameat(from, old.with_slash, to, new.with_slash),
                Err(errno) => Err(errno),
            }
        }
        Err(errno) => Err(errno),
    }
}
