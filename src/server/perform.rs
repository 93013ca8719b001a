//! Requests that name paths, carried out: found, judged, done.
//!
//! This is the only way from a client's path to the file system. Each path is resolved to a spot
//! (a pinned folder and one name in it), the access rules judge the spots, and what is done is done
//! to them and not to the path again, so that nothing can be exchanged in between.

mod long;

use std::borrow::Cow;
use std::sync::Arc;

use ringferry_sftp::Status;

use super::digest;
use super::job::{Answer, Cancel, Failure, Result};
use super::limits::JOB_SLICE_BYTES;
use super::profile::Profile;
use super::room::{self, Room};
use super::session::{OpenDir, Opened};
use crate::reactor::Errno;
use crate::reactor::fs::{self, File, Metadata, OpenHow, Spot};
use crate::vfs::{Access, Change, FsOp, Grants, Kind, OpenFor, Target};

pub(super) use long::{to_close, to_cut};

/// Carries `op` out for the user of `profile`, however long that takes.
pub(super) fn perform(profile: &Profile, mut op: FsOp<'_>, cancel: &Cancel) -> Result {
    // Each act does so by itself; here it is done once for all of them.
    let _as_user = profile.view.assume()?;
    let (spots, grants) = find_and_judge(profile, &mut op)?;
    act(profile, &op, &spots, grants, cancel)
}

/// The same on a shard, whose other connections wait meanwhile. `None` if it may take long: then
/// nothing is done, and it is work for a job.
pub(super) fn perform_at_once(profile: &Profile, op: &FsOp<'_>) -> Option<Result> {
    if profile.view.may_hang() || long::by_nature(op) {
        return None;
    }
    if let Some(opened) = make_file(profile, op) {
        return Some(Ok(Answer::File(Box::new(opened))));
    }
    attempt(profile, op.clone()).transpose()
}

fn attempt(profile: &Profile, mut op: FsOp<'_>) -> std::result::Result<Option<Answer>, Failure> {
    let _as_user = profile.view.assume()?;
    let (spots, grants) = find_and_judge(profile, &mut op)?;
    if long::at(&op, &spots) {
        return Ok(None);
    }
    act(profile, &op, &spots, grants, &Cancel::default()).map(Some)
}

/// What comes back in `op` is no more than what was judged.
fn find_and_judge<'p>(
    profile: &'p Profile,
    op: &mut FsOp<'_>,
) -> std::result::Result<(Vec<Spot<'p>>, Grants), Failure> {
    let mut spots = Vec::with_capacity(2);
    for place in op.places().into_iter().flatten() {
        let found = profile.view.find(place.path, place.follow);
        spots.push(found.map_err(|errno| as_it_seems(errno, &profile.access))?);
    }
    let targets: Vec<Target<'_>> = spots.iter().map(target).collect();
    let grants = profile.access.judge(op, &targets)?;
    Ok((spots, grants))
}

fn act(
    profile: &Profile,
    op: &FsOp<'_>,
    spots: &[Spot<'_>],
    grants: Grants,
    cancel: &Cancel,
) -> Result {
    match (op, spots) {
        (FsOp::HomeDirectory(path), []) => Ok(Answer::Path(path.to_vec())),
        (FsOp::Rename { over, .. }, [old, new]) => rename(&profile.access, old, new, *over),
        (FsOp::HardLink { .. }, [old, new]) => room::making(&profile.access, || old.hard_link(new)),
        (FsOp::CopyFile { how, .. }, [source, copy]) => {
            copy_file(profile, source, copy, *how, cancel)
        }
        (FsOp::Open(_, how), [spot]) => {
            let opened = open(profile, spot, system_open(how), grants)?;
            Ok(Answer::File(Box::new(opened)))
        }
        (op, [spot]) => at_spot(profile, op, spot, cancel),
        _ => Err(Failure::Said(Status::OpUnsupported, "Operation unsupported")),
    }
}

/// Below a file there is nothing, and below what is not there neither: where names are hidden, the
/// difference would tell of one.
fn as_it_seems(errno: Errno, access: &Access) -> Errno {
    if errno == Errno::NOTDIR && access.hides_names() { Errno::NOENT } else { errno }
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
            room::unlinking(access, spot, || spot.unlink())?;
            Ok(Answer::Done)
        }
        FsOp::MakeDir(_, mode) => room::making(access, || spot.mkdir(*mode)),
        FsOp::RemoveDir(_) => {
            room::unlinking(access, spot, || spot.rmdir())?;
            Ok(Answer::Done)
        }
        FsOp::ReadLink(_) => Ok(Answer::Path(spot.read_link()?)),
        FsOp::Symlink { target, .. } => room::making(access, || spot.symlink(target)),
        FsOp::Space(_) => Ok(Answer::Space(room::as_the_user_has_it(spot.space()?, access))),
        FsOp::CheckFile(_, check) => {
            let file = spot.open_file(OpenHow { read: true, ..OpenHow::default() })?;
            digest::check_file(&file, check, cancel)
        }
        _ => Err(Failure::Said(Status::OpUnsupported, "Operation unsupported")),
    }
}

fn target<'a>(spot: &'a Spot<'_>) -> Target<'a> {
    Target { path: spot.path(), kind: spot.metadata().map(kind_of), fixed: spot.is_fixed() }
}

pub(super) fn kind_of(metadata: &Metadata) -> Kind {
    match metadata {
        it if it.is_dir() => Kind::Directory,
        it if it.is_symlink() => Kind::Link,
        it if it.is_file() => Kind::File,
        _ => Kind::Special,
    }
}

fn there<'a>(spot: &'a Spot<'_>) -> std::result::Result<&'a Metadata, Failure> {
    spot.metadata().ok_or(Failure::System(Errno::NOENT))
}

/// Makes the file that an upload asks for, if nothing is at its place: five system calls less than
/// finding that out first. Whatever stands in the way is for the others to find, to judge and to
/// tell.
fn make_file(profile: &Profile, op: &FsOp<'_>) -> Option<Opened> {
    let FsOp::Open(path, how) = op else { return None };
    // Whoever does not want it empty counts on one that is there.
    if !how.create || !(how.truncate || how.exclusive) {
        return None;
    }
    let (access, vacancy) = (&*profile.access, profile.view.vacancy(path)?);
    let nothing = Target { path: vacancy.path(), kind: None, fixed: false };
    let mut judged = FsOp::Open(Cow::Borrowed(path), *how);
    let grants = access.judge(&mut judged, &[nothing]).ok()?;
    let FsOp::Open(_, how) = judged else { return None };
    room::made(access).ok()?;
    let how = system_open(&how);
    let Ok((file, metadata)) = vacancy.make(how) else {
        room::removed(access);
        return None;
    };
    let room = Room::new(&file, metadata, access, how.write);
    Some(opened(profile, vacancy.path(), (file, room), how, grants))
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
        room::made(access)?;
    }
    // With a quota the file is cut once it is entered.
    let cut_later = how.truncate && how.write && access.quota.is_some();
    let at_once = OpenHow { truncate: how.truncate && !cut_later, ..how };
    // Nor does it come into being, or is there already, without being counted so.
    let exclusive = how.exclusive || makes;
    let alone = OpenHow { exclusive, create: exclusive, ..at_once };
    let at_once = if access.quota.is_some() && how.create { alone } else { at_once };
    let file = match at_once.truncate {
        true => room::cutting(access, spot, || spot.open_and_look(at_once)),
        false => spot.open_and_look(at_once),
    };
    let file = file.or_else(|errno| {
        if makes {
            room::removed(access);
        }
        match errno {
            Errno::EXIST if makes && !how.exclusive => {
                spot.open_and_look(OpenHow { create: false, ..at_once })
            }
            errno => Err(errno),
        }
    });
    let (file, metadata) = file?;
    let room = Room::new(&file, metadata, access, how.write);
    if cut_later {
        room.set_size(0)?;
    }
    let was_emptied = how.truncate && spot.metadata().is_some_and(|there| there.size > 0);
    Ok(Opened { was_emptied, ..opened(profile, spot.path(), (file, room), how, grants) })
}

fn opened(
    profile: &Profile,
    path: &[u8],
    (file, room): (File, Room),
    how: OpenHow,
    grants: Grants,
) -> Opened {
    Opened {
        id: room.id(),
        room: Arc::new(room),
        path: path.to_vec(),
        append: how.append,
        can_read: how.read,
        can_write: how.write,
        grants,
        slow: profile.view.may_hang(),
        was_emptied: false,
        file,
    }
}

fn rename(access: &Access, old: &Spot<'_>, new: &Spot<'_>, over: bool) -> Result {
    if !over {
        old.rename_exclusive(new)?;
    } else if room::is_same(old.metadata(), new.metadata()) {
        old.rename_over(new)?;
    } else {
        room::unlinking(access, new, || old.rename_over(new))?;
    }
    Ok(Answer::Done)
}

/// Size first and by itself, so that the quota knows whether that much was done; then the rest. As
/// in OpenSSH all of it is tried and the last failure is told.
fn set_stat(access: &Access, spot: &Spot<'_>, change: &Change) -> Result {
    there(spot)?;
    let change = system_change(change);
    let sized = change.size.map_or(Ok(()), |size| {
        let alone = fs::Change { size: Some(size), ..fs::Change::default() };
        room::resizing(access, spot, size, || spot.set_stat(&alone))
    });
    spot.set_stat(&fs::Change { size: None, ..change }).and(sized)?;
    Ok(Answer::Done)
}

/// Copies a whole file, in slices between which it looks whether it is still wanted.
fn copy_file(
    profile: &Profile,
    source: &Spot<'_>,
    copy: &Spot<'_>,
    how: OpenFor,
    cancel: &Cancel,
) -> Result {
    let from = source.open_file(OpenHow { read: true, ..OpenHow::default() })?;
    let metadata = from.metadata()?;
    let mode = profile.access.mode_of_copy(metadata.mode);
    let to = open(profile, copy, system_open(&OpenFor { mode, ..how }), Grants::NONE)?;
    if to.id == metadata.id() {
        return Err(Failure::Said(Status::Failure, "a file cannot be copied onto itself"));
    }
    to.room.set_size(0)?;
    let (to, room) = (to.file, to.room);
    Copying { from, offset: 0, to, room, at: 0, append: false, len: None }.run(cancel)?;
    Ok(Answer::Done)
}

/// A part of a file, and where it goes.
pub(super) struct Copying {
    pub(super) from: File,
    pub(super) offset: u64,
    pub(super) to: File,
    pub(super) room: Arc<Room>,
    pub(super) at: u64,
    /// Whatever `at` says, it goes to the end.
    pub(super) append: bool,
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
            // To the end of a file the kernel copies nothing itself, and no more goes at once.
            let at_once = if self.append { JOB_SLICE_BYTES as u64 } else { COPY_SLICE_BYTES };
            let slice = left.min(at_once).min(there);
            if slice == 0 {
                break;
            }
            self.room.admit(self.at, slice, self.append)?;
            let count = self.from.copy_range(self.offset, &self.to, self.at, slice);
            let count = count.inspect_err(|_| self.room.failed())?;
            if count < slice {
                self.room.failed();
            }
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

#[cfg(test)]
mod tests;
