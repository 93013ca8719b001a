//! The extensions this crate decodes, as (name, data) pairs for the VERSION reply. The server
//! advertises those it serves; clients go by that list.

/// Rename over an existing target, atomically.
pub const POSIX_RENAME: (&str, &str) = ("posix-rename@openssh.com", "1");
/// Make a hard link.
pub const HARDLINK: (&str, &str) = ("hardlink@openssh.com", "1");
/// Flush an open file to its device.
pub const FSYNC: (&str, &str) = ("fsync@openssh.com", "1");
/// Tell the sizes and counts the server takes.
pub const LIMITS: (&str, &str) = ("limits@openssh.com", "1");
/// Numbers of the file system a path is on.
pub const STATVFS: (&str, &str) = ("statvfs@openssh.com", "2");
/// Numbers of the file system an open file is on.
pub const FSTATVFS: (&str, &str) = ("fstatvfs@openssh.com", "2");
/// SETSTAT that does not follow a symbolic link.
pub const LSETSTAT: (&str, &str) = ("lsetstat@openssh.com", "1");
/// REALPATH that understands `~` and `~user`.
pub const EXPAND_PATH: (&str, &str) = ("expand-path@openssh.com", "1");
/// The home directory of a user.
pub const HOME_DIRECTORY: (&str, &str) = ("home-directory", "1");
/// Names for numeric user and group ids.
pub const USERS_GROUPS_BY_ID: (&str, &str) = ("users-groups-by-id@openssh.com", "1");
/// Copy a range from one open file to another inside the server.
pub const COPY_DATA: (&str, &str) = ("copy-data", "1");
/// Digests of content (draft-ietf-secsh-filexfer-extensions-00 section 3): the name that is
/// advertised, and the one paramiko asks by, with a handle.
pub const CHECK_FILE: (&str, &str) = ("check-file", "1");
/// Its request by path.
pub const CHECK_FILE_NAME: &str = "check-file-name";
/// Its request by handle.
pub const CHECK_FILE_HANDLE: &str = "check-file-handle";
/// Copy a whole file inside the server (draft-ietf-secsh-filexfer-extensions-00 section 6).
pub const COPY_FILE: (&str, &str) = ("copy-file", "1");
/// The room on the file system a path is on (draft-ietf-secsh-filexfer-extensions-00 section 4).
pub const SPACE_AVAILABLE: (&str, &str) = ("space-available", "1");
/// Which parts of an open file hold data (AsyncSSH).
pub const RANGES: (&str, &str) = ("ranges@asyncssh.com", "1");
/// Who made the server: [`reply::VendorId`](crate::reply::VendorId) is the data.
pub const VENDOR_ID: &str = "vendor-id";
