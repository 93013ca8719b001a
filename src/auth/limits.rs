//! The bounds of this folder.

/// Longest line of an authorized_keys file, in bytes. A 16384-bit RSA key takes 2.8 KB of base64;
/// the rest is room for options and a comment. A longer line is rejected, the file goes on.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Largest authorized_keys file read, in bytes: about 10,000 Ed25519 keys.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
