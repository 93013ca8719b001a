//! A path at which nothing is thought to be, so that a file can be made there by one system call.
//!
//! A [`super::Spot`] pins a folder and looks at a name in it before the file is made. Here the
//! kernel is asked to make it at once, and to refuse if there is anything (`O_EXCL`): what was
//! judged, that nothing is there, is what it is done to.

use std::os::fd::AsFd;

use rustix::io::Errno;

use super::file::{File, OpenHow};
use super::metadata::Metadata;
use super::names::{self, End, components};
use super::resolve;
use super::root::Root;
use super::view::View;

/// A canonical path of a view's folder, at which the view itself has nothing.
#[derive(Debug)]
pub struct Vacancy<'v> {
    view: &'v View,
    root: &'v Root,
    path: Vec<u8>,
    /// Where the path in `root` begins.
    below_at: usize,
}

impl View {
    /// The place at `path`, without a look at it. `None` where it takes more than one call to find
    /// out which place is meant, or no file can be made there, or something was at the last such
    /// place, so that the call would likely be for nothing: [`View::find`] finds out.
    pub fn vacancy(&self, path: &[u8]) -> Option<Vacancy<'_>> {
        names::check(path).ok()?;
        if !self.expects_vacancy() {
            return None;
        }
        if End::of(path) != End::Plain || components(path).any(|part| part == b"..") {
            return None;
        }
        let canonical = names::joined(path);
        if self.mounts().is_fixed(&canonical) {
            return None;
        }
        let (root, below) = self.mounts().deepest(&canonical)?;
        let below_at = canonical.len() - below.len();
        Some(Vacancy { view: self, root, path: canonical, below_at })
    }
}

impl Vacancy<'_> {
    /// The absolute path in the client's view.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Makes a regular file, and says what it is but for its times. With nothing there and no link
    /// on the way this does what [`super::Spot::open_file`] does.
    ///
    /// # Errors
    /// EEXIST for whatever is there, ELOOP for a link on the way; else as open(2).
    pub fn make(&self, how: OpenHow) -> Result<(File, Metadata), Errno> {
        let _as_user = self.view.assume()?;
        let below = self.path.get(self.below_at..).unwrap_or_default();
        let how = OpenHow { create: true, exclusive: true, ..how };
        let made = resolve::make(self.root.fd(), below, how.flags_of_new(), how.create_mode());
        let fd = made.inspect_err(|errno| self.view.note_vacancy(*errno != Errno::EXIST))?;
        // It is made, and what says so must not fail: some sandboxes know no statx.
        let metadata = Metadata::of_new(fd.as_fd()).or_else(|_| Metadata::of(fd.as_fd()))?;
        Ok((File::from_made(fd, self.view.identity().cloned()), metadata))
    }
}
