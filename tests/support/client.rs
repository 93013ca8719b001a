//! OpenSSH's clients, each run with a deadline and killed with its children when it passes.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use super::server::Server;
use super::wait_for;

/// How a client ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// `None` when a signal or the deadline ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The deadline ended it.
    pub(crate) timed_out: bool,
    what: String,
}

impl Finished {
    /// Both streams, for looking for a message.
    pub(crate) fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    pub(crate) fn expect_code(self, code: i32) -> Finished {
        assert_eq!(self.code, Some(code), "{}\n{}", self.what, self.output());
        self
    }

    pub(crate) fn expect_success(self) -> Finished {
        self.expect_code(0)
    }
}

/// A client that runs in a process group of its own.
pub(crate) struct Running {
    child: Child,
    stdout: JoinHandle<Vec<u8>>,
    stderr: JoinHandle<Vec<u8>>,
    what: String,
}

impl Running {
    pub(crate) fn start(mut command: Command, stdin: &str) -> Running {
        let what = format!("{command:?} with {stdin:?}");
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            command.stderr(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("start {what}: {e}"));
        let mut input = child.stdin.take().expect("piped");
        let text = stdin.to_owned();
        // A client that dies early leaves a broken pipe: its exit code tells the story.
        std::thread::spawn(move || drop(input.write_all(text.as_bytes())));
        let stdout = drain(child.stdout.take().expect("piped"));
        let stderr = drain(child.stderr.take().expect("piped"));
        Running { child, stdout, stderr, what }
    }

    /// SIGKILL for the client and the `ssh` it started.
    pub(crate) fn kill(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }

    pub(crate) fn wait(mut self, deadline: Duration) -> Finished {
        let status = wait_for(deadline, || self.child.try_wait().expect("wait"));
        // After the deadline, or for an `ssh` that outlived its parent.
        self.kill();
        let code = match status {
            Some(status) => status.code(),
            None => {
                let _ = self.child.wait();
                self.what.push_str(&format!(" (stopped after {deadline:?})"));
                None
            }
        };
        let text = |bytes: JoinHandle<Vec<u8>>| {
            String::from_utf8_lossy(&bytes.join().expect("reader")).into_owned()
        };
        Finished {
            code,
            stdout: text(self.stdout),
            stderr: text(self.stderr),
            timed_out: status.is_none(),
            what: self.what,
        }
    }
}

fn drain(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        bytes
    })
}

impl Server {
    /// `sftp` in batch mode: the first command that fails ends it with code 1.
    pub(crate) fn sftp_command(&self, extra: &[&str]) -> Command {
        let mut command = Command::new("sftp");
        command.args(self.client_options()).args(extra);
        command.args(["-b", "-", "-P", &self.address.port().to_string()]);
        command.arg(self.destination());
        command
    }

    /// `ssh` with `extra` before the destination and `remote` behind it.
    pub(crate) fn ssh_command(&self, extra: &[&str], remote: &[&str]) -> Command {
        let mut command = Command::new("ssh");
        command.args(self.client_options()).args(extra);
        command.args(["-p", &self.address.port().to_string()]);
        command.arg(self.destination()).args(remote);
        command
    }

    pub(crate) fn sftp(&self, extra: &[&str], batch: &str, deadline: Duration) -> Finished {
        Running::start(self.sftp_command(extra), batch).wait(deadline)
    }

    pub(crate) fn ssh(&self, extra: &[&str], remote: &[&str], deadline: Duration) -> Finished {
        Running::start(self.ssh_command(extra, remote), "").wait(deadline)
    }

    /// `scp` with arguments as given; see [`Server::remote`].
    pub(crate) fn scp(&self, arguments: &[&str], deadline: Duration) -> Finished {
        let mut command = Command::new("scp");
        command.args(self.client_options());
        command.args(["-P", &self.address.port().to_string()]).args(arguments);
        Running::start(command, "").wait(deadline)
    }

    /// `user@host:path` for scp.
    pub(crate) fn remote(&self, path: &str) -> String {
        format!("{}:{path}", self.destination())
    }

    fn destination(&self) -> String {
        format!("{}@127.0.0.1", self.user)
    }
}

/// An argument of an sftp batch command: quoted, with what its parser treats specially escaped.
pub(crate) fn quoted(path: impl AsRef<std::path::Path>) -> String {
    let text = path.as_ref().to_str().expect("UTF-8");
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
