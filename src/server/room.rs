//! Room for what a user wants to keep: his quota and the floor of free space.
//!
//! The quota's ledger counts before anything is done and is put right afterwards. What changes the
//! size of a file by its path enters the file for as long as it takes, as an open handle does, so
//! that what two sessions do to one file at once is counted once.

use std::sync::Arc;

use super::job::{Answer, Failure, Result};
use crate::reactor::Errno;
use crate::reactor::fs::{File, Metadata, Space, Spot};
use crate::vfs::{Access, FileId, Ledger};

/// The bounds on what may be written to one open file.
pub(super) struct Room {
    pub(super) file: File,
    /// What the file was when it was opened; of one that was made, maybe without its times.
    pub(super) metadata: Metadata,
    /// The user's quota, in which the file is entered.
    ledger: Option<Arc<Ledger>>,
    /// Bytes that must stay free on the file system.
    free_bytes_min: u64,
}

impl Room {
    /// Enters the file, which was opened as `metadata`, in the quota of `access`, unless it is only
    /// read.
    pub(super) fn new(file: &File, metadata: Metadata, access: &Access, writes: bool) -> Self {
        let ledger = access.quota.as_ref().filter(|_| writes);
        if let Some(ledger) = ledger {
            ledger.open(metadata.id(), || size_of(file).unwrap_or(metadata.size));
        }
        Self {
            file: file.clone(),
            metadata,
            ledger: ledger.cloned(),
            free_bytes_min: if writes { access.free_bytes_min } else { 0 },
        }
    }

    /// Asks for the room that a write of `len` bytes at `offset` needs; `append` is at the end.
    ///
    /// # Errors
    /// `EDQUOT` where the quota is used up, `ENOSPC` where too little would stay free.
    pub(super) fn admit(
        &self,
        offset: u64,
        len: u64,
        append: bool,
    ) -> std::result::Result<(), Errno> {
        if self.free_bytes_min > 0 {
            let space = self.file.space()?;
            let free = space.blocks_available.saturating_mul(space.fragment_bytes);
            if free < self.free_bytes_min.saturating_add(len) {
                return Err(Errno::NOSPC);
            }
        }
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let entered = match append {
            true => ledger.append(self.id(), len),
            false => ledger.grow(self.id(), offset.saturating_add(len)),
        };
        entered.map_err(|_| Errno::DQUOT)
    }

    pub(super) fn id(&self) -> FileId {
        self.metadata.id()
    }

    /// Cuts or stretches the file.
    ///
    /// # Errors
    /// `EDQUOT`, or the file system's.
    pub(super) fn set_size(&self, size: u64) -> std::result::Result<(), Errno> {
        if let Some(ledger) = &self.ledger {
            ledger.set_size(self.id(), size).map_err(|_| Errno::DQUOT)?;
        }
        self.file.set_size(size).inspect_err(|_| self.failed())
    }

    /// What was asked for was not used, or not all of it.
    pub(super) fn failed(&self) {
        if let (Some(ledger), Some(size)) = (&self.ledger, size_of(&self.file)) {
            ledger.failed(self.id(), size);
        }
    }
}

/// The last handle on a file that fell short of what was reserved gives the rest back.
impl Drop for Room {
    fn drop(&mut self) {
        if let Some(ledger) = &self.ledger {
            ledger.close(self.id(), || size_of(&self.file));
        }
    }
}

fn size_of(file: &File) -> Option<u64> {
    file.metadata().ok().map(|metadata| metadata.size)
}

/// A file entered in a quota while something is done to it by its path.
struct Entered<'a> {
    ledger: &'a Ledger,
    spot: &'a Spot<'a>,
    id: FileId,
}

impl<'a> Entered<'a> {
    /// `None`: there is no quota, or no file.
    fn new(access: &'a Access, spot: &'a Spot<'_>) -> Option<Self> {
        let ledger = access.quota.as_deref()?;
        let there = spot.metadata().filter(|there| there.is_file())?;
        let entered = Self { ledger, spot, id: there.id() };
        ledger.open(entered.id, || entered.size().unwrap_or(there.size));
        Some(entered)
    }

    /// The size of the file, if the name still is its.
    fn size(&self) -> Option<u64> {
        let now = self.spot.look_again().ok().flatten()?;
        (now.id() == self.id).then_some(now.size)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.ledger.close(self.id, || self.size());
    }
}

/// Carries `act` out, which may cut the file at `spot` without asking for room.
pub(super) fn cutting<T>(access: &Access, spot: &Spot<'_>, act: impl FnOnce() -> T) -> T {
    let _entered = Entered::new(access, spot);
    act()
}

/// Gives the file at `spot` a size by `act`.
pub(super) fn resizing(
    access: &Access,
    spot: &Spot<'_>,
    size: u64,
    act: impl FnOnce() -> std::result::Result<(), Errno>,
) -> std::result::Result<(), Errno> {
    let entered = Entered::new(access, spot);
    if let Some(Entered { ledger, id, .. }) = &entered {
        ledger.set_size(*id, size).map_err(|_| Errno::DQUOT)?;
    }
    // What failed is put right when the file is left.
    act()
}

/// Carries `act` out, which takes the name at `spot` from what has it, if anything does.
pub(super) fn unlinking(
    access: &Access,
    spot: &Spot<'_>,
    act: impl FnOnce() -> std::result::Result<(), Errno>,
) -> std::result::Result<(), Errno> {
    let entered = Entered::new(access, spot);
    act()?;
    match (&entered, spot.metadata(), &access.quota) {
        (Some(Entered { ledger, id, .. }), Some(there), _) => {
            ledger.unlinked(*id, there.size, there.nlink <= 1);
        }
        (None, Some(_), Some(ledger)) => ledger.removed(),
        _ => {}
    }
    Ok(())
}

/// Makes a name, if the quota has room for one more.
pub(super) fn making(
    access: &Access,
    make: impl FnOnce() -> std::result::Result<(), Errno>,
) -> Result {
    made(access)?;
    match make() {
        Ok(()) => Ok(Answer::Done),
        Err(errno) => {
            removed(access);
            Err(errno.into())
        }
    }
}

/// Counts a name that is about to be made.
pub(super) fn made(access: &Access) -> std::result::Result<(), Failure> {
    let made = access.quota.as_ref().map_or(Ok(()), |ledger| ledger.made());
    made.map_err(|_| Errno::DQUOT.into())
}

/// Counts a name off that is gone, or was not made.
pub(super) fn removed(access: &Access) {
    if let Some(ledger) = &access.quota {
        ledger.removed();
    }
}

/// The room at a place as the user has it: what his quota leaves, where that is less.
pub(super) fn as_the_user_has_it(mut space: Space, access: &Access) -> Space {
    let Some(ledger) = &access.quota else { return space };
    let unit = space.fragment_bytes.max(1);
    if let (Some(max), Some(left)) = (ledger.bytes_max(), ledger.bytes_left()) {
        space.blocks = space.blocks.min(max / unit);
        space.blocks_free = space.blocks_free.min(left / unit);
        space.blocks_available = space.blocks_available.min(left / unit);
    }
    if let (Some(max), Some(left)) = (ledger.files_max(), ledger.files_left()) {
        space.files = space.files.min(max);
        space.files_free = space.files_free.min(left);
        space.files_available = space.files_available.min(left);
    }
    space
}

/// Whether `there` has a second name at the other end of a rename, which then does nothing.
pub(super) fn is_same(one: Option<&Metadata>, there: Option<&Metadata>) -> bool {
    matches!((one, there), (Some(one), Some(there)) if one.same_object(there))
}
