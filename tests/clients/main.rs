//! The clients people have, each over loopback and as its manual tells to use it: upload, download,
//! resume, rename over an existing file, whole trees, modes and times, deletion, listing, and what
//! it says about an error. A file a client; what a client cannot do, its file says.
//!
//! The bulk and the odd cases of OpenSSH's clients are in `interop.rs`, algorithms in `matrix.rs`
//! and `clients_ctr.rs`.

mod asyncssh;
mod curl;
mod lftp;
mod openssh;
mod paramiko;
mod putty;
mod rclone;
mod sshfs;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use support::MIB;
use support::client::{Finished, Running};
use support::files::{Scratch, assert_same_bytes, vary_modes_and_times, write_random, write_tree};
use support::server::{Options, Server, Subject};

/// One run of a client, in a debug build, beside other tests.
const LONG: Duration = Duration::from_secs(120);

/// A file that does not end at a packet's or a block's edge.
const SOURCE_BYTES: u64 = 4 * MIB + 13;

/// Where an interrupted transfer is taken up.
const PART_BYTES: u64 = 1_234_567;

/// A time that is neither now nor a round number.
const SOME_TIME: i64 = 1_234_567_890;

/// A server with an empty root, and what a client brings.
pub(crate) struct Site {
    pub(crate) scratch: Scratch,
    pub(crate) server: Server,
}

impl Site {
    /// Some clients have old MACs only, which the default preset leaves out.
    fn start() -> Site {
        let scratch = Scratch::new();
        let settings = vec![("algorithms", "compatible".to_owned())];
        let server = Server::start_with(&scratch, &Options { settings, ..Options::default() });
        Site { scratch, server }
    }

    /// The path of a file at the client's end, as an argument.
    fn local(&self, name: &str) -> String {
        text(&self.scratch.path(name))
    }

    fn served(&self, name: &str) -> PathBuf {
        self.scratch.served(name)
    }

    fn port(&self) -> String {
        self.server.address.port().to_string()
    }

    /// A file at the client's end: its name there is `source`.
    fn write_source(&self) -> PathBuf {
        let path = self.scratch.path("source");
        write_random(&path, SOURCE_BYTES, 21);
        path
    }

    /// The same file with a copy on the server, whose name there is `whole`.
    fn write_both(&self) -> PathBuf {
        let source = self.write_source();
        fs::copy(&source, self.served("whole")).expect("copy");
        source
    }

    /// A folder at the client's end with modes, times and awkward names: `tree`.
    fn write_tree(&self) -> PathBuf {
        let tree = self.scratch.path("tree");
        write_tree(&tree, 60, 3000, 22);
        vary_modes_and_times(&tree, 22);
        tree
    }

    /// Puts the beginning of the source where a transfer has broken off.
    fn write_part(&self, path: &Path) {
        let bytes = fs::read(self.scratch.path("source")).expect("read");
        let part = usize::try_from(PART_BYTES).expect("small");
        fs::write(path, &bytes[..part]).expect("write");
    }

    /// Two files on the server, to rename the first to the second.
    fn write_old_and_new(&self) {
        fs::write(self.served("old"), "the old name's").expect("write");
        fs::write(self.served("new"), "the new name's, before").expect("write");
    }

    fn expect_renamed_over(&self) {
        assert!(!self.served("old").exists(), "the old name is gone");
        assert_eq!(fs::read(self.served("new")).expect("read"), b"the old name's");
    }

    /// A rename by SFTP version 3 must not replace a file: both are as they were.
    fn expect_not_renamed(&self) {
        assert_eq!(fs::read(self.served("old")).expect("read"), b"the old name's");
        assert_eq!(fs::read(self.served("new")).expect("read"), b"the new name's, before");
    }

    /// What a client is told that makes a folder which is there: OpenSSH's server has the name of
    /// the status only, ours the system's words.
    fn words_for_existing(&self) -> &'static str {
        match self.server.subject {
            Subject::Sshd => "Failure",
            Subject::Ringferry => "File exists",
        }
    }

    /// Names for a listing, one of them with a space.
    fn write_names(&self) {
        fs::create_dir(self.served("folder")).expect("mkdir");
        for name in ["one", "two words", "three"] {
            fs::write(self.served("folder").join(name), name).expect("write");
        }
    }

    fn expect_up(&self, name: &str) {
        assert_same_bytes(&self.scratch.path("source"), &self.served(name));
    }

    fn expect_down(&self, name: &str) {
        assert_same_bytes(&self.scratch.path("source"), &self.scratch.path(name));
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

fn run(command: Command) -> Finished {
    Running::start(command, "").wait(LONG)
}

/// Asserts that a client's output has all of `words`.
fn expect_words(finished: &Finished, words: &[&str]) {
    let output = finished.output();
    for word in words {
        assert!(output.contains(word), "no {word:?} in what the client says:\n{output}");
    }
}

fn set_time(path: &Path, seconds: i64) {
    let seconds = u64::try_from(seconds).expect("after 1970");
    let when = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::open(path).expect("open").set_modified(when).expect("set time");
}
