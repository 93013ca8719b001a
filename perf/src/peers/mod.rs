//! The servers under test, one file each. A peer says which command serves a [`Site`] and how its
//! paths look from a client; starting, watching and stopping are the same for all and live here.
//! A peer knows nothing of scenarios or measurements.

mod openssh;
mod ringferry;

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::arguments::Compare;
use crate::measure::{Group, Method};
use crate::site::Site;

/// A server that can be compared.
pub(crate) trait Peer {
    /// The name in the table and in the CSV.
    fn name(&self) -> &str;
    /// Program and version, for the report; an error if it is not installed.
    fn version(&self) -> Outcome<String>;
    /// The command that serves the site in the foreground, after writing what it needs there.
    fn launch(&self, site: &Site) -> Outcome<Launch>;
}

/// How a peer wants to be started.
pub(crate) struct Launch {
    pub(crate) command: Vec<OsString>,
    pub(crate) port: Port,
    /// The text of its configuration file, for the report; empty without one.
    pub(crate) configuration: String,
    /// The served folder as a client names it, ending with a slash.
    pub(crate) remote_root: String,
}

/// How the port becomes known.
pub(crate) enum Port {
    /// The command names it; ready once it answers with an ident.
    Chosen(u16),
    /// The first line on stdout is `ready listen=ADDR:PORT ...`.
    ReadyLine,
}

/// The peers that the command line asks for.
pub(crate) fn chosen(compare: &Compare) -> Outcome<Vec<Box<dyn Peer>>> {
    let mut peers: Vec<Box<dyn Peer>> = Vec::new();
    for wanted in &compare.servers {
        let peer: Box<dyn Peer> = match wanted.split_once('=') {
            Some((name, path)) => Box::new(openssh::OpenSsh::new(name, path.into())),
            None => match wanted.as_str() {
                "ours" | "ringferry" => Box::new(ringferry::Ringferry::new(compare)?),
                "openssh" => Box::new(openssh::OpenSsh::new("openssh", compare.sshd.clone())),
                other => {
                    return Err(format!("no server {other:?}: ours, openssh, NAME=PATH").into());
                }
            },
        };
        if peers.iter().any(|other| other.name() == peer.name()) {
            return Err(format!("server {wanted:?} is named twice").into());
        }
        peers.push(peer);
    }
    Ok(peers)
}

/// A port that was free a moment ago, for servers that cannot pick one.
fn free_port() -> Outcome<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A server that runs; stopped when dropped.
pub(crate) struct Running {
    child: Child,
    address: SocketAddr,
    remote_root: String,
    /// The processes of this server and no others.
    pub(crate) group: Group,
    /// Processes while no client is connected.
    pub(crate) idle_processes: usize,
    /// How the server greets.
    pub(crate) ident: String,
    /// For the report: the command as it was run, and its configuration file.
    pub(crate) command_line: String,
    pub(crate) configuration: String,
    pub(crate) log: PathBuf,
}

/// How long a server may take to start, to end a session or to stop.
const PATIENCE: Duration = Duration::from_secs(10);

impl Running {
    pub(crate) fn start(peer: &dyn Peer, site: &Site, method: Method) -> Outcome<Running> {
        let launch = peer.launch(site)?;
        let command_line = launch.command.iter().map(|word| word.to_string_lossy());
        let command_line = command_line.collect::<Vec<_>>().join(" ");
        let group = Group::new(method, peer.name())?;
        let log = site.path(&format!("{}.log", peer.name()));
        let mut command = group.contained(&launch.command)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut child = command.spawn().map_err(|e| format!("{command_line}: {e}"))?;
        let stdout = child.stdout.take();
        let mut running = Running {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            remote_root: launch.remote_root,
            group,
            idle_processes: 0,
            ident: String::new(),
            command_line,
            configuration: launch.configuration,
            log,
        };
        running.group.root(running.child.id());
        let address = match launch.port {
            Port::Chosen(port) => Some(SocketAddr::from(([127, 0, 0, 1], port))),
            Port::ReadyLine => stdout.and_then(read_ready_line),
        };
        running.address = address.unwrap_or(running.address);
        let ident = address.and_then(|address| running.wait_for_ident(address));
        running.ident = ident.ok_or_else(|| {
            let log = std::fs::read_to_string(&running.log).unwrap_or_default();
            format!("{} did not become ready: {}\n{log}", peer.name(), running.command_line)
        })?;
        std::thread::sleep(Duration::from_millis(200));
        running.idle_processes = running.group.processes().len();
        Ok(running)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// A served file as the client names it.
    pub(crate) fn remote(&self, name: &str) -> String {
        format!("{}{name}", self.remote_root)
    }

    /// Waits until the processes of the last session have ended, so that their CPU time is counted.
    pub(crate) fn settle(&self) {
        let end = Instant::now() + PATIENCE;
        while self.group.processes().len() > self.idle_processes && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(30));
    }

    /// Connects until the server greets: its ident line, which names program and version.
    fn wait_for_ident(&mut self, address: SocketAddr) -> Option<String> {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            if let Ok(stream) = TcpStream::connect(address) {
                stream.set_read_timeout(Some(PATIENCE)).ok()?;
                let mut line = String::new();
                BufReader::new(stream).read_line(&mut line).ok()?;
                return line.starts_with("SSH-").then(|| line.trim_end().to_owned());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

/// Reads the first line and then drains the pipe, so that the server never blocks on it.
fn read_ready_line(stdout: ChildStdout) -> Option<SocketAddr> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout);
        let mut first = String::new();
        let _ = lines.read_line(&mut first);
        let _ = sender.send(first);
        let _ = std::io::copy(&mut lines, &mut std::io::sink());
    });
    let line = receiver.recv_timeout(PATIENCE).ok()?;
    let mut words = line.split_whitespace();
    if words.next() != Some("ready") {
        return None;
    }
    words.find_map(|word| word.strip_prefix("listen="))?.parse().ok()
}

impl Drop for Running {
    fn drop(&mut self) {
        self.group.terminate();
        let end = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() >= end {
                self.group.kill();
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
