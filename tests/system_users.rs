//! Users of the host: each is at home in `/`, and whatever he does is done as himself.
//!
//! The server runs in a mount namespace with user databases and homes of the test's, so that the
//! machine gets no users. It runs as root, as it must, and so do the clients.

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use support::client::{Finished, Running};
use support::files::{Scratch, assert_same_bytes, write_random};
use support::server::{Options, Server, Subject};
use support::{MIB, SOON, is_large, skipped};

const ANN: User = User { name: "ann", id: 20_001, key: "client_key" };
const BOB: User = User { name: "bob", id: 20_002, key: "stranger_key" };
/// Both are in it.
const TEAM: u32 = 20_100;

/// A user whose group has his number.
#[derive(Clone, Copy)]
struct User {
    name: &'static str,
    id: u32,
    key: &'static str,
}

struct Scene {
    server: Server,
    /// Goes last, since the log is in it.
    scratch: Scratch,
}

fn own(path: &Path, uid: u32, gid: u32, mode: u32) {
    chown(path, Some(uid), Some(gid)).expect("chown");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

/// Homes, databases and a folder `shared` that is in both homes: `(from, to)` of each mount.
fn furnish(scratch: &Scratch) -> Vec<(PathBuf, &'static str)> {
    fs::create_dir(scratch.path("shared")).expect("a folder");
    own(&scratch.path("shared"), 0, TEAM, 0o3770);
    for user in [ANN, BOB] {
        let home = scratch.path("homes").join(user.name);
        let keys = home.join(".ssh/authorized_keys");
        fs::create_dir_all(home.join(".ssh")).expect("a home");
        fs::create_dir(home.join("shared")).expect("a folder");
        fs::copy(scratch.path(&format!("{}.pub", user.key)), &keys).expect("a key");
        for (path, mode) in [(home.clone(), 0o700), (home.join(".ssh"), 0o700), (keys, 0o600)] {
            own(&path, user.id, user.id, mode);
        }
    }
    own(&scratch.path("homes"), 0, 0, 0o755);
    let databases = [
        (
            "passwd",
            "root:x:0:0:root:/root:/bin/sh\nann:x:20001:20001::/home/ann:/bin/sh\n\
             bob:x:20002:20002::/home/bob:/usr/sbin/nologin\nlocked:x:20003:20003::/home/ann:\n\
             homeless:x:20001:20001::/home/none:/bin/sh\n",
        ),
        ("group", "root:x:0:\nann:x:20001:\nbob:x:20002:\nteam:x:20100:ann,bob,locked\n"),
        (
            "shadow",
            "root:*:1::::::\nann:*:1::::::\nbob:*:1::::::\nlocked:!:1::::::\nhomeless:*:1::::::\n",
        ),
    ];
    for (name, text) in databases {
        fs::write(scratch.path(name), text).expect("a database");
        own(&scratch.path(name), 0, 0, if name == "shadow" { 0o600 } else { 0o644 });
    }
    vec![
        (scratch.path("passwd"), "/etc/passwd"),
        (scratch.path("group"), "/etc/group"),
        (scratch.path("shadow"), "/etc/shadow"),
        (scratch.path("homes"), "/home"),
        (scratch.path("shared"), "/home/ann/shared"),
        (scratch.path("shared"), "/home/bob/shared"),
    ]
}

impl Scene {
    /// A server with one shard; `None` where another server is under test.
    fn new(driver: Option<&'static str>, settings: &[(&'static str, &str)]) -> Option<Scene> {
        if Subject::chosen() != Subject::Ringferry {
            skipped("system_users is a key of ours");
            return None;
        }
        let scratch = Scratch::new();
        let binds = furnish(&scratch);
        let settings = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        let shards = Some(1);
        let options =
            Options { binds, system_users: true, driver, settings, shards, ..Options::default() };
        let server = Server::start_with(&scratch, &options);
        Some(Scene { server, scratch })
    }

    fn home(&self, user: User, name: &str) -> PathBuf {
        self.scratch.path("homes").join(user.name).join(name)
    }

    fn log_in_as(&mut self, name: &str, key: &str) {
        self.server.log_in_as(name, self.scratch.path(key));
    }

    /// What `user`'s sftp does, started.
    fn start(&mut self, user: User, batch: &str) -> Running {
        self.log_in_as(user.name, user.key);
        let batch = format!("lcd {}\n{batch}", self.scratch.path("").display());
        Running::start(self.server.sftp_command(&[]), &batch)
    }

    fn sftp(&mut self, user: User, batch: &str) -> Finished {
        self.start(user, batch).wait(SOON)
    }

    fn ssh(&mut self, user: User, command: &str) -> Finished {
        self.log_in_as(user.name, user.key);
        self.server.ssh(&[], &[command], SOON)
    }

    /// The login fails, and the log says why.
    fn refused(&mut self, name: &str, key: &str, why: &str) {
        self.log_in_as(name, key);
        self.server.sftp(&[], "ls\n", SOON).expect_code(255);
        self.server.log.wait_line(SOON, |line| line.contains(why));
    }

    /// No thread of the server's has kept anything of a user's.
    fn expect_root(&self) {
        let tasks = format!("/proc/{}/task", self.server.pid());
        for task in fs::read_dir(tasks).expect("tasks").flatten() {
            let Ok(status) = fs::read_to_string(task.path().join("status")) else { continue };
            let line = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().split_whitespace().collect::<Vec<_>>()
            };
            assert_eq!(line("Uid:"), ["0"; 4], "{status}");
            assert_eq!(line("Gid:"), ["0"; 4], "{status}");
            assert!(!line("Groups:").iter().any(|gid| gid.starts_with("20")), "{status}");
        }
    }
}

fn expect_owner(path: &Path, user: User, gid: u32, mode: u32) {
    let there = fs::symlink_metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let found = (there.uid(), there.gid(), there.mode() & 0o7777);
    assert_eq!(found, (user.id, gid, mode), "{}", path.display());
}

/// Clients of each user at once, and files each puts and gets.
const CLIENTS: usize = 3;
const FILES: usize = 4;

fn bytes() -> u64 {
    if is_large() { 64 * MIB } else { 4 * MIB + 11 }
}

/// Both users at once, on one shard: up, down, folders, modes, links, and the folder they share.
fn at_work(driver: &'static str) {
    let Some(mut scene) = Scene::new(Some(driver), &[("umask", "027")]) else { return };
    write_random(&scene.scratch.path("source"), bytes(), 7);
    own(&scene.scratch.path("source"), 0, 0, 0o666);
    let mut running = Vec::new();
    for client in 0..CLIENTS {
        for user in [ANN, BOB] {
            let own = format!("{}{client}", user.name);
            let mut batch = format!("mkdir d{client}\nsymlink source d{client}/link\n");
            for file in 0..FILES {
                batch.push_str(&format!(
                    "put source d{client}/f{file}\nput source shared/{own}-{file}\n\
                     chmod 600 shared/{own}-{file}\nget d{client}/f{file} got-{own}-{file}\n\
                     get shared/{own}-{file} got-{own}-{file}-shared\n"
                ));
            }
            batch.push_str(&format!("ln d{client}/f0 d{client}/hard\n"));
            batch.push_str(&format!("rename d{client}/f1 d{client}/renamed\nls -l d{client}\n"));
            running.push(scene.start(user, &batch));
        }
    }
    for client in running {
        client.wait(6 * SOON).expect_success();
    }
    let source = scene.scratch.path("source");
    for client in 0..CLIENTS {
        for user in [ANN, BOB] {
            let folder = scene.home(user, &format!("d{client}"));
            expect_owner(&folder, user, user.id, 0o750);
            assert_eq!(fs::symlink_metadata(folder.join("link")).expect("link").uid(), user.id);
            for name in ["f0", "renamed", "f2", "f3", "hard"] {
                expect_owner(&folder.join(name), user, user.id, 0o640);
                assert_same_bytes(&source, &folder.join(name));
            }
            for file in 0..FILES {
                let name = format!("{}{client}-{file}", user.name);
                // The folder's set-group-ID bit gives its group.
                let shared = scene.scratch.path("shared").join(&name);
                expect_owner(&shared, user, TEAM, 0o600);
                assert_same_bytes(&source, &scene.scratch.path(&format!("got-{name}")));
                assert_same_bytes(&source, &scene.scratch.path(&format!("got-{name}-shared")));
            }
        }
    }
    scene.expect_root();
    denied(&mut scene);
    scene.expect_root();
}

/// What the other keeps to himself in the shared folder is seen by name and no further.
fn denied(scene: &mut Scene) {
    for (user, other) in [(ANN, BOB), (BOB, ANN)] {
        let theirs = format!("shared/{}0-0", other.name);
        let seen = scene.sftp(user, "ls -1 shared\n").expect_success().stdout;
        assert!(seen.contains(&theirs), "{seen}");
        for command in [
            format!("get {theirs} stolen"),
            format!("put source {theirs}"),
            format!("rm {theirs}"),
            format!("chmod 666 {theirs}"),
            format!("chown {} {theirs}", user.id),
            format!("rename {theirs} shared/stolen"),
            format!("copy {theirs} copied"),
            format!("chown {} d0/f0", other.id),
        ] {
            let said = scene.sftp(user, &format!("{command}\n")).expect_code(1);
            let why = ["ermission denied", "peration not permitted", "ailure"];
            assert!(why.iter().any(|why| said.output().contains(why)), "{command}: {said:?}");
        }
        let said = scene.ssh(user, &format!("sha256sum {theirs}")).expect_code(1);
        assert!(said.output().contains("ermission denied"), "{said:?}");
        let (remote, stolen) = (scene.server.remote(&theirs), scene.scratch.path("stolen"));
        let stolen = stolen.to_str().expect("UTF-8");
        let said = scene.server.scp(&["-O", &remote, stolen], SOON).expect_code(1);
        assert!(said.output().contains("ermission denied"), "{said:?}");
        expect_owner(&scene.scratch.path(&theirs), other, TEAM, 0o600);
        // His home is his view: there is no way to the other's.
        scene.sftp(user, &format!("ls /home/{}\n", other.name)).expect_code(1);
        scene.sftp(user, &format!("ls ../{}\n", other.name)).expect_code(1);
    }
    assert!(!scene.scratch.path("stolen").exists());
}

#[test]
fn two_users_on_one_shard_of_the_ring() {
    at_work("ring");
}

#[test]
fn two_users_on_one_shard_of_epoll() {
    at_work("poll");
}

#[test]
fn copies_and_commands_are_the_users_too() {
    let Some(mut scene) = Scene::new(None, &[("umask", "022")]) else { return };
    write_random(&scene.scratch.path("source"), MIB + 3, 8);
    own(&scene.scratch.path("source"), 0, 0, 0o754);
    let source = scene.scratch.path("source");
    let local = source.to_str().expect("UTF-8").to_owned();
    for user in [ANN, BOB] {
        scene.log_in_as(user.name, user.key);
        for (options, name) in [(&["-O", "-p"][..], "by-rcp"), (&["-s", "-p"][..], "by-sftp")] {
            let remote = scene.server.remote(name);
            let arguments = [options, &[local.as_str(), remote.as_str()]].concat();
            scene.server.scp(&arguments, SOON).expect_success();
            expect_owner(&scene.home(user, name), user, user.id, 0o754);
            let back = scene.scratch.path(&format!("{}-{name}", user.name));
            let arguments = [options, &[remote.as_str(), back.to_str().expect("UTF-8")]].concat();
            scene.server.scp(&arguments, SOON).expect_success();
            assert_same_bytes(&source, &back);
        }
        let said = scene.ssh(user, "sha256sum by-rcp").expect_success().stdout;
        let sum = support::files::sha256(&source);
        assert_eq!(said, format!("{sum}  by-rcp\n"));
        scene.ssh(user, "df -k").expect_success();
        scene.sftp(user, "cp by-rcp copied\n").expect_success();
        expect_owner(&scene.home(user, "copied"), user, user.id, 0o754);
    }
    scene.expect_root();
}

/// A folder of a group's: who is in it may, by his supplementary groups.
#[test]
fn supplementary_groups_count() {
    let Some(mut scene) = Scene::new(None, &[]) else { return };
    fs::write(scene.scratch.path("shared/teams"), "to all").expect("write");
    own(&scene.scratch.path("shared/teams"), BOB.id, TEAM, 0o640);
    scene.sftp(ANN, "get shared/teams teams\n").expect_success();
    scene.sftp(ANN, "chmod 660 shared/teams\n").expect_code(1);
    fs::write(scene.scratch.path("shared/roots"), "to nobody").expect("write");
    own(&scene.scratch.path("shared/roots"), 0, 0, 0o640);
    scene.sftp(ANN, "get shared/roots roots\n").expect_code(1);
    assert!(scene.scratch.path("teams").exists() && !scene.scratch.path("roots").exists());
}

#[test]
fn who_may_not_log_in_does_not() {
    let deny = [("deny_users", "bob@127.0.0.1")];
    let Some(mut scene) = Scene::new(None, &deny) else { return };
    scene.sftp(ANN, "ls\n").expect_success();
    scene.refused("ann", BOB.key, "is not authorized");
    scene.refused("bob", BOB.key, "deny_users");
    scene.refused("nobody-here", ANN.key, "no such user");
    scene.refused("root", ANN.key, "root does not log in");
    scene.refused("locked", ANN.key, "the account is locked");
    scene.refused("homeless", ANN.key, "is not authorized");
    // Whoever may write the file or a folder above it could add a key.
    let keys = scene.home(ANN, ".ssh/authorized_keys");
    own(&keys, ANN.id, ANN.id, 0o620);
    scene.refused("ann", ANN.key, "others may write it");
    own(&keys, BOB.id, BOB.id, 0o644);
    scene.refused("ann", ANN.key, "belongs to somebody else");
    own(&keys, ANN.id, ANN.id, 0o600);
    own(&scene.home(ANN, ""), ANN.id, ANN.id, 0o720);
    scene.refused("ann", ANN.key, "others may write /home/ann above it");
    own(&scene.home(ANN, ""), ANN.id, ANN.id, 0o700);
    scene.sftp(ANN, "ls\n").expect_success();
    scene.expect_root();
}

/// Without the capabilities it takes the server does not start: it would serve everybody as root.
#[test]
fn a_server_that_cannot_act_as_others_says_so() {
    if Subject::chosen() != Subject::Ringferry {
        return skipped("system_users is a key of ours");
    }
    let mut command = std::process::Command::new("setpriv");
    command.args(["--bounding-set", "-setuid,-setgid", "--"]);
    command.arg(support::server::ringferry().get_program());
    command.args(["serve", "--listen", "127.0.0.1:0", "--set", "system_users=true"]);
    let said = Running::start(command, "").wait(SOON).expect_code(2);
    assert!(said.stderr.contains("the server cannot act as others"), "{}", said.stderr);
}
