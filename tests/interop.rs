//! A stock OpenSSH client against the server: whole files and trees both ways, through sftp and
//! scp, with modes and times, and across hundreds of rekeys. By algorithm, see `matrix.rs`.

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use support::client::quoted;
use support::files::{
    Compare, Scratch, assert_same_bytes, assert_same_tree, sha256, vary_modes_and_times,
    write_random, write_tree,
};
use support::server::{Options, Server, Subject};
use support::{MIB, bulk_bytes, skipped, wait_for};

/// A bulk transfer, in a debug build, beside other tests.
const BULK: Duration = Duration::from_secs(300);

/// The cipher the client says it agreed on, from its `-v` output.
fn agreed_cipher(client_stderr: &str) -> Option<&str> {
    let line = client_stderr.lines().find(|line| line.contains("kex: client->server cipher: "))?;
    line.split("cipher: ").nth(1)?.split(' ').next()
}

/// `put` and `get` of one bulk file; the three hashes must be equal.
fn put_and_get(cipher: Option<&str>) {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let (source, back) = (scratch.path("source"), scratch.path("back"));
    write_random(&source, bulk_bytes(), 1);
    let mut options = vec!["-v"];
    options.extend(cipher.iter().flat_map(|name| ["-c", name]));
    let batch = format!("put {} /bulk.bin\nget /bulk.bin {}\n", quoted(&source), quoted(&back));
    let finished = server.sftp(&options, &batch, BULK).expect_success();
    let agreed = agreed_cipher(&finished.stderr).expect("the client names the cipher");
    assert_eq!(agreed, cipher.unwrap_or(agreed));
    let hash = sha256(&source);
    assert_eq!(hash, sha256(&scratch.served("bulk.bin")), "after put");
    assert_eq!(hash, sha256(&back), "after get");
    eprintln!("{} MiB each way with {agreed}: sha256 {hash}", bulk_bytes() / MIB);
}

#[test]
fn put_and_get_with_the_clients_default_ciphers() {
    put_and_get(None);
}

#[test]
fn put_and_get_with_aes128_gcm() {
    put_and_get(Some("aes128-gcm@openssh.com"));
}

#[test]
fn scp_both_ways() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let (source, back) = (scratch.path("source"), scratch.path("back"));
    write_random(&source, bulk_bytes(), 2);
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    server.scp(&[&text(&source), &server.remote("/by scp.bin")], BULK).expect_success();
    assert_same_bytes(&source, &scratch.served("by scp.bin"));
    server.scp(&[&server.remote("/by scp.bin"), &text(&back)], BULK).expect_success();
    assert_same_bytes(&source, &back);
}

#[test]
fn scp_keeps_modes_and_times_of_a_tree() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    write_tree(&scratch.path("tree"), 40, 1000, 3);
    vary_modes_and_times(&scratch.path("tree"), 3);
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let local = text(&scratch.path("tree"));
    server.scp(&["-r", "-p", &local, &server.remote("/tree")], BULK).expect_success();
    assert_same_tree(&scratch.path("tree"), &scratch.served("tree"), Compare::BytesModesTimes);
    let back = text(&scratch.path("back"));
    server.scp(&["-r", "-p", &server.remote("/tree"), &back], BULK).expect_success();
    assert_same_tree(&scratch.path("tree"), &scratch.path("back"), Compare::BytesModesTimes);
}

#[test]
fn tree_of_5000_small_files_both_ways() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    write_tree(&scratch.path("tree"), 5000, 4096, 4);
    vary_modes_and_times(&scratch.path("tree"), 4);
    fs::create_dir(scratch.path("back")).expect("mkdir");
    let batch = format!("put -r {} /\n", quoted(scratch.path("tree")));
    let start = Instant::now();
    server.sftp(&[], &batch, BULK).expect_success();
    eprintln!("put -r of 5000 files: {:.1?}", start.elapsed());
    assert_same_tree(&scratch.path("tree"), &scratch.served("tree"), Compare::Bytes);
    let batch = format!("get -r /tree {}\n", quoted(scratch.path("back")));
    let start = Instant::now();
    server.sftp(&[], &batch, BULK).expect_success();
    eprintln!("get -r of 5000 files: {:.1?}", start.elapsed());
    assert_same_tree(&scratch.path("tree"), &scratch.path("back/tree"), Compare::Bytes);
}

#[test]
fn tree_with_p_keeps_modes_and_times() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    write_tree(&scratch.path("tree"), 200, 4096, 5);
    vary_modes_and_times(&scratch.path("tree"), 5);
    fs::create_dir(scratch.path("back")).expect("mkdir");
    let batch = format!(
        "put -rp {} /\nget -rp /tree {}\n",
        quoted(scratch.path("tree")),
        quoted(scratch.path("back"))
    );
    server.sftp(&[], &batch, BULK).expect_success();
    assert_same_tree(&scratch.path("tree"), &scratch.served("tree"), Compare::BytesModesTimes);
    assert_same_tree(&scratch.path("tree"), &scratch.path("back/tree"), Compare::BytesModesTimes);
}

#[test]
fn p_keeps_the_mode_and_time_of_one_file() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let source = scratch.path("source");
    for mode in [0o600, 0o444, 0o755, 0o640] {
        // The source of the round before may be read-only.
        let _ = fs::remove_file(&source);
        write_random(&source, 100_000, u64::from(mode));
        let when = std::time::UNIX_EPOCH + Duration::from_secs(1_234_567_890);
        fs::File::open(&source).expect("open").set_modified(when).expect("set time");
        fs::set_permissions(&source, fs::Permissions::from_mode(mode)).expect("chmod");
        let back = scratch.path(&format!("back-{mode:o}"));
        let batch = format!(
            "put -p {} /kept-{mode:o}\nget -p /kept-{mode:o} {}\n",
            quoted(&source),
            quoted(&back)
        );
        server.sftp(&[], &batch, BULK).expect_success();
        for copy in [scratch.served(&format!("kept-{mode:o}")), back] {
            let metadata = fs::metadata(&copy).expect("stat");
            assert_eq!(metadata.mode() & 0o7777, mode, "mode of {}", copy.display());
            assert_eq!(metadata.mtime(), 1_234_567_890, "mtime of {}", copy.display());
        }
    }
}

#[test]
fn everyday_commands() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let source = scratch.path("source");
    write_random(&source, 10_000, 6);
    let batch = format!(
        "mkdir /dir\ncd /dir\nput {source} \"a file\"\nrename \"a file\" b\nln -s b link\nls -la\n\
         chmod 600 b\npwd\nget link {back}\nmkdir deeper\nrmdir deeper\nls -l /\n",
        source = quoted(&source),
        back = quoted(scratch.path("back")),
    );
    let finished = server.sftp(&[], &batch, BULK).expect_success();
    assert!(finished.stdout.contains("Remote working directory: /dir"), "{}", finished.output());
    assert_same_bytes(&source, &scratch.path("back"));
    assert_eq!(fs::metadata(scratch.served("dir/b")).expect("stat").mode() & 0o7777, 0o600);
    let target = fs::read_link(scratch.served("dir/link")).expect("a symlink");
    assert_eq!(target, Path::new("b"));
    assert!(!scratch.served("dir/deeper").exists());
    server.sftp(&[], "rm /dir/b\nrm /dir/link\nrmdir /dir\n", BULK).expect_success();
    assert!(!scratch.served("dir").exists());
}

#[test]
fn resumes_a_partial_download_and_upload() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let source = scratch.path("source");
    write_random(&source, 5 * MIB + 17, 7);
    fs::copy(&source, scratch.served("whole")).expect("copy");
    for part in [scratch.path("back"), scratch.served("part")] {
        let bytes = fs::read(&source).expect("read");
        fs::write(part, &bytes[..3_000_001]).expect("write");
    }
    let batch =
        format!("reget /whole {}\nreput {} /part\n", quoted(scratch.path("back")), quoted(&source));
    server.sftp(&[], &batch, BULK).expect_success();
    assert_same_bytes(&source, &scratch.path("back"));
    assert_same_bytes(&source, &scratch.served("part"));
}

#[test]
fn empty_and_odd_sizes() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    // Around an SFTP request (32 KiB and 255 KiB), an SSH packet and the client's window.
    let sizes = [0, 1, 32767, 32768, 32769, 261_119, 261_120, 261_121, 2 * MIB - 1, 2 * MIB + 1];
    let mut batch = String::new();
    for size in sizes {
        write_random(&scratch.path(&format!("s{size}")), size, size);
        let (up, back) = (scratch.path(&format!("s{size}")), scratch.path(&format!("b{size}")));
        batch += &format!("put {} /s{size}\nget /s{size} {}\n", quoted(up), quoted(back));
    }
    server.sftp(&[], &batch, BULK).expect_success();
    for size in sizes {
        let source = scratch.path(&format!("s{size}"));
        assert_same_bytes(&source, &scratch.served(&format!("s{size}")));
        assert_same_bytes(&source, &scratch.path(&format!("b{size}")));
    }
}

/// Key exchanges after the first, as counted by the server, in each session so far.
fn rekeys_by_session(server: &Server) -> Vec<u64> {
    match server.subject {
        Subject::Ringferry => server.log.numbers("rekeys"),
        // One line a new key and direction; sessions of this test do not overlap.
        Subject::Sshd => {
            let text = server.log.text();
            let sessions = text.split("Connection from ").skip(1);
            let count = |part: &str| part.matches("rekey in after").count() as u64;
            sessions.map(|part| count(part).saturating_sub(1)).filter(|&n| n > 0).collect()
        }
    }
}

#[test]
fn rekeys_every_mebibyte_up_and_down() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    let (source, back) = (scratch.path("source"), scratch.path("back"));
    write_random(&source, 256 * MIB, 8);
    let up = format!("put {} /rekeyed\n", quoted(&source));
    let down = format!("get /rekeyed {}\n", quoted(&back));
    for (sessions, batch) in [(1, up), (2, down)] {
        server.sftp(&["-o", "RekeyLimit=1M"], &batch, BULK).expect_success();
        let counted = wait_for(support::SOON, || {
            let counted = rekeys_by_session(&server);
            (counted.len() >= sessions).then_some(counted)
        });
        let counted = counted.unwrap_or_else(|| panic!("no rekeys= field:\n{}", server.log.tail()));
        // Down, the requests already in flight (2 MiB) are answered before each exchange, so that a
        // rekey takes more than its 1 MiB; up is close to one a MiB.
        assert!(counted[sessions - 1] >= 50, "{counted:?}");
        eprintln!("rekeys: {counted:?}");
        assert!(sessions == 1 || counted.iter().sum::<u64>() >= 200, "{counted:?}");
    }
    let hash = sha256(&source);
    assert_eq!(hash, sha256(&scratch.served("rekeyed")), "after put");
    assert_eq!(hash, sha256(&back), "after get");
}

#[test]
fn read_only_serves_downloads_and_refuses_changes() {
    let scratch = Scratch::new();
    let options = Options { read_only: true, ..Options::default() };
    let server = Server::start_with(&scratch, &options);
    write_random(&scratch.served("there"), 100_000, 9);
    let batch = format!("get /there {}\n", quoted(scratch.path("back")));
    server.sftp(&[], &batch, BULK).expect_success();
    assert_same_bytes(&scratch.served("there"), &scratch.path("back"));
    let put = format!("put {} /new", quoted(scratch.path("back")));
    let changes =
        [&put[..], "rm /there", "rename /there /x", "mkdir /d", "chmod 600 /there", "ln -s a /l"];
    let before = fs::metadata(scratch.served("there")).expect("stat").mode();
    for change in changes {
        server.sftp(&[], &format!("{change}\n"), BULK).expect_code(1);
    }
    assert_eq!(fs::read_dir(scratch.root()).expect("list").count(), 1);
    assert_eq!(fs::metadata(scratch.served("there")).expect("stat").mode(), before);
}

#[test]
fn log_lines_carry_peer_user_and_no_escape_codes() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    if !server.subject.logs_fields() {
        return skipped("the subject's log has other fields");
    }
    server.sftp(&[], "ls /\n", BULK).expect_success();
    let user = server.user.clone();
    let line = server.log.wait_line(support::SOON, |line| {
        support::log::field(line, "rekeys").is_some()
            && support::log::field(line, "user") == Some(&user)
    });
    let peer = support::log::field(&line, "peer").unwrap_or_default();
    assert!(peer.starts_with("127.0.0.1:"), "{line}");
    let login = server.log.wait_line(support::SOON, |line| line.contains("authenticated"));
    for (name, value) in [("strict_kex", "true"), ("user", &*user)] {
        assert_eq!(support::log::field(&login, name), Some(value), "{login}");
    }
    for name in ["kex", "host_key", "received", "sent"] {
        assert!(support::log::field(&login, name).is_some_and(|it| it.len() > 8), "{login}");
    }
    assert!(!server.log.text().contains('\x1b'), "stderr is a file: no colours");
}

#[test]
fn sigterm_stops_the_server() {
    let scratch = Scratch::new();
    let mut server = Server::start(&scratch);
    server.sftp(&[], "ls /\n", BULK).expect_success();
    assert_eq!(server.stop(), Some(0), "{}", server.log.tail());
    assert!(std::net::TcpStream::connect(server.address).is_err(), "the port is closed");
}
