//! The bounds of the load generator, each with the reason for its number.

use std::time::Duration;

/// The largest data packet a client of ours asks for: OpenSSH's number, so that a server cuts its
/// stream as it would for OpenSSH's client.
pub(super) const PACKET_BYTES: u32 = 32 * 1024;

/// Receive buffer of a session that talks little: the longest packet before the login is 35,000.
/// A message of the bare loop of small files fits too.
pub(super) const SMALL_BUFFER_BYTES: usize = 64 * 1024;

/// Receive buffer of a transfer: large, so that the client wakes up seldom.
pub(super) const LARGE_BUFFER_BYTES: usize = 1024 * 1024;

/// Receive window of a session that reads what it gets, as OpenSSH's client has it at most.
pub(super) const WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// The largest receive window: some servers count in 32 bits with a sign.
pub(super) const WINDOW_BYTES_MAX: u64 = (1 << 31) - 1;

/// How long a sink leaves its socket alone at least: 200 KB come in that time, ...
pub(super) const NAP_MIN: Duration = Duration::from_micros(50);

/// ... and at most: 6 MB, which a socket's buffer takes by default, come at 6 GB/s.
pub(super) const NAP_MAX: Duration = Duration::from_millis(1);

/// What uploads seal and send in one go.
pub(super) const TRAIN_BYTES: usize = 512 * 1024;

/// The shortest READ or WRITE: what every client has used for 20 years.
pub(super) const REQUEST_BYTES_MIN: u32 = 32 * 1024;

/// The longest READ or WRITE: 256 KiB with its header is the longest SFTP message that OpenSSH
/// takes.
pub(super) const REQUEST_BYTES_MAX: u32 = 255 * 1024;

/// Requests under way at once: what `limits@openssh.com` of most servers comes to.
pub(super) const OUTSTANDING_MAX: usize = 1024;

/// Silence from a server after which the run has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Silence after which a sink that has got what was due at least believes that nothing more comes:
/// the rest may be held up for as long as a disk or a busy core does. The wall ends with the last
/// byte, so no figure grows by it.
pub(crate) const TAIL: Duration = Duration::from_secs(1);

/// The same where no figure is taken of the sink and it is to begin anew soon.
pub(crate) const TAIL_UNTIMED: Duration = Duration::from_millis(50);

/// Threads that log idle sessions in: half a login is the client's own work, and there are few
/// cores.
pub(super) const LOGIN_THREADS: usize = 4;

/// Bytes under way in one direction of one delayed connection; then its sender has to wait. 100 ms
/// at 2 GB/s is 200 MB: no window of SSH is larger, so nothing but a runaway sender meets it.
pub(super) const DELAYED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What the proxy reads at once.
pub(super) const DELAYED_CHUNK_BYTES: usize = 256 * 1024;
