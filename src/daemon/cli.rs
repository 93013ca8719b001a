//! The command line: what can be asked, and the exit code it ends in.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::config::{Config, Layer, key_table, load, render};
use super::failure::{Failure, USAGE};
use super::passwd::{self, PasswdArguments};
use super::sftp_server::{self, SftpServerArguments};
use super::{algorithms, private_file, serve};

/// A configuration file is read up to this size.
const CONFIG_BYTES_MAX: usize = 1024 * 1024;

/// A high-throughput SSH file-transfer server for Linux.
#[derive(Parser)]
#[command(name = "ringferry", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a folder over SFTP and scp
    Serve(ServeArguments),
    /// Validate the configuration and print it whole, as TOML
    Check(ConfigArguments),
    /// Speak SFTP on stdin and stdout, for sshd's `Subsystem sftp` or `sftp -D`
    SftpServer(SftpServerArguments),
    /// Hash a password for the users file, or make a secret of one-time codes
    ///
    /// Asks for a password twice, or takes the line on stdin where that is no terminal, and prints
    /// the line `password_hash = "..."` for the user's table in the users file: an argon2id hash.
    /// Hashes by bcrypt, yescrypt and sha-crypt are taken there too, but not made here.
    Passwd(PasswdArguments),
    /// Print the built-in algorithms, by kind, in order of preference
    Algorithms,
}

#[derive(Args)]
struct ConfigArguments {
    /// Read settings from this TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// Set one key, over what the file says; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Args)]
struct ServeArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Accept connections here; may be repeated [default: 127.0.0.1:2222]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Vec<String>,
    /// The folder clients see as / [default: ./ringferry-data, made if missing]
    #[arg(long, value_name = "DIR")]
    root: Option<String>,
    /// The login name [default: yours]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Public keys that may log in; may be repeated [default: those in ~/.ssh]
    #[arg(long, value_name = "FILE")]
    authorized_keys: Vec<String>,
    /// Private host key; may be repeated [default: one made on the first start and kept]
    #[arg(long, value_name = "FILE")]
    host_key: Vec<String>,
    /// Refuse every request that would change something
    #[arg(long)]
    read_only: bool,
    /// Threads that serve connections [default: one a core]
    #[arg(long, value_name = "N")]
    shards: Option<String>,
    /// How to talk to the kernel: auto, ring or poll [default: auto]
    #[arg(long, value_name = "DRIVER")]
    driver: Option<String>,
}

/// Runs the command that `arguments` (with the program's name first) ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match parse(arguments) {
        Ok(command) => command,
        Err(error) => {
            // Help and version come this way too, with exit code 0 and on stdout.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    let ended = match command {
        Command::Serve(arguments) => serve_command(&arguments),
        Command::Check(arguments) => check(&arguments),
        Command::SftpServer(arguments) => sftp_server_command(&arguments),
        Command::Passwd(arguments) => passwd::lines(&arguments).and_then(|lines| print(&lines)),
        Command::Algorithms => print(&algorithms::list()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            ExitCode::from(failure.exit_code)
        }
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let keys = format!("Keys for --set and the file of --config:\n{}", key_table());
    let command = Arguments::command().mut_subcommand("serve", |serve| serve.after_long_help(keys));
    let matches = command.try_get_matches_from(arguments)?;
    Ok(Arguments::from_arg_matches(&matches)?.command)
}

fn serve_command(arguments: &ServeArguments) -> Result<(), Failure> {
    let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
    let read_only: &[&str] = if arguments.read_only { &["true"] } else { &[] };
    let flags = [
        ("--listen", "listen", arguments.listen.clone()),
        ("--root", "root", one(&arguments.root)),
        ("--user", "user", one(&arguments.user)),
        ("--authorized-keys", "authorized_keys", arguments.authorized_keys.clone()),
        ("--host-key", "host_key", arguments.host_key.clone()),
        ("--read-only", "read_only", read_only.iter().map(ToString::to_string).collect()),
        ("--shards", "shards", one(&arguments.shards)),
        ("--driver", "driver", one(&arguments.driver)),
    ];
    serve::serve(&configuration(&arguments.config, &flags)?)
}

fn sftp_server_command(arguments: &SftpServerArguments) -> Result<(), Failure> {
    match sftp_server::answer(arguments)? {
        Some(answer) => print(&answer),
        None => sftp_server::serve(arguments),
    }
}

fn check(arguments: &ConfigArguments) -> Result<(), Failure> {
    let config = configuration(arguments, &[])?;
    serve::check_files(&config)?;
    print(&render(&config))
}

/// The defaults, then the file, then `--set` in order, then the flags.
fn configuration(
    arguments: &ConfigArguments,
    flags: &[(&'static str, &'static str, Vec<String>)],
) -> Result<Config, Failure> {
    let text = arguments.config.as_deref().map(read).transpose()?;
    let mut layers = Vec::new();
    if let (Some(name), Some(text)) = (&arguments.config, &text) {
        layers.push(Layer::File { name, text });
    }
    layers.extend(arguments.set.iter().map(|argument| Layer::Set(argument)));
    let given = flags.iter().filter(|(_, _, values)| !values.is_empty());
    layers.extend(given.map(|(flag, key, values)| Layer::Flag { flag, key, values }));
    load(&layers).map_err(|faults| Failure {
        exit_code: USAGE,
        causes: faults.iter().map(ToString::to_string).collect(),
        cure: None,
    })
}

fn read(path: &str) -> Result<String, Failure> {
    let failed = |what: String| Failure::configuration(format!("--config {path}: {what}"));
    let bytes = private_file::read(path.as_ref(), CONFIG_BYTES_MAX, 0);
    let bytes = bytes.map_err(|refusal| failed(refusal.describe(CONFIG_BYTES_MAX)))?;
    String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8 text".to_owned()))
}

/// A reader that has seen enough may close the pipe.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::runtime(format!("stdout: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_long_help_of_serve_lists_every_key() {
        let words = ["ringferry", "serve", "--help"].map(OsString::from);
        let help = parse(words).err().unwrap().to_string();
        assert!(help.contains("key_renegotiation_threshold"), "{help}");
        assert!(help.contains("--authorized-keys <FILE>"), "{help}");
    }
}
