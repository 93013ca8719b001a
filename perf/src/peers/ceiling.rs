//! The bare loops of `load::ceiling` in a process of their own: no servers, but what a server would
//! cost that did nothing else. One serves one direction, cipher and number of bytes a stream, the
//! other small files.

use std::ffi::OsString;

use super::{Launch, Peer, Port};
use crate::Outcome;
use crate::cipher::Cipher;
use crate::client::Direction;
use crate::site::Site;

pub(crate) struct Ceiling {
    pub(crate) direction: Direction,
    pub(crate) cipher: Cipher,
    /// Connections at once, which it need not know: its log is called by them.
    pub(crate) streams: u32,
    /// The served file that it reads or writes.
    pub(crate) file: String,
    /// Bytes of the file on each connection.
    pub(crate) bytes: u64,
}

/// The one of small files, of the served folder.
pub(crate) struct CeilingFiles;

/// What both are called in the table.
pub(crate) const CEILING: &str = "ceiling";

impl Peer for Ceiling {
    fn name(&self) -> &'static str {
        CEILING
    }

    fn version(&self) -> Outcome<String> {
        Ok(version("a process a case"))
    }

    /// Each case has a process, and they run at once.
    fn log_name(&self) -> String {
        format!("ceiling-{}-{}", self.cipher.label, self.streams)
    }

    fn launch(&self, site: &Site, _settings: &[String]) -> Outcome<Launch> {
        let mut command = command("ceiling")?;
        command.extend(["--direction", self.direction.name()].map(Into::into));
        command.extend(["--cipher", &self.cipher.label, "--file"].map(Into::into));
        command.push(site.served_file(&self.file).into());
        command.extend(["--bytes", &self.bytes.to_string()].map(Into::into));
        Ok(launched(command))
    }
}

impl Peer for CeilingFiles {
    fn name(&self) -> &'static str {
        CEILING
    }

    fn version(&self) -> Outcome<String> {
        Ok(version("one connection at a time"))
    }

    fn launch(&self, site: &Site, _settings: &[String]) -> Outcome<Launch> {
        let mut command = command("ceiling-files")?;
        command.extend(["--folder".into(), site.served().into_os_string()]);
        Ok(launched(command))
    }
}

fn version(how: &str) -> String {
    format!("the bare loop of ringferry-perf {}, {how}", env!("CARGO_PKG_VERSION"))
}

fn command(subcommand: &str) -> Outcome<Vec<OsString>> {
    let program = std::env::current_exe()?.into_os_string();
    let words = [subcommand, "--listen", "127.0.0.1:0"].map(Into::into);
    Ok([program].into_iter().chain(words).collect())
}

fn launched(command: Vec<OsString>) -> Launch {
    let (configuration, remote_root) = (String::new(), String::new());
    Launch { command, port: Port::ReadyLine, configuration, remote_root }
}
