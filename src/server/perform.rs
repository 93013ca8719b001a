//! Requests that name paths, carried out: found, judged, done.
//!
//! This is the only way from a client's path to the file system. Each path is resolved to a spot
//! (a pinned folder and one name in it), the access rules judge the spots, and what is done is done
//! to them and not to the path again, so that nothing can be exchanged in between.

use std::sync::Arc;

use ringferry_sftp::Status;

use super::digest;
use super::job::{Answer, Cancel, Failure, Result};
use super::limits::JOB_SLICE_BYTES;
use super::profile::Profile;
use super::session::{OpenDir, Opened, Room};
use crate::reactor::Errno;
use crate::reactor::fs::{self, File, Metadata, OpenHow, Spot};
use crate::vfs::{Access, Change, FsOp, Grants, Kind, OpenFor, Target};

/// Carries `op` out for the user of `profile`.
pub(super) fn perform(profile: &Profile, mut op: FsOp<'_>, cancel: &Cancel) -> Result {
    let mut spots = Vec::with_capacity(2);
    for place in op.places().into_iter().flatten() {
        spots.push(profile.view.find(place.path, place.follow)?);
    }
    let targets: Vec<Target<'_>> = spots.iter().map(target).collect();
    // What comes back in `op` is no more than what was judged.
    let grants = profile.access.judge(&mut op, &targets)?;
    match (&op, &spots[..]) {
        (FsOp::HomeDirectory(path), []) => Ok(Answer::Path(path.to_vec())),
        (FsOp::Rename { over, .. }, [old, new]) => rename(&profile.access, old, new, *over),
        (FsOp::HardLink { .. }, [old, new]) => making(&profile.access, || old.hard_link(new)),
        (FsOp::CopyFile { overwrite, .. }, [source, copy]) => {
            copy_file(profile, source, copy, *overwrite, cancel)
        }
        (FsOp::Open(_, how), [spot]) => {
            let opened = open(profile, spot, system_open(how), grants)?;
            Ok(Answer::File(Box::new(opened)))
        }
        (op, [spot]) => at_spot(profile, op, spot, cancel),
        _ => Err(Failure::Said(Status::OpUnsupported, "Operation unsupported")),
    }
}

/// What is done to one spot and keeps nothing but a directory open.
fn at_spot(profile: &Profile, op: &FsOp<'_>, spot: &Spot<'_>, cancel: &Cancel) -> Result {
    let access = &*profile.access;
    match op {
        FsOp::OpenDir(_) => Ok(Answer::Dir(Box::new(OpenDir {
            dir: spot.open_dir()?,
            path: spot.path().to_vec(),
            left: Vec::new(),
            ended: false,
            slow: profile.view.may_hang() || access.hides_names(),
        }))),
        FsOp::Stat { .. } => there(spot).map(|metadata| Answer::Attrs(*metadata)),
        FsOp::RealPath(_) => Ok(Answer::Path(spot.path().to_vec())),
        FsOp::SetStat { change, .. } => set_stat(access, spot, change),
        FsOp::Remove(_) => {
            spot.unlink()?;
            unlinked(access, spot.metadata());
            Ok(Answer::Done)
        }
        FsOp::MakeDir(_, mode) => making(access, || spot.mkdir(*mode)),
        FsOp::RemoveDir(_) => {
            spot.rmdir()?;
            removed(access);
            Ok(Answer::Done)
        }
        FsOp::ReadLink(_) => Ok(Answer::Path(spot.read_link()?)),
        FsOp::Symlink { target, .. } => making(access, || spot.symlink(target)),
        FsOp::Space(_) => Ok(Answer::Space(spot.space()?)),
        FsOp::CheckFile(_, check) => {
            let file = spot.open_file(OpenHow { read: true, ..OpenHow::default() })?;
            digest::check_file(&file, check, cancel)
        }
        _ => Err(Failure::Said(Status::OpUnsupported, "Operation unsupported")),
    }
}

fn target<'a>(spot: &'a Spot<'_>) -> Target<'a> {
    let kind = spot.metadata().map(|metadata| match metadata {
        it if it.is_dir() => Kind::Directory,
        it if it.is_symlink() => Kind::Link,
        it if it.is_file() => Kind::File,
        _ => Kind::Special,
    });
    Target { path: spot.path(), kind, fixed: spot.is_fixed() }
}

fn there<'a>(spot: &'a Spot<'_>) -> std::result::Result<&'a Metadata, Failure> {
    spot.metadata().ok_or(Failure::System(Errno::NOENT))
}

/// Opens the file at `spot`, entering it in the user's quota.
fn open(
    profile: &Profile,
    spot: &Spot<'_>,
    how: OpenHow,
    grants: Grants,
) -> std::result::Result<Opened, Failure> {
    let access = &*profile.access;
    let makes = how.create && spot.metadata().is_none();
    if makes {
        made(access)?;
    }
    let file = spot.open_file(how).inspect_err(|_| {
        if makes {
            removed(access);
        }
    })?;
    let ledger = access.quota.as_ref().filter(|_| how.write);
    if let (Some(ledger), Some(before), true) = (ledger, spot.metadata(), how.truncate) {
        // The kernel has cut it already; getting smaller always has room.
        let _ = ledger.resize((before.dev, before.ino), before.size, 0);
    }
    let free_bytes_min = if how.write { access.free_bytes_min } else { 0 };
    let room = Arc::new(Room::new(&file, ledger, free_bytes_min)?);
    Ok(Opened {
        id: room.id,
        room,
        path: spot.path().to_vec(),
        append: how.append,
        can_read: how.read,
        can_write: how.write,
        grants,
        slow: profile.view.may_hang(),
        file,
    })
}

fn over_quota<E>(_: E) -> Failure {
    Failure::System(Errno::DQUOT)
}

/// Makes a name, if the quota has room for one more.
fn making(access: &Access, make: impl FnOnce() -> std::result::Result<(), Errno>) -> Result {
    made(access)?;
    match make() {
        Ok(()) => Ok(Answer::Done),
        Err(errno) => {
            removed(access);
            Err(errno.into())
        }
    }
}

fn made(access: &Access) -> std::result::Result<(), Failure> {
    access.quota.as_ref().map_or(Ok(()), |ledger| ledger.made()).map_err(over_quota)
}

fn removed(access: &Access) {
    if let Some(ledger) = &access.quota {
        ledger.removed();
    }
}

/// Takes an object off the quota whose name at a spot was removed or replaced.
fn unlinked(access: &Access, before: Option<&Metadata>) {
    match (&access.quota, before) {
        (Some(ledger), Some(before)) if before.is_file() => {
            ledger.unlinked((before.dev, before.ino), before.size, before.nlink <= 1);
        }
        (Some(ledger), Some(_)) => ledger.removed(),
        _ => {}
    }
}

fn rename(access: &Access, old: &Spot<'_>, new: &Spot<'_>, over: bool) -> Result {
    if !over {
        old.rename_exclusive(new)?;
        return Ok(Answer::Done);
    }
    old.rename_over(new)?;
    let same = |there: &Metadata| old.metadata().is_some_and(|own| own.same_object(there));
    // Between two names of one file rename(2) does nothing.
    if !new.metadata().is_some_and(same) {
        unlinked(access, new.metadata());
    }
    Ok(Answer::Done)
}

fn set_stat(access: &Access, spot: &Spot<'_>, change: &Change) -> Result {
    there(spot)?;
    let resized = match (&access.quota, change.size, spot.metadata()) {
        (Some(ledger), Some(size), Some(before)) => {
            let id = (before.dev, before.ino);
            ledger.resize(id, before.size, size).map_err(over_quota)?;
            Some((ledger, id, before.size, size))
        }
        _ => None,
    };
    spot.set_stat(&system_change(change)).inspect_err(|_| {
        if let Some((ledger, id, before, after)) = resized {
            let _ = ledger.resize(id, after, before);
        }
    })?;
    Ok(Answer::Done)
}

/// Copies a whole file, in slices between which it looks whether it is still wanted.
fn copy_file(
    profile: &Profile,
    source: &Spot<'_>,
    copy: &Spot<'_>,
    overwrite: bool,
    cancel: &Cancel,
) -> Result {
    let from = there(source)?;
    if copy.metadata().is_some_and(|there| there.same_object(from)) {
        return Err(Failure::Said(Status::Failure, "a file cannot be copied onto itself"));
    }
    let read = source.open_file(OpenHow { read: true, ..OpenHow::default() })?;
    let how = OpenHow {
        write: true,
        create: true,
        exclusive: !overwrite,
        truncate: true,
        // What the owner of the source kept to himself stays so.
        mode: profile.access.mode_of_copy(from.mode),
        ..OpenHow::default()
    };
    let written = open(profile, copy, how, Grants::NONE)?;
    let (to, room) = (written.file, written.room);
    Copying { from: read, offset: 0, to, room, at: 0, len: None }.run(cancel)?;
    Ok(Answer::Done)
}

/// A part of a file, and where it goes.
pub(super) struct Copying {
    pub(super) from: File,
    pub(super) offset: u64,
    pub(super) to: File,
    pub(super) room: Arc<Room>,
    pub(super) at: u64,
    /// `None`: up to the end of `from`.
    pub(super) len: Option<u64>,
}

impl Copying {
    /// Copies; gives how many bytes there were.
    pub(super) fn run(mut self, cancel: &Cancel) -> std::result::Result<u64, Errno> {
        let mut left = self.len.unwrap_or(u64::MAX);
        let mut done = 0;
        while left > 0 {
            cancel.check()?;
            let there = self.from.metadata()?.size.saturating_sub(self.offset);
            let slice = left.min(COPY_SLICE_BYTES).min(there);
            if slice == 0 {
                break;
            }
            self.room.admit(self.at, slice, false)?;
            let count = self.from.copy_range(self.offset, &self.to, self.at, slice)?;
            if count == 0 {
                break;
            }
            self.offset = self.offset.saturating_add(count);
            self.at = self.at.saturating_add(count);
            done += count;
            left = left.saturating_sub(count);
        }
        Ok(done)
    }
}

/// What a copy does in one go: within a file system it is quick, and where blocks are shared it is
/// nothing.
const COPY_SLICE_BYTES: u64 = 16 * JOB_SLICE_BYTES as u64;

fn system_open(how: &OpenFor) -> OpenHow {
    OpenHow {
        read: how.read,
        write: how.write,
        append: how.append,
        create: how.create,
        exclusive: how.exclusive,
        truncate: how.truncate,
        mode: how.mode,
    }
}

/// In the file system's words.
pub(super) fn system_change(change: &Change) -> fs::Change {
    fs::Change {
        size: change.size,
        mode: change.mode,
        owner: change.owner,
        times: change.times.map(|(access, modification)| (access.into(), modification.into())),
    }
}
