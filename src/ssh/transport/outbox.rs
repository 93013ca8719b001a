//! Messages that wait to be sealed, in order, and those held back by a key exchange.

use crate::ssh::limits::QUEUE_BYTES_MAX;

/// What keeping a message costs besides its payload.
const MESSAGE_BYTES: usize = size_of::<usize>();

/// Messages one after another in one buffer, so that a small message costs no allocation.
#[derive(Default, Debug)]
struct Queue {
    bytes: Vec<u8>,
    lengths: std::collections::VecDeque<usize>,
    /// Where the first message starts.
    start: usize,
}

impl Queue {
    fn push(&mut self, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        self.lengths.push_back(payload.len());
    }

    fn front(&self) -> Option<&[u8]> {
        self.bytes.get(self.start..self.start + self.lengths.front()?)
    }

    fn pop(&mut self) {
        self.start += self.lengths.pop_front().unwrap_or_default();
        if self.lengths.is_empty() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Counts what a message costs, not only what it says: a peer can make us answer with a
    /// million messages of one byte.
    fn waiting(&self) -> usize {
        self.bytes.len() - self.start + self.lengths.len() * MESSAGE_BYTES
    }
}

/// The queue is full.
#[derive(Debug)]
pub(super) struct Full;

/// What is to be sealed now, and what after our NEWKEYS.
#[derive(Default, Debug)]
pub(super) struct Outbox {
    ready: Queue,
    held: Queue,
}

impl Outbox {
    /// Queues a message behind the others.
    pub(super) fn push(&mut self, payload: &[u8]) -> Result<(), Full> {
        self.check(payload)?;
        self.ready.push(payload);
        Ok(())
    }

    /// Queues a message whether the queue is full or not: those of a key exchange, which a peer can
    /// not make us repeat without reading them, and the last one.
    pub(super) fn push_own(&mut self, payload: &[u8]) {
        self.ready.push(payload);
    }

    /// Holds a message back until [`Outbox::release`].
    pub(super) fn hold(&mut self, payload: &[u8]) -> Result<(), Full> {
        self.check(payload)?;
        self.held.push(payload);
        Ok(())
    }

    fn check(&self, payload: &[u8]) -> Result<(), Full> {
        if self.bytes() + payload.len() + MESSAGE_BYTES > QUEUE_BYTES_MAX {
            Err(Full)
        } else {
            Ok(())
        }
    }

    /// Lets what was held go, behind everything that is ready.
    pub(super) fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        let mut start = held.start;
        for length in held.lengths {
            self.ready.push(held.bytes.get(start..start + length).unwrap_or_default());
            start += length;
        }
    }

    /// Forgets what is held.
    pub(super) fn drop_held(&mut self) {
        self.held = Queue::default();
    }

    /// The message to be sealed next.
    pub(super) fn front(&self) -> Option<&[u8]> {
        self.ready.front()
    }

    /// Removes what [`Outbox::front`] gives.
    pub(super) fn pop(&mut self) {
        self.ready.pop();
    }

    /// Everything that waits.
    pub(super) fn bytes(&self) -> usize {
        self.ready.waiting() + self.held.waiting()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outbox: &mut Outbox) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(front) = outbox.front() {
            all.push(front.to_vec());
            outbox.pop();
        }
        all
    }

    #[test]
    fn held_messages_leave_behind_those_that_were_ready() {
        let mut outbox = Outbox::default();
        outbox.push(b"one").unwrap();
        outbox.hold(b"three").unwrap();
        outbox.hold(b"four").unwrap();
        outbox.push(b"two").unwrap();
        assert_eq!(outbox.bytes(), 15 + 4 * MESSAGE_BYTES);
        assert_eq!(drain(&mut outbox), [b"one".to_vec(), b"two".to_vec()]);
        outbox.push(b"two and a half").unwrap();
        outbox.release();
        outbox.push(b"five").unwrap();
        let rest: Vec<_> = drain(&mut outbox);
        assert_eq!(rest.concat(), b"two and a halfthreefourfive");
        assert_eq!(rest.len(), 4);
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn both_queues_share_one_bound() {
        let mut outbox = Outbox::default();
        outbox.push(&vec![0; QUEUE_BYTES_MAX - 10 - 2 * MESSAGE_BYTES]).unwrap();
        outbox.hold(&[0; 10]).unwrap();
        assert!(outbox.hold(&[0]).is_err());
        assert!(outbox.push(&[0]).is_err());
        outbox.drop_held();
        outbox.push(&[0; 10]).unwrap();
        outbox.pop();
        assert_eq!(outbox.bytes(), 10 + MESSAGE_BYTES);
    }

    #[test]
    fn the_smallest_messages_are_bounded_too() {
        let mut outbox = Outbox::default();
        let taken = (0..QUEUE_BYTES_MAX).take_while(|_| outbox.hold(&[82]).is_ok()).count();
        assert_eq!(taken, QUEUE_BYTES_MAX / (1 + MESSAGE_BYTES));
    }
}
