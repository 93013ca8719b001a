//! The README of a run: everything needed to judge and to repeat it.

use std::fmt::Write;

use super::table;
use crate::run::{Results, title};

pub(super) fn readme(results: &Results) -> String {
    let host = &results.host;
    let mut out = format!("# {} on {}\n\n{}\n", host.date, host.name, table::table(results));
    let _ = write!(
        out,
        "Median of {} round(s), lowest and highest in brackets; {} MiB a transfer. MB is 10^6\n\
         bytes. Peak memory is the highest of all rounds.\n\n",
        results.rounds,
        results.bytes >> 20
    );
    for failure in &results.failures {
        let server = &results.servers[failure.server].name;
        let case = title(&results.cases[failure.case]);
        let _ = writeln!(out, "FAILED {server}, {case}: {}\n", failure.error);
    }
    how(&mut out, results);
    servers(&mut out, results);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = "cargo run --release -p ringferry-perf --";
    let _ = write!(
        out,
        "\n## Again\n\n    {command} {}\n\nThe client's options:\n\n    sftp {}\n",
        arguments.join(" "),
        results.client_options
    );
    out
}

fn how(out: &mut String, results: &Results) {
    let host = &results.host;
    let (processor, cores, memory_gib) = (&host.processor, host.cores, host.memory_gib);
    let (kernel, filesystem) = (&host.kernel, &host.filesystem);
    let _ = write!(
        out,
        "## How\n\n\
         - Machine: {processor}, {cores} cores, {memory_gib} GiB, Linux {kernel}, files on\n  \
           {filesystem}, warm page cache. Load average before: {}.\n\
         - Client: {}\n  (`sftp`, batch mode), on the same machine over loopback, so client and\n  \
           server compete for the cores: server CPU is the first figure, MB/s the second.\n\
         - CPU: {}, user and system, of all server processes, children\n  included, from before \
           the client starts until its session's processes have ended:\n  login and key exchange \
           are part of it.\n\
         - get writes to /dev/null, put to a file that is then removed. One untimed pass before\n  \
           the rounds compares every byte.\n\
         - Servers take turns within each scenario and cipher; the first to go changes every\n  \
           round.\n\n",
        host.load_before,
        host.client,
        results.method.name()
    );
}

fn servers(out: &mut String, results: &Results) {
    out.push_str("## Servers\n\n");
    for server in &results.servers {
        let (name, version, command) = (&server.name, &server.version, &server.command_line);
        let _ = writeln!(out, "- {name}: {version}\n  `{command}`");
        for line in server.configuration.lines() {
            let _ = writeln!(out, "  - `{line}`");
        }
    }
}
