//! paramiko, the library for Python: a script a test, its paths as arguments.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::support::client::Finished;
use super::support::server::Subject;
use super::support::skipped;
use super::{SOME_TIME, Site, run};

const PYTHON: &str = "/usr/bin/python3";

/// What each script begins with: `sftp` is a session, and `args` what the test has added.
const PREAMBLE: &str = r#"
import hashlib, io, os, stat, sys, paramiko
port, user, key, *args = sys.argv[1:]
transport = paramiko.Transport(("127.0.0.1", int(port)))
transport.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))
sftp = paramiko.SFTPClient.from_transport(transport)
def fails(what, *arguments):
    try:
        what(*arguments)
    except IOError as error:
        return error
    raise AssertionError("%s%s did not fail" % (what.__name__, arguments))
"#;

fn paramiko_is_missing() -> bool {
    let import = Command::new(PYTHON).args(["-W", "ignore", "-c", "import paramiko"]).output();
    let missing = !import.is_ok_and(|output| output.status.success());
    if missing {
        skipped("no paramiko for /usr/bin/python3");
    }
    missing
}

fn python(site: &Site, script: &str, arguments: &[&str]) -> Finished {
    let mut command = Command::new(PYTHON);
    let script = format!("{PREAMBLE}{script}\ntransport.close()\n");
    command.args(["-W", "ignore", "-c", &script, &site.port(), &site.server.user]);
    command.arg(site.scratch.path("client_key")).args(arguments);
    run(command).expect_success()
}

/// `put` asks for the size afterwards (`confirm`), `get` reads ahead, and the same by hand.
#[test]
fn up_and_down_and_prefetched() {
    if paramiko_is_missing() {
        return;
    }
    let site = Site::start();
    site.write_source();
    let script = r#"
source, back, ahead = args
answer = sftp.put(source, "/up", confirm=True)
assert answer.st_size == os.path.getsize(source), answer
sftp.get("/up", back)
with sftp.open("/up", "rb") as file, open(ahead, "wb") as out:
    file.prefetch()
    while True:
        block = file.read(32768)
        if not block:
            break
        out.write(block)
with sftp.open("/up", "rb") as file:
    whole = open(source, "rb").read()
    parts = [(0, 1), (len(whole) - 5, 5), (100_000, 70_000)]
    for (at, length), part in zip(parts, file.readv(parts)):
        assert part == whole[at:at + length], at
"#;
    python(&site, script, &[&site.local("source"), &site.local("back"), &site.local("ahead")]);
    site.expect_up("up");
    site.expect_down("back");
    site.expect_down("ahead");
}

/// By appending, by a position in the file, and pipelined.
#[test]
fn resumes() {
    if paramiko_is_missing() {
        return;
    }
    let site = Site::start();
    site.write_both();
    for name in ["appended", "continued"] {
        site.write_part(&site.served(name));
    }
    site.write_part(&site.scratch.path("half"));
    let script = r#"
source, half = args
whole = open(source, "rb").read()
for name, mode in [("/appended", "ab"), ("/continued", "r+b")]:
    done = sftp.stat(name).st_size
    with sftp.open(name, mode) as file:
        file.set_pipelined(True)
        if mode == "r+b":
            file.seek(done)
        file.write(whole[done:])
with sftp.open("/whole", "rb") as file, open(half, "ab") as out:
    file.seek(out.tell())
    out.write(file.read())
"#;
    python(&site, script, &[&site.local("source"), &site.local("half")]);
    site.expect_up("appended");
    site.expect_up("continued");
    site.expect_down("half");
}

#[test]
fn renames_over_an_existing_file() {
    if paramiko_is_missing() {
        return;
    }
    let site = Site::start();
    site.write_old_and_new();
    python(&site, r#"fails(sftp.rename, "/old", "/new")"#, &[]);
    site.expect_not_renamed();
    python(&site, r#"sftp.posix_rename("/old", "/new")"#, &[]);
    site.expect_renamed_over();
}

#[test]
fn lists_and_deletes() {
    if paramiko_is_missing() {
        return;
    }
    let site = Site::start();
    fs::create_dir(site.served("many")).expect("mkdir");
    for index in 0..1500 {
        fs::write(site.served("many").join(format!("file {index}")), "x").expect("write");
    }
    let script = r#"
names = ["file %d" % index for index in range(1500)]
assert sorted(sftp.listdir("/many")) == sorted(names)
iterated = list(sftp.listdir_iter("/many", read_aheads=50))
assert sorted(entry.filename for entry in iterated) == sorted(names)
for entry in iterated:
    assert entry.st_size == 1 and stat.S_ISREG(entry.st_mode), entry
    assert entry.longname.startswith("-rw"), entry.longname
    sftp.remove("/many/" + entry.filename)
sftp.rmdir("/many")
sftp.mkdir("/made", 0o700)
sftp.chdir("/made")
assert sftp.getcwd() == "/made", sftp.getcwd()
assert sftp.normalize("..") == "/", sftp.normalize("..")
sftp.rmdir("/made")
assert sftp.listdir("/") == [], sftp.listdir("/")
"#;
    python(&site, script, &[]);
}

#[test]
fn sets_modes_times_and_sizes() {
    if paramiko_is_missing() {
        return;
    }
    let site = Site::start();
    fs::write(site.served("file"), "0123456789").expect("write");
    let script = r#"
when = int(args[0])
sftp.chmod("/file", 0o640)
sftp.truncate("/file", 4)
sftp.utime("/file", (when + 1, when))
told = sftp.stat("/file")
assert (told.st_size, told.st_mtime, told.st_atime) == (4, when, when + 1), told
assert stat.S_IMODE(told.st_mode) == 0o640, told
sftp.symlink("file", "/link")
assert sftp.readlink("/link") == "file"
assert stat.S_ISLNK(sftp.lstat("/link").st_mode)
assert sftp.stat("/link").st_size == 4
"#;
    python(&site, script, &[&SOME_TIME.to_string()]);
    let metadata = fs::metadata(site.served("file")).expect("stat");
    assert_eq!((metadata.mtime(), metadata.mode() & 0o7777), (SOME_TIME, 0o640));
    assert_eq!(fs::read(site.served("file")).expect("read"), b"0123");
}

/// By the short name of the request, whose answer has a form of its own.
#[test]
fn checks_a_file_by_its_hash() {
    if paramiko_is_missing() {
        return;
    }
    if Subject::chosen() == Subject::Sshd {
        return skipped("sshd has no check-file");
    }
    let site = Site::start();
    site.write_both();
    let script = r#"
whole = open(args[0], "rb").read()
with sftp.open("/whole", "rb") as file:
    for name in ["sha256", "md5", "sha1", "sha512"]:
        hashed = lambda part: hashlib.new(name, part).digest()
        assert file.check(name) == hashed(whole), name
        assert file.check(name, 1000, 50_000) == hashed(whole[1000:51_000]), name
        for block in [256, 65_536, 1_000_003]:
            blocks = [whole[at:at + block] for at in range(0, len(whole), block)]
            if len(blocks) < 1000:
                assert file.check(name, 0, 0, block) == b"".join(map(hashed, blocks)), block
        short = [whole[at:at + 256] for at in range(0, 4000, 256)]
        short[-1] = whole[3840:4000]
        assert file.check(name, 0, 4000, 256) == b"".join(map(hashed, short)), name
    fails(file.check, "no-such-hash")
"#;
    python(&site, script, &[&site.local("source")]);
}

#[test]
fn says_what_is_wrong() {
    if paramiko_is_missing() {
        return;
    }
    let site = Site::start();
    fs::create_dir(site.served("folder")).expect("mkdir");
    let script = r#"
import errno
for what, arguments in [
    (sftp.stat, ["/missing"]),
    (sftp.remove, ["/missing"]),
    (sftp.open, ["/missing", "r"]),
    (sftp.open, ["/no/such/folder", "w"]),
    (sftp.listdir, ["/missing"]),
    (sftp.rmdir, ["/missing"]),
]:
    error = fails(what, *arguments)
    assert error.errno == errno.ENOENT, (what, error)
error = fails(sftp.mkdir, "/folder")
assert str(error) == args[0], error
"#;
    python(&site, script, &[site.words_for_existing()]);
}
