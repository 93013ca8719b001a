//! Nothing that a client writes into a command is ever run: a table of what a shell would act on,
//! in every place of every verb. While they are sent the server has no child, and afterwards the
//! root, and a folder beside it that the commands are about, are as they were.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::support::client::Running;
use super::support::files::sha256;
use super::support::skipped;
use super::{LONG, Scene};

/// Something that a shell would see more in than words.
struct Construct {
    /// `{C}` stands for a command, `{S}` for the folder that it is about.
    text: &'static str,
    /// It is refused, as it is more than words: who sent it must not think that it was done.
    refused: bool,
    /// A shell changes the folder.
    acts: bool,
}

const fn acts(text: &'static str) -> Construct {
    Construct { text, refused: true, acts: true }
}

const fn refused(text: &'static str) -> Construct {
    Construct { text, refused: true, acts: false }
}

const fn harmless(text: &'static str) -> Construct {
    Construct { text, refused: false, acts: false }
}

const CONSTRUCTS: [Construct; 56] = [
    acts("; {C}"),
    acts(";{C};"),
    acts("& {C}; wait"),
    acts("&& {C}"),
    acts("|| {C}; {C}"),
    acts("| {C}"),
    acts("|& {C}"),
    acts("\n{C}"),
    acts("\n{C}\n"),
    acts("\r\n{C}\r\n {C}"),
    acts("$({C})"),
    acts("a$({C})b"),
    acts("\"$({C})\""),
    acts("`{C}`"),
    acts("\"`{C}`\""),
    acts("a`{C}`b"),
    acts("$((1+$({C})))"),
    acts("${x:-$({C})}"),
    acts("${x:=`{C}`}"),
    acts("<<< \"$({C})\""),
    acts("> {S}/made"),
    acts(">{S}/keep"),
    acts(">| {S}/keep"),
    acts(">> {S}/made"),
    acts("2> {S}/made"),
    acts("&> {S}/made"),
    acts("<> {S}/made"),
    acts("; ( {C} )"),
    acts("; { {C}; }"),
    acts("; if {C}; then {C}; fi"),
    acts("; eval '{C}'"),
    acts("; exec {C}"),
    acts(";{C} #"),
    acts("'';{C}"),
    acts("'a'\"b\"$({C})'c'"),
    acts("\\\n; {C}"),
    acts("\\\\;{C}"),
    refused("< {S}/keep"),
    refused("<<E\n{C}\nE"),
    refused("$HOME"),
    refused("\"$HOME\""),
    refused("$IFS"),
    refused("${PATH}"),
    refused("a\0;{C}"),
    refused("'unclosed {C}"),
    refused("\"unclosed {C}"),
    harmless("'$({C})'"),
    harmless("'; {C}; '"),
    harmless("'\n{C}\n'"),
    harmless("\\; {C}"),
    harmless("\\$\\({C}\\)"),
    harmless("-oProxyCommand={C}"),
    harmless("--checkpoint-action=exec={C}"),
    harmless("--rsh={C} -S {C}"),
    harmless("* ? [a-z] {{S}/made,x} ~ ~root !!"),
    harmless("%0a{C}"),
];

/// Places for it, in the verbs and beside them.
const PLACES: [&str; 51] = [
    "{X}",
    "{X} md5sum keep",
    "md5sum{X}",
    "md5sum {X}",
    "md5sum keep{X}",
    "md5sum keep {X}",
    "md5sum {X} keep",
    "sha1sum {X}",
    "sha1sum keep {X}",
    "sha224sum {X}",
    "sha224sum keep {X}",
    "sha256sum {X}",
    "sha256sum keep {X}",
    "sha384sum {X}",
    "sha384sum keep {X}",
    "sha512sum {X}",
    "sha512sum keep {X}",
    "b3sum {X}",
    "b3sum keep {X}",
    "xxh128sum {X}",
    "xxh128sum keep {X}",
    "crc32 {X}",
    "crc32 keep {X}",
    "rclone {X}",
    "rclone md5sum {X}",
    "rclone sha1sum keep {X}",
    "rclone hashsum {X}",
    "rclone hashsum sha256 {X}",
    "rclone hashsum {X} keep",
    "df {X}",
    "df -k {X}",
    "df -k keep {X}",
    "pwd {X}",
    "cd {X}",
    "cd folder {X}",
    "echo {X}",
    "echo x {X}",
    "true {X}",
    "sftp-server {X}",
    "internal-sftp {X}",
    "/usr/lib/openssh/sftp-server {X}",
    "/usr/libexec/openssh/sftp-server {X}",
    "/usr/libexec/sftp-server {X}",
    "scp {X}",
    "scp -f {X}",
    "scp -f keep {X}",
    "scp -r -p -f -- keep{X}",
    "scp {X} -f keep",
    "scp -t {X}",
    "scp -t keep {X}",
    "scp -v -r -d -t -- folder{X}",
];

/// What the commands are about.
fn commands(sentinel: &Path) -> [String; 2] {
    let folder = sentinel.display();
    [format!("touch {folder}/made"), format!("rm -f {folder}/keep")]
}

impl Construct {
    fn filled(&self, command: &str, sentinel: &Path) -> String {
        let folder = sentinel.to_str().expect("UTF-8");
        self.text.replace("{C}", command).replace("{S}", folder)
    }
}

fn make_sentinel(path: &Path) {
    fs::create_dir_all(path).expect("mkdir");
    let _ = fs::remove_file(path.join("made"));
    fs::write(path.join("keep"), "as it was").expect("write");
}

/// Everything about a folder that a change would show in, by path.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("list") {
            let path = entry.expect("entry").path();
            let it = fs::symlink_metadata(&path).expect("stat");
            let content = if it.is_file() { sha256(&path) } else { String::new() };
            let (mode, len) = (it.mode(), it.len());
            let time = (it.mtime(), it.mtime_nsec());
            found.insert(path.clone(), format!("{mode:o} {len} {time:?} {content}"));
            if it.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

/// The corpus would do harm if a shell saw it: each construct that acts, run by one.
#[test]
fn a_shell_would_act_on_them() {
    if Command::new("bash").args(["-c", "true"]).status().is_err() {
        return skipped("no bash");
    }
    let scratch = super::Scratch::new();
    let sentinel = scratch.path("sentinel");
    for construct in CONSTRUCTS.iter().filter(|construct| construct.acts) {
        for command in commands(&sentinel) {
            make_sentinel(&sentinel);
            let before = snapshot(&sentinel);
            let mut shell = Command::new("bash");
            let line = format!("true {}", construct.filled(&command, &sentinel));
            shell.args(["-c", &line]).current_dir(scratch.root());
            Running::start(shell, "").wait(LONG);
            assert_ne!(before, snapshot(&sentinel), "bash does nothing for {line:?}");
        }
    }
}

/// A line that is sent, and what is known of it.
struct Line {
    text: String,
    refused: bool,
}

fn corpus(sentinel: &Path) -> Vec<Line> {
    let commands = commands(sentinel);
    let mut lines = Vec::new();
    for (number, place) in PLACES.iter().enumerate() {
        for (other, construct) in CONSTRUCTS.iter().enumerate() {
            let filled = construct.filled(&commands[(number + other) % 2], sentinel);
            let text = place.replace("{X}", &filled);
            lines.push(Line { text, refused: construct.refused });
        }
    }
    lines
}

const PYTHON: &str = "/usr/bin/python3";

/// Runs each line of a JSON file in a channel of its own, some at a time over one connection, and
/// prints status, stdout and stderr of each. A status of -1 is none.
const SEND: &str = r#"
import json, socket, sys, paramiko
from concurrent.futures import ThreadPoolExecutor
port, user, key, lines = sys.argv[1:]
transport = paramiko.Transport(("127.0.0.1", int(port)))
# Else every line takes the 40 ms of a delayed acknowledgement.
transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
transport.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))

def everything(read):
    parts = []
    while part := read(65536):
        parts.append(part)
    return b"".join(parts).decode("latin-1")

def end_input(channel):
    # paramiko's own would let its EOF be overtaken by its answer to the server's CLOSE.
    with channel.lock:
        if eof := channel._send_eof():
            transport._send_user_message(eof)

def ask(line):
    channel = transport.open_session()
    channel.settimeout(5)
    try:
        channel.exec_command(line.encode())
        end_input(channel)
        out, err = everything(channel.recv), everything(channel.recv_stderr)
        channel.status_event.wait(5)
        return [channel.exit_status, out, err]
    except Exception as error:
        return [-1, "", repr(error)]
    finally:
        channel.close()

with ThreadPoolExecutor(4) as pool:
    print(json.dumps(list(pool.map(ask, json.load(open(lines))))))
transport.close()
"#;

fn send(scene: &Scene, lines: &[Line]) -> Running {
    let texts: Vec<&str> = lines.iter().map(|line| &line.text[..]).collect();
    let mut command = Command::new(PYTHON);
    command.args(["-W", "ignore", "-c", SEND]);
    command.args([&scene.server.address.port().to_string(), &scene.server.user]);
    // In a file, so that a failure does not print them all.
    let file = scene.scratch.path("lines");
    fs::write(&file, serde_json::to_string(&texts).expect("JSON")).expect("write");
    command.arg(scene.server.client_key()).arg(file);
    Running::start(command, "")
}

/// Processes that any thread of the server has started and that are still there.
fn children(pid: u32) -> String {
    let mut found = String::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).expect("the server's threads") {
        let path = task.expect("a thread").path().join("children");
        let _ = write!(found, "{}", fs::read_to_string(path).unwrap_or_default());
    }
    found
}

/// Page faults of the children that the server has waited for: none ever, no faults. proc(5): the
/// fields behind the name, of which the ninth is `cminflt`.
fn faults_of_children(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the server's numbers");
    let mut fields = stat.rsplit(") ").next().expect("fields behind the name").split(' ');
    fields.nth(8).and_then(|field| field.parse().ok()).expect("cminflt")
}

/// Looks for children until told to stop; the first that is seen.
fn watch(pid: u32, stop: &AtomicBool) -> Option<String> {
    while !stop.load(Ordering::Relaxed) {
        let seen = children(pid);
        if !seen.is_empty() {
            return Some(seen);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}

#[test]
fn nothing_is_started_and_nothing_is_touched() {
    let import = Command::new(PYTHON).args(["-c", "import paramiko"]).output();
    if !import.is_ok_and(|output| output.status.success()) {
        return skipped("no paramiko for /usr/bin/python3");
    }
    let Some(mut scene) = Scene::start_ours("sshd has a shell") else { return };
    scene.write_files();
    fs::write(scene.scratch.served("keep"), "kept").expect("write");
    let sentinel = scene.scratch.path("sentinel");
    make_sentinel(&sentinel);
    let lines = corpus(&sentinel);
    assert!(lines.len() >= 200, "{} lines", lines.len());
    let before = [scene.scratch.root(), sentinel.clone()].map(|folder| snapshot(&folder));
    let (pid, stop) = (scene.server.pid(), AtomicBool::new(false));
    let (answers, seen) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch(pid, &stop));
        let finished = send(&scene, &lines).wait(LONG);
        stop.store(true, Ordering::Relaxed);
        (finished.expect_success(), watching.join().expect("the watcher"))
    });
    assert_eq!(seen, None, "the server has started processes");
    assert_eq!(faults_of_children(pid), 0, "the server has had a child");
    assert!(scene.server.is_running());
    let after = [scene.scratch.root(), sentinel].map(|folder| snapshot(&folder));
    assert_eq!(before, after);

    let answers: Vec<(i64, String, String)> = serde_json::from_str::<Vec<Value>>(&answers.stdout)
        .expect("JSON")
        .iter()
        .map(|row| {
            let text = |at: usize| row[at].as_str().expect("a text").to_owned();
            (row[0].as_i64().expect("a number"), text(1), text(2))
        })
        .collect();
    assert_eq!(answers.len(), lines.len());
    for (line, (status, stdout, stderr)) in lines.iter().zip(&answers) {
        let what = format!("{:?}: {status}, {stdout:?}, {stderr:?}", line.text);
        assert!((0..=127).contains(status), "ends with a status: {what}");
        assert!(!line.refused || *status != 0, "must not seem done: {what}");
        if *status == 127 {
            assert!(stderr.starts_with("ringferry: ") && stderr.lines().count() == 1, "{what}");
            assert_eq!(stdout, "", "{what}");
        }
    }
    let counted = |status| answers.iter().filter(|answer| answer.0 == status).count();
    eprintln!("{} lines: {} refused, {} done", lines.len(), counted(127), counted(0));
}
