//! scp by its old protocol, for which the server plays `scp -t` and `scp -f`: OpenSSH's `scp -O`
//! and PuTTY's `pscp -scp`, as people use them. What a shell would do to a path on the far side is
//! the server's to do.
//!
//! OpenSSH is the model: with `RINGFERRY_TEST_SUBJECT=sshd` the far side is its scp, started by a
//! shell. What is not so there, a test says.

mod errors;
mod names;
mod openssh;
mod pipelined;
mod putty;
mod records;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use support::client::Finished;
use support::files::Scratch;
use support::server::{Options, Server, Subject};
use support::skipped;

/// One run of a client, in a debug build, beside other tests.
const LONG: Duration = Duration::from_secs(300);

/// A time that is neither now nor a round number.
const SOME_TIME: i64 = 1_234_567_890;

/// A server with an empty root, and what a client brings.
struct Scene {
    server: Server,
    /// Goes last, since the log is in it.
    scratch: Scratch,
}

impl Scene {
    fn start() -> Scene {
        Scene::start_with(Options::default())
    }

    fn start_with(options: Options) -> Scene {
        let scratch = Scratch::new();
        let server = Server::start_with(&scratch, &Options { programs: true, ..options });
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

    /// What a path of the root is called in a command on the far side.
    fn far_path(&self, path: &str) -> String {
        match self.server.subject {
            Subject::Ringferry => format!("/{path}"),
            Subject::Sshd => format!("{}/{path}", self.scratch.root().display()),
        }
    }

    /// The same with user and host: an argument of scp's.
    fn far(&self, path: &str) -> String {
        self.server.remote(&self.far_path(path))
    }

    /// The path of a file at the client's end, as an argument.
    fn local(&self, name: &str) -> String {
        self.scratch.path(name).to_str().expect("UTF-8").to_owned()
    }

    fn served(&self, name: &str) -> PathBuf {
        self.scratch.served(name)
    }

    /// A text file at the client's end, whose content is its name.
    fn write_local(&self, name: &str) -> String {
        fs::write(self.scratch.path(name), name).expect("write");
        self.local(name)
    }

    /// A text file on the server, whose content is its name.
    fn write_served(&self, name: &str) {
        fs::write(self.served(name), name).expect("write");
    }

    fn make_folder(&self, name: &str) {
        fs::create_dir_all(self.served(name)).expect("mkdir");
    }

    fn make_local_folder(&self, name: &str) -> String {
        fs::create_dir_all(self.scratch.path(name)).expect("mkdir");
        self.local(name)
    }

    /// `scp -O`.
    fn scp(&self, arguments: &[&str]) -> Finished {
        let arguments = [&["-O"], arguments].concat();
        self.server.scp(&arguments, LONG)
    }

    fn expect_served(&self, name: &str, content: &str) {
        expect_content(&self.served(name), content);
    }

    fn expect_local(&self, name: &str, content: &str) {
        expect_content(&self.scratch.path(name), content);
    }
}

fn expect_content(path: &Path, content: &str) {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(String::from_utf8_lossy(&bytes), content, "{}", path.display());
}

/// The names in a folder, sorted.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("entry").file_name();
    let mut names: Vec<String> =
        entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Asserts that a client's output has all of `words`.
fn expect_words(finished: &Finished, words: &[&str]) {
    let output = finished.output();
    for word in words {
        assert!(output.contains(word), "no {word:?} in what the client says:\n{output}");
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).mode() & 0o7777
}

fn time_of(path: &Path) -> i64 {
    fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).mtime()
}

fn set_time(path: &Path, seconds: i64) {
    let seconds = u64::try_from(seconds).expect("after 1970");
    let when = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::open(path).expect("open").set_modified(when).expect("set time");
}
