//! The words for Linux errno numbers: those a file system, its device or its network can answer
//! with. Numbers are the generic ones (x86-64, arm64, riscv64), written down here so that the
//! crate needs no C library.

pub(crate) const EPERM: i32 = 1;
pub(crate) const ENOENT: i32 = 2;
pub(crate) const EBADF: i32 = 9;
pub(crate) const EACCES: i32 = 13;
pub(crate) const EFAULT: i32 = 14;
pub(crate) const ENOTDIR: i32 = 20;
pub(crate) const EINVAL: i32 = 22;
pub(crate) const ENAMETOOLONG: i32 = 36;
pub(crate) const ENOSYS: i32 = 38;
pub(crate) const ELOOP: i32 = 40;

/// What the system calls error `errno`, for the message of a STATUS reply.
///
/// 0 is "Success"; a number without words here is "Unknown error".
pub const fn errno_text(errno: i32) -> &'static str {
    match errno {
        0 => "Success",
        EPERM => "Operation not permitted",
        ENOENT => "No such file or directory",
        4 => "Interrupted system call",
        5 => "Input/output error",
        6 => "No such device or address",
        7 => "Argument list too long",
        EBADF => "Bad file descriptor",
        11 => "Resource temporarily unavailable",
        12 => "Cannot allocate memory",
        EACCES => "Permission denied",
        EFAULT => "Bad address",
        16 => "Device or resource busy",
        17 => "File exists",
        18 => "Invalid cross-device link",
        19 => "No such device",
        ENOTDIR => "Not a directory",
        21 => "Is a directory",
        EINVAL => "Invalid argument",
        23 => "Too many open files in system",
        24 => "Too many open files",
        26 => "Text file busy",
        27 => "File too large",
        28 => "No space left on device",
        29 => "Illegal seek",
        30 => "Read-only file system",
        31 => "Too many links",
        32 => "Broken pipe",
        34 => "Numerical result out of range",
        35 => "Resource deadlock avoided",
        ENAMETOOLONG => "File name too long",
        37 => "No locks available",
        ENOSYS => "Function not implemented",
        39 => "Directory not empty",
        ELOOP => "Too many levels of symbolic links",
        61 => "No data available",
        62 => "Timer expired",
        67 => "Link has been severed",
        71 => "Protocol error",
        74 => "Bad message",
        75 => "Value too large for defined data type",
        84 => "Invalid or incomplete multibyte or wide character",
        95 => "Operation not supported",
        100 => "Network is down",
        101 => "Network is unreachable",
        103 => "Software caused connection abort",
        104 => "Connection reset by peer",
        105 => "No buffer space available",
        107 => "Transport endpoint is not connected",
        108 => "Cannot send after transport endpoint shutdown",
        110 => "Connection timed out",
        111 => "Connection refused",
        112 => "Host is down",
        113 => "No route to host",
        114 => "Operation already in progress",
        115 => "Operation now in progress",
        116 => "Stale file handle",
        117 => "Structure needs cleaning",
        121 => "Remote I/O error",
        122 => "Disk quota exceeded",
        123 => "No medium found",
        124 => "Wrong medium type",
        125 => "Operation canceled",
        126 => "Required key not available",
        127 => "Key has expired",
        128 => "Key has been revoked",
        129 => "Key was rejected by service",
        133 => "Memory page has hardware error",
        _ => "Unknown error",
    }
}
