//! Directories.

use std::collections::BTreeSet;

use super::*;

fn list(root: &Root, path: &[u8], batch: usize) -> Vec<DirEntry> {
    let mut dir = root.open_dir(path).unwrap();
    let mut all = Vec::new();
    loop {
        let mut some = Vec::new();
        let more = dir.next_entries(batch, &mut some).unwrap();
        assert!(some.len() <= batch);
        all.append(&mut some);
        if !more {
            break;
        }
    }
    let mut none = Vec::new();
    assert_eq!(dir.next_entries(batch, &mut none), Ok(false));
    assert!(none.is_empty());
    all
}

#[test]
fn a_thousand_entries_come_in_batches_of_any_size() {
    let tree = Tree::new();
    let mut expected: BTreeSet<Vec<u8>> = [b".".to_vec(), b"..".to_vec(), b"inner".to_vec()].into();
    for number in 0..1000 {
        let name = format!("name-{number}");
        fs::write(tree.host("sub").join(&name), vec![0; number]).unwrap();
        expected.insert(name.into_bytes());
    }
    for batch in [1, 7, 100, 5000] {
        let entries = list(&tree.root, b"sub", batch);
        assert_eq!(entries.len(), 1003);
        let names: BTreeSet<Vec<u8>> = entries.iter().map(|entry| entry.name.clone()).collect();
        assert_eq!(names, expected);
        for entry in entries {
            let path = [b"sub/", entry.name.as_slice()].concat();
            assert_eq!(entry.metadata, tree.root.stat(&path, false).unwrap());
        }
    }
}

#[test]
fn the_parent_of_the_top_is_the_top() {
    let tree = Tree::new();
    tree.link("sub", "link");
    tree.link("..", "up");
    let top = tree.root.stat(b"/", true).unwrap();
    for path in [&b"/"[..], b".", b"sub", b"link", b"up", b".."] {
        let entries = list(&tree.root, path, 100);
        let parent = entries.iter().find(|entry| entry.name == b"..").unwrap();
        assert_eq!(parent.metadata.ino, top.ino, "{}", path.escape_ascii());
    }
    let link = list(&tree.root, b"/", 100).into_iter().find(|entry| entry.name == b"link");
    assert!(link.unwrap().metadata.is_symlink(), "links are not followed");
}

#[test]
fn names_that_vanish_are_left_out() {
    let tree = Tree::new();
    for number in 0..500 {
        fs::write(tree.host(&format!("sub/{number}")), "").unwrap();
    }
    let mut dir = tree.root.open_dir(b"sub").unwrap();
    let mut entries = Vec::new();
    assert_eq!(dir.next_entries(10, &mut entries), Ok(true));
    fs::remove_dir_all(tree.host("sub")).unwrap();
    assert_eq!(dir.next_entries(1000, &mut entries), Ok(false));
    let names: Vec<&[u8]> = entries.iter().map(|entry| entry.name.as_slice()).collect();
    // "." is the removed directory itself, still open; everything else after the tenth is gone.
    let late = names[10..].iter().filter(|name| !matches!(**name, b"." | b".."));
    assert_eq!(late.count(), 0, "{} names", names.len());
    assert_eq!(tree.root.open_dir(b"sub").err(), Some(Errno::NOENT));
    assert_eq!(tree.root.open_dir(b"file").err(), Some(Errno::NOTDIR));
}

#[test]
fn any_bytes_can_be_a_name() {
    let tree = Tree::new();
    let name = b"\xff\xfe \n\x01 name";
    tree.root.open_file(&[b"sub/", &name[..]].concat(), CREATE).unwrap();
    assert!(list(&tree.root, b"sub", 10).iter().any(|entry| entry.name == name));
}
