//! Cached pages: written back, let go of, and not kept by reads that are to leave nothing behind.

use std::fs::File;
use std::io::{IoSliceMut, Write};
use std::os::fd::AsRawFd;

use rustix::io::ReadWriteFlags;

use super::*;
use crate::reactor::fs::{OpenHow, Root};

const BYTES: usize = 1 << 20;
const PAGE: usize = 4096;
const SAMPLES: usize = 32;

/// A file on disk with `BYTES` of content, as the server would open it; the content is dirty.
fn written(directory: &tempfile::TempDir) -> crate::reactor::fs::File {
    let content: Vec<u8> = (0..BYTES).map(|at| (at % 251) as u8).collect();
    File::create(directory.path().join("file")).unwrap().write_all(&content).unwrap();
    let root = Root::open(directory.path()).unwrap();
    root.open_file(b"file", OpenHow { read: true, write: true, ..Default::default() }).unwrap()
}

/// How many of `SAMPLES` pages of the file are in memory. Asking for one that is not there brings
/// it in, if nothing else: so every look is at pages of a `class` of its own.
fn cached(file: &FileRef, class: usize) -> usize {
    let own = File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
    rustix::fs::fadvise(&own, 0, None, rustix::fs::Advice::Random).unwrap();
    let is_cached = |offset: &usize| {
        let mut byte = [0];
        let mut slices = [IoSliceMut::new(&mut byte)];
        let flags = ReadWriteFlags::NOWAIT;
        rustix::io::preadv2(&own, &mut slices, *offset as u64, flags) != Err(Errno::AGAIN)
    };
    (class * PAGE..BYTES).step_by(BYTES / SAMPLES).filter(is_cached).count()
}

fn advise(reactor: &mut Reactor, file: &FileRef, bytes: u32, advice: Advice) -> Result<(), Errno> {
    reactor.submit(Token(1), Op::Advise { file: Arc::clone(file), offset: 0, bytes, advice });
    let Completion { token: Token(1), done: Done::Advised { result } } = one(reactor) else {
        panic!()
    };
    result
}

/// Nothing of the file in memory; `false` where its filesystem is memory. On a busy machine the
/// kernel does not let go of a page that somebody, its journal among them, holds at the moment.
fn emptied(reactor: &mut Reactor, file: &FileRef) -> bool {
    if is_in_memory(file) {
        println!("SKIPPED: the temporary folder is in memory");
        return false;
    }
    let give_up = Instant::now() + PATIENCE;
    loop {
        rustix::fs::fsync(file).unwrap();
        assert_eq!(advise(reactor, file, BYTES as u32, Advice::LetGo), Ok(()));
        let left = cached(file, 0);
        if left == 0 {
            return true;
        }
        assert!(Instant::now() < give_up, "{left} of {SAMPLES} pages stay in memory");
        std::thread::sleep(Duration::from_millis(10));
    }
}

on_each_driver!(pages_are_written_back_and_let_go_of, |reactor| {
    let directory = tempfile::tempdir().unwrap();
    let file = written(&directory).fd;
    assert_eq!(cached(&file, 0), SAMPLES);
    assert_eq!(advise(reactor, &file, BYTES as u32, Advice::WriteBack), Ok(()));
    assert_eq!(cached(&file, 0), SAMPLES, "written back pages stay");
    if !emptied(reactor, &file) {
        return;
    }
    let bytes = std::fs::read(directory.path().join("file")).unwrap();
    assert!(bytes.iter().enumerate().all(|(at, byte)| *byte == (at % 251) as u8));
});

on_each_driver!(advice_that_cannot_be_is_an_errno, |reactor| {
    let (near, _far) = std::io::pipe().unwrap();
    let pipe: FileRef = Arc::new(near.into());
    for advice in [Advice::WriteBack, Advice::LetGo] {
        assert_eq!(advise(reactor, &pipe, 8, advice), Err(Errno::SPIPE), "{advice:?}");
        assert_eq!(advise(reactor, &pipe, 0, advice), Ok(()), "{advice:?} of nothing");
        let (file, offset, bytes) = (Arc::clone(&pipe), u64::MAX, 8);
        reactor.submit(Token(1), Op::Advise { file, offset, bytes, advice });
        let Done::Advised { result } = one(reactor).done else { panic!() };
        assert_eq!(result, Err(Errno::INVAL), "{advice:?} past all positions");
    }
});

on_each_driver!(a_read_leaves_behind_what_it_is_to, |reactor| {
    let pool = pool();
    let directory = tempfile::tempdir().unwrap();
    let file = written(&directory);
    if !emptied(reactor, &file.fd) {
        return;
    }
    let can = file.can_drop_behind(0);
    for (class, drop_behind, segments) in [
        (1, true, vec![0..BYTES]),
        (2, true, vec![0..BYTES / 2, BYTES / 2..BYTES]),
        (3, false, vec![0..BYTES]),
    ] {
        let (whole, buffer) = (segments.clone(), pool.large().unwrap());
        let fd = Arc::clone(&file.fd);
        reactor.submit(Token(1), Op::Read { file: fd, offset: 0, buffer, segments, drop_behind });
        let Done::Read { buffer, result, .. } = one(reactor).done else { panic!() };
        if drop_behind && !can {
            assert_eq!(result, Err(Errno::OPNOTSUPP));
            continue;
        }
        assert_eq!(result, Ok(BYTES), "{whole:?}");
        assert!(buffer.iter().enumerate().all(|(at, byte)| *byte == (at % 251) as u8));
        let left = cached(&file.fd, class);
        // Not all of them: the pages of the read before may go while this one finds them.
        assert_eq!(
            left < SAMPLES / 2,
            drop_behind,
            "{whole:?}, dropping: {drop_behind}: {left} left"
        );
    }
    assert_eq!(pool.stats().outstanding, 0);
});

#[test]
fn a_file_in_memory_cannot_drop_behind() {
    let Ok(directory) = tempfile::tempdir_in("/dev/shm") else {
        return println!("SKIPPED: tmpfs");
    };
    assert!(!written(&directory).can_drop_behind(0));
}
