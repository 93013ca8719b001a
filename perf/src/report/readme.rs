//! The README of a run: everything needed to judge and to repeat it.

use std::fmt::Write;

use super::table;
use crate::run::{Results, title};

pub(super) fn readme(results: &Results) -> String {
    let host = &results.host;
    let mut out = String::new();
    let _ = write!(
        out,
        "# {} on {}\n\n{}\n\
         Median of {} round(s), lowest and highest in brackets; {} MiB a transfer. MB is 10^6 bytes.\n\
         Peak memory is the highest of all rounds.\n\n",
        host.date,
        host.name,
        table::table(results),
        results.rounds,
        results.bytes >> 20
    );
    for failure in &results.failures {
        let server = &results.servers[failure.server].name;
        let case = title(&results.cases[failure.case]);
        let _ = writeln!(out, "FAILED {server}, {case}: {}\n", failure.error);
    }
    let _ = write!(
        out,
        "## How\n\n\
         - Machine: {}, {} cores, {} GiB, Linux {}, files on {}, warm page cache. Load average before: \
         {}.\n\
         - Client: {} (`sftp`, batch mode), on the same machine over loopback, so client and server \
         compete for the cores: the server's CPU time is the first figure, MB/s the second.\n\
         - CPU: {}, user and system, of all server processes, children included, from before the \
         client starts until its session's processes have ended: login and key exchange are part of it.\n\
         - get writes to /dev/null, put to a file that is then removed. One untimed pass before the \
         rounds compares every byte.\n\
         - Servers take turns within each scenario and cipher; the first to go changes every round.\n\n\
         ## Servers\n\n",
        host.processor,
        host.cores,
        host.memory_gib,
        host.kernel,
        host.filesystem,
        host.load_before,
        host.client,
        results.method.name()
    );
    for server in &results.servers {
        let _ = writeln!(out, "- {}: {}\n  `{}`", server.name, server.version, server.command_line);
        for line in server.configuration.lines() {
            let _ = writeln!(out, "  - `{line}`");
        }
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let _ = write!(
        out,
        "\n## Again\n\n    cargo run --release -p ringferry-perf -- {}\n\nThe client's options:\n\n    \
         sftp {}\n",
        arguments.join(" "),
        results.client_options
    );
    out
}
