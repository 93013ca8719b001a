//! The client of the bare loop of small files. It asks for what OpenSSH's `sftp` asks for, one
//! request after the other, and through a second process (`relay`), as `sftp` does through `ssh`:
//! who wakes whom is most of what small files cost.

use std::fs::File;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use clap::Args;

use super::message::{Message, Verb};
use super::relay::Relay;
use crate::Outcome;
use crate::client::Direction;

/// Files to move to or from a process that runs [`super::serve_files()`].
#[derive(Args)]
pub(crate) struct FilesRun {
    pub(crate) direction: Direction,
    #[arg(long = "to")]
    pub(crate) address: SocketAddr,
    /// The folder on this side
    #[arg(long)]
    pub(crate) local: PathBuf,
    /// The folder as the loop knows it, below the one that it serves
    #[arg(long)]
    pub(crate) remote: String,
    /// The files, in the folders of both sides
    pub(crate) names: Vec<String>,
}

/// Moves the files, one after the other.
pub(crate) fn ceiling_files(run: &FilesRun) -> Outcome<()> {
    let (relay, near) = Relay::start(run.address)?;
    let moved = Asking { to: near, message: Message::new() }.run(run);
    // What the relay ran into is why the other one had no answer.
    relay.end()?;
    moved
}

struct Asking {
    to: UnixStream,
    message: Message,
}

impl Asking {
    fn run(mut self, run: &FilesRun) -> Outcome<()> {
        for name in &run.names {
            let (local, remote) = (run.local.join(name), format!("{}/{name}", run.remote));
            match run.direction {
                Direction::Get => self.get(&remote, &mut File::create(local)?)?,
                Direction::Put => self.put(&remote, &File::open(local)?)?,
            }
        }
        Ok(())
    }

    fn get(&mut self, remote: &str, local: &mut File) -> Outcome<()> {
        self.ask(Verb::Open, remote)?;
        loop {
            self.ask(Verb::Read, "")?;
            if self.message.data().is_empty() {
                break;
            }
            local.write_all(self.message.data())?;
        }
        self.ask(Verb::Close, "")
    }

    fn put(&mut self, remote: &str, mut local: &File) -> Outcome<()> {
        self.ask(Verb::Create, remote)?;
        loop {
            self.message.begin(Verb::Write, "")?;
            let data_bytes = local.read(self.message.room())?;
            if data_bytes == 0 {
                break;
            }
            self.message.carry(data_bytes)?;
            self.exchange()?;
        }
        self.ask(Verb::Close, "")
    }

    fn ask(&mut self, verb: Verb, name: &str) -> Outcome<()> {
        self.message.begin(verb, name)?;
        self.exchange()
    }

    fn exchange(&mut self) -> Outcome<()> {
        self.message.send(&mut self.to)?;
        if !self.message.receive(&mut self.to)? {
            return Err("the relay ended".into());
        }
        match self.message.verb()? {
            Verb::Done => Ok(()),
            verb => Err(format!("{verb:?} for an answer").into()),
        }
    }
}
