//! Deadlines by token: at most one each, the earliest first.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::op::Token;

/// One deadline a token. Setting, clearing and taking cost O(log n) and leave nothing behind, so a
/// connection that moves its deadline on every packet does not grow the set.
#[derive(Default, Debug)]
pub struct Timers {
    by_token: HashMap<Token, Instant>,
    by_time: BTreeSet<(Instant, Token)>,
}

impl Timers {
    /// No deadlines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the deadline of `token`, in place of an earlier one.
    pub fn set(&mut self, token: Token, deadline: Instant) {
        match self.by_token.insert(token, deadline) {
            Some(old) if old == deadline => return,
            Some(old) => {
                self.by_time.remove(&(old, token));
            }
            None => {}
        }
        self.by_time.insert((deadline, token));
    }

    /// Forgets the deadline of `token`, if it has one.
    pub fn clear(&mut self, token: Token) {
        if let Some(old) = self.by_token.remove(&token) {
            self.by_time.remove(&(old, token));
        }
    }

    /// Sets or clears, for callers that hold an `Option`.
    pub fn update(&mut self, token: Token, deadline: Option<Instant>) {
        match deadline {
            Some(deadline) => self.set(token, deadline),
            None => self.clear(token),
        }
    }

    /// The earliest deadline: what to pass to [`super::Reactor::wait`].
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(deadline, _)| *deadline)
    }

    /// Takes the earliest deadline that is not after `now`; call it until it answers `None`.
    pub fn next_expired(&mut self, now: Instant) -> Option<Token> {
        let (deadline, token) = *self.by_time.first()?;
        if deadline > now {
            return None;
        }
        self.by_time.pop_first();
        self.by_token.remove(&token);
        Some(token)
    }

    /// How many tokens have a deadline.
    pub fn len(&self) -> usize {
        self.by_token.len()
    }

    /// Whether no token has a deadline.
    pub fn is_empty(&self) -> bool {
        self.by_token.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn expire_in_order_of_time_and_only_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::new();
        timers.set(Token(1), at(30));
        timers.set(Token(2), at(10));
        timers.set(Token(3), at(10));
        timers.set(Token(1), at(5));
        timers.clear(Token(3));
        assert_eq!(timers.next(), Some(at(5)));
        assert_eq!(timers.next_expired(at(4)), None);
        assert_eq!(timers.next_expired(at(10)), Some(Token(1)));
        assert_eq!(timers.next_expired(at(10)), Some(Token(2)));
        assert_eq!(timers.next_expired(at(100)), None);
        assert!(timers.is_empty() && timers.next().is_none());
    }

    #[test]
    fn moving_a_deadline_leaves_nothing_behind() {
        let start = Instant::now();
        let mut timers = Timers::new();
        for ms in 0..10_000 {
            timers.set(Token(7), start + Duration::from_millis(ms % 97));
        }
        assert_eq!((timers.len(), timers.by_time.len()), (1, 1));
        timers.update(Token(7), None);
        assert_eq!((timers.len(), timers.by_time.len()), (0, 0));
    }
}
