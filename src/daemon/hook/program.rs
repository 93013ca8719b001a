//! Asks a program: question on its stdin, answer on its stdout, exit code 0.
//!
//! It runs in a process group of its own, without our environment and descriptors. When it has
//! ended, or its time is up, whatever is left of the group is killed, and the program is reaped:
//! in this order, so that the group's number is still its own. A child that leaves the group
//! (setsid) is on its own.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use rustix::time::Timespec;

use super::limits::{ANSWER_BYTES_MAX, REAP_TIMEOUT, STDERR_BYTES_MAX};
use crate::reactor::close_on_exec;

/// What its environment holds: enough for `#!/usr/bin/env python3`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program and how long it may take.
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) timeout: Duration,
}

impl Program {
    /// What it answers.
    ///
    /// # Errors
    /// Why there is no answer, for the log.
    pub(super) fn ask(&self, user: &str, question: &[u8]) -> Result<Vec<u8>, String> {
        let mut running = Running::start(self)?;
        let told = running.converse(question);
        let status = running.end();
        if !running.stderr.is_empty() {
            let said = String::from_utf8_lossy(&running.stderr);
            tracing::warn!(user, stderr = %said.trim_end(), "the hook complains");
        }
        told?;
        match status {
            Some(status) if status.success() => Ok(std::mem::take(&mut running.stdout)),
            Some(status) => Err(format!("the hook failed: {status}")),
            None => Err("the hook does not end".to_owned()),
        }
    }
}

/// A program under way; killed with its group and reaped whenever this goes.
struct Running {
    child: Option<Child>,
    group: Pid,
    /// Readable once the program has ended.
    ended: OwnedFd,
    deadline: Instant,
    timeout: Duration,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Running {
    fn start(program: &Program) -> Result<Self, String> {
        let failed = |what: &dyn std::fmt::Display| {
            format!("the hook {} cannot be started: {what}", program.path.display())
        };
        let mut command = Command::new(&program.path);
        command.args(&program.arguments).env_clear().env("PATH", PATH).current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        close_on_exec();
        let deadline = Instant::now() + program.timeout;
        let mut child = command.process_group(0).spawn().map_err(|error| failed(&error))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let opened = group.ok_or(Errno::SRCH).and_then(|group| {
            let ended = pidfd_open(group, PidfdFlags::empty())?;
            Ok((group, ended))
        });
        let (group, ended) = match opened {
            Ok(opened) => opened,
            Err(errno) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(&errno));
            }
        };
        let (stdout, stderr) = (Vec::new(), Vec::new());
        let timeout = program.timeout;
        Ok(Self { child: Some(child), group, ended, deadline, timeout, stdout, stderr })
    }

    /// Writes the question and reads until the program has ended.
    fn converse(&mut self, question: &[u8]) -> Result<(), String> {
        let io = |error: std::io::Error| format!("the hook's pipes: {error}");
        let child = self.child.as_mut();
        let (stdin, stdout, stderr) = child.map_or((None, None, None), |child| {
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        });
        for pipe in [stdin.as_ref().map(AsFd::as_fd), stdout.as_ref().map(AsFd::as_fd)]
            .into_iter()
            .chain([stderr.as_ref().map(AsFd::as_fd)])
            .flatten()
        {
            fcntl_setfl(pipe, OFlags::NONBLOCK).map_err(|errno| io(errno.into()))?;
        }
        let mut pipes = Pipes { stdin, stdout, stderr, unsaid: question };
        loop {
            let has_ended = self.wait(&pipes)?;
            pipes.write();
            // What it has written before its end is there when its end is seen.
            pipes.read(&mut self.stdout, &mut self.stderr).map_err(io)?;
            if self.stdout.len() > ANSWER_BYTES_MAX {
                return Err(format!("the hook's answer is longer than {ANSWER_BYTES_MAX} bytes"));
            }
            if has_ended {
                return Ok(());
            }
        }
    }

    /// Waits until something can be done. `true` if the program has ended: what its children do
    /// with the pipes no longer matters.
    fn wait(&self, pipes: &Pipes<'_>) -> Result<bool, String> {
        let mut fds = vec![PollFd::new(&self.ended, PollFlags::IN)];
        fds.extend(pipes.stdin.iter().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        fds.extend(pipes.stdout.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        fds.extend(pipes.stderr.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("the hook has not answered in {:?}", self.timeout));
            }
            match poll(&mut fds, Timespec::try_from(left).ok().as_ref()) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(fds.first().is_some_and(|fd| !fd.revents().is_empty())),
                Err(errno) => return Err(format!("the hook cannot be waited for: {errno}")),
            }
        }
    }

    /// Kills what is left of the group and reaps the program. `None` if it does not die, or was
    /// reaped before.
    fn end(&mut self) -> Option<ExitStatus> {
        let mut child = self.child.take()?;
        // The program itself, dead or alive, holds the number until it is reaped.
        let _ = kill_process_group(self.group, Signal::KILL);
        let timeout = Timespec::try_from(REAP_TIMEOUT).ok();
        let wait = || poll(&mut [PollFd::new(&self.ended, PollFlags::IN)], timeout.as_ref());
        while wait() == Err(Errno::INTR) {}
        match child.try_wait() {
            Ok(Some(status)) => Some(status),
            Ok(None) => {
                let reaper = std::thread::Builder::new().name("reaper".to_owned());
                let _ = reaper.spawn(move || child.wait());
                None
            }
            Err(_) => None,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Our ends, none of which blocks; each is closed when it has done its part.
struct Pipes<'a> {
    stdin: Option<std::process::ChildStdin>,
    stdout: Option<std::process::ChildStdout>,
    stderr: Option<std::process::ChildStderr>,
    unsaid: &'a [u8],
}

impl Pipes<'_> {
    /// A program need not read its question: that its stdin is closed is no mistake.
    fn write(&mut self) {
        while let Some(stdin) = &mut self.stdin {
            match stdin.write(self.unsaid) {
                Ok(count) => self.unsaid = self.unsaid.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.unsaid = &[],
            }
            if self.unsaid.is_empty() {
                self.stdin = None;
            }
        }
    }

    fn read(&mut self, stdout: &mut Vec<u8>, stderr: &mut Vec<u8>) -> std::io::Result<()> {
        read_some(&mut self.stdout, stdout, ANSWER_BYTES_MAX + 1)?;
        read_some(&mut self.stderr, stderr, STDERR_BYTES_MAX)
    }
}

/// Reads what is there, which may be the end, and keeps what `bytes_max` leaves room for. One that
/// never stops writing is left after some reads: the deadline is looked at in between.
fn read_some(
    pipe: &mut Option<impl Read>,
    into: &mut Vec<u8>,
    bytes_max: usize,
) -> std::io::Result<()> {
    let mut buffer = [0; 8192];
    for _ in 0..READS_AT_ONCE {
        let Some(open) = pipe.as_mut() else { return Ok(()) };
        match open.read(&mut buffer) {
            Ok(0) => *pipe = None,
            Ok(count) => {
                let kept = count.min(bytes_max.saturating_sub(into.len()));
                into.extend(buffer.get(..kept).unwrap_or_default());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// More than a pipe holds (64 KiB), so that all of it is read when the program has ended.
const READS_AT_ONCE: usize = 16;
