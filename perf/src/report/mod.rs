//! What a run leaves behind: a folder with README.md (tables, machine, versions and command lines),
//! raw.csv (every sample) and a plot of each scenario.
//!
//! It is told everything and measures nothing; the same figures always give the same bytes.

mod csv;
mod plot;
mod readme;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::host::Host;
use crate::results::Results;

/// Where the report goes: the folder asked for, else one by date and machine, with a number when
/// there is one from the same day.
pub(crate) fn folder(host: &Host, out: Option<&Path>, quick: bool) -> PathBuf {
    if let Some(folder) = out {
        return folder.to_owned();
    }
    let runs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("runs");
    let kind = if quick { "-quick" } else { "" };
    let name = format!("{}-{}{kind}", host.date, host.name);
    let numbered = (2..).map(|number| format!("{name}.{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered).map(|name| runs.join(name));
    names.find(|folder| !folder.exists()).unwrap_or_else(|| runs.join(&name))
}

/// Writes the report, over one that is there.
pub(crate) fn write(results: &Results, folder: &Path) -> Outcome<()> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    fs::write(folder.join("raw.csv"), csv::csv(results))?;
    fs::write(folder.join("README.md"), readme::readme(results))?;
    for part in &results.parts {
        fs::write(folder.join(format!("{}.svg", part.name)), plot::svg(part))?;
    }
    Ok(())
}

/// The tables alone, for the terminal.
pub(crate) fn tables(results: &Results) -> String {
    let tables =
        results.parts.iter().map(|part| format!("{}\n\n{}", part.name, table::table(part)));
    tables.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod sample;
