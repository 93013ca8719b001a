//! The confined tree against real directories.

mod attributes;
mod confinement;
mod listing;
mod naming;
mod real_paths;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

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
    _renames: Option<Renames>,
}

/// While something is renamed anywhere on the host, the kernel may not be able to tell whether `..`
/// stays inside (EAGAIN), and a path of thousands of steps never gets through: the test that
/// renames without a pause runs alone.
static RENAMES: RwLock<()> = RwLock::new(());

enum Renames {
    Few { _guard: RwLockReadGuard<'static, ()> },
    Many { _guard: RwLockWriteGuard<'static, ()> },
}

impl Tree {
    fn new() -> Self {
        Self::with(None)
    }

    /// For a test of paths so long that any rename meets them. One a test: a second could wait for
    /// a writer that waits for the first.
    fn calm() -> Self {
        let guard = RENAMES.read().unwrap_or_else(PoisonError::into_inner);
        Self::with(Some(Renames::Few { _guard: guard }))
    }

    /// For a test that renames without a pause.
    fn alone() -> Self {
        let guard = RENAMES.write().unwrap_or_else(PoisonError::into_inner);
        Self::with(Some(Renames::Many { _guard: guard }))
    }

    fn with(renames: Option<Renames>) -> Self {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::create_dir(base.path().join("outside")).unwrap();
        fs::write(base.path().join("secret"), "secret").unwrap();
        fs::write(base.path().join("outside/secret"), "secret").unwrap();
        fs::write(root.join("file"), "content").unwrap();
        fs::write(root.join("sub/inner"), "inner").unwrap();
        let root = Root::open(&root).unwrap();
        Tree { base, root, _renames: renames }
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
