//! What runs inside a group: the parent that puts a server there, and the burner that the
//! measurement is checked with.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{Signal, WaitOptions};
use rustix::time::{ClockId, clock_gettime};

use super::{Cpu, Group, Method};
use crate::Outcome;

/// With a control group: joins it and becomes the command. Without: becomes the parent of every
/// orphan below it, runs the command, and lives until the last of them has been waited for.
pub(super) fn contain(cgroup: Option<&Path>, command: &[OsString]) -> Outcome<ExitCode> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let mut command = Command::new(program);
    command.args(arguments);
    // A harness that is interrupted must not leave servers behind.
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    if let Some(dir) = cgroup {
        std::fs::write(dir.join("cgroup.procs"), std::process::id().to_string())?;
        return Err(format!("{}: {}", program.display(), command.exec()).into());
    }
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let child = command.spawn().map_err(|e| format!("{}: {e}", program.display()))?;
    // `Child::wait` would wait for this one only. The error is ECHILD: nobody is left.
    drop(child);
    while rustix::process::wait(WaitOptions::empty()).is_ok() {}
    Ok(ExitCode::SUCCESS)
}

/// Spends this much CPU time, whatever the machine is busy with.
pub(super) fn burn(amount: Duration) {
    let used = || Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default();
    while used() < amount {
        std::hint::black_box((0..1000_u64).sum::<u64>());
    }
}

/// Runs a command inside a group until its last process has ended.
pub(super) fn measure(method: Method, command: &[OsString]) -> Outcome<Cpu> {
    let mut group = Group::new(method, "measure")?;
    // An innermost shell of ours keeps the tree alive until its times have been read.
    let mut keeper: Vec<OsString> =
        ["sh", "-c", "\"$@\"; echo done; read line", "sh"].map(Into::into).into();
    keeper.extend_from_slice(command);
    let mut running = group.contained(&keeper)?;
    running.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = running.spawn()?;
    group.root(child.id());
    let mut said = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().ok_or("piped")?);
    while !said.ends_with("done\n") {
        if std::io::BufRead::read_line(&mut stdout, &mut said)? == 0 {
            return Err("the command ended without its keeper".into());
        }
    }
    // Orphans outlive the command; the keeper (and without a control group its parent) remain.
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while group.processes().len() > 1 && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(20));
    let cpu = group.cpu()?;
    drop(child.stdin.take());
    child.wait()?;
    Ok(cpu)
}
