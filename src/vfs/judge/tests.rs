//! Who may do what where: the permission matrix, and the ways round that are none.

use ringferry_sftp::{Attrs, OpenFlags, Request};

use super::*;
use crate::vfs::{Change, NamePatterns, Rule, SessionFacts, filter, plan};

mod matrix;
mod races;

const OLD: &str = "/old/f";
const NEW: &str = "/new/g";

pub(super) fn attrs() -> Attrs {
    Attrs { size: None, owner: None, permissions: None, times: None }
}

fn rule(path: &str, grants: Grants) -> Rule {
    Rule { path: path.into(), grants, names: NamePatterns::default() }
}

/// Everything but what the folders `/old` and `/new` withhold.
fn access(old: Grants, new: Grants) -> Access {
    Access::new(vec![rule("/", Grants::ALL), rule("/old", old), rule("/new", new)]).unwrap()
}

fn at(path: &str, kind: Option<Kind>) -> Target<'_> {
    Target { path: path.as_bytes(), kind, fixed: false }
}

fn planned<'a>(access: &Access, request: &Request<'a>) -> FsOp<'a> {
    plan(request, access, &SessionFacts::default()).expect("it names a path").unwrap()
}

fn judged(access: &Access, request: &Request<'_>, targets: &[Target<'_>]) -> Result<(), Refusal> {
    access.judge(&mut planned(access, request), targets).map(|_| ())
}

fn open(path: &[u8], bits: u32) -> Request<'_> {
    Request::Open { id: 1, path, flags: OpenFlags::from_bits(bits), attrs: attrs() }
}

fn patterned(allowed: &[&str], denied: &[&str], hidden: &[&str]) -> Access {
    let names = NamePatterns::new(allowed, denied, hidden).unwrap();
    let strict = Rule { path: b"/old".to_vec(), grants: Grants::ALL, names };
    Access::new(vec![rule("/", Grants::ALL), strict]).unwrap()
}

#[test]
fn nothing_is_judged_unseen() {
    let all = Access::unrestricted();
    let rename = Request::Rename { id: 1, old: b"/a", new: b"/b" };
    assert!(judged(&all, &Request::Stat { id: 1, path: b"/a" }, &[]).is_err());
    assert!(judged(&all, &rename, &[at("/a", Some(Kind::File))]).is_err());
    assert!(judged(&all, &rename, &[at("/a", Some(Kind::File)), at("/b", None)]).is_ok());
}

#[test]
fn the_grants_for_a_handle_are_those_of_the_files_folder() {
    let access = access(Grants::READ, Grants::ALL);
    let mut op = planned(&access, &open(b"/old/f", 1));
    assert_eq!(access.judge(&mut op, &[at(OLD, Some(Kind::File))]), Ok(Grants::READ));
    // Where the path led counts, not what it was called.
    assert_eq!(access.judge(&mut op, &[at(NEW, Some(Kind::File))]), Ok(Grants::ALL));
    assert_eq!(access.judge(&mut op, &[at("/old", Some(Kind::Directory))]), Ok(Grants::ALL));
}

#[test]
fn a_refusal_names_what_is_withheld() {
    let access = access(Grants::LIST, Grants::ALL);
    let change = Attrs { permissions: Some(0o600), times: Some((1, 2)), ..attrs() };
    let request = Request::Setstat { id: 1, path: OLD.as_bytes(), attrs: change };
    let refusal = judged(&access, &request, &[at(OLD, Some(Kind::File))]).unwrap_err();
    assert_eq!(refusal.to_string(), "Permission denied: this folder does not permit chmod, utime");
}

#[test]
fn the_top_can_always_be_looked_at_and_a_listed_folder_shows_itself() {
    let access = Access::new(vec![rule("/in", Grants::LIST)]).unwrap();
    let stat = Request::Stat { id: 1, path: b"/x" };
    let look = |path, kind| judged(&access, &stat, &[at(path, Some(kind))]);
    assert_eq!(look("/", Kind::Directory), Ok(()));
    assert_eq!(look("/in", Kind::Directory), Ok(()));
    assert_eq!(look("/in/f", Kind::File), Ok(()));
    assert!(look("/f", Kind::File).is_err());
    assert!(look("/in", Kind::File).is_err(), "a file holds no listing");
    let opendir = Request::Opendir { id: 1, path: b"/x" };
    let list = |path| judged(&access, &opendir, &[at(path, Some(Kind::Directory))]);
    assert_eq!(list("/in"), Ok(()));
    assert!(list("/").is_err());
}

#[test]
fn hidden_names_are_not_there() {
    let access = patterned(&[], &[], &["*.key"]);
    let path = b"/x";
    let stat = Request::Stat { id: 1, path };
    for hidden in ["/old/a.key", "/old/b/a.key", "/old/a.key/f"] {
        for request in [
            stat,
            Request::Lstat { id: 1, path },
            Request::Realpath { id: 1, path },
            Request::Opendir { id: 1, path },
            Request::Remove { id: 1, path },
            Request::Setstat { id: 1, path, attrs: attrs() },
            open(path, 1),
        ] {
            let answer = judged(&access, &request, &[at(hidden, Some(Kind::File))]);
            assert_eq!(answer, Err(Refusal::Missing), "{request:?} {hidden}");
        }
    }
    assert_eq!(judged(&access, &stat, &[at("/new/a.key", Some(Kind::File))]), Ok(()));
    assert!(!access.lists(b"/old", b"a.key") && !access.lists(b"/old/b", b"a.key"));
    assert!(access.lists(b"/old", b"a") && access.lists(b"/", b"a.key"));
    let dots = patterned(&[], &[], &[".*"]);
    assert!(dots.lists(b"/old", b".") && dots.lists(b"/old", b"..") && !dots.lists(b"/old", b".x"));
}

#[test]
fn making_a_hidden_name_tells_not_whether_it_is_there() {
    let access = patterned(&[], &[], &["*.key"]);
    let path = b"/x";
    let file = at("/old/f", Some(Kind::File));
    for kind in [None, Some(Kind::File)] {
        let hidden = at("/old/a.key", kind);
        let below = at("/old/a.key/f", kind);
        for (request, targets, lost) in [
            (open(path, 2 | 8), vec![hidden], vec![below]),
            (Request::Mkdir { id: 1, path, attrs: attrs() }, vec![hidden], vec![below]),
            (Request::Symlink { id: 1, first: b"x", second: path }, vec![hidden], vec![below]),
            (
                Request::Rename { id: 1, old: path, new: path },
                vec![file, hidden],
                vec![file, below],
            ),
            (
                Request::Hardlink { id: 1, old: path, new: path },
                vec![file, hidden],
                vec![file, below],
            ),
        ] {
            let answer = judged(&access, &request, &targets);
            assert!(matches!(answer, Err(Refusal::Denied(_))), "{request:?} {answer:?}");
            assert_eq!(judged(&access, &request, &lost), Err(Refusal::Missing), "{request:?}");
        }
    }
}

#[test]
fn denied_names_are_seen_and_not_touched() {
    let access = patterned(&[], &["*.exe"], &[]);
    let path = b"/x";
    let denied = [at("/old/a.exe", Some(Kind::File))];
    let below = [at("/old/a.exe/f", Some(Kind::File))];
    for request in [Request::Stat { id: 1, path }, Request::Lstat { id: 1, path }] {
        assert_eq!(judged(&access, &request, &denied), Ok(()));
        assert!(judged(&access, &request, &below).is_err());
    }
    assert!(access.lists(b"/old", b"a.exe"));
    for request in [
        open(path, 1),
        open(path, 2 | 8),
        Request::Opendir { id: 1, path },
        Request::Readlink { id: 1, path },
        Request::Statvfs { id: 1, path },
        Request::Remove { id: 1, path },
        Request::Mkdir { id: 1, path, attrs: attrs() },
        Request::Rmdir { id: 1, path },
        Request::Setstat { id: 1, path, attrs: Attrs { times: Some((1, 2)), ..attrs() } },
        Request::Symlink { id: 1, first: b"x", second: path },
    ] {
        for targets in [&denied, &below] {
            let answer = judged(&access, &request, targets);
            assert!(matches!(answer, Err(Refusal::Denied(_))), "{request:?}");
        }
    }
}

#[test]
fn allowed_names_bind_all_but_directories() {
    let access = patterned(&["*.csv"], &[], &[]);
    let path = b"/x";
    let make = open(path, 2 | 8);
    assert_eq!(judged(&access, &make, &[at("/old/a.csv", None)]), Ok(()));
    assert!(judged(&access, &make, &[at("/old/a.txt", None)]).is_err());
    assert_eq!(judged(&access, &make, &[at("/old/d.txt/a.csv", None)]), Ok(()));
    let mkdir = Request::Mkdir { id: 1, path, attrs: attrs() };
    assert_eq!(judged(&access, &mkdir, &[at("/old/d.txt", None)]), Ok(()));
    let link = Request::Symlink { id: 1, first: b"x", second: path };
    assert!(judged(&access, &link, &[at("/old/a.txt", None)]).is_err());
    let rename = |kind, new| {
        let request = Request::Rename { id: 1, old: path, new: path };
        let old = if kind == Kind::Directory { "/old/d" } else { "/old/a.csv" };
        judged(&access, &request, &[at(old, Some(kind)), at(new, None)])
    };
    assert_eq!(rename(Kind::File, "/old/b.csv"), Ok(()));
    assert!(rename(Kind::File, "/old/b.txt").is_err());
    assert_eq!(rename(Kind::Directory, "/old/e"), Ok(()));
}
