//! lftp, with OpenSSH's `ssh` as its transport. It knows no posix-rename: `mv` is the draft's.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::support::client::Finished;
use super::support::files::{Compare, assert_same_tree};
use super::support::foreign::{is_installed, lftp_quoted as quote};
use super::support::skipped;
use super::{Site, expect_words, run};

fn lftp_is_missing() -> bool {
    let missing = !is_installed("lftp", "--version");
    if missing {
        skipped("no lftp");
    }
    missing
}

/// Neither the settings nor the bookmarks of whoever runs the test.
fn lftp(site: &Site, script: &str) -> Finished {
    run(site.server.lftp_command(&site.scratch.path("."), script))
}

#[test]
fn up_down_and_resumed() {
    if lftp_is_missing() {
        return;
    }
    let site = Site::start();
    site.write_both();
    let (source, back) = (site.local("source"), site.local("back"));
    let script = format!("put {} -o /up; get /whole -o {}; ", quote(&source), quote(&back));
    lftp(&site, &script).expect_success();
    site.expect_up("up");
    site.expect_down("back");
    site.write_part(&site.served("part"));
    site.write_part(&site.scratch.path("half"));
    let script = format!(
        "put -c {} -o /part; get -c /whole -o {}; ",
        quote(&source),
        quote(&site.local("half"))
    );
    lftp(&site, &script).expect_success();
    site.expect_up("part");
    site.expect_down("half");
}

#[test]
fn pget_in_four_parts_at_once() {
    if lftp_is_missing() {
        return;
    }
    let site = Site::start();
    site.write_both();
    let settings = "set pget:min-chunk-size 100k; ";
    let script = format!("{settings}pget -n 4 /whole -o {}; ", quote(&site.local("back")));
    lftp(&site, &script).expect_success();
    site.expect_down("back");
}

#[test]
fn mirrors_both_ways_with_modes_and_times() {
    if lftp_is_missing() {
        return;
    }
    let site = Site::start();
    let tree = site.write_tree();
    let back = site.local("back");
    let script = format!(
        "mirror -R {} /tree; mirror -P 3 /tree {}; ",
        quote(&site.local("tree")),
        quote(&back)
    );
    lftp(&site, &script).expect_success();
    // It sets no times of folders.
    assert_same_tree(&tree, &site.served("tree"), Compare::Bytes);
    assert_same_tree(&tree, &site.scratch.path("back"), Compare::Bytes);
    for folder in ["folder 1/ünter-0", "folder 3/ünter-2"] {
        for entry in fs::read_dir(tree.join(folder)).expect("list").flatten() {
            let here = entry.metadata().expect("stat");
            let below = format!("tree/{folder}/{}", entry.file_name().display());
            let there = fs::metadata(site.served(&below)).expect("stat");
            assert_eq!(here.mode(), there.mode(), "mode of {below}");
            assert_eq!(here.mtime(), there.mtime(), "mtime of {below}");
        }
    }
    // A second run finds nothing to do, and --delete what is too much.
    fs::write(site.served("tree/too much"), "x").expect("write");
    let script = format!("mirror -R --delete -v {} /tree; ", quote(&site.local("tree")));
    let finished = lftp(&site, &script).expect_success();
    assert!(!site.served("tree/too much").exists());
    assert!(!finished.output().contains("Transferring file"), "{}", finished.output());
}

#[test]
fn renames_lists_and_deletes() {
    if lftp_is_missing() {
        return;
    }
    let site = Site::start();
    site.write_names();
    site.write_old_and_new();
    let listing = lftp(&site, "cls -1 /folder; ls /folder; ").expect_success();
    expect_words(&listing, &["one", "two words", "three", "-rw"]);
    lftp(&site, "mv /old /new; ").expect_code(1);
    site.expect_not_renamed();
    lftp(&site, "rm /new; mv /old /new; chmod 600 /new; ").expect_success();
    site.expect_renamed_over();
    assert_eq!(fs::metadata(site.served("new")).expect("stat").mode() & 0o777, 0o600);
    lftp(&site, "mkdir -p /deep/er; rm -r /folder; rmdir /deep/er /deep; rm /new; ")
        .expect_success();
    assert_eq!(fs::read_dir(site.scratch.root()).expect("list").count(), 0, "all is deleted");
}

#[test]
fn says_what_is_wrong() {
    if lftp_is_missing() {
        return;
    }
    let site = Site::start();
    fs::create_dir(site.served("folder")).expect("mkdir");
    let script = format!("get /missing -o {}; ", quote(&site.local("back")));
    expect_words(&lftp(&site, &script).expect_code(1), &["No such file"]);
    expect_words(&lftp(&site, "mkdir /folder; ").expect_code(1), &[site.words_for_existing()]);
}
