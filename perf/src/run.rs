//! The comparison: one pass that verifies and warms, then the timed rounds. Within a round each
//! scenario and cipher is run on every server before the next, and the order of the servers turns
//! from round to round, so that what the machine does meanwhile hits all of them alike.

use std::process::ExitCode;

use crate::Outcome;
use crate::arguments::{Cipher, Compare, Scenario};
use crate::client::{self, DOWNLOAD, Purpose, UPLOAD};
use crate::host::Host;
use crate::measure::{Cpu, Method};
use crate::peers::{self, Peer, Running};
use crate::report;
use crate::site::{self, BULK, Site};

/// What is measured in one row of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Case {
    pub(crate) scenario: Scenario,
    pub(crate) cipher: Cipher,
}

/// One timed transfer.
pub(crate) struct Sample {
    pub(crate) round: u32,
    pub(crate) server: usize,
    pub(crate) case: usize,
    pub(crate) wall_s: f64,
    pub(crate) cpu: Cpu,
    pub(crate) rss_kib: u64,
    pub(crate) pss_kib: u64,
}

/// A transfer that failed: it stays in the report.
pub(crate) struct Failure {
    pub(crate) server: usize,
    pub(crate) case: usize,
    pub(crate) error: String,
}

/// A server of the report.
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) command_line: String,
    pub(crate) configuration: String,
}

/// All that a report is made of.
pub(crate) struct Results {
    pub(crate) bytes: u64,
    pub(crate) rounds: u32,
    pub(crate) method: Method,
    pub(crate) host: Host,
    pub(crate) servers: Vec<Server>,
    pub(crate) cases: Vec<Case>,
    /// By (server, case): what client and server agreed on.
    pub(crate) agreed: Vec<(usize, usize, String)>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) client_options: String,
}

/// Runs the comparison and writes the report.
pub(crate) fn compare(compare: &Compare) -> Outcome<ExitCode> {
    let method = compare.cpu_method.unwrap_or_else(Method::best);
    let work_dir = match &compare.work_dir {
        Some(dir) => dir.clone(),
        None => std::env::current_exe()?.parent().ok_or("no folder")?.to_owned(),
    };
    let mut peers: Vec<(Box<dyn Peer>, String)> = Vec::new();
    for peer in peers::chosen(compare)? {
        match peer.version() {
            Ok(version) => peers.push((peer, version)),
            Err(error) => eprintln!("SKIPPED {}: {error}", peer.name()),
        }
    }
    if peers.is_empty() {
        return Err("none of the servers is installed".into());
    }
    let host = Host::describe(&work_dir);
    let site = Site::make(&work_dir, compare.bytes())?;
    let running = peers
        .iter()
        .map(|(peer, _)| Running::start(peer.as_ref(), &site, method))
        .collect::<Outcome<Vec<_>>>()?;
    let servers = peers.iter().zip(&running).map(|((peer, version), running)| Server {
        name: peer.name().to_owned(),
        version: format!("{version}; greets `{}`", running.ident),
        command_line: site.shortened(&running.command_line),
        configuration: site.shortened(&running.configuration),
    });
    let no_cipher = Cipher { label: String::new(), ssh_name: None };
    let client_options = client::options(&site, &no_cipher);
    let mut results = Results {
        bytes: compare.bytes(),
        rounds: compare.rounds(),
        method,
        host,
        servers: servers.collect(),
        cases: cases(compare),
        agreed: Vec::new(),
        samples: Vec::new(),
        failures: Vec::new(),
        client_options: site.shortened(&client_options.join(" ")),
    };
    verify_all(&mut results, &site, &running);
    run_rounds(&mut results, &site, &running);
    drop(running);
    let folder = report::write(&results, compare.out.clone(), compare.quick)?;
    println!("{}", report::table(&results));
    println!("written to {}", folder.display());
    Ok(if results.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cases(compare: &Compare) -> Vec<Case> {
    let of = |scenario: &Scenario| {
        let scenario = *scenario;
        compare.ciphers.iter().map(move |cipher| Case { scenario, cipher: cipher.clone() })
    };
    compare.scenarios.iter().flat_map(of).collect()
}

/// Each case once on each server, off the clock: the bytes must arrive, the page cache gets warm,
/// and the report learns which cipher `default` came to. A case that fails is left out of the
/// rounds.
fn verify_all(results: &mut Results, site: &Site, running: &[Running]) {
    for (case, wanted) in results.cases.clone().iter().enumerate() {
        for (server, running) in running.iter().enumerate() {
            match verify(site, running, wanted) {
                Ok(cipher) => results.agreed.push((server, case, cipher)),
                Err(error) => {
                    let error = format!("{error}; its log: {}", last_lines(running));
                    eprintln!("{}: {}: {error}", results.servers[server].name, title(wanted));
                    results.failures.push(Failure { server, case, error });
                }
            }
        }
    }
}

fn verify(site: &Site, running: &Running, case: &Case) -> Outcome<String> {
    let (scenario, cipher) = (case.scenario, &case.cipher);
    let arrived = match scenario {
        Scenario::Get => site.path(DOWNLOAD),
        Scenario::Put => site.served_file(UPLOAD),
    };
    let transfer = client::transfer(site, running, scenario, cipher, Purpose::Verify)?;
    site::expect_same(&site.served_file(BULK), &arrived)?;
    std::fs::remove_file(arrived)?;
    running.settle();
    Ok(transfer.agreed_cipher.unwrap_or_else(|| "unknown".into()))
}

fn last_lines(running: &Running) -> String {
    let log = std::fs::read_to_string(&running.log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}

fn run_rounds(results: &mut Results, site: &Site, running: &[Running]) {
    for round in 0..results.rounds {
        for (case, wanted) in results.cases.clone().iter().enumerate() {
            for turn in 0..running.len() {
                let server = (turn + usize::try_from(round).unwrap_or(0)) % running.len();
                if results.failures.iter().any(|f| f.server == server && f.case == case) {
                    continue;
                }
                match measure(site, &running[server], wanted) {
                    Ok(mut sample) => {
                        (sample.round, sample.server, sample.case) = (round, server, case);
                        eprintln!(
                            "round {} {}: {}: {:.2} s, {:.2} s of server CPU",
                            round + 1,
                            title(wanted),
                            results.servers[server].name,
                            sample.wall_s,
                            sample.cpu.total_s()
                        );
                        results.samples.push(sample);
                    }
                    Err(error) => {
                        let error = error.to_string();
                        results.failures.push(Failure { server, case, error });
                    }
                }
            }
        }
    }
}

fn measure(site: &Site, running: &Running, case: &Case) -> Outcome<Sample> {
    let before = running.group.cpu()?;
    let sampler = running.group.sample_memory();
    let transfer = client::transfer(site, running, case.scenario, &case.cipher, Purpose::Timed);
    let peak = sampler.stop();
    running.settle();
    let cpu = running.group.cpu()?.since(before);
    if case.scenario == Scenario::Put {
        // Before its pages are written back, and before the next server's turn.
        std::fs::remove_file(site.served_file(UPLOAD))?;
    }
    let wall_s = transfer?.wall.as_secs_f64();
    let (rss_kib, pss_kib) = (peak.rss_kib, peak.pss_kib);
    Ok(Sample { round: 0, server: 0, case: 0, wall_s, cpu, rss_kib, pss_kib })
}

/// A case in words.
pub(crate) fn title(case: &Case) -> String {
    format!("{} {}", case.scenario.name(), case.cipher.label)
}
