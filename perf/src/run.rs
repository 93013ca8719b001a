//! The comparison: scenario by scenario, and within one the timed rounds, in which each case is run
//! on every server before the next case. The order of the servers turns from round to round, so
//! that what the machine does meanwhile hits all of them alike. Servers live as long as their
//! scenario, so that no scenario sees what another left in them.

use std::process::ExitCode;
use std::rc::Rc;

use crate::Outcome;
use crate::arguments::Compare;
use crate::client;
use crate::cores::Cores;
use crate::figures::Figures;
use crate::host::Host;
use crate::measure::Method;
use crate::peers::{self, Peer, Running};
use crate::report;
use crate::results::{Absence, Cause, Part, Results, Sample, Server};
use crate::scenarios::{self, Contestant, Scenario};
use crate::site::Site;

/// Runs the comparison and writes the report.
pub(crate) fn compare(compare: &Compare) -> Outcome<ExitCode> {
    let method = compare.cpu_method.unwrap_or_else(Method::best);
    let work_dir = match &compare.work_dir {
        Some(dir) => dir.clone(),
        None => std::env::current_exe()?.parent().ok_or("no folder")?.to_owned(),
    };
    // Servers that go to a folder of their own need names that hold there too.
    let named = |error| format!("{}: {error}", work_dir.display());
    let work_dir = work_dir.canonicalize().map_err(named)?;
    let host = Host::describe(&work_dir);
    let (installed, skipped) = installed(peers::chosen(compare)?);
    if installed.is_empty() {
        return Err("none of the servers is installed".into());
    }
    if let Some(cores) = compare.cores {
        cores.be_client()?;
    }
    let site = Site::make(&work_dir)?;
    let mut results = Results {
        rounds: compare.rounds(),
        method,
        host,
        arguments: std::env::args().skip(1).collect(),
        client_options: site.shortened(&client::options(&site).join(" ")),
        skipped,
        parts: Vec::new(),
    };
    let folder = report::folder(&results.host, compare.out.as_deref(), compare.quick);
    for scenario in scenarios::chosen(compare) {
        let stage = Stage { site: &site, method, rounds: compare.rounds(), cores: compare.cores };
        match play(&stage, scenario.as_ref(), &installed) {
            Ok(part) => results.parts.push(part),
            Err(error) => {
                eprintln!("SKIPPED {}: {error}", scenario.name());
                results.skipped.push((scenario.name().to_owned(), error.to_string()));
            }
        }
        // After each, so that a run that is cut short leaves what it has.
        report::write(&results, &folder)?;
    }
    println!("{}", report::tables(&results));
    println!("written to {}", folder.display());
    let failed = |part: &Part| part.absences.iter().any(|absence| absence.cause == Cause::Failed);
    let failed = results.parts.iter().any(failed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A peer that is there, with its version.
type Installed = (Rc<dyn Peer>, String);

/// Tells the peers that are there from those that are not, with the reason.
fn installed(peers: Vec<Rc<dyn Peer>>) -> (Vec<Installed>, Vec<(String, String)>) {
    let (mut installed, mut skipped) = (Vec::new(), Vec::new());
    for peer in peers {
        match peer.version() {
            Ok(version) => installed.push((peer, version)),
            Err(error) => {
                eprintln!("SKIPPED {}: {error}", peer.name());
                skipped.push((peer.name().to_owned(), error.to_string()));
            }
        }
    }
    (installed, skipped)
}

/// What all scenarios of a run share.
struct Stage<'a> {
    site: &'a Site,
    method: Method,
    rounds: u32,
    cores: Option<Cores>,
}

impl Stage<'_> {
    fn start(&self, contestant: &Contestant) -> Outcome<Running> {
        let Contestant { name, peer, settings, .. } = contestant;
        let start = || Running::start(name, peer.as_ref(), settings, self.site, self.method);
        match self.cores {
            Some(cores) => cores.start_server(start),
            None => start(),
        }
    }
}

/// A contestant and where it stands in the report: those of one name share a row.
struct Actor {
    contestant: Contestant,
    server: usize,
    /// `None` if it did not start.
    running: Option<Running>,
}

/// One scenario with all its servers and rounds.
fn play(stage: &Stage, scenario: &dyn Scenario, installed: &[Installed]) -> Outcome<Part> {
    let peers: Vec<_> = installed.iter().map(|(peer, _)| Rc::clone(peer)).collect();
    let contestants = scenario.contestants(&peers)?;
    scenario.lay_out(stage.site)?;
    let cases = scenario.cases();
    let mut part = Part {
        name: scenario.name().to_owned(),
        about: scenario.about(),
        figures: scenario.figures(),
        ratios: scenario.ratios(),
        references: (0..cases.len()).map(|case| scenario.reference(case)).collect(),
        cases,
        servers: Vec::new(),
        agreed: Vec::new(),
        samples: Vec::new(),
        absences: Vec::new(),
    };
    let mut actors = Vec::new();
    for contestant in contestants {
        actors.push(enter(stage, &mut part, contestant, installed)?);
    }
    prepare_all(stage, scenario, &mut part, &actors);
    for round in 0..stage.rounds {
        play_round(stage, scenario, &mut part, &mut actors, round);
    }
    Ok(part)
}

/// Starts a contestant and writes it into the report.
fn enter(
    stage: &Stage,
    part: &mut Part,
    contestant: Contestant,
    installed: &[Installed],
) -> Outcome<Actor> {
    let started = stage.start(&contestant);
    let known = installed.iter().find(|(peer, _)| peer.name() == contestant.peer.name());
    let version = match known {
        Some((_, version)) => version.clone(),
        None => contestant.peer.version()?,
    };
    let server = part.server(&contestant.name).unwrap_or_else(|| {
        let running = started.as_ref().ok();
        part.servers.push(described(stage.site, &contestant, &version, running));
        part.servers.len() - 1
    });
    if let Err(error) = &started {
        for case in (0..part.cases.len()).filter(|&case| contestant.plays(case)) {
            absent(part, server, case, Cause::Failed, &error.to_string());
        }
    }
    Ok(Actor { contestant, server, running: started.ok() })
}

fn described(
    site: &Site,
    contestant: &Contestant,
    version: &str,
    running: Option<&Running>,
) -> Server {
    let text = |of: fn(&Running) -> &str| running.map_or(String::new(), |r| site.shortened(of(r)));
    let ident = text(|running| &running.ident);
    let greeting = if ident.is_empty() { ident } else { format!("; greets `{ident}`") };
    Server {
        name: contestant.name.clone(),
        version: format!("{version}{greeting}"),
        command_line: text(|running| &running.command_line),
        configuration: text(|running| &running.configuration),
    }
}

fn absent(part: &mut Part, server: usize, case: usize, cause: Cause, reason: &str) {
    let (who, what) = (&part.servers[server].name, &part.cases[case]);
    eprintln!("{} {what}: {who}: {}: {reason}", part.name, cause.words());
    part.absences.push(Absence { server, case, cause, reason: reason.to_owned() });
}

/// Each case once on each server, off the clock: what arrives must be right, caches get warm, and
/// the report learns which cipher `default` came to. A case that fails is left out of the rounds.
fn prepare_all(stage: &Stage, scenario: &dyn Scenario, part: &mut Part, actors: &[Actor]) {
    for case in 0..part.cases.len() {
        for actor in actors.iter().filter(|actor| actor.contestant.plays(case)) {
            let (server, Some(running)) = (actor.server, &actor.running) else { continue };
            if let Some(reason) = scenario.spared(case, &actor.contestant) {
                absent(part, server, case, Cause::NotRun, &reason);
                continue;
            }
            match scenario.prepare(stage.site, case, running) {
                Ok(Some(cipher)) => part.agreed.push((server, case, cipher)),
                Ok(None) => {}
                Err(error) => {
                    let mut reason = error.to_string();
                    let cause = Cause::of(&reason);
                    if cause == Cause::Failed {
                        reason.push_str("; its log: ");
                        reason.push_str(&running.last_words());
                    }
                    absent(part, server, case, cause, &stage.site.shortened(&reason));
                }
            }
        }
    }
}

fn play_round(
    stage: &Stage,
    scenario: &dyn Scenario,
    part: &mut Part,
    actors: &mut [Actor],
    round: u32,
) {
    for case in 0..part.cases.len() {
        let mut turns: Vec<usize> = (0..actors.len()).collect();
        turns.retain(|&turn| {
            let actor = &actors[turn];
            actor.contestant.plays(case) && part.absence(actor.server, case).is_none()
        });
        if !turns.is_empty() {
            let first = usize::try_from(round).unwrap_or(0) % turns.len();
            turns.rotate_left(first);
        }
        for turn in turns {
            let actor = &mut actors[turn];
            let server = actor.server;
            match sample(stage, scenario, actor, case) {
                Ok(figures) => {
                    let sample = Sample { round, server, case, figures };
                    eprintln!("{}", progress(part, &sample));
                    part.samples.push(sample);
                }
                Err(error) => {
                    let reason = stage.site.shortened(&error.to_string());
                    absent(part, server, case, Cause::Failed, &reason);
                }
            }
        }
    }
}

fn sample(
    stage: &Stage,
    scenario: &dyn Scenario,
    actor: &mut Actor,
    case: usize,
) -> Outcome<Figures> {
    if scenario.wants_fresh_servers() {
        // The old one goes first: two at once would share the machine's memory.
        actor.running = None;
        actor.running = Some(stage.start(&actor.contestant)?);
    }
    let running = actor.running.as_ref().ok_or("it did not start")?;
    scenario.sample(stage.site, case, running)
}

fn progress(part: &Part, sample: &Sample) -> String {
    let (case, who) = (&part.cases[sample.case], &part.servers[sample.server].name);
    let figures = part.figures.iter().filter_map(|&figure| {
        let (value, digits) = (sample.figures.get(figure)?, figure.digits());
        Some(format!("{value:.digits$} {}", figure.title()))
    });
    let figures: Vec<_> = figures.collect();
    format!("round {} {} {case}: {who}: {}", sample.round + 1, part.name, figures.join(", "))
}
