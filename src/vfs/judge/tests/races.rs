//! Ways round a rule: moving things to where more is permitted, and changing them between judging
//! and doing.

use proptest::prelude::*;

use super::*;

const PATH: &[u8] = b"/x";
const RENAME: Request<'static> = Request::Rename { id: 1, old: PATH, new: PATH };
const OVER: Request<'static> = Request::PosixRename { id: 1, old: PATH, new: PATH };
const LINK: Request<'static> = Request::Hardlink { id: 1, old: PATH, new: PATH };

#[test]
fn a_new_name_permits_no_more_than_the_old_one() {
    let less = !Grants::DELETE;
    let up = access(less, Grants::ALL);
    let down = access(Grants::ALL, less);
    let targets = [at(OLD, Some(Kind::File)), at(NEW, None)];
    for request in [RENAME, OVER, LINK] {
        let refusal = judged(&up, &request, &targets).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "Permission denied: the new folder permits more than the old one"
        );
        assert_eq!(judged(&down, &request, &targets), Ok(()), "{request:?}");
    }
}

#[test]
fn a_directory_takes_its_held_back_names_along() {
    let access = patterned(&[], &["*.exe"], &[".*"]);
    let out = [at("/old/d", Some(Kind::Directory)), at("/elsewhere", None)];
    let within = [at("/old/d", Some(Kind::Directory)), at("/old/e/d", None)];
    let into = [at("/elsewhere", Some(Kind::Directory)), at("/old/d", None)];
    for request in [RENAME, OVER] {
        assert!(matches!(judged(&access, &request, &out), Err(Refusal::Denied(_))));
        assert_eq!(judged(&access, &request, &within), Ok(()));
        assert_eq!(judged(&access, &request, &into), Ok(()));
    }
}

#[test]
fn folders_that_rules_or_mounts_name_stay_in_place() {
    let access = Access::new(vec![rule("/", Grants::ALL), rule("/a/b", Grants::ALL)]).unwrap();
    let folder = Some(Kind::Directory);
    let rmdir = Request::Rmdir { id: 1, path: PATH };
    let remove = Request::Remove { id: 1, path: PATH };
    let free = at("/c", folder);
    let mounted = Target { fixed: true, ..free };
    for kept in [at("/a", folder), at("/a/b", folder), at("/", folder), mounted] {
        for (request, targets) in [
            (rmdir, vec![kept]),
            (remove, vec![kept]),
            (RENAME, vec![kept, at("/d", None)]),
            (OVER, vec![free, kept]),
            (RENAME, vec![free, Target { kind: None, ..kept }]),
            (LINK, vec![free, Target { kind: None, ..kept }]),
        ] {
            let answer = judged(&access, &request, &targets);
            assert_eq!(answer, Err(BUSY), "{request:?} {targets:?}");
        }
    }
    // Not by the letters of their names.
    for moved in ["/ab", "/a/bc", "/a/b/c", "/b"] {
        assert_eq!(judged(&access, &rmdir, &[at(moved, folder)]), Ok(()), "{moved}");
        assert_eq!(judged(&access, &RENAME, &[at(moved, folder), at("/d", None)]), Ok(()));
    }
}

#[test]
fn a_rename_over_nothing_replaces_nothing_without_the_grant() {
    let narrowed = |grants: Grants| {
        let access = access(grants, grants);
        let mut op = planned(&access, &OVER);
        access.judge(&mut op, &[at(OLD, Some(Kind::File)), at(NEW, None)]).unwrap();
        matches!(op, FsOp::Rename { over: false, .. })
    };
    assert!(narrowed(!Grants::OVERWRITE));
    assert!(!narrowed(Grants::ALL));
}

#[test]
fn an_ignored_change_is_no_look_at_what_may_not_be_seen() {
    let mut access = access(Grants::NONE, Grants::ALL);
    let times = Attrs { times: Some((1, 2)), ..attrs() };
    let request = |attrs| Request::Setstat { id: 1, path: OLD.as_bytes(), attrs };
    let file = [at(OLD, Some(Kind::File))];
    assert!(judged(&access, &request(attrs()), &file).is_err());
    assert!(judged(&access, &request(times), &file).is_err());
    access.setstat_ignored.times = true;
    assert_eq!(judged(&access, &request(times), &file), Ok(()));
    let both = Attrs { permissions: Some(0o600), ..times };
    assert!(judged(&access, &request(both), &file).is_err());
}

fn kinds() -> impl Strategy<Value = Option<Kind>> {
    prop_oneof![Just(None), Just(Some(Kind::File)), Just(Some(Kind::Special))]
}

fn grants() -> impl Strategy<Value = Grants> {
    let names = Grants::ALL.names().collect::<Vec<_>>();
    proptest::sample::subsequence(names, 0..=12).prop_map(|names| {
        let one = |name: &str| Grants::from_name(name).unwrap();
        names.into_iter().fold(Grants::NONE, |sum, name| sum | one(name))
    })
}

/// What an open really does, by what is there when it is done. Flags as open(2) takes them.
#[derive(Debug, PartialEq)]
enum Done {
    Fails,
    Makes,
    Touches,
}

fn done(how: &OpenFor, there: bool) -> Done {
    match there {
        true if how.create && how.exclusive => Done::Fails,
        true => Done::Touches,
        false if how.create => Done::Makes,
        false => Done::Fails,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Whatever was there when an open was judged, and whatever is when it is done: it makes
    /// nothing without upload, changes nothing without overwrite, reads nothing without download.
    #[test]
    fn an_open_does_no_more_than_is_granted(
        bits in 0_u32..64,
        seen in kinds(),
        there: bool,
        granted in grants(),
    ) {
        let access = access(granted, Grants::ALL);
        let request = open(OLD.as_bytes(), bits);
        let Some(Ok(mut op)) = plan(&request, &access, &SessionFacts::default()) else {
            return Ok(());
        };
        if access.judge(&mut op, &[at(OLD, seen)]).is_err() {
            return Ok(());
        }
        let FsOp::Open(_, how) = op else { panic!("an open stays one") };
        prop_assert!(!how.read || granted.contains(Grants::DOWNLOAD));
        match done(&how, there) {
            Done::Makes => prop_assert!(granted.contains(Grants::UPLOAD)),
            Done::Touches if how.write || how.truncate => {
                prop_assert!(granted.contains(Grants::OVERWRITE));
            }
            Done::Touches | Done::Fails => {}
        }
    }
}
