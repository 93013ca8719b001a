//! ProFTPD with mod_sftp, which has an SSH of its own: the nearest of the others to ours in shape.
//! It wants public keys in RFC 4716's format, and loads its modules by name.

use std::path::Path;
use std::process::Command;

use super::{Launch, Peer, Port, free_port, installed, says};
use crate::Outcome;
use crate::site::Site;

pub(crate) struct ProFtpd;

const PACKAGES: &str = "proftpd-core proftpd-mod-crypto";
/// Where Debian's build has its modules.
const MODULES: &str = "/usr/lib/proftpd";

impl Peer for ProFtpd {
    fn name(&self) -> &'static str {
        "proftpd"
    }

    fn version(&self) -> Outcome<String> {
        let proftpd = installed("proftpd", PACKAGES)?;
        if !Path::new(MODULES).join("mod_sftp.so").exists() {
            return Err(format!("no mod_sftp: install with apt-get install {PACKAGES}").into());
        }
        Ok(format!("{}, mod_sftp", says(&proftpd, &["-v"], "ProFTPD")?))
    }

    fn launch(&self, site: &Site, _settings: &[String]) -> Outcome<Launch> {
        let port = free_port()?;
        write_rfc4716(&site.path("authorized_keys"), &site.path("proftpd.keys"))?;
        let group = Command::new("id").arg("-gn").output()?.stdout;
        let account = (site.user.as_str(), std::str::from_utf8(&group)?.trim());
        let configuration =
            configuration(port, account, |name| site.path(name).display().to_string());
        let config = site.path("proftpd.conf");
        std::fs::write(&config, format!("{configuration}\n"))?;
        let mut command = vec![installed("proftpd", PACKAGES)?.into_os_string()];
        command.extend(["--nodaemon", "--config"].map(Into::into));
        command.push(config.into_os_string());
        let remote_root = format!("{}/", site.served().display());
        Ok(Launch { command, port: Port::Chosen(port), configuration, remote_root })
    }
}

/// `path` gives a file of the site.
fn configuration(port: u16, account: (&str, &str), path: impl Fn(&str) -> String) -> String {
    let (user, group) = account;
    [
        format!("ModulePath {MODULES}"),
        "LoadModule mod_sftp.c".into(),
        "ServerType standalone".into(),
        "ServerName perf".into(),
        "DefaultAddress 127.0.0.1".into(),
        format!("Port {port}"),
        "UseIPv6 off".into(),
        "UseReverseDNS off".into(),
        format!("User {user}"),
        format!("Group {group}"),
        "RootLogin on".into(),
        // Debian's /etc/ftpusers turns root away.
        "UseFtpUsers off".into(),
        "RequireValidShell off".into(),
        "AuthOrder mod_auth_unix.c".into(),
        "AllowOverwrite on".into(),
        "MaxInstances none".into(),
        "WtmpLog off".into(),
        "TransferLog none".into(),
        "DelayEngine off".into(),
        format!("SystemLog {}", path("proftpd.system.log")),
        format!("PidFile {}", path("proftpd.pid")),
        format!("ScoreboardFile {}", path("proftpd.scoreboard")),
        "SFTPEngine on".into(),
        format!("SFTPHostKey {}", path("host_key")),
        "SFTPAuthMethods publickey".into(),
        format!("SFTPAuthorizedUserKeys file:{}", path("proftpd.keys")),
        format!("SFTPLog {}", path("proftpd.sftp.log")),
    ]
    .join("\n")
}

/// The public key in the format of RFC 4716.
fn write_rfc4716(from: &Path, to: &Path) -> Outcome<()> {
    let output =
        Command::new("ssh-keygen").args(["-e", "-m", "RFC4716", "-f"]).arg(from).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("ssh-keygen: {said}").into());
    }
    Ok(std::fs::write(to, output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_loaded_before_it_is_configured() {
        let text = configuration(2022, ("ann", "staff"), |name| format!("/site/{name}"));
        let line = |start: &str| text.lines().position(|line| line.starts_with(start)).unwrap();
        assert!(line("ModulePath ") < line("LoadModule "));
        assert!(line("LoadModule ") < line("SFTPEngine "));
        for wanted in [
            "Port 2022",
            "User ann",
            "Group staff",
            "SFTPHostKey /site/host_key",
            "SFTPAuthorizedUserKeys file:/site/proftpd.keys",
        ] {
            assert!(text.lines().any(|line| line == wanted), "{wanted}");
        }
    }
}
