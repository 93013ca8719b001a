//! How people log in, with the clients they have: passwords, questions, one-time codes, keys in an
//! agent, and chains of these, each to the point where a file has been carried over, and each with
//! the attempt beside it that must carry nothing. Banners, methods on offer, and SIGHUP.
//!
//! Certificates and security keys are in `certificates.rs`, bounds and penalties in `admission`.

mod banners;
mod chains;
mod codes;
mod hostile;
mod passwords;
mod reload;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use support::client::{Finished, Running, quoted};
use support::files::Scratch;
use support::log::field;
use support::server::{Options, Server, Subject};
use support::{SOON, skipped, wait_for};

/// One run of a client that may have to wait for a machine that does other things.
const LONG: Duration = Duration::from_secs(60);

const PASSWORD: &str = "correct horse";

/// Its hash, the quickest of tests/fixtures/auth/password_hashes.txt.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

/// A secret of one-time codes.
const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// What the file `DIR/banner` says.
const BANNER: &str = "Only staff of the mill.\n";

/// A server with a users file.
struct Scene {
    server: Server,
    scratch: Scratch,
}

/// What OpenSSH's client is told.
#[derive(Clone, Default)]
struct Login<'a> {
    user: &'a str,
    /// `PreferredAuthentications`.
    methods: &'a str,
    /// Names of private keys in the scratch folder.
    keys: &'a [&'a str],
    /// What is answered where a password or a code is asked for.
    password: &'a str,
    code: &'a str,
    /// The socket of an agent.
    agent: Option<PathBuf>,
}

impl<'a> Login<'a> {
    fn of(user: &'a str, methods: &'a str) -> Login<'a> {
        Login { user, methods, password: PASSWORD, ..Login::default() }
    }

    /// With these keys of the scratch folder.
    fn keys(self, keys: &'a [&'a str]) -> Login<'a> {
        Login { keys, ..self }
    }
}

impl Scene {
    /// `None` where another server is under test. In `users` and the settings, `DIR` stands for the
    /// scratch folder, `ROOT` for a line that gives a user its served folder, `KEY` and `OTHER` for
    /// the public keys `client_key` and `stranger_key`, and `HASH` for that of [`PASSWORD`].
    fn start(users: &str, settings: &[(&'static str, &str)]) -> Option<Scene> {
        if Subject::chosen() != Subject::Ringferry {
            skipped("the users file is ours");
            return None;
        }
        let scratch = Scratch::new();
        write_users(&scratch, users);
        fs::write(scratch.path("banner"), BANNER).expect("write");
        let settings = settings.iter().map(|(key, value)| (*key, filled(&scratch, value)));
        let mut settings: Vec<_> = settings.collect();
        // Old clients have MACs of that preset only.
        settings.push(("algorithms", "compatible".to_owned()));
        let users_file = Some(scratch.path("users.toml"));
        let server =
            Server::start_with(&scratch, &Options { users_file, settings, ..Options::default() });
        Some(Scene { server, scratch })
    }

    /// OpenSSH's client `program`, told all that decides about the login; nobody is asked but
    /// `askpass`.
    fn openssh(&self, program: &str, login: &Login<'_>) -> Command {
        openssh(program, &self.scratch, &self.server.known_hosts, login)
    }

    /// OpenSSH's sftp with commands; the first that fails ends it.
    fn sftp(&self, login: &Login<'_>, batch: &str) -> Finished {
        let mut command = self.openssh("sftp", login);
        command.args(["-b", "-", "-P", &self.port(), "127.0.0.1"]);
        Running::start(command, batch).wait(LONG)
    }

    /// An attempt to carry a file over, and where it would be.
    fn put(&self, login: &Login<'_>) -> (Finished, PathBuf) {
        let name = fresh_name();
        let batch = format!("put {} {name}\n", quoted(self.source()));
        (self.sftp(login, &batch), self.scratch.served(&name))
    }

    /// The login succeeds, the file arrives, and the log tells of the login.
    fn carries(&self, login: &Login<'_>) -> Finished {
        let before = self.logins(login.user);
        let (finished, there) = self.put(login);
        let finished = finished.expect_success();
        self.arrived(&there);
        assert_eq!(self.logins(login.user), before + 1, "{}", self.server.log.tail());
        finished
    }

    /// Nothing arrives, no session is opened, and the client says so.
    fn refuses(&self, login: &Login<'_>) -> Finished {
        let before = self.logins(login.user);
        let (finished, there) = self.put(login);
        let finished = finished.expect_code(255);
        assert!(!there.exists(), "a file came without a login");
        assert_eq!(self.logins(login.user), before, "{}", self.server.log.tail());
        finished
    }

    /// The latest refusal of a login is of this user and method, and has this cause.
    fn expect_refusal(&self, user: &str, method: &str, cause: &str) {
        let refusal = |line: &&String| line.contains(" authentication refused ");
        let seen = wait_for(SOON, || {
            let lines = self.server.log.lines();
            let line = lines.iter().rev().find(refusal)?.clone();
            let is = |name, value| field(&line, name) == Some(value);
            let about = is("user", user) && is("method", method);
            (about && field(&line, "cause")?.contains(cause)).then_some(())
        });
        let tail = || self.server.log.tail();
        assert!(seen.is_some(), "no refusal of {user} by {method} for {cause:?}:\n{}", tail());
    }

    fn arrived(&self, there: &Path) {
        let sent = fs::read(self.source()).expect("a file");
        let came = fs::read(there).unwrap_or_else(|e| panic!("{}: {e}", there.display()));
        assert_eq!(came, sent, "{}", there.display());
    }

    /// What is carried over.
    fn source(&self) -> PathBuf {
        self.scratch.path("client_key.pub")
    }

    /// Logins of a user that the log tells of.
    fn logins(&self, user: &str) -> usize {
        let own =
            |line: &&String| line.contains(" authenticated ") && field(line, "user") == Some(user);
        self.server.log.lines().iter().filter(own).count()
    }

    /// The log's line about the latest login of all.
    fn latest_login(&self) -> String {
        let mut lines = self.server.log.lines().into_iter().rev();
        lines.find(|line| line.contains(" authenticated ")).expect("a login")
    }

    /// The log's lines about proofs that were not the last.
    fn proofs(&self) -> Vec<String> {
        let lines = self.server.log.lines();
        lines.into_iter().filter(|line| line.contains(" one proof of several ")).collect()
    }

    /// What `askpass` was asked so far.
    fn asked(&self) -> String {
        fs::read_to_string(self.scratch.path("asked")).unwrap_or_default()
    }

    /// SIGHUP; what the log says of it first.
    fn reload(&self) -> String {
        let said = || {
            let lines = self.server.log.lines();
            lines.into_iter().filter(|line| line.contains("reloaded: ")).collect::<Vec<_>>()
        };
        let before = said().len();
        self.server.signal(rustix::process::Signal::HUP);
        wait_for(SOON, || said().into_iter().nth(before))
            .unwrap_or_else(|| panic!("no word of a reload:\n{}", self.server.log.tail()))
    }

    /// A reload of these users, which goes well.
    fn reload_with(&self, users: &str) {
        write_users(&self.scratch, users);
        let said = self.reload();
        assert!(said.contains(" reloaded: "), "{said}");
    }

    fn port(&self) -> String {
        self.server.address.port().to_string()
    }

    /// A script with paramiko, where `transport` is a connection whose keys are exchanged, `args`
    /// are `arguments`, and `put(local, name)` carries a file over.
    fn python(&self, script: &str, arguments: &[&str]) -> Finished {
        const PREAMBLE: &str = r#"
import sys, paramiko
port, *args = sys.argv[1:]
transport = paramiko.Transport(("127.0.0.1", int(port)))
transport.start_client(timeout=30)
def put(local, name):
    paramiko.SFTPClient.from_transport(transport).put(local, name)
"#;
        let mut command = Command::new("/usr/bin/python3");
        let script = format!("{PREAMBLE}{script}\ntransport.close()\n");
        command.args(["-W", "ignore", "-c", &script, &self.port()]).args(arguments);
        Running::start(command, "").wait(LONG)
    }
}

/// OpenSSH's client `program`, told all that decides about the login.
fn openssh(program: &str, scratch: &Scratch, known_hosts: &Path, login: &Login<'_>) -> Command {
    let mut command = Command::new(program);
    let agent = login.agent.as_ref().map_or("none".into(), |path| path.display().to_string());
    for option in [
        "StrictHostKeyChecking=yes".to_owned(),
        "GlobalKnownHostsFile=/dev/null".into(),
        format!("UserKnownHostsFile={}", known_hosts.display()),
        // The first value counts, and `sftp -b` says yes.
        "BatchMode=no".into(),
        "NumberOfPasswordPrompts=1".into(),
        format!("IdentityAgent={agent}"),
        format!("IdentitiesOnly={}", if login.agent.is_some() { "no" } else { "yes" }),
        format!("PreferredAuthentications={}", login.methods),
        format!("User={}", login.user),
    ] {
        command.args(["-o", &option]);
    }
    if login.keys.is_empty() {
        command.args(["-o", "IdentityFile=none"]);
    }
    for key in login.keys {
        command.args(["-o", &format!("IdentityFile={}", scratch.path(key).display())]);
    }
    let askpass = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logins/askpass");
    command.args(["-F", "none"]).env("SSH_ASKPASS", askpass);
    command.env("SSH_ASKPASS_REQUIRE", "force").env("ASKED", scratch.path("asked"));
    command.env("ANSWER_PASSWORD", login.password).env("ANSWER_CODE", login.code);
    command
}

/// What stands for something in a users file or a setting, put in its place.
fn filled(scratch: &Scratch, text: &str) -> String {
    let key = |name: &str| fs::read_to_string(scratch.path(name)).expect("a public key");
    let folder = scratch.path("").display().to_string();
    let text = text.replace("ROOT", "root = 'DIR/root'");
    let text = text.replace("DIR", folder.trim_end_matches('/')).replace("HASH", HASH);
    let text = text.replace("KEY", key("client_key.pub").trim());
    text.replace("OTHER", key("stranger_key.pub").trim()).replace("SECRET", SECRET)
}

fn write_users(scratch: &Scratch, users: &str) {
    let path = scratch.path("users.toml");
    fs::write(&path, filled(scratch, users)).expect("the users file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
}

/// A name no file has yet.
fn fresh_name() -> String {
    static CARRIED: AtomicU32 = AtomicU32::new(0);
    format!("carried-{}", CARRIED.fetch_add(1, Ordering::Relaxed))
}

/// Seconds since 1970.
fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(elapsed.as_secs()).expect("before the end of time")
}
