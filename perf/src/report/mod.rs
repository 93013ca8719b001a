//! What a run leaves behind: a folder with README.md (the table, the machine, versions and command
//! lines) and raw.csv (every timed transfer).
//!
//! It is told everything and measures nothing; the same figures always give the same bytes.

mod csv;
mod readme;
mod table;

use std::fs;
use std::path::PathBuf;

pub(crate) use table::table;

use crate::Outcome;
use crate::run::Results;

/// Writes the report and returns its folder. Without a folder asked for, a second run on the same
/// day gets a number.
pub(crate) fn write(results: &Results, out: Option<PathBuf>, quick: bool) -> Outcome<PathBuf> {
    let folder = match out {
        Some(folder) => folder,
        None => unused_folder(results, quick),
    };
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    fs::write(folder.join("raw.csv"), csv::csv(results))?;
    fs::write(folder.join("README.md"), readme::readme(results))?;
    Ok(folder)
}

fn unused_folder(results: &Results, quick: bool) -> PathBuf {
    let runs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("runs");
    let kind = if quick { "-quick" } else { "" };
    let name = format!("{}-{}{kind}", results.host.date, results.host.name);
    let numbered = (2..).map(|number| format!("{name}.{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered).map(|name| runs.join(name));
    names.find(|folder| !folder.exists()).unwrap_or_else(|| runs.join(&name))
}
