//! What one user keeps on disk, against what he may.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Device and inode number of a file.
pub type FileId = (u64, u64);

/// How much a user keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in regular files, as their sizes say.
    pub bytes: u64,
    /// Names: files, directories and links count one each.
    pub files: u64,
}

/// What there is too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverQuota {
    /// The bytes.
    Bytes,
    /// The names.
    Files,
}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "Disk quota exceeded",
            Self::Files => "Disk quota exceeded: too many files",
        })
    }
}

impl std::error::Error for OverQuota {}

/// One user's quota, over all his sessions on all shards.
///
/// Bytes are counted before they are written: a file that is open has a size here which covers
/// every write under way, and goes back to what is really on disk when the last handle is closed.
/// So two uploads at once cannot both take the last of the room, and what failed is given back.
///
/// The lock is held for a few steps over a map, and while a file is asked for its size.
#[derive(Debug)]
pub struct Ledger {
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    bytes_max: Option<u64>,
    files_max: Option<u64>,
    used: Usage,
    open: HashMap<FileId, OpenFile>,
}

/// A file that some session holds open.
#[derive(Debug)]
struct OpenFile {
    handles: u64,
    /// What is counted for it.
    size: u64,
    /// Its last name is gone: it is given back at the last close.
    nameless: bool,
}

impl Ledger {
    /// A ledger that opens with `used`, as somebody measured it. `None` is no bound.
    #[must_use]
    pub fn new(bytes_max: Option<u64>, files_max: Option<u64>, used: Usage) -> Self {
        let books = Books { bytes_max, files_max, used, open: HashMap::new() };
        Self { books: Mutex::new(books) }
    }

    /// From here on these are the bounds. What is kept beyond them stays.
    pub fn set_bounds(&self, bytes_max: Option<u64>, files_max: Option<u64>) {
        let mut books = self.books();
        (books.bytes_max, books.files_max) = (bytes_max, files_max);
    }

    /// What is counted now, what is under way included.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.books().used
    }

    /// How many bytes he may keep; `None` is no bound.
    #[must_use]
    pub fn bytes_max(&self) -> Option<u64> {
        self.books().bytes_max
    }

    /// How many names he may keep; `None` is no bound.
    #[must_use]
    pub fn files_max(&self) -> Option<u64> {
        self.books().files_max
    }

    /// How many bytes more he may keep; `None` is no bound.
    #[must_use]
    pub fn bytes_left(&self) -> Option<u64> {
        self.bytes_max().map(|max| max.saturating_sub(self.usage().bytes))
    }

    /// How many names more he may keep; `None` is no bound.
    #[must_use]
    pub fn files_left(&self) -> Option<u64> {
        self.files_max().map(|max| max.saturating_sub(self.usage().files))
    }

    /// A handle to a file was opened, or a request is about to change it by its path. `size` tells
    /// its size on disk; it is asked with the books held, so that no other session can have closed
    /// or changed it since, and only if the file is not open yet.
    pub fn open(&self, id: FileId, size: impl FnOnce() -> u64) {
        let mut books = self.books();
        let new = || OpenFile { handles: 0, size: size(), nameless: false };
        let file = books.open.entry(id).or_insert_with(new);
        file.handles = file.handles.saturating_add(1);
    }

    /// An open file is about to be written up to `end`.
    ///
    /// # Errors
    /// [`OverQuota::Bytes`]; nothing is counted then, and nothing may be written.
    pub fn grow(&self, id: FileId, end: u64) -> Result<(), OverQuota> {
        self.books().grow(id, |size| size.max(end))
    }

    /// `len` bytes are about to be written at the end of an open file.
    ///
    /// # Errors
    /// As [`grow`](Self::grow).
    pub fn append(&self, id: FileId, len: u64) -> Result<(), OverQuota> {
        self.books().grow(id, |size| size.saturating_add(len))
    }

    /// An open file is about to be cut or stretched to `size`, with no write under way.
    ///
    /// # Errors
    /// As [`grow`](Self::grow).
    pub fn set_size(&self, id: FileId, size: u64) -> Result<(), OverQuota> {
        self.books().grow(id, |_| size)
    }

    /// A write or a change of size failed, and the file has `size` bytes. While others hold the
    /// file open nothing is given back, as their writes may be under way: the last close does it.
    pub fn failed(&self, id: FileId, size: u64) {
        let mut books = self.books();
        let Some(file) = books.open.get_mut(&id).filter(|file| file.handles == 1) else { return };
        let counted = std::mem::replace(&mut file.size, size);
        books.recount(counted, size);
    }

    /// A handle was closed and all its writes are done. `size` tells what the file has on disk, if
    /// that can be told; it is asked as by [`open`](Self::open), when this was the last handle.
    pub fn close(&self, id: FileId, size: impl FnOnce() -> Option<u64>) {
        let mut books = self.books();
        let Some(file) = books.open.get_mut(&id) else { return };
        file.handles = file.handles.saturating_sub(1);
        if file.handles > 0 {
            return;
        }
        if let Some(file) = books.open.remove(&id) {
            let left = if file.nameless { 0 } else { size().unwrap_or(file.size) };
            books.recount(file.size, left);
        }
    }

    /// A name of a file of `size` bytes is gone; `last_link`: it was the only one.
    pub fn unlinked(&self, id: FileId, size: u64, last_link: bool) {
        let mut books = self.books();
        books.used.files = books.used.files.saturating_sub(1);
        match books.open.get_mut(&id) {
            Some(file) => file.nameless |= last_link,
            None if last_link => books.recount(size, 0),
            None => {}
        }
    }

    /// A name is about to be made: a file, a directory or a link.
    ///
    /// # Errors
    /// [`OverQuota::Files`]; nothing is counted then, and nothing may be made.
    pub fn made(&self) -> Result<(), OverQuota> {
        let mut books = self.books();
        if books.files_max.is_some_and(|max| books.used.files >= max) {
            return Err(OverQuota::Files);
        }
        books.used.files = books.used.files.saturating_add(1);
        Ok(())
    }

    /// A name that holds no bytes is gone (a directory or a symbolic link), or could not be made.
    pub fn removed(&self) {
        let mut books = self.books();
        books.used.files = books.used.files.saturating_sub(1);
    }

    /// Somebody who panicked with the lock held left whole numbers: each step is one assignment.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// Gives an open file the size that `resized` makes of its own. A file that was never opened
    /// here has nobody who counts it.
    fn grow(&mut self, id: FileId, resized: impl FnOnce(u64) -> u64) -> Result<(), OverQuota> {
        let Some(old) = self.open.get(&id).map(|file| file.size) else { return Ok(()) };
        let new = resized(old);
        self.exchange(old, new)?;
        if let Some(file) = self.open.get_mut(&id) {
            file.size = new;
        }
        Ok(())
    }

    /// Counts `new` in place of `old` if that is within bounds. To need less always is.
    fn exchange(&mut self, old: u64, new: u64) -> Result<(), OverQuota> {
        let more = new.saturating_sub(old);
        let over = |max| self.used.bytes.saturating_add(more) > max;
        if more > 0 && self.bytes_max.is_some_and(over) {
            return Err(OverQuota::Bytes);
        }
        self.recount(old, new);
        Ok(())
    }

    /// Counts `new` in place of `old`, whatever the bounds: it is there.
    fn recount(&mut self, old: u64, new: u64) {
        self.used.bytes = self.used.bytes.saturating_sub(old).saturating_add(new);
    }
}

#[cfg(test)]
mod tests;
