//! The bounds of a session's view of the file system.

/// Longest path a client may name, in bytes: Linux's own `PATH_MAX` less the terminating NUL.
pub const PATH_BYTES_MAX: usize = 4095;

/// Most files and directories one SFTP session holds open at once.
///
/// OpenSSH clients 8.6 to 10.2 take this number, which `limits@openssh.com` announces, for the most
/// requests they may have in flight, so it is never below 1,024.
pub const HANDLES_MAX: usize = 1024;
