//! Mounted folders as one tree, and where a client's path leads in it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

use super::metadata::Metadata;
use super::mounts::Mounts;
use super::names::{self, End, components, parent};
use super::resolve;
use super::root::Root;
use super::spot::{Place, Spot};
use super::walk::Walk;
use crate::reactor::identity::{self, Assumed, Identity};

/// What symbolic links in a tree mean to clients.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Links {
    /// They are followed inside the view: an absolute one starts at the view's "/".
    #[default]
    Follow,
    /// A path through one is ELOOP. The link itself can still be looked at, read and removed.
    Refuse,
}

/// Mounted folders as the one tree a client sees. What no folder provides but a path to a mounted
/// one needs is a directory of the view alone: nobody can change it (mode 0o555).
///
/// Paths are the client's bytes, absolute or relative, both taken from "/". A mounted folder and
/// the directories that lead to it hide what else is at their place, be it a file or a link.
#[derive(Debug)]
pub struct View {
    mounts: Mounts,
    links: Links,
    may_hang: bool,
    /// As whom everything in it is done, if not as the server itself.
    identity: Option<Arc<Identity>>,
    /// Whether the last file that was to be made was not there yet.
    was_vacant: AtomicBool,
}

/// The directory a name is looked up in.
#[derive(Debug)]
pub(super) enum Directory<'v> {
    /// One below the top of a folder.
    Inner(OwnedFd),
    /// The top of a folder.
    Top(&'v Root),
    /// One of the view alone.
    Virtual,
}

impl Directory<'_> {
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Directory::Inner(fd) => Some(fd.as_fd()),
            Directory::Top(root) => Some(root.fd()),
            Directory::Virtual => None,
        }
    }

    /// What `name` is in it; a link itself.
    pub(super) fn look(&self, name: &[u8]) -> Result<Option<Metadata>, Errno> {
        let Some(fd) = self.fd() else { return Ok(None) };
        match Metadata::of_name(fd, name) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}

impl View {
    /// Mounts folders at canonical absolute paths ("/", "/data/in"); "/" may be missing. EINVAL for
    /// a path that is not canonical, EEXIST for one given twice.
    pub fn new(mounts: Vec<(Vec<u8>, Root)>, links: Links) -> Result<View, Errno> {
        let mounts = Mounts::new(mounts)?;
        let may_hang = mounts.roots().any(|(_, root)| root.may_hang());
        let was_vacant = AtomicBool::new(true);
        Ok(View { mounts, links, may_hang, identity: None, was_vacant })
    }

    /// The same for a user of the host: whatever is found, opened or done in it, and with the files
    /// and directories opened in it, is done as `identity`.
    #[must_use]
    pub fn used_as(self, identity: Arc<Identity>) -> View {
        View { identity: Some(identity), ..self }
    }

    /// As whom everything in it is done; `None`: as the server itself.
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    /// Makes this thread act as whoever the view is for. Every act in it does so by itself; for
    /// several in a row once is cheaper.
    ///
    /// # Errors
    /// As [`Identity::assume`].
    pub fn assume(&self) -> Result<Option<Assumed>, Errno> {
        identity::assume(self.identity.as_ref())
    }

    /// Whether a mounted folder is on a filesystem that may block for long: NFS, SMB, FUSE and the
    /// like. Other filesystems mounted inside a folder are not looked at.
    pub fn may_hang(&self) -> bool {
        self.may_hang
    }

    /// Where `path` leads, as far as the kernel lets this process search. The last component need
    /// not exist; a link there is followed if `follow` is set or a slash comes after it, and a
    /// dangling one leads to where its target would be.
    ///
    /// ENOENT: the path is empty or a directory in it is missing. ENOTDIR: something that is no
    /// directory is used as one ("file/x", "file/"). ELOOP: more than 40 links, or any where they
    /// are refused. ENAMETOOLONG: 4096 bytes or more, be it only after links. EINVAL: a NUL.
    pub fn find(&self, path: &[u8], follow: bool) -> Result<Spot<'_>, Errno> {
        names::check(path)?;
        let _as_user = self.assume()?;
        let end = End::of(path);
        if components(path).any(|part| part == b"..") {
            return Walk::new(self, path, follow, end).run();
        }
        // Nearly every path has neither ".." nor links, and costs one openat2 and one fstatat.
        let canonical = names::joined(path);
        let Some((above, name)) = parent(&canonical) else {
            return self.fixed(b"", end)?.ok_or(Errno::NOENT);
        };
        match self.directory(above) {
            Ok(directory) => Walk::at(self, above, directory, name, follow, end).run(),
            Err(Errno::LOOP) => Walk::new(self, path, follow, end).run(),
            Err(Errno::NOENT | Errno::NOTDIR) if self.mounts.has_inner() => {
                Walk::new(self, path, follow, end).run()
            }
            Err(errno) => Err(errno),
        }
    }

    /// Whether the next file that is to be made may well not be there yet.
    pub(super) fn expects_vacancy(&self) -> bool {
        self.was_vacant.load(Ordering::Relaxed)
    }

    /// A file was to be made, and was not there, or something was.
    pub(super) fn note_vacancy(&self, was_vacant: bool) {
        if was_vacant != self.expects_vacancy() {
            self.was_vacant.store(was_vacant, Ordering::Relaxed);
        }
    }

    pub(super) fn mounts(&self) -> &Mounts {
        &self.mounts
    }

    pub(super) fn links(&self) -> Links {
        self.links
    }

    /// The directory at a canonical path in which no link is expected: one that is there is ELOOP.
    pub(super) fn directory(&self, path: &[u8]) -> Result<Directory<'_>, Errno> {
        let answer = match self.mounts.deepest(path) {
            Some((root, b"")) => return Ok(Directory::Top(root)),
            Some((root, below)) => resolve::directory(root.fd(), below).map(Directory::Inner),
            None => Err(Errno::NOENT),
        };
        self.or_virtual(path, answer)
    }

    /// The directory `name` in `above`, with the canonical path `path`. ENOTDIR for a link.
    pub(super) fn child(
        &self,
        above: &Directory<'_>,
        path: &[u8],
        name: &[u8],
    ) -> Result<Directory<'_>, Errno> {
        if let Some(root) = self.mounts.at(path) {
            return Ok(Directory::Top(root));
        }
        let answer = match above.fd() {
            Some(fd) => resolve::child(fd, name).map(Directory::Inner),
            None => Err(Errno::NOENT),
        };
        self.or_virtual(path, answer)
    }

    /// Where the view needs a directory and no folder has one, there is one of the view's own.
    fn or_virtual<'v>(
        &'v self,
        path: &[u8],
        answer: Result<Directory<'v>, Errno>,
    ) -> Result<Directory<'v>, Errno> {
        match answer {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS)
                if path.is_empty() || self.mounts.is_on_the_way(path) =>
            {
                Ok(Directory::Virtual)
            }
            answer => answer,
        }
    }

    /// The spot at a canonical path where the view itself puts something that is no name in a
    /// directory of the host.
    pub(super) fn fixed(&self, path: &[u8], end: End) -> Result<Option<Spot<'_>>, Errno> {
        let (place, metadata) = match self.mounts.at(path) {
            // What fails here must not uncover what lies under the mounted folder.
            Some(root) => (Place::Top(root), Metadata::of(root.fd())?),
            None if path.is_empty() => (Place::Virtual, Metadata::of_virtual_dir()),
            None => return Ok(None),
        };
        Ok(Some(Spot::new(self, path.to_vec(), place, Some(metadata), end)))
    }

    /// The spot of `name` in `directory`, with the canonical path `path`.
    pub(super) fn named<'v>(
        &'v self,
        directory: Directory<'v>,
        path: Vec<u8>,
        end: End,
    ) -> Result<Spot<'v>, Errno> {
        let name = parent(&path).ok_or(Errno::NOENT)?.1;
        let found = match directory.look(name) {
            Err(Errno::ACCESS) if self.mounts.is_on_the_way(&path) => None,
            answer => answer?,
        };
        let is_dir = found.is_some_and(|metadata| metadata.is_dir());
        if !is_dir && self.mounts.is_on_the_way(&path) {
            let metadata = Some(Metadata::of_virtual_dir());
            return Ok(Spot::new(self, path, Place::Virtual, metadata, end));
        }
        Ok(Spot::new(self, path, Place::In(directory), found, end))
    }
}
