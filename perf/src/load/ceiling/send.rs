//! Read, seal, send: a train of packets at a time, filled by one system call and sent by one.

use std::fs::File;
use std::io::{IoSliceMut, Write};

use rustix::io::preadv;

use super::packet::{Keyed, PAYLOAD_AT, PAYLOAD_BYTES};
use crate::Outcome;

/// Packets of a train: 256 KiB, as the server's.
const TRAIN_PACKETS: usize = 8;

/// Sends the first `bytes` of `file` as sealed packets.
pub(super) fn send(file: &File, bytes: u64, keyed: Keyed, to: &mut impl Write) -> Outcome<()> {
    let layout = keyed.layout();
    let mut sealer = keyed.seal()?;
    let full = layout.packet_bytes(PAYLOAD_BYTES);
    let mut train = vec![0; TRAIN_PACKETS * full];
    let (mut sequence, mut offset) = (0_u32, 0);
    while offset < bytes {
        let train_bytes = (bytes - offset).min((TRAIN_PACKETS * PAYLOAD_BYTES) as u64);
        let mut left = usize::try_from(train_bytes)?;
        // Full packets, and a shorter one at the end of the file.
        let mut packets = Vec::with_capacity(TRAIN_PACKETS);
        for packet in train.chunks_exact_mut(full) {
            let payload_bytes = left.min(PAYLOAD_BYTES);
            if payload_bytes > 0 {
                let packet = &mut packet[..layout.packet_bytes(payload_bytes)];
                layout.head(packet, payload_bytes);
                packets.push((packet, payload_bytes));
                left -= payload_bytes;
            }
        }
        read(file, offset, train_bytes, &mut packets)?;
        let mut laid = 0;
        for (packet, _) in packets {
            sealer.seal(sequence, packet)?;
            sequence = sequence.wrapping_add(1);
            laid += packet.len();
        }
        to.write_all(&train[..laid])?;
        offset += train_bytes;
    }
    Ok(())
}

fn read(
    file: &File,
    offset: u64,
    train_bytes: u64,
    packets: &mut [(&mut [u8], usize)],
) -> Outcome<()> {
    let mut gaps: Vec<IoSliceMut<'_>> = Vec::with_capacity(packets.len());
    for (packet, payload_bytes) in packets {
        gaps.push(IoSliceMut::new(&mut packet[PAYLOAD_AT..PAYLOAD_AT + *payload_bytes]));
    }
    let got = preadv(file, &mut gaps, offset)?;
    if got as u64 == train_bytes {
        return Ok(());
    }
    Err(format!("{got} bytes of {train_bytes} at {offset}: the file is too short").into())
}
