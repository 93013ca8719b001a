//! How long the scheduler lets a thread run at a time.

use rustix::io::Errno;

/// Nanoseconds of CPU at a time; the kernel takes no less. Linux 6.12 and later let a thread with
/// short slices interrupt others when it wakes, and others run after a short while when it works
/// all the time; what share of the CPU it gets stays the same. Beside two sftp downloads on two
/// cores a STAT took 0.35 to 0.9 ms at the 99th percentile, and 2.1 to 2.9 without short slices and
/// the spare shard (Linux 6.18). Where a thread moves bulk and nothing else they only cost: get,
/// put and scp of a GiB took 7 to 25 % less CPU time a byte with the usual ones (Zen 5).
const SHORT_NS: u64 = 100_000;

/// What a thread asks of the scheduler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slices {
    /// Soon and briefly.
    Short,
    /// As every thread has it.
    Usual,
}

/// Asks for such slices for this thread. Without effect before Linux 6.12, and on a thread whose
/// policy somebody has set (chrt(1)).
///
/// # Errors
/// What sched_getattr(2) or sched_setattr(2) say, for instance under a seccomp filter.
pub fn ask_for_slices(slices: Slices) -> Result<(), Errno> {
    let mut attributes = current()?;
    if i32::try_from(attributes.sched_policy) != Ok(libc::SCHED_OTHER) {
        return Ok(());
    }
    attributes.sched_flags = 0;
    attributes.sched_runtime = match slices {
        Slices::Short => SHORT_NS,
        // Back to the kernel's own choice.
        Slices::Usual => 0,
    };
    // SAFETY: the structure lives until the call returns; 0 is the calling thread.
    check(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) })
}

fn current() -> Result<libc::sched_attr, Errno> {
    let size = u32::try_from(size_of::<libc::sched_attr>()).unwrap_or(0);
    let mut attributes = libc::sched_attr {
        size,
        sched_policy: 0,
        sched_flags: 0,
        sched_nice: 0,
        sched_priority: 0,
        sched_runtime: 0,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel writes at most `size` bytes to the structure, before the call returns.
    check(unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) })?;
    Ok(attributes)
}

fn check(answer: libc::c_long) -> Result<(), Errno> {
    match answer {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_in_force() {
        let usual = current().unwrap();
        assert_eq!(ask_for_slices(Slices::Short), Ok(()));
        let short = current().unwrap();
        // Before Linux 6.12 the kernel knows no slices, and says 0.
        assert!(matches!(short.sched_runtime, SHORT_NS | 0), "{}", short.sched_runtime);
        assert_eq!((short.sched_nice, short.sched_policy), (usual.sched_nice, usual.sched_policy));
        assert_eq!(ask_for_slices(Slices::Usual), Ok(()));
        assert_eq!(current().unwrap().sched_runtime, usual.sched_runtime);
    }
}
