//! Whose turn it is.
//!
//! Connections that move little (logged in, and no bulk of late) all get their turn at once.
//! Those that move much get theirs one by one, and so do those that have not logged in, whose key
//! exchanges cost a millisecond of CPU; in between the shard looks for what has completed. So a
//! STAT waits for a turn or two of such connections and not for one of each, downloads do not wait
//! for all strangers, nor a login for all downloads.

use std::collections::VecDeque;
use std::time::Instant;

use super::limits::HEAVY_TIME;

/// What a connection's next turn is likely to cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Weight {
    Light,
    Heavy,
    /// Not logged in.
    Stranger,
}

/// Whether what last happened then, if ever, counts still.
pub(super) fn was_lately(then: Option<Instant>, now: Instant) -> bool {
    then.is_some_and(|then| now.saturating_duration_since(then) < HEAVY_TIME)
}

/// Slots of connections on which something happened, each at most once.
#[derive(Default)]
pub(super) struct Turns {
    light: VecDeque<usize>,
    heavy: VecDeque<usize>,
    strangers: VecDeque<usize>,
    /// By slot: whether it waits.
    waits: Vec<bool>,
}

impl Turns {
    /// Queues a connection, unless it waits already.
    pub(super) fn add(&mut self, slot: usize, weight: Weight) {
        if self.waits.len() <= slot {
            self.waits.resize(slot + 1, false);
        }
        if let Some(waits) = self.waits.get_mut(slot)
            && !std::mem::replace(waits, true)
        {
            match weight {
                Weight::Light => self.light.push_back(slot),
                Weight::Heavy => self.heavy.push_back(slot),
                Weight::Stranger => self.strangers.push_back(slot),
            }
        }
    }

    /// The connections of this round: all light ones, a heavy one and a stranger. Whether there are
    /// light ones.
    pub(super) fn take_round(&mut self, round: &mut Vec<usize>) -> bool {
        let light = !self.light.is_empty();
        round.extend(self.light.drain(..));
        round.extend(self.heavy.pop_front());
        round.extend(self.strangers.pop_front());
        for slot in round {
            if let Some(waits) = self.waits.get_mut(*slot) {
                *waits = false;
            }
        }
        light
    }

    /// Whether somebody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.light.is_empty() && self.heavy.is_empty() && self.strangers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(turns: &mut Turns) -> Vec<usize> {
        let mut round = Vec::new();
        turns.take_round(&mut round);
        round
    }

    #[test]
    fn the_light_go_first_and_the_others_one_by_one_in_order() {
        let mut turns = Turns::default();
        for (slot, weight) in [(7, Weight::Heavy), (1, Weight::Light), (0, Weight::Heavy)] {
            turns.add(slot, weight);
            turns.add(slot, weight);
        }
        turns.add(2, Weight::Light);
        turns.add(5, Weight::Stranger);
        turns.add(6, Weight::Stranger);
        assert_eq!(round(&mut turns), [1, 2, 7, 5]);
        turns.add(7, Weight::Heavy);
        turns.add(1, Weight::Light);
        assert_eq!(round(&mut turns), [1, 0, 6]);
        assert_eq!(round(&mut turns), [7]);
        assert!(turns.is_empty());
        assert!(round(&mut turns).is_empty());
    }
}
