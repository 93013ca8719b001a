//! The bounds of this folder.

use std::time::Duration;

/// Longest answer, in bytes: some hundreds of folders with permissions.
pub(super) const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What of a program's stderr goes to the log, in bytes; the rest is read and forgotten.
pub(super) const STDERR_BYTES_MAX: usize = 4 * 1024;

/// What of the hook's `reason` goes to the log, in characters.
pub(super) const REASON_CHARS_MAX: usize = 255;

/// Room for status line and headers of an HTTP response, beside the answer, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Headers of an HTTP response.
pub(super) const HEADERS_MAX: usize = 64;

/// Room for a question besides what is in it, in bytes: it is never moved while it is written,
/// which would leave a password behind.
pub(super) const QUESTION_ROOM_BYTES: usize = 1024;

/// How long a program that was killed may take to go before another thread waits for it: one in
/// the middle of a disk that hangs does not die.
pub(super) const REAP_TIMEOUT: Duration = Duration::from_secs(1);
