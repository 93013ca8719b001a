//! Compares ringferry with other SFTP servers on this machine.
//!
//! Each server is started on loopback with the same keys and files; OpenSSH's own `sftp` transfers,
//! the servers taking turns in every round, and what counts first is the CPU time that the *server*
//! spends on each GiB, because on one machine client and server compete for the cores.
//!
//! - `arguments`: the command line. `peers`: one file a server. `site`: keys, files, folders.
//! - `client`: one transfer with OpenSSH's client. `load`: clients of our own, and what needs them.
//! - `measure`: CPU time and memory of a whole process tree.
//! - `run`: the interleaved rounds. `report`: median and spread, table, CSV, README.

mod arguments;
mod client;
mod host;
mod load;
mod measure;
mod peers;
mod report;
mod run;
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
