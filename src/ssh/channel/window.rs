//! Flow control (RFC 4254 5.2): what each side may still send.

use crate::ssh::connection::limits::{DATA_BYTES_MAX, GRANT_SHARE};

/// What the peer may still send us. Invariant: `left + taken + credit == target`, so a grant can
/// never carry the peer's window past the size we chose.
#[derive(Debug)]
pub(crate) struct InboundWindow {
    target: u32,
    /// The peer may send so much.
    left: u32,
    /// The application has not consumed so much.
    taken: u32,
    /// Consumed, not granted again yet.
    credit: u32,
}

impl InboundWindow {
    pub(crate) fn new(target: u32) -> Self {
        Self { target, left: target, taken: 0, credit: 0 }
    }

    pub(crate) fn left(&self) -> u32 {
        self.left
    }

    /// `bytes` arrived; `None` if the peer had no right to send them.
    pub(crate) fn receive(&mut self, bytes: usize) -> Option<()> {
        let bytes = u32::try_from(bytes).ok()?;
        self.left = self.left.checked_sub(bytes)?;
        self.taken += bytes;
        Some(())
    }

    /// The application is done with `bytes` (what never arrived is not counted): the grant to send
    /// once an eighth of the window has come together.
    pub(crate) fn consume(&mut self, bytes: u32) -> Option<u32> {
        let bytes = bytes.min(self.taken);
        self.taken -= bytes;
        self.credit += bytes;
        if self.credit < (self.target / GRANT_SHARE).max(1) {
            return None;
        }
        let grant = std::mem::take(&mut self.credit);
        self.left += grant;
        Some(grant)
    }
}

/// What we may still send the peer. Invariant: `left + reserved` fits 32 bits, so a reservation
/// can always be given back.
#[derive(Debug, Default)]
pub(crate) struct OutboundWindow {
    left: u32,
    /// Taken for packets that are not sealed yet.
    reserved: u32,
    packet_max: u32,
}

impl OutboundWindow {
    pub(crate) fn new(left: u32, packet_max: u32) -> Self {
        Self { left, reserved: 0, packet_max: packet_max.min(DATA_BYTES_MAX) }
    }

    pub(crate) fn left(&self) -> u32 {
        self.left
    }

    /// The peer granted `bytes`; `None` if its window would pass 2^32-1 (RFC 4254 5.2). Bytes that
    /// are only reserved are still window to the peer.
    pub(crate) fn grant(&mut self, bytes: u32) -> Option<()> {
        let total = self.left.checked_add(self.reserved)?.checked_add(bytes)?;
        self.left = total - self.reserved;
        Some(())
    }

    /// Takes what one packet can carry of `wanted` bytes; `None` rather than an empty packet.
    pub(crate) fn reserve(&mut self, wanted: usize) -> Option<u32> {
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let taken = wanted.min(self.left).min(self.packet_max);
        if taken == 0 {
            return None;
        }
        self.left -= taken;
        self.reserved += taken;
        Some(taken)
    }

    /// Reserved bytes are sent.
    pub(crate) fn settle(&mut self, bytes: u32) {
        self.reserved = self.reserved.saturating_sub(bytes);
    }

    /// Reserved bytes go back to the window.
    pub(crate) fn release(&mut self, bytes: u32) {
        let bytes = bytes.min(self.reserved);
        self.reserved -= bytes;
        self.left += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_granted_an_eighth_at_a_time() {
        let mut window = InboundWindow::new(800);
        assert_eq!(window.receive(300), Some(()));
        assert_eq!(window.consume(99), None);
        assert_eq!(window.consume(1), Some(100));
        assert_eq!(window.left(), 600);
        assert_eq!(window.consume(150), Some(150));
        assert_eq!(window.consume(u32::MAX), None, "only 50 were left to consume");
        assert_eq!(window.receive(750), Some(()));
        assert_eq!(window.receive(1), None, "all of it is used or waits for its grant");
    }

    #[test]
    fn a_window_of_one_byte_still_moves() {
        let mut window = InboundWindow::new(1);
        for _ in 0..100 {
            assert_eq!(window.receive(1), Some(()));
            assert_eq!(window.receive(1), None);
            assert_eq!(window.consume(1), Some(1));
        }
    }

    #[test]
    fn a_length_past_32_bits_is_not_a_short_one() {
        let mut window = InboundWindow::new(u32::MAX);
        assert_eq!(window.receive((u32::MAX as usize) + 2), None);
        assert_eq!(window.left(), u32::MAX);
    }

    #[test]
    fn a_grant_past_32_bits_is_refused_with_bytes_reserved_too() {
        let mut window = OutboundWindow::new(u32::MAX - 10, u32::MAX);
        assert_eq!(window.reserve(1000), Some(1000));
        assert_eq!(window.grant(11), None, "the peer counts the reserved bytes as its window");
        assert_eq!(window.grant(10), Some(()));
        window.release(1000);
        assert_eq!(window.left(), u32::MAX);
        assert_eq!(window.reserve(10), Some(10));
        window.settle(10);
        assert_eq!(window.grant(10), Some(()));
        assert_eq!(window.left(), u32::MAX);
    }

    #[test]
    fn a_packet_takes_what_the_peer_and_we_allow() {
        let mut window = OutboundWindow::new(10, 4);
        assert_eq!(window.reserve(9), Some(4));
        assert_eq!(window.reserve(9), Some(4));
        assert_eq!(window.reserve(9), Some(2));
        assert_eq!(window.reserve(9), None);
        window.release(u32::MAX);
        assert_eq!(window.left(), 10);
        let mut huge = OutboundWindow::new(u32::MAX, u32::MAX);
        assert_eq!(huge.reserve(usize::MAX), Some(DATA_BYTES_MAX));
        assert_eq!(OutboundWindow::new(10, 0).reserve(9), None, "no packets of nothing");
    }
}
