//! Canonical paths.

use std::time::{Duration, Instant};

use super::*;

fn tree() -> Tree {
    let tree = Tree::new();
    fs::create_dir_all(tree.host("a/b/c")).unwrap();
    tree.link("a/b", "relative");
    tree.link("/a/b", "absolute");
    tree.link("../../sub", "a/b/sideways");
    tree.link("relative/c", "chain");
    tree.link("/file", "to-file");
    tree.link("/nowhere", "dangling");
    tree.link("/none/where", "dangling-deep");
    tree.link("loop-b", "loop-a");
    tree.link("loop-a", "loop-b");
    tree.link("../../../..", "out");
    tree.link("/", "top");
    tree.link("relative/", "slashed");
    tree
}

#[test]
fn canonical_paths_are_the_clients_view() {
    let tree = tree();
    for (path, expected) in [
        ("/", "/"),
        (".", "/"),
        ("..", "/"),
        ("/../../..", "/"),
        ("a", "/a"),
        ("/a//b/./c/", "/a/b/c"),
        ("a/b/../../file", "/file"),
        ("relative", "/a/b"),
        ("relative/c", "/a/b/c"),
        ("relative/..", "/a"),
        ("absolute/../x", "/a/x"),
        ("a/b/sideways/inner", "/sub/inner"),
        ("chain", "/a/b/c"),
        ("chain/../..", "/a"),
        ("to-file", "/file"),
        ("slashed/c", "/a/b/c"),
        ("out/file", "/file"),
        ("top/top/top/a", "/a"),
        ("new", "/new"),
        ("a/new/", "/a/new"),
        ("relative/new", "/a/b/new"),
        ("dangling", "/nowhere"),
        ("out/../new", "/new"),
    ] {
        let got = tree.root.real_path(path.as_bytes()).map(|path| String::from_utf8(path).unwrap());
        assert_eq!(got.as_deref(), Ok(expected), "{path}");
    }
}

#[test]
fn what_has_no_canonical_path() {
    let tree = tree();
    for (path, expected) in [
        ("", Errno::NOENT),
        ("none/x", Errno::NOENT),
        ("none/..", Errno::NOENT),
        ("dangling/x", Errno::NOENT),
        ("dangling-deep", Errno::NOENT),
        ("file/x", Errno::NOTDIR),
        ("file/..", Errno::NOTDIR),
        ("to-file/..", Errno::NOTDIR),
        ("to-file/x", Errno::NOTDIR),
        ("loop-a", Errno::LOOP),
        ("loop-a/x", Errno::LOOP),
    ] {
        assert_eq!(tree.root.real_path(path.as_bytes()), Err(expected), "{path}");
    }
}

#[test]
fn what_exists_resolves_to_the_same_object() {
    let tree = tree();
    let parts = ["a", "b", "relative", "absolute", "..", "chain", "sideways", "out", "top", "sub"];
    let mut compared = 0;
    for first in parts {
        for second in parts {
            for third in parts {
                let path = format!("{first}/{second}/{third}");
                let Ok(expected) = tree.root.stat(path.as_bytes(), true) else { continue };
                let real = tree.root.real_path(path.as_bytes()).unwrap();
                let got = tree.root.stat(&real, false).unwrap();
                assert!(got.same_object(&expected) && !got.is_symlink(), "{path}");
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "{compared} of 1000 paths exist");
}

#[test]
fn links_that_multiply_end_in_bounded_time() {
    let tree = Tree::new();
    // Each link crosses the one before twice, after a climb through many directories.
    let detour = "sub/../".repeat(500);
    for level in 0..30 {
        let before = if level == 0 { "sub/..".to_owned() } else { format!("l{}", level - 1) };
        tree.link(format!("{detour}{before}/{before}"), &format!("l{level}"));
    }
    let start = Instant::now();
    let answer = tree.root.real_path(b"l29/x");
    assert!(matches!(answer, Err(Errno::LOOP | Errno::NAMETOOLONG)), "{answer:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

/// Each ".." looks the path up from the top again: far down, and as often as a walk may step.
#[test]
fn climbing_far_down_ends_in_bounded_time() {
    let tree = Tree::new();
    let deep = b"d/".repeat(1900);
    for depth in 1..=1900 {
        tree.root.mkdir(&deep[..depth * 2], 0o755).unwrap();
    }
    let at = |name: &str| [&deep, name.as_bytes()].concat();
    tree.root.mkdir(&at("x"), 0o755).unwrap();
    tree.root.symlink(&b"x/../".repeat(800), &at("once")).unwrap();
    tree.root.symlink(&b"once/".repeat(30), &at("often")).unwrap();
    assert_eq!(tree.root.real_path(&at(&"x/../".repeat(50))).unwrap(), b"/d".repeat(1900));
    let start = Instant::now();
    assert_eq!(tree.root.real_path(&at("once")), Err(Errno::NAMETOOLONG));
    assert_eq!(tree.root.real_path(&at("often")), Err(Errno::NAMETOOLONG));
    // Unbounded these two take half a second.
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    println!("both refused after {:?}", start.elapsed());
}
