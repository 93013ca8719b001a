//! Trains: the SSH packets of the next replies, laid out in one buffer before their data is there.
//!
//! ```text
//! | headroom | header | data ... | padding, tag | header | data ... | padding, tag | ...
//!              `--- frame (one CHANNEL_DATA) ---'
//! ```
//!
//! The data of READ replies is left as gaps which one PREADV fills straight from the page cache;
//! then every packet is sealed where it lies and one SEND ships the train. Nothing is copied in
//! user space but the replies that are not file data. A connection that compresses fills its trains
//! the same way, and its packets leave their places as they are compressed.

use std::ops::Range;

use ringferry_sftp::{Status, reply};

use super::limits::HEADROOM_BYTES;
use super::replies::{ReadReply, Replies, Reply};
use super::session::{Reading, status_of};
use crate::reactor::Buffer;
use crate::ssh::{ChannelId, Connection, DataFrame, SealJob};

/// A shorter last packet may need this much more padding than a full one.
const PADDING_MORE: usize = 32;

/// A packet in its place in the buffer.
struct Placed {
    at: usize,
    frame: DataFrame,
}

impl Placed {
    fn bytes(&self) -> Range<usize> {
        self.at..self.at + self.frame.frame_bytes()
    }

    fn data(&self) -> Range<usize> {
        let data = self.frame.data_range();
        self.at + data.start..self.at + data.end
    }
}

/// What the laid-out stream is made of, in order.
enum Piece {
    Bytes(usize),
    File {
        id: u32,
        /// The reply begins in this train.
        with_header: bool,
        /// The reply goes on in the next train.
        goes_on: bool,
        /// See [`ReadReply::bare`].
        bare: bool,
        len: usize,
    },
}

/// What became of a READ reply that was to be laid.
enum LaidRead {
    Whole,
    /// The train is full; this is left.
    Rest(Reply),
    /// The answer is not file data but these bytes.
    Instead(Vec<u8>),
}

/// The part of a file that fills a train's gaps.
pub(super) struct FileRead {
    pub(super) file: Reading,
    pub(super) offset: u64,
    pub(super) segments: Vec<Range<usize>>,
}

impl FileRead {
    pub(super) fn len(&self) -> usize {
        self.segments.iter().map(Range::len).sum()
    }
}

/// A train whose packets are laid out and not yet sealed.
pub(super) struct Train {
    pub(super) channel: ChannelId,
    frames: Vec<Placed>,
    pieces: Vec<Piece>,
    /// Bytes of `pieces` that come from the file.
    pub(super) file_bytes: usize,
}

/// What could not be sealed: plaintext to be laid out again, in front of everything else.
pub(super) struct Unsealed(pub(super) Vec<u8>);

/// What a train comes to whose file gave less than was laid out for it.
pub(super) struct Recovered {
    /// What is to be sent instead.
    pub(super) stream: Vec<u8>,
    /// The rest of the last READ, which stands at the front of the queue, is to be dropped.
    pub(super) drop_rest: bool,
    /// Zeros stand for what was not there.
    pub(super) filled_up: bool,
}

/// The file changed size between the announcement of a length and its delivery.
pub(super) struct Shrunk;

/// Lays out the next train of `channel` in `buffer`, of `bytes_max` bytes of payload at the most.
///
/// `None` when nothing can be sent: no reply ready, no window, or keys are being exchanged. A train
/// holds one contiguous run of one file at most, so that one PREADV fills it.
pub(super) fn lay(
    ssh: &mut Connection,
    channel: ChannelId,
    replies: &mut Replies,
    buffer: &mut Buffer,
    bytes_max: usize,
) -> Option<(Train, Option<FileRead>)> {
    if replies.is_blocked() || !ssh.can_send_data() {
        return None;
    }
    let mut room = Room::new(ssh, channel, buffer.len(), bytes_max);
    let mut layout = Layout {
        train: Train { channel, frames: Vec::new(), pieces: Vec::new(), file_bytes: 0 },
        read: None,
        size: None,
        next: 0..0,
    };
    while room.left > 0 {
        match replies.pop_front() {
            None => break,
            Some(Reply::Bytes { data, sent }) => {
                let rest = data.get(sent..).unwrap_or_default();
                let placed = layout.put(ssh, buffer, &mut room, rest);
                layout.train.pieces.push(Piece::Bytes(placed));
                if placed < rest.len() {
                    replies.push_front(Reply::Bytes { sent: sent + placed, data });
                    break;
                }
            }
            Some(Reply::Read(read)) => match layout.put_read(ssh, buffer, &mut room, read) {
                LaidRead::Whole => {}
                LaidRead::Rest(rest) => {
                    replies.push_front(rest);
                    break;
                }
                LaidRead::Instead(answer) => replies.push_front_bytes(answer),
            },
            Some(Reply::Waiting) => {
                replies.push_front(Reply::Waiting);
                break;
            }
        }
    }
    layout.give_back(ssh);
    (!layout.train.frames.is_empty()).then_some((layout.train, layout.read))
}

/// What may still go into a train: window, and the bound on its size.
struct Room {
    left: usize,
    /// Where the next frame may start, and where frames must end.
    at: usize,
    end: usize,
}

impl Room {
    fn new(ssh: &mut Connection, channel: ChannelId, buffer_len: usize, bytes_max: usize) -> Self {
        let wanted = (ssh.send_window(channel) as usize).min(bytes_max);
        let mut room = Self { left: 0, at: HEADROOM_BYTES, end: buffer_len };
        // A peer with tiny packets pays more in headers than the buffer has: count in whole frames.
        if let Some(frame) = ssh.reserve_data(channel, wanted) {
            let (data_len, frame_bytes) = (frame.data_len, frame.frame_bytes());
            ssh.release_data(frame, data_len);
            let frames = buffer_len.saturating_sub(HEADROOM_BYTES) / (frame_bytes + PADDING_MORE);
            room.left = wanted.min(frames.saturating_mul(data_len));
        }
        room
    }
}

struct Layout {
    train: Train,
    read: Option<FileRead>,
    /// Size of that file, asked for once.
    size: Option<u64>,
    /// Free part of the data range of the last frame.
    next: Range<usize>,
}

impl Layout {
    /// Makes sure that the last frame has free data bytes; `false` when the train is full.
    fn open_frame(&mut self, ssh: &mut Connection, room: &mut Room) -> bool {
        if !self.next.is_empty() {
            return true;
        }
        if room.left == 0 {
            return false;
        }
        let Some(frame) = ssh.reserve_data(self.train.channel, room.left) else {
            room.left = 0;
            return false;
        };
        let placed = Placed { at: room.at, frame };
        if placed.bytes().end > room.end || placed.frame.data_len == 0 {
            let data_len = placed.frame.data_len;
            ssh.release_data(placed.frame, data_len);
            room.left = 0;
            return false;
        }
        room.at = placed.bytes().end;
        room.left = room.left.saturating_sub(placed.frame.data_len);
        self.next = placed.data();
        self.train.frames.push(placed);
        true
    }

    /// How many bytes fit in all.
    fn free(&self, room: &Room) -> usize {
        self.next.len() + room.left
    }

    /// Copies `data` in as far as it fits.
    fn put(
        &mut self,
        ssh: &mut Connection,
        buffer: &mut Buffer,
        room: &mut Room,
        data: &[u8],
    ) -> usize {
        let mut done = 0;
        while done < data.len() && self.open_frame(ssh, room) {
            let step = self.next.len().min(data.len() - done);
            let target = buffer.get_mut(self.next.start..self.next.start + step);
            if let (Some(target), Some(source)) = (target, data.get(done..done + step)) {
                target.copy_from_slice(source);
            }
            self.next.start += step;
            done += step;
        }
        done
    }

    /// Leaves a gap of up to `len` bytes for file data.
    fn gap(
        &mut self,
        ssh: &mut Connection,
        room: &mut Room,
        len: usize,
        segments: &mut Vec<Range<usize>>,
    ) -> usize {
        let mut done = 0;
        while done < len && self.open_frame(ssh, room) {
            let step = self.next.len().min(len - done);
            segments.push(self.next.start..self.next.start + step);
            self.next.start += step;
            done += step;
        }
        done
    }

    fn put_read(
        &mut self,
        ssh: &mut Connection,
        buffer: &mut Buffer,
        room: &mut Room,
        read: ReadReply,
    ) -> LaidRead {
        let header_bytes = if read.header_sent { 0 } else { reply::DATA_HEADER_BYTES };
        if !self.continues(&read) {
            return LaidRead::Rest(Reply::Read(read));
        }
        if self.free(room) <= header_bytes {
            let alone = self.train.frames.is_empty();
            // A window that never holds a header would wait for ever: then the reply goes in parts.
            return match alone && room.left > 0 {
                true => LaidRead::Instead(in_memory(&read)),
                false => LaidRead::Rest(Reply::Read(read)),
            };
        }
        let len = match available(&read, &mut self.size) {
            Ok(len) => len,
            Err(answer) => return LaidRead::Instead(answer),
        };
        if !read.header_sent {
            self.put(ssh, buffer, room, &reply::data_header(read.id, len));
        }
        let run = self.read.get_or_insert_with(|| FileRead {
            file: read.file.clone(),
            offset: read.offset,
            segments: Vec::new(),
        });
        let mut segments = std::mem::take(&mut run.segments);
        let placed = self.gap(ssh, room, len as usize, &mut segments);
        if let Some(run) = &mut self.read {
            run.segments = segments;
        }
        let left = len.saturating_sub(u32::try_from(placed).unwrap_or(len));
        self.train.file_bytes += placed;
        self.train.pieces.push(Piece::File {
            id: read.id,
            with_header: !read.header_sent,
            goes_on: left > 0,
            bare: read.bare,
            len: placed,
        });
        if left == 0 {
            return LaidRead::Whole;
        }
        let offset = read.offset.saturating_add(placed as u64);
        LaidRead::Rest(Reply::Read(ReadReply { offset, len: left, header_sent: true, ..read }))
    }

    /// Whether `read` goes on where the train's file run ends.
    fn continues(&self, read: &ReadReply) -> bool {
        self.read.as_ref().is_none_or(|run| {
            run.file.is_same(&read.file)
                && run.offset.checked_add(run.len() as u64) == Some(read.offset)
        })
    }

    /// Shrinks the last frame to the data it got.
    fn give_back(&mut self, ssh: &mut Connection) {
        let unused = std::mem::take(&mut self.next).len();
        if unused > 0
            && let Some(Placed { at, frame }) = self.train.frames.pop()
            && let Some(frame) = ssh.release_data(frame, unused)
        {
            self.train.frames.push(Placed { at, frame });
        }
    }
}

/// How much of `read` there is to send, or the reply if it is not data. `size` is the file's, if
/// that is known.
fn available(read: &ReadReply, size: &mut Option<u64>) -> Result<u32, Vec<u8>> {
    if read.header_sent {
        return Ok(read.len);
    }
    let end = match *size {
        Some(end) => end,
        None => match read.file.file.metadata() {
            Ok(metadata) => *size.insert(metadata.size),
            Err(errno) => return Err(failure(read.id, errno)),
        },
    };
    let left = end.saturating_sub(read.offset);
    if left > 0 {
        return Ok(read.len.min(u32::try_from(left).unwrap_or(u32::MAX)));
    }
    if end > 0 {
        return Err(end_of_file(read.id));
    }
    // Empty, or one of those files of /proc that have no size until they are read.
    let mut bytes = vec![0; (read.len as usize).min(END_READ_BYTES)];
    Err(match read.file.file.read_at(&mut bytes, read.offset) {
        Ok(count) => data_or_end(read.id, bytes.get(..count).unwrap_or_default()),
        Err(errno) => failure(read.id, errno),
    })
}

/// The whole reply to `read`, at most 255 KiB, for a peer whose window takes a few bytes at a time.
pub(super) fn in_memory(read: &ReadReply) -> Vec<u8> {
    let len = match available(read, &mut None) {
        Ok(len) => len as usize,
        Err(answer) => return answer,
    };
    let mut bytes = vec![0; len];
    let mut got = 0;
    while let Some(rest) = bytes.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match read.file.file.read_at(rest, read.offset.saturating_add(got as u64)) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(errno) => return failure(read.id, errno),
        }
    }
    read.file.was_read_at(read.offset, got);
    data_or_end(read.id, bytes.get(..got).unwrap_or_default())
}

/// What is read of a file that claims to be empty.
const END_READ_BYTES: usize = 32 * 1024;

/// What was read; nothing is the end.
fn data_or_end(id: u32, data: &[u8]) -> Vec<u8> {
    if data.is_empty() {
        return end_of_file(id);
    }
    let mut answer = Vec::new();
    reply::data(&mut answer, id, data);
    answer
}

fn end_of_file(id: u32) -> Vec<u8> {
    let mut answer = Vec::new();
    reply::status(&mut answer, id, Status::Eof, "End of file");
    answer
}

fn failure(id: u32, errno: rustix::io::Errno) -> Vec<u8> {
    let (status, message) = status_of(errno);
    let mut answer = Vec::new();
    reply::status(&mut answer, id, status, message);
    answer
}

impl Train {
    /// Seals the train's packets in place, after `control` (already sealed) in the headroom. A
    /// connection that compresses cannot: see [`Train::compress`].
    ///
    /// Gives the range to send. Packets that cannot be sealed now, since keys are being exchanged
    /// or the cipher is another than when they were laid out, come back as plaintext.
    pub(super) fn seal(
        self,
        ssh: &mut Connection,
        buffer: &mut Buffer,
        control: &[u8],
    ) -> (Range<usize>, Option<Unsealed>) {
        let start = HEADROOM_BYTES.saturating_sub(control.len());
        if let Some(target) = buffer.get_mut(start..HEADROOM_BYTES) {
            target.copy_from_slice(control);
        }
        let mut end = HEADROOM_BYTES;
        let mut frames = self.frames.into_iter();
        for placed in frames.by_ref() {
            let sealed = buffer
                .get_mut(placed.bytes())
                .is_some_and(|bytes| ssh.seal_data(&placed.frame, bytes).is_ok());
            if !sealed {
                let rest = std::iter::once(placed).chain(frames);
                return (start..end, Some(Unsealed(plaintext(rest, ssh, buffer))));
            }
            end = placed.bytes().end;
        }
        (start..end, None)
    }

    /// Prepares the train to be sealed elsewhere, with `control` in front; gives what is to be sent
    /// once that is done. `None`: it cannot be, and is as it was.
    pub(super) fn seal_apart(
        &self,
        ssh: &mut Connection,
        buffer: &mut Buffer,
        control: &[u8],
    ) -> Option<(SealJob, Range<usize>)> {
        let start = HEADROOM_BYTES.checked_sub(control.len())?;
        buffer.get_mut(start..HEADROOM_BYTES)?.copy_from_slice(control);
        let frames = self.frames.iter().map(|placed| (placed.at, &placed.frame));
        let job = ssh.seal_data_apart(frames, buffer)?.ok()?;
        let end = self.frames.last().map_or(HEADROOM_BYTES, |placed| placed.bytes().end);
        Some((job, start..end))
    }

    pub(super) fn is_one_packet(&self) -> bool {
        self.frames.len() == 1
    }

    /// Bytes of its packets.
    pub(super) fn bytes(&self) -> usize {
        self.frames.iter().map(|placed| placed.frame.frame_bytes()).sum()
    }

    /// Compresses and seals the train's packets into `control`, behind what is there: what
    /// compresses has no place of its own. What cannot be sealed now comes back as plaintext.
    pub(super) fn compress(
        self,
        ssh: &mut Connection,
        buffer: &mut Buffer,
        control: &mut Vec<u8>,
    ) -> Option<Unsealed> {
        let mut frames = self.frames.into_iter();
        for placed in frames.by_ref() {
            let sealed = buffer
                .get_mut(placed.bytes())
                .is_some_and(|bytes| ssh.append_data(&placed.frame, bytes, control).is_ok());
            if !sealed {
                let rest = std::iter::once(placed).chain(frames);
                return Some(Unsealed(plaintext(rest, ssh, buffer)));
            }
        }
        None
    }

    /// Takes the train apart when the file gave `got` bytes instead of what was laid out for it.
    ///
    /// Gives the stream as it should be.
    ///
    /// # Errors
    /// [`Shrunk`] when bytes that an earlier train announced are not there.
    pub(super) fn recover(
        self,
        ssh: &mut Connection,
        buffer: &Buffer,
        got: Result<usize, rustix::io::Errno>,
    ) -> Result<Recovered, Shrunk> {
        let pieces = self.pieces;
        let stream = plaintext(self.frames.into_iter(), ssh, buffer);
        let mut stream = stream.as_slice();
        let mut take = |len: usize| {
            let (head, tail) = stream.split_at_checked(len).unwrap_or((stream, &[]));
            stream = tail;
            head
        };
        let (mut out, mut drop_rest, mut filled_up) = (Vec::new(), false, false);
        let mut left = got.unwrap_or(0);
        for piece in pieces {
            match piece {
                Piece::Bytes(len) => out.extend_from_slice(take(len)),
                Piece::File { id, with_header, goes_on, bare, len } => {
                    let header = take(if with_header { reply::DATA_HEADER_BYTES } else { 0 });
                    let data = take(len);
                    let there = left.min(len);
                    left -= there;
                    if there == len && (len > 0 || got.is_ok()) {
                        out.extend_from_slice(header);
                        out.extend_from_slice(data);
                        continue;
                    }
                    if bare {
                        filled_up = true;
                        out.extend_from_slice(data.get(..there).unwrap_or_default());
                        out.resize(out.len() + (len - there), 0);
                        continue;
                    }
                    if !with_header {
                        return Err(Shrunk);
                    }
                    drop_rest |= goes_on;
                    match got {
                        Err(errno) => out.extend_from_slice(&failure(id, errno)),
                        Ok(_) if there == 0 => out.extend_from_slice(&end_of_file(id)),
                        Ok(_) => {
                            let count = u32::try_from(there).unwrap_or(u32::MAX);
                            out.extend_from_slice(&reply::data_header(id, count));
                            out.extend_from_slice(data.get(..there).unwrap_or_default());
                        }
                    }
                }
            }
        }
        Ok(Recovered { stream: out, drop_rest, filled_up })
    }
}

/// The data of `frames`, which are not going to be sent; their window is given back.
fn plaintext(
    frames: impl Iterator<Item = Placed>,
    ssh: &mut Connection,
    buffer: &Buffer,
) -> Vec<u8> {
    let mut out = Vec::new();
    for placed in frames {
        out.extend_from_slice(buffer.get(placed.data()).unwrap_or_default());
        let data_len = placed.frame.data_len;
        ssh.release_data(placed.frame, data_len);
    }
    out
}

#[cfg(test)]
mod tests;
