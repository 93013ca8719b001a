//! Packets that are sealed away from their connection: by another thread, while it goes on.
//!
//! Their numbers, their nonces and their place on the wire are settled when the job is made; only
//! the cipher's work is left.

use std::fmt;
use std::ops::Range;

use super::{SealError, Sealer};
use crate::crypto::{Random, SealRun};
use crate::ssh::limits::KEY_PACKETS_MAX;

/// A frame in the caller's buffer, its payload in place.
#[derive(Clone)]
pub(crate) struct Laid {
    pub(crate) place: Range<usize>,
    pub(crate) payload_len: usize,
}

/// Frames of one buffer that wait for their cipher. Whoever holds the buffer seals them, once, on
/// any thread. Until then nothing that was sealed later may be sent.
pub struct SealJob {
    run: Box<dyn SealRun>,
    frames: Vec<Range<usize>>,
}

impl SealJob {
    /// Bytes of its frames.
    pub fn bytes(&self) -> usize {
        self.frames.iter().map(Range::len).sum()
    }

    /// Seals its frames in `buffer`, which is the one they were laid out in.
    ///
    /// # Errors
    /// [`SealError::Closed`]: it is another buffer, or the cipher failed. The connection is lost.
    pub fn seal(mut self, buffer: &mut [u8]) -> Result<(), SealError> {
        let mut places = self.frames.into_iter();
        while let Some(place) = places.next() {
            let sealed = match places.next() {
                Some(next) => buffer
                    .get_disjoint_mut([place, next])
                    .ok()
                    .map(|[first, second]| self.run.seal_two(first, second)),
                None => buffer.get_mut(place).map(|frame| self.run.seal_next(frame)),
            };
            sealed.ok_or(SealError::Closed)?.map_err(|_| SealError::Closed)?;
        }
        Ok(())
    }
}

impl fmt::Debug for SealJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealJob").field("frames", &self.frames).finish_non_exhaustive()
    }
}

impl Sealer {
    /// Prepares `frames` of `buffer` to be sealed elsewhere. `None` where the cipher seals its
    /// packets one after the other; nothing has happened then, nor after an error.
    pub(crate) fn seal_apart(
        &mut self,
        random: &mut dyn Random,
        buffer: &mut [u8],
        frames: &[Laid],
    ) -> Option<Result<SealJob, SealError>> {
        let count = u32::try_from(frames.len()).ok()?;
        let shape = self.shape();
        let fits = |laid: &Laid| {
            laid.place.len() == shape.frame_bytes(laid.payload_len)
                && buffer.get(laid.place.clone()).is_some()
        };
        if !frames.iter().all(fits) {
            return Some(Err(SealError::Shape));
        }
        if self.usage.packets + u64::from(count) > KEY_PACKETS_MAX {
            return Some(Err(SealError::Closed));
        }
        for laid in frames {
            let frame = buffer.get_mut(laid.place.clone()).unwrap_or_default();
            if let Err(error) = self.lay(random, frame, laid.payload_len) {
                return Some(Err(error));
            }
        }
        // From here on nothing fails: the nonces are spent, and so must the numbers be.
        let sizes: Vec<usize> = frames.iter().map(|laid| laid.place.len()).collect();
        let run = match self.cipher.seal_apart(self.sequence, &sizes)? {
            Ok(run) => run,
            Err(_) => return Some(Err(SealError::Closed)),
        };
        frames.iter().for_each(|laid| self.count(laid.place.len()));
        let frames = frames.iter().map(|laid| laid.place.clone()).collect();
        Some(Ok(SealJob { run, frames }))
    }
}
