//! One SFTP session: a channel's bytes in, replies in request order out.
//!
//! Requests are carried out as they are decoded, WRITEs joined in a batch, READs left as
//! descriptors for the trains. Where a request must wait (an fsync runs, too many replies are
//! queued), the bytes behind it are parked; the channel's window is not given back for them, so
//! there are never more of them than the window holds.

use std::cell::Cell;
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;

use ringferry_sftp::{Decoder, DecoderLimits, FrameError, Item, Request, Status, reply};

use super::names::Names;
use super::replies::{ReadReply, Replies, Ticket};
use super::writes::{Incoming, WriteBatch};
use crate::reactor::fs::{Dir, DirEntry, File, Root};
use crate::reactor::{Op, Reactor, Token};
use crate::ssh::ChannelId;
use crate::vfs::{Access, HandleTable, limits::HANDLES_MAX};

/// Who is served: for log lines, and for what may be done.
pub(super) struct Party {
    pub(super) connection: u64,
    pub(super) peer: SocketAddr,
    pub(super) user: String,
    pub(super) access: Access,
}

/// A file a session holds open; READs that wait keep it alive after CLOSE.
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) path: Vec<u8>,
    pub(super) party: Rc<Party>,
    pub(super) append: bool,
    pub(super) can_read: bool,
    pub(super) can_write: bool,
    /// The first error of a write or sync: nothing on this handle succeeds after it.
    pub(super) latched: Cell<Option<rustix::io::Errno>>,
    pub(super) bytes_read: Cell<u64>,
    pub(super) bytes_written: Cell<u64>,
}

impl OpenFile {
    pub(super) fn wrote(&self, bytes: usize) {
        self.bytes_written.set(self.bytes_written.get().saturating_add(bytes as u64));
    }

    /// Nothing on this file succeeds any more.
    pub(super) fn fail(&self, errno: rustix::io::Errno) {
        if self.latched.replace(Some(errno)).is_none() {
            tracing::warn!(
                connection = self.party.connection,
                peer = %self.party.peer,
                user = %self.party.user,
                path = %self.path.escape_ascii(),
                cause = %errno,
                "writing failed; the file takes no more"
            );
        }
    }

    pub(super) fn was_read(&self, bytes: usize) {
        self.bytes_read.set(self.bytes_read.get().saturating_add(bytes as u64));
    }
}

/// A directory that is being listed; entries that did not fit the last reply wait in `left`.
pub(super) struct OpenDir {
    pub(super) dir: Dir,
    pub(super) left: Vec<DirEntry>,
    pub(super) ended: bool,
}

pub(super) enum Open {
    File(Rc<OpenFile>),
    Dir(OpenDir),
}

/// What a session may use of the shard it lives on.
pub(super) struct Site<'a> {
    pub(super) root: &'a Root,
    pub(super) names: &'a Names,
    pub(super) reactor: &'a mut Reactor,
    /// Token under which this session's operations complete.
    pub(super) token: Token,
    /// Seconds since 1970, for listings.
    pub(super) wall_clock: i64,
    pub(super) party: &'a Rc<Party>,
}

pub(super) struct Session {
    pub(super) channel: ChannelId,
    decoder: Decoder,
    pub(super) replies: Replies,
    pub(super) handles: HandleTable<Open>,
    writes: WriteBatch,
    incoming: Option<Incoming>,
    /// Channel data that came while nothing could be decoded.
    parked: Vec<u8>,
    parked_at: usize,
    /// The operation that holds up decoding, and the place its reply has.
    barrier: Option<(Ticket, u32, Rc<OpenFile>)>,
    greeted: bool,
    /// The client has sent its last byte.
    pub(super) input_ended: bool,
    /// The stream broke the protocol; nothing more is decoded.
    pub(super) failed: bool,
    /// Exit status, EOF and CLOSE have been sent.
    pub(super) finished: bool,
    /// The channel is gone; only operations that still run keep the session.
    pub(super) closed: bool,
}

impl Session {
    /// `seed` differs from session to session, and so do their handles.
    pub(super) fn new(channel: ChannelId, seed: u64) -> Self {
        Self {
            channel,
            decoder: Decoder::new(DecoderLimits::default()),
            replies: Replies::default(),
            handles: HandleTable::new(HANDLES_MAX, seed),
            writes: WriteBatch::default(),
            incoming: None,
            parked: Vec::new(),
            parked_at: 0,
            barrier: None,
            greeted: false,
            input_ended: false,
            failed: false,
            finished: false,
            closed: false,
        }
    }

    fn must_wait(&self) -> bool {
        self.barrier.is_some() || self.replies.is_full() || self.failed
    }

    /// Takes channel data that lies at `range` of `buffer`; gives how many bytes were consumed, for
    /// which window may be given back. What is not consumed now is parked.
    ///
    /// The buffer must stay as it is until [`flush`](Self::flush).
    ///
    /// # Errors
    /// A stream that is not SFTP: the session is over.
    pub(super) fn input(
        &mut self,
        site: &mut Site<'_>,
        buffer: &[u8],
        range: Range<usize>,
    ) -> Result<usize, FrameError> {
        let start = range.start;
        let at =
            if self.parked.is_empty() { self.decode(site, buffer, range.clone())? } else { start };
        if at < range.end {
            self.parked.extend_from_slice(buffer.get(at..range.end).unwrap_or_default());
        }
        Ok(at - start)
    }

    /// Decodes what was parked, as far as it goes now; gives how many bytes were consumed.
    ///
    /// # Errors
    /// As [`input`](Self::input).
    pub(super) fn resume(&mut self, site: &mut Site<'_>) -> Result<usize, FrameError> {
        if self.parked.is_empty() || self.must_wait() {
            return Ok(0);
        }
        let parked = std::mem::take(&mut self.parked);
        let from = self.parked_at;
        let at = self.decode(site, &parked, from..parked.len())?;
        self.flush(&parked);
        if at < parked.len() {
            self.parked = parked;
            self.parked_at = at;
            // What was consumed is dropped once it is the larger part, so that this stays linear.
            if self.parked_at > self.parked.len() / 2 {
                self.parked.drain(..self.parked_at);
                self.parked_at = 0;
            }
        } else {
            self.parked_at = 0;
        }
        Ok(at - from)
    }

    /// Writes what is batched out of `buffer`.
    pub(super) fn flush(&mut self, buffer: &[u8]) {
        self.writes.flush(buffer, &mut self.replies);
    }

    fn decode(
        &mut self,
        site: &mut Site<'_>,
        buffer: &[u8],
        range: Range<usize>,
    ) -> Result<usize, FrameError> {
        let mut at = range.start;
        // Taken out for the loop: a request borrows the decoder while it is carried out.
        let mut decoder =
            std::mem::replace(&mut self.decoder, Decoder::new(DecoderLimits::default()));
        let result = loop {
            if self.must_wait() || at >= range.end {
                break Ok(at);
            }
            let rest = buffer.get(at..range.end).unwrap_or_default();
            match decoder.next(rest) {
                Err(error) => {
                    self.failed = true;
                    break Err(error);
                }
                Ok(step) => {
                    let item_at = at;
                    at += step.consumed;
                    match step.item {
                        None => break Ok(at),
                        Some(item) => self.item(site, buffer, item_at, item),
                    }
                }
            }
        };
        self.decoder = decoder;
        result
    }

    fn item(&mut self, site: &mut Site<'_>, buffer: &[u8], at: usize, item: Item<'_>) {
        match item {
            Item::WriteData { range, last } => {
                self.write_data(buffer, at + range.start..at + range.end, last);
            }
            Item::Malformed { id, why } => {
                self.flush(buffer);
                self.status(id, Status::BadMessage, why);
            }
            Item::Request(Request::Write { id, handle, offset, len }) => {
                self.write(buffer, id, handle, offset, len);
            }
            Item::Request(request) => {
                self.flush(buffer);
                self.request(site, &request);
            }
        }
    }

    fn request(&mut self, site: &mut Site<'_>, request: &Request<'_>) {
        match *request {
            Request::Init { version } => self.init(version),
            _ if !self.greeted => {
                tracing::info!(
                    connection = site.party.connection,
                    peer = %site.party.peer,
                    user = %site.party.user,
                    request = request.name(),
                    "sftp request before INIT; the session ends"
                );
                self.failed = true;
            }
            Request::Read { id, handle, offset, len } => self.read(id, handle, offset, len),
            Request::Fsync { id, handle } => self.fsync(site, id, handle),
            _ => self.execute(site, request),
        }
    }

    fn init(&mut self, version: u32) {
        if self.greeted || version < 3 {
            self.failed = true;
            return;
        }
        self.greeted = true;
        self.replies.push_with(|out| reply::version(out, EXTENSIONS, None));
    }

    fn read(&mut self, id: u32, handle: &[u8], offset: u64, len: u32) {
        match self.file(handle) {
            Ok(_) if len == 0 => self.status(id, Status::Eof, "End of file"),
            Ok(file) if !file.can_read => {
                self.status(id, Status::PermissionDenied, "the handle is not open for reading");
            }
            Ok(file) => {
                // Longer reads are answered short, as limits@openssh.com announces.
                let len = len.min(READ_BYTES_MAX);
                self.replies.push_read(ReadReply { id, file, offset, len, header_sent: false });
            }
            Err((status, message)) => self.status(id, status, message),
        }
    }

    fn write(&mut self, buffer: &[u8], id: u32, handle: &[u8], offset: u64, len: u32) {
        let file = match self.file(handle) {
            Ok(file) if !file.can_write => {
                Err((Status::PermissionDenied, "the handle is not open for writing"))
            }
            Ok(file) => match file.latched.get() {
                Some(errno) => Err(status_of(errno)),
                None if offset
                    .checked_add(u64::from(len))
                    .is_none_or(|end| end > i64::MAX as u64) =>
                {
                    Err((Status::Failure, "File too large"))
                }
                None => Ok(file),
            },
            Err(answer) => Err(answer),
        };
        if len == 0 {
            self.flush(buffer);
            let (status, message) = file.err().unwrap_or((Status::Ok, "Success"));
            self.status(id, status, message);
            return;
        }
        self.incoming = Some(Incoming { id, offset, file });
    }

    fn write_data(&mut self, buffer: &[u8], piece: Range<usize>, last: bool) {
        let Some(incoming) = &mut self.incoming else { return };
        let id = incoming.id;
        match &incoming.file {
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

    fn fsync(&mut self, site: &mut Site<'_>, id: u32, handle: &[u8]) {
        match self.file(handle) {
            Ok(file) => match file.latched.get() {
                Some(errno) => {
                    let (status, message) = status_of(errno);
                    self.status(id, status, message);
                }
                None => {
                    let op = Op::Fsync { file: file.file.fd.clone(), data_only: false };
                    site.reactor.submit(site.token, op);
                    self.barrier = Some((self.replies.push_waiting(), id, file));
                }
            },
            Err((status, message)) => self.status(id, status, message),
        }
    }

    /// Whether an operation of this session runs.
    pub(super) fn is_busy(&self) -> bool {
        self.barrier.is_some()
    }

    /// The fsync that held up decoding has ended.
    pub(super) fn synced(&mut self, result: Result<(), rustix::io::Errno>) {
        let Some((ticket, id, file)) = self.barrier.take() else { return };
        if let Err(errno) = result {
            file.fail(errno);
        }
        let (status, message) = result.map_or_else(status_of, |()| (Status::Ok, "Success"));
        self.replies.settle(ticket, |out| reply::status(out, id, status, message));
    }

    /// Nothing more is decoded or answered; what has begun to leave does so.
    pub(super) fn stop(&mut self) {
        self.failed = true;
        self.replies = Replies::default();
    }

    /// Whether everything the client asked has been answered and it asks no more.
    pub(super) fn is_done(&self) -> bool {
        (self.input_ended && self.parked.is_empty() || self.failed)
            && self.replies.is_empty()
            && self.barrier.is_none()
    }

    pub(super) fn status(&mut self, id: u32, status: Status, message: &str) {
        self.replies.push_with(|out| reply::status(out, id, status, message));
    }

    /// The open file that `handle` names, or what to answer.
    pub(super) fn file(&mut self, handle: &[u8]) -> Result<Rc<OpenFile>, (Status, &'static str)> {
        match self.handles.find(handle) {
            Ok(Open::File(file)) => Ok(Rc::clone(file)),
            Ok(Open::Dir(_)) => Err((Status::Failure, "the handle is a directory's")),
            Err(_) => Err((Status::Failure, NO_SUCH_HANDLE)),
        }
    }
}

/// The longest READ that is answered in full, as limits@openssh.com announces.
const READ_BYTES_MAX: u32 = 255 * 1024;
const _: () = assert!(READ_BYTES_MAX as u64 == ringferry_sftp::limits::ADVERTISED_DATA_BYTES);

/// Said of a handle that this session does not hold.
pub(super) const NO_SUCH_HANDLE: &str = "no such handle";

/// What is announced in VERSION; everything here is served.
const EXTENSIONS: &[(&str, &str)] =
    &[("posix-rename@openssh.com", "1"), ("fsync@openssh.com", "1"), ("limits@openssh.com", "1")];

/// OpenSSH's status for a system error, with the system's words.
pub(super) fn status_of(errno: rustix::io::Errno) -> (Status, &'static str) {
    let raw = errno.raw_os_error();
    (Status::from_errno(raw), ringferry_sftp::errno_text(raw))
}
