//! Which folder is mounted where: questions about canonical paths, without a syscall.
//!
//! Paths here are canonical and absolute, and the top is "" rather than "/", so that a name in a
//! directory is always the directory's path, a slash and the name.

use std::collections::BTreeMap;

use rustix::io::Errno;

use super::names::{below, components};
use super::root::Root;

/// Folders by the client's path.
#[derive(Debug)]
pub(super) struct Mounts {
    by_path: BTreeMap<Vec<u8>, Root>,
}

/// A name in a directory that the view puts there, whatever the directory's folder has.
pub(super) enum Child<'v> {
    /// A folder mounted there.
    Mount(&'v Root),
    /// A directory on the way to one.
    Way,
}

impl Mounts {
    /// EINVAL for a path that is not canonical, EEXIST for one given twice.
    pub(super) fn new(mounts: Vec<(Vec<u8>, Root)>) -> Result<Self, Errno> {
        let mut by_path = BTreeMap::new();
        for (path, root) in mounts {
            if by_path.insert(canonical(&path)?, root).is_some() {
                return Err(Errno::EXIST);
            }
        }
        Ok(Mounts { by_path })
    }

    pub(super) fn roots(&self) -> impl Iterator<Item = (&[u8], &Root)> {
        self.by_path.iter().map(|(path, root)| (path.as_slice(), root))
    }

    /// Whether any folder is mounted elsewhere than at the top, which most views do without.
    pub(super) fn has_inner(&self) -> bool {
        self.by_path.last_key_value().is_some_and(|(path, _)| !path.is_empty())
    }

    /// The folder mounted at exactly this path.
    pub(super) fn at(&self, path: &[u8]) -> Option<&Root> {
        self.by_path.get(path)
    }

    /// The folder that provides this path, and the path in it.
    pub(super) fn deepest<'a>(&self, path: &'a [u8]) -> Option<(&Root, &'a [u8])> {
        let mut top = path;
        loop {
            if let Some(root) = self.by_path.get(top) {
                return Some((root, below(path, top)?));
            }
            top = super::names::parent(top)?.0;
        }
    }

    /// The first folder mounted below `path`, not at it.
    pub(super) fn first_below(&self, path: &[u8]) -> Option<&Root> {
        if !self.has_inner() {
            return None;
        }
        let inside = [path, b"/"].concat();
        let (found, root) = self.by_path.range(inside..).next()?;
        below(found, path).map(|_| root)
    }

    /// Whether the view needs a directory at `path` to lead to a folder below it.
    pub(super) fn is_on_the_way(&self, path: &[u8]) -> bool {
        self.first_below(path).is_some()
    }

    /// Whether the view itself puts something at `path`.
    pub(super) fn is_fixed(&self, path: &[u8]) -> bool {
        path.is_empty() || self.at(path).is_some() || self.is_on_the_way(path)
    }

    /// The names in the directory `path` that the view puts there.
    pub(super) fn children(&self, path: &[u8]) -> BTreeMap<&[u8], Child<'_>> {
        let mut children = BTreeMap::new();
        let inside = [path, b"/"].concat();
        for (mount, root) in self.by_path.range(inside..) {
            let Some(rest) = below(mount, path) else { break };
            let mut parts = components(rest);
            match (parts.next(), parts.next()) {
                (Some(name), None) => {
                    children.insert(name, Child::Mount(root));
                }
                (Some(name), Some(_)) => {
                    children.entry(name).or_insert(Child::Way);
                }
                (None, _) => {}
            }
        }
        children
    }
}

/// Without the slash of "/".
fn canonical(path: &[u8]) -> Result<Vec<u8>, Errno> {
    super::names::check(path)?;
    let joined = super::names::joined(path);
    let same = if joined.is_empty() { path == b"/" } else { path == joined };
    let climbs = components(path).any(|part| part == b"..");
    if same && !climbs { Ok(joined) } else { Err(Errno::INVAL) }
}
