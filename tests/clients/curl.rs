//! curl, whose libssh2 has old MACs only on Debian 12. What is more than a transfer goes by `-Q`;
//! trees it has none, and its rename is the draft's.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::support::client::Finished;
use super::support::skipped;
use super::{SOME_TIME, Site, expect_words, run, set_time};

fn curl_is_missing() -> bool {
    let version = Command::new("curl").arg("-V").output();
    let has_sftp = version.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains(" sftp"));
    if !has_sftp {
        skipped("no curl with sftp");
    }
    !has_sftp
}

/// curl with a path on the server; `//` at its front would be the home folder's parent.
fn curl(site: &Site, arguments: &[&str], path: &str) -> Finished {
    let mut command = Command::new("curl");
    command.args(["-q", "-sS", "--insecure", "--key"]).arg(site.scratch.path("client_key"));
    command.arg("--pubkey").arg(site.scratch.path("client_key.pub")).args(arguments);
    command.arg(format!("sftp://{}@{}{path}", site.server.user, site.server.address));
    run(command)
}

#[test]
fn up_down_and_resumed() {
    if curl_is_missing() {
        return;
    }
    let site = Site::start();
    site.write_both();
    let (source, back, half) = (site.local("source"), site.local("back"), site.local("half"));
    fs::write(site.served("up"), "what was there before").expect("write");
    curl(&site, &["-T", &source], "/up").expect_success();
    curl(&site, &["-o", &back], "/whole").expect_success();
    site.expect_up("up");
    site.expect_down("back");
    site.write_part(&site.served("part"));
    site.write_part(&site.scratch.path("half"));
    // Resuming an upload, it asks for the size and appends.
    curl(&site, &["-C", "-", "-T", &source], "/part").expect_success();
    curl(&site, &["-C", "-", "-o", &half], "/whole").expect_success();
    site.expect_up("part");
    site.expect_down("half");
}

#[test]
fn makes_folders_and_keeps_modes_and_times() {
    if curl_is_missing() {
        return;
    }
    let site = Site::start();
    let source = site.write_source();
    set_time(&source, SOME_TIME);
    let local = site.local("source");
    let arguments = ["--ftp-create-dirs", "--create-file-mode", "0640", "-T", &local];
    curl(&site, &arguments, "/some/deep/file").expect_success();
    site.expect_up("some/deep/file");
    let file = site.served("some/deep/file");
    assert_eq!(fs::metadata(&file).expect("stat").mode() & 0o777, 0o640);
    let chmod = ["-Q", "chmod 600 /some/deep/file", "-l"];
    curl(&site, &chmod, "/some/").expect_success();
    assert_eq!(fs::metadata(&file).expect("stat").mode() & 0o777, 0o600);
    set_time(&file, SOME_TIME);
    let back = site.local("back");
    curl(&site, &["-R", "-o", &back], "/some/deep/file").expect_success();
    assert_eq!(fs::metadata(site.scratch.path("back")).expect("stat").mtime(), SOME_TIME);
}

#[test]
fn renames_lists_and_deletes() {
    if curl_is_missing() {
        return;
    }
    let site = Site::start();
    site.write_names();
    site.write_old_and_new();
    let finished = curl(&site, &["-l"], "/folder/").expect_success();
    let mut names: Vec<&str> = finished.stdout.lines().collect();
    names.sort_unstable();
    assert_eq!(names, [".", "..", "one", "three", "two words"]);
    expect_words(&curl(&site, &[], "/folder/").expect_success(), &["-rw", "two words"]);
    // 21: a quoted command failed.
    curl(&site, &["-Q", "rename /old /new"], "/").expect_code(21);
    site.expect_not_renamed();
    curl(&site, &["-Q", "rm /new", "-Q", "rename /old /new"], "/").expect_success();
    site.expect_renamed_over();
    let quotes = ["rm /new", "rm /folder/one", "rm /folder/three", "rm \"/folder/two words\""];
    let quotes = quotes.into_iter().chain(["rmdir /folder", "mkdir /made", "rmdir /made"]);
    let arguments: Vec<&str> = quotes.flat_map(|quote| ["-Q", quote]).collect();
    curl(&site, &arguments, "/").expect_success();
    assert_eq!(fs::read_dir(site.scratch.root()).expect("list").count(), 0, "all is deleted");
}

#[test]
fn says_what_is_wrong() {
    if curl_is_missing() {
        return;
    }
    let site = Site::start();
    // 78: the file is missing.
    let finished = curl(&site, &["-o", "/dev/null"], "/missing").expect_code(78);
    expect_words(&finished, &["Could not open remote file for reading"]);
    let local = site.local("source");
    site.write_source();
    let finished = curl(&site, &["-T", &local], "/no/such/folder");
    assert_ne!(finished.code, Some(0), "{finished:?}");
}
