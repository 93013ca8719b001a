//! What a pattern in a path stands for, found component by component.
//!
//! It is the shell's language (POSIX, Shell Command Language 2.13): a character may be quoted, also
//! inside `[ ]`, a bracket without its end is itself, and a character is one of UTF-8 where the
//! bytes are. A pattern library has no place for the first of these, so the matching is done here.

use std::collections::VecDeque;

use super::limits::{MATCH_BYTES_MAX, MATCHES_MAX};
use super::{Ask, Told, Word};
use crate::vfs::Kind;

mod pattern;

use pattern::Pattern;

/// A pattern that is being replaced by the paths it stands for.
#[derive(Debug)]
pub(super) struct Expansion {
    /// What stands if nothing matches.
    literal: Vec<u8>,
    parts: VecDeque<Part>,
    /// Only directories are meant: the word ends in a slash.
    directories: bool,
    /// Paths that match up to the parts that are left.
    found: VecDeque<Vec<u8>>,
    /// Those among them that match the first of these parts too.
    next: Vec<Vec<u8>>,
    next_bytes: usize,
    step: Step,
}

#[derive(Debug)]
enum Part {
    /// A name, or several with slashes between.
    Name(Vec<u8>),
    Pattern(Pattern),
}

#[derive(Debug)]
enum Step {
    OpenDir(Vec<u8>),
    ReadDir(Vec<u8>),
    /// With what is to be gone on with once it is closed.
    CloseDir(Result<(), TooMany>),
    Stat(Vec<u8>),
}

/// More paths match than there is room for.
#[derive(Debug)]
struct TooMany;

/// What came of an answer.
pub(super) enum Progress {
    /// There is something else to ask.
    On(Expansion),
    /// The paths, sorted; never none.
    Over(Vec<Vec<u8>>),
    /// More paths match this word than there is room for.
    TooMany(Vec<u8>),
}

impl Expansion {
    /// Begins with a word that has a pattern.
    pub(super) fn begin(word: &Word) -> Progress {
        let (parts, directories) = parts(word);
        let start = if word.text.first() == Some(&b'/') { b"/".to_vec() } else { Vec::new() };
        let expansion = Self {
            literal: word.text.clone(),
            parts,
            directories,
            found: VecDeque::from([start]),
            next: Vec::new(),
            next_bytes: 0,
            step: Step::CloseDir(Ok(())),
        };
        expansion.go_on()
    }

    /// What is to be done next.
    pub(super) fn ask(&self) -> Ask {
        match &self.step {
            Step::OpenDir(path) if path.is_empty() => Ask::OpenDir(b".".to_vec()),
            Step::OpenDir(path) => Ask::OpenDir(path.clone()),
            Step::ReadDir(_) => Ask::ReadDir,
            Step::CloseDir(_) => Ask::CloseDir,
            Step::Stat(path) => Ask::Stat(path.clone()),
        }
    }

    /// Takes the answer. What cannot be opened or read has no names that match, as in a shell.
    pub(super) fn told(mut self, told: Told) -> Progress {
        match (std::mem::replace(&mut self.step, Step::CloseDir(Ok(()))), told) {
            (Step::OpenDir(path), Told::Done) => self.step = Step::ReadDir(path),
            (Step::ReadDir(path), Told::Names(names)) if !names.is_empty() => {
                self.step = match self.take_names(&path, &names) {
                    Ok(()) => Step::ReadDir(path),
                    Err(too_many) => Step::CloseDir(Err(too_many)),
                };
            }
            (Step::ReadDir(_), _) => self.step = Step::CloseDir(Ok(())),
            (Step::CloseDir(Err(TooMany)), _) => return self.too_many(),
            (Step::Stat(path), Told::Facts(facts)) => {
                if (!self.directories || facts.kind == Kind::Directory) && self.take(path).is_err()
                {
                    return self.too_many();
                }
                return self.go_on();
            }
            (Step::OpenDir(_) | Step::CloseDir(Ok(())) | Step::Stat(_), _) => return self.go_on(),
        }
        Progress::On(self)
    }

    fn take_names(&mut self, folder: &[u8], names: &[Vec<u8>]) -> Result<(), TooMany> {
        let Some(Part::Pattern(pattern)) = self.parts.front() else { return Ok(()) };
        let fits = |name: &&Vec<u8>| super::record::is_component(name) && pattern.matches(name);
        let paths: Vec<_> = names.iter().filter(fits).map(|name| joined(folder, name)).collect();
        paths.into_iter().try_for_each(|path| self.take(path))
    }

    fn take(&mut self, path: Vec<u8>) -> Result<(), TooMany> {
        self.next_bytes += path.len() + 1;
        if self.next.len() >= MATCHES_MAX || self.next_bytes > MATCH_BYTES_MAX {
            return Err(TooMany);
        }
        self.next.push(path);
        Ok(())
    }

    /// Goes on with the next path, or with the next part of the pattern.
    fn go_on(mut self) -> Progress {
        loop {
            let last = self.parts.len() <= 1;
            match (self.found.pop_front(), self.parts.front()) {
                (Some(path), Some(Part::Pattern(_))) => {
                    self.step = Step::OpenDir(path);
                    return Progress::On(self);
                }
                // Whether a name is there shows when it is opened, unless it is the last.
                (Some(path), Some(Part::Name(name))) if last => {
                    self.step = Step::Stat(joined(&path, name));
                    return Progress::On(self);
                }
                (Some(path), Some(Part::Name(name))) => {
                    let path = joined(&path, name);
                    if self.take(path).is_err() {
                        return self.too_many();
                    }
                }
                (Some(path), None) => self.next.push(path),
                (None, _) => {
                    self.parts.pop_front();
                    self.found = std::mem::take(&mut self.next).into();
                    self.next_bytes = 0;
                    if self.found.is_empty() || self.parts.is_empty() {
                        return Progress::Over(self.paths());
                    }
                }
            }
        }
    }

    fn too_many(self) -> Progress {
        Progress::TooMany(self.literal)
    }

    fn paths(self) -> Vec<Vec<u8>> {
        let mut paths = Vec::from(self.found);
        paths.sort_unstable();
        if paths.is_empty() { vec![self.literal] } else { paths }
    }
}

/// The components of a word, those without a pattern put together, and whether it ends in a slash.
fn parts(word: &Word) -> (VecDeque<Part>, bool) {
    let bytes: Vec<_> = word.bytes().collect();
    let mut parts = VecDeque::new();
    for component in bytes.split(|(byte, _)| *byte == b'/').filter(|it| !it.is_empty()) {
        let name = || component.iter().map(|(byte, _)| *byte).collect::<Vec<u8>>();
        match (Pattern::parse(component), parts.back_mut()) {
            (Some(pattern), _) => parts.push_back(Part::Pattern(pattern)),
            (None, Some(Part::Name(names))) => *names = joined(names, &name()),
            (None, _) => parts.push_back(Part::Name(name())),
        }
    }
    let slash = word.text.last() == Some(&b'/');
    if slash && matches!(parts.back(), Some(Part::Pattern(_))) {
        // A last look at each: whether it is a directory.
        parts.push_back(Part::Name(Vec::new()));
    }
    (parts, slash)
}

/// A name in a folder.
pub(super) fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let between: &[u8] = if folder.is_empty() || folder.ends_with(b"/") { b"" } else { b"/" };
    [folder, between, name].concat()
}

#[cfg(test)]
mod tests;
