//! One SFTP session of ours on a blocking socket.
//!
//! Owns the socket, the SSH state and the buffers of a logged-in client. Knows requests and
//! replies, not what they are for. Invariant: before it waits for the server, everything that the
//! SSH state wants to send has been sent, so the two never wait for each other.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use ringferry::crypto::ChaChaRandom;
use ringferry::ssh::{ChannelId, Connection, DisconnectReason, Event};
use ringferry_sftp::client::{Reply, ReplyDecoder, ReplyItem, encode};
use ringferry_sftp::{Attrs, OpenFlags, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::RecvFlags;

use super::limits::PATIENCE;
use super::login::Login;
use crate::Outcome;

/// The version of SFTP that everybody speaks.
const VERSION: u32 = 3;

/// A connection, before and after it has a channel.
struct Wire {
    stream: TcpStream,
    connection: Connection,
    input: Vec<u8>,
    /// `input[handled..filled]` has arrived and is not done with.
    handled: usize,
    filled: usize,
    /// Where the input of the latest step began: ranges of its event count from there.
    latest: usize,
    output: Vec<u8>,
}

/// A logged-in client whose SFTP subsystem has said its version.
pub(super) struct Session {
    wire: Wire,
    channel: ChannelId,
    replies: ReplyDecoder,
    /// Requests that the server's window has not taken yet.
    unsent: Vec<u8>,
    next_id: u32,
}

/// Whether to wait for the server to say something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    UntilSomething,
    NotAtAll,
}

/// What is left of a session that will not read its packets any more.
pub(super) struct Bare {
    pub(super) stream: TcpStream,
    /// Bytes that have been read from the socket and no further.
    pub(super) unread_bytes: usize,
}

impl Wire {
    fn connect(login: &Login, window_bytes: u32, buffer_bytes: usize) -> Outcome<Wire> {
        let stream = connect(login.address)?;
        let mut seed = [0; 32];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
        let random = Box::new(ChaChaRandom::from_seed(seed));
        let config = Arc::new(login.config(window_bytes));
        Ok(Wire {
            stream,
            connection: Connection::client(config, random, Instant::now()),
            input: vec![0; buffer_bytes],
            handled: 0,
            filled: 0,
            latest: 0,
            output: Vec::new(),
        })
    }

    /// The next event of what has arrived.
    fn step(&mut self) -> Outcome<Option<Event>> {
        loop {
            let input = self.input.get_mut(self.handled..self.filled).unwrap_or_default();
            let handled = self.connection.handle_input(Instant::now(), input);
            self.latest = self.handled;
            self.handled += handled.consumed;
            match handled.event {
                Some(Event::Disconnected { by_peer, description, .. }) => {
                    self.flush()?;
                    let who = if by_peer { "the server" } else { "the client" };
                    return Err(format!("{who} ended the connection: {description}").into());
                }
                Some(event) => return Ok(Some(event)),
                None if handled.consumed == 0 => return Ok(None),
                None => {}
            }
        }
    }

    fn event(&mut self) -> Outcome<Event> {
        loop {
            if let Some(event) = self.step()? {
                return Ok(event);
            }
            self.flush()?;
            self.receive(Wait::UntilSomething)?;
        }
    }

    /// The data of the latest event.
    fn data(&self, range: Range<usize>) -> &[u8] {
        self.input.get(self.latest + range.start..self.latest + range.end).unwrap_or_default()
    }

    fn flush(&mut self) -> Outcome<()> {
        self.connection.poll_transmit(Instant::now(), &mut self.output);
        self.stream.write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }

    fn receive(&mut self, wait: Wait) -> Outcome<()> {
        if self.handled == self.filled {
            (self.handled, self.filled) = (0, 0);
        } else if self.input.len() - self.filled < self.input.len() / 2 {
            self.input.copy_within(self.handled..self.filled, 0);
            (self.handled, self.filled) = (0, self.filled - self.handled);
        }
        let room = &mut self.input[self.filled..];
        let got = match wait {
            Wait::UntilSomething => self.stream.read(room),
            Wait::NotAtAll => match rustix::net::recv(&self.stream, room, RecvFlags::DONTWAIT) {
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(()),
                got => got.map(|(got, _)| got).map_err(Into::into),
            },
        };
        match got {
            Ok(0) => Err("the server closed the connection".into()),
            Ok(got) => {
                self.filled += got;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(silence(error)),
        }
    }

    /// Connects, logs in, and gets a channel with the SFTP subsystem on it.
    fn open_subsystem(&mut self, login: &Login) -> Outcome<ChannelId> {
        self.connection.auth_publickey(&login.user, login.key());
        loop {
            match self.event()? {
                // One machine and a host key made a moment ago: nobody to be warned of.
                Event::HostKeyOffered { .. } => {
                    self.connection.handle_host_key(Instant::now(), true);
                }
                Event::AuthFailed { .. } => {
                    return Err(format!("the server refused the key of {:?}", login.user).into());
                }
                Event::Authenticated { .. } => {
                    self.connection.open_session();
                }
                Event::ChannelOpened { channel } => {
                    self.connection.request_subsystem(channel, "sftp");
                }
                Event::ChannelOpenFailed { description, .. } => {
                    return Err(format!("the server opened no channel: {description}").into());
                }
                Event::ChannelReply { success: false, .. } => {
                    return Err("the server has no sftp subsystem".into());
                }
                Event::ChannelReply { channel, .. } => return Ok(channel),
                _ => {}
            }
        }
    }
}

impl Session {
    /// Logs in; returns once the SFTP server has answered INIT.
    pub(super) fn open(login: &Login, window_bytes: u32, buffer_bytes: usize) -> Outcome<Session> {
        let mut wire = Wire::connect(login, window_bytes, buffer_bytes)?;
        let channel = wire.open_subsystem(login)?;
        let replies = ReplyDecoder::new(ReplyDecoder::default_limits());
        let mut session = Session { wire, channel, replies, unsent: Vec::new(), next_id: 0 };
        session.ask(&Request::Init { version: VERSION }, |reply| match reply {
            Reply::Version { .. } => Some(()),
            _ => None,
        })?;
        Ok(session)
    }

    /// A number for the next request.
    pub(super) fn id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        id
    }

    /// Opens a remote file.
    pub(super) fn open_file(&mut self, path: &str, flags: OpenFlags) -> Outcome<Vec<u8>> {
        let (id, attrs) = (self.id(), Attrs::default());
        let request = Request::Open { id, path: path.as_bytes(), flags, attrs };
        let handle = self.ask(&request, |reply| match reply {
            Reply::Handle { handle, .. } => Some(handle.to_vec()),
            _ => None,
        });
        handle.map_err(|error| format!("{path}: {error}").into())
    }

    /// Sends one request and waits for its answer. A status that `wanted` does not take is an
    /// error.
    pub(super) fn ask<T>(
        &mut self,
        request: &Request<'_>,
        wanted: impl Fn(&Reply<'_>) -> Option<T>,
    ) -> Outcome<T> {
        self.queue(|out| encode(out, request));
        let mut answer = None;
        while answer.is_none() {
            self.receive(Wait::UntilSomething, |item, _| {
                let ReplyItem::Reply(reply) = item else { return Err("not a whole reply".into()) };
                answer = Some(wanted(&reply).ok_or_else(|| unexpected(&reply))?);
                Ok(())
            })?;
        }
        answer.ok_or_else(|| "no answer".into())
    }

    /// Notes requests to be sent with the next flush.
    pub(super) fn queue(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.unsent);
    }

    /// Sends what waits, as far as the server's window takes requests.
    pub(super) fn flush(&mut self) -> Outcome<()> {
        loop {
            let taken = self.wire.connection.write(self.channel, &self.unsent);
            self.unsent.drain(..taken);
            self.wire.flush()?;
            if taken == 0 || self.unsent.is_empty() {
                return Ok(());
            }
        }
    }

    /// Waits until something has come, which is for [`Session::receive`] to read, or until `due`.
    pub(super) fn has_input_by(&self, due: Instant) -> Outcome<bool> {
        let left = due.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left)?;
        let mut waiting = [PollFd::new(&self.wire.stream, PollFlags::IN)];
        match poll(&mut waiting, Some(&left)) {
            Err(rustix::io::Errno::INTR) => Ok(false),
            ready => Ok(ready? > 0),
        }
    }

    /// Flushes, reads once from the socket, and hands each item that has come to `take`, with its
    /// payload where it is a piece of one.
    pub(super) fn receive(
        &mut self,
        wait: Wait,
        mut take: impl FnMut(ReplyItem<'_>, &[u8]) -> Outcome<()>,
    ) -> Outcome<()> {
        self.flush()?;
        self.wire.receive(wait)?;
        while let Some(event) = self.wire.step()? {
            match event {
                Event::Data { range, extended: None, .. } => {
                    let bytes = u32::try_from(range.len()).unwrap_or(u32::MAX);
                    let mut data = self.wire.data(range);
                    while !data.is_empty() {
                        let step = self.replies.next(data)?;
                        if let Some(item) = step.item {
                            let payload = match &item {
                                ReplyItem::ReadData { range, .. } => data.get(range.clone()),
                                _ => None,
                            };
                            take(item, payload.unwrap_or_default())?;
                        }
                        data = data.get(step.consumed..).unwrap_or_default();
                    }
                    self.wire.connection.adjust(self.channel, bytes);
                }
                Event::Eof { .. } | Event::Closed { .. } => {
                    return Err("the SFTP server ended".into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Lays out CHANNEL_DATA packets in `train`, each filled by `fill` and sealed, until the train,
    /// `left` bytes or the window are used up, and sends them. Returns the bytes of data sent: 0
    /// also while keys are exchanged.
    pub(super) fn send_train(
        &mut self,
        train: &mut [u8],
        mut left: u64,
        mut fill: impl FnMut(&mut [u8]) -> Outcome<()>,
    ) -> Outcome<u64> {
        self.flush()?;
        let (mut laid, mut sent) = (0, 0);
        let connection = &mut self.wire.connection;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX);
            let Some(frame) = connection.reserve_data(self.channel, wanted) else { break };
            let data_len = frame.data_len;
            let Some(packet) = train.get_mut(laid..laid + frame.frame_bytes()) else {
                connection.release_data(frame, data_len);
                break;
            };
            fill(packet.get_mut(frame.data_range()).unwrap_or_default())?;
            connection.seal_data(&frame, packet).map_err(|error| format!("seal: {error:?}"))?;
            laid += packet.len();
            left -= data_len as u64;
            sent += data_len as u64;
        }
        self.wire.stream.write_all(train.get(..laid).unwrap_or_default())?;
        Ok(sent)
    }

    /// Seals everything that was queued and returns it unsent, with the bare socket. The session is
    /// over for us: nothing that the server says from here on is read.
    pub(super) fn into_sealed(mut self) -> Outcome<(Vec<u8>, Bare)> {
        let window_bytes = self.wire.connection.send_window(self.channel) as usize;
        if window_bytes < self.unsent.len() {
            let requests_bytes = self.unsent.len();
            let text = format!("{requests_bytes} bytes of requests do not fit the server's window");
            return Err(format!("{text} of {window_bytes}: longer requests or fewer bytes").into());
        }
        let mut sealed = Vec::new();
        while !self.unsent.is_empty() {
            let taken = self.wire.connection.write(self.channel, &self.unsent);
            self.unsent.drain(..taken);
            self.wire.connection.poll_transmit(Instant::now(), &mut sealed);
            if taken == 0 {
                return Err("keys are being exchanged: no requests can be sealed".into());
            }
        }
        Ok((sealed, self.into_bare()))
    }

    /// Keeps nothing but the socket.
    pub(super) fn into_bare(self) -> Bare {
        let unread_bytes = self.wire.filled - self.wire.handled;
        Bare { stream: self.wire.stream, unread_bytes }
    }

    /// The cipher and MAC of what the server sends, as negotiated.
    pub(super) fn receiving(&self) -> (&'static str, &'static str) {
        let received = &self.wire.connection.info().received;
        (received.cipher, received.mac)
    }

    /// Bytes of packets that have come so far.
    pub(super) fn received_bytes(&self) -> u64 {
        self.wire.connection.info().received.bytes
    }

    /// Says goodbye.
    pub(super) fn disconnect(mut self) -> Outcome<()> {
        self.wire.connection.disconnect(DisconnectReason::ByApplication, "done");
        self.wire.flush()
    }
}

/// What a reply that was not asked for says.
pub(super) fn unexpected(reply: &Reply<'_>) -> String {
    match reply {
        Reply::Status { code, message, .. } => {
            format!("status {code}: {}", String::from_utf8_lossy(message))
        }
        other => format!("an answer to something else: {other:?}"),
    }
}

/// A connection that gives up when the other side is silent.
pub(super) fn connect(address: SocketAddr) -> Outcome<TcpStream> {
    let stream = TcpStream::connect(address).map_err(|e| format!("{address}: {e}"))?;
    make_patient(&stream)?;
    Ok(stream)
}

/// Sends at once, and waits for [`PATIENCE`] and no longer.
pub(super) fn make_patient(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))
}

/// An error of a blocking socket, in which a timeout says what it is.
pub(super) fn silence(error: std::io::Error) -> Box<dyn std::error::Error + Send + Sync> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            format!("nothing came for {} s", PATIENCE.as_secs()).into()
        }
        _ => error.into(),
    }
}
