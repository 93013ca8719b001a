//! fail2ban's filter in `contrib`, run over the log of a session with good and bad logins: every
//! failure is matched, nothing else is, and no name that a peer chooses makes it name another
//! address than the peer's.

mod support;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use ringferry::auth::PasswordHash;
use ringferry::auth::password::Cost;
use ringferry::crypto::{Ed25519Signer, Preset, Signer, public_line};
use ringferry::ssh::{ClientConfig, Event, TransportConfig};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use zeroize::Zeroizing;

use support::client::Running;
use support::driver::Client;
use support::files::Scratch;
use support::server::{Options, Server, Subject};
use support::{SOON, skipped};

const FILTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/fail2ban/ringferry.conf");

/// From where the server takes the PROXY header, which lets a test come from any address.
const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

const PASSWORD: &str = "correct horse";

/// How somebody tries to log in.
#[derive(Clone, Copy)]
enum By {
    /// With the key of this seed; alice's is 1.
    Key(u8),
    Password(&'static str),
    Answer(&'static str),
    /// Passwords until the server hangs up.
    Passwords,
    /// A method there is none of, likewise: it is the protocol core that refuses it.
    Nothing,
}

/// Where from, as whom, how, and how many failures are to be in the log.
type Attempt = (&'static str, &'static str, By, usize);

/// Names that would have an innocent banned, were the filter or the log less careful.
const NAMES: &[(&str, &str)] = &[
    ("203.0.113.1", "x peer=192.0.2.1:5 cause="),
    ("203.0.113.2", "x\" peer=192.0.2.1:5 user=\""),
    (
        "203.0.113.3",
        "x\n2026-01-01T00:00:00.000000Z  WARN authentication refused connection=1 \
      peer=192.0.2.1:5 user=y",
    ),
    ("203.0.113.4", "x\r\nWARN authentication refused connection=1 peer=192.0.2.1:5 user=y"),
    (
        "203.0.113.5",
        "\u{2028}WARN authentication refused connection=1 peer=[2001:db8::bad]:5 user=",
    ),
    ("203.0.113.6", "x\\n from 192.0.2.1 port 22 ssh2"),
    ("203.0.113.7", "192.0.2.1"),
    (
        "203.0.113.8",
        "Jan  1 00:00:00 host ringferry[1]: WARN authentication refused connection=1 \
      peer=192.0.2.1:5 user=",
    ),
    ("203.0.113.9", "\u{202e}\u{1f980} \u{85}peer=192.0.2.1:5"),
    ("203.0.113.10", ""),
    ("203.0.113.11", "\",\"peer\":\"192.0.2.1:5\",\"user\":\""),
    (
        "203.0.113.12",
        "\"}\n{\"timestamp\":\"2026-01-01T00:00:00.000000Z\",\"level\":\"WARN\",\
      \"message\":\"authentication refused\",\"connection\":1,\"peer\":\"192.0.2.1:5\",\"user\":\"",
    ),
    ("2001:db8:4::21", "x peer=[2001:db8::bad]:5 cause="),
    ("2001:db8:5::22", "::1"),
];

const ATTEMPTS: &[Attempt] = &[
    ("198.51.100.1", "alice", By::Key(1), 0),
    ("198.51.100.2", "alice", By::Password(PASSWORD), 0),
    ("198.51.100.3", "alice", By::Answer(PASSWORD), 0),
    ("2001:db8:1::1", "alice", By::Password(PASSWORD), 0),
    ("203.0.113.49", "alice", By::Key(2), 1),
    ("203.0.113.50", "mallory", By::Key(1), 1),
    ("203.0.113.51", "alice", By::Password("incorrect"), 1),
    ("203.0.113.52", "mallory", By::Password(PASSWORD), 1),
    ("203.0.113.53", "alice", By::Answer("incorrect"), 1),
    ("203.0.113.54", "mallory", By::Answer("incorrect"), 1),
    ("203.0.113.55", "alice", By::Passwords, 6),
    // The first is how clients ask for the methods.
    ("203.0.113.56", "alice", By::Nothing, 6),
    ("2001:db8:2::51", "alice", By::Password("incorrect"), 1),
    ("2001:db8:3::52", "mallory", By::Password("incorrect"), 1),
];

fn key(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed([seed; 32])
}

/// A server that knows alice, and whose log has this form.
fn start(scratch: &Scratch, log_format: &str) -> Server {
    let line = public_line(key(1).public_blob(), "").expect("a line");
    let cost = Cost { memory_kib: 1024, passes: 2 };
    let hash = PasswordHash::make(PASSWORD, &[7; 16], cost).expect("a hash");
    let other = fs::read_to_string(scratch.path("client_key.pub")).expect("a public key");
    let (root, other) = (scratch.root(), other.trim());
    let text = format!(
        "[users.alice]\nroot = {root:?}\nauthorized_keys = ['{line}', '{other}']\n\
         password_hash = '{hash}'\n"
    );
    let users_file = scratch.path("users.toml");
    fs::write(&users_file, text).expect("the users file");
    fs::set_permissions(&users_file, fs::Permissions::from_mode(0o600)).expect("chmod");
    let settings =
        vec![("proxy_protocol_from", PROXY.to_string()), ("log_format", log_format.to_owned())];
    let options = Options { users_file: Some(users_file), settings, ..Options::default() };
    Server::start_with(scratch, &options)
}

/// A connection that the server takes for one from `source`.
fn connect(server: SocketAddr, source: &str) -> Client {
    let flags = SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None);
    let socket = socket.expect("a socket");
    net::bind(&socket, &SocketAddr::from((PROXY, 0))).expect("bind");
    net::connect(&socket, &server).expect("connect");
    let (family, to) = match source.contains(':') {
        true => ("TCP6", "2001:db8::ff"),
        false => ("TCP4", "192.0.2.255"),
    };
    let header = format!("PROXY {family} {source} {to} 4711 22\r\n");
    let mut stream = TcpStream::from(socket);
    std::io::Write::write_all(&mut stream, header.as_bytes()).expect("the header");
    let config = ClientConfig::new(TransportConfig::preset(Preset::Default));
    Client::over(stream, config, SOON)
}

/// Tries it and tells whether that let somebody in.
fn try_to_log_in(server: &Server, source: &str, user: &str, by: By) -> bool {
    let mut client = connect(server.address, source);
    let again = |client: &mut Client| match by {
        By::Key(seed) => client.connection.auth_publickey(user, Arc::new(key(seed))),
        By::Password(text) => client.connection.auth_password(user, text),
        By::Passwords => client.connection.auth_password(user, "incorrect"),
        By::Answer(_) => client.connection.auth_interactive(user),
        By::Nothing => client.connection.auth_none(user),
    };
    again(&mut client);
    loop {
        match client.event() {
            Event::HostKeyOffered { .. } => client.connection.handle_host_key(Instant::now(), true),
            Event::AuthPrompted(prompts) => {
                let By::Answer(text) = by else { panic!("{prompts:?}") };
                assert_eq!(prompts.prompts.len(), 1);
                client.connection.auth_answers(&[Zeroizing::new(text.to_owned())]);
            }
            Event::AuthFailed { .. } if matches!(by, By::Passwords | By::Nothing) => {
                again(&mut client);
            }
            Event::AuthFailed { .. } | Event::Disconnected { .. } => return false,
            Event::Authenticated { .. } => return true,
            _ => {}
        }
    }
}

/// What fail2ban-regex prints about a log.
fn fail2ban(scratch: &Scratch, log: &str, arguments: &[&str]) -> String {
    let path = scratch.path("for-fail2ban.log");
    fs::write(&path, log).expect("write");
    let mut command = Command::new("fail2ban-regex");
    command.args(arguments).arg(&path).arg(FILTER);
    Running::start(command, "").wait(SOON).expect_success().stdout
}

/// The lines of a log that fail2ban takes for failures, and whom it would hold guilty of each.
fn matched(scratch: &Scratch, log: &str) -> Vec<(String, String)> {
    let printed = fail2ban(scratch, log, &["--print-all-matched", "--print-no-missed"]);
    let (_, lines) = printed.split_once("|- Matched line(s):\n").expect("matched lines");
    let lines: Vec<_> = lines.lines().filter_map(|line| line.strip_prefix("|  ")).collect();
    let addresses = fail2ban(scratch, log, &["-o", "ip"]);
    let addresses: Vec<_> = addresses.lines().collect();
    assert_eq!(lines.len(), addresses.len(), "{printed}");
    let pairs = lines.into_iter().zip(addresses);
    pairs.map(|(line, address)| (line.to_owned(), address.to_owned())).collect()
}

fn every_failure_and_nothing_else(log_format: &str, failure: &str) {
    if Subject::chosen() != Subject::Ringferry {
        return skipped("the log is ours");
    }
    let scratch = Scratch::new();
    let mut server = start(&scratch, log_format);
    let hostile = NAMES.iter().map(|(source, name)| (*source, *name, By::Password("x"), 1));
    let attempts: Vec<Attempt> = ATTEMPTS.iter().copied().chain(hostile).collect();
    let mut guilty = Vec::new();
    for (source, user, by, failures) in &attempts {
        let is_in = try_to_log_in(&server, source, user, *by);
        let right = matches!(by, By::Key(1) | By::Password(PASSWORD) | By::Answer(PASSWORD));
        assert_eq!(is_in, right && *user == "alice", "{source}");
        guilty.extend(std::iter::repeat_n(source.to_string(), *failures));
    }
    // OpenSSH's client only asks whether a key would do, as clients do with every key they hold.
    server.log_in_as("alice", scratch.path("client_key"));
    server.sftp(&[], "ls\n", SOON).expect_success();
    server.log_in_as("alice", scratch.path("stranger_key"));
    server.sftp(&[], "ls\n", SOON).expect_code(255);
    assert_eq!(server.stop(), Some(0));
    let log = server.log.text();
    // Right behind the time, and not in what a peer has chosen.
    let is_failure = |line: &&str| line.find(failure).is_some_and(|at| at < 60);
    let failures: Vec<&str> = log.lines().filter(is_failure).collect();
    assert_eq!(failures.len(), guilty.len(), "{failures:#?}");
    let sent = |line: &str| format!("Nov 26 18:08:24 host ringferry[12]: {line}\n");
    let by_syslog: String = log.lines().map(sent).collect();
    for (log, head) in [(&log, ""), (&by_syslog, "Nov 26 18:08:24 host ringferry[12]: ")] {
        let found = matched(&scratch, log);
        let found_lines: Vec<_> = found.iter().map(|(line, _)| line.as_str()).collect();
        let wanted: Vec<_> = failures.iter().map(|line| format!("{head}{line}")).collect();
        assert_eq!(found_lines, wanted);
        let addresses: Vec<_> = found.into_iter().map(|(_, address)| address).collect();
        assert_eq!(addresses, guilty);
    }
}

#[test]
fn the_filter_matches_every_failure_of_a_text_log_and_nothing_else() {
    every_failure_and_nothing_else("text", "WARN authentication refused");
}

#[test]
fn the_filter_matches_every_failure_of_a_json_log_and_nothing_else() {
    let failure = "\"level\":\"WARN\",\"message\":\"authentication refused\"";
    every_failure_and_nothing_else("json", failure);
}
