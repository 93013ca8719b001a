//! What is measured, one file a scenario: its name, its cases, what one sample of a case on one
//! server is, and which figures that yields. A scenario knows clients and the servers' doors; it
//! knows nothing of rounds, of the other servers' turns or of reports. The invariant: a sample
//! finds nothing that another one made; what it makes has a name of its own and, unless it is
//! removed at once, stays to the end.

mod delay;
mod idle;
mod load;
mod logins;
mod offload;
mod small;
mod stat;
mod transfer;
mod watch;

use std::rc::Rc;

use clap::ValueEnum;

use crate::Outcome;
use crate::arguments::Compare;
use crate::cipher::Cipher;
use crate::client::{Direction, Program};
use crate::figures::{Figure, Figures};
use crate::load::Login;
use crate::peers::{Peer, Running};
use crate::results::{Baseline, Ratio};
use crate::site::Site;

/// A scenario by its name on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Name {
    /// Every one of them
    All,
    /// Download of one large file with OpenSSH's client
    Get,
    /// Upload of one large file with OpenSSH's client
    Put,
    /// Download of one large file with OpenSSH's scp -O
    ScpGet,
    /// Upload of one large file with OpenSSH's scp -O
    ScpPut,
    /// Download in parallel streams with our light client, and the bare loop
    LoadGet,
    /// Upload likewise
    LoadPut,
    /// Ours with and without crypto threads
    Offload,
    /// Many small files down and up with OpenSSH's client
    Small,
    /// Latency of STAT, alone and beside downloads
    Stat,
    /// Logins with OpenSSH's client and with ours
    Logins,
    /// Memory of sessions that do nothing
    Idle,
    /// A link with delay, OpenSSH's client
    Delay,
}

/// What `all` stands for, in the order of the report.
const ALL: &[Name] = &[
    Name::Get,
    Name::Put,
    Name::ScpGet,
    Name::ScpPut,
    Name::LoadGet,
    Name::LoadPut,
    Name::Offload,
    Name::Small,
    Name::Stat,
    Name::Logins,
    Name::Idle,
    Name::Delay,
];

/// A server as a scenario wants it: a peer, maybe under another name and with settings of ours.
#[derive(Clone)]
pub(crate) struct Contestant {
    pub(crate) name: String,
    pub(crate) peer: Rc<dyn Peer>,
    /// KEY=VALUE, for our own.
    pub(crate) settings: Vec<String>,
    /// The one case it plays in, if not in all.
    pub(crate) only_case: Option<usize>,
}

impl Contestant {
    pub(crate) fn plays(&self, case: usize) -> bool {
        self.only_case.is_none_or(|only| only == case)
    }
}

/// See the head of this folder.
pub(crate) trait Scenario {
    fn name(&self) -> &'static str;
    /// What a sample is, in sentences for the reader of the report.
    fn about(&self) -> String;
    /// The columns of its table.
    fn figures(&self) -> &'static [Figure];
    /// Columns that divide; the figure of the first one is what the scenario is about.
    fn ratios(&self) -> &'static [Ratio];
    /// The cases, as the table calls them.
    fn cases(&self) -> Vec<String>;
    /// The case that this one is compared with where a ratio is to another case.
    fn reference(&self, _case: usize) -> Option<usize> {
        None
    }
    /// Who takes part; an error says why the scenario cannot be run at all.
    fn contestants(&self, peers: &[Rc<dyn Peer>]) -> Outcome<Vec<Contestant>> {
        Ok(as_they_are(peers))
    }
    /// Writes the files that the servers will serve.
    fn lay_out(&self, site: &Site) -> Outcome<()>;
    /// Why a case is not asked of a server.
    fn spared(&self, _case: usize, _contestant: &Contestant) -> Option<String> {
        None
    }
    /// Whether every sample needs a server that has served nobody yet.
    fn wants_fresh_servers(&self) -> bool {
        false
    }
    /// Runs a case off the clock: checks what arrives, and warms. Returns the cipher that was
    /// agreed on where that was left open.
    fn prepare(&self, site: &Site, case: usize, server: &Running) -> Outcome<Option<String>>;
    fn sample(&self, site: &Site, case: usize, server: &Running) -> Outcome<Figures>;
}

/// The scenarios that the command line asks for.
pub(crate) fn chosen(compare: &Compare) -> Vec<Box<dyn Scenario>> {
    let all = compare.scenarios.contains(&Name::All);
    let names = if all { ALL } else { &compare.scenarios };
    names.iter().filter_map(|name| build(*name, compare)).collect()
}

fn build(name: Name, compare: &Compare) -> Option<Box<dyn Scenario>> {
    Some(match name {
        Name::All => return None,
        Name::Get => Box::new(transfer::Bulk::new(Program::Sftp, Direction::Get, compare)),
        Name::Put => Box::new(transfer::Bulk::new(Program::Sftp, Direction::Put, compare)),
        Name::ScpGet => Box::new(transfer::Bulk::new(Program::Scp, Direction::Get, compare)),
        Name::ScpPut => Box::new(transfer::Bulk::new(Program::Scp, Direction::Put, compare)),
        Name::LoadGet => Box::new(load::Streams::new(Direction::Get, compare)),
        Name::LoadPut => Box::new(load::Streams::new(Direction::Put, compare)),
        Name::Offload => Box::new(offload::Offload::new(compare)),
        Name::Stat => Box::new(stat::Stat::new(compare)),
        Name::Logins => Box::new(logins::Logins::new(compare)),
        Name::Idle => Box::new(idle::Idle::new(compare)),
        Name::Delay => Box::new(delay::Delay::new(compare)),
        Name::Small => Box::new(small::Small::new(compare)),
    })
}

fn as_they_are(peers: &[Rc<dyn Peer>]) -> Vec<Contestant> {
    let contestant = |peer: &Rc<dyn Peer>| Contestant {
        name: peer.name().to_owned(),
        peer: Rc::clone(peer),
        settings: Vec::new(),
        only_case: None,
    };
    peers.iter().map(contestant).collect()
}

/// Every peer, and ours with settings: for what its defaults guard against on purpose.
fn with_settings(peers: &[Rc<dyn Peer>], settings: &[String]) -> Outcome<Vec<Contestant>> {
    let mut contestants = as_they_are(peers);
    for contestant in &mut contestants {
        if contestant.peer.is_ours() {
            contestant.peer.accepts(settings)?;
            contestant.settings = settings.to_vec();
        }
    }
    Ok(contestants)
}

/// The site's user at a server, for the light client.
fn login(site: &Site, server: &Running, cipher: &Cipher) -> Outcome<Login> {
    Login::new(server.address(), &site.user, &site.path("client_key"), cipher)
}

/// The server that a ratio is to, unless a scenario says otherwise.
const OPENSSH: &str = "openssh";

/// What a scenario commonly sets against OpenSSH's.
const CPU_PER_GIB: Ratio = Ratio {
    title: "CPU x OpenSSH",
    figure: Figure::CpuPerGib,
    baseline: Baseline::Server(OPENSSH),
};
const CPU_PER_1000: Ratio = Ratio {
    title: "CPU x OpenSSH",
    figure: Figure::CpuPer1000,
    baseline: Baseline::Server(OPENSSH),
};
const WALL: Ratio =
    Ratio { title: "wall x OpenSSH", figure: Figure::Wall, baseline: Baseline::Server(OPENSSH) };
const MB_PER_S: Ratio =
    Ratio { title: "MB/s x OpenSSH", figure: Figure::MbPerS, baseline: Baseline::Server(OPENSSH) };
