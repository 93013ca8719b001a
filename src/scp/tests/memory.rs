//! A file system in memory that carries out what a copy asks, and goes wrong where it is told to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::scp::{Ask, Facts, Told};
use crate::vfs::Kind;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scp) enum Node {
    Dir,
    File(Vec<u8>),
    Link(Vec<u8>),
    Special,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::scp) struct Entry {
    pub(in crate::scp) node: Node,
    pub(in crate::scp) mode: u32,
    pub(in crate::scp) times: (u32, u32),
}

/// Files by their path without a slash at the beginning; the root and home are the empty path.
#[derive(Debug, Clone)]
pub(in crate::scp) struct Memory {
    pub(in crate::scp) entries: BTreeMap<Vec<u8>, Entry>,
    /// What cannot be opened.
    pub(in crate::scp) closed: BTreeSet<Vec<u8>>,
    /// What can be read up to an offset only.
    pub(in crate::scp) unreadable: BTreeMap<Vec<u8>, usize>,
    /// Bytes that all files together may have.
    pub(in crate::scp) room_bytes: usize,
    /// Closing a file that was written tells this.
    pub(in crate::scp) late_error: Option<&'static str>,
    /// What was asked, without `Input`.
    pub(in crate::scp) asked: Vec<Ask>,
    dirs: Vec<VecDeque<Vec<u8>>>,
    open: Option<(Vec<u8>, bool)>,
    receiving: Option<Receiving>,
}

#[derive(Debug, Clone)]
struct Receiving {
    left: u64,
    error: Option<String>,
}

pub(in crate::scp) const NOW: (u32, u32) = (7, 7);
const NONE: &str = "No such file or directory";
const UMASK: u32 = 0o022;

impl Memory {
    pub(in crate::scp) fn new() -> Self {
        let root = Entry { node: Node::Dir, mode: 0o755, times: NOW };
        Self {
            entries: BTreeMap::from([(Vec::new(), root)]),
            closed: BTreeSet::new(),
            unreadable: BTreeMap::new(),
            room_bytes: usize::MAX,
            late_error: None,
            asked: Vec::new(),
            dirs: Vec::new(),
            open: None,
            receiving: None,
        }
    }

    pub(in crate::scp) fn with(mut self, path: &[u8], node: Node, mode: u32) -> Self {
        self.entries.insert(path.to_vec(), Entry { node, mode, times: NOW });
        self
    }

    pub(in crate::scp) fn dir(self, path: &str) -> Self {
        self.with(path.as_bytes(), Node::Dir, 0o755)
    }

    pub(in crate::scp) fn file(self, path: &str, bytes: &[u8]) -> Self {
        self.with(path.as_bytes(), Node::File(bytes.to_vec()), 0o644)
    }

    /// What is in the file of this path.
    pub(in crate::scp) fn bytes(&self, path: &str) -> Option<&[u8]> {
        match &self.entries.get(path.as_bytes())?.node {
            Node::File(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(in crate::scp) fn names(&self) -> Vec<String> {
        let shown = self.entries.keys().filter(|path| !path.is_empty());
        shown.map(|path| path.escape_ascii().to_string()).collect()
    }

    /// The path without links, or the path that something new would have.
    fn find(&self, path: &[u8]) -> Result<Vec<u8>, String> {
        let mut left: VecDeque<Vec<u8>> = path.split(|b| *b == b'/').map(<[u8]>::to_vec).collect();
        let (mut at, mut links) = (Vec::new(), 0);
        while let Some(name) = left.pop_front() {
            match (&*name, self.entries.get(&at).map(|entry| &entry.node)) {
                (b"" | b".", Some(Node::Dir)) => continue,
                (b"..", Some(Node::Dir)) => {
                    let end = at.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                    at.truncate(end);
                    continue;
                }
                (_, None) => return Err(NONE.to_owned()),
                (_, Some(Node::Dir)) => {}
                (_, Some(_)) => return Err("Not a directory".to_owned()),
            }
            let next = if at.is_empty() { name } else { [&*at, b"/", &*name].concat() };
            if next.len() > 4095 {
                return Err("File name too long".to_owned());
            }
            if let Some(Node::Link(target)) = self.entries.get(&next).map(|entry| &entry.node) {
                links += 1;
                if links > 40 {
                    return Err("Too many levels of symbolic links".to_owned());
                }
                at.clear();
                for name in target.rsplit(|byte| *byte == b'/') {
                    left.push_front(name.to_vec());
                }
            } else {
                at = next;
            }
        }
        Ok(at)
    }

    fn facts(&self, path: &[u8]) -> Result<Facts, String> {
        let entry = self.entries.get(&self.find(path)?).ok_or(NONE)?;
        let (kind, size) = match &entry.node {
            Node::Dir => (Kind::Directory, 4096),
            Node::File(bytes) => (Kind::File, bytes.len() as u64),
            Node::Link(_) => (Kind::Link, 0),
            Node::Special => (Kind::Special, 0),
        };
        let (mode, (atime, mtime)) = (entry.mode | 0o100_000, entry.times);
        Ok(Facts { kind, size, mode, atime, mtime })
    }

    /// Does what is asked; `None`: there is not enough input yet. What is sent goes to `output`.
    pub(in crate::scp) fn carry_out(
        &mut self,
        ask: &Ask,
        input: &mut Vec<u8>,
        ended: bool,
        output: &mut Vec<u8>,
    ) -> Option<Told> {
        if self.receiving.is_none() {
            self.asked.push(ask.clone());
        }
        let told = match ask {
            Ask::Stat(path) => self.facts(path).map(Told::Facts),
            Ask::OpenDir(path) => self.open_dir(path).map(|()| Told::Done),
            Ask::ReadDir => {
                // In pieces, with what every listing has.
                let names = self.dirs.last_mut().expect("an open directory");
                let names: Vec<_> = names.drain(..names.len().min(3)).collect();
                Ok(Told::Names(names))
            }
            Ask::CloseDir => {
                self.dirs.pop().expect("an open directory");
                Ok(Told::Done)
            }
            Ask::OpenToRead(path) => self.open(path, None).map(Told::Facts),
            Ask::Send { bytes } => self.send(*bytes, output),
            Ask::OpenToWrite { path, mode } => self.open(path, *mode).map(Told::Facts),
            Ask::Receive { bytes } => match self.receive(*bytes, input, ended)? {
                None => Ok(Told::Done),
                Some(error) => Err(error),
            },
            Ask::SetSize(size) => {
                self.written().resize(usize::try_from(*size).unwrap(), 0);
                Ok(Told::Done)
            }
            Ask::SetAttrs { mode, times } => {
                let path = self.open.clone().expect("an open file").0;
                self.set(&path, *mode, *times)
            }
            Ask::CloseFile => {
                let (_, written) = self.open.take().expect("an open file");
                match self.late_error.filter(|_| written) {
                    Some(error) => Err(error.to_owned()),
                    None => Ok(Told::Done),
                }
            }
            Ask::MakeDir { path, mode } => self.make_dir(path, *mode),
            Ask::SetPath { path, mode, times } => {
                self.find(path).and_then(|path| self.set(&path, *mode, *times))
            }
            Ask::Input | Ask::Done(_) => panic!("not for a file system: {ask:?}"),
        };
        Some(told.unwrap_or_else(Told::Failed))
    }

    fn open_dir(&mut self, path: &[u8]) -> Result<(), String> {
        let at = self.find(path)?;
        if self.closed.contains(&at) {
            return Err("Permission denied".to_owned());
        }
        if self.entries.get(&at).ok_or(NONE)?.node != Node::Dir {
            return Err("Not a directory".to_owned());
        }
        let below = if at.is_empty() { Vec::new() } else { [&*at, b"/"].concat() };
        let names = self.entries.keys().filter_map(|path| path.strip_prefix(&*below));
        let names = names.filter(|name| !name.is_empty() && !name.contains(&b'/'));
        // In no order, as directories are.
        let dots = [b".".to_vec(), b"..".to_vec()];
        self.dirs.push(dots.into_iter().chain(names.map(<[u8]>::to_vec)).rev().collect());
        Ok(())
    }

    fn open(&mut self, path: &[u8], make: Option<u32>) -> Result<Facts, String> {
        assert!(self.open.is_none(), "a file is open");
        let at = self.find(path)?;
        if self.closed.contains(&at) {
            return Err("Permission denied".to_owned());
        }
        let existed = self.entries.contains_key(&at);
        let facts = match (make, existed) {
            (Some(mode), false) => {
                let entry = Entry { node: Node::File(Vec::new()), mode: mode & !UMASK, times: NOW };
                self.entries.insert(at.clone(), entry);
                self.facts(&at)?
            }
            (Some(_), true) if self.facts(&at)?.kind == Kind::Directory => {
                return Err("Is a directory".to_owned());
            }
            _ => self.facts(&at)?,
        };
        self.open = Some((at, make.is_some()));
        Ok(facts)
    }

    fn send(&mut self, bytes: u64, output: &mut Vec<u8>) -> Result<Told, String> {
        let path = &self.open.as_ref().expect("an open file").0;
        let Node::File(content) = &self.entries[path].node else { panic!("a file") };
        let bytes = usize::try_from(bytes).unwrap();
        let readable = self.unreadable.get(path).copied().unwrap_or(usize::MAX);
        let readable = bytes.min(readable).min(content.len());
        output.extend(&content[..readable]);
        output.extend(std::iter::repeat_n(0, bytes - readable));
        if readable < bytes { Err("Input/output error".to_owned()) } else { Ok(Told::Done) }
    }

    fn receive(&mut self, bytes: u64, input: &mut Vec<u8>, ended: bool) -> Option<Option<String>> {
        let mut now = self.receiving.take().unwrap_or(Receiving { left: bytes, error: None });
        let taken = input.len().min(usize::try_from(now.left).unwrap_or(usize::MAX));
        let offset = usize::try_from(bytes - now.left).unwrap_or(usize::MAX);
        let taken: Vec<u8> = input.drain(..taken).collect();
        now.left -= taken.len() as u64;
        let used: usize = self.entries.values().map(|entry| entry.len()).sum();
        if now.error.is_none() && !taken.is_empty() {
            let content = self.written();
            let grown = (offset + taken.len()).saturating_sub(content.len());
            if used + grown > self.room_bytes {
                now.error = Some("No space left on device".to_owned());
            } else {
                let content = self.written();
                content.resize(content.len() + grown, 0);
                content[offset..offset + taken.len()].copy_from_slice(&taken);
            }
        }
        if now.left == 0 {
            return Some(now.error);
        }
        if ended && input.is_empty() {
            return Some(now.error.or(Some("lost connection".to_owned())));
        }
        self.receiving = Some(now);
        None
    }

    fn written(&mut self) -> &mut Vec<u8> {
        let (path, written) = self.open.as_ref().expect("an open file");
        assert!(written, "it was opened to be read");
        match &mut self.entries.get_mut(path).unwrap().node {
            Node::File(content) => content,
            other => panic!("{other:?} was written to"),
        }
    }

    fn make_dir(&mut self, path: &[u8], mode: Option<u32>) -> Result<Told, String> {
        let at = self.find(path)?;
        if self.entries.contains_key(&at) {
            return Err("File exists".to_owned());
        }
        if self.closed.contains(&at) {
            return Err("Permission denied".to_owned());
        }
        let mode = mode.expect("a mode") & !UMASK;
        self.entries.insert(at, Entry { node: Node::Dir, mode, times: NOW });
        Ok(Told::Done)
    }

    fn set(
        &mut self,
        path: &[u8],
        mode: Option<u32>,
        times: Option<(u32, u32)>,
    ) -> Result<Told, String> {
        let entry = self.entries.get_mut(path).ok_or(NONE)?;
        entry.mode = mode.unwrap_or(entry.mode);
        entry.times = times.unwrap_or(entry.times);
        Ok(Told::Done)
    }

    /// Nothing is left open.
    pub(in crate::scp) fn is_closed(&self) -> bool {
        self.open.is_none() && self.dirs.is_empty()
    }
}

impl Entry {
    fn len(&self) -> usize {
        match &self.node {
            Node::File(bytes) => bytes.len(),
            _ => 0,
        }
    }
}
