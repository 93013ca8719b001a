use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use crate::auth::{Attempt, KeyRules, Login, Verdict, judge};
use crate::daemon::config::{Layer, load};
use crate::reactor::fs::Links;
use crate::ssh::{AuthMethod, AuthRequest, AuthVerdict};
use crate::vfs::{FsOp, Kind, Target};

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCy/ one";
const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCx/ two";

/// A users file whose `DIR` is its folder, in which are the folders `a` and `b`.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        let scene = Self { folder };
        let text = text.replace("DIR", scene.folder.path().to_str().unwrap());
        scene.write("users.toml", &text, 0o600);
        scene
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn config(&self, more: &str) -> Config {
        let file = self.folder.path().join("users.toml");
        let text = format!("users_file = '{}'\n{more}", file.display());
        load(&[Layer::File { name: "f", text: &text }]).unwrap()
    }

    fn read(&self) -> Result<Accounts, Failure> {
        several(&self.config(""), 0o22, &LoginRules::default())
    }

    /// Everything that is said about it, without its folder.
    fn said(&self) -> Vec<String> {
        let failure = self.read().err().expect("it was read");
        assert_eq!(failure.exit_code, 2);
        let folder = self.folder.path().to_str().unwrap();
        failure.causes.iter().map(|cause| cause.replace(folder, "DIR")).collect()
    }
}

fn logs_in(accounts: &Accounts, user: &str, line: &str) -> bool {
    let blob = authorized_keys::parse(line.as_bytes(), &KeyRules::default()).keys.remove(0).blob;
    let method =
        AuthMethod::KeyVerified { algorithm: "ssh-ed25519".to_owned(), blob, presence: None };
    let request = AuthRequest { user: user.to_owned(), method };
    let attempt = Attempt { peer: std::net::Ipv4Addr::LOCALHOST.into(), now: 0 };
    judge(&*accounts.authenticator, &request, &Login::default(), &attempt) == Verdict::Accept
}

#[test]
fn each_user_has_his_own_keys_folders_and_rights() {
    let scene = Scene::new(&format!(
        "[users.ann]\nroot = 'DIR/a'\nauthorized_keys = ['{KEY}']\nhome = '/in'\numask = '077'\n\
         file_mode = '0640'\ndirectory_mode = '0750'\nignore_setstat = 'times'\n\
         symlinks = 'refuse'\nquota_bytes = 10\nfree_bytes_min = 5\n\
         [[users.ann.mounts]]\npath = '/in'\nfolder = 'DIR/b'\n\
         [users.bob]\nroot = 'DIR/b'\nauthorized_keys_files = ['DIR/keys']\nread_only = true\n"
    ));
    scene.write("keys", &format!("{OTHER}\ncommand=\"x\" {KEY}\n"), 0o644);
    let accounts = scene.read().unwrap();
    assert!(accounts.password.is_none());
    assert!(logs_in(&accounts, "ann", KEY) && !logs_in(&accounts, "ann", OTHER));
    assert!(logs_in(&accounts, "bob", OTHER) && !logs_in(&accounts, "bob", KEY));
    let [ann, bob] = &accounts.accounts[..] else { panic!("two users") };
    let base = scene.folder.path().canonicalize().unwrap();
    let mounts = [("/".to_owned(), base.join("a")), ("/in".to_owned(), base.join("b"))];
    assert_eq!(ann.mounts, mounts);
    assert_eq!((ann.links, bob.links), (Links::Refuse, Links::Follow));
    assert_eq!((ann.access.home.as_slice(), ann.access.umask), (&b"/in"[..], 0o77));
    assert_eq!((ann.access.file_mode, ann.access.directory_mode), (Some(0o640), Some(0o750)));
    let ignored = SetstatIgnored { times: true, ..SetstatIgnored::default() };
    assert_eq!(ann.access.setstat_ignored, ignored);
    assert_eq!(ann.quota, Quota { bytes: Some(10), files: None });
    assert_eq!((ann.access.free_bytes_min, ann.access.read_only), (5, false));
    assert_eq!((bob.access.umask, bob.access.read_only), (0o22, true));
    assert_eq!(bob.quota, Quota::default());
    let profiles = crate::daemon::accounts::profiles(accounts.accounts, &mut HashMap::new());
    let profiles = profiles.unwrap();
    assert!(profiles.get("ann", &Login::default()).unwrap().access.quota.is_some());
    assert!(profiles.get("bob", &Login::default()).unwrap().access.quota.is_none());
    assert!(profiles.get("eve", &Login::default()).is_none());
}

#[test]
fn a_table_of_a_folder_holds_there_and_nowhere_else() {
    let scene = Scene::new(
        "[users.ann]\nroot = 'DIR/a'\n[[users.ann.folders]]\npath = '/in'\n\
         permissions = ['list', 'upload']\nhidden = ['.*']\n",
    );
    let accounts = scene.read().unwrap();
    let access = &accounts.accounts[0].access;
    let removes = |path: &'static [u8]| {
        let target = Target { path, kind: Some(Kind::File), fixed: false };
        access.judge(&mut FsOp::Remove(path.into()), &[target]).is_ok()
    };
    assert!(removes(b"/other/file") && removes(b"/innocent") && !removes(b"/in/file"));
    assert!(access.lists(b"/", b".x") && !access.lists(b"/in", b".x"));
}

#[test]
fn a_server_that_is_read_only_is_so_for_everybody() {
    let scene = Scene::new("[users.ann]\nroot = 'DIR/a'\n");
    let accounts = several(&scene.config("read_only = true"), 0, &LoginRules::default()).unwrap();
    assert!(accounts.accounts[0].access.read_only);
}

#[test]
fn what_only_the_host_can_tell_names_its_line_too() {
    let scene = Scene::new(&format!(
        "[users.ann]\nroot = 'DIR/none'\nauthorized_keys = [\n  '{KEY}',\n  \
         'ssh-ed25519 AAAA x',\n  'command=\"x\" {KEY}',\n  '# none',\n]\n\
         authorized_keys_files = ['DIR/keys', 'DIR/open']\n\
         [[users.ann.mounts]]\npath = '/in'\nfolder = 'DIR/keys'\n"
    ));
    scene.write("open", KEY, 0o666);
    let said = scene.said();
    let expected = [
        "DIR/users.toml:2: users.ann.root: there is no folder DIR/none; make it: mkdir -p DIR/none",
        "DIR/users.toml:12: users.ann.mounts.folder: there is no folder DIR/keys; make it: ",
        "DIR/users.toml:5: users.ann.authorized_keys: the ssh-ed25519 key does not decode: ",
        "DIR/users.toml:6: users.ann.authorized_keys: the option command is not enforced: ",
        "DIR/users.toml:7: users.ann.authorized_keys: there is no key in the line",
        "DIR/users.toml:9: users.ann.authorized_keys_files: DIR/keys: there is no such file",
        "DIR/users.toml:9: users.ann.authorized_keys_files: DIR/open: others may write it (mode \
         0666)",
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for expected in expected {
        assert!(said.iter().any(|it| it.starts_with(expected)), "{expected}\n{said:#?}");
    }
    scene.write("keys", OTHER, 0o600);
    assert!(scene.said().contains(
        &"DIR/users.toml:12: users.ann.mounts.folder: DIR/keys is not a folder".to_owned()
    ));
}

/// crypt.crypt of "correct horse", as in tests/fixtures/auth.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

#[test]
fn passwords_and_one_time_codes_are_read_and_not_shown() {
    let scene = Scene::new(&format!(
        "[users.ann]\nroot = 'DIR/a'\npassword_hash = '{HASH}'\ntotp_secret = '{SECRET}'\n\
         authentication_methods = 'keyboard-interactive:password+totp'\n\
         [users.bob]\nroot = 'DIR/b'\n"
    ));
    let accounts = scene.read().unwrap();
    let now = 1_000_000;
    let code = Totp::parse(SECRET).unwrap().code(now);
    let asks = |user: &str, password: &str, code: &str| {
        let given = |text: &str| Zeroizing::new(text.to_owned());
        let attempt = Attempt { peer: std::net::Ipv4Addr::LOCALHOST.into(), now };
        let method = AuthMethod::Answers(vec![given(password), given(code)]);
        let request = AuthRequest { user: user.to_owned(), method };
        let mut login = Login::default();
        let verdict = judge(&*accounts.authenticator, &request, &login, &attempt);
        login.answer(verdict)
    };
    assert_eq!(asks("ann", "correct horse", "000000"), AuthVerdict::Reject);
    assert_eq!(asks("ann", "battery", &code), AuthVerdict::Reject);
    assert_eq!(asks("bob", "correct horse", &code), AuthVerdict::Reject);
    assert_eq!(asks("ann", "correct horse", &code), AuthVerdict::Accept);
    let shown = format!("{:?}", accounts.accounts[0].access);
    assert!(!shown.contains("$2b$") && !shown.contains("JBSW"), "{shown}");
}

#[test]
fn mistakes_in_hashes_and_secrets_name_their_line_and_do_not_repeat_them() {
    let scene = Scene::new(
        "[users.ann]\nroot = 'DIR/a'\npassword_hash = 'sesame'\ntotp_secret = 'JBSWY3DPEHPK3PXP'\n\
         [users.bob]\nroot = 'DIR/b'\n\
         password_hash = '$2b$31$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e'\n",
    );
    let said = scene.said();
    let [hash, secret, cost] = &said[..] else { panic!("{said:#?}") };
    let start = "DIR/users.toml:3: users.ann.password_hash: it is no password hash of a form";
    assert!(hash.starts_with(start) && hash.contains("`ringferry passwd`"), "{hash}");
    let start = "DIR/users.toml:4: users.ann.totp_secret: the secret has 80 bits; allowed: 128";
    assert!(secret.starts_with(start), "{secret}");
    let start = "DIR/users.toml:7: users.bob.password_hash: bcrypt's cost is 31; allowed: 4 to 16";
    assert_eq!(cost, start);
    let all = said.concat();
    assert!(!all.contains("sesame") && !all.contains("JBSW") && !all.contains("abcdef"), "{all}");
}

#[test]
fn a_file_that_others_may_read_is_told_of() {
    let scene = Scene::new("");
    let path = scene.folder.path().join("users.toml");
    let said = |mode: u32| {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        readable(&path)
    };
    assert_eq!((said(0o600), said(0o711)), (None, None));
    for mode in [0o640, 0o604, 0o644] {
        let warning = said(mode).unwrap();
        assert!(warning.contains(&format!("(mode {mode:04o}); chmod go-r ")), "{warning}");
    }
    // Somebody else's file, which the server reads as one of its group.
    std::os::unix::fs::chown(&path, Some(1234), None).unwrap();
    assert_eq!(said(0o640), None);
    assert!(said(0o644).unwrap().contains("chmod o-r "));
}

#[test]
fn several_keys_in_one_text_are_a_mistake() {
    let scene = Scene::new(&format!(
        "[users.ann]\nroot = 'DIR/a'\nauthorized_keys = \"\"\"{KEY}\n{OTHER}\"\"\"\n"
    ));
    assert_eq!(
        scene.said(),
        ["DIR/users.toml:3: users.ann.authorized_keys: there are several lines in one text"]
    );
}

#[test]
fn mistakes_of_the_file_come_through() {
    let scene = Scene::new("[users.ann]\nroot = 'DIR/a'\nread_onyl = true\n");
    assert_eq!(
        scene.said(),
        ["DIR/users.toml:3: users.ann: there is no key \"read_onyl\"; did you mean read_only?"]
    );
    fs::remove_file(scene.folder.path().join("users.toml")).unwrap();
    assert_eq!(scene.said(), ["users_file DIR/users.toml: there is no such file"]);
}

#[test]
fn a_folder_too_deep_to_rule_is_a_mistake() {
    let deep = "/d".repeat(100);
    let scene = Scene::new(&format!(
        "[users.ann]\nroot = 'DIR/a'\n[[users.ann.folders]]\npath = '{deep}'\n"
    ));
    let said = scene.said();
    assert!(said[0].contains("users.ann.folders") && said[0].contains("levels deep"), "{said:?}");
}

#[test]
fn an_account_that_has_ended_and_a_time_that_is_none() {
    let scene = Scene::new(&format!(
        "[users.ann]\nroot = 'DIR/a'\nauthorized_keys = ['{KEY}']\nexpiry_time = '19691231Z'\n\
         [users.bob]\nroot = 'DIR/b'\nauthorized_keys = ['{KEY}']\nexpiry_time = '20991231'\n"
    ));
    let accounts = scene.read().unwrap();
    assert!(!logs_in(&accounts, "ann", KEY) && logs_in(&accounts, "bob", KEY));
    let scene = Scene::new("[users.ann]\nroot = 'DIR/a'\nexpiry_time = '2027-12-31'\n");
    let expected = "DIR/users.toml:3: users.ann.expiry_time: \"2027-12-31\" is not \
                    YYYYMMDD[HHMM[SS]][Z]";
    assert_eq!(scene.said(), [expected]);
}
