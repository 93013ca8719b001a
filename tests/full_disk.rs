//! A disk that an upload fills: the one who fills it is told so, in the system's words, and nobody
//! else notices. Each server has a tmpfs of its own for a root.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ringferry_sftp::{OpenFlags, Request};
use support::client::{Finished, Running, quoted};
use support::files::{Scratch, assert_same_bytes, write_random};
use support::foreign::{is_installed, lftp_quoted};
use support::packets::{Packets, Reply, STATUS_FAILURE};
use support::server::{Options, Server, Subject, can_mount_tmpfs};
use support::{MIB, SOON, skipped};

const DISK_MIB: u32 = 64;

/// More than the disk holds.
const BIG_BYTES: u64 = 96 * MIB;

/// What lies on the disk already.
const KEPT_BYTES: u64 = 8 * MIB + 5;

/// One transfer, in a debug build, beside other tests.
const LONG: Duration = Duration::from_secs(120);

/// The most a client asks for at once here.
const PART: usize = 128 * 1024;

/// A server with a small disk that holds the file `kept`.
struct Disk {
    scratch: Scratch,
    server: Server,
    /// The bytes of `kept`.
    kept: Vec<u8>,
}

/// `None`, and a line that says so, where no tmpfs can be mounted.
fn disk() -> Option<Disk> {
    if !can_mount_tmpfs() {
        skipped("no tmpfs: neither root nor user namespaces");
        return None;
    }
    let scratch = Scratch::new();
    let options = Options { tmpfs_root_mib: Some(DISK_MIB), ..Options::default() };
    let server = Server::start_with(&scratch, &options);
    write_random(&scratch.path("big"), BIG_BYTES, 71);
    let kept = scratch.path("kept");
    write_random(&kept, KEPT_BYTES, 72);
    server.sftp(&[], &format!("put {} /kept\n", quoted(&kept)), LONG).expect_success();
    let kept = fs::read(kept).expect("read");
    Some(Disk { scratch, server, kept })
}

impl Disk {
    /// A file on the disk.
    fn at(&self, name: &str) -> PathBuf {
        self.server.view(&self.scratch.served(name))
    }

    fn big(&self) -> PathBuf {
        self.scratch.path("big")
    }

    /// What the server tells who fills it: OpenSSH's has only the name of the status.
    fn words(&self) -> &'static str {
        match self.server.subject {
            Subject::Ringferry => "No space left on device",
            Subject::Sshd => "Failure",
        }
    }
}

/// Reads the whole file with a window of requests in flight.
fn read_all(session: &mut Packets, handle: &[u8], length: usize) -> Vec<u8> {
    let len = u32::try_from(PART).expect("small");
    let mut asked = Vec::new();
    for offset in (0..length).step_by(PART) {
        let offset = offset as u64;
        asked.push(session.send_request(|id| Request::Read { id, handle, offset, len }));
    }
    let parts = asked.into_iter().map(|id| session.reply_to(id).expect_data());
    parts.flatten().collect()
}

/// Writes the whole file over itself, at each place as `bytes` has it.
fn write_all(session: &mut Packets, handle: &[u8], bytes: &[u8]) {
    let mut sent = Vec::new();
    for (index, part) in bytes.chunks(PART).enumerate() {
        sent.push(session.send_write(handle, (index * PART) as u64, part));
    }
    for id in sent {
        session.reply_to(id).expect_ok();
    }
}

fn open(session: &mut Packets, path: &str, flags: OpenFlags) -> Vec<u8> {
    let (path, attrs) = (path.as_bytes(), Default::default());
    session.ask_request(|id| Request::Open { id, path, flags, attrs }).expect_handle()
}

/// Asserts that the file is how `source` begins.
fn expect_prefix(source: &Path, file: &Path) {
    let (source, file) = (fs::read(source).expect("read"), fs::read(file).expect("read"));
    assert!(file.len() > 32 << 20, "{} bytes have found room", file.len());
    let differs = file.iter().zip(&source).position(|(a, b)| a != b);
    assert_eq!(differs, None, "{} bytes, and where they are not the source's", file.len());
}

/// A second session reads a file, a third writes over one, a fourth is OpenSSH's client: all
/// before, while and after the disk fills.
#[test]
fn other_sessions_are_unharmed() {
    let Some(disk) = disk() else { return };
    let server = &disk.server;
    let (mut reader, mut writer) = (Packets::open(server), Packets::open(server));
    let from = open(&mut reader, "/kept", OpenFlags::READ);
    let again = disk.kept.iter().map(|byte| !byte).collect::<Vec<u8>>();
    let to = open(&mut writer, "/again", OpenFlags::WRITE | OpenFlags::CREAT);
    write_all(&mut writer, &to, &disk.kept);

    let put = format!("put {} /big\n", quoted(disk.big()));
    let mut upload = Running::start(server.sftp_command(&[]), &put);
    let back = disk.scratch.path("back");
    let get = format!("get /kept {}\n", quoted(&back)).repeat(3);
    let download = Running::start(server.sftp_command(&[]), &get);
    let mut rounds = 0;
    loop {
        // Once more when the disk is full.
        let last = upload.has_ended();
        assert!(read_all(&mut reader, &from, disk.kept.len()) == disk.kept, "round {rounds}");
        write_all(&mut writer, &to, if last { &again } else { &disk.kept });
        rounds += 1;
        if last {
            break;
        }
    }
    let filled = upload.wait(LONG).expect_code(1);
    // OpenSSH's client shows its own word for the status code, never the server's text.
    assert!(filled.output().contains("Failure"), "{}", filled.output());
    download.wait(LONG).expect_success();
    assert_same_bytes(&disk.scratch.path("kept"), &back);
    for (session, handle) in [(&mut reader, &from), (&mut writer, &to)] {
        session.ask_request(|id| Request::Close { id, handle }).expect_ok();
    }
    assert!(fs::read(disk.at("again")).expect("read") == again, "what was written over");
    expect_prefix(&disk.big(), &disk.at("big"));
    eprintln!("{rounds} rounds while the disk filled");
    // And on it goes once there is room.
    let kept = disk.scratch.path("kept");
    let batch = format!("rm /big\nput {} /next\n", quoted(&kept));
    server.sftp(&[], &batch, LONG).expect_success();
    assert_same_bytes(&kept, &disk.at("next"));
}

fn expect_told(disk: &Disk, finished: Finished) {
    assert!(!finished.timed_out && finished.code != Some(0), "{finished:?}");
    assert!(finished.output().contains(disk.words()), "{}", finished.output());
}

#[test]
fn lftp_says_why() {
    if !is_installed("lftp", "--version") {
        return skipped("no lftp");
    }
    let Some(disk) = disk() else { return };
    let big = lftp_quoted(disk.big().to_str().expect("UTF-8"));
    let home = disk.scratch.path(".");
    let command = disk.server.lftp_command(&home, &format!("put {big} -o /big; "));
    expect_told(&disk, Running::start(command, "").wait(LONG));
}

#[test]
fn rclone_says_why() {
    if !is_installed("rclone", "version") {
        return skipped("no rclone");
    }
    let Some(disk) = disk() else { return };
    let (big, home) = (disk.big(), disk.scratch.path("."));
    let arguments = ["--low-level-retries", "1", "copyto", big.to_str().expect("UTF-8")];
    let arguments = [&arguments[..], &["far:/big"]].concat();
    let command = disk.server.rclone_command(&home, &arguments);
    expect_told(&disk, Running::start(command, "").wait(LONG));
}

/// The session that filled the disk: each WRITE that finds no room says so, CLOSE says it again,
/// and its other handles know nothing of it.
#[test]
fn the_error_stays_with_the_handle() {
    let Some(disk) = disk() else { return };
    let big = fs::read(disk.big()).expect("read");
    let mut session = Packets::open(&disk.server);
    let other = open(&mut session, "/kept", OpenFlags::READ | OpenFlags::WRITE);
    let full = open(&mut session, "/big", OpenFlags::WRITE | OpenFlags::CREAT);
    let parts: Vec<&[u8]> = big.chunks(PART).collect();
    let mut sent = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        sent.push(session.send_write(&full, (index * PART) as u64, part));
    }
    let replies: Vec<Reply> = sent.into_iter().map(|id| session.reply_to(id)).collect();
    let written = replies.iter().take_while(|reply| reply.code() == Some(0)).count();
    assert!(written > 256 && written < parts.len(), "{written} of {} WRITEs", parts.len());
    for reply in replies.into_iter().skip(written) {
        assert_eq!(reply.expect_status(STATUS_FAILURE), disk.words());
    }
    write_all(&mut session, &other, &disk.kept);
    assert!(read_all(&mut session, &other, disk.kept.len()) == disk.kept, "the other handle");
    session.ask_request(|id| Request::Close { id, handle: &other }).expect_ok();
    let closed = session.ask_request(|id| Request::Close { id, handle: &full });
    if disk.server.subject == Subject::Ringferry {
        assert_eq!(closed.expect_status(STATUS_FAILURE), disk.words());
        disk.server.log.wait_line(SOON, |line| line.contains(disk.words()));
    }
    expect_prefix(&disk.big(), &disk.at("big"));
    // The name can be used again, its old handle cannot.
    session.ask_request(|id| Request::Remove { id, path: b"/big" }).expect_ok();
    let again = open(&mut session, "/big", OpenFlags::WRITE | OpenFlags::CREAT);
    session.ask_write(&again, 0, b"room again").expect_ok();
    session.ask_request(|id| Request::Close { id, handle: &again }).expect_ok();
}
