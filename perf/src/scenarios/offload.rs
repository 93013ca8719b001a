//! `offload`: our server twice, with crypto threads and without, where the cipher is the
//! bottleneck.

use std::rc::Rc;

use super::load::{CHACHA_SINK_BYTES_MAX, Flow};
use super::{Contestant, Scenario};
use crate::Outcome;
use crate::arguments::Compare;
use crate::cipher::Cipher;
use crate::client::Direction;
use crate::figures::{Figure, Figures};
use crate::peers::{Peer, Running};
use crate::results::{Baseline, Ratio};
use crate::site::{BULK, Site};

/// The names of the two, and what each is told.
const OFF: (&str, &str) = ("offload off", "crypto_threads=0");
const ON: (&str, &str) = ("offload on", "crypto_threads=1");

pub(super) struct Offload {
    flow: Flow,
    /// Of the served file, which other scenarios take whole.
    file_bytes: u64,
}

impl Offload {
    pub(super) fn new(compare: &Compare) -> Offload {
        let cipher = "chacha20-poly1305@openssh.com".to_owned();
        let label = "chacha20-poly1305".to_owned();
        let flow = Flow {
            direction: Direction::Get,
            cipher: Cipher { label, ssh_name: Some(cipher), mac: None },
            streams: 1,
            bytes: compare.bytes().min(CHACHA_SINK_BYTES_MAX),
            request_bytes: u32::try_from(compare.amounts.request_size).unwrap_or(u32::MAX),
            sink: true,
        };
        Offload { flow, file_bytes: compare.bytes() }
    }
}

impl Scenario for Offload {
    fn name(&self) -> &'static str {
        "offload"
    }

    fn about(&self) -> String {
        format!(
            "One download of {} MiB with the sink of `load-get`, from our server with \
             `{}` and with `{}`.",
            self.flow.bytes >> 20,
            OFF.1,
            ON.1
        )
    }

    fn figures(&self) -> &'static [Figure] {
        &[Figure::MbPerS, Figure::CpuPerGib, Figure::Wall, Figure::Rss, Figure::Pss]
    }

    fn ratios(&self) -> &'static [Ratio] {
        const SPEED: Ratio = Ratio {
            title: "MB/s x off",
            figure: Figure::MbPerS,
            baseline: Baseline::Server(OFF.0),
        };
        const CPU: Ratio = Ratio {
            title: "CPU x off",
            figure: Figure::CpuPerGib,
            baseline: Baseline::Server(OFF.0),
        };
        &[SPEED, CPU]
    }

    fn cases(&self) -> Vec<String> {
        vec!["chacha20-poly1305, 1 stream, sink".into()]
    }

    fn contestants(&self, peers: &[Rc<dyn Peer>]) -> Outcome<Vec<Contestant>> {
        let ours =
            peers.iter().find(|peer| peer.is_ours()).ok_or("ours is not among the servers")?;
        let contestant = |(name, setting): (&str, &str)| {
            let settings = vec![setting.to_owned()];
            ours.accepts(&settings).map_err(|error| format!("our server says: {error}"))?;
            let peer = Rc::clone(ours);
            Ok(Contestant { name: name.to_owned(), peer, settings, only_case: None })
        };
        [OFF, ON].into_iter().map(contestant).collect()
    }

    fn lay_out(&self, site: &Site) -> Outcome<()> {
        site.serve_file(BULK, self.file_bytes)
    }

    fn prepare(&self, site: &Site, _case: usize, server: &Running) -> Outcome<Option<String>> {
        // Not the sink: this one answers every packet, and sees that each opens.
        let flow = Flow { sink: false, ..self.flow.clone() };
        flow.measure(site, server).map(|_| None)
    }

    fn sample(&self, site: &Site, _case: usize, server: &Running) -> Outcome<Figures> {
        self.flow.measure(site, server)
    }
}
