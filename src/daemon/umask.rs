//! The umask of the process, which each user's own takes the place of.
//!
//! The kernel has one umask for all threads, and users have one each: so the process's is set to 0
//! once, before there are threads, and [`crate::vfs::Access`] takes a user's off each mode.
//! Whatever this process makes for itself has an explicit mode: the host key 0600, its folder 0700.

use rustix::fs::Mode;
use rustix::process;

use super::accounts::Umask;

/// For users who are only checked and make nothing.
pub(crate) const NOBODYS: Umask = 0;

/// Sets the umask to 0 and gives back what it was.
pub(crate) fn take() -> Umask {
    process::umask(Mode::empty()).bits()
}
