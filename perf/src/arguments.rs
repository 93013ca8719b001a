//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::cipher::Cipher;
use crate::cores::Cores;
use crate::measure::Method;
use crate::scenarios::Name;

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
    /// get and put, one round of 256 MiB: for a look in less than a minute
    #[arg(long)]
    pub(crate) quick: bool,
    /// all, or some of ours, openssh, proftpd, rclone, dropbear, and NAME=PATH for another sshd
    #[arg(long, value_delimiter = ',', default_values = ["ours", "openssh"])]
    pub(crate) servers: Vec<String>,
    /// What the clients do
    #[arg(long, value_delimiter = ',', default_values = ["get", "put"])]
    pub(crate) scenarios: Vec<Name>,
    /// default (the client's choice), aes128-gcm, aes256-gcm, chacha20-poly1305, aes128-ctr+etm, or
    /// a name as ssh knows it [default: these five; quick and scp-*: aes128-gcm and default]
    #[arg(long, value_delimiter = ',')]
    pub(crate) ciphers: Vec<Cipher>,
    /// Timed rounds [default: 3; quick: 1]
    #[arg(long)]
    pub(crate) rounds: Option<u32>,
    /// Bytes of the large file, with K, M or G [default: 1G; quick: 256M]
    #[arg(long, value_parser = parse_size)]
    pub(crate) size: Option<u64>,
    #[command(flatten)]
    pub(crate) amounts: Amounts,
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
    /// Core of the servers and core of the clients, such as 0:1 [default: the scheduler's choice]
    #[arg(long, value_name = "SERVER:CLIENT")]
    pub(crate) cores: Option<Cores>,
    /// How CPU time is counted [default: the first that works]
    #[arg(long)]
    pub(crate) cpu_method: Option<Method>,
}

/// How much of everything; each belongs to one kind of scenario.
#[derive(Args)]
#[command(next_help_heading = "Amounts")]
pub(crate) struct Amounts {
    /// load-get, load-put: connections at once, each with its share of the bytes
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8, 64])]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) streams: Vec<u32>,
    /// load-get, load-put: every number of streams with every cipher, not only with the first
    #[arg(long)]
    pub(crate) cross: bool,
    /// load-get: a case of its own for a client that decrypts what arrives
    #[arg(long)]
    pub(crate) decrypt: bool,
    /// load-get, load-put: bytes of a READ or WRITE, 32K to 255K
    #[arg(long, value_parser = parse_size, default_value = "255K")]
    pub(crate) request_size: u64,
    /// small: files of 4 KiB
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..100_000))]
    pub(crate) small_files: u32,
    /// stat: requests of each case
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) stats: u32,
    /// logins: of each case
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) logins: u32,
    /// idle: sessions of our server; the others get no more than 200, as each is processes
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 10_000])]
    pub(crate) idle: Vec<u32>,
    /// delay: milliseconds there and back; each way takes half
    #[arg(long, value_delimiter = ',', default_values_t = [20, 100])]
    pub(crate) delays: Vec<u32>,
    /// delay: bytes of the file
    #[arg(long, value_parser = parse_size, default_value = "256M")]
    pub(crate) delay_size: u64,
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

    /// The ciphers to go through.
    pub(crate) fn ciphers(&self) -> Vec<Cipher> {
        self.ciphers_or(if self.quick {
            &["aes128-gcm", "default"]
        } else {
            &["aes128-gcm", "aes256-gcm", "chacha20-poly1305", "aes128-ctr+etm", "default"]
        })
    }

    /// The ciphers that the command line names, else these.
    pub(crate) fn ciphers_or(&self, labels: &[&str]) -> Vec<Cipher> {
        if !self.ciphers.is_empty() {
            return self.ciphers.clone();
        }
        labels.iter().filter_map(|label| label.parse().ok()).collect()
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
    fn amounts_are_lists_and_sizes() {
        let line = ["perf", "--streams", "1,64", "--delays=5", "--delay-size", "1M"];
        let amounts = Arguments::try_parse_from(line).unwrap().compare.amounts;
        assert_eq!((amounts.streams, amounts.delays), (vec![1, 64], vec![5]));
        assert_eq!((amounts.delay_size, amounts.idle), (1 << 20, vec![1000, 10_000]));
        for wrong in ["--logins=0", "--streams=0", "--delay-size=0", "--scenarios=nonsense"] {
            assert!(Arguments::try_parse_from(["perf", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn quick_is_smaller_but_what_is_asked_for_wins() {
        let parse = |line: &[&str]| Arguments::try_parse_from(line).unwrap().compare;
        let quick = parse(&["perf", "--quick"]);
        assert_eq!((quick.bytes(), quick.rounds()), (256 << 20, 1));
        let asked = parse(&["perf", "--quick", "--size", "1M", "--rounds", "7"]);
        assert_eq!((asked.bytes(), asked.rounds()), (1 << 20, 7));
        assert_eq!((quick.ciphers().len(), asked.ciphers().len()), (2, 2));
        let full = parse(&["perf"]);
        assert_eq!((full.bytes(), full.rounds(), full.ciphers().len()), (1 << 30, 3, 5));
    }
}
