//! Uploads: WRITEs from a local file, cut into full packets, each sealed where it was laid out.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use ringferry_sftp::Request;
use ringferry_sftp::client::{Reply, ReplyItem, encode};

use super::bulk::{Bulk, StreamLoad};
use super::limits::TRAIN_BYTES;
use super::session::{Session, Wait, unexpected};
use crate::Outcome;

/// SSH_FX_OK.
const OK: u32 = 0;

/// The stream of WRITE requests, made as it is sent.
struct Upload<'a> {
    file: File,
    handle: &'a [u8],
    request_bytes: u32,
    end: u64,
    /// The head of the present WRITE, of which `head_sent` bytes are laid out.
    head: Vec<u8>,
    head_sent: usize,
    /// Where its payload goes on, and how much of that is to come.
    offset: u64,
    payload_left: u64,
    begun: u64,
    answered: u64,
}

/// Writes `bulk.bytes` of the local file with `bulk.outstanding` WRITEs under way, and closes.
pub(super) fn write(mut session: Session, handle: &[u8], bulk: &Bulk) -> Outcome<StreamLoad> {
    let mut upload = Upload::new(handle, bulk)?;
    let mut train = vec![0; TRAIN_BYTES];
    let requests = bulk.bytes.div_ceil(u64::from(bulk.request_bytes));
    let start = Instant::now();
    while upload.answered < requests {
        let left = upload.sendable_bytes(bulk.outstanding as u64);
        let sent = session.send_train(&mut train, left, |into| upload.fill(into))?;
        let wait = if sent == 0 { Wait::UntilSomething } else { Wait::NotAtAll };
        session.receive(wait, |item, _| upload.take(&item))?;
    }
    let id = session.id();
    session.ask(&Request::Close { id, handle }, |reply| match reply {
        Reply::Status { code: OK, .. } => Some(()),
        _ => None,
    })?;
    let wall = start.elapsed();
    session.disconnect()?;
    Ok(StreamLoad { start, wall, bytes: bulk.bytes, wire_bytes: bulk.bytes })
}

impl<'a> Upload<'a> {
    fn new(handle: &'a [u8], bulk: &Bulk) -> Outcome<Upload<'a>> {
        let path = bulk.local.as_ref().ok_or("an upload needs a local file")?;
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let has = file.metadata()?.len();
        if has < bulk.bytes {
            return Err(format!("{} has {has} bytes only", path.display()).into());
        }
        Ok(Upload {
            file,
            handle,
            request_bytes: bulk.request_bytes,
            end: bulk.bytes,
            head: Vec::new(),
            head_sent: 0,
            offset: 0,
            payload_left: 0,
            begun: 0,
            answered: 0,
        })
    }

    /// Bytes of the stream that may be sent before another status comes.
    fn sendable_bytes(&self, outstanding: u64) -> u64 {
        let begun = (self.head.len() - self.head_sent) as u64 + self.payload_left;
        let more = outstanding.saturating_sub(self.begun - self.answered);
        let payload =
            (self.end - self.offset - self.payload_left).min(more * u64::from(self.request_bytes));
        let heads = payload.div_ceil(u64::from(self.request_bytes)) * self.head_bytes();
        begun + payload + heads
    }

    /// Length, type, id, handle, offset, length.
    fn head_bytes(&self) -> u64 {
        4 + 1 + 4 + 4 + self.handle.len() as u64 + 8 + 4
    }

    /// The next bytes of the stream, all of `into`: payload straight from the file's pages.
    fn fill(&mut self, mut into: &mut [u8]) -> Outcome<()> {
        while !into.is_empty() {
            if self.head_sent == self.head.len() && self.payload_left == 0 {
                self.begin()?;
            }
            let head = self.head.get(self.head_sent..).unwrap_or_default();
            if !head.is_empty() {
                let (now, later) = into.split_at_mut(head.len().min(into.len()));
                now.copy_from_slice(&head[..now.len()]);
                self.head_sent += now.len();
                into = later;
                continue;
            }
            let payload = usize::try_from(self.payload_left)?.min(into.len());
            let (now, later) = into.split_at_mut(payload);
            self.file.read_exact_at(now, self.offset)?;
            self.offset += payload as u64;
            self.payload_left -= payload as u64;
            into = later;
        }
        Ok(())
    }

    fn begin(&mut self) -> Outcome<()> {
        let len = (self.end - self.offset).min(u64::from(self.request_bytes));
        if len == 0 {
            return Err("more was to be sent than the file has".into());
        }
        let id = u32::try_from(self.begun)?;
        let (offset, handle) = (self.offset, self.handle);
        self.head.clear();
        let request = Request::Write { id, handle, offset, len: u32::try_from(len)? };
        encode(&mut self.head, &request);
        (self.head_sent, self.payload_left) = (0, len);
        self.begun += 1;
        Ok(())
    }

    fn take(&mut self, item: &ReplyItem<'_>) -> Outcome<()> {
        match item {
            ReplyItem::Reply(Reply::Status { code: OK, .. }) if self.answered < self.begun => {
                self.answered += 1;
                Ok(())
            }
            ReplyItem::Reply(reply) => Err(format!("WRITE: {}", unexpected(reply)).into()),
            _ => Err("WRITE: not a status".into()),
        }
    }
}
