//! A server with a users file, met by OpenSSH's sftp: each user sees what is his, may do what his
//! tables permit, and gets no further than his quota. And `ringferry sftp-server` by its flags.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use support::client::{Finished, Running};
use support::files::Scratch;
use support::server::{Options, Server, Subject, ringferry};
use support::{SOON, skipped, wait_for};

/// A server with two users: ann, whose key is `client_key`, and bob, whose key is `stranger_key`.
struct Scene {
    server: Server,
    /// Goes last, since the log is in it.
    scratch: Scratch,
}

impl Scene {
    /// `ann` and `bob` are lines of their tables; `DIR` stands for the scratch folder, in which are
    /// the folders `ann`, `bob` and `shared`. `None` where another server is under test.
    fn new(ann: &str, bob: &str) -> Option<Scene> {
        if Subject::chosen() != Subject::Ringferry {
            skipped("the users file is ours");
            return None;
        }
        let scratch = Scratch::new();
        for folder in ["ann", "bob", "shared"] {
            fs::create_dir(scratch.path(folder)).expect("a folder");
        }
        let key = |name: &str| fs::read_to_string(scratch.path(name)).expect("a public key");
        let text = format!(
            "[users.ann]\nauthorized_keys = ['{}']\n{ann}\n[users.bob]\nauthorized_keys = ['{}']\n\
             {bob}\n",
            key("client_key.pub").trim(),
            key("stranger_key.pub").trim()
        );
        let folder = scratch.path("").display().to_string();
        let text = text.replace("DIR", folder.trim_end_matches('/'));
        let users_file = scratch.path("users.toml");
        fs::write(&users_file, text).expect("the users file");
        fs::set_permissions(&users_file, fs::Permissions::from_mode(0o600)).expect("chmod");
        let options = Options { users_file: Some(users_file), ..Options::default() };
        let server = Server::start_with(&scratch, &options);
        Some(Scene { server, scratch })
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.scratch.path(name), text).expect("write");
    }

    fn exists(&self, name: &str) -> bool {
        self.scratch.path(name).symlink_metadata().is_ok()
    }

    fn mode(&self, name: &str) -> u32 {
        let metadata = fs::metadata(self.scratch.path(name)).expect("it is there");
        metadata.permissions().mode() & 0o7777
    }

    fn ann(&mut self, batch: &str) -> Finished {
        self.batch("ann", "client_key", batch)
    }

    fn bob(&mut self, batch: &str) -> Finished {
        self.batch("bob", "stranger_key", batch)
    }

    fn batch(&mut self, user: &str, key: &str, batch: &str) -> Finished {
        self.server.log_in_as(user, self.scratch.path(key));
        self.server.sftp(&[], &format!("lcd {}\n{batch}", self.scratch.path("").display()), SOON)
    }
}

#[test]
fn each_user_sees_his_own_root_and_no_other() {
    let Some(mut scene) = Scene::new("root = 'DIR/ann'", "root = 'DIR/bob'") else { return };
    scene.write("ann/hers", "a");
    scene.write("bob/his", "b");
    let seen = scene.ann("ls -1 /\n").expect_success().stdout;
    assert!(seen.contains("hers") && !seen.contains("his\n"), "{seen}");
    let seen = scene.bob("ls -1 /\n").expect_success().stdout;
    assert!(seen.contains("his") && !seen.contains("hers"), "{seen}");
    scene.bob("get /hers\n").expect_code(1);
    scene.bob("get ../ann/hers\n").expect_code(1);
    assert!(!scene.exists("hers"));
    // A key opens for its own user.
    assert_ne!(scene.batch("bob", "client_key", "ls\n").code, Some(0));
    assert_ne!(scene.batch("eve", "client_key", "ls\n").code, Some(0));
}

#[test]
fn mounted_folders_stand_in_the_view() {
    let ann = "root = 'DIR/ann'\nhome = '/in'\n[[users.ann.mounts]]\npath = '/in'\n\
               folder = 'DIR/shared'\n";
    let bob = "[[users.bob.mounts]]\npath = '/deep/shared'\nfolder = 'DIR/shared'\n";
    let Some(mut scene) = Scene::new(ann, bob) else { return };
    scene.write("shared/common", "c");
    scene.write("up", "u");
    let said = scene.ann("pwd\nls -1\nput up\n").expect_success().stdout;
    assert!(said.contains("Remote working directory: /in") && said.contains("common"), "{said}");
    assert!(scene.exists("shared/up") && !scene.exists("ann/up"));
    let said = scene.bob("ls -1 /\nls -1 /deep\nls -1 /deep/shared\n").expect_success().stdout;
    assert!(said.contains("deep") && said.contains("shared") && said.contains("common"), "{said}");
    // Folders that only lead to a mounted one are the view's own, and a mounted one stays.
    scene.bob("put up /deep/up\n").expect_code(1);
    scene.bob("rmdir /deep/shared\n").expect_code(1);
    scene.bob("put up /deep/shared/bobs\n").expect_success();
    assert!(scene.exists("shared/bobs"));
}

#[test]
fn a_folder_permits_what_its_table_says() {
    let ann = "root = 'DIR/ann'\n[[users.ann.folders]]\npath = '/drop'\n\
               permissions = ['list', 'upload']\nallowed = ['*.csv']\nhidden = ['.*']\n";
    let Some(mut scene) = Scene::new(ann, "root = 'DIR/bob'") else { return };
    fs::create_dir(scene.scratch.path("ann/drop")).expect("mkdir");
    for (name, text) in [
        ("new.csv", "1"),
        ("new.txt", "2"),
        ("ann/drop/old.csv", "3"),
        ("ann/drop/.secret", "4"),
        ("ann/free", "5"),
    ] {
        scene.write(name, text);
    }
    scene.ann("put new.csv /drop/new.csv\n").expect_success();
    assert!(scene.exists("ann/drop/new.csv"));
    // The client shows little of the server's words; the log has them all.
    for (batch, withheld) in [
        ("put new.csv /drop/old.csv\n", "overwrite"),
        ("get /drop/old.csv got\n", "download"),
        ("rm /drop/old.csv\n", "delete"),
        ("mkdir /drop/sub\n", "mkdir"),
        ("rename /drop/old.csv /drop/b.csv\n", "rename"),
        ("chmod 600 /drop/old.csv\n", "chmod"),
    ] {
        scene.ann(batch).expect_code(1);
        let words = format!("this folder does not permit {withheld}");
        scene.server.log.wait_line(SOON, |line| line.contains(&words));
    }
    let said = scene.ann("put new.txt /drop/new.txt\n").expect_code(1).output();
    assert!(said.contains("Permission denied"), "{said}");
    let said = scene.ann("get /drop/.secret got\n").expect_code(1).output();
    assert!(said.contains("not found"), "{said}");
    scene.ann("rename /drop /other\n").expect_code(1);
    assert!(!scene.exists("got") && !scene.exists("ann/drop/new.txt"));
    assert_eq!(fs::read(scene.scratch.path("ann/drop/old.csv")).expect("still there"), b"3");
    let seen = scene.ann("ls -1a /drop\n").expect_success().stdout;
    assert!(seen.contains("old.csv") && !seen.contains(".secret"), "{seen}");
    // Elsewhere everything is permitted.
    scene.ann("rm /free\nmkdir /sub\n").expect_success();
    assert!(!scene.exists("ann/free") && scene.exists("ann/sub"));
}

#[test]
fn read_only_is_for_the_user_who_has_it() {
    let bob = "root = 'DIR/shared'\nread_only = true";
    let Some(mut scene) = Scene::new("root = 'DIR/shared'", bob) else { return };
    scene.write("shared/file", "x");
    scene.write("up", "u");
    for batch in ["put up\n", "rm file\n", "mkdir d\n", "rename file other\n", "chmod 600 file\n"] {
        scene.bob(batch).expect_code(1);
    }
    assert!(scene.exists("shared/file") && !scene.exists("shared/up"));
    scene.bob("get file got\n").expect_success();
    scene.ann("put up\nrm file\n").expect_success();
    assert!(!scene.exists("shared/file") && scene.exists("shared/up"));
}

#[test]
fn a_quota_counts_what_was_there_and_says_when_it_is_reached() {
    let ann = "root = 'DIR/ann'\nquota_bytes = '100K'\n";
    let bob = "root = 'DIR/bob'\nquota_files = 2\n";
    let Some(mut scene) = Scene::new(ann, bob) else { return };
    scene.write("big", &"x".repeat(80 * 1024));
    scene.ann("put big one\n").expect_success();
    // The client says "Failure" and keeps the server's words to itself; so the log has to tell.
    scene.ann("put big two\n").expect_code(1);
    let told = || scene.server.log.tail().contains("quota exceeded").then_some(());
    assert!(wait_for(SOON, told).is_some(), "{}", scene.server.log.tail());
    scene.ann("rm one\nrm two\nput big three\n").expect_success();
    scene.bob("mkdir a\nmkdir b\n").expect_success();
    scene.bob("mkdir c\n").expect_code(1);
    assert!(!scene.exists("bob/c"));
    let counted = scene.server.log.tail();
    assert!(counted.contains("counted what counts against the quota"), "{counted}");
}

#[test]
fn modes_are_each_users_own() {
    let ann = "root = 'DIR/ann'\numask = '077'";
    let bob = "root = 'DIR/bob'\nfile_mode = '0640'\ndirectory_mode = '1750'\n\
               ignore_setstat = ['mode', 'times']";
    let Some(mut scene) = Scene::new(ann, bob) else { return };
    scene.write("up", "u");
    fs::set_permissions(scene.scratch.path("up"), fs::Permissions::from_mode(0o666))
        .expect("chmod");
    scene.ann("put up\nmkdir d\n").expect_success();
    assert_eq!((scene.mode("ann/up"), scene.mode("ann/d")), (0o600, 0o700));
    scene.bob("put -p up\nmkdir d\nchmod 777 up\n").expect_success();
    assert_eq!((scene.mode("bob/up"), scene.mode("bob/d")), (0o640, 0o1750));
}

/// The server as a program that sftp starts and speaks to over a pipe.
fn over_a_pipe(scratch: &Scratch, flags: &str, batch: &str) -> Finished {
    let program = ringferry().get_program().to_string_lossy().into_owned();
    let mut command = Command::new("sftp");
    command.args(["-q", "-b", "-", "-D", &format!("{program} sftp-server {flags}")]);
    command.current_dir(scratch.path(""));
    Running::start(command, batch).wait(SOON)
}

#[test]
fn sftp_server_serves_a_pipe_by_openssh_s_flags() {
    let scratch = Scratch::new();
    let folder = scratch.path("").canonicalize().expect("it is there").display().to_string();
    fs::write(scratch.path("file"), "content").expect("write");
    let said = over_a_pipe(&scratch, "", "pwd\nget file got\nmkdir made\n").expect_success();
    let pwd = format!("Remote working directory: {}", folder.trim_end_matches('/'));
    assert!(said.stdout.contains(&pwd), "{}", said.output());
    assert_eq!(said.stderr, "");
    assert_eq!(fs::read(scratch.path("got")).expect("got"), b"content");
    over_a_pipe(&scratch, "-R", "rm file\n").expect_code(1);
    over_a_pipe(&scratch, "-P remove", "rm file\n").expect_code(1);
    assert!(scratch.path("file").exists());
    over_a_pipe(&scratch, "-u 077", "put file private\n").expect_success();
    over_a_pipe(&scratch, "-m 0604", "put file forced\n").expect_success();
    let mode = |path: PathBuf| fs::metadata(path).expect("made").permissions().mode() & 0o777;
    assert_eq!(mode(scratch.path("private")) & 0o077, 0);
    assert_eq!(mode(scratch.path("forced")), 0o604);
    let said = over_a_pipe(&scratch, &format!("-d {folder}/made"), "pwd\n").expect_success();
    assert!(said.stdout.contains("/made\n"), "{}", said.output());
}

#[test]
fn sftp_server_tells_what_it_does_not_know() {
    let run = |arguments: &[&str]| {
        let mut command = ringferry();
        command.arg("sftp-server").args(arguments);
        Running::start(command, "").wait(SOON)
    };
    let names = run(&["-Q", "requests"]).expect_success().stdout;
    assert!(names.lines().any(|name| name == "posix-rename"), "{names}");
    for (arguments, says) in [
        (&["-P", "remove,fly"][..], "\"fly\""),
        (&["-p", "fly"], "\"fly\""),
        (&["-u", "9"], "octal digits"),
        (&["-l", "LOUD"], "QUIET, FATAL"),
        (&["-f", "AUTH"], "no logging to syslog"),
        (&["-Q", "x"], "requests"),
    ] {
        let said = run(arguments).expect_code(2);
        assert!(said.stderr.contains(says) && said.stdout.is_empty(), "{}", said.output());
    }
    // The end of input is the end of a session, and not a failure.
    assert_eq!(run(&[]).expect_success().output(), "");
}

/// The example is a users file but for what its host has: its folders and keys.
#[test]
fn the_example_is_read() {
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/users.toml");
    let text = fs::read_to_string(example).expect("the example");
    let scratch = Scratch::new();
    fs::write(scratch.path("none.keys"), "").expect("write");
    let folder = scratch.root().display().to_string();
    let mut fitted = String::new();
    for line in text.lines() {
        let line = match line.split_once(" = ") {
            Some((key @ ("root" | "folder"), _)) => format!("{key} = '{folder}'"),
            Some((key @ "authorized_keys_files", _)) => {
                format!("{key} = ['{}']", scratch.path("none.keys").display())
            }
            _ => line.to_owned(),
        };
        fitted.push_str(&line);
        fitted.push('\n');
    }
    let users_file = scratch.path("users.toml");
    fs::write(&users_file, fitted).expect("write");
    let mut command = ringferry();
    command.args(["check", "--set", &format!("users_file={}", users_file.display())]);
    Running::start(command, "").wait(SOON).expect_success();
}

/// Options in front of keys, with one user each: OpenSSH's client gets in or not, and the log says
/// why not.
#[test]
fn options_of_keys_are_enforced() {
    if Subject::chosen() != Subject::Ringferry {
        return skipped("the users file is ours");
    }
    let scratch = Scratch::new();
    let key = fs::read_to_string(scratch.path("client_key.pub")).expect("a public key");
    let cases = [
        ("plain", "restrict,no-pty", None),
        ("near", "from=\"127.0.0.0/8,::1\"", None),
        ("far", "from=\"192.0.2.0/24,127.0.0.2\"", Some("may not be used from this address")),
        ("but", "from=\"*,!127.*\"", Some("may not be used from this address")),
        ("early", "expiry-time=\"21000101\"", None),
        ("late", "expiry-time=\"20200101Z\"", Some("has expired")),
    ];
    let mut text = String::new();
    for (user, options, _) in cases {
        let root = scratch.path(user);
        fs::create_dir(&root).expect("a folder");
        let line = format!("{options} {}", key.trim());
        text += &format!("[users.{user}]\nroot = {root:?}\nauthorized_keys = ['{line}']\n");
    }
    let users_file = scratch.path("users.toml");
    fs::write(&users_file, text).expect("the users file");
    let options = Options { users_file: Some(users_file), ..Options::default() };
    let mut server = Server::start_with(&scratch, &options);
    for (user, _, refused) in cases {
        server.log_in_as(user, scratch.path("client_key"));
        let said = server.sftp(&[], "pwd\n", SOON);
        let Some(why) = refused else {
            said.expect_success();
            continue;
        };
        said.expect_code(255);
        server.log.wait_line(SOON, |line| line.contains(user) && line.contains(why));
    }
}
