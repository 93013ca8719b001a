//! OpenSSH's own regress scripts from Debian's `openssh-tests`, unmodified, with our server in the
//! place of `sftp-server`: over the network through a shim of one line, and as the program itself;
//! and in the place of the `scp` on the far side, over the network.
//!
//! Each script runs in an object folder of its own, so that they run at the same time; what they
//! need of an sshd (`scp -O`) they start themselves. `RINGFERRY_TEST_REPEATS` runs each script so
//! many times; ten take some seven minutes on two cores.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use support::client::Running;
use support::files::Scratch;
use support::server::{Options, Server, Subject, ringferry};
use support::{is_large, skipped};

const SCRIPTS: &str = "/usr/lib/openssh/regress";

/// The script `sftp` sends a file in 9 sizes and depths, the smallest in requests of 5 bytes.
const ONE_RUN: Duration = Duration::from_secs(300);

/// The ways our server takes a place in the scripts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// As the subsystem of a server that serves `/`.
    Network,
    /// As a program on the client's pipes.
    Program,
    /// As both sftp-server and the far side's `scp` of a server that serves `/`.
    Scp,
}

fn is_installed() -> bool {
    Path::new(SCRIPTS).join("test-exec.sh").exists()
}

/// How often each script runs.
fn repeats() -> u32 {
    match std::env::var("RINGFERRY_TEST_REPEATS") {
        Ok(number) => number.parse().expect("RINGFERRY_TEST_REPEATS is a number"),
        Err(_) if is_large() => 3,
        Err(_) => 1,
    }
}

/// Writes an executable of one line.
fn write_shim(path: &Path, line: &str) {
    fs::write(path, format!("#!/bin/sh\n{line}\n")).expect("write");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("chmod");
}

/// A client configuration that knows nothing but the server under test.
fn write_client_config(scratch: &Scratch, server: &Server) -> PathBuf {
    let options = server.client_options();
    // After `-F none`: pairs of `-o` and a setting.
    let settings = options.chunks(2).filter(|pair| pair[0] == "-o").map(|pair| &pair[1][..]);
    let config = scratch.path("ssh_config");
    fs::write(&config, settings.collect::<Vec<_>>().join("\n") + "\n").expect("write");
    config
}

/// What the scripts are to call sftp-server, and the server that it needs to be up.
fn put_in_place(scratch: &Scratch, place: Place) -> (PathBuf, Option<Server>) {
    let shim = scratch.path("sftp-server");
    match place {
        Place::Network | Place::Scp => {
            let options = Options { root: Some("/".into()), programs: true, ..Options::default() };
            let server = Server::start_with(scratch, &options);
            let config = write_client_config(scratch, &server);
            let (port, user) = (server.address.port(), &server.user);
            let ssh = format!("exec ssh -q -F {} -p {port} -", config.display());
            let far = format!("{user}@127.0.0.1");
            write_shim(&shim, &format!("{ssh}s {far} sftp"));
            // What stands for the far side in the scripts runs the same `scp` as they have for a
            // client: which of them it is to be is told by its flags.
            let line = format!(
                "for word; do case $word in -[tf]) echo \"$*\" >>{}; {ssh}x {far} scp \"$@\";; \
                 esac; done; exec scp \"$@\"",
                scratch.path("far-commands").display()
            );
            write_shim(&scratch.path("scp"), &line);
            (shim, Some(server))
        }
        Place::Program => {
            let program = match Subject::chosen() {
                Subject::Ringferry => {
                    let program = ringferry().get_program().to_owned();
                    format!("{} sftp-server", Path::new(&program).display())
                }
                Subject::Sshd => "/usr/lib/openssh/sftp-server".to_owned(),
            };
            write_shim(&shim, &format!("exec {program} \"$@\""));
            (shim, None)
        }
    }
}

/// Runs a script as the Makefile beside it does.
fn run_script(script: &str, place: Place) {
    if !is_installed() {
        return skipped("no openssh-tests");
    }
    let scratch = Scratch::new();
    let (sftp_server, mut server) = put_in_place(&scratch, place);
    // The clients in the scripts throw away what they say. This keeps it, and has them say more.
    let sftp = scratch.path("sftp");
    let said = scratch.path("sftp-client.log");
    write_shim(&sftp, &format!("exec sftp -v \"$@\" 2>>{}", said.display()));
    // As the scripts' `scp -O` needs it of an sshd that they start themselves.
    if support::server::is_root() {
        fs::create_dir_all("/run/sshd").expect("sshd's privilege separation folder");
    }
    for round in 0..repeats() {
        let objects = scratch.path(&format!("objects-{round}"));
        fs::create_dir(&objects).expect("mkdir");
        let mut command = Command::new("sh");
        command.arg(format!("{SCRIPTS}/test-exec.sh")).arg(&objects);
        command.arg(format!("{SCRIPTS}/{script}.sh")).current_dir(&objects);
        command.env("TEST_SHELL", "sh").env("BUILDDIR", SCRIPTS);
        command.env("TEST_SSH_UNSAFE_PERMISSIONS", "1");
        command.env("TEST_SSH_SSH", "ssh").env("TEST_SSH_SSHD", "/usr/sbin/sshd");
        command.env("TEST_SSH_SFTP", &sftp).env("TEST_SSH_SFTPSERVER", &sftp_server);
        if place == Place::Scp {
            command.env("TEST_SSH_SCP", scratch.path("scp"));
        }
        let start = Instant::now();
        let finished = Running::start(command, "").wait(ONE_RUN);
        eprintln!("{script}, round {round}: {:.1?}", start.elapsed());
        let verdict = finished.stdout.lines().find(|line| line.starts_with("ok "));
        assert!(verdict.is_some(), "{script}, round {round}: {finished:?}\n{}", logs(&objects));
        finished.expect_success();
        let said = fs::read_to_string(&said).unwrap_or_default();
        // Where files are moved, the client's words are there to be searched.
        assert!(script != "sftp" || said.contains("debug1: "), "nothing kept:\n{said}");
        for log in [&logs(&objects), &said] {
            assert!(!log.contains("reordered"), "{script}, round {round}:\n{log}");
        }
        fs::remove_dir_all(&objects).expect("remove");
    }
    assert!(server.as_mut().is_none_or(Server::is_running), "the server lives");
    if place == Place::Scp {
        let far = fs::read_to_string(scratch.path("far-commands")).unwrap_or_default();
        assert!(far.contains("-t ") && far.contains("-f "), "over the network:\n{far}");
    }
}

/// What the scripts log in their object folder.
fn logs(objects: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(objects).expect("list") {
        let path = entry.expect("entry").path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let bytes = fs::read(&path).expect("read");
            text += &format!("{}:\n{}", path.display(), String::from_utf8_lossy(&bytes));
        }
    }
    text
}

macro_rules! scripts {
    ($place:expr; $($test:ident: $script:literal,)*) => {
        $(
            #[test]
            fn $test() {
                run_script($script, $place);
            }
        )*
    };
}

/// `sftp-perm` is not among them: it gives sftp-server flags.
mod network {
    use super::{Place, run_script};

    scripts! { Place::Network;
        sftp: "sftp",
        sftp_cmds: "sftp-cmds",
        sftp_badcmds: "sftp-badcmds",
        sftp_batch: "sftp-batch",
        sftp_glob: "sftp-glob",
        scp: "scp",
        scp3: "scp3",
        scp_uri: "scp-uri",
    }
}

/// `scp -O` meets our server: by the wrapper of ssh that `scp` and `scp-uri` have, and in `scp3` by
/// the path on which an sshd of its own looks for `scp`.
mod far_scp {
    use super::{Place, run_script};

    scripts! { Place::Scp;
        scp: "scp",
        scp3: "scp3",
        scp_uri: "scp-uri",
    }
}

mod program {
    use super::{Place, run_script};

    scripts! { Place::Program;
        sftp: "sftp",
        sftp_cmds: "sftp-cmds",
        sftp_badcmds: "sftp-badcmds",
        sftp_batch: "sftp-batch",
        sftp_glob: "sftp-glob",
        sftp_perm: "sftp-perm",
        scp: "scp",
        scp3: "scp3",
        scp_uri: "scp-uri",
    }
}
