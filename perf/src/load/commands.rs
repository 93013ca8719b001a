//! Each part of the load generator by hand, and in processes of their own: hidden subcommands.
//!
//! They print one line, `key=value` words, for people and for tests.

use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::ceiling::{BareFiles, BareLoop, RelayWords, relay, serve, serve_files};
use super::{
    Bulk, CeilingRun, DelayProxy, FilesRun, IdleSessions, Load, Login, StatRun, TAIL, bulk,
    ceiling, ceiling_files, idle_sessions, logins, stat_latency,
};
use crate::Outcome;
use crate::arguments::{parse_millis, parse_size};
use crate::cipher::Cipher;
use crate::client::Direction;
use crate::statistics::percentile;

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Moves a file in parallel streams
    #[command(hide = true)]
    Bulk(BulkWords),
    /// Asks for the attributes of a file again and again
    #[command(hide = true)]
    Stat {
        #[command(flatten)]
        login: LoginWords,
        #[arg(long)]
        path: String,
        #[arg(long, default_value_t = 1000)]
        count: u32,
        /// Milliseconds from one to the next, answered or not [default: once it is answered]
        #[arg(long, value_parser = parse_millis)]
        interval: Option<Duration>,
    },
    /// Holds sessions that do nothing until its standard input ends
    #[command(hide = true)]
    Idle {
        #[command(flatten)]
        login: LoginWords,
        #[arg(long, default_value_t = 1000)]
        count: u32,
    },
    /// Logs in and out again
    #[command(hide = true)]
    Logins {
        #[command(flatten)]
        login: LoginWords,
        #[arg(long, default_value_t = 200)]
        count: u32,
        #[arg(long, default_value_t = 1)]
        parallel: usize,
    },
    /// Hands connections on with delay until its standard input ends
    #[command(hide = true)]
    Delay {
        #[arg(long)]
        to: SocketAddr,
        /// Milliseconds each way
        #[arg(long, value_parser = parse_millis)]
        one_way: Duration,
    },
    /// The bare loop: read, seal, send, or receive, open, write
    #[command(hide = true)]
    Ceiling(BareLoop),
    /// The bare loop of small files: a request, its system calls, an answer
    #[command(hide = true)]
    CeilingFiles(BareFiles),
    /// Between the bare loop of small files and its client, as `ssh` is
    #[command(hide = true)]
    RelayFiles(RelayWords),
    /// Moves a file to or from a running bare loop
    #[command(hide = true)]
    DriveCeiling(DriveWords),
    /// Moves files to or from a running bare loop of small files
    #[command(hide = true)]
    DriveCeilingFiles(FilesRun),
}

/// Where to log in.
#[derive(Args)]
pub(crate) struct LoginWords {
    #[arg(long)]
    to: SocketAddr,
    #[arg(long)]
    user: String,
    /// The private key
    #[arg(long)]
    key: PathBuf,
    #[arg(long, default_value = "aes128-gcm")]
    cipher: Cipher,
}

/// A bulk transfer.
#[derive(Args)]
pub(crate) struct BulkWords {
    direction: Direction,
    #[command(flatten)]
    login: LoginWords,
    /// Files on the server, one for each stream
    #[arg(long, value_delimiter = ',', required = true)]
    remote: Vec<String>,
    /// What an upload sends; where a download goes
    #[arg(long)]
    local: Option<PathBuf>,
    #[arg(long, value_parser = parse_size)]
    bytes: u64,
    #[arg(long, default_value = "32K", value_parser = parse_size)]
    request: u64,
    #[arg(long, default_value_t = 64)]
    outstanding: usize,
    /// Count what comes in and decrypt nothing
    #[arg(long)]
    skip_decryption: bool,
}

/// A run of the bare loop's client.
#[derive(Args)]
pub(crate) struct DriveWords {
    direction: Direction,
    #[arg(long)]
    to: SocketAddr,
    #[arg(long, default_value = "aes128-gcm")]
    cipher: Cipher,
    #[arg(long, default_value_t = 1)]
    streams: usize,
    #[arg(long, value_parser = parse_size)]
    bytes: u64,
    #[arg(long, default_value = "/dev/null")]
    local: PathBuf,
}

impl LoginWords {
    fn login(&self) -> Outcome<Login> {
        Login::new(self.to, &self.user, &self.key, &self.cipher)
    }
}

impl Command {
    /// Runs it.
    pub(crate) fn run(&self) -> Outcome<ExitCode> {
        match self {
            Command::Bulk(words) => report(&bulk(&words.bulk()?)?),
            Command::Stat { login, path, count, interval } => {
                let (login, path) = (login.login()?, path.clone());
                let run = StatRun { login, path, count: *count, interval: *interval };
                let times = stat_latency(&run)?;
                let micros = |share| {
                    let time = percentile(&times, share).unwrap_or_default();
                    time.as_secs_f64() * 1e6
                };
                let (p50, p99) = (micros(0.5), micros(0.99));
                println!("stats={} p50_us={p50:.1} p99_us={p99:.1}", times.len());
            }
            Command::Idle { login, count } => hold(&idle_sessions(&login.login()?, *count)?)?,
            Command::Logins { login, count, parallel } => {
                let wall = logins(&login.login()?, *count, *parallel)?;
                println!("logins={count} wall_s={:.3}", wall.as_secs_f64());
            }
            Command::Delay { to, one_way } => {
                let proxy = DelayProxy::start(*to, *one_way)?;
                println!("ready listen={} pid={}", proxy.address(), std::process::id());
                wait_for_end_of_input()?;
            }
            Command::Ceiling(bare) => serve(bare)?,
            Command::CeilingFiles(bare) => serve_files(bare)?,
            Command::RelayFiles(words) => relay(words)?,
            Command::DriveCeiling(words) => report(&ceiling(&words.run())?),
            Command::DriveCeilingFiles(run) => ceiling_files(run)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl BulkWords {
    fn bulk(&self) -> Outcome<Bulk> {
        Ok(Bulk {
            login: self.login.login()?,
            direction: self.direction,
            remote: self.remote.clone(),
            local: self.local.clone(),
            bytes: self.bytes,
            request_bytes: u32::try_from(self.request)?,
            outstanding: self.outstanding,
            skip_decryption: self.skip_decryption,
            tail: TAIL,
        })
    }
}

impl DriveWords {
    fn run(&self) -> CeilingRun {
        CeilingRun {
            address: self.to,
            direction: self.direction,
            cipher: self.cipher.clone(),
            streams: self.streams,
            bytes: self.bytes,
            local: self.local.clone(),
        }
    }
}

fn report(load: &Load) {
    let wall_s = load.wall.as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let rate = load.bytes as f64 / wall_s / 1e6;
    println!("bytes={} wall_s={wall_s:.3} MB/s={rate:.1} counted={:?}", load.bytes, load.counted);
    for stream in &load.streams {
        let wall_s = stream.wall.as_secs_f64();
        println!(
            "stream bytes={} wire_bytes={} wall_s={wall_s:.3}",
            stream.bytes, stream.wire_bytes
        );
    }
}

fn hold(sessions: &IdleSessions) -> Outcome<()> {
    println!("holding={}", sessions.count());
    wait_for_end_of_input()
}

fn wait_for_end_of_input() -> Outcome<()> {
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
