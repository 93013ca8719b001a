//! File system operations as values.

use std::borrow::Cow;

use super::{Check, Grants};

/// Attributes to change; what is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// New size in bytes.
    pub size: Option<u64>,
    /// New permission bits (07777).
    pub mode: Option<u32>,
    /// New user and group id.
    pub owner: Option<(u32, u32)>,
    /// New access and modification time, in seconds since 1970.
    pub times: Option<(u32, u32)>,
}

impl Change {
    /// Whether nothing is to be changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What a folder must permit for all of it but the size.
    pub(super) fn needs_beside_size(&self) -> Grants {
        let when = |asked: bool, grant| if asked { grant } else { Grants::NONE };
        when(self.mode.is_some(), Grants::CHMOD)
            | when(self.owner.is_some(), Grants::CHOWN)
            | when(self.times.is_some(), Grants::UTIME)
    }
}

/// How a file is to be opened (SFTP's pflags, draft-ietf-secsh-filexfer-02 section 6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenFor {
    /// Data may be read.
    pub read: bool,
    /// Data may be written.
    pub write: bool,
    /// Every write goes to the end, whatever offset it names.
    pub append: bool,
    /// The file is made when it is missing.
    pub create: bool,
    /// With `create`: an existing file is an error.
    pub exclusive: bool,
    /// An existing file is emptied.
    pub truncate: bool,
    /// Permission bits of a file that is made, with nothing left to take off.
    pub mode: u32,
}

impl OpenFor {
    /// Whether it can change anything.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.write || self.append || self.create || self.truncate || self.exclusive
    }

    /// Whether it can only make a file, and never touch one that is there.
    pub(super) fn makes_only(&self) -> bool {
        self.create && self.exclusive
    }
}

/// One operation on the file system, with every path admitted and absolute in the client's view.
///
/// It borrows from the request; [`into_owned`](Self::into_owned) cuts it loose. What it is about is
/// told by [`places`](Self::places), and whether it may be done by [`Access::judge`].
///
/// [`Access::judge`]: super::Access::judge
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FsOp<'a> {
    /// Open or make a regular file.
    Open(Cow<'a, [u8]>, OpenFor),
    /// Open a directory for listing.
    OpenDir(Cow<'a, [u8]>),
    /// Attributes of what the path names.
    Stat {
        /// The path.
        path: Cow<'a, [u8]>,
        /// Whether a symlink in the last component is followed.
        follow: bool,
    },
    /// Change attributes of what the path names. An empty change that is permitted succeeds.
    SetStat {
        /// The path.
        path: Cow<'a, [u8]>,
        /// The change, less what is ignored for this user.
        change: Change,
        /// Whether a symlink in the last component is followed.
        follow: bool,
    },
    /// Remove a file or symlink.
    Remove(Cow<'a, [u8]>),
    /// Make a directory with these permission bits, with nothing left to take off.
    MakeDir(Cow<'a, [u8]>, u32),
    /// Remove an empty directory.
    RemoveDir(Cow<'a, [u8]>),
    /// The canonical form of a path.
    RealPath(Cow<'a, [u8]>),
    /// The home directory, as it stands.
    HomeDirectory(Cow<'a, [u8]>),
    /// Rename.
    Rename {
        /// What is renamed.
        old: Cow<'a, [u8]>,
        /// The new name.
        new: Cow<'a, [u8]>,
        /// Whether an existing target is replaced (posix-rename@openssh.com) or an error (RENAME).
        over: bool,
    },
    /// The target of a symlink.
    ReadLink(Cow<'a, [u8]>),
    /// Make a symlink.
    Symlink {
        /// What the link says, verbatim.
        target: Cow<'a, [u8]>,
        /// Where the link is made.
        link: Cow<'a, [u8]>,
    },
    /// Make one more name of a file.
    HardLink {
        /// The file; a symlink is not followed.
        old: Cow<'a, [u8]>,
        /// The new name.
        new: Cow<'a, [u8]>,
    },
    /// The room on the file system the path is on (statvfs@openssh.com and space-available).
    Space(Cow<'a, [u8]>),
    /// Digests of a file's content.
    CheckFile(Cow<'a, [u8]>, Check),
    /// Copy a whole file.
    CopyFile {
        /// What is copied.
        source: Cow<'a, [u8]>,
        /// Where the copy is made.
        target: Cow<'a, [u8]>,
        /// How the target is opened. It is not emptied by that: the source may be the same file.
        how: OpenFor,
    },
}

/// A path of an operation, and how to find what it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The path, absolute in the client's view.
    pub path: &'a [u8],
    /// Whether a symlink in the last component is followed.
    pub follow: bool,
}

impl FsOp<'_> {
    /// Whether it changes anything.
    #[must_use]
    pub fn writes(&self) -> bool {
        match self {
            Self::Open(_, how) => how.writes(),
            Self::SetStat { change, .. } => !change.is_empty(),
            Self::OpenDir(_)
            | Self::Stat { .. }
            | Self::RealPath(_)
            | Self::HomeDirectory(_)
            | Self::ReadLink(_)
            | Self::Space(_)
            | Self::CheckFile(..) => false,
            Self::Remove(_)
            | Self::MakeDir(..)
            | Self::RemoveDir(_)
            | Self::Rename { .. }
            | Self::Symlink { .. }
            | Self::HardLink { .. }
            | Self::CopyFile { .. } => true,
        }
    }

    /// What has to be found before it is judged: one place, or two for what has a source and a
    /// target, in this order. None for what needs no look at the file system.
    #[must_use]
    pub fn places(&self) -> [Option<Place<'_>>; 2] {
        let at = |path, follow| Some(Place { path, follow });
        match self {
            // An exclusive open does not follow: a link there is what must not be there.
            Self::Open(path, how) => [at(path, !how.makes_only()), None],
            Self::Stat { path, follow } | Self::SetStat { path, follow, .. } => {
                [at(path, *follow), None]
            }
            Self::OpenDir(path)
            | Self::RealPath(path)
            | Self::Space(path)
            | Self::CheckFile(path, _) => [at(path, true), None],
            Self::Remove(path)
            | Self::MakeDir(path, _)
            | Self::RemoveDir(path)
            | Self::ReadLink(path)
            | Self::Symlink { link: path, .. } => [at(path, false), None],
            Self::HomeDirectory(_) => [None, None],
            Self::Rename { old, new, .. } | Self::HardLink { old, new } => {
                [at(old, false), at(new, false)]
            }
            Self::CopyFile { source, target, how } => {
                [at(source, true), at(target, !how.makes_only())]
            }
        }
    }

    /// The same operation with paths of its own, for a job on another thread.
    #[must_use]
    pub fn into_owned(self) -> FsOp<'static> {
        let own = |path: Cow<'_, [u8]>| Cow::Owned(path.into_owned());
        match self {
            Self::Open(path, how) => FsOp::Open(own(path), how),
            Self::OpenDir(path) => FsOp::OpenDir(own(path)),
            Self::Stat { path, follow } => FsOp::Stat { path: own(path), follow },
            Self::SetStat { path, change, follow } => {
                FsOp::SetStat { path: own(path), change, follow }
            }
            Self::Remove(path) => FsOp::Remove(own(path)),
            Self::MakeDir(path, mode) => FsOp::MakeDir(own(path), mode),
            Self::RemoveDir(path) => FsOp::RemoveDir(own(path)),
            Self::RealPath(path) => FsOp::RealPath(own(path)),
            Self::HomeDirectory(path) => FsOp::HomeDirectory(own(path)),
            Self::Rename { old, new, over } => FsOp::Rename { old: own(old), new: own(new), over },
            Self::ReadLink(path) => FsOp::ReadLink(own(path)),
            Self::Symlink { target, link } => {
                FsOp::Symlink { target: own(target), link: own(link) }
            }
            Self::HardLink { old, new } => FsOp::HardLink { old: own(old), new: own(new) },
            Self::Space(path) => FsOp::Space(own(path)),
            Self::CheckFile(path, check) => FsOp::CheckFile(own(path), check),
            Self::CopyFile { source, target, how } => {
                FsOp::CopyFile { source: own(source), target: own(target), how }
            }
        }
    }
}
