//! Uploads that are taken in larger pieces.
//!
//! A client that is slower than its shard wakes it for every packet, and a core that has to be
//! woken costs more than what it then does. So where a client sends far ahead, the shard sleeps on
//! for a moment when the first bytes have come. It must not do so to a client that waits for
//! answers before it sends on: such a one is known by having sent nothing behind the WRITEs of a
//! turn.

use super::limits::{GATHER_AHEAD_BYTES_MIN, GATHER_BYTES_MIN};

/// What a connection's turns have brought.
#[derive(Default)]
pub(super) struct Gathering {
    sends_ahead: bool,
    pays: bool,
    received: u64,
}

impl Gathering {
    /// A turn is over, in which the client was seen to have sent `ahead` bytes of WRITEs behind
    /// another that it has no answer to; so far it has sent `received` bytes.
    pub(super) fn turn_over(&mut self, ahead: u64, received: u64) {
        let new = received - std::mem::replace(&mut self.received, received);
        self.sends_ahead |= ahead >= GATHER_AHEAD_BYTES_MIN;
        self.pays = self.sends_ahead && new >= GATHER_BYTES_MIN;
    }

    /// Whether what comes next may lie in the socket for a moment.
    pub(super) fn pays(&self) -> bool {
        self.pays
    }
}

/// Whether all connections that had a turn since the shard slept may be kept waiting.
#[derive(Default)]
pub(super) struct Turned(Option<bool>);

impl Turned {
    pub(super) fn note(&mut self, gathers: bool) {
        self.0 = Some(gathers && self.0.unwrap_or(true));
    }

    /// Forgets them.
    pub(super) fn take(&mut self) -> bool {
        self.0.take().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_client_that_sends_ahead_is_kept_waiting() {
        let (ahead, much) = (GATHER_AHEAD_BYTES_MIN, GATHER_BYTES_MIN);
        let mut gathering = Gathering::default();
        let mut received = 0;
        let mut turn = |ahead, new| {
            received += new;
            gathering.turn_over(ahead, received);
            gathering.pays()
        };
        assert!(!turn(0, 10 * much), "one long WRITE, and it waits for the answer");
        assert!(!turn(ahead - 1, 10 * much), "a few short ones");
        assert!(turn(ahead, 10 * much));
        assert!(turn(0, much), "in the midst of a WRITE");
        assert!(!turn(0, much - 1), "it or its network is slow");
        assert!(!turn(0, 0));
        assert!(turn(0, much));
    }

    #[test]
    fn whoever_else_had_a_turn_counts() {
        let mut turned = Turned::default();
        assert!(!turned.take(), "nobody");
        turned.note(true);
        turned.note(true);
        assert!(turned.take());
        for order in [[true, false], [false, true]] {
            order.into_iter().for_each(|gathers| turned.note(gathers));
            assert!(!turned.take(), "{order:?}");
        }
        turned.note(true);
        assert!(turned.take(), "what was before is forgotten");
    }
}
