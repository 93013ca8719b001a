//! Attributes, and open files.

use std::io::IoSlice;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{OFlags, fcntl_getfl};

use super::*;

#[test]
fn attributes_are_the_kernels() {
    let tree = Tree::new();
    tree.link("file", "link");
    for (path, follow) in [("file", true), ("sub", false), ("link", false), ("link", true)] {
        let ours = tree.root.stat(path.as_bytes(), follow).unwrap();
        let host = tree.host(path);
        let theirs = if follow { fs::metadata(host) } else { fs::symlink_metadata(host) }.unwrap();
        let expected = Metadata {
            mode: theirs.mode(),
            uid: theirs.uid(),
            gid: theirs.gid(),
            size: theirs.size(),
            nlink: theirs.nlink(),
            atime: theirs.atime(),
            mtime: theirs.mtime(),
            ino: theirs.ino(),
            dev: theirs.dev(),
        };
        assert_eq!(ours, expected);
        assert_eq!(
            (ours.is_file(), ours.is_dir(), ours.is_symlink()),
            (theirs.is_file(), theirs.is_dir(), theirs.is_symlink())
        );
    }
    assert_eq!(tree.root.read_link(b"link").unwrap(), b"file");
    assert_eq!(tree.root.read_link(b"file"), Err(Errno::INVAL));
    assert_eq!(tree.root.read_link(b"none"), Err(Errno::NOENT));
    assert_eq!(tree.root.stat(b"link/x", true), Err(Errno::NOTDIR));
}

#[test]
fn changes_are_made_by_path_and_by_file() {
    let tree = Tree::new();
    let own = tree.root.stat(b"file", true).unwrap();
    let change = Change {
        size: Some(3),
        mode: Some(0o4640),
        owner: Some((own.uid, u32::MAX)),
        times: Some((1_000_000, -5)),
    };
    let check = |metadata: Metadata| {
        // The change of owner may take the set-user-id bit off again; the order is OpenSSH's.
        let mode = metadata.mode & 0o777;
        assert_eq!((metadata.size, mode), (3, 0o640));
        assert_eq!((metadata.atime, metadata.mtime), (1_000_000, -5));
        assert_eq!((metadata.uid, metadata.gid), (own.uid, own.gid));
    };
    tree.link("file", "link");
    tree.root.set_stat(b"link", true, &change).unwrap();
    check(tree.root.stat(b"file", true).unwrap());
    let file = tree.root.open_file(b"sub/inner", CREATE).unwrap();
    file.set(&change).unwrap();
    check(file.metadata().unwrap());
    tree.root.set_stat(b"file", true, &Change::default()).unwrap();
    check(tree.root.stat(b"file", true).unwrap());
}

#[test]
fn a_file_nobody_may_read_can_still_get_a_mode() {
    let tree = Tree::new();
    for mode in [0o200, 0o000, 0o600] {
        let change = Change { mode: Some(mode), ..Default::default() };
        tree.root.set_stat(b"file", true, &change).unwrap();
        assert_eq!(tree.root.stat(b"file", true).unwrap().mode & 0o7777, mode);
    }
}

#[test]
fn a_link_itself_is_changed_without_follow() {
    let tree = Tree::new();
    tree.link("file", "link");
    let before = tree.root.stat(b"file", true).unwrap();
    let times = Change { times: Some((7, 8)), ..Default::default() };
    tree.root.set_stat(b"link", false, &times).unwrap();
    let link = tree.root.stat(b"link", false).unwrap();
    assert_eq!((link.atime, link.mtime), (7, 8));
    let mode = Change { mode: Some(0o600), ..Default::default() };
    assert_eq!(tree.root.set_stat(b"link", false, &mode), Err(Errno::OPNOTSUPP));
    let size = Change { size: Some(0), ..Default::default() };
    assert_eq!(tree.root.set_stat(b"link", false, &size), Err(Errno::INVAL));
    assert_eq!(tree.root.stat(b"file", true).unwrap(), before);
}

#[test]
fn one_failure_does_not_keep_the_rest_from_being_changed() {
    let tree = Tree::new();
    let change =
        Change { size: Some(0), mode: Some(0o711), times: Some((1, 2)), ..Default::default() };
    assert_eq!(tree.root.set_stat(b"sub", true, &change), Err(Errno::ISDIR));
    let after = tree.root.stat(b"sub", true).unwrap();
    assert_eq!((after.mode & 0o777, after.mtime), (0o711, 2));
}

#[test]
fn files_open_as_asked() {
    let tree = Tree::new();
    let open = |path: &[u8], how| tree.root.open_file(path, how);
    let exclusive = OpenHow { exclusive: true, ..CREATE };
    assert_eq!(open(b"file", exclusive).err(), Some(Errno::EXIST));
    tree.link("nowhere", "dangling");
    assert_eq!(open(b"dangling", exclusive).err(), Some(Errno::EXIST));
    open(b"new", exclusive).unwrap();
    let read = OpenHow::default();
    assert_eq!(open(b"none", read).err(), Some(Errno::NOENT));
    let only_read = open(b"file", read).unwrap();
    assert_eq!(only_read.write_at(&[IoSlice::new(b"x")], 0), Err(Errno::BADF));
    assert_eq!(
        open(b"file", OpenHow { truncate: true, ..CREATE }).unwrap().metadata().unwrap().size,
        0
    );
    let append = OpenHow { append: true, ..CREATE };
    let log = open(b"log", append).unwrap();
    for _ in 0..3 {
        assert_eq!(log.write_at(&[IoSlice::new(b"ab"), IoSlice::new(b"c")], 0), Ok(3));
    }
    assert_eq!(tree.read(b"log").unwrap(), b"abcabcabc");
    let flags = fcntl_getfl(&log.fd).unwrap();
    assert!(flags.contains(OFlags::APPEND) && !flags.contains(OFlags::NONBLOCK));
    assert!(!fcntl_getfl(&only_read.fd).unwrap().contains(OFlags::NONBLOCK));
}

#[test]
fn long_writes_and_reads_are_whole() {
    let tree = Tree::new();
    let file = tree.root.open_file(b"big", CREATE).unwrap();
    let pieces: Vec<Vec<u8>> = (0..3000_u32).map(|n| n.to_be_bytes().to_vec()).collect();
    let slices: Vec<IoSlice<'_>> =
        pieces.iter().flat_map(|piece| [IoSlice::new(&[]), IoSlice::new(piece)]).collect();
    assert_eq!(file.write_at(&slices, 10), Ok(12_000));
    let mut back = vec![0; 20_000];
    assert_eq!(file.read_at(&mut back, 10), Ok(12_000));
    assert_eq!(back[..12_000], pieces.concat());
    assert_eq!(file.read_at(&mut back, 1 << 40), Ok(0));
    assert_eq!(file.write_at(&[], 0), Ok(0));
}

#[test]
fn space_is_the_filesystems() {
    let tree = Tree::new();
    let space = tree.root.statvfs(b"/sub").unwrap();
    assert!(space.fragment_bytes > 0 && space.blocks >= space.blocks_free);
    assert!(space.name_bytes_max >= 255);
    assert_eq!(tree.root.statvfs(b"/none"), Err(Errno::NOENT));
}
