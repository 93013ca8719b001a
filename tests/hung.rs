//! A file system that hangs, and one that fails, hold up and fail the sessions that use it and no
//! other: two users on one shard, one of them on an sshfs mount whose server is stopped, then gone.

mod support;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ringferry_sftp::{Attrs, OpenFlags, Request};
use rustix::process::{Pid, Signal, kill_process};
use support::client::Running;
use support::files::{Scratch, write_random};
use support::packets::{OPEN_READ, OPEN_WRITE_CREATE, Packets, Reply, STATUS_FAILURE, STATUS_OK};
use support::server::{Options, Server, Subject};
use support::{SOON, skipped, wait_for};

/// A folder of another server, mounted; unmounted on drop.
struct Mount {
    at: PathBuf,
    sshfs: Child,
}

impl Mount {
    /// Mounts what `server` serves at `at`, or tells why that cannot be.
    fn new(server: &Server, at: &Path, log: &Path) -> Result<Mount, String> {
        let open = OpenOptions::new().read(true).write(true).open("/dev/fuse");
        open.map_err(|error| format!("/dev/fuse: {error}"))?;
        fs::create_dir(at).expect("mkdir");
        let before = fs::metadata(at).expect("stat").dev();
        let ssh = format!("ssh_command=ssh {}", server.client_options().join(" "));
        let port = server.address.port().to_string();
        let mut command = Command::new("sshfs");
        command.args(["-f", "-p", &port, "-o", "cache=no", "-o", &ssh]);
        command.arg(server.remote("/")).arg(at).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(log).expect("create"));
        let mut sshfs = command.spawn().map_err(|error| format!("sshfs: {error}"))?;
        let mounted = wait_for(SOON, || {
            let ended = matches!(sshfs.try_wait(), Ok(Some(_)));
            let there = fs::metadata(at).is_ok_and(|metadata| metadata.dev() != before);
            (ended || there).then_some(!ended)
        });
        let mount = Mount { at: at.to_owned(), sshfs };
        match mounted {
            Some(true) => Ok(mount),
            _ => Err(format!("sshfs: {}", fs::read_to_string(log).unwrap_or_default().trim())),
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let mut unmount = Command::new("fusermount3");
        unmount.args(["-u", "-z"]).arg(&self.at).stderr(Stdio::null());
        let _ = unmount.status();
        let _ = self.sshfs.kill();
        let _ = self.sshfs.wait();
    }
}

/// A server that two users share: `slow` on the mount, `fast` on a folder of the disk.
struct Scene {
    // In the order they have to go.
    front: Server,
    _mount: Mount,
    backing: Server,
    _behind: Scratch,
    scratch: Scratch,
}

fn scene() -> Option<Scene> {
    if Subject::chosen() == Subject::Sshd {
        skipped("sshd has a process for each session");
        return None;
    }
    let (behind, scratch) = (Scratch::new(), Scratch::new());
    let backing = Server::start(&behind);
    write_random(&behind.served("file"), 100_000, 1);
    let at = scratch.path("mounted");
    let mount = match Mount::new(&backing, &at, &scratch.path("sshfs.log")) {
        Ok(mount) => mount,
        Err(why) => {
            skipped(&why);
            return None;
        }
    };
    write_random(&scratch.served("file"), 100_000, 2);
    let key = fs::read_to_string(scratch.path("client_key.pub")).expect("a key");
    let user = |name: &str, root: &Path| {
        format!("[users.{name}]\nroot = {root:?}\nauthorized_keys = [{:?}]\n", key.trim())
    };
    let users = user("slow", &at) + &user("fast", &scratch.root());
    fs::write(scratch.path("users.toml"), users).expect("write");
    let users_file = Some(scratch.path("users.toml"));
    let options = Options { users_file, shards: Some(1), ..Options::default() };
    let front = Server::start_with(&scratch, &options);
    Some(Scene { front, _mount: mount, backing, _behind: behind, scratch })
}

impl Scene {
    fn session(&mut self, user: &str) -> Packets {
        self.front.user = user.to_owned();
        Packets::open(&self.front)
    }

    fn signal_backing(&self, signal: Signal) {
        let pid = i32::try_from(self.backing.pid()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a pid"), signal).expect("kill");
    }
}

/// A session's everyday requests, each answered before the next is sent.
fn works(session: &mut Packets) {
    let path = b"/file";
    assert_eq!(
        session.ask_request(|id| Request::Stat { id, path }).expect_attrs().size,
        Some(100_000)
    );
    let handle = session.ask_handle("/file", OPEN_READ);
    let (offset, len) = (0, 100_000);
    let read = session.ask_request(|id| Request::Read { id, handle: &handle, offset, len });
    assert_eq!(read.expect_data().len(), 100_000);
    session.ask_request(|id| Request::Close { id, handle: &handle }).expect_ok();
    let handle = session.ask_handle("/written", OPEN_WRITE_CREATE);
    session.ask_write(&handle, 0, b"written").expect_ok();
    session.ask_request(|id| Request::Fstat { id, handle: &handle }).expect_attrs();
    session.ask_request(|id| Request::Close { id, handle: &handle }).expect_ok();
    let folder = session.ask_request(|id| Request::Opendir { id, path: b"/" }).expect_handle();
    session.ask_request(|id| Request::Readdir { id, handle: &folder }).expect_names();
    session.ask_request(|id| Request::Close { id, handle: &folder }).expect_ok();
    session.ask_request(|id| Request::Remove { id, path: b"/written" }).expect_ok();
}

#[test]
fn a_file_system_that_hangs_holds_up_its_own_sessions_only() {
    let Some(mut scene) = scene() else { return };
    let mut slow: Vec<Packets> = (0..8).map(|_| scene.session("slow")).collect();
    let mut fast = scene.session("fast");
    works(&mut slow[0]);
    works(&mut fast);
    let open = slow[1].ask_handle("/file", OPEN_READ);
    let mut open_dir = |index: usize| {
        let session: &mut Packets = &mut slow[index];
        session.ask_request(|id| Request::Opendir { id, path: b"/" }).expect_handle()
    };
    let (folder, other) = (open_dir(6), open_dir(7));
    let (attrs, flags) = (Attrs::default(), OpenFlags::READ);
    scene.signal_backing(Signal::STOP);
    // More than may run at once for one user, and of every kind: by path, by handle, data.
    let ids = [
        slow[0].send_request(|id| Request::Stat { id, path: b"/file" }),
        slow[1].send_request(|id| Request::Read { id, handle: &open, offset: 0, len: 10 }),
        slow[2].send_request(|id| Request::Open { id, path: b"/file", flags, attrs }),
        slow[3].send_request(|id| Request::Opendir { id, path: b"/" }),
        slow[4].send_request(|id| Request::Realpath { id, path: b"/file/../x" }),
        slow[5].send_request(|id| Request::Stat { id, path: b"/" }),
        slow[6].send_request(|id| Request::Fstat { id, handle: &folder }),
        slow[7].send_request(|id| Request::Fstatvfs { id, handle: &other }),
    ];
    for _ in 0..20 {
        works(&mut fast);
    }
    // Somebody new, too.
    works(&mut scene.session("fast"));
    scene.signal_backing(Signal::CONT);
    let answers: Vec<Reply> =
        ids.into_iter().zip(&mut slow).map(|(id, session)| session.reply_to(id)).collect();
    assert!(matches!(answers[0], Reply::Attrs(_)), "{:?}", answers[0]);
    assert!(matches!(&answers[1], Reply::Data(data) if data.len() == 10), "{:?}", answers[1]);
    assert!(matches!(answers[2], Reply::Handle(_)), "{:?}", answers[2]);
    assert!(matches!(answers[6], Reply::Attrs(_)), "{:?}", answers[6]);
    assert!(matches!(answers[7], Reply::Extended(_)), "{:?}", answers[7]);
    // What was looked at goes on.
    slow[6].ask_request(|id| Request::Readdir { id, handle: &folder }).expect_names();
    works(&mut slow[0]);
}

#[test]
fn a_session_that_ends_while_its_file_system_hangs_takes_nothing_along() {
    let Some(mut scene) = scene() else { return };
    let mut slow = scene.session("slow");
    slow.ask_handle("/file", OPEN_READ);
    scene.signal_backing(Signal::STOP);
    slow.send_request(|id| Request::Stat { id, path: b"/file" });
    let mut fast = scene.session("fast");
    works(&mut fast);
    drop(slow);
    works(&mut fast);
    scene.signal_backing(Signal::CONT);
    works(&mut scene.session("slow"));
}

#[test]
fn io_errors_are_told_latched_and_nobody_elses() {
    let Some(mut scene) = scene() else { return };
    let (mut slow, mut fast) = (scene.session("slow"), scene.session("fast"));
    let handle = slow.ask_handle("/new", OPEN_WRITE_CREATE);
    slow.ask_write(&handle, 0, b"before").expect_ok();
    scene.signal_backing(Signal::KILL);
    let words = wait_for(SOON, || match slow.ask_write(&handle, 6, &[1; 10_000]) {
        // What sshfs still had room for.
        Reply::Status { code: STATUS_OK, .. } => None,
        other => Some(other.expect_status(STATUS_FAILURE)),
    });
    let words = words.expect("writing to a server that is gone fails");
    // Which of them depends on how far sshfs has got with dying.
    let known = ["Input/output error", "not connected", "connection abort", "Connection reset"];
    assert!(known.iter().any(|known| words.contains(known)), "{words}");
    let again = slow.ask_write(&handle, 6, b"after").expect_status(STATUS_FAILURE);
    assert_eq!(again, words);
    let close = slow.ask_request(|id| Request::Close { id, handle: &handle });
    assert_eq!(close.expect_status(STATUS_FAILURE), words);
    works(&mut fast);
}

/// Its jobs take so long that what a client sends meanwhile, its end included, is there before it
/// is asked for.
#[test]
fn a_copy_that_waits_for_no_answer_arrives_whole() {
    let Some(mut scene) = scene() else { return };
    scene.front.user = "slow".to_owned();
    let at = scene.scratch.path("mounted");
    let send = |command: &str, records: &str| {
        let command = scene.front.ssh_command(&[], &[command]);
        Running::start(command, records).wait(Duration::from_secs(60))
    };
    for round in 0..3 {
        send("scp -t .", &format!("C0644 5 hello{round}\nhello\0")).expect_success();
        assert_eq!(fs::read_to_string(at.join(format!("hello{round}"))).expect("read"), "hello");
        let large = "0123456789abcdef".repeat(62_500);
        send("scp -t large", &format!("C0644 1000000 large\n{large}\0")).expect_success();
        assert!(fs::read_to_string(at.join("large")).expect("read") == large);
        let said = send("scp -f large", "\0\0\0").expect_success();
        assert!(said.stdout == format!("C0644 1000000 large\n{large}\0"));
    }
    send("scp -t cut", "C0644 1000 cut\nhello").expect_code(1);
    assert_eq!(fs::read_to_string(at.join("cut")).expect("read"), "hello");
}
