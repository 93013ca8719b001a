//! Control groups, version 2 (cpu.stat) and version 1 (cpuacct).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{Cpu, Method};
use crate::Outcome;

/// Makes a group below our own.
pub(super) fn create(method: Method, name: &str) -> Outcome<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let own = fs::read_to_string("/proc/self/cgroup")?;
    let parent = own_folder(method, &mounts, &own)
        .ok_or_else(|| format!("{} is not mounted here", method.name()))?;
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = parent.join(format!("ringferry-perf-{}-{number}-{name}", std::process::id()));
    fs::create_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    Ok(dir)
}

/// The folder of our own group, from the texts of /proc/self/mounts and /proc/self/cgroup.
fn own_folder(method: Method, mounts: &str, own: &str) -> Option<PathBuf> {
    let mount = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (at, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        let wanted = match method {
            Method::Cgroup2 => kind == "cgroup2",
            Method::Cgroup1 => kind == "cgroup" && options.split(',').any(|o| o == "cpuacct"),
            Method::Tree => false,
        };
        wanted.then_some(at)
    })?;
    let path = own.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let wanted = match method {
            Method::Cgroup2 => controllers.is_empty(),
            _ => controllers.split(',').any(|controller| controller == "cpuacct"),
        };
        wanted.then_some(path)
    })?;
    let nested = Path::new(mount).join(path.trim_start_matches('/'));
    // In a container the mount may show a part of the hierarchy that our path does not start in.
    Some(if nested.is_dir() { nested } else { PathBuf::from(mount) })
}

pub(super) fn processes(dir: &Path) -> Vec<u32> {
    let text = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

pub(super) fn cpu_v2(dir: &Path) -> Outcome<Cpu> {
    let text = fs::read_to_string(dir.join("cpu.stat"))?;
    let micros = |name: &str| -> Option<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.parse().ok()
    };
    match (micros("user_usec"), micros("system_usec")) {
        (Some(user), Some(system)) => Ok(Cpu { user_s: user / 1e6, system_s: system / 1e6 }),
        _ => Err(format!("{}: no user_usec, system_usec", dir.display()).into()),
    }
}

/// The total is exact; user and system are counted in ticks and only say how it divides.
pub(super) fn cpu_v1(dir: &Path) -> Outcome<Cpu> {
    let nanos = |name: &str| -> Outcome<f64> {
        Ok(fs::read_to_string(dir.join(name))?.trim().parse::<f64>()?)
    };
    let total_s = nanos("cpuacct.usage")? / 1e9;
    let (user, system) = (nanos("cpuacct.usage_user")?, nanos("cpuacct.usage_sys")?);
    let share = if user + system > 0.0 { user / (user + system) } else { 0.0 };
    Ok(Cpu { user_s: total_s * share, system_s: total_s * (1.0 - share) })
}

/// A group can be removed only once its last process is gone.
pub(super) fn remove(dir: &Path) {
    for _ in 0..100 {
        if fs::remove_dir(dir).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    eprintln!("ringferry-perf: {} is left behind", dir.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "proc /proc proc rw 0 0\n\
        cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n\
        cgroup /nowhere/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
        cgroup2 /nowhere/unified cgroup2 rw 0 0\n";

    #[test]
    fn finds_the_mount_of_each_version() {
        let own = "4:memory:/a\n2:cpu,cpuacct:/b/c\n0::/d\n";
        let of = |method| own_folder(method, MOUNTS, own);
        assert_eq!(of(Method::Cgroup2), Some("/nowhere/unified".into()));
        assert_eq!(of(Method::Cgroup1), Some("/nowhere/cpu,cpuacct".into()));
        assert_eq!(of(Method::Tree), None);
        assert_eq!(own_folder(Method::Cgroup2, "", own), None);
        assert_eq!(own_folder(Method::Cgroup1, MOUNTS, "4:memory:/a\n"), None);
    }
}
