//! A thread swaps a directory for a symlink that leads out of the root while 100,000 operations go
//! through that name: nothing outside the root is read, listed, written or changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::fs;
use std::io::IoSlice;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ringferry::reactor::fs::{Change, OpenHow, Root};
use rustix::fs::{CWD, RenameFlags, renameat_with};

const OPERATIONS: u64 = 100_000;
const SECRET: &[u8] = b"outside: never to be seen";

struct Scene {
    _folder: tempfile::TempDir,
    root: PathBuf,
    outside: PathBuf,
}

/// `root/swap` is a directory, `root/link*` lead outside; the racer exchanges them.
fn scene() -> Scene {
    // In memory where there is tmpfs: ext4 makes each file that replaces another wait for the disk,
    // and the operations between such waits nearly all meet the link.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let folder = tempfile::tempdir_in(place).unwrap();
    let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
    fs::create_dir_all(root.join("swap/sub")).unwrap();
    fs::create_dir_all(outside.join("sub")).unwrap();
    for name in ["f", "secret", "sub/f"] {
        fs::write(outside.join(name), SECRET).unwrap();
    }
    fs::write(root.join("swap/f"), b"inside").unwrap();
    symlink(&outside, root.join("absolute")).unwrap();
    symlink("../outside", root.join("relative")).unwrap();
    symlink(format!("/proc/self/root{}", outside.display()), root.join("magic")).unwrap();
    Scene { _folder: folder, root, outside }
}

/// Path, mode, size, modification and change time, owner, content.
type Row = (PathBuf, u32, u64, i64, i64, u32, Vec<u8>);

/// Everything about a tree that an operation could change.
fn portrait(folder: &Path) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(path) = left.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let bytes = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        if meta.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        rows.push((path, meta.mode(), meta.size(), meta.mtime(), meta.ctime(), meta.uid(), bytes));
    }
    rows.sort();
    rows
}

fn open(root: &Root, path: &[u8], write: bool) -> Option<ringferry::reactor::fs::File> {
    let how = OpenHow { read: !write, write, create: write, truncate: write, ..base() };
    root.open_file(path, how).ok()
}

fn base() -> OpenHow {
    OpenHow {
        read: false,
        write: false,
        append: false,
        create: false,
        exclusive: false,
        truncate: false,
        mode: 0o644,
    }
}

/// One operation of each kind through `swap`; what it says about the outside fails the test.
fn operate(root: &Root, step: u64) -> u64 {
    match step % 14 {
        0 | 1 => {
            let Some(file) = open(root, b"swap/f", false) else { return 0 };
            let mut bytes = [0; 64];
            let count = file.read_at(&mut bytes, 0).unwrap_or(0);
            assert_ne!(&bytes[..count], SECRET, "a file outside the root was read");
            u64::from(count > 0)
        }
        2 => {
            let Some(file) = open(root, b"/swap/made", true) else { return 0 };
            u64::from(file.write_at(&[IoSlice::new(b"written")], 0).is_ok())
        }
        3 => u64::from(root.mkdir(b"swap/dir", 0o755).is_ok()),
        4 => u64::from(root.rmdir(b"swap/dir").is_ok()),
        5 => u64::from(root.unlink(b"swap/made").is_ok()),
        6 => u64::from(root.rename_over(b"swap/made", b"swap/renamed").is_ok()),
        7 => u64::from(root.rename_exclusive(b"swap/renamed", b"swap/../swap/made").is_ok()),
        8 => {
            let done = root.symlink(b"nowhere", b"swap/new-link").is_ok();
            let _ = root.unlink(b"swap/new-link");
            u64::from(done)
        }
        9 => {
            let Ok(mut dir) = root.open_dir(b"swap") else { return 0 };
            let mut entries = Vec::new();
            while dir.next_entries(100, &mut entries).unwrap_or(false) {}
            let seen = entries.iter().any(|entry| entry.name == b"secret");
            assert!(!seen, "a directory outside the root was listed");
            1
        }
        10 => {
            let change = Change { mode: Some(0o600), times: Some((1, 1)), ..Change::default() };
            u64::from(root.set_stat(b"swap/f", true, &change).is_ok())
        }
        11 => {
            let Ok(meta) = root.stat(b"swap/f", true) else { return 0 };
            assert_ne!(meta.size, SECRET.len() as u64, "a file outside the root was looked at");
            1
        }
        12 => u64::from(root.hard_link(b"swap/f", b"stolen").is_ok_and(|()| {
            let same = fs_content(root, b"stolen") == SECRET;
            let _ = root.unlink(b"stolen");
            assert!(!same, "a file outside the root was linked in");
            true
        })),
        _ => u64::from(root.real_path(b"swap/sub/..").is_ok()),
    }
}

fn fs_content(root: &Root, path: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    let count = open(root, path, false).map_or(0, |file| file.read_at(&mut bytes, 0).unwrap_or(0));
    bytes.truncate(count);
    bytes
}

#[test]
fn nothing_outside_the_root_is_reached_while_a_directory_is_swapped_for_a_link() {
    let scene = scene();
    let before = portrait(&scene.outside);
    let root = Root::open(&scene.root).unwrap();
    let (over, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut succeeded = 0;
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for link in ["absolute", "relative", "magic"] {
                    let (a, b) = (scene.root.join("swap"), scene.root.join(link));
                    for _ in 0..2 {
                        renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).unwrap();
                        swaps.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
        let body = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (0..OPERATIONS).map(|step| operate(&root, step)).sum::<u64>()
        }));
        over.store(true, Ordering::Relaxed);
        match body {
            Ok(count) => succeeded = count,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
    assert_eq!(portrait(&scene.outside), before, "something outside the root was changed");
    // Without these the test could pass by never racing or never getting through.
    assert!(swaps.load(Ordering::Relaxed) > 1_000, "the racer hardly ran");
    assert!(succeeded > OPERATIONS / 20, "hardly an operation got through: {succeeded}");
}
