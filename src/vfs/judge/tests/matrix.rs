//! Every request and extension that takes a path, against every grant withheld.

use super::*;

/// A request on [`OLD`] and [`NEW`], what it finds there, and what it takes.
struct Case {
    request: Request<'static>,
    kinds: [Option<Kind>; 2],
    old: Grants,
    new: Grants,
    /// The new name must not permit more than the old one.
    carries: bool,
}

fn one(request: Request<'static>, kind: Option<Kind>, needs: Grants) -> Case {
    Case { request, kinds: [kind, None], old: needs, new: Grants::NONE, carries: false }
}

fn two(request: Request<'static>, new_kind: Option<Kind>, old: Grants, new: Grants) -> Case {
    Case { request, kinds: [Some(Kind::File), new_kind], old, new, carries: true }
}

const FILE: Option<Kind> = Some(Kind::File);
const FOLDER: Option<Kind> = Some(Kind::Directory);
const LINK: Option<Kind> = Some(Kind::Link);

fn opens() -> Vec<Case> {
    let (read, write, append, create, truncate, exclusive) = (1, 2, 4, 8, 0x10, 0x20);
    let both = Grants::DOWNLOAD | Grants::OVERWRITE;
    let get_or_make = Grants::DOWNLOAD | Grants::UPLOAD;
    [
        (read, FILE, Grants::DOWNLOAD),
        (read, None, Grants::DOWNLOAD),
        (write, FILE, Grants::OVERWRITE),
        (append, FILE, Grants::OVERWRITE),
        (append | create, None, Grants::UPLOAD),
        (write | create | truncate, None, Grants::UPLOAD),
        (write | create | truncate, FILE, Grants::OVERWRITE),
        (write | create | exclusive, None, Grants::UPLOAD),
        (write | create | exclusive, FILE, Grants::UPLOAD),
        (read | write, FILE, both),
        (read | truncate, FILE, both),
        (read | create, FILE, both),
        (read | create, None, get_or_make),
        (read | write | create, None, get_or_make),
    ]
    .map(|(bits, kind, needs)| one(super::open(OLD.as_bytes(), bits), kind, needs))
    .into()
}

fn changes() -> Vec<Case> {
    let size = Attrs { size: Some(1), ..attrs() };
    let mode = Attrs { permissions: Some(0o600), ..attrs() };
    let owner = Attrs { owner: Some((1, 1)), ..attrs() };
    let times = Attrs { times: Some((1, 1)), ..attrs() };
    let all = Attrs { size: size.size, permissions: mode.permissions, owner: owner.owner, ..times };
    let beside_size = Grants::CHMOD | Grants::CHOWN | Grants::UTIME;
    let set = |attrs| Request::Setstat { id: 1, path: OLD.as_bytes(), attrs };
    let lset = |attrs| Request::Lsetstat { id: 1, path: OLD.as_bytes(), attrs };
    vec![
        one(set(attrs()), FILE, Grants::LIST),
        one(set(size), FILE, Grants::OVERWRITE),
        one(set(mode), FILE, Grants::CHMOD),
        one(set(owner), FOLDER, Grants::CHOWN),
        one(set(times), FILE, Grants::UTIME),
        one(set(all), FILE, beside_size | Grants::OVERWRITE),
        one(lset(attrs()), LINK, Grants::LIST),
        one(lset(mode), LINK, Grants::CHMOD),
        one(lset(Attrs { size: None, ..all }), LINK, beside_size),
    ]
}

fn on_one_path() -> Vec<Case> {
    let path = OLD.as_bytes();
    let algorithms = b"md5";
    let check =
        Request::CheckFileName { id: 1, path, algorithms, start: 0, length: 0, block_bytes: 0 };
    vec![
        one(Request::Opendir { id: 1, path }, FOLDER, Grants::LIST),
        one(Request::Stat { id: 1, path }, FILE, Grants::LIST),
        one(Request::Stat { id: 1, path }, None, Grants::LIST),
        one(Request::Stat { id: 1, path }, FOLDER, Grants::LIST),
        one(Request::Lstat { id: 1, path }, LINK, Grants::LIST),
        one(Request::Readlink { id: 1, path }, LINK, Grants::LIST),
        one(Request::Statvfs { id: 1, path }, FILE, Grants::LIST),
        one(Request::SpaceAvailable { id: 1, path }, FILE, Grants::LIST),
        one(Request::Realpath { id: 1, path }, FILE, Grants::NONE),
        one(Request::ExpandPath { id: 1, path }, FILE, Grants::NONE),
        one(Request::HomeDirectory { id: 1, user: b"" }, None, Grants::NONE),
        one(check, FILE, Grants::DOWNLOAD),
        one(Request::Remove { id: 1, path }, FILE, Grants::DELETE),
        one(Request::Remove { id: 1, path }, None, Grants::DELETE),
        one(Request::Mkdir { id: 1, path, attrs: attrs() }, None, Grants::MKDIR),
        one(Request::Rmdir { id: 1, path }, FOLDER, Grants::RMDIR),
        one(Request::Symlink { id: 1, first: b"x", second: path }, None, Grants::SYMLINK),
    ]
}

fn on_two_paths() -> Vec<Case> {
    let (old, new) = (OLD.as_bytes(), NEW.as_bytes());
    let rename = Request::Rename { id: 1, old, new };
    let over = Request::PosixRename { id: 1, old, new };
    let link = Request::Hardlink { id: 1, old, new };
    let copied = |overwrite, kind, needs| Case {
        carries: false,
        ..two(
            Request::CopyFile { id: 1, source: old, target: new, overwrite },
            kind,
            Grants::DOWNLOAD,
            needs,
        )
    };
    vec![
        two(rename, None, Grants::RENAME, Grants::RENAME),
        two(rename, FILE, Grants::RENAME, Grants::RENAME),
        two(over, None, Grants::RENAME, Grants::RENAME),
        two(over, FILE, Grants::RENAME, Grants::RENAME | Grants::OVERWRITE),
        two(link, None, Grants::DOWNLOAD, Grants::SYMLINK),
        copied(false, None, Grants::UPLOAD),
        copied(false, FILE, Grants::UPLOAD),
        copied(true, None, Grants::UPLOAD),
        copied(true, FILE, Grants::OVERWRITE),
    ]
}

fn cases() -> Vec<Case> {
    [opens(), changes(), on_one_path(), on_two_paths()].into_iter().flatten().collect()
}

fn outcome(access: &Access, case: &Case) -> Result<(), Refusal> {
    let [old, new] = case.kinds;
    judged(access, &case.request, &[at(OLD, old), at(NEW, new)])
}

fn singles() -> impl Iterator<Item = Grants> {
    Grants::ALL.names().map(|name| Grants::from_name(name).unwrap())
}

#[test]
fn with_everything_granted_everything_is_permitted() {
    for case in cases() {
        assert_eq!(outcome(&Access::unrestricted(), &case), Ok(()), "{:?}", case.request);
        assert_eq!(outcome(&access(Grants::ALL, Grants::ALL), &case), Ok(()));
    }
}

#[test]
fn each_grant_withheld_refuses_what_takes_it_and_nothing_else() {
    for case in cases() {
        for grant in singles() {
            let rest = !grant;
            // Withheld in both folders: so the new one permits no more than the old.
            let both = outcome(&access(rest, rest), &case);
            let taken = case.old.contains(grant) || case.new.contains(grant);
            assert_eq!(both.is_err(), taken, "{:?} without {grant}: {both:?}", case.request);
            let new = outcome(&access(Grants::ALL, rest), &case);
            assert_eq!(new.is_err(), case.new.contains(grant), "{:?} {grant}", case.request);
            let old = outcome(&access(rest, Grants::ALL), &case);
            let refused = case.old.contains(grant) || case.carries;
            assert_eq!(old.is_err(), refused, "{:?} {grant}: {old:?}", case.request);
            for refusal in [both, new, old].into_iter().filter_map(Result::err) {
                assert!(matches!(refusal, Refusal::Denied(_)), "{refusal:?}");
            }
        }
    }
}

#[test]
fn what_it_takes_is_enough() {
    for case in cases() {
        let old = if case.carries { case.old | case.new } else { case.old };
        assert_eq!(outcome(&access(old, case.new), &case), Ok(()), "{:?}", case.request);
    }
}

#[test]
fn read_only_refuses_whatever_writes_whatever_is_granted() {
    let all = Access::unrestricted();
    let read_only = Access { read_only: true, ..Access::unrestricted() };
    for case in cases() {
        let mut op = planned(&all, &case.request);
        let [old, new] = case.kinds;
        let judged = read_only.judge(&mut op, &[at(OLD, old), at(NEW, new)]);
        let looks = (case.old | case.new).without(Grants::READ).is_empty();
        assert_eq!(judged.is_ok(), looks, "{:?} {judged:?}", case.request);
    }
}

#[test]
fn the_matrix_leaves_no_request_out() {
    let on_handles = "close read write fstat fsetstat readdir fstatvfs fsync limits copy-data \
                      users-groups-by-id check-file-handle ranges";
    let cases = cases();
    let mut seen: Vec<&str> =
        cases.iter().filter_map(|case| filter::short_name(&case.request)).collect();
    seen.extend(on_handles.split_whitespace());
    seen.sort_unstable();
    seen.dedup();
    let mut all: Vec<&str> = crate::vfs::RequestFilter::names().collect();
    all.sort_unstable();
    assert_eq!(seen, all);
}

#[test]
fn changes_by_handle_take_the_grants_it_keeps() {
    let access = Access::unrestricted();
    let size = Change { size: Some(1), ..Change::default() };
    let mode = Change { mode: Some(0o600), ..Change::default() };
    let owner = Change { owner: Some((1, 1)), ..Change::default() };
    let times = Change { times: Some((1, 1)), ..Change::default() };
    let judge = |held, writing, change: &Change| access.judge_change(held, writing, change).is_ok();
    let singly = [
        (size, Grants::OVERWRITE),
        (mode, Grants::CHMOD),
        (owner, Grants::CHOWN),
        (times, Grants::UTIME),
    ];
    for (change, needs) in singly {
        assert!(judge(needs, false, &change) && !judge(!needs, false, &change), "{change:?}");
    }
    for held in [Grants::UPLOAD, Grants::OVERWRITE] {
        assert!(judge(held, true, &size), "{held}");
    }
    assert!(!judge(!(Grants::UPLOAD | Grants::OVERWRITE), true, &size));
    assert!(!judge(Grants::UPLOAD, true, &Change { mode: Some(0o600), ..size }), "all or nothing");
    assert!(judge(Grants::NONE, false, &Change::default()));
    let read_only = Access { read_only: true, ..Access::unrestricted() };
    for (change, _) in singly {
        assert!(read_only.judge_change(Grants::ALL, true, &change).is_err());
    }
    assert!(access.judge_reading(Grants::DOWNLOAD).is_ok());
    assert!(access.judge_reading(!Grants::DOWNLOAD).is_err());
}
