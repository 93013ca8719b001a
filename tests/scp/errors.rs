//! What goes wrong: the client is told in the system's words and ends with code 1, and what else it
//! asked for is done.

use std::fs;
use std::process::Command;

use super::support::client::{Finished, Running};
use super::support::files::{assert_same_bytes, write_random};
use super::support::server::{Options, Subject, can_mount_tmpfs};
use super::support::{MIB, SOON, skipped, wait_for};
use super::{LONG, Scene, expect_words, names_in, set_mode};

#[test]
fn a_missing_file_among_several() {
    let scene = Scene::start();
    for name in ["one", "three"] {
        scene.write_served(name);
    }
    let back = scene.make_local_folder("back");
    let (one, two, three) = (scene.far("one"), scene.far("two"), scene.far("three"));
    let finished = scene.scp(&[&one, &two, &three, &back]).expect_code(1);
    expect_words(&finished, &["two: No such file or directory"]);
    assert_eq!(names_in(back.as_ref()), ["one", "three"], "in a session each");

    let back = scene.make_local_folder("again");
    let all = format!("{one} {} {}", scene.far_path("two"), scene.far_path("three"));
    let finished = scene.scp(&["-T", &all, &back]).expect_code(1);
    expect_words(&finished, &["two: No such file or directory"]);
    assert_eq!(names_in(back.as_ref()), ["one", "three"], "in one session");
}

/// A pattern without a match is a name like any other.
#[test]
fn patterns_without_a_match() {
    let scene = Scene::start();
    let finished = scene.scp(&[&scene.far("*.none"), &scene.local("back")]).expect_code(1);
    expect_words(&finished, &["*.none: No such file or directory"]);
    scene.write_served("as [it] stands");
    let word = scene.far("as\\ [it]\\ stands");
    scene.scp(&["-T", &word, &scene.local("back")]).expect_success();
    scene.expect_local("back", "as [it] stands");
}

#[test]
fn folders_need_r() {
    let scene = Scene::start();
    scene.make_folder("data/folder");
    scene.write_served("data/file");
    let back = scene.make_local_folder("back");
    let finished = scene.scp(&[&scene.far("data/*"), &back]).expect_code(1);
    expect_words(&finished, &["data/folder: not a regular file"]);
    assert_eq!(names_in(back.as_ref()), ["file"], "the rest arrives");
}

/// Neither opened, which would wait for a writer, nor sent.
#[test]
fn a_fifo_is_no_file() {
    let scene = Scene::start();
    scene.make_folder("data");
    scene.write_served("data/file");
    let fifo = scene.served("data/fifo");
    assert!(Command::new("mkfifo").arg(fifo).status().expect("mkfifo").success());
    let finished = scene.scp(&["-r", &scene.far("data"), &scene.local("back")]).expect_code(1);
    expect_words(&finished, &["data/fifo: not a regular file"]);
    assert_eq!(names_in(&scene.scratch.path("back")), ["file"]);
}

/// Each with what is said about it; nothing on the server changes.
#[test]
fn uploads_that_cannot_be() {
    let scene = Scene::start();
    let (file, more) = (scene.write_local("file"), scene.write_local("more"));
    let tree = scene.make_local_folder("tree");
    fs::write(scene.scratch.path("tree/file"), "in a tree").expect("write");
    scene.make_folder("folder/file");
    fs::write(scene.served("there"), "before").expect("write");
    for (sources, target, why) in [
        (&[&file[..]][..], "none/file", "none/file: No such file or directory"),
        (&[&file], "none/", "none/: "),
        (&[&file], "there/file", "there/file: Not a directory"),
        (&[&file], "folder", "folder/file: Is a directory"),
        (&[&file, &more], "there", "there: Not a directory"),
        (&[&file, &more], "none", "none: No such file or directory"),
        (&["-r", &tree], "there", "there: Not a directory"),
        (&["-r", &tree], "none/tree", "none/tree: No such file or directory"),
    ] {
        let finished = scene.scp(&[sources, &[&scene.far(target)]].concat()).expect_code(1);
        expect_words(&finished, &[why]);
    }
    scene.expect_served("there", "before");
    assert_eq!(names_in(&scene.scratch.root()), ["folder", "there"]);
    assert_eq!(names_in(&scene.served("folder")), ["file"]);
}

/// One file of a tree cannot be written: the others are.
#[test]
fn a_refused_file_in_a_tree() {
    let scene = Scene::start();
    let tree = scene.make_local_folder("tree");
    for name in ["a", "b", "c"] {
        fs::write(scene.scratch.path("tree").join(name), name.repeat(100_000)).expect("write");
    }
    scene.make_folder("far/b");
    let target = scene.far("far/../far/.");
    let sources = ["a", "b", "c"].map(|name| format!("{tree}/{name}"));
    let [a, b, c] = sources.each_ref().map(|source| &source[..]);
    let finished = scene.scp(&[a, b, c, &target]).expect_code(1);
    expect_words(&finished, &["b: Is a directory"]);
    assert_eq!(names_in(&scene.served("far")), ["a", "b", "c"]);
    for name in ["a", "c"] {
        scene.expect_served(&format!("far/{name}"), &name.repeat(100_000));
    }
}

#[test]
fn what_the_system_denies() {
    let scene = Scene::start_with(Options { heeds_modes: true, ..Options::default() });
    let source = scene.write_local("source");
    scene.make_folder("closed");
    for name in ["secret", "free"] {
        scene.write_served(name);
    }
    set_mode(&scene.served("secret"), 0);
    set_mode(&scene.served("closed"), 0o500);
    let back = scene.make_local_folder("back");
    let (secret, free) = (scene.far("secret"), scene.far("free"));
    let finished = scene.scp(&[&secret, &free, &back]).expect_code(1);
    expect_words(&finished, &["secret: Permission denied"]);
    assert_eq!(names_in(back.as_ref()), ["free"]);
    for target in ["closed/new", "secret"] {
        let finished = scene.scp(&[&source, &scene.far(target)]).expect_code(1);
        expect_words(&finished, &[&format!("{target}: Permission denied")]);
    }
}

/// The folder tables of a users file hold for scp as for SFTP.
#[test]
fn what_the_users_file_denies() {
    if Subject::chosen() == Subject::Sshd {
        return skipped("the users file is ours");
    }
    let scratch = super::support::files::Scratch::new();
    let key = fs::read_to_string(scratch.path("client_key.pub")).expect("a key");
    let users_file = scratch.path("users.toml");
    let text = format!(
        "[users.ann]\nroot = {:?}\nauthorized_keys = [{:?}]\n[[users.ann.folders]]\n\
         path = '/drop'\npermissions = ['list', 'upload']\nhidden = ['.*']\n\
         [[users.ann.folders]]\npath = '/shelf'\npermissions = ['list', 'download']\n",
        scratch.root(),
        key.trim()
    );
    fs::write(&users_file, text).expect("write");
    set_mode(&users_file, 0o600);
    let options = Options { users_file: Some(users_file), ..Options::default() };
    let mut server = super::Server::start_with(&scratch, &options);
    server.log_in_as("ann", scratch.path("client_key"));
    let scene = Scene { server, scratch };
    for name in ["drop/old", "drop/.hidden", "shelf/book"] {
        scene.make_folder(name.split('/').next().expect("a folder"));
        scene.write_served(name);
    }
    let (source, back) = (scene.write_local("source"), scene.make_local_folder("back"));
    scene.scp(&[&source, &scene.far("drop/new")]).expect_success();
    scene.scp(&[&scene.far("shelf/*"), &back]).expect_success();
    let [old, hidden, book] = ["drop/old", "drop/.hidden", "shelf/book"].map(|at| scene.far(at));
    for (from, to, why) in [
        (&old, &back, "drop/old: Permission denied"),
        (&source, &old, "drop/old: Permission denied"),
        (&hidden, &back, "drop/.hidden: No such file or directory"),
        (&source, &book, "shelf/book: Permission denied"),
        (&source, &scene.far("shelf/new"), "shelf/new: Permission denied"),
    ] {
        expect_words(&scene.scp(&[from, to]).expect_code(1), &[why]);
    }
    assert_eq!(names_in(back.as_ref()), ["book"]);
    assert_eq!(names_in(&scene.served("drop")), [".hidden", "new", "old"]);
    scene.expect_served("drop/old", "drop/old");
    scene.expect_served("shelf/book", "shelf/book");
}

#[test]
fn a_read_only_server() {
    if Subject::chosen() == Subject::Sshd {
        return skipped("sshd's scp has no such mode");
    }
    let scene = Scene::start_with(Options { read_only: true, ..Options::default() });
    scene.make_folder("there");
    scene.write_served("there/file");
    scene.scp(&["-r", &scene.far("there"), &scene.local("back")]).expect_success();
    scene.expect_local("back/file", "there/file");
    let source = scene.write_local("source");
    let tree = scene.local("back");
    for target in ["new", "there", "there/file"] {
        let finished = scene.scp(&[&source, &scene.far(target)]).expect_code(1);
        expect_words(&finished, &[&scene.far_path(target)]);
        let finished = scene.scp(&["-r", "-p", &tree, &scene.far(target)]).expect_code(1);
        expect_words(&finished, &[&scene.far_path(target)]);
    }
    assert_eq!(names_in(&scene.scratch.root()), ["there"]);
    assert_eq!(names_in(&scene.served("there")), ["file"]);
    scene.expect_served("there/file", "there/file");
}

#[test]
fn a_full_disk() {
    if !can_mount_tmpfs() {
        return skipped("no tmpfs: neither root nor user namespaces");
    }
    let scene = Scene::start_with(Options { tmpfs_root_mib: Some(32), ..Options::default() });
    let (small, big) = (scene.local("small"), scene.local("big"));
    write_random(small.as_ref(), MIB + 1, 66);
    write_random(big.as_ref(), 48 * MIB, 67);
    let finished = scene.scp(&[&small, &big, &scene.far("")]).expect_code(1);
    expect_words(&finished, &["big: No space left on device"]);
    let at = |name: &str| scene.server.view(&scene.served(name));
    assert_same_bytes(small.as_ref(), &at("small"));
    // And on it goes once there is room.
    fs::remove_file(at("big")).expect("remove");
    scene.scp(&[&small, &scene.far("next")]).expect_success();
    assert_same_bytes(small.as_ref(), &at("next"));
}

/// A folder that holds itself is sent to some depth, and that is said.
#[test]
fn a_loop_of_links_ends() {
    let scene = Scene::start();
    scene.make_folder("tree");
    scene.write_served("tree/file");
    std::os::unix::fs::symlink(".", scene.served("tree/self")).expect("symlink");
    let finished = scene.scp(&["-r", &scene.far("tree"), &scene.local("back")]).expect_code(1);
    expect_words(&finished, &["tree/self"]);
    scene.expect_local("back/file", "tree/file");
}

#[test]
fn nothing_outside_the_root() {
    let Some(scene) = Scene::start_ours("sshd's scp serves the whole machine") else { return };
    let secret = scene.write_local("secret");
    let back = scene.make_local_folder("back");
    for (name, target) in [("link", &secret[..]), ("up", ".."), ("down/up", "../..")] {
        scene.make_folder("down");
        std::os::unix::fs::symlink(target, scene.served(name)).expect("symlink");
    }
    for path in ["../secret", "/../secret", "down/../../secret", "link", "up/secret", &secret] {
        let finished = scene.scp(&[&scene.server.remote(path), &back]).expect_code(1);
        expect_words(&finished, &["No such file or directory"]);
    }
    let finished = scene.scp(&[&scene.server.remote("~nobody/x"), &back]).expect_code(1);
    expect_words(&finished, &["No such file or directory"]);
    assert_eq!(names_in(back.as_ref()), [""; 0]);
    // What climbs above the root is at the root.
    let source = scene.write_local("source");
    for path in ["../over", "up/linked", "down/up/deep", "../../../../../../slashes"] {
        scene.scp(&[&source, &scene.server.remote(path)]).expect_success();
    }
    let names = names_in(&scene.scratch.root());
    assert_eq!(names, ["deep", "down", "link", "linked", "over", "slashes", "up"]);
    scene.expect_local("secret", "secret");
    let _: Finished = scene.scp(&[&source, &scene.server.remote("link")]);
    scene.expect_local("secret", "secret");
}

/// A client that is killed: what it sent is there, without holes, and nothing of it stays open.
#[test]
fn a_client_that_dies() {
    let scene = Scene::start();
    let source = scene.local("source");
    write_random(source.as_ref(), 64 * MIB, 68);
    scene.scp(&[&scene.write_local("first"), &scene.far("first")]).expect_success();
    scene.server.expect_idle(scene.server.descriptors());
    let before = scene.server.descriptors();
    let mut command = Command::new("scp");
    command.args(scene.server.client_options());
    // In Kbit/s: it would take half a minute.
    command.args(["-O", "-l", "16000", "-P", &scene.server.address.port().to_string()]);
    command.args([&source, &scene.far("cut")]);
    let mut running = Running::start(command, "");
    let bytes = || fs::metadata(scene.served("cut")).map_or(0, |it| it.len());
    assert!(wait_for(SOON, || (bytes() > MIB).then_some(())).is_some(), "it arrives");
    running.kill();
    assert_eq!(running.wait(LONG).code, None);
    scene.server.expect_idle(before);
    let arrived = fs::read(scene.served("cut")).expect("read");
    let sent = fs::read(&source).expect("read");
    assert!(arrived.len() < sent.len() && sent.starts_with(&arrived), "{} bytes", arrived.len());
}
