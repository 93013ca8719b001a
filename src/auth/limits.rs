//! The bounds of this folder.

/// Longest line of an authorized_keys file, in bytes. A 16384-bit RSA key takes 2.8 KB of base64;
/// the rest is room for options and a comment. A longer line is rejected, the file goes on.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Largest list of revoked keys read, in bytes: some 400,000 fingerprints, or the serial numbers of
/// two million certificates one by one.
pub const REVOKED_FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Largest authorized_keys file read, in bytes: about 10,000 Ed25519 keys.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Longest password, in bytes. sha-crypt hashes it whole in every round: with this and the most
/// rounds a verification takes 5 seconds instead of 0.4.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// Longest password hash, in bytes. argon2id with the longest salt and result comes to 200.
pub const HASH_BYTES_MAX: usize = 512;

/// Most memory that an argon2id hash may ask for, in KiB: four at a time stay within 1 GiB. RFC
/// 9106's second choice is 64 MiB.
pub const ARGON2_MEMORY_KIB_MAX: u32 = 256 * 1024;

/// Most memory that an argon2id hash may fill over all passes, in KiB: about a second.
pub const ARGON2_WORK_KIB_MAX: u64 = 1024 * 1024;

/// Most lanes of an argon2id hash. They are computed one after the other, so they cost nothing.
pub const ARGON2_LANES_MAX: u32 = 16;

/// Lowest cost of a bcrypt hash: the function has no lower one.
pub const BCRYPT_COST_MIN: u32 = 4;

/// Highest cost of a bcrypt hash: each step doubles the time, and this takes some 5 seconds.
pub const BCRYPT_COST_MAX: u32 = 16;

/// Most rounds of a sha-crypt hash: about 0.4 seconds. 5,000 are usual, passlib takes 656,000.
pub const SHA_CRYPT_ROUNDS_MAX: u32 = 1_000_000;

/// Most memory that a yescrypt hash may ask for, in bytes: crypt(3)'s cost 9. Debian takes 5, which
/// is 16 MiB.
pub const YESCRYPT_MEMORY_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Shortest secret of one-time codes, in bytes (RFC 4226 section 4, R6).
pub const TOTP_SECRET_BYTES_MIN: usize = 16;

/// Longest secret of one-time codes, in bytes: a block of SHA-512, beyond which HMAC hashes it.
pub const TOTP_SECRET_BYTES_MAX: usize = 128;

/// Longest otpauth URI, in bytes. They have to fit into a QR code.
pub const TOTP_URI_BYTES_MAX: usize = 1024;
/// Sources with a penalty, of each address family: what sshd keeps. All of them take some 8 MiB.
pub const PENALISED_SOURCES_MAX: usize = 65_536;

/// A PROXY protocol header of version 1 with its line end: what its specification says suffices.
pub const PROXY_V1_BYTES_MAX: usize = 107;

/// A PROXY protocol header of version 2. Addresses take 52 bytes of it (216 more for Unix sockets);
/// the rest is what a proxy adds about TLS, some 2 KiB at most where it adds certificates' names.
pub const PROXY_V2_BYTES_MAX: usize = 4096;

/// Wrong one-time codes in a row, each with a right first proof, until there are pauses between
/// them: a person mistypes, or is late, a few times.
pub const WRONG_CODES_FREE: u32 = 5;

/// The first such pause, in seconds; each further one is twice as long.
pub const CODE_PAUSE_SECONDS: i64 = 30;

/// How often it doubles: up to 64 minutes, with which half a million codes take 50 years.
pub const CODE_PAUSE_DOUBLINGS_MAX: u32 = 7;
