//! Every combination of algorithms that this build has in common with a stock client, really used:
//! OpenSSH's `sftp`, and PuTTY's `psftp` for its own set. Each cell logs in, moves 8 MiB up and
//! down with new keys after each MiB, and both copies must be whole. Every key exchange method goes
//! with every host key, and every cipher with every MAC and compression; what the programs have
//! they are asked, so that the matrix grows with them.

mod support;

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use support::algorithms::{
    Algorithms, HostKeys, KINDS, host_key_file, is_aead, is_certified, make_host_keys,
};
use support::client::{Finished, Running, quoted};
use support::files::{Scratch, sha256, write_random};
use support::server::{Options, Server, Subject, ringferry};
use support::{MIB, skipped};

/// Bytes of the file that goes both ways.
const BYTES: u64 = 8 * MIB;

/// For one cell, on a busy machine.
const LONG: Duration = Duration::from_secs(120);

/// Clients at work at once. More only wait for each other on two cores.
const AT_ONCE: usize = 2;

/// One combination. The MAC is `None` where the cipher needs none.
#[derive(Clone)]
struct Cell {
    kex: String,
    host_key: String,
    cipher: String,
    mac: Option<String>,
    compression: String,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mac = self.mac.as_deref().unwrap_or("-");
        let Cell { kex, host_key, cipher, compression, .. } = self;
        write!(f, "{kex} {host_key} {cipher} {mac} {compression}")
    }
}

/// Every key exchange method with every host key, and the first suite. To the exchange, a
/// certificate is a longer name for its key: one method is enough for those.
fn exchanges(common: &Algorithms) -> Vec<Cell> {
    let first = first_cell(common);
    let pairs = common.of("kex").iter().flat_map(|kex| {
        common.of("host-key").iter().map(move |host_key| (kex.clone(), host_key.clone()))
    });
    let cells = pairs.map(|(kex, host_key)| Cell { kex, host_key, ..first.clone() });
    cells.filter(|cell| !is_certified(&cell.host_key) || cell.kex == first.kex).collect()
}

/// Every cipher with every MAC, compressed as named, with a cheap key exchange.
fn suites(common: &Algorithms, compression: &str) -> Vec<Cell> {
    let first = Cell { compression: compression.to_owned(), ..first_cell(common) };
    let suites = common.suites().into_iter();
    suites.map(|(cipher, mac)| Cell { cipher, mac, ..first.clone() }).collect()
}

fn first_cell(common: &Algorithms) -> Cell {
    let (cipher, mac) = common.suites().remove(0);
    Cell {
        kex: "curve25519-sha256".into(),
        host_key: "ssh-ed25519".into(),
        cipher,
        mac,
        compression: "none".into(),
    }
}

/// What the server under test has.
fn served() -> Algorithms {
    match Subject::chosen() {
        Subject::Ringferry => Algorithms::of_ringferry(),
        Subject::Sshd => Algorithms::of_openssh(),
    }
}

/// Our configuration's name for the list of a kind, if it has one.
fn configuration_key(kind: &str) -> Option<&'static str> {
    let key = match kind {
        "kex" => "kex_algorithms",
        "host-key" => "host_key_algorithms",
        "cipher" => "ciphers",
        "mac" => "macs",
        "compression" => "compression",
        other => panic!("no such kind: {other}"),
    };
    static CHECKED: OnceLock<String> = OnceLock::new();
    let text = CHECKED.get_or_init(|| {
        let checked = ringferry().arg("check").output().expect("ringferry runs");
        assert!(checked.status.success(), "{checked:?}");
        String::from_utf8(checked.stdout).expect("UTF-8")
    });
    text.lines().any(|line| line.starts_with(&format!("{key} = "))).then_some(key)
}

/// Settings that make the server offer all of `offered`, and no more.
fn settings(offered: &Algorithms) -> Vec<(&'static str, String)> {
    let lists = KINDS.into_iter().filter_map(|kind| {
        let key = configuration_key(kind)?;
        Some((key, offered.of(kind).join(",")))
    });
    lists.filter(|(_, names)| !names.is_empty()).collect()
}

/// The same, of what one cell needs.
fn settings_of(cell: &Cell) -> Vec<(&'static str, String)> {
    let names = [
        ("kex", &cell.kex),
        ("host-key", &cell.host_key),
        ("cipher", &cell.cipher),
        ("compression", &cell.compression),
    ];
    let mac = cell.mac.iter().map(|mac| ("mac", mac));
    let lists = names.into_iter().chain(mac).filter_map(|(kind, name)| {
        let key = configuration_key(kind)?;
        Some((key, name.clone()))
    });
    lists.collect()
}

/// A file that compresses in parts.
fn write_source(scratch: &Scratch) -> (PathBuf, String) {
    let path = scratch.path("source");
    write_random(&path, BYTES, 1);
    let mut bytes = fs::read(&path).expect("read");
    for (number, part) in bytes.chunks_mut(64 * 1024).enumerate() {
        if number % 3 == 2 {
            let text = format!("part {number} of what compresses well\n").into_bytes();
            part.iter_mut().zip(text.into_iter().cycle()).for_each(|(to, from)| *to = from);
        }
    }
    fs::write(&path, bytes).expect("write");
    let hash = sha256(&path);
    (path, hash)
}

/// Runs every cell, a few at a time; all that fail are named together.
fn run(what: &str, cells: &[Cell], one: impl Fn(usize, &Cell) -> Result<(), String> + Sync) {
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let slowest = Mutex::new((Duration::ZERO, String::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(cell) = cells.get(at) else { return };
                    let begun = Instant::now();
                    if let Err(why) = one(at, cell) {
                        failures.lock().expect("no panic").push(format!("{cell}: {why}"));
                    }
                    let mut slowest = slowest.lock().expect("no panic");
                    if begun.elapsed() > slowest.0 {
                        *slowest = (begun.elapsed(), cell.to_string());
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    let (longest, cell) = slowest.into_inner().expect("no panic");
    let (count, all) = (cells.len(), start.elapsed());
    eprintln!("{what}: {count} combinations in {all:.0?}, the slowest in {longest:.1?}: {cell}");
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n\n"));
    assert!(!cells.is_empty(), "{what}: nothing in common");
}

/// The last lines of what a client said.
fn tail(finished: &Finished) -> String {
    let lines: Vec<&str> = finished.stderr.lines().chain(finished.stdout.lines()).collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}

/// Compares both copies with the source, and removes them.
fn check_copies(hash: &str, copies: [PathBuf; 2]) -> Result<(), String> {
    for (copy, way) in copies.into_iter().zip(["up", "down"]) {
        if sha256(&copy) != hash {
            return Err(format!("{way}: not the same bytes"));
        }
        fs::remove_file(copy).expect("remove");
    }
    Ok(())
}

/// OpenSSH says itself what was agreed and when keys were exchanged.
fn with_sftp(
    server: &Server,
    scratch: &Scratch,
    hash: &str,
    at: usize,
    cell: &Cell,
) -> Result<(), String> {
    let back = scratch.path(&format!("back-{at}"));
    let batch = format!(
        "put {} /copy-{at}\nget /copy-{at} {}\n",
        quoted(scratch.path("source")),
        quoted(&back)
    );
    let compressed = if cell.compression == "none" { "no" } else { "yes" };
    let mut options = vec![
        format!("KexAlgorithms={}", cell.kex),
        format!("HostKeyAlgorithms={}", cell.host_key),
        format!("Ciphers={}", cell.cipher),
        format!("Compression={compressed}"),
        "RekeyLimit=1M".to_owned(),
    ];
    options.extend(cell.mac.iter().map(|mac| format!("MACs={mac}")));
    let arguments = options.iter().flat_map(|option| ["-o", option]);
    let arguments: Vec<&str> = ["-v"].into_iter().chain(arguments).collect();
    let finished = server.sftp(&arguments, &batch, LONG);
    if finished.code != Some(0) {
        return Err(format!("exit code {:?}\n{}", finished.code, tail(&finished)));
    }
    let mac = cell.mac.as_deref().unwrap_or("<implicit>");
    let suite = format!("cipher: {} MAC: {mac} compression: {}", cell.cipher, cell.compression);
    for line in [
        format!("kex: algorithm: {}", cell.kex),
        format!("kex: host key algorithm: {}", cell.host_key),
        format!("kex: client->server {suite}"),
        format!("kex: server->client {suite}"),
    ] {
        if !finished.stderr.lines().any(|said| said.ends_with(&line)) {
            return Err(format!("agreed on something else than {line}\n{}", finished.stderr));
        }
    }
    // 16 MiB went by, a third of it of next to no size when compressed.
    let exchanges = finished.stderr.matches("rekey in after").count();
    if exchanges < 6 {
        return Err(format!("{exchanges} key exchanges"));
    }
    check_copies(hash, [scratch.served(&format!("copy-{at}")), back])
}

/// A server with all of `offered` and a host key for each algorithm, and `sftp` on each cell.
fn openssh(what: &str, offered: &Algorithms, cells: &[Cell]) {
    let scratch = Scratch::new();
    let HostKeys { keys, certificates } = make_host_keys(&scratch, offered);
    let options = Options {
        settings: settings(offered),
        host_keys: keys,
        host_certificates: certificates,
        ..Options::default()
    };
    let server = Server::start_with(&scratch, &options);
    let (_, hash) = write_source(&scratch);
    run(what, cells, |at, cell| with_sftp(&server, &scratch, &hash, at, cell));
}

#[test]
fn openssh_key_exchanges_and_host_keys() {
    let common = served().in_common(&Algorithms::of_openssh());
    openssh("sftp, key exchange and host key", &common, &exchanges(&common));
}

#[test]
fn openssh_ciphers_and_macs() {
    let common = served().in_common(&Algorithms::of_openssh());
    openssh("sftp, cipher and MAC", &common, &suites(&common, "none"));
}

/// The client cannot be told which compression it wants, so the server has one at a time; where it
/// cannot be told either, it is the client's first choice.
#[test]
fn openssh_compressed() {
    let common = served().in_common(&Algorithms::of_openssh());
    let can_choose = configuration_key("compression").is_some();
    let kinds = common.of("compression").iter().filter(|name| *name != "none");
    let mut rounds = 0;
    for compression in kinds.filter(|name| can_choose || *name == "zlib@openssh.com") {
        let offered = common.with("compression", vec![compression.clone()]);
        let what = format!("sftp, cipher and MAC, {compression}");
        openssh(&what, &offered, &suites(&common, compression));
        rounds += 1;
    }
    assert!(rounds > 0, "no compression in common");
}

/// PuTTY's tools with a home of their own, and keys in PuTTY's format.
struct Putty {
    home: PathBuf,
    key: PathBuf,
}

/// All that PuTTY has, in its own order, and nothing behind the line where it would ask.
const PUTTY_SETTINGS: &str = "\
    Protocol=ssh\n\
    KEX=ntru-curve25519,ecdh,dh-gex-sha1,dh-group18-sha512,dh-group17-sha512,dh-group16-sha512,\
    dh-group15-sha512,dh-group14-sha1,WARN\n\
    HostKey=ed25519,ecdsa,rsa,WARN\n\
    Cipher=aes,chacha20,aesgcm,3des,WARN\n";

impl Putty {
    fn new(scratch: &Scratch) -> Putty {
        let putty = Putty { home: scratch.path("home"), key: scratch.path("client_key.ppk") };
        let sessions = putty.home.join(".putty/sessions");
        fs::create_dir_all(&sessions).expect("PuTTY's folder");
        for (name, changes) in [
            ("plain", "Compression=0\nRekeyBytes=1M\n"),
            ("compressed", "Compression=1\nRekeyBytes=1M\n"),
            ("slow", "Compression=0\nRekeyBytes=5M\n"),
        ] {
            let text = format!("{PUTTY_SETTINGS}{changes}");
            fs::write(sessions.join(name), text).expect("a session of PuTTY's");
        }
        let mut convert = putty.command("puttygen");
        convert.arg(scratch.path("client_key")).args(["-O", "private", "-o"]).arg(&putty.key);
        Running::start(convert, "").wait(LONG).expect_success();
        putty
    }

    fn is_installed() -> bool {
        Command::new("psftp").arg("-V").output().is_ok()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("HOME", &self.home).env_remove("SSH_AUTH_SOCK");
        command
    }

    fn algorithms(&self) -> Algorithms {
        Algorithms::of_client(|port| {
            let mut psftp = self.command("psftp");
            psftp.args(["-batch", "-load", "plain", "-P", &port.to_string(), "nobody@127.0.0.1"]);
            psftp
        })
    }
}

/// A server with one combination only, and its debug log to say what was agreed.
fn with_psftp(
    putty: &Putty,
    scratch: &Scratch,
    hash: &str,
    at: usize,
    cell: &Cell,
) -> Result<(), String> {
    let mut settings = settings_of(cell);
    settings.push(("log_level", "debug".into()));
    let host_key = host_key_file(&cell.host_key);
    let host_keys = vec![host_key.to_owned()];
    let server =
        Server::start_with(scratch, &Options { settings, host_keys, ..Options::default() });
    let (batch, back) = (scratch.path(&format!("batch-{at}")), scratch.path(&format!("back-{at}")));
    let source = scratch.path("source");
    let commands =
        format!("put \"{}\" /copy-{at}\nget /copy-{at} \"{}\"\n", source.display(), back.display());
    fs::write(&batch, commands).expect("a batch file");
    // PuTTY takes 2 s for one exchange with group 18.
    let big_group = cell.kex.starts_with("diffie-hellman") && !cell.kex.contains("group14");
    let session = match (&cell.compression[..], big_group) {
        ("none", false) => "plain",
        ("none", true) => "slow",
        _ => "compressed",
    };
    let mut psftp = putty.command("psftp");
    psftp.args(["-v", "-batch", "-load", session, "-noagent", "-l", &server.user]);
    psftp.args(["-hostkey", &fingerprint(scratch, host_key), "-i"]).arg(&putty.key);
    psftp.arg("-b").arg(&batch).args(["-P", &server.address.port().to_string(), "127.0.0.1"]);
    let finished = Running::start(psftp, "").wait(LONG);
    if finished.code != Some(0) {
        let log = server.log.tail();
        return Err(format!("exit code {:?}\n{}\n{log}", finished.code, tail(&finished)));
    }
    check_copies(hash, [scratch.served(&format!("copy-{at}")), back])?;
    if server.subject.logs_fields() {
        check_log(&server, cell, if big_group { 2 } else { 5 })?;
    }
    Ok(())
}

fn check_log(server: &Server, cell: &Cell, rekeys_min: u64) -> Result<(), String> {
    let agreed = server.log.wait_line(support::SOON, |line| line.contains("exchanged"));
    let names = [&cell.kex, &cell.host_key, &cell.cipher];
    for name in names.into_iter().chain(&cell.mac) {
        if !agreed.contains(&format!("{name:?}")) {
            return Err(format!("agreed on something else than {name}: {agreed}"));
        }
    }
    let compressed = if configuration_key("compression").is_some() {
        format!("compression: {:?}", cell.compression)
    } else {
        // PuTTY's choice among all of the kind.
        let kind = cell.compression.split('@').next().unwrap_or_default();
        format!("compression: \"{kind}")
    };
    if !agreed.contains(&compressed) {
        return Err(format!("agreed on something else than {compressed}: {agreed}"));
    }
    server.log.wait_line(support::SOON, |line| line.contains("connection closed"));
    let rekeys = server.log.numbers("rekeys");
    let enough = matches!(rekeys[..], [count] if count >= rekeys_min);
    if enough { Ok(()) } else { Err(format!("rekeys: {rekeys:?}")) }
}

/// As PuTTY takes it: `SHA256:...`.
fn fingerprint(scratch: &Scratch, key: &str) -> String {
    let mut command = Command::new("ssh-keygen");
    command.args(["-l", "-f"]).arg(scratch.path(&format!("{key}.pub")));
    let finished = Running::start(command, "").wait(LONG).expect_success();
    finished.stdout.split(' ').nth(1).expect("bits, fingerprint, comment").to_owned()
}

fn putty(what: &str, cells: impl Fn(&Algorithms) -> Vec<Cell>) {
    if !Putty::is_installed() {
        return skipped("no psftp");
    }
    let scratch = Scratch::new();
    let putty = Putty::new(&scratch);
    let common = served().in_common(&putty.algorithms());
    make_host_keys(&scratch, &common);
    let (_, hash) = write_source(&scratch);
    let cells = cells(&common);
    run(what, &cells, |at, cell| with_psftp(&putty, &scratch, &hash, at, cell));
}

#[test]
fn putty_key_exchanges_and_host_keys() {
    putty("psftp, key exchange and host key", exchanges);
}

#[test]
fn putty_ciphers_and_macs() {
    putty("psftp, cipher and MAC", |common| suites(common, "none"));
}

/// By cipher with its first MAC: PuTTY's own compressor takes seconds for the file.
#[test]
fn putty_compressed() {
    putty("psftp, cipher and compression", |common| {
        let can_choose = configuration_key("compression").is_some();
        let names = common.of("compression").iter().filter(|name| *name != "none");
        let names = names.filter(|name| can_choose || *name == "zlib@openssh.com");
        let first_mac = common.of("mac").first().cloned();
        let cells = names.flat_map(|name| suites(common, name));
        cells.filter(|cell| cell.mac.is_none() || cell.mac == first_mac).collect()
    });
}

/// What no stock client at hand has: nothing here can show these. The transport's own tests hold
/// both of our roles against each other.
const NOBODY_ELSES: [(&str, &str); 2] =
    [("kex", "mlkem768x25519-sha256"), ("compression", "zstd@ringferry")];

/// A name that is new here and in no client, or that a client has learnt, changes the list above.
#[test]
fn what_no_client_has() {
    if Subject::chosen() != Subject::Ringferry {
        return skipped("what sshd has, ssh has");
    }
    if !Putty::is_installed() {
        return skipped("no psftp");
    }
    let ours = served();
    let clients = [Algorithms::of_openssh(), Putty::new(&Scratch::new()).algorithms()];
    let names = KINDS.into_iter().flat_map(|kind| ours.of(kind).iter().map(move |it| (kind, it)));
    let unmatched: Vec<(&str, &str)> = names
        .filter(|(kind, name)| !clients.iter().any(|client| client.has(kind, name)))
        .map(|(kind, name)| (kind, name.as_str()))
        .collect();
    for (kind, name) in &unmatched {
        eprintln!("NOT IN THE MATRIX: no client at hand has the {kind} algorithm {name}");
    }
    // Not every build has all of it.
    let known = NOBODY_ELSES.into_iter().filter(|(kind, name)| ours.has(kind, name));
    assert_eq!(unmatched, known.collect::<Vec<_>>());
}

/// What the default preset leaves out is not negotiated, and both lists are named.
#[test]
fn what_is_not_asked_for_is_not_offered() {
    if Subject::chosen() != Subject::Ringferry {
        return skipped("sshd offers more by default");
    }
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    for method in ["ecdh-sha2-nistp256", "diffie-hellman-group14-sha256"] {
        let chosen = format!("KexAlgorithms={method}");
        let finished = server.sftp(&["-o", &chosen], "pwd\n", LONG);
        assert_ne!(finished.code, Some(0));
        let text = finished.output();
        assert!(text.contains("no matching key exchange method"), "{text}");
        assert!(text.contains("mlkem768x25519-sha256,"), "{text}");
        let cause = |line: &str| line.contains("no common key exchange") && line.contains(method);
        server.log.wait_line(support::SOON, cause);
    }
}

#[test]
fn ciphers_that_need_no_mac_are_known() {
    for cipher in ringferry::crypto::ciphers() {
        assert_eq!(is_aead(cipher.name), cipher.aead, "{}", cipher.name);
    }
}
