//! The confined tree against real directories.

mod attributes;
mod confinement;
mod copying;
mod listing;
mod mounts;
mod naming;
mod reading;
mod real_paths;
mod spots;
mod telling;
mod vacancies;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use tempfile::TempDir;

use super::*;

/// A root with something beside it that nobody may reach:
///
/// ```text
/// base/secret, base/outside/        not the client's
/// base/root/file, root/sub/inner    the client's
/// ```
struct Tree {
    base: TempDir,
    root: Root,
}

impl Tree {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::create_dir(base.path().join("outside")).unwrap();
        fs::write(base.path().join("secret"), "secret").unwrap();
        fs::write(base.path().join("outside/secret"), "secret").unwrap();
        fs::write(root.join("file"), "content").unwrap();
        fs::write(root.join("sub/inner"), "inner").unwrap();
        let root = Root::open(&root).unwrap();
        Tree { base, root }
    }

    fn view(&self) -> View {
        self.root.view().unwrap()
    }

    /// Where the client's path is on the host.
    fn host(&self, path: &str) -> PathBuf {
        self.base.path().join("root").join(path)
    }

    fn link(&self, target: impl AsRef<Path>, link: &str) {
        symlink(target, self.host(link)).unwrap();
    }

    /// What is there, read through the root.
    fn read(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        let file = self.root.open_file(path, OpenHow { read: true, ..Default::default() })?;
        let mut content = vec![0; 100];
        let count = file.read_at(&mut content, 0)?;
        content.truncate(count);
        Ok(content)
    }
}

const CREATE: OpenHow = OpenHow {
    read: true,
    write: true,
    append: false,
    create: true,
    exclusive: false,
    truncate: false,
    mode: 0o644,
};
