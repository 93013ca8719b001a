//! STATUS codes (draft-ietf-secsh-filexfer-02 section 7). Codes past 8 belong to later versions:
//! clients of version 3 print them as unknown, so there is no way to send one.

/// The nine codes of version 3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Status {
    /// It is done.
    Ok = 0,
    /// The end of the file or of the directory listing.
    Eof = 1,
    /// The file or its directory does not exist.
    NoSuchFile = 2,
    /// The user may not do this.
    PermissionDenied = 3,
    /// Anything else: a full disk, a name that exists, an I/O error. The message tells which.
    Failure = 4,
    /// The request does not parse or holds values that make no sense.
    BadMessage = 5,
    /// Made up by clients that have no connection; never sent by a server.
    NoConnection = 6,
    /// Made up by clients that lost theirs; never sent by a server.
    ConnectionLost = 7,
    /// The server does not do this request.
    OpUnsupported = 8,
}

impl Status {
    /// All of them, in the order of their codes.
    pub const ALL: [Status; 9] = [
        Status::Ok,
        Status::Eof,
        Status::NoSuchFile,
        Status::PermissionDenied,
        Status::Failure,
        Status::BadMessage,
        Status::NoConnection,
        Status::ConnectionLost,
        Status::OpUnsupported,
    ];

    /// The code on the wire.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// The status a code stands for; `None` past 8.
    pub fn from_code(code: u32) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.code() == code)
    }

    /// The draft's name, for logs.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Ok => "SSH_FX_OK",
            Status::Eof => "SSH_FX_EOF",
            Status::NoSuchFile => "SSH_FX_NO_SUCH_FILE",
            Status::PermissionDenied => "SSH_FX_PERMISSION_DENIED",
            Status::Failure => "SSH_FX_FAILURE",
            Status::BadMessage => "SSH_FX_BAD_MESSAGE",
            Status::NoConnection => "SSH_FX_NO_CONNECTION",
            Status::ConnectionLost => "SSH_FX_CONNECTION_LOST",
            Status::OpUnsupported => "SSH_FX_OP_UNSUPPORTED",
        }
    }

    /// A message for when there is nothing more precise to say.
    pub const fn text(self) -> &'static str {
        match self {
            Status::Ok => "Success",
            Status::Eof => "End of file",
            Status::NoSuchFile => "No such file",
            Status::PermissionDenied => "Permission denied",
            Status::Failure => "Failure",
            Status::BadMessage => "Bad message",
            Status::NoConnection => "No connection",
            Status::ConnectionLost => "Connection lost",
            Status::OpUnsupported => "Operation unsupported",
        }
    }

    /// The status OpenSSH's server gives for a Linux errno number: clients have been taught by it.
    /// 0 is `Ok`. What the mapping loses, [`errno_text`](crate::errno_text) keeps.
    pub const fn from_errno(errno: i32) -> Status {
        use crate::errno::{
            EACCES, EBADF, EFAULT, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOSYS, ENOTDIR, EPERM,
        };
        match errno {
            0 => Status::Ok,
            ENOENT | ENOTDIR | EBADF | ELOOP => Status::NoSuchFile,
            EPERM | EACCES | EFAULT => Status::PermissionDenied,
            ENAMETOOLONG | EINVAL => Status::BadMessage,
            ENOSYS => Status::OpUnsupported,
            _ => Status::Failure,
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errno_text;

    #[test]
    fn codes_are_zero_to_eight() {
        for (code, status) in (0..).zip(Status::ALL) {
            assert_eq!(status.code(), code);
            assert_eq!(Status::from_code(code), Some(status));
            assert!(status.name().starts_with("SSH_FX_"));
        }
        assert_eq!(Status::from_code(9), None);
        assert_eq!(Status::from_code(u32::MAX), None);
    }

    #[test]
    fn errno_maps_as_in_openssh_and_keeps_its_words() {
        let cases = [
            (0, Status::Ok, "Success"),
            (2, Status::NoSuchFile, "No such file or directory"),
            (20, Status::NoSuchFile, "Not a directory"),
            (9, Status::NoSuchFile, "Bad file descriptor"),
            (40, Status::NoSuchFile, "Too many levels of symbolic links"),
            (1, Status::PermissionDenied, "Operation not permitted"),
            (13, Status::PermissionDenied, "Permission denied"),
            (14, Status::PermissionDenied, "Bad address"),
            (36, Status::BadMessage, "File name too long"),
            (22, Status::BadMessage, "Invalid argument"),
            (38, Status::OpUnsupported, "Function not implemented"),
            (28, Status::Failure, "No space left on device"),
            (122, Status::Failure, "Disk quota exceeded"),
            (17, Status::Failure, "File exists"),
            (24, Status::Failure, "Too many open files"),
            (5, Status::Failure, "Input/output error"),
            (39, Status::Failure, "Directory not empty"),
            (18, Status::Failure, "Invalid cross-device link"),
            (30, Status::Failure, "Read-only file system"),
            (95, Status::Failure, "Operation not supported"),
            (4095, Status::Failure, "Unknown error"),
            (-1, Status::Failure, "Unknown error"),
        ];
        for (errno, status, text) in cases {
            assert_eq!(Status::from_errno(errno), status, "errno {errno}");
            assert_eq!(errno_text(errno), text, "errno {errno}");
        }
    }

    /// The standard library asks the C library for the words: ours must be the same.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn words_are_the_systems() {
        let mut known = 0;
        for errno in 1..134 {
            let ours = errno_text(errno);
            if ours != "Unknown error" {
                let theirs = std::io::Error::from_raw_os_error(errno).to_string();
                assert_eq!(format!("{ours} (os error {errno})"), theirs);
                known += 1;
            }
        }
        assert!(known > 50, "only {known} errno numbers have words");
    }
}
