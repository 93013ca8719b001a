//! A copy by scp: our end of it, the file at hand and the queue of the channel.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use ringferry_sftp::Status;

use super::{Command, Run, Session, Site, Step};
use crate::scp::{Ask, End, Options, Told};
use crate::server::job::{self, Answer, Failure};
use crate::server::limits::{BARE_READ_BYTES_MAX, COPY_PIECE_BYTES};
use crate::server::replies::ReadReply;
use crate::server::session::answers::status_of;
use crate::server::session::{Open, OpenDir, OpenFile, Reading};

/// A copy that runs.
pub(in crate::server) struct RemoteCopy {
    end: End,
    /// Permissions and times are kept.
    pub(super) preserve: bool,
    pub(super) file: Option<Rc<OpenFile>>,
    /// The directories that are open, the innermost last; one that a job reads is out.
    pub(super) dirs: Vec<Option<Box<OpenDir>>>,
    /// How many bytes of the file have been sent or received, while it is that.
    moved: Option<u64>,
    /// The result of a job that did not have to be waited for.
    early: Option<job::Result>,
    /// Our end knows that there is no more input.
    end_told: bool,
}

/// Takes input of a copy that lies at `range` of `buffer`; gives where the rest begins.
pub(super) fn input(
    session: &mut Session,
    run: &mut Run,
    site: &mut Site<'_>,
    buffer: &[u8],
    range: Range<usize>,
) -> usize {
    let mut at = range.start;
    loop {
        session.more_at_hand = at < range.end;
        run.go_on(session, site);
        session.more_at_hand = false;
        if run.over {
            // What comes behind the end is nobody's.
            return range.end;
        }
        let enough = at > range.start && site.turn_is_over();
        if at >= range.end || session.must_wait() || enough {
            return at;
        }
        let Command::Copy(copy) = &mut run.command else { return range.end };
        let taken = copy.take(session, site, buffer, at..range.end);
        if taken == 0 {
            return at;
        }
        at += taken;
    }
}

impl RemoteCopy {
    pub(super) fn new(options: Options) -> Self {
        let preserve = options.preserve;
        Self {
            end: End::new(options),
            preserve,
            file: None,
            dirs: Vec::new(),
            moved: None,
            early: None,
            end_told: false,
        }
    }

    pub(super) fn step(
        &mut self,
        session: &mut Session,
        site: &mut Site<'_>,
        result: Option<job::Result>,
    ) -> Step {
        let result = result.or_else(|| self.early.take());
        let ask = self.end.poll();
        self.say(session);
        let told = match ask {
            Ask::Done(status) => return Step::Over(status),
            Ask::Input if !self.end_told && has_ended(session) => {
                self.end_told = true;
                self.end.input_ended();
                return Step::On;
            }
            Ask::Input => None,
            Ask::Send { bytes } => self.send(session, site, bytes, result),
            Ask::Receive { bytes } => self.receive(session, site, bytes, result),
            ask => self.carry_out(session, site, &ask, result),
        };
        match told {
            Some(told) => {
                self.end.told(told);
                self.say(session);
                Step::On
            }
            None if self.early.is_some() => Step::On,
            None => Step::Waits,
        }
    }

    fn say(&mut self, session: &mut Session) {
        let output = self.end.take_output();
        session.replies.push_with(|out| out.extend_from_slice(&output));
    }

    /// Sends the open file as READ replies that have no header.
    fn send(
        &mut self,
        session: &mut Session,
        site: &mut Site<'_>,
        bytes: u64,
        result: Option<job::Result>,
    ) -> Option<Told> {
        let Some(file) = self.file.clone() else { return Some(not_open()) };
        let at = self.moved.get_or_insert(0);
        if let Some(result) = result {
            let data = match result {
                Ok(Answer::Data(data)) => data,
                Ok(_) => Vec::new(),
                Err(failure) => {
                    file.read_fell_short(&failure.told().1);
                    Vec::new()
                }
            };
            *at += put_piece(session, &file, &data, bytes.saturating_sub(*at));
        }
        let left = bytes.saturating_sub(*at);
        if left == 0 {
            if file.inode.is_being_read() {
                return None;
            }
            self.moved = None;
            return Some(file.shortfall.take().map_or(Told::Done, Told::Failed));
        }
        if !file.slow {
            if file.inode.is_being_read() {
                return None;
            }
            let len = u32::try_from(left).unwrap_or(u32::MAX).min(BARE_READ_BYTES_MAX);
            let offset = *at;
            *at += u64::from(len);
            let file = Reading::new(file);
            let read = ReadReply { id: 0, file, offset, len, header_sent: true, bare: true };
            session.replies.push_read(read);
            return None;
        }
        if file.has_shortfall() {
            *at += put_piece(session, &file, &[], left);
            return None;
        }
        let (len, offset, from) = (left.min(COPY_PIECE_BYTES as u64), *at, file.file.clone());
        let read = move || {
            let mut data = vec![0; usize::try_from(len).unwrap_or(COPY_PIECE_BYTES)];
            let count = from.read_at(&mut data, offset)?;
            data.truncate(count);
            Ok(Answer::Data(data))
        };
        self.early = session.begin(site, true, move |_| read());
        None
    }

    /// Whether all of the file has come; its bytes are taken by [`take`](Self::take).
    fn receive(
        &mut self,
        session: &mut Session,
        site: &mut Site<'_>,
        bytes: u64,
        result: Option<job::Result>,
    ) -> Option<Told> {
        let Some(file) = &self.file else { return Some(not_open()) };
        if let Some(result) = result {
            wrote(file, result);
        }
        let at = *self.moved.get_or_insert(0);
        if at < bytes {
            if !has_ended(session) {
                return None;
            }
            if !session.gathered.is_empty() {
                // An upload that is cut short leaves what has come of it.
                write_elsewhere(session, site, file, at);
                if session.barrier.is_some() {
                    return None;
                }
            }
            self.moved = None;
            return Some(Told::Failed("lost connection".to_owned()));
        }
        self.moved = None;
        Some(match file.latched.get() {
            None => Told::Done,
            Some(errno) => Told::Failed(status_of(errno).1.to_owned()),
        })
    }

    /// Takes input; gives how much.
    fn take(
        &mut self,
        session: &mut Session,
        site: &mut Site<'_>,
        buffer: &[u8],
        range: Range<usize>,
    ) -> usize {
        let Ask::Receive { bytes } = self.end.poll() else {
            let input = buffer.get(range).unwrap_or_default();
            let taken = self.end.input(input);
            self.say(session);
            return taken;
        };
        let (Some(file), Some(at)) = (&self.file, &mut self.moved) else { return 0 };
        let left = usize::try_from(bytes.saturating_sub(*at)).unwrap_or(usize::MAX);
        let piece = range.start..range.start + left.min(range.len());
        let (offset, len) = (*at, piece.len());
        *at += len as u64;
        let whole = *at == bytes;
        if !file.slow {
            session.writes.add(file, offset, piece, buffer, &mut session.replies);
            if whole {
                // What became of it is the answer to the client.
                session.writes.flush(buffer, &mut session.replies);
            }
            return len;
        }
        session.gathered.extend_from_slice(buffer.get(piece).unwrap_or_default());
        if whole || session.gathered.len() >= COPY_PIECE_BYTES {
            let end = offset.saturating_add(len as u64);
            write_elsewhere(session, site, file, end);
        }
        len
    }

    /// Lets go of what is open.
    pub(super) fn let_go(&mut self, session: &Session, site: &Site<'_>) {
        if let Some(file) = self.file.take() {
            session.let_go(site, Open::File(file));
        }
        for dir in self.dirs.drain(..).rev() {
            session.let_go(site, Open::Dir(dir));
        }
    }
}

/// Whether the client has sent its last byte, and all of them have been taken. While parked ones
/// are being taken they are not among the parked.
fn has_ended(session: &Session) -> bool {
    session.input_ended && session.parked.is_empty() && !session.more_at_hand
}

fn not_open() -> Told {
    Told::Failed("no file is open".to_owned())
}

/// Queues a piece of a file whose file system may hang, zeros where it gave less; at most `left`.
fn put_piece(session: &mut Session, file: &OpenFile, data: &[u8], left: u64) -> u64 {
    let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(COPY_PIECE_BYTES);
    let there = data.len().min(wanted);
    file.was_read(there);
    if there < wanted {
        file.read_fell_short(SHRANK);
    }
    session.replies.push_with(|out| {
        out.extend_from_slice(data.get(..there).unwrap_or_default());
        out.resize(out.len() + (wanted - there), 0);
    });
    wanted as u64
}

/// Said of a file that ends before the length it had when it was announced.
pub(in crate::server) const SHRANK: &str = "the file shrank while it was being sent";

/// Writes what has been gathered, which ends at `end` of the file.
fn write_elsewhere(session: &mut Session, site: &mut Site<'_>, open: &Rc<OpenFile>, end: u64) {
    let bytes = std::mem::take(&mut session.gathered);
    if open.latched.get().is_some() {
        return;
    }
    let offset = end.saturating_sub(bytes.len() as u64);
    let (room, file) = (Arc::clone(&open.room), open.file.clone());
    let result = session.begin(site, true, move |_| {
        room.admit(offset, bytes.len() as u64, false)?;
        let written = file.write_at(&[std::io::IoSlice::new(&bytes)], offset);
        Ok(Answer::Wrote(written.inspect_err(|_| room.failed())?))
    });
    if let Some(result) = result {
        wrote(open, result);
    }
}

/// Notes what came of a write that a job has done.
fn wrote(file: &OpenFile, result: job::Result) {
    match result {
        Ok(Answer::Wrote(count)) => file.wrote(count),
        Ok(_) => {}
        Err(Failure::System(errno)) => file.fail(errno),
        Err(_) => file.fail(rustix::io::Errno::IO),
    }
}

/// What is said to a copy that something failed.
pub(super) fn failed(failure: &Failure) -> Told {
    Told::Failed(failure.told().1.into_owned())
}

/// What an answer that does not fit its question is taken for.
pub(super) fn odd() -> Failure {
    Failure::Said(Status::Failure, "the server failed at this request")
}
