//! What a client must never do, done to a running server: each case ends in the protocol's own answer
//! or a closed connection within a deadline, one log line with peer and cause, every descriptor given
//! back, and a server that still serves.

mod support;

use std::fs;
use std::time::Duration;

use support::client::quoted;
use support::files::{Scratch, Seeded, assert_same_bytes, write_random};
use support::log::field;
use support::packets::{
    CLOSE, OPEN_READ, OPEN_WRITE_CREATE, Packets, READ, Reply, STATUS_EOF, STATUS_OK, WRITE,
    read_body, string, write_body,
};
use support::server::{Options, Server, Subject, can_mount_tmpfs};
use support::wire::{Answer, Raw, damaging_proxy, plain_packet};
use support::{MIB, SOON, bulk_bytes, skipped, wait_for};

const CLIENT_IDENT: &[u8] = b"SSH-2.0-probe\r\n";

/// RFC 4253 section 11.1.
const PROTOCOL_ERROR: u32 = 2;

/// Opens a raw connection, lets `misbehave` write to it, and checks what every bad peer must see:
/// the connection ends, the log says who and why, nothing stays open, and a login still works.
fn refused(misbehave: impl FnOnce(&mut Raw)) -> Answer {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let descriptors = server.descriptors();
    let mut raw = Raw::connect(server.address);
    let peer = raw.peer.to_string();
    misbehave(&mut raw);
    let answer = raw.read_to_close(SOON);
    assert!(answer.closed, "still open after {SOON:?}; {} bytes", answer.bytes.len());
    expect_logged(&server, &peer);
    server.expect_descriptors_back(descriptors);
    server.sftp(&[], "ls /\n", SOON).expect_success();
    answer
}

/// Exactly one line names the peer together with a cause.
fn expect_logged(server: &Server, peer: &str) -> String {
    if !server.subject.logs_fields() {
        return String::new();
    }
    let about = |line: &str| {
        field(line, "peer") == Some(peer)
            && field(line, "cause").is_some_and(|cause| !cause.is_empty())
    };
    let line = server.log.wait_line(SOON, about);
    let lines = server.log.lines().into_iter().filter(|line| about(line)).count();
    assert_eq!(lines, 1, "lines with a cause about {peer}:\n{}", server.log.tail());
    line
}

#[test]
fn port_scanner_that_connects_and_closes() {
    refused(Raw::finish);
}

#[test]
fn scanner_that_reads_the_ident_and_leaves() {
    refused(|raw| {
        assert!(raw.read_ident().starts_with("SSH-2.0-"));
        raw.finish();
    });
}

#[test]
fn garbage_before_the_ident() {
    refused(|raw| {
        let mut garbage = vec![0; 4096];
        Seeded::new(1).fill(&mut garbage);
        raw.send(&garbage);
    });
}

#[test]
fn http_request() {
    refused(|raw| raw.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
}

#[test]
fn ident_longer_than_255_bytes() {
    refused(|raw| {
        let mut ident = b"SSH-2.0-".to_vec();
        ident.extend(std::iter::repeat_n(b'a', 70_000));
        ident.extend(b"\r\n");
        raw.send(&ident);
    });
}

#[test]
fn ident_of_another_protocol_version() {
    refused(|raw| raw.send(b"SSH-1.5-old\r\n"));
}

#[test]
fn truncated_packet_then_close() {
    refused(|raw| {
        raw.send(CLIENT_IDENT);
        raw.send(&plain_packet(&[20; 100])[..50]);
        raw.finish();
    });
}

#[test]
fn oversized_packet_length() {
    for length in [0x7fff_ffff_u32, 0xffff_ffff, 300_000] {
        refused(|raw| {
            raw.send(CLIENT_IDENT);
            raw.send(&length.to_be_bytes());
            raw.send(&[0; 64]);
        });
    }
}

#[test]
fn packet_length_of_no_whole_block() {
    for length in [0_u32, 1, 4, 13] {
        refused(|raw| {
            raw.send(CLIENT_IDENT);
            raw.send(&length.to_be_bytes());
            raw.send(&[0; 64]);
        });
    }
}

#[test]
fn padding_longer_than_the_packet() {
    refused(|raw| {
        raw.send(CLIENT_IDENT);
        raw.send(&[0, 0, 0, 12, 200, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn kexinit_cut_short_inside_its_packet() {
    let answer = refused(|raw| {
        raw.send(CLIENT_IDENT);
        // Cookie, then a name-list that claims more than the packet holds.
        let mut payload = vec![20];
        payload.extend([7; 16]);
        payload.extend(1000_u32.to_be_bytes());
        payload.extend(b"curve25519-sha256");
        raw.send(&plain_packet(&payload));
    });
    expect_disconnect(&answer);
}

#[test]
fn no_common_algorithm() {
    let answer = refused(|raw| {
        raw.send(CLIENT_IDENT);
        let mut payload = vec![20];
        payload.extend([7; 16]);
        for _ in 0..8 {
            payload.extend(string("nothing-of-yours@example.com"));
        }
        payload.extend(string(""));
        payload.extend(string(""));
        payload.extend([0; 5]);
        raw.send(&plain_packet(&payload));
    });
    expect_disconnect(&answer);
}

#[test]
fn disallowed_messages_before_the_key_exchange() {
    // SERVICE_REQUEST, NEWKEYS, USERAUTH_REQUEST, GLOBAL_REQUEST, CHANNEL_OPEN, CHANNEL_DATA.
    for message in [5, 21, 50, 80, 90, 94] {
        let answer = refused(|raw| {
            raw.send(CLIENT_IDENT);
            let mut payload = vec![message];
            payload.extend(string("session"));
            payload.extend([0; 12]);
            raw.send(&plain_packet(&payload));
            // sshd answers some of these with UNIMPLEMENTED and goes on.
            if Subject::chosen() == Subject::Sshd {
                raw.finish();
            }
        });
        expect_disconnect(&answer);
    }
}

/// Ours says why before it closes; sshd does so only sometimes.
fn expect_disconnect(answer: &Answer) {
    if Subject::chosen() == Subject::Ringferry {
        let reason = answer.disconnect_reason();
        assert!(
            reason.is_some_and(|reason| reason >= PROTOCOL_ERROR),
            "no DISCONNECT in {:?}",
            String::from_utf8_lossy(&answer.bytes)
        );
    }
}

#[test]
fn silent_client_is_cut_off() {
    let scratch = Scratch::new();
    let options = Options { login_grace_seconds: Some(2), ..Options::default() };
    let server = Server::start_with(&scratch, &options);
    let descriptors = server.descriptors();
    // One says nothing; one stops after its ident; one trickles, a byte at a time.
    let silent = Raw::connect(server.address);
    let mut after_ident = Raw::connect(server.address);
    after_ident.send(CLIENT_IDENT);
    let mut trickling = Raw::connect(server.address);
    for byte in CLIENT_IDENT.iter().take(6) {
        trickling.send(&[*byte]);
        std::thread::sleep(Duration::from_millis(500));
    }
    for raw in [silent, after_ident, trickling] {
        let peer = raw.peer.to_string();
        assert!(raw.read_to_close(SOON).closed, "{peer} is still open");
        expect_logged(&server, &peer);
    }
    server.expect_descriptors_back(descriptors);
}

#[test]
fn damaged_packet_ends_the_session() {
    for cipher in ["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com"] {
        let scratch = Scratch::new();
        let server = Server::start(&scratch);
        let descriptors = server.descriptors();
        write_random(&scratch.path("source"), 8 * MIB, 2);
        // Past the handshake, in the middle of the upload.
        let (proxy, seen) = damaging_proxy(server.address, 3 * MIB + 12_345);
        let alias = format!("HostKeyAlias=[127.0.0.1]:{}", server.address.port());
        let port = proxy.port().to_string();
        let options = ["-c", cipher, "-o", &alias, "-o", &format!("Port={port}")];
        let mut command = std::process::Command::new("sftp");
        command.args(server.client_options()).args(options).args(["-b", "-"]);
        command.arg(format!("{}@127.0.0.1", server.user));
        let batch = format!("put {} /damaged\n", quoted(scratch.path("source")));
        let finished = support::client::Running::start(command, &batch).wait(SOON);
        assert!(!finished.timed_out && finished.code != Some(0), "{finished:?}");
        let peer = seen.recv_timeout(SOON).expect("the proxy connected").to_string();
        expect_logged(&server, &peer);
        server.expect_descriptors_back(descriptors);
        // What arrived before the damage may stay; nothing after it may.
        let written = fs::read(scratch.served("damaged")).unwrap_or_default();
        let source = fs::read(scratch.path("source")).expect("read");
        assert!(written.len() <= 3 * MIB as usize + 12_345, "{} bytes", written.len());
        assert!(source.starts_with(&written), "a prefix of the source");
        server.sftp(&[], "ls /\n", SOON).expect_success();
    }
}

#[test]
fn unknown_key_is_refused() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let stranger = format!("IdentityFile={}", scratch.path("stranger_key").display());
    // The last IdentityFile is tried as well as the first: hide the one that would be let in.
    fs::rename(scratch.path("client_key"), scratch.path("hidden")).expect("rename");
    let finished = server.ssh(&["-o", &stranger, "-s"], &["sftp"], SOON).expect_code(255);
    assert!(finished.stderr.contains("Permission denied"), "{}", finished.stderr);
    if server.subject.logs_fields() {
        let line = server.log.wait_line(SOON, |line| {
            field(line, "user") == Some(&server.user) && field(line, "cause").is_some()
        });
        assert!(field(&line, "peer").is_some(), "{line}");
    }
    fs::rename(scratch.path("hidden"), scratch.path("client_key")).expect("rename");
    server.sftp(&[], "ls /\n", SOON).expect_success();
}

#[test]
fn unknown_user_is_refused() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let mut command = std::process::Command::new("ssh");
    command.args(server.client_options()).args(["-p", &server.address.port().to_string()]);
    command.args(["-s", "nobody-of-that-name@127.0.0.1", "sftp"]);
    let finished = support::client::Running::start(command, "").wait(SOON).expect_code(255);
    assert!(finished.stderr.contains("Permission denied"), "{}", finished.stderr);
}

#[test]
fn unknown_subsystem_is_refused() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let descriptors = server.descriptors();
    let finished = server.ssh(&["-s"], &["no-such-subsystem"], SOON).expect_code(255);
    assert!(finished.stderr.contains("subsystem request failed"), "{}", finished.stderr);
    server.expect_descriptors_back(descriptors);
    if server.subject.logs_fields() {
        server.log.wait_line(SOON, |line| line.contains("no-such-subsystem"));
    }
}

#[test]
fn shell_and_commands_are_refused() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    for remote in [&[][..], &["id"], &["touch", "/made-by-a-command"]] {
        let finished = server.ssh(&[], remote, SOON);
        assert!(matches!(finished.code, Some(code) if code != 0), "{finished:?}");
        assert!(!finished.stdout.contains("uid="), "{finished:?}");
    }
    assert_eq!(fs::read_dir(scratch.root()).expect("list").count(), 0);
    server.sftp(&[], "ls /\n", SOON).expect_success();
}

#[test]
fn forwardings_are_refused() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    if server.subject == Subject::Sshd {
        return skipped("sshd forwards by default");
    }
    // A port nobody listens on would fail anyway: forward to the server itself.
    let target = server.address.to_string();
    let finished = server.ssh(&["-W", &target], &[], SOON).expect_code(255);
    assert!(!finished.stdout.contains("SSH-2.0"), "{finished:?}");
    let finished =
        server.ssh(&["-o", "ExitOnForwardFailure=yes", "-N", "-R", "0:127.0.0.1:1"], &[], SOON);
    assert_eq!(finished.code, Some(255), "{finished:?}");
}

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
    assert!(!std::path::Path::new("/etc/made-by-a-test").exists());
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
