//! The table: a row for each scenario, cipher and server, the median of the rounds, the lowest and
//! highest in brackets, and the ratio to OpenSSH's median.

use std::fmt::Write;

use crate::run::{Results, Sample};
use crate::statistics::{Summary, summary};

/// The server that the others are compared with, when it took part.
const BASELINE: &str = "openssh";

/// One row's figures.
struct Row {
    wall_s: Summary,
    mb_per_s: Summary,
    cpu_s_per_gib: Summary,
    rss_mib: Summary,
    pss_mib: Summary,
}

pub(crate) fn table(results: &Results) -> String {
    let mut out = String::from(
        "| scenario | cipher | server | wall s | MB/s | server CPU s/GiB | x OpenSSH | RSS MiB \
         | PSS MiB |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    let baseline = results.servers.iter().position(|server| server.name == BASELINE);
    for (case, wanted) in results.cases.iter().enumerate() {
        for (server, who) in results.servers.iter().enumerate() {
            let scenario = wanted.scenario.name();
            let cipher = cipher_title(results, server, case);
            let _ = write!(out, "| {scenario} | {cipher} | {} | ", who.name);
            let Some(row) = row(results, server, case) else {
                let _ = writeln!(out, "failed | | | | | |");
                continue;
            };
            let reference = baseline.and_then(|baseline| self::row(results, baseline, case));
            let ratio = reference.map_or(String::new(), |reference| {
                let ratio = row.cpu_s_per_gib.median / reference.cpu_s_per_gib.median;
                format!("{ratio:.2}")
            });
            let _ = writeln!(
                out,
                "{} | {} | {} | {ratio} | {:.1} | {:.1} |",
                spread(row.wall_s, 2),
                spread(row.mb_per_s, 0),
                spread(row.cpu_s_per_gib, 3),
                row.rss_mib.most,
                row.pss_mib.most
            );
        }
    }
    out
}

/// The label, with what it came to where the client had the choice.
fn cipher_title(results: &Results, server: usize, case: usize) -> String {
    let cipher = &results.cases[case].cipher;
    let agreed = results.agreed.iter().find(|(s, c, _)| (*s, *c) == (server, case));
    match agreed {
        Some((_, _, name)) if cipher.ssh_name.is_none() => {
            format!("{}: {}", cipher.label, name.trim_end_matches("@openssh.com"))
        }
        _ => cipher.label.clone(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes and KiB of a run stay far below 2^52")]
fn row(results: &Results, server: usize, case: usize) -> Option<Row> {
    let samples = || results.samples.iter().filter(|s| (s.server, s.case) == (server, case));
    let of = |figure: &dyn Fn(&Sample) -> f64| summary(samples().map(figure));
    let bytes = results.bytes as f64;
    Some(Row {
        wall_s: of(&|sample| sample.wall_s)?,
        mb_per_s: of(&|sample| bytes / 1e6 / sample.wall_s)?,
        cpu_s_per_gib: of(&|sample| sample.cpu.total_s() / (bytes / f64::from(1 << 30)))?,
        rss_mib: of(&|sample| sample.rss_kib as f64 / 1024.0)?,
        pss_mib: of(&|sample| sample.pss_kib as f64 / 1024.0)?,
    })
}

fn spread(values: Summary, digits: usize) -> String {
    let Summary { median, least, most } = values;
    format!("{median:.digits$} ({least:.digits$}-{most:.digits$})")
}
