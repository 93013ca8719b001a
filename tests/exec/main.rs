//! Commands that are answered without a shell: the digests, `df`, `echo` and their like, the server
//! of SFTP by the names it has elsewhere, and rclone that asks for them. And what is refused.
//!
//! What coreutils have a program for is compared with that program on the same files. With
//! `RINGFERRY_TEST_SUBJECT=sshd` the far side is a shell in the served folder.

mod rclone;
mod refused;
mod shell;
#[path = "../support/mod.rs"]
mod support;
mod verbs;

use std::fs;
use std::process::Command;
use std::time::Duration;

use support::client::{Finished, Running};
use support::files::{Scratch, write_random};
use support::server::{Options, Server, Subject};
use support::{MIB, SOON, skipped};

/// A client that moves many files.
const LONG: Duration = Duration::from_secs(120);

/// Of the file `large`; not a whole number of blocks.
const LARGE_BYTES: u64 = 3 * MIB + 13;
const LARGE_SEED: u64 = 81;

struct Scene {
    server: Server,
    /// Goes last, since the log is in it.
    scratch: Scratch,
}

impl Scene {
    fn start() -> Scene {
        Scene::start_with(Vec::new())
    }

    fn start_with(settings: Vec<(&'static str, String)>) -> Scene {
        let scratch = Scratch::new();
        let options = Options { settings, programs: true, ..Options::default() };
        let server = Server::start_with(&scratch, &options);
        Scene { server, scratch }
    }

    /// For what is so with our server only.
    fn start_ours(why: &str) -> Option<Scene> {
        if Subject::chosen() == Subject::Sshd {
            skipped(why);
            return None;
        }
        Some(Scene::start())
    }

    /// Files with content and names of all kinds, and a folder.
    fn write_files(&self) {
        for name in ["one", "with space", "back\\slash", "new\nline", "quo'te", "-dash", "$(x)"] {
            fs::write(self.scratch.served(name), format!("{name}'s")).expect("write");
        }
        fs::write(self.scratch.served("abc"), "abc").expect("write");
        fs::write(self.scratch.served("empty"), "").expect("write");
        fs::create_dir(self.scratch.served("folder")).expect("mkdir");
        fs::write(self.scratch.served("folder/inner"), "inner").expect("write");
        write_random(&self.scratch.served("large"), LARGE_BYTES, LARGE_SEED);
    }

    /// `ssh host COMMAND`, in the served folder.
    fn ask(&self, command: &str) -> Finished {
        self.ask_with_input(command, "")
    }

    fn ask_with_input(&self, command: &str, input: &str) -> Finished {
        let command = match self.server.subject {
            Subject::Ringferry => command.to_owned(),
            Subject::Sshd => format!("cd {} && {command}", self.scratch.root().display()),
        };
        Running::start(self.server.ssh_command(&[], &[&command]), input).wait(SOON)
    }

    /// The same by this machine's shell and programs.
    fn ask_here(&self, command: &str, input: &str) -> Finished {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(self.scratch.root()).env("LC_ALL", "C");
        Running::start(shell, input).wait(SOON)
    }

    /// Asserts that far and near say the same and end alike.
    fn expect_alike(&self, command: &str, input: &str) {
        let (far, near) = (self.ask_with_input(command, input), self.ask_here(command, input));
        assert_eq!(far.stdout, near.stdout, "{command}");
        assert_eq!(far.stderr, near.stderr, "{command}");
        assert_eq!(far.code, near.code, "{command}");
    }
}
