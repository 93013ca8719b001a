use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use super::*;

/// Ids that no passwd database of a test machine has.
const ANN: u32 = 20_001;
const BOB: u32 = 20_002;
const TEAM: u32 = 20_100;

fn identity(uid: u32, groups: &[u32]) -> Arc<Identity> {
    Identity::new(uid, uid, groups.to_vec()).unwrap()
}

/// A line of this thread's status, as the kernel tells it.
fn status(name: &str) -> Vec<String> {
    let text = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.split_whitespace().map(str::to_owned).collect()
}

/// Real, effective, saved and file system's; of users, then of groups, then the rest.
fn credentials() -> [Vec<String>; 6] {
    ["Uid", "Gid", "Groups", "CapEff", "CapPrm", "CapInh"].map(status)
}

#[test]
fn only_what_files_ask_about_changes_and_all_of_it_comes_back() {
    let before = credentials();
    assert_eq!(before[0], ["0", "0", "0", "0"], "this test needs root");
    {
        let _as_ann = identity(ANN, &[TEAM, ANN]).assume().unwrap();
        let now = credentials();
        assert_eq!(now[0], ["0", "0", "0", "20001"]);
        assert_eq!(now[1], ["0", "0", "0", "20001"]);
        assert_eq!(now[2], ["20001", "20100"]);
        assert_eq!(now[3], ["0000000000000000"], "no capability is in effect");
        assert_eq!(now[4..], before[4..]);
        let elsewhere = std::thread::scope(|scope| {
            // It began with what this thread has now, so it asks for a thread that was there.
            let main = fs::read_to_string(format!("/proc/self/task/{}/status", std::process::id()));
            scope.spawn(move || main.unwrap()).join().unwrap()
        });
        assert!(elsewhere.contains("Uid:\t0\t0\t0\t0\n"), "the other threads are root");
    }
    assert_eq!(credentials(), before);
}

#[test]
fn assuming_again_changes_nothing_and_the_last_one_gives_back() {
    let before = credentials();
    let ann = identity(ANN, &[]);
    let outer = ann.assume().unwrap();
    let inner = ann.assume().unwrap();
    let equal = identity(ANN, &[]).assume().unwrap();
    assert_eq!(identity(BOB, &[]).assume().unwrap_err(), Errno::BUSY);
    assert_eq!(identity(ANN, &[TEAM]).assume().unwrap_err(), Errno::BUSY);
    drop(outer);
    assert_eq!(status("Uid")[3], "20001", "others still count on it");
    drop(inner);
    assert!(is_assumed());
    drop(equal);
    assert!(!is_assumed());
    assert_eq!(credentials(), before);
    let _as_bob = identity(BOB, &[]).assume().unwrap();
    assert_eq!(status("Uid")[3], "20002");
}

#[test]
fn a_panic_gives_back() {
    let before = credentials();
    let ended = std::panic::catch_unwind(|| {
        let _as_ann = identity(ANN, &[]).assume().unwrap();
        panic!("on purpose");
    });
    assert!(ended.is_err());
    assert_eq!(credentials(), before);
}

#[test]
fn what_cannot_be_assumed_leaves_the_thread_as_it_was() {
    let before = credentials();
    let too_many = identity(ANN, &vec![TEAM; 65_537]);
    assert_eq!(too_many.assume().unwrap_err(), Errno::INVAL);
    assert_eq!(credentials(), before);
    // Without its capabilities root is nobody who may change.
    let own = capabilities(None).unwrap();
    set_capabilities(None, CapabilitySets { effective: CapabilitySet::empty(), ..own }).unwrap();
    assert_eq!(identity(ANN, &[]).assume().unwrap_err(), Errno::PERM);
    // With half of what it takes: groups and fsgid change, fsuid does not, and they come back.
    let half = CapabilitySet::SETGID;
    set_capabilities(None, CapabilitySets { effective: half, ..own }).unwrap();
    let groups = status("Groups");
    assert_eq!(identity(ANN, &[TEAM]).assume().unwrap_err(), Errno::PERM);
    assert_eq!((status("Groups"), status("Gid")[3].as_str()), (groups, "0"));
    assert_eq!(capabilities(None).unwrap().effective, half, "no more than there was");
    set_capabilities(None, own).unwrap();
    assert_eq!(credentials(), before);
}

#[test]
fn neither_root_nor_no_id_is_assumed() {
    assert!(Identity::new(0, 100, vec![]).is_none());
    assert!(Identity::new(u32::MAX, 100, vec![]).is_none());
    assert!(Identity::new(100, u32::MAX, vec![]).is_none());
    assert!(Identity::new(100, 100, vec![u32::MAX]).is_none());
    let ann = Identity::new(ANN, TEAM, vec![7]).unwrap();
    assert_eq!((ann.uid(), ann.gid(), ann.groups()), (ANN, TEAM, &[7][..]));
}

#[test]
fn the_kernel_asks_the_user_and_not_root() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let secret = folder.path().join("bobs");
    fs::write(&secret, "secret").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    chown(&secret, Some(BOB), Some(BOB)).unwrap();
    let teams = folder.path().join("teams");
    fs::write(&teams, "shared").unwrap();
    fs::set_permissions(&teams, fs::Permissions::from_mode(0o640)).unwrap();
    chown(&teams, Some(BOB), Some(TEAM)).unwrap();
    let denied = |answer: std::io::Result<()>| {
        assert_eq!(answer.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
    };
    {
        let _as_ann = identity(ANN, &[TEAM]).assume().unwrap();
        denied(fs::read(&secret).map(drop));
        denied(fs::write(&secret, "x"));
        denied(fs::set_permissions(&secret, fs::Permissions::from_mode(0o666)));
        denied(chown(&secret, Some(ANN), None));
        assert_eq!(fs::read(&teams).unwrap(), b"shared", "by a supplementary group");
        denied(fs::write(&teams, "x"));
        fs::write(folder.path().join("anns"), "own").unwrap();
        denied(chown(folder.path().join("anns"), Some(BOB), None));
        denied(fs::File::open("/proc/1/mem").map(drop));
    }
    let made = fs::metadata(folder.path().join("anns")).unwrap();
    assert_eq!((made.uid(), made.gid()), (ANN, ANN));
    {
        let _as_bob = identity(BOB, &[]).assume().unwrap();
        assert_eq!(fs::read(&secret).unwrap(), b"secret");
    }
    assert_eq!(fs::read(&secret).unwrap(), b"secret", "root again");
}
