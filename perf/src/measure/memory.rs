//! Peak memory of a group, sampled while a transfer runs.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Members;

/// Often enough for transfers of a second.
const PAUSE_MIN: Duration = Duration::from_millis(25);
/// Pauses are so many times as long as the last look took: the kernel walks the page tables of
/// every process for it, and a server with hundreds of them would lose a core to us.
const PAUSE_LOOKS: u32 = 50;

/// The highest sums over all processes of a group that were seen at one moment, in KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Peak {
    /// Resident pages; a page that two processes share counts twice.
    pub(crate) rss_kib: u64,
    /// The same with shared pages divided among their processes: what a forking server really
    /// takes.
    pub(crate) pss_kib: u64,
}

/// A thread that watches; [`Sampler::stop`] ends it.
pub(crate) struct Sampler {
    stop: Sender<()>,
    thread: JoinHandle<Peak>,
}

impl Sampler {
    pub(super) fn start(members: Members) -> Sampler {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut peak = Peak::default();
            let mut look = || {
                let start = Instant::now();
                let now = sum(&members.list());
                peak.rss_kib = peak.rss_kib.max(now.rss_kib);
                peak.pss_kib = peak.pss_kib.max(now.pss_kib);
                start.elapsed()
            };
            let mut took = look();
            while stopped.recv_timeout(pause(took)) == Err(RecvTimeoutError::Timeout) {
                took = look();
            }
            look();
            peak
        });
        Sampler { stop, thread }
    }

    pub(crate) fn stop(self) -> Peak {
        // A pause may be long: it ends at once.
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }
}

/// The pause after a look that took so long.
fn pause(took: Duration) -> Duration {
    (took * PAUSE_LOOKS).max(PAUSE_MIN)
}

pub(super) fn sum(pids: &[u32]) -> Peak {
    let mut sum = Peak::default();
    for pid in pids {
        // Not readable for another user's process: then the plain figure stands for both.
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
        let status = || std::fs::read_to_string(format!("/proc/{pid}/status"));
        let text = rollup.or_else(|_| status()).unwrap_or_default();
        let rss = kib(&text, "Rss:").or_else(|| kib(&text, "VmRSS:")).unwrap_or(0);
        sum.rss_kib += rss;
        sum.pss_kib += kib(&text, "Pss:").unwrap_or(rss);
    }
    sum
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_take_a_fiftieth_of_the_time_at_most() {
        assert_eq!(pause(Duration::from_micros(100)), PAUSE_MIN);
        assert_eq!(pause(Duration::from_millis(40)), Duration::from_secs(2));
    }

    #[test]
    fn own_memory_is_seen() {
        let sampler = Sampler::start(Members::Below(std::process::id()));
        assert_eq!(sampler.stop(), Peak::default(), "this process has no children");
        let own = sum(&[std::process::id()]);
        assert!(own.rss_kib > 100 && own.pss_kib > 100 && own.pss_kib <= own.rss_kib, "{own:?}");
        let filled = std::hint::black_box(vec![1_u8; 32 << 20]);
        let grown = sum(&[std::process::id()]).rss_kib.saturating_sub(own.rss_kib);
        assert!((30_000..60_000).contains(&grown), "{grown} KiB for {} bytes", filled.len());
    }
}
