//! Why there is no io_uring, in words an administrator can act on.

use std::fs::read_to_string;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::probe::Failure;
use crate::reactor::limits::RING_KERNEL_MIN;

/// What decides whether io_uring may be used here.
#[derive(Clone, Default, Debug)]
pub(super) struct Host {
    /// As uname(2) has it, "6.1.0-13-amd64".
    release: String,
    /// kernel.io_uring_disabled (Linux 6.6, and earlier in some distributions): 0, 1 or 2.
    disabled: Option<u32>,
    /// `Seccomp:` of /proc/thread-self/status: 2 is a filter.
    seccomp: Option<u32>,
    /// RLIMIT_MEMLOCK in bytes; `None` is unlimited.
    memlock: Option<u64>,
}

impl Host {
    pub(super) fn this() -> Self {
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let disabled = read_to_string("/proc/sys/kernel/io_uring_disabled").ok();
        let status = read_to_string("/proc/thread-self/status").unwrap_or_default();
        let seccomp = status.lines().find_map(|line| line.strip_prefix("Seccomp:"));
        Host {
            release,
            disabled: disabled.and_then(|text| text.trim().parse().ok()),
            seccomp: seccomp.and_then(|text| text.trim().parse().ok()),
            memlock: getrlimit(Resource::Memlock).current,
        }
    }

    /// Whether the kernel is older than this driver's floor; a release that cannot be read is not.
    pub(super) fn is_too_old(&self) -> bool {
        let mut numbers = self.release.split(|c: char| !c.is_ascii_digit());
        let mut next = || numbers.next().and_then(|digits| digits.parse::<u32>().ok());
        matches!((next(), next()), (Some(major), Some(minor)) if (major, minor) < RING_KERNEL_MIN)
    }

    fn is_filtered(&self) -> bool {
        self.seccomp == Some(2)
    }
}

const FILTER_CURE: &str = "a seccomp filter forbids it, as the default profiles of Docker, \
    containerd and Podman do; allow io_uring_setup, io_uring_enter and io_uring_register in the \
    profile";

/// One line: what failed, why, and what to do about it.
pub(super) fn cause_and_cure(failure: &Failure, host: &Host) -> String {
    if host.is_too_old() {
        let (major, minor) = RING_KERNEL_MIN;
        return format!(
            "io_uring is not used: Linux {} is older than {major}.{minor}; update the kernel",
            host.release
        );
    }
    format!("{failure}: {}", why(failure, host))
}

fn why(failure: &Failure, host: &Host) -> String {
    match failure {
        Failure::Setup(Errno::PERM | Errno::ACCESS) | Failure::Probe(Errno::PERM) => refused(host),
        Failure::Setup(Errno::NOSYS) | Failure::Probe(Errno::NOSYS) if host.is_filtered() => {
            FILTER_CURE.to_owned()
        }
        Failure::Setup(Errno::NOSYS) => "this kernel is built without io_uring (CONFIG_IO_URING), \
            or is an emulation without it such as gVisor"
            .to_owned(),
        Failure::Setup(Errno::NOMEM) => {
            let limit = match host.memlock {
                Some(bytes) => format!("{} KiB", bytes / 1024),
                None => "unlimited".to_owned(),
            };
            format!(
                "no memory for the queues; RLIMIT_MEMLOCK is {limit}, raise it (ulimit -l, \
                 LimitMEMLOCK= in systemd)"
            )
        }
        Failure::Setup(Errno::MFILE | Errno::NFILE) => {
            "no descriptors left; raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE= in systemd)"
                .to_owned()
        }
        Failure::Setup(Errno::INVAL) => {
            format!("Linux {} refuses every set of flags; update the kernel", host.release)
        }
        Failure::Missing(_) => {
            format!("Linux {} is too old for this driver; update the kernel", host.release)
        }
        Failure::SelfTest(..) if host.is_filtered() => FILTER_CURE.to_owned(),
        Failure::Setup(_) | Failure::Probe(_) | Failure::SelfTest(..) => {
            format!("io_uring of Linux {} does not work here; please report it", host.release)
        }
    }
}

fn refused(host: &Host) -> String {
    match host.disabled {
        Some(2) => "the sysctl kernel.io_uring_disabled is 2, off for everyone; set it to 0".into(),
        Some(1) => "the sysctl kernel.io_uring_disabled is 1, for CAP_SYS_ADMIN and members of \
            kernel.io_uring_group only; put this user's group there or set it to 0"
            .into(),
        _ if host.is_filtered() => FILTER_CURE.into(),
        _ => "a security module (SELinux, AppArmor) forbids it; see the audit log".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        let release = "6.1.0-13-amd64".to_owned();
        Host { release, disabled: Some(0), seccomp: Some(0), memlock: Some(8 << 20) }
    }

    fn text(errno: Errno, host: &Host) -> String {
        cause_and_cure(&Failure::Setup(errno), host)
    }

    #[test]
    fn each_cause_is_named_with_its_cure() {
        let off = Host { disabled: Some(2), seccomp: Some(2), ..host() };
        assert!(text(Errno::PERM, &off).contains("io_uring_disabled is 2"));
        let group = Host { disabled: Some(1), ..host() };
        assert!(text(Errno::PERM, &group).contains("io_uring_group"));
        let filter = Host { seccomp: Some(2), ..host() };
        assert!(text(Errno::PERM, &filter).contains("seccomp"));
        assert!(text(Errno::NOSYS, &filter).contains("seccomp"));
        assert!(text(Errno::PERM, &host()).contains("SELinux"));
        assert!(text(Errno::NOSYS, &host()).contains("CONFIG_IO_URING"));
        assert!(text(Errno::NOMEM, &host()).contains("RLIMIT_MEMLOCK is 8192 KiB"));
        assert!(text(Errno::MFILE, &host()).contains("RLIMIT_NOFILE"));
        let missing = cause_and_cure(&Failure::Missing("SEND"), &host());
        assert!(missing.contains("lacks SEND") && missing.contains("6.1.0-13"));
    }

    #[test]
    fn the_floor_is_read_from_the_release() {
        let of = |release: &str| Host { release: release.to_owned(), ..host() };
        assert!(of("5.14.0-427.el9.x86_64").is_too_old());
        assert!(of("4.19.0").is_too_old());
        assert!(!of("5.15.0-91-generic").is_too_old());
        assert!(!of("6.18.44-fc-v595").is_too_old());
        assert!(!of("unknown").is_too_old());
        let old = of("5.10.0");
        assert!(text(Errno::NOSYS, &old).contains("older than 5.15"));
    }

    #[test]
    fn this_host_can_be_described() {
        let host = Host::this();
        assert!(!host.release.is_empty());
        assert!(host.seccomp.is_some());
    }
}
