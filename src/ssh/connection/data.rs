//! Channel data without a copy: the caller lays packets out in its own buffer, fills them and has
//! them sealed in place.

use std::ops::Range;

use super::Connection;
use crate::ssh::channel::messages::{DATA_HEADER_BYTES, data_header};
use crate::ssh::event::ChannelId;
use crate::ssh::packet::{FrameShape, Laid, SealError, SealJob};

/// Window reserved for one CHANNEL_DATA packet, and how the packet is laid out.
///
/// ```text
/// | 5: lengths | 9: CHANNEL_DATA, recipient, length | data_len: data | padding, tag |
/// 0                                                 14 = data_range()             frame_bytes()
/// ```
///
/// Either seal it or give it back with [`Connection::release_data`]: a frame that is only dropped
/// keeps its window from the channel.
#[derive(Debug, PartialEq, Eq)]
pub struct DataFrame {
    /// The channel it is for.
    pub channel: ChannelId,
    /// Bytes of data it carries, at least 1.
    pub data_len: usize,
    shape: FrameShape,
}

/// Where the data starts in a frame.
const DATA_AT: usize = FrameShape::PAYLOAD_AT + DATA_HEADER_BYTES;

impl DataFrame {
    /// The whole frame's size in bytes.
    pub fn frame_bytes(&self) -> usize {
        self.shape.frame_bytes(DATA_HEADER_BYTES + self.data_len)
    }

    /// Where the data goes in the frame.
    pub fn data_range(&self) -> Range<usize> {
        DATA_AT..DATA_AT + self.data_len
    }
}

impl Connection {
    /// Whether data packets can be sealed now: keys are in place, no exchange runs, and the
    /// connection is not over.
    pub fn can_send_data(&self) -> bool {
        !self.closed && self.transport.data_shape().is_some()
    }

    /// Bytes the peer's window takes; 0 for a channel that cannot send (any more).
    pub fn send_window(&self, channel: ChannelId) -> u32 {
        if self.closed {
            return 0;
        }
        self.channels.get(channel).map_or(0, |channel| channel.send_window())
    }

    /// Reserves window for one CHANNEL_DATA packet of at most `wanted` bytes of data in the
    /// caller's buffer. `None` without window, while keys are exchanged, and for a channel that
    /// cannot send.
    pub fn reserve_data(&mut self, channel: ChannelId, wanted: usize) -> Option<DataFrame> {
        if self.closed {
            return None;
        }
        let shape = self.transport.data_shape()?;
        let taken = self.channels.get_mut(channel)?.reserve(wanted)?;
        Some(DataFrame { channel, data_len: taken as usize, shape })
    }

    /// Whether what is sent is compressed now: then [`append_data`](Self::append_data) seals, and
    /// [`seal_data`](Self::seal_data) does not. It may change with every exchange of keys, and does
    /// at the login.
    pub fn compresses(&self) -> bool {
        self.transport.compresses()
    }

    /// Seals a reserved packet in place. `frame` is exactly [`DataFrame::frame_bytes`] long and
    /// holds the data at [`DataFrame::data_range`]; everything around it is written here. Its place
    /// on the wire is after all that was sealed or polled before, so send in that order.
    ///
    /// # Errors
    /// [`SealError::Shape`]: the cipher changed since the reservation, or `frame` has another
    /// length; see [`relayout`](Self::relayout). [`SealError::Rekeying`]: keys are being exchanged;
    /// try again after [`Event::KexDone`](crate::ssh::Event::KexDone). [`SealError::Queued`]: data
    /// written to this channel waits; call `poll_transmit`, send that first, try again.
    /// [`SealError::Compressed`]: see [`compresses`](Self::compresses). [`SealError::Closed`]: the
    /// channel or the connection takes no more data.
    pub fn seal_data(&mut self, reserved: &DataFrame, frame: &mut [u8]) -> Result<(), SealError> {
        let data_len = self.write_header(reserved, frame)?;
        self.transport.seal_frame(frame, DATA_HEADER_BYTES + reserved.data_len)?;
        self.settle(reserved.channel, data_len);
        Ok(())
    }

    /// As [`seal_data`](Self::seal_data), but the sealed packet is appended to `out` and `frame` is
    /// free again. Compressed or not, it costs a copy.
    ///
    /// # Errors
    /// As [`seal_data`](Self::seal_data), without [`SealError::Compressed`].
    pub fn append_data(
        &mut self,
        reserved: &DataFrame,
        frame: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let data_len = self.write_header(reserved, frame)?;
        let payload = frame.get(FrameShape::PAYLOAD_AT..DATA_AT + reserved.data_len);
        self.transport.append_frame(payload.ok_or(SealError::Shape)?, out)?;
        self.settle(reserved.channel, data_len);
        Ok(())
    }

    /// As [`seal_data`](Self::seal_data) for several frames of `buffer`, each at its position, but
    /// the cipher's work is left to the [`SealJob`]. Their place on the wire is settled: what is
    /// sealed from now on goes behind them. `None` where packets cannot be sealed apart (CBC, CTR
    /// unless the MAC covers the ciphertext, or while what is sent is compressed); nothing has
    /// happened then.
    ///
    /// # Errors
    /// As [`seal_data`](Self::seal_data), for the first frame that cannot go; none goes then.
    pub fn seal_data_apart<'f>(
        &mut self,
        frames: impl Iterator<Item = (usize, &'f DataFrame)> + Clone,
        buffer: &mut [u8],
    ) -> Option<Result<SealJob, SealError>> {
        let mut laid = Vec::new();
        for (at, reserved) in frames.clone() {
            let place = at..at + reserved.frame_bytes();
            let frame = buffer.get_mut(place.clone()).unwrap_or_default();
            if let Err(error) = self.write_header(reserved, frame) {
                return Some(Err(error));
            }
            laid.push(Laid { place, payload_len: DATA_HEADER_BYTES + reserved.data_len });
        }
        let job = self.transport.seal_apart(buffer, &laid)?;
        if job.is_ok() {
            for (_, reserved) in frames {
                let data_len = u32::try_from(reserved.data_len).unwrap_or(u32::MAX);
                self.settle(reserved.channel, data_len);
            }
        }
        Some(job)
    }

    /// Checks that a reserved packet can go now and writes its CHANNEL_DATA header.
    fn write_header(&mut self, reserved: &DataFrame, frame: &mut [u8]) -> Result<u32, SealError> {
        if self.closed {
            return Err(SealError::Closed);
        }
        let shape = self.transport.data_shape().ok_or(SealError::Rekeying)?;
        let queue_is_empty = self.transport.queued_bytes() == 0;
        let channel = self
            .channels
            .get_mut(reserved.channel)
            .filter(|channel| channel.is_sendable())
            .ok_or(SealError::Closed)?;
        if shape != reserved.shape || frame.len() != reserved.frame_bytes() {
            return Err(SealError::Shape);
        }
        if !channel.clear_queued(queue_is_empty) {
            return Err(SealError::Queued);
        }
        let data_len = u32::try_from(reserved.data_len).map_err(|_| SealError::Shape)?;
        let header = data_header(channel.peer(), data_len);
        frame
            .get_mut(FrameShape::PAYLOAD_AT..DATA_AT)
            .ok_or(SealError::Shape)?
            .copy_from_slice(&header);
        Ok(data_len)
    }

    fn settle(&mut self, channel: ChannelId, data_len: u32) {
        if let Some(channel) = self.channels.get_mut(channel) {
            channel.settle(data_len);
        }
    }

    /// The same reservation laid out under the present cipher; it replaces `reserved`. `None` while
    /// keys are exchanged.
    pub fn relayout(&self, reserved: &DataFrame) -> Option<DataFrame> {
        let shape = self.transport.data_shape().filter(|_| !self.closed)?;
        Some(DataFrame { channel: reserved.channel, data_len: reserved.data_len, shape })
    }

    /// Gives window back for the last `unused` bytes of a reservation. What remains of it, laid out
    /// for fewer bytes, comes back to be sealed; `None` if nothing does.
    pub fn release_data(&mut self, reserved: DataFrame, unused: usize) -> Option<DataFrame> {
        let unused = unused.min(reserved.data_len);
        if let Some(channel) = self.channels.get_mut(reserved.channel) {
            channel.release(u32::try_from(unused).unwrap_or(u32::MAX));
        }
        let data_len = reserved.data_len - unused;
        (data_len > 0).then_some(DataFrame { data_len, ..reserved })
    }
}
