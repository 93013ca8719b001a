//! Replies of one session, in request order, until the socket can take them.
//!
//! A READ waits as a descriptor of 48 bytes, never as a buffer: paramiko asks for a whole file at
//! once. Everything else waits as the bytes of its reply; neighbours share one allocation.

use std::collections::VecDeque;

use super::limits::{READS_QUEUED_MAX, REPLY_BYTES_QUEUED_MAX};
use super::session::Reading;

/// Bytes of a reply block after which the next reply opens a new one.
const BLOCK_BYTES: usize = 32 * 1024;
/// What a block begins with: a STATUS, a HANDLE or ATTRS, without growing three times on the way.
const BLOCK_BYTES_AT_FIRST: usize = 96;

/// A READ that has not been answered.
pub(super) struct ReadReply {
    pub(super) id: u32,
    pub(super) file: Reading,
    pub(super) offset: u64,
    pub(super) len: u32,
    /// The DATA header is on its way with the first part, or there is none (see `bare`); `len`
    /// bytes are owed without fail.
    pub(super) header_sent: bool,
    /// There is no header and never was: zeros are sent for what cannot be read.
    pub(super) bare: bool,
}

pub(super) enum Reply {
    Bytes {
        data: Vec<u8>,
        sent: usize,
    },
    Read(ReadReply),
    /// Its operation runs; the replies behind it wait.
    Waiting,
}

/// Names a [`Reply::Waiting`] until it is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

pub(super) struct Replies {
    queue: VecDeque<Reply>,
    /// Ticket of the front element. It starts far above 0, since what goes back in front may be
    /// more elements than were taken.
    front: u64,
    bytes: usize,
    reads: usize,
}

impl Default for Replies {
    fn default() -> Self {
        Self { queue: VecDeque::new(), front: 1 << 32, bytes: 0, reads: 0 }
    }
}

impl Replies {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether nothing can be sent now: empty, or waiting for an operation.
    pub(super) fn is_blocked(&self) -> bool {
        matches!(self.queue.front(), None | Some(Reply::Waiting))
    }

    /// Whether so much is queued that no further request may be decoded.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= REPLY_BYTES_QUEUED_MAX || self.reads >= READS_QUEUED_MAX
    }

    /// Appends whatever `write` writes.
    pub(super) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some(Reply::Bytes { data, .. }) = self.queue.back_mut()
            && data.len() < BLOCK_BYTES
        {
            let before = data.len();
            write(data);
            self.bytes += data.len().saturating_sub(before);
            return;
        }
        let mut data = Vec::with_capacity(BLOCK_BYTES_AT_FIRST);
        write(&mut data);
        if !data.is_empty() {
            self.bytes += data.len();
            self.queue.push_back(Reply::Bytes { data, sent: 0 });
        }
    }

    pub(super) fn push_read(&mut self, read: ReadReply) {
        self.reads += 1;
        self.queue.push_back(Reply::Read(read));
    }

    pub(super) fn push_waiting(&mut self) -> Ticket {
        let ticket = Ticket(self.front + self.queue.len() as u64);
        self.queue.push_back(Reply::Waiting);
        ticket
    }

    /// Puts the reply in the place that `ticket` kept.
    pub(super) fn settle(&mut self, ticket: Ticket, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(index) = ticket.0.checked_sub(self.front) else { return };
        let Some(slot @ Reply::Waiting) =
            usize::try_from(index).ok().and_then(|index| self.queue.get_mut(index))
        else {
            return;
        };
        let mut data = Vec::with_capacity(BLOCK_BYTES_AT_FIRST);
        write(&mut data);
        self.bytes += data.len();
        *slot = Reply::Bytes { data, sent: 0 };
    }

    pub(super) fn pop_front(&mut self) -> Option<Reply> {
        let reply = self.queue.pop_front()?;
        self.front += 1;
        match &reply {
            Reply::Bytes { data, sent } => {
                self.bytes = self.bytes.saturating_sub(data.len() - sent)
            }
            Reply::Read(_) => self.reads = self.reads.saturating_sub(1),
            Reply::Waiting => {}
        }
        Some(reply)
    }

    /// Puts back in front what was popped, or what is left of it.
    pub(super) fn push_front(&mut self, reply: Reply) {
        match &reply {
            Reply::Bytes { data, sent } => self.bytes += data.len().saturating_sub(*sent),
            Reply::Read(_) => self.reads += 1,
            Reply::Waiting => {}
        }
        self.front = self.front.saturating_sub(1);
        self.queue.push_front(reply);
    }

    /// Puts bytes in front that were laid into a train and could not be sent so.
    pub(super) fn push_front_bytes(&mut self, data: Vec<u8>) {
        if !data.is_empty() {
            self.push_front(Reply::Bytes { data, sent: 0 });
        }
    }

    #[cfg(test)]
    pub(super) fn queued_bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(reply: Option<Reply>) -> Vec<u8> {
        match reply {
            Some(Reply::Bytes { data, sent }) => data[sent..].to_vec(),
            _ => panic!("no bytes"),
        }
    }

    #[test]
    fn replies_leave_in_the_order_of_their_requests_whenever_they_are_settled() {
        let mut replies = Replies::default();
        replies.push_with(|out| out.extend(b"1"));
        let second = replies.push_waiting();
        let third = replies.push_waiting();
        replies.push_with(|out| out.extend(b"4"));
        replies.settle(third, |out| out.extend(b"3"));
        assert_eq!(bytes(replies.pop_front()), b"1");
        assert!(replies.is_blocked());
        replies.settle(second, |out| out.extend(b"2"));
        assert_eq!(bytes(replies.pop_front()), b"2");
        assert_eq!(bytes(replies.pop_front()), b"3");
        assert_eq!(bytes(replies.pop_front()), b"4");
        assert_eq!(replies.queued_bytes(), 0);
    }

    #[test]
    fn neighbours_share_a_block_and_what_is_put_back_keeps_tickets_valid() {
        let mut replies = Replies::default();
        replies.push_with(|out| out.extend(b"ab"));
        replies.push_with(|out| out.extend(b"cd"));
        let ticket = replies.push_waiting();
        let Some(Reply::Bytes { data, .. }) = replies.pop_front() else { panic!("no bytes") };
        assert_eq!(data, b"abcd");
        replies.push_front(Reply::Bytes { data, sent: 3 });
        assert_eq!(replies.queued_bytes(), 1);
        replies.settle(ticket, |out| out.extend(b"e"));
        assert_eq!(bytes(replies.pop_front()), b"d");
        assert_eq!(bytes(replies.pop_front()), b"e");
    }

    #[test]
    fn writing_nothing_queues_nothing() {
        let mut replies = Replies::default();
        replies.push_with(|_| {});
        assert!(replies.is_empty());
    }

    #[test]
    fn a_queue_over_its_bound_says_so() {
        let mut replies = Replies::default();
        replies.push_with(|out| out.resize(REPLY_BYTES_QUEUED_MAX, 0));
        assert!(replies.is_full());
        replies.pop_front();
        assert!(!replies.is_full());
    }
}
