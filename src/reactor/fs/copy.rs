//! Copying between files, and where a file has data.

use std::io::IoSlice;
use std::ops::Range;

use rustix::fs::SeekFrom;
use rustix::io::{Errno, retry_on_intr};

use super::file::File;
use crate::reactor::limits::{COPY_BUFFER_BYTES, TRANSFER_BYTES_MAX};

impl File {
    /// Copies up to `len` bytes at `from` to `at` in `to`, and answers how many: 0 is the end of
    /// this file. By the kernel where it can (copy_file_range(2), which shares blocks where the
    /// filesystem does), else through memory, a mebibyte a call. `len` bounds how long it takes.
    pub fn copy_range(&self, from: u64, to: &File, at: u64, len: u64) -> Result<u64, Errno> {
        let _as_user = self.fd.assume()?;
        let bytes = usize::try_from(len).unwrap_or(usize::MAX).min(TRANSFER_BYTES_MAX);
        let by_kernel = || {
            let (mut read_at, mut write_at) = (from, at);
            let (read_at, write_at) = (Some(&mut read_at), Some(&mut write_at));
            rustix::fs::copy_file_range(&self.fd, read_at, &to.fd, write_at, bytes)
        };
        match retry_on_intr(by_kernel) {
            // 0 is also what files say whose length the kernel does not know. BADF: the target is
            // open for appending (or not for writing, which the write below tells again).
            Ok(0) => self.copy_through_memory(from, to, at, bytes),
            Err(
                Errno::XDEV
                | Errno::NOSYS
                | Errno::OPNOTSUPP
                | Errno::INVAL
                | Errno::BADF
                | Errno::TXTBSY,
            ) => self.copy_through_memory(from, to, at, bytes),
            answer => Ok(answer? as u64),
        }
    }

    fn copy_through_memory(
        &self,
        from: u64,
        to: &File,
        at: u64,
        bytes: usize,
    ) -> Result<u64, Errno> {
        let mut buffer = vec![0; bytes.min(COPY_BUFFER_BYTES)];
        let count = self.read_at(&mut buffer, from)?;
        let data = buffer.get(..count).unwrap_or_default();
        Ok(to.write_at(&[IoSlice::new(data)], at)? as u64)
    }

    /// The first run of data at or after `from` and before `end`; `None` if only a hole or the end
    /// of the file follows. Where the filesystem does not tell holes from data all of it is data.
    ///
    /// This moves the descriptor's position, which nothing else uses: every read and write here
    /// names its offset.
    pub fn next_data(&self, from: u64, end: u64) -> Result<Option<Range<u64>>, Errno> {
        if from >= end {
            return Ok(None);
        }
        let _as_user = self.fd.assume()?;
        let start = match rustix::fs::seek(&self.fd, SeekFrom::Data(from)) {
            Err(Errno::NXIO) => return Ok(None),
            Err(Errno::INVAL | Errno::OPNOTSUPP) => return self.all_data(from, end),
            answer => answer?,
        };
        let stop = match rustix::fs::seek(&self.fd, SeekFrom::Hole(start)) {
            // Cut between the two calls.
            Err(Errno::NXIO) => return Ok(None),
            answer => answer?.min(end),
        };
        Ok((start < stop).then_some(start..stop))
    }

    fn all_data(&self, from: u64, end: u64) -> Result<Option<Range<u64>>, Errno> {
        let stop = self.metadata()?.size.min(end);
        Ok((from < stop).then_some(from..stop))
    }
}
