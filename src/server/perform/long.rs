//! Which operations take too long for a shard.
//!
//! A file system works through all of a file when it frees it, and ext4 allocates and sends off all
//! that was written when it takes the place of another, or is closed after it was emptied, so that
//! a crash leaves one of the two (auto_da_alloc). How much that is shows once the file was found.

use crate::reactor::fs::{File, Metadata, Spot};
use crate::server::limits::LET_GO_BYTES_MAX;
use crate::vfs::FsOp;

/// Whether it takes long whatever it finds: it goes through whole files.
pub(super) fn by_nature(op: &FsOp<'_>) -> bool {
    matches!(op, FsOp::CheckFile(..) | FsOp::CopyFile { .. })
}

/// Whether it frees or settles much of what was found at its places.
pub(super) fn at(op: &FsOp<'_>, spots: &[Spot<'_>]) -> bool {
    let bytes = match (op, spots) {
        (FsOp::Open(_, how), [spot]) if how.truncate => size(spot),
        (FsOp::SetStat { change, .. }, [spot]) => {
            change.size.map_or(0, |left| size(spot).saturating_sub(left))
        }
        (FsOp::Remove(_), [spot]) => size_of_last_name(spot),
        (FsOp::Rename { over: true, .. }, [old, new]) if new.metadata().is_some() => {
            size(old).max(size_of_last_name(new))
        }
        _ => 0,
    };
    bytes > LET_GO_BYTES_MAX
}

/// Bytes of the file that is there.
fn size(spot: &Spot<'_>) -> u64 {
    spot.metadata().filter(|there| there.is_file()).map_or(0, |there| there.size)
}

/// The same, if nothing else names it.
fn size_of_last_name(spot: &Spot<'_>) -> u64 {
    if spot.metadata().is_some_and(|there| there.nlink > 1) { 0 } else { size(spot) }
}

/// Whether it takes long to cut an open file to `left` bytes.
pub(in crate::server) fn to_cut(file: &File, left: u64) -> bool {
    let freed = |now: Metadata| now.size.saturating_sub(left);
    file.metadata().is_ok_and(|now| freed(now) > LET_GO_BYTES_MAX)
}

/// Whether it takes long to close a file to which `written` bytes went, if it `was_emptied` when it
/// was opened.
pub(in crate::server) fn to_close(file: &File, was_emptied: bool, written: u64) -> bool {
    let freed = |now: Metadata| if now.nlink == 0 { now.size } else { 0 };
    was_emptied && written > LET_GO_BYTES_MAX
        || file.metadata().is_ok_and(|now| freed(now) > LET_GO_BYTES_MAX)
}

#[cfg(test)]
mod tests;
