//! `stat`: how long one small answer takes, alone and while two others download all they can.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::load::Flow;
use super::watch::watch;
use super::{OPENSSH, Scenario, login};
use crate::Outcome;
use crate::arguments::Compare;
use crate::cipher::Cipher;
use crate::client::{self, Direction};
use crate::figures::{Figure, Figures};
use crate::load::{self, StatRun};
use crate::peers::Running;
use crate::results::{Baseline, Ratio};
use crate::site::{BULK, Site};
use crate::statistics::percentile;

/// From one STAT to the next, whatever the answers do: a session that is used, not one that floods.
const INTERVAL: Duration = Duration::from_millis(2);
/// Downloads beside it.
const DOWNLOADS: u32 = 2;
/// Until downloads have logged in and their windows have opened.
const RUN_UP: Duration = Duration::from_millis(700);
/// STATs before the clock runs.
const WARMING: u32 = 50;

/// What goes on beside the STATs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    Sftp,
    Sinks,
}

const CASES: [Beside; 3] = [Beside::Nothing, Beside::Sftp, Beside::Sinks];

pub(super) struct Stat {
    count: u32,
    bytes: u64,
    request_bytes: u32,
}

impl Stat {
    pub(super) fn new(compare: &Compare) -> Stat {
        let request_bytes = u32::try_from(compare.amounts.request_size).unwrap_or(u32::MAX);
        Stat { count: compare.amounts.stats, bytes: compare.bytes(), request_bytes }
    }

    fn run(&self, site: &Site, server: &Running, count: u32) -> Outcome<Vec<Duration>> {
        let run = StatRun {
            login: login(site, server, &Cipher::default_choice())?,
            path: server.remote(BULK),
            count,
            interval: Some(INTERVAL),
        };
        load::stat_latency(&run)
    }

    fn beside_sftp(&self, site: &Site, server: &Running) -> Outcome<Vec<Duration>> {
        let cipher = Cipher::default_choice();
        let start = || client::Loop::start(site, server, &cipher, BULK);
        let mut loops = (0..DOWNLOADS).map(|_| start()).collect::<Outcome<Vec<_>>>()?;
        std::thread::sleep(RUN_UP);
        let times = self.run(site, server, self.count)?;
        if loops.iter_mut().all(client::Loop::runs) {
            return Ok(times);
        }
        Err("a download ended before the last STAT: give it a larger --size".into())
    }

    fn beside_sinks(&self, site: &Site, server: &Running) -> Outcome<Vec<Duration>> {
        let flow = Flow {
            direction: Direction::Get,
            cipher: Cipher::default_choice(),
            streams: 1,
            bytes: self.bytes,
            request_bytes: self.request_bytes,
            sink: true,
        };
        let bulk = load::Bulk { tail: load::TAIL_UNTIMED, ..flow.bulk(site, server)? };
        let stop = AtomicBool::new(false);
        let again = || -> Outcome<()> {
            while !stop.load(Ordering::Relaxed) {
                load::bulk(&bulk)?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let sinks: Vec<_> = (0..DOWNLOADS).map(|_| scope.spawn(again)).collect();
            std::thread::sleep(RUN_UP);
            let times = self.run(site, server, self.count);
            stop.store(true, Ordering::Relaxed);
            for sink in sinks {
                sink.join().map_err(|_| "a sink panicked")??;
            }
            times
        })
    }
}

impl Scenario for Stat {
    fn name(&self) -> &'static str {
        "stat"
    }

    fn about(&self) -> String {
        format!(
            "{} STATs of one file with the light client, one each {} ms whether the one before was \
             answered or not, so that a stall counts for as long as it lasts: alone, while \
             {DOWNLOADS} of OpenSSH's `sftp` download {} MiB again \
             and again, and while {DOWNLOADS} sinks of `load-get` do, which take more than \
             OpenSSH's client can.",
            self.count,
            INTERVAL.as_millis(),
            self.bytes >> 20
        )
    }

    fn figures(&self) -> &'static [Figure] {
        &[Figure::P50, Figure::P99]
    }

    fn ratios(&self) -> &'static [Ratio] {
        const P99: Ratio = Ratio {
            title: "p99 x OpenSSH",
            figure: Figure::P99,
            baseline: Baseline::Server(OPENSSH),
        };
        const P50: Ratio = Ratio {
            title: "p50 x OpenSSH",
            figure: Figure::P50,
            baseline: Baseline::Server(OPENSSH),
        };
        &[P99, P50]
    }

    fn cases(&self) -> Vec<String> {
        let label = |beside: &Beside| match beside {
            Beside::Nothing => "alone".to_owned(),
            Beside::Sftp => format!("beside {DOWNLOADS} sftp get"),
            Beside::Sinks => format!("beside {DOWNLOADS} sinks"),
        };
        CASES.iter().map(label).collect()
    }

    fn lay_out(&self, site: &Site) -> Outcome<()> {
        site.serve_file(BULK, self.bytes)
    }

    fn prepare(&self, site: &Site, _case: usize, server: &Running) -> Outcome<Option<String>> {
        self.run(site, server, WARMING).map(|_| None)
    }

    fn sample(&self, site: &Site, case: usize, server: &Running) -> Outcome<Figures> {
        let (times, mut figures) = watch(server, || match CASES[case] {
            Beside::Nothing => self.run(site, server, self.count),
            Beside::Sftp => self.beside_sftp(site, server),
            Beside::Sinks => self.beside_sinks(site, server),
        })?;
        for (figure, share) in [(Figure::P50, 0.5), (Figure::P99, 0.99)] {
            let time = percentile(&times, share).ok_or("no STAT was answered")?;
            figures.set(figure, time.as_secs_f64() * 1e3);
        }
        Ok(figures)
    }
}
