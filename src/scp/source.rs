//! The end that sends: `scp -f`.

use std::collections::VecDeque;

use super::glob::{Expansion, Progress, joined};
use super::limits::{DEPTH_MAX, NAME_BYTES_MAX};
use super::peer::{Answer, Peer};
use super::record::{self, Times};
use super::{Ask, Facts, Options, Told, Word};
use crate::vfs::Kind;

/// Sends what the client named.
///
/// Drive it so: send [`take_output`](Self::take_output), do what [`poll`](Self::poll) asks, and
/// tell it how that went: with [`told`](Self::told), or after [`Ask::Input`] with
/// [`input`](Self::input) or [`input_ended`](Self::input_ended).
#[derive(Debug)]
pub struct Source {
    recursive: bool,
    preserve: bool,
    words: VecDeque<Word>,
    /// What the word at hand stands for.
    paths: VecDeque<Vec<u8>>,
    /// The directories that are open.
    levels: Vec<Level>,
    peer: Peer,
    step: Step,
}

#[derive(Debug)]
struct Level {
    path: Vec<u8>,
    /// Names in it that were read and not yet sent.
    names: VecDeque<Vec<u8>>,
}

/// Something that is being sent, and what is known of it.
#[derive(Debug)]
struct Item {
    path: Vec<u8>,
    facts: Facts,
}

#[derive(Debug)]
enum Step {
    /// An answer of the sink is awaited.
    Answer(Awaited),
    Expand(Expansion),
    Stat(Vec<u8>),
    OpenDir(Item),
    ReadDir,
    CloseDir(Closing),
    OpenFile(Vec<u8>),
    Send(Item),
    CloseFile(Closing),
    Done,
}

/// Which answer of the sink is awaited.
#[derive(Debug)]
enum Awaited {
    Start,
    Times(Item),
    Item(Item),
    /// To the data or to the end of a directory: good or bad, the next one comes.
    Last,
}

/// What is to be gone on with after something is closed.
#[derive(Debug)]
enum Closing {
    /// The sink's answer to what was sent.
    Answer,
    /// `E` is to be sent, and answered.
    Leave,
    /// Nothing was sent: the next one.
    Next,
    /// Everything else that is open is to be closed too.
    End,
}

impl Source {
    /// Begins to send what `options` name.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            recursive: options.recursive,
            preserve: options.preserve,
            words: options.paths.into(),
            paths: VecDeque::new(),
            levels: Vec::new(),
            peer: Peer::default(),
            step: Step::Answer(Awaited::Start),
        }
    }

    /// What the caller is to do next.
    #[must_use]
    pub fn poll(&mut self) -> Ask {
        match &self.step {
            Step::Answer(_) => Ask::Input,
            Step::Expand(expansion) => expansion.ask(),
            Step::Stat(path) => Ask::Stat(path.clone()),
            Step::OpenDir(item) => Ask::OpenDir(item.path.clone()),
            Step::ReadDir => Ask::ReadDir,
            Step::CloseDir(_) => Ask::CloseDir,
            Step::OpenFile(path) => Ask::OpenToRead(path.clone()),
            Step::Send(item) => Ask::Send { bytes: item.facts.size },
            Step::CloseFile(_) => Ask::CloseFile,
            Step::Done => Ask::Done(self.peer.status()),
        }
    }

    /// Bytes to send to the peer before what was asked for is done.
    #[must_use]
    pub fn take_output(&mut self) -> Vec<u8> {
        self.peer.take_output()
    }

    /// Takes bytes of the peer, if it was asked for them, and gives how many were used.
    pub fn input(&mut self, bytes: &[u8]) -> usize {
        let mut used = 0;
        while let (Step::Answer(_), Some(rest @ [_, ..])) = (&self.step, bytes.get(used..)) {
            let (taken, answer) = self.peer.answer(rest);
            used += taken;
            if answer == Answer::Partial {
                break;
            }
            self.answered(answer);
        }
        used
    }

    /// The peer sends nothing after what it has sent. To be called when all of that was used.
    pub fn input_ended(&mut self) {
        self.peer.ended = true;
        self.end_if_lost();
    }

    /// Takes the answer to what was asked for.
    pub fn told(&mut self, told: Told) {
        match std::mem::replace(&mut self.step, Step::Done) {
            step @ (Step::Answer(_) | Step::Done) => self.step = step,
            Step::Expand(expansion) => {
                let progress = expansion.told(told);
                self.expanded(progress);
            }
            Step::Stat(path) => self.looked(path, told),
            Step::OpenDir(item) => self.opened_dir(item, told),
            Step::ReadDir => self.read_dir(told),
            Step::OpenFile(path) => self.opened_file(path, told),
            Step::Send(item) => self.sent(&item, &told),
            Step::CloseDir(closing) => {
                self.levels.pop();
                self.closed(&closing);
            }
            Step::CloseFile(closing) => self.closed(&closing),
        }
        self.end_if_lost();
    }

    /// Without its answers nothing goes on.
    fn end_if_lost(&mut self) {
        if self.peer.ended && matches!(self.step, Step::Answer(_)) {
            self.peer.failed = true;
            self.answered(Answer::Fatal);
        }
    }

    fn answered(&mut self, answer: Answer) {
        let Step::Answer(awaited) = std::mem::replace(&mut self.step, Step::Done) else { return };
        match (awaited, answer) {
            (Awaited::Times(item), Answer::Good) => self.send_record(item),
            (Awaited::Item(item), Answer::Good) => self.send_content(item),
            (Awaited::Start | Awaited::Last, Answer::Good | Answer::Bad) => self.go_on(),
            (Awaited::Times(item) | Awaited::Item(item), _) => {
                // It was opened for nothing.
                let closing = if answer == Answer::Bad { Closing::Next } else { Closing::End };
                match item.facts.kind {
                    Kind::Directory => self.step = Step::CloseDir(closing),
                    _ => self.step = Step::CloseFile(closing),
                }
            }
            (Awaited::Start | Awaited::Last, _) => self.end(),
        }
    }

    /// Closes what is open.
    fn end(&mut self) {
        let open = !self.levels.is_empty();
        self.step = if open { Step::CloseDir(Closing::End) } else { Step::Done };
    }

    /// Goes on with the next name, path or word.
    fn go_on(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            self.step = match level.names.pop_front() {
                Some(name) => Step::Stat(joined(&level.path, &name)),
                None => Step::ReadDir,
            };
            return;
        }
        while self.paths.is_empty() {
            let Some(word) = self.words.pop_front() else {
                self.step = Step::Done;
                return;
            };
            match word.below_home() {
                Some(word) if word.has_pattern() => match Expansion::begin(&word) {
                    Progress::On(expansion) => {
                        self.step = Step::Expand(expansion);
                        return;
                    }
                    over => self.take_paths(over),
                },
                Some(word) => self.paths.push_back(word.text),
                None => self.peer.complain(&word.text, "No such file or directory"),
            }
        }
        if let Some(path) = self.paths.pop_front() {
            self.step = Step::Stat(without_slashes(path));
        }
    }

    fn expanded(&mut self, progress: Progress) {
        match progress {
            Progress::On(expansion) => self.step = Step::Expand(expansion),
            over => {
                self.take_paths(over);
                self.go_on();
            }
        }
    }

    fn take_paths(&mut self, progress: Progress) {
        match progress {
            Progress::On(_) => {}
            Progress::Over(paths) => self.paths = paths.into(),
            Progress::TooMany(word) => self.peer.complain(&word, "Argument list too long"),
        }
    }

    /// Says what is wrong with a path, and goes on with the next one.
    fn skip(&mut self, path: &[u8], why: &str) {
        self.peer.complain(path, why);
        self.go_on();
    }

    fn looked(&mut self, path: Vec<u8>, told: Told) {
        let facts = match told {
            Told::Facts(facts) => facts,
            told => return self.skip(&path, reason(&told)),
        };
        if record::encoded(last_component(&path)).len() > NAME_BYTES_MAX {
            return self.skip(&path, "File name too long");
        }
        match facts.kind {
            Kind::Directory if self.recursive => {
                if self.levels.len() >= DEPTH_MAX {
                    return self.skip(&path, "Too many levels of directories");
                }
                self.step = Step::OpenDir(Item { path, facts });
            }
            Kind::File => self.step = Step::OpenFile(path),
            // A FIFO or a device may do anything when it is opened.
            _ => self.skip(&path, NOT_REGULAR),
        }
    }

    fn opened_dir(&mut self, item: Item, told: Told) {
        if told != Told::Done {
            return self.skip(&item.path, reason(&told));
        }
        self.levels.push(Level { path: item.path.clone(), names: VecDeque::new() });
        self.announce(item);
    }

    fn opened_file(&mut self, path: Vec<u8>, told: Told) {
        match told {
            Told::Facts(facts) if facts.kind == Kind::File => self.announce(Item { path, facts }),
            // It became something else since it was looked at.
            Told::Facts(_) => {
                self.peer.complain(&path, NOT_REGULAR);
                self.step = Step::CloseFile(Closing::Next);
            }
            told => self.skip(&path, reason(&told)),
        }
    }

    fn announce(&mut self, item: Item) {
        if !self.preserve {
            return self.send_record(item);
        }
        let Facts { atime, mtime, .. } = item.facts;
        self.peer.send(&record::times(Times { atime, mtime }));
        self.step = Step::Answer(Awaited::Times(item));
    }

    fn send_record(&mut self, item: Item) {
        let (name, facts) = (last_component(&item.path), &item.facts);
        let record = match facts.kind {
            Kind::Directory => record::directory(facts.mode, name),
            _ => record::file(facts.mode, facts.size, name),
        };
        self.peer.send(&record);
        self.step = Step::Answer(Awaited::Item(item));
    }

    fn send_content(&mut self, item: Item) {
        match (item.facts.kind, item.facts.size) {
            (Kind::Directory, _) => self.go_on(),
            (_, 0) => self.sent(&item, &Told::Done),
            _ => self.step = Step::Send(item),
        }
    }

    fn sent(&mut self, item: &Item, told: &Told) {
        match told {
            Told::Done => self.peer.acknowledge(),
            told => self.peer.complain(&item.path, reason(told)),
        }
        self.step = Step::CloseFile(Closing::Answer);
    }

    fn read_dir(&mut self, told: Told) {
        match (told, self.levels.last_mut()) {
            (Told::Names(names), Some(level)) if !names.is_empty() => {
                level.names = names.into_iter().filter(|it| record::is_component(it)).collect();
                return self.go_on();
            }
            (Told::Names(_), _) | (_, None) => {}
            (told, Some(level)) => self.peer.complain(&level.path, reason(&told)),
        }
        self.step = Step::CloseDir(Closing::Leave);
    }

    fn closed(&mut self, closing: &Closing) {
        match closing {
            Closing::Answer => self.step = Step::Answer(Awaited::Last),
            Closing::Leave => {
                self.peer.send(record::LEAVE);
                self.step = Step::Answer(Awaited::Last);
            }
            Closing::Next => self.go_on(),
            Closing::End => self.end(),
        }
    }
}

/// As OpenSSH says it, of directories too.
const NOT_REGULAR: &str = "not a regular file";

/// Why something could not be done.
pub(super) fn reason(told: &Told) -> &str {
    match told {
        Told::Failed(why) => why,
        // Whoever carries the asks out answered something else than was asked.
        _ => "Input/output error",
    }
}

/// A path without the slashes at its end: what follows the last one is the name that is sent.
fn without_slashes(mut path: Vec<u8>) -> Vec<u8> {
    while path.len() > 1 && path.last() == Some(&b'/') {
        path.pop();
    }
    path
}

/// What comes after the last slash. OpenSSH sends `.`, `..` and nothing (of `/`) just so, and its
/// sink refuses them.
fn last_component(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests;
