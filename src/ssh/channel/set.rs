//! The channels of one connection, by our numbers.

use std::collections::BTreeMap;

use super::{Channel, Offer};
use crate::ssh::disconnect::Disconnect;
use crate::ssh::event::ChannelId;

/// A bounded set of channels. Numbers count up, so a late call about a channel that is gone can
/// never reach another one.
#[derive(Debug)]
pub(crate) struct Channels {
    by_id: BTreeMap<u32, Channel>,
    next: u32,
    max: usize,
    window_bytes: u32,
}

impl Channels {
    /// Room for `max` channels whose inbound window is `window_bytes`.
    pub(crate) fn new(max: usize, window_bytes: u32) -> Self {
        Self { by_id: BTreeMap::new(), next: 0, max, window_bytes }
    }

    /// Whether another channel would be one too many.
    pub(crate) fn is_full(&self) -> bool {
        // The last number is never given out, so counting up cannot wrap.
        self.by_id.len() >= self.max || self.next == u32::MAX
    }

    /// Adds a channel we ask for; `None` if there is no room.
    pub(crate) fn open(&mut self) -> Option<ChannelId> {
        let window_bytes = self.window_bytes;
        self.insert(|id| Channel::opening(id, window_bytes))
    }

    /// Adds a channel the peer asks for; `None` if there is no room.
    pub(crate) fn offer(&mut self, offer: Offer) -> Option<ChannelId> {
        let window_bytes = self.window_bytes;
        self.insert(|id| Channel::offered(id, window_bytes, offer))
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
    pub(crate) fn named(&mut self, number: u32) -> Result<&mut Channel, Disconnect> {
        self.by_id
            .get_mut(&number)
            .ok_or_else(|| Disconnect::protocol(format!("there is no channel {number}")))
    }

    /// Forgets a channel.
    pub(crate) fn remove(&mut self, id: ChannelId) -> Option<Channel> {
        self.by_id.remove(&id.0)
    }

    /// The window every channel starts with, as we advertise it.
    pub(crate) fn window_bytes(&self) -> u32 {
        self.window_bytes
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }
}
