//! An open directory, listed a batch at a time.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use super::metadata::{Metadata, Space};
use crate::reactor::identity::{self, Identity};

/// One name in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirEntry {
    /// The name: no slash, no NUL, not necessarily UTF-8.
    pub name: Vec<u8>,
    /// Its attributes, links not followed. Where they may not be read only the type is filled in.
    pub metadata: Metadata,
}

/// A directory being listed. Its memory does not grow with the number of names: the kernel's
/// answers are taken in pieces of at most 64 KiB.
#[derive(Debug)]
pub struct Dir {
    /// `None` for a directory of the view alone.
    stream: Option<rustix::fs::Dir>,
    /// Apart, since tables of open handles hold this type by value.
    view: Box<InView>,
    ended: bool,
    /// As whom it is read, if not as the server itself.
    identity: Option<Arc<Identity>>,
}

/// What the view says about a directory.
#[derive(Debug)]
struct InView {
    own: Metadata,
    /// What ".." is in the client's view. Asking the kernel for ".." of the root would describe a
    /// directory outside it.
    parent: Metadata,
    /// Sorted by name if there is a stream.
    overlays: Vec<Overlay>,
}

/// A name that the view puts into a directory, over whatever has that name there.
#[derive(Debug)]
pub(super) struct Overlay {
    entry: DirEntry,
    shown: bool,
}

impl Overlay {
    pub(super) fn new(name: &[u8], metadata: Metadata) -> Self {
        Overlay { entry: DirEntry { name: name.to_vec(), metadata }, shown: false }
    }

    fn show(&mut self) -> DirEntry {
        self.shown = true;
        self.entry.clone()
    }
}

impl Dir {
    /// `overlays` are sorted by name.
    pub(super) fn new(
        fd: OwnedFd,
        parent: Metadata,
        overlays: Vec<Overlay>,
        identity: Option<Arc<Identity>>,
    ) -> Result<Self, Errno> {
        let view = Box::new(InView { own: Metadata::default(), parent, overlays });
        Ok(Dir { stream: Some(rustix::fs::Dir::new(fd)?), view, ended: false, identity })
    }

    /// A directory with nothing in it but `overlays`.
    pub(super) fn of_view(own: Metadata, parent: Metadata, overlays: Vec<Overlay>) -> Self {
        let dots = [Overlay::new(b".", own), Overlay::new(b"..", parent)];
        let overlays = dots.into_iter().chain(overlays).collect();
        let view = Box::new(InView { own, parent, overlays });
        Dir { stream: None, view, ended: false, identity: None }
    }

    /// The room on the filesystem it is on; none for a directory of the view's own.
    pub fn space(&self) -> Result<Space, Errno> {
        let Some(stream) = &self.stream else { return Ok(Space::default()) };
        let _as_user = identity::assume(self.identity.as_ref())?;
        Ok(Space::from_statvfs(&rustix::fs::fstatvfs(stream.fd()?)?))
    }

    /// The directory's own attributes.
    pub fn metadata(&self) -> Result<Metadata, Errno> {
        let _as_user = identity::assume(self.identity.as_ref())?;
        match &self.stream {
            Some(stream) => Metadata::of(stream.fd()?),
            None => Ok(self.view.own),
        }
    }

    /// Appends up to `max` entries in the filesystem's order, "." and ".." among them, and says
    /// whether there may be more. A name that vanishes meanwhile is left out.
    pub fn next_entries(&mut self, max: usize, out: &mut Vec<DirEntry>) -> Result<bool, Errno> {
        let _as_user = identity::assume(self.identity.as_ref())?;
        let full = out.len().saturating_add(max);
        while !self.ended && out.len() < full {
            match self.next_entry() {
                Ok(Some(entry)) => out.push(entry),
                answer => {
                    self.ended = true;
                    answer?;
                }
            }
        }
        Ok(!self.ended)
    }

    fn next_entry(&mut self) -> Result<Option<DirEntry>, Errno> {
        while let Some(read) = self.stream.as_mut().and_then(rustix::fs::Dir::read) {
            let read = read?;
            let name = read.file_name().to_bytes();
            if let Some(overlay) = self.overlay(name) {
                return Ok(Some(overlay.show()));
            }
            match self.describe(name, read.file_type(), read.ino()) {
                Err(Errno::NOENT) => {}
                answer => {
                    return Ok(Some(DirEntry { name: name.to_vec(), metadata: answer? }));
                }
            }
        }
        Ok(self.view.overlays.iter_mut().find(|overlay| !overlay.shown).map(Overlay::show))
    }

    fn overlay(&mut self, name: &[u8]) -> Option<&mut Overlay> {
        let order = |overlay: &Overlay| overlay.entry.name.as_slice().cmp(name);
        let index = self.view.overlays.binary_search_by(order).ok()?;
        self.view.overlays.get_mut(index)
    }

    fn describe(&self, name: &[u8], kind: FileType, ino: u64) -> Result<Metadata, Errno> {
        if name == b".." {
            return Ok(self.view.parent);
        }
        let Some(stream) = &self.stream else { return Err(Errno::NOENT) };
        match rustix::fs::statat(stream.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) {
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
