//! What a caller asks for ([`Op`]) and what comes back ([`Completion`]).

use std::io::IoSliceMut;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use rustix::io::Errno;

use super::buffer::{Buffer, SharedBuffer};
use super::identity::{self, Assumed, Identity};
use super::limits::SEGMENTS_MAX;

/// The caller's name for whoever an operation belongs to; the reactor only hands it back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token(pub u64);

/// The token of [`Done::Woken`]; callers must not use it for operations of their own.
pub const WAKE_TOKEN: Token = Token(u64::MAX);

/// A stream socket or listener; shared, because a receive and a send may be in flight at once.
pub type Socket = Arc<OwnedFd>;

/// An open file; shared, because several operations may be in flight at once.
pub type FileRef = Arc<OpenFd>;

/// The descriptor of an open file, and as whom it is used. Opening is not all that a file system
/// asks about: who writes decides whether a set-user-ID bit survives, whose quota is charged, and
/// whether blocks kept for root may be taken; some ask about every read.
#[derive(Debug)]
pub struct OpenFd {
    pub(super) fd: OwnedFd,
    pub(super) identity: Option<Arc<Identity>>,
}

impl OpenFd {
    /// Used as `identity` from now on; without one, as the server itself.
    pub(super) fn new(fd: OwnedFd, identity: Option<Arc<Identity>>) -> Self {
        OpenFd { fd, identity }
    }

    /// Makes this thread act as whoever the file is used as.
    pub(super) fn assume(&self) -> Result<Option<Assumed>, Errno> {
        identity::assume(self.identity.as_ref())
    }
}

/// Used as the server itself.
impl<F: Into<OwnedFd>> From<F> for OpenFd {
    fn from(fd: F) -> Self {
        OpenFd::new(fd.into(), None)
    }
}

impl AsFd for OpenFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for OpenFd {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Names one submitted operation, for [`super::Reactor::cancel`]. Goes stale on completion and is
/// never reused within 2^32 operations.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OpId {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// One operation. It owns what it needs until its completion hands it back.
///
/// A range that does not lie inside its buffer, or read segments that are not ascending and
/// disjoint, complete with [`Errno::INVAL`]; nothing panics.
#[derive(Debug)]
pub enum Op {
    /// Accepts connections until cancelled or failed: many [`Done::Accepted`], one
    /// [`Done::AcceptEnded`]. Accepted sockets are close-on-exec and blocking; use them through the
    /// reactor only. The driver sets the listener's `O_NONBLOCK` flag as it needs it.
    Accept {
        /// A socket on which listen(2) was called.
        listener: Socket,
    },
    /// Receives once into `buffer[range]`; a result of 0 is the end of the stream.
    Recv {
        /// A connected stream socket.
        socket: Socket,
        /// Where the bytes go.
        buffer: Buffer,
        /// The part of `buffer` that may be written; not empty.
        range: Range<usize>,
        /// Wait for readiness before the first attempt: right when the last receive reported
        /// `more: false`, wasteful when data is known to be there.
        poll_first: bool,
    },
    /// Sends `buffer[range]` whole, or fails. At most one send a socket at a time, or their bytes
    /// may interleave.
    Send {
        /// A connected stream socket.
        socket: Socket,
        /// Where the bytes come from.
        buffer: Buffer,
        /// The part of `buffer` to send; an empty one completes at once.
        range: Range<usize>,
        /// That it is sent need not end a [`super::Reactor::wait`]: it may be reported as late as
        /// with the next completion of anything, or at the deadline. A failure is reported at once.
        /// Right for a small reply with nothing behind it. See [`super::Reactor::urge`].
        patient: bool,
    },
    /// Reads from `offset`, filling `segments` of `buffer` in order.
    Read {
        /// A file open for reading.
        file: FileRef,
        /// Position in the file, bytes.
        offset: u64,
        /// Where the bytes go.
        buffer: Buffer,
        /// The parts of `buffer` to fill: ascending and disjoint.
        segments: Vec<Range<usize>>,
        /// Do not keep in the page cache what this read had to bring there (RWF_DONTCACHE, Linux
        /// 6.14). `EOPNOTSUPP` where that cannot be: see [`super::fs::File::can_drop_behind`].
        drop_behind: bool,
    },
    /// Writes `segments` one after the other at `offset`, whole, or fails (a prefix may then have
    /// been written).
    Write {
        /// A file open for writing.
        file: FileRef,
        /// Position in the file, bytes.
        offset: u64,
        /// The bytes, in order.
        segments: Vec<(SharedBuffer, Range<usize>)>,
    },
    /// fsync(2), or fdatasync(2) when `data_only`.
    Fsync {
        /// The file to flush.
        file: FileRef,
        /// Leave out metadata that reading the data back does not need.
        data_only: bool,
    },
    /// Tells the kernel what to do with cached pages of a file. It waits while the disk's queue is
    /// full, so it never runs on the caller's thread; nothing is lost if it fails.
    Advise {
        /// The file.
        file: FileRef,
        /// Where the part begins, bytes.
        offset: u64,
        /// How long it is; an empty one completes at once.
        bytes: u32,
        /// What to do with it.
        advice: Advice,
    },
}

/// What is to become of cached pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advice {
    /// Start writing the dirty ones to disk, and do not wait for it: sync_file_range(2) with
    /// `SYNC_FILE_RANGE_WRITE`.
    WriteBack,
    /// Forget the clean ones and start writing the dirty ones, which a second call forgets:
    /// posix_fadvise(2) with `POSIX_FADV_DONTNEED`.
    LetGo,
}

/// An event the reactor reports.
#[derive(Debug)]
pub struct Completion {
    /// The token the operation was submitted with, or [`WAKE_TOKEN`].
    pub token: Token,
    /// What happened.
    pub done: Done,
}

/// The outcome of an operation, with everything the operation owned. A cancelled operation that did
/// not get to finish reports [`Errno::CANCELED`].
#[derive(Debug)]
pub enum Done {
    /// A connection, or why one could not be accepted (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`: the
    /// reactor tries again by itself, after a pause; the kernel says so even while nobody connects,
    /// so this repeats about once a second until descriptors are free). The operation goes on.
    Accepted(Result<OwnedFd, Errno>),
    /// No more connections will come: `None` after a cancel, else the listener's failure.
    AcceptEnded(Option<Errno>),
    /// A receive is over.
    Received {
        /// The operation's buffer.
        buffer: Buffer,
        /// Bytes received, from the start of the range; 0 is the end of the stream.
        result: Result<usize, Errno>,
        /// More bytes are likely waiting: receive again without `poll_first`.
        more: bool,
    },
    /// A send is over.
    Sent {
        /// The operation's buffer.
        buffer: Buffer,
        /// The length of the range, always whole; or the failure.
        result: Result<usize, Errno>,
    },
    /// A read is over.
    Read {
        /// The operation's buffer.
        buffer: Buffer,
        /// The operation's segments.
        segments: Vec<Range<usize>>,
        /// Bytes read over all segments; less than asked only at the end of the file.
        result: Result<usize, Errno>,
    },
    /// A write is over.
    Wrote {
        /// The operation's segments.
        segments: Vec<(SharedBuffer, Range<usize>)>,
        /// The length of all segments, always whole; or the failure.
        result: Result<usize, Errno>,
    },
    /// An fsync is over.
    Synced {
        /// Whether the data is on stable storage.
        result: Result<(), Errno>,
    },
    /// Advice was taken.
    Advised {
        /// What the kernel said to it.
        result: Result<(), Errno>,
    },
    /// [`super::Waker::wake`] was called, once or more, since the last time this was reported.
    Woken,
}

impl Op {
    /// As whom the kernel is to carry it out, if not as the server itself. Sockets ask nobody.
    pub(super) fn identity(&self) -> Option<&Arc<Identity>> {
        match self {
            Op::Accept { .. } | Op::Recv { .. } | Op::Send { .. } => None,
            Op::Read { file, .. }
            | Op::Write { file, .. }
            | Op::Fsync { file, .. }
            | Op::Advise { file, .. } => file.identity.as_ref(),
        }
    }

    /// Whether it is over before it began when there are no bytes to it.
    pub(super) fn counts_bytes(&self) -> bool {
        !matches!(self, Op::Accept { .. } | Op::Fsync { .. })
    }
}

/// What the bytes of an operation add up to, after its ranges were checked.
pub(super) fn checked_bytes(op: &Op) -> Result<usize, Errno> {
    match op {
        Op::Accept { .. } | Op::Fsync { .. } => Ok(0),
        Op::Recv { buffer, range, .. } => match inside(buffer, range)? {
            0 => Err(Errno::INVAL), // recv(2) of nothing looks like the end of the stream
            bytes => Ok(bytes),
        },
        Op::Send { buffer, range, .. } => inside(buffer, range),
        Op::Read { offset, buffer, segments, .. } => {
            let (mut end, mut total) = (0, 0);
            for segment in segments {
                if segment.start < end {
                    return Err(Errno::INVAL);
                }
                total += inside(buffer, segment)?;
                end = segment.end;
            }
            positions(*offset, total)
        }
        Op::Write { offset, segments, .. } => {
            let mut total = 0_usize;
            for (buffer, range) in segments {
                total = total.checked_add(inside(buffer, range)?).ok_or(Errno::INVAL)?;
            }
            positions(*offset, total)
        }
        Op::Advise { offset, bytes, .. } => positions(*offset, *bytes as usize),
    }
}

fn inside(buffer: &Buffer, range: &Range<usize>) -> Result<usize, Errno> {
    if range.start > range.end || range.end > buffer.len() {
        return Err(Errno::INVAL);
    }
    Ok(range.end - range.start)
}

/// Positions are signed in the kernel; and -1 would mean "where the last read ended".
fn positions(offset: u64, total: usize) -> Result<usize, Errno> {
    let end = offset.checked_add(total as u64).ok_or(Errno::INVAL)?;
    i64::try_from(end).map(|_| total).map_err(|_| Errno::INVAL)
}

/// Takes the kernel's answer to one transfer of a `Send`, `Read` or `Write` of `total` bytes, adds
/// it to `done`, and tells the operation's result; `None` if the rest must be asked for.
pub(super) fn advance(
    op: &Op,
    done: &mut usize,
    total: usize,
    answer: Result<usize, Errno>,
    cancelled: bool,
) -> Option<Result<usize, Errno>> {
    match answer {
        Err(Errno::INTR) if cancelled => Some(Err(Errno::CANCELED)),
        Err(Errno::INTR) => None,
        Err(errno) => Some(Err(errno)),
        Ok(0) if matches!(op, Op::Read { .. }) => Some(Ok(*done)), // the end of the file
        Ok(0) => Some(Err(Errno::IO)), // nothing taken and no reason given: do not ask for ever
        Ok(bytes) => {
            *done += bytes;
            if *done >= total {
                Some(Ok(total))
            } else if cancelled {
                Some(Err(Errno::CANCELED))
            } else {
                None
            }
        }
    }
}

/// Turns an operation and its result into what the caller gets back. An `Accept` ends here.
pub(super) fn finish(op: Op, result: Result<usize, Errno>, more: bool) -> Done {
    match op {
        Op::Accept { .. } => {
            Done::AcceptEnded(result.err().filter(|errno| *errno != Errno::CANCELED))
        }
        Op::Recv { buffer, .. } => Done::Received { buffer, result, more },
        Op::Send { buffer, .. } => Done::Sent { buffer, result },
        Op::Read { buffer, segments, .. } => Done::Read { buffer, segments, result },
        Op::Write { segments, .. } => Done::Wrote { segments, result },
        Op::Fsync { .. } => Done::Synced { result: result.map(drop) },
        Op::Advise { .. } => Done::Advised { result: result.map(drop) },
    }
}

/// The parts of `buffer` that `segments` name, after their first `done` bytes. Segments ascend and
/// lie inside the buffer, as [`checked_bytes`] makes sure; what does not is left out.
pub(super) fn scatter<'a>(
    buffer: &'a mut [u8],
    segments: &[Range<usize>],
    done: usize,
) -> Vec<IoSliceMut<'a>> {
    let (mut skip, mut at, mut rest) = (done, 0, buffer);
    let mut slices = Vec::with_capacity(segments.len().min(SEGMENTS_MAX));
    for segment in segments {
        if skip >= segment.len() {
            skip -= segment.len();
            continue;
        }
        let start = segment.start + skip;
        skip = 0;
        let Some((_, tail)) = rest.split_at_mut_checked(start - at) else { break };
        let Some((slice, tail)) = tail.split_at_mut_checked(segment.end - start) else { break };
        slices.push(IoSliceMut::new(slice));
        (at, rest) = (segment.end, tail);
        if slices.len() == SEGMENTS_MAX {
            break;
        }
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reactor::BufferPool;
    use crate::reactor::limits::PoolLimits;

    fn transfers() -> (Op, Op) {
        let pool = BufferPool::new(PoolLimits::default());
        let null: FileRef = Arc::new(std::fs::File::open("/dev/null").unwrap().into());
        let buffer = pool.small().unwrap();
        let (file, offset, segments) = (Arc::clone(&null), 0, Vec::new());
        let read = Op::Read { file, offset, buffer, segments, drop_behind: false };
        (read, Op::Write { file: null, offset, segments: Vec::new() })
    }

    #[test]
    fn a_short_transfer_is_continued_until_it_is_whole() {
        let (_, write) = transfers();
        let mut done = 0;
        assert_eq!(advance(&write, &mut done, 10, Ok(4), false), None);
        assert_eq!(advance(&write, &mut done, 10, Err(Errno::INTR), false), None);
        assert_eq!(advance(&write, &mut done, 10, Ok(5), false), None);
        assert_eq!(advance(&write, &mut done, 10, Ok(1), false), Some(Ok(10)));
    }

    #[test]
    fn a_failure_after_a_part_is_a_failure() {
        let (_, write) = transfers();
        let mut done = 0;
        assert_eq!(advance(&write, &mut done, 10, Ok(4), false), None);
        let full = Err(Errno::NOSPC);
        assert_eq!(advance(&write, &mut done, 10, full, false), Some(full));
    }

    #[test]
    fn nothing_is_the_end_for_a_read_and_an_error_for_a_write() {
        let (read, write) = transfers();
        let mut done = 3;
        assert_eq!(advance(&read, &mut done, 10, Ok(0), false), Some(Ok(3)));
        assert_eq!(advance(&write, &mut done, 10, Ok(0), false), Some(Err(Errno::IO)));
    }

    #[test]
    fn a_cancelled_transfer_is_not_continued() {
        let (_, write) = transfers();
        let cancelled = Some(Err(Errno::CANCELED));
        assert_eq!(advance(&write, &mut 0, 10, Ok(4), true), cancelled);
        assert_eq!(advance(&write, &mut 0, 10, Err(Errno::INTR), true), cancelled);
        assert_eq!(advance(&write, &mut 4, 10, Ok(6), true), Some(Ok(10)), "it was faster");
    }
}
