//! A place that a path leads to, pinned: what is there can be judged first and acted on then.
//!
//! An act names one component in a directory held open since the path was resolved, and follows no
//! link: whatever is renamed between judging and acting, it meets the name that was judged.

mod acts;
mod attributes;
mod pairs;

use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use super::metadata::Metadata;
use super::names::{End, Name, parent};
use super::root::Root;
use super::view::{Directory, View};

#[cfg(test)]
pub(super) use pairs::rename_by_link;

/// Where a path leads: a name in a directory, whether something has that name or not, or a
/// directory that the view itself has there.
#[derive(Debug)]
pub struct Spot<'v> {
    view: &'v View,
    /// Canonical; "" is the top.
    path: Vec<u8>,
    place: Place<'v>,
    metadata: Option<Metadata>,
    end: End,
    /// The client's last component was a link, and this is its target.
    through_link: bool,
}

#[derive(Debug)]
pub(super) enum Place<'v> {
    /// The last component of the path in this directory.
    In(Directory<'v>),
    /// The top of a mounted folder, which has no name in the view's sense.
    Top(&'v Root),
    /// A directory of the view alone.
    Virtual,
}

impl<'v> Spot<'v> {
    pub(super) fn new(
        view: &'v View,
        path: Vec<u8>,
        place: Place<'v>,
        metadata: Option<Metadata>,
        end: End,
    ) -> Self {
        Spot { view, path, place, metadata, end, through_link: false }
    }

    pub(super) fn found_through_link(mut self, through_link: bool) -> Self {
        self.through_link = through_link;
        self
    }

    pub(super) fn into_directory(self) -> Option<Directory<'v>> {
        match self.place {
            Place::In(directory) => Some(directory),
            _ => None,
        }
    }

    /// The absolute path in the client's view, without links, "." and "..".
    pub fn path(&self) -> &[u8] {
        if self.path.is_empty() { b"/" } else { &self.path }
    }

    /// What was there when the path was resolved; `None` for nothing. Of a link itself unless links
    /// were followed.
    pub fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_ref()
    }

    /// What is there by now, whatever the path led to when it was resolved.
    pub fn look_again(&self) -> Result<Option<Metadata>, Errno> {
        let _as_user = self.view.assume()?;
        match &self.place {
            Place::In(directory) => {
                let (_, name) = parent(&self.path).ok_or(Errno::NOENT)?;
                directory.look(name)
            }
            Place::Top(root) => Metadata::of(root.fd()).map(Some),
            Place::Virtual => Ok(self.metadata),
        }
    }

    /// Whether the view itself puts a directory here: "/", a mounted folder, or a directory on the
    /// way to one. It cannot be made, removed, renamed or replaced.
    pub fn is_fixed(&self) -> bool {
        self.view.mounts().is_fixed(&self.path)
    }

    /// Whether the path ended in "link/": the target is found, but nothing made or removed.
    fn is_slashed_link(&self) -> bool {
        self.through_link && self.end == End::Slash
    }

    /// The directory and the name in it; `otherwise` where no directory of the host has it.
    fn name(&self, otherwise: Errno) -> Result<(BorrowedFd<'_>, Name<'_>), Errno> {
        let Place::In(directory) = &self.place else { return Err(otherwise) };
        let fd = directory.fd().ok_or(otherwise)?;
        let (_, bytes) = parent(&self.path).ok_or(otherwise)?;
        Ok((fd, Name::new(bytes, self.end == End::Slash)))
    }

    /// As [`Self::name`], for a name about to be made: EEXIST for what always exists, and EACCES in
    /// a directory of the view alone.
    fn new_name(&self) -> Result<(BorrowedFd<'_>, Name<'_>), Errno> {
        if self.through_link || self.end.is_dots() || self.is_fixed() {
            return Err(Errno::EXIST);
        }
        self.name(Errno::ACCESS)
    }
}
