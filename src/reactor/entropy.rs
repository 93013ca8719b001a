//! Randomness from the kernel.

use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

/// 32 bytes from getrandom(2), enough to seed a generator. Waits only while the kernel's own pool
/// is not seeded yet, early at boot.
///
/// # Errors
/// `ENOSYS` and the like, where the call is forbidden: nothing that needs a secret may go on then.
pub fn random_seed() -> Result<[u8; 32], Errno> {
    let mut seed = [0; 32];
    let mut filled = 0;
    while let Some(rest) = seed.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match getrandom(rest, GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_differ_and_are_filled_to_the_end() {
        let (one, other) = (random_seed().unwrap(), random_seed().unwrap());
        assert_ne!(one, other);
        assert_ne!(one[24..], [0; 8]);
    }
}
