//! From a command line to a command.

use super::digests::{Digesting, PROGRAMS};
use super::places::Places;
use super::{Command, RemoteCopy, STATUS_UNKNOWN, Said, shown};
use crate::scp::{self, Options, Word};
use crate::vfs::DigestKind;

/// Where programs of other servers have their SFTP server; clients that know no subsystems ask for
/// it by its path.
const SFTP_SERVERS: [&[u8]; 6] = [
    b"sftp-server",
    b"internal-sftp",
    b"/usr/lib/openssh/sftp-server",
    b"/usr/libexec/openssh/sftp-server",
    b"/usr/libexec/sftp-server",
    b"/usr/lib/ssh/sftp-server",
];

/// With this rclone looks which shell it talks to; POSIX's leaves the second half as it is.
const RCLONE_PROBE: &[u8] = b"echo ${ShellId}%ComSpec%";

/// Which commands are carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verbs(Vec<&'static str>);

impl Default for Verbs {
    fn default() -> Self {
        Self(Self::all())
    }
}

impl Verbs {
    /// Those of `names` that there are.
    #[must_use]
    pub fn new(names: &[&str]) -> Self {
        Self(Self::all().into_iter().filter(|verb| names.contains(verb)).collect())
    }

    /// The names of all there are.
    #[must_use]
    pub fn all() -> Vec<&'static str> {
        let digests = PROGRAMS.iter().map(|(name, _)| *name);
        let others = ["rclone", "df", "pwd", "cd", "echo", "true"];
        ["scp", "sftp-server"].into_iter().chain(digests).chain(others).collect()
    }

    fn has(&self, verb: &str) -> bool {
        self.0.contains(&verb)
    }
}

/// What a command line asks for.
pub(in crate::server) enum Asked {
    /// SFTP, as if the subsystem had been asked for.
    Sftp,
    Command(Command),
    /// Nothing that is done here: this is what the client is told.
    Refused(Said),
}

/// What `line` asks for, of what `verbs` permits. No line at all is a shell.
pub(in crate::server) fn parse(line: Option<&[u8]>, verbs: &Verbs) -> Asked {
    let line = line.unwrap_or_default();
    if line == RCLONE_PROBE && verbs.has("echo") {
        return Asked::Command(Command::say(b"%ComSpec%\n".to_vec()));
    }
    let words = scp::split(line);
    let Some((program, arguments)) = words.as_ref().and_then(|words| words.split_first()) else {
        return unknown(line);
    };
    let program = program.text.as_slice();
    let verb = match program {
        _ if SFTP_SERVERS.contains(&program) => Some("sftp-server"),
        _ => Verbs::all().into_iter().find(|verb| verb.as_bytes() == program),
    };
    match verb {
        None => unknown(line),
        Some(verb) if !verbs.has(verb) => {
            refused(format!("ringferry: {verb} is switched off on this server (enabled_exec)\n"))
        }
        Some("sftp-server") => Asked::Sftp,
        Some(verb) => Asked::Command(command(verb, arguments)),
    }
}

fn command(verb: &'static str, arguments: &[Word]) -> Command {
    if let Some((name, kind)) = PROGRAMS.iter().find(|(name, _)| *name == verb) {
        return digests(name, *kind, arguments);
    }
    match verb {
        "scp" => match Options::parse(arguments) {
            Ok(options) => Command::Copy(Box::new(RemoteCopy::new(options))),
            Err(why) => Command::fail(format!("{why}\n"), 1),
        },
        "rclone" => rclone(arguments),
        "df" => Places::df(arguments).map_or_else(usage, Command::Places),
        "cd" => Places::cd(arguments).map_or_else(usage, Command::Places),
        "pwd" => Command::Places(Places::pwd()),
        "echo" => {
            let texts: Vec<&[u8]> = arguments.iter().map(|word| word.text.as_slice()).collect();
            let mut line = texts.join(&b' ');
            line.push(b'\n');
            Command::say(line)
        }
        // `true` takes whatever it is given.
        _ => Command::say(Vec::new()),
    }
}

/// `rclone md5sum`, `rclone sha1sum` and `rclone hashsum ALGORITHM`, as rclone itself asks for them
/// where there are no programs of these names.
fn rclone(arguments: &[Word]) -> Command {
    let texts: Vec<&[u8]> = arguments.iter().map(|word| word.text.as_slice()).collect();
    let (name, rest) = match texts.as_slice() {
        [b"md5sum", ..] => (&b"md5"[..], arguments.get(1..)),
        [b"sha1sum", ..] => (&b"sha1"[..], arguments.get(1..)),
        [b"hashsum", name, ..] => (*name, arguments.get(2..)),
        _ => {
            return usage(
                "rclone: md5sum, sha1sum and hashsum ALGORITHM are known here".to_owned(),
            );
        }
    };
    match DigestKind::ALL.into_iter().find(|kind| kind.name().as_bytes() == name) {
        Some(kind) => digests("rclone", kind, rest.unwrap_or_default()),
        None => {
            let name = shown(name);
            usage(format!("rclone: no hash of the name {name} is known here"))
        }
    }
}

fn digests(program: &'static str, kind: DigestKind, arguments: &[Word]) -> Command {
    match Digesting::new(program, kind, arguments) {
        Ok(digesting) => Command::Digests(Box::new(digesting)),
        Err(why) => usage(why),
    }
}

fn usage(why: String) -> Command {
    Command::fail(format!("{why}\n"), 1)
}

impl Command {
    fn say(out: Vec<u8>) -> Self {
        Self::Say(Said { out, ..Said::default() })
    }

    fn fail(err: String, status: u32) -> Self {
        Self::Say(Said { out: Vec::new(), err: err.into_bytes(), status })
    }
}

/// What is no command here.
fn unknown(line: &[u8]) -> Asked {
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'\n'));
    let name = line.get(..end.unwrap_or(line.len()).min(64)).unwrap_or_default();
    if name.is_empty() {
        return refused("ringferry: this server has no shell; it offers SFTP and SCP\n".to_owned());
    }
    if scp::split(line).is_none() && Verbs::all().iter().any(|verb| verb.as_bytes() == name) {
        let what = "no shell reads this line: quote what has | & ; < > ( ) $ ` in its name";
        return refused(format!("ringferry: {what}\n"));
    }
    let name = shown(name);
    refused(format!("ringferry: {name}: not served here; this server offers SFTP and SCP\n"))
}

fn refused(why: String) -> Asked {
    Asked::Refused(Said { out: Vec::new(), err: why.into_bytes(), status: STATUS_UNKNOWN })
}

#[cfg(test)]
mod tests;
