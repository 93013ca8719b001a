//! One folder as a whole view, each operation in one call: find the spot, act on it.

use rustix::io::Errno;

use super::dir::Dir;
use super::file::{File, OpenHow};
use super::metadata::{Change, Metadata};
use super::root::Root;
use super::view::{Links, View};

impl Root {
    pub(super) fn view(&self) -> Result<View, Errno> {
        View::new(vec![(b"/".to_vec(), self.clone())], Links::Follow)
    }

    /// See [`super::Spot::open_file`].
    pub fn open_file(&self, path: &[u8], how: OpenHow) -> Result<File, Errno> {
        self.view()?.find(path, !(how.create && how.exclusive))?.open_file(how)
    }

    /// See [`super::Spot::open_dir`].
    pub fn open_dir(&self, path: &[u8]) -> Result<Dir, Errno> {
        self.view()?.find(path, true)?.open_dir()
    }

    /// The attributes of what `path` names; of a link itself unless `follow`.
    pub fn stat(&self, path: &[u8], follow: bool) -> Result<Metadata, Errno> {
        self.view()?.find(path, follow)?.metadata().copied().ok_or(Errno::NOENT)
    }

    /// See [`super::Spot::set_stat`].
    pub fn set_stat(&self, path: &[u8], follow: bool, change: &Change) -> Result<(), Errno> {
        self.view()?.find(path, follow)?.set_stat(change)
    }

    /// See [`super::Spot::mkdir`].
    pub fn mkdir(&self, path: &[u8], mode: u32) -> Result<(), Errno> {
        self.view()?.find(path, false)?.mkdir(mode)
    }

    /// See [`super::Spot::rmdir`].
    pub fn rmdir(&self, path: &[u8]) -> Result<(), Errno> {
        self.view()?.find(path, false)?.rmdir()
    }

    /// See [`super::Spot::unlink`].
    pub fn unlink(&self, path: &[u8]) -> Result<(), Errno> {
        self.view()?.find(path, false)?.unlink()
    }

    /// See [`super::Spot::rename_exclusive`].
    pub fn rename_exclusive(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        let view = self.view()?;
        view.find(old, false)?.rename_exclusive(&view.find(new, false)?)
    }

    /// See [`super::Spot::rename_over`].
    pub fn rename_over(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        let view = self.view()?;
        view.find(old, false)?.rename_over(&view.find(new, false)?)
    }

    /// See [`super::Spot::symlink`].
    pub fn symlink(&self, target: &[u8], link: &[u8]) -> Result<(), Errno> {
        self.view()?.find(link, false)?.symlink(target)
    }

    /// See [`super::Spot::hard_link`].
    pub fn hard_link(&self, old: &[u8], new: &[u8]) -> Result<(), Errno> {
        let view = self.view()?;
        view.find(old, false)?.hard_link(&view.find(new, false)?)
    }

    /// See [`super::Spot::read_link`].
    pub fn read_link(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        self.view()?.find(path, false)?.read_link()
    }

    /// See [`super::Spot::path`].
    pub fn real_path(&self, path: &[u8]) -> Result<Vec<u8>, Errno> {
        Ok(self.view()?.find(path, true)?.path().to_vec())
    }

    /// See [`super::Spot::space`].
    pub fn statvfs(&self, path: &[u8]) -> Result<super::Space, Errno> {
        self.view()?.find(path, true)?.space()
    }
}
