//! From an SFTP request that names paths to an [`FsOp`].

use std::borrow::Cow;

use ringferry_sftp::{Attrs, OpenFlags, Request};

use super::path::{absolute, expand};
use super::{Access, Change, Check, FsOp, OpenFor, Refusal, SymlinkOrder, admit};

/// What of a session its requests are read by.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionFacts<'s> {
    /// The user's name.
    pub user: &'s str,
    /// In which order the client names the two paths of SYMLINK.
    pub symlink_order: SymlinkOrder,
}

/// The operation that `request` asks for; `None` when the request names no path (it works on a
/// handle, or it is not served here). It may be done if [`Access::judge`] says so.
///
/// # Errors
/// A [`Refusal`] when a path is no path, the request contradicts itself, or it is refused wherever
/// its paths lead.
pub fn plan<'a>(
    request: &Request<'a>,
    access: &Access,
    session: &SessionFacts<'_>,
) -> Option<Result<FsOp<'a>, Refusal>> {
    if let Err(refusal) = access.admit(request) {
        return Some(Err(refusal));
    }
    let op = Planner { access, session }.plan(request)?;
    Some(op.and_then(|op| access.admit_writing(&op).map(|()| op)))
}

struct Planner<'s> {
    access: &'s Access,
    session: &'s SessionFacts<'s>,
}

impl Planner<'_> {
    fn at<'a>(&self, path: &'a [u8]) -> Result<Cow<'a, [u8]>, Refusal> {
        absolute(&self.access.home, path)
    }

    fn plan<'a>(&self, request: &Request<'a>) -> Option<Result<FsOp<'a>, Refusal>> {
        Some(match *request {
            Request::Open { path, flags, ref attrs, .. } => self.open(path, flags, attrs),
            Request::Opendir { path, .. } => self.at(path).map(FsOp::OpenDir),
            Request::Stat { path, .. } => self.stat(path, true),
            Request::Lstat { path, .. } => self.stat(path, false),
            Request::Setstat { path, ref attrs, .. } => self.set_stat(path, attrs, true),
            Request::Lsetstat { path, ref attrs, .. } => self.set_stat(path, attrs, false),
            Request::Remove { path, .. } => self.at(path).map(FsOp::Remove),
            Request::Mkdir { path, ref attrs, .. } => {
                let mode = self.access.mode_of_directory(permission_bits(attrs));
                self.at(path).map(|path| FsOp::MakeDir(path, mode))
            }
            Request::Rmdir { path, .. } => self.at(path).map(FsOp::RemoveDir),
            Request::Realpath { path, .. } => self.at(path).map(FsOp::RealPath),
            Request::ExpandPath { path, .. } => {
                expand(&self.access.home, self.session.user, path).map(FsOp::RealPath)
            }
            Request::HomeDirectory { user, .. } => self.home(user),
            Request::Rename { old, new, .. } => self.rename(old, new, false),
            Request::PosixRename { old, new, .. } => self.rename(old, new, true),
            Request::Readlink { path, .. } => self.at(path).map(FsOp::ReadLink),
            Request::Symlink { first, second, .. } => self.symlink(first, second),
            Request::Hardlink { old, new, .. } => self.hard_link(old, new),
            Request::Statvfs { path, .. } | Request::SpaceAvailable { path, .. } => {
                self.at(path).map(FsOp::Space)
            }
            Request::CheckFileName { path, algorithms, start, length, block_bytes, .. } => {
                Check::new(algorithms, start, length, block_bytes)
                    .and_then(|check| Ok(FsOp::CheckFile(self.at(path)?, check)))
            }
            Request::CopyFile { source, target, overwrite, .. } => {
                self.copy_file(source, target, overwrite)
            }
            _ => return None,
        })
    }

    fn open<'a>(
        &self,
        path: &'a [u8],
        flags: OpenFlags,
        attrs: &Attrs,
    ) -> Result<FsOp<'a>, Refusal> {
        let how = OpenFor {
            read: flags.contains(OpenFlags::READ),
            write: flags.contains(OpenFlags::WRITE) || flags.contains(OpenFlags::APPEND),
            append: flags.contains(OpenFlags::APPEND),
            create: flags.contains(OpenFlags::CREAT),
            exclusive: flags.contains(OpenFlags::EXCL),
            truncate: flags.contains(OpenFlags::TRUNC),
            mode: self.access.mode_of_file(permission_bits(attrs)),
        };
        if !how.read && !how.write {
            return Err(Refusal::Invalid("the open asks neither to read nor to write"));
        }
        Ok(FsOp::Open(self.at(path)?, how))
    }

    fn stat<'a>(&self, path: &'a [u8], follow: bool) -> Result<FsOp<'a>, Refusal> {
        Ok(FsOp::Stat { path: self.at(path)?, follow })
    }

    fn set_stat<'a>(
        &self,
        path: &'a [u8],
        attrs: &Attrs,
        follow: bool,
    ) -> Result<FsOp<'a>, Refusal> {
        if !follow && attrs.size.is_some() {
            return Err(Refusal::Invalid("lsetstat cannot change a size"));
        }
        let change = self.access.effective(change(attrs));
        Ok(FsOp::SetStat { path: self.at(path)?, change, follow })
    }

    fn home<'a>(&self, user: &[u8]) -> Result<FsOp<'a>, Refusal> {
        if !user.is_empty() && user != self.session.user.as_bytes() {
            return Err(Refusal::Missing);
        }
        Ok(FsOp::HomeDirectory(Cow::Owned(self.access.home.clone())))
    }

    fn rename<'a>(&self, old: &'a [u8], new: &'a [u8], over: bool) -> Result<FsOp<'a>, Refusal> {
        Ok(FsOp::Rename { old: self.at(old)?, new: self.at(new)?, over })
    }

    fn hard_link<'a>(&self, old: &'a [u8], new: &'a [u8]) -> Result<FsOp<'a>, Refusal> {
        Ok(FsOp::HardLink { old: self.at(old)?, new: self.at(new)? })
    }

    fn copy_file<'a>(
        &self,
        source: &'a [u8],
        target: &'a [u8],
        overwrite: bool,
    ) -> Result<FsOp<'a>, Refusal> {
        let how = OpenFor {
            write: true,
            create: true,
            exclusive: !overwrite,
            mode: self.access.mode_of_file(None),
            ..OpenFor::default()
        };
        Ok(FsOp::CopyFile { source: self.at(source)?, target: self.at(target)?, how })
    }

    fn symlink<'a>(&self, first: &'a [u8], second: &'a [u8]) -> Result<FsOp<'a>, Refusal> {
        let (target, link) = match self.session.symlink_order {
            SymlinkOrder::TargetFirst => (first, second),
            SymlinkOrder::LinkFirst => (second, first),
        };
        if target.is_empty() {
            // As symlink(2) has it; "." would be a link that nobody asked for.
            return Err(Refusal::Missing);
        }
        Ok(FsOp::Symlink { target: Cow::Borrowed(admit(target)?), link: self.at(link)? })
    }
}

/// The permission bits that attributes ask for, without the file type that clients send along.
fn permission_bits(attrs: &Attrs) -> Option<u32> {
    attrs.permissions.map(|mode| mode & 0o7777)
}

/// The change that a request's attributes ask for.
#[must_use]
pub fn change(attrs: &Attrs) -> Change {
    Change {
        size: attrs.size,
        mode: permission_bits(attrs),
        owner: attrs.owner,
        times: attrs.times,
    }
}

#[cfg(test)]
mod tests;
