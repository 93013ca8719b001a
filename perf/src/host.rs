//! What has to stand beside a figure for it to mean anything: date, machine, kernel, filesystem.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine and the moment of a run.
pub(crate) struct Host {
    /// `YYYY-MM-DD`, UTC.
    pub(crate) date: String,
    pub(crate) name: String,
    pub(crate) kernel: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) filesystem: String,
    /// Runnable processes, averaged over the minute before: above zero, others were at work.
    pub(crate) load_before: String,
    pub(crate) client: String,
}

impl Host {
    pub(crate) fn describe(work_dir: &Path) -> Host {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let value = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let uname = rustix::system::uname();
        let memory = value(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let memory_kib: u64 =
            memory.split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or(0);
        let seconds =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Host {
            date: date(seconds / 86_400),
            name: uname.nodename().to_string_lossy().into_owned(),
            kernel: uname.release().to_string_lossy().into_owned(),
            processor: value(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory_kib.div_ceil(1 << 20),
            filesystem: filesystem(work_dir),
            load_before: read("/proc/loadavg").split(' ').next().unwrap_or("?").to_owned(),
            client: client_version(),
        }
    }
}

/// The civil date of a day counted from 1970-01-01, by the rules of the Gregorian calendar.
fn date(days: u64) -> String {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (mut year, mut day) = (1970, days);
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", day + 1)
}

/// The type of the filesystem that `dir` lies on: the deepest mount point above it.
fn filesystem(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mut above: Vec<(&str, &str)> = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .filter(|(at, _)| dir.starts_with(at))
        .collect();
    // Of two mounts on one point the later hides the earlier; the sort is stable.
    above.sort_by_key(|(at, _)| at.len());
    above.last().map_or("an unknown filesystem", |(_, kind)| kind).to_owned()
}

fn client_version() -> String {
    let output = Command::new("ssh").arg("-V").output();
    output.map_or_else(
        |_| "unknown".into(),
        |output| String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(59), "1970-03-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(11_017), "2000-03-01");
        assert_eq!(date(20_777), "2026-11-20");
        assert_eq!(date(20_818), "2026-12-31");
        assert_eq!(date(20_819), "2027-01-01");
    }
}
