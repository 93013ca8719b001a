//! Every bound of the crate, in bytes or counts, each with its reason.

/// The longest frame taken from a client (the value of its length field). OpenSSH's server takes
/// 256 KiB; the 1 KiB more is for clients that count 256 KiB of payload and add their header.
pub const FRAME_BYTES_MAX: u32 = 256 * 1024 + 1024;

/// The longest request other than WRITE. Two paths of PATH_MAX are 8 KiB and an id list of
/// `users-groups-by-id` has room for 16,000 ids; it bounds what one session can make us assemble.
pub const REQUEST_BYTES_MAX: u32 = 64 * 1024;

/// The longest frame a client takes from a server: OpenSSH's client stops at 256 KiB, other
/// servers pack a little more into a NAME reply's frame than they count.
pub const REPLY_BYTES_MAX: u32 = 256 * 1024 + 1024;

/// The longest handle accepted (draft-ietf-secsh-filexfer-02 section 6.2 forbids longer ones).
pub const HANDLE_BYTES_MAX: u32 = 256;

/// Capacity a decoder keeps between requests; what a rare long request made it grow is returned.
pub const ASSEMBLY_BYTES_KEPT: usize = 4 * 1024;

/// The most entries in one NAME reply, as OpenSSH's server sends at most.
pub const NAME_ENTRIES_MAX: u32 = 100;

/// The longest NAME reply, header included: sshfs gives up at 128 KiB, every other client later.
/// A hundred entries of 255-byte names need 62 KB, so in a directory the count binds first.
pub const NAME_BYTES_MAX: usize = 100_000;

/// `limits@openssh.com`: the longest frame. Clients 8.6 to 9.1 die of more than 256 KiB.
pub const ADVERTISED_PACKET_BYTES: u64 = 256 * 1024;

/// `limits@openssh.com`: the longest READ answered in full, and the longest WRITE: the packet less
/// 1 KiB for headers. Never 0: OpenSSH's client would fall to blocks of 64 bytes.
pub const ADVERTISED_DATA_BYTES: u64 = 255 * 1024;

/// `limits@openssh.com`: open handles. Clients 8.6 to 10.2 cap their requests in flight with it,
/// so it must not be below 1024 whatever a session may really hold open.
pub const ADVERTISED_HANDLES: u64 = 1024;
