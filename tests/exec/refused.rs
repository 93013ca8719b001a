//! What only a shell or a program could do: the client is told so on its stderr and ends with 127,
//! whether it has said all it wants to say or not.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::Scene;
use super::support::client::{Finished, Running};
use super::support::foreign::is_installed;
use super::support::skipped;

/// No client may be left waiting longer, its login included.
const BOUND: Duration = Duration::from_secs(5);

fn start() -> Option<Scene> {
    Scene::start_ours("sshd has a shell and programs")
}

/// The same command with an input that does not end, as that of a person or of WinSCP.
fn with_open_input(scene: &Scene, command: &Command) -> Command {
    let fifo: PathBuf = scene.scratch.path("input");
    if !fifo.exists() {
        assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo").success());
    }
    let mut shell = Command::new("sh");
    // Opened both ways, so that there is a writer as long as there is a reader.
    shell.args(["-c", "exec \"$@\" <>\"$0\""]).arg(fifo);
    shell.arg(command.get_program()).args(command.get_args());
    shell
}

/// One line of ours, and the status of a command that is not there.
fn expect_refused(finished: Finished, what: &str) {
    let said = finished.expect_code(127);
    let ours: Vec<&str> =
        said.stderr.lines().filter(|line| line.starts_with("ringferry: ")).collect();
    assert_eq!(ours.len(), 1, "{what}: {}", said.stderr);
    assert!(ours[0].len() > "ringferry: ".len() + 10, "{what}: {}", ours[0]);
    assert!(!ours[0].contains(|c: char| c.is_control()), "{what}: {:?}", ours[0]);
    assert_eq!(said.stdout, "", "{what}");
}

#[test]
fn a_shell() {
    let Some(scene) = start() else { return };
    for input in ["", "ls\nexit\n"] {
        let command = scene.server.ssh_command(&["-T"], &[]);
        expect_refused(Running::start(command, input).wait(BOUND), input);
        let command = with_open_input(&scene, &scene.server.ssh_command(&["-T"], &[]));
        expect_refused(Running::start(command, input).wait(BOUND), input);
    }
}

/// A terminal is given, though nothing is behind it: without one OpenSSH's client would say so
/// instead of what we say, or stop at once if it was told to have one.
#[test]
fn a_terminal() {
    let Some(scene) = start() else { return };
    for remote in [&[][..], &["ls -la"]] {
        let command = scene.server.ssh_command(&["-tt"], remote);
        let said = Running::start(command, "").wait(BOUND);
        assert!(said.stderr.contains("\r\n"), "a raw terminal needs it: {:?}", said.stderr);
        expect_refused(said, "-tt");
    }
    if !is_installed("script", "--version") {
        return skipped("no script");
    }
    // As a person does it: the client's own end is a terminal. Both of its outputs come together.
    let ssh = scene.server.ssh_command(&[], &[]);
    let words = ssh.get_args().map(|word| word.to_str().expect("UTF-8"));
    let line = ["ssh"].into_iter().chain(words).collect::<Vec<_>>().join(" ");
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let command = with_open_input(&scene, &script);
    let said = Running::start(command, "").wait(BOUND).expect_code(127);
    assert!(!said.stdout.contains("PTY"), "{}", said.stdout);
    let ours = said.stdout.lines().filter(|line| line.starts_with("ringferry: "));
    assert_eq!(ours.count(), 1, "{}", said.stdout);
}

/// A session that was refused leaves its connection usable.
#[test]
fn the_connection_goes_on() {
    let Some(scene) = start() else { return };
    // The path of a socket must be short (unix(7): 108 bytes), which a build's need not be.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mux");
    let socket = format!("ControlPath={}", path.display());
    let master = ["-o", &socket, "-o", "ControlMaster=yes", "-N"];
    let mut running = Running::start(scene.server.ssh_command(&master, &[]), "");
    let made = || path.exists().then_some(());
    super::support::wait_for(super::SOON, made).expect("a connection to share");
    for _ in 0..3 {
        for remote in [&[][..], &["ls"]] {
            let command = scene.server.ssh_command(&["-T", "-o", &socket], remote);
            expect_refused(Running::start(command, "").wait(BOUND), "shared");
        }
        let command = scene.server.ssh_command(&["-o", &socket], &["echo still here"]);
        let said = Running::start(command, "").wait(BOUND).expect_success();
        assert_eq!(said.stdout, "still here\n");
    }
    assert!(!running.has_ended(), "one connection served them all");
    running.kill();
    running.wait(BOUND);
}

/// The middle ones are what WinSCP says in its mode for scp; some programs' servers then.
const COMMANDS: [&str; 27] = [
    "ls",
    "bash",
    "sh -c 'md5sum x'",
    "cat /etc/passwd",
    "uptime",
    "ls -la",
    "ls -la --full-time",
    "ls -la --full-time \"/\"",
    "unset nonexisting",
    "unset LANG",
    "unset LC_ALL",
    "groups",
    "alias ls",
    "unalias ls",
    "export LANG=C",
    "cd \"/\" ; echo \"WinSCP: this is end-of-file:$?\"",
    "echo \"WinSCP: this is begin-of-file\" ; pwd",
    "rsync --server -logDtpre.iLsfxCIvu . /x",
    "git-upload-pack '/x.git'",
    "git-receive-pack '/x.git'",
    "hg -R x serve --stdio",
    "borg serve",
    "mosh-server new",
    "python3 -c 'print(1)'",
    "/bin/md5sum x",
    "/usr/bin/scp -f x",
    "MD5SUM x",
];

#[test]
fn commands_that_are_none_of_ours() {
    let Some(scene) = start() else { return };
    scene.write_files();
    for command in COMMANDS {
        let finished = Running::start(scene.server.ssh_command(&[], &[command]), "").wait(BOUND);
        expect_refused(finished, command);
    }
    let open = with_open_input(&scene, &scene.server.ssh_command(&[], &["cat"]));
    expect_refused(Running::start(open, "").wait(BOUND), "cat");
}

/// What a client puts into its command is not what a terminal gets.
#[test]
fn control_characters_are_not_sent_back() {
    let Some(scene) = start() else { return };
    for command in ["\x1b[2Jls", "ls\r\x07", "x\u{9b}31m", &"long".repeat(5000)] {
        let finished = Running::start(scene.server.ssh_command(&[], &[command]), "").wait(BOUND);
        assert!(finished.stderr.len() < 2000, "{} bytes", finished.stderr.len());
        expect_refused(finished, command);
    }
}

#[test]
fn rsync() {
    if !is_installed("rsync", "--version") {
        return skipped("no rsync");
    }
    let Some(scene) = start() else { return };
    scene.write_files();
    let ssh = scene.server.ssh_command(&[], &[]);
    let words: Vec<&str> = ssh.get_args().map(|word| word.to_str().expect("UTF-8")).collect();
    // The last is the destination, which rsync adds itself.
    let shell = format!("ssh {}", words[..words.len() - 1].join(" "));
    let here = scene.scratch.path("back").display().to_string();
    for (from, to) in
        [(scene.server.remote("/abc"), here.clone()), (here, scene.server.remote("/"))]
    {
        std::fs::write(scene.scratch.path("back"), "near").expect("write");
        let mut command = Command::new("rsync");
        command.args(["-a", "-e", &shell, &from, &to]);
        let said = Running::start(command, "").wait(BOUND);
        assert!(said.code.is_some_and(|code| code != 0), "{said:?}");
        assert!(said.stderr.contains("ringferry: "), "{said:?}");
    }
    assert!(!scene.scratch.served("back").exists());
}

#[test]
fn git() {
    if !is_installed("git", "--version") {
        return skipped("no git");
    }
    let Some(scene) = start() else { return };
    let url = format!("ssh://{}@{}/x.git", scene.server.user, scene.server.address);
    let mut command = Command::new("git");
    command.args(["clone", "--quiet", &url]).arg(scene.scratch.path("clone"));
    command.env("HOME", scene.scratch.path("")).env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_SSH_COMMAND", format!("ssh {}", scene.server.client_options().join(" ")));
    let said = Running::start(command, "").wait(BOUND).expect_code(128);
    assert!(said.stderr.contains("ringferry: "), "{said:?}");
    assert!(!scene.scratch.path("clone").exists());
}
