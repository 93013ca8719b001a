//! Flow control (RFC 4254 5.2): what we may still send. What the peer may, is `inbound`'s.

use crate::ssh::connection::limits::DATA_BYTES_MAX;

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
