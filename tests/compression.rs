//! Real clients that compress: OpenSSH with `-C` and paramiko, files both ways across rekeys.

mod support;

use std::fs;
use std::process::Command;
use std::time::Duration;

use support::client::{Running, quoted};
use support::files::{Scratch, assert_same_bytes, sha256, write_random};
use support::server::{Server, Subject};
use support::{MIB, skipped};

/// zlib on both sides, ours built without optimisation, and a loaded machine.
const LONG: Duration = Duration::from_secs(300);

const BYTES: u64 = 64 * MIB + 13;

/// Lines that repeat at some distance, each with a number of its own.
fn write_lines(path: &std::path::Path, bytes: u64) {
    let bytes = usize::try_from(bytes).expect("a small file");
    let mut text = Vec::with_capacity(bytes + 100);
    for number in 0_u64.. {
        if text.len() >= bytes {
            break;
        }
        let status = if number.is_multiple_of(7) { 404 } else { 200 };
        text.extend(format!("{number:012} GET /assets/app.js HTTP/1.1 {status} -\n").bytes());
    }
    text.truncate(bytes);
    fs::write(path, text).expect("write");
}

/// `sftp -C` up and down with new keys every MiB on the wire.
fn openssh(make: impl FnOnce(&std::path::Path), rekeys_min: usize) -> (u64, u64) {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let (source, back) = (scratch.path("source"), scratch.path("back"));
    make(&source);
    let batch = format!("put {} /bulk.bin\nget /bulk.bin {}\n", quoted(&source), quoted(&back));
    let options = ["-v", "-C", "-o", "RekeyLimit=1M"];
    let finished = server.sftp(&options, &batch, LONG).expect_success();
    for way in ["client->server", "server->client"] {
        let agreed = finished.stderr.lines().find(|line| line.contains(&format!("kex: {way} ")));
        let agreed = agreed.expect("what was agreed on");
        assert!(agreed.trim_end().ends_with("compression: zlib@openssh.com"), "{agreed}");
    }
    // 9.2 says "Enabling compression at level 6."
    assert!(finished.stderr.contains("nabling compression"), "{}", finished.stderr);
    let rekeys = finished.stderr.matches("rekey out after").count();
    assert!(rekeys >= rekeys_min, "{rekeys} rekeys\n{}", finished.stderr);
    let hash = sha256(&source);
    assert_eq!(hash, sha256(&scratch.served("bulk.bin")), "after put");
    assert_eq!(hash, sha256(&back), "after get");
    // "Transferred: sent 67230400, received 68041600 bytes, in 3.3 seconds"
    let line = finished.stderr.lines().find(|line| line.starts_with("Transferred: sent "));
    let numbers: Vec<u64> = line
        .expect("how much was transferred")
        .split([' ', ','])
        .filter_map(|word| word.parse().ok())
        .collect();
    (numbers[0], numbers[1])
}

#[test]
fn openssh_with_compressible_data() {
    let (sent, received) = openssh(|path| write_lines(path, BYTES), 8);
    eprintln!("of {BYTES} bytes each way, {sent} were sent and {received} received");
    // OpenSSH counts what is on the wire.
    assert!(sent < BYTES / 4 && received < BYTES / 4, "{sent}, {received}");
}

#[test]
fn openssh_with_random_data() {
    let (sent, received) = openssh(|path| write_random(path, BYTES, 1), 60);
    eprintln!("of {BYTES} bytes each way, {sent} were sent and {received} received");
    assert!(sent < BYTES + BYTES / 50 && received < BYTES + BYTES / 50, "{sent}, {received}");
}

/// Files of sizes around those of packets, trains and joined writes; many small ones; a listing.
#[test]
fn openssh_with_files_of_all_sizes() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let sizes = [0, 1, 32_768, 32_769, 65_536, 261_120, 261_121, 524_288, 1_048_577];
    let mut batch = String::new();
    for size in sizes {
        let path = scratch.path(&format!("file{size}"));
        write_random(&path, size / 2, size);
        let mut bytes = fs::read(&path).expect("read");
        bytes.resize(usize::try_from(size).expect("small"), b'=');
        fs::write(&path, bytes).expect("write");
        let back = scratch.path(&format!("back{size}"));
        batch += &format!("put {} /f{size}\nget /f{size} {}\n", quoted(&path), quoted(&back));
    }
    for number in 0..200 {
        batch += &format!("mkdir /folder{number}\n");
    }
    batch += "ls -l /\n";
    let finished = server.sftp(&["-C"], &batch, LONG).expect_success();
    assert_eq!(finished.stdout.matches("folder199").count(), 2, "{}", finished.stdout);
    for size in sizes {
        let path = scratch.path(&format!("file{size}"));
        assert_same_bytes(&path, &scratch.served(&format!("f{size}")));
        assert_same_bytes(&path, &scratch.path(&format!("back{size}")));
    }
}

/// Without `-C` nobody compresses, though both could.
#[test]
fn openssh_does_not_compress_unless_asked() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let finished = server.sftp(&["-v"], "pwd\n", LONG).expect_success();
    assert_eq!(finished.stderr.matches("compression: none").count(), 2, "{}", finished.stderr);
}

/// What starts before the login has to be named in the configuration.
#[test]
fn plain_zlib_is_not_offered() {
    if Subject::chosen() != Subject::Ringferry {
        return skipped("sshd has its own list");
    }
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let finished = server.sftp(&["-vv", "-C"], "pwd\n", LONG).expect_success();
    let offers = "compression ctos: none,zlib@openssh.com,zstd@ringferry";
    let offered = finished.stderr.lines().rfind(|line| line.contains("compression ctos: "));
    assert!(offered.expect("the server's list").contains(offers), "{offered:?}");
}

const PYTHON: &str = "/usr/bin/python3";

const PARAMIKO: &str = r#"
import sys, paramiko
port, user, key, source, back = sys.argv[1:]
transport = paramiko.Transport(("127.0.0.1", int(port)))
transport.use_compression(True)
transport.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))
sftp = paramiko.SFTPClient.from_transport(transport)
sftp.put(source, "/paramiko.bin")
transport.renegotiate_keys()
sftp.get("/paramiko.bin", back)
print(transport.local_compression, transport.remote_compression)
transport.close()
"#;

#[test]
fn paramiko_with_use_compression() {
    let import = Command::new(PYTHON).args(["-c", "import paramiko"]).output();
    if !import.is_ok_and(|output| output.status.success()) {
        return skipped("no paramiko for /usr/bin/python3");
    }
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let (source, back) = (scratch.path("source"), scratch.path("back"));
    write_lines(&source, 8 * MIB + 13);
    let mut command = Command::new(PYTHON);
    command.args(["-W", "ignore", "-c", PARAMIKO]);
    command.args([&server.address.port().to_string(), &server.user]);
    command.args(["client_key", "source", "back"].map(|name| scratch.path(name)));
    let finished = Running::start(command, "").wait(LONG).expect_success();
    assert_eq!(finished.stdout.trim(), "zlib@openssh.com zlib@openssh.com");
    assert_same_bytes(&source, &scratch.served("paramiko.bin"));
    assert_same_bytes(&source, &back);
}
