//! A server of ours with a folder and keys, and the processes that a test starts beside it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long what was let go may take to be gone.
const SOON: Duration = Duration::from_secs(10);

/// A process that has said its first line; its input ends and it is stopped when dropped.
pub(crate) struct Started {
    child: Child,
    /// What it said.
    pub(crate) said: String,
    /// Where it listens, if it said so.
    pub(crate) address: String,
}

/// A folder, a key and a server; all gone when dropped.
pub(crate) struct Scene {
    pub(crate) server: Started,
    pub(crate) address: String,
    pub(crate) user: String,
    dir: PathBuf,
}

impl Scene {
    pub(crate) fn new(name: &str, more: &[&str]) -> Scene {
        let dir = format!("ringferry-perf-load-{}-{name}", std::process::id());
        let dir = std::env::temp_dir().join(dir);
        std::fs::create_dir_all(dir.join("served")).expect("a folder");
        for key in ["key", "host_key"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
            assert!(keygen.arg(dir.join(key)).status().expect("ssh-keygen").success());
        }
        let user = "somebody".to_owned();
        let mut serve = Command::new(ringferry());
        serve.args(["serve", "--listen", "127.0.0.1:0", "--user", &user, "--root"]);
        serve.arg(dir.join("served")).arg("--authorized-keys").arg(dir.join("key.pub"));
        serve.arg("--host-key").arg(dir.join("host_key")).args(more);
        let log = std::fs::File::create(dir.join("log")).expect("a log");
        let server = Started::new(serve.stderr(log));
        Scene { address: server.address.clone(), server, user, dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn served(&self, name: &str) -> PathBuf {
        self.dir.join("served").join(name)
    }

    /// Makes a served file of bytes that do not repeat, and returns them.
    pub(crate) fn write(&self, name: &str, bytes: usize) -> Vec<u8> {
        let words =
            (0..bytes.div_ceil(8) as u64).map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut content: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        content.truncate(bytes);
        std::fs::write(self.served(name), &content).expect("a file");
        content
    }

    /// The perf binary with a command that logs in.
    pub(crate) fn login(&self, command: &str, more: &[&str]) -> Command {
        let mut login = perf(command);
        login.args(more).args(["--to", &self.address, "--user", &self.user]);
        login.arg("--key").arg(self.path("key"));
        login
    }

    /// A bulk transfer of the served files named.
    pub(crate) fn bulk(&self, direction: &str, names: &[&str], bytes: usize) -> Command {
        let remote: Vec<_> = names.iter().map(|name| format!("/{name}")).collect();
        let (remote, bytes) = (remote.join(","), bytes.to_string());
        self.login("bulk", &[direction, "--remote", &remote, "--bytes", &bytes])
    }

    /// So many lines of the server's log that hold `text`, once they are there.
    pub(crate) fn expect_in_log(&self, text: &str, count: usize) -> Vec<String> {
        let end = Instant::now() + SOON;
        loop {
            let log = std::fs::read_to_string(self.path("log")).expect("a log");
            let found: Vec<_> = log.lines().filter(|line| line.contains(text)).collect();
            if found.len() >= count {
                return found.into_iter().map(str::to_owned).collect();
            }
            assert!(Instant::now() < end, "{text} is not {count} times in the log:\n{log}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts a process that runs until it is dropped.
    pub(crate) fn start(&self, command: &mut Command) -> Started {
        Started::new(command)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
            eprintln!("the server's log:\n{log}");
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Started {
    fn new(command: &mut Command) -> Started {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut said = String::new();
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        lines.read_line(&mut said).expect("a line");
        assert!(!said.is_empty(), "{command:?} said nothing");
        // Later lines must not block it.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let address = word(&said, "listen").unwrap_or_default().to_owned();
        Started { child, said, address }
    }

    /// Sockets the process has open.
    pub(crate) fn sockets(&self) -> usize {
        let dir = format!("/proc/{}/fd", self.child.id());
        let targets = std::fs::read_dir(dir).expect("its descriptors").flatten();
        let targets = targets.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    /// Waits until it has so many.
    pub(crate) fn expect_sockets(&self, wanted: usize) {
        let end = Instant::now() + SOON;
        while self.sockets() != wanted && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(self.sockets(), wanted);
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The perf binary with one of its commands.
pub(crate) fn perf(command: &str) -> Command {
    let mut perf = Command::new(env!("CARGO_BIN_EXE_ringferry-perf"));
    perf.arg(command);
    perf
}

/// What a command that must succeed says.
pub(crate) fn run(command: &mut Command) -> String {
    try_run(command).unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What a command says, or what it complains of if it fails.
pub(crate) fn try_run(command: &mut Command) -> Result<String, String> {
    let output = command.output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn word<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    said.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

/// A number that was said, without what follows its point.
pub(crate) fn number(said: &str, name: &str) -> usize {
    let value = word(said, name).unwrap_or_else(|| panic!("no {name} in {said:?}"));
    value.split('.').next().and_then(|whole| whole.parse().ok()).expect("a number")
}

/// Our server, built once as cargo builds it for tests, into the folder this test lies in.
fn ringferry() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let this = Path::new(env!("CARGO_BIN_EXE_ringferry-perf"));
        let target = this.ancestors().nth(2).expect("a target folder");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "ringferry", "--bin", "ringferry"]);
        build.arg("--target-dir").arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(build.status().expect("cargo").success(), "ringferry does not build");
        target.join("debug/ringferry")
    })
}
