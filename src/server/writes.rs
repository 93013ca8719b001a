//! Neighbouring WRITEs joined into one PWRITEV, straight from the receive buffer.
//!
//! A batch holds ranges of the buffer in which the packets were opened: nothing is copied. It must
//! therefore be flushed before that buffer is used again; the session does so at the end of every
//! turn and before any request that is not a neighbouring WRITE.

use std::io::IoSlice;
use std::ops::Range;
use std::rc::{Rc, Weak};

use ringferry_sftp::{Status, reply};
use rustix::io::Errno;

use super::limits::{WRITE_BATCH_BYTES_MAX, WRITE_BATCH_PIECES_MAX};
use super::replies::Replies;
use super::session::{OpenFile, status_of};

/// The WRITE request whose payload is arriving.
pub(super) struct Incoming {
    pub(super) id: u32,
    pub(super) offset: u64,
    /// The file, or what to answer once the payload has been passed over.
    pub(super) file: Result<Rc<OpenFile>, (Status, &'static str)>,
}

impl Incoming {
    /// Whether READs of the file that came before have not read yet.
    pub(super) fn waits(&self) -> bool {
        self.file.as_ref().is_ok_and(|file| file.inode.is_being_read())
    }
}

#[derive(Default)]
pub(super) struct WriteBatch {
    file: Option<Rc<OpenFile>>,
    offset: u64,
    bytes: usize,
    pieces: Vec<Range<usize>>,
    /// Requests whose last byte is in the batch.
    finished: Vec<u32>,
    /// A request has ended in this turn, whose answer its client has not seen.
    ended: bool,
    /// Bytes of the requests that came behind it.
    ahead_bytes: u64,
    /// The file that was written to last; the batch does not keep it open.
    written: Weak<OpenFile>,
}

impl WriteBatch {
    /// Whether `len` bytes for `file` at `offset` continue what is in the batch.
    fn continues(&self, file: &Rc<OpenFile>, offset: u64) -> bool {
        let Some(own) = &self.file else { return false };
        Rc::ptr_eq(own, file)
            // The kernel puts every write to an O_APPEND file at its end: offsets mean nothing.
            && (file.append || self.offset.checked_add(self.bytes as u64) == Some(offset))
            && self.bytes < WRITE_BATCH_BYTES_MAX
            && self.pieces.len() < WRITE_BATCH_PIECES_MAX
    }

    /// Takes a piece of a WRITE's payload, flushing what it does not continue.
    pub(super) fn add(
        &mut self,
        file: &Rc<OpenFile>,
        offset: u64,
        piece: Range<usize>,
        buffer: &[u8],
        replies: &mut Replies,
    ) {
        if !self.continues(file, offset) {
            self.flush(buffer, replies);
            self.file = Some(Rc::clone(file));
            self.offset = offset;
        }
        self.bytes += piece.len();
        match self.pieces.last_mut() {
            Some(last) if last.end == piece.start => last.end = piece.end,
            _ => self.pieces.push(piece),
        }
    }

    /// The WRITE `id` ends with the piece added last.
    pub(super) fn finish(&mut self, id: u32) {
        self.finished.push(id);
        self.ended = true;
    }

    /// The file written to since this was last asked, if it is open.
    pub(super) fn take_written(&mut self) -> Option<Rc<OpenFile>> {
        std::mem::take(&mut self.written).upgrade()
    }

    /// Writes the batch and answers the requests that end in it.
    ///
    /// An error is latched on the file: clients ignore the answer to a WRITE now and then, but they
    /// check CLOSE.
    pub(super) fn flush(&mut self, buffer: &[u8], replies: &mut Replies) {
        let Some(file) = self.file.take() else { return };
        let result = match file.latched.get() {
            Some(errno) => Err(errno),
            None => self.write(&file, buffer),
        };
        match result {
            Ok(_) => {
                file.wrote(self.bytes);
                if !file.append {
                    file.trail.was_written(self.offset, self.bytes as u64);
                    self.written = Rc::downgrade(&file);
                }
            }
            Err(errno) => file.fail(errno),
        }
        let (status, message) = result.map_or_else(status_of, |_| (Status::Ok, "Success"));
        replies.push_with(|out| {
            for id in self.finished.drain(..) {
                reply::status(out, id, status, message);
            }
        });
        self.pieces.clear();
        self.bytes = 0;
    }

    /// A WRITE of `len` bytes begins.
    pub(super) fn begin(&mut self, len: u32) {
        if self.ended {
            self.ahead_bytes += u64::from(len);
        }
    }

    /// A turn is over: bytes of WRITEs that came behind another, without an answer to that.
    pub(super) fn take_ahead_bytes(&mut self) -> u64 {
        self.ended = false;
        std::mem::take(&mut self.ahead_bytes)
    }

    fn write(&self, file: &OpenFile, buffer: &[u8]) -> Result<usize, Errno> {
        file.room.admit(self.offset, self.bytes as u64, file.append)?;
        let pieces = self.pieces.iter().map(|piece| buffer.get(piece.clone()));
        // All of them, or it is another buffer than the one they lie in.
        let slices: Option<Vec<_>> = pieces.map(|piece| piece.map(IoSlice::new)).collect();
        let slices = slices.ok_or(Errno::IO)?;
        file.file.write_at(&slices, self.offset).inspect_err(|_| file.room.failed())
    }
}
