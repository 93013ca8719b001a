//! Our client role on a socket: what an application does around `ringferry::ssh::Connection`. One
//! thread, a non-blocking socket, and every wait has an end.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringferry::crypto::ChaChaRandom;
use ringferry::ssh::{ChannelId, ClientConfig, Connection, Event, SealError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Bytes read from the socket in one go.
const READ_BYTES: usize = 128 * 1024;
/// Nothing more is sealed while so much waits for the socket.
const OUTPUT_FULL: usize = 256 * 1024;

/// One connection of ours to a server.
pub(crate) struct Client {
    stream: TcpStream,
    pub(crate) connection: Connection,
    input: Vec<u8>,
    /// Where the input that is not handled yet begins.
    handled: usize,
    /// Where the input of the latest `handle_input` began: ranges of its event count from there.
    latest: usize,
    /// The latest packet came compressed: those ranges count in what it expanded to.
    expanded: bool,
    output: Vec<u8>,
    sent: usize,
    end_of_stream: bool,
    deadline: Instant,
    /// The most bytes that waited in either buffer.
    pub(crate) buffered_max: usize,
}

impl Client {
    /// Connects; everything until it is dropped must be over after `patience`.
    pub(crate) fn connect(address: SocketAddr, config: ClientConfig, patience: Duration) -> Client {
        Client::over(TcpStream::connect(address).expect("connect"), config, patience)
    }

    /// The same over a connection there is already.
    pub(crate) fn over(stream: TcpStream, config: ClientConfig, patience: Duration) -> Client {
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream.set_nonblocking(true).expect("O_NONBLOCK");
        let mut seed = [0; 32];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty()).expect("random");
        let random = Box::new(ChaChaRandom::from_seed(seed));
        let now = Instant::now();
        Client {
            stream,
            connection: Connection::client(Arc::new(config), random, now),
            input: Vec::new(),
            handled: 0,
            latest: 0,
            expanded: false,
            output: Vec::new(),
            sent: 0,
            end_of_stream: false,
            deadline: now + patience,
            buffered_max: 0,
        }
    }

    /// Our end, which the server knows as the peer.
    pub(crate) fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().expect("a connected socket")
    }

    /// The next event, waiting for it.
    pub(crate) fn event(&mut self) -> Event {
        loop {
            if let Some(event) = self.try_event() {
                return event;
            }
            self.wait();
        }
    }

    /// Waits for the first event that `wanted` makes something of, and drops those before it.
    pub(crate) fn wait_for<T>(&mut self, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            let event = self.event();
            if let Some(found) = wanted(&event) {
                return found;
            }
            if let Event::Disconnected { .. } = event {
                panic!("the connection ended: {event:?}");
            }
        }
    }

    /// An event that what has arrived so far brings about.
    pub(crate) fn try_event(&mut self) -> Option<Event> {
        loop {
            let now = Instant::now();
            let part = self.input.get_mut(self.handled..).expect("handled is within");
            let handled = self.connection.handle_input(now, part);
            self.latest = self.handled;
            self.expanded = handled.expanded;
            self.handled += handled.consumed;
            if handled.event.is_some() {
                return handled.event;
            }
            if handled.consumed == 0 {
                break;
            }
        }
        let now = Instant::now();
        match self.connection.next_deadline() {
            Some(deadline) if deadline <= now => self.connection.handle_timeout(now),
            _ => None,
        }
    }

    /// The data of the event that came last.
    pub(crate) fn data(&self, range: Range<usize>) -> &[u8] {
        if self.expanded {
            return &self.connection.expanded()[range];
        }
        &self.input[self.latest + range.start..self.latest + range.end]
    }

    /// Seals as much of `data` as the window takes and says how much that was. 0 while keys are
    /// exchanged, and while enough waits for the socket.
    pub(crate) fn send(&mut self, channel: ChannelId, data: &[u8]) -> usize {
        let mut sent = 0;
        while sent < data.len() && self.output.len() - self.sent < OUTPUT_FULL {
            self.connection.poll_transmit(Instant::now(), &mut self.output);
            let wanted = data.len() - sent;
            let Some(frame) = self.connection.reserve_data(channel, wanted) else { break };
            let mut packet = vec![0; frame.frame_bytes()];
            packet[frame.data_range()].copy_from_slice(&data[sent..sent + frame.data_len]);
            let sealed = if self.connection.compresses() {
                self.connection.append_data(&frame, &mut packet, &mut self.output)
            } else {
                let sealed = self.connection.seal_data(&frame, &mut packet);
                sealed.map(|()| self.output.extend_from_slice(&packet))
            };
            match sealed {
                Ok(()) => sent += frame.data_len,
                Err(error) => {
                    let unused = frame.data_len;
                    assert!(self.connection.release_data(frame, unused).is_none());
                    assert!(matches!(error, SealError::Rekeying | SealError::Queued), "{error:?}");
                    break;
                }
            }
        }
        sent
    }

    /// Sends what waits, then sleeps until the peer or the clock has something for us.
    pub(crate) fn wait(&mut self) {
        self.wait_at_most(Duration::MAX);
    }

    /// The same, and no longer than told.
    pub(crate) fn wait_at_most(&mut self, longest: Duration) {
        let now = Instant::now();
        assert!(now < self.deadline, "no end in sight: {:?}", self.connection.info());
        self.flush();
        let mut flags = PollFlags::IN;
        if self.sent < self.output.len() {
            flags |= PollFlags::OUT;
        }
        let alarm = self.connection.next_deadline().unwrap_or(self.deadline).min(self.deadline);
        let left = alarm.saturating_duration_since(now).min(longest);
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).expect("minutes"),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let mut socket = [PollFd::new(&self.stream, flags)];
        match poll(&mut socket, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => panic!("poll: {errno}"),
        }
        self.receive();
    }

    /// Sends what waits as far as the socket takes it.
    pub(crate) fn flush(&mut self) {
        self.connection.poll_transmit(Instant::now(), &mut self.output);
        self.buffered_max = self.buffered_max.max(self.output.len() - self.sent);
        while self.sent < self.output.len() {
            match self.stream.write(&self.output[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // A server that has gone shows at the next read.
                Err(_) => break,
            }
        }
        self.output.clear();
        self.sent = 0;
    }

    fn receive(&mut self) {
        self.input.drain(..self.handled);
        self.handled = 0;
        self.latest = 0;
        let start = self.input.len();
        self.input.resize(start + READ_BYTES, 0);
        let got = match self.stream.read(&mut self.input[start..]) {
            Ok(0) => {
                assert!(!self.end_of_stream, "waiting on a closed stream");
                self.end_of_stream = true;
                0
            }
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("read: {error}; {:?}", self.connection.info()),
        };
        self.input.truncate(start + got);
        self.buffered_max = self.buffered_max.max(self.input.len());
    }
}
