//! What is done with two spots: renaming and linking.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::{End, Name, Spot};

type Named<'a> = (BorrowedFd<'a>, Name<'a>);

impl Spot<'_> {
    /// Renames; EEXIST if `to` exists. Atomic where the filesystem knows `RENAME_NOREPLACE`; else
    /// files are linked and unlinked, which is as exclusive but shows both names for a moment, and
    /// directories are checked before (a directory made in between would be replaced if empty).
    pub fn rename_exclusive(&self, to: &Spot<'_>) -> Result<(), Errno> {
        let ((from, old), (dir, new)) = self.ends_of_rename(to, true)?;
        let _as_user = self.view.assume()?;
        let no_replace = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(from, &*old.with_slash, dir, &*new.with_slash, no_replace) {
            Err(Errno::INVAL | Errno::NOSYS) => rename_by_link(from, &old, dir, &new),
            answer => answer,
        }
    }

    /// Renames in one step, replacing `to` if it exists.
    pub fn rename_over(&self, to: &Spot<'_>) -> Result<(), Errno> {
        let ((from, old), (dir, new)) = self.ends_of_rename(to, false)?;
        let _as_user = self.view.assume()?;
        rustix::fs::renameat(from, &*old.with_slash, dir, &*new.with_slash)
    }

    /// Both names, or what the kernel would say of a rename between spots without one, in its
    /// order: "." and the like, what is missing, what is taken, what is no directory.
    fn ends_of_rename<'a>(
        &'a self,
        to: &'a Spot<'_>,
        exclusive: bool,
    ) -> Result<(Named<'a>, Named<'a>), Errno> {
        let taken = if exclusive { Errno::EXIST } else { Errno::BUSY };
        if self.end.is_dots() || self.is_fixed() {
            return Err(Errno::BUSY);
        }
        if to.end.is_dots() || to.is_fixed() {
            return Err(taken);
        }
        if self.is_slashed_link() || to.is_slashed_link() {
            let missing = !self.through_link && self.metadata.is_none();
            let exists = to.through_link || to.metadata.is_some();
            return Err(match (missing, exclusive && exists) {
                (true, _) => Errno::NOENT,
                (false, true) => Errno::EXIST,
                (false, false) => Errno::NOTDIR,
            });
        }
        Ok((self.name(Errno::NOENT)?, to.name(Errno::ACCESS)?))
    }

    /// Gives the file here a second name at `to`. A link is linked itself, not what it points to,
    /// unless it was followed to here; a directory is EPERM.
    pub fn hard_link(&self, to: &Spot<'_>) -> Result<(), Errno> {
        if self.end.is_dots() || self.is_fixed() {
            return Err(Errno::PERM);
        }
        if self.end == End::Slash {
            // Not asked of linkat, which would follow "link/" by the host's rules. What exists here
            // is a directory, or it would not have been found with a slash.
            return Err(if self.metadata.is_some() { Errno::PERM } else { Errno::NOENT });
        }
        let (from, old) = self.name(Errno::NOENT)?;
        let (dir, new) = to.new_name()?;
        let _as_user = self.view.assume()?;
        rustix::fs::linkat(from, old.bytes, dir, &*new.with_slash, AtFlags::empty())
    }
}

pub(in crate::reactor::fs) fn rename_by_link(
    from: BorrowedFd<'_>,
    old: &Name<'_>,
    to: BorrowedFd<'_>,
    new: &Name<'_>,
) -> Result<(), Errno> {
    match rustix::fs::linkat(from, old.bytes, to, new.bytes, AtFlags::empty()) {
        Ok(()) => rustix::fs::unlinkat(from, old.bytes, AtFlags::empty()).inspect_err(|_| {
            let _ = rustix::fs::unlinkat(to, new.bytes, AtFlags::empty());
        }),
        // A directory, or a filesystem without hard links.
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            match rustix::fs::statat(to, new.bytes, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Err(Errno::EXIST),
                Err(Errno::NOENT) => {
                    rustix::fs::renameat(from, &*old.with_slash, to, &*new.with_slash)
                }
                Err(errno) => Err(errno),
            }
        }
        Err(errno) => Err(errno),
    }
}
