//! One operation in the kernel's hands: what it owns and the entry that describes it.

use std::ops::Range;
use std::os::fd::AsRawFd;

use io_uring::types::{Fd, FsyncFlags};
use io_uring::{opcode, squeue};

use crate::reactor::accept::Pause;
use crate::reactor::limits::{SEGMENTS_MAX, TRANSFER_BYTES_MAX};
use crate::reactor::op::{Advice, FileRef, Op, OpId, Token};

/// IORING_RECVSEND_POLL_FIRST (Linux 5.19), which the crate does not export.
const POLL_FIRST: u16 = 1;

pub(super) struct Running {
    pub(super) token: Token,
    pub(super) op: Op,
    /// Bytes transferred by earlier entries of this operation.
    pub(super) done: usize,
    /// Bytes to transfer in all.
    pub(super) total: usize,
    pub(super) cancelled: bool,
    pub(super) pause: Pause,
    /// Kept here and not on the stack: the kernel may read it as long as the entry runs.
    iovecs: Vec<libc::iovec>,
}

impl Running {
    pub(super) fn new(token: Token, op: Op, total: usize) -> Self {
        let pause = Pause::default();
        let iovecs = Vec::new();
        Running { token, op, done: 0, total, cancelled: false, pause, iovecs }
    }

    /// The entry for what is left to do. Everything it points to is owned by `self` and stays where
    /// it is when `self` moves: bytes in pool memory, iovecs in the vector's allocation, and
    /// descriptors behind `Arc`s. `self` must be kept, and not asked for another entry, until this
    /// one's last completion. `since_5_19` says what the kernel knows.
    pub(super) fn entry(&mut self, id: OpId, since_5_19: bool) -> squeue::Entry {
        let entry = match &self.op {
            Op::Accept { listener } => accept(Fd(listener.as_raw_fd()), since_5_19),
            Op::Recv { socket, buffer, range, poll_first } => {
                let (base, len) = span(buffer.pointer(), range, 0);
                let wait_first = *poll_first && since_5_19;
                opcode::Recv::new(Fd(socket.as_raw_fd()), base, len)
                    .ioprio(if wait_first { POLL_FIRST } else { 0 })
                    .build()
            }
            Op::Send { socket, buffer, range, patient } => {
                let (base, len) = span(buffer.pointer(), range, self.done);
                // With MSG_WAITALL a part is a failure, which is reported.
                let flags = libc::MSG_WAITALL | libc::MSG_NOSIGNAL;
                let send = opcode::Send::new(Fd(socket.as_raw_fd()), base, len);
                match patient {
                    true => send
                        .flags(flags | libc::MSG_DONTWAIT)
                        .build()
                        .flags(squeue::Flags::SKIP_SUCCESS),
                    false => send.flags(flags).build(),
                }
            }
            Op::Read { file, offset, buffer, segments, drop_behind } => {
                let base = buffer.pointer();
                let parts = segments.iter().map(|range| (base, range));
                vector(&mut self.iovecs, parts, self.done);
                read(file, &self.iovecs, offset + self.done as u64, *drop_behind)
            }
            Op::Write { file, offset, segments } => {
                let parts = segments.iter().map(|(buffer, range)| (buffer.pointer(), range));
                vector(&mut self.iovecs, parts, self.done);
                write(file, &self.iovecs, offset + self.done as u64)
            }
            Op::Fsync { file, data_only } => {
                let flags = if *data_only { FsyncFlags::DATASYNC } else { FsyncFlags::empty() };
                opcode::Fsync::new(Fd(file.as_raw_fd())).flags(flags).build()
            }
            Op::Advise { file, offset, bytes, advice } => {
                advise(Fd(file.as_raw_fd()), *offset, *bytes, *advice)
            }
        };
        entry.user_data(user_data(id))
    }
}

pub(super) fn user_data(id: OpId) -> u64 {
    u64::from(id.generation) << 32 | u64::from(id.slot)
}

pub(super) fn op_id(user_data: u64) -> OpId {
    // The two halves: nothing is lost.
    #[allow(clippy::cast_possible_truncation)]
    OpId { slot: user_data as u32, generation: (user_data >> 32) as u32 }
}

fn accept(listener: Fd, multishot: bool) -> squeue::Entry {
    let flags = libc::SOCK_CLOEXEC;
    if multishot {
        return opcode::AcceptMulti::new(listener).flags(flags).build();
    }
    let (address, length) = (std::ptr::null_mut(), std::ptr::null_mut());
    opcode::Accept::new(listener, address, length).flags(flags).build()
}

/// The part of `range` after its first `done` bytes. Ranges were checked against their buffers when
/// the operation was submitted.
fn span(base: *mut u8, range: &Range<usize>, done: usize) -> (*mut u8, u32) {
    let start = range.start + done;
    let len = range.end.saturating_sub(start).min(TRANSFER_BYTES_MAX);
    (base.wrapping_add(start), u32::try_from(len).unwrap_or(u32::MAX))
}

fn vector<'a>(
    out: &mut Vec<libc::iovec>,
    parts: impl Iterator<Item = (*mut u8, &'a Range<usize>)>,
    done: usize,
) {
    out.clear();
    let mut skip = done;
    for (base, range) in parts {
        let len = range.len();
        if skip >= len {
            skip -= len;
            continue;
        }
        let start = base.wrapping_add(range.start + skip);
        out.push(libc::iovec { iov_base: start.cast(), iov_len: len - skip });
        skip = 0;
        if out.len() == SEGMENTS_MAX {
            break;
        }
    }
}

/// The single part of a transfer, which needs no iovec for the kernel to copy and check.
fn single(iovecs: &[libc::iovec]) -> Option<(*mut u8, u32)> {
    let [only] = iovecs else { return None };
    let len = u32::try_from(only.iov_len.min(TRANSFER_BYTES_MAX)).unwrap_or(u32::MAX);
    Some((only.iov_base.cast(), len))
}

fn count(iovecs: &[libc::iovec]) -> u32 {
    u32::try_from(iovecs.len()).unwrap_or(u32::MAX)
}

fn read(file: &FileRef, iovecs: &[libc::iovec], offset: u64, drop_behind: bool) -> squeue::Entry {
    let fd = Fd(file.as_raw_fd());
    let flags = if drop_behind { libc::RWF_DONTCACHE } else { 0 };
    match single(iovecs) {
        Some((base, len)) => {
            opcode::Read::new(fd, base, len).offset(offset).rw_flags(flags).build()
        }
        None => {
            let readv = opcode::Readv::new(fd, iovecs.as_ptr(), count(iovecs));
            readv.offset(offset).rw_flags(flags).build()
        }
    }
}

fn write(file: &FileRef, iovecs: &[libc::iovec], offset: u64) -> squeue::Entry {
    let fd = Fd(file.as_raw_fd());
    match single(iovecs) {
        Some((base, len)) => opcode::Write::new(fd, base, len).offset(offset).build(),
        None => opcode::Writev::new(fd, iovecs.as_ptr(), count(iovecs)).offset(offset).build(),
    }
}

/// The kernel hands both to a worker by itself.
fn advise(fd: Fd, offset: u64, bytes: u32, advice: Advice) -> squeue::Entry {
    match advice {
        Advice::WriteBack => opcode::SyncFileRange::new(fd, bytes)
            .offset(offset)
            .flags(libc::SYNC_FILE_RANGE_WRITE)
            .build(),
        Advice::LetGo => {
            let len = libc::off_t::from(bytes);
            opcode::Fadvise::new(fd, len, libc::POSIX_FADV_DONTNEED).offset(offset).build()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_carries_slot_and_generation() {
        let id = OpId { slot: 0xdead_beef, generation: 0x0123_4567 };
        assert_eq!(user_data(id), 0x0123_4567_dead_beef);
        assert_eq!(op_id(user_data(id)), id);
    }

    #[test]
    fn a_vector_skips_what_is_done_and_stops_at_the_kernels_limit() {
        let ranges = [0..4, 10..10, 20..30];
        let base = std::ptr::without_provenance_mut::<u8>(0x1000);
        let mut out = Vec::new();
        let lengths = |out: &[libc::iovec]| -> Vec<(usize, usize)> {
            out.iter().map(|part| (part.iov_base.addr() - 0x1000, part.iov_len)).collect()
        };
        vector(&mut out, ranges.iter().map(|range| (base, range)), 0);
        assert_eq!(lengths(&out), [(0, 4), (20, 10)]);
        vector(&mut out, ranges.iter().map(|range| (base, range)), 3);
        assert_eq!(lengths(&out), [(3, 1), (20, 10)]);
        vector(&mut out, ranges.iter().map(|range| (base, range)), 9);
        assert_eq!(lengths(&out), [(25, 5)]);
        let many = vec![0..1; SEGMENTS_MAX + 10];
        vector(&mut out, many.iter().map(|range| (base, range)), 0);
        assert_eq!(out.len(), SEGMENTS_MAX);
        vector(&mut out, many.iter().map(|range| (base, range)), SEGMENTS_MAX);
        assert_eq!(out.len(), 10);
    }
}
