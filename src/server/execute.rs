//! Requests that are carried out at once: everything but READ, WRITE and FSYNC.

use std::rc::Rc;

use ringferry_sftp::reply::{self, ServerLimits};
use ringferry_sftp::{Attrs, LongName, NameBuilder, Request, Status, limits as sftp_limits};
use rustix::io::Errno;

use super::limits::DIR_ENTRIES_MAX;
use super::session::{NO_SUCH_HANDLE, Open, OpenDir, OpenFile, Session, Site, status_of};
use crate::reactor::fs::{self, DirEntry, Metadata, OpenHow};
use crate::vfs::{self, Change, FsOp, Grants, OpenFor, Refusal, SessionFacts, limits::HANDLES_MAX};

impl Session {
    pub(super) fn execute(&mut self, site: &mut Site<'_>, request: &Request<'_>) {
        let Some(id) = request.id() else { return };
        let party = site.party;
        let facts = SessionFacts { user: &party.user, ..SessionFacts::default() };
        match vfs::plan(request, &party.access, &facts) {
            Some(Ok(op)) => self.operate(site, id, op),
            Some(Err(refusal)) => {
                let (status, message) = (refused(&refusal), refusal.text());
                tracing::info!(
                    connection = site.party.connection,
                    peer = %site.party.peer,
                    user = %site.party.user,
                    request = request.name(),
                    cause = message,
                    "request refused"
                );
                self.status(id, status, message);
            }
            None => self.on_handle(site, id, request),
        }
    }

    fn operate(&mut self, site: &mut Site<'_>, id: u32, op: FsOp<'_>) {
        let root = site.root;
        match op {
            FsOp::Open(path, how) => self.open(site, id, &path, how),
            FsOp::OpenDir(path) => self.open_dir(site, id, &path),
            FsOp::Stat { path, follow } => self.attrs(id, root.stat(&path, follow)),
            FsOp::SetStat { path, change, follow } => {
                self.outcome(id, root.set_stat(&path, follow, &system_change(change)));
            }
            FsOp::Remove(path) => self.outcome(id, root.unlink(&path)),
            FsOp::MakeDir(path, mode) => self.outcome(id, root.mkdir(&path, mode)),
            FsOp::RemoveDir(path) => self.outcome(id, root.rmdir(&path)),
            FsOp::RealPath(path) => self.name(id, root.real_path(&path)),
            FsOp::HomeDirectory(path) => self.name(id, Ok(path.into_owned())),
            FsOp::ReadLink(path) => self.name(id, root.read_link(&path)),
            FsOp::Rename { old, new, over: true } => {
                self.outcome(id, root.rename_over(&old, &new));
            }
            FsOp::Rename { old, new, over: false } => {
                self.outcome(id, root.rename_exclusive(&old, &new));
            }
            FsOp::Symlink { target, link } => self.outcome(id, root.symlink(&target, &link)),
            FsOp::HardLink { old, new } => self.outcome(id, root.hard_link(&old, &new)),
            FsOp::Space(_) | FsOp::CheckFile(..) | FsOp::CopyFile { .. } => {
                self.status(id, Status::OpUnsupported, "Operation unsupported");
            }
        }
    }

    fn on_handle(&mut self, site: &mut Site<'_>, id: u32, request: &Request<'_>) {
        match *request {
            Request::Close { handle, .. } => self.close(site, id, handle),
            Request::Fstat { handle, .. } => match self.handles.find(handle) {
                Ok(Open::File(file)) => {
                    let result = file.file.metadata();
                    self.attrs(id, result);
                }
                Ok(Open::Dir(open)) => {
                    let result = open.dir.metadata();
                    self.attrs(id, result);
                }
                Err(_) => self.status(id, Status::Failure, NO_SUCH_HANDLE),
            },
            Request::Fsetstat { handle, ref attrs, .. } => {
                self.set_on_handle(site, id, handle, vfs::change(attrs));
            }
            Request::Readdir { handle, .. } => self.read_dir(site, id, handle),
            Request::Limits { .. } => self.replies.push_with(|out| {
                let limits = ServerLimits {
                    packet_bytes: sftp_limits::ADVERTISED_PACKET_BYTES,
                    read_bytes: sftp_limits::ADVERTISED_DATA_BYTES,
                    write_bytes: sftp_limits::ADVERTISED_DATA_BYTES,
                    handles: HANDLES_MAX as u64,
                };
                reply::limits(out, id, &limits);
            }),
            _ => self.status(id, Status::OpUnsupported, "Operation unsupported"),
        }
    }

    fn open(&mut self, site: &mut Site<'_>, id: u32, path: &[u8], how: OpenFor) {
        if !self.handles.has_room() {
            self.status(id, Status::Failure, TOO_MANY_HANDLES);
            return;
        }
        let file = match site.root.open_file(path, system_open(how)) {
            Ok(file) => file,
            Err(errno) => return self.outcome(id, Err(errno)),
        };
        self.keep(
            id,
            Open::File(Rc::new(OpenFile {
                file,
                path: path.to_vec(),
                party: Rc::clone(site.party),
                append: how.append,
                can_read: how.read,
                can_write: how.write,
                latched: None.into(),
                bytes_read: 0.into(),
                bytes_written: 0.into(),
            })),
        );
    }

    fn open_dir(&mut self, site: &mut Site<'_>, id: u32, path: &[u8]) {
        match site.root.open_dir(path) {
            Ok(dir) => self.keep(id, Open::Dir(OpenDir { dir, left: Vec::new(), ended: false })),
            Err(errno) => self.outcome(id, Err(errno)),
        }
    }

    fn keep(&mut self, id: u32, open: Open) {
        match self.handles.insert(open) {
            Ok(handle) => self.replies.push_with(|out| reply::handle(out, id, &handle)),
            Err(_) => self.status(id, Status::Failure, TOO_MANY_HANDLES),
        }
    }

    fn close(&mut self, site: &mut Site<'_>, id: u32, handle: &[u8]) {
        match self.handles.remove(handle) {
            Ok(Open::File(file)) => {
                log_transfer(site, &file);
                // An error that no reply may have been read of comes back once more here.
                self.outcome(id, file.latched.get().map_or(Ok(()), Err));
            }
            Ok(Open::Dir(_)) => self.outcome(id, Ok(())),
            Err(_) => self.status(id, Status::Failure, NO_SUCH_HANDLE),
        }
    }

    fn set_on_handle(&mut self, site: &Site<'_>, id: u32, handle: &[u8], change: Change) {
        let access = &site.party.access;
        let change = access.effective(change);
        if let Err(refusal) = access.judge_change(Grants::ALL, true, &change) {
            return self.status(id, refused(&refusal), refusal.text());
        }
        let change = system_change(change);
        let result = match self.handles.find(handle) {
            Ok(Open::File(file)) => file.file.set(&change),
            Ok(Open::Dir(_)) => {
                return self.status(id, Status::Failure, "the handle is a directory's");
            }
            Err(_) => return self.status(id, Status::Failure, NO_SUCH_HANDLE),
        };
        self.outcome(id, result);
    }

    fn read_dir(&mut self, site: &Site<'_>, id: u32, handle: &[u8]) {
        let open = match self.handles.find(handle) {
            Ok(Open::Dir(open)) => open,
            Ok(Open::File(_)) => {
                return self.status(id, Status::Failure, "the handle is a file's");
            }
            Err(_) => return self.status(id, Status::Failure, NO_SUCH_HANDLE),
        };
        if open.left.is_empty() && !open.ended {
            match open.dir.next_entries(DIR_ENTRIES_MAX, &mut open.left) {
                Ok(more) => open.ended = !more,
                Err(errno) => return self.outcome(id, Err(errno)),
            }
        }
        if open.left.is_empty() {
            return self.status(id, Status::Eof, "End of file");
        }
        let left = &mut open.left;
        self.replies.push_with(|out| {
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

    fn outcome(&mut self, id: u32, result: Result<(), Errno>) {
        let (status, message) = result.map_or_else(status_of, |()| (Status::Ok, "Success"));
        self.status(id, status, message);
    }

    fn attrs(&mut self, id: u32, result: Result<Metadata, Errno>) {
        match result {
            Ok(metadata) => {
                self.replies.push_with(|out| reply::attrs(out, id, &wire_attrs(&metadata)));
            }
            Err(errno) => self.outcome(id, Err(errno)),
        }
    }

    fn name(&mut self, id: u32, result: Result<Vec<u8>, Errno>) {
        match result {
            Ok(path) => self.replies.push_with(|out| reply::name(out, id, &path)),
            Err(errno) => self.outcome(id, Err(errno)),
        }
    }

    /// The session ends: everything it holds open is let go, and what it moved is logged.
    pub(super) fn abandon(&mut self, site: &Site<'_>) {
        let left: Vec<Open> = self.handles.drain().collect();
        for open in left {
            if let Open::File(file) = open {
                log_transfer(site, &file);
            }
        }
    }
}

const TOO_MANY_HANDLES: &str = "too many open handles in this session";

fn log_transfer(site: &Site<'_>, file: &OpenFile) {
    tracing::info!(
        connection = site.party.connection,
        peer = %site.party.peer,
        user = %site.party.user,
        path = %file.path.escape_ascii(),
        read_bytes = file.bytes_read.get(),
        written_bytes = file.bytes_written.get(),
        error = file.latched.get().map(|errno| errno.to_string()),
        "file closed"
    );
}

fn refused(refusal: &Refusal) -> Status {
    match refusal {
        Refusal::BadPath(_) | Refusal::Invalid(_) => Status::BadMessage,
        Refusal::Denied(_) => Status::PermissionDenied,
        Refusal::Missing => Status::NoSuchFile,
        Refusal::Failed(_) => Status::Failure,
    }
}

fn system_open(how: OpenFor) -> OpenHow {
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

fn system_change(change: Change) -> fs::Change {
    fs::Change {
        size: change.size,
        mode: change.mode,
        owner: change.owner,
        times: change.times.map(|(access, modification)| (access.into(), modification.into())),
    }
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
