//! Every timed sample, one line each, with the figures it has; the other columns stay empty.

use std::fmt::Write;

use crate::figures::Figure;
use crate::results::Results;

pub(super) fn csv(results: &Results) -> String {
    let columns: Vec<_> = Figure::ALL.iter().map(|figure| figure.column()).collect();
    let mut out = format!("round,scenario,case,server,{}\n", columns.join(","));
    for part in &results.parts {
        for sample in &part.samples {
            let (case, server) = (&part.cases[sample.case], &part.servers[sample.server].name);
            let _ = write!(out, "{},{},{},{server}", sample.round + 1, part.name, quoted(case));
            for &figure in Figure::ALL {
                out.push(',');
                if let Some(value) = sample.figures.get(figure) {
                    let _ = write!(out, "{value:.6}");
                }
            }
            out.push('\n');
        }
    }
    out
}

/// A field that may hold a comma.
fn quoted(text: &str) -> String {
    if text.contains([',', '"']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_line_for_every_sample_and_a_column_for_every_figure() {
        let text = csv(&sample::results());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + 7);
        assert_eq!(
            lines[1],
            "1,get,aes128-gcm,ringferry,1.000000,1073.741824,0.250000,0.250000,0.500000,,,,,,\
             2.000000,1.000000"
        );
        let commas = |line: &str| line.matches(',').count();
        assert!(lines.iter().all(|line| commas(line) == commas(lines[0])), "{text}");
    }

    #[test]
    fn a_comma_is_quoted() {
        assert_eq!(quoted("1 stream"), "1 stream");
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
    }
}
