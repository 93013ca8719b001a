//! The send side of a connection's socket.
//!
//! One SEND is on the wire at a time; while it is, the next train is read and sealed, here or on
//! another core. The order in which packets got their numbers is the order of sending.

use std::collections::VecDeque;
use std::ops::Range;

use super::limits::{
    HEADROOM_BYTES, PATIENT_BYTES_MAX, SEALED_AHEAD_MAX, SEALED_AHEAD_OFFLOAD_MAX,
};
use super::sealing::TrainNumber;
use super::train::{FileRead, Train};
use crate::reactor::{Buffer, BufferPool, Op, OpId, Reactor, Socket, Token};

/// What goes to the socket in its turn.
struct Parcel {
    range: Range<usize>,
    content: Content,
}

impl Parcel {
    fn is_away(&self, number: TrainNumber) -> bool {
        matches!(self.content, Content::Away(own) if own == number)
    }
}

enum Content {
    Here(Buffer),
    /// It is being sealed on another core; what stands behind it waits.
    Away(TrainNumber),
}

#[derive(Default)]
pub(super) struct Outbound {
    sending: Option<OpId>,
    sealed: VecDeque<Parcel>,
    /// A train whose file data is being read.
    pub(super) reading: Option<(Train, FileRead, OpId)>,
    /// A train that is complete and not sealed, since keys are being exchanged or a SEND is behind.
    pub(super) complete: Option<(Train, Buffer)>,
    /// Sealed packets that belong to no train, or to one that was compressed.
    pub(super) control: Vec<u8>,
    /// Bytes handed to the kernel.
    pub(super) bytes_sent: u64,
}

impl Outbound {
    pub(super) fn sending(&self) -> Option<OpId> {
        self.sending
    }

    /// Whether another train may be sealed now.
    pub(super) fn has_room(&self) -> bool {
        let away = self.sealed.iter().any(|it| matches!(it.content, Content::Away(_)));
        self.sealed.len() < if away { SEALED_AHEAD_OFFLOAD_MAX } else { SEALED_AHEAD_MAX }
    }

    /// Whether something that was sealed waits for the socket.
    pub(super) fn has_sealed(&self) -> bool {
        !self.sealed.is_empty()
    }

    /// Whether everything that was sealed has been sent.
    pub(super) fn is_flushed(&self) -> bool {
        self.sending.is_none() && self.sealed.is_empty() && self.control.is_empty()
    }

    /// Whether no operation runs.
    pub(super) fn is_still(&self) -> bool {
        self.sending.is_none() && self.reading.is_none()
    }

    pub(super) fn queue(&mut self, buffer: Buffer, range: Range<usize>) {
        if !range.is_empty() {
            self.sealed.push_back(Parcel { range, content: Content::Here(buffer) });
        }
    }

    /// Keeps the place of a train that is being sealed elsewhere.
    pub(super) fn queue_away(&mut self, number: TrainNumber, range: Range<usize>) {
        self.sealed.push_back(Parcel { range, content: Content::Away(number) });
    }

    /// Whether that train's place is kept.
    pub(super) fn waits_for(&self, number: TrainNumber) -> bool {
        self.sealed.iter().any(|it| it.is_away(number))
    }

    /// A train has come back.
    pub(super) fn came_back(&mut self, number: TrainNumber, buffer: Buffer) {
        if let Some(parcel) = self.sealed.iter_mut().find(|it| it.is_away(number)) {
            parcel.content = Content::Here(buffer);
        }
    }

    /// Moves the control packets to buffers of their own. `false`: no buffer was to be had.
    pub(super) fn queue_control(&mut self, pool: &BufferPool) -> bool {
        while !self.control.is_empty() {
            let buffer =
                if self.control.len() > HEADROOM_BYTES { pool.large() } else { pool.small() };
            let Some(mut buffer) = buffer else { return false };
            let count = self.control.len().min(buffer.len());
            if let (Some(target), Some(source)) =
                (buffer.get_mut(..count), self.control.get(..count))
            {
                target.copy_from_slice(source);
            }
            self.control.drain(..count);
            self.sealed.push_back(Parcel { range: 0..count, content: Content::Here(buffer) });
        }
        true
    }

    /// Hands the next sealed buffer to the socket, if it is free.
    pub(super) fn send(&mut self, reactor: &mut Reactor, socket: &Socket, token: Token) {
        if self.sending.is_some() {
            return;
        }
        match self.sealed.pop_front() {
            Some(Parcel { range, content: Content::Here(buffer) }) => {
                // Nothing waits for a reply to be gone, unless something comes up behind it.
                let patient = range.len() <= PATIENT_BYTES_MAX;
                let op = Op::Send { socket: socket.clone(), buffer, range, patient };
                self.sending = Some(reactor.submit(token, op));
            }
            Some(away) => self.sealed.push_front(away),
            None => {}
        }
    }

    /// Has the end of the running SEND told as soon as it comes, for it is waited for.
    pub(super) fn urge(&self, reactor: &mut Reactor) {
        if let Some(id) = self.sending {
            reactor.urge(id);
        }
    }

    pub(super) fn sent(&mut self, count: usize) {
        self.sending = None;
        self.bytes_sent += count as u64;
    }

    /// Forgets what has not been sent: the socket is gone.
    pub(super) fn drop_sealed(&mut self) {
        self.sealed.clear();
        self.control.clear();
        self.complete = None;
    }
}
