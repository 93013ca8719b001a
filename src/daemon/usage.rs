//! How much lies below the folders of a user when the server starts: what his quota counts from.

use std::collections::HashSet;
use std::ffi::CStr;
use std::path::Path;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;

use crate::vfs::Usage;

/// How deep folders are entered; each level holds a descriptor open meanwhile.
const DEPTH_MAX: usize = 256;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// Apparent sizes of files, each counted once however many names it has, and names.
    pub(crate) usage: Usage,
    /// Folders and names that could not be looked into: what they hold is not counted.
    pub(crate) passed_over: u64,
}

/// Counts what is below each of `folders`, without following links and without leaving them. A
/// folder that lies inside another is counted once. What comes and goes meanwhile is counted or
/// not.
pub(crate) fn measure<'a>(
    folders: impl IntoIterator<Item = &'a Path>,
) -> Result<Found, (&'a Path, Errno)> {
    let mut count = Count::default();
    let mut tops = Vec::new();
    for folder in folders {
        let open = openat(CWD, folder, OPEN & !OFlags::NOFOLLOW, Mode::empty());
        let top = open.and_then(|top| Ok((id(&fstat(&top)?), top)));
        let (id, top) = top.map_err(|error| (folder, error))?;
        if count.tops.insert(id) {
            tops.push((folder, top));
        }
    }
    for (folder, top) in tops {
        count.below(top).map_err(|error| (folder, error))?;
    }
    Ok(count.found)
}

const OPEN: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);

type Id = (u64, u64);

fn id(stat: &Stat) -> Id {
    (stat.st_dev, stat.st_ino)
}

#[derive(Default)]
struct Count {
    /// The folders that are counted on their own.
    tops: HashSet<Id>,
    /// Files with several names that were met.
    linked: HashSet<Id>,
    found: Found,
}

impl Count {
    fn below(&mut self, top: OwnedFd) -> Result<(), Errno> {
        let mut open = vec![Dir::new(top)?];
        while let Some(dir) = open.last_mut() {
            let entry = match dir.read() {
                Some(Ok(entry)) => entry,
                Some(Err(_)) => {
                    self.found.passed_over += 1;
                    open.pop();
                    continue;
                }
                None => {
                    open.pop();
                    continue;
                }
            };
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let room = open.len() < DEPTH_MAX;
            let Some(dir) = open.last() else { break };
            match self.entry(dir, name, room) {
                Ok(Some(inner)) => open.push(inner),
                // What vanished or changed its kind since it was listed is no longer there.
                Ok(None) | Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(_) => self.found.passed_over += 1,
            }
        }
        Ok(())
    }

    /// Counts one name; a folder to be entered comes back open.
    fn entry(&mut self, dir: &Dir, name: &CStr, room: bool) -> Result<Option<Dir>, Errno> {
        let dir = dir.fd()?;
        let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        self.found.usage.files += 1;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                if stat.st_nlink <= 1 || self.linked.insert(id(&stat)) {
                    let size = u64::try_from(stat.st_size).unwrap_or(0);
                    self.found.usage.bytes = self.found.usage.bytes.saturating_add(size);
                }
                Ok(None)
            }
            FileType::Directory if self.tops.contains(&id(&stat)) => Ok(None),
            FileType::Directory if !room => Err(Errno::NAMETOOLONG),
            FileType::Directory => {
                let inner = openat(dir.as_fd(), name, OPEN, Mode::empty())?;
                Dir::new(inner).map(Some)
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn found(folders: &[&Path]) -> Found {
        measure(folders.iter().copied()).unwrap()
    }

    fn counted(bytes: u64, files: u64) -> Found {
        Found { usage: Usage { bytes, files }, passed_over: 0 }
    }

    #[test]
    fn sizes_and_names_are_counted_and_links_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("big"), vec![0; 5000]).unwrap();
        let root = folder.path();
        assert_eq!(found(&[root]), counted(0, 0));
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/file"), vec![0; 100]).unwrap();
        fs::write(root.join("other"), vec![0; 10]).unwrap();
        symlink(outside.path(), root.join("out")).unwrap();
        symlink(outside.path().join("big"), root.join("a/big")).unwrap();
        assert_eq!(found(&[root]), counted(110, 5));
    }

    #[test]
    fn a_sparse_file_counts_with_its_size_and_a_linked_one_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::File::create(root.join("sparse")).unwrap().set_len(1 << 30).unwrap();
        fs::hard_link(root.join("sparse"), root.join("twin")).unwrap();
        assert_eq!(found(&[root]), counted(1 << 30, 2));
    }

    #[test]
    fn folders_inside_one_another_are_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let inner = root.join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("file"), vec![0; 7]).unwrap();
        for folders in [[root, &inner], [&inner, root], [root, root]] {
            assert_eq!(found(&folders), counted(7, 2));
        }
        assert_eq!(found(&[&inner]), counted(7, 1));
    }

    #[test]
    fn what_lies_too_deep_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut path = folder.path().to_path_buf();
        for _ in 0..DEPTH_MAX + 3 {
            path.push("d");
        }
        fs::create_dir_all(&path).unwrap();
        let found = found(&[folder.path()]);
        assert_eq!(found.passed_over, 1);
        assert_eq!(found.usage.files, u64::try_from(DEPTH_MAX).unwrap());
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        assert_eq!(measure([missing.as_path()]).unwrap_err(), (missing.as_path(), Errno::NOENT));
    }
}
