//! CPU time and memory of a server: all its processes, also those that have ended, and nothing
//! else.
//!
//! A forking server spends most of its time in processes that are gone when one looks, so a control
//! group adds it up (v2, else v1's cpuacct); where none can be made, /proc/PID/stat of the tree
//! does, with a parent that adopts what a daemon orphans (PR_SET_CHILD_SUBREAPER), in ticks of
//! 10 ms. `tests/measure.rs` holds each against processes that burn a known amount. None of them
//! sees what the kernel does in threads of its own (writeback); loopback runs in the sender.

mod cgroup;
mod contain;
mod memory;
mod tree;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::ValueEnum;
use rustix::process::{Pid, Signal, kill_process};

pub(crate) use memory::{Peak, Sampler};

use crate::Outcome;
use crate::arguments::Measuring;

/// How CPU time is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Method {
    Cgroup2,
    Cgroup1,
    Tree,
}

impl Method {
    /// The first that works here.
    pub(crate) fn best() -> Method {
        let works = |method: &Method| Group::new(*method, "probe").is_ok();
        [Method::Cgroup2, Method::Cgroup1].into_iter().find(works).unwrap_or(Method::Tree)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Cgroup2 => "cgroup2 cpu.stat",
            Method::Cgroup1 => "cgroup1 cpuacct",
            Method::Tree => "/proc/PID/stat of the process tree",
        }
    }
}

/// CPU time in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cpu {
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
}

impl Cpu {
    pub(crate) fn total_s(self) -> f64 {
        self.user_s + self.system_s
    }

    pub(crate) fn since(self, before: Cpu) -> Cpu {
        let difference = |now: f64, then: f64| (now - then).max(0.0);
        Cpu {
            user_s: difference(self.user_s, before.user_s),
            system_s: difference(self.system_s, before.system_s),
        }
    }
}

/// Where the processes of a group are listed.
#[derive(Clone, Debug)]
enum Members {
    /// The folder of a control group.
    Cgroup(PathBuf),
    /// Everything below this process; 0 until it is known.
    Below(u32),
}

impl Members {
    fn list(&self) -> Vec<u32> {
        match self {
            Members::Cgroup(dir) => cgroup::processes(dir),
            Members::Below(root) => tree::descendants(*root),
        }
    }
}

/// The processes of one server.
pub(crate) struct Group {
    method: Method,
    members: Members,
}

impl Group {
    /// An empty group; an error if this way of counting does not work here.
    pub(crate) fn new(method: Method, name: &str) -> Outcome<Group> {
        let members = match method {
            Method::Cgroup2 | Method::Cgroup1 => Members::Cgroup(cgroup::create(method, name)?),
            Method::Tree => Members::Below(0),
        };
        let group = Group { method, members };
        group.cpu()?;
        Ok(group)
    }

    /// The command that runs `command` inside the group.
    pub(crate) fn contained(&self, command: &[OsString]) -> Outcome<Command> {
        let mut outer = Command::new(std::env::current_exe()?);
        outer.arg("contain");
        if let Members::Cgroup(dir) = &self.members {
            outer.arg("--cgroup").arg(dir);
        }
        outer.arg("--").args(command);
        Ok(outer)
    }

    /// Says which process [`Group::contained`] became.
    pub(crate) fn root(&mut self, pid: u32) {
        if let Members::Below(root) = &mut self.members {
            *root = pid;
        }
    }

    /// The living processes of the server.
    pub(crate) fn processes(&self) -> Vec<u32> {
        self.members.list()
    }

    /// CPU time of the living and the dead since the start.
    pub(crate) fn cpu(&self) -> Outcome<Cpu> {
        match (&self.members, self.method) {
            (Members::Cgroup(dir), Method::Cgroup2) => cgroup::cpu_v2(dir),
            (Members::Cgroup(dir), _) => cgroup::cpu_v1(dir),
            (Members::Below(0), _) => Ok(Cpu::default()),
            (Members::Below(root), _) => tree::cpu(*root),
        }
    }

    /// Watches the memory of the group until the sampler is stopped.
    pub(crate) fn sample_memory(&self) -> Sampler {
        Sampler::start(self.members.clone())
    }

    /// What the group holds at this moment.
    pub(crate) fn memory(&self) -> Peak {
        memory::sum(&self.members.list())
    }

    /// The same as the control group counts it, with page tables, stacks and socket buffers of the
    /// kernel; `None` where it has no memory controller.
    pub(crate) fn cgroup_memory_kib(&self) -> Option<u64> {
        let Members::Cgroup(dir) = &self.members else { return None };
        let text = std::fs::read_to_string(dir.join("memory.current")).ok()?;
        Some(text.trim().parse::<u64>().ok()? / 1024)
    }

    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        for pid in self.processes() {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, signal);
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Members::Cgroup(dir) = &self.members {
            cgroup::remove(dir);
        }
    }
}

/// What the harness runs itself as.
pub(crate) fn inner_command(inner: &Measuring) -> Outcome<ExitCode> {
    match inner {
        Measuring::Contain { cgroup, command } => contain::contain(cgroup.as_deref(), command),
        Measuring::Burn { millis } => {
            contain::burn(*millis);
            Ok(ExitCode::SUCCESS)
        }
        Measuring::Measure { method, command } => {
            let cpu = contain::measure(*method, command)?;
            println!(
                "user {:.6} system {:.6} total {:.6}",
                cpu.user_s,
                cpu.system_s,
                cpu.total_s()
            );
            Ok(ExitCode::SUCCESS)
        }
    }
}
