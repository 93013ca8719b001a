//! OpenSSH's `sftp` and `scp`: what `interop.rs` leaves out.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::support::client::quoted;
use super::support::files::{Compare, assert_same_tree};
use super::{LONG, Site, expect_words};

#[test]
fn sftp_renames_over_an_existing_file() {
    let site = Site::start();
    site.write_old_and_new();
    // The first as posix-rename, the second as the draft's RENAME, which must not.
    site.server.sftp(&[], "rename /old /new\n", LONG).expect_success();
    site.expect_renamed_over();
    site.write_old_and_new();
    site.server.sftp(&[], "rename -l /old /new\n", LONG).expect_code(1);
    site.expect_not_renamed();
}

#[test]
fn sftp_lists() {
    let site = Site::start();
    site.write_names();
    let finished = site.server.sftp(&[], "ls -1 /folder\n", LONG).expect_success();
    let names: Vec<&str> = finished.stdout.lines().skip(1).collect();
    assert_eq!(names, ["/folder/one", "/folder/three", "/folder/two words"]);
    let finished = site.server.sftp(&[], "ls -l /folder\n", LONG).expect_success();
    let uid = fs::metadata(site.served("folder/one")).expect("stat").uid().to_string();
    for line in finished.stdout.lines().skip(1) {
        assert!(line.starts_with("-rw"), "{line:?}");
        let owner = line.split_whitespace().nth(2).expect("an owner");
        // By name, where the server tells names.
        assert!(owner == uid || owner == site.server.user, "{line:?}");
    }
    let finished = site.server.sftp(&[], "ls -l /folder/*e\n", LONG).expect_success();
    expect_words(&finished, &["/folder/one", "/folder/three"]);
}

#[test]
fn sftp_deletes() {
    let site = Site::start();
    site.write_names();
    let batch = "rm /folder/*\nrmdir /folder\n";
    site.server.sftp(&[], batch, LONG).expect_success();
    assert!(!site.served("folder").exists());
}

#[test]
fn sftp_makes_links_and_copies() {
    let site = Site::start();
    let source = site.write_source();
    let batch = format!(
        "put {} /file\nln /file /hard\nln -s file /soft\ncp /file /copy\n",
        quoted(&source)
    );
    site.server.sftp(&[], &batch, LONG).expect_success();
    let inode = |name| fs::metadata(site.served(name)).expect("stat").ino();
    assert_eq!(inode("file"), inode("hard"));
    assert_ne!(inode("file"), inode("copy"));
    site.expect_up("copy");
    assert_eq!(fs::read_link(site.served("soft")).expect("a link").to_str(), Some("file"));
}

#[test]
fn sftp_asks_for_the_disk_and_flushes() {
    let site = Site::start();
    let source = site.write_source();
    // -f: fsync after the upload.
    let batch = format!("df -i /\ndf -h /\nput -f {} /flushed\n", quoted(source));
    let finished = site.server.sftp(&[], &batch, LONG).expect_success();
    expect_words(&finished, &["Inodes", "Capacity"]);
    site.expect_up("flushed");
}

#[test]
fn sftp_says_what_is_wrong() {
    let site = Site::start();
    fs::create_dir(site.served("folder")).expect("mkdir");
    fs::write(site.served("folder/file"), "in the way").expect("write");
    for (batch, words) in [
        ("get /missing /dev/null\n", "not found"),
        ("rm /missing\n", "No such file or directory"),
        ("rmdir /folder\n", "Failure"),
        ("mkdir /folder/file/deeper\n", "No such file or directory"),
        ("ls /missing\n", "not found"),
    ] {
        let finished = site.server.sftp(&[], batch, LONG).expect_code(1);
        expect_words(&finished, &[words]);
    }
}

#[test]
fn scp_replaces_a_file_and_reports_a_missing_one() {
    let site = Site::start();
    let source = site.write_source();
    fs::write(site.served("there"), "shorter").expect("write");
    let local = site.local("source");
    site.server.scp(&[&local, &site.server.remote("/there")], LONG).expect_success();
    site.expect_up("there");
    // A longer file before must leave nothing behind.
    fs::write(&source, "brief").expect("write");
    site.server.scp(&[&local, &site.server.remote("/there")], LONG).expect_success();
    assert_eq!(fs::read(site.served("there")).expect("read"), b"brief");
    let missing = site.server.remote("/missing");
    let finished = site.server.scp(&[&missing, &local], LONG).expect_code(1);
    expect_words(&finished, &["No such file or directory"]);
}

/// `-3`: the client reads from one session and writes to the other.
#[test]
fn scp_copies_through_the_client_between_two_sessions() {
    let site = Site::start();
    let tree = site.write_tree();
    let [first, second, third] = ["/tree", "/copied", "/missing"].map(|at| site.server.remote(at));
    site.server.scp(&["-r", "-p", &site.local("tree"), &first], LONG).expect_success();
    site.server.scp(&["-3", "-r", "-p", &first, &second], LONG).expect_success();
    assert_same_tree(&tree, &site.served("copied"), Compare::BytesModesTimes);
    let finished = site.server.scp(&["-3", &third, &second], LONG).expect_code(1);
    expect_words(&finished, &["No such file or directory"]);
}
