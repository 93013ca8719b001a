//! `load-get` and `load-put`: the same file in parallel streams with the light client of `load`,
//! and the bare loop beside them.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::watch::watch;
use super::{CPU_PER_GIB, Contestant, MB_PER_S, Scenario, as_they_are, login};
use crate::Outcome;
use crate::arguments::Compare;
use crate::cipher::Cipher;
use crate::client::Direction;
use crate::figures::{Figure, Figures};
use crate::load::{self, CeilingRun, Load, ceiling};
use crate::peers::{CEILING, Ceiling, Peer, Running};
use crate::results::{Baseline, Ratio};
use crate::site::{self, BULK, Site};

/// What uploads are called on the server, with numbers behind it that are used once: a server may
/// keep names in memory.
const UPLOAD: &str = "load-put.";
/// Where a download goes that is compared.
const DOWNLOAD: &str = "load-get.bin";
/// Requests under way at once in a stream: OpenSSH's number.
const OUTSTANDING: usize = 64;
/// What a case moves before the clock runs.
const WARMING_BYTES_MAX: u64 = 64 << 20;

/// A sink of chacha20-poly1305 takes no more on one stream: keys are exchanged after 1 GiB of it,
/// whatever a server is told, and a sink does not answer.
pub(super) const CHACHA_SINK_BYTES_MAX: u64 = 960 << 20;

/// Streams that go at once, alike.
#[derive(Clone)]
pub(super) struct Flow {
    pub(super) direction: Direction,
    pub(super) cipher: Cipher,
    pub(super) streams: u32,
    /// Of each stream.
    pub(super) bytes: u64,
    pub(super) request_bytes: u32,
    /// Downloads that are counted and never opened.
    pub(super) sink: bool,
}

impl Flow {
    /// What the client needs to know to do this at a server.
    pub(super) fn bulk(&self, site: &Site, server: &Running) -> Outcome<load::Bulk> {
        let remote = |_| match self.direction {
            Direction::Get => server.remote(BULK),
            Direction::Put => server.remote(&format!("{UPLOAD}{}", site.number())),
        };
        Ok(load::Bulk {
            login: login(site, server, &self.cipher)?,
            direction: self.direction,
            remote: (0..self.streams).map(remote).collect(),
            local: match self.direction {
                Direction::Get => None,
                Direction::Put => Some(site.served_file(BULK)),
            },
            bytes: self.bytes,
            request_bytes: self.request_bytes.min(server.read_bytes_max),
            outstanding: OUTSTANDING,
            skip_decryption: self.sink,
            tail: load::TAIL,
        })
    }

    /// Moves everything and watches the server meanwhile. Logins are over before it begins.
    pub(super) fn measure(&self, site: &Site, server: &Running) -> Outcome<Figures> {
        measure(&self.bulk(site, server)?, server)
    }

    /// The same with the bare loop instead of a server.
    fn measure_ceiling(&self, site: &Site, server: &Running) -> Outcome<Figures> {
        let run = CeilingRun {
            address: server.address(),
            direction: self.direction,
            cipher: self.cipher.clone(),
            streams: usize::try_from(self.streams)?,
            bytes: self.bytes,
            local: site.served_file(BULK),
        };
        let (load, figures) = watch(server, || ceiling(&run))?;
        Ok(with_load(figures, &load))
    }

    fn label(&self) -> String {
        let plural = if self.streams == 1 { "" } else { "s" };
        let sink = match (self.direction, self.sink) {
            (Direction::Get, true) => ", sink",
            (Direction::Get, false) => ", decrypting",
            (Direction::Put, _) => "",
        };
        format!("{}, {} stream{plural}{sink}", self.cipher.label, self.streams)
    }
}

fn measure(bulk: &load::Bulk, server: &Running) -> Outcome<Figures> {
    let prepared = load::prepare(bulk)?;
    let (load, figures) = watch(server, || prepared.run())?;
    Ok(with_load(figures, &load))
}

/// Where a file of the served folder that a client names lies.
fn served(site: &Site, remote: &str) -> PathBuf {
    site.served_file(remote.rsplit('/').next().unwrap_or(remote))
}

/// The client's own clock is the better one: it begins with the first request.
fn with_load(mut figures: Figures, load: &Load) -> Figures {
    figures.set(Figure::Wall, load.wall.as_secs_f64());
    figures.with_bytes(load.bytes)
}

pub(super) struct Streams {
    direction: Direction,
    flows: Vec<Flow>,
    bytes: u64,
}

impl Streams {
    pub(super) fn new(direction: Direction, compare: &Compare) -> Streams {
        let amounts = &compare.amounts;
        // The light client has no preference that stands for anybody's.
        let ciphers = compare.ciphers().into_iter().filter(|cipher| cipher.ssh_name.is_some());
        let flow = |cipher: &Cipher, streams: u32, sink: bool| {
            let chacha_sink = sink && cipher.label.starts_with("chacha20");
            let most = if chacha_sink { CHACHA_SINK_BYTES_MAX } else { u64::MAX };
            Flow {
                direction,
                cipher: cipher.clone(),
                streams,
                bytes: most.min(compare.bytes() / u64::from(streams.max(1))),
                request_bytes: u32::try_from(amounts.request_size).unwrap_or(u32::MAX),
                sink,
            }
        };
        let sink = direction == Direction::Get;
        let mut flows = Vec::new();
        for (number, cipher) in ciphers.enumerate() {
            let every = number == 0 || amounts.cross;
            let counts = if every { amounts.streams.len() } else { 1 };
            for &streams in amounts.streams.iter().take(counts) {
                flows.push(flow(&cipher, streams, sink));
                if sink && amounts.decrypt {
                    flows.push(flow(&cipher, streams, false));
                }
            }
        }
        Streams { direction, flows, bytes: compare.bytes() }
    }

    /// The bare loop of each case that is not about the client: it has no need to decrypt.
    fn ceilings(&self) -> Vec<Contestant> {
        let plain = |flow: &Flow| flow.sink == (flow.direction == Direction::Get);
        let cases = self.flows.iter().enumerate().filter(|(_, flow)| plain(flow));
        let contestant = |(case, flow): (usize, &Flow)| Contestant {
            name: CEILING.into(),
            peer: Rc::new(Ceiling {
                direction: flow.direction,
                cipher: flow.cipher.clone(),
                streams: flow.streams,
                file: match flow.direction {
                    Direction::Get => BULK.into(),
                    Direction::Put => format!("{UPLOAD}{CEILING}"),
                },
                bytes: flow.bytes,
            }),
            settings: Vec::new(),
            only_case: Some(case),
        };
        cases.map(contestant).collect()
    }

    /// Removes what was uploaded, also by a case that failed.
    fn clear(&self, site: &Site) -> Outcome<()> {
        if self.direction == Direction::Put {
            for entry in std::fs::read_dir(site.served())? {
                let entry = entry?;
                if entry.file_name().to_string_lossy().starts_with(UPLOAD) {
                    std::fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }

    /// Moves a little of it, and compares what arrives.
    fn warm(&self, site: &Site, case: usize, server: &Running) -> Outcome<()> {
        let mut flow = self.flows[case].clone();
        flow.bytes = flow.bytes.min(WARMING_BYTES_MAX / u64::from(flow.streams)).max(1);
        let bulk = flow.bulk(site, server)?;
        measure(&bulk, server)?;
        let sent = site.served_file(BULK);
        let same = |arrived: &Path| site::expect_start_of(&sent, arrived, flow.bytes);
        match self.direction {
            Direction::Get => {
                let arrived = site.path(DOWNLOAD);
                let one = Flow { streams: 1, sink: false, ..flow.clone() };
                let kept = load::Bulk { local: Some(arrived.clone()), ..one.bulk(site, server)? };
                load::bulk(&kept)?;
                same(&arrived)?;
                Ok(std::fs::remove_file(arrived)?)
            }
            Direction::Put => bulk.remote.iter().try_for_each(|remote| same(&served(site, remote))),
        }
    }
}

impl Scenario for Streams {
    fn name(&self) -> &'static str {
        match self.direction {
            Direction::Get => "load-get",
            Direction::Put => "load-put",
        }
    }

    fn about(&self) -> String {
        let mib = self.bytes >> 20;
        let requests = self.flows.first().map_or(0, |flow| flow.request_bytes >> 10);
        let how = match self.direction {
            Direction::Get => {
                "A *sink* asks for everything at once and only counts the bytes that come, without \
                 decrypting them, so that the server has nearly the machine for itself; \
                 *decrypting* opens every packet. A sink of chacha20-poly1305 takes no more than \
                 960 MiB, as keys are exchanged after 1 GiB of it. An untimed pass keeps and \
                 compares the first bytes."
            }
            Direction::Put => {
                "The client seals and sends, and reads every status; the files are then removed. \
                 The first bytes of each are compared in an untimed pass. What feeds the bare \
                 loop reads nothing back, so what a server is short of its MB/s is not all the \
                 server's."
            }
        };
        format!(
            "{mib} MiB in all, divided among the streams (a connection each), with the light \
             client of this harness: requests of {requests} KiB (less where a server answers no \
             more at once), {OUTSTANDING} under way at once. {how} Logins are over \
             before the clock and the CPU count begin. `{CEILING}` is no server but the bare loop \
             of {loops} on the same file and cipher, in a thread a stream.",
            loops = match self.direction {
                Direction::Get => "read, seal, send",
                Direction::Put => "receive, open, write",
            }
        )
    }

    fn figures(&self) -> &'static [Figure] {
        &[Figure::CpuPerGib, Figure::MbPerS, Figure::Wall, Figure::Rss, Figure::Pss]
    }

    fn ratios(&self) -> &'static [Ratio] {
        const CPU: Ratio = Ratio {
            title: "CPU x ceiling",
            figure: Figure::CpuPerGib,
            baseline: Baseline::Server(CEILING),
        };
        const SPEED: Ratio = Ratio {
            title: "MB/s x ceiling",
            figure: Figure::MbPerS,
            baseline: Baseline::Server(CEILING),
        };
        const STREAMS: Ratio =
            Ratio { title: "MB/s x 1 stream", figure: Figure::MbPerS, baseline: Baseline::Case };
        &[CPU_PER_GIB, MB_PER_S, CPU, SPEED, STREAMS]
    }

    /// The same with one stream.
    fn reference(&self, case: usize) -> Option<usize> {
        let flow = &self.flows[case];
        let alike = |other: &Flow| other.cipher == flow.cipher && other.sink == flow.sink;
        self.flows.iter().position(|other| other.streams == 1 && alike(other))
    }

    fn cases(&self) -> Vec<String> {
        self.flows.iter().map(Flow::label).collect()
    }

    fn contestants(&self, peers: &[Rc<dyn Peer>]) -> Outcome<Vec<Contestant>> {
        let mut contestants = as_they_are(peers);
        contestants.extend(self.ceilings());
        Ok(contestants)
    }

    fn lay_out(&self, site: &Site) -> Outcome<()> {
        site.serve_file(BULK, self.bytes)
    }

    fn prepare(&self, site: &Site, case: usize, server: &Running) -> Outcome<Option<String>> {
        if server.name == CEILING {
            // It moves the bytes it was started with and no fewer.
            let outcome = self.flows[case].measure_ceiling(site, server);
            self.clear(site)?;
            return outcome.map(|_| None);
        }
        let outcome = self.warm(site, case, server);
        self.clear(site)?;
        outcome.map(|()| None)
    }

    fn sample(&self, site: &Site, case: usize, server: &Running) -> Outcome<Figures> {
        let flow = &self.flows[case];
        let outcome = match server.name.as_str() {
            CEILING => flow.measure_ceiling(site, server),
            _ => flow.measure(site, server),
        };
        self.clear(site)?;
        outcome
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::Arguments;

    fn streams(direction: Direction, words: &[&str]) -> Streams {
        let line = ["perf", "--size", "64M", "--ciphers", "default,aes128-gcm,aes128-ctr+etm"];
        let line = line.iter().chain(words);
        Streams::new(direction, &Arguments::try_parse_from(line).unwrap().compare)
    }

    #[test]
    fn the_first_cipher_gets_every_number_of_streams() {
        let puts = streams(Direction::Put, &["--streams", "1,64"]);
        let cases = ["aes128-gcm, 1 stream", "aes128-gcm, 64 streams", "aes128-ctr+etm, 1 stream"];
        assert_eq!(puts.cases(), cases);
        assert_eq!(puts.flows[1].bytes, 1 << 20, "they share the bytes");
        let gets = streams(Direction::Get, &["--streams", "1,2", "--cross", "--decrypt"]);
        assert_eq!(gets.cases().len(), 8);
        assert_eq!(
            gets.cases()[..2],
            ["aes128-gcm, 1 stream, sink", "aes128-gcm, 1 stream, decrypting"]
        );
        let references: Vec<_> = (0..8).map(|case| gets.reference(case)).collect();
        assert_eq!(references, [0, 1, 0, 1, 4, 5, 4, 5].map(Some));
        assert_eq!(streams(Direction::Put, &["--streams", "2"]).reference(0), None);
    }

    #[test]
    fn a_sink_ends_before_keys_are_exchanged() {
        let bytes = |direction, ciphers| {
            let line = ["perf", "--size", "1G", "--streams", "1,2", "--ciphers", ciphers];
            let compare = Arguments::try_parse_from(line).unwrap().compare;
            let streams = Streams::new(direction, &compare);
            streams.flows.iter().map(|flow| flow.bytes >> 20).collect::<Vec<_>>()
        };
        assert_eq!(bytes(Direction::Get, "chacha20-poly1305"), [960, 512]);
        assert_eq!(bytes(Direction::Get, "aes128-gcm"), [1024, 512]);
        assert_eq!(bytes(Direction::Put, "chacha20-poly1305"), [1024, 512]);
    }

    #[test]
    fn a_ceiling_stands_beside_each_number_of_streams() {
        let gets = streams(Direction::Get, &["--streams", "1,8", "--decrypt"]);
        let ceilings = gets.ceilings();
        let only: Vec<_> = ceilings.iter().map(|ceiling| ceiling.only_case).collect();
        assert_eq!(only, [Some(0), Some(2), Some(4)], "none where the client decrypts");
        assert!(ceilings[2].plays(4) && !ceilings[2].plays(0));
        let logs: std::collections::BTreeSet<_> =
            ceilings.iter().map(|ceiling| ceiling.peer.log_name()).collect();
        assert_eq!(logs.len(), ceilings.len());
    }
}
