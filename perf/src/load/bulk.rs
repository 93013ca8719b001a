//! Bulk transfers in parallel streams: one connection and one thread each.
//!
//! Logging in and opening the files is one step, moving the bytes another, so that a caller can
//! look at the server's clock in between.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ringferry_sftp::OpenFlags;

use super::get::{self, Sink};
use super::limits::{
    LARGE_BUFFER_BYTES, OUTSTANDING_MAX, PACKET_BYTES, REQUEST_BYTES_MAX, REQUEST_BYTES_MIN,
    WINDOW_BYTES, WINDOW_BYTES_MAX,
};
use super::login::Login;
use super::put;
use super::session::Session;
use crate::Outcome;
use crate::client::Direction;

/// What to move.
pub(crate) struct Bulk {
    pub(crate) login: Login,
    pub(crate) direction: Direction,
    /// The file on the server, by stream: as many streams as there are names. Downloads may share
    /// one file, uploads must not.
    pub(crate) remote: Vec<String>,
    /// Where an upload's bytes come from: every stream sends this file from its start. Where a
    /// download's go, of one stream only and for a pass that verifies; without it they are thrown
    /// away.
    pub(crate) local: Option<PathBuf>,
    /// Bytes of file that each stream moves; the files must have as many.
    pub(crate) bytes: u64,
    /// The length of a READ or WRITE: 32 KiB to 255 KiB.
    pub(crate) request_bytes: u32,
    /// Requests under way at once in a stream.
    pub(crate) outstanding: usize,
    /// Downloads only: ask for everything at once, then only count what comes in and never open a
    /// packet, which leaves the server nearly a whole core more on a machine with two.
    ///
    /// Nobody answers the server then, so a stream ends before keys are exchanged: 1 GiB less one
    /// percent for chacha20-poly1305, which no server's configuration can raise, and less than 2
    /// GiB, the largest receive window, for the others. A `key_renegotiation_threshold` or a
    /// RekeyLimit must not be below that. Nor is `client_alive_interval` answered: a stream may
    /// take 3 minutes.
    pub(crate) skip_decryption: bool,
    /// The silence after which such a stream believes that it has got everything.
    pub(crate) tail: Duration,
}

/// What was moved.
pub(crate) struct Load {
    /// From the first request of any stream to the last answer of any; login and OPEN are before
    /// it, and an upload's CLOSE is in it.
    pub(crate) wall: Duration,
    /// Bytes of files, all streams together.
    pub(crate) bytes: u64,
    pub(crate) streams: Vec<StreamLoad>,
    /// What the client did with what came in: for the report.
    pub(crate) counted: &'static str,
}

/// One stream's part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamLoad {
    pub(crate) start: Instant,
    pub(crate) wall: Duration,
    pub(crate) bytes: u64,
    /// Bytes that were read from the socket between start and end; for uploads, bytes of file.
    pub(crate) wire_bytes: u64,
}

impl Load {
    pub(super) fn of(streams: Vec<StreamLoad>, counted: &'static str) -> Outcome<Load> {
        let start = streams.iter().map(|stream| stream.start).min().ok_or("no stream")?;
        let end = streams.iter().map(|stream| stream.start + stream.wall).max();
        let wall = end.unwrap_or(start) - start;
        let bytes = streams.iter().map(|stream| stream.bytes).sum();
        Ok(Load { wall, bytes, streams, counted })
    }
}

/// Streams that are logged in and have their files open.
pub(crate) struct Prepared<'a> {
    bulk: &'a Bulk,
    streams: Vec<(Session, Vec<u8>)>,
}

/// Logs all streams in, moves the bytes, and says what it took.
pub(crate) fn bulk(bulk: &Bulk) -> Outcome<Load> {
    prepare(bulk)?.run()
}

/// Logs all streams in and opens their files.
pub(crate) fn prepare(bulk: &Bulk) -> Outcome<Prepared<'_>> {
    bulk.check()?;
    let streams = in_threads(bulk.remote.iter(), |path| bulk.open(path))?;
    Ok(Prepared { bulk, streams })
}

impl Prepared<'_> {
    /// Moves the bytes.
    pub(crate) fn run(self) -> Outcome<Load> {
        let bulk = self.bulk;
        let counted = match (bulk.direction, bulk.skip_decryption) {
            (Direction::Get, false) => "every DATA reply, decrypted and thrown away",
            (Direction::Get, true) => "bytes of the socket, not decrypted",
            (Direction::Put, _) => "every WRITE's status, and CLOSE's",
        };
        let streams = in_threads(self.streams, |(session, handle)| bulk.run(session, &handle))?;
        Load::of(streams, counted)
    }
}

impl Bulk {
    fn check(&self) -> Outcome<()> {
        if !(REQUEST_BYTES_MIN..=REQUEST_BYTES_MAX).contains(&self.request_bytes) {
            let bounds = format!("{REQUEST_BYTES_MIN} to {REQUEST_BYTES_MAX}");
            return Err(format!("requests of {} bytes: {bounds}", self.request_bytes).into());
        }
        if !(1..=OUTSTANDING_MAX).contains(&self.outstanding) {
            return Err(
                format!("{} requests at once: 1 to {OUTSTANDING_MAX}", self.outstanding).into()
            );
        }
        if self.skip_decryption && self.direction == Direction::Put {
            return Err("an upload has nothing to decrypt that could be skipped".into());
        }
        let keeps = self.direction == Direction::Get && self.local.is_some();
        if keeps && (self.skip_decryption || self.remote.len() != 1) {
            return Err("only one stream that decrypts can be kept".into());
        }
        if self.skip_decryption && self.sink().due_bytes() > WINDOW_BYTES_MAX {
            return Err("a stream that skips decryption moves less than 2 GiB".into());
        }
        Ok(())
    }

    fn run(&self, session: Session, handle: &[u8]) -> Outcome<StreamLoad> {
        match (self.direction, self.skip_decryption) {
            (Direction::Get, false) => get::read(session, handle, self),
            (Direction::Get, true) => get::sink(session, handle, self),
            (Direction::Put, _) => put::write(session, handle, self),
        }
    }

    fn sink(&self) -> Sink {
        Sink { bytes: self.bytes, request_bytes: self.request_bytes }
    }

    fn open(&self, path: &str) -> Outcome<(Session, Vec<u8>)> {
        let window_bytes = if self.skip_decryption {
            // Room for what answers INIT and OPEN.
            let bytes = self.sink().due_bytes() + u64::from(PACKET_BYTES);
            u32::try_from(bytes.min(WINDOW_BYTES_MAX))?
        } else {
            WINDOW_BYTES
        };
        let mut session = Session::open(&self.login, window_bytes, LARGE_BUFFER_BYTES)?;
        let flags = match self.direction {
            Direction::Get => OpenFlags::READ,
            Direction::Put => OpenFlags::WRITE | OpenFlags::CREAT | OpenFlags::TRUNC,
        };
        let handle = session.open_file(path, flags)?;
        Ok((session, handle))
    }
}

/// Does `work` on every item at once and returns the results in order, or the first error.
pub(super) fn in_threads<I: Send, T: Send>(
    items: impl IntoIterator<Item = I>,
    work: impl Fn(I) -> Outcome<T> + Sync,
) -> Outcome<Vec<T>> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            items.into_iter().map(|item| scope.spawn(move || work(item))).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined.map(|result| result.unwrap_or_else(|_| Err("a stream panicked".into()))).collect()
    })
}
