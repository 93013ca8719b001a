//! What requests become, before anybody looks where their paths lead.

use super::*;
use crate::vfs::{DigestKind, RequestFilter, SetstatIgnored};

const ATTRS: Attrs = Attrs { size: None, owner: None, permissions: None, times: None };

fn facts() -> SessionFacts<'static> {
    SessionFacts { user: "ada", symlink_order: SymlinkOrder::TargetFirst }
}

fn at_home() -> Access {
    Access { home: b"/h".to_vec(), ..Access::unrestricted() }
}

fn planned<'a>(request: &Request<'a>, access: &Access) -> Result<FsOp<'a>, Refusal> {
    plan(request, access, &facts()).expect("the request names a path")
}

fn open(flags: u32) -> Request<'static> {
    Request::Open { id: 1, path: b"f", flags: OpenFlags::from_bits(flags), attrs: ATTRS }
}

fn writers() -> Vec<Request<'static>> {
    let attrs = Attrs { times: Some((1, 2)), ..ATTRS };
    vec![
        open(2),
        open(1 | 8),
        open(1 | 0x10),
        open(4),
        Request::Setstat { id: 1, path: b"f", attrs },
        Request::Lsetstat { id: 1, path: b"f", attrs },
        Request::Remove { id: 1, path: b"f" },
        Request::Mkdir { id: 1, path: b"f", attrs },
        Request::Rmdir { id: 1, path: b"f" },
        Request::Rename { id: 1, old: b"f", new: b"g" },
        Request::PosixRename { id: 1, old: b"f", new: b"g" },
        Request::Symlink { id: 1, first: b"f", second: b"g" },
        Request::Hardlink { id: 1, old: b"f", new: b"g" },
        Request::CopyFile { id: 1, source: b"f", target: b"g", overwrite: false },
    ]
}

fn readers() -> Vec<Request<'static>> {
    vec![
        open(1),
        Request::Opendir { id: 1, path: b"f" },
        Request::Stat { id: 1, path: b"f" },
        Request::Lstat { id: 1, path: b"f" },
        Request::Realpath { id: 1, path: b"f" },
        Request::Readlink { id: 1, path: b"f" },
        Request::ExpandPath { id: 1, path: b"~/f" },
        Request::HomeDirectory { id: 1, user: b"" },
        Request::Statvfs { id: 1, path: b"f" },
        Request::SpaceAvailable { id: 1, path: b"f" },
        check_file(b"md5"),
    ]
}

fn check_file(algorithms: &[u8]) -> Request<'_> {
    Request::CheckFileName { id: 1, path: b"f", algorithms, start: 1, length: 2, block_bytes: 256 }
}

#[test]
fn read_only_refuses_every_request_that_changes_something() {
    let read_only = Access { read_only: true, ..Access::unrestricted() };
    for request in writers() {
        let refused = planned(&request, &read_only);
        assert!(matches!(refused, Err(Refusal::Denied(_))), "{request:?}");
        assert!(planned(&request, &Access::unrestricted()).is_ok(), "{request:?}");
    }
    for request in readers() {
        assert!(planned(&request, &read_only).is_ok(), "{request:?}");
    }
    let on_handles = [
        Request::Write { id: 1, handle: b"h", offset: 0, len: 1 },
        Request::Fsync { id: 1, handle: b"h" },
    ];
    for request in on_handles {
        assert!(matches!(plan(&request, &read_only, &facts()), Some(Err(Refusal::Denied(_)))));
        assert_eq!(plan(&request, &Access::unrestricted(), &facts()), None);
    }
}

#[test]
fn the_filter_comes_first() {
    let only = RequestFilter::new(&[], Some(&["stat"])).unwrap();
    let access = Access { requests: only, ..Access::unrestricted() };
    for request in writers().iter().chain(&readers()) {
        let passes = matches!(request, Request::Stat { .. });
        assert_eq!(planned(request, &access).is_ok(), passes, "{request:?}");
    }
    let limits = plan(&Request::Limits { id: 1 }, &access, &facts());
    assert!(matches!(limits, Some(Err(Refusal::Denied(_)))));
}

#[test]
fn every_path_becomes_absolute_and_is_admitted() {
    let access = at_home();
    for request in writers().iter().chain(&readers()) {
        let op = planned(request, &access).unwrap();
        for place in op.places().into_iter().flatten() {
            assert!(place.path.starts_with(b"/h/"), "{op:?}");
        }
        assert_eq!(op.clone().into_owned(), op);
    }
    for bad in [&b"a\0b"[..], &[b'a'; 5000]] {
        for request in [
            Request::Stat { id: 1, path: bad },
            Request::Rename { id: 1, old: b"f", new: bad },
            Request::Symlink { id: 1, first: bad, second: b"g" },
            Request::ExpandPath { id: 1, path: bad },
        ] {
            assert!(matches!(planned(&request, &access), Err(Refusal::BadPath(_))));
        }
    }
}

#[test]
fn an_open_that_asks_for_nothing_is_invalid() {
    assert!(matches!(planned(&open(0), &at_home()), Err(Refusal::Invalid(_))));
    let Ok(FsOp::Open(_, how)) = planned(&open(4), &at_home()) else { panic!() };
    assert!(how.write && how.append && !how.read, "to append is to write");
}

#[test]
fn modes_are_asked_for_masked_or_forced() {
    let made = |access: &Access, asked: Option<u32>| {
        let attrs = Attrs { permissions: asked, ..ATTRS };
        let flags = OpenFlags::WRITE | OpenFlags::CREAT;
        let file = planned(&Request::Open { id: 1, path: b"f", flags, attrs }, access);
        let folder = planned(&Request::Mkdir { id: 1, path: b"f", attrs }, access);
        match (file, folder) {
            (Ok(FsOp::Open(_, how)), Ok(FsOp::MakeDir(_, mode))) => (how.mode, mode),
            other => panic!("{other:?}"),
        }
    };
    let free = Access::unrestricted();
    assert_eq!(made(&free, None), (0o666, 0o777));
    assert_eq!(made(&free, Some(0o100_640)), (0o640, 0o640), "without the file type");
    let masked = Access { umask: 0o027, ..Access::unrestricted() };
    assert_eq!(made(&masked, None), (0o640, 0o750));
    assert_eq!(made(&masked, Some(0o6777)), (0o6750, 0o6750));
    let forced = Access { file_mode: Some(0o600), directory_mode: Some(0o2770), ..masked };
    assert_eq!(made(&forced, None), (0o600, 0o2770));
    assert_eq!(made(&forced, Some(0o777)), (0o600, 0o2770));
}

#[test]
fn what_is_ignored_is_gone_from_the_change() {
    let attrs = Attrs {
        size: Some(1),
        owner: Some((2, 3)),
        permissions: Some(0o100_644),
        times: Some((4, 5)),
    };
    let all = Change { size: Some(1), mode: Some(0o644), owner: Some((2, 3)), times: Some((4, 5)) };
    assert_eq!(change(&attrs), all);
    assert!(change(&ATTRS).is_empty());
    let ignoring = |mode, owner, times| Access {
        setstat_ignored: SetstatIgnored { mode, owner, times },
        ..Access::unrestricted()
    };
    let planned_change =
        |access: &Access| match planned(&Request::Setstat { id: 1, path: b"f", attrs }, access) {
            Ok(FsOp::SetStat { change, follow: true, .. }) => change,
            other => panic!("{other:?}"),
        };
    assert_eq!(planned_change(&ignoring(false, false, false)), all);
    assert_eq!(planned_change(&ignoring(true, false, false)), Change { mode: None, ..all });
    assert_eq!(planned_change(&ignoring(false, true, false)), Change { owner: None, ..all });
    assert_eq!(planned_change(&ignoring(false, false, true)), Change { times: None, ..all });
    let size = Change { size: Some(1), ..Change::default() };
    assert_eq!(planned_change(&ignoring(true, true, true)), size);
}

#[test]
fn an_ignored_change_passes_even_where_nothing_may_be_changed() {
    let access = Access {
        read_only: true,
        setstat_ignored: SetstatIgnored { mode: true, owner: true, times: true },
        ..Access::unrestricted()
    };
    let set = |attrs| planned(&Request::Setstat { id: 1, path: b"f", attrs }, &access);
    assert!(set(Attrs { times: Some((1, 2)), ..ATTRS }).is_ok());
    assert!(set(Attrs { size: Some(1), ..ATTRS }).is_err());
}

#[test]
fn lsetstat_does_not_follow_and_takes_no_size() {
    let set = |attrs| planned(&Request::Lsetstat { id: 1, path: b"f", attrs }, &at_home());
    let timed = set(Attrs { times: Some((1, 2)), ..ATTRS });
    assert!(matches!(timed, Ok(FsOp::SetStat { follow: false, .. })));
    assert!(matches!(set(Attrs { size: Some(1), ..ATTRS }), Err(Refusal::Invalid(_))));
}

#[test]
fn the_paths_of_symlink_come_in_either_order() {
    let request = Request::Symlink { id: 1, first: b"one", second: b"two" };
    let made = |symlink_order| {
        let facts = SessionFacts { user: "ada", symlink_order };
        match plan(&request, &at_home(), &facts) {
            Some(Ok(FsOp::Symlink { target, link })) => (target.into_owned(), link.into_owned()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(made(SymlinkOrder::TargetFirst), (b"one".to_vec(), b"/h/two".to_vec()));
    assert_eq!(made(SymlinkOrder::LinkFirst), (b"two".to_vec(), b"/h/one".to_vec()));
    let empty = Request::Symlink { id: 1, first: b"", second: b"two" };
    assert_eq!(planned(&empty, &at_home()), Err(Refusal::Missing));
}

#[test]
fn homes_are_the_sessions_own() {
    let home = |user| planned(&Request::HomeDirectory { id: 1, user }, &at_home());
    let own = Ok(FsOp::HomeDirectory(b"/h".into()));
    assert_eq!(home(b""), own);
    assert_eq!(home(b"ada"), own);
    assert_eq!(home(b"bob"), Err(Refusal::Missing));
    let expanded = |path| planned(&Request::ExpandPath { id: 1, path }, &at_home());
    assert_eq!(expanded(b"~ada/x"), Ok(FsOp::RealPath(b"/h/x".into())));
    assert_eq!(expanded(b"../x"), Ok(FsOp::RealPath(b"/h/../x".into())));
    assert_eq!(expanded(b"~bob/x"), Err(Refusal::Missing));
}

#[test]
fn check_file_settles_on_an_algorithm() {
    let check = Check { kind: DigestKind::Sha1, start: 1, length: 2, block_bytes: 256 };
    let planned = |algorithms| planned(&check_file(algorithms), &at_home());
    assert_eq!(planned(b"md6,sha1,md5"), Ok(FsOp::CheckFile(b"/h/f".into(), check)));
    assert!(matches!(planned(b"md6"), Err(Refusal::Failed(_))));
}

#[test]
fn what_works_on_a_handle_or_is_not_served_is_not_planned() {
    for request in [
        Request::Close { id: 1, handle: b"h" },
        Request::Fstat { id: 1, handle: b"h" },
        Request::Fsetstat { id: 1, handle: b"h", attrs: ATTRS },
        Request::Limits { id: 1 },
        Request::ExtendedUnknown { id: 1, name: b"x" },
        Request::Unknown { id: 1, kind: 99 },
    ] {
        assert_eq!(plan(&request, &at_home(), &facts()), None);
    }
}
