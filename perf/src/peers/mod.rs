//! The servers under test, one file each. A peer says which command serves a [`Site`] and how its
//! paths look from a client; starting, watching and stopping are the same for all (`running`).
//! A peer knows nothing of scenarios or measurements.

mod ceiling;
mod dropbear;
mod openssh;
mod proftpd;
mod rclone;
mod ringferry;
mod running;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

pub(crate) use ceiling::{CEILING, Ceiling, CeilingFiles};
pub(crate) use ringferry::FEATURES;
pub(crate) use running::Running;

use crate::Outcome;
use crate::arguments::Compare;
use crate::site::Site;

/// A server that can be compared.
pub(crate) trait Peer {
    /// The name in the table and in the CSV.
    fn name(&self) -> &str;
    /// Program and version, for the report; an error that names the cure if it is not installed.
    fn version(&self) -> Outcome<String>;
    /// The command that serves the site in the foreground, after writing what it needs there.
    /// `settings` are KEY=VALUE of our own server; a peer that is another's ignores them.
    fn launch(&self, site: &Site, settings: &[String]) -> Outcome<Launch>;
    /// The longest READ that it answers in full.
    fn read_bytes_max(&self) -> u32 {
        u32::MAX
    }
    /// What its log is called, with a number behind it.
    fn log_name(&self) -> String {
        self.name().to_owned()
    }
    fn is_ours(&self) -> bool {
        false
    }
    /// Whether our own server would take these settings: what it says if not.
    fn accepts(&self, _settings: &[String]) -> Outcome<()> {
        Err(format!("{} has no such settings", self.name()).into())
    }
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

/// What `--servers all` stands for.
const ALL: &[&str] = &["ours", "openssh", "proftpd", "rclone", "dropbear"];

/// The peers that the command line asks for, installed or not.
pub(crate) fn chosen(compare: &Compare) -> Outcome<Vec<Rc<dyn Peer>>> {
    let mut peers: Vec<Rc<dyn Peer>> = Vec::new();
    let expand = |wanted: &String| match wanted.as_str() {
        "all" => ALL.iter().map(|&name| name.to_owned()).collect(),
        _ => vec![wanted.clone()],
    };
    for wanted in compare.servers.iter().flat_map(expand) {
        let peer: Rc<dyn Peer> = match wanted.split_once('=') {
            Some((name, path)) => Rc::new(openssh::OpenSsh::new(name, path.into())),
            None => match wanted.as_str() {
                "ours" | "ringferry" => Rc::new(ringferry::Ringferry::new(compare)?),
                "openssh" => Rc::new(openssh::OpenSsh::new("openssh", compare.sshd.clone())),
                "proftpd" => Rc::new(proftpd::ProFtpd),
                "rclone" => Rc::new(rclone::Rclone),
                "dropbear" => Rc::new(dropbear::Dropbear),
                other => {
                    let known = ALL.join(", ");
                    return Err(format!("no server {other:?}: all, {known}, NAME=PATH").into());
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

/// The program by its name, also where an unprivileged PATH does not look.
fn installed(program: &str, package: &str) -> Outcome<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    let found = folders.map(|folder| folder.join(program)).find(|path| path.is_file());
    found.ok_or_else(|| format!("install with apt-get install {package}").into())
}

/// The first line of what a program says that holds `word`, on either stream.
fn says(program: &Path, arguments: &[&str], word: &str) -> Outcome<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|e| format!("{}: {e}", program.display()))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let line = said.lines().find(|line| line.contains(word));
    Ok(line.map_or_else(|| format!("{word}, version unknown"), |line| line.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::Arguments;

    fn names(servers: &str) -> Outcome<Vec<String>> {
        // A given binary, so that nothing is built.
        let line = ["perf", "--ringferry", "/nonexistent", "--servers", servers];
        let peers = chosen(&Arguments::try_parse_from(line)?.compare)?;
        Ok(peers.iter().map(|peer| peer.name().to_owned()).collect())
    }

    #[test]
    fn all_is_each_of_them_once() {
        let all = names("all,hpn=/opt/hpn/sshd").unwrap();
        assert_eq!(all, ["ringferry", "openssh", "proftpd", "rclone", "dropbear", "hpn"]);
        assert!(names("all,openssh").is_err(), "named twice");
        assert!(names("vsftpd").is_err(), "unknown");
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let error = installed("no-such-program", "some-package").unwrap_err().to_string();
        assert_eq!(error, "install with apt-get install some-package");
        assert!(installed("sh", "dash").is_ok());
    }
}
