//! OpenSSH's sshd, Debian's or any other by path (a newer build, HPN-SSH), with the SFTP server
//! that is part of it: `internal-sftp` saves an exec a session and is the faster of its two ways.

use std::path::PathBuf;

use super::{Launch, Peer, Port, free_port, says};
use crate::Outcome;
use crate::site::Site;

pub(crate) struct OpenSsh {
    name: String,
    sshd: PathBuf,
}

impl OpenSsh {
    pub(crate) fn new(name: &str, sshd: PathBuf) -> OpenSsh {
        OpenSsh { name: name.to_owned(), sshd }
    }
}

impl Peer for OpenSsh {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> Outcome<String> {
        if !self.sshd.is_file() {
            let (path, cure) = (self.sshd.display(), "install with apt-get install openssh-server");
            return Err(format!("{path} does not exist; {cure}").into());
        }
        // Older ones know no -V: they complain, and name their version with the usage.
        says(&self.sshd, &["-V"], "OpenSSH")
    }

    fn launch(&self, site: &Site, _settings: &[String]) -> Outcome<Launch> {
        if rustix::process::geteuid().is_root() {
            // A fresh machine has it only once the service has run. Other builds have another one.
            let _ = std::fs::create_dir_all("/run/sshd");
        }
        let port = free_port()?;
        let configuration = [
            format!("ListenAddress 127.0.0.1:{port}"),
            format!("HostKey {}", site.path("host_key").display()),
            format!("AuthorizedKeysFile {}", site.path("authorized_keys").display()),
            "Subsystem sftp internal-sftp".into(),
            "StrictModes no".into(),
            "PasswordAuthentication no".into(),
            "KbdInteractiveAuthentication no".into(),
            "PermitRootLogin prohibit-password".into(),
            "PidFile none".into(),
            "MaxStartups 1000".into(),
        ]
        .join("\n");
        let config = site.path(&format!("{}.sshd_config", self.name));
        std::fs::write(&config, format!("{configuration}\n"))?;
        let command = vec![
            self.sshd.clone().into(),
            "-D".into(),
            "-e".into(),
            "-f".into(),
            config.into_os_string(),
        ];
        let remote_root = format!("{}/", site.served().display());
        Ok(Launch { command, port: Port::Chosen(port), configuration, remote_root })
    }
}
