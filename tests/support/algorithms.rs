//! What each program at hand can do, by the kinds `ringferry algorithms` prints, so that a test
//! over "everything in common" grows with either side.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use super::files::Scratch;
use super::{SOON, server};

/// The kinds, as `ringferry algorithms` names them and in the order of KEXINIT's lists.
pub(crate) const KINDS: [&str; 5] = ["kex", "host-key", "cipher", "mac", "compression"];

/// The names of each kind, in the program's order of preference.
pub(crate) struct Algorithms(HashMap<&'static str, Vec<String>>);

impl Algorithms {
    /// What our program says it has.
    pub(crate) fn of_ringferry() -> Algorithms {
        let text = stdout(server::ringferry().arg("algorithms"));
        let names = |kind| {
            let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            rows.filter(|row| row.first() == Some(&kind)).map(|row| row[1].to_owned()).collect()
        };
        Algorithms(KINDS.into_iter().map(|kind| (kind, names(kind))).collect())
    }

    /// What OpenSSH's build has: the client's and sshd's are the same.
    pub(crate) fn of_openssh() -> Algorithms {
        let queries = ["kex", "HostKeyAlgorithms", "cipher", "mac", "compression"];
        let names = |query| {
            let text = stdout(Command::new("ssh").args(["-Q", query]));
            text.lines().map(str::to_owned).collect()
        };
        Algorithms(KINDS.into_iter().zip(queries.map(names)).collect())
    }

    /// What a client offers by its KEXINIT: `command` is told the port of a server that reads it
    /// and then hangs up.
    pub(crate) fn of_client(command: impl FnOnce(u16) -> Command) -> Algorithms {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("address").port();
        let mut client = command(port)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the client starts");
        let (mut stream, _) = listener.accept().expect("the client connects");
        stream.set_read_timeout(Some(SOON)).expect("timeout");
        stream.write_all(b"SSH-2.0-asking\r\n").expect("ident");
        let mut byte = [0];
        while byte[0] != b'\n' {
            stream.read_exact(&mut byte).expect("the client's ident");
        }
        let mut head = [0; 5];
        stream.read_exact(&mut head).expect("a packet");
        let length = u32::from_be_bytes(head[..4].try_into().expect("4")) as usize;
        assert!(length < 35_000, "{length} bytes of KEXINIT");
        let mut payload = vec![0; length - 1];
        stream.read_exact(&mut payload).expect("KEXINIT");
        drop(stream);
        let _ = client.kill();
        let _ = client.wait();
        assert_eq!(payload[0], 20, "SSH_MSG_KEXINIT");
        let mut rest = &payload[17..];
        let mut lists = Vec::new();
        for _ in 0..8 {
            let length = u32::from_be_bytes(rest[..4].try_into().expect("4")) as usize;
            let list = String::from_utf8(rest[4..4 + length].to_vec()).expect("a name-list");
            lists.push(list.split(',').map(str::to_owned).collect::<Vec<_>>());
            rest = &rest[4 + length..];
        }
        // From client to server; the other way is the same in every client there is.
        let one_way = [0, 1, 2, 4, 6].map(|at| lists[at].clone());
        Algorithms(KINDS.into_iter().zip(one_way).collect())
    }

    pub(crate) fn of(&self, kind: &str) -> &[String] {
        &self.0[kind]
    }

    pub(crate) fn has(&self, kind: &str, name: &str) -> bool {
        self.of(kind).iter().any(|known| known == name)
    }

    /// What `other` has too, in our order.
    pub(crate) fn in_common(&self, other: &Algorithms) -> Algorithms {
        let both = |kind: &'static str| {
            let names = self.of(kind).iter().filter(|name| other.has(kind, name));
            (kind, names.cloned().collect())
        };
        Algorithms(KINDS.into_iter().map(both).collect())
    }

    /// The same, but for one kind.
    pub(crate) fn with(&self, kind: &'static str, names: Vec<String>) -> Algorithms {
        let mut lists = self.0.clone();
        lists.insert(kind, names);
        Algorithms(lists)
    }

    /// The ciphers, each with every MAC it can be used with: none for those that authenticate on
    /// their own.
    pub(crate) fn suites(&self) -> Vec<(String, Option<String>)> {
        let mut suites = Vec::new();
        for cipher in self.of("cipher") {
            if is_aead(cipher) {
                suites.push((cipher.clone(), None));
            } else {
                let macs = self.of("mac").iter();
                suites.extend(macs.map(|mac| (cipher.clone(), Some(mac.clone()))));
            }
        }
        suites
    }
}

/// Whether a cipher authenticates on its own.
pub(crate) fn is_aead(cipher: &str) -> bool {
    cipher.contains("-gcm@") || cipher.contains("poly1305")
}

/// Whether a host key algorithm is one of certificates.
pub(crate) fn is_certified(algorithm: &str) -> bool {
    algorithm.ends_with("-cert-v01@openssh.com")
}

/// The file in a scratch folder that [`make_host_keys`] makes for a host key algorithm.
pub(crate) fn host_key_file(algorithm: &str) -> &'static str {
    match algorithm.trim_end_matches("-cert-v01@openssh.com") {
        "ssh-ed25519" => "host_key",
        "ecdsa-sha2-nistp256" => "host_key_p256",
        "ecdsa-sha2-nistp384" => "host_key_p384",
        "ecdsa-sha2-nistp521" => "host_key_p521",
        "rsa-sha2-256" | "rsa-sha2-512" => "host_key_rsa",
        other => panic!("no way to make a host key for {other}"),
    }
}

/// Names of files in a scratch folder.
#[derive(Default)]
pub(crate) struct HostKeys {
    /// Private keys.
    pub(crate) keys: Vec<String>,
    /// Certificates for some of them, signed by `host_ca`.
    pub(crate) certificates: Vec<String>,
}

/// Makes a host key, and where it is asked for a certificate, for each host key algorithm.
pub(crate) fn make_host_keys(scratch: &Scratch, algorithms: &Algorithms) -> HostKeys {
    let mut made = HostKeys::default();
    for algorithm in algorithms.of("host-key") {
        let name = host_key_file(algorithm);
        let path = scratch.path(name);
        if !path.exists() {
            let (kind, bits) = match name {
                "host_key_p256" => ("ecdsa", "256"),
                "host_key_p384" => ("ecdsa", "384"),
                "host_key_p521" => ("ecdsa", "521"),
                _ => ("rsa", "3072"),
            };
            make_key(&path, &["-t", kind, "-b", bits]);
        }
        let certificate = format!("{name}-cert.pub");
        if is_certified(algorithm) && !scratch.path(&certificate).exists() {
            certify(scratch, &path);
        }
        for (name, list, wanted) in [
            (name.to_owned(), &mut made.keys, true),
            (certificate, &mut made.certificates, is_certified(algorithm)),
        ] {
            if wanted && !list.contains(&name) {
                list.push(name);
            }
        }
    }
    made
}

fn certify(scratch: &Scratch, key: &Path) {
    let authority = scratch.path("host_ca");
    if !authority.exists() {
        make_key(&authority, &["-t", "ed25519"]);
    }
    let mut command = Command::new("ssh-keygen");
    command.arg("-q").arg("-s").arg(authority).args(["-I", "test", "-h", "-n", "127.0.0.1"]);
    stdout(command.arg(key.with_extension("pub")));
}

fn make_key(path: &Path, kind: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-N", "", "-C", "ringferry-test"]).args(kind).arg("-f").arg(path);
    stdout(&mut command);
}

fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
