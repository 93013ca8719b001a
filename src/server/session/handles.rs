//! Requests on handles but READ and WRITE.

use std::rc::Rc;
use std::sync::Arc;

use ringferry_sftp::{Request, Status};
use rustix::io::Errno;

use super::answers::NO_SUCH_HANDLE;
use super::{Open, OpenDir, OpenFile, Session, Site, Then};
use crate::reactor::fs::{Dir, File};
use crate::server::digest;
use crate::server::job::{self, Answer, Cancel, Failure};
use crate::server::limits::{DIR_ENTRIES_MAX, RANGES_MAX};
use crate::server::perform::{Copying, system_change};
use crate::server::room::as_the_user_has_it;
use crate::vfs::{self, Access, Change, WireHandle};

impl Session {
    /// Carries `work` out now, or elsewhere where that may take long.
    fn on_file(
        &mut self,
        site: &mut Site<'_>,
        id: u32,
        slow: bool,
        work: impl FnOnce() -> job::Result + Send + 'static,
    ) {
        if slow {
            return self.start(site, id, Then::Reply, move |_| work());
        }
        let result = work();
        self.answer(site, None, id, Then::Reply, result);
    }

    pub(super) fn close(&mut self, site: &mut Site<'_>, id: u32, handle: &[u8]) {
        let Ok(open) = self.handles.remove(handle) else {
            return self.status(id, Status::Failure, NO_SUCH_HANDLE);
        };
        match open {
            Open::File(file) => self.close_file(site, id, file),
            Open::Dir(open) => {
                let slow = open.as_ref().is_some_and(|open| open.slow);
                self.on_file(site, id, slow, move || {
                    drop(open);
                    Ok(Answer::Done)
                });
            }
        }
    }

    /// What comes behind it in the session comes after the file is closed.
    fn close_file(&mut self, site: &mut Site<'_>, id: u32, file: Rc<OpenFile>) {
        file.log_closed();
        // An error that no reply may have been read of comes back once more here.
        let latched = file.latched.get();
        let told = move |closed: Result<(), Errno>| match latched {
            Some(errno) => Err(errno.into()),
            None => closed.map(|()| Answer::Done).map_err(Failure::from),
        };
        match Rc::try_unwrap(file) {
            Ok(file) => {
                let (slow, opened) = (file.closes_slowly(), file.opened);
                self.on_file(site, id, slow, move || told(opened.close()));
            }
            // READs wait: the last of them closes it.
            Err(_) => self.answer(site, None, id, Then::Reply, told(Ok(()))),
        }
    }

    /// Closes what a handle named, elsewhere where that may take long.
    pub(super) fn let_go(&self, site: &Site<'_>, open: Open) {
        match open {
            Open::File(file) => {
                file.log_closed();
                let_file_go(site, file);
            }
            Open::Dir(Some(open)) if open.slow => {
                site.jobs.drop_elsewhere(&site.party.user, open);
            }
            Open::Dir(_) => {}
        }
    }

    pub(super) fn fstat(&mut self, site: &mut Site<'_>, id: u32, handle: &[u8]) {
        let look = |look: &Looked<'_>| match look {
            Looked::File(file) => Ok(Answer::Attrs(file.metadata()?)),
            Looked::Dir(dir) => Ok(Answer::Attrs(dir.metadata()?)),
        };
        self.look_at(site, id, handle, look);
    }

    pub(super) fn statvfs_on_handle(&mut self, site: &mut Site<'_>, id: u32, handle: &[u8]) {
        let access = Arc::clone(&site.profile.access);
        self.look_at(site, id, handle, move |look| {
            let space = match look {
                Looked::File(file) => file.space()?,
                Looked::Dir(dir) => dir.space()?,
            };
            Ok(Answer::Space(as_the_user_has_it(space, &access)))
        });
    }

    /// Answers with what `look` sees of what the handle names.
    fn look_at(
        &mut self,
        site: &mut Site<'_>,
        id: u32,
        handle: &[u8],
        look: impl FnOnce(&Looked<'_>) -> job::Result + Send + 'static,
    ) {
        if let Ok(Open::File(open)) = self.handles.find(handle) {
            let (file, slow) = (open.file.clone(), open.slow);
            return self.on_file(site, id, slow, move || look(&Looked::File(&file)));
        }
        match self.take_dir(handle) {
            Ok((open, handle)) => self.on_dir(site, id, handle, open, move |open, _| {
                let seen = look(&Looked::Dir(&open.dir));
                Ok(Answer::OfDir(open, Box::new(seen)))
            }),
            Err((status, message)) => self.status(id, status, message),
        }
    }

    /// Takes a directory from its handle, to which [`Then::Dir`] brings it back.
    fn take_dir(
        &mut self,
        handle: &[u8],
    ) -> Result<(Box<OpenDir>, WireHandle), (Status, &'static str)> {
        let open = match self.handles.find(handle) {
            Ok(Open::Dir(open)) => open.take(),
            Ok(Open::File(_)) => return Err((Status::Failure, "the handle is a file's")),
            Err(_) => None,
        };
        let unknown = || (Status::Failure, NO_SUCH_HANDLE);
        let name = WireHandle::try_from(handle).map_err(|_| unknown())?;
        Ok((open.ok_or_else(unknown)?, name))
    }

    /// Carries `work` out on a directory, now or elsewhere.
    fn on_dir(
        &mut self,
        site: &mut Site<'_>,
        id: u32,
        handle: WireHandle,
        open: Box<OpenDir>,
        work: impl FnOnce(Box<OpenDir>, &Cancel) -> job::Result + Send + 'static,
    ) {
        if open.slow {
            return self.start(site, id, Then::Dir(handle), move |cancel| work(open, cancel));
        }
        let result = work(open, &Cancel::default());
        self.answer(site, None, id, Then::Dir(handle), result);
    }

    pub(super) fn set_on_handle(
        &mut self,
        site: &mut Site<'_>,
        id: u32,
        handle: &[u8],
        change: Change,
    ) {
        let open = match self.file(handle) {
            Ok(open) => open,
            Err(refused) => return self.failure(site, None, id, &refused.into()),
        };
        let access = &site.profile.access;
        let change = access.effective(change);
        if let Err(refusal) = access.judge_change(open.grants, open.can_write, &change) {
            return self.failure(site, None, id, &refusal.into());
        }
        let latched = open.latched.get().filter(|_| change.size.is_some());
        if let Some(errno) = latched {
            return self.failure(site, None, id, &errno.into());
        }
        let room = Arc::clone(&open.room);
        self.on_file(site, id, open.changes_slowly(&change), move || {
            let sized = change.size.map_or(Ok(()), |size| room.set_size(size));
            room.file.set(&system_change(&Change { size: None, ..change })).and(sized)?;
            Ok(Answer::Done)
        });
    }

    pub(super) fn read_dir(&mut self, site: &mut Site<'_>, id: u32, handle: &[u8]) {
        let access = Arc::clone(&site.profile.access);
        match self.take_dir(handle) {
            Ok((open, handle)) => self.on_dir(site, id, handle, open, move |open, cancel| {
                Ok(Answer::Entries(read_on(open, &access, cancel)))
            }),
            Err((status, message)) => self.status(id, status, message),
        }
    }

    pub(super) fn copy_data(&mut self, site: &mut Site<'_>, id: u32, request: &Request<'_>) {
        let Request::CopyData {
            read_handle, read_offset, length, write_handle, write_offset, ..
        } = *request
        else {
            return;
        };
        let files = self.file(read_handle).and_then(|from| Ok((from, self.file(write_handle)?)));
        let (from, to) = match files {
            Ok(files) => files,
            Err(refused) => return self.failure(site, None, id, &refused.into()),
        };
        let readable = site.profile.access.judge_reading(from.grants).map_err(Failure::from);
        let copies = readable.and_then(|()| copies(&from, &to, read_handle == write_handle));
        if let Err(failure) = copies {
            return self.failure(site, None, id, &failure);
        }
        let copying = Copying {
            from: from.file.clone(),
            offset: read_offset,
            to: to.file.clone(),
            room: Arc::clone(&to.room),
            at: write_offset,
            append: to.append,
            len: (length > 0).then_some(length),
        };
        self.start(site, id, Then::Write(to), move |cancel| {
            let count = copying.run(cancel)?;
            Ok(Answer::Wrote(usize::try_from(count).unwrap_or(usize::MAX)))
        });
    }

    pub(super) fn check_file_handle(
        &mut self,
        site: &mut Site<'_>,
        id: u32,
        request: &Request<'_>,
    ) {
        let Request::CheckFileHandle {
            handle,
            algorithms,
            start,
            length,
            block_bytes,
            short_name,
            ..
        } = *request
        else {
            return;
        };
        let then = Then::Digests(self.shape(short_name));
        let check = match vfs::Check::new(algorithms, start, length, block_bytes) {
            Ok(check) => check,
            Err(refusal) => return self.failure(site, None, id, &refusal.into()),
        };
        match self.readable(site, handle) {
            Ok(open) => {
                let file = open.file.clone();
                self.start(site, id, then, move |it| digest::check_file(&file, &check, it));
            }
            Err(failure) => self.failure(site, None, id, &failure),
        }
    }

    pub(super) fn ranges(
        &mut self,
        site: &mut Site<'_>,
        id: u32,
        handle: &[u8],
        offset: u64,
        length: u64,
    ) {
        match self.readable(site, handle) {
            Ok(open) => {
                let (file, end) = (open.file.clone(), offset.saturating_add(length));
                // Where nothing is on disk yet each step looks through the page cache.
                self.start(site, id, Then::Reply, move |it| data_ranges(&file, offset, end, it));
            }
            Err(failure) => self.failure(site, None, id, &failure),
        }
    }

    fn readable(&mut self, site: &Site<'_>, handle: &[u8]) -> Result<Rc<OpenFile>, Failure> {
        let open = self.file(handle)?;
        if !open.can_read {
            let what = "the handle is not open for reading";
            return Err(Failure::Said(Status::PermissionDenied, what));
        }
        site.profile.access.judge_reading(open.grants)?;
        Ok(open)
    }
}

/// Lets go of a file; if that closes it, where it may take long.
pub(super) fn let_file_go(site: &Site<'_>, file: Rc<OpenFile>) {
    if let Ok(file) = Rc::try_unwrap(file)
        && file.closes_slowly()
    {
        site.jobs.drop_elsewhere(&site.party.user, file.opened);
    }
}

/// What a handle names, to be looked at.
enum Looked<'a> {
    File(&'a File),
    Dir(&'a Dir),
}

/// Whether copy-data may go between these two: OpenSSH refuses a file onto itself, whose ranges
/// might overlap.
fn copies(from: &OpenFile, to: &OpenFile, same_handle: bool) -> Result<(), Failure> {
    if !from.can_read || !to.can_write {
        let what = "copying needs a handle open for reading and one open for writing";
        return Err(Failure::Said(Status::PermissionDenied, what));
    }
    if same_handle || from.id == to.id {
        return Err(Failure::Said(Status::Failure, "a file cannot be copied onto itself"));
    }
    match to.latched.get() {
        Some(errno) => Err(errno.into()),
        None => Ok(()),
    }
}

/// Reads the next entries that `access` lists, if none are left from last time. What cannot be
/// read ends the listing, as in OpenSSH's server.
pub(super) fn read_on(mut open: Box<OpenDir>, access: &Access, cancel: &Cancel) -> Box<OpenDir> {
    while open.left.is_empty() && !open.ended && cancel.check().is_ok() {
        match open.dir.next_entries(DIR_ENTRIES_MAX, &mut open.left) {
            Ok(more) => open.ended = !more,
            Err(errno) => {
                let path = open.path.escape_ascii();
                tracing::warn!(%path, cause = %errno, "a folder could not be read to its end");
                open.ended = true;
            }
        }
        let OpenDir { path, left, .. } = &mut *open;
        left.retain(|entry| access.lists(path, &entry.name));
    }
    open
}

/// The ranges of `offset..end` that hold data, as many as a reply takes.
fn data_ranges(file: &File, offset: u64, end: u64, cancel: &Cancel) -> job::Result {
    let size = file.metadata()?.size;
    let until = end.min(size);
    let (mut ranges, mut at) = (Vec::new(), offset);
    while at < until && ranges.len() < RANGES_MAX {
        cancel.check()?;
        match file.next_data(at, until)? {
            Some(range) => {
                at = range.end;
                ranges.push(range);
            }
            None => at = until,
        }
    }
    Ok(Answer::Ranges(ranges, at >= size))
}

impl From<(Status, &'static str)> for Failure {
    fn from((status, message): (Status, &'static str)) -> Self {
        Self::Said(status, message)
    }
}
