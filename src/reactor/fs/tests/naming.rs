//! Making, removing and renaming: the same answers as the kernel gives without confinement.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};

use super::super::names::Name;
use super::super::spot::rename_by_link;
use super::*;

/// Last components of every kind, none of which leaves the tree.
const PATHS: [&str; 22] = [
    "",
    "/",
    ".",
    "sub/.",
    "sub/..",
    "file",
    "file/",
    "file/.",
    "file/x",
    "sub",
    "sub/",
    "sub//",
    "empty",
    "empty/",
    "link",
    "link/",
    "dangling",
    "dangling/",
    "none",
    "none/",
    "none/x",
    "sub/new",
];

fn tree() -> Tree {
    let tree = Tree::new();
    fs::create_dir(tree.host("empty")).unwrap();
    tree.link("sub", "link");
    tree.link("nowhere", "dangling");
    tree
}

/// The same operation on the same tree, by plain calls relative to the root's directory. An
/// absolute path would be the host's, so "/" is left to a test of its own.
fn kernel(tree: &Tree) -> OwnedFd {
    rustix::fs::open(tree.host("."), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap()
}

fn compare(
    what: &str,
    ours: impl Fn(&Root, &[u8]) -> Result<(), Errno>,
    theirs: impl Fn(&OwnedFd, &str) -> Result<(), Errno>,
) {
    let mut trees = None;
    for path in PATHS.into_iter().filter(|path| *path != "/") {
        let (one, other) = trees.take().unwrap_or_else(|| (tree(), tree()));
        let got = ours(&one.root, path.as_bytes());
        let mut expected = theirs(&kernel(&other), path);
        // A path through a file is refused before anything else is looked at.
        if path == "file/" && expected.is_err() {
            expected = Err(Errno::NOTDIR);
        }
        assert_eq!(got, expected, "{what} of {path:?}");
        assert_eq!(names(&one), names(&other), "{what} of {path:?}");
        if got.is_err() {
            trees = Some((one, other)); // nothing has changed: good for another
        }
    }
}

/// Every name in the tree and what it is.
fn names(tree: &Tree) -> Vec<String> {
    let mut all = Vec::new();
    let mut left = vec![tree.host("")];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(tree.host("")).unwrap().display().to_string();
            let metadata = fs::symlink_metadata(&path).unwrap();
            all.push(format!("{name} {:?}", metadata.file_type()));
            if metadata.is_dir() {
                left.push(path);
            }
        }
    }
    all.sort();
    all
}

#[test]
fn single_names() {
    compare(
        "mkdir",
        |root, path| root.mkdir(path, 0o755),
        |dir, path| rustix::fs::mkdirat(dir, path, Mode::from_raw_mode(0o755)),
    );
    compare(
        "rmdir",
        |root, path| root.rmdir(path),
        |dir, path| rustix::fs::unlinkat(dir, path, AtFlags::REMOVEDIR),
    );
    compare(
        "unlink",
        |root, path| root.unlink(path),
        |dir, path| rustix::fs::unlinkat(dir, path, AtFlags::empty()),
    );
    compare(
        "symlink",
        |root, path| root.symlink(b"text", path),
        |dir, path| rustix::fs::symlinkat("text", dir, path),
    );
}

#[test]
fn two_names() {
    let link = |dir: &OwnedFd, old: &str, new: &str| {
        rustix::fs::linkat(dir, old, dir, new, AtFlags::empty())
    };
    for other in ["file", "sub", "new", "link", "."] {
        let fixed = other.as_bytes();
        compare(
            &format!("rename to {other} of"),
            |root, path| root.rename_over(path, fixed),
            |dir, path| rustix::fs::renameat(dir, path, dir, other),
        );
        compare(
            &format!("rename from {other}"),
            |root, path| root.rename_over(fixed, path),
            |dir, path| rustix::fs::renameat(dir, other, dir, path),
        );
        let exclusively = RenameFlags::NOREPLACE;
        compare(
            &format!("exclusive rename to {other} of"),
            |root, path| root.rename_exclusive(path, fixed),
            |dir, path| rustix::fs::renameat_with(dir, path, dir, other, exclusively),
        );
        compare(
            &format!("exclusive rename from {other}"),
            |root, path| root.rename_exclusive(fixed, path),
            |dir, path| rustix::fs::renameat_with(dir, other, dir, path, exclusively),
        );
    }
    compare("link from", |root, path| root.hard_link(b"file", path), |d, p| link(d, "file", p));
}

#[test]
fn hard_links() {
    let tree = tree();
    tree.root.hard_link(b"file", b"second").unwrap();
    assert_eq!(tree.root.stat(b"file", true).unwrap().nlink, 2);
    tree.root.hard_link(b"link", b"second-link").unwrap();
    assert!(tree.host("second-link").is_symlink(), "the link itself");
    for (old, expected) in [
        (&b"sub"[..], Errno::PERM),
        (b"sub/", Errno::PERM),
        (b"/", Errno::PERM),
        (b".", Errno::PERM),
        (b"file/", Errno::NOTDIR),
        (b"none", Errno::NOENT),
        (b"none/", Errno::NOENT),
    ] {
        assert_eq!(tree.root.hard_link(old, b"third"), Err(expected));
    }
    assert_eq!(tree.root.hard_link(b"file", b"sub"), Err(Errno::EXIST));
}

#[test]
fn the_top_itself() {
    let tree = tree();
    let root = &tree.root;
    // What the kernel says of "/" on the host.
    assert_eq!(rustix::fs::mkdirat(CWD, "/", Mode::empty()), Err(Errno::EXIST));
    for top in [&b"/"[..], b"//", b".", b"..", b"/.."] {
        assert_eq!(root.mkdir(top, 0o755), Err(Errno::EXIST));
        assert_eq!(root.unlink(top), Err(Errno::ISDIR));
        assert_eq!(root.rename_over(top, b"x"), Err(Errno::BUSY));
        assert_eq!(root.rename_over(b"file", top), Err(Errno::BUSY));
        assert_eq!(root.rename_exclusive(b"file", top), Err(Errno::EXIST));
        assert_eq!(root.symlink(b"x", top), Err(Errno::EXIST));
        assert!(root.rmdir(top).is_err());
    }
    assert_eq!(root.rmdir(b"/"), Err(Errno::BUSY));
    assert_eq!(root.rmdir(b"."), Err(Errno::INVAL));
    assert_eq!(root.rmdir(b".."), Err(Errno::NOTEMPTY));
}

/// What happens where the filesystem does not know RENAME_NOREPLACE.
#[test]
fn exclusive_rename_by_linking() {
    let tree = tree();
    let dir = kernel(&tree);
    let rename = |old: &'static str, new: &'static str| {
        let name = |path: &'static str| Name::new(path.as_bytes(), false);
        rename_by_link(dir.as_fd(), &name(old), dir.as_fd(), &name(new))
    };
    assert_eq!(rename("file", "dangling"), Err(Errno::EXIST));
    assert_eq!(rename("file", "sub"), Err(Errno::EXIST));
    assert_eq!(rename("none", "new"), Err(Errno::NOENT));
    assert_eq!(rename("sub", "empty"), Err(Errno::EXIST), "it is empty, and yet it stays");
    assert_eq!(rename("file", "renamed"), Ok(()));
    assert_eq!(rename("sub", "moved"), Ok(()));
    assert_eq!(rename("link", "link2"), Ok(()));
    assert_eq!(fs::read(tree.host("renamed")).unwrap(), b"content");
    assert_eq!(fs::read(tree.host("moved/inner")).unwrap(), b"inner");
    assert!(!tree.host("file").exists() && !tree.host("sub").exists());
    assert!(tree.host("link2").is_symlink());
    assert_eq!(tree.root.stat(b"renamed", true).unwrap().nlink, 1);
}
