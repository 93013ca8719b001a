use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::sync::Arc;

use jiff::tz::TimeZone;
use tempfile::TempDir;

use super::*;
use crate::reactor::Identity;

const ANN: u32 = 20_001;
const BOB: u32 = 20_002;

/// A home with keys in it, below a folder that everybody may pass through and write.
struct Home {
    base: TempDir,
    user: SystemUser,
}

fn own(path: &Path, uid: u32, mode: u32) {
    chown(path, Some(uid), Some(uid)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

impl Home {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        own(base.path(), 0, 0o777);
        let home = base.path().join("ann");
        fs::create_dir_all(home.join(".ssh")).unwrap();
        fs::write(home.join(".ssh/authorized_keys"), DUMMY).unwrap();
        own(&home, ANN, 0o700);
        own(&home.join(".ssh"), ANN, 0o700);
        own(&home.join(".ssh/authorized_keys"), ANN, 0o600);
        let identity = Identity::new(ANN, ANN, vec![]).unwrap();
        Home { base, user: SystemUser { name: "ann".to_owned(), identity, home } }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.user.home.join(path)
    }

    fn keys(&self) -> PathBuf {
        self.path(".ssh/authorized_keys")
    }

    /// How many keys there are, and what was passed over.
    fn read(&self, template: &str) -> (usize, String) {
        let rules = KeyRules { rsa_bits_min: 3072, zone: TimeZone::UTC };
        let found = super::read(&[template.to_owned()], &self.user, &rules);
        (found.keys.len(), found.passed_over.join("; "))
    }

    fn passed_over(&self, why: &str) {
        let (keys, told) = self.read(".ssh/authorized_keys");
        assert_eq!(keys, 0, "{told}");
        assert!(told.contains(why), "{told:?} does not say {why:?}");
    }
}

#[test]
fn keys_are_read_where_the_template_says() {
    let home = Home::new();
    for template in
        [".ssh/authorized_keys", "%h/.ssh/authorized_keys", "../%u/.ssh/authorized_keys"]
    {
        assert_eq!(home.read(template), (1, String::new()), "{template}");
    }
    fs::copy(home.keys(), home.path("20001%")).unwrap();
    own(&home.path("20001%"), ANN, 0o644);
    assert_eq!(home.read("%U%%"), (1, String::new()));
    assert_eq!(home.read("none"), (0, String::new()), "a file that is missing is no news");
    fs::write(home.keys(), [DUMMY, b"what is this\n"].concat()).unwrap();
    let (keys, told) = home.read(".ssh/authorized_keys");
    assert_eq!(keys, 1);
    assert!(told.contains("authorized_keys:2: line ignored"), "{told}");
}

#[test]
fn a_file_that_others_could_have_written_is_passed_over() {
    for mode in [0o620, 0o602, 0o666] {
        let home = Home::new();
        own(&home.keys(), ANN, mode);
        home.passed_over("others may write it");
    }
    let home = Home::new();
    own(&home.keys(), BOB, 0o644);
    home.passed_over("belongs to somebody else (uid 20002)");
    own(&home.keys(), 0, 0o644);
    assert_eq!(home.read(".ssh/authorized_keys").0, 1, "root may write it anyway");
    own(&home.keys(), 0, 0o600);
    home.passed_over("ermission denied");
}

#[test]
fn so_is_one_in_a_folder_that_others_may_write() {
    for folder in [".ssh", ""] {
        for (uid, mode) in [(ANN, 0o770), (ANN, 0o707), (BOB, 0o755)] {
            let home = Home::new();
            own(&home.path(folder), uid, mode);
            home.passed_over("above it");
        }
    }
}

#[test]
fn links_are_followed_as_the_user_and_judged_where_they_lead() {
    let home = Home::new();
    fs::rename(home.keys(), home.path("dotfiles")).unwrap();
    symlink("../dotfiles", home.keys()).unwrap();
    assert_eq!(home.read(".ssh/authorized_keys"), (1, String::new()));
    // Somebody else's, in a folder everybody may write.
    let others = home.base.path().join("keys");
    fs::write(&others, DUMMY).unwrap();
    fs::remove_file(home.keys()).unwrap();
    symlink(&others, home.keys()).unwrap();
    own(&others, ANN, 0o600);
    home.passed_over("above it");
    // Root reads everything; the user does not.
    let hidden = home.base.path().join("hidden");
    fs::create_dir(&hidden).unwrap();
    own(&hidden, BOB, 0o700);
    fs::rename(&others, hidden.join("keys")).unwrap();
    fs::remove_file(home.keys()).unwrap();
    symlink(hidden.join("keys"), home.keys()).unwrap();
    home.passed_over("ermission denied");
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let home = Home::new();
    fs::remove_file(home.keys()).unwrap();
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, home.keys(), kind, 0o600.into(), 0).unwrap();
    own(&home.keys(), ANN, 0o600);
    home.passed_over("not a regular file");
    fs::remove_file(home.keys()).unwrap();
    fs::create_dir(home.keys()).unwrap();
    own(&home.keys(), ANN, 0o700);
    home.passed_over("not a regular file");
}

#[test]
fn a_user_who_is_not_there_has_no_keys() {
    let home = Home::new();
    let nobody = SystemUser::nobody();
    let rules = KeyRules { rsa_bits_min: 3072, zone: TimeZone::UTC };
    let found = super::read(&[".ssh/authorized_keys".to_owned()], &nobody, &rules);
    assert!(found.keys.is_empty() && found.passed_over.is_empty());
    // And nobody reads what is not his, wherever his home were.
    let guest = SystemUser { identity: Arc::clone(&nobody.identity), ..home.user };
    let found = super::read(&[".ssh/authorized_keys".to_owned()], &guest, &rules);
    assert!(found.keys.is_empty());
}

#[test]
fn templates_are_checked() {
    for fine in ["a", "%h/%u-%U%%", "/etc/keys/%u"] {
        assert_eq!(check_template(fine), Ok(()), "{fine}");
    }
    for wrong in ["", "%", "%x", "a%", "%k", "a\0"] {
        assert!(check_template(wrong).is_err(), "{wrong:?}");
    }
}
