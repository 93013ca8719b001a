//! From what an operation gave to the bytes of its reply.

use std::borrow::Cow;
use std::rc::Rc;

use ringferry_sftp::reply::{self, CheckFileShape, SpaceAvailable, Statvfs};
use ringferry_sftp::{Attrs, LongName, NameBuilder, Status};
use rustix::io::Errno;

use super::handles::let_file_go;
use super::{Inode, Open, OpenDir, OpenFile, Opened, Session, Site, Then};
use crate::reactor::fs::{DirEntry, Metadata, Space};
use crate::server::job::{self, Answer, Digests, Failure};
use crate::server::replies::Ticket;
use crate::vfs::{Refusal, WireHandle};

/// Said of a handle that this session does not hold.
pub(super) const NO_SUCH_HANDLE: &str = "no such handle";

pub(super) const TOO_MANY_HANDLES: &str = "too many open handles in this session";

/// OpenSSH's status for a system error, with the system's words.
pub(in crate::server) fn status_of(errno: Errno) -> (Status, &'static str) {
    let raw = errno.raw_os_error();
    (Status::from_errno(raw), ringferry_sftp::errno_text(raw))
}

impl Failure {
    /// What the client is told.
    pub(super) fn told(&self) -> (Status, Cow<'static, str>) {
        match self {
            Self::System(errno) => {
                let (status, words) = status_of(*errno);
                (status, words.into())
            }
            Self::Said(status, words) => (*status, (*words).into()),
            Self::Refused(refusal) => {
                let status = match refusal {
                    Refusal::BadPath(_) | Refusal::Invalid(_) => Status::BadMessage,
                    Refusal::Denied(_) => Status::PermissionDenied,
                    Refusal::Missing => Status::NoSuchFile,
                    Refusal::Failed(_) => Status::Failure,
                };
                (status, refusal.text().to_owned().into())
            }
        }
    }
}

impl Session {
    pub(super) fn status(&mut self, id: u32, status: Status, message: &str) {
        self.replies.push_with(|out| reply::status(out, id, status, message));
    }

    /// Writes a reply in the place that was kept for it, or behind the others.
    fn put(&mut self, place: Option<Ticket>, write: impl FnOnce(&mut Vec<u8>)) {
        match place {
            Some(ticket) => self.replies.settle(ticket, write),
            None => self.replies.push_with(write),
        }
    }

    /// Answers request `id` with what came of it.
    pub(super) fn answer(
        &mut self,
        site: &Site<'_>,
        place: Option<Ticket>,
        id: u32,
        then: Then,
        result: job::Result,
    ) {
        match (result, then) {
            (result, Then::Command) => self.command_told(result),
            (Ok(Answer::File(opened)), _) => self.keep_file(site, place, id, *opened),
            (Ok(Answer::Dir(dir)), _) => self.keep(site, place, id, Open::Dir(Some(dir))),
            (Ok(Answer::Entries(open)), Then::Dir(handle)) => {
                self.entries(site, place, id, &handle, open);
            }
            (Ok(Answer::OfDir(open, seen)), Then::Dir(handle)) => {
                self.put_dir_back(site, &handle, open);
                self.answer(site, place, id, Then::Reply, *seen);
            }
            (Ok(Answer::Space(space)), Then::SpaceAvailable) => {
                self.put(place, |out| reply::space_available(out, id, &available(&space)));
            }
            (Ok(Answer::Digests(digests)), Then::Digests(shape)) => {
                self.put(place, |out| check_file(out, id, shape, &digests));
            }
            (result, then) => {
                match (&result, then) {
                    (Ok(Answer::Data(data)), Then::Read(file)) => {
                        file.was_read(data.len());
                        let_file_go(site, file);
                    }
                    (result, Then::Write(file)) => {
                        match result {
                            Ok(Answer::Wrote(count)) => file.wrote(*count),
                            Ok(_) => {}
                            Err(Failure::System(errno)) => file.fail(*errno),
                            Err(_) => file.fail(Errno::IO),
                        }
                        let_file_go(site, file);
                    }
                    (_, Then::Read(file)) => let_file_go(site, file),
                    _ => {}
                }
                match result {
                    Ok(answer) => self.put(place, |out| encode(out, id, &answer)),
                    Err(failure) => self.failure(site, place, id, &failure),
                }
            }
        }
    }

    pub(super) fn failure(
        &mut self,
        site: &Site<'_>,
        place: Option<Ticket>,
        id: u32,
        failure: &Failure,
    ) {
        let (status, message) = failure.told();
        if let Failure::Refused(_) = failure {
            tracing::info!(
                connection = site.party.connection,
                peer = site.party.peer(),
                user = &*site.party.user,
                cause = &*message,
                "request refused"
            );
        }
        self.put(place, |out| reply::status(out, id, status, &message));
    }

    fn keep_file(&mut self, site: &Site<'_>, place: Option<Ticket>, id: u32, opened: Opened) {
        let inode = self.inode(opened.id);
        let file = OpenFile::new(opened, site.party, inode);
        self.keep(site, place, id, Open::File(Rc::new(file)));
    }

    /// What all handles on one file share.
    pub(super) fn inode(&mut self, id: (u64, u64)) -> Rc<Inode> {
        if let Some(inode) = self.inodes.get(&id).and_then(std::rc::Weak::upgrade) {
            return inode;
        }
        if self.inodes.len() > 2 * self.handles.len() {
            self.inodes.retain(|_, inode| inode.strong_count() > 0);
        }
        let inode = Rc::new(Inode::new(Rc::clone(&self.reads)));
        self.inodes.insert(id, Rc::downgrade(&inode));
        inode
    }

    fn keep(&mut self, site: &Site<'_>, place: Option<Ticket>, id: u32, open: Open) {
        if !self.handles.has_room() {
            self.let_go(site, open);
            self.put(place, |out| {
                reply::status(out, id, Status::Failure, TOO_MANY_HANDLES);
            });
            return;
        }
        if let Ok(handle) = self.handles.insert(open) {
            self.put(place, |out| reply::handle(out, id, &handle));
        }
    }

    /// Answers READDIR with as many of the entries read as one reply holds.
    fn entries(
        &mut self,
        site: &Site<'_>,
        place: Option<Ticket>,
        id: u32,
        handle: &WireHandle,
        mut open: Box<OpenDir>,
    ) {
        if open.left.is_empty() {
            self.put(place, |out| reply::status(out, id, Status::Eof, "End of file"));
        } else {
            let left = &mut open.left;
            self.put(place, |out| {
                let mut names = NameBuilder::new(out, id);
                let taken = left
                    .iter()
                    .take_while(|entry| {
                        names.push_long(&long_name(site, entry), &wire_attrs(&entry.metadata))
                    })
                    .count();
                names.finish();
                left.drain(..taken);
            });
        }
        self.put_dir_back(site, handle, open);
    }

    fn put_dir_back(&mut self, site: &Site<'_>, handle: &WireHandle, open: Box<OpenDir>) {
        match self.handles.find(handle) {
            Ok(Open::Dir(place)) => *place = Some(open),
            // The session has ended meanwhile.
            _ => self.let_go(site, Open::Dir(Some(open))),
        }
    }
}

/// The reply of an answer that needs nothing but itself.
fn encode(out: &mut Vec<u8>, id: u32, answer: &Answer) {
    match answer {
        Answer::Attrs(metadata) => reply::attrs(out, id, &wire_attrs(metadata)),
        Answer::Path(path) => reply::name(out, id, path),
        Answer::Data(data) if data.is_empty() => {
            reply::status(out, id, Status::Eof, "End of file");
        }
        Answer::Data(data) => reply::data(out, id, data),
        Answer::Space(space) => reply::statvfs(out, id, &statvfs(space)),
        Answer::Ranges(ranges, at_end) => reply::ranges(out, id, ranges, *at_end),
        Answer::Digests(digests) => check_file(out, id, CheckFileShape::Draft, digests),
        Answer::Done | Answer::Wrote(_) => reply::status(out, id, Status::Ok, "Success"),
        // They are kept under handles before it comes to this.
        Answer::File(_) | Answer::Dir(_) | Answer::Entries(_) | Answer::OfDir(..) => {
            reply::status(out, id, Status::Failure, NO_SUCH_HANDLE);
        }
    }
}

fn check_file(out: &mut Vec<u8>, id: u32, shape: CheckFileShape, digests: &Digests) {
    let Digests { algorithm, digest_bytes, bytes } = digests;
    reply::check_file(out, id, shape, algorithm, bytes, *digest_bytes);
}

fn wire_attrs(metadata: &Metadata) -> Attrs {
    Attrs {
        size: Some(metadata.size),
        owner: Some((metadata.uid, metadata.gid)),
        permissions: Some(metadata.mode),
        times: Some((wire_time(metadata.atime), wire_time(metadata.mtime))),
    }
}

/// Version 3 has 32 bits for a time: 1970 to 2106.
fn wire_time(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

/// OpenSSH passes on two of the mount flags, by numbers of its own.
fn statvfs(space: &Space) -> Statvfs {
    Statvfs {
        bsize: space.block_bytes,
        frsize: space.fragment_bytes,
        blocks: space.blocks,
        bfree: space.blocks_free,
        bavail: space.blocks_available,
        files: space.files,
        ffree: space.files_free,
        favail: space.files_available,
        fsid: space.id,
        // ST_RDONLY and ST_NOSUID have the same values.
        flag: space.flags & (Statvfs::READ_ONLY | Statvfs::NO_SETUID),
        namemax: space.name_bytes_max,
    }
}

fn available(space: &Space) -> SpaceAvailable {
    let bytes = |blocks: u64| blocks.saturating_mul(space.fragment_bytes);
    SpaceAvailable {
        device_bytes: bytes(space.blocks),
        device_bytes_unused: bytes(space.blocks_free),
        user_bytes: bytes(space.blocks),
        user_bytes_unused: bytes(space.blocks_available),
        allocation_unit_bytes: u32::try_from(space.fragment_bytes).unwrap_or(u32::MAX),
    }
}

fn long_name<'a>(site: &Site<'a>, entry: &'a DirEntry) -> LongName<'a> {
    let metadata = &entry.metadata;
    LongName {
        mode: metadata.mode,
        links: metadata.nlink,
        owner: site.names.user(metadata.uid),
        group: site.names.group(metadata.gid),
        size: metadata.size,
        mtime: metadata.mtime,
        now: site.wall_clock,
        name: &entry.name,
    }
}
