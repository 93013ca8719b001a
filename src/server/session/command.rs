//! Commands: what a client may have carried out without a shell.
//!
//! A [`Command`] is what a command line came to (`verbs`). The session that carries it out has no
//! SFTP to speak: the channel's bytes are the command's input, and its output leaves through the
//! same queue as replies do, so that file data travels in trains and uploads are joined. Every
//! path goes the way of an SFTP request: through the same plan, the same judgement, the same quota.
//! Invariant: nothing here starts a program, and nothing but a job or file data is waited for.

mod copy;
mod digests;
mod files;
mod places;
mod verbs;

use std::collections::VecDeque;

use super::{Barrier, Session, Site, Then};
use crate::reactor::fs::Metadata;
use crate::scp::Word;
use crate::server::job::{self, Cancel, Failure, Started};
use crate::server::perform::{kind_of, perform, perform_at_once};
use crate::vfs::{self, SessionFacts};
use copy::RemoteCopy;
use digests::Digesting;
use places::Places;
use ringferry_sftp::{Request, Status};

pub(in crate::server) use copy::SHRANK;
pub use verbs::Verbs;
pub(in crate::server) use verbs::{Asked, parse};

/// The exit status of a shell that does not know a command.
pub(super) const STATUS_UNKNOWN: u32 = 127;

/// What is to be carried out.
pub(in crate::server) enum Command {
    /// So much is said and it is over.
    Say(Said),
    Digests(Box<Digesting>),
    Places(Places),
    Copy(Box<RemoteCopy>),
}

/// Output, errors and exit status.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::server) struct Said {
    out: Vec<u8>,
    err: Vec<u8>,
    status: u32,
}

impl Said {
    /// The same for a terminal in raw mode, which does not begin a line at its start by itself.
    pub(in crate::server) fn on_terminal(mut self) -> Self {
        if self.err.pop_if(|byte| *byte == b'\n').is_some() {
            self.err.extend_from_slice(b"\r\n");
        }
        self
    }
}

/// A command that runs.
pub(super) struct Run {
    command: Command,
    /// What the job that was waited for brought.
    result: Option<job::Result>,
    /// There is more to do than its turn had time for.
    unfinished: bool,
    over: bool,
    exit_status: u32,
}

/// How far a step went.
enum Step {
    /// On to the next.
    On,
    /// Nothing to do before a job, file data or input has come.
    Waits,
    /// It is over, with this exit status.
    Over(u32),
}

impl Session {
    /// Makes this the session of a command.
    pub(in crate::server) fn for_command(mut self, command: Command) -> Self {
        let (result, unfinished, over, exit_status) = (None, false, false, 0);
        self.run = Some(Box::new(Run { command, result, unfinished, over, exit_status }));
        self
    }

    /// Input of a command that lies at `range` of `buffer`; gives where the rest begins that it
    /// does not take now.
    pub(super) fn command_input(
        &mut self,
        site: &mut Site<'_>,
        buffer: &[u8],
        range: std::ops::Range<usize>,
    ) -> usize {
        let Some(mut run) = self.run.take() else { return range.end };
        let bytes = buffer.get(range.clone()).unwrap_or_default();
        let end = match &mut run.command {
            _ if run.over => range.end,
            Command::Digests(digesting) => {
                digesting.input(bytes);
                range.end
            }
            Command::Copy(_) => copy::input(self, &mut run, site, buffer, range),
            // What it does not ask for is passed over.
            Command::Say(_) | Command::Places(_) => range.end,
        };
        self.run = Some(run);
        end
    }

    /// Carries the command on as far as it goes now.
    pub(super) fn run_command(&mut self, site: &mut Site<'_>) {
        if let Some(mut run) = self.run.take() {
            run.go_on(self, site);
            self.run = Some(run);
        }
    }

    /// A job of the command's has ended.
    pub(super) fn command_told(&mut self, result: job::Result) {
        if let Some(run) = &mut self.run {
            run.result = Some(result);
        }
    }

    /// Lets go of what the command holds open.
    pub(super) fn abandon_command(&mut self, site: &Site<'_>) {
        let Some(mut run) = self.run.take() else { return };
        if let Command::Copy(copy) = &mut run.command {
            copy.let_go(self, site);
        }
        run.over = true;
        self.run = Some(run);
    }

    /// Carries `work` out, now or, if that may take `long`, elsewhere; then its result comes to
    /// [`command_told`](Self::command_told).
    fn begin(
        &mut self,
        site: &mut Site<'_>,
        long: bool,
        work: impl FnOnce(&Cancel) -> job::Result + Send + 'static,
    ) -> Option<job::Result> {
        if !long {
            return Some(work(&Cancel::default()));
        }
        match site.jobs.start(&site.party.user, site.token, work) {
            Started::Finished(result) => Some(result),
            Started::Running(running) => {
                let (ticket, running) = (None, Some(running));
                self.barrier = Some(Barrier { ticket, id: 0, then: Then::Command, running });
                None
            }
        }
    }

    /// As [`begin`](Self::begin), of what `request` asks for.
    fn ask(&mut self, site: &mut Site<'_>, request: &Request<'_>) -> Option<job::Result> {
        let (user, symlink_order) = (&*site.party.user, self.symlink_order);
        let facts = SessionFacts { user, symlink_order };
        let op = match vfs::plan(request, &site.profile.access, &facts) {
            Some(Ok(op)) => op,
            Some(Err(refusal)) => return Some(Err(Failure::Refused(refusal))),
            None => return Some(Err(rustix::io::Errno::NOSYS.into())),
        };
        perform_at_once(site.profile, &op).or_else(|| {
            let (profile, op) = (std::sync::Arc::clone(site.profile), op.into_owned());
            self.begin(site, true, move |cancel| perform(&profile, op, cancel))
        })
    }

    /// Says on the client's standard error that `program` could not do something about `path`.
    fn complain(&mut self, site: &Site<'_>, program: &str, path: &[u8], failure: &Failure) {
        let (_, why) = failure.told();
        tracing::info!(
            connection = site.party.connection,
            peer = site.party.peer(),
            user = &*site.party.user,
            program,
            path = %path.escape_ascii(),
            cause = &*why,
            "command failed"
        );
        let line = format!("{program}: {}: {why}\n", shown(path));
        self.stderr.extend_from_slice(line.as_bytes());
    }
}

impl Run {
    /// Whether another turn would carry it on.
    pub(super) fn can_go_on(&self) -> bool {
        self.unfinished || self.result.is_some()
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn exit_status(&self) -> u32 {
        self.exit_status
    }

    fn go_on(&mut self, session: &mut Session, site: &mut Site<'_>) {
        self.unfinished = false;
        while !self.over && !session.must_wait() {
            let result = self.result.take();
            let step = match &mut self.command {
                Command::Say(said) => {
                    session.replies.push_with(|out| out.append(&mut said.out));
                    session.stderr.append(&mut said.err);
                    Step::Over(said.status)
                }
                Command::Digests(digesting) => digesting.step(session, site, result),
                Command::Places(places) => places.step(session, site, result),
                Command::Copy(copy) => copy.step(session, site, result),
            };
            match step {
                Step::On if site.turn_is_over() => {
                    self.unfinished = true;
                    return;
                }
                Step::On => {}
                Step::Waits => return,
                Step::Over(status) => {
                    self.over = true;
                    self.exit_status = status;
                }
            }
        }
    }
}

/// The path that a word names: from the home directory on, `~` being that.
fn path_of(word: &Word) -> Result<Vec<u8>, Failure> {
    let missing = || Failure::System(rustix::io::Errno::NOENT);
    word.below_home().map(|word| word.text).ok_or_else(missing)
}

/// What a program is asked about, one after the other.
struct Operands {
    words: VecDeque<Word>,
    /// The first one is being asked about.
    asked: bool,
}

/// How far the first operand has got.
enum Asking {
    Waits,
    Answered(Word, job::Result),
    /// There was none left.
    Over,
}

impl Operands {
    /// The words that are no options, of which `known` change nothing.
    ///
    /// # Errors
    /// An option that is not known here.
    fn new(program: &str, known: &[&[u8]], arguments: &[Word]) -> Result<Self, String> {
        let mut words = VecDeque::new();
        let mut options = true;
        for word in arguments {
            match word.text.as_slice() {
                b"--" if options => options = false,
                option if options && known.contains(&option) => {}
                [b'-', _, ..] if options => {
                    let option = shown(&word.text);
                    return Err(format!("{program}: the option {option} is not known here"));
                }
                _ => words.push_back(word.clone()),
            }
        }
        Ok(Self { words, asked: false })
    }

    /// The home directory.
    fn home() -> Self {
        Self { words: VecDeque::from([Word::home()]), asked: false }
    }

    /// Asks about the first one by `ask`, or takes what a job brought of it as the answer. A
    /// pattern is refused for the reason of `no_pattern`.
    fn next(
        &mut self,
        result: Option<job::Result>,
        no_pattern: &'static str,
        ask: impl FnOnce(&[u8]) -> Option<job::Result>,
    ) -> Asking {
        let Some(word) = self.words.front() else { return Asking::Over };
        let result = result.filter(|_| self.asked).or_else(|| match path_of(word) {
            _ if word.has_pattern() => Some(Err(Failure::Said(Status::Failure, no_pattern))),
            Ok(path) => ask(&path),
            Err(failure) => Some(Err(failure)),
        });
        self.asked = result.is_none();
        let Some(result) = result else { return Asking::Waits };
        Asking::Answered(self.words.pop_front().unwrap_or_default(), result)
    }
}

/// A name for a terminal: without control characters (some of which are beyond US-ASCII), and not
/// for ever.
fn shown(name: &[u8]) -> String {
    const SHOWN_BYTES_MAX: usize = 1024;
    let name = String::from_utf8_lossy(name.get(..SHOWN_BYTES_MAX).unwrap_or(name));
    name.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

/// Times as records have them: 1970 to 2106.
fn record_time(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}

/// What is known of a file, as the protocol of scp wants it.
fn facts(metadata: &Metadata) -> crate::scp::Facts {
    crate::scp::Facts {
        kind: kind_of(metadata),
        size: metadata.size,
        mode: metadata.mode & 0o7777,
        atime: record_time(metadata.atime),
        mtime: record_time(metadata.mtime),
    }
}
