//! `df`, `cd` and `pwd`: what a client asks of places before it moves files.

use ringferry_sftp::Request;

use super::{Asking, Operands, Session, Site, Step};
use crate::reactor::fs::Space;
use crate::scp::Word;
use crate::server::job::{self, Answer, Failure};

/// Places that are being asked about.
pub(in crate::server) struct Places {
    what: What,
    places: Operands,
    /// Lines of output so far.
    lines: usize,
    status: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Room,
    Enter,
    Home,
}

impl Places {
    fn new(what: What, places: Operands) -> Self {
        Self { what, places, lines: 0, status: 0 }
    }

    /// `df -k`, of the home directory if no path is given.
    ///
    /// # Errors
    /// An option that is not known here.
    pub(super) fn df(arguments: &[Word]) -> Result<Self, String> {
        let places = Operands::new("df", &[b"-k", b"-P", b"-Pk", b"-kP"], arguments)?;
        let places = if places.words.is_empty() { Operands::home() } else { places };
        Ok(Self::new(What::Room, places))
    }

    /// `cd`, which changes nothing: each command starts at home.
    ///
    /// # Errors
    /// An option, or a second path.
    pub(super) fn cd(arguments: &[Word]) -> Result<Self, String> {
        let places = Operands::new("cd", &[], arguments)?;
        if places.words.len() > 1 {
            return Err("cd: too many arguments".to_owned());
        }
        Ok(Self::new(What::Enter, places))
    }

    pub(super) fn pwd() -> Self {
        Self::new(What::Home, Operands::home())
    }

    fn program(&self) -> &'static str {
        match self.what {
            What::Room => "df",
            What::Enter => "cd",
            What::Home => "pwd",
        }
    }

    pub(super) fn step(
        &mut self,
        session: &mut Session,
        site: &mut Site<'_>,
        result: Option<job::Result>,
    ) -> Step {
        let what = self.what;
        let ask = |path: &[u8]| {
            let request = match what {
                What::Room => Request::SpaceAvailable { id: 0, path },
                What::Enter => Request::Stat { id: 0, path },
                What::Home => Request::Realpath { id: 0, path },
            };
            session.ask(site, &request)
        };
        let no_pattern = "patterns are taken for scp only; name the folder";
        let (word, result) = match self.places.next(result, no_pattern, ask) {
            Asking::Waits => return Step::Waits,
            Asking::Answered(word, result) => (word, result),
            Asking::Over => return Step::Over(self.status),
        };
        match result {
            Ok(Answer::Space(space)) => {
                let head = self.lines == 0;
                self.lines += 1;
                session.replies.push_with(|out| put_room(out, head, &space));
            }
            Ok(Answer::Path(mut path)) => {
                path.push(b'\n');
                session.replies.push_with(|out| out.append(&mut path));
            }
            Ok(Answer::Attrs(metadata)) if metadata.is_dir() => {}
            Ok(_) => self.fail(session, site, &word, &rustix::io::Errno::NOTDIR.into()),
            Err(failure) => self.fail(session, site, &word, &failure),
        }
        Step::On
    }

    fn fail(&mut self, session: &mut Session, site: &Site<'_>, word: &Word, failure: &Failure) {
        self.status = 1;
        session.complain(site, self.program(), &word.text, failure);
    }
}

/// A line of POSIX's `df -k -P`. What is behind the client's view stays there: neither the device
/// nor where it is mounted is told.
fn put_room(out: &mut Vec<u8>, head: bool, space: &Space) {
    if head {
        out.extend(b"Filesystem 1024-blocks Used Available Capacity Mounted on\n");
    }
    let kib = |blocks: u64| blocks.saturating_mul(space.fragment_bytes) / 1024;
    let (total, available) = (kib(space.blocks), kib(space.blocks_available));
    let used = kib(space.blocks.saturating_sub(space.blocks_free));
    let percent = (used * 100).div_ceil((used + available).max(1));
    out.extend(format!("ringferry {total} {used} {available} {percent}% /\n").into_bytes());
}
