//! Receive, open, write: what one system call gives is opened where it lies and written by one.

use std::fs::File;
use std::io::IoSlice;
use std::net::TcpStream;

use rustix::io::{Errno, pwritev};
use rustix::net::RecvFlags;

use super::packet::{Keyed, Layout, PAYLOAD_AT, PAYLOAD_BYTES};
use crate::Outcome;
use crate::load::session::silence;

/// What is received at once: 15 full packets, as the server's buffer holds.
const BUFFER_BYTES: usize = 512 * 1024;

/// The input, and how far it has come.
struct Inbound {
    buffer: Vec<u8>,
    filled: usize,
    layout: Layout,
    sequence: u32,
    /// Bytes of the packet at the front, once its length is known. It may be asked for only once.
    front: Option<usize>,
}

/// Receives packets until `bytes` of payload have come, and writes them to `file`.
pub(super) fn receive(from: &TcpStream, bytes: u64, keyed: Keyed, file: &File) -> Outcome<()> {
    let mut opener = keyed.open()?;
    let layout = keyed.layout();
    let buffer = vec![0; BUFFER_BYTES];
    let mut inbound = Inbound { buffer, filled: 0, layout, sequence: 0, front: None };
    let (mut wire_left, mut offset) = (layout.wire_bytes(bytes), 0);
    while offset < bytes {
        wire_left -= inbound.fill(from, wire_left)?;
        let (mut at, mut pieces) = (0, Vec::new());
        while let Some(packet_bytes) = inbound.front_bytes(at, opener.as_mut())?
            && at + packet_bytes <= inbound.filled
        {
            let packet = &mut inbound.buffer[at..at + packet_bytes];
            opener.open(inbound.sequence, packet)?;
            let padded = packet_bytes - layout.tag_bytes() - PAYLOAD_AT;
            let payload_bytes = padded.checked_sub(usize::from(packet[4])).ok_or("padding")?;
            pieces.push(at + PAYLOAD_AT..at + PAYLOAD_AT + payload_bytes);
            inbound.sequence = inbound.sequence.wrapping_add(1);
            inbound.front = None;
            at += packet_bytes;
        }
        let slices: Vec<_> =
            pieces.iter().map(|piece| IoSlice::new(&inbound.buffer[piece.clone()])).collect();
        let payload_bytes = slices.iter().map(|slice| slice.len()).sum::<usize>();
        let written = pwritev(file, &slices, offset)?;
        if written != payload_bytes {
            return Err(
                format!("{written} bytes of {payload_bytes} written: is the disk full?").into()
            );
        }
        offset += written as u64;
        inbound.buffer.copy_within(at..inbound.filled, 0);
        inbound.filled -= at;
    }
    Ok(())
}

impl Inbound {
    /// Receives until the buffer is full or `wire_left` bytes have come; waking up more often
    /// costs more.
    fn fill(&mut self, from: &TcpStream, wire_left: u64) -> Outcome<u64> {
        let room = self.buffer.len() - self.filled;
        let wanted = usize::try_from(wire_left).unwrap_or(usize::MAX).min(room);
        let room = &mut self.buffer[self.filled..self.filled + wanted];
        let got = match rustix::net::recv(from, room, RecvFlags::WAITALL) {
            Err(Errno::INTR) => 0,
            Ok((_, 0)) => return Err("the client went away".into()),
            got => got.map_err(|error| silence(error.into()))?.1,
        };
        self.filled += got;
        Ok(got as u64)
    }

    /// Bytes of the packet at `at`, once its length has come.
    fn front_bytes(
        &mut self,
        at: usize,
        opener: &mut dyn ringferry::crypto::PacketOpen,
    ) -> Outcome<Option<usize>> {
        let input = &self.buffer[at..self.filled];
        if self.front.is_none() && input.len() >= opener.header_bytes() {
            let length = opener.packet_length(self.sequence, input)? as usize;
            let packet_bytes = 4 + length + self.layout.tag_bytes();
            if packet_bytes > self.layout.packet_bytes(PAYLOAD_BYTES) {
                return Err(format!("a packet of {packet_bytes} bytes").into());
            }
            self.front = Some(packet_bytes);
        }
        Ok(self.front)
    }
}
