//! Copying ranges, holes, identity and room.

use std::io::IoSlice;
use std::os::unix::fs::FileExt;

use super::*;

fn copy_all(from: &File, to: &File, slice: u64) -> u64 {
    let mut done = 0;
    loop {
        match from.copy_range(done, to, done, slice).unwrap() {
            0 => return done,
            count => done += count,
        }
        assert!(done < 100 << 20, "there is an end");
    }
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8).collect()
}

#[test]
fn a_range_is_copied_within_a_filesystem() {
    let tree = Tree::new();
    let content = pattern(3_000_001);
    fs::write(tree.host("from"), &content).unwrap();
    let from = tree.root.open_file(b"from", OpenHow::default()).unwrap();
    let to = tree.root.open_file(b"to", CREATE).unwrap();
    assert_eq!(copy_all(&from, &to, 700_000), 3_000_001);
    assert_eq!(fs::read(tree.host("to")).unwrap(), content);
    assert_eq!(from.copy_range(10, &to, 4_000_000, 5).unwrap(), 5);
    let to = fs::read(tree.host("to")).unwrap();
    assert_eq!((to.len(), &to[4_000_000..]), (4_000_005, &content[10..15]));
}

#[test]
fn a_range_is_copied_where_the_kernel_cannot() {
    let tree = Tree::new();
    // A file whose length the kernel does not know: copy_file_range answers 0 or refuses.
    let proc = Root::open(Path::new("/proc")).unwrap();
    let from = proc.open_file(b"version", OpenHow::default()).unwrap();
    let to = tree.root.open_file(b"to", CREATE).unwrap();
    assert!(copy_all(&from, &to, 1 << 30) > 0);
    assert_eq!(fs::read(tree.host("to")).unwrap(), fs::read("/proc/version").unwrap());
    // A file that only grows at its end.
    let log = tree.root.open_file(b"log", OpenHow { append: true, ..CREATE }).unwrap();
    log.write_at(&[IoSlice::new(b"before ")], 0).unwrap();
    let file = tree.root.open_file(b"file", OpenHow::default()).unwrap();
    assert_eq!(file.copy_range(0, &log, 0, 100), Ok(7));
    assert_eq!(tree.read(b"log").unwrap(), b"before content");
    assert_eq!(log.copy_range(0, &file, 0, 1), Err(Errno::BADF), "not open for writing");
    // Within one file.
    fs::write(tree.host("one"), pattern(10)).unwrap();
    let one = tree.root.open_file(b"one", OpenHow { create: false, ..CREATE }).unwrap();
    assert_eq!(one.copy_range(0, &one, 5, 10), Ok(10));
    assert_eq!(fs::read(tree.host("one")).unwrap()[5..], pattern(10));
}

#[test]
fn one_call_through_memory_is_bounded() {
    let Ok(there) = tempfile::tempdir_in("/dev/shm") else {
        println!("SKIPPED: no second filesystem");
        return;
    };
    let tree = Tree::new();
    let content = pattern(5 << 20);
    fs::write(there.path().join("from"), &content).unwrap();
    let other = Root::open(there.path()).unwrap();
    let from = other.open_file(b"from", OpenHow::default()).unwrap();
    let to = tree.root.open_file(b"to", CREATE).unwrap();
    if from.metadata().unwrap().dev == to.metadata().unwrap().dev {
        println!("SKIPPED: no second filesystem");
        return;
    }
    assert!(from.copy_range(0, &to, 0, u64::MAX).unwrap() <= 5 << 20);
    assert_eq!(copy_all(&from, &to, u64::MAX), 5 << 20);
    assert_eq!(fs::read(tree.host("to")).unwrap(), content);
}

#[test]
fn data_is_told_from_holes() {
    let tree = Tree::new();
    let host = fs::File::create(tree.host("sparse")).unwrap();
    let page = 1 << 16;
    host.write_all_at(&vec![1; page], 1 << 20).unwrap();
    host.write_all_at(&vec![1; page], 3 << 20).unwrap();
    host.set_len(8 << 20).unwrap();
    let file = tree.root.open_file(b"sparse", OpenHow::default()).unwrap();
    let (one, two) = (1 << 20, 3 << 20);
    let page = page as u64;
    if file.next_data(0, u64::MAX).unwrap() == Some(0..8 << 20) {
        println!("SKIPPED: this filesystem has no holes");
        return;
    }
    assert_eq!(file.next_data(0, u64::MAX), Ok(Some(one..one + page)));
    assert_eq!(file.next_data(one + 5, u64::MAX), Ok(Some(one + 5..one + page)));
    assert_eq!(file.next_data(one + page, u64::MAX), Ok(Some(two..two + page)));
    assert_eq!(file.next_data(one, one + 7), Ok(Some(one..one + 7)));
    assert_eq!(file.next_data(0, one), Ok(None), "a hole up to the end asked for");
    assert_eq!(file.next_data(two + page, u64::MAX), Ok(None));
    assert_eq!(file.next_data(9 << 20, u64::MAX), Ok(None), "beyond the end");
    assert_eq!(file.next_data(one, one), Ok(None));
    assert!(file.next_data(i64::MAX as u64, u64::MAX).is_ok());
    assert!(!matches!(file.next_data(u64::MAX - 1, u64::MAX), Ok(Some(_))), "no such offset");
}

#[test]
fn a_file_knows_itself_and_its_room() {
    let tree = Tree::new();
    tree.root.hard_link(b"file", b"second").unwrap();
    let open = |path: &[u8]| tree.root.open_file(path, OpenHow::default()).unwrap();
    let (file, second, other) = (open(b"file"), open(b"second"), open(b"sub/inner"));
    assert_eq!(file.id(), second.id());
    assert_ne!(file.id(), other.id());
    assert_eq!(file.space().unwrap().blocks, tree.root.statvfs(b"/").unwrap().blocks);
}
