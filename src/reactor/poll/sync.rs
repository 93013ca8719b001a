//! fsync and advice on pages, on a thread of its own that is started with the first of them.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{fdatasync, fsync};
use rustix::io::Errno;

use crate::reactor::advice;
use crate::reactor::op::{Advice, FileRef, OpId};
use crate::reactor::waker::Waker;

struct Job {
    id: OpId,
    file: FileRef,
    work: Work,
}

/// What is to be done with a file.
pub(super) enum Work {
    Sync { data_only: bool },
    Advise { offset: u64, bytes: u32, advice: Advice },
}

impl Work {
    fn run(self, file: BorrowedFd<'_>) -> Result<(), Errno> {
        match self {
            Work::Sync { data_only: true } => fdatasync(file),
            Work::Sync { data_only: false } => fsync(file),
            Work::Advise { offset, bytes, advice } => advice::give(file, offset, bytes, advice),
        }
    }
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

    pub(super) fn start(&mut self, id: OpId, file: &FileRef, work: Work) -> Result<(), Errno> {
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
        jobs.send(Job { id, file: Arc::clone(file), work }).map_err(|_| Errno::IO)
    }

    pub(super) fn finished(&self) -> Vec<(OpId, Result<(), Errno>)> {
        std::mem::take(&mut *self.finished.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn run(jobs: &Receiver<Job>, finished: &Finished, waker: &Waker) {
    while let Ok(Job { id, file, work }) = jobs.recv() {
        let result = file.assume().and_then(|_as| work.run(file.as_fd()));
        drop(file);
        finished.lock().unwrap_or_else(PoisonError::into_inner).push((id, result));
        waker.wake();
    }
}
