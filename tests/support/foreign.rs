//! The command lines of clients that are not OpenSSH's and that several tests drive.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::client::Running;
use super::files::Scratch;
use super::server::Server;
use super::{SOON, skipped};

/// Whether a program is there; it is asked its version.
pub(crate) fn is_installed(program: &str, version: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(version).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

/// An argument of lftp's: quoted.
pub(crate) fn lftp_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Server {
    /// lftp, logged in, with a script; it ends with code 1 at the first command that fails. `home`
    /// is a folder without settings.
    pub(crate) fn lftp_command(&self, home: &Path, script: &str) -> Command {
        let ssh = format!("ssh -a -x {}", self.client_options().join(" "));
        let open = format!(
            "set sftp:connect-program {}; set cmd:fail-exit yes; set net:max-retries 2; \
             set net:timeout 60; open -u {},none -p {} sftp://127.0.0.1; ",
            lftp_quoted(&ssh),
            self.user,
            self.address.port(),
        );
        let mut command = Command::new("lftp");
        command.arg("--norc").env("HOME", home).args(["-c", &(open + script)]);
        command
    }

    /// rclone with the server as its remote `far:`, whose paths begin at the root.
    pub(crate) fn rclone_command(&self, home: &Path, arguments: &[&str]) -> Command {
        self.rclone_at(Path::new("rclone"), home, arguments)
    }

    /// The same with an rclone of one's own.
    pub(crate) fn rclone_at(&self, program: &Path, home: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["--config", "/dev/null", "--retries", "1"]).args(arguments);
        command.env("HOME", home);
        for (name, value) in [
            ("TYPE", "sftp".to_owned()),
            ("HOST", "127.0.0.1".to_owned()),
            ("PORT", self.address.port().to_string()),
            ("USER", self.user.clone()),
            ("KEY_FILE", self.client_key().display().to_string()),
            ("KNOWN_HOSTS_FILE", self.known_hosts.display().to_string()),
        ] {
            command.env(format!("RCLONE_CONFIG_FAR_{name}"), value);
        }
        command
    }
}

/// What PuTTY's programs need: a key in their format and a home without settings.
pub(crate) struct Putty {
    home: PathBuf,
    key: PathBuf,
}

impl Putty {
    /// `None`, and a line that says so, where PuTTY is missing.
    pub(crate) fn new(scratch: &Scratch) -> Option<Putty> {
        if !is_installed("psftp", "-V") || !is_installed("puttygen", "-V") {
            skipped("no psftp");
            return None;
        }
        let putty = Putty { home: scratch.path("home"), key: scratch.path("key.ppk") };
        fs::create_dir(&putty.home).expect("mkdir");
        let mut convert = Command::new("puttygen");
        convert.env("HOME", &putty.home).arg(scratch.path("client_key"));
        convert.args(["-O", "private", "-o"]).arg(&putty.key);
        Running::start(convert, "").wait(SOON).expect_success();
        Some(putty)
    }

    /// One of the programs, told all that it would ask.
    pub(crate) fn command(&self, program: &str, server: &Server, scratch: &Scratch) -> Command {
        let mut command = self.keyless(program, server, scratch);
        command.arg("-i").arg(&self.key);
        command
    }

    /// The same without a key, to be told a password.
    pub(crate) fn keyless(&self, program: &str, server: &Server, scratch: &Scratch) -> Command {
        let mut command = Command::new(program);
        command.env("HOME", &self.home).env_remove("SSH_AUTH_SOCK");
        command.args(["-batch", "-noagent", "-P", &server.address.port().to_string()]);
        command.args(["-hostkey", &host_fingerprint(scratch)]);
        command
    }
}

/// The host key's, as PuTTY takes it: `SHA256:...`.
pub(crate) fn host_fingerprint(scratch: &Scratch) -> String {
    let mut command = Command::new("ssh-keygen");
    command.args(["-l", "-f"]).arg(scratch.path("host_key.pub"));
    let finished = Running::start(command, "").wait(SOON).expect_success();
    finished.stdout.split(' ').nth(1).expect("bits, fingerprint, comment").to_owned()
}
