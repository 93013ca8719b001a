//! Two folders to be mounted, what lies outside them, and every kind of link that leads there.

use std::collections::HashSet;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use ringferry::reactor::fs::{Links, Root, View};

/// How every file outside begins.
pub(crate) const SECRET: &[u8] = b"outside: never to be seen";

pub(crate) struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    /// `top` is mounted at "/" and `mount` at "/m"; `outside` is not.
    pub(crate) fn new() -> Scene {
        // In memory where there is tmpfs: ext4 makes each file that replaces another wait for the
        // disk, and the operations between such waits nearly all meet the link.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let scene = Scene { folder: tempfile::tempdir_in(place).unwrap() };
        for directory in ["top/door/sub", "top/other-dir/sub", "top/real/sub", "mount/door/sub"] {
            fs::create_dir_all(scene.path(directory)).unwrap();
        }
        scene.fill_outside();
        let inside = ["top/door/f", "top/door/sub/f", "mount/door/f", "mount/door/sub/f"];
        for file in inside.into_iter().chain(["top/file", "top/file2", "top/swapped"]) {
            fs::write(scene.path(file), "inside").unwrap();
        }
        for (link, target) in [
            ("top/to-m", "/m/door"),
            ("top/chain", "to-m/../../real"),
            ("mount/to-top", "../door"),
            ("mount/host-top", scene.path("top/door").to_str().unwrap()),
        ] {
            symlink(target, scene.path(link)).unwrap();
        }
        // A relative link is laid for the directory it is swapped into.
        scene.link_outside("top/", "..", "");
        scene.link_outside("mount/", "..", "");
        scene.link_outside("top/sub-", "../..", "/sub");
        scene.link_outside("top/file-", "..", "/secret");
        scene
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn view(&self) -> View {
        let open = |folder: &str| Root::open(&self.path(folder)).unwrap();
        let mounts = vec![(b"/".to_vec(), open("top")), (b"/m".to_vec(), open("mount"))];
        View::new(mounts, Links::Follow).unwrap()
    }

    /// Where the mounted folders are: what no client may learn.
    pub(crate) fn host_paths(&self) -> Vec<Vec<u8>> {
        let host = |folder: &str| self.path(folder).into_os_string().into_vec();
        vec![host("top"), host("mount")]
    }

    /// Filesystem and inode of everything outside.
    pub(crate) fn outside_ids(&self) -> HashSet<(u64, u64)> {
        let rows = portrait(&self.path("outside"));
        let ids = rows.iter().map(|row| fs::symlink_metadata(&row.0).unwrap());
        ids.map(|metadata| (metadata.dev(), metadata.ino())).collect()
    }

    fn link_outside(&self, prefix: &str, up: &str, below: &str) {
        let outside = self.path("outside");
        let outside = outside.to_str().unwrap();
        for (name, target) in [
            ("absolute", format!("{outside}{below}")),
            ("relative", format!("{up}/outside{below}")),
            ("magic", format!("/proc/self/root{outside}{below}")),
        ] {
            symlink(target, self.path(&format!("{prefix}{name}"))).unwrap();
        }
    }

    fn fill_outside(&self) {
        fs::create_dir_all(self.path("outside/sub")).unwrap();
        for name in ["f", "f2", "made", "secret", "sub/f", "sub/f2", "sub/made", "sub/secret"] {
            fs::write(self.path("outside").join(name), SECRET).unwrap();
        }
        fs::create_dir(self.path("outside/dir")).unwrap();
        symlink("f", self.path("outside/link")).unwrap();
    }
}

/// Path, mode, size, modification and change time, owner, links, content.
type Row = (PathBuf, u32, u64, (i64, i64), (i64, i64), u32, u64, Vec<u8>);

/// Everything about a tree that an operation could change.
pub(crate) fn portrait(folder: &Path) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(path) = left.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let bytes = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        if meta.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        let modified = (meta.mtime(), meta.mtime_nsec());
        let changed = (meta.ctime(), meta.ctime_nsec());
        let (mode, owner, links) = (meta.mode(), meta.uid(), meta.nlink());
        rows.push((path, mode, meta.size(), modified, changed, owner, links, bytes));
    }
    rows.sort();
    rows
}
