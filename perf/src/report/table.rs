//! The table of a scenario: a row for each case and server, the median of the rounds, the lowest
//! and highest in brackets, and the ratios to the median of another server.

use std::fmt::Write;

use crate::figures::Figure;
use crate::results::{Baseline, Part, Ratio};
use crate::statistics::{Summary, summary};

pub(super) fn table(part: &Part) -> String {
    let figures = part.figures.iter().filter(|figure| is_present(part, **figure));
    let figures: Vec<Figure> = figures.copied().collect();
    let titles = part.ratios.iter().map(|ratio| ratio.title);
    let heads = ["case", "server"].into_iter().chain(figures.iter().map(|figure| figure.title()));
    let heads: Vec<&str> = heads.chain(titles).collect();
    let mut out = format!("| {} |\n|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
    for case in 0..part.cases.len() {
        for (server, who) in part.servers.iter().enumerate() {
            let Some(cells) = cells(part, &figures, server, case) else { continue };
            let title = case_title(part, server, case);
            let _ = writeln!(out, "| {title} | {} | {} |", who.name, cells.join(" | "));
        }
    }
    out
}

/// Some columns no server of a machine can fill.
fn is_present(part: &Part, figure: Figure) -> bool {
    part.samples.iter().any(|sample| sample.figures.get(figure).is_some())
        || !matches!(figure, Figure::CgroupPerSession)
}

/// What stands behind case and server; `None` if the row is about nothing.
fn cells(part: &Part, figures: &[Figure], server: usize, case: usize) -> Option<Vec<String>> {
    let empty = figures.len() + part.ratios.len() - 1;
    if let Some(absence) = part.absence(server, case) {
        let mut cells = vec![absence.cause.words().to_owned()];
        cells.resize(1 + empty, String::new());
        return Some(cells);
    }
    part.of(server, case).next()?;
    let figures = figures.iter().map(|&figure| {
        let summary = of(part, server, case, figure);
        summary.map_or(String::new(), |summary| printed(figure, summary))
    });
    let ratios = part.ratios.iter().map(|ratio| {
        quotient(part, server, case, ratio).map_or(String::new(), |value| format!("{value:.2}"))
    });
    Some(figures.chain(ratios).collect())
}

fn printed(figure: Figure, summary: Summary) -> String {
    let Summary { median, least, most } = summary;
    let digits = figure.digits();
    if figure.is_peak() {
        return format!("{most:.digits$}");
    }
    format!("{median:.digits$} ({least:.digits$}-{most:.digits$})")
}

/// A figure's median and spread over the rounds.
pub(super) fn of(part: &Part, server: usize, case: usize, figure: Figure) -> Option<Summary> {
    summary(part.of(server, case).filter_map(|sample| sample.figures.get(figure)))
}

fn quotient(part: &Part, server: usize, case: usize, ratio: &Ratio) -> Option<f64> {
    let (other, other_case) = match ratio.baseline {
        Baseline::Server(name) => (part.server(name)?, case),
        Baseline::Case => (server, part.references.get(case).copied().flatten()?),
    };
    if part.absence(other, other_case).is_some() {
        // What it did before it failed stands in no row either.
        return None;
    }
    let median = |server, case| Some(of(part, server, case, ratio.figure)?.median);
    let (own, reference) = (median(server, case)?, median(other, other_case)?);
    (reference > 0.0).then(|| own / reference)
}

/// The label, with what it came to where client and server had the choice.
pub(super) fn case_title(part: &Part, server: usize, case: usize) -> String {
    let label = &part.cases[case];
    match part.agreed.iter().find(|(s, c, _)| (*s, *c) == (server, case)) {
        Some((_, _, name)) => format!("{label}: {}", name.trim_end_matches("@openssh.com")),
        None => label.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::results::{Absence, Cause};

    #[test]
    fn medians_spreads_ratios_and_those_who_had_nothing() {
        let expected = "\
| case | server | server CPU s/GiB | MB/s | wall s | RSS MiB | CPU x OpenSSH |
|---|---|---|---|---|---|---|
| aes128-gcm | ringferry | 0.600 (0.500-0.700) | 859 (716-1074) | 1.25 (1.00-1.50) | 2.0 | 0.30 |
| aes128-gcm | openssh | 2.000 (1.500-2.500) | 429 (358-537) | 2.50 (2.00-3.00) | 2.0 | 1.00 |
| default: chacha20-poly1305 | ringferry | 0.900 (0.900-0.900) | 1074 (1074-1074) | \
1.00 (1.00-1.00) | 2.0 |  |
| default | openssh | not offered |  |  |  |  |
";
        assert_eq!(table(&sample::part()), expected);
    }

    #[test]
    fn nothing_is_divided_by_what_failed_later() {
        let mut part = sample::part();
        let reason = "the server closed".into();
        part.absences.push(Absence { server: 1, case: 0, cause: Cause::Failed, reason });
        assert!(part.of(1, 0).next().is_some());
        assert_eq!(quotient(&part, 0, 0, &part.ratios[0]), None);
    }

    #[test]
    fn a_case_may_be_compared_with_another_one() {
        let mut part = sample::part();
        part.references = vec![Some(0), Some(0)];
        let ratio = Ratio { title: "x first", figure: Figure::CpuPerGib, baseline: Baseline::Case };
        let of = |server, case| quotient(&part, server, case, &ratio);
        assert_eq!((of(0, 0), of(0, 1), of(1, 1)), (Some(1.0), Some(0.9 / 0.6), None));
    }
}
