//! READ and WRITE.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use ringferry_sftp::{Request, Status, reply};

use super::answers::{NO_SUCH_HANDLE, status_of};
use super::{Open, OpenFile, Reading, Session, Site, Then};
use crate::server::job::Answer;
use crate::server::replies::ReadReply;
use crate::server::writes::Incoming;

/// The longest READ that is answered in full, as limits@openssh.com announces.
const READ_BYTES_MAX: u32 = 255 * 1024;
const _: () = assert!(READ_BYTES_MAX as u64 == ringferry_sftp::limits::ADVERTISED_DATA_BYTES);

/// An answer to a request that cannot be carried out.
type Refused = (Status, &'static str);

impl Session {
    /// The open file that `handle` names, or what to answer.
    pub(super) fn file(&mut self, handle: &[u8]) -> Result<Rc<OpenFile>, Refused> {
        match self.handles.find(handle) {
            Ok(Open::File(file)) => Ok(Rc::clone(file)),
            Ok(Open::Dir(_)) => Err((Status::Failure, "the handle is a directory's")),
            Err(_) => Err((Status::Failure, NO_SUCH_HANDLE)),
        }
    }

    pub(super) fn read(
        &mut self,
        site: &mut Site<'_>,
        id: u32,
        handle: &[u8],
        offset: u64,
        len: u32,
    ) {
        match self.file(handle) {
            Ok(file) if !file.can_read => {
                self.status(id, Status::PermissionDenied, "the handle is not open for reading");
            }
            Ok(_) if len == 0 || offset > i64::MAX as u64 => {
                self.status(id, Status::Eof, "End of file");
            }
            Ok(file) => {
                // Longer reads are answered short, as limits@openssh.com announces.
                let len = len.min(READ_BYTES_MAX);
                if file.slow {
                    return self.read_elsewhere(site, id, &file, offset, len);
                }
                let file = Reading::new(file);
                self.replies.push_read(ReadReply {
                    id,
                    file,
                    offset,
                    len,
                    header_sent: false,
                    bare: false,
                });
            }
            Err((status, message)) => self.status(id, status, message),
        }
    }

    /// A train asks the file for its size before it is laid, and that may hang.
    fn read_elsewhere(
        &mut self,
        site: &mut Site<'_>,
        id: u32,
        open: &Rc<OpenFile>,
        offset: u64,
        len: u32,
    ) {
        let file = open.file.clone();
        self.start(site, id, Then::Read(Rc::clone(open)), move |_| {
            let mut data = vec![0; len as usize];
            let count = file.read_at(&mut data, offset)?;
            data.truncate(count);
            Ok(Answer::Data(data))
        });
    }

    pub(super) fn write(&mut self, site: &Site<'_>, buffer: &[u8], request: &Request<'_>) {
        let Request::Write { id, handle, offset, len } = *request else { return };
        self.writes.begin(len);
        let file = match site.profile.access.admit(request) {
            Ok(()) => self.file(handle).and_then(|file| writable(file, offset, len)),
            Err(_) => Err((Status::PermissionDenied, "Permission denied")),
        };
        if len == 0 {
            self.flush(buffer);
            let (status, message) = file.err().unwrap_or((Status::Ok, "Success"));
            self.status(id, status, message);
            return;
        }
        if file.as_ref().is_ok_and(|file| file.inode.is_being_read()) {
            // What the batch holds came before; its file may be another.
            self.flush(buffer);
        }
        self.incoming = Some(Incoming { id, offset, file });
    }

    pub(super) fn write_data(
        &mut self,
        site: &mut Site<'_>,
        buffer: &[u8],
        piece: Range<usize>,
        last: bool,
    ) {
        let Some(incoming) = &mut self.incoming else { return };
        let id = incoming.id;
        match &incoming.file {
            Ok(file) if file.slow => {
                self.gathered.extend_from_slice(buffer.get(piece).unwrap_or_default());
                if last {
                    let (file, offset) = (Rc::clone(file), incoming.offset);
                    self.write_elsewhere(site, buffer, id, &file, offset);
                }
            }
            Ok(file) => {
                let len = piece.len() as u64;
                self.writes.add(file, incoming.offset, piece, buffer, &mut self.replies);
                incoming.offset = incoming.offset.saturating_add(len);
                if last {
                    self.writes.finish(id);
                }
            }
            Err((status, message)) if last => {
                let (status, message) = (*status, *message);
                self.writes.flush(buffer, &mut self.replies);
                self.replies.push_with(|out| reply::status(out, id, status, message));
            }
            Err(_) => {}
        }
        if last {
            self.incoming = None;
        }
    }

    fn write_elsewhere(
        &mut self,
        site: &mut Site<'_>,
        buffer: &[u8],
        id: u32,
        open: &Rc<OpenFile>,
        offset: u64,
    ) {
        self.flush(buffer);
        let bytes = std::mem::take(&mut self.gathered);
        let (room, file, append) = (Arc::clone(&open.room), open.file.clone(), open.append);
        self.start(site, id, Then::Write(Rc::clone(open)), move |_| {
            room.admit(offset, bytes.len() as u64, append)?;
            let written = file.write_at(&[std::io::IoSlice::new(&bytes)], offset);
            Ok(Answer::Wrote(written.inspect_err(|_| room.failed())?))
        });
    }
}

/// The file, if `len` bytes may be written to it at `offset`.
fn writable(file: Rc<OpenFile>, offset: u64, len: u32) -> Result<Rc<OpenFile>, Refused> {
    if !file.can_write {
        return Err((Status::PermissionDenied, "the handle is not open for writing"));
    }
    if let Some(errno) = file.latched.get() {
        return Err(status_of(errno));
    }
    let end = offset.checked_add(u64::from(len));
    if end.is_none_or(|end| end > i64::MAX as u64) {
        return Err((Status::Failure, "File too large"));
    }
    Ok(file)
}
