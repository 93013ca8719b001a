//! As whom requests are carried out: each kind of them, for a user of the host.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use super::*;
use crate::reactor::Identity;
use crate::reactor::fs::{Links, Root, View};
use crate::vfs::{Check, Ledger, Usage};

const ANN: u32 = 20_001;
const BOB: u32 = 20_002;

/// A folder everybody may write, as /tmp is, in which two users have something:
///
/// ```text
/// ann-file, ann-dir/file, ann-dir/dir/, ann-dir/link      0600 and 0700
/// bob-file, bob-dir/...
/// ```
struct Shared {
    folder: tempfile::TempDir,
}

fn own(path: &Path, uid: u32, mode: u32) {
    chown(path, Some(uid), Some(uid)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

impl Shared {
    fn new() -> Self {
        let shared = Shared { folder: tempfile::tempdir().unwrap() };
        fs::set_permissions(shared.folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        for (name, uid) in [("ann", ANN), ("bob", BOB)] {
            let dir = shared.path(&format!("{name}-dir"));
            fs::create_dir_all(dir.join("dir")).unwrap();
            own(&dir, uid, 0o700);
            own(&dir.join("dir"), uid, 0o700);
            for file in [shared.path(&format!("{name}-file")), dir.join("file")] {
                fs::write(&file, "content").unwrap();
                own(&file, uid, 0o600);
            }
            symlink("file", dir.join("link")).unwrap();
        }
        shared
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn profile(&self, uid: u32) -> Profile {
        let identity = Identity::new(uid, uid, vec![]).unwrap();
        let root = Root::open_as(self.folder.path(), &identity).unwrap();
        let view = View::new(vec![(b"/".to_vec(), root)], Links::Follow).unwrap();
        let view = Arc::new(view.used_as(identity));
        Profile { view, access: Arc::new(Access::unrestricted()) }
    }
}

fn named(text: &str) -> std::borrow::Cow<'static, [u8]> {
    text.as_bytes().to_vec().into()
}

fn to_make() -> OpenFor {
    OpenFor { write: true, create: true, mode: 0o640, ..OpenFor::default() }
}

/// As most uploads begin; `perform_at_once` makes such a file without a look.
fn to_make_empty() -> OpenFor {
    OpenFor { truncate: true, ..to_make() }
}

fn check() -> Check {
    Check::new(b"sha256", 0, 0, 0).unwrap()
}

/// One or more of each kind of request on what `who` has, and what each makes. Whoever adds a kind
/// has to add it here: see the match below.
fn requests(who: &str) -> Vec<(FsOp<'static>, Option<String>)> {
    let at = |name: &str| named(&format!("/{who}-{name}"));
    let made = |name: &str| Some(format!("{who}-{name}"));
    let read = OpenFor { read: true, ..OpenFor::default() };
    let write = OpenFor { write: true, truncate: true, ..OpenFor::default() };
    let set = |change| FsOp::SetStat { path: at("file"), change, follow: true };
    let none = Change::default;
    let link = |name: &str| FsOp::HardLink { old: at("dir/file"), new: at(name) };
    let rename = |old: &str, new: &str, over| FsOp::Rename { old: at(old), new: at(new), over };
    let (source, target) = (at("dir/file"), at("dir/copy"));
    let target_of_link = named("anywhere");
    vec![
        (FsOp::Stat { path: at("dir/file"), follow: true }, None),
        (FsOp::RealPath(at("dir/link")), None),
        (FsOp::ReadLink(at("dir/link")), None),
        (FsOp::Space(at("dir/file")), None),
        (FsOp::OpenDir(at("dir")), None),
        (FsOp::CheckFile(at("file"), check()), None),
        (FsOp::Open(at("file"), read), None),
        (FsOp::Open(at("file"), write), None),
        (FsOp::Open(at("dir/made"), to_make()), made("dir/made")),
        (FsOp::Open(at("dir/empty"), to_make_empty()), made("dir/empty")),
        (set(Change { size: Some(3), ..none() }), None),
        (set(Change { mode: Some(0o644), ..none() }), None),
        (set(Change { times: Some((5, 6)), ..none() }), None),
        (FsOp::MakeDir(at("dir/new"), 0o750), made("dir/new")),
        (FsOp::RemoveDir(at("dir/new")), None),
        (FsOp::Symlink { target: target_of_link, link: at("dir/sym") }, made("dir/sym")),
        (link("dir/hard"), made("dir/hard")),
        (FsOp::CopyFile { source, target, how: to_make() }, made("dir/copy")),
        (rename("dir/hard", "dir/renamed", false), made("dir/renamed")),
        (rename("dir/renamed", "dir/copy", true), made("dir/copy")),
        (FsOp::Remove(at("dir/made")), None),
        (FsOp::Remove(at("file")), None),
    ]
}

/// The kinds of [`requests`]; what is not tried there cannot be forgotten here.
fn kind(op: &FsOp<'_>) -> u32 {
    match op {
        FsOp::Open(..) => 0,
        FsOp::OpenDir(_) => 1,
        FsOp::Stat { .. } => 2,
        FsOp::SetStat { .. } => 3,
        FsOp::Remove(_) => 4,
        FsOp::MakeDir(..) => 5,
        FsOp::RemoveDir(_) => 6,
        FsOp::RealPath(_) => 7,
        FsOp::Rename { .. } => 8,
        FsOp::ReadLink(_) => 9,
        FsOp::Symlink { .. } => 10,
        FsOp::HardLink { .. } => 11,
        FsOp::Space(_) => 12,
        FsOp::CheckFile(..) => 13,
        FsOp::CopyFile { .. } => 14,
        // The only one that asks no file system.
        FsOp::HomeDirectory(_) => u32::MAX,
    }
}

fn denied(result: std::result::Result<Answer, Failure>) -> bool {
    matches!(result, Err(Failure::System(Errno::ACCESS | Errno::PERM)))
}

#[test]
fn each_kind_of_request_acts_as_the_user_and_is_denied_what_is_anothers() {
    let shared = Shared::new();
    let (ann, cancel) = (shared.profile(ANN), Cancel::default());
    let mut kinds = std::collections::BTreeSet::new();
    for (op, _) in requests("bob") {
        kinds.insert(kind(&op));
        let shown = format!("{op:?}");
        assert!(denied(perform(&ann, op, &cancel)), "{shown}");
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), (0..15).collect::<Vec<_>>());
    assert_eq!(fs::read(shared.path("bob-file")).unwrap(), b"content", "nothing has happened");
    assert_eq!(fs::read_dir(shared.path("bob-dir")).unwrap().count(), 3);
    for (op, made) in requests("ann") {
        let shown = format!("{op:?}");
        let answer = perform(&ann, op, &cancel);
        assert!(answer.is_ok(), "{shown}: {:?}", answer.err());
        if let Some(made) = made {
            let there = fs::symlink_metadata(shared.path(&made)).unwrap();
            assert_eq!((there.uid(), there.gid()), (ANN, ANN), "{shown}");
        }
    }
    assert!(!shared.path("ann-file").exists() && !shared.path("ann-dir/made").exists());
    for over in [false, true] {
        let (old, new) = (named("/bob-file"), named("/stolen"));
        assert!(denied(perform(&ann, FsOp::Rename { old, new, over }, &cancel)));
    }
}

#[test]
fn a_user_may_not_do_what_takes_roots_powers() {
    let shared = Shared::new();
    let (ann, cancel) = (shared.profile(ANN), Cancel::default());
    let own_file = || named("/ann-file");
    let set = |change| FsOp::SetStat { path: own_file(), change, follow: true };
    for owner in [(BOB, ANN), (ANN, BOB), (0, 0)] {
        let change = Change { owner: Some(owner), ..Change::default() };
        assert!(denied(perform(&ann, set(change), &cancel)), "{owner:?}");
    }
    // The set-group-ID bit of a group he is not in goes without a word (chmod(2)).
    chown(shared.path("ann-file"), Some(ANN), Some(BOB)).unwrap();
    let change = Change { mode: Some(0o2755), ..Change::default() };
    assert!(perform(&ann, set(change), &cancel).is_ok());
    assert_eq!(fs::metadata(shared.path("ann-file")).unwrap().mode() & 0o7777, 0o755);
    // What root has for others is closed too.
    fs::write(shared.path("roots"), "").unwrap();
    own(&shared.path("roots"), 0, 0o600);
    let read = OpenFor { read: true, ..OpenFor::default() };
    assert!(denied(perform(&ann, FsOp::Open(named("/roots"), read), &cancel)));
}

/// What was opened is used as its user wherever that is done, on threads of jobs too.
#[test]
fn open_handles_keep_their_user() {
    let shared = Shared::new();
    let (ann, cancel) = (shared.profile(ANN), Cancel::default());
    let open = |how| match perform(&ann, FsOp::Open(named("/ann-file"), how), &cancel) {
        Ok(Answer::File(opened)) => *opened,
        _ => panic!("not opened"),
    };
    let opened = open(OpenFor { read: true, write: true, ..OpenFor::default() });
    let modes = || fs::metadata(shared.path("ann-file")).unwrap().mode() & 0o7777;
    // Each of these takes the bit from a file unless root does it (or none is there to take).
    let acts: [(&str, &(dyn Fn() + Sync)); 3] = [
        ("write", &|| {
            opened.file.write_at(&[std::io::IoSlice::new(b"new")], 0).unwrap();
        }),
        ("set_size", &|| opened.room.set_size(2).unwrap()),
        ("copy", &|| {
            opened.file.copy_range(0, &opened.file, 10, 2).unwrap();
        }),
    ];
    for (name, act) in acts {
        fs::set_permissions(shared.path("ann-file"), fs::Permissions::from_mode(0o4755)).unwrap();
        std::thread::scope(|scope| scope.spawn(act).join().unwrap());
        assert_eq!(modes(), 0o755, "{name} was done by root");
    }
    let change = fs_change(Change { owner: Some((BOB, BOB)), ..Change::default() });
    assert_eq!(opened.file.set(&change), Err(Errno::PERM));
    // Bob's now: what was opened stays open, but its mode is not Ann's to change any more.
    own(&shared.path("ann-file"), BOB, 0o600);
    let change = fs_change(Change { mode: Some(0o666), ..Change::default() });
    assert_eq!(opened.file.set(&change), Err(Errno::PERM));
    assert_eq!(opened.file.sync(), Ok(()));
    opened.close().unwrap();

    let Ok(Answer::Dir(mut open)) = perform(&ann, FsOp::OpenDir(named("/ann-dir")), &cancel) else {
        panic!("not opened");
    };
    // Without search permission names are listed, and nothing is known of them.
    own(&shared.path("ann-dir"), ANN, 0o600);
    let mut entries = Vec::new();
    open.dir.next_entries(10, &mut entries).unwrap();
    let file = entries.iter().find(|entry| entry.name == b"file").unwrap();
    assert_eq!((file.metadata.uid, file.metadata.size), (0, 0), "root looked at it");
}

fn at_once(profile: &Profile, path: &str, how: OpenFor) -> Result {
    perform_at_once(profile, &FsOp::Open(named(path), how)).unwrap()
}

/// What [`perform_at_once`] makes without a look is the user's, and nobody else's folder has it.
#[test]
fn a_file_that_is_made_at_once_is_its_users() {
    let shared = Shared::new();
    let ann = shared.profile(ANN);
    assert!(denied(at_once(&ann, "/bob-dir/fresh", to_make_empty())));
    let Ok(Answer::File(opened)) = at_once(&ann, "/ann-dir/fresh", to_make_empty()) else {
        panic!("not opened");
    };
    let there = fs::metadata(shared.path("ann-dir/fresh")).unwrap();
    assert_eq!((there.uid(), there.gid(), there.mode() & 0o7777), (ANN, ANN, 0o640));
    assert_eq!(opened.id, (there.dev(), there.ino()));
    assert_eq!(opened.path, b"/ann-dir/fresh");
    assert!(opened.can_write && !opened.can_read && !opened.append && !opened.was_emptied);
    assert!(denied(at_once(&ann, "/bob-dir/file", to_make_empty())));
    assert_eq!(fs::read(shared.path("bob-dir/file")).unwrap(), b"content");
}

#[test]
fn a_file_that_is_made_at_once_counts_once() {
    let shared = Shared::new();
    let ledger = Arc::new(Ledger::new(None, Some(2), Usage::default()));
    let mut access = Access::unrestricted();
    access.quota = Some(ledger.clone());
    let ann = Profile { access: Arc::new(access), ..shared.profile(ANN) };
    for (path, files) in [("one", 1), ("one", 1), ("file", 1), ("two", 2), ("dir/none/x", 2)] {
        let _ = at_once(&ann, &format!("/ann-dir/{path}"), to_make_empty());
        assert_eq!(ledger.usage().files, files, "{path}");
    }
    assert_eq!(fs::read(shared.path("ann-dir/file")).unwrap(), b"", "it was there, and cut");
    let third = at_once(&ann, "/ann-dir/three", to_make_empty());
    assert!(matches!(third, Err(Failure::System(Errno::DQUOT))));
    assert!(!shared.path("ann-dir/three").exists());
}

fn fs_change(change: Change) -> crate::reactor::fs::Change {
    system_change(&change)
}

#[test]
fn the_server_itself_is_nobody_else() {
    let shared = Shared::new();
    let root = Root::open(shared.folder.path()).unwrap();
    let view = View::new(vec![(b"/".to_vec(), root)], Links::Follow).unwrap();
    let own = Profile { view: Arc::new(view), access: Arc::new(Access::unrestricted()) };
    assert!(own.identity().is_none());
    let made = perform(&own, FsOp::Open(named("/new"), to_make()), &Cancel::default());
    assert!(made.is_ok());
    assert_eq!(fs::metadata(shared.path("new")).unwrap().uid(), 0);
}
