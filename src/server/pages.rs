//! What becomes of a file's pages in the kernel's cache behind a transfer.
//!
//! It owns the policy and, for each open file, how far it was read and written in one run and how
//! much of that the kernel has been told of. It submits nothing: it says what is due, and the
//! connection submits it, one piece at a time for a session. Invariant: no answer to a client waits
//! for advice, nor depends on what became of it.

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::limits::{ADVICE_BYTES_MAX, DROP_STEP_BYTES};
use crate::reactor::Advice;
use crate::reactor::fs::File;

/// How a long upload is written to disk while it arrives.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct WriteBehind {
    /// In pieces of so many bytes; 0: as late as the kernel likes.
    pub piece_bytes: u64,
    /// Once it is so long.
    pub from_bytes: u64,
}

/// What is done about the page cache.
#[derive(Default)]
pub struct PagePolicy {
    /// For as long as files stay in the cache.
    pub write_behind: WriteBehind,
    /// Files that were sent or received do not stay in the cache.
    pub drop_behind: bool,
    /// That the kernel does not know how has been logged.
    told: AtomicBool,
}

impl PagePolicy {
    /// A policy of these parts.
    #[must_use]
    pub fn new(write_behind: WriteBehind, drop_behind: bool) -> Self {
        Self { write_behind, drop_behind, told: AtomicBool::new(false) }
    }
}

/// A run of bytes, read or written one after the other.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Run {
    start: u64,
    /// Where the piece before the last one that the kernel was told of ends.
    told_before: u64,
    /// Where the last piece ends.
    told: u64,
    end: u64,
}

impl Run {
    fn grow(&mut self, offset: u64, bytes: u64) {
        if offset != self.end {
            *self = Self { start: offset, told_before: offset, told: offset, end: offset };
        }
        self.end = self.end.saturating_add(bytes);
    }

    fn bytes(&self) -> u64 {
        self.end - self.start
    }

    fn untold(&self) -> u64 {
        self.end - self.told
    }

    fn tell(&mut self) {
        self.told_before = self.told;
        self.told = self.end;
    }
}

/// What the kernel is to be told of a part of a file.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Due {
    pub(super) offset: u64,
    pub(super) bytes: u32,
    pub(super) advice: Advice,
}

impl Due {
    fn new(range: Range<u64>, advice: Advice) -> Self {
        let bytes = (range.end - range.start).min(ADVICE_BYTES_MAX.into());
        let offset = range.end - bytes;
        Self { offset, bytes: u32::try_from(bytes).unwrap_or(ADVICE_BYTES_MAX), advice }
    }
}

/// How far an open file was read and written.
#[derive(Default)]
pub(super) struct Trail {
    read: Cell<Run>,
    written: Cell<Run>,
    /// Whether its reads can leave nothing behind by themselves, once that has been asked.
    drops_itself: Cell<Option<bool>>,
}

impl Trail {
    pub(super) fn was_read(&self, offset: u64, bytes: u64) {
        let mut run = self.read.get();
        run.grow(offset, bytes);
        self.read.set(run);
    }

    pub(super) fn was_written(&self, offset: u64, bytes: u64) {
        let mut run = self.written.get();
        run.grow(offset, bytes);
        self.written.set(run);
    }

    /// Whether a read at `offset` is to leave nothing behind by itself.
    pub(super) fn drops_itself(&self, policy: &PagePolicy, file: &File, offset: u64) -> bool {
        if !policy.drop_behind {
            return false;
        }
        if let Some(can) = self.drops_itself.get() {
            return can;
        }
        let can = file.can_drop_behind(offset);
        self.drops_itself.set(Some(can));
        if !can && !policy.told.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "file_cache is drop, and this kernel or file system has no RWF_DONTCACHE: what was \
                 read is dropped afterwards, though others may have had it in memory"
            );
        }
        can
    }

    /// What is due behind the reads.
    pub(super) fn due_of_reads(&self, policy: &PagePolicy) -> Option<Due> {
        let mut run = self.read.get();
        let by_advice = policy.drop_behind && self.drops_itself.get() == Some(false);
        if !by_advice || run.untold() < DROP_STEP_BYTES {
            return None;
        }
        let due = Due::new(run.told..run.end, Advice::LetGo);
        run.tell();
        self.read.set(run);
        Some(due)
    }

    /// What is due behind the writes.
    pub(super) fn due_of_writes(&self, policy: &PagePolicy) -> Option<Due> {
        let mut run = self.written.get();
        let WriteBehind { piece_bytes, from_bytes } = policy.write_behind;
        let due = if policy.drop_behind && run.untold() >= DROP_STEP_BYTES {
            // The piece before was dirty when it was told of, and most of it is clean by now.
            Due::new(run.told_before..run.end, Advice::LetGo)
        } else if !policy.drop_behind
            && piece_bytes > 0
            && run.untold() >= piece_bytes
            && run.bytes() >= from_bytes
        {
            Due::new(run.told..run.end, Advice::WriteBack)
        } else {
            return None;
        };
        run.tell();
        self.written.set(run);
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const FROM: u64 = 16 * MIB;

    fn behind(piece_bytes: u64) -> PagePolicy {
        PagePolicy::new(WriteBehind { piece_bytes, from_bytes: FROM }, false)
    }

    fn dropping() -> PagePolicy {
        PagePolicy::new(WriteBehind::default(), true)
    }

    fn write(trail: &Trail, range: Range<u64>) {
        trail.was_written(range.start, range.end - range.start);
    }

    fn due(range: Range<u64>, advice: Advice) -> Option<Due> {
        Some(Due::new(range, advice))
    }

    #[test]
    fn write_behind_begins_late_and_takes_everything_once() {
        let (policy, trail) = (behind(8 * MIB), Trail::default());
        write(&trail, 0..FROM - 1);
        assert_eq!(trail.due_of_writes(&policy), None);
        write(&trail, FROM - 1..FROM);
        let first = due(0..FROM, Advice::WriteBack);
        assert_eq!(trail.due_of_writes(&policy), first);
        assert_eq!(trail.due_of_writes(&policy), None, "once");
        write(&trail, FROM..FROM + 8 * MIB - 1);
        assert_eq!(trail.due_of_writes(&policy), None);
        write(&trail, FROM + 8 * MIB - 1..FROM + 9 * MIB);
        let next = due(FROM..FROM + 9 * MIB, Advice::WriteBack);
        assert_eq!(trail.due_of_writes(&policy), next);
    }

    #[test]
    fn a_write_elsewhere_begins_a_new_run() {
        let (policy, trail) = (behind(MIB), Trail::default());
        write(&trail, 0..FROM);
        write(&trail, 5..6);
        assert_eq!(trail.due_of_writes(&policy), None, "no long run any more");
        let end = 6 + FROM;
        write(&trail, 6..end);
        assert_eq!(trail.due_of_writes(&policy), due(5..end, Advice::WriteBack));
    }

    #[test]
    fn zero_means_as_late_as_the_kernel_likes() {
        let (policy, trail) = (PagePolicy::default(), Trail::default());
        write(&trail, 0..1 << 40);
        assert_eq!(trail.due_of_writes(&policy), None);
        assert_eq!(trail.due_of_reads(&policy), None);
    }

    #[test]
    fn what_was_written_is_let_go_of_twice_the_second_time_clean() {
        let (policy, trail) = (dropping(), Trail::default());
        let step = DROP_STEP_BYTES;
        write(&trail, 0..step);
        assert_eq!(trail.due_of_writes(&policy), due(0..step, Advice::LetGo));
        write(&trail, step..2 * step + 5);
        assert_eq!(trail.due_of_writes(&policy), due(0..2 * step + 5, Advice::LetGo));
        write(&trail, 2 * step + 5..3 * step + 5);
        assert_eq!(trail.due_of_writes(&policy), due(step..3 * step + 5, Advice::LetGo));
    }

    #[test]
    fn one_piece_of_advice_is_bounded_and_of_the_newest() {
        let (policy, trail) = (behind(MIB), Trail::default());
        write(&trail, 0..1 << 40);
        let told = trail.due_of_writes(&policy).unwrap();
        assert_eq!(told.bytes, ADVICE_BYTES_MAX);
        assert_eq!(told.offset + u64::from(told.bytes), 1 << 40);
    }

    #[test]
    fn reads_are_let_go_of_where_they_cannot_do_it_themselves() {
        let policy = dropping();
        for (drops_itself, expected) in [
            (None, None),
            (Some(true), None),
            (Some(false), due(MIB..MIB + DROP_STEP_BYTES, Advice::LetGo)),
        ] {
            let trail = Trail::default();
            trail.drops_itself.set(drops_itself);
            trail.was_read(MIB, DROP_STEP_BYTES);
            assert_eq!(trail.due_of_reads(&policy), expected);
            assert_eq!(trail.due_of_reads(&policy), None);
        }
    }
}
