//! `ringferry passwd`: the lines of a users file that passwords and one-time codes come to.
//!
//! The password is typed twice at a terminal, which shows nothing of it, or read from stdin where
//! that is none. It is never an argument: those can be read by everybody on the machine.

use std::io::{IsTerminal, Read};

use clap::Args;
use zeroize::Zeroizing;

use super::config::login_name;
use super::failure::Failure;
use crate::auth::limits::PASSWORD_BYTES_MAX;
use crate::auth::password::{Cost, password_fault};
use crate::auth::{PasswordHash, Problem, Totp};
use crate::reactor::random_seed;

mod terminal;

#[derive(Args)]
pub(crate) struct PasswdArguments {
    /// Make a secret of one-time codes (TOTP) for this login name instead: prints the line
    /// `totp_secret = "..."` and the otpauth:// URI that an app reads, from a QR code for example
    #[arg(long, value_name = "NAME", conflicts_with_all = ["memory_kib", "passes"])]
    totp: Option<String>,
    /// Memory that each login with the password fills, in KiB, up to 262144
    #[arg(long, value_name = "KIB", default_value_t = Cost::default().memory_kib)]
    memory_kib: u32,
    /// How often each login fills it
    #[arg(long, value_name = "N", default_value_t = Cost::default().passes)]
    passes: u32,
}

/// What the command prints.
pub(crate) fn lines(arguments: &PasswdArguments) -> Result<Zeroizing<String>, Failure> {
    match &arguments.totp {
        Some(name) => totp_lines(name),
        None => password_line(Cost { memory_kib: arguments.memory_kib, passes: arguments.passes }),
    }
}

fn password_line(cost: Cost) -> Result<Zeroizing<String>, Failure> {
    let password = if std::io::stdin().is_terminal() { typed()? } else { piped()? };
    let hash = PasswordHash::make(&password, &random()?, cost).map_err(mistake)?;
    // The alphabet of a PHC string has nothing that TOML would have escaped.
    Ok(Zeroizing::new(format!("password_hash = \"{hash}\"\n")))
}

fn totp_lines(name: &str) -> Result<Zeroizing<String>, Failure> {
    login_name(name).map_err(|what| Failure::configuration(format!("--totp: {what}")))?;
    let totp = Totp::of(random()?).map_err(mistake)?;
    let (secret, uri) = (totp.base32(), totp.uri("ringferry", name));
    Ok(Zeroizing::new(format!("totp_secret = \"{}\"\n{}\n", secret.as_str(), uri.as_str())))
}

/// Up to 32 random bytes.
fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let seed = random_seed();
    let seed = seed.map_err(|error| Failure::runtime(format!("no random numbers: {error}")))?;
    let mut made = [0; N];
    made.iter_mut().zip(Zeroizing::new(seed).iter()).for_each(|(to, from)| *to = *from);
    Ok(made)
}

fn mistake(problem: Problem) -> Failure {
    Failure::configuration(problem.to_string())
}

/// Asks twice at the terminal.
fn typed() -> Result<Zeroizing<String>, Failure> {
    let lost = |error| Failure::runtime(format!("the terminal: {error}"));
    let stdin = std::io::stdin();
    let quiet = terminal::Quiet::new(&stdin).map_err(lost)?;
    let first = text(&quiet.line("Password: ").map_err(lost)?)?;
    // Told before it has to be typed again.
    password_fault(&first).map_or(Ok(()), |problem| Err(mistake(problem)))?;
    let second = text(&quiet.line("Password again: ").map_err(lost)?)?;
    drop(quiet);
    if first == second { Ok(first) } else { Err(Failure::configuration("the passwords differ")) }
}

/// The only line of stdin.
fn piped() -> Result<Zeroizing<String>, Failure> {
    let bytes_max = PASSWORD_BYTES_MAX + "\r\n".len();
    let mut bytes = Zeroizing::new(Vec::with_capacity(bytes_max + 1));
    let bound = u64::try_from(bytes_max + 1).unwrap_or(u64::MAX);
    let read = std::io::stdin().lock().take(bound).read_to_end(&mut bytes);
    read.map_err(|error| Failure::runtime(format!("stdin: {error}")))?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.contains(&b'\n') && bytes.len() <= bytes_max {
        return Err(Failure::configuration("stdin has more than one line"));
    }
    text(line)
}

fn text(line: &[u8]) -> Result<Zeroizing<String>, Failure> {
    match std::str::from_utf8(line) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        // RFC 4252 section 8.
        Err(_) => Err(Failure::configuration("the password is not UTF-8, as SSH sends them")),
    }
}
