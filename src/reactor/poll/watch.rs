//! Readiness of sockets, edge-triggered: each socket is registered once and its edges remembered.

use std::collections::{HashMap, VecDeque};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Weak};
use std::time::Instant;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use crate::reactor::limits::EVENTS_PER_WAIT_MAX;
use crate::reactor::op::{OpId, Socket};
use crate::reactor::waker::Waker;

/// What an operation waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    Read,
    Write,
}

/// An event that is not a socket's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    Woken,
    Synced,
}

const WOKEN: u64 = u64::MAX;
const SYNCED: u64 = u64::MAX - 1;

pub(super) struct Watches {
    epoll: OwnedFd,
    /// By descriptor number. The kernel forgets a socket when it is closed and nobody tells us, so
    /// an entry may describe a predecessor: `Watch::socket` decides.
    by_number: HashMap<RawFd, Watch>,
    events: Vec<epoll::Event>,
}

struct Watch {
    socket: Weak<OwnedFd>,
    readable: bool,
    writable: bool,
    /// The peer is gone: there will be no further edge, so it stays readable.
    hangup: bool,
    readers: VecDeque<OpId>,
    writers: VecDeque<OpId>,
}

impl Watches {
    pub(super) fn new(waker: &Waker, sync: &Waker) -> Result<Self, Errno> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (waker, data) in [(waker, WOKEN), (sync, SYNCED)] {
            let data = epoll::EventData::new_u64(data);
            epoll::add(&epoll, waker.descriptor(), data, epoll::EventFlags::IN)?;
        }
        let events = Vec::with_capacity(EVENTS_PER_WAIT_MAX);
        Ok(Watches { epoll, by_number: HashMap::new(), events })
    }

    /// Whether bytes, or the end, are known to be there.
    pub(super) fn readable(&self, socket: &Socket) -> bool {
        self.find(socket).is_some_and(|watch| watch.readable)
    }

    fn find(&self, socket: &Socket) -> Option<&Watch> {
        let watch = self.by_number.get(&socket.as_raw_fd())?;
        std::ptr::eq(watch.socket.as_ptr(), Arc::as_ptr(socket)).then_some(watch)
    }

    /// Notes the outcome of a receive; `full` if it filled its buffer. True if more is likely
    /// there. A short receive has emptied the socket (epoll(7)), unless the end is what remains.
    pub(super) fn received(&mut self, socket: &Socket, full: bool) -> bool {
        match self.by_number.get_mut(&socket.as_raw_fd()) {
            Some(watch) if std::ptr::eq(watch.socket.as_ptr(), Arc::as_ptr(socket)) => {
                watch.readable = full || watch.hangup;
                watch.readable
            }
            _ => full,
        }
    }

    /// Notes that a receive found nothing, not even the end.
    pub(super) fn empty(&mut self, socket: &Socket) {
        if let Some(watch) = self.by_number.get_mut(&socket.as_raw_fd()) {
            watch.readable = false; // a predecessor's entry is of no use either
        }
    }

    /// Leaves an operation until its socket is ready; false if it may be by now.
    pub(super) fn park(
        &mut self,
        socket: &Socket,
        direction: Direction,
        id: OpId,
    ) -> Result<bool, Errno> {
        if self.find(socket).is_none() {
            self.register(socket)?;
        }
        let Some(watch) = self.by_number.get_mut(&socket.as_raw_fd()) else {
            return Err(Errno::BADF);
        };
        let (ready, parked) = match direction {
            Direction::Read => (&mut watch.readable, &mut watch.readers),
            Direction::Write => (&mut watch.writable, &mut watch.writers),
        };
        if std::mem::take(ready) {
            return Ok(false);
        }
        parked.push_back(id);
        Ok(true)
    }

    fn register(&mut self, socket: &Socket) -> Result<(), Errno> {
        let number = socket.as_raw_fd();
        let data = epoll::EventData::new_u64(u64::from(number.unsigned_abs()));
        let flags = epoll::EventFlags::IN
            | epoll::EventFlags::OUT
            | epoll::EventFlags::RDHUP
            | epoll::EventFlags::ET;
        match epoll::add(&self.epoll, socket.as_fd(), data, flags) {
            // The same open socket under another `Arc`; modifying reports its readiness again.
            Err(Errno::EXIST) => epoll::modify(&self.epoll, socket.as_fd(), data, flags)?,
            answer => answer?,
        }
        let watch = Watch {
            socket: Arc::downgrade(socket),
            readable: false,
            writable: false,
            hangup: false,
            readers: VecDeque::new(),
            writers: VecDeque::new(),
        };
        self.by_number.insert(number, watch);
        Ok(())
    }

    /// Waits until `end` (`None`: for ever) for events; operations whose sockets became ready go to
    /// `queue`. Rounds the wait up to whole milliseconds, epoll_wait's unit.
    pub(super) fn wait(
        &mut self,
        end: Option<Instant>,
        queue: &mut VecDeque<OpId>,
    ) -> Result<Vec<Event>, Errno> {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        self.events.clear();
        let room = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, room, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let mut others = Vec::new();
        for event in self.events.drain(..) {
            match event.data.u64() {
                WOKEN => others.push(Event::Woken),
                SYNCED => others.push(Event::Synced),
                number => {
                    let number = RawFd::try_from(number).unwrap_or(-1);
                    if let Some(watch) = self.by_number.get_mut(&number) {
                        watch.note(event.flags, queue);
                    }
                }
            }
        }
        Ok(others)
    }
}

impl Watch {
    fn note(&mut self, flags: epoll::EventFlags, queue: &mut VecDeque<OpId>) {
        let gone = epoll::EventFlags::HUP | epoll::EventFlags::ERR;
        let ended = gone | epoll::EventFlags::RDHUP;
        self.hangup |= flags.intersects(ended);
        if flags.intersects(ended | epoll::EventFlags::IN) {
            self.readable = true;
            queue.append(&mut self.readers);
        }
        if flags.intersects(gone | epoll::EventFlags::OUT) {
            self.writable = true;
            queue.append(&mut self.writers);
        }
    }
}
