//! OpenSSH's own clients: `sftp` in batch mode, and `scp -O`, which is scp by its old protocol.
//!
//! Timed downloads go to /dev/null: the client is the slower half on one machine, and what it
//! writes to a disk would disturb the server's share of it. Uploads go to a file on the served
//! filesystem, which is removed at once: the kernel then drops those of its pages that it has not
//! written back. Only the pass that verifies writes a download.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::ValueEnum;

use crate::Outcome;
use crate::cipher::Cipher;
use crate::peers::Running;
use crate::site::{self, Site};

/// Which way the bytes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Direction {
    /// From the server
    Get,
    /// To the server
    Put,
}

impl Direction {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Direction::Get => "get",
            Direction::Put => "put",
        }
    }
}

/// By what a file goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Program {
    Sftp,
    /// `scp -O`: rcp's protocol with a `scp` on the server's side, not SFTP.
    Scp,
}

impl Program {
    /// As one types it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Program::Sftp => "sftp",
            Program::Scp => "scp -O",
        }
    }
}

/// What an upload is called on the server, with a number behind it.
const UPLOAD: &str = "uploaded.bin";
/// The name of a verified download, beside the served folder.
const DOWNLOAD: &str = "downloaded.bin";

/// The options that make OpenSSH's clients use our keys and none of the user's files.
pub(crate) fn options(site: &Site) -> Vec<String> {
    let mut options = vec!["-F".to_owned(), "none".into()];
    let settings = [
        "BatchMode=yes".to_owned(),
        "StrictHostKeyChecking=no".into(),
        "UserKnownHostsFile=/dev/null".into(),
        "GlobalKnownHostsFile=/dev/null".into(),
        "IdentitiesOnly=yes".into(),
        "IdentityAgent=none".into(),
        format!("IdentityFile={}", site.path("client_key").display()),
    ];
    options.extend(settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]));
    options
}

/// One file that goes one way.
pub(crate) struct Transfer<'a> {
    pub(crate) site: &'a Site,
    pub(crate) server: &'a Running,
    /// Where the client connects: the server, or what stands before it.
    pub(crate) address: SocketAddr,
    pub(crate) program: Program,
    pub(crate) direction: Direction,
    pub(crate) cipher: &'a Cipher,
    /// The served file that is downloaded, and uploaded under another name.
    pub(crate) file: &'a str,
    /// The name an upload gets in the served folder: [`upload_name`].
    pub(crate) upload: String,
}

/// A name that no server can know: some keep those of a folder in memory.
pub(crate) fn upload_name(site: &Site) -> String {
    format!("{UPLOAD}.{}", site.number())
}

impl Transfer<'_> {
    /// For the clock.
    pub(crate) fn run(&self) -> Outcome<()> {
        self.copy(Path::new("/dev/null"), false).map(|_| ())
    }

    /// For the eye: compares what arrives byte by byte, and returns the cipher that client and
    /// server agreed on.
    pub(crate) fn verify(&self) -> Outcome<String> {
        let arrived = match self.direction {
            Direction::Get => self.site.path(DOWNLOAD),
            Direction::Put => self.site.served_file(&self.upload),
        };
        let said = self.copy(&arrived, true)?;
        site::expect_same(&self.site.served_file(self.file), &arrived)?;
        std::fs::remove_file(arrived)?;
        let agreed = agreed_cipher(&said, self.direction);
        Ok(agreed.unwrap_or("unknown").to_owned())
    }

    /// Removes an upload, before the next server's turn.
    pub(crate) fn clear(&self) -> Outcome<()> {
        match std::fs::remove_file(self.site.served_file(&self.upload)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Returns what the client says on stderr.
    fn copy(&self, download: &Path, verbose: bool) -> Outcome<String> {
        let local = self.site.served_file(self.file);
        let remote = match self.direction {
            Direction::Get => self.server.remote(self.file),
            Direction::Put => self.server.remote(&self.upload),
        };
        match self.program {
            Program::Sftp => {
                let batch = match self.direction {
                    Direction::Get => format!("get {remote} {}\n", download.display()),
                    Direction::Put => format!("put {} {remote}\n", local.display()),
                };
                sftp(self.site, self.address, self.cipher, &batch, verbose)
            }
            Program::Scp => {
                let remote = format!("{}:{remote}", destination(self.site, self.address));
                let (from, to) = match self.direction {
                    Direction::Get => (remote.into(), download.as_os_str().to_owned()),
                    Direction::Put => (local.into_os_string(), remote.into()),
                };
                let mut command = command("scp", self.site, self.cipher, verbose);
                command.args(["-O", "-P", &self.address.port().to_string()]).args([from, to]);
                said("scp", start("scp", &mut command)?)
            }
        }
    }
}

/// The cipher of the direction the file went, as the verbose client reports it.
fn agreed_cipher(said: &str, direction: Direction) -> Option<&str> {
    let before = match direction {
        Direction::Get => "kex: server->client cipher: ",
        Direction::Put => "kex: client->server cipher: ",
    };
    said.split(before).nth(1)?.split_whitespace().next()
}

/// Runs a batch to its end and returns what the client says on stderr.
pub(crate) fn sftp(
    site: &Site,
    address: SocketAddr,
    cipher: &Cipher,
    batch: &str,
    verbose: bool,
) -> Outcome<String> {
    let mut child = spawn(site, address, cipher, verbose)?;
    if let Some(mut input) = child.stdin.take() {
        // A client that was turned away reads no more: what it says is the better error.
        let _ = input.write_all(batch.as_bytes());
    }
    said("sftp", child)
}

/// Waits for a client to end well and returns what it says on stderr.
fn said(program: &str, child: Child) -> Outcome<String> {
    let output = child.wait_with_output()?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("{program} {}: {}", output.status, last_lines(&stderr)).into());
    }
    Ok(stderr)
}

fn spawn(site: &Site, address: SocketAddr, cipher: &Cipher, verbose: bool) -> Outcome<Child> {
    let mut command = command("sftp", site, cipher, verbose);
    command.args(["-b", "-", "-P", &address.port().to_string()]);
    command.arg(destination(site, address));
    start("sftp", &mut command)
}

/// One of OpenSSH's clients with the options that all of them take.
fn command(program: &str, site: &Site, cipher: &Cipher, verbose: bool) -> Command {
    let mut command = Command::new(program);
    command.args(options(site)).args(cipher.client_options()).arg("-q");
    if verbose {
        command.arg("-v");
    }
    command
}

fn start(program: &str, command: &mut Command) -> Outcome<Child> {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().map_err(|e| format!("{program}: {e}").into())
}

fn destination(site: &Site, address: SocketAddr) -> String {
    format!("{}@{}", site.user, address.ip())
}

/// What a pipe takes at once (pipe(7): 64 KiB), so that writing a batch never waits for its reader.
const BATCH_BYTES_MAX: usize = 60_000;

/// A client that downloads one file again and again until it is dropped.
pub(crate) struct Loop {
    child: Child,
}

impl Loop {
    pub(crate) fn start(
        site: &Site,
        server: &Running,
        cipher: &Cipher,
        file: &str,
    ) -> Outcome<Loop> {
        let line = format!("get {} /dev/null\n", server.remote(file));
        let batch = line.repeat(BATCH_BYTES_MAX / line.len());
        let mut child = spawn(site, server.address(), cipher, false)?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(batch.as_bytes())?;
        }
        Ok(Loop { child })
    }

    /// Whether it still downloads.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // Its ssh ends with it: the pipe between them closes.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines that say something.
fn last_lines(text: &str) -> String {
    let chatter = ["debug", "OpenSSH_", "Warning: Permanently added", "Connection closed"];
    let speaks = |line: &&str| !chatter.iter().any(|start| line.starts_with(start));
    let lines: Vec<&str> = text.lines().map(str::trim).filter(speaks).collect();
    lines[lines.len().saturating_sub(3)..].join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cipher_of_the_right_direction() {
        let said = "debug1: kex: server->client cipher: a MAC: <implicit> compression: none\n\
                    debug1: kex: client->server cipher: b MAC: <implicit> compression: none\n";
        assert_eq!(agreed_cipher(said, Direction::Get), Some("a"));
        assert_eq!(agreed_cipher(said, Direction::Put), Some("b"));
        assert_eq!(agreed_cipher("", Direction::Put), None);
    }

    #[test]
    fn an_error_is_the_end_of_what_was_said() {
        let said = "one\ndebug1: x\ntwo\nthree\r\ndebug1: y\nfour\nConnection closed\n";
        assert_eq!(last_lines(said), "two; three; four");
        assert_eq!(last_lines(""), "");
    }
}
