//! The command line as scripts meet it: first lines, exit codes, error texts, files made.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGILoQMasvjSnfyOJCTmHXeOzyU9GRwRHd0BA0lqPCy/ one\n";

/// A command in a fresh folder that is also its home.
fn ringferry(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringferry"));
    command.current_dir(folder).env("HOME", folder);
    command.env_remove("STATE_DIRECTORY").env_remove("XDG_STATE_HOME");
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    ringferry(folder).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Exit code 2, nothing on stdout, and what stderr says.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    said
}

/// A running server; killed when dropped.
struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    ready: String,
}

impl Server {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = ringferry(folder);
        command.arg("serve").args(arguments).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        stdout.read_line(&mut ready).unwrap();
        if ready.is_empty() {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it did not start: {said}");
        }
        Self { child, stdout, ready }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Exit code, the rest of stdout, and stderr.
    fn end(mut self) -> (Option<i32>, String, String) {
        let code = self.child.wait().unwrap().code();
        let (mut out, mut said) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (code, out, said)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_bare_folder_is_enough_to_serve() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    let words: Vec<_> = server.ready.trim_end().split(' ').collect();
    let [first, listen, pid] = words[..] else { panic!("{}", server.ready) };
    assert_eq!(first, "ready");
    assert_eq!(pid, format!("pid={}", server.child.id()));
    let address = listen.strip_prefix("listen=").unwrap().to_owned();
    TcpStream::connect(&address).unwrap();
    server.signal(Signal::TERM);
    let (code, out, said) = server.end();
    assert_eq!(code, Some(0), "{said}");
    let port = address.strip_prefix("127.0.0.1:").unwrap();
    assert!(out.contains(&format!("sftp -P {port} ")), "{out}");
    assert!(out.contains("host key  SHA256:"), "{out}");
    let password = out.lines().find_map(|line| line.strip_prefix("password  ")).unwrap();
    let password = password.split(' ').next().unwrap();
    assert_eq!(password.len(), 23);
    assert!(!said.contains(password), "the log tells the password");
    assert!(folder.path().join("ringferry-data").is_dir());
    let key = folder.path().join(".local/state/ringferry/ssh_host_ed25519_key");
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_host_key_is_kept_and_interrupts_end_well() {
    let folder = TempDir::new().unwrap();
    let prints: Vec<_> = (0..2)
        .map(|_| {
            let server = Server::start(folder.path(), &["--listen", "127.0.0.1:0"]);
            server.signal(Signal::INT);
            let (code, out, _) = server.end();
            assert_eq!(code, Some(0));
            let line = out.lines().find(|line| line.starts_with("host key")).unwrap().to_owned();
            line.split_whitespace().nth(2).unwrap().to_owned()
        })
        .collect();
    assert_eq!(prints[0], prints[1]);
}

#[test]
fn every_address_has_its_line_after_the_first() {
    let folder = TempDir::new().unwrap();
    let arguments = ["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"];
    let server = Server::start(folder.path(), &arguments);
    let first = server.ready.clone();
    server.signal(Signal::TERM);
    let (_, out, _) = server.end();
    assert!(out.starts_with("ready listen=127.0.0.1:"), "{out}");
    assert_ne!(out.lines().next(), Some(first.trim_end()));
}

#[test]
fn with_keys_there_is_no_password() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join(".ssh")).unwrap();
    fs::write(folder.path().join(".ssh/id_ed25519.pub"), KEY).unwrap();
    let server = Server::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    server.signal(Signal::TERM);
    assert!(!server.end().1.contains("password"));

    fs::write(folder.path().join("keys"), format!("command=\"x\" {KEY}")).unwrap();
    let arguments = ["--listen", "127.0.0.1:0", "--authorized-keys", "keys"];
    let server = Server::start(folder.path(), &arguments);
    server.signal(Signal::TERM);
    let (_, out, said) = server.end();
    assert!(!out.contains("password"), "{out}");
    assert!(said.contains("keys:1: line ignored: the option command is not enforced"), "{said}");
    assert!(said.contains("nobody can log in"), "{said}");
}

#[test]
fn a_taken_port_is_a_runtime_failure() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(folder.path(), &["serve", "--listen", &address]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&address) && said.contains("in use"), "{said}");
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn check_prints_a_configuration_that_check_accepts() {
    let folder = TempDir::new().unwrap();
    let first = run(folder.path(), &["check", "--set", "max_sessions=3"]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    fs::write(folder.path().join("c.toml"), &first.stdout).unwrap();
    let second = run(folder.path(), &["check", "--config", "c.toml"]);
    assert_eq!(text(&second.stdout), text(&first.stdout));
    assert!(text(&second.stdout).contains("\nmax_sessions = 3\n"));
    assert!(!folder.path().join("ringferry-data").exists(), "check makes nothing");
}

#[test]
fn mistakes_end_with_exit_code_2_and_name_their_place() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("c.toml"), "\nmax_auth_trys = 3\nshards = 'x'\n").unwrap();
    for command in ["serve", "check"] {
        let said = refused(folder.path(), &[command, "--config", "c.toml"]);
        assert!(said.contains("c.toml:2: ") && said.contains("mean max_auth_tries?"), "{said}");
        assert!(said.contains("c.toml:3: shards: \"x\" is not an integer; allowed: "), "{said}");
        let said = refused(folder.path(), &[command, "--set", "shards=x"]);
        assert!(said.contains("--set shards=x: shards: "), "{said}");
        let said = refused(folder.path(), &[command, "--config", "none.toml"]);
        assert!(said.contains("--config none.toml: there is no such file"), "{said}");
    }
    let said = refused(folder.path(), &["serve", "--driver", "epoll"]);
    assert!(said.contains("--driver: driver: \"epoll\" is unknown; allowed: auto, "), "{said}");
    for wrong in [&["serve", "--nope"][..], &["nope"], &[], &["check", "--listen", "x"]] {
        refused(folder.path(), wrong);
    }
    let said = refused(folder.path(), &["serve", "--root", "missing"]);
    assert!(said.contains("root missing: ") && said.contains("mkdir -p missing"), "{said}");
    assert!(!folder.path().join("missing").exists());
}

#[test]
fn a_host_key_open_to_others_is_refused_by_serve_and_check() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    drop(server);
    let key = folder.path().join(".local/state/ringferry/ssh_host_ed25519_key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let key = key.to_str().unwrap();
    let set = format!("host_key={key}");
    for arguments in [&["serve"][..], &["serve", "--host-key", key], &["check", "--set", &set]] {
        let said = refused(folder.path(), arguments);
        assert!(said.contains("mode 0644") && said.contains("chmod 600"), "{said}");
    }
}

#[test]
fn a_host_key_inside_root_is_warned_about() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(folder.path(), &["--listen", "127.0.0.1:0", "--root", "."]);
    server.signal(Signal::TERM);
    let said = server.end().2;
    assert!(said.contains("the host key lies inside root"), "{said}");
}

#[test]
fn json_logs_are_json_from_the_first_line_to_the_last() {
    let folder = TempDir::new().unwrap();
    let arguments = ["--listen", "127.0.0.1:0", "--set", "log_format=json"];
    let server = Server::start(folder.path(), &arguments);
    server.signal(Signal::TERM);
    let (_, _, said) = server.end();
    assert!(said.lines().count() >= 3, "{said}");
    for line in said.lines() {
        assert!(line.starts_with("{\"timestamp\":") && line.ends_with('}'), "{line}");
    }
}

#[test]
fn algorithms_are_listed_by_kind() {
    let folder = TempDir::new().unwrap();
    let output = run(folder.path(), &["algorithms"]);
    assert_eq!(output.status.code(), Some(0));
    let out = text(&output.stdout);
    assert!(out.contains("curve25519-sha256") && out.contains("aes256-gcm@openssh.com"), "{out}");
}

#[test]
fn help_and_version_are_no_mistakes() {
    let folder = TempDir::new().unwrap();
    for arguments in [&["--help"][..], &["serve", "--help"], &["--version"]] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
}

/// The order of ciphers depends on the backends, so only the usual build compares.
#[cfg(feature = "aws-lc")]
#[test]
fn the_example_is_what_check_prints() {
    let folder = TempDir::new().unwrap();
    let printed = text(&run(folder.path(), &["check"]).stdout);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/ringferry.toml");
    let kept = fs::read_to_string(path).unwrap_or_default();
    assert!(kept == printed, "cargo run -- check > examples/ringferry.toml");
}
