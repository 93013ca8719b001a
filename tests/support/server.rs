//! The server under test: ours by its command-line contract, or Debian's sshd in a chroot.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::files::Scratch;
use super::log::Log;
use super::{SOON, sshd, wait_for};

/// Which server the tests run against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Subject {
    Ringferry,
    Sshd,
}

impl Subject {
    pub(crate) fn chosen() -> Subject {
        match std::env::var("RINGFERRY_TEST_SUBJECT").as_deref() {
            Err(_) | Ok("" | "ringferry") => Subject::Ringferry,
            Ok("sshd") => Subject::Sshd,
            Ok(other) => panic!("RINGFERRY_TEST_SUBJECT={other}: ringferry or sshd"),
        }
    }

    /// Whether the subject's log has our fields (`shard=`, `rekeys=`, `cause=`, ...).
    pub(crate) fn logs_fields(self) -> bool {
        self == Subject::Ringferry
    }
}

/// How to start it.
#[derive(Default)]
pub(crate) struct Options {
    /// `None` leaves the server's own default.
    pub(crate) shards: Option<u32>,
    /// `ring` or `poll`, whatever `RINGFERRY_TEST_DRIVER` says.
    pub(crate) driver: Option<&'static str>,
    pub(crate) read_only: bool,
    /// Our users file: who logs in and what each sees is then for it to say.
    pub(crate) users_file: Option<PathBuf>,
    /// Seconds a connection may take to log in.
    pub(crate) login_grace_seconds: Option<u32>,
    /// Keys of our configuration and their values; sshd is told those it has another name for.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// Private host keys by their names in the scratch folder; none is `host_key`.
    pub(crate) host_keys: Vec<String>,
    /// Certificates for them, signed by `host_ca`, likewise.
    pub(crate) host_certificates: Vec<String>,
    /// A folder to serve instead of the scratch folder's own.
    pub(crate) root: Option<PathBuf>,
    /// Mounts a tmpfs of so many MiB over the root, in a mount namespace of the server's own.
    pub(crate) tmpfs_root_mib: Option<u32>,
    /// That tmpfs cannot be written to.
    pub(crate) tmpfs_read_only: bool,
    /// sshd serves the whole machine with a shell and its programs, not a chroot that has none.
    pub(crate) programs: bool,
    /// Root without the capabilities that let it pass by modes: to it too the system denies files.
    pub(crate) heeds_modes: bool,
    /// Files and folders that the server finds in place of others, in a mount namespace of its own.
    pub(crate) binds: Vec<(PathBuf, &'static str)>,
    /// The users of the host that the server finds log in: see `binds`.
    pub(crate) system_users: bool,
    /// `auth_hook`, among the settings, says who logs in.
    pub(crate) hooked: bool,
    /// Descriptors the server may have open.
    pub(crate) descriptors_max: Option<u32>,
}

impl Options {
    fn root(&self, scratch: &Scratch) -> PathBuf {
        self.root.clone().unwrap_or_else(|| scratch.root())
    }

    fn host_keys(&self, scratch: &Scratch) -> Vec<PathBuf> {
        match &self.host_keys[..] {
            [] => vec![scratch.path("host_key")],
            names => names.iter().map(|name| scratch.path(name)).collect(),
        }
    }

    fn host_certificates(&self, scratch: &Scratch) -> Vec<String> {
        let names = self.host_certificates.iter();
        names.map(|name| scratch.path(name).display().to_string()).collect()
    }
}

/// A running server; stopped on drop.
pub(crate) struct Server {
    child: Child,
    pub(crate) subject: Subject,
    pub(crate) address: SocketAddr,
    pub(crate) log: Log,
    pub(crate) user: String,
    scratch_key: PathBuf,
    pub(crate) known_hosts: PathBuf,
}

impl Server {
    pub(crate) fn start(scratch: &Scratch) -> Server {
        Server::start_with(scratch, &Options::default())
    }

    pub(crate) fn start_with(scratch: &Scratch, options: &Options) -> Server {
        let subject = Subject::chosen();
        // A scratch folder may see several servers, one after the other or at once.
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let log_path = scratch.path(&format!("server-{number}.log"));
        let user = user_name();
        let (mut command, port) = match subject {
            Subject::Ringferry => (ringferry_command(scratch, options, &user), None),
            Subject::Sshd => sshd_command(scratch, options),
        };
        if let Some(mib) = options.tmpfs_root_mib {
            command = in_mount_namespace(&command, options, &options.root(scratch), mib);
        }
        if !options.binds.is_empty() {
            command = with_binds(&command, &options.binds);
        }
        if let Some(count) = options.descriptors_max {
            command = with_descriptors(&command, count);
        }
        if options.heeds_modes && is_root() {
            command = heeding_modes(&command);
        }
        let log_file = File::create(&log_path).expect("log file");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_file);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("start {command:?}: {e}"));
        let log = Log::new(&log_path);
        let address = match port {
            None => ready_address(&mut child, &log),
            Some(port) => wait_for_ident(port, &log),
        };
        let known_hosts = scratch.path(&format!("known_hosts-{number}"));
        let keys = options.host_keys(scratch);
        let mut lines: String = keys.iter().map(|path| known_host(path, address)).collect();
        if !options.host_certificates.is_empty() {
            let authority = known_host(&scratch.path("host_ca"), address);
            lines.push_str(&format!("@cert-authority {authority}"));
        }
        fs::write(&known_hosts, lines).expect("known_hosts");
        let scratch_key = scratch.path("client_key");
        Server { child, subject, address, log, user, scratch_key, known_hosts }
    }

    /// Whom the clients log in as from now on, with which private key.
    pub(crate) fn log_in_as(&mut self, user: &str, key: PathBuf) {
        user.clone_into(&mut self.user);
        self.scratch_key = key;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Open descriptors of the server process.
    pub(crate) fn descriptors(&self) -> usize {
        let dir = format!("/proc/{}/fd", self.pid());
        fs::read_dir(&dir).unwrap_or_else(|e| panic!("{dir}: {e}; {}", self.log.tail())).count()
    }

    /// Waits until no more descriptors are open than `before`.
    pub(crate) fn expect_descriptors_back(&self, before: usize) {
        if wait_for(SOON, || (self.descriptors() <= before).then_some(())).is_none() {
            let dir = format!("/proc/{}/fd", self.pid());
            let open: Vec<_> = fs::read_dir(dir)
                .expect("fd folder")
                .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
                .collect();
            panic!("{} descriptors, {before} before: {open:?}\n{}", open.len(), self.log.tail());
        }
    }

    /// Waits until all connections have ended and what they held is given back: no more descriptors
    /// than `before`, or no process of sshd's for any of them.
    pub(crate) fn expect_idle(&self, before: usize) {
        if self.subject == Subject::Ringferry {
            return self.expect_descriptors_back(before);
        }
        let children = format!("/proc/{0}/task/{0}/children", self.pid());
        let idle = || fs::read_to_string(&children).is_ok_and(|pids| pids.is_empty()).then_some(());
        assert!(wait_for(SOON, idle).is_some(), "sessions left: {}", self.log.tail());
    }

    /// A line of the process's `/proc/PID/status` in KiB: `VmRSS`, `VmHWM`.
    pub(crate) fn memory_kib(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        number.unwrap_or_else(|| panic!("no {name} in {path}:\n{text}"))
    }

    /// Lets `VmHWM`, the most memory there was, begin anew at what there is.
    pub(crate) fn reset_peak(&self) {
        let path = format!("/proc/{}/clear_refs", self.pid());
        fs::write(&path, "5").unwrap_or_else(|e| panic!("{path}: {e}"));
    }

    /// SIGKILL, and the process is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Options for an OpenSSH client to reach this server through a proxy on `address`.
    pub(crate) fn options_through(&self, address: SocketAddr) -> Vec<String> {
        // The first value of an option counts, and the port of the command line comes later.
        let port = format!("Port={}", address.port());
        let alias = format!("HostKeyAlias=[127.0.0.1]:{}", self.address.port());
        vec!["-o".into(), port, "-o".into(), alias]
    }

    /// The server's own view of its root (it may have mounts of its own).
    pub(crate) fn view(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").expect("an absolute path");
        PathBuf::from(format!("/proc/{}/root", self.pid())).join(inside)
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The private key that may log in.
    pub(crate) fn client_key(&self) -> &Path {
        &self.scratch_key
    }

    /// Options every OpenSSH client needs to reach this server without touching the user's files.
    pub(crate) fn client_options(&self) -> Vec<String> {
        let mut options = vec!["-F".into(), "none".into()];
        for option in [
            "BatchMode=yes".to_owned(),
            "StrictHostKeyChecking=yes".into(),
            "GlobalKnownHostsFile=/dev/null".into(),
            format!("UserKnownHostsFile={}", self.known_hosts.display()),
            "IdentitiesOnly=yes".into(),
            "IdentityAgent=none".into(),
            "PreferredAuthentications=publickey".into(),
            format!("IdentityFile={}", self.scratch_key.display()),
        ] {
            options.push("-o".into());
            options.push(option);
        }
        options
    }

    /// Sends the server a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Asks the server to stop (SIGTERM) and waits: its exit code, `None` if it had to be killed.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        if self.is_running() {
            self.signal(rustix::process::Signal::TERM);
        }
        let status = wait_for(SOON, || self.child.try_wait().ok().flatten());
        if status.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        status.and_then(|status| status.code())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            eprintln!("--- server log ---\n{}\n---", self.log.tail());
        }
    }
}

/// Servers this process has started so far.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// The line of a known_hosts file for a host key.
fn known_host(private: &Path, address: SocketAddr) -> String {
    let public = fs::read_to_string(private.with_extension("pub")).expect("a public host key");
    format!("[127.0.0.1]:{} {public}", address.port())
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The name of the user who runs the test: sshd knows no other, ours is told it.
pub(crate) fn user_name() -> String {
    let output = Command::new("id").arg("-un").output().expect("id runs");
    String::from_utf8(output.stdout).expect("a name").trim().to_owned()
}

/// Our program.
pub(crate) fn ringferry() -> Command {
    let built = || env!("CARGO_BIN_EXE_ringferry").into();
    Command::new(std::env::var_os("RINGFERRY_TEST_BINARY").unwrap_or_else(built))
}

fn ringferry_command(scratch: &Scratch, options: &Options, user: &str) -> Command {
    let mut command = ringferry();
    let chosen = || std::env::var("RINGFERRY_TEST_DRIVER").unwrap_or_else(|_| "ring".into());
    let driver = options.driver.map_or_else(chosen, str::to_owned);
    command.args(["serve", "--listen", "127.0.0.1:0", "--driver", &driver]);
    match &options.users_file {
        Some(path) => command.args(["--set", &format!("users_file={}", path.display())]),
        None if options.system_users => command.args(["--set", "system_users=true"]),
        None if options.hooked => &mut command,
        None => command
            .args(["--user", user, "--root"])
            .arg(options.root(scratch))
            .arg("--authorized-keys")
            .arg(scratch.path("authorized_keys")),
    };
    for path in options.host_keys(scratch) {
        command.arg("--host-key").arg(path);
    }
    let certificates = options.host_certificates(scratch);
    if !certificates.is_empty() {
        command.args(["--set", &format!("host_certificate={}", certificates.join(","))]);
    }
    if let Some(shards) = options.shards {
        command.args(["--shards", &shards.to_string()]);
    }
    if options.read_only {
        command.arg("--read-only");
    }
    if let Some(seconds) = options.login_grace_seconds {
        command.args(["--set", &format!("login_grace_time={seconds}")]);
    }
    for (key, value) in &options.settings {
        command.args(["--set", &format!("{key}={value}")]);
    }
    command
}

fn sshd_command(scratch: &Scratch, options: &Options) -> (Command, Option<u16>) {
    assert!(is_root(), "RINGFERRY_TEST_SUBJECT=sshd needs root: it serves from a chroot");
    let port = free_port();
    let subsystem = if options.read_only { "internal-sftp -R" } else { "internal-sftp" };
    let jail = if options.programs { "none" } else { &options.root(scratch).display().to_string() };
    let own = [
        format!("ChrootDirectory {jail}"),
        format!("Subsystem sftp {subsystem}"),
        format!("LoginGraceTime {}", options.login_grace_seconds.unwrap_or(120)),
    ];
    let settings = options.settings.iter().filter_map(|(key, value)| {
        let keyword = match *key {
            "kex_algorithms" => "KexAlgorithms",
            "host_key_algorithms" => "HostKeyAlgorithms",
            "ciphers" => "Ciphers",
            "macs" => "MACs",
            "trusted_user_ca_keys" => "TrustedUserCAKeys",
            "revoked_keys" => "RevokedKeys",
            _ => return None,
        };
        Some(format!("{keyword} {value}"))
    });
    let certificates = options.host_certificates(scratch);
    let certificates = certificates.iter().map(|path| format!("HostCertificate {path}"));
    // With more, it debugs into the stderr of the commands it starts.
    let quiet = options.programs.then(|| "LogLevel INFO".to_owned());
    let lines = own.into_iter().chain(certificates).chain(settings).chain(quiet);
    let lines: Vec<String> = lines.collect();
    (sshd::command(scratch, port, &options.host_keys(scratch), &lines), Some(port))
}

/// Whether this machine lets us mount a tmpfs in a namespace.
pub(crate) fn can_mount_tmpfs() -> bool {
    namespace_command()
        .args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn namespace_command() -> Command {
    let mut command = Command::new("unshare");
    command.args(if is_root() {
        &["--mount"][..]
    } else {
        &["--user", "--map-root-user", "--mount"]
    });
    command.arg("--");
    command
}

/// The same command, behind a tmpfs on `root`. The process keeps its pid: `unshare` and `sh` exec.
fn in_mount_namespace(inner: &Command, options: &Options, root: &Path, mib: u32) -> Command {
    let mut command = namespace_command();
    let access = if options.tmpfs_read_only { "ro" } else { "rw" };
    let script =
        format!("mount -t tmpfs -o size={mib}m,mode=755,{access} tmpfs \"$0\" && exec \"$@\"");
    command.args(["sh", "-c", &script]).arg(root).arg(inner.get_program()).args(inner.get_args());
    command
}

/// The same command where each first path is found at the second.
fn with_binds(inner: &Command, binds: &[(PathBuf, &'static str)]) -> Command {
    let mut command = namespace_command();
    let script = "while [ \"$1\" != -- ]; do mount --bind \"$1\" \"$2\" || exit; shift 2; done; \
                  shift; exec \"$@\"";
    command.args(["sh", "-c", script, "sh"]);
    for (from, to) in binds {
        command.arg(from).arg(to);
    }
    command.arg("--").arg(inner.get_program()).args(inner.get_args());
    command
}

/// The same command with at most `count` descriptors; `sh` becomes it.
fn with_descriptors(inner: &Command, count: u32) -> Command {
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {count} && exec \"$@\"");
    command.args(["-c", &script, "sh"]).arg(inner.get_program()).args(inner.get_args());
    command
}

/// The same command without the two capabilities; `setpriv` becomes it.
fn heeding_modes(inner: &Command) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-dac_override,-dac_read_search", "--"]);
    command.arg(inner.get_program()).args(inner.get_args());
    command
}

/// The address on the `ready` line. The rest of stdout is read and dropped, so that the server
/// never blocks on it.
fn ready_address(child: &mut Child, log: &Log) -> SocketAddr {
    let stdout = child.stdout.take().expect("piped");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout);
        let mut first = String::new();
        let _ = lines.read_line(&mut first);
        let _ = sender.send(first);
        let _ = std::io::copy(&mut lines, &mut std::io::sink());
    });
    let line = receiver.recv_timeout(SOON).unwrap_or_default();
    let fields: Vec<&str> = line.split_whitespace().collect();
    let parsed = match fields[..] {
        ["ready", listen, pid] => listen
            .strip_prefix("listen=")
            .and_then(|address| address.parse().ok())
            .filter(|_| pid.strip_prefix("pid=") == Some(&child.id().to_string())),
        _ => None,
    };
    parsed.unwrap_or_else(|| {
        let _ = child.kill();
        let _ = child.wait();
        panic!("first line is {line:?}, not `ready listen=ADDR:PORT pid=PID`; {}", log.tail())
    })
}

/// A port nobody listens on, for a program that cannot take one itself.
pub(crate) fn free_port() -> u16 {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    taken.local_addr().expect("its address").port()
}

/// Waits until sshd answers on the port.
pub(crate) fn wait_for_ident(port: u16, log: &Log) -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let ready = wait_for(SOON, || {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        let mut start = [0; 4];
        stream.read_exact(&mut start).ok()?;
        (&start == b"SSH-").then_some(address)
    });
    ready.unwrap_or_else(|| panic!("sshd did not start: {}", log.tail()))
}
