//! `rclone serve sftp`, the server that people put before a folder in one line.

use super::{Launch, Peer, Port, free_port, installed, says};
use crate::Outcome;
use crate::site::Site;

pub(crate) struct Rclone;

impl Peer for Rclone {
    fn name(&self) -> &'static str {
        "rclone"
    }

    fn version(&self) -> Outcome<String> {
        says(&installed("rclone", "rclone")?, &["version"], "rclone")
    }

    /// It cuts the answer to a longer one, which a client that only counts cannot see.
    fn read_bytes_max(&self) -> u32 {
        32 * 1024
    }

    fn launch(&self, site: &Site, _settings: &[String]) -> Outcome<Launch> {
        let port = free_port()?;
        let mut command = vec![installed("rclone", "rclone")?.into_os_string()];
        command.extend(["serve", "sftp"].map(Into::into));
        command.push(site.served().into());
        command.push("--addr".into());
        command.push(format!("127.0.0.1:{port}").into());
        command.extend(["--user", &site.user].map(Into::into));
        command.push("--authorized-keys".into());
        command.push(site.path("authorized_keys").into());
        command.push("--key".into());
        command.push(site.path("host_key").into());
        // None of the user's remotes. It keeps the names of a folder in memory for minutes, as it
        // does for its users: what is uploaded here has a new name each time.
        command.extend(["--config", ""].map(Into::into));
        let (configuration, remote_root) = (String::new(), "/".into());
        Ok(Launch { command, port: Port::Chosen(port), configuration, remote_root })
    }
}
