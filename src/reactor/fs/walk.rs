//! The walk to where a path leads: one component at a time, links expanded as the view's text.

use rustix::io::Errno;

use super::names::{self, End, components, parent, push};
use super::resolve;
use super::spot::Spot;
use super::view::{Directory, Links, View};
use crate::reactor::limits::{LINKS_MAX, PATH_BYTES_MAX, WALK_LOOKUPS_MAX, WALK_STEPS_MAX};

/// A path under way. Each component is opened by name in its directory and never through a link, so
/// nothing but the text of links decides where it goes, and ".." is never asked of the kernel.
pub(super) struct Walk<'v> {
    view: &'v View,
    /// The canonical path so far: directories only. "" is the top.
    done: Vec<u8>,
    /// The directory it names; `None` if that has to be looked up again.
    here: Option<Directory<'v>>,
    /// The components left, the next one last.
    todo: Vec<Vec<u8>>,
    /// Whether a link in the last component is followed.
    follow: bool,
    end: End,
    /// Whether only a directory will do: a slash or dot came after the last component.
    to_dir: bool,
    links: usize,
    /// Components looked up again from the top.
    lookups: usize,
    /// Whether the last component was a link.
    through_link: bool,
}

impl<'v> Walk<'v> {
    /// From the top along `path`.
    pub(super) fn new(view: &'v View, path: &[u8], follow: bool, end: End) -> Self {
        let todo = components(path).rev().map(<[u8]>::to_vec).collect();
        let (to_dir, follow) = (end != End::Plain, follow || end != End::Plain);
        let (done, here) = (Vec::new(), None);
        Walk {
            view,
            done,
            here,
            todo,
            follow,
            end,
            to_dir,
            links: 0,
            lookups: 0,
            through_link: false,
        }
    }

    /// From the directory at the canonical path `done`, with only `name` left.
    pub(super) fn at(
        view: &'v View,
        done: &[u8],
        here: Directory<'v>,
        name: &[u8],
        follow: bool,
        end: End,
    ) -> Self {
        let mut walk = Walk::new(view, name, follow, end);
        walk.done.extend_from_slice(done);
        walk.here = Some(here);
        walk
    }

    pub(super) fn run(mut self) -> Result<Spot<'v>, Errno> {
        for _ in 0..WALK_STEPS_MAX {
            match self.todo.pop() {
                Some(part) if part == b".." => self.up(),
                Some(part) if !self.todo.is_empty() => self.down(part)?,
                Some(part) => {
                    if let Some(spot) = self.arrive(part)? {
                        return Ok(spot);
                    }
                }
                // It ended in ".." or at the top: what is there is looked up by its own name.
                None => {
                    match parent(&self.done).map(|(above, name)| (above.len(), name.to_vec())) {
                        Some((above, name)) => {
                            self.back_to(above);
                            self.todo.push(name);
                        }
                        None => return self.top(),
                    }
                }
            }
        }
        Err(Errno::NAMETOOLONG)
    }

    fn top(self) -> Result<Spot<'v>, Errno> {
        let spot = self.view.fixed(b"", self.end)?.ok_or(Errno::NOENT)?;
        Ok(spot.found_through_link(self.through_link))
    }

    /// To the parent, from the top again: the directory may have been moved since, and its ".." may
    /// be anywhere. Only when the next name is looked up: often another ".." comes first.
    fn up(&mut self) {
        self.back_to(parent(&self.done).map_or(0, |(above, _)| above.len()));
    }

    fn back_to(&mut self, bytes: usize) {
        self.done.truncate(bytes);
        self.here = None;
    }

    fn here(&mut self) -> Result<&Directory<'v>, Errno> {
        let here = match self.here.take() {
            Some(here) => here,
            None => {
                self.lookups += components(&self.done).count();
                if self.lookups > WALK_LOOKUPS_MAX {
                    return Err(Errno::NAMETOOLONG);
                }
                self.view.directory(&self.done)?
            }
        };
        Ok(self.here.insert(here))
    }

    fn path_to(&self, part: &[u8]) -> Result<Vec<u8>, Errno> {
        let mut path = Vec::with_capacity(self.done.len() + 1 + part.len());
        path.extend_from_slice(&self.done);
        push(&mut path, part);
        if path.len() < PATH_BYTES_MAX { Ok(path) } else { Err(Errno::NAMETOOLONG) }
    }

    /// Into a directory, or along a link that is not the last component.
    fn down(&mut self, part: Vec<u8>) -> Result<(), Errno> {
        let (view, path) = (self.view, self.path_to(&part)?);
        match view.child(self.here()?, &path, &part) {
            Ok(child) => {
                self.here = Some(child);
                self.done = path;
                Ok(())
            }
            Err(Errno::NOTDIR) => self.expand(&part, Errno::NOTDIR),
            Err(errno) => Err(errno),
        }
    }

    /// At the last component; `None` if it is a link to be followed.
    fn arrive(&mut self, part: Vec<u8>) -> Result<Option<Spot<'v>>, Errno> {
        let (view, path) = (self.view, self.path_to(&part)?);
        if let Some(spot) = view.fixed(&path, self.end)? {
            return Ok(Some(spot.found_through_link(self.through_link)));
        }
        self.here()?;
        let here = self.here.take().ok_or(Errno::NOENT)?;
        let spot = view.named(here, path, self.end)?;
        if self.follow && spot.metadata().is_some_and(|metadata| metadata.is_symlink()) {
            self.here = spot.into_directory();
            self.through_link = true;
            // It was a link a moment ago: if it is not now, look again.
            match self.expand(&part, Errno::AGAIN) {
                Err(Errno::AGAIN) => self.todo.push(part),
                answer => answer?,
            }
            return Ok(None);
        }
        let is_other = spot.metadata().is_some_and(|metadata| !metadata.is_dir());
        if self.to_dir && is_other {
            return Err(Errno::NOTDIR);
        }
        Ok(Some(spot.found_through_link(self.through_link)))
    }

    /// Puts the text of the link `part` in front of what is left; `otherwise` if it is no link.
    fn expand(&mut self, part: &[u8], otherwise: Errno) -> Result<(), Errno> {
        let refused = self.view.links() == Links::Refuse || self.links >= LINKS_MAX;
        let fd = self.here()?.fd().ok_or(Errno::NOENT)?;
        let text = match rustix::fs::readlinkat(fd, part, Vec::new()) {
            Err(Errno::INVAL) => return Err(otherwise),
            answer => answer?.into_bytes(),
        };
        if refused || resolve::is_magic_link(fd, part)? {
            return Err(Errno::LOOP);
        }
        names::check(&text)?;
        self.links += 1;
        self.to_dir |= self.todo.is_empty() && End::of(&text) != End::Plain;
        if text.starts_with(b"/") {
            self.back_to(0);
        }
        self.todo.extend(components(&text).rev().map(<[u8]>::to_vec));
        Ok(())
    }
}
