//! OpenSSH's `scp -O`: what goes well.

use std::fs;

use super::support::files::{
    Compare, assert_same_bytes, assert_same_tree, sha256, vary_modes_and_times, write_random,
    write_tree,
};
use super::support::server::Subject;
use super::support::{MIB, bulk_bytes};
use super::{SOME_TIME, Scene, mode_of, names_in, set_mode, set_time, time_of};

#[test]
fn a_large_file_both_ways() {
    let scene = Scene::start();
    let (source, back) = (scene.local("source"), scene.local("back"));
    write_random(source.as_ref(), bulk_bytes(), 61);
    scene.scp(&[&source, &scene.far("large.bin")]).expect_success();
    scene.scp(&[&scene.far("large.bin"), &back]).expect_success();
    let hash = sha256(source.as_ref());
    assert_eq!(hash, sha256(&scene.served("large.bin")), "after put");
    assert_eq!(hash, sha256(back.as_ref()), "after get");
    eprintln!("{} MiB each way: sha256 {hash}", bulk_bytes() / MIB);
}

/// Several files in one session, since each ends where the next begins.
#[test]
fn empty_and_odd_sizes() {
    let scene = Scene::start();
    let (up, back) = (scene.make_local_folder("up"), scene.make_local_folder("back"));
    // Around scp's block, an SSH packet, a train and the client's window.
    let sizes = [
        0,
        1,
        16_383,
        16_384,
        32_767,
        32_768,
        32_769,
        262_143,
        524_289,
        2 * MIB - 1,
        2 * MIB,
        2 * MIB + 1,
    ];
    for size in sizes {
        write_random(&scene.scratch.path("up").join(size.to_string()), size, size);
    }
    scene.scp(&["-r", &up, &scene.far("sizes")]).expect_success();
    scene.scp(&["-r", &scene.far("sizes"), &back]).expect_success();
    assert_same_tree(up.as_ref(), &scene.served("sizes"), Compare::Bytes);
    assert_same_tree(up.as_ref(), &scene.scratch.path("back/sizes"), Compare::Bytes);
}

#[test]
fn several_sources_up_and_down() {
    let scene = Scene::start();
    let sources = ["one", "two", "three"].map(|name| scene.write_local(name));
    scene.make_folder("in");
    let [one, two, three] = sources.each_ref().map(|name| &name[..]);
    scene.scp(&[one, two, three, &scene.far("in")]).expect_success();
    assert_eq!(names_in(&scene.served("in")), ["one", "three", "two"]);
    for name in ["one", "two", "three"] {
        scene.expect_served(&format!("in/{name}"), name);
    }

    // Two of them in one command, which the client, not asked for, would not take (`-T`).
    let pair = format!("{} {}", scene.far("in/one"), scene.far_path("in/two"));
    let back = scene.make_local_folder("back");
    scene.scp(&["-T", &pair, &scene.far("in/three"), &back]).expect_success();
    for name in ["one", "two", "three"] {
        scene.expect_local(&format!("back/{name}"), name);
    }
}

#[test]
fn a_tree_with_modes_and_times_both_ways() {
    let scene = Scene::start();
    let tree = scene.local("tree");
    write_tree(tree.as_ref(), 60, 3000, 62);
    fs::create_dir(scene.scratch.path("tree/empty")).expect("mkdir");
    vary_modes_and_times(tree.as_ref(), 62);
    scene.scp(&["-r", "-p", &tree, &scene.far("tree")]).expect_success();
    assert_same_tree(tree.as_ref(), &scene.served("tree"), Compare::BytesModesTimes);
    scene.scp(&["-r", "-p", &scene.far("tree"), &scene.local("back")]).expect_success();
    let back = scene.scratch.path("back");
    assert_same_tree(tree.as_ref(), &back, Compare::BytesModesTimes);
    for copy in [&scene.served("tree"), &back] {
        assert_eq!(time_of(copy), time_of(tree.as_ref()), "{}", copy.display());
        assert_eq!(mode_of(copy), mode_of(tree.as_ref()), "{}", copy.display());
    }
}

/// Into a folder that is there a tree goes under its own name, as a missing one it gets a new one.
#[test]
fn a_tree_into_a_folder_that_is_there() {
    let scene = Scene::start();
    let tree = scene.local("tree");
    write_tree(tree.as_ref(), 30, 700, 63);
    scene.make_folder("there");
    let back = scene.make_local_folder("back");
    scene.scp(&["-r", &tree, &scene.far("there")]).expect_success();
    scene.scp(&["-r", &tree, &scene.far("there/new")]).expect_success();
    assert_same_tree(tree.as_ref(), &scene.served("there/tree"), Compare::Bytes);
    assert_same_tree(tree.as_ref(), &scene.served("there/new"), Compare::Bytes);
    // A second time over what is there.
    scene.scp(&["-r", &tree, &scene.far("there")]).expect_success();
    assert_eq!(names_in(&scene.served("there")), ["new", "tree"]);
    scene.scp(&["-r", &scene.far("there/tree"), &back]).expect_success();
    assert_same_tree(tree.as_ref(), &scene.scratch.path("back/tree"), Compare::Bytes);
}

#[test]
fn a_tree_of_1000_small_files() {
    let scene = Scene::start();
    let tree = scene.local("tree");
    write_tree(tree.as_ref(), 1000, 4096, 64);
    scene.scp(&["-r", &tree, &scene.far("tree")]).expect_success();
    assert_same_tree(tree.as_ref(), &scene.served("tree"), Compare::Bytes);
    scene.scp(&["-r", &scene.far("tree"), &scene.local("back")]).expect_success();
    assert_same_tree(tree.as_ref(), &scene.scratch.path("back"), Compare::Bytes);
}

#[test]
fn p_keeps_the_mode_and_time_of_one_file() {
    let scene = Scene::start();
    for mode in [0o600, 0o444, 0o755, 0o640, 0o4711] {
        let (name, back) = (format!("kept-{mode:o}"), scene.local(&format!("back-{mode:o}")));
        let source = scene.write_local(&name);
        set_mode(source.as_ref(), mode);
        set_time(source.as_ref(), SOME_TIME);
        scene.scp(&["-p", &source, &scene.far(&name)]).expect_success();
        scene.scp(&["-p", &scene.far(&name), &back]).expect_success();
        for copy in [&scene.served(&name), &scene.scratch.path(&format!("back-{mode:o}"))] {
            assert_eq!(mode_of(copy), mode, "mode of {}", copy.display());
            assert_eq!(time_of(copy), SOME_TIME, "mtime of {}", copy.display());
        }
    }
}

/// Without `-p` a new file has its source's mode as far as the umask lets it, and an old one its
/// own.
#[test]
fn without_p_modes_are_for_new_files() {
    let scene = Scene::start();
    let source = scene.write_local("source");
    set_mode(source.as_ref(), 0o750);
    set_time(source.as_ref(), SOME_TIME);
    scene.scp(&[&source, &scene.far("new")]).expect_success();
    assert_eq!(mode_of(&scene.served("new")), 0o750);
    assert_ne!(time_of(&scene.served("new")), SOME_TIME);
    scene.write_served("old");
    set_mode(&scene.served("old"), 0o604);
    scene.scp(&[&source, &scene.far("old")]).expect_success();
    scene.expect_served("old", "source");
    assert_eq!(mode_of(&scene.served("old")), 0o604);
    // Before 10.3 OpenSSH lets them through.
    if scene.server.subject == Subject::Ringferry {
        set_mode(source.as_ref(), 0o6755);
        scene.scp(&[&source, &scene.far("set-id")]).expect_success();
        assert_eq!(mode_of(&scene.served("set-id")), 0o755);
    }
}

#[test]
fn the_target_is_a_folder_a_file_or_nothing() {
    let scene = Scene::start();
    let source = scene.write_local("source");
    scene.make_folder("folder");
    fs::write(scene.served("longer"), "more than the source has").expect("write");
    for path in ["folder", "folder/", "folder/named", "longer", "missing"] {
        scene.scp(&[&source, &scene.far(path)]).expect_success();
    }
    for name in ["folder/source", "folder/named", "longer", "missing"] {
        scene.expect_served(name, "source");
    }
    assert_eq!(names_in(&scene.scratch.root()), ["folder", "longer", "missing"]);
}

#[test]
fn patterns_on_the_far_side() {
    let scene = Scene::start();
    scene.make_folder("data/deep");
    scene.make_folder("data/other");
    let names =
        ["a1.csv", "a2.csv", "b1.csv", "a1.txt", ".hidden.csv", "deep/in.csv", "other/in.txt"];
    for name in names {
        scene.write_served(&format!("data/{name}"));
    }
    for (number, (pattern, expected)) in [
        ("data/*.csv", &["a1.csv", "a2.csv", "b1.csv"][..]),
        ("data/a?.csv", &["a1.csv", "a2.csv"]),
        ("data/[ab]1.*", &["a1.csv", "a1.txt", "b1.csv"]),
        ("data/[!a]*.csv", &["b1.csv"]),
        ("data/.*.csv", &[".hidden.csv"]),
        ("data/*/in.*", &["in.csv", "in.txt"]),
        ("dat?/d*/*", &["in.csv"]),
    ]
    .iter()
    .enumerate()
    {
        let back = scene.make_local_folder(&format!("back-{number}"));
        scene.scp(&[&scene.far(pattern), &back]).expect_success();
        assert_eq!(names_in(back.as_ref()), *expected, "{pattern}");
    }
    scene.expect_local("back-0/a2.csv", "data/a2.csv");
    // Folders too, with -r.
    let back = scene.make_local_folder("back");
    scene.scp(&["-r", &scene.far("data/*"), &back]).expect_success();
    assert_eq!(names_in(back.as_ref()), ["a1.csv", "a1.txt", "a2.csv", "b1.csv", "deep", "other"]);
    scene.expect_local("back/deep/in.csv", "data/deep/in.csv");
}

/// Paths that are not absolute begin at home, which for us is the root here.
#[test]
fn paths_at_home() {
    let Some(scene) = Scene::start_ours("the home of sshd's user is not the test's") else {
        return;
    };
    let source = scene.write_local("source");
    scene.make_folder("folder");
    for (target, name) in [
        ("plain", "plain"),
        ("~/tilde", "tilde"),
        ("folder/../dots", "dots"),
        ("", "source"),
        ("folder/.", "folder/source"),
    ] {
        scene.scp(&[&source, &scene.server.remote(target)]).expect_success();
        scene.expect_served(name, "source");
        let back = scene.local(&format!("back-{}", name.replace('/', "-")));
        let path = if target.ends_with(name) { target } else { name };
        scene.scp(&[&scene.server.remote(path), &back]).expect_success();
        assert_same_bytes(source.as_ref(), back.as_ref());
    }
    let back = scene.make_local_folder("back");
    scene.scp(&[&scene.server.remote("~/p*"), &back]).expect_success();
    assert_eq!(names_in(back.as_ref()), ["plain"]);
}

/// `-3`: the client passes the records of one session on to the other.
#[test]
fn between_two_sessions() {
    let scene = Scene::start();
    let tree = scene.local("tree");
    write_tree(tree.as_ref(), 20, 900, 65);
    vary_modes_and_times(tree.as_ref(), 65);
    scene.scp(&["-r", "-p", &tree, &scene.far("tree")]).expect_success();
    scene.scp(&["-3", "-r", "-p", &scene.far("tree"), &scene.far("copied")]).expect_success();
    assert_same_tree(tree.as_ref(), &scene.served("copied"), Compare::BytesModesTimes);
}

/// Links are followed, as scp does it: the file arrives, not the link.
#[test]
fn links_are_followed() {
    let scene = Scene::start();
    scene.make_folder("tree/inner");
    scene.write_served("file");
    scene.write_served("tree/inner/deep");
    std::os::unix::fs::symlink("../file", scene.served("tree/link")).expect("symlink");
    std::os::unix::fs::symlink("inner", scene.served("tree/also")).expect("symlink");
    scene.scp(&["-r", &scene.far("tree"), &scene.local("back")]).expect_success();
    scene.expect_local("back/link", "file");
    scene.expect_local("back/also/deep", "tree/inner/deep");
    assert!(!scene.scratch.path("back/link").is_symlink());
}
