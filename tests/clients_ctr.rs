//! Clients that have no AEAD cipher: files both ways, under every MAC they have.

mod support;

use std::process::Command;
use std::time::Duration;

use support::client::{Finished, Running};
use support::files::{Scratch, assert_same_bytes, sha256, write_random};
use support::server::{Options, Server};
use support::{MIB, skipped};

/// A client may take so long for a few transfers of [`BYTES`] each.
const LONG: Duration = Duration::from_secs(120);

/// A file that does not end at a packet's or a block's edge.
const BYTES: u64 = 8 * MIB + 13;

const MACS: [&str; 4] = [
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
];

/// These clients have old MACs only, which the default preset leaves out.
fn compatible(scratch: &Scratch) -> Server {
    let settings = vec![("algorithms", "compatible".to_owned())];
    Server::start_with(scratch, &Options { settings, ..Options::default() })
}

/// A client that is offered several takes its own first choice; one of each suffices.
#[test]
fn openssh_with_a_list() {
    let scratch = Scratch::new();
    let server = compatible(&scratch);
    let macs = "MACs=hmac-sha1,hmac-sha2-512";
    let options = ["-v", "-c", "aes128-cbc,aes192-ctr", "-o", macs];
    let finished = server.sftp(&options, "ls /\n", LONG).expect_success();
    let agreed = "cipher: aes192-ctr MAC: hmac-sha2-512 ";
    assert!(finished.stderr.contains(agreed), "{}", finished.stderr);
}

const PYTHON: &str = "/usr/bin/python3";

/// Whether this machine has paramiko for the system's Python.
fn has_paramiko() -> bool {
    let import = Command::new(PYTHON).args(["-c", "import paramiko"]).output();
    import.is_ok_and(|output| output.status.success())
}

/// put, get, and getfo with prefetch, whose requests are all sent before the first answer. Prints
/// the algorithms of the two directions and the SHA-256 of what came back.
const PARAMIKO: &str = r#"
import hashlib, io, sys, paramiko
port, user, key, source, back, cipher, mac = sys.argv[1:]
transport = paramiko.Transport(("127.0.0.1", int(port)))
options = transport.get_security_options()
if cipher:
    options.ciphers, options.digests = [cipher], [mac]
transport.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))
sftp = paramiko.SFTPClient.from_transport(transport)
sftp.put(source, "/paramiko.bin")
sftp.get("/paramiko.bin", back)
whole = io.BytesIO()
sftp.getfo("/paramiko.bin", whole, prefetch=True)
transport.renegotiate_keys()
assert sorted(sftp.listdir("/")) == ["paramiko.bin"], sftp.listdir("/")
print(transport.local_cipher, transport.local_mac, transport.remote_cipher, transport.remote_mac)
print(hashlib.sha256(whole.getvalue()).hexdigest())
transport.close()
"#;

fn paramiko(scratch: &Scratch, server: &Server, cipher: &str, mac: &str) -> Finished {
    let mut command = Command::new(PYTHON);
    command.args(["-W", "ignore", "-c", PARAMIKO]);
    command.args([&server.address.port().to_string(), &server.user]);
    command.args(["client_key", "source", "back"].map(|name| scratch.path(name)));
    command.args([cipher, mac]);
    Running::start(command, "").wait(LONG).expect_success()
}

#[test]
fn paramiko_up_and_down_and_prefetched() {
    if !has_paramiko() {
        return skipped("no paramiko for /usr/bin/python3");
    }
    let scratch = Scratch::new();
    let server = compatible(&scratch);
    let (source, back) = (scratch.path("source"), scratch.path("back"));
    write_random(&source, BYTES, 2);
    let hash = sha256(&source);
    let pairs = MACS.map(|mac| ("aes256-ctr", mac));
    for (cipher, mac) in [("", "")].into_iter().chain(pairs) {
        let finished = paramiko(&scratch, &server, cipher, mac);
        let mut lines = finished.stdout.lines();
        let agreed = lines.next().expect("the algorithms");
        if !cipher.is_empty() {
            assert_eq!(agreed, format!("{cipher} {mac} {cipher} {mac}"));
        }
        assert_eq!(lines.next(), Some(&hash[..]), "prefetched, {agreed}");
        assert_eq!(hash, sha256(&scratch.served("paramiko.bin")), "after put, {agreed}");
        assert_eq!(hash, sha256(&back), "after get, {agreed}");
        eprintln!("paramiko: {agreed}");
    }
}

fn curl_has_sftp() -> bool {
    let version = Command::new("curl").arg("-V").output();
    version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(" sftp"))
}

#[test]
fn curl_up_and_down() {
    if !curl_has_sftp() {
        return skipped("no curl with sftp");
    }
    let scratch = Scratch::new();
    let server = compatible(&scratch);
    let (source, back) = (scratch.path("source"), scratch.path("back"));
    write_random(&source, BYTES, 3);
    let url = format!("sftp://{}@{}/curl.bin", server.user, server.address);
    for (option, file) in [("-T", &source), ("-o", &back)] {
        let mut command = Command::new("curl");
        command.args(["-sS", "--insecure", "--key"]).arg(scratch.path("client_key"));
        command.arg("--pubkey").arg(scratch.path("client_key.pub"));
        command.arg(option).arg(file).arg(&url);
        Running::start(command, "").wait(LONG).expect_success();
    }
    assert_same_bytes(&source, &scratch.served("curl.bin"));
    assert_same_bytes(&source, &back);
}
