//! PuTTY's `pscp -scp`. It keeps times with `-p`, and no modes of files but x.

use std::fs;

use super::support::MIB;
use super::support::client::{Finished, Running};
use super::support::files::{
    Compare, assert_same_bytes, assert_same_tree, write_random, write_tree,
};
use super::support::foreign::Putty;
use super::support::server::Subject;
use super::{LONG, SOME_TIME, Scene, expect_words, names_in, set_time, time_of};

/// `None`, and a line that says so, where PuTTY is missing.
fn start() -> Option<(Scene, Putty)> {
    let scene = Scene::start();
    let putty = Putty::new(&scene.scratch)?;
    Some((scene, putty))
}

fn pscp(scene: &Scene, putty: &Putty, arguments: &[&str]) -> Finished {
    let mut command = putty.command("pscp", &scene.server, &scene.scratch);
    command.arg("-scp").args(arguments);
    Running::start(command, "").wait(LONG)
}

#[test]
fn files_both_ways_with_times() {
    let Some((scene, putty)) = start() else { return };
    let source = scene.local("source");
    write_random(source.as_ref(), 4 * MIB + 13, 71);
    set_time(source.as_ref(), SOME_TIME);
    fs::write(scene.served("up"), "what was there before").expect("write");
    let (back, empty) = (scene.local("back"), scene.local("empty"));
    fs::write(&empty, "").expect("write");
    pscp(&scene, &putty, &["-p", &source, &scene.far("up")]).expect_success();
    pscp(&scene, &putty, &["-p", &scene.far("up"), &back]).expect_success();
    pscp(&scene, &putty, &["-p", &empty, &scene.far("empty")]).expect_success();
    assert_eq!(fs::metadata(scene.served("empty")).expect("stat").len(), 0);
    for copy in [&scene.served("up"), &scene.scratch.path("back")] {
        assert_same_bytes(source.as_ref(), copy);
        assert_eq!(time_of(copy), SOME_TIME, "{}", copy.display());
    }
}

#[test]
fn several_files_and_trees() {
    let Some((scene, putty)) = start() else { return };
    let tree = scene.local("tree");
    write_tree(tree.as_ref(), 40, 3000, 72);
    let (one, two) = (scene.write_local("one"), scene.write_local("two"));
    let back = scene.make_local_folder("back");
    scene.make_folder("in");
    pscp(&scene, &putty, &["-r", &tree, &scene.far("")]).expect_success();
    pscp(&scene, &putty, &[&one, &two, &scene.far("in")]).expect_success();
    pscp(&scene, &putty, &["-r", &scene.far("tree"), &back]).expect_success();
    assert_same_tree(tree.as_ref(), &scene.served("tree"), Compare::Bytes);
    assert_same_tree(tree.as_ref(), &scene.scratch.path("back/tree"), Compare::Bytes);
    assert_eq!(names_in(&scene.served("in")), ["one", "two"]);
    // It takes what a pattern on the far side matches only when told that it may.
    let arguments = ["-unsafe", &scene.far("in/*"), &back];
    pscp(&scene, &putty, &arguments).expect_success();
    assert_eq!(names_in(back.as_ref()), ["one", "tree", "two"]);
    pscp(&scene, &putty, &["-unsafe", &scene.far("'in'/\"one\""), &scene.local("quoted")])
        .expect_success();
    scene.expect_local("quoted", "one");
}

#[test]
fn what_goes_wrong() {
    let Some((scene, putty)) = start() else { return };
    let (source, back) = (scene.write_local("source"), scene.local("back"));
    scene.make_folder("folder");
    for (from, to, why) in [
        (&scene.far("missing"), &back, "missing: No such file or directory"),
        (&scene.far("folder"), &back, "folder: not a regular file"),
        (&source, &scene.far("none/here"), "none/here: No such file or directory"),
    ] {
        let finished = pscp(&scene, &putty, &[from, to]).expect_code(1);
        expect_words(&finished, &[why]);
    }
    assert_eq!(names_in(&scene.scratch.root()), ["folder"]);
}

/// It asks a shell for `ls -la`.
#[test]
fn a_listing_is_refused() {
    let Some((scene, putty)) = start() else { return };
    if scene.server.subject == Subject::Sshd {
        return super::skipped("sshd has a shell that lists");
    }
    let finished = pscp(&scene, &putty, &["-ls", &scene.far("")]);
    assert!(!finished.timed_out, "{finished:?}");
    expect_words(&finished, &["ringferry: "]);
}
