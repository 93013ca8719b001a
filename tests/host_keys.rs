//! Several host keys, met by a stock OpenSSH client: the others are learnt after the login, and a
//! certificate is believed for its authority's sake. Every host key algorithm is in the matrix.

mod support;

use std::fs;

use support::SOON;
use support::algorithms::{Algorithms, make_host_keys};
use support::files::Scratch;
use support::server::{Options, Server};

/// A server with every type of host key, and certificates for all of them.
fn start(scratch: &Scratch) -> Server {
    let made = make_host_keys(scratch, &Algorithms::of_ringferry());
    let options = Options {
        host_keys: made.keys,
        host_certificates: made.certificates,
        ..Options::default()
    };
    Server::start_with(scratch, &options)
}

/// The base64 of a public key in the scratch folder.
fn public(scratch: &Scratch, name: &str) -> String {
    let line = fs::read_to_string(scratch.path(&format!("{name}.pub"))).expect("a public key");
    line.split(' ').nth(1).expect("type and key").to_owned()
}

#[test]
fn a_client_that_knows_one_key_learns_the_others() {
    let scratch = Scratch::new();
    let server = start(&scratch);
    let port = server.address.port();
    let lines = || fs::read_to_string(&server.known_hosts).expect("known_hosts");
    // With an authority for the server among the lines OpenSSH would leave the file alone.
    let line = format!("[127.0.0.1]:{port} ssh-ed25519 {}\n", public(&scratch, "host_key"));
    fs::write(&server.known_hosts, line).expect("known_hosts");
    let options = ["-v", "-o", "UpdateHostKeys=yes"];
    let finished = server.sftp(&options, "pwd\n", SOON).expect_success();
    assert!(finished.stderr.contains("hostkeys-00@openssh.com"), "{}", finished.stderr);
    for name in ["host_key", "host_key_p256", "host_key_p384", "host_key_p521", "host_key_rsa"] {
        assert!(lines().contains(&public(&scratch, name)), "{name} was not learnt: {}", lines());
    }
}

#[test]
fn a_certificate_is_believed_for_its_authoritys_sake() {
    let scratch = Scratch::new();
    let server = start(&scratch);
    let port = server.address.port();
    let authority = public(&scratch, "host_ca");
    let line = format!("@cert-authority [127.0.0.1]:{port} ssh-ed25519 {authority}\n");
    fs::write(&server.known_hosts, line).expect("known_hosts");
    let finished = server.sftp(&["-v"], "pwd\n", SOON).expect_success();
    let told = &finished.stderr;
    assert!(told.contains("ssh-ed25519-cert-v01@openssh.com"), "{told}");
    assert!(told.contains("Found CA key in"), "{told}");
    // No other authority will do.
    let stranger = public(&scratch, "host_key");
    let line = format!("@cert-authority [127.0.0.1]:{port} ssh-ed25519 {stranger}\n");
    fs::write(&server.known_hosts, line).expect("known_hosts");
    assert_ne!(server.sftp(&[], "pwd\n", SOON).code, Some(0));
}
