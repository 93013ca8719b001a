//! As whom operations are carried out.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Child;

use super::*;

const ANN: u32 = 20_001;
const BOB: u32 = 20_002;

fn identity(uid: u32) -> Arc<Identity> {
    Identity::new(uid, uid, Vec::new()).unwrap()
}

/// A file of `uid`'s with the set-user-ID bit, which goes when somebody writes who may not set it.
fn suid_file(folder: &Path, uid: u32, number: usize) -> PathBuf {
    let path = folder.join(format!("{uid}-{number}"));
    fs::write(&path, "content").unwrap();
    chown(&path, Some(uid), Some(uid)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).unwrap();
    path
}

/// Opened by root, used as `uid`.
fn open(path: &Path, uid: u32) -> FileRef {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    Arc::new(OpenFd::new(file.into(), (uid != 0).then(|| identity(uid))))
}

on_each_driver!(writes_of_many_users_at_once_are_each_ones_own, |reactor| {
    let pool = pool();
    let folder = tempfile::tempdir().unwrap();
    let mut written = Vec::new();
    for number in 0..40 {
        for uid in [0, ANN, BOB] {
            let path = suid_file(folder.path(), uid, number);
            let segments = vec![(Arc::new(filled(&pool, b"new")), 0..3)];
            reactor.submit(Token(1), Op::Write { file: open(&path, uid), offset: 0, segments });
            written.push((uid, path));
        }
    }
    for completion in collect(reactor, written.len()) {
        let Done::Wrote { result, .. } = completion.done else { panic!() };
        assert_eq!(result, Ok(3));
    }
    for (uid, path) in written {
        let has_bit = fs::metadata(&path).unwrap().mode() & 0o4000 != 0;
        assert_eq!(has_bit, uid == 0, "{uid}: root keeps the bit, users lose it");
        assert_eq!(fs::read(&path).unwrap(), b"newtent");
    }
});

/// A process of root's.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        Sleeper(std::process::Command::new("sleep").arg("60").spawn().unwrap())
    }

    /// Its status, which tells where its code begins to those who may trace it, and 1 to others:
    /// procfs asks about whoever reads, not whoever opened.
    fn status(&self) -> File {
        File::open(format!("/proc/{}/stat", self.0.id())).unwrap()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

on_each_driver!(reads_are_the_users, |reactor| {
    let pool = pool();
    let sleeper = Sleeper::new();
    for (uid, sees) in [(0, true), (ANN, false), (0, true)] {
        let file = sleeper.status().into();
        let file: FileRef = Arc::new(OpenFd::new(file, (uid != 0).then(|| identity(uid))));
        for segments in [vec![0..4096], vec![0..10, 10..4096]] {
            let (file, buffer) = (Arc::clone(&file), pool.small().unwrap());
            let op = Op::Read { file, offset: 0, buffer, segments, drop_behind: false };
            reactor.submit(Token(1), op);
            let Done::Read { buffer, result, .. } = one(reactor).done else { panic!() };
            let text = String::from_utf8(buffer[..result.unwrap()].to_vec()).unwrap();
            let start_of_code = text.split(' ').nth(25).unwrap();
            assert_eq!(start_of_code != "1", sees, "{uid}: {text}");
        }
    }
});

on_each_driver!(syncing_and_advice_are_the_users_too, |reactor| {
    let folder = tempfile::tempdir().unwrap();
    let file = open(&suid_file(folder.path(), ANN, 0), ANN);
    let sync = Op::Fsync { file: Arc::clone(&file), data_only: false };
    let advice = Op::Advise { file, offset: 0, bytes: 7, advice: Advice::LetGo };
    for op in [sync, advice] {
        assert_eq!(op.identity().map(|it| it.uid()), Some(ANN));
        reactor.submit(Token(1), op);
        match one(reactor).done {
            Done::Synced { result } | Done::Advised { result } => assert_eq!(result, Ok(())),
            done => panic!("{done:?}"),
        }
    }
});

on_each_driver!(who_cannot_be_assumed_gets_an_error_and_root_does_nothing, |reactor| {
    let pool = pool();
    let folder = tempfile::tempdir().unwrap();
    let path = suid_file(folder.path(), ANN, 0);
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let nobody = Identity::new(ANN, ANN, vec![BOB; 65_537]);
    let file: FileRef = Arc::new(OpenFd::new(file.into(), nobody));
    let segments = vec![(Arc::new(filled(&pool, b"new")), 0..3)];
    reactor.submit(Token(1), Op::Write { file: Arc::clone(&file), offset: 0, segments });
    let Done::Wrote { result, .. } = one(reactor).done else { panic!() };
    assert_eq!(result, Err(Errno::INVAL));
    let (buffer, segments) = (pool.small().unwrap(), vec![0..10]);
    reactor.submit(Token(1), Op::Read { file, offset: 0, buffer, segments, drop_behind: false });
    let Done::Read { result, .. } = one(reactor).done else { panic!() };
    assert_eq!(result, Err(Errno::INVAL));
    assert_eq!(fs::read(&path).unwrap(), b"content");
});

// A full queue is flushed by the one who fills it, who may be acting as somebody else then.
on_each_driver!(what_is_queued_by_somebody_else_is_not_done_as_he, |reactor| {
    let pool = pool();
    let folder = tempfile::tempdir().unwrap();
    let count = 2 * usize::try_from(ReactorLimits::default().submission_entries).unwrap() + 10;
    let paths: Vec<_> = (0..count).map(|number| suid_file(folder.path(), 0, number)).collect();
    let files: Vec<_> = paths.iter().map(|path| open(path, 0)).collect();
    let as_ann = identity(ANN).assume().unwrap();
    for file in files {
        let segments = vec![(Arc::new(filled(&pool, b"new")), 0..3)];
        reactor.submit(Token(1), Op::Write { file, offset: 0, segments });
    }
    drop(as_ann);
    for completion in collect(reactor, count) {
        let Done::Wrote { result, .. } = completion.done else { panic!() };
        assert_eq!(result, Ok(3));
    }
    for path in paths {
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o4000, 0o4000, "written by root");
    }
});

#[test]
fn a_ring_forgets_users_who_have_no_file_open() {
    let Some(mut reactor) = reactor(Kind::Ring, &ReactorLimits::default()) else { return };
    let pool = pool();
    let folder = tempfile::tempdir().unwrap();
    let path = suid_file(folder.path(), ANN, 0);
    let kept = open(&path, ANN);
    let mut most = 0;
    for round in 0..500 {
        let file = if round % 10 == 0 { Arc::clone(&kept) } else { open(&path, ANN + round) };
        let segments = vec![(Arc::new(filled(&pool, b"new")), 0..3)];
        reactor.submit(Token(1), Op::Write { file, offset: 0, segments });
        let Done::Wrote { result, .. } = one(&mut reactor).done else { panic!() };
        assert_eq!(result, Ok(3));
        most = most.max(reactor.personalities());
    }
    assert!((2..=17).contains(&most), "{most} at once");
}
