//! What a comparison found out: all that a report is made of. It holds values and decides nothing.

use crate::figures::{Figure, Figures};
use crate::host::Host;
use crate::measure::Method;

/// A whole comparison.
pub(crate) struct Results {
    pub(crate) rounds: u32,
    pub(crate) method: Method,
    pub(crate) host: Host,
    /// The words of the command line, without the program.
    pub(crate) arguments: Vec<String>,
    pub(crate) client_options: String,
    /// Servers and scenarios that were asked for and could not take part, with the reason.
    pub(crate) skipped: Vec<(String, String)>,
    pub(crate) parts: Vec<Part>,
}

/// One scenario.
pub(crate) struct Part {
    pub(crate) name: String,
    /// What a sample is and how it was taken, for the reader.
    pub(crate) about: String,
    /// The columns of its table. The first with a ratio is the one that a plot shows.
    pub(crate) figures: &'static [Figure],
    pub(crate) ratios: &'static [Ratio],
    pub(crate) cases: Vec<String>,
    /// By case: the one it is compared with, if any.
    pub(crate) references: Vec<Option<usize>>,
    pub(crate) servers: Vec<Server>,
    /// By (server, case): what client and server agreed on where that was left to them.
    pub(crate) agreed: Vec<(usize, usize, String)>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) absences: Vec<Absence>,
}

/// A column that divides a figure by another of the same kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ratio {
    pub(crate) title: &'static str,
    pub(crate) figure: Figure,
    pub(crate) baseline: Baseline,
}

/// What a figure is divided by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Baseline {
    /// That of this server in the same case, when it took part.
    Server(&'static str),
    /// That of the same server in the case that the scenario names: see [`Part::references`].
    Case,
}

/// A server of the report.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) command_line: String,
    pub(crate) configuration: String,
}

/// One timed sample.
pub(crate) struct Sample {
    pub(crate) round: u32,
    pub(crate) server: usize,
    pub(crate) case: usize,
    pub(crate) figures: Figures,
}

/// Why a row has no figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cause {
    /// The server has no such cipher.
    NotOffered,
    /// The scenario does not ask it of this server.
    NotRun,
    Failed,
}

impl Cause {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Cause::NotOffered => "not offered",
            Cause::NotRun => "not run",
            Cause::Failed => "failed",
        }
    }

    /// Client and server that found no algorithm in common say so; anything else is a failure.
    pub(crate) fn of(error: &str) -> Cause {
        // OpenSSH's words, then those of the light client.
        let refusals =
            ["no matching cipher", "no matching MAC", "no common cipher", "no common MAC"];
        let refused = refusals.iter().any(|words| error.contains(words));
        if refused { Cause::NotOffered } else { Cause::Failed }
    }
}

/// A server that gave no figures in a case: it stays in the table.
pub(crate) struct Absence {
    pub(crate) server: usize,
    pub(crate) case: usize,
    pub(crate) cause: Cause,
    pub(crate) reason: String,
}

impl Part {
    /// The samples of a row.
    pub(crate) fn of(&self, server: usize, case: usize) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |s| (s.server, s.case) == (server, case))
    }

    pub(crate) fn absence(&self, server: usize, case: usize) -> Option<&Absence> {
        self.absences.iter().find(|a| (a.server, a.case) == (server, case))
    }

    pub(crate) fn server(&self, name: &str) -> Option<usize> {
        self.servers.iter().position(|server| server.name == name)
    }

    /// The figure that the scenario is about.
    pub(crate) fn headline(&self) -> Figure {
        let first = self.ratios.first().map(|ratio| ratio.figure);
        first.or(self.figures.first().copied()).unwrap_or(Figure::Wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_cipher_is_no_failure() {
        let said = "Unable to negotiate with 127.0.0.1 port 1: no matching cipher found. \
                    Their offer: aes128-ctr";
        assert_eq!(Cause::of(said), Cause::NotOffered);
        let said = "the client ended the connection: no common cipher from client to server";
        assert_eq!(Cause::of(said), Cause::NotOffered);
        assert_eq!(Cause::of("Connection closed"), Cause::Failed);
    }
}
