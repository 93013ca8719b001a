//! Compares ringferry with other SFTP servers on this machine.
//!
//! Each server is started on loopback with the same keys and files; OpenSSH's own `sftp` and a
//! light client of ours use them, the servers taking turns in every round, and what counts first
//! is the CPU time that the *server* spends, because on one machine client and server compete for
//! the cores.
//!
//! - `arguments`, `cipher`: the command line. `peers`: one file a server. `scenarios`: one file
//!   each for what is measured. `site`: keys, files, folders. `client`: OpenSSH's client. `load`:
//!   light clients of our own, the delaying proxy and the bare loop.
//! - `measure`: CPU time and memory of a whole process tree. `figures`: what a sample yields.
//! - `run`: the interleaved rounds. `results`, `statistics`, `report`: what comes out.

mod arguments;
mod cipher;
mod client;
mod cores;
mod figures;
mod host;
mod load;
mod measure;
mod peers;
mod report;
mod results;
mod run;
mod scenarios;
mod site;
mod statistics;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Inner;

/// Anything that ends a run: the text is for the person who started it.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    let outcome = match arguments.inner {
        Some(Inner::Measuring(inner)) => measure::inner_command(&inner),
        Some(Inner::Load(command)) => command.run(),
        None => run::compare(&arguments.compare),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ringferry-perf: {error}");
            ExitCode::FAILURE
        }
    }
}
