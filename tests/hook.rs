//! The hook: a program that says who may log in and what he sees, asked by a whole server.
//!
//! The program is a Python script that answers by the user's name and takes down what it was asked.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::client::{Finished, Running};
use support::files::{Scratch, assert_same_bytes, write_random};
use support::server::{Options, Server, Subject};
use support::{MIB, SOON, skipped, wait_for};

const HOOK: &str = r#"#!/usr/bin/env python3
import json, os, sys, time
here = sys.argv[1]
question = json.load(sys.stdin)
user = question["user"]
with open(f"{here}/asked-{user}", "a") as asked:
    asked.write(json.dumps(question) + "\n")
with open(f"{here}/started-{user}", "a") as started:
    started.write(f"{os.getpid()} {sys.argv[1:]} {dict(os.environ)}\n")
answer = {"accept": True, "root": f"{here}/roots"}
if user == "reader":
    answer["read_only"] = True
elif user == "homely":
    answer["home"] = "/in"
    answer["folders"] = [{"path": "/", "permissions": ["list", "download"]},
                         {"path": "/in", "permissions": ["list", "upload"]}]
elif user == "refused":
    answer = {"accept": False, "reason": "not today"}
elif user == "asked" and "key" in question and question["key"]["proven"]:
    answer = {"accept": False, "reason": "only offered"}
elif user == "hangs":
    if os.fork() == 0:
        time.sleep(600)
    time.sleep(600)
elif user == "waits" and question["key"]["proven"]:
    while not os.path.exists(f"{here}/go"):
        time.sleep(0.05)
elif user == "crashes":
    os.kill(os.getpid(), 11)
elif user == "garbage":
    print("yes, let him in")
elif user == "long":
    print(" " * (1 << 20))
elif user == "rootless":
    answer["root"] = f"{here}/missing"
elif user == "forks":
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
elif user == "noisy":
    print("a complaint", file=sys.stderr)
json.dump(answer, sys.stdout)
"#;

struct Scene {
    server: Server,
    scratch: Scratch,
}

fn write_script(path: &Path, text: &str) {
    fs::write(path, text).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("chmod");
}

impl Scene {
    fn new(settings: &[(&'static str, &str)]) -> Option<Scene> {
        if Subject::chosen() != Subject::Ringferry {
            skipped("auth_hook is a key of ours");
            return None;
        }
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.path("roots/in")).expect("a root");
        fs::write(scratch.path("roots/there"), "here").expect("a file");
        let hook = scratch.path("hook.py");
        write_script(&hook, HOOK);
        let words = format!("{},{}", hook.display(), scratch.path("").display());
        let words = ("auth_hook", words.trim_end_matches('/').to_owned());
        let settings = settings.iter().map(|(key, value)| (*key, (*value).to_owned()));
        let settings = settings.chain([words]).collect();
        let options = Options { hooked: true, settings, shards: Some(1), ..Options::default() };
        let server = Server::start_with(&scratch, &options);
        Some(Scene { server, scratch })
    }

    fn start(&mut self, user: &str, batch: &str) -> Running {
        self.server.log_in_as(user, self.scratch.path("client_key"));
        let batch = format!("lcd {}\n{batch}", self.scratch.path("").display());
        Running::start(self.server.sftp_command(&[]), &batch)
    }

    fn sftp(&mut self, user: &str, batch: &str) -> Finished {
        self.start(user, batch).wait(SOON)
    }

    /// By password: ssh asks a program for it where there is no terminal.
    fn with_password(&mut self, user: &str, method: &str, password: &str) -> Finished {
        self.server.log_in_as(user, self.scratch.path("client_key"));
        fs::write(self.scratch.path("password"), password).expect("write");
        let askpass = self.scratch.path("askpass.sh");
        let text = format!("#!/bin/sh\ncat {}\n", self.scratch.path("password").display());
        write_script(&askpass, &text);
        let preferred = format!("PreferredAuthentications={method}");
        // The first value of an option counts.
        let first = ["-o", "BatchMode=no", "-o", preferred.as_str()];
        let one = ["-o", "NumberOfPasswordPrompts=1", "-s"];
        let told: Vec<String> = self.server.client_options();
        let mut command = std::process::Command::new("ssh");
        command.args(first).args(told).args(one);
        command.args(["-p", &self.server.address.port().to_string()]);
        command.arg(format!("{user}@127.0.0.1")).arg("sftp");
        command.env("SSH_ASKPASS", &askpass).env("SSH_ASKPASS_REQUIRE", "force");
        Running::start(command, "").wait(SOON)
    }

    fn asked(&self, user: &str) -> Vec<Value> {
        let path = self.scratch.path(&format!("asked-{user}"));
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn refused(&mut self, user: &str, why: &str) {
        self.sftp(user, "ls\n").expect_code(255);
        self.server.log.wait_line(SOON, |line| line.contains(why) && line.contains(user));
    }

    /// No child of the server's is left, dead or alive, and nobody in the groups of `user`'s hooks.
    fn expect_nothing_left(&self, user: &str) {
        let children = || {
            let tasks = fs::read_dir(format!("/proc/{}/task", self.server.pid())).expect("tasks");
            let of = |task: PathBuf| fs::read_to_string(task.join("children")).unwrap_or_default();
            tasks.flatten().map(|task| of(task.path())).collect::<String>()
        };
        let none = || children().is_empty().then_some(());
        assert!(wait_for(SOON, none).is_some(), "children: {}", children());
        let started = fs::read_to_string(self.scratch.path(&format!("started-{user}")));
        for line in started.expect("it was started").lines() {
            let group = line.split(' ').next().expect("a pid");
            let alive = || {
                let found = fs::read_dir("/proc").expect("/proc").flatten().any(|entry| {
                    let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
                    let rest = stat.rsplit(") ").next().unwrap_or_default();
                    let words: Vec<_> = rest.split(' ').collect();
                    // State, parent, group; a zombie is its new parent's to reap.
                    words.first() != Some(&"Z") && words.get(2) == Some(&group)
                });
                (!found).then_some(())
            };
            assert!(wait_for(SOON, alive).is_some(), "group {group} lives on");
        }
    }
}

#[test]
fn what_the_hook_says_is_what_a_user_gets() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    write_random(&scene.scratch.path("source"), MIB, 3);
    scene.sftp("ann", "put source\nget source back\nmkdir d\n").expect_success();
    assert_same_bytes(&scene.scratch.path("source"), &scene.scratch.path("back"));
    assert!(scene.scratch.path("roots/d").is_dir());
    scene.sftp("reader", "get there\n").expect_success();
    scene.sftp("reader", "put source mine\n").expect_code(1);
    scene.sftp("homely", "put source mine\nls /\n").expect_success();
    assert!(scene.scratch.path("roots/in/mine").exists());
    scene.sftp("homely", "put source /mine\n").expect_code(1);
    scene.sftp("homely", "get mine\n").expect_code(1);
    scene.sftp("noisy", "ls\n").expect_success();
    scene.server.log.wait_line(SOON, |line| line.contains("a complaint"));
    // A key is asked about first, and then proven.
    let asked = scene.asked("ann");
    let proven: Vec<_> = asked.iter().map(|it| it["key"]["proven"].as_bool()).collect();
    assert_eq!(proven, [Some(false), Some(true)], "{asked:?}");
    let public = fs::read_to_string(scene.scratch.path("client_key.pub")).expect("a key");
    let words: Vec<_> = public.split(' ').collect();
    for question in &asked {
        assert_eq!(
            (&question["method"], &question["peer"]),
            (&"publickey".into(), &"127.0.0.1".into())
        );
        assert_eq!(
            (&question["key"]["type"], &question["key"]["blob"]),
            (&words[0].into(), &words[1].into())
        );
    }
    scene.expect_nothing_left("ann");
}

#[test]
fn whatever_is_no_answer_is_a_refusal() {
    let Some(mut scene) = Scene::new(&[]) else { return };
    scene.refused("refused", "the hook refuses: not today");
    scene.refused("asked", "the hook refuses: only offered");
    scene.refused("crashes", "signal: 11");
    scene.refused("garbage", "not what is expected");
    scene.refused("long", "longer than 65536 bytes");
    scene.refused("rootless", "No such file");
    scene.sftp("forks", "ls\n").expect_success();
    scene.expect_nothing_left("forks");
}

/// The deadline holds, nothing is left behind, and others move their bytes meanwhile.
#[test]
fn a_hook_that_hangs_holds_up_nobody_who_is_in() {
    let Some(mut scene) = Scene::new(&[("auth_hook_timeout", "4")]) else { return };
    write_random(&scene.scratch.path("source"), 8 * MIB, 5);
    // Whoever is in before the hook hangs.
    let fifo = "!while [ ! -e go ]; do sleep 0.05; done\n";
    let moving = scene.start("ann", &format!("pwd\n{fifo}put source up\nget up down\n"));
    scene.server.log.wait_line(SOON, |line| line.contains("authenticated"));
    let start = Instant::now();
    let mut hanging = scene.start("hangs", "ls\n");
    let begun = scene.scratch.path("started-hangs");
    assert!(wait_for(SOON, || begun.exists().then_some(())).is_some());
    fs::write(scene.scratch.path("go"), "").expect("write");
    moving.wait(SOON).expect_success();
    assert_same_bytes(&scene.scratch.path("source"), &scene.scratch.path("down"));
    if start.elapsed() < Duration::from_secs(3) {
        assert!(!hanging.has_ended(), "the hook did not hang");
    }
    hanging.wait(SOON).expect_code(255);
    scene.server.log.wait_line(SOON, |line| line.contains("has not answered in 4s"));
    scene.expect_nothing_left("hangs");
}

/// What is worked out while the users are read again may be about one who is gone.
#[test]
fn a_verdict_from_before_a_reload_lets_nobody_in() {
    let Some(mut scene) = Scene::new(&[("auth_hook_timeout", "60")]) else { return };
    let waiting = scene.start("waits", "ls\n");
    let proven = || (scene.asked("waits").len() == 2).then_some(());
    assert!(wait_for(SOON, proven).is_some(), "the key was shown and has signed");
    scene.server.signal(rustix::process::Signal::HUP);
    scene.server.log.wait_line(SOON, |line| line.contains("reloaded"));
    fs::write(scene.scratch.path("go"), "").expect("write");
    waiting.wait(SOON).expect_code(255);
    scene.server.log.wait_line(SOON, |line| line.contains("read again during this login"));
    assert!(!scene.server.log.lines().iter().any(|line| line.contains(" authenticated ")));
    scene.sftp("waits", "ls\n").expect_success();
}

#[test]
fn twenty_log_in_at_once() {
    let Some(mut scene) = Scene::new(&[("auth_hook_timeout", "60")]) else { return };
    let running: Vec<_> = (0..20).map(|n| scene.start(&format!("user{n}"), "ls\n")).collect();
    for client in running {
        client.wait(6 * SOON).expect_success();
    }
    let asked: usize = (0..20).map(|n| scene.asked(&format!("user{n}")).len()).sum();
    assert_eq!(asked, 40);
}

#[test]
fn a_password_arrives_as_it_was_typed_and_nowhere_else() {
    let methods = "password,keyboard-interactive";
    let settings = [("auth_hook_methods", methods), ("log_level", "trace")];
    let Some(mut scene) = Scene::new(&settings) else { return };
    // ssh takes one line of what its program prints.
    let secret = "qu\"ote'\\ \t$(x) päß\u{1f600}";
    for method in ["password", "keyboard-interactive"] {
        let user = format!("by-{method}");
        scene.with_password(&user, method, secret).expect_success();
        let asked = scene.asked(&user);
        assert_eq!(asked.len(), 1);
        assert_eq!((&asked[0]["password"], &asked[0]["method"]), (&secret.into(), &method.into()));
        let started = fs::read_to_string(scene.scratch.path(&format!("started-{user}")));
        assert!(!started.expect("it was").contains("qu\"ote"));
    }
    scene.with_password("refused", "password", secret).expect_code(255);
    assert!(!scene.server.log.text().contains("päß"), "a password in the log");
    // Nothing is asked about keys where they are not offered.
    scene.sftp("ann", "ls\n").expect_code(255);
    assert_eq!(scene.asked("ann").len(), 0);
}
