//! Every bound of the reactor, with the reason for its value.

use std::time::Duration;

/// The sizes of a [`super::BufferPool`].
#[derive(Clone, Debug)]
pub struct PoolLimits {
    /// Length of a small buffer, bytes: what an idle connection receives into.
    pub small_bytes: usize,
    /// Length of a large buffer, bytes: what a busy connection receives into, or one train.
    pub large_bytes: usize,
    /// Bytes in buffers handed out and kept free together; beyond it the pool answers `None`.
    pub bytes_max: usize,
    /// Bytes of returned buffers kept for the next taker; what exceeds it goes back to the
    /// allocator.
    pub free_max: usize,
}

impl Default for PoolLimits {
    /// 16 KiB and 512 KiB buffers, 256 MiB in all, 32 MiB kept free.
    fn default() -> Self {
        PoolLimits {
            small_bytes: 16 << 10,
            large_bytes: 512 << 10,
            bytes_max: 256 << 20,
            free_max: 32 << 20,
        }
    }
}

/// The sizes of a [`super::Reactor`].
#[derive(Clone, Debug)]
pub struct ReactorLimits {
    /// Entries of the submission queue (rounded up to a power of two, 1..=32768). A full queue is
    /// flushed with a syscall, so this is a batch size and not a limit on operations.
    pub submission_entries: u32,
    /// Entries of the completion queue, at least `submission_entries`. The kernel keeps what does
    /// not fit, but slowly: room for one completion of every operation is worth 16 bytes each.
    pub completion_entries: u32,
    /// Operations in flight; one more completes with `ENOBUFS` at once.
    pub operations_max: usize,
    /// Kernel threads that may run this ring's blocking file operations (buffered writes on ext4
    /// and tmpfs, fsync). 0 leaves the kernel's default, 4 a processor.
    pub file_workers_max: u32,
    /// Completions one `wait` gathers before it returns, so that a flood cannot keep the caller
    /// from its timers.
    pub completions_per_wait_max: usize,
}

impl Default for ReactorLimits {
    /// 256 and 4096 entries, 65536 operations, 8 workers, 512 completions a wait.
    fn default() -> Self {
        ReactorLimits {
            submission_entries: 256,
            completion_entries: 4096,
            operations_max: 65_536,
            file_workers_max: 8,
            completions_per_wait_max: 512,
        }
    }
}

/// First pause of an accept that ran out of descriptors or memory: long enough not to spin, short
/// enough that a freed descriptor is used within the second.
pub(super) const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(50);

/// Longest pause of an accept: pauses double up to here, and start again after a success.
pub(super) const ACCEPT_PAUSE_MAX: Duration = Duration::from_millis(800);

/// Segments of one READV or WRITEV (UIO_MAXIOV in the kernel); the rest is continued.
pub(super) const SEGMENTS_MAX: usize = 1024;

/// Bytes of one kernel transfer (MAX_RW_COUNT, 2 GiB less a page); the rest is continued.
pub(super) const TRANSFER_BYTES_MAX: usize = 0x7fff_f000;

/// How long a dropped reactor waits for the kernel to give its operations back. After it the memory
/// is leaked instead: a disk that hangs must not hang the process, and freeing would be unsound.
pub(super) const DROP_WAIT_MAX: Duration = Duration::from_secs(10);

/// How long each step of the start-up self-test may take.
pub(super) const SELF_TEST_WAIT_MAX: Duration = Duration::from_secs(2);

/// Pause before submitting again when the kernel has no memory for requests (EAGAIN from enter).
pub(super) const SUBMIT_PAUSE: Duration = Duration::from_millis(2);

/// Connections one listener is drained of before the poll driver looks at its other operations.
pub(super) const ACCEPTS_PER_TURN_MAX: usize = 64;

/// Events one epoll_wait returns.
pub(super) const EVENTS_PER_WAIT_MAX: usize = 256;

/// The oldest kernel whose io_uring is used, (major, minor): the first long-term release with
/// extended enter arguments, native workers and the fixes of 5.12-5.14.
pub(super) const RING_KERNEL_MIN: (u32, u32) = (5, 15);

/// Bytes of a path including its NUL (PATH_MAX in the kernel).
pub(super) const PATH_BYTES_MAX: usize = 4096;

/// Symbolic links one resolution may cross (MAXSYMLINKS in the kernel).
pub(super) const LINKS_MAX: usize = 40;

/// Path components one walk may visit, links expanded: a path of 4095 bytes has at most 2048, and
/// links may at most double that before the answer is ENAMETOOLONG.
pub(super) const WALK_STEPS_MAX: usize = 4096;

/// Components one walk may look up again from the top, all `..` together: some ten milliseconds.
/// The longest path with one `..` takes 2048 and `../` as often as fits takes none; what is refused
/// has hundreds of both depth and `..`.
pub(super) const WALK_LOOKUPS_MAX: usize = 128 << 10;

/// Bytes one call copies between files through memory, where the kernel cannot copy by itself: a
/// millisecond or less of a shard's time, and small enough to be allocated each time.
pub(super) const COPY_BUFFER_BYTES: usize = 1 << 20;

/// Users whose credentials one ring knows at once. The kernel's own bound is 65,535; a server with
/// this many users at work on one core has other troubles, and half leaves no number near it.
pub(super) const PERSONALITIES_MAX: usize = 32_768;
