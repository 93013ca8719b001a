//! `delay`: OpenSSH's `sftp` over a link with a long way, where speed is what may be under way.

use std::time::Duration;

use super::watch::watch;
use super::{MB_PER_S, Scenario};
use crate::Outcome;
use crate::arguments::Compare;
use crate::cipher::Cipher;
use crate::client::{Direction, Program, Transfer, upload_name};
use crate::figures::{Figure, Figures};
use crate::load::DelayProxy;
use crate::peers::Running;
use crate::results::Ratio;
use crate::site::Site;

/// The served file.
const FILE: &str = "delay.bin";
/// A small one, whose bytes are compared: the way there and back is what it takes.
const SMALL_FILE: &str = "delay-small.bin";
const SMALL_BYTES: u64 = 1 << 20;

pub(super) struct Delay {
    cases: Vec<(Direction, Duration)>,
    cipher: Cipher,
    bytes: u64,
}

impl Delay {
    pub(super) fn new(compare: &Compare) -> Delay {
        let amounts = &compare.amounts;
        let both = |&millis: &u32| {
            let there_and_back = Duration::from_millis(millis.into());
            [Direction::Put, Direction::Get].map(|direction| (direction, there_and_back))
        };
        let cases = amounts.delays.iter().flat_map(both).collect();
        Delay { cases, cipher: Cipher::default_choice(), bytes: amounts.delay_size }
    }

    /// Runs `act` with a transfer through a proxy that delays.
    fn through_proxy<T>(
        &self,
        (site, case, server): (&Site, usize, &Running),
        file: &str,
        act: impl FnOnce(&Transfer) -> Outcome<T>,
    ) -> Outcome<T> {
        let (direction, there_and_back) = self.cases[case];
        let proxy = DelayProxy::start(server.address(), there_and_back / 2)?;
        let address = proxy.address();
        let transfer = Transfer {
            site,
            server,
            address,
            program: Program::Sftp,
            direction,
            cipher: &self.cipher,
            file,
            upload: upload_name(site),
        };
        act(&transfer)
    }
}

impl Scenario for Delay {
    fn name(&self) -> &'static str {
        "delay"
    }

    fn about(&self) -> String {
        format!(
            "One transfer of {} MiB with OpenSSH's `sftp` (default cipher) through a proxy of this \
             harness that holds every byte back without a bound on bandwidth. The delay named is \
             there and back: each way takes half of it. Login, some ten times there and back, is \
             part of the time.",
            self.bytes >> 20
        )
    }

    fn figures(&self) -> &'static [Figure] {
        &[Figure::MbPerS, Figure::Wall, Figure::CpuPerGib, Figure::Rss, Figure::Pss]
    }

    fn ratios(&self) -> &'static [Ratio] {
        &[MB_PER_S]
    }

    fn cases(&self) -> Vec<String> {
        let label = |(direction, there_and_back): &(Direction, Duration)| {
            format!("{}, {} ms", direction.name(), there_and_back.as_millis())
        };
        self.cases.iter().map(label).collect()
    }

    fn lay_out(&self, site: &Site) -> Outcome<()> {
        site.serve_file(SMALL_FILE, SMALL_BYTES)?;
        site.serve_file(FILE, self.bytes)
    }

    fn prepare(&self, site: &Site, case: usize, server: &Running) -> Outcome<Option<String>> {
        self.through_proxy((site, case, server), SMALL_FILE, |transfer| transfer.verify())?;
        server.settle();
        Ok(None)
    }

    fn sample(&self, site: &Site, case: usize, server: &Running) -> Outcome<Figures> {
        self.through_proxy((site, case, server), FILE, |transfer| {
            let watched = watch(server, || transfer.run());
            transfer.clear()?;
            Ok(watched?.1.with_bytes(self.bytes))
        })
    }
}
