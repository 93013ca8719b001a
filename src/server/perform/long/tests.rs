use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::Arc;

use super::super::{Cancel, Profile, perform, perform_at_once};
use super::{to_close, to_cut};
use crate::reactor::fs::{Links, Root, View};
use crate::server::job::{Answer, Failure};
use crate::server::limits::LET_GO_BYTES_MAX;
use crate::server::session::Opened;
use crate::vfs::{Access, Change, Check, FsOp, OpenFor};

/// A folder with a file as large as a shard lets go of itself, one a byte larger, and an empty one.
struct Scene {
    folder: tempfile::TempDir,
    profile: Profile,
}

impl Scene {
    fn new() -> Self {
        Self::with(Access::unrestricted())
    }

    fn with(access: Access) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let view = View::new(vec![(b"/".to_vec(), root)], Links::Follow).unwrap();
        let profile = Profile { view: Arc::new(view), access: Arc::new(access) };
        let scene = Self { folder, profile };
        for (name, bytes) in
            [("small", LET_GO_BYTES_MAX), ("large", LET_GO_BYTES_MAX + 1), ("empty", 0)]
        {
            fs::File::create_new(scene.path(name)).unwrap().set_len(bytes).unwrap();
        }
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sizes(&self) -> BTreeMap<OsString, u64> {
        let entries = fs::read_dir(self.folder.path()).unwrap().map(Result::unwrap);
        entries.map(|entry| (entry.file_name(), entry.metadata().unwrap().len())).collect()
    }

    /// Whether a shard carries `op` out itself; whoever does, it must succeed.
    fn is_done_at_once(&self, op: &FsOp<'_>) -> bool {
        let before = self.sizes();
        let at_once = perform_at_once(&self.profile, op);
        let is_done = at_once.is_some();
        assert!(is_done || self.sizes() == before, "{op:?} was done by halves");
        let cancel = Cancel::default();
        let result = at_once.unwrap_or_else(|| perform(&self.profile, op.clone(), &cancel));
        assert!(result.is_ok(), "{op:?}: {:?}", result.err());
        is_done
    }

    fn open(&self, name: &str, how: OpenFor) -> Opened {
        match perform(&self.profile, FsOp::Open(at(name), how), &Cancel::default()) {
            Ok(Answer::File(opened)) => *opened,
            _ => panic!("{name} was not opened"),
        }
    }
}

fn at(name: &str) -> Cow<'static, [u8]> {
    format!("/{name}").into_bytes().into()
}

fn set_size(name: &str, size: u64) -> FsOp<'static> {
    let change = Change { size: Some(size), ..Change::default() };
    FsOp::SetStat { path: at(name), change, follow: true }
}

fn rename(old: &str, new: &str, over: bool) -> FsOp<'static> {
    FsOp::Rename { old: at(old), new: at(new), over }
}

const EMPTYING: OpenFor = OpenFor {
    read: false,
    write: true,
    append: false,
    create: true,
    exclusive: false,
    truncate: true,
    mode: 0o600,
};

#[test]
fn a_large_file_is_not_let_go_of_on_a_shard() {
    let remove = |name| FsOp::Remove(at(name));
    let empty = |name| FsOp::Open(at(name), EMPTYING);
    for (op, expected) in [
        (remove("small"), true),
        (remove("large"), false),
        (empty("small"), true),
        (empty("large"), false),
        (empty("not-there"), true),
        (FsOp::Open(at("large"), OpenFor { truncate: false, ..EMPTYING }), true),
        (set_size("small", 0), true),
        (set_size("large", 0), false),
        (set_size("large", 1), true),
        (set_size("large", 1 << 40), true),
        (rename("empty", "small", true), true),
        (rename("empty", "large", true), false),
        (rename("large", "empty", true), false),
        (rename("large", "elsewhere", true), true),
        (rename("large", "elsewhere", false), true),
        (FsOp::Stat { path: at("large"), follow: true }, true),
        (FsOp::CheckFile(at("empty"), Check::new(b"sha256", 0, 0, 0).unwrap()), false),
    ] {
        assert_eq!(Scene::new().is_done_at_once(&op), expected, "{op:?}");
    }
}

#[test]
fn what_may_not_be_done_is_refused_at_once_however_large() {
    let mut access = Access::unrestricted();
    access.read_only = true;
    let scene = Scene::with(access);
    let refused = perform_at_once(&scene.profile, &FsOp::Remove(at("large")));
    assert!(matches!(refused, Some(Err(Failure::Refused(_)))));
}

#[test]
fn an_open_file_is_cut_on_the_shard_as_far_as_that_is_little() {
    let scene = Scene::new();
    let file = scene.open("large", OpenFor { truncate: false, ..EMPTYING }).file;
    for (left, long) in [(0, true), (1, false), (LET_GO_BYTES_MAX + 1, false), (1 << 40, false)] {
        assert_eq!(to_cut(&file, left), long, "{left}");
    }
}

#[test]
fn closing_takes_long_where_it_frees_the_file_or_takes_anothers_place() {
    let scene = Scene::new();
    let much = LET_GO_BYTES_MAX + 1;
    for (name, was_emptied) in [("not-there", false), ("empty", false), ("small", true)] {
        let opened = scene.open(name, EMPTYING);
        assert_eq!(opened.was_emptied, was_emptied, "{name}");
        opened.file.write_at(&[IoSlice::new(b"new")], 0).unwrap();
        let long = |written| to_close(&opened.file, opened.was_emptied, written);
        assert_eq!((long(much - 1), long(much)), (false, was_emptied), "{name}");
    }
    for (name, long) in [("large", true), ("empty", false)] {
        let file = scene.open(name, OpenFor { truncate: false, ..EMPTYING }).file;
        assert!(!to_close(&file, false, 0), "{name}");
        fs::remove_file(scene.path(name)).unwrap();
        assert_eq!(to_close(&file, false, 0), long, "{name}");
    }
}

#[test]
fn another_name_keeps_a_large_file() {
    let scene = Scene::new();
    fs::hard_link(scene.path("large"), scene.path("other")).unwrap();
    let file = OpenOptions::new().write(true).open(scene.path("other")).unwrap();
    assert!(scene.is_done_at_once(&FsOp::Remove(at("large"))));
    assert_eq!(file.metadata().unwrap().len(), LET_GO_BYTES_MAX + 1);
    assert!(!scene.is_done_at_once(&FsOp::Remove(at("other"))), "it was the last one");
}
