//! The receive side of a connection's socket.
//!
//! Bytes land in one contiguous buffer and are opened where they land. An idle connection keeps a
//! small buffer under its RECV, a busy one a large one; which it gets next depends on how much the
//! last RECV brought.

use std::ops::Range;

use super::limits::{LARGE_BUFFER_BYTES, SMALL_BUFFER_BYTES};
use crate::reactor::{Buffer, BufferPool, Op, OpId, Reactor, Socket, Token};

/// A RECV is not armed with less room than this behind what is left of a packet.
const ROOM_BYTES_MIN: usize = LARGE_BUFFER_BYTES / 8;

#[derive(Default)]
pub(super) struct Inbound {
    buffer: Option<Buffer>,
    filled: Range<usize>,
    receiving: Option<OpId>,
    busy: bool,
    /// More bytes waited in the socket when the last RECV completed.
    more: bool,
}

/// No buffer was to be had: try again soon.
pub(super) struct Starved;

impl Inbound {
    pub(super) fn receiving(&self) -> Option<OpId> {
        self.receiving
    }

    /// Whether more bytes waited in the socket when the last RECV completed.
    pub(super) fn more_waits(&self) -> bool {
        self.more
    }

    /// What has arrived and not been consumed.
    pub(super) fn bytes(&mut self) -> (&mut [u8], Range<usize>) {
        let filled = self.filled.clone();
        match self.buffer.as_deref_mut() {
            Some(buffer) => (buffer, filled),
            None => (&mut [], 0..0),
        }
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.filled.start = (self.filled.start + count).min(self.filled.end);
        if self.filled.is_empty() {
            self.filled = 0..0;
        }
    }

    /// A RECV has completed with `count` bytes.
    pub(super) fn received(&mut self, buffer: Buffer, count: usize, more: bool) {
        self.receiving = None;
        self.filled.end += count;
        self.busy = count >= SMALL_BUFFER_BYTES / 2;
        self.more = more;
        self.buffer = Some(buffer);
    }

    /// Submits the next RECV, if none runs. `needed` is the size of the packet in front, or 0.
    pub(super) fn arm(
        &mut self,
        reactor: &mut Reactor,
        pool: &BufferPool,
        socket: &Socket,
        token: Token,
        needed: usize,
    ) -> Result<(), Starved> {
        if self.receiving.is_some() {
            return Ok(());
        }
        let large = self.busy || self.more || needed > SMALL_BUFFER_BYTES;
        let mut buffer = self.buffer_for(pool, large, needed)?;
        let range = self.filled.end..buffer.len();
        if self.filled.start > 0 && range.len() < ROOM_BYTES_MIN.min(buffer.len() / 2) {
            buffer.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        let range = self.filled.end..buffer.len();
        let op = Op::Recv { socket: socket.clone(), buffer, range, poll_first: !self.more };
        self.receiving = Some(reactor.submit(token, op));
        Ok(())
    }

    /// The buffer at hand, or another one if that is too small or larger than need be.
    fn buffer_for(
        &mut self,
        pool: &BufferPool,
        large: bool,
        needed: usize,
    ) -> Result<Buffer, Starved> {
        let fits = self.buffer.as_ref().is_some_and(|buffer| {
            let is_large = buffer.len() > SMALL_BUFFER_BYTES;
            let right = if self.filled.is_empty() { is_large == large } else { is_large || !large };
            right && needed <= buffer.len() && self.filled.len() < buffer.len()
        });
        if fits && let Some(buffer) = self.buffer.take() {
            return Ok(buffer);
        }
        let large = large || self.filled.len() >= SMALL_BUFFER_BYTES;
        let mut next = if large { pool.large() } else { pool.small() }.ok_or(Starved)?;
        if let Some(old) = self.buffer.take() {
            let rest = old.get(self.filled.clone()).unwrap_or_default();
            if let Some(target) = next.get_mut(..rest.len()) {
                target.copy_from_slice(rest);
            }
            self.filled = 0..self.filled.len();
        }
        Ok(next)
    }
}
