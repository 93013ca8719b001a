//! A stock OpenSSH client with each key exchange method it has in common with the server: a file up
//! and down across rekeys, whole. What is not asked for in the configuration is not served.

mod support;

use std::process::Command;
use std::time::Duration;

use support::client::quoted;
use support::files::{Scratch, assert_same_bytes, write_random};
use support::server::{Options, Server, Subject};
use support::{MIB, skipped};

/// Every method the server knows beyond the default ones, and those.
const METHODS: [&str; 12] = [
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group-exchange-sha256",
];

/// With the big groups, a rekey takes tens of milliseconds on both sides of a debug build.
const LONG: Duration = Duration::from_secs(120);

/// What the client at hand can do.
fn client_has(method: &str) -> bool {
    let output = Command::new("ssh").args(["-Q", "kex"]).output().expect("ssh runs");
    String::from_utf8_lossy(&output.stdout).lines().any(|name| name == method)
}

/// 1 MiB each way with new keys every 256 KiB.
fn put_and_get(method: &'static str) {
    put_and_get_with(method, &[]);
}

/// The same with more arguments; returns the client's log, if it has the method.
fn put_and_get_with(method: &'static str, more: &[&str]) -> Option<String> {
    if !client_has(method) {
        // Not a skip: no client of this distribution's release has it, and the transport's own
        // tests hold both of our roles against each other.
        eprintln!("the client has no {method}");
        return None;
    }
    let known = METHODS.into_iter().filter(|name| client_has(name)).collect::<Vec<_>>().join(",");
    let scratch = Scratch::new();
    let options = Options { kex_algorithms: Some(known), ..Options::default() };
    let server = Server::start_with(&scratch, &options);
    let (source, back) = (scratch.path("source"), scratch.path("back"));
    write_random(&source, MIB, 1);
    let chosen = format!("KexAlgorithms={method}");
    let batch = format!("put {} /file\nget /file {}\n", quoted(&source), quoted(&back));
    let arguments = ["-v", "-o", &chosen, "-o", "RekeyLimit=256K"];
    let arguments = [&arguments[..], more].concat();
    let finished = server.sftp(&arguments, &batch, LONG).expect_success();
    let agreed = format!("kex: algorithm: {method}");
    assert!(finished.stderr.lines().any(|line| line.ends_with(&agreed)), "{}", finished.stderr);
    let exchanges = finished.stderr.matches("rekey in after").count();
    assert!(exchanges >= 8, "{exchanges} directions changed keys\n{}", finished.stderr);
    assert_same_bytes(&source, &scratch.served("file"));
    assert_same_bytes(&source, &back);
    Some(finished.stderr)
}

#[test]
fn sntrup761_x25519() {
    put_and_get("sntrup761x25519-sha512");
}

#[test]
fn sntrup761_x25519_under_its_old_name() {
    put_and_get("sntrup761x25519-sha512@openssh.com");
}

/// The client asks for groups as large as its cipher is strong.
#[test]
fn group_exchange() {
    let method = "diffie-hellman-group-exchange-sha256";
    for (cipher, bits) in [("aes128-gcm@openssh.com", 3072), ("aes256-gcm@openssh.com", 8192)] {
        let cipher = format!("Ciphers={cipher}");
        if let Some(log) = put_and_get_with(method, &["-o", &cipher]) {
            let asked = format!("SSH2_MSG_KEX_DH_GEX_REQUEST(2048<{bits}<8192) sent");
            assert!(log.contains(&asked), "{log}");
        }
    }
}

#[test]
fn curve25519() {
    put_and_get("curve25519-sha256");
}

#[test]
fn curve25519_under_its_old_name() {
    put_and_get("curve25519-sha256@libssh.org");
}

#[test]
fn mlkem768_x25519() {
    put_and_get("mlkem768x25519-sha256");
}

#[test]
fn nistp256() {
    put_and_get("ecdh-sha2-nistp256");
}

#[test]
fn nistp384() {
    put_and_get("ecdh-sha2-nistp384");
}

#[test]
fn nistp521() {
    put_and_get("ecdh-sha2-nistp521");
}

#[test]
fn group_14() {
    put_and_get("diffie-hellman-group14-sha256");
}

#[test]
fn group_16() {
    put_and_get("diffie-hellman-group16-sha512");
}

#[test]
fn group_18() {
    put_and_get("diffie-hellman-group18-sha512");
}

#[test]
fn what_is_not_asked_for_is_not_offered() {
    if Subject::chosen() != Subject::Ringferry {
        return skipped("sshd offers more by default");
    }
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    for method in [
        "ecdh-sha2-nistp256",
        "diffie-hellman-group14-sha256",
        "diffie-hellman-group-exchange-sha256",
    ] {
        let chosen = format!("KexAlgorithms={method}");
        let finished = server.sftp(&["-o", &chosen], "pwd\n", LONG);
        assert_ne!(finished.code, Some(0));
        let offer = "mlkem768x25519-sha256,sntrup761x25519-sha512,\
                     sntrup761x25519-sha512@openssh.com,curve25519-sha256,\
                     curve25519-sha256@libssh.org";
        let text = finished.output();
        assert!(text.contains("no matching key exchange method") && text.contains(offer), "{text}");
    }
}
