//! Dropbear with OpenSSH's sftp-server, the pair of small machines.
//!
//! It reads `.ssh/authorized_keys` in the home folder of the account and nothing else (`-D` came
//! after Debian 12's 2022.83). So that nobody's file is touched it runs in a mount namespace of its
//! own, in which a folder of the site lies over the account's `.ssh`; that takes root. The path of
//! the sftp-server is compiled in.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Launch, Peer, Port, free_port, installed, says};
use crate::Outcome;
use crate::site::Site;

pub(crate) struct Dropbear;

const PACKAGE: &str = "dropbear-bin";
/// Where Debian's build looks.
const SFTP_SERVER: &str = "/usr/lib/sftp-server";

impl Peer for Dropbear {
    fn name(&self) -> &'static str {
        "dropbear"
    }

    fn version(&self) -> Outcome<String> {
        let dropbear = installed("dropbear", PACKAGE)?;
        if !Path::new(SFTP_SERVER).exists() {
            let cure = "install with apt-get install openssh-sftp-server";
            return Err(format!("{SFTP_SERVER} does not exist; {cure}").into());
        }
        if !rustix::process::geteuid().is_root() {
            let cause = "its authorized_keys is the account's own, and only root can hide that one";
            return Err(format!("{cause}: run as root").into());
        }
        let version = says(&dropbear, &["-V"], "Dropbear")?;
        Ok(format!("{version}, with OpenSSH's sftp-server"))
    }

    fn launch(&self, site: &Site, _settings: &[String]) -> Outcome<Launch> {
        let port = free_port()?;
        let host_key = site.path("dropbear.host_key");
        convert_key(&site.path("host_key"), &host_key)?;
        let dot_ssh = site.path("dropbear.ssh");
        std::fs::create_dir_all(&dot_ssh)?;
        std::fs::copy(site.path("authorized_keys"), dot_ssh.join("authorized_keys"))?;
        let home = home(&site.user)?.join(".ssh");
        std::fs::create_dir_all(&home)?;
        let script = "mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"";
        let mut command: Vec<_> =
            ["unshare", "--mount", "sh", "-c", script, "sh"].map(Into::into).into();
        command.extend([dot_ssh.into_os_string(), home.into_os_string()]);
        command.push(installed("dropbear", PACKAGE)?.into_os_string());
        command.extend(["-F", "-E", "-s", "-m", "-p"].map(Into::into));
        command.push(format!("127.0.0.1:{port}").into());
        command.push("-r".into());
        command.push(host_key.into_os_string());
        command.push("-P".into());
        command.push(site.path("dropbear.pid").into_os_string());
        let configuration = String::new();
        let remote_root = format!("{}/", site.served().display());
        Ok(Launch { command, port: Port::Chosen(port), configuration, remote_root })
    }
}

/// Its own format for the same host key.
fn convert_key(from: &Path, to: &Path) -> Outcome<()> {
    let output = Command::new(installed("dropbearconvert", PACKAGE)?)
        .args(["openssh", "dropbear"])
        .args([from, to])
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("dropbearconvert: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
}

/// The home folder that the system knows of an account.
fn home(user: &str) -> Outcome<PathBuf> {
    let output = Command::new("getent").args(["passwd", user]).output()?;
    let line = String::from_utf8(output.stdout)?;
    let home = home_field(&line).ok_or_else(|| format!("{user} has no home folder"))?;
    Ok(home.into())
}

fn home_field(passwd_line: &str) -> Option<&str> {
    passwd_line.trim_end().split(':').nth(5).filter(|home| home.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_field_is_the_home() {
        assert_eq!(home_field("root:x:0:0:root:/root:/bin/bash\n"), Some("/root"));
        assert_eq!(home_field("a:x:1:1:::/bin/sh\n"), None);
        assert_eq!(home_field(""), None);
    }
}
