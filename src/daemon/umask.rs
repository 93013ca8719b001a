//! The umask of the process, and each user's own.
//!
//! The kernel has one umask for all threads, and users may have one each. Where they all have the
//! same one it is the process's, since the kernel knows better: in a folder with a default ACL it
//! lets the ACL decide. Else the process's is 0 and [`crate::vfs::Access`] takes a user's off each
//! mode. Whatever this process makes for itself has an explicit mode: the host key 0600, its folder
//! 0700.

use rustix::fs::Mode;
use rustix::process;

use super::accounts::Umask;
use crate::vfs::Access;

/// For users who are only checked and make nothing.
pub(crate) const NOBODYS: Umask = 0;

/// Sets the umask to 0 and gives back what it was. To be called before there are threads.
pub(crate) fn take() -> Umask {
    process::umask(Mode::empty()).bits()
}

/// Makes a umask that all of these have the process's. To be called before there are threads.
pub(crate) fn settle<'a>(users: impl IntoIterator<Item = &'a mut Access>) {
    let mut users: Vec<_> = users.into_iter().collect();
    if let Some(umask) = common(&users) {
        process::umask(Mode::from_bits_truncate(umask));
        users.iter_mut().for_each(|access| access.umask = 0);
    }
}

/// The same once threads run: the process's umask, which `settle` has made, stays what it is for
/// the sessions there are. `false` if somebody among these needs another one.
pub(crate) fn settle_again<'a>(users: impl IntoIterator<Item = &'a mut Access>) -> bool {
    let process = in_force();
    users.into_iter().all(|access| {
        let forced = access.file_mode.is_some() || access.directory_mode.is_some();
        let fits = access.umask & process == process && (process == 0 || !forced);
        // What the kernel takes off itself it also leaves alone where a folder has a default ACL.
        access.umask &= !process;
        fits
    })
}

/// The process's umask, without changing it (Linux 4.7).
fn in_force() -> Umask {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    line.and_then(|octal| Umask::from_str_radix(octal.trim(), 8).ok()).unwrap_or(0)
}

/// The umask they all have. A forced mode is one that no umask touches, so it needs 0.
fn common(users: &[&mut Access]) -> Option<Umask> {
    let first = users.first()?.umask;
    let plain = |access: &&mut Access| {
        access.umask == first && access.file_mode.is_none() && access.directory_mode.is_none()
    };
    users.iter().all(plain).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common_of(umasks: &[Umask], forced: bool) -> Option<Umask> {
        let mut users: Vec<Access> = umasks.iter().map(|_| Access::unrestricted()).collect();
        users.iter_mut().zip(umasks).for_each(|(access, umask)| access.umask = *umask);
        if let (Some(first), true) = (users.first_mut(), forced) {
            first.directory_mode = Some(0o750);
        }
        common(&users.iter_mut().collect::<Vec<_>>())
    }

    #[test]
    fn the_kernel_gets_a_umask_that_is_everybodys() {
        assert_eq!(common_of(&[0o22], false), Some(0o22));
        assert_eq!(common_of(&[0o27, 0o27], false), Some(0o27));
        assert_eq!(common_of(&[0o27, 0o22], false), None);
        assert_eq!(common_of(&[0o27, 0o27], true), None);
        assert_eq!(common_of(&[], false), None);
    }
}
