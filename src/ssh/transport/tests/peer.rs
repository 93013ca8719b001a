//! What a peer that breaks the rules needs: one message at a time, and any message at any time.

use super::super::Transport;
use super::super::exchange::Exchange;
use crate::ssh::numbers::NEWKEYS;

impl Transport {
    /// Our identification line alone.
    pub(crate) fn transmit_ident(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.info.ident.as_bytes());
        out.extend_from_slice(b"\r\n");
        self.ident_sent = true;
    }

    /// The message that is to be sealed next.
    pub(crate) fn front(&self) -> Option<&[u8]> {
        self.outbox.front()
    }

    /// Seals the front message alone.
    pub(crate) fn transmit_one(&mut self, out: &mut Vec<u8>) {
        let payload = self.outbox.front().expect("a message waits").to_vec();
        self.outbox.pop();
        self.seal_now(&payload, out);
        if payload[0] == NEWKEYS {
            let cipher = self.next_seal.take().expect("the keys are there").cipher;
            self.sealer.change(cipher, self.info.strict);
        }
    }

    /// Seals `payload` at once, whatever waits and whether it may come.
    pub(crate) fn seal_now(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        self.sealer.append(&mut *self.random, out, payload).unwrap();
    }

    /// Whether an exchange runs and the peer is in it, for a comparison before and after.
    pub(crate) fn shown_state(&self) -> String {
        format!("{:?}", self.exchange.as_ref().map(Exchange::binds_peer))
    }
}
