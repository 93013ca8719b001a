//! SIGHUP: new logins follow the file, open sessions go on, and a mistake changes nothing.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use super::support::client::Running;
use super::support::files::{Scratch, write_random};
use super::support::log::Log;
use super::support::packets::{CLOSE, OPEN_WRITE_CREATE, Packets, STATUS_FAILURE};
use super::support::server::{Subject, ringferry};
use super::support::{SOON, skipped, wait_for};
use super::{LONG, Login, Scene, openssh, write_users};

const USERS: &str = "[users.ann]\nROOT\nauthorized_keys = ['KEY']\n\
                     [users.bob]\nROOT\npassword_hash = 'HASH'\n";

/// A handle as CLOSE has it.
fn framed(handle: &[u8]) -> Vec<u8> {
    let length = u32::try_from(handle.len()).expect("a short handle");
    [&length.to_be_bytes(), handle].concat()
}

/// A session that stays open.
fn session(scene: &Scene, login: &Login<'_>) -> Packets {
    let mut command = scene.openssh("ssh", login);
    command.args(["-s", "-p", &scene.port(), "127.0.0.1", "sftp"]);
    Packets::start(command, 3)
}

#[test]
fn new_logins_follow_the_file_and_open_sessions_go_on() {
    let Some(scene) = Scene::start(USERS, &[]) else { return };
    let ann = Login::of("ann", "publickey").keys(&["client_key"]);
    let bob = Login::of("bob", "password");
    let carl = Login::of("carl", "publickey").keys(&["client_key"]);
    scene.carries(&bob);
    scene.refuses(&carl);
    let mut open = session(&scene, &ann);
    let handle = open.ask_handle("half", OPEN_WRITE_CREATE);
    open.ask_write(&handle, 0, b"before, ").expect_ok();

    // A key changed, a user gone, another come.
    scene.reload_with(
        "[users.ann]\nROOT\nauthorized_keys = ['OTHER']\n\
         [users.carl]\nROOT\nauthorized_keys = ['KEY']\n",
    );
    scene.refuses(&ann);
    scene.carries(&ann.clone().keys(&["stranger_key"]));
    scene.carries(&carl);
    scene.refuses(&bob);
    open.ask_write(&handle, 8, b"and after").expect_ok();

    // Now the one whose session is open is gone as well, and there is a password again.
    scene.reload_with("[users.bob]\nROOT\npassword_hash = 'HASH'\n");
    scene.refuses(&ann.keys(&["stranger_key"]));
    scene.carries(&bob);
    open.ask(CLOSE, &framed(&handle)).expect_ok();
    assert_eq!(fs::read(scene.scratch.served("half")).expect("a file"), b"before, and after");
    open.ask_handle("more", OPEN_WRITE_CREATE);
}

#[test]
fn a_file_with_mistakes_leaves_everything_as_it_was() {
    let Some(scene) = Scene::start(USERS, &[]) else { return };
    let ann = Login::of("ann", "publickey").keys(&["client_key"]);
    let carl = Login::of("carl", "publickey").keys(&["client_key"]);
    let carls = "[users.carl]\nROOT\nauthorized_keys = ['KEY']\n";
    for (broken, says) in [
        ("quota_bytes = 'lots'\n", &["users.toml:4", "quota_bytes"][..]),
        ("pasword_hash = 'HASH'\n", &["users.toml:4", "pasword_hash"]),
        ("password_hash = 'secret'\n", &["users.toml:4", "password_hash"]),
        ("totp_secret = 'JBSW'\n", &["users.toml:4", "totp_secret"]),
        ("authentication_methods = ['pam']\n", &["users.toml:4", "authentication_methods"]),
        ("root = [\n", &["users.toml:4"]),
        ("[[users.carl.mounts]]\npath = '/x'\nfolder = 'DIR/nowhere'\n", &["DIR/nowhere"]),
    ] {
        write_users(&scene.scratch, &format!("{carls}{broken}"));
        let said = scene.reload();
        assert!(said.contains("not reloaded: the users stay as they were"), "{said}");
        let dir = scene.scratch.path("").display().to_string();
        for word in says.iter().map(|word| word.replace("DIR", dir.trim_end_matches('/'))) {
            assert!(said.contains(&word), "no {word:?} in {said}");
        }
        assert!(!said.contains("'secret'") && !said.contains("JBSW"), "{said}");
    }
    scene.refuses(&carl);
    fs::remove_file(scene.scratch.path("users.toml")).expect("remove");
    let said = scene.reload();
    assert!(said.contains("not reloaded") && said.contains("users.toml"), "{said}");
    scene.carries(&ann);
    scene.carries(&Login::of("bob", "password"));
    scene.refuses(&carl);
    // The server has not lost its way: a good file is taken.
    scene.reload_with(carls);
    scene.carries(&carl);
    scene.refuses(&ann);
}

#[test]
fn what_counts_against_a_quota_counts_over_reloads() {
    let with = |quota: &str| {
        format!("[users.ann]\nROOT\nauthorized_keys = ['KEY']\nquota_bytes = '{quota}'\n")
    };
    let Some(scene) = Scene::start(&with("100K"), &[]) else { return };
    let ann = Login::of("ann", "publickey").keys(&["client_key"]);
    let big = scene.scratch.path("big");
    write_random(&big, 60 * 1024, 7);
    let put = |name: &str| scene.sftp(&ann, &format!("put {} {name}\n", big.display()));
    put("one").expect_success();
    let mut open = session(&scene, &ann);
    let handle = open.ask_handle("open", OPEN_WRITE_CREATE);

    scene.reload_with(&with("100K"));
    put("two").expect_code(1);
    scene.server.log.wait_line(SOON, |line| line.contains("quota exceeded"));
    scene.sftp(&ann, "rm two\n").expect_success();
    // What the session that was there before writes counts with what comes after.
    open.ask_write(&handle, 0, &[7; 30 * 1024]).expect_ok();
    open.ask_write(&handle, 30 * 1024, &[7; 30 * 1024]).expect_status(STATUS_FAILURE);
    let small = scene.scratch.path("small");
    write_random(&small, 20 * 1024, 8);
    scene.sftp(&ann, &format!("put {} three\n", small.display())).expect_code(1);
    scene.sftp(&ann, "rm three\n").expect_success();

    // More room, and less again.
    scene.reload_with(&with("200K"));
    put("two").expect_success();
    scene.reload_with(&with("100K"));
    scene.sftp(&ann, &format!("put {} four\n", small.display())).expect_code(1);
    scene.sftp(&ann, "rm two\nrm four\n").expect_success();
    let tiny = scene.source().display().to_string();
    scene.sftp(&ann, &format!("put {tiny} four\n")).expect_success();
    let log = scene.server.log.text();
    let counted = log.matches("counted what counts against the quota").count();
    assert_eq!(counted, 1, "the folder was walked at the start and never again");
}

/// A server without keys, which makes itself a password and prints it.
struct Keyless {
    child: Child,
    password: String,
    port: String,
    log: Log,
}

impl Keyless {
    fn start(scratch: &Scratch) -> Keyless {
        let home = scratch.path("home");
        fs::create_dir(&home).expect("mkdir");
        let log = fs::File::create(scratch.path("log")).expect("create");
        let mut command = ringferry();
        command.args(["serve", "--listen", "127.0.0.1:0", "--user", "ann", "--root"]);
        command.arg(scratch.root()).arg("--host-key").arg(scratch.path("host_key"));
        command.env("HOME", home).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("ringferry runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut next = |start: &str| {
            let line = lines.by_ref().map_while(Result::ok).find_map(|line| {
                Some(line.split_once(start)?.1.split_whitespace().next()?.to_owned())
            });
            line.unwrap_or_else(|| panic!("no {start:?} on stdout"))
        };
        let port = next("listen=127.0.0.1:");
        let password = next("password  ");
        Keyless { child, password, port, log: Log::new(&scratch.path("log")) }
    }

    fn put(&self, scratch: &Scratch, password: &str, name: &str) -> Option<i32> {
        let known_hosts = scratch.path("known_hosts");
        let key = fs::read_to_string(scratch.path("host_key.pub")).expect("a key");
        fs::write(&known_hosts, format!("[127.0.0.1]:{} {key}", self.port)).expect("write");
        let login = Login { password, ..Login::of("ann", "password") };
        let mut command = openssh("sftp", scratch, Path::new(&known_hosts), &login);
        command.args(["-b", "-", "-P", &self.port, "127.0.0.1"]);
        let batch = format!("put {} {name}\n", scratch.path("client_key.pub").display());
        Running::start(command, &batch).wait(LONG).code
    }
}

impl Drop for Keyless {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_password_made_for_the_run_lets_in_and_outlives_a_reload() {
    if Subject::chosen() != Subject::Ringferry {
        return skipped("the password is ours");
    }
    let scratch = Scratch::new();
    let server = Keyless::start(&scratch);
    assert_eq!(server.put(&scratch, "incorrect", "none"), Some(255));
    assert_eq!(server.put(&scratch, &server.password, "first"), Some(0));
    let pid = i32::try_from(server.child.id()).expect("a pid");
    let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).expect("kill");
    let said = server.log.wait_line(SOON, |line| line.contains("not reloaded"));
    assert!(said.contains("the password was made for this run"), "{said}");
    assert_eq!(server.put(&scratch, &server.password, "second"), Some(0));
    for name in ["first", "second"] {
        let there = wait_for(SOON, || fs::read(scratch.served(name)).ok()).expect("a file");
        assert_eq!(there, fs::read(scratch.path("client_key.pub")).expect("a file"));
    }
}
