//! The bounds of a copy, each with the reason for its value.

/// A command line, in bytes. OpenSSH's client quotes nothing, others quote every byte, so a few of
/// the longest paths have to fit.
pub const COMMAND_BYTES_MAX: usize = 32 * 1024;

/// Words in a command line. A client asks for several paths only when its user wrote them out.
pub const WORDS_MAX: usize = 1024;

/// A line from the peer without its line end, in bytes: a name of 255 bytes, each of which may come
/// encoded as three, fits many times over, and so do the error messages of servers that name a
/// path of 4,095 bytes. OpenSSH's own buffer had 2,048 bytes for most of its life.
pub const LINE_BYTES_MAX: usize = 8 * 1024;

/// A name in a record that is sent, in bytes, as OpenSSH cuts off what is longer in a D record.
/// Linux's longest names are of 255 bytes, and of 765 with every byte a newline.
pub const NAME_BYTES_MAX: usize = 1024;

/// The part of an error line that is the peer's or a file's name, in bytes. OpenSSH's source reads
/// an answer into 2,048 bytes and takes what is longer for the next answer.
pub const SHOWN_BYTES_MAX: usize = 1536;

/// Levels of directories below what the client named. OpenSSH's SFTP client goes no deeper, and a
/// link that leads back up ends here too.
pub const DEPTH_MAX: usize = 64;

/// A component of a path that may be a pattern, in bytes; a longer one only stands for itself.
/// Names have 255 bytes, and what a pattern costs grows with the square of its length.
pub const PATTERN_BYTES_MAX: usize = 1024;

/// Paths that one pattern may stand for. A shell has room for about so many short ones.
pub const MATCHES_MAX: usize = 65_536;

/// The bytes of the paths that one pattern may stand for: what Linux takes for the arguments of a
/// program (`ARG_MAX` with the usual stack of 8 MiB).
pub const MATCH_BYTES_MAX: usize = 2 * 1024 * 1024;
