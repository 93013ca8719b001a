//! rclone, by a remote that is configured in its environment. It resumes no single file: it sends
//! what is missing. Its hashes come from commands on the server, so `check` compares by content.

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
