//! Nothing outside the root is read or written: not through symlinks that lie in it, not through
//! symlinks a client makes, not while somebody swaps a folder for a symlink under a busy session.

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::SOON;
use support::client::quoted;
use support::files::{Compare, Scratch, Seeded, assert_same_tree, write_random};
use support::packets::{
    CLOSE, MKDIR, OPEN, OPEN_READ, OPEN_WRITE_CREATE, Packets, READ, REMOVE, RENAME, RMDIR, Reply,
    SETSTAT, STAT, WRITE, open_body, read_body, string, write_body,
};
use support::server::Server;

const SECRET: &str = "the secret that is outside the root";

/// A root with symlinks that lead out of it by every route, and the folder they lead to.
struct Trap {
    scratch: Scratch,
    /// The symlinks, by name in the root.
    links: Vec<&'static str>,
}

impl Trap {
    fn new() -> Trap {
        let scratch = Scratch::new();
        let outside = scratch.path("outside");
        fs::create_dir_all(outside.join("folder")).expect("mkdir");
        fs::write(outside.join("secret"), SECRET).expect("write");
        fs::write(outside.join("folder/secret"), SECRET).expect("write");
        let beside = PathBuf::from("../outside");
        let routes = [
            ("passwd", PathBuf::from("/etc/passwd")),
            ("etc-absolute", PathBuf::from("/etc")),
            ("up", PathBuf::from("../..")),
            ("proc", PathBuf::from("/proc/self/root")),
            ("proc-cwd", PathBuf::from("/proc/self/cwd")),
            ("proc-fd", PathBuf::from("/proc/self/fd/0")),
            ("relative", beside.clone()),
            ("relative-file", beside.join("secret")),
            ("absolute", outside.clone()),
            ("absolute-file", outside.join("secret")),
            ("missing", beside.join("new-file")),
            ("chain", PathBuf::from("relative")),
        ];
        for (name, target) in &routes {
            symlink(target, scratch.served(name)).expect("symlink");
        }
        Trap { scratch, links: routes.iter().map(|(name, _)| *name).collect() }
    }

    /// Copies the folder outside, for a comparison afterwards.
    fn remember_outside(&self) -> PathBuf {
        let copy = self.scratch.path("outside-before");
        let status = std::process::Command::new("cp")
            .arg("-a")
            .args([self.scratch.path("outside"), copy.clone()])
            .status();
        assert!(status.is_ok_and(|status| status.success()), "cp -a");
        copy
    }
}

fn assert_no_secret(text: &str, what: &str) {
    assert!(!text.contains(SECRET) && !text.contains("root:x:0:0"), "{what} read outside: {text}");
}

#[test]
fn get_through_symlinks_reads_nothing_outside() {
    let trap = Trap::new();
    let server = Server::start(&trap.scratch);
    fs::create_dir(trap.scratch.path("back")).expect("mkdir");
    fs::write(trap.scratch.served("inside"), "inside").expect("write");
    let mut batch = String::new();
    let back = |name: &str| trap.scratch.path("back").join(name.replace('/', "+"));
    for link in &trap.links {
        for below in ["", "/secret", "/passwd", "/etc/passwd", "/outside/secret", "/../secret"] {
            let path = format!("/{link}{below}");
            // A leading `-` lets the batch go on after a failure.
            batch += &format!("-get {} {}\n", quoted(&path), quoted(back(&path)));
        }
    }
    // The last one succeeds: the session got that far.
    batch += &format!("get /inside {}\n", quoted(back("inside")));
    server.sftp(&[], &batch, SOON).expect_success();
    let fetched: Vec<_> = fs::read_dir(trap.scratch.path("back"))
        .expect("list")
        .map(|entry| entry.expect("entry").file_name())
        .collect();
    assert_eq!(fetched, ["inside"]);
}

#[test]
fn recursive_get_of_the_root_copies_nothing_outside() {
    let trap = Trap::new();
    let server = Server::start(&trap.scratch);
    fs::create_dir(trap.scratch.path("back")).expect("mkdir");
    let get = format!("get -r / {}\n", quoted(trap.scratch.path("back")));
    // The dangling links fail it; what matters is what it brought.
    let _ = server.sftp(&[], &get, SOON);
    no_secrets_below(&trap.scratch.path("back"));
}

fn no_secrets_below(dir: &Path) {
    for entry in fs::read_dir(dir).expect("list") {
        let path = entry.expect("entry").path();
        let kind = fs::symlink_metadata(&path).expect("stat").file_type();
        if kind.is_dir() {
            no_secrets_below(&path);
        } else if kind.is_file() {
            let text = fs::read(&path).expect("read");
            assert_no_secret(&String::from_utf8_lossy(&text), &path.display().to_string());
        }
    }
}

#[test]
fn ls_through_symlinks_lists_nothing_outside() {
    let trap = Trap::new();
    let server = Server::start(&trap.scratch);
    for link in &trap.links {
        let finished = server.sftp(&[], &format!("-ls -la /{link}/\n"), SOON);
        let said = &finished.stdout;
        // `up` may be the root itself, as it is in a chroot; nothing else exists inside.
        if *link == "up" {
            assert!(!said.contains("authorized_keys"), "{link}: {said}");
        } else {
            let listed = said.lines().filter(|line| !line.starts_with("sftp>")).count();
            assert_eq!(listed, 0, "{link}: {said}");
        }
    }
}

#[test]
fn put_and_changes_through_symlinks_touch_nothing_outside() {
    let trap = Trap::new();
    let before = trap.remember_outside();
    let server = Server::start(&trap.scratch);
    let source = trap.scratch.path("source");
    write_random(&source, 1000, 1);
    let (source, passwd) = (quoted(&source), fs::read("/etc/passwd").expect("read"));
    let mut batch = String::new();
    for link in &trap.links {
        for below in ["", "/secret", "/new", "/etc/made-by-a-test", "/outside/new", "/folder"] {
            let path = quoted(format!("/{link}{below}"));
            batch += &format!(
                "-put {source} {path}\n-chmod 777 {path}\n-mkdir {path}\n-rename {path} /moved\n\
                 -rename /moved {path}\n-ln -s /etc/passwd {path}\n-put -p {source} {path}\n\
                 -rmdir {path}\n"
            );
        }
    }
    batch += &format!("put {source} /inside\n");
    server.sftp(&[], &batch, SOON).expect_success();
    assert_same_tree(&before, &trap.scratch.path("outside"), Compare::BytesModesTimes);
    assert_eq!(passwd, fs::read("/etc/passwd").expect("read"));
    assert!(!Path::new("/etc/made-by-a-test").exists());
    assert!(!trap.scratch.path("new").exists());
}

#[test]
fn removing_a_symlink_leaves_its_target() {
    let trap = Trap::new();
    let before = trap.remember_outside();
    let server = Server::start(&trap.scratch);
    for link in &trap.links {
        server.sftp(&[], &format!("rm /{link}\n"), SOON).expect_success();
        assert!(fs::symlink_metadata(trap.scratch.served(link)).is_err(), "{link} is gone");
    }
    assert_same_tree(&before, &trap.scratch.path("outside"), Compare::BytesModesTimes);
}

#[test]
fn symlinks_made_by_the_client_lead_nowhere_else() {
    let trap = Trap::new();
    let server = Server::start(&trap.scratch);
    let outside = trap.scratch.path("outside/secret");
    let back = trap.scratch.path("back");
    for (index, target) in
        [quoted("../outside/secret"), quoted(&outside), quoted("/etc/passwd")].iter().enumerate()
    {
        // Making it may be refused; following it must be.
        let batch = format!("-ln -s {target} /made-{index}\nget /made-{index} {}\n", quoted(&back));
        server.sftp(&[], &batch, SOON).expect_code(1);
        assert!(!back.exists(), "{target} was fetched");
    }
    // A hard link to what a symlink names would be a second name for a file outside.
    let _ = server.sftp(&[], "-ln /passwd /hard\n-ln /absolute-file /hard2\n", SOON);
    for hard in ["hard", "hard2"] {
        if let Ok(metadata) = fs::symlink_metadata(trap.scratch.served(hard)) {
            assert!(metadata.is_symlink(), "{hard} links to a file outside");
        }
    }
}

/// Operations of the race, and how many are in flight at once.
const RACE_OPERATIONS: u64 = 100_000;
const RACE_DEPTH: u64 = 64;

/// Swaps the folder `swap` with a symlink to the folder outside, as fast as it can.
fn swap_until(stop: Arc<AtomicBool>, root: PathBuf) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let (real, link) = (root.join("swap"), root.join("swap-link"));
        let mut swaps = 0;
        while !stop.load(Ordering::Relaxed) {
            let cwd = rustix::fs::CWD;
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            rustix::fs::renameat_with(cwd, &real, cwd, &link, flags).expect("exchange");
            swaps += 1;
            // Leaves the server some time in either state: both must happen often.
            std::thread::sleep(Duration::from_micros(swaps % 50));
        }
        swaps
    })
}

/// One random operation on paths through the swapped folder.
fn race_body(seeded: &mut Seeded) -> (u8, Vec<u8>) {
    let name = format!("/swap/f{}", seeded.below(8));
    let other = format!("/swap/g{}", seeded.below(8));
    match seeded.below(8) {
        0 => (OPEN, open_body("/swap/secret", OPEN_READ)),
        1 => (OPEN, open_body(&name, OPEN_WRITE_CREATE)),
        2 => (STAT, string("/swap/secret")),
        3 => (REMOVE, string(&name)),
        4 => (RENAME, [string(&name), string(&other)].concat()),
        5 => (MKDIR, [string(format!("{name}d")), vec![0; 4]].concat()),
        6 => (RMDIR, string(format!("{name}d"))),
        // SETSTAT of the permissions to 0600.
        _ => (SETSTAT, [string(&name), vec![0, 0, 0, 4, 0, 0, 0x01, 0x80]].concat()),
    }
}

#[test]
fn swapping_a_folder_for_a_symlink_wins_nothing() {
    let trap = Trap::new();
    let root = trap.scratch.root();
    fs::create_dir(root.join("swap")).expect("mkdir");
    fs::write(root.join("swap/secret"), "inside").expect("write");
    symlink("../outside", root.join("swap-link")).expect("symlink");
    let outside = trap.scratch.path("outside");
    for index in 0..8 {
        // Names the operations would find if they got out.
        fs::write(outside.join(format!("f{index}")), SECRET).expect("write");
        fs::create_dir(outside.join(format!("f{index}d"))).expect("mkdir");
    }
    let before = trap.remember_outside();
    let server = Server::start(&trap.scratch);
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = swap_until(Arc::clone(&stop), root);

    let (mut seeded, mut session) = (Seeded::new(9), Packets::open(&server));
    let (mut sent, mut answered) = (0_u64, 0_u64);
    let (mut inside, mut refused) = (0_u64, 0_u64);
    let mut to_send = Vec::new();
    while answered < sent || sent < RACE_OPERATIONS {
        while sent < RACE_OPERATIONS && sent - answered < RACE_DEPTH {
            let (kind, body) = to_send.pop().unwrap_or_else(|| race_body(&mut seeded));
            session.send(kind, &body);
            sent += 1;
        }
        let (_, reply) = session.reply().expect("the session lives");
        answered += 1;
        match reply {
            // A file was opened: look at it, write to it, close it.
            Reply::Handle(handle) => {
                to_send.push((CLOSE, string(&handle)));
                to_send.push((WRITE, write_body(&handle, 0, b"written through the race")));
                to_send.push((READ, read_body(&handle, 0, 100)));
            }
            Reply::Data(data) => {
                assert_no_secret(&String::from_utf8_lossy(&data), "the race");
                inside += 1;
            }
            Reply::Status { code: 0, .. } | Reply::Attrs(_) => inside += 1,
            Reply::Status { .. } => refused += 1,
            other => panic!("{other:?} answers nothing that was asked"),
        }
    }
    stop.store(true, Ordering::Relaxed);
    let swaps = swapper.join().expect("swapper");
    eprintln!("{answered} operations, {inside} done inside, {refused} refused, {swaps} swaps");
    assert!(inside > 1000 && refused > 1000 && swaps > 1000, "both states must have been met");
    assert_same_tree(&before, &outside, Compare::BytesModesTimes);
}
