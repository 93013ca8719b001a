//! SFTP on standard input and output, for sshd's `Subsystem sftp` and for `sftp -D`.
//!
//! One session, one thread, which may wait: requests are carried out as they come, and input is
//! read when the replies to what came before have been written.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use super::job::Jobs;
use super::limits::LARGE_BUFFER_BYTES;
use super::names::Names;
use super::profile::Profile;
use super::replies::Reply;
use super::run::{ServerError, random_number};
use super::session::{Party, Session, Site};
use super::train;
use crate::reactor::Token;
use crate::ssh::ChannelId;

/// Serves `user` on standard input and output until the client ends it.
///
/// # Errors
/// [`ServerError::Stdio`] when reading or writing fails, [`ServerError::Broken`] when what comes is
/// not SFTP.
pub fn serve_stdio(profile: Profile, names: &Names, user: &str) -> Result<(), ServerError> {
    let party = Party { connection: 0, peer: None, user: user.into() };
    // Not the buffered handle of the standard library, which looks for line ends.
    let out = std::io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let out = out.map_err(|error| ServerError::Stdio { stream: "output", error })?;
    let mut stdio = Stdio {
        profile: Arc::new(profile),
        names,
        party: Rc::new(party),
        session: Session::new(ChannelId(0), "", "", random_number()),
        out,
    };
    let ended = stdio.serve();
    let (session, site) = stdio.parts();
    session.abandon(&site);
    ended
}

struct Stdio<'a, W> {
    profile: Arc<Profile>,
    names: &'a Names,
    party: Rc<Party>,
    session: Session,
    out: W,
}

impl<W: Write> Stdio<'_, W> {
    fn parts(&mut self) -> (&mut Session, Site<'_>) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let site = Site {
            profile: &self.profile,
            names: self.names,
            jobs: &Jobs::Here,
            reactor: None,
            token: Token(0),
            wall_clock: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
            turn_ends: None,
            party: &self.party,
        };
        (&mut self.session, site)
    }

    fn serve(&mut self) -> Result<(), ServerError> {
        let mut buffer = vec![0; LARGE_BUFFER_BYTES];
        let mut input = std::io::stdin().lock();
        loop {
            let count = match input.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(ServerError::Stdio { stream: "input", error }),
                Ok(0) => return Ok(()),
                Ok(count) => count,
            };
            let (session, mut site) = self.parts();
            let taken = session.input(&mut site, &buffer, 0..count);
            session.flush(&buffer);
            self.reply()?;
            taken.map_err(|error| ServerError::Broken(error.to_string()))?;
            if self.session.failed {
                return Err(ServerError::Broken("no INIT came first, or two did".to_owned()));
            }
        }
    }

    /// Writes replies and goes on with what had to wait for them, until there are none.
    fn reply(&mut self) -> Result<(), ServerError> {
        let mut broken = Ok(());
        loop {
            while let Some(reply) = self.session.replies.pop_front() {
                let written = match reply {
                    Reply::Bytes { data, sent } => {
                        self.out.write_all(data.get(sent..).unwrap_or_default())
                    }
                    Reply::Read(read) => self.out.write_all(&train::in_memory(&read)),
                    // Nothing runs elsewhere here.
                    Reply::Waiting => Ok(()),
                };
                written.map_err(|error| ServerError::Stdio { stream: "output", error })?;
            }
            let (session, mut site) = self.parts();
            if let Err(error) = session.resume(&mut site) {
                broken = Err(ServerError::Broken(error.to_string()));
            }
            if self.session.replies.is_empty() && !self.session.can_resume() {
                break;
            }
        }
        self.out.flush().map_err(|error| ServerError::Stdio { stream: "output", error })?;
        broken
    }
}
