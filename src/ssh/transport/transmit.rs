//! The sending half: sealing what is queued, and frames of the caller's.

use std::time::Instant;

use super::Transport;
use crate::ssh::disconnect::{Disconnect, DisconnectReason};
use crate::ssh::numbers::{NEWKEYS, USERAUTH_REQUEST, allowed_in_key_exchange};
use crate::ssh::packet::{FrameShape, Laid, SealError, SealJob};
use crate::ssh::trace::PacketRecord;

impl Transport {
    /// Appends everything that can be sent to `out`: our identification line, then the queued
    /// messages as sealed packets. A large payload is copied once, from the queue to its packet.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) {
        self.now = now;
        if !self.ident_sent {
            out.extend_from_slice(self.info.ident.as_bytes());
            out.extend_from_slice(b"\r\n");
            self.ident_sent = true;
        }
        let timeout = self.config.kex_timeout;
        if self.ident.is_none()
            && let Some(exchange) = &mut self.exchange
        {
            exchange.resume_clock(now, timeout);
        }
        self.rekey_if_due();
        while let Some(payload) = self.outbox.front() {
            let number = payload.first().copied().unwrap_or_default();
            if let Some(trace) = &mut self.trace {
                trace(&PacketRecord::new(true, self.sealer.sequence(), payload));
            }
            let sealed = self.sealer.append(&mut *self.random, out, payload);
            self.outbox.pop();
            match sealed {
                Ok(bytes) => self.sent(number, bytes),
                Err(error) => return self.sealing_failed(error),
            }
        }
    }

    /// Seals a frame of the caller's in place: 5 bytes of gap, `payload_len` bytes of payload, and
    /// a gap for padding and tag,
    /// [`FrameShape::frame_bytes`](crate::ssh::FrameShape::frame_bytes) in
    /// all. The frame takes the next sequence number, so it must be sent before anything that is
    /// sealed after it.
    ///
    /// # Errors
    /// [`SealError::Shape`] when the frame is not laid out for the present cipher,
    /// [`SealError::Rekeying`] while [`Transport::data_shape`] is `None`,
    /// [`SealError::Compressed`] while [`Transport::compresses`], [`SealError::Closed`].
    pub fn seal_frame(&mut self, frame: &mut [u8], payload_len: usize) -> Result<(), SealError> {
        self.check_frames()?;
        if self.compresses() {
            return Err(SealError::Compressed);
        }
        let end = FrameShape::PAYLOAD_AT + payload_len;
        let payload = frame.get(FrameShape::PAYLOAD_AT..end).unwrap_or_default();
        self.trace_sent(self.sealer.sequence(), payload);
        let sealed = self.sealer.seal(&mut *self.random, frame, payload_len);
        self.frame_sealed(sealed.map(|()| frame.len()))
    }

    /// Prepares frames of `buffer`, laid out as for [`Transport::seal_frame`], to be sealed
    /// elsewhere. `None` where the cipher cannot, or what is sent is compressed.
    ///
    /// # Errors
    /// As [`Transport::seal_frame`]; nothing has happened then.
    pub(crate) fn seal_apart(
        &mut self,
        buffer: &mut [u8],
        frames: &[Laid],
    ) -> Option<Result<SealJob, SealError>> {
        if let Err(error) = self.check_frames() {
            return Some(Err(error));
        }
        if self.compresses() {
            return None;
        }
        let first = self.sealer.sequence();
        let job = self.sealer.seal_apart(&mut *self.random, buffer, frames)?;
        if job.is_ok() {
            for (laid, number) in frames.iter().zip(0..) {
                self.peer_budget.earn();
                self.count_sent(laid.place.len());
                let start = laid.place.start + FrameShape::PAYLOAD_AT;
                let payload = buffer.get(start..start + laid.payload_len).unwrap_or_default();
                self.trace_sent(first.wrapping_add(number), payload);
            }
        }
        Some(job)
    }

    /// As [`Transport::seal_frame`], but the sealed packet is appended to `out`, whatever its
    /// length becomes: what compresses has no place of its own.
    ///
    /// # Errors
    /// [`SealError::Rekeying`], [`SealError::Closed`].
    pub fn append_frame(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        self.check_frames()?;
        self.trace_sent(self.sealer.sequence(), payload);
        let sealed = self.sealer.append(&mut *self.random, out, payload);
        self.frame_sealed(sealed)
    }

    fn check_frames(&self) -> Result<(), SealError> {
        if self.closed || self.failure.is_some() {
            return Err(SealError::Closed);
        }
        if self.data_shape().is_none() { Err(SealError::Rekeying) } else { Ok(()) }
    }

    fn trace_sent(&mut self, sequence: u32, payload: &[u8]) {
        if let Some(trace) = &mut self.trace {
            trace(&PacketRecord::new(true, sequence, payload));
        }
    }

    fn frame_sealed(&mut self, sealed: Result<usize, SealError>) -> Result<(), SealError> {
        match sealed {
            Ok(bytes) => {
                self.peer_budget.earn();
                self.count_sent(bytes);
            }
            Err(SealError::Closed) => self.sealing_failed(SealError::Closed),
            Err(_) => {}
        }
        sealed.map(drop)
    }

    fn sent(&mut self, number: u8, bytes: usize) {
        self.count_sent(bytes);
        if !allowed_in_key_exchange(number) {
            self.peer_budget.earn();
        }
        let started = if number == NEWKEYS
            && let Some(next) = self.next_seal.take()
        {
            self.sealer.change(next.cipher, self.info.strict);
            self.sent_allowance = next.allowance;
            self.info.sent.sequence = self.sealer.sequence();
            self.compress_under_new_keys()
        } else {
            self.note_login_sent(number)
        };
        self.login_begun |= number == USERAUTH_REQUEST;
        if let Err(end) = started.and_then(|()| self.check_keys()) {
            self.failure.get_or_insert(end);
        }
    }

    fn count_sent(&mut self, bytes: usize) {
        self.info.sent.packets += 1;
        self.info.sent.bytes += bytes as u64;
        self.info.sent.sequence = self.sealer.sequence();
    }

    fn sealing_failed(&mut self, error: SealError) {
        self.failure.get_or_insert_with(|| {
            let text = format!("a packet could not be sealed: {error}");
            Disconnect::new(DisconnectReason::ByApplication, text)
        });
    }
}
