//! The bounds of a session's view of the file system.

/// Longest path a client may name, in bytes: Linux's own `PATH_MAX` less the terminating NUL. It
/// holds for a relative path together with the home directory in front of it.
pub const PATH_BYTES_MAX: usize = 4095;

/// Most files and directories one SFTP session holds open at once.
///
/// OpenSSH clients 8.6 to 10.2 take this number, which `limits@openssh.com` announces, for the most
/// requests they may have in flight, so it is never below 1,024.
pub const HANDLES_MAX: usize = 1024;

/// Most folders with a rule of their own, a user. Rules are read once and looked up by component,
/// so the number costs memory only.
pub const RULES_MAX: usize = 1024;

/// Most patterns in one list (allowed, denied or hidden) of one rule. Each name is held against all
/// of them at once, so this bounds what a listing of a million names costs.
pub const PATTERNS_MAX: usize = 64;

/// Longest pattern, in bytes: no name is longer (Linux's `NAME_MAX`).
pub const PATTERN_BYTES_MAX: usize = 255;

/// Smallest block that `check-file` may ask a digest for, in bytes: the draft's. Smaller ones would
/// make the reply larger than the file.
pub const CHECK_BLOCK_BYTES_MIN: u32 = 256;

/// How many levels below `/` a folder with a rule of its own may be. OpenSSH's client goes 64
/// levels down; rules deeper than anybody's transfers only make a configuration hard to read.
pub const RULE_DEPTH_MAX: usize = 64;
