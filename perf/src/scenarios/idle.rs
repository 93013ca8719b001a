//! `idle`: what a session costs that has logged in and does nothing.

use std::rc::Rc;
use std::time::Duration;

use super::watch::watch;
use super::{Contestant, OPENSSH, Scenario, login, with_settings};
use crate::Outcome;
use crate::arguments::Compare;
use crate::cipher::Cipher;
use crate::figures::{Figure, Figures};
use crate::load::idle_sessions;
use crate::peers::{Peer, Running};
use crate::results::{Baseline, Ratio};
use crate::site::Site;

/// The most that others get, whose sessions are mostly processes; also a case that all share.
const PROCESSES_MAX: u32 = 200;
/// Until what a login needed for a moment has been given back.
const SETTLING: Duration = Duration::from_secs(2);

pub(super) struct Idle {
    counts: Vec<u32>,
}

impl Idle {
    pub(super) fn new(compare: &Compare) -> Idle {
        let mut counts = compare.amounts.idle.clone();
        counts.push(PROCESSES_MAX);
        counts.sort_unstable();
        counts.dedup();
        counts.retain(|&count| count > 0);
        Idle { counts }
    }

    /// Room for all of them, and no questions whether they are there: the light client keeps but
    /// the socket of a session.
    fn settings(&self) -> Vec<String> {
        let most = self.counts.iter().max().copied().unwrap_or(1);
        vec![format!("max_connections={}", most + 100), "client_alive_interval=0".into()]
    }
}

impl Scenario for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }

    fn about(&self) -> String {
        format!(
            "Sessions that have logged in and started the SFTP subsystem, then do nothing, on a \
             server started for them. Memory of one: what all processes of the server hold {} \
             seconds after the last login, less what they held before the first, divided (PSS: \
             shared pages count once; the kernel's sockets are not in it unless the column says \
             cgroup). RSS and PSS are peaks during the logins. CPU is for 1,000 of the logins. \
             Other servers get {PROCESSES_MAX}, as most have processes for each session.",
            SETTLING.as_secs()
        )
    }

    fn figures(&self) -> &'static [Figure] {
        &[
            Figure::PssPerSession,
            Figure::CgroupPerSession,
            Figure::CpuPer1000,
            Figure::Wall,
            Figure::Rss,
            Figure::Pss,
        ]
    }

    fn ratios(&self) -> &'static [Ratio] {
        const MEMORY: Ratio = Ratio {
            title: "KiB/session x OpenSSH",
            figure: Figure::PssPerSession,
            baseline: Baseline::Server(OPENSSH),
        };
        &[MEMORY]
    }

    fn cases(&self) -> Vec<String> {
        self.counts.iter().map(|count| format!("{count} sessions")).collect()
    }

    fn contestants(&self, peers: &[Rc<dyn Peer>]) -> Outcome<Vec<Contestant>> {
        with_settings(peers, &self.settings())
    }

    fn lay_out(&self, _site: &Site) -> Outcome<()> {
        Ok(())
    }

    fn spared(&self, case: usize, contestant: &Contestant) -> Option<String> {
        let spared = self.counts[case] > PROCESSES_MAX && !contestant.peer.is_ours();
        spared.then(|| format!("only up to {PROCESSES_MAX}"))
    }

    fn wants_fresh_servers(&self) -> bool {
        true
    }

    fn prepare(&self, site: &Site, _case: usize, server: &Running) -> Outcome<Option<String>> {
        let login = login(site, server, &Cipher::default_choice())?;
        drop(idle_sessions(&login, 1)?);
        server.settle();
        Ok(None)
    }

    #[expect(clippy::cast_precision_loss, reason = "KiB of a machine stay far below 2^52")]
    fn sample(&self, site: &Site, case: usize, server: &Running) -> Outcome<Figures> {
        let count = self.counts[case];
        let login = login(site, server, &Cipher::default_choice())?;
        let held = || (server.group.memory().pss_kib, server.group.cgroup_memory_kib());
        let before = held();
        let (after, mut figures) = watch(server, || {
            let sessions = idle_sessions(&login, count)?;
            std::thread::sleep(SETTLING);
            let after = held();
            if sessions.count() != usize::try_from(count)? {
                return Err(format!("{} of {count} sessions", sessions.count()).into());
            }
            Ok(after)
        })?;
        let each = |after: u64, before: u64| after.saturating_sub(before) as f64 / f64::from(count);
        figures.set(Figure::PssPerSession, each(after.0, before.0));
        if let (Some(after), Some(before)) = (after.1, before.1) {
            figures.set(Figure::CgroupPerSession, each(after, before));
        }
        let wall_s = figures.get(Figure::Wall).unwrap_or_default() - SETTLING.as_secs_f64();
        figures.set(Figure::Wall, wall_s);
        Ok(figures.with_operations(count))
    }
}
