//! Every bound of this folder.

/// Packets one key may seal. ChaCha20-Poly1305 takes the 32-bit sequence number as its nonce, so
/// the packet after 2^32 would repeat one (RFC 4344 3.1 asks for a rekey long before); GCM's 64-bit
/// invocation counter is held to the same number, and so is CTR, where the sequence number tells
/// one packet's MAC from another's.
pub(super) const PACKETS_PER_KEY: u64 = 1 << 32;

/// Bytes after which a cipher with 16-byte blocks asks for new keys: 2^32 blocks (RFC 4344 3.2).
pub(super) const REKEY_BYTES_BLOCK_16: u64 = 1 << 36;

/// Bytes after which a cipher with smaller blocks asks for new keys: 1 GiB (RFC 4253 9).
pub(super) const REKEY_BYTES_BLOCK_8: u64 = 1 << 30;

/// Smallest RSA modulus accepted at all, in bits: below it a signature proves too little.
pub const RSA_BITS_MIN: usize = 2048;

/// Smallest RSA modulus accepted where nobody chose otherwise, in bits: 128 bits of strength, which
/// is what the other key types have (NIST SP 800-57 part 1, table 2).
pub const RSA_BITS_MIN_DEFAULT: usize = 3072;

/// Smallest group taken or offered in a group exchange, in bits: RFC 8270 asks for it, and so does
/// OpenSSH.
pub const DH_GROUP_BITS_MIN: u32 = 2048;

/// Largest group taken or offered in a group exchange, in bits: RFC 4419 section 3 names it, and
/// OpenSSH has the same. It bounds what a peer can make us compute.
pub const DH_GROUP_BITS_MAX: u32 = 8192;

/// Largest moduli file looked at, in bytes. OpenSSH's own is below 600 KiB.
pub const MODULI_FILE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Longest line of a moduli file, in bytes: 2048 hexadecimal digits are the largest modulus, and
/// the other fields fit as often again.
pub(super) const MODULI_LINE_BYTES_MAX: usize = 4 * 1024;

/// Groups kept of a moduli file. OpenSSH's own has about 430. A file of the longest that is looked
/// at holds some 1,900 of the largest, 2 MiB; each that was used keeps about 5 KiB more.
pub(super) const MODULI_GROUPS_MAX: usize = 4096;

/// Lines of a moduli file whose problems are told. Whoever has more has the wrong file.
pub(super) const MODULI_PROBLEMS_MAX: usize = 100;

/// Largest RSA modulus accepted, in bits: OpenSSH's own bound; it caps what one login attempt
/// costs.
pub const RSA_BITS_MAX: usize = 16384;

/// Largest RSA key of an authority, in bits: above it a verification takes tens of milliseconds.
pub(super) const RSA_AUTHORITY_BITS_MAX: usize = 8192;

/// Largest RSA public exponent accepted, in bits. Verification time grows with it and nobody needs
/// more; 33 bits is where both backends stop.
pub(super) const RSA_EXPONENT_BITS_MAX: usize = 33;

/// Longest encoded public key or signature looked at: a 16384-bit RSA modulus (2048 bytes), its
/// exponent, name and lengths fit twice over.
pub(super) const BLOB_BYTES_MAX: usize = 8 * 1024;

/// Longest application a security key may be made for, in bytes: OpenSSH's are `ssh:` and a few
/// words, and FIDO's own are names of hosts.
pub(super) const APPLICATION_BYTES_MAX: usize = 1024;

/// Longest private key file looked at. A 16384-bit RSA key takes 13 KB.
pub(super) const PRIVATE_KEY_TEXT_MAX: usize = 64 * 1024;

/// Most rounds of bcrypt-pbkdf for an encrypted key file: about 10 s of work. ssh-keygen writes 16
/// or 24, and people raise it to some hundreds.
pub(super) const BCRYPT_ROUNDS_MAX: u32 = 2048;

/// Most iterations of PBKDF2 for an encrypted key file: about 10 s of work. OpenSSL writes 2048,
/// careful people a million.
pub(super) const PBKDF2_ITERATIONS_MAX: u32 = 10_000_000;

/// Most memory scrypt or Argon2 may take to open a key file, in KiB. PuTTY asks for 8 MiB.
pub(super) const KDF_MEMORY_KIB_MAX: u64 = 256 * 1024;

/// Most memory times passes, in KiB: about 10 s of work. PuTTY asks for 8 MiB some 20 times.
pub(super) const KDF_WORK_KIB_MAX: u64 = 8 * 1024 * 1024;

/// Longest certificate looked at: three RSA keys of the largest size and OpenSSH's own bound on
/// principals fit.
pub(super) const CERTIFICATE_BYTES_MAX: usize = 32 * 1024;

/// Characters of a certificate's key id in a log: it may be as long as the certificate.
pub(super) const KEY_ID_CHARS_MAX: usize = 128;

/// Most principals of a certificate, OpenSSH's own bound.
pub(super) const PRINCIPALS_MAX: usize = 256;

/// How hard deflate tries, 1 to 9. zlib-rs's 1 makes what cannot be compressed 5 % longer; 6, which
/// OpenSSH takes, makes source text a sixth smaller than 2 does for twice the work.
pub(super) const DEFLATE_LEVEL: u32 = 2;

/// How hard zstd tries, 1 to 22: already 1 gets as far as deflate's 6, for half the work of its 2.
#[cfg(feature = "zstd")]
pub(super) const ZSTD_LEVEL: i32 = 1;

/// The window of a zstd frame, 256 KiB: what an expander keeps of the past, and so most of what a
/// connection costs. A larger one in the peer's frame is refused.
#[cfg(feature = "zstd")]
pub(super) const ZSTD_WINDOW_LOG: u32 = 18;
