//! The bare loop of small files: a receive, the system calls that a request cannot do without, a
//! send. One request is under way at a time, as OpenSSH's client has it with files that fit into
//! one request, so most of what is left is waking up and making the client wake up.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use clap::Args;

use super::message::{Message, Verb};
use super::serve::{greet, listen};
use crate::Outcome;

/// What the bare loop of small files serves.
#[derive(Args, Clone)]
pub(crate) struct BareFiles {
    /// Where to accept connections; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// The folder whose files are read and written
    #[arg(long)]
    pub(crate) folder: PathBuf,
}

/// Serves until the process is ended, one connection after another.
pub(crate) fn serve_files(bare: &BareFiles) -> Outcome<()> {
    bare.accept(&listen(bare.listen)?)
}

/// The file of a connection, and how far it was read.
struct Opened {
    file: File,
    offset: u64,
}

impl BareFiles {
    /// Accepts for ever.
    pub(super) fn accept(&self, listener: &TcpListener) -> Outcome<()> {
        loop {
            if let Err(error) = self.connection(listener.accept()?.0) {
                eprintln!("ceiling: {error}");
            }
        }
    }

    fn connection(&self, mut stream: TcpStream) -> Outcome<()> {
        greet(&mut stream)?;
        let (mut message, mut opened) = (Message::new(), None);
        while message.receive(&mut stream)? {
            self.perform(&mut message, &mut opened)?;
            message.send(&mut stream)?;
        }
        Ok(())
    }

    /// Does what is asked for and turns the request into the answer.
    fn perform(&self, message: &mut Message, opened: &mut Option<Opened>) -> Outcome<()> {
        let mut answer_bytes = 0;
        match (message.verb()?, opened.as_mut()) {
            (Verb::Open, None) => {
                let file = File::open(self.folder.join(message.name()?))?;
                // A server has to know whether it is a file.
                file.metadata()?;
                *opened = Some(Opened { file, offset: 0 });
            }
            (Verb::Create, None) => {
                let file = File::create(self.folder.join(message.name()?))?;
                *opened = Some(Opened { file, offset: 0 });
            }
            (Verb::Read, Some(Opened { file, offset })) => {
                answer_bytes = file.read_at(message.room(), *offset)?;
                *offset += answer_bytes as u64;
            }
            (Verb::Write, Some(Opened { file, offset })) => {
                file.write_all_at(message.data(), *offset)?;
                *offset += message.data().len() as u64;
            }
            (Verb::Close, Some(_)) => *opened = None,
            (verb, _) => return Err(format!("{verb:?} out of turn").into()),
        }
        message.begin(Verb::Done, "")?;
        message.carry(answer_bytes)
    }
}
