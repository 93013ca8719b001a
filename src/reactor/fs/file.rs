//! An open regular file.

use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;
use std::os::fd::{AsFd, IntoRawFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, ReadWriteFlags};

use super::metadata::{Change, LastFailure, Metadata, Space};
use crate::reactor::advice::DONT_CACHE;
use crate::reactor::identity::{self, Identity};
use crate::reactor::limits::SEGMENTS_MAX;
use crate::reactor::op::{FileRef, OpenFd, scatter};

/// How to open a file. Neither `read` nor `write` means `read`, as in OpenSSH.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OpenHow {
    /// Allow reading.
    pub read: bool,
    /// Allow writing.
    pub write: bool,
    /// Every write goes to the end of the file, wherever it was meant for.
    pub append: bool,
    /// Make the file if it does not exist.
    pub create: bool,
    /// With `create`: fail with EEXIST if it exists, be it as a dangling link.
    pub exclusive: bool,
    /// Cut it to length 0.
    pub truncate: bool,
    /// Permission bits of a file made; the process's umask is taken off.
    pub mode: u32,
}

impl OpenHow {
    /// NONBLOCK: opening a FIFO or a modem must not wait for its other end.
    pub(super) fn flags(&self) -> OFlags {
        self.flags_of_new() | OFlags::NONBLOCK
    }

    /// For a file that is made and so is no FIFO.
    pub(super) fn flags_of_new(&self) -> OFlags {
        let mut flags = match (self.read, self.write) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            (_, false) => OFlags::RDONLY,
        };
        for (wanted, flag) in [
            (self.append, OFlags::APPEND),
            (self.create, OFlags::CREATE),
            (self.create && self.exclusive, OFlags::EXCL),
            (self.truncate, OFlags::TRUNC),
        ] {
            if wanted {
                flags |= flag;
            }
        }
        flags | OFlags::NOCTTY | OFlags::CLOEXEC
    }

    pub(super) fn create_mode(&self) -> Mode {
        if self.create { Change::mode_bits(self.mode) } else { Mode::empty() }
    }

    /// What opening something that is neither file, directory nor link fails with: what the kernel
    /// says of sockets and of a FIFO nobody reads, else [`File::from_opened`]'s answer.
    pub(super) fn refusal_of_special(&self, there: &Metadata) -> Errno {
        let only_writes = self.write && !self.read;
        if there.is_socket() || (there.is_fifo() && only_writes) {
            Errno::NXIO
        } else {
            Errno::INVAL
        }
    }
}

/// An open regular file, used as whom it was opened as. Cloning shares the descriptor.
#[derive(Clone, Debug)]
pub struct File {
    /// The descriptor, for [`crate::reactor::Op`].
    pub fd: FileRef,
}

impl File {
    /// Takes a descriptor just opened with `O_NONBLOCK`, if it is a regular file, and says what it
    /// is.
    pub(super) fn from_opened(
        fd: OwnedFd,
        append: bool,
        identity: Option<Arc<Identity>>,
    ) -> Result<(Self, Metadata), Errno> {
        let metadata = Metadata::of(fd.as_fd())?;
        if metadata.is_dir() {
            return Err(Errno::ISDIR);
        }
        if !metadata.is_file() {
            return Err(Errno::INVAL);
        }
        // Clear O_NONBLOCK: it does nothing to a regular file, except that the ring answers EAGAIN
        // instead of waiting where the filesystem cannot tell whether a read would block
        // (io_uring/rw.c sets REQ_F_NOWAIT; tmpfs of 6.18 is not such a one any more).
        let status = if append { OFlags::APPEND } else { OFlags::empty() };
        rustix::fs::fcntl_setfl(&fd, status)?;
        Ok((Self::from_made(fd, identity), metadata))
    }

    /// Takes the descriptor of a regular file, opened without `O_NONBLOCK`.
    pub(super) fn from_made(fd: OwnedFd, identity: Option<Arc<Identity>>) -> Self {
        File { fd: Arc::new(OpenFd::new(fd, identity)) }
    }

    /// Closes it. Some filesystems (NFS, FUSE) tell only here that what was written is lost. While
    /// other clones hold the descriptor nothing is closed and nothing is wrong.
    pub fn close(self) -> Result<(), Errno> {
        let Ok(OpenFd { fd, identity }) = Arc::try_unwrap(self.fd) else { return Ok(()) };
        let _as_user = identity::assume(identity.as_ref())?;
        // SAFETY: the descriptor was taken out of its owner, so that nobody else uses or closes it.
        match unsafe { rustix::io::try_close(fd.into_raw_fd()) } {
            // Linux has closed it all the same (close(2), "Dealing with error returns").
            Err(Errno::INTR) => Ok(()),
            answer => answer,
        }
    }

    /// The file's attributes.
    pub fn metadata(&self) -> Result<Metadata, Errno> {
        let _as_user = self.fd.assume()?;
        Metadata::of(self.fd.as_fd())
    }

    /// What tells it from all other files while it exists: filesystem and inode.
    pub fn id(&self) -> Result<(u64, u64), Errno> {
        Ok(self.metadata()?.id())
    }

    /// The room on the filesystem it is on.
    pub fn space(&self) -> Result<Space, Errno> {
        let _as_user = self.fd.assume()?;
        Ok(Space::from_statvfs(&rustix::fs::fstatvfs(&self.fd)?))
    }

    /// Cuts or stretches it; it must be open for writing.
    pub fn set_size(&self, size: u64) -> Result<(), Errno> {
        let _as_user = self.fd.assume()?;
        rustix::fs::ftruncate(&self.fd, size)
    }

    /// Waits until data and attributes are on stable storage.
    pub fn sync(&self) -> Result<(), Errno> {
        let _as_user = self.fd.assume()?;
        rustix::fs::fsync(&self.fd)
    }

    /// Changes attributes; see [`Change`]. A new size needs a file open for writing.
    pub fn set(&self, change: &Change) -> Result<(), Errno> {
        let _as_user = self.fd.assume()?;
        let mut outcome = LastFailure::default();
        if let Some(size) = change.size {
            outcome.keep(rustix::fs::ftruncate(&self.fd, size));
        }
        if let Some(mode) = change.mode {
            outcome.keep(rustix::fs::fchmod(&self.fd, Change::mode_bits(mode)));
        }
        if let Some(times) = change.times {
            outcome.keep(rustix::fs::futimens(&self.fd, &Change::timestamps(times)));
        }
        if let Some(owner) = change.owner {
            let (uid, gid) = Change::ids(owner);
            outcome.keep(rustix::fs::fchown(&self.fd, uid, gid));
        }
        outcome.into_result()
    }

    /// Writes all of `slices` at `offset`, on this thread, and answers their length. After an error
    /// a prefix may have been written.
    pub fn write_at(&self, slices: &[IoSlice<'_>], offset: u64) -> Result<usize, Errno> {
        let _as_user = self.fd.assume()?;
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut done = 0_usize;
        while done < total {
            let rest = after(slices, done);
            match rustix::io::pwritev(&self.fd, &rest, offset.saturating_add(done as u64)) {
                Err(Errno::INTR) => {}
                Ok(0) => return Err(Errno::IO),
                answer => done += answer?,
            }
        }
        Ok(done)
    }

    /// Whether reads can leave nothing in the page cache ([`crate::reactor::Op::Read`]'s
    /// `drop_behind`): kernel and filesystem both have to know how. It tries with the byte at
    /// `offset`, which the kernel may begin to read; it waits for nothing.
    pub fn can_drop_behind(&self, offset: u64) -> bool {
        let Ok(_as_user) = self.fd.assume() else { return false };
        let (mut byte, flags) = ([0], DONT_CACHE | ReadWriteFlags::NOWAIT);
        let mut slices = [IoSliceMut::new(&mut byte)];
        let answer = rustix::io::preadv2(&self.fd, &mut slices, offset, flags);
        !matches!(answer, Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL))
    }

    /// Whether it is used as somebody else than the server itself is: to act as him on this thread
    /// takes longer than a short read, which the ring has done for him at no cost.
    pub fn is_somebodys(&self) -> bool {
        self.fd.identity.is_some()
    }

    /// Fills `segments` of `buffer` (ascending) from `offset` on, on this thread, if all of it is
    /// in memory: nothing is waited for and no reading begins (`RWF_NOWAIT`). `false` if it is not,
    /// and then the segments hold anything.
    ///
    /// # Errors
    /// EOPNOTSUPP where the filesystem cannot tell; else as `preadv2`.
    pub fn read_from_memory(
        &self,
        buffer: &mut [u8],
        segments: &[Range<usize>],
        offset: u64,
    ) -> Result<bool, Errno> {
        let _as_user = self.fd.assume()?;
        let mut slices = scatter(buffer, segments, 0);
        let wanted: usize = segments.iter().map(Range::len).sum();
        match rustix::io::preadv2(&self.fd, &mut slices, offset, ReadWriteFlags::NOWAIT) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            answer => Ok(answer? == wanted),
        }
    }

    /// Reads at `offset`, on this thread: fewer bytes than asked only at the end of the file.
    pub fn read_at(&self, out: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let _as_user = self.fd.assume()?;
        let mut done = 0;
        while let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match rustix::io::pread(&self.fd, rest, offset.saturating_add(done as u64)) {
                Err(Errno::INTR) => {}
                Ok(0) => break,
                answer => done += answer?,
            }
        }
        Ok(done)
    }
}

/// What is left of `slices` after their first `done` bytes, as far as one call takes it.
fn after<'a>(slices: &'a [IoSlice<'_>], done: usize) -> Vec<IoSlice<'a>> {
    let mut skip = done;
    let mut rest = Vec::with_capacity(slices.len().min(SEGMENTS_MAX));
    for slice in slices {
        match slice.get(skip..) {
            Some(left) if !left.is_empty() => {
                rest.push(IoSlice::new(left));
                skip = 0;
            }
            _ => skip -= slice.len().min(skip),
        }
        if rest.len() == SEGMENTS_MAX {
            break;
        }
    }
    rest
}
