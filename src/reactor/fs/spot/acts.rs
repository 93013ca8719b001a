//! What is done with one spot, attributes aside.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::{Place, Spot};
use crate::reactor::fs::dir::{Dir, Overlay};
use crate::reactor::fs::file::{File, OpenHow};
use crate::reactor::fs::metadata::{Change, Metadata};
use crate::reactor::fs::mounts::Child;
use crate::reactor::fs::names::{End, parent, push};
use crate::reactor::fs::resolve;

impl Spot<'_> {
    /// Opens a regular file. A directory is EISDIR; a FIFO, socket or device is ENXIO or EINVAL and
    /// is not opened at all; a link, be it one that was put there meanwhile, is ELOOP.
    pub fn open_file(&self, how: OpenHow) -> Result<File, Errno> {
        self.open_and_look(how).map(|(file, _)| file)
    }

    /// The same, and what was opened: not always what was there when the spot was found.
    pub fn open_and_look(&self, how: OpenHow) -> Result<(File, Metadata), Errno> {
        if how.create && self.end != End::Plain {
            return Err(Errno::ISDIR);
        }
        if how.create {
            self.view.note_vacancy(self.metadata.is_none());
        }
        if how.create && how.exclusive && self.metadata.is_some() {
            return Err(Errno::EXIST);
        }
        if let Some(there) = self.metadata.filter(Metadata::is_special) {
            return Err(how.refusal_of_special(&there));
        }
        let _as_user = self.view.assume()?;
        let missing = if how.create { Errno::ACCESS } else { Errno::NOENT };
        let unnamed = if self.metadata.is_some() { Errno::ISDIR } else { missing };
        let (directory, name) = self.name(unnamed)?;
        let fd = resolve::open(directory, name.bytes, how.flags(), how.create_mode())?;
        File::from_opened(fd, how.append, self.view.identity().cloned())
    }

    /// Opens a directory for listing. Folders mounted in it are listed as such, and directories of
    /// the view that it lacks are added.
    pub fn open_dir(&self) -> Result<Dir, Errno> {
        let _as_user = self.view.assume()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match &self.place {
            Place::In(_) => {
                let (directory, name) = self.name(Errno::NOENT)?;
                resolve::open(directory, name.bytes, flags, Mode::empty())?
            }
            Place::Top(root) => resolve::open(root.fd(), b".", flags, Mode::empty())?,
            Place::Virtual => {
                let own = self.metadata.unwrap_or_default();
                return Ok(Dir::of_view(own, self.parent_metadata(), self.overlays(None)));
            }
        };
        let overlays = self.overlays(Some(fd.as_fd()));
        Dir::new(fd, self.parent_metadata(), overlays, self.view.identity().cloned())
    }

    /// What ".." is in the client's view. Asking the kernel for ".." of a top would describe a
    /// directory outside it.
    fn parent_metadata(&self) -> Metadata {
        let own = self.metadata.unwrap_or_default();
        let Some((above, _)) = parent(&self.path) else { return own };
        if let Place::In(directory) = &self.place
            && let Some(fd) = directory.fd()
        {
            return Metadata::of(fd).unwrap_or(own);
        }
        let above = if above.is_empty() { b"/" } else { above };
        self.view.find(above, false).ok().and_then(|spot| spot.metadata).unwrap_or(own)
    }

    /// The names that the view puts into this directory, and what they are. A directory that leads
    /// to a mounted folder is the real one where there is one.
    fn overlays(&self, directory: Option<BorrowedFd<'_>>) -> Vec<Overlay> {
        let mut overlays = Vec::new();
        for (name, child) in self.view.mounts().children(&self.path) {
            let metadata = match (child, directory) {
                (Child::Mount(root), _) => Metadata::of(root.fd()).unwrap_or_default(),
                (Child::Way, Some(fd)) => {
                    let real = Metadata::of_name(fd, name).ok();
                    real.filter(Metadata::is_dir).unwrap_or_else(Metadata::of_virtual_dir)
                }
                (Child::Way, None) => Metadata::of_virtual_dir(),
            };
            overlays.push(Overlay::new(name, metadata));
        }
        overlays
    }

    /// Makes a directory; the process's umask is taken off `mode`.
    pub fn mkdir(&self, mode: u32) -> Result<(), Errno> {
        let (directory, name) = self.new_name()?;
        let _as_user = self.view.assume()?;
        rustix::fs::mkdirat(directory, &*name.with_slash, Change::mode_bits(mode))
    }

    /// Removes an empty directory.
    pub fn rmdir(&self) -> Result<(), Errno> {
        match self.end {
            End::Dot => return Err(Errno::INVAL),
            End::DotDot => return Err(Errno::NOTEMPTY),
            End::Slash if self.through_link => return Err(Errno::NOTDIR),
            _ if self.is_fixed() => return Err(Errno::BUSY),
            _ => {}
        }
        let (directory, name) = self.name(Errno::NOENT)?;
        let _as_user = self.view.assume()?;
        rustix::fs::unlinkat(directory, &*name.with_slash, AtFlags::REMOVEDIR)
    }

    /// Removes a file or a link, not a directory (EISDIR).
    pub fn unlink(&self) -> Result<(), Errno> {
        if self.end.is_dots() || self.is_fixed() {
            return Err(Errno::ISDIR);
        }
        if self.is_slashed_link() {
            return Err(Errno::NOTDIR);
        }
        let (directory, name) = self.name(Errno::NOENT)?;
        let _as_user = self.view.assume()?;
        rustix::fs::unlinkat(directory, &*name.with_slash, AtFlags::empty())
    }

    /// Makes a symbolic link here with the text `target`, which is stored as it is.
    pub fn symlink(&self, target: &[u8]) -> Result<(), Errno> {
        let (directory, name) = self.new_name()?;
        let _as_user = self.view.assume()?;
        rustix::fs::symlinkat(target, directory, &*name.with_slash)
    }

    /// The text of a symbolic link; EINVAL for anything else. Where it names the host's path of a
    /// mounted folder or something below it, it is told as the client's path: where folders are on
    /// the host is nobody's business.
    pub fn read_link(&self) -> Result<Vec<u8>, Errno> {
        let unnamed = if self.metadata.is_some() { Errno::INVAL } else { Errno::NOENT };
        let (directory, name) = self.name(unnamed)?;
        let _as_user = self.view.assume()?;
        let text = rustix::fs::readlinkat(directory, name.bytes, Vec::new())?.into_bytes();
        Ok(self.in_clients_words(text))
    }

    fn in_clients_words(&self, text: Vec<u8>) -> Vec<u8> {
        if !text.starts_with(b"/") {
            return text;
        }
        let roots = self.view.mounts().roots();
        let inside = roots.filter_map(|(path, root)| Some((path, root.below_host_path(&text)?)));
        // Of nested folders the innermost says it shortest.
        match inside.min_by_key(|(_, below)| below.len()) {
            None => text,
            Some((path, below)) if below.is_empty() && path.is_empty() => b"/".to_vec(),
            Some((path, below)) => {
                let mut told = path.to_vec();
                if !below.is_empty() {
                    push(&mut told, &below);
                }
                told
            }
        }
    }
}
