//! Either end against OpenSSH's own scp, by pipes and without SSH.

use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, UNIX_EPOCH};

use super::drive::Party;
use super::memory::{Memory, Node};

/// How long OpenSSH may think. It thinks for a millisecond.
const PATIENCE: Duration = Duration::from_secs(30);

struct Scp {
    child: Child,
    output: Receiver<Vec<u8>>,
}

impl Scp {
    fn start(arguments: &[&str], folder: &Path) -> Option<Self> {
        let mut command = Command::new("scp");
        command.args(arguments).current_dir(folder);
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = match spawned {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                println!("SKIPPED: there is no scp");
                return None;
            }
            spawned => spawned.unwrap(),
        };
        let mut stdout = child.stdout.take().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 1000];
            while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Some(Self { child, output })
    }

    /// Runs both ends; the exit statuses of ours and of OpenSSH's.
    fn against(mut self, party: &mut Party) -> (u32, i32) {
        let mut stdin = self.child.stdin.take();
        loop {
            let mut output = Vec::new();
            let moved = party.turn(&mut output);
            if let Some(pipe) = &mut stdin {
                // It may have left already.
                let _ = pipe.write_all(&output);
            }
            if party.status.is_some() {
                stdin = None;
            } else if moved {
                continue;
            }
            match self.output.recv_timeout(PATIENCE) {
                Ok(bytes) => party.input.extend(bytes),
                Err(RecvTimeoutError::Timeout) => panic!("both ends wait"),
                Err(RecvTimeoutError::Disconnected) if party.status.is_some() => break,
                Err(RecvTimeoutError::Disconnected) => {
                    assert!(!party.input_over, "it waits for more");
                    party.input_over = true;
                }
            }
        }
        assert!(party.files.is_closed());
        (party.status.unwrap(), self.child.wait().unwrap().code().unwrap())
    }
}

impl Drop for Scp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tree() -> Memory {
    let files = Memory::new().dir("t").dir("t/empty").with(b"t/a b", Node::Dir, 0o700);
    let mut files = files
        .file("t/nothing", b"")
        .file("t/a b/it's \"quoted\" ;$x*", &vec![b'q'; 100_000])
        .file("t/a b/日本語", b"utf-8")
        .file("t/C0644 3 x", b"E\nC0644 0 y\n\0\x01\x02")
        .with(b"t/\xff\xfe", Node::File(b"bytes".to_vec()), 0o600)
        .with(b"t/exec", Node::File(b"#!".to_vec()), 0o4755)
        .with(b"t/readonly", Node::File(b"r".to_vec()), 0o444);
    for (number, entry) in (1..).zip(files.entries.values_mut()) {
        entry.times = (1_000_000_000 + number, 1_100_000_000 + number);
    }
    files
}

/// Directories last, so that their times stay.
fn write(files: &Memory, folder: &Path) {
    for (path, entry) in files.entries.iter().filter(|(path, _)| !path.is_empty()) {
        let path = folder.join(OsStr::from_bytes(path));
        match &entry.node {
            Node::File(bytes) => fs::write(path, bytes).unwrap(),
            _ => fs::create_dir(path).unwrap(),
        }
    }
    for (path, entry) in files.entries.iter().rev().filter(|(path, _)| !path.is_empty()) {
        let path = folder.join(OsStr::from_bytes(path));
        fs::set_permissions(&path, fs::Permissions::from_mode(entry.mode)).unwrap();
        let modified = UNIX_EPOCH + Duration::from_secs(entry.times.1.into());
        fs::File::open(&path).unwrap().set_modified(modified).unwrap();
    }
}

/// Path, mode, modification time and content of everything.
type Listing = Vec<(Vec<u8>, u32, u32, Option<Vec<u8>>)>;

fn on_disk(root: &Path, folder: &Path, listing: &mut Listing) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::metadata(&path).unwrap();
        let bytes = metadata.is_file().then(|| fs::read(&path).unwrap());
        let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
        let modified = u32::try_from(metadata.mtime()).unwrap();
        listing.push((name, metadata.mode() & 0o7777, modified, bytes));
        if metadata.is_dir() {
            on_disk(root, &path, listing);
        }
    }
    listing.sort();
}

fn in_memory(files: &Memory) -> Listing {
    let entries = files.entries.iter().filter(|(path, _)| !path.is_empty());
    let mut listing: Listing = entries
        .map(|(path, entry)| {
            let bytes = match &entry.node {
                Node::File(bytes) => Some(bytes.clone()),
                _ => None,
            };
            (path.clone(), entry.mode, entry.times.1, bytes)
        })
        .collect();
    listing.sort();
    listing
}

#[test]
fn a_tree_from_openssh() {
    let folder = tempfile::tempdir().unwrap();
    write(&tree(), folder.path());
    let Some(scp) = Scp::start(&["-rpf", "t"], folder.path()) else { return };
    let mut sink = Party::new("-rpt .", Memory::new());
    assert_eq!(scp.against(&mut sink), (0, 0));
    assert_eq!(in_memory(&sink.files), in_memory(&tree()));
}

#[test]
fn a_tree_to_openssh() {
    let folder = tempfile::tempdir().unwrap();
    let Some(scp) = Scp::start(&["-rpt", "."], folder.path()) else { return };
    assert_eq!(scp.against(&mut Party::new("-rpf t", tree())), (0, 0));
    let mut listing = Listing::new();
    on_disk(folder.path(), folder.path(), &mut listing);
    assert_eq!(listing, in_memory(&tree()));
}

#[test]
fn openssh_skips_what_we_refuse() {
    let folder = tempfile::tempdir().unwrap();
    write(&tree(), folder.path());
    let mut files = Memory::new().dir("t").file("t/a b", b"a file");
    files.closed.extend([b"t/exec".to_vec(), b"t/empty".to_vec()]);
    files.room_bytes = 30;
    let Some(scp) = Scp::start(&["-rpf", "nil", "t"], folder.path()) else { return };
    let mut sink = Party::new("-rpt .", files);
    assert_eq!(scp.against(&mut sink), (1, 1));
    let names = ["t", "t/C0644 3 x", "t/a b", "t/nothing", "t/readonly", r"t/\xff\xfe"];
    assert_eq!(sink.files.names(), names);
    assert_eq!(sink.files.bytes("t/readonly"), Some(&b"r"[..]));
}

#[test]
fn we_skip_what_openssh_refuses() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("t/exec")).unwrap();
    fs::write(folder.path().join("t/a b"), b"a file").unwrap();
    let mut files = tree().with(b"t/pipe", Node::Special, 0o644);
    files.unreadable.insert(b"t/readonly".to_vec(), 0);
    let Some(scp) = Scp::start(&["-rpt", "."], folder.path()) else { return };
    assert_eq!(scp.against(&mut Party::new("-rpf nil t", files)), (1, 1));
    let mut listing = Listing::new();
    on_disk(folder.path(), folder.path(), &mut listing);
    let names: Vec<_> = listing.iter().map(|(name, ..)| name.escape_ascii().to_string()).collect();
    let expected = [
        "t",
        "t/C0644 3 x",
        "t/a b",
        "t/empty",
        "t/exec",
        "t/nothing",
        "t/readonly",
        "t/\\xff\\xfe",
    ];
    assert_eq!(names, expected);
    assert_eq!(fs::read(folder.path().join("t/nothing")).unwrap(), b"");
    assert_eq!(fs::read(folder.path().join("t/a b")).unwrap(), b"a file");
    assert_eq!(fs::read(folder.path().join("t/readonly")).unwrap(), b"\0", "filled up");
}
