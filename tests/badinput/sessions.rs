//! SFTP sessions that go wrong or too fast: handles of other sessions, paths and attributes no file
//! has, requests cut short, handles closed while they are in use, descriptors used up.

use std::fs;

use ringferry_sftp::{Attrs, OpenFlags, Request, client};

use crate::support::files::{Scratch, write_random};
use crate::support::packets::{
    OPEN_READ, OPEN_WRITE_CREATE, Packets, Reply, SETSTAT, STATUS_BAD_MESSAGE, STATUS_FAILURE,
    STATUS_NO_SUCH_FILE, STATUS_OK, string,
};
use crate::support::server::{Options, Server, Subject, can_mount_tmpfs};
use crate::support::{SOON, skipped};

fn stat(session: &mut Packets, path: &[u8]) -> Reply {
    session.ask_request(|id| Request::Stat { id, path })
}

#[test]
fn handles_of_another_session_are_unknown() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    if server.subject == Subject::Sshd {
        return skipped("sshd numbers the handles of every session from 0");
    }
    write_random(&scratch.served("file"), 1000, 1);
    let (mut one, mut other) = (Packets::open(&server), Packets::open(&server));
    let theirs = one.ask_handle("/file", OPEN_READ);
    other.ask_handle("/file", OPEN_READ);
    for kind in 0..3 {
        let reply = other.ask_request(|id| match kind {
            0 => Request::Read { id, handle: &theirs, offset: 0, len: 10 },
            1 => Request::Fstat { id, handle: &theirs },
            _ => Request::Close { id, handle: &theirs },
        });
        assert!(reply.expect_status(STATUS_FAILURE).contains("handle"));
    }
    let (handle, offset, len) = (&theirs[..], 0, 10);
    one.ask_request(|id| Request::Read { id, handle, offset, len }).expect_data();
}

#[test]
fn paths_no_file_can_have() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let mut session = Packets::open(&server);
    let ours = server.subject == Subject::Ringferry;
    let nul = stat(&mut session, b"/a\0b");
    if ours {
        assert!(nul.expect_status(STATUS_BAD_MESSAGE).contains("NUL"));
    }
    // PATH_MAX is 4,096 bytes with its NUL; a name may have 255.
    stat(&mut session, &[b"/".as_slice(), &[b'x'; 256]].concat()).expect_status(STATUS_BAD_MESSAGE);
    stat(&mut session, &b"d/".repeat(4096)).expect_status(STATUS_BAD_MESSAGE);
    stat(&mut session, &b"./".repeat(2000)).expect_attrs();
    stat(&mut session, &b"../".repeat(1300)).expect_attrs();
    stat(&mut session, &b"d/".repeat(2000)).expect_status(STATUS_NO_SUCH_FILE);
    // Longer than any request but WRITE may be: stepped over, or the end of the session.
    let id = session.send_request(|id| Request::Stat { id, path: &[b'x'; 65_536] });
    match session.reply() {
        Some((replied, reply)) => {
            assert_eq!(replied, id);
            reply.expect_status(STATUS_BAD_MESSAGE);
            stat(&mut session, b"/").expect_attrs();
        }
        None => assert!(session.wait_end(SOON).is_some(), "the session hangs"),
    }
}

#[test]
fn a_tree_as_deep_as_a_path_is_long_can_be_made_and_removed() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let mut session = Packets::open(&server);
    let attrs = Attrs::default();
    let path = b"/d".repeat(2040);
    for depth in 1..=2040 {
        let path = &path[..2 * depth];
        session.ask_request(|id| Request::Mkdir { id, path, attrs }).expect_ok();
    }
    stat(&mut session, &path).expect_attrs();
    for depth in (1..=2040).rev() {
        let path = &path[..2 * depth];
        session.ask_request(|id| Request::Rmdir { id, path }).expect_ok();
    }
    assert_eq!(fs::read_dir(scratch.root()).expect("list").count(), 0);
}

#[test]
fn writes_of_nothing_of_too_much_and_beyond_what_files_can_be() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let mut session = Packets::open(&server);
    let handle = session.ask_handle("/file", OPEN_WRITE_CREATE);
    session.ask_write(&handle, 0, b"").expect_ok();
    session.ask_write(&handle, 1 << 40, b"").expect_ok();
    assert_eq!(fs::metadata(scratch.served("file")).expect("stat").len(), 0);
    for offset in [i64::MAX as u64, 1 << 63, u64::MAX, u64::MAX - 3] {
        if server.subject == Subject::Ringferry {
            session.ask_write(&handle, offset, b"data").expect_status(STATUS_FAILURE);
        }
    }
    assert_eq!(fs::metadata(scratch.served("file")).expect("stat").len(), 0);
    // More than limits@openssh.com says, in a frame that still is one.
    let more = vec![0x42; 262_000];
    session.ask_write(&handle, 0, &more).expect_ok();
    assert_eq!(fs::read(scratch.served("file")).expect("read"), more);
    // No frame at all.
    session.send_write(&handle, 0, &vec![0; 300_000]);
    assert!(session.reply().is_none(), "an answer to a frame that is too long");
    assert!(session.wait_end(SOON).is_some(), "the session hangs");
    assert_eq!(fs::read(scratch.served("file")).expect("read"), more);
}

#[test]
fn attribute_counts_are_the_peers_word_only() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    write_random(&scratch.served("file"), 10, 1);
    let mut session = Packets::open(&server);
    if server.subject == Subject::Sshd {
        return skipped("sshd ends the session instead");
    }
    for count in [u32::MAX, 1 << 20, 1] {
        let body = [string("/file"), 0x8000_0000_u32.to_be_bytes().to_vec()].concat();
        let body = [body, count.to_be_bytes().to_vec()].concat();
        session.ask(SETSTAT, &body).expect_status(STATUS_BAD_MESSAGE);
    }
    stat(&mut session, b"/file").expect_attrs();
}

#[test]
fn two_readdirs_at_once_go_on_where_the_other_ended() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    for index in 0..250 {
        fs::write(scratch.served(&format!("file {index}")), "").expect("write");
    }
    let mut session = Packets::open(&server);
    let handle = session.ask_request(|id| Request::Opendir { id, path: b"/" }).expect_handle();
    let ids: Vec<u32> = (0..8)
        .map(|_| session.send_request(|id| Request::Readdir { id, handle: &handle }))
        .collect();
    let mut names = Vec::new();
    let mut ends = 0;
    for id in ids {
        match session.reply_to(id) {
            Reply::Names(entries) => names.extend(entries.into_iter().map(|entry| entry.name)),
            other => {
                assert_eq!(other.code(), Some(1), "{other:?}");
                ends += 1;
            }
        }
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 252, "with . and ..");
    assert!(ends >= 4, "{ends} ends of three replies' worth of names");
}

/// Everything at once, with no reply awaited: the replies are those of one request after the other.
#[test]
fn a_handle_closed_behind_reads_and_writes_serves_them_first() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    write_random(&scratch.served("file"), 200_000, 7);
    let before = fs::read(scratch.served("file")).expect("read");
    let mut session = Packets::open(&server);
    let handle = session.ask_handle("/file", 1 | 2);
    let handle = &handle[..];
    let ids: Vec<u32> = (0..6)
        .map(|n| {
            let offset = n * 32_768;
            session.send_request(|id| Request::Read { id, handle, offset, len: 32_768 })
        })
        .collect();
    // It must not reach the file before the reads have.
    let write = session.send_write(handle, 0, &[0xee; 100_000]);
    let cut = Attrs { size: Some(50_000), ..Attrs::default() };
    let cut = session.send_request(|id| Request::Fsetstat { id, handle, attrs: cut });
    let again =
        session.send_request(|id| Request::Read { id, handle, offset: 49_990, len: 32_768 });
    let sync = session.send_request(|id| Request::Fsync { id, handle });
    let close = session.send_request(|id| Request::Close { id, handle });
    let late = session.send_request(|id| Request::Read { id, handle, offset: 0, len: 10 });
    for (n, id) in ids.into_iter().enumerate() {
        let data = session.reply_to(id).expect_data();
        assert!(data == before[n * 32_768..][..data.len()], "read {n} saw a later write");
    }
    session.reply_to(write).expect_ok();
    session.reply_to(cut).expect_ok();
    assert_eq!(session.reply_to(again).expect_data(), [0xee; 10]);
    session.reply_to(sync).expect_ok();
    session.reply_to(close).expect_ok();
    session.reply_to(late).expect_status(STATUS_FAILURE);
    assert_eq!(fs::read(scratch.served("file")).expect("read"), [0xee; 50_000]);
}

/// An fsync holds up what is behind it, so that it waits in a buffer of its own when the broken
/// frame is met: what came before goes to the file, and nothing else does.
#[test]
fn writes_in_front_of_a_broken_frame_are_written_and_nothing_else_is() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    for round in 0..20 {
        let mut session = Packets::open(&server);
        let name = format!("/file-{round}");
        let handle = session.ask_handle(&name, OPEN_WRITE_CREATE);
        let mut bytes = Vec::new();
        client::encode(&mut bytes, &Request::Fsync { id: 1, handle: &handle });
        for (id, offset) in [(2, 0), (3, 200_000)] {
            client::write(&mut bytes, id, &handle, offset, &[0x77; 200_000]);
        }
        bytes.extend([0; 4]);
        assert!(session.send_raw(&bytes));
        // Something more for the buffer that packets land in.
        session.send_raw(&[0x55; 30_000]);
        session.finish();
        while session.reply().is_some() {}
        assert!(session.wait_end(SOON).is_some(), "the session hangs");
        drop(session);
        let written = fs::read(scratch.served(&name[1..])).expect("read");
        assert!(written.len() <= 400_000 && written.iter().all(|byte| *byte == 0x77));
        if server.subject == Subject::Ringferry {
            assert_eq!(written.len(), 400_000, "what came before the broken frame");
        }
    }
}

/// The requests a session sees most, and those with the most fields.
fn requests(handle: &[u8]) -> Vec<Request<'_>> {
    let (id, path, attrs) = (9, &b"/file"[..], Attrs { size: Some(1), ..Attrs::default() });
    vec![
        Request::Open { id, path, flags: OpenFlags::READ, attrs },
        Request::Read { id, handle, offset: 0, len: 10 },
        Request::Fsetstat { id, handle, attrs },
        Request::Rename { id, old: path, new: b"/new" },
        Request::PosixRename { id, old: path, new: b"/new" },
        Request::CopyFile { id, source: path, target: b"/new", overwrite: true },
        Request::CheckFileName {
            id,
            path,
            algorithms: b"md5",
            start: 0,
            length: 0,
            block_bytes: 0,
        },
    ]
}

#[test]
fn requests_cut_at_each_byte_change_nothing() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    if server.subject == Subject::Sshd {
        return skipped("sshd ends the session instead");
    }
    write_random(&scratch.served("file"), 1000, 3);
    let before = fs::read(scratch.served("file")).expect("read");
    let mut session = Packets::open(&server);
    let handle = session.ask_handle("/file", 1 | 2);
    for request in requests(&handle) {
        let mut whole = Vec::new();
        client::encode(&mut whole, &request);
        // From the id on, which a frame must hold.
        for end in 9..whole.len() {
            let mut cut = whole[..end].to_vec();
            let length = u32::try_from(end - 4).expect("small");
            cut[..4].copy_from_slice(&length.to_be_bytes());
            assert!(session.send_raw(&cut));
            let (id, reply) = session.reply().expect("a reply");
            assert_eq!(id, 9);
            let code = reply.code();
            // Cut inside its name an extension is another one; cut after it, it is malformed.
            assert!(matches!(code, Some(5 | 8)), "{} cut at {end}: {reply:?}", request.name());
        }
    }
    assert_eq!(fs::read(scratch.served("file")).expect("read"), before);
    let names = fs::read_dir(scratch.root()).expect("list").count();
    assert_eq!(names, 1, "something was renamed or copied");
}

#[test]
fn more_handles_than_a_session_may_hold() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    if server.subject == Subject::Sshd {
        return skipped("sshd's bound depends on its descriptors");
    }
    write_random(&scratch.served("file"), 10, 3);
    let descriptors = server.descriptors();
    let mut session = Packets::open(&server);
    let mut handles = Vec::new();
    let refused = loop {
        let flags = OpenFlags::READ;
        let attrs = Attrs::default();
        match session.ask_request(|id| Request::Open { id, path: b"/file", flags, attrs }) {
            Reply::Handle(handle) => handles.push(handle),
            other => break other,
        }
        assert!(handles.len() <= 1024, "no bound");
    };
    assert!(refused.expect_status(STATUS_FAILURE).contains("too many"));
    assert_eq!(handles.len(), 1024);
    let handle = handles.pop().expect("one");
    session.ask_request(|id| Request::Close { id, handle: &handle }).expect_ok();
    session.ask_handle("/file", OPEN_READ);
    drop(session);
    server.expect_descriptors_back(descriptors);
}

#[test]
fn a_server_out_of_descriptors_says_so_and_goes_on() {
    let scratch = Scratch::new();
    let options = Options { descriptors_max: Some(96), ..Options::default() };
    let server = Server::start_with(&scratch, &options);
    if server.subject == Subject::Sshd {
        return skipped("sshd has a process for each session");
    }
    write_random(&scratch.served("file"), 100, 3);
    let (mut hungry, mut other) = (Packets::open(&server), Packets::open(&server));
    let theirs = other.ask_handle("/file", OPEN_READ);
    let mut handles = Vec::new();
    let words = loop {
        let (flags, attrs) = (OpenFlags::READ, Attrs::default());
        match hungry.ask_request(|id| Request::Open { id, path: b"/file", flags, attrs }) {
            Reply::Handle(handle) => handles.push(handle),
            other => break other.expect_status(STATUS_FAILURE),
        }
        assert!(handles.len() < 96, "no bound");
    };
    assert_eq!(words, "Too many open files");
    let (handle, offset, len) = (&theirs[..], 0, 100);
    other.ask_request(|id| Request::Read { id, handle, offset, len }).expect_data();
    drop(hungry);
    let freed = crate::support::wait_for(SOON, || {
        let (flags, attrs) = (OpenFlags::READ, Attrs::default());
        let open = other.ask_request(|id| Request::Open { id, path: b"/file", flags, attrs });
        matches!(open, Reply::Handle(_)).then_some(())
    });
    assert!(freed.is_some(), "descriptors do not come back");
}

#[test]
fn a_read_only_file_system_answers_in_the_systems_words() {
    if !can_mount_tmpfs() {
        return skipped("no tmpfs: neither root nor user namespaces");
    }
    let scratch = Scratch::new();
    let options = Options { tmpfs_root_mib: Some(1), tmpfs_read_only: true, ..Options::default() };
    let server = Server::start_with(&scratch, &options);
    let mut session = Packets::open(&server);
    let attrs = Attrs::default();
    let made = session.ask_request(|id| Request::Mkdir { id, path: b"/dir", attrs });
    let words = made.expect_status(STATUS_FAILURE);
    if server.subject == Subject::Ringferry {
        assert_eq!(words, "Read-only file system");
    }
    let flags = OpenFlags::WRITE | OpenFlags::CREAT;
    let made = session.ask_request(|id| Request::Open { id, path: b"/file", flags, attrs });
    made.expect_status(STATUS_FAILURE);
    assert_eq!(stat(&mut session, b"/").code().unwrap_or(STATUS_OK), STATUS_OK);
}
