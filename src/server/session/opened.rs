//! What a session holds open: files and directories.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::ops::{Deref, Range};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use rustix::io::Errno;

use crate::reactor::fs::{Dir, DirEntry, File};
use crate::server::pages::Trail;
use crate::server::perform::{to_close, to_cut};
use crate::server::room::Room;
use crate::vfs::{Change, Grants};

/// Who is served, for log lines.
pub(in crate::server) struct Party {
    pub(in crate::server) connection: u64,
    pub(in crate::server) peer: Option<SocketAddr>,
    pub(in crate::server) user: Arc<str>,
}

impl Party {
    /// The address, for a log line.
    pub(in crate::server) fn peer(&self) -> tracing::field::DisplayValue<&dyn std::fmt::Display> {
        match &self.peer {
            Some(peer) => tracing::field::display(peer),
            None => tracing::field::display(&"stdin"),
        }
    }
}

/// A file that was just opened; it may have been on another thread.
pub(in crate::server) struct Opened {
    pub(in crate::server) file: File,
    /// Where it is in the client's view.
    pub(in crate::server) path: Vec<u8>,
    pub(in crate::server) append: bool,
    pub(in crate::server) can_read: bool,
    pub(in crate::server) can_write: bool,
    /// What its folder permitted when it was opened.
    pub(in crate::server) grants: Grants,
    /// Device and inode.
    pub(in crate::server) id: (u64, u64),
    pub(in crate::server) room: Arc<Room>,
    /// Its file system may hang.
    pub(in crate::server) slow: bool,
    /// It had content, which went when it was opened.
    pub(in crate::server) was_emptied: bool,
}

impl Opened {
    /// Closes the file, once the quota has looked at it.
    pub(in crate::server) fn close(self) -> Result<(), Errno> {
        drop(self.room);
        self.file.close()
    }
}

/// A file as far as the order of reads and writes on it goes; all handles on it share one.
pub(in crate::server) struct Inode {
    reads: Cell<u32>,
    /// Reads of all files of the session.
    of_session: Rc<Cell<u32>>,
}

impl Inode {
    pub(in crate::server) fn new(of_session: Rc<Cell<u32>>) -> Self {
        Self { reads: Cell::new(0), of_session }
    }

    /// Whether READs that came before have not read yet.
    pub(in crate::server) fn is_being_read(&self) -> bool {
        self.reads.get() > 0
    }
}

/// A file a session holds open; READs that wait keep it alive after CLOSE.
pub(in crate::server) struct OpenFile {
    pub(in crate::server) opened: Opened,
    pub(in crate::server) party: Rc<Party>,
    pub(in crate::server) inode: Rc<Inode>,
    /// The first error of a write or sync: nothing on this handle succeeds after it.
    pub(in crate::server) latched: Cell<Option<Errno>>,
    pub(in crate::server) bytes_read: Cell<u64>,
    pub(in crate::server) bytes_written: Cell<u64>,
    /// What of it is in memory can be read at once: as far as is known, its filesystem can tell.
    reads_memory: Cell<bool>,
    /// How far it was read and written, for what is told to the kernel.
    pub(in crate::server) trail: Trail,
    /// Why it was sent with zeros in place of some of its bytes, where no length can be taken back.
    pub(in crate::server) shortfall: RefCell<Option<String>>,
}

impl Deref for OpenFile {
    type Target = Opened;

    fn deref(&self) -> &Opened {
        &self.opened
    }
}

impl OpenFile {
    pub(in crate::server) fn new(opened: Opened, party: &Rc<Party>, inode: Rc<Inode>) -> Self {
        let party = Rc::clone(party);
        let (latched, bytes_read, bytes_written) = (None.into(), 0.into(), 0.into());
        let (trail, shortfall) = (Trail::default(), RefCell::default());
        let reads_memory = Cell::new(!opened.slow && !opened.file.is_somebodys());
        Self {
            opened,
            party,
            inode,
            latched,
            bytes_read,
            bytes_written,
            reads_memory,
            trail,
            shortfall,
        }
    }

    pub(in crate::server) fn wrote(&self, bytes: usize) {
        self.bytes_written.set(self.bytes_written.get().saturating_add(bytes as u64));
    }

    /// Nothing on this file succeeds any more.
    pub(in crate::server) fn fail(&self, errno: Errno) {
        if self.latched.replace(Some(errno)).is_none() {
            tracing::warn!(
                connection = self.party.connection,
                peer = self.party.peer(),
                user = &*self.party.user,
                path = %self.path.escape_ascii(),
                cause = %errno,
                "writing failed; the file takes no more"
            );
        }
    }

    /// Fills `segments` of `buffer` from `offset` on, if that takes no time: `false` if it may.
    pub(in crate::server) fn read_at_once(
        &self,
        buffer: &mut [u8],
        segments: &[Range<usize>],
        offset: u64,
    ) -> bool {
        if !self.reads_memory.get() {
            return false;
        }
        self.file.read_from_memory(buffer, segments, offset).unwrap_or_else(|_| {
            // What is wrong shows when it is read again; mostly the filesystem cannot tell.
            self.reads_memory.set(false);
            false
        })
    }

    pub(in crate::server) fn was_read(&self, bytes: usize) {
        self.bytes_read.set(self.bytes_read.get().saturating_add(bytes as u64));
    }

    /// As [`was_read`](Self::was_read), from `offset` on and by this thread.
    pub(in crate::server) fn was_read_at(&self, offset: u64, bytes: usize) {
        self.was_read(bytes);
        self.trail.was_read(offset, bytes as u64);
    }

    /// Zeros are sent for what could not be read, and this is why; the first reason counts.
    pub(in crate::server) fn read_fell_short(&self, why: &str) {
        self.shortfall.borrow_mut().get_or_insert_with(|| why.to_owned());
    }

    pub(in crate::server) fn has_shortfall(&self) -> bool {
        self.shortfall.borrow().is_some()
    }

    /// Whether changing it is work for a job.
    pub(in crate::server) fn changes_slowly(&self, change: &Change) -> bool {
        self.slow || change.size.is_some_and(|size| to_cut(&self.file, size))
    }

    /// Whether closing it, if nobody else holds it, is work for a job.
    pub(in crate::server) fn closes_slowly(&self) -> bool {
        self.slow || to_close(&self.file, self.was_emptied, self.bytes_written.get())
    }

    /// What the session did with it.
    pub(in crate::server) fn log_closed(&self) {
        tracing::info!(
            connection = self.party.connection,
            peer = self.party.peer(),
            user = &*self.party.user,
            path = %self.path.escape_ascii(),
            read_bytes = self.bytes_read.get(),
            written_bytes = self.bytes_written.get(),
            error = self.latched.get().map(|errno| errno.to_string()),
            "file closed"
        );
    }
}

/// A file that somebody is about to read: as long as this lives, what would change the data waits.
pub(in crate::server) struct Reading(Rc<OpenFile>);

impl Reading {
    pub(in crate::server) fn new(file: Rc<OpenFile>) -> Self {
        let inode = &file.inode;
        inode.reads.set(inode.reads.get().saturating_add(1));
        inode.of_session.set(inode.of_session.get().saturating_add(1));
        Self(file)
    }

    pub(in crate::server) fn downgrade(&self) -> Weak<OpenFile> {
        Rc::downgrade(&self.0)
    }

    pub(in crate::server) fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Clone for Reading {
    fn clone(&self) -> Self {
        Self::new(Rc::clone(&self.0))
    }
}

impl Deref for Reading {
    type Target = OpenFile;

    fn deref(&self) -> &OpenFile {
        &self.0
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let inode = &self.0.inode;
        inode.reads.set(inode.reads.get().saturating_sub(1));
        inode.of_session.set(inode.of_session.get().saturating_sub(1));
    }
}

/// A directory that is being listed; entries that did not fit the last reply wait in `left`.
pub(in crate::server) struct OpenDir {
    pub(in crate::server) dir: Dir,
    /// Where it is in the client's view.
    pub(in crate::server) path: Vec<u8>,
    pub(in crate::server) left: Vec<DirEntry>,
    pub(in crate::server) ended: bool,
    /// Listing it may take long.
    pub(in crate::server) slow: bool,
}

/// What a handle names.
pub(in crate::server) enum Open {
    File(Rc<OpenFile>),
    /// `None` while a job reads it.
    Dir(Option<Box<OpenDir>>),
}
