//! A folder of the host that clients are shown.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use super::names::{components, push};
use super::resolve;
use crate::reactor::identity::Identity;

/// A folder of the host, opened once and from then on named by its descriptor alone. Cloning
/// shares it.
#[derive(Clone, Debug)]
pub struct Root {
    folder: Arc<Folder>,
}

#[derive(Debug)]
struct Folder {
    fd: OwnedFd,
    /// Where it is on the host, canonical, and as it was given: what links in it may name it by.
    host_paths: Vec<Vec<u8>>,
    may_hang: bool,
}

/// Filesystems whose answers come from elsewhere, by `f_type` of statfs(2): NFS, SMB, SMB2, CIFS,
/// FUSE, Ceph, AFS (two drivers), 9P, OCFS2, GFS2, Coda, Lustre.
const REMOTE: &[u64] = &[
    0x6969,
    0x517b,
    0xfe53_4d42,
    0xff53_4d42,
    0x6573_5546,
    0x00c3_6400,
    0x5346_414f,
    0x6b41_4653,
    0x0102_1997,
    0x7461_636f,
    0x0116_1970,
    0x7375_7245,
    0x0bd0_0bd0,
];

impl Root {
    /// Opens the directory at `path`, which is the server's own and resolved as usual. ENOSYS means
    /// a kernel (before 5.6) or a seccomp filter without openat2.
    pub fn open(path: &Path) -> Result<Root, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
        resolve::directory(fd.as_fd(), b".")?;
        let may_hang = is_remote(rustix::fs::fstatfs(&fd)?.f_type);
        Ok(Root { folder: Arc::new(Folder { fd, host_paths: host_paths(path), may_hang }) })
    }

    /// The same as `identity`, for a folder that is its user's: root itself may be kept out of it
    /// (NFS with root_squash).
    ///
    /// # Errors
    /// As [`Root::open`] and [`Identity::assume`].
    pub fn open_as(path: &Path, identity: &Arc<Identity>) -> Result<Root, Errno> {
        let _as_user = identity.assume()?;
        Root::open(path)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.folder.fd.as_fd()
    }

    /// Whether the filesystem it is on may block for long.
    pub(super) fn may_hang(&self) -> bool {
        self.folder.may_hang
    }

    /// What is left of an absolute path of the host below this folder, if it is there. The host's
    /// "/" as a root has nothing to hide, and no path is below it in this sense.
    pub(super) fn below_host_path(&self, host: &[u8]) -> Option<Vec<u8>> {
        let host = plain(host);
        let tops = self.folder.host_paths.iter().filter(|top| !top.is_empty());
        let found = tops.filter_map(|top| super::names::below(&host, top)).next()?;
        Some(found.to_vec())
    }
}

// f_type is signed, and wider on some architectures than the constants.
#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, clippy::cast_lossless)]
fn is_remote(kind: rustix::fs::FsWord) -> bool {
    REMOTE.contains(&(kind as u64 & 0xffff_ffff))
}

fn host_paths(path: &Path) -> Vec<Vec<u8>> {
    let canonical = std::fs::canonicalize(path).ok();
    let given = std::path::absolute(path).ok();
    let paths = [canonical, given].into_iter().flatten();
    let mut paths: Vec<_> = paths.map(|path| plain(path.as_os_str().as_bytes())).collect();
    paths.dedup();
    paths
}

/// Without ".", ".." and doubled slashes, by the letter: no link is looked at.
fn plain(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for part in components(path) {
        if part == b".." {
            out.truncate(super::names::parent(&out).map_or(0, |(above, _)| above.len()));
        } else {
            push(&mut out, part);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_filesystems_are_known() {
        for remote in [0x6969, 0x6573_5546, 0xff53_4d42_u64] {
            assert!(is_remote(remote as rustix::fs::FsWord));
        }
        for local in [0xef53, 0x0102_1994, 0x9123_683e_u64] {
            assert!(!is_remote(local as rustix::fs::FsWord), "ext4, tmpfs, btrfs");
        }
    }

    #[test]
    fn host_paths_are_compared_without_dots() {
        assert_eq!(plain(b"/a//b/./c/../d/"), b"/a/b/d");
        assert_eq!(plain(b"/.."), b"");
        assert_eq!(plain(b"/"), b"");
    }
}
