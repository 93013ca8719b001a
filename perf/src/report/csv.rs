//! Every timed transfer, one line each.

use std::fmt::Write;

use crate::run::Results;

pub(super) fn csv(results: &Results) -> String {
    let mut out = String::from(
        "round,server,scenario,cipher,bytes,wall_s,cpu_user_s,cpu_system_s,rss_peak_kib,\
         pss_peak_kib\n",
    );
    for sample in &results.samples {
        let case = &results.cases[sample.case];
        let _ = writeln!(
            out,
            "{},{},{},{},{},{:.6},{:.6},{:.6},{},{}",
            sample.round + 1,
            results.servers[sample.server].name,
            case.scenario.name(),
            case.cipher.label,
            results.bytes,
            sample.wall_s,
            sample.cpu.user_s,
            sample.cpu.system_s,
            sample.rss_kib,
            sample.pss_kib
        );
    }
    out
}
