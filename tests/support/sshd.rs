//! Debian's sshd with a configuration of the test's own: what our client's end connects to, and
//! what `RINGFERRY_TEST_SUBJECT=sshd` puts in our server's place.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::files::Scratch;
use super::log::Log;
use super::server::is_root;

const PROGRAM: &str = "/usr/sbin/sshd";

/// Whether this machine has sshd.
pub(crate) fn is_installed() -> bool {
    Path::new(PROGRAM).exists()
}

/// What every sshd of the tests has, then `lines`. The first of two lines for a keyword counts.
fn configure(scratch: &Scratch, host_keys: &[PathBuf], lines: &[String]) -> PathBuf {
    static WRITTEN: AtomicU32 = AtomicU32::new(0);
    if is_root() {
        // A fresh machine has it only once the service has run.
        fs::create_dir_all("/run/sshd").expect("sshd's privilege separation folder");
    }
    let usual = [
        format!("AuthorizedKeysFile {}", scratch.path("authorized_keys").display()),
        "StrictModes no".into(),
        "UsePAM no".into(),
        "PasswordAuthentication no".into(),
        "KbdInteractiveAuthentication no".into(),
        "PermitRootLogin prohibit-password".into(),
        "PidFile none".into(),
        "MaxStartups 1000".into(),
        "LogLevel DEBUG1".into(),
    ];
    let keys = host_keys.iter().map(|path| format!("HostKey {}", path.display()));
    let text: Vec<String> = lines.iter().cloned().chain(keys).chain(usual).collect();
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let config = scratch.path(&format!("sshd_config-{number}"));
    fs::write(&config, text.join("\n") + "\n").expect("sshd_config");
    config
}

/// An sshd that listens on `port` of the loopback address.
pub(crate) fn command(
    scratch: &Scratch,
    port: u16,
    host_keys: &[PathBuf],
    lines: &[String],
) -> Command {
    let mut lines = lines.to_vec();
    lines.push(format!("ListenAddress 127.0.0.1:{port}"));
    let mut command = Command::new(PROGRAM);
    command.args(["-D", "-e", "-f"]).arg(configure(scratch, host_keys, &lines));
    command
}

/// An sshd for each connection to [`address`](Self::address), handed the accepted socket as inetd
/// would: no port to pick and no start to wait for. Stopped on drop.
pub(crate) struct Sshd {
    pub(crate) address: SocketAddr,
    /// Of all connections.
    pub(crate) log: Log,
    stopping: Arc<AtomicBool>,
    children: Arc<Mutex<Vec<Child>>>,
    acceptor: Option<JoinHandle<()>>,
}

impl Sshd {
    /// With the scratch folder's host key and `lines` in its configuration.
    pub(crate) fn start(scratch: &Scratch, lines: &[String]) -> Sshd {
        Sshd::start_with_keys(scratch, &[scratch.path("host_key")], lines)
    }

    pub(crate) fn start_with_keys(
        scratch: &Scratch,
        host_keys: &[PathBuf],
        lines: &[String],
    ) -> Sshd {
        let mut lines = lines.to_vec();
        // With more, it debugs into the stderr of the commands it starts.
        lines.push("LogLevel INFO".into());
        let config = configure(scratch, host_keys, &lines);
        let log_path = config.with_extension("log");
        let log_file = File::create(&log_path).expect("log file");
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address");
        let stopping = Arc::new(AtomicBool::new(false));
        let children = Arc::new(Mutex::new(Vec::new()));
        let (stop, born) = (Arc::clone(&stopping), Arc::clone(&children));
        let acceptor = std::thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let mut command = Command::new(PROGRAM);
                command.args(["-i", "-e", "-f"]).arg(&config);
                let twin = OwnedFd::from(socket.try_clone().expect("dup"));
                command.stdin(OwnedFd::from(socket)).stdout(twin);
                command.stderr(Stdio::from(log_file.try_clone().expect("dup")));
                let child = command.spawn().expect("sshd starts");
                born.lock().expect("no panic while locked").push(child);
            }
        });
        let log = Log::new(&log_path);
        Sshd { address, log, stopping, children, acceptor: Some(acceptor) }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        if let Ok(mut children) = self.children.lock() {
            for child in children.iter_mut() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        if std::thread::panicking() {
            eprintln!("--- sshd log ---\n{}\n---", self.log.tail());
        }
    }
}
