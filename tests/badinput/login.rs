//! Who is refused at the door, and what is refused to those who are in.

use std::fs;
use std::process::Command;

use crate::support::client::Running;
use crate::support::files::Scratch;
use crate::support::log::field;
use crate::support::server::{Server, Subject};
use crate::support::{SOON, skipped};

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
    let mut command = Command::new("ssh");
    command.args(server.client_options()).args(["-p", &server.address.port().to_string()]);
    command.args(["-s", "nobody-of-that-name@127.0.0.1", "sftp"]);
    let finished = Running::start(command, "").wait(SOON).expect_code(255);
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
    if server.subject.logs_fields() {
        let readable = r#"request="exec touch /made-by-a-command""#;
        server.log.wait_line(SOON, |line| line.contains(readable));
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
