//! Every bound of the upper half of the protocol, with the reason for its number.

use std::time::Duration;

/// Authentication requests of any outcome on one connection. OpenSSH stops at 1024; a client that
/// tries every key of a large agent stays far below this.
pub(crate) const AUTH_REQUESTS_MAX: u32 = 128;

/// A user name in bytes: Linux logins stop at 32, names of directory services at 256.
pub(crate) const USER_BYTES_MAX: usize = 256;

/// A password in bytes. Hashing cost grows with it, and OpenSSH stops at 1024 too.
pub(crate) const PASSWORD_BYTES_MAX: usize = 1024;

/// Questions in one INFO_REQUEST. A server here asks two; PAM modules ask for a handful.
pub(crate) const PROMPTS_MAX: usize = 16;

/// A method's name as far as it is kept for the log; OpenSSH's longest has 34 bytes.
pub(crate) const METHOD_BYTES_MAX: usize = 64;

/// A public key blob in bytes: RSA with 16384 bits needs 2.1 KiB, a certificate over one about 6.
pub(crate) const KEY_BLOB_BYTES_MAX: usize = 16 * 1024;

/// Method names a client keeps from one USERAUTH_FAILURE; RFCs and OpenSSH know seven in all.
pub(crate) const AUTH_METHODS_MAX: usize = 32;

/// Data in one CHANNEL_DATA packet we send, whatever the peer would take. OpenSSH refuses packets
/// over 256 KiB; past 64 KiB a larger one saves nothing measurable.
pub(crate) const DATA_BYTES_MAX: u32 = 128 * 1024;

/// Our requests on one channel that may wait for an answer at a time.
pub(crate) const REPLIES_AWAITED_MAX: u32 = 64;

/// Our global requests that may wait for an answer at a time; keepalives are not among them.
pub(crate) const GLOBAL_REPLIES_AWAITED_MAX: u32 = 64;

/// Window is granted once this share of it was consumed (1/8): few messages, and a peer that has
/// used the rest still finds seven eighths of the window behind the grant on its way.
pub(crate) const GRANT_SHARE: u32 = 8;

/// Window that is granted at once however large the share above is: an eighth of the 2 MiB most
/// windows stay at. What waits for its grant is missing on a long link.
pub(crate) const GRANT_BYTES_MAX: u32 = 256 * 1024;

/// No window is larger, whatever was configured: some clients count them in signed 32 bits.
pub(crate) const WINDOW_BYTES_LIMIT: u32 = i32::MAX.cast_unsigned();

/// The largest window toward OpenSSH. Its programs keep what they have read for a channel in a
/// buffer of 16 MiB at most, and grow slow as that fills up.
pub(crate) const WINDOW_BYTES_MAX_OPENSSH: u32 = 15 * 1024 * 1024;

/// Data in one packet that OpenSSH is asked for at most, which is what it asks for itself. Offered
/// 64 KiB, a 9.2 sshd with `RekeyLimit 1M` exchanged keys seven times as often.
pub(crate) const PACKET_BYTES_MAX_OPENSSH: u32 = 32 * 1024;

/// Windows do not grow where a round trip is shorter: 2 MiB in a millisecond are 2 GB/s, which is
/// about what a core can open.
pub(crate) const ROUND_TRIP_MIN: Duration = Duration::from_millis(1);

/// A window through which nothing has come for so long goes back to its start size: the memory is
/// others', and what was measured is old.
pub(crate) const WINDOW_IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a peer's words (descriptions, banners) passed to the application.
pub(crate) const TEXT_BYTES_MAX: usize = 8 * 1024;

/// Host keys of a server that a client looks at; OpenSSH knows five types of them.
pub(crate) const HOST_KEYS_MAX: usize = 64;

/// Requests for proofs of host keys that a server answers on one connection. OpenSSH's client asks
/// once; each costs a signature by every key.
pub(crate) const HOST_KEY_PROOFS_MAX: u32 = 4;
