//! A server while it runs: started in a group of its own, waited for until it greets, stopped when
//! dropped. The same for every peer.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::{Peer, Port};
use crate::Outcome;
use crate::measure::{Group, Method};
use crate::site::Site;

/// A server that runs; stopped when dropped.
pub(crate) struct Running {
    /// The name in the table.
    pub(crate) name: String,
    child: Child,
    address: SocketAddr,
    remote_root: String,
    /// See [`Peer::read_bytes_max`].
    pub(crate) read_bytes_max: u32,
    /// The processes of this server and no others.
    pub(crate) group: Group,
    /// The fewest processes that were seen: as many as there are while no client is connected.
    idle_processes: AtomicUsize,
    /// How the server greets.
    pub(crate) ident: String,
    /// For the report: the command as it was run, and its configuration file.
    pub(crate) command_line: String,
    pub(crate) configuration: String,
    log: PathBuf,
}

/// How long a server may take to start, to end a session or to stop.
const PATIENCE: Duration = Duration::from_secs(10);

impl Running {
    /// Starts the peer under a name of its own, as one scenario may have it twice.
    pub(crate) fn start(
        name: &str,
        peer: &dyn Peer,
        settings: &[String],
        site: &Site,
        method: Method,
    ) -> Outcome<Running> {
        let launch = peer.launch(site, settings)?;
        let command_line = launch.command.iter().map(|word| word.to_string_lossy());
        let command_line = command_line.collect::<Vec<_>>().join(" ");
        let group = Group::new(method, name)?;
        let log = site.path(&format!("{}.{}.log", peer.log_name(), site.number()));
        let mut command = group.contained(&launch.command)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut child = command.spawn().map_err(|e| format!("{command_line}: {e}"))?;
        let stdout = child.stdout.take();
        let mut running = Running {
            name: name.to_owned(),
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            remote_root: launch.remote_root,
            read_bytes_max: peer.read_bytes_max(),
            group,
            idle_processes: AtomicUsize::new(usize::MAX),
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
            format!("{name} did not become ready: {}\n{log}", running.command_line)
        })?;
        std::thread::sleep(Duration::from_millis(200));
        running.look();
        Ok(running)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A served file as the client names it.
    pub(crate) fn remote(&self, name: &str) -> String {
        format!("{}{name}", self.remote_root)
    }

    /// Waits until the processes of the last session have ended, so that their CPU time is counted.
    pub(crate) fn settle(&self) {
        let end = Instant::now() + PATIENCE;
        while self.look() > self.idle_processes.load(Ordering::Relaxed) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(30));
        self.look();
    }

    /// Counts its processes and keeps the least: what serves the connection that saw it greet, or
    /// an earlier session, may still be there at any one time.
    pub(crate) fn look(&self) -> usize {
        let count = self.group.processes().len();
        // None at all is a server that has ended, or a list that could not be read.
        if count > 0 {
            self.idle_processes.fetch_min(count, Ordering::Relaxed);
        }
        count
    }

    /// The end of its log, for an error message.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(3)..].join(" / ")
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
