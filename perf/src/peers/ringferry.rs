//! Ours, by its command-line contract.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Launch, Peer, Port};
use crate::Outcome;
use crate::arguments::Compare;
use crate::site::Site;

pub(crate) struct Ringferry {
    binary: PathBuf,
    more: Vec<String>,
}

impl Ringferry {
    /// Builds the release binary unless one is given.
    pub(crate) fn new(compare: &Compare) -> Outcome<Ringferry> {
        let binary = match &compare.ringferry {
            Some(binary) => binary.clone(),
            None => build()?,
        };
        Ok(Ringferry { binary, more: compare.ours.clone() })
    }
}

/// What cargo is told besides, to build the server and this harness alike.
pub(crate) const FEATURES: &[&str] = match (cfg!(feature = "openssl"), cfg!(feature = "oqs")) {
    (false, false) => &[],
    (true, false) => &["--features", "openssl"],
    (false, true) => &["--features", "oqs"],
    (true, true) => &["--features", "openssl,oqs"],
};

/// The workspace this harness was built from.
pub(crate) fn workspace() -> &'static Path {
    let perf = Path::new(env!("CARGO_MANIFEST_DIR"));
    perf.parent().unwrap_or(perf)
}

/// Builds into the target folder that this binary lies in, and returns the path of the result.
fn build() -> Outcome<PathBuf> {
    let this = std::env::current_exe()?;
    let target = this.ancestors().nth(2).ok_or("this binary lies in no target folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--package", "ringferry", "--bin", "ringferry"])
        .args(FEATURES)
        .arg("--target-dir")
        .arg(target)
        .current_dir(workspace())
        .status()
        .map_err(|e| format!("cargo: {e}"))?;
    if !built.success() {
        return Err("building ringferry failed; --ringferry PATH takes a built one".into());
    }
    Ok(target.join("release/ringferry"))
}

impl Peer for Ringferry {
    fn name(&self) -> &str {
        "ringferry"
    }

    fn version(&self) -> Outcome<String> {
        if !self.binary.exists() {
            return Err(format!("{} does not exist", self.binary.display()).into());
        }
        let git = |arguments: &[&str]| {
            let output =
                Command::new("git").args(arguments).current_dir(workspace()).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_default();
        let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
        let changed = changed.is_some_and(|list| !list.is_empty());
        let mark = if changed { ", with uncommitted changes" } else { "" };
        let version = env!("CARGO_PKG_VERSION");
        Ok(format!("ringferry {version}, commit {}{mark}", commit.trim()))
    }

    fn is_ours(&self) -> bool {
        true
    }

    fn accepts(&self, settings: &[String]) -> Outcome<()> {
        let mut command = Command::new(&self.binary);
        command.arg("check");
        command.args(settings.iter().flat_map(|set| ["--set", set]));
        let output = command.output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into())
    }

    fn launch(&self, site: &Site, settings: &[String]) -> Outcome<Launch> {
        let mut command = vec![self.binary.clone().into()];
        command.extend(["serve", "--listen", "127.0.0.1:0", "--root"].map(Into::into));
        command.push(site.served().into());
        command.extend(["--user", &site.user].map(Into::into));
        command.push("--authorized-keys".into());
        command.push(site.path("authorized_keys").into());
        command.push("--host-key".into());
        command.push(site.path("host_key").into());
        command.extend(self.more.iter().map(Into::into));
        command.extend(settings.iter().flat_map(|set| ["--set".into(), set.into()]));
        let (configuration, remote_root) = (String::new(), "/".into());
        Ok(Launch { command, port: Port::ReadyLine, configuration, remote_root })
    }
}
