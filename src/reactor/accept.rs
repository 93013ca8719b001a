//! What to do when accept(2) fails: both drivers decide by this table.

use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::limits::{ACCEPT_PAUSE_MAX, ACCEPT_PAUSE_MIN};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// That one connection is lost; the next may be fine.
    Next,
    /// The process or the machine is short of something: tell the caller and try later.
    Pause,
    /// The listener is of no use.
    End,
}

pub(super) fn verdict(errno: Errno) -> Verdict {
    match errno {
        // accept(2): errors already pending on the new connection are passed through.
        Errno::INTR
        | Errno::CONNABORTED
        | Errno::PROTO
        | Errno::NETDOWN
        | Errno::NOPROTOOPT
        | Errno::HOSTDOWN
        | Errno::NONET
        | Errno::HOSTUNREACH
        | Errno::NETUNREACH => Verdict::Next,
        // AGAIN does not come from a listener that is used as documented; pausing bounds the damage
        // where it does. PERM is a firewall's refusal, which may be of this one connection.
        Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::AGAIN | Errno::PERM => {
            Verdict::Pause
        }
        _ => Verdict::End,
    }
}

/// The pauses of one accept operation.
#[derive(Default, Debug)]
pub(super) struct Pause {
    last: Option<Duration>,
    until: Option<Instant>,
}

impl Pause {
    pub(super) fn begin(&mut self, now: Instant) {
        let length = self.last.map_or(ACCEPT_PAUSE_MIN, |last| (last * 2).min(ACCEPT_PAUSE_MAX));
        self.last = Some(length);
        self.until = Some(now + length);
    }

    /// When the pause ends; `None` if none is on.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn end(&mut self) {
        self.until = None;
    }

    /// A connection arrived: the next pause is a short one again.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_start_again_after_a_success() {
        let start = Instant::now();
        let mut pause = Pause::default();
        let mut lengths = Vec::new();
        for _ in 0..7 {
            pause.begin(start);
            lengths.push(pause.until().unwrap() - start);
            pause.end();
            assert_eq!(pause.until(), None);
        }
        let ms: Vec<u128> = lengths.iter().map(Duration::as_millis).collect();
        assert_eq!(ms, [50, 100, 200, 400, 800, 800, 800]);
        pause.forget();
        pause.begin(start);
        assert_eq!(pause.until(), Some(start + ACCEPT_PAUSE_MIN));
    }

    #[test]
    fn a_lost_connection_does_not_end_the_listener() {
        assert_eq!(verdict(Errno::CONNABORTED), Verdict::Next);
        assert_eq!(verdict(Errno::MFILE), Verdict::Pause);
        assert_eq!(verdict(Errno::BADF), Verdict::End);
        assert_eq!(verdict(Errno::INVAL), Verdict::End);
    }
}
