//! The end that receives: `scp -t`.

use super::glob::{Expansion, Progress, joined};
use super::limits::DEPTH_MAX;
use super::peer::{Answer, LOST, Line, Peer};
use super::record::{MODE_BITS, Record, Times, Violation};
use super::source::reason;
use super::{Ask, Options, Told, Word};
use crate::vfs::Kind;
use crate::vfs::limits::PATH_BYTES_MAX;

/// The permissions that are left without `-p`: no set-id bits, no sticky bit.
const PLAIN_MODE_BITS: u32 = 0o777;
/// What the owner needs in a directory while it is filled.
const FILL_MODE_BITS: u32 = 0o700;

/// Puts what the peer sends where the client said.
///
/// It is driven as a [`Source`](super::Source) is. Without `-p` the caller takes its umask off
/// every mode it is given; with `-p` the modes are as they are.
#[derive(Debug)]
pub struct Sink {
    recursive: bool,
    preserve: bool,
    target_is_directory: bool,
    /// What the client named.
    target: Vec<u8>,
    /// Whether names go below the target, and are not just another word for it.
    below_target: bool,
    /// The directories that were entered.
    levels: Vec<Level>,
    /// The times of what comes next.
    times: Option<Times>,
    peer: Peer,
    step: Step,
}

#[derive(Debug)]
struct Level {
    path: Vec<u8>,
    /// What is to be set once it is filled.
    mode: Option<u32>,
    times: Option<Times>,
}

/// What a record announced.
#[derive(Debug)]
struct Item {
    path: Vec<u8>,
    mode: u32,
    size: u64,
    times: Option<Times>,
    /// Why it is not as it should be.
    error: Option<String>,
}

#[derive(Debug)]
enum Step {
    /// What the target's pattern stands for is awaited.
    Expand(Expansion),
    StatTarget,
    /// A record is awaited.
    Record,
    StatDir(Item),
    MakeDir(Item),
    Open(Item),
    /// What was opened cannot be filled.
    CloseOdd(Item),
    Receive(Item),
    /// The source says whether it could read all of the file.
    Answer(Item),
    SetSize(Item),
    SetAttrs(Item, Option<u32>, Option<Times>),
    Close(Item),
    /// A file is open, and nothing more will come for it.
    CloseLast,
    /// A directory is filled.
    Leave(Level),
    Done,
}

impl Sink {
    /// Begins to receive what comes for the path in `options`.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let word = options.paths.into_iter().next().unwrap_or_default();
        let mut sink = Self {
            recursive: options.recursive,
            preserve: options.preserve,
            target_is_directory: options.target_is_directory,
            target: Vec::new(),
            below_target: false,
            levels: Vec::new(),
            times: None,
            peer: Peer::default(),
            step: Step::StatTarget,
        };
        sink.find_target(word);
        sink
    }

    /// What the caller is to do next.
    #[must_use]
    pub fn poll(&mut self) -> Ask {
        match &self.step {
            Step::Expand(expansion) => expansion.ask(),
            Step::StatTarget => Ask::Stat(self.target.clone()),
            Step::Record | Step::Answer(_) => Ask::Input,
            Step::StatDir(item) => Ask::Stat(item.path.clone()),
            Step::MakeDir(item) => {
                let mode = Some(item.mode & PLAIN_MODE_BITS | FILL_MODE_BITS);
                Ask::MakeDir { path: item.path.clone(), mode }
            }
            Step::Open(item) => {
                // The set-id bits are for a file that is whole.
                let mode = Some(item.mode & PLAIN_MODE_BITS);
                Ask::OpenToWrite { path: item.path.clone(), mode }
            }
            Step::Receive(item) => Ask::Receive { bytes: item.size },
            Step::SetSize(item) => Ask::SetSize(item.size),
            Step::SetAttrs(_, mode, times) => Ask::SetAttrs { mode: *mode, times: pair(*times) },
            Step::Close(_) | Step::CloseOdd(_) | Step::CloseLast => Ask::CloseFile,
            Step::Leave(level) => Ask::SetPath {
                path: level.path.clone(),
                mode: level.mode,
                times: pair(level.times),
            },
            Step::Done => Ask::Done(self.peer.status()),
        }
    }
}

impl Sink {
    /// Bytes to send to the peer before what was asked for is done.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        self.peer.take_output()
    }

    /// Takes bytes of the peer, if it was asked for them, and gives how many were used. A file's
    /// bytes never are.
    pub fn input(&mut self, bytes: &[u8]) -> usize {
        let mut used = 0;
        while let Some(rest @ [_, ..]) = bytes.get(used..) {
            match self.step {
                Step::Record => {
                    let (taken, line) = self.peer.line(rest);
                    used += taken;
                    self.record(line);
                }
                Step::Answer(_) => {
                    let (taken, answer) = self.peer.answer(rest);
                    used += taken;
                    self.answered(answer);
                }
                _ => break,
            }
        }
        used
    }

    /// The peer sends nothing after what it has sent. To be called when all of that was used, be it
    /// by [`input`](Self::input) or for an [`Ask::Receive`]; one that gets less than it asked for
    /// is told that it failed.
    pub fn input_ended(&mut self) {
        self.peer.ended = true;
        self.go_without_input();
    }

    /// Takes the answer to what was asked for.
    pub fn told(&mut self, told: Told) {
        match std::mem::replace(&mut self.step, Step::Done) {
            step @ (Step::Record | Step::Answer(_) | Step::Done) => self.step = step,
            Step::Expand(expansion) => {
                let progress = expansion.told(told);
                self.expanded(progress);
            }
            Step::StatTarget => self.looked_at_target(&told),
            Step::StatDir(item) => self.looked_at_dir(item, &told),
            Step::MakeDir(item) => match told {
                Told::Done => self.enter(item, true),
                told => self.refuse(&item.path, reason(&told)),
            },
            Step::Open(item) => self.opened(item, &told),
            Step::CloseOdd(item) => self.refuse(&item.path, "not a regular file"),
            Step::Receive(mut item) => {
                item.note(&told);
                self.step = Step::Answer(item);
            }
            Step::SetSize(mut item) => {
                item.note(&told);
                self.set_attrs(item);
            }
            Step::SetAttrs(mut item, ..) => {
                item.note(&told);
                self.step = Step::Close(item);
            }
            Step::Close(mut item) => {
                item.note(&told);
                self.finish(&item.path, item.error.as_deref());
            }
            Step::CloseLast => {}
            Step::Leave(level) if told == Told::Done => self.finish(&level.path, None),
            Step::Leave(level) => self.finish(&level.path, Some(reason(&told))),
        }
        self.go_without_input();
    }

    fn find_target(&mut self, word: Word) {
        match word.below_home() {
            None => self.refuse_all(&word.text, "No such file or directory"),
            Some(word) if word.has_pattern() => self.expanded(Expansion::begin(&word)),
            Some(word) => self.target = word.text,
        }
    }

    fn expanded(&mut self, progress: Progress) {
        match progress {
            Progress::On(expansion) => self.step = Step::Expand(expansion),
            Progress::TooMany(word) => self.refuse_all(&word, "Argument list too long"),
            Progress::Over(mut paths) => match (paths.pop(), paths.is_empty()) {
                (Some(target), true) => {
                    self.target = target;
                    self.step = Step::StatTarget;
                }
                _ => self.protest("ambiguous target", b""),
            },
        }
    }

    fn looked_at_target(&mut self, told: &Told) {
        self.below_target = matches!(told, Told::Facts(facts) if facts.kind == Kind::Directory);
        if self.target_is_directory && !self.below_target {
            let why = if matches!(told, Told::Facts(_)) { NOT_DIRECTORY } else { reason(told) };
            let target = std::mem::take(&mut self.target);
            return self.refuse_all(&target, why);
        }
        self.peer.acknowledge();
        self.step = Step::Record;
    }

    fn record(&mut self, line: Line) {
        let line = match line {
            Line::Partial => return,
            Line::TooLong => return self.protest("protocol error: ", b"line too long"),
            Line::Whole(line) => line,
        };
        match Record::parse(&line) {
            Ok(Record::Warning) => self.peer.failed = true,
            Ok(Record::Fatal) => {
                self.peer.failed = true;
                self.step = Step::Done;
            }
            Ok(Record::Times(times)) => {
                self.times = times;
                self.peer.acknowledge();
            }
            Ok(Record::Leave) => self.leave(),
            Ok(Record::File { mode, size, name }) => {
                self.step = Step::Open(self.item(name, mode, size));
            }
            Ok(Record::Directory { mode, name }) if self.recursive => {
                self.step = Step::StatDir(self.item(name, mode, 0));
            }
            Ok(Record::Directory { .. }) => {
                self.protest("protocol error: ", b"received directory without -r");
            }
            Err(Violation::Protocol(why)) => self.protest("protocol error: ", why.as_bytes()),
            Err(Violation::Filename(name)) => self.protest("error: unexpected filename: ", name),
        }
    }

    fn item(&mut self, name: &[u8], mode: u32, size: u64) -> Item {
        let path = match self.levels.last() {
            Some(level) => joined(&level.path, name),
            None if self.below_target => joined(&self.target, name),
            None => self.target.clone(),
        };
        Item { path, mode: mode & MODE_BITS, size, times: self.times.take(), error: None }
    }

    fn looked_at_dir(&mut self, item: Item, told: &Told) {
        if self.levels.len() >= DEPTH_MAX {
            return self.refuse(&item.path, "Too many levels of directories");
        }
        if item.path.len() > PATH_BYTES_MAX {
            return self.refuse(&item.path, "File name too long");
        }
        match told {
            Told::Facts(facts) if facts.kind == Kind::Directory => self.enter(item, false),
            Told::Facts(_) => self.refuse(&item.path, NOT_DIRECTORY),
            _ => self.step = Step::MakeDir(item),
        }
    }

    fn enter(&mut self, item: Item, made: bool) {
        let plain = item.mode & PLAIN_MODE_BITS;
        let mode = if self.preserve {
            Some(item.mode)
        } else {
            (made && plain != plain | FILL_MODE_BITS).then_some(plain)
        };
        self.levels.push(Level { path: item.path, mode, times: item.times });
        self.peer.acknowledge();
        self.step = Step::Record;
    }

    fn leave(&mut self) {
        self.times = None;
        self.step = match self.levels.pop() {
            Some(level) if level.mode.is_some() || level.times.is_some() => Step::Leave(level),
            Some(_) => {
                self.peer.acknowledge();
                Step::Record
            }
            // As in OpenSSH, leaving the target is the end.
            None => {
                self.peer.acknowledge();
                Step::Done
            }
        };
    }

    fn opened(&mut self, item: Item, told: &Told) {
        match told {
            Told::Facts(facts) if facts.kind == Kind::File => {
                self.peer.acknowledge();
                self.step = if item.size == 0 { Step::Answer(item) } else { Step::Receive(item) };
            }
            Told::Facts(_) => self.step = Step::CloseOdd(item),
            told => self.refuse(&item.path, reason(told)),
        }
    }

    fn answered(&mut self, answer: Answer) {
        if answer == Answer::Partial {
            return;
        }
        let Step::Answer(item) = std::mem::replace(&mut self.step, Step::CloseLast) else { return };
        match answer {
            Answer::Partial | Answer::Fatal => {}
            Answer::Good | Answer::Bad if item.error.is_some() => self.set_attrs(item),
            Answer::Good | Answer::Bad => self.step = Step::SetSize(item),
        }
    }

    /// Permissions are set on what could not be written too: it may be somebody's secret.
    fn set_attrs(&mut self, item: Item) {
        let mode = self.preserve.then_some(item.mode);
        let times = item.times.filter(|_| item.error.is_none());
        self.step = match (mode, times) {
            (None, None) => Step::Close(item),
            (mode, times) => Step::SetAttrs(item, mode, times),
        };
    }

    /// The one answer to a file that was received or a directory that was left.
    fn finish(&mut self, path: &[u8], error: Option<&str>) {
        match error {
            Some(why) => self.peer.complain(path, why),
            None => self.peer.acknowledge(),
        }
        self.step = Step::Record;
    }

    /// Refuses one file or directory: an error line instead of the answer.
    fn refuse(&mut self, path: &[u8], why: &str) {
        self.finish(path, Some(why));
    }

    fn refuse_all(&mut self, path: &[u8], why: &str) {
        self.peer.complain(path, why);
        self.step = Step::Done;
    }

    fn protest(&mut self, what: &str, about: &[u8]) {
        self.peer.protest(what, about);
        self.step = Step::Done;
    }

    /// What comes next when it is for the peer to send, and the peer sends no more.
    fn go_without_input(&mut self) {
        while self.peer.ended {
            match self.step {
                Step::Record if self.peer.is_inside_line() => {
                    self.protest("protocol error: ", LOST.as_bytes());
                }
                // OpenSSH's end of a copy. What was entered is still left in order.
                Step::Record if self.levels.is_empty() => self.step = Step::Done,
                Step::Record => self.leave(),
                Step::Answer(_) => {
                    self.peer.failed = true;
                    self.step = Step::CloseLast;
                }
                _ => return,
            }
        }
    }
}

impl Item {
    /// Keeps the first error.
    fn note(&mut self, told: &Told) {
        if *told != Told::Done && self.error.is_none() {
            self.error = Some(reason(told).to_owned());
        }
    }
}

const NOT_DIRECTORY: &str = "Not a directory";

fn pair(times: Option<Times>) -> Option<(u32, u32)> {
    times.map(|times| (times.atime, times.mtime))
}

#[cfg(test)]
mod tests;
