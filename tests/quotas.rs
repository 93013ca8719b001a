//! Quotas over the wire, where clients would get round them: copies, appends, files cut or removed
//! while they are open, names that stay hidden.

mod support;

use std::fs;

use ringferry_sftp::reply::Statvfs;
use ringferry_sftp::{Attrs, OpenFlags, Request};
use support::files::Scratch;
use support::packets::{
    OPEN_READ, OPEN_WRITE_CREATE, Packets, Reply, STATUS_FAILURE, STATUS_NO_SUCH_FILE,
};
use support::server::{Options, Server, Subject};
use support::skipped;

const MIB: u64 = 1 << 20;
const QUOTA: u64 = 8 * MIB;

/// A server whose only user has a quota of 8 MiB and five names, and a session of his.
struct Scene {
    session: Packets,
    server: Server,
    scratch: Scratch,
}

fn scene(more: &str) -> Option<Scene> {
    if Subject::chosen() != Subject::Ringferry {
        skipped("sshd has no quotas");
        return None;
    }
    let scratch = Scratch::new();
    let key = fs::read_to_string(scratch.path("client_key.pub")).expect("a key");
    let text = format!(
        "[users.ann]\nroot = {:?}\nauthorized_keys = [{:?}]\nquota_bytes = {QUOTA}\n\
         quota_files = 5\n{more}",
        scratch.root(),
        key.trim()
    );
    fs::write(scratch.path("users.toml"), text).expect("write");
    fs::write(scratch.served("there"), vec![7; 3 << 20]).expect("write");
    let users_file = Some(scratch.path("users.toml"));
    let mut server = Server::start_with(&scratch, &Options { users_file, ..Options::default() });
    server.user = "ann".to_owned();
    let session = Packets::open(&server);
    Some(Scene { session, server, scratch })
}

impl Scene {
    fn close(&mut self, handle: &[u8]) -> Reply {
        self.session.ask_request(|id| Request::Close { id, handle })
    }

    /// What statvfs says is left, in bytes.
    fn left(&mut self) -> u64 {
        let told = self.session.ask_request(|id| Request::Statvfs { id, path: b"/" });
        let space = Statvfs::decode(&told.expect_extended()).expect("statvfs");
        assert!(space.blocks * space.frsize <= QUOTA);
        space.bavail * space.frsize
    }

    fn write(&mut self, handle: &[u8], offset: u64, bytes: usize) -> Reply {
        let payload = vec![1; bytes];
        self.session.ask_write(handle, offset, &payload)
    }

    fn open(&mut self, path: &[u8], flags: u32) -> Reply {
        let (flags, attrs) = (OpenFlags::from_bits(flags), Attrs::default());
        self.session.ask_request(|id| Request::Open { id, path, flags, attrs })
    }
}

#[test]
fn what_is_left_shows_and_comes_back() {
    let Some(mut scene) = scene("") else { return };
    assert_eq!(scene.left(), 5 * MIB);
    let handle = scene.session.ask_handle("/new", OPEN_WRITE_CREATE);
    for index in 0..20 {
        scene.write(&handle, index * MIB / 4, 256 << 10).expect_ok();
    }
    assert_eq!(scene.left(), 0);
    let words = scene.write(&handle, 5 * MIB, 1).expect_status(STATUS_FAILURE);
    assert_eq!(words, "Disk quota exceeded");
    assert_eq!(scene.close(&handle).expect_status(STATUS_FAILURE), words);
    assert_eq!(scene.left(), 0);
    // Emptied by path, by OPEN and by handle.
    let cut = Attrs { size: Some(4 * MIB), ..Attrs::default() };
    scene.session.ask_request(|id| Request::Setstat { id, path: b"/new", attrs: cut }).expect_ok();
    assert_eq!(scene.left(), MIB);
    let handle = scene.open(b"/new", 2 | 0x10).expect_handle();
    assert_eq!(scene.left(), 5 * MIB);
    let stretched = Attrs { size: Some(6 * MIB), ..Attrs::default() };
    let reply =
        scene.session.ask_request(|id| Request::Fsetstat { id, handle: &handle, attrs: stretched });
    reply.expect_status(STATUS_FAILURE);
    assert_eq!(fs::metadata(scene.scratch.served("new")).expect("stat").len(), 0);
    scene.close(&handle).expect_ok();
    scene.session.ask_request(|id| Request::Remove { id, path: b"/there" }).expect_ok();
    assert_eq!(scene.left(), QUOTA);
}

#[test]
fn copies_to_a_handle_that_appends_are_counted() {
    let Some(mut scene) = scene("") else { return };
    let from = scene.session.ask_handle("/there", OPEN_READ);
    let to = scene.open(b"/log", 2 | 4 | 8).expect_handle();
    let mut copy = || {
        scene.session.ask_request(|id| Request::CopyData {
            id,
            read_handle: &from,
            read_offset: 0,
            length: 0,
            write_handle: &to,
            write_offset: 0,
        })
    };
    copy().expect_ok();
    assert_eq!(copy().expect_status(STATUS_FAILURE), "Disk quota exceeded");
    // As far as there was room, and no byte further.
    assert_eq!(fs::metadata(scene.scratch.served("log")).expect("stat").len(), 5 * MIB);
}

#[test]
fn a_file_removed_while_it_is_open_counts_until_it_is_closed() {
    let Some(mut scene) = scene("") else { return };
    let handle = scene.session.ask_handle("/gone", OPEN_WRITE_CREATE);
    scene.write(&handle, 0, 200_000).expect_ok();
    scene.session.ask_request(|id| Request::Remove { id, path: b"/gone" }).expect_ok();
    assert!(scene.left() < 5 * MIB - 190_000);
    scene.write(&handle, 6 * MIB, 1).expect_status(STATUS_FAILURE);
    // Latched, so CLOSE fails; the file goes all the same.
    scene.close(&handle).expect_status(STATUS_FAILURE);
    assert_eq!(scene.left(), 5 * MIB);
}

#[test]
fn names_are_counted_and_two_sessions_share_the_count() {
    let Some(mut scene) = scene("") else { return };
    let mut other = Packets::open(&scene.server);
    let attrs = Attrs::default();
    for name in [b"/a", b"/b", b"/c", b"/d"] {
        scene.session.ask_request(|id| Request::Mkdir { id, path: name, attrs }).expect_ok();
    }
    let made = other.ask_request(|id| Request::Symlink { id, first: b"a", second: b"/e" });
    assert_eq!(made.expect_status(STATUS_FAILURE), "Disk quota exceeded");
    scene.open(b"/e", 2 | 8).expect_status(STATUS_FAILURE);
    assert!(!scene.scratch.served("e").exists());
    other.ask_request(|id| Request::Rmdir { id, path: b"/d" }).expect_ok();
    scene.open(b"/e", 2 | 8).expect_handle();
}

#[test]
fn a_hidden_file_answers_like_nothing_in_every_way() {
    let hides = "[[users.ann.folders]]\npath = \"/\"\nhidden = [\"th*\"]\n";
    let Some(mut scene) = scene(hides) else { return };
    for path in [&b"/there"[..], b"/there/", b"/there/x", b"/thin", b"/thin/x"] {
        let reply = scene.session.ask_request(|id| Request::Lstat { id, path });
        let words = reply.expect_status(STATUS_NO_SUCH_FILE);
        assert_eq!(words, "No such file or directory", "{}", path.escape_ascii());
    }
}
