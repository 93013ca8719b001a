//! One transfer with OpenSSH's own client.
//!
//! Downloads go to /dev/null: the client is the slower half on one machine, and what it writes to a
//! disk would disturb the server's share of it. Uploads go to a file on the served filesystem,
//! which is removed before its pages are written back. Only the pass that verifies writes a
//! download.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::arguments::{Cipher, Scenario};
use crate::peers::Running;
use crate::site::{BULK, Site};

/// What one transfer took.
pub(crate) struct Transfer {
    pub(crate) wall: Duration,
    /// The cipher of the direction the file went, as the client reports it; only when asked for.
    pub(crate) agreed_cipher: Option<String>,
}

/// Whether the transfer is for the clock or for the eye.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Timed,
    /// Writes what it gets to a file and asks the client to say what it agreed on.
    Verify,
}

/// The name an upload has on the server.
pub(crate) const UPLOAD: &str = "uploaded.bin";
/// The name of a verified download, beside the served folder.
pub(crate) const DOWNLOAD: &str = "downloaded.bin";

/// The options that make OpenSSH's clients use our keys and none of the user's files.
pub(crate) fn options(site: &Site, cipher: &Cipher) -> Vec<String> {
    let mut options = vec!["-F".to_owned(), "none".into()];
    let settings = [
        "BatchMode=yes".to_owned(),
        "StrictHostKeyChecking=no".into(),
        "UserKnownHostsFile=/dev/null".into(),
        "GlobalKnownHostsFile=/dev/null".into(),
        "IdentitiesOnly=yes".into(),
        "IdentityAgent=none".into(),
        format!("IdentityFile={}", site.path("client_key").display()),
    ];
    options.extend(settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]));
    options.extend(cipher.ssh_name.iter().flat_map(|name| ["-c".to_owned(), name.clone()]));
    options
}

/// Runs the transfer to its end.
pub(crate) fn transfer(
    site: &Site,
    server: &Running,
    scenario: Scenario,
    cipher: &Cipher,
    purpose: Purpose,
) -> Outcome<Transfer> {
    let local = site.served_file(BULK);
    let batch = match (scenario, purpose) {
        (Scenario::Get, Purpose::Timed) => get(&server.remote(BULK), Path::new("/dev/null")),
        (Scenario::Get, Purpose::Verify) => get(&server.remote(BULK), &site.path(DOWNLOAD)),
        (Scenario::Put, _) => format!("put {} {}\n", local.display(), server.remote(UPLOAD)),
    };
    let mut command = Command::new("sftp");
    command.args(options(site, cipher)).args(["-q", "-b", "-"]);
    if purpose == Purpose::Verify {
        command.arg("-v");
    }
    command.args(["-P", &server.port().to_string()]).arg(format!("{}@127.0.0.1", site.user));
    let start = Instant::now();
    let output = run(command, &batch)?;
    let wall = start.elapsed();
    let stderr = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("sftp {}: {}", output.status, last_lines(&stderr)).into());
    }
    let direction = match scenario {
        Scenario::Get => "kex: server->client cipher: ",
        Scenario::Put => "kex: client->server cipher: ",
    };
    let agreed = stderr.split(direction).nth(1).and_then(|rest| rest.split_whitespace().next());
    Ok(Transfer { wall, agreed_cipher: agreed.map(str::to_owned) })
}

fn get(remote: &str, local: &Path) -> String {
    format!("get {remote} {}\n", local.display())
}

fn run(mut command: Command, stdin: &str) -> Outcome<Output> {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| format!("sftp: {e}"))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(stdin.as_bytes())?;
    }
    Ok(child.wait_with_output()?)
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("debug")).collect();
    lines[lines.len().saturating_sub(3)..].join("; ")
}
