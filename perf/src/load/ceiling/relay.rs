//! Between the bare loop of small files and its client: a process, as `ssh` is one between a
//! server and `sftp`. The scheduler places two processes otherwise than two threads of one.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use clap::Args;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::drive::connect;
use crate::Outcome;
use crate::load::limits::{PATIENCE, SMALL_BUFFER_BYTES};
use crate::load::session::silence;

/// Where the relay goes; the other side is its standard input, a socket.
#[derive(Args)]
pub(crate) struct RelayWords {
    #[arg(long)]
    to: SocketAddr,
}

/// A relay in a process of its own, and the end of the pair of sockets that is ours.
pub(super) struct Relay {
    process: Child,
}

impl Relay {
    pub(super) fn start(to: SocketAddr) -> Outcome<(Relay, UnixStream)> {
        let (near, far) = UnixStream::pair()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["relay-files", "--to", &to.to_string()]);
        let process = command.stdin(Stdio::from(OwnedFd::from(far))).spawn()?;
        Ok((Relay { process }, near))
    }

    /// Waits for it; the near end of its sockets has to be closed before.
    pub(super) fn end(mut self) -> Outcome<()> {
        let status = self.process.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the relay ended: {status}").into()) }
    }
}

/// Hands on whatever comes from either side until one of them ends, waiting for both at once as
/// `ssh` does.
pub(crate) fn relay(words: &RelayWords) -> Outcome<()> {
    let near = UnixStream::from(rustix::io::dup(rustix::stdio::stdin())?);
    let far = connect(words.to)?;
    let mut room = vec![0; SMALL_BUFFER_BYTES];
    let patience = Timespec::try_from(PATIENCE)?;
    loop {
        let mut sides = [PollFd::new(&near, PollFlags::IN), PollFd::new(&far, PollFlags::IN)];
        if poll(&mut sides, Some(&patience))? == 0 {
            return Err(silence(ErrorKind::TimedOut.into()));
        }
        let [asked, answered] = sides.map(|side| !side.revents().is_empty());
        if asked && !hand_on(&near, &far, &mut room)? {
            return Ok(());
        }
        if answered && !hand_on(&far, &near, &mut room)? {
            return Err("the bare loop closed".into());
        }
    }
}

/// `false` at the end.
fn hand_on(mut from: impl Read, mut to: impl Write, room: &mut [u8]) -> Outcome<bool> {
    let got = loop {
        match from.read(room) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            got => break got.map_err(silence)?,
        }
    };
    to.write_all(room.get(..got).unwrap_or_default()).map_err(silence)?;
    Ok(got > 0)
}
