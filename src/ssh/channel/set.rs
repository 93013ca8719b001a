//! The channels of one connection, by our numbers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Channel, Offer, WindowRules};
use crate::ssh::disconnect::Disconnect;
use crate::ssh::event::ChannelId;

/// A bounded set of channels. Numbers count up, so a late call about a channel that is gone can
/// never reach another one.
#[derive(Debug)]
pub(crate) struct Channels {
    by_id: BTreeMap<u32, Channel>,
    next: u32,
    rules: ChannelRules,
}

/// What holds for every channel of a connection.
#[derive(Debug)]
pub(crate) struct ChannelRules {
    /// Channels at a time.
    pub(crate) max: usize,
    /// The inbound window of each.
    pub(crate) window: WindowRules,
    /// Kinds the peer may ask for.
    pub(crate) kinds: Vec<&'static str>,
    /// Time the peer has to answer when we ask.
    pub(crate) open_timeout: Option<Duration>,
}

impl Channels {
    /// Room for as many channels as the rules say.
    pub(crate) fn new(rules: ChannelRules) -> Self {
        Self { by_id: BTreeMap::new(), next: 0, rules }
    }

    /// The kind by this name, if the peer may ask for it.
    pub(crate) fn kind(&self, name: &[u8]) -> Option<&'static str> {
        self.rules.kinds.iter().copied().find(|kind| kind.as_bytes() == name)
    }

    /// Whether another channel would be one too many.
    pub(crate) fn is_full(&self) -> bool {
        // The last number is never given out, so counting up cannot wrap.
        self.by_id.len() >= self.rules.max || self.next == u32::MAX
    }

    /// Adds a channel we ask for now; `None` if there is no room.
    pub(crate) fn open(&mut self, now: Instant) -> Option<ChannelId> {
        let window = self.rules.window.clone();
        let answer_by = self.rules.open_timeout.and_then(|timeout| now.checked_add(timeout));
        self.insert(|id| Channel::opening(id, &window, Some(now), answer_by))
    }

    /// When the next of our requests must have been answered.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.by_id.values().filter_map(Channel::answer_by).min()
    }

    /// Gives up one channel whose answer is overdue at `now`.
    pub(crate) fn abandon_overdue(&mut self, now: Instant) -> Option<ChannelId> {
        let late = |channel: &&mut Channel| channel.answer_by().is_some_and(|at| at <= now);
        let channel = self.by_id.values_mut().find(late)?;
        channel.abandon();
        Some(channel.id())
    }

    /// Adds a channel the peer asks for; `None` if there is no room.
    pub(crate) fn offer(&mut self, offer: Offer) -> Option<ChannelId> {
        let window = self.rules.window.clone();
        self.insert(|id| Channel::offered(id, &window, offer))
    }

    fn insert(&mut self, make: impl FnOnce(ChannelId) -> Channel) -> Option<ChannelId> {
        if self.is_full() {
            return None;
        }
        let id = ChannelId(self.next);
        self.next += 1;
        self.by_id.insert(id.0, make(id));
        Some(id)
    }

    /// A channel by our number.
    pub(crate) fn get(&self, id: ChannelId) -> Option<&Channel> {
        self.by_id.get(&id.0)
    }

    /// A channel by our number.
    pub(crate) fn get_mut(&mut self, id: ChannelId) -> Option<&mut Channel> {
        self.by_id.get_mut(&id.0)
    }

    /// The channel a message of the peer is about, which must exist.
    pub(crate) fn named(&mut self, now: Instant, number: u32) -> Result<&mut Channel, Disconnect> {
        let channel = self.by_id.get_mut(&number);
        let channel =
            channel.ok_or_else(|| Disconnect::protocol(format!("there is no channel {number}")))?;
        channel.named(now);
        Ok(channel)
    }

    /// Whether a channel had this number and is gone.
    pub(crate) fn is_past(&self, number: u32) -> bool {
        number < self.next && !self.by_id.contains_key(&number)
    }

    /// Forgets a channel.
    pub(crate) fn remove(&mut self, id: ChannelId) -> Option<Channel> {
        self.by_id.remove(&id.0)
    }

    /// The window every channel starts with, as we advertise it.
    pub(crate) fn window_bytes(&self) -> u32 {
        self.rules.window.start
    }

    /// No window of a channel to come grows past `bytes`.
    pub(crate) fn limit_windows(&mut self, bytes: u32) {
        self.rules.window.max = self.rules.window.max.min(bytes);
    }

    /// All windows go back to their start size as the peer uses them up.
    pub(crate) fn shrink_windows(&mut self) {
        for channel in self.by_id.values_mut() {
            channel.shrink_window();
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }
}
