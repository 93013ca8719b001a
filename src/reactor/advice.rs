//! What plain syscalls need to speak of cached pages: [`Op::Advise`](super::Op::Advise) where there
//! is no ring to do it, and the flag of reads that leave nothing behind.

use std::num::NonZeroU64;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::{Errno, ReadWriteFlags};

use super::op::Advice;

/// RWF_DONTCACHE, which rustix has no name for.
pub(super) const DONT_CACHE: ReadWriteFlags =
    ReadWriteFlags::from_bits_retain(libc::RWF_DONTCACHE.cast_unsigned());

/// Gives `advice` on `bytes` of `file` from `offset` on; waits while the disk's queue is full.
pub(super) fn give(
    file: BorrowedFd<'_>,
    offset: u64,
    bytes: u32,
    advice: Advice,
) -> Result<(), Errno> {
    match advice {
        Advice::WriteBack => write_back(file, offset, bytes),
        Advice::LetGo => {
            let len = NonZeroU64::new(u64::from(bytes));
            rustix::fs::fadvise(file, offset, len, rustix::fs::Advice::DontNeed)
        }
    }
}

fn write_back(file: BorrowedFd<'_>, offset: u64, bytes: u32) -> Result<(), Errno> {
    let offset = libc::off64_t::try_from(offset).map_err(|_| Errno::INVAL)?;
    let (fd, len) = (file.as_raw_fd(), libc::off64_t::from(bytes));
    // SAFETY: the descriptor is open for the length of the call, which takes no memory of ours.
    match unsafe { libc::sync_file_range(fd, offset, len, libc::SYNC_FILE_RANGE_WRITE) } {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}
