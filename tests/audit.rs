//! ssh-audit's opinion of what the presets offer. `tests/run` installs it from PyPI.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use support::client::Running;
use support::files::Scratch;
use support::server::{Options, Server, Subject};
use support::skipped;

/// Its opinions change with its versions, so the version is part of the test.
const VERSION: &str = "3.9.0";

const LONG: Duration = Duration::from_secs(120);

const PYTHON: &str = "/usr/bin/python3";

/// What ssh-audit found.
struct Audit {
    /// 0 is good, 2 has warnings, 3 has failures.
    code: Option<i32>,
    /// Each complaint as `level algorithm: words`, without those that only inform.
    complaints: Vec<String>,
    report: Value,
}

/// Where `tests/run` puts it: beside the folder for the tests' own files.
fn installed() -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let folder = target.join(format!("ssh-audit-{VERSION}"));
    folder.join("ssh_audit").is_dir().then_some(folder)
}

/// Audits a server with `preset`; `None`, and a line that says so, where ssh-audit is missing.
fn audit(preset: &str) -> Option<Audit> {
    if Subject::chosen() != Subject::Ringferry {
        skipped("the presets are ours");
        return None;
    }
    let Some(folder) = installed() else {
        skipped(&format!("no ssh-audit {VERSION}; tests/run installs it"));
        return None;
    };
    let scratch = Scratch::new();
    let settings = vec![("algorithms", preset.to_owned())];
    let server = Server::start_with(&scratch, &Options { settings, ..Options::default() });
    let mut command = Command::new(PYTHON);
    command.args(["-m", "ssh_audit", "--json", "--port"]);
    command.arg(server.address.port().to_string()).arg("127.0.0.1");
    // What lies in the working directory is not for import.
    command.env("PYTHONPATH", folder).env("PYTHONSAFEPATH", "1");
    let finished = Running::start(command, "").wait(LONG);
    let said = finished.output();
    let report: Value =
        serde_json::from_str(&finished.stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
    let complaints = complaints(&report);
    Some(Audit { code: finished.code, complaints, report })
}

fn complaints(report: &Value) -> Vec<String> {
    let mut complaints = Vec::new();
    for kind in ["kex", "key", "enc", "mac"] {
        let algorithms = report[kind].as_array().unwrap_or_else(|| panic!("no {kind}: {report}"));
        assert!(!algorithms.is_empty(), "{kind}");
        for entry in algorithms {
            let notes = entry["notes"].as_object().expect("notes");
            for (level, words) in notes.iter().filter(|(level, _)| *level != "info") {
                let name = entry["algorithm"].as_str().expect("a name");
                let words = words.as_array().expect("a list of notes");
                let words = words.iter().map(|text| text.as_str().expect("text"));
                complaints.extend(words.map(|text| format!("{level} {name}: {text}")));
            }
        }
    }
    complaints
}

#[test]
fn the_hardened_preset_has_no_fault() {
    let Some(audit) = audit("hardened") else { return };
    assert_eq!(audit.complaints, [""; 0], "{}", audit.report);
    assert_eq!(audit.report["cves"], Value::Array(vec![]), "{}", audit.report);
    assert_eq!(audit.code, Some(0), "{}", audit.report);
}

#[test]
fn the_default_preset_has_no_fault_but_curve25519() {
    let Some(audit) = audit("default") else { return };
    let accepted =
        |name| format!("warn {name}: does not provide protection against post-quantum attacks");
    let accepted = ["curve25519-sha256", "curve25519-sha256@libssh.org"].map(accepted);
    assert_eq!(audit.complaints, accepted, "{}", audit.report);
    assert_eq!(audit.report["cves"], Value::Array(vec![]), "{}", audit.report);
    assert_eq!(audit.code, Some(2), "{}", audit.report);
}

/// The test would see a fault: the old presets have some.
#[test]
fn the_legacy_preset_has_faults() {
    let Some(audit) = audit("legacy") else { return };
    let failures = audit.complaints.iter().filter(|complaint| complaint.starts_with("fail "));
    assert!(failures.count() > 0, "{:?}", audit.complaints);
    assert_eq!(audit.code, Some(3), "{}", audit.report);
}
