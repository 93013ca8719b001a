//! rclone, by a remote that is configured in its environment. It resumes no single file: it sends
//! what is missing. Its hashes come from commands on the server: `check` compares by them.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::Value;

use super::support::client::Finished;
use super::support::files::{Compare, assert_same_tree};
use super::support::foreign::is_installed;
use super::support::skipped;
use super::{SOME_TIME, Site, expect_words, run, set_time};

fn rclone_is_missing() -> bool {
    let missing = !is_installed("rclone", "version");
    if missing {
        skipped("no rclone");
    }
    missing
}

fn rclone(site: &Site, arguments: &[&str]) -> Finished {
    run(site.server.rclone_command(&site.scratch.path("."), arguments))
}

#[test]
fn copies_a_file_both_ways_and_over_an_existing_one() {
    if rclone_is_missing() {
        return;
    }
    let site = Site::start();
    let source = site.write_source();
    set_time(&source, SOME_TIME);
    fs::write(site.served("up"), "what was there before").expect("write");
    let (local, back) = (site.local("source"), site.local("back"));
    rclone(&site, &["copyto", &local, "far:/up"]).expect_success();
    rclone(&site, &["copyto", "far:/up", &back]).expect_success();
    site.expect_up("up");
    site.expect_down("back");
    for copy in [site.served("up"), site.scratch.path("back")] {
        assert_eq!(fs::metadata(&copy).expect("stat").mtime(), SOME_TIME, "{}", copy.display());
    }
}

#[test]
fn reads_a_part_of_a_file() {
    if rclone_is_missing() {
        return;
    }
    let site = Site::start();
    fs::write(site.served("text"), "the first and the last").expect("write");
    let arguments = ["cat", "--offset", "4", "--count", "5", "far:/text"];
    assert_eq!(rclone(&site, &arguments).expect_success().stdout, "first");
}

#[test]
fn syncs_and_checks_a_tree() {
    if rclone_is_missing() {
        return;
    }
    let site = Site::start();
    let tree = site.write_tree();
    let (local, back) = (site.local("tree"), site.local("back"));
    rclone(&site, &["sync", &local, "far:/tree"]).expect_success();
    assert_same_tree(&tree, &site.served("tree"), Compare::Bytes);
    rclone(&site, &["check", "--download", &local, "far:/tree"]).expect_success();
    rclone(&site, &["copy", "--multi-thread-streams", "4", "far:/tree", &back]).expect_success();
    assert_same_tree(&tree, &site.scratch.path("back"), Compare::Bytes);

    // A broken-off sync: one file is missing, one is too much, one is different.
    let names = ["folder 0/ünter-0/plain 0", "folder 1/ünter-1/with space 1"];
    fs::remove_file(site.served("tree").join(names[0])).expect("remove");
    fs::write(site.served("tree").join(names[1]), "cut short").expect("write");
    fs::write(site.served("tree/too much"), "x").expect("write");
    let finished = rclone(&site, &["check", "--download", &local, "far:/tree"]).expect_code(1);
    expect_words(&finished, &["3 differences found"]);
    let finished = rclone(&site, &["sync", "-v", &local, "far:/tree"]).expect_success();
    assert_same_tree(&tree, &site.served("tree"), Compare::Bytes);
    let output = finished.output();
    let sent = output.lines().filter(|line| line.contains(": Copied (")).count();
    assert_eq!(sent, 2, "only what was missing is sent:\n{output}");
}

/// Each file with its MD5 and SHA-1, by path.
fn hashes(listed: &Finished) -> Vec<(String, String, String)> {
    let listed: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut rows: Vec<_> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|file| {
            let hashes = &file["Hashes"];
            (text(&file["Path"]), text(&hashes["md5"]), text(&hashes["sha1"]))
        })
        .collect();
    rows.sort();
    rows
}

/// With default settings it finds out by itself that there are md5sum and sha1sum.
#[test]
fn checks_a_tree_by_hashes_that_the_server_makes() {
    if rclone_is_missing() {
        return;
    }
    let site = Site::start();
    if site.server.subject == super::support::server::Subject::Sshd {
        return super::support::skipped("the chroot of sshd has no programs");
    }
    site.write_tree();
    let local = site.local("tree");
    rclone(&site, &["sync", &local, "far:/tree"]).expect_success();
    // All the far side has; of its own files rclone could make more.
    let far = hashes(&rclone(&site, &["lsjson", "-R", "--files-only", "--hash", "far:/tree"]));
    let types = ["--hash-type", "md5", "--hash-type", "sha1"];
    let own = [&["lsjson", "-R", "--files-only", "--hash"][..], &types, &[&local]].concat();
    assert_eq!(far.len(), 60);
    assert_eq!(far, hashes(&rclone(&site, &own)));
    rclone(&site, &["check", &local, "far:/tree"]).expect_success();
    rclone(&site, &["sync", "--checksum", &local, "far:/tree"]).expect_success();
    // The same size and time: only its content tells.
    let any = site.served("tree").join("folder 0/ünter-0");
    let file = fs::read_dir(any).expect("list").next().expect("a file").expect("entry").path();
    let time = fs::metadata(&file).expect("stat").modified().expect("mtime");
    let mut bytes = fs::read(&file).expect("read");
    bytes[0] ^= 1;
    fs::write(&file, bytes).expect("write");
    fs::File::open(&file).expect("open").set_modified(time).expect("set time");
    let finished = rclone(&site, &["check", &local, "far:/tree"]).expect_code(1);
    assert!(finished.output().contains("1 differences found"), "{}", finished.output());
}

/// Digests are answered without a shell, and nothing else is.
#[test]
fn commands_are_digests_and_nothing_a_shell_would_do() {
    let site = Site::start();
    if site.server.subject == super::support::server::Subject::Sshd {
        return super::support::skipped("sshd has a shell");
    }
    fs::write(site.served("a file"), "abc").expect("write");
    let ask = |command: &str| site.server.ssh(&[], &[command], super::LONG);
    let said = ask("md5sum '/a file'").expect_success();
    assert_eq!(said.stdout, "900150983cd24fb0d6963f7d28e17f72  /a file\n");
    let said = ask("sha1sum").expect_success();
    assert_eq!(said.stdout, "da39a3ee5e6b4b0d3255bfef95601890afd80709  -\n");
    for command in ["md5sum /none", "md5sum /", "sha256sum /../../etc/none"] {
        let said = ask(command).expect_code(1);
        assert_eq!(said.stdout, "", "{command}");
    }
    for command in ["md5sum '/a file'; touch /made", "md5sum /*", "ls", "touch /made"] {
        assert_ne!(ask(command).code, Some(0), "{command}");
    }
    assert_eq!(fs::read_dir(site.scratch.root()).expect("list").count(), 1);
}

#[test]
fn moves_over_an_existing_file() {
    if rclone_is_missing() {
        return;
    }
    let site = Site::start();
    site.write_old_and_new();
    rclone(&site, &["moveto", "far:/old", "far:/new"]).expect_success();
    site.expect_renamed_over();
}

#[test]
fn lists_and_deletes() {
    if rclone_is_missing() {
        return;
    }
    let site = Site::start();
    site.write_names();
    let finished = rclone(&site, &["lsjson", "far:/folder"]).expect_success();
    let listed: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let entries = listed.as_array().expect("a list").iter();
    let mut names: Vec<_> = entries.map(|entry| (&entry["Name"], &entry["Size"])).collect();
    names.sort_by_key(|(name, _)| name.to_string());
    let expected = [("one", 3), ("three", 5), ("two words", 9)];
    assert_eq!(names.len(), 3, "{names:?}");
    for ((name, size), (its_name, its_size)) in names.into_iter().zip(expected) {
        assert_eq!((name, size), (&Value::from(its_name), &Value::from(its_size)));
    }
    rclone(&site, &["mkdir", "far:/folder/empty"]).expect_success();
    rclone(&site, &["deletefile", "far:/folder/one"]).expect_success();
    assert!(!site.served("folder/one").exists());
    rclone(&site, &["purge", "far:/folder"]).expect_success();
    assert!(!site.served("folder").exists());
}

#[test]
fn about_asks_for_the_disk() {
    if rclone_is_missing() {
        return;
    }
    let site = Site::start();
    let finished = rclone(&site, &["about", "--json", "far:/"]).expect_success();
    let about: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let disk = rustix::fs::statvfs(site.scratch.root()).expect("statvfs");
    assert_eq!(about["total"], Value::from(disk.f_blocks * disk.f_frsize), "{about}");
    assert!(about["free"].as_u64().is_some_and(|free| free > 0), "{about}");
}

#[test]
fn says_what_is_wrong() {
    if rclone_is_missing() {
        return;
    }
    let site = Site::start();
    let finished = rclone(&site, &["lsf", "far:/missing"]).expect_code(3);
    expect_words(&finished, &["directory not found"]);
    let finished = rclone(&site, &["rmdir", "far:/missing"]).expect_code(3);
    expect_words(&finished, &["directory not found"]);
}
