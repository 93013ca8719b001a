//! A client that asks for a whole file at once: paramiko's prefetch sends every READ before it
//! looks at an answer. What the server holds for that does not grow with the file.

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::client::Running;
use support::files::{Scratch, assert_same_bytes, write_random};
use support::server::{Options, Server, Subject};
use support::{MIB, bulk_bytes, skipped};

/// A GiB through Python's ciphers, beside other tests.
const LONG: Duration = Duration::from_secs(600);

/// What one such session may cost.
const GROWTH_KIB_MAX: u64 = 8 * 1024;

const PYTHON: &str = "/usr/bin/python3";

/// Says how many bytes came.
const DOWNLOAD: &str = r#"
import sys, paramiko
port, user, key, remote, local = sys.argv[1:]
transport = paramiko.Transport(("127.0.0.1", int(port)))
transport.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))
sftp = paramiko.SFTPClient.from_transport(transport)
size = sftp.stat(remote).st_size
with sftp.open(remote, "rb") as file, open(local, "wb") as out:
    file.prefetch(size)
    done = 0
    while done < size:
        block = file.read(32768)
        assert block, done
        out.write(block)
        done += len(block)
    assert file.read(1) == b""
print(done)
transport.close()
"#;

fn has_paramiko() -> bool {
    let import = Command::new(PYTHON).args(["-W", "ignore", "-c", "import paramiko"]).output();
    import.is_ok_and(|output| output.status.success())
}

fn download(scratch: &Scratch, server: &Server, remote: &str, local: &Path) {
    let mut command = Command::new(PYTHON);
    command.args(["-W", "ignore", "-c", DOWNLOAD]);
    command.args([&server.address.port().to_string(), &server.user]);
    command.arg(scratch.path("client_key")).arg(remote).arg(local);
    let finished = Running::start(command, "").wait(LONG).expect_success();
    let bytes = std::fs::metadata(local).expect("stat").len();
    assert_eq!(finished.stdout.trim(), bytes.to_string());
}

#[test]
fn a_whole_file_asked_for_at_once() {
    if !has_paramiko() {
        return skipped("no paramiko for /usr/bin/python3");
    }
    let scratch = Scratch::new();
    let settings = vec![("algorithms", "compatible".to_owned())];
    let server = Server::start_with(&scratch, &Options { settings, ..Options::default() });
    let (small, big) = (scratch.served("small"), scratch.served("big"));
    write_random(&small, MIB, 81);
    write_random(&big, bulk_bytes(), 82);
    let back = scratch.path("back");
    let fresh = server.memory_kib("VmRSS");
    // Whatever one session needs at all is there after this.
    download(&scratch, &server, "/small", &back);
    let idle = server.memory_kib("VmRSS");
    server.reset_peak();
    let start = Instant::now();
    download(&scratch, &server, "/big", &back);
    let (elapsed, peak) = (start.elapsed(), server.memory_kib("VmHWM"));
    assert_same_bytes(&big, &back);
    eprintln!("{} MiB with prefetch: {elapsed:.1?}", bulk_bytes() / MIB);
    if server.subject == Subject::Sshd {
        return skipped("(memory only) sshd's sessions are processes of their own");
    }
    eprintln!("memory: {fresh} KiB fresh, {idle} KiB idle, {peak} KiB at the most");
    let grown = peak.saturating_sub(idle);
    assert!(grown <= GROWTH_KIB_MAX, "grown by {grown} KiB");
}
