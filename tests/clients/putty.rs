//! PuTTY's `psftp` and `pscp -sftp`. Their `mv` is the draft's RENAME, and only `pscp -p` keeps a
//! time; neither keeps a mode.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::support::client::Finished;
use super::support::files::{Compare, assert_same_tree};
use super::support::foreign;
use super::{SOME_TIME, Site, expect_words, run, set_time};

struct Putty {
    site: Site,
    programs: foreign::Putty,
}

/// `None`, and a line that says so, where PuTTY is missing.
fn putty() -> Option<Putty> {
    let site = Site::start();
    let programs = foreign::Putty::new(&site.scratch)?;
    Some(Putty { site, programs })
}

impl Putty {
    fn command(&self, program: &str) -> std::process::Command {
        self.programs.command(program, &self.site.server, &self.site.scratch)
    }

    /// Ends with code 2 at the first command that fails.
    fn psftp(&self, batch: &str) -> Finished {
        let file = self.site.scratch.path("batch");
        fs::write(&file, batch).expect("write");
        let mut command = self.command("psftp");
        command.args(["-l", &self.site.server.user, "-b"]).arg(&file).arg("127.0.0.1");
        run(command)
    }

    fn pscp(&self, arguments: &[&str]) -> Finished {
        let mut command = self.command("pscp");
        command.arg("-sftp").args(arguments);
        run(command)
    }
}

#[test]
fn psftp_up_down_and_resumed() {
    let Some(putty) = putty() else { return };
    let site = &putty.site;
    site.write_both();
    let (source, back, half) = (site.local("source"), site.local("back"), site.local("half"));
    site.write_part(&site.served("part"));
    site.write_part(&site.scratch.path("half"));
    putty
        .psftp(&format!(
            "put {source} /up\nget /whole {back}\nreput {source} /part\nreget /whole {half}\n"
        ))
        .expect_success();
    site.expect_up("up");
    site.expect_up("part");
    site.expect_down("back");
    site.expect_down("half");
}

#[test]
fn psftp_takes_trees_both_ways() {
    let Some(putty) = putty() else { return };
    let site = &putty.site;
    let tree = site.write_tree();
    let (local, back) = (site.local("tree"), site.local("back"));
    putty.psftp(&format!("put -r {local} /tree\nget -r /tree {back}\n")).expect_success();
    assert_same_tree(&tree, &site.served("tree"), Compare::Bytes);
    assert_same_tree(&tree, &site.scratch.path("back"), Compare::Bytes);
}

#[test]
fn psftp_renames_lists_and_deletes() {
    let Some(putty) = putty() else { return };
    let site = &putty.site;
    site.write_names();
    site.write_old_and_new();
    let listing = putty.psftp("cd /folder\npwd\nls\n").expect_success();
    expect_words(&listing, &["Remote directory is /folder", "one", "two words", "three", "-rw"]);
    putty.psftp("mv /old /new\n").expect_code(2);
    site.expect_not_renamed();
    putty.psftp("del /new\nmv /old /new\nchmod 640 /new\n").expect_success();
    site.expect_renamed_over();
    assert_eq!(fs::metadata(site.served("new")).expect("stat").mode() & 0o777, 0o640);
    let batch = "mkdir /deep\nrmdir /deep\ncd /folder\ndel *\ncd /\nrmdir /folder\ndel /new\n";
    putty.psftp(batch).expect_success();
    assert_eq!(fs::read_dir(site.scratch.root()).expect("list").count(), 0, "all is deleted");
}

#[test]
fn psftp_says_what_is_wrong() {
    let Some(putty) = putty() else { return };
    fs::create_dir(putty.site.served("folder")).expect("mkdir");
    let back = putty.site.local("back");
    let finished = putty.psftp(&format!("get /missing {back}\n")).expect_code(2);
    expect_words(&finished, &["no such file or directory"]);
    expect_words(&putty.psftp("mkdir /folder\n").expect_code(2), &["failure"]);
}

#[test]
fn pscp_both_ways_with_times() {
    let Some(putty) = putty() else { return };
    let site = &putty.site;
    let source = site.write_source();
    set_time(&source, SOME_TIME);
    fs::write(site.served("up"), "what was there before").expect("write");
    let (local, back) = (site.local("source"), site.local("back"));
    putty.pscp(&["-p", &local, &site.server.remote("/up")]).expect_success();
    putty.pscp(&["-p", &site.server.remote("/up"), &back]).expect_success();
    site.expect_up("up");
    site.expect_down("back");
    for copy in [site.served("up"), site.scratch.path("back")] {
        assert_eq!(fs::metadata(&copy).expect("stat").mtime(), SOME_TIME, "{}", copy.display());
    }
}

#[test]
fn pscp_trees_listing_and_an_error() {
    let Some(putty) = putty() else { return };
    let site = &putty.site;
    let tree = site.write_tree();
    let (local, back) = (site.local("tree"), site.local("back"));
    // Into folders that exist.
    fs::create_dir(&back).expect("mkdir");
    putty.pscp(&["-r", &local, &site.server.remote("/")]).expect_success();
    putty.pscp(&["-r", &site.server.remote("/tree"), &back]).expect_success();
    assert_same_tree(&tree, &site.served("tree"), Compare::Bytes);
    assert_same_tree(&tree, &site.scratch.path("back/tree"), Compare::Bytes);
    let listing = putty.pscp(&["-ls", &site.server.remote("/tree")]).expect_success();
    expect_words(&listing, &["Listing directory /tree", "folder 1", "drwx"]);
    let missing = site.server.remote("/missing");
    let finished = putty.pscp(&[&missing, &site.local("down")]).expect_code(1);
    expect_words(&finished, &["no such file or directory"]);
}
