//! fsync on a thread of its own, started with the first one.

use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{fdatasync, fsync};
use rustix::io::Errno;

use crate::reactor::op::{FileRef, OpId};
use crate::reactor::waker::Waker;

struct Job {
    id: OpId,
    file: FileRef,
    data_only: bool,
}

type Finished = Arc<Mutex<Vec<(OpId, Result<(), Errno>)>>>;

/// One thread: several at once would only queue for the same disk. Dropping lets it finish what it
/// has and end; it holds descriptors, never buffers.
pub(super) struct SyncThread {
    jobs: Option<Sender<Job>>,
    finished: Finished,
    waker: Waker,
}

impl SyncThread {
    pub(super) fn new() -> Result<Self, Errno> {
        Ok(SyncThread { jobs: None, finished: Finished::default(), waker: Waker::new()? })
    }

    /// Readable when something has finished.
    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(super) fn start(&mut self, id: OpId, file: &FileRef, data_only: bool) -> Result<(), Errno> {
        let jobs = match &self.jobs {
            Some(jobs) => jobs,
            None => {
                let (sender, receiver) = channel();
                let (finished, waker) = (Arc::clone(&self.finished), self.waker.clone());
                std::thread::Builder::new()
                    .name("fsync".to_owned())
                    .spawn(move || run(&receiver, &finished, &waker))
                    .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::AGAIN))?;
                self.jobs.insert(sender)
            }
        };
        jobs.send(Job { id, file: Arc::clone(file), data_only }).map_err(|_| Errno::IO)
    }

    pub(super) fn finished(&self) -> Vec<(OpId, Result<(), Errno>)> {
        std::mem::take(&mut *self.finished.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn run(jobs: &Receiver<Job>, finished: &Finished, waker: &Waker) {
    while let Ok(Job { id, file, data_only }) = jobs.recv() {
        let file_fd = file.as_fd();
        let result = if data_only { fdatasync(file_fd) } else { fsync(file_fd) };
        drop(file);
        finished.lock().unwrap_or_else(PoisonError::into_inner).push((id, result));
        waker.wake();
    }
}
