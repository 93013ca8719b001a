//! Files made where nothing is, without a look first.

use rustix::fs::{OFlags, fcntl_getfl};

use super::*;

fn make(view: &View, path: &str, how: OpenHow) -> Option<Result<Metadata, Errno>> {
    let vacancy = view.vacancy(path.as_bytes())?;
    Some(vacancy.make(how).map(|(_, metadata)| metadata))
}

#[test]
fn a_file_is_made_as_a_spot_makes_it() {
    let tree = Tree::new();
    let view = tree.view();
    for (path, canonical) in [("new", "/new"), ("//sub/./new", "/sub/new")] {
        let how = OpenHow { append: true, mode: 0o4640, ..CREATE };
        let vacancy = view.vacancy(path.as_bytes()).unwrap();
        assert_eq!(vacancy.path(), canonical.as_bytes());
        let (made, seen) = vacancy.make(how).unwrap();
        let looked_up = view.find(canonical.as_bytes(), true).unwrap();
        let untimed = Metadata { atime: 0, mtime: 0, ..*looked_up.metadata().unwrap() };
        assert_eq!(seen, untimed);
        let by_spot = view.find(format!("{canonical}-too").as_bytes(), true).unwrap();
        let (other, too) = by_spot.open_and_look(how).unwrap();
        assert_eq!((seen.mode, seen.size, seen.nlink), (too.mode, too.size, too.nlink));
        for file in [made, other] {
            let flags = fcntl_getfl(&file.fd).unwrap();
            assert!(flags.contains(OFlags::APPEND) && !flags.contains(OFlags::NONBLOCK));
        }
    }
}

#[test]
fn whatever_is_there_stays_as_it_is() {
    let tree = Tree::new();
    tree.link("none", "dangling");
    tree.link("file", "link");
    tree.link("sub", "door");
    tree.link(tree.base.path().join("outside"), "way-out");
    let truncate = OpenHow { truncate: true, ..CREATE };
    for (path, expected) in [
        ("file", Errno::EXIST),
        ("sub", Errno::EXIST),
        ("link", Errno::EXIST),
        ("dangling", Errno::EXIST),
        ("door/new", Errno::LOOP),
        ("way-out/new", Errno::LOOP),
        ("file/new", Errno::NOTDIR),
        ("none/new", Errno::NOENT),
    ] {
        assert_eq!(make(&tree.view(), path, truncate), Some(Err(expected)), "{path}");
    }
    assert_eq!(tree.read(b"file").unwrap(), b"content");
    assert!(!tree.host("none").exists() && !tree.host("sub/new").exists());
    assert!(!tree.base.path().join("outside/new").exists());
}

#[test]
fn what_takes_more_to_find_out_is_no_vacancy() {
    let tree = Tree::new();
    let mounts = vec![(b"/".to_vec(), tree.root.clone()), (b"/a/b".to_vec(), tree.root.clone())];
    let view = View::new(mounts, Links::Follow).unwrap();
    let long = "x".repeat(4096);
    for path in ["", "/", "sub/..", "sub/../new", "new/", "new/.", "a", "/a/b", "n\0", &long] {
        assert!(view.vacancy(path.as_bytes()).is_none(), "{path}");
    }
    assert_eq!(view.vacancy(b"/a/b/new").unwrap().path(), b"/a/b/new");
    make(&view, "/a/b/new", CREATE).unwrap().unwrap();
    assert!(tree.host("new").is_file(), "in the folder that is mounted there");
    let only_inner = View::new(vec![(b"/a".to_vec(), tree.root.clone())], Links::Follow).unwrap();
    assert!(only_inner.vacancy(b"/new").is_none(), "where no folder is");
}

/// Who uploads over what is there looks at each place anyway, and does not try in vain before.
#[test]
fn after_one_that_was_taken_no_place_is_thought_vacant_until_one_was() {
    let tree = Tree::new();
    let view = tree.view();
    assert_eq!(make(&view, "file", CREATE), Some(Err(Errno::EXIST)));
    assert!(view.vacancy(b"new").is_none());
    view.find(b"file", true).unwrap().open_file(CREATE).unwrap();
    assert!(view.vacancy(b"new").is_none());
    view.find(b"new", true).unwrap().open_file(CREATE).unwrap();
    assert!(view.vacancy(b"newer").is_some());
    view.find(b"new", true).unwrap().open_file(OpenHow::default()).unwrap();
    assert!(view.vacancy(b"newer").is_some(), "reading says nothing of the next upload");
}
