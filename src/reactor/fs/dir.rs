//! An open directory, listed a batch at a time.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::metadata::Metadata;

/// One name in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirEntry {
    /// The name: no slash, no NUL, not necessarily UTF-8.
    pub name: Vec<u8>,
    /// Its attributes, links not followed. Where they may not be read only the type is filled in.
    pub metadata: Metadata,
}

/// A directory being listed.
#[derive(Debug)]
pub struct Dir {
    stream: rustix::fs::Dir,
    /// What ".." is in the client's view. Asking the kernel for ".." of the root would describe a
    /// directory outside it.
    parent: Metadata,
    ended: bool,
}

impl Dir {
    pub(super) fn new(fd: OwnedFd, parent: Metadata) -> Result<Self, Errno> {
        Ok(Dir { stream: rustix::fs::Dir::new(fd)?, parent, ended: false })
    }

    /// The directory's own attributes.
    pub fn metadata(&self) -> Result<Metadata, Errno> {
        Metadata::of(self.stream.fd()?)
    }

    /// Appends up to `max` entries in the filesystem's order, "." and ".." among them, and says
    /// whether there may be more. A name that vanishes meanwhile is left out.
    pub fn next_entries(&mut self, max: usize, out: &mut Vec<DirEntry>) -> Result<bool, Errno> {
        let full = out.len().saturating_add(max);
        while !self.ended && out.len() < full {
            match self.stream.read() {
                None => self.ended = true,
                Some(Err(errno)) => {
                    self.ended = true;
                    return Err(errno);
                }
                Some(Ok(entry)) => {
                    let name = entry.file_name().to_bytes();
                    match self.describe(name, entry.file_type(), entry.ino()) {
                        Err(Errno::NOENT) => {}
                        answer => {
                            out.push(DirEntry { name: name.to_vec(), metadata: answer? });
                        }
                    }
                }
            }
        }
        Ok(!self.ended)
    }

    fn describe(&self, name: &[u8], kind: FileType, ino: u64) -> Result<Metadata, Errno> {
        if name == b".." {
            return Ok(self.parent);
        }
        match rustix::fs::statat(self.stream.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Metadata::from_stat(&stat)),
            // No search permission on the directory, or an object the filesystem cannot read: the
            // name is there all the same.
            Err(errno) if errno != Errno::NOENT => {
                Ok(Metadata { mode: kind.as_raw_mode(), ino, ..Metadata::default() })
            }
            Err(errno) => Err(errno),
        }
    }
}
