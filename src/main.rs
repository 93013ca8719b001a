//! The `ringferry` command: hands its arguments to the library and ends with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ringferry::daemon::cli::run(std::env::args_os())
}
