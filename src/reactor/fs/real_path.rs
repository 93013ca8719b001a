//! The canonical form of a path, in the client's view.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use super::metadata::Metadata;
use super::resolve::{locate, locate_without_links};
use crate::reactor::limits::{LINKS_MAX, PATH_BYTES_MAX, REAL_PATH_STEPS_MAX};

/// See [`super::Root::real_path`].
pub(super) fn resolve(root: BorrowedFd<'_>, path: &[u8]) -> Result<Vec<u8>, Errno> {
    // One syscall for nearly every path: where there is no link, ".." is what it looks like.
    match locate_without_links(root, path) {
        Ok(_) => Ok(without_dots(path)),
        // AGAIN: renames elsewhere kept `..` undecidable; the walk asks the kernel for none.
        Err(Errno::LOOP | Errno::NOENT | Errno::AGAIN) if !path.is_empty() => {
            Walk::new(root, path)?.run()
        }
        Err(errno) => Err(errno),
    }
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".")
}

fn without_dots(path: &[u8]) -> Vec<u8> {
    let mut stack: Vec<&[u8]> = Vec::new();
    for part in components(path) {
        if part == b".." {
            stack.pop();
        } else {
            stack.push(part);
        }
    }
    joined(stack)
}

fn joined<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        out.push(b'/');
        out.extend_from_slice(part);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

/// One component at a time: each is opened by name in its directory, never through a link.
struct Walk<'a> {
    root: BorrowedFd<'a>,
    /// The canonical path so far.
    done: Vec<Vec<u8>>,
    /// The directory it names.
    here: OwnedFd,
    todo: VecDeque<Vec<u8>>,
    links: usize,
}

impl<'a> Walk<'a> {
    fn new(root: BorrowedFd<'a>, path: &[u8]) -> Result<Self, Errno> {
        let todo = components(path).map(<[u8]>::to_vec).collect();
        Ok(Walk { root, done: Vec::new(), here: locate(root, b"/", true)?, todo, links: 0 })
    }

    fn run(mut self) -> Result<Vec<u8>, Errno> {
        for _ in 0..REAL_PATH_STEPS_MAX {
            let Some(part) = self.todo.pop_front() else { return self.answer() };
            if part == b".." {
                self.up()?;
            } else if self.down(part)? {
                return self.answer();
            }
        }
        Err(Errno::NAMETOOLONG)
    }

    fn answer(&self) -> Result<Vec<u8>, Errno> {
        let path = joined(self.done.iter().map(Vec::as_slice));
        if path.len() < PATH_BYTES_MAX { Ok(path) } else { Err(Errno::NAMETOOLONG) }
    }

    /// To the parent, from the root again: the directory may have been moved since, and its ".."
    /// may be anywhere.
    fn up(&mut self) -> Result<(), Errno> {
        if !Metadata::of(self.here.as_fd())?.is_dir() {
            return Err(Errno::NOTDIR);
        }
        self.done.pop();
        self.here = locate_without_links(self.root, &self.answer()?)?;
        Ok(())
    }

    /// Into one component; true if it is missing and was the last.
    fn down(&mut self, part: Vec<u8>) -> Result<bool, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.here, part.as_slice(), flags, Mode::empty()) {
            Ok(node) if Metadata::of(node.as_fd())?.is_symlink() => self.follow(&node)?,
            Ok(node) => {
                self.here = node;
                self.done.push(part);
            }
            Err(Errno::NOENT) if self.todo.is_empty() => {
                self.done.push(part);
                return Ok(true);
            }
            Err(errno) => return Err(errno),
        }
        Ok(false)
    }

    fn follow(&mut self, link: &OwnedFd) -> Result<(), Errno> {
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(Errno::LOOP);
        }
        let text = rustix::fs::readlinkat(link, "", Vec::new())?.into_bytes();
        if text.first() == Some(&b'/') {
            self.done.clear();
            self.here = locate(self.root, b"/", true)?;
        }
        for part in components(&text).rev() {
            self.todo.push_front(part.to_vec());
        }
        Ok(())
    }
}
