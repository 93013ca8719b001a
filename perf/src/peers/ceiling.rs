//! The bare loop of `load::ceiling` in a process of its own: no server, but what a server would
//! cost that did nothing else. It serves one direction and one cipher.

use super::{Launch, Peer, Port};
use crate::Outcome;
use crate::cipher::Cipher;
use crate::client::Direction;
use crate::site::Site;

pub(crate) struct Ceiling {
    pub(crate) direction: Direction,
    pub(crate) cipher: Cipher,
    /// The served file that it reads or writes.
    pub(crate) file: String,
    /// Bytes of the file on each connection.
    pub(crate) bytes: u64,
}

impl Peer for Ceiling {
    fn name(&self) -> &'static str {
        "ceiling"
    }

    fn version(&self) -> Outcome<String> {
        let version = env!("CARGO_PKG_VERSION");
        Ok(format!("the bare loop of ringferry-perf {version}, a process a cipher"))
    }

    /// Each cipher has a process, and they run at once.
    fn log_name(&self) -> String {
        format!("ceiling-{}", self.cipher.label)
    }

    fn launch(&self, site: &Site, _settings: &[String]) -> Outcome<Launch> {
        let mut command = vec![std::env::current_exe()?.into_os_string()];
        command.extend(["ceiling", "--listen", "127.0.0.1:0", "--direction"].map(Into::into));
        command.push(self.direction.name().into());
        command.extend(["--cipher", &self.cipher.label, "--file"].map(Into::into));
        command.push(site.served_file(&self.file).into());
        command.extend(["--bytes", &self.bytes.to_string()].map(Into::into));
        let (configuration, remote_root) = (String::new(), String::new());
        Ok(Launch { command, port: Port::ReadyLine, configuration, remote_root })
    }
}
