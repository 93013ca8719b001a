//! sshfs, where FUSE is allowed: a mounted folder, used by system calls.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::support::files::{Compare, assert_same_bytes, assert_same_tree};
use super::support::foreign::is_installed;
use super::support::{SOON, skipped, wait_for};
use super::{SOME_TIME, Site, run, set_time};

/// A mounted server; unmounted on drop.
struct Mount {
    site: Site,
    at: PathBuf,
    sshfs: Child,
}

/// Whether this machine has sshfs and lets us mount.
fn mount() -> Option<Mount> {
    if !is_installed("sshfs", "--version") || !is_installed("fusermount3", "--version") {
        skipped("no sshfs");
        return None;
    }
    if let Err(error) = OpenOptions::new().read(true).write(true).open("/dev/fuse") {
        skipped(&format!("/dev/fuse: {error}"));
        return None;
    }
    let site = Site::start();
    let at = site.scratch.path("mounted");
    fs::create_dir(&at).expect("mkdir");
    let log = File::create(site.scratch.path("sshfs.log")).expect("create");
    let mut command = Command::new("sshfs");
    // In the foreground, so that it is ours to wait for; nothing is cached, so that each call
    // reaches the server.
    let ssh = format!("ssh_command=ssh {}", site.server.client_options().join(" "));
    command.args(["-f", "-p", &site.port(), "-o", "cache=no", "-o", &ssh]);
    command.arg(site.server.remote("/")).arg(&at).stdin(Stdio::null()).stdout(Stdio::null());
    let mut sshfs = command.stderr(log).spawn().expect("sshfs runs");
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    let parent = device(&site.scratch.root());
    let mounted = wait_for(SOON, || {
        let ended = matches!(sshfs.try_wait(), Ok(Some(_)));
        (ended || device(&at).is_some_and(|its| Some(its) != parent)).then_some(!ended)
    });
    let mount = Mount { site, at, sshfs };
    if mounted != Some(true) {
        let said = fs::read_to_string(mount.site.scratch.path("sshfs.log")).expect("read");
        assert!(said.contains("ermission") || said.contains("not permitted"), "sshfs: {said}");
        skipped(&format!("sshfs: {}", said.trim()));
        return None;
    }
    Some(mount)
}

impl Mount {
    fn path(&self, name: &str) -> PathBuf {
        self.at.join(name)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let mut unmount = Command::new("fusermount3");
        // Lazily: a failed test may hold a file open.
        unmount.args(["-u", "-z"]).arg(&self.at);
        let _ = unmount.stderr(Stdio::null()).status();
        if wait_for(SOON, || self.sshfs.try_wait().ok().flatten()).is_none() {
            let _ = self.sshfs.kill();
            let _ = self.sshfs.wait();
        }
    }
}

#[test]
fn up_down_resumed_and_renamed_over() {
    let Some(mount) = mount() else { return };
    let site = &mount.site;
    let source = site.write_both();
    fs::copy(&source, mount.path("up")).expect("copy up");
    fs::copy(mount.path("whole"), site.scratch.path("back")).expect("copy down");
    site.expect_up("up");
    site.expect_down("back");

    site.write_part(&site.served("part"));
    let mut whole = File::open(&source).expect("open");
    let mut part = OpenOptions::new().append(true).open(mount.path("part")).expect("open");
    whole.seek(SeekFrom::Start(part.metadata().expect("stat").len())).expect("seek");
    std::io::copy(&mut whole, &mut part).expect("append");
    part.sync_all().expect("fsync");
    drop(part);
    site.expect_up("part");

    site.write_old_and_new();
    fs::rename(mount.path("old"), mount.path("new")).expect("rename over");
    site.expect_renamed_over();
}

#[test]
fn takes_trees_with_modes_and_times() {
    let Some(mount) = mount() else { return };
    let site = &mount.site;
    let tree = site.write_tree();
    for (from, to) in
        [(tree.clone(), mount.path("tree")), (mount.path("tree"), site.scratch.path("back"))]
    {
        let mut copy = Command::new("cp");
        copy.args(["-r", "--preserve=mode,timestamps"]).args([&from, &to]);
        run(copy).expect_success();
    }
    assert_same_tree(&tree, &site.served("tree"), Compare::BytesModesTimes);
    assert_same_tree(&tree, &site.scratch.path("back"), Compare::BytesModesTimes);
    fs::remove_dir_all(mount.path("tree")).expect("remove");
    assert!(!site.served("tree").exists());
}

#[test]
fn lists_links_and_asks_for_the_disk() {
    let Some(mount) = mount() else { return };
    let site = &mount.site;
    site.write_names();
    let listed = fs::read_dir(mount.path("folder")).expect("list");
    let mut names: Vec<_> = listed.map(|entry| entry.expect("entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["one", "three", "two words"]);
    symlink("one", mount.path("folder/soft")).expect("symlink");
    assert_eq!(fs::read(mount.path("folder/soft")).expect("read"), b"one");
    fs::hard_link(mount.path("folder/one"), mount.path("folder/hard")).expect("link");
    let inode = |name: &str| fs::metadata(site.served(name)).expect("stat").ino();
    assert_eq!(inode("folder/one"), inode("folder/hard"));
    let [near, far] = [site.scratch.root(), mount.at.clone()]
        .map(|path| rustix::fs::statvfs(path).expect("statvfs"));
    assert_eq!(near.f_blocks * near.f_frsize, far.f_blocks * far.f_frsize);
}

#[test]
fn changes_files_in_place() {
    let Some(mount) = mount() else { return };
    let (here, there) = (mount.site.served("file"), mount.path("file"));
    fs::write(&there, "0123456789").expect("write");
    let file = OpenOptions::new().read(true).write(true).open(&there).expect("open");
    file.write_all_at(b"abc", 4).expect("write");
    file.set_len(8).expect("truncate");
    let mut four = [0; 4];
    file.read_exact_at(&mut four, 2).expect("read");
    assert_eq!(&four, b"23ab");
    drop(file);
    assert_eq!(fs::read(&here).expect("read"), b"0123abc7");
    fs::set_permissions(&there, fs::Permissions::from_mode(0o640)).expect("chmod");
    set_time(&there, SOME_TIME);
    let metadata = fs::metadata(&here).expect("stat");
    assert_eq!((metadata.mode() & 0o7777, metadata.mtime()), (0o640, SOME_TIME));
    let mut appended = OpenOptions::new().append(true).open(&there).expect("open");
    appended.write_all(b"!").expect("append");
    drop(appended);
    let mut text = String::new();
    File::open(&there).expect("open").read_to_string(&mut text).expect("read");
    assert_eq!(text, "0123abc7!");
    fs::copy(&here, mount.site.scratch.path("back")).expect("copy");
    assert_same_bytes(&here, &mount.site.scratch.path("back"));
}

#[test]
fn says_what_is_wrong() {
    let Some(mount) = mount() else { return };
    fs::create_dir(mount.site.served("folder")).expect("mkdir");
    fs::write(mount.site.served("folder/file"), "in the way").expect("write");
    let missing = fs::read(mount.path("missing")).expect_err("it is missing");
    assert_eq!(missing.raw_os_error(), Some(rustix::io::Errno::NOENT.raw_os_error()));
    let exists = fs::create_dir(mount.path("folder")).expect_err("it exists");
    assert_eq!(exists.raw_os_error(), Some(rustix::io::Errno::EXIST.raw_os_error()));
    // FAILURE has no errno: sshfs makes EPERM of it.
    fs::remove_dir(mount.path("folder")).expect_err("it is not empty");
    assert!(mount.site.served("folder/file").exists());
}
