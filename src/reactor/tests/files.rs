//! Files: read, write, fsync.

use std::fs::{File, OpenOptions};
use std::path::Path;

use super::*;

fn file_in(directory: &Path) -> FileRef {
    let path = directory.join("file");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
    Arc::new(file.unwrap().into())
}

/// A directory on the disk, and one on tmpfs where there is one: the kernel takes different paths.
fn directories() -> Vec<tempfile::TempDir> {
    let mut directories = vec![tempfile::tempdir().unwrap()];
    match tempfile::tempdir_in("/dev/shm") {
        Ok(directory) => directories.push(directory),
        Err(error) => println!("SKIPPED: tmpfs: {error}"),
    }
    directories
}

on_each_driver!(written_in_pieces_read_in_pieces, |reactor| {
    let pool = pool();
    for directory in directories() {
        let file = file_in(directory.path());
        let (a, b) = (Arc::new(filled(&pool, b"abcdef")), Arc::new(filled(&pool, b"0123456789")));
        let segments = vec![(Arc::clone(&a), 1..3), (b, 0..10), (a, 5..6)];
        reactor.submit(Token(1), Op::Write { file: Arc::clone(&file), offset: 100, segments });
        let Done::Wrote { segments, result } = one(reactor).done else { panic!() };
        assert_eq!((result, segments.len()), (Ok(13), 3));

        let buffer = pool.small().unwrap();
        let segments = vec![10..12, 12..12, 20..30, 50..60];
        let file = Arc::clone(&file);
        reactor
            .submit(Token(2), Op::Read { file, offset: 99, buffer, segments, drop_behind: false });
        let Done::Read { buffer, segments, result } = one(reactor).done else { panic!() };
        assert_eq!((result, segments.len()), (Ok(14), 4), "up to the end of the file");
        assert_eq!(&buffer[9..13], b"\0\0b\0");
        assert_eq!(&buffer[19..31], b"\0c012345678\0");
        assert_eq!(&buffer[50..53], b"9f\0");
    }
    assert_eq!(pool.stats().outstanding, 0);
});

on_each_driver!(a_single_range_and_the_end_of_the_file, |reactor| {
    let pool = pool();
    for directory in directories() {
        let file = file_in(directory.path());
        let segments = vec![(Arc::new(filled(&pool, b"content")), 0..7)];
        reactor.submit(Token(1), Op::Write { file: Arc::clone(&file), offset: 0, segments });
        let Done::Wrote { result, .. } = one(reactor).done else { panic!() };
        assert_eq!(result, Ok(7));
        for (offset, expected) in [(0, &b"content"[..]), (3, b"tent"), (7, b""), (1 << 40, b"")] {
            let (file, buffer) = (Arc::clone(&file), pool.small().unwrap());
            let segments = vec![0..4096];
            reactor
                .submit(Token(2), Op::Read { file, offset, buffer, segments, drop_behind: false });
            let Done::Read { buffer, result, .. } = one(reactor).done else { panic!() };
            assert_eq!(result, Ok(expected.len()));
            assert_eq!(&buffer[..expected.len()], expected);
        }
    }
});

on_each_driver!(more_segments_than_one_call_takes, |reactor| {
    const SEGMENTS: usize = 2500;
    let pool = pool();
    let directory = tempfile::tempdir().unwrap();
    let file = file_in(directory.path());
    let mut buffer = pool.large().unwrap();
    for (index, byte) in buffer.iter_mut().enumerate() {
        *byte = u8::try_from(index % 253).unwrap();
    }
    let source = Arc::new(buffer);
    // Every other three bytes, written and read back into the same places.
    let ranges: Vec<_> = (0..SEGMENTS).map(|index| index * 6..index * 6 + 3).collect();
    let segments = ranges.iter().map(|range| (Arc::clone(&source), range.clone())).collect();
    reactor.submit(Token(1), Op::Write { file: Arc::clone(&file), offset: 5, segments });
    let Done::Wrote { result, .. } = one(reactor).done else { panic!() };
    assert_eq!(result, Ok(3 * SEGMENTS));
    let mut buffer = pool.large().unwrap();
    buffer.fill(0xff);
    reactor.submit(
        Token(2),
        Op::Read { file, offset: 5, buffer, segments: ranges.clone(), drop_behind: false },
    );
    let Done::Read { buffer, result, .. } = one(reactor).done else { panic!() };
    assert_eq!(result, Ok(3 * SEGMENTS));
    for range in ranges {
        assert_eq!(buffer[range.clone()], source[range.clone()]);
        assert_eq!(buffer[range.end..range.end + 3], [0xff; 3], "a gap was written to");
    }
    assert!(reactor.statistics().continued >= 2 * 2);
});

on_each_driver!(failures_name_their_errno_and_return_the_memory, |reactor| {
    let pool = pool();
    let full: FileRef = Arc::new(OpenOptions::new().write(true).open("/dev/full").unwrap().into());
    let segments = vec![(Arc::new(pool.small().unwrap()), 0..10)];
    reactor.submit(Token(1), Op::Write { file: Arc::clone(&full), offset: 0, segments });
    let Done::Wrote { result, segments } = one(reactor).done else { panic!() };
    assert_eq!((result, segments.len()), (Err(Errno::NOSPC), 1));
    drop(segments);
    let (buffer, segments) = (pool.small().unwrap(), vec![0..10]);
    reactor
        .submit(Token(1), Op::Read { file: full, offset: 0, buffer, segments, drop_behind: false });
    let Done::Read { result, .. } = one(reactor).done else { panic!() };
    assert_eq!(result, Err(Errno::BADF), "not open for reading");
    assert_eq!(pool.stats().outstanding, 0);
});

on_each_driver!(what_segments_cannot_be_is_an_error_and_not_a_panic, |reactor| {
    let pool = pool();
    let file: FileRef = Arc::new(File::open("/dev/null").unwrap().into());
    for (offset, segments, expected) in [
        (0, vec![], Ok(0)),
        (0, vec![3..3, 9..9], Ok(0)),
        (0, vec![0..4, 3..8], Err(Errno::INVAL)),
        (0, vec![8..9, 0..1], Err(Errno::INVAL)),
        (0, vec![0..5000], Err(Errno::INVAL)),
        (u64::MAX, vec![0..10], Err(Errno::INVAL)),
        (i64::MAX as u64, vec![0..10], Err(Errno::INVAL)),
    ] {
        let (file, buffer) = (Arc::clone(&file), pool.small().unwrap());
        reactor.submit(Token(1), Op::Read { file, offset, buffer, segments, drop_behind: false });
        let Done::Read { segments, result, .. } = one(reactor).done else { panic!() };
        assert_eq!(result, expected, "{segments:?} at {offset}");
    }
    assert_eq!(pool.stats().outstanding, 0);
});

on_each_driver!(fsync_answers_for_files_and_not_for_sockets, |reactor| {
    let directory = tempfile::tempdir().unwrap();
    let file = file_in(directory.path());
    for data_only in [false, true] {
        reactor.submit(Token(1), Op::Fsync { file: Arc::clone(&file), data_only });
        let Done::Synced { result } = one(reactor).done else { panic!() };
        assert_eq!(result, Ok(()));
    }
    let (socket, _far) = pair();
    let socket: FileRef = Arc::new(Arc::into_inner(socket).unwrap().into());
    reactor.submit(Token(1), Op::Fsync { file: socket, data_only: false });
    let Done::Synced { result } = one(reactor).done else { panic!() };
    assert_eq!(result, Err(Errno::INVAL));
});

on_each_driver!(reads_of_one_file_overlap_and_all_complete, |reactor| {
    const READS: u64 = 300;
    let pool = pool();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("numbers");
    let content: Vec<u8> = (0..READS).flat_map(|number| number.to_be_bytes()).collect();
    std::fs::write(&path, content).unwrap();
    let file: FileRef = Arc::new(File::open(path).unwrap().into());
    for number in 0..READS {
        let (file, buffer, segments) = (Arc::clone(&file), pool.small().unwrap(), vec![0..8]);
        reactor.submit(
            Token(number),
            Op::Read { file, offset: number * 8, buffer, segments, drop_behind: false },
        );
    }
    for completion in collect(reactor, usize::try_from(READS).unwrap()) {
        let Done::Read { buffer, result, .. } = completion.done else { panic!() };
        assert_eq!(result, Ok(8));
        assert_eq!(buffer[..8], completion.token.0.to_be_bytes());
    }
});

// What `fs` opens is what the operations are used on.
on_each_driver!(files_opened_in_a_root_can_be_read_and_written, |reactor| {
    let pool = pool();
    for directory in directories() {
        let root = crate::reactor::fs::Root::open(directory.path()).unwrap();
        let how = crate::reactor::fs::OpenHow {
            read: true,
            write: true,
            create: true,
            mode: 0o600,
            ..Default::default()
        };
        let file = root.open_file(b"file", how).unwrap().fd;
        let segments = vec![(Arc::new(filled(&pool, b"abc")), 0..3)];
        reactor.submit(Token(1), Op::Write { file: Arc::clone(&file), offset: 0, segments });
        let Done::Wrote { result, .. } = one(reactor).done else { panic!() };
        assert_eq!(result, Ok(3));
        let (buffer, segments) = (pool.small().unwrap(), vec![0..3]);
        reactor
            .submit(Token(2), Op::Read { file, offset: 0, buffer, segments, drop_behind: false });
        let Done::Read { buffer, result, .. } = one(reactor).done else { panic!() };
        assert_eq!((result, &buffer[..3]), (Ok(3), &b"abc"[..]));
    }
});
