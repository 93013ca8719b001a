//! One channel (RFC 4254 5): its life, both windows, end of file and close in every order.
//!
//! Owns what a channel may send and must accept. Knows nothing of packets, keys or authentication:
//! it answers questions about bytes and states, and [`Connection`](super::Connection) writes the
//! messages. Invariant: neither side's window ever wraps, and a byte of window is in one place.
//!
//! ```text
//!     open_session()                       CHANNEL_OPEN
//!           |                                   |
//!           v                                   v
//!        Opening --FAILURE--> gone   gone <--refused-- Offered
//!           |  |                                |
//!           |  '--too late--> Abandoned --CONFIRMATION: we CLOSE--> Closing
//!           |                                   |
//!      CONFIRMATION                          accepted
//!           |                                   |
//!           '--------------> Open <-------------'      either half may end before: sent_eof,
//!                             |  |                     received_eof, in any order or not at all
//!                 we CLOSE    |  |    peer CLOSEs: we answer CLOSE at once
//!                             v  '-----------------------------.
//!                          Closing --------peer CLOSEs------> gone
//! ```

mod budget;
mod inbound;
pub(crate) mod messages;
mod rate;
mod set;
mod window;

use std::time::Instant;

pub use budget::WindowBudget;
use inbound::InboundWindow;
pub(crate) use inbound::WindowRules;
pub(crate) use set::{ChannelRules, Channels};
use window::OutboundWindow;

use super::connection::limits::REPLIES_AWAITED_MAX;
use super::disconnect::Disconnect;
use super::event::ChannelId;

/// Where a channel is in its life; "gone" has no value, the channel is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// We asked; the peer has not answered.
    Opening,
    /// We asked and told the application that no answer came; one may still come.
    Abandoned,
    /// The peer asked; the application has not decided.
    Offered,
    /// Both sides agreed.
    Open,
    /// We sent CLOSE; what the peer still sends is counted and dropped until its CLOSE.
    Closing,
}

/// What to do with data that arrived in order and within its window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// Hand it to the application.
    Deliver,
    /// We closed the channel already: nobody wants it.
    Drop,
}

/// What a confirmation is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Confirmed {
    /// The channel is open.
    Open,
    /// It came too late: close the channel again.
    TooLate,
}

/// One channel.
#[derive(Debug)]
pub(crate) struct Channel {
    id: ChannelId,
    /// The peer's number for it; not valid while Opening.
    peer: u32,
    stage: Stage,
    sent_eof: bool,
    received_eof: bool,
    inbound: InboundWindow,
    outbound: OutboundWindow,
    /// When the peer was told our number, until it has used it.
    told: Option<Instant>,
    replies_awaited: u32,
    /// When the peer must have answered, while Opening.
    answer_by: Option<Instant>,
    /// The application was told that the channel failed and hears no more of it.
    forgotten: bool,
    /// Data was queued and may not be sealed yet, so no frame may overtake it.
    queued: bool,
}

impl Channel {
    /// A channel we ask for at `told`.
    pub(crate) fn opening(
        id: ChannelId,
        window: &WindowRules,
        told: Option<Instant>,
        answer_by: Option<Instant>,
    ) -> Self {
        Self {
            id,
            peer: 0,
            stage: Stage::Opening,
            sent_eof: false,
            received_eof: false,
            inbound: InboundWindow::new(window),
            outbound: OutboundWindow::default(),
            told,
            replies_awaited: 0,
            answer_by,
            forgotten: false,
            queued: false,
        }
    }

    /// A channel the peer asks for.
    pub(crate) fn offered(id: ChannelId, window: &WindowRules, offer: Offer) -> Self {
        let mut channel = Self::opening(id, window, None, None);
        channel.peer = offer.peer;
        channel.outbound = OutboundWindow::new(offer.window, offer.packet_max);
        channel.stage = Stage::Offered;
        channel
    }

    /// Our number.
    pub(crate) fn id(&self) -> ChannelId {
        self.id
    }

    /// The peer's number, for the messages we send.
    pub(crate) fn peer(&self) -> u32 {
        self.peer
    }

    /// The application agreed to a channel the peer offered; the peer is told at `now`.
    pub(crate) fn accept(&mut self, now: Instant) {
        if self.stage == Stage::Offered {
            self.stage = Stage::Open;
            self.told = Some(now);
        }
    }

    /// The peer agreed to a channel we asked for.
    pub(crate) fn confirm(&mut self, offer: Offer) -> Result<Confirmed, Disconnect> {
        let (stage, confirmed) = match self.stage {
            Stage::Opening => (Stage::Open, Confirmed::Open),
            Stage::Abandoned => (Stage::Closing, Confirmed::TooLate),
            _ => return Err(self.wrong("confirmed what it was not asked for")),
        };
        if offer.packet_max == 0 {
            return Err(self.wrong("confirmed with a maximum packet size of 0"));
        }
        self.peer = offer.peer;
        self.outbound = OutboundWindow::new(offer.window, offer.packet_max);
        self.stage = stage;
        self.answer_by = None;
        Ok(confirmed)
    }

    /// When the peer must have answered our request for the channel.
    pub(crate) fn answer_by(&self) -> Option<Instant> {
        self.answer_by
    }

    /// Gives up waiting for the peer's answer.
    pub(crate) fn abandon(&mut self) {
        if self.stage == Stage::Opening {
            self.stage = Stage::Abandoned;
            self.answer_by = None;
            self.forgotten = true;
        }
    }

    /// Whether the application has been told that the channel is no more.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.forgotten
    }

    /// The peer refused a channel we asked for; the caller drops it.
    pub(crate) fn refused(&self) -> Result<(), Disconnect> {
        match self.stage {
            Stage::Opening | Stage::Abandoned => Ok(()),
            _ => Err(self.wrong("refused what it was not asked for")),
        }
    }

    /// The peer has named the channel, which it could not before it was told the number.
    pub(crate) fn named(&mut self, now: Instant) {
        if let Some(told) = self.told.take() {
            self.inbound.round_trip_took(now.saturating_duration_since(told));
        }
    }

    /// Whether the peer may speak about this channel at all.
    pub(crate) fn check_open(&self) -> Result<(), Disconnect> {
        match self.stage {
            Stage::Open | Stage::Closing => Ok(()),
            Stage::Opening | Stage::Abandoned | Stage::Offered => {
                Err(self.wrong("used before it was open"))
            }
        }
    }

    /// `bytes` of data arrived. What is larger than the packet size we advertised but inside the
    /// window is let through: some peers count headers in, some do not.
    pub(crate) fn receive_data(
        &mut self,
        now: Instant,
        bytes: usize,
    ) -> Result<Arrival, Disconnect> {
        self.check_open()?;
        if self.received_eof {
            return Err(self.wrong("sent data after its end of file"));
        }
        if self.inbound.receive(now, bytes).is_none() {
            let left = self.inbound.left();
            return Err(self.wrong(&format!("sent {bytes} bytes into a window of {left}")));
        }
        Ok(match self.stage {
            Stage::Open => Arrival::Deliver,
            _ => Arrival::Drop,
        })
    }

    /// What the peer may have on its way to us, or waiting here, at most.
    pub(crate) fn window_bytes(&self) -> u32 {
        self.inbound.target()
    }

    /// The window goes back to its start size as the peer uses it up.
    pub(crate) fn shrink_window(&mut self) {
        self.inbound.shrink();
    }

    /// The application consumed `bytes`: the grant to send now, if it is time for one.
    pub(crate) fn consume(&mut self, now: Instant, bytes: u32) -> Option<u32> {
        let grant = self.inbound.consume(now, bytes);
        // Nobody grants window to a peer that is done sending.
        if self.received_eof || self.stage != Stage::Open { None } else { grant }
    }

    /// The peer will send no more: whether that is news. A second EOF changes nothing.
    pub(crate) fn receive_eof(&mut self) -> Result<bool, Disconnect> {
        self.check_open()?;
        let news = !self.received_eof && self.stage == Stage::Open;
        self.received_eof = true;
        Ok(news)
    }

    /// The peer is done with the channel, which the caller drops: whether CLOSE must be answered.
    pub(crate) fn receive_close(&mut self) -> Result<bool, Disconnect> {
        self.check_open()?;
        Ok(self.stage == Stage::Open)
    }

    /// The peer granted `bytes`.
    pub(crate) fn receive_adjust(&mut self, bytes: u32) -> Result<(), Disconnect> {
        self.check_open()?;
        match self.outbound.grant(bytes) {
            Some(()) => Ok(()),
            None => Err(self.wrong(&format!("grew its window by {bytes} past 4294967295"))),
        }
    }

    /// Whether data may go out: open, and neither EOF nor CLOSE sent.
    pub(crate) fn is_sendable(&self) -> bool {
        self.stage == Stage::Open && !self.sent_eof
    }

    /// Whether requests and replies may go out.
    pub(crate) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// What the peer's window still takes; 0 once nothing may be sent.
    pub(crate) fn send_window(&self) -> u32 {
        if self.is_sendable() { self.outbound.left() } else { 0 }
    }

    /// Takes window for one packet of at most `wanted` bytes, which is sent at once.
    pub(crate) fn take(&mut self, wanted: usize) -> Option<u32> {
        let taken = self.reserve(wanted)?;
        self.outbound.settle(taken);
        Some(taken)
    }

    /// Takes window for one packet of at most `wanted` bytes, to be settled or released later.
    pub(crate) fn reserve(&mut self, wanted: usize) -> Option<u32> {
        if self.is_sendable() { self.outbound.reserve(wanted) } else { None }
    }

    /// `bytes` that were reserved are sent.
    pub(crate) fn settle(&mut self, bytes: u32) {
        self.outbound.settle(bytes);
    }

    /// `bytes` that were reserved will not be sent.
    pub(crate) fn release(&mut self, bytes: u32) {
        self.outbound.release(bytes);
    }

    /// Data of this channel went into the transport's queue.
    pub(crate) fn mark_queued(&mut self) {
        self.queued = true;
    }

    /// Whether all data queued before has left the queue, given whether that is empty.
    pub(crate) fn clear_queued(&mut self, queue_is_empty: bool) -> bool {
        self.queued &= !queue_is_empty;
        !self.queued
    }

    /// Whether EOF goes out now.
    pub(crate) fn send_eof(&mut self) -> bool {
        let sends = self.is_sendable();
        self.sent_eof |= sends;
        sends
    }

    /// Whether CLOSE goes out now.
    pub(crate) fn send_close(&mut self) -> bool {
        let sends = self.stage == Stage::Open;
        if sends {
            self.stage = Stage::Closing;
        }
        sends
    }

    /// Counts a request of ours that wants an answer; false when too many wait already.
    pub(crate) fn await_reply(&mut self) -> bool {
        let fits = self.replies_awaited < REPLIES_AWAITED_MAX;
        self.replies_awaited += u32::from(fits);
        fits
    }

    /// An answer arrived: whether one was awaited. Others are worth nothing, not even an error.
    pub(crate) fn receive_reply(&mut self) -> bool {
        let awaited = self.replies_awaited > 0;
        self.replies_awaited -= u32::from(awaited);
        awaited
    }

    fn wrong(&self, what: &str) -> Disconnect {
        Disconnect::protocol(format!("channel {}: peer {what}", self.id.0))
    }
}

/// What a side says of itself in CHANNEL_OPEN or in its confirmation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Offer {
    /// Its number for the channel.
    pub(crate) peer: u32,
    /// Bytes it takes before it grants more.
    pub(crate) window: u32,
    /// Bytes of data it takes in one packet.
    pub(crate) packet_max: u32,
}

#[cfg(test)]
mod tests;
