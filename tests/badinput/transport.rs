//! Bytes that are no SSH at all, and SSH packets that are malformed, damaged, late or out of turn.

use std::fs;
use std::time::Duration;

use crate::expect_logged;
use crate::support::client::{Running, quoted};
use crate::support::files::{Scratch, Seeded, write_random};
use crate::support::packets::string;
use crate::support::server::{Options, Server, Subject};
use crate::support::wire::{Answer, Raw, damaging_proxy, plain_packet};
use crate::support::{MIB, SOON};

const CLIENT_IDENT: &[u8] = b"SSH-2.0-probe\r\n";

/// RFC 4253 section 11.1.
const PROTOCOL_ERROR: u32 = 2;

/// Opens a raw connection, lets `misbehave` write to it, and checks what every bad peer must see:
/// the connection ends, the log says who and why, nothing stays open, and a login still works.
fn refused(misbehave: impl FnOnce(&mut Raw)) -> Answer {
    closed(misbehave, true)
}

/// The same for a peer that says nothing, as balancers do every second: it is not worth a line.
fn passed_over(misbehave: impl FnOnce(&mut Raw)) {
    closed(misbehave, false);
}

fn closed(misbehave: impl FnOnce(&mut Raw), logged: bool) -> Answer {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let descriptors = server.descriptors();
    let mut raw = Raw::connect(server.address);
    let peer = raw.peer.to_string();
    misbehave(&mut raw);
    let answer = raw.read_to_close(SOON);
    assert!(answer.closed, "still open after {SOON:?}; {} bytes", answer.bytes.len());
    if logged {
        expect_logged(&server, &peer);
    }
    server.expect_descriptors_back(descriptors);
    server.sftp(&[], "ls /\n", SOON).expect_success();
    let said = server.log.lines().into_iter().any(|line| line.contains(&peer));
    assert!(logged || server.subject == Subject::Sshd || !said, "{}", server.log.tail());
    answer
}

#[test]
fn port_scanner_that_connects_and_closes() {
    passed_over(Raw::finish);
}

#[test]
fn scanner_that_reads_the_ident_and_leaves() {
    passed_over(|raw| {
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
        let finished = Running::start(command, &batch).wait(SOON);
        assert!(!finished.timed_out && finished.code != Some(0), "{finished:?}");
        let peer = seen.recv_timeout(SOON).expect("the proxy connected").to_string();
        expect_logged(&server, &peer);
        server.expect_descriptors_back(descriptors);
        // What arrived before the damage may stay; nothing after it may.
        let written = fs::read(scratch.served("damaged")).unwrap_or_default();
        let source = fs::read(scratch.path("source")).expect("read");
        assert!(written.len() as u64 <= 3 * MIB + 12_345, "{} bytes", written.len());
        assert!(source.starts_with(&written), "a prefix of the source");
        server.sftp(&[], "ls /\n", SOON).expect_success();
    }
}
