//! What lies between finding a spot and acting on it.

use std::os::unix::fs::MetadataExt;

use super::*;

#[test]
fn views_and_listings_may_change_threads() {
    fn moves<T: Send>() {}
    fn is_shared<T: Send + Sync>() {}
    is_shared::<View>();
    moves::<Dir>();
    moves::<File>();
    moves::<Spot<'_>>();
}

#[test]
fn a_link_put_there_meanwhile_is_not_followed() {
    let tree = Tree::new();
    let view = tree.view();
    let secret = tree.base.path().join("secret");
    let before = fs::metadata(&secret).unwrap();
    let (file, sub) = (view.find(b"file", true).unwrap(), view.find(b"sub", true).unwrap());
    let new = view.find(b"new", true).unwrap();
    for name in ["file", "sub"] {
        fs::rename(tree.host(name), tree.host(&format!("{name}-before"))).unwrap();
    }
    tree.link(&secret, "file");
    tree.link(&secret, "new");
    tree.link(tree.base.path().join("outside"), "sub");
    let truncate = OpenHow { truncate: true, ..CREATE };
    assert_eq!(file.open_file(truncate).err(), Some(Errno::LOOP));
    assert_eq!(new.open_file(truncate).err(), Some(Errno::LOOP));
    assert_eq!(new.open_file(OpenHow { exclusive: true, ..CREATE }).err(), Some(Errno::EXIST));
    assert_eq!(sub.open_dir().err(), Some(Errno::NOTDIR));
    assert_eq!(sub.rmdir(), Err(Errno::NOTDIR));
    let change =
        Change { size: Some(0), mode: Some(0o604), times: Some((1, 1)), ..Default::default() };
    assert!(file.set_stat(&change).is_err());
    file.hard_link(&view.find(b"stolen", false).unwrap()).unwrap();
    assert!(tree.host("stolen").is_symlink(), "the link itself");
    new.unlink().unwrap();
    let after = fs::metadata(&secret).unwrap();
    assert_eq!(
        (after.mode(), after.size(), after.mtime(), after.nlink()),
        (before.mode(), before.size(), before.mtime(), before.nlink())
    );
}

#[test]
fn an_act_stays_in_the_directory_that_was_judged() {
    let tree = Tree::new();
    let view = tree.view();
    let (new, inner) = (view.find(b"sub/new", false).unwrap(), view.find(b"sub/inner", true));
    fs::rename(tree.host("sub"), tree.host("moved")).unwrap();
    tree.link(tree.base.path().join("outside"), "sub");
    new.mkdir(0o755).unwrap();
    inner.unwrap().unlink().unwrap();
    assert!(tree.host("moved/new").is_dir() && !tree.host("moved/inner").exists());
    assert!(!tree.base.path().join("outside/new").exists());
}

#[test]
fn a_dangling_link_leads_to_where_its_target_would_be() {
    let tree = Tree::new();
    let view = tree.view();
    tree.link("sub/target", "relative");
    tree.link("/sub/other", "absolute");
    tree.link("absolute", "chain");
    tree.link("none/x", "deep");
    tree.link("sub/dir/", "slashed");
    for (path, target) in [("relative", "/sub/target"), ("chain", "/sub/other")] {
        let spot = view.find(path.as_bytes(), true).unwrap();
        assert_eq!((spot.path(), spot.metadata()), (target.as_bytes(), None));
        assert_eq!(spot.open_file(OpenHow::default()).err(), Some(Errno::NOENT));
        assert_eq!(spot.mkdir(0o755), Err(Errno::EXIST), "as mkdir(2) says");
        // Where open(2) would not follow the link the caller does not let it be followed; here it
        // has been, and exclusive is about its target.
        let exclusive = OpenHow { exclusive: true, ..CREATE };
        spot.open_file(exclusive).unwrap();
        assert!(tree.host(&target[1..]).is_file());
        assert_eq!(spot.open_file(exclusive).err(), Some(Errno::EXIST));
        spot.open_file(CREATE).unwrap();
    }
    assert_eq!(view.find(b"deep", true).err(), Some(Errno::NOENT));
    let slashed = view.find(b"slashed", true).unwrap();
    assert_eq!((slashed.path(), slashed.metadata()), (&b"/sub/dir"[..], None));
    fs::write(tree.host("sub/dir"), "a file").unwrap();
    assert_eq!(view.find(b"slashed", true).err(), Some(Errno::NOTDIR));
    let link = view.find(b"deep", false).unwrap();
    assert_eq!((link.path(), link.read_link().unwrap()), (&b"/deep"[..], b"none/x".to_vec()));
}

#[test]
fn what_is_not_there_has_a_spot_too() {
    let tree = Tree::new();
    let view = tree.view();
    for path in [&b"/sub/none"[..], b"sub/none/", b"sub/../sub/none", b"sub/none\n\xff"] {
        let spot = view.find(path, true).unwrap();
        assert_eq!(spot.metadata(), None);
        assert!(!spot.is_fixed());
        assert_eq!(spot.unlink(), Err(Errno::NOENT));
        assert_eq!(spot.rmdir(), Err(Errno::NOENT));
        assert_eq!(spot.open_dir().err(), Some(Errno::NOENT));
        assert_eq!(spot.set_stat(&Change::default()), Err(Errno::NOENT));
        assert_eq!(spot.space(), Err(Errno::NOENT));
        assert_eq!(spot.rename_over(&view.find(b"x", false).unwrap()), Err(Errno::NOENT));
        assert_eq!(spot.hard_link(&view.find(b"x", false).unwrap()), Err(Errno::NOENT));
    }
    assert_eq!(view.find(b"none/", true).unwrap().open_file(CREATE).err(), Some(Errno::ISDIR));
    view.find(b"none/", false).unwrap().mkdir(0o755).unwrap();
    let name = b"sub/line\nbreak\xff";
    view.find(name, false).unwrap().open_file(CREATE).unwrap();
    assert_eq!(view.find(name, true).unwrap().path(), b"/sub/line\nbreak\xff");
}

/// Deeper than a path can say: each part is within bounds, but their sum has no canonical path.
#[test]
fn what_lies_too_deep_has_no_path() {
    let tree = Tree::new();
    let view = tree.view();
    let deep = |levels: usize| b"d/".repeat(levels);
    for depth in 1..=2000 {
        view.find(&deep(depth), false).unwrap().mkdir(0o755).unwrap();
    }
    view.find(b"half", false).unwrap().symlink(&deep(2000)).unwrap();
    assert_eq!(view.find(b"half", true).unwrap().path().len(), 4000);
    for path in [&deep(4096), &[&b"half/"[..], &deep(1000)].concat()] {
        let answer = view.find(path, true).map(|spot| spot.path().len());
        assert!(matches!(answer, Err(Errno::NAMETOOLONG | Errno::NOENT)), "{answer:?}");
    }
    let long = [&deep(2000), &b"n".repeat(94)[..]].concat();
    view.find(&long, false).unwrap().mkdir(0o755).unwrap();
    let too_long = [&b"half/"[..], &b"n".repeat(94), b"/", &b"m".repeat(20)].concat();
    assert_eq!(view.find(&too_long, false).err(), Some(Errno::NAMETOOLONG));
}

#[test]
fn a_directory_nobody_may_search_stays_shut() {
    let tree = Tree::new();
    let view = tree.view();
    let mode = |mode| Change { mode: Some(mode), ..Default::default() };
    tree.root.set_stat(b"sub", true, &mode(0)).unwrap();
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            // Root may search anything: this thread alone becomes nobody.
            if rustix::process::geteuid().is_root() {
                rustix::thread::set_thread_uid(rustix::fs::Uid::from_raw(65534)).unwrap();
            }
            [&b"sub/inner"[..], b"sub/../sub/inner"].map(|path| view.find(path, true).err())
        });
        assert_eq!(looks.join().unwrap(), [Some(Errno::ACCESS); 2]);
    });
    tree.root.set_stat(b"sub", true, &mode(0o755)).unwrap();
}
