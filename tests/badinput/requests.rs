//! SFTP requests that cannot be served: handles, offsets, packets, paths, a full disk, and a client
//! that asks for much and reads nothing.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::client::quoted;
use crate::support::files::{Scratch, assert_same_bytes, write_random};
use crate::support::log::field;
use crate::support::packets::{
    CLOSE, OPEN_READ, OPEN_WRITE_CREATE, Packets, READ, Reply, STATUS_EOF, STATUS_OK, WRITE,
    read_body, string, write_body,
};
use crate::support::server::{Options, Server, Subject, can_mount_tmpfs};
use crate::support::{MIB, SOON, bulk_bytes, skipped, wait_for};

fn expect_failure(reply: &Reply, what: &str) {
    let Reply::Status { code, message } = reply else { panic!("{what}: {reply:?}") };
    // Version 3 knows 0 to 8; clients mistake the later ones.
    assert!((2..=8).contains(code), "{what}: code {code}, {message:?}");
    assert!(!message.is_empty(), "{what}: the message says nothing");
}

#[test]
fn handles_that_do_not_exist() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    write_random(&scratch.served("file"), 1000, 3);
    let mut session = Packets::open(&server);
    for handle in [&b""[..], b"nope", &[0xff; 4], &[0; 8], &[0x41; 256]] {
        expect_failure(&session.ask(READ, &read_body(handle, 0, 100)), "read");
        expect_failure(&session.ask(WRITE, &write_body(handle, 0, b"data")), "write");
        expect_failure(&session.ask(CLOSE, &string(handle)), "close");
    }
    let open = session.ask_handle("/file", OPEN_READ);
    assert!(matches!(session.ask(CLOSE, &string(&open)), Reply::Status { code: STATUS_OK, .. }));
    expect_failure(&session.ask(READ, &read_body(&open, 0, 100)), "read after close");
    expect_failure(&session.ask(CLOSE, &string(&open)), "a second close");
    // The session goes on.
    session.ask_handle("/file", OPEN_READ);
}

#[test]
fn reads_at_and_past_the_end() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    write_random(&scratch.served("file"), 100_000, 4);
    let bytes = fs::read(scratch.served("file")).expect("read");
    let mut session = Packets::open(&server);
    let handle = session.ask_handle("/file", OPEN_READ);
    for offset in [100_000, 100_001, 1 << 40] {
        let reply = session.ask(READ, &read_body(&handle, offset, 4096));
        assert!(matches!(reply, Reply::Status { code: STATUS_EOF, .. }), "at {offset}: {reply:?}");
    }
    // An offset no file can have may be the end or a failure, but it must be answered.
    for offset in [i64::MAX as u64, 1 << 63, u64::MAX] {
        let reply = session.ask(READ, &read_body(&handle, offset, 4096));
        assert!(matches!(reply, Reply::Status { code: 1..=8, .. }), "at {offset}: {reply:?}");
    }
    let across = session.ask(READ, &read_body(&handle, 99_000, 4096));
    assert_eq!(across, Reply::Data(bytes[99_000..].to_vec()));
    // More than any server sends at once: some bytes of the file, no more than asked, no failure.
    match session.ask(READ, &read_body(&handle, 0, u32::MAX)) {
        Reply::Data(data) => assert!(bytes.starts_with(&data) && !data.is_empty()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn handles_opened_for_the_other_direction() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    write_random(&scratch.served("file"), 1000, 5);
    let before = fs::read(scratch.served("file")).expect("read");
    let mut session = Packets::open(&server);
    let reading = session.ask_handle("/file", OPEN_READ);
    expect_failure(&session.ask(WRITE, &write_body(&reading, 0, b"overwritten")), "write");
    let writing = session.ask_handle("/other", OPEN_WRITE_CREATE);
    expect_failure(&session.ask(READ, &read_body(&writing, 0, 10)), "read");
    assert_eq!(fs::read(scratch.served("file")).expect("read"), before);
}

#[test]
fn malformed_sftp_packets_end_or_fail_the_session() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let descriptors = server.descriptors();
    let too_long: &[u8] = &[0x7f, 0xff, 0xff, 0xff, 5, 0, 0, 0, 1];
    let empty: &[u8] = &[0, 0, 0, 0];
    // An OPEN whose path claims to be longer than its packet.
    let torn: &[u8] = &[0, 0, 0, 13, 3, 0, 0, 0, 9, 0, 0, 255, 255, b'/', b'x', 0, 0];
    let unknown: &[u8] = &[0, 0, 0, 5, 77, 0, 0, 0, 9];
    for bytes in [too_long, empty, torn, unknown] {
        let mut session = Packets::open(&server);
        assert!(session.send_raw(bytes));
        session.finish();
        // Either the session ends without a word, or each request is failed; never data, never Ok.
        while let Some((_, reply)) = session.reply() {
            assert!(matches!(reply, Reply::Status { code: 2..=8, .. }), "{bytes:?}: {reply:?}");
        }
        assert!(session.wait_end(SOON).is_some(), "{bytes:?}: the session hangs");
    }
    server.expect_descriptors_back(descriptors);
}

#[test]
fn session_cut_inside_a_write_leaves_a_prefix() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let descriptors = server.descriptors();
    let mut session = Packets::open(&server);
    let handle = session.ask_handle("/cut", OPEN_WRITE_CREATE);
    let data = vec![0x5a; 100_000];
    session.send(WRITE, &write_body(&handle, 0, &data[..50_000]));
    // The second WRITE announces 50,000 bytes and brings 1,000.
    let body = write_body(&handle, 50_000, &data[50_000..]);
    let mut packet = u32::try_from(body.len() + 5).expect("small").to_be_bytes().to_vec();
    packet.extend([WRITE, 0, 0, 0, 99]);
    packet.extend(&body[..body.len() - 49_000]);
    session.send_raw(&packet);
    session.finish();
    assert!(session.wait_end(SOON).is_some(), "the session hangs");
    server.expect_descriptors_back(descriptors);
    let written = fs::read(scratch.served("cut")).expect("read");
    assert!((50_000..=51_000).contains(&written.len()), "{} bytes", written.len());
    assert!(data.starts_with(&written), "no hole");
}

#[test]
fn paths_out_of_the_root_find_nothing() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let back = scratch.path("back");
    let outside = scratch.path("outside");
    write_random(&outside, 1000, 6);
    let up_to_outside = "../".repeat(3) + "outside";
    let outside_text = outside.to_str().expect("UTF-8");
    for path in ["../../../../etc/passwd", "/etc/passwd", "/../etc/passwd", "/./.././etc/passwd"]
        .into_iter()
        .chain([outside_text, up_to_outside.as_str(), "/proc/self/environ"])
    {
        let get = format!("get {} {}\n", quoted(path), quoted(&back));
        let finished = server.sftp(&[], &get, SOON).expect_code(1);
        assert!(finished.output().contains("not found"), "{path}: {}", finished.output());
        assert!(!back.exists(), "{path} was fetched");
    }
    let source = scratch.path("source");
    write_random(&source, 2000, 7);
    for path in [outside_text, "/../../outside-new", "/etc/made-by-a-test"] {
        let put = format!("put {} {}\n", quoted(&source), quoted(path));
        let finished = server.sftp(&[], &put, SOON);
        assert!(finished.code.is_some(), "{path}: {finished:?}");
    }
    assert_eq!(fs::metadata(&outside).expect("stat").len(), 1000);
    assert!(!scratch.path("outside-new").exists());
    assert!(!Path::new("/etc/made-by-a-test").exists());
    // The same names inside the root are served.
    fs::create_dir(scratch.served("etc")).expect("mkdir");
    write_random(&scratch.served("etc/passwd"), 3000, 8);
    let get = format!("get ../../etc/passwd {}\n", quoted(&back));
    server.sftp(&[], &get, SOON).expect_success();
    assert_same_bytes(&scratch.served("etc/passwd"), &back);
}

#[test]
fn full_disk_fails_the_upload_and_nothing_else() {
    if !can_mount_tmpfs() {
        return skipped("no tmpfs: neither root nor user namespaces");
    }
    let scratch = Scratch::new();
    let options = Options { tmpfs_root_mib: Some(16), ..Options::default() };
    let server = Server::start_with(&scratch, &options);
    let descriptors = server.descriptors();
    let (big, small) = (scratch.path("big"), scratch.path("small"));
    write_random(&big, 32 * MIB, 9);
    write_random(&small, MIB, 10);
    let put = format!("put {} /big\n", quoted(&big));
    let finished = server.sftp(&[], &put, SOON).expect_code(1);
    let said = finished.output();
    // OpenSSH's own server says "Failure"; ours says what happened.
    let wanted = match server.subject {
        Subject::Ringferry => "No space left on device",
        Subject::Sshd => "Failure",
    };
    assert!(said.contains(wanted), "{said}");
    if server.subject.logs_fields() {
        let line = server.log.wait_line(SOON, |line| line.contains("No space left on device"));
        assert!(field(&line, "peer").is_some() && field(&line, "user").is_some(), "{line}");
    }
    server.expect_descriptors_back(descriptors);
    // The same server goes on once there is room.
    let batch = format!(
        "rm /big\nput {} /small\nget /small {}\n",
        quoted(&small),
        quoted(scratch.path("back"))
    );
    server.sftp(&[], &batch, SOON).expect_success();
    assert_same_bytes(&small, &scratch.path("back"));
    assert_same_bytes(&small, &server.view(&scratch.served("small")));
}

#[test]
fn client_that_stops_reading_is_bounded() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let descriptors = server.descriptors();
    write_random(&scratch.served("big"), bulk_bytes(), 11);
    let resident = || -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("KiB")
    };
    let before = resident();
    let mut session = Packets::open(&server);
    let handle = session.ask_handle("/big", OPEN_READ);
    // 4,096 READs of 255 KiB, a GiB of answers, and nobody reads them: ssh's own stdout pipe fills,
    // then its window. The requests themselves are 150 KiB.
    for index in 0..4096_u64 {
        session.send(READ, &read_body(&handle, index % 64 * MIB, 261_120));
        if index == 0 {
            assert!(session.reply().is_some(), "the first is answered");
        }
    }
    let grown = wait_for(Duration::from_secs(3), || {
        let grown = resident().saturating_sub(before);
        (grown > 64 * 1024).then_some(grown)
    });
    assert_eq!(grown, None, "KiB of growth for one client that does not read");
    drop(session);
    server.expect_descriptors_back(descriptors);
}
