//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::measure::Method;

/// Compares ringferry with other SFTP servers on this machine: wall time, MB/s, server CPU seconds
/// a GiB and peak memory, by scenario and cipher.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) compare: Compare,
    #[command(subcommand)]
    pub(crate) inner: Option<Inner>,
}

/// A comparison.
#[derive(Args)]
pub(crate) struct Compare {
    /// One round of 256 MiB, for a look in less than half a minute
    #[arg(long)]
    pub(crate) quick: bool,
    /// ours, openssh, or NAME=PATH for another sshd
    #[arg(long, value_delimiter = ',', default_values = ["ours", "openssh"])]
    pub(crate) servers: Vec<String>,
    /// What the client does
    #[arg(long, value_delimiter = ',', default_values = ["get", "put"])]
    pub(crate) scenarios: Vec<Scenario>,
    /// default (the client's choice), aes128-gcm, aes256-gcm, chacha20-poly1305, or a name as ssh
    /// knows it
    #[arg(long, value_delimiter = ',', default_values = ["aes128-gcm", "default"])]
    pub(crate) ciphers: Vec<Cipher>,
    /// Timed rounds [default: 3; quick: 1]
    #[arg(long)]
    pub(crate) rounds: Option<u32>,
    /// Bytes of the file, with K, M or G [default: 1G; quick: 256M]
    #[arg(long, value_parser = parse_size)]
    pub(crate) size: Option<u64>,
    /// Our binary [default: built now, release profile]
    #[arg(long)]
    pub(crate) ringferry: Option<PathBuf>,
    /// The sshd that `openssh` means
    #[arg(long, default_value = "/usr/sbin/sshd")]
    pub(crate) sshd: PathBuf,
    /// More arguments for `ringferry serve`, such as `--ours=--shards=1`
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) ours: Vec<String>,
    /// Where keys and files go; its filesystem is what is measured [default: beside the binary]
    #[arg(long)]
    pub(crate) work_dir: Option<PathBuf>,
    /// Where the report goes [default: perf/runs/DATE-HOST, with -quick for a quick one]
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// How CPU time is counted [default: the first that works]
    #[arg(long)]
    pub(crate) cpu_method: Option<Method>,
}

impl Compare {
    /// Bytes of the file that is transferred.
    pub(crate) fn bytes(&self) -> u64 {
        self.size.unwrap_or(if self.quick { 256 << 20 } else { 1 << 30 })
    }

    /// Timed rounds, at least one.
    pub(crate) fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 }).max(1)
    }
}

/// What the client does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Scenario {
    /// Download of one large file
    Get,
    /// Upload of one large file
    Put,
}

impl Scenario {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scenario::Get => "get",
            Scenario::Put => "put",
        }
    }
}

/// A cipher as the table calls it and as ssh knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cipher {
    pub(crate) label: String,
    /// `None` leaves the choice to the client.
    pub(crate) ssh_name: Option<String>,
}

impl std::str::FromStr for Cipher {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Cipher, Self::Err> {
        let ssh_name = match text {
            "default" => None,
            "aes128-gcm" | "aes256-gcm" | "chacha20-poly1305" => {
                Some(format!("{text}@openssh.com"))
            }
            other => Some(other.to_owned()),
        };
        Ok(Cipher { label: text.to_owned(), ssh_name })
    }
}

/// What the harness runs itself as.
#[derive(Subcommand)]
pub(crate) enum Inner {
    #[command(flatten)]
    Measuring(Measuring),
    #[command(flatten)]
    Load(crate::load::Command),
}

/// The parts of the measurement that are processes; not for people.
#[derive(Subcommand)]
pub(crate) enum Measuring {
    /// Moves itself into a control group, or reaps orphans, and runs a server
    #[command(hide = true)]
    Contain {
        #[arg(long)]
        cgroup: Option<PathBuf>,
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Uses so much CPU time and exits: a known quantity for the test of the measurement
    #[command(hide = true)]
    Burn {
        #[arg(value_parser = parse_millis)]
        millis: Duration,
    },
    /// Runs a command to its end and prints the CPU seconds of its whole tree
    #[command(hide = true)]
    Measure {
        #[arg(long)]
        method: Method,
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

/// A number of milliseconds.
pub(crate) fn parse_millis(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_millis)
}

/// `512`, `64K`, `256M`, `1G`: bytes, in powers of 1024.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().next_back() {
        Some((at, 'K' | 'k')) => (&text[..at], 10),
        Some((at, 'M' | 'm')) => (&text[..at], 20),
        Some((at, 'G' | 'g')) => (&text[..at], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| format!("{text:?}: a number with K, M or G"))?;
    let bytes = number.checked_mul(1 << shift).filter(|&bytes| bytes > 0);
    bytes.ok_or_else(|| format!("{text:?} is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(parse_size("512"), Ok(512));
        assert_eq!(parse_size("64K"), Ok(65_536));
        assert_eq!(parse_size("1G"), Ok(1 << 30));
        for wrong in ["", "G", "1T", "-1", "0", "99999999999G"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ciphers_by_label() {
        let cipher = |text: &str| text.parse::<Cipher>().unwrap().ssh_name;
        assert_eq!(cipher("default"), None);
        assert_eq!(cipher("aes128-gcm").as_deref(), Some("aes128-gcm@openssh.com"));
        assert_eq!(cipher("aes128-ctr").as_deref(), Some("aes128-ctr"));
    }

    #[test]
    fn quick_is_smaller_but_what_is_asked_for_wins() {
        let parse = |line: &[&str]| Arguments::try_parse_from(line).unwrap().compare;
        let quick = parse(&["perf", "--quick"]);
        assert_eq!((quick.bytes(), quick.rounds()), (256 << 20, 1));
        let asked = parse(&["perf", "--quick", "--size", "1M", "--rounds", "7"]);
        assert_eq!((asked.bytes(), asked.rounds()), (1 << 20, 7));
    }
}
