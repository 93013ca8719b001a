//! What transfers leave in the kernel's page cache: `file_cache` and `write_behind_bytes`.

mod support;

use std::fs::File;
use std::io::IoSliceMut;
use std::path::Path;
use std::time::Duration;

use rustix::io::{Errno, ReadWriteFlags};
use support::client::quoted;
use support::files::{Scratch, assert_same_bytes, write_random};
use support::server::{Options, Server, Subject, can_mount_tmpfs};
use support::{MIB, SOON, skipped, wait_for};

/// One transfer, in a debug build, beside other tests.
const LONG: Duration = Duration::from_secs(120);

/// More than what a long upload begins at, and several pieces.
const BYTES: u64 = 40 * MIB + 12_345;

/// linux/magic.h.
const TMPFS_MAGIC: rustix::fs::FsWord = 0x0102_1994;

/// One page of so many bytes is looked at.
const SAMPLE_STEP: usize = 64 << 10;

/// So often can it be looked at other pages.
const PAGE_CLASSES: u64 = SAMPLE_STEP as u64 / 4096;

fn server(scratch: &Scratch, driver: &str, settings: &[(&'static str, &str)]) -> Server {
    let mut all: Vec<_> = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    all.push(("driver", driver.to_owned()));
    all.push(("log_level", "debug".to_owned()));
    Server::start_with(scratch, &Options { settings: all, ..Options::default() })
}

fn put(server: &Server, local: &Path, remote: &str) {
    transfer(server, &format!("put {} {remote}\n", quoted(local)));
}

fn get(server: &Server, remote: &str, local: &Path) {
    transfer(server, &format!("get {remote} {}\n", quoted(local)));
}

/// Ends when the server is done with the connection too, and has logged all it did for it.
fn transfer(server: &Server, batch: &str) {
    let closed = || {
        let lines = server.log.lines();
        lines.iter().filter(|line| line.contains("connection closed")).count()
    };
    let before = closed();
    server.sftp(&[], batch, LONG).expect_success();
    let over = wait_for(SOON, || (closed() > before).then_some(()));
    assert!(over.is_some(), "the connection stays: {}", server.log.tail());
}

/// How much of the file is in memory, by samples. Asking for a page that is not there brings it in,
/// if nothing else: so every look is at pages of a `class` of its own.
fn percent_cached(path: &Path, class: u64) -> u64 {
    let file = File::open(path).expect("open");
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).expect("fadvise");
    let bytes = file.metadata().expect("stat").len();
    let samples = (class * 4096..bytes).step_by(SAMPLE_STEP);
    let is_cached = |offset: &u64| {
        let (mut byte, flags) = ([0], ReadWriteFlags::NOWAIT);
        let answer = rustix::io::preadv2(&file, &mut [IoSliceMut::new(&mut byte)], *offset, flags);
        answer != Err(Errno::AGAIN)
    };
    let count = samples.clone().filter(is_cached).count() as u64;
    count * 100 / samples.count() as u64
}

/// Takes the file out of memory; `false` where its filesystem is memory. On a busy machine the
/// kernel does not let go of a page that somebody, its journal among them, holds at the moment.
fn forget(path: &Path) -> bool {
    let file = File::open(path).expect("open");
    if rustix::fs::fstatfs(&file).expect("fstatfs").f_type == TMPFS_MAGIC {
        return false;
    }
    let gone = wait_for(SOON, || {
        rustix::fs::fsync(&file).expect("fsync");
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("fadvise");
        (percent_cached(path, 0) == 0).then_some(())
    });
    assert!(gone.is_some(), "{} stays in memory", path.display());
    true
}

/// The pieces that the kernel was told of, by kind.
fn advice(server: &Server, kind: &str) -> usize {
    server.log.with_field("advice").iter().filter(|line| line.contains(kind)).count()
}

#[test]
fn a_download_stays_in_memory_or_does_not() {
    if Subject::chosen() != Subject::Ringferry {
        return skipped("sshd has no such setting");
    }
    for driver in ["ring", "poll"] {
        for (file_cache, stays) in [("keep", true), ("drop", false)] {
            let scratch = Scratch::new();
            let server = server(&scratch, driver, &[("file_cache", file_cache)]);
            let (served, back) = (scratch.served("file"), scratch.path("back"));
            write_random(&served, BYTES, 91);
            if !forget(&served) {
                return skipped("the temporary folder is in memory");
            }
            get(&server, "/file", &back);
            // What the kernel read ahead of the last piece may be left.
            let mut seen = Vec::new();
            let mut classes = 1..PAGE_CLASSES;
            let right = wait_for(SOON, || {
                let cached = percent_cached(&served, classes.next()?);
                seen.push(cached);
                let right = if stays { cached == 100 } else { cached <= 50 };
                if !right {
                    // There are few classes: each look takes one.
                    std::thread::sleep(SOON.div_f64(PAGE_CLASSES as f64));
                }
                right.then_some(())
            });
            assert!(right.is_some(), "{driver}, {file_cache}: {seen:?} %");
            assert_same_bytes(&served, &back);
        }
    }
}

#[test]
fn a_long_upload_is_written_while_it_arrives() {
    if Subject::chosen() != Subject::Ringferry {
        return skipped("sshd has no such setting");
    }
    let scratch = Scratch::new();
    let (long, short) = (scratch.path("long"), scratch.path("short"));
    write_random(&long, BYTES, 92);
    write_random(&short, 3 * MIB, 93);
    for driver in ["ring", "poll"] {
        for (settings, expected, other) in [
            (
                vec![("write_behind_bytes", "1M"), ("write_behind_from_bytes", "16M")],
                "WriteBack",
                "LetGo",
            ),
            (vec![("write_behind_bytes", "0"), ("file_cache", "drop")], "LetGo", "WriteBack"),
        ] {
            let server = server(&scratch, driver, &settings);
            put(&server, &short, "/short");
            assert_eq!(advice(&server, expected), 0, "{driver}: a short one");
            put(&server, &long, "/long");
            assert!(advice(&server, expected) >= 1, "{driver}: {}", server.log.tail());
            assert_eq!(advice(&server, other), 0, "{driver}");
            assert_same_bytes(&long, &scratch.served("long"));
        }
        for setting in [("write_behind_bytes", "0"), ("write_behind_from_bytes", "1G")] {
            let server = server(&scratch, driver, &[setting]);
            put(&server, &long, "/long");
            assert!(server.log.with_field("advice").is_empty(), "{driver}: {}", server.log.tail());
        }
    }
}

#[test]
fn where_reads_cannot_drop_behind_it_is_said_once() {
    if Subject::chosen() != Subject::Ringferry || !can_mount_tmpfs() {
        return skipped("no tmpfs, or no such setting");
    }
    let scratch = Scratch::new();
    let settings = vec![("file_cache", "drop".to_owned()), ("log_level", "debug".to_owned())];
    let options = Options { tmpfs_root_mib: Some(64), settings, ..Options::default() };
    let server = Server::start_with(&scratch, &options);
    let (long, back) = (scratch.path("long"), scratch.path("back"));
    write_random(&long, BYTES, 94);
    put(&server, &long, "/long");
    let told = advice(&server, "LetGo");
    for _ in 0..2 {
        get(&server, "/long", &back);
        assert_same_bytes(&long, &back);
    }
    assert!(advice(&server, "LetGo") > told, "the reads were let go of");
    let said = server.log.lines();
    let said = said.iter().filter(|line| line.contains("RWF_DONTCACHE")).count();
    assert_eq!(said, 1, "{}", server.log.tail());
}
