//! How much lies below the folders of a user when the server starts: what his quota counts from.

use std::collections::HashSet;
use std::ffi::CStr;
use std::path::Path;

use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat, openat2, statat,
};
use rustix::io::Errno;

use crate::vfs::Usage;

/// How long a path below a folder may get: as long as the kernel takes one, and longer than a
/// client can name. What lies deeper somebody else has put there.
const PATH_BYTES_MAX: usize = 4095;

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
        count.below(&top).map_err(|error| (folder, error))?;
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
    /// Each folder is opened by its path below `top`, so that depth costs no descriptors.
    fn below(&mut self, top: &OwnedFd) -> Result<(), Errno> {
        let mut left = vec![b".".to_vec()];
        while let Some(path) = left.pop() {
            let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            let dir = openat2(top, path.as_slice(), OPEN, Mode::empty(), inside);
            match dir.and_then(Dir::new) {
                Ok(mut dir) => self.folder(&mut dir, &path, &mut left),
                Err(errno) if path == b"." => return Err(errno),
                // What vanished or changed its kind since it was listed is no longer there.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(_) => self.found.passed_over += 1,
            }
        }
        Ok(())
    }

    fn folder(&mut self, dir: &mut Dir, path: &[u8], left: &mut Vec<Vec<u8>>) {
        while let Some(read) = dir.read() {
            let Ok(entry) = read else {
                self.found.passed_over += 1;
                return;
            };
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            match self.entry(dir, name) {
                Ok(true) => {
                    let inner = [path, b"/", name.to_bytes()].concat();
                    if inner.len() <= PATH_BYTES_MAX {
                        left.push(inner);
                    } else {
                        self.found.passed_over += 1;
                    }
                }
                Ok(false) | Err(Errno::NOENT) => {}
                Err(_) => self.found.passed_over += 1,
            }
        }
    }

    /// Counts one name; whether it is a folder to be entered.
    fn entry(&mut self, dir: &Dir, name: &CStr) -> Result<bool, Errno> {
        let stat = statat(dir.fd()?, name, AtFlags::SYMLINK_NOFOLLOW)?;
        self.found.usage.files += 1;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                if stat.st_nlink <= 1 || self.linked.insert(id(&stat)) {
                    let size = u64::try_from(stat.st_size).unwrap_or(0);
                    self.found.usage.bytes = self.found.usage.bytes.saturating_add(size);
                }
                Ok(false)
            }
            FileType::Directory => Ok(!self.tops.contains(&id(&stat))),
            _ => Ok(false),
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
    fn depth_costs_no_descriptors_and_what_no_path_reaches_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let view = |path: &std::path::Path| rustix::fs::open(path, OPEN, Mode::empty()).unwrap();
        let mut here = view(folder.path());
        for _ in 0..2100 {
            rustix::fs::mkdirat(&here, "d", Mode::RWXU).unwrap();
            here = openat(&here, "d", OPEN, Mode::empty()).unwrap();
        }
        let found = found(&[folder.path()]);
        assert_eq!(found.passed_over, 1);
        // "." and "/d" as often as fits, and the name after that.
        assert_eq!(found.usage.files, 2048);
        // Too deep for remove_dir_all by path as well, but not by descriptors.
        std::process::Command::new("rm").arg("-rf").arg(folder.path().join("d")).status().unwrap();
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        assert_eq!(measure([missing.as_path()]).unwrap_err(), (missing.as_path(), Errno::NOENT));
    }
}
