//! File system operations as values.

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
    /// Permission bits of a file that is made, before the umask.
    pub mode: u32,
}

/// One operation on the file system, with every path admitted and every permission granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsOp<'a> {
    /// Open or make a regular file.
    Open(&'a [u8], OpenFor),
    /// Open a directory for listing.
    OpenDir(&'a [u8]),
    /// Attributes of what the path names.
    Stat {
        /// The path.
        path: &'a [u8],
        /// Whether a symlink in the last component is followed.
        follow: bool,
    },
    /// Change attributes of what the path names, following symlinks.
    SetStat(&'a [u8], Change),
    /// Remove a file or symlink.
    Remove(&'a [u8]),
    /// Make a directory with these permission bits, before the umask.
    MakeDir(&'a [u8], u32),
    /// Remove an empty directory.
    RemoveDir(&'a [u8]),
    /// The canonical form of a path.
    RealPath(&'a [u8]),
    /// Rename.
    Rename {
        /// What is renamed.
        old: &'a [u8],
        /// The new name.
        new: &'a [u8],
        /// Whether an existing target is replaced (posix-rename@openssh.com) or an error (RENAME).
        over: bool,
    },
    /// The target of a symlink.
    ReadLink(&'a [u8]),
    /// Make a symlink.
    Symlink {
        /// What the link says, verbatim.
        target: &'a [u8],
        /// Where the link is made.
        link: &'a [u8],
    },
}

impl FsOp<'_> {
    /// Whether it changes anything.
    #[must_use]
    pub fn writes(&self) -> bool {
        match self {
            Self::Open(_, how) => {
                how.write || how.append || how.create || how.truncate || how.exclusive
            }
            Self::OpenDir(_) | Self::Stat { .. } | Self::RealPath(_) | Self::ReadLink(_) => false,
            Self::SetStat(..)
            | Self::Remove(_)
            | Self::MakeDir(..)
            | Self::RemoveDir(_)
            | Self::Rename { .. }
            | Self::Symlink { .. } => true,
        }
    }
}
