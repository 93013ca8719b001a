//! What a copy asks of whoever has the files, and what it is told.

use crate::vfs::Kind;

/// What the caller is to do next.
///
/// A path is what the client named, joined by `/` with names below it; whoever resolves it keeps it
/// inside the client's view. At most one file is open at a time; directories are a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// What is there, links followed. Told: [`Facts`](Told::Facts) or [`Failed`](Told::Failed).
    Stat(Vec<u8>),
    /// Opens a directory, which becomes the innermost one. Told: `Done` or `Failed`.
    OpenDir(Vec<u8>),
    /// The next names in the innermost directory. Told: `Names` (empty at its end) or `Failed`.
    ReadDir,
    /// Closes the innermost directory. Told: `Done`.
    CloseDir,
    /// Opens a file to send it. Told: the `Facts` of what was opened, or `Failed`.
    OpenToRead(Vec<u8>),
    /// Sends so many bytes of the open file, from its start, and zeros for what cannot be read.
    /// Told: `Done`, or `Failed` after the zeros.
    Send {
        /// How many.
        bytes: u64,
    },
    /// Opens a file to write it, making it with `mode` if it is missing; it is not truncated.
    /// Told: the `Facts` of what was opened, or `Failed`.
    OpenToWrite {
        /// The file.
        path: Vec<u8>,
        /// The permissions of a file that is made; the caller applies its umask if the copy does
        /// not keep permissions.
        mode: Option<u32>,
    },
    /// The next so many bytes of input are the open file's, from its start; all of them are to be
    /// consumed whatever happens. Told: `Done`, or `Failed` with the first error.
    Receive {
        /// How many.
        bytes: u64,
    },
    /// Cuts or extends the open file. Told: `Done` or `Failed`.
    SetSize(u64),
    /// Sets permissions and times of the open file. Told: `Done` or `Failed`.
    SetAttrs {
        /// Permissions; `None` leaves them.
        mode: Option<u32>,
        /// Access and modification, in seconds since 1970; `None` leaves them.
        times: Option<(u32, u32)>,
    },
    /// Closes the open file. Told: `Done`, or `Failed` with a late error.
    CloseFile,
    /// Makes a directory. Told: `Done` or `Failed`.
    MakeDir {
        /// The directory.
        path: Vec<u8>,
        /// Its permissions while it is filled.
        mode: Option<u32>,
    },
    /// Sets permissions and times of a directory. Told: `Done` or `Failed`.
    SetPath {
        /// The directory.
        path: Vec<u8>,
        /// Permissions; `None` leaves them.
        mode: Option<u32>,
        /// Access and modification, in seconds since 1970; `None` leaves them.
        times: Option<(u32, u32)>,
    },
    /// More of the peer's bytes. Answered by `input` or `input_ended`, not by `told`.
    Input,
    /// It is over, with this exit status. Nothing is open any more.
    Done(u32),
}

/// The answer to an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It is done.
    Done,
    /// What is there.
    Facts(Facts),
    /// Names in a directory; `.` and `..` may be among them. None: that was all.
    Names(Vec<Vec<u8>>),
    /// Why not, as strerror would say it: "No such file or directory".
    Failed(String),
}

/// What is known of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// What it is.
    pub kind: Kind,
    /// Its length, in bytes.
    pub size: u64,
    /// Its permissions; other bits of `st_mode` are passed over.
    pub mode: u32,
    /// The last access, in seconds since 1970.
    pub atime: u32,
    /// The last modification, in seconds since 1970.
    pub mtime: u32,
}
