//! The README of a run: everything needed to judge and to repeat it.

use std::fmt::Write;

use super::table;
use crate::peers::FEATURES;
use crate::results::{Cause, Part, Results};

pub(super) fn readme(results: &Results) -> String {
    let host = &results.host;
    let mut out = format!("# {} on {}\n\n", host.date, host.name);
    let _ = write!(
        out,
        "Median of {} round(s), lowest and highest in brackets. MB is 10^6 bytes. Peak memory is\n\
         the highest of all rounds. A ratio is that of two medians. Every sample is in\n\
         [raw.csv](raw.csv).\n\n",
        results.rounds
    );
    for (name, reason) in &results.skipped {
        let _ = writeln!(out, "SKIPPED {name}: {reason}\n");
    }
    for part in &results.parts {
        scenario(&mut out, part);
    }
    how(&mut out, results);
    servers(&mut out, results);
    let command = [&["cargo run --release -p ringferry-perf"], FEATURES, &["--"]].concat();
    let command = command.join(" ");
    let _ = write!(
        out,
        "\n## Again\n\n    {command} {}\n\nThe options of OpenSSH's client, before those of the \
         cipher:\n\n    sftp {}\n",
        results.arguments.join(" "),
        results.client_options
    );
    out
}

fn scenario(out: &mut String, part: &Part) {
    let (name, about, table) = (&part.name, &part.about, table::table(part));
    let _ = write!(out, "## {name}\n\n{about}\n\n{table}\n![{name}]({name}.svg)\n\n");
    for absence in &part.absences {
        let (who, case) = (&part.servers[absence.server].name, &part.cases[absence.case]);
        let mark = if absence.cause == Cause::Failed { "FAILED" } else { absence.cause.words() };
        let reason = absence.reason.lines().collect::<Vec<_>>().join(" / ");
        let _ = writeln!(out, "- {mark}: {who}, {case}: {reason}");
    }
    if !part.absences.is_empty() {
        out.push('\n');
    }
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
         - OpenSSH's client: {}\n  (`sftp`, batch mode).\n\
         - Clients run on the same machine over loopback and compete with the server for its\n  \
           cores: server CPU is the first figure, MB/s the second.\n\
         - The light client: our own, in this harness; key exchange by curve25519-sha256 only.\n\
         - CPU: {}, user and system, of all server processes, children\n  included, until \
           its sessions' processes have ended. With OpenSSH's client login and key\n  exchange are \
           part of it; with the light client only in logins and idle.\n\
         - Servers start anew for each scenario, for idle with each sample, and take turns\n  \
           within each case; the first to go changes every round.\n\n",
        host.load_before,
        host.client,
        results.method.name()
    );
}

/// Each server once; a scenario that starts one with other arguments is named.
fn servers(out: &mut String, results: &Results) {
    out.push_str("## Servers\n\n");
    let mut seen: Vec<(&str, String)> = Vec::new();
    for part in &results.parts {
        for server in &part.servers {
            // A port is drawn anew for each start.
            let plain = without_ports(&server.command_line);
            if seen.iter().any(|(name, line)| *name == server.name && *line == plain) {
                continue;
            }
            let again = seen.iter().any(|(name, _)| *name == server.name);
            seen.push((&server.name, plain));
            let (name, version, command) = (&server.name, &server.version, &server.command_line);
            if again {
                let _ = writeln!(out, "- {name}, in {}:\n  `{command}`", part.name);
                continue;
            }
            let _ = writeln!(out, "- {name}: {version}\n  `{command}`");
            for line in server.configuration.lines() {
                let _ = writeln!(out, "  - `{line}`");
            }
        }
    }
}

fn without_ports(command_line: &str) -> String {
    let words = command_line.split(' ').map(|word| match word.rsplit_once(':') {
        Some((address, port)) if port.parse::<u16>().is_ok() => address,
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn what_is_missing_is_named() {
        let text = readme(&sample::results());
        let features: String = FEATURES.iter().map(|word| format!(" {word}")).collect();
        for wanted in [
            "# 2026-11-20 on vm\n",
            "SKIPPED proftpd: install with apt-get install proftpd-core\n",
            "- not offered: openssh, default: no matching cipher found\n",
            "![get](get.svg)\n",
            "- ringferry: ringferry 1; greets `SSH-2.0-ringferry`\n",
            "  - `Port 1`\n",
            &format!("    cargo run --release -p ringferry-perf{features} -- --rounds 3\n"),
        ] {
            assert!(text.contains(wanted), "{wanted} in\n{text}");
        }
        assert_eq!(text, readme(&sample::results()), "the same figures, the same bytes");
    }

    #[test]
    fn a_server_is_listed_again_only_with_other_arguments() {
        let mut results = sample::results();
        results.parts.push(sample::part());
        results.parts[1].servers[1].command_line.push_str(" --set a=b");
        results.parts[1].name = "idle".into();
        let text = readme(&results);
        assert_eq!(text.matches("\n- ringferry").count(), 1);
        assert!(text.contains("\n- openssh, in idle:\n"), "{text}");
        assert_eq!(without_ports("rclone --addr 127.0.0.1:4022 x"), "rclone --addr 127.0.0.1 x");
    }
}
