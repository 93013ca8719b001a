//! Downloads: one that decrypts what it gets and throws it away, and one that only counts.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use ringferry::crypto;
use ringferry_sftp::Request;
use ringferry_sftp::client::{Reply, ReplyItem, encode};

use super::bulk::{Bulk, StreamLoad};
use super::drain::drain;
use super::limits::PACKET_BYTES;
use super::session::{Session, Wait, unexpected};
use crate::Outcome;

/// Length, type, id and length of a DATA reply.
const REPLY_HEADER_BYTES: u64 = 13;
/// A CHANNEL_DATA packet has lengths, number, channel, length, and four bytes of padding or more.
const PACKET_HEADERS_BYTES: u64 = 4 + 1 + 9 + 4;
/// One part in so many of the bytes that a key lasts for is left to the headers: a percent, of
/// which OpenSSH's packets need a third.
const KEY_SHARE_KEPT: u64 = 100;

/// READs under way, by slot; the slot is the request's id.
struct Reads<'a> {
    handle: &'a [u8],
    /// Where the bytes go, if anywhere.
    file: Option<File>,
    /// Where each one goes on, and how much of it is to come.
    slots: Vec<(u64, u32)>,
    /// The slot whose data is coming in.
    current: usize,
    next_offset: u64,
    end: u64,
    request_bytes: u32,
    /// Bytes of file that have come.
    arrived: u64,
    /// Requests to be sent.
    requests: Vec<u8>,
}

/// Reads `bulk.bytes` with `bulk.outstanding` READs under way, as a client does.
pub(super) fn read(mut session: Session, handle: &[u8], bulk: &Bulk) -> Outcome<StreamLoad> {
    let mut reads = Reads::new(handle, bulk)?;
    let before = session.received_bytes();
    let start = Instant::now();
    for slot in 0..bulk.outstanding {
        reads.begin(slot);
    }
    while reads.arrived < bulk.bytes {
        session.queue(|out| out.append(&mut reads.requests));
        session.receive(Wait::UntilSomething, |item, payload| reads.take(&item, payload))?;
    }
    let (wall, bytes) = (start.elapsed(), reads.arrived);
    let wire_bytes = session.received_bytes() - before;
    session.disconnect()?;
    Ok(StreamLoad { start, wall, bytes, wire_bytes })
}

impl<'a> Reads<'a> {
    fn new(handle: &'a [u8], bulk: &Bulk) -> Outcome<Reads<'a>> {
        let file = match &bulk.local {
            Some(path) => {
                Some(File::create(path).map_err(|error| format!("{}: {error}", path.display()))?)
            }
            None => None,
        };
        Ok(Reads {
            file,
            handle,
            slots: vec![(0, 0); bulk.outstanding],
            current: 0,
            next_offset: 0,
            end: bulk.bytes,
            request_bytes: bulk.request_bytes,
            arrived: 0,
            requests: Vec::new(),
        })
    }

    /// Gives a free slot the next part of the file, if there is one.
    fn begin(&mut self, slot: usize) {
        let len = (self.end - self.next_offset).min(u64::from(self.request_bytes));
        self.slots[slot] = (self.next_offset, u32::try_from(len).unwrap_or(self.request_bytes));
        self.next_offset += len;
        self.ask(slot);
    }

    fn ask(&mut self, slot: usize) {
        let (offset, len) = self.slots[slot];
        let Ok(id) = u32::try_from(slot) else { return };
        if len > 0 {
            encode(&mut self.requests, &Request::Read { id, handle: self.handle, offset, len });
        }
    }

    fn take(&mut self, item: &ReplyItem<'_>, payload: &[u8]) -> Outcome<()> {
        match item {
            ReplyItem::Reply(Reply::Data { id, len }) => {
                self.current = *id as usize;
                match self.slots.get(self.current) {
                    Some((_, wanted)) if *len > 0 && len <= wanted => Ok(()),
                    _ => Err(format!("{len} bytes for request {id}: not what was asked").into()),
                }
            }
            ReplyItem::ReadData { last, .. } => {
                let got = u32::try_from(payload.len())?;
                self.arrived += u64::from(got);
                let (offset, wanted) = &mut self.slots[self.current];
                if let Some(file) = &self.file {
                    file.write_all_at(payload, *offset)?;
                }
                *offset += u64::from(got);
                *wanted -= got;
                match (last, *wanted) {
                    (false, _) => {}
                    (true, 0) => self.begin(self.current),
                    // A short answer: the server wants to be asked again.
                    (true, _) => self.ask(self.current),
                }
                Ok(())
            }
            ReplyItem::Reply(reply) => Err(format!("READ: {}", unexpected(reply)).into()),
            ReplyItem::Malformed { why, .. } => Err(format!("READ: {why}").into()),
        }
    }
}

/// What a client that asks for everything at once has to count.
#[derive(Clone, Copy)]
pub(super) struct Sink {
    pub(super) bytes: u64,
    pub(super) request_bytes: u32,
}

impl Sink {
    fn requests(self) -> u64 {
        self.bytes.div_ceil(u64::from(self.request_bytes))
    }

    /// Bytes of the channel that answer: the file and a header for each request.
    pub(super) fn due_bytes(self) -> u64 {
        self.bytes + self.requests() * REPLY_HEADER_BYTES
    }

    /// Bytes of the socket that these are at least: the server cuts them into packets of
    /// [`PACKET_BYTES`] or shorter ones, each with headers, padding and a tag. An error if the
    /// cipher's keys do not last that long.
    fn wire_bytes_min(self, session: &Session) -> Outcome<u64> {
        let (cipher, mac) = session.receiving();
        let cipher = crypto::cipher(cipher).ok_or("no cipher was agreed on")?;
        let lasts = cipher.rekey_bytes - cipher.rekey_bytes / KEY_SHARE_KEPT;
        if self.bytes > lasts {
            let name = cipher.name;
            return Err(format!("keys of {name} last for {lasts} bytes of a sink's stream").into());
        }
        let packets = self.due_bytes().div_ceil(u64::from(PACKET_BYTES));
        let tag_bytes = cipher.shape(crypto::mac(mac)).tag_bytes as u64;
        Ok(self.due_bytes() + packets * (PACKET_HEADERS_BYTES + tag_bytes))
    }
}

/// Sends every READ at once and counts the bytes that the socket gives.
pub(super) fn sink(mut session: Session, handle: &[u8], bulk: &Bulk) -> Outcome<StreamLoad> {
    let sink = Sink { bytes: bulk.bytes, request_bytes: bulk.request_bytes };
    let wire_bytes_min = sink.wire_bytes_min(&session)?;
    for offset in (0..bulk.bytes).step_by(bulk.request_bytes as usize) {
        let len = u32::try_from((bulk.bytes - offset).min(u64::from(bulk.request_bytes)))?;
        let id = session.id();
        session.queue(|out| encode(out, &Request::Read { id, handle, offset, len }));
    }
    let (requests, bare) = session.into_sealed()?;
    let mut writer = bare.stream.try_clone()?;
    let start = Instant::now();
    let due_bytes = wire_bytes_min.saturating_sub(bare.unread_bytes as u64);
    let drained = std::thread::scope(|scope| {
        let sent = scope.spawn(move || writer.write_all(&requests));
        let drained = drain(bare.stream, due_bytes, bulk.tail);
        sent.join().map_err(|_| "the sender panicked")??;
        drained
    });
    let (end, wire_bytes) = drained.map_err(|error| {
        let cure = "a server that exchanges keys waits for an answer that does not come: leave \
                    its key_renegotiation_threshold or RekeyLimit alone";
        format!("{error}; {cure}")
    })?;
    Ok(StreamLoad { start, wall: end - start, bytes: bulk.bytes, wire_bytes })
}
