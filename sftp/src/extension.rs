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
