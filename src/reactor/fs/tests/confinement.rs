//! Nothing leads outside, and nothing blocks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Dev, FileType, Mode, mknodat};

use super::*;

#[test]
fn links_and_dots_stay_inside() {
    let tree = Tree::new();
    let base = tree.base.path().to_path_buf();
    tree.link("/etc/passwd", "absolute");
    tree.link("../secret", "relative");
    tree.link(base.join("secret"), "host-path");
    tree.link("/proc/self/root/etc/passwd", "magic");
    tree.link("..", "up");
    tree.link("/", "top");
    tree.link(base.join("outside"), "directory");
    for path in [
        "absolute",
        "relative",
        "host-path",
        "magic",
        "up/secret",
        "top/secret",
        "directory/secret",
        "../secret",
        "/../secret",
        "../../../../../../etc/passwd",
        "sub/../../secret",
        "sub/../up/up/../secret",
        "/etc/passwd",
        "magic/../secret",
    ] {
        let path = path.as_bytes();
        let name = path.escape_ascii();
        assert_eq!(tree.read(path), Err(Errno::NOENT), "{name}");
        assert_eq!(tree.root.stat(path, true), Err(Errno::NOENT), "{name}");
        assert!(tree.root.open_dir(path).is_err(), "{name}");
        let change = Change { mode: Some(0o777), size: Some(0), ..Default::default() };
        assert_eq!(tree.root.set_stat(path, true, &change), Err(Errno::NOENT), "{name}");
    }
    assert_eq!(fs::read(base.join("secret")).unwrap(), b"secret");
}

#[test]
fn what_is_made_through_a_link_is_made_inside() {
    let tree = Tree::new();
    let outside = tree.base.path().join("outside");
    tree.link(&outside, "host-path");
    tree.link("/made", "absolute");
    tree.link("..", "up");
    tree.root.open_file(b"absolute", CREATE).unwrap();
    assert!(tree.host("made").exists(), "an absolute link is resolved in the root");
    tree.root.mkdir(b"up/made-dir", 0o755).unwrap();
    assert!(tree.host("made-dir").is_dir());
    tree.root.rename_over(b"file", b"up/../../renamed").unwrap();
    assert!(tree.host("renamed").exists());
    for result in [
        tree.root.mkdir(b"host-path/x", 0o755),
        tree.root.unlink(b"host-path/secret"),
        tree.root.rmdir(b"host-path/../outside"),
        tree.root.rename_over(b"renamed", b"host-path/x"),
        tree.root.rename_exclusive(b"host-path/secret", b"x"),
        tree.root.symlink(b"x", b"host-path/x"),
        tree.root.hard_link(b"host-path/secret", b"x"),
        tree.root.hard_link(b"renamed", b"host-path/x"),
        tree.root.open_file(b"host-path/x", CREATE).map(drop),
    ] {
        assert_eq!(result, Err(Errno::NOENT));
    }
    let left: Vec<_> = fs::read_dir(outside).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, ["secret"]);
}

#[test]
fn a_link_with_a_slash_is_not_followed_by_the_hosts_rules() {
    let tree = Tree::new();
    let outside = tree.base.path().join("outside");
    tree.link(&outside, "link");
    tree.link("../outside", "relative");
    for path in [&b"link/"[..], b"relative/", b"link/.", b"link/.."] {
        assert!(tree.root.unlink(path).is_err());
        assert!(tree.root.rmdir(path).is_err());
        assert!(tree.root.rename_over(path, b"taken").is_err());
        assert!(tree.root.rename_exclusive(path, b"taken").is_err());
        assert!(tree.root.hard_link(path, b"taken").is_err());
        assert!(tree.root.mkdir(path, 0o755).is_err());
        assert!(tree.root.symlink(b"x", path).is_err());
        assert!(tree.root.read_link(path).is_err());
        let change = Change { mode: Some(0), ..Default::default() };
        assert!(tree.root.set_stat(path, false, &change).is_err());
    }
    assert!(outside.join("secret").exists());
    assert!(tree.host("link").is_symlink() && !tree.host("taken").is_symlink());
}

#[test]
fn the_top_has_no_parent() {
    let tree = Tree::new();
    let top = tree.root.stat(b"/", true).unwrap();
    for path in [&b".."[..], b"/..", b"../..", b"sub/../..", b".", b"/", b"//"] {
        assert_eq!(tree.root.stat(path, true).unwrap(), top);
    }
    tree.root.stat(b"/../sub/../../file", false).unwrap();
}

#[test]
fn magic_links_of_procfs_are_refused() {
    let root = Root::open(Path::new("/proc")).unwrap();
    for path in [&b"self/root/etc/passwd"[..], b"self/cwd", b"thread-self/root", b"self/exe"] {
        assert_eq!(root.stat(path, true), Err(Errno::LOOP), "{}", path.escape_ascii());
        assert!(root.open_file(path, OpenHow { read: true, ..Default::default() }).is_err());
    }
    let own = std::fs::File::open("/etc/passwd").unwrap();
    let path = format!("self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&own));
    assert_eq!(root.stat(path.as_bytes(), true), Err(Errno::LOOP));
}

#[test]
fn strange_paths_are_errors() {
    let tree = Tree::new();
    let root = &tree.root;
    assert_eq!(root.stat(b"", true), Err(Errno::NOENT));
    assert_eq!(root.mkdir(b"", 0o755), Err(Errno::NOENT));
    assert_eq!(root.stat(b"file\0x", true), Err(Errno::INVAL));
    assert_eq!(root.mkdir(b"a\0b", 0o755), Err(Errno::INVAL));
    assert_eq!(root.mkdir(b"a\0b/c", 0o755), Err(Errno::INVAL));
    assert_eq!(root.symlink(b"a\0b", b"c"), Err(Errno::INVAL));
    assert_eq!(root.real_path(b"\0"), Err(Errno::INVAL));
    let name = vec![b'n'; 256];
    assert_eq!(root.mkdir(&name, 0o755), Err(Errno::NAMETOOLONG));
    assert_eq!(root.stat(&name, true), Err(Errno::NAMETOOLONG));
    let deep = b"d/".repeat(4096);
    assert_eq!(root.stat(&deep, true), Err(Errno::NAMETOOLONG));
    assert_eq!(root.unlink(&deep), Err(Errno::NAMETOOLONG));
    assert_eq!(root.real_path(&deep), Err(Errno::NAMETOOLONG));
    let longest = [b"./".repeat(2045), b"file".to_vec()].concat();
    assert_eq!(root.stat(&longest, true).unwrap().size, 7);
    // The racing tests run beside this one, and while something is renamed anywhere the kernel does
    // not decide what `..` is: it is not asked.
    let climbing = [b"../".repeat(1363), b"file".to_vec()].concat();
    assert_eq!(root.stat(&climbing, true).unwrap().size, 7);
    assert_eq!(root.real_path(&climbing).unwrap(), b"/file");
    assert_eq!(tree.read(b"file/x"), Err(Errno::NOTDIR));
    assert_eq!(tree.read(b"file/"), Err(Errno::NOTDIR));
}

#[test]
fn a_tree_as_deep_as_a_path_can_name_works() {
    let tree = Tree::new();
    let deepest = b"d/".repeat(2000);
    for depth in 1..=2000 {
        tree.root.mkdir(&deepest[..depth * 2], 0o755).unwrap();
    }
    assert!(tree.root.stat(&deepest, true).unwrap().is_dir());
    assert_eq!(tree.root.real_path(&deepest).unwrap(), [b"/d".repeat(2000)].concat());
    let start = Instant::now();
    let back = [deepest.as_slice(), b"../up"].concat();
    tree.root.symlink(b"x", &back).unwrap();
    assert_eq!(tree.root.real_path(&back).unwrap().len(), 2 * 1999 + 2);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn what_is_not_a_file_neither_opens_nor_blocks() {
    let tree = Tree::new();
    let make = |name: &str, kind, device| {
        mknodat(CWD, tree.host(name), kind, Mode::from_raw_mode(0o666), device)
    };
    make("fifo", FileType::Fifo, 0).unwrap();
    make("socket", FileType::Socket, 0).unwrap();
    let null: Dev = rustix::fs::makedev(1, 3);
    let device = make("device", FileType::CharacterDevice, null).is_ok();
    let (read, write) = (
        OpenHow { read: true, ..Default::default() },
        OpenHow { write: true, truncate: true, ..Default::default() },
    );
    for (name, how, expected) in [
        (&b"fifo"[..], read, Errno::INVAL),
        (b"fifo", write, Errno::NXIO),
        (b"socket", read, Errno::NXIO),
        (b"sub", read, Errno::ISDIR),
        (b"sub", write, Errno::ISDIR),
        (b"sub", CREATE, Errno::ISDIR),
    ] {
        assert_eq!(tree.root.open_file(name, how).err(), Some(expected));
    }
    if device {
        assert_eq!(tree.root.open_file(b"device", read).err(), Some(Errno::INVAL));
    } else {
        println!("SKIPPED: making a device needs privileges");
    }
    let change = Change { size: Some(0), ..Default::default() };
    for (name, expected) in [(&b"fifo"[..], Errno::INVAL), (b"sub", Errno::ISDIR)] {
        assert_eq!(tree.root.set_stat(name, true, &change), Err(expected));
    }
    assert_eq!(tree.root.open_dir(b"fifo").err(), Some(Errno::NOTDIR));
    let open_to_all = Change { mode: Some(0o600), ..Default::default() };
    tree.root.set_stat(b"fifo", true, &open_to_all).unwrap();
    assert_eq!(tree.root.stat(b"fifo", true).unwrap().mode & 0o777, 0o600);
}

/// A directory that turns into a link and back while everything is done through it.
#[test]
fn a_racing_link_never_leads_outside() {
    let tree = Tree::new();
    let outside = tree.base.path().join("outside");
    let secret = fs::metadata(outside.join("secret")).unwrap();
    let secret = std::os::unix::fs::MetadataExt::ino(&secret);
    fs::create_dir(tree.host("door")).unwrap();
    fs::write(tree.host("door/secret"), "harmless").unwrap();
    tree.link(&outside, "other");
    tree.link("../outside", "third");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let swap = |other: &str| {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                let (door, other) = (tree.host("door"), tree.host(other));
                rustix::fs::renameat_with(CWD, door, CWD, other, flags).unwrap();
            };
            while !stop.load(Ordering::Relaxed) {
                for other in ["other", "other", "third", "third"] {
                    swap(other);
                }
            }
        });
        let mut inside = 0;
        let end = Instant::now() + Duration::from_millis(500);
        while Instant::now() < end {
            if let Ok(content) = tree.read(b"door/secret") {
                assert_eq!(content, b"harmless");
                inside += 1;
            }
            if let Ok(metadata) = tree.root.stat(b"door/../door/secret", true) {
                assert_ne!(metadata.ino, secret);
            }
            if let Ok(path) = tree.root.real_path(b"door/secret/..") {
                assert_eq!(path, b"/door");
            }
            let _ = tree.root.open_file(b"door/new", CREATE);
            let _ = tree.root.mkdir(b"door/dir", 0o700);
            let _ = tree.root.rename_over(b"door/new", b"door/secret2");
            let _ = tree.root.rmdir(b"door/dir");
            let change = Change { mode: Some(0o604), ..Default::default() };
            let _ = tree.root.set_stat(b"door/secret", true, &change);
        }
        stop.store(true, Ordering::Relaxed);
        assert!(inside > 0, "the race never let anybody in");
    });
    let left: Vec<_> = fs::read_dir(&outside).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, ["secret"]);
    let mode = fs::metadata(outside.join("secret")).unwrap();
    assert_ne!(std::os::unix::fs::MetadataExt::mode(&mode) & 0o777, 0o604);
}
