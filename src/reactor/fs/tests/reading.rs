//! Reads that wait for nothing.

use std::ops::Range;

use rustix::fs::{Advice, fadvise};

use super::*;
use crate::reactor::tests::is_in_memory;

fn opened(tree: &Tree) -> File {
    tree.root.open_file(b"/file", OpenHow { read: true, ..OpenHow::default() }).unwrap()
}

/// Whether all of `segment` was in memory.
fn fill(file: &File, buffer: &mut [u8], segment: Range<usize>, offset: u64) -> bool {
    file.read_from_memory(buffer, std::slice::from_ref(&segment), offset).unwrap()
}

#[test]
fn what_is_in_memory_is_read_into_its_segments() {
    let tree = Tree::new();
    let (file, mut buffer) = (opened(&tree), *b"................");
    assert_eq!(file.read_from_memory(&mut buffer, &[1..4, 6..6, 10..12], 1), Ok(true));
    assert_eq!(&buffer, b".ont......en....", "`content` from its second byte on");
}

#[test]
fn beyond_the_end_is_not_in_memory() {
    let tree = Tree::new();
    let (file, mut buffer) = (opened(&tree), [0; 16]);
    assert!(fill(&file, &mut buffer, 0..7, 0));
    assert!(!fill(&file, &mut buffer, 0..8, 0));
    assert!(!fill(&file, &mut buffer, 0..1, 1 << 40));
    assert!(!fill(&file, &mut buffer, 8..17, 0), "it does not lie in the buffer");
}

#[test]
fn what_is_on_the_disk_only_is_left_there() {
    let tree = Tree::new();
    let (file, mut buffer) = (opened(&tree), [0; 7]);
    file.sync().unwrap();
    // The kernel lets go of clean pages only, and of those on no list of a CPU's own.
    let left = (0..200).any(|_| {
        fadvise(&file.fd, 0, None, Advice::DontNeed).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5));
        !fill(&file, &mut buffer, 0..7, 0)
    });
    assert!(left || is_in_memory(&file.fd));
    assert_eq!(file.read_at(&mut buffer, 0), Ok(7));
    assert!(fill(&file, &mut buffer, 0..7, 0), "it is again");
}
