//! Our client role against Debian's sshd: every algorithm they have in common, the host key's
//! verdict, logging in, commands and how they end, and bulk data across hundreds of rekeys.

mod support;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringferry::crypto::{self, Preset, Signer, read_private_key};
use ringferry::ssh::{ChannelId, ChannelRequest, ClientConfig, Event, TransportConfig};
use sha2::{Digest, Sha256};

use support::algorithms::{Algorithms, KINDS, make_host_keys};
use support::driver::Client;
use support::files::{Scratch, Seeded};
use support::server::user_name;
use support::sshd::{self, Sshd};
use support::{MIB, skipped};

/// For a login and a command, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client with everything this build has.
fn everything() -> TransportConfig {
    TransportConfig::preset(Preset::Legacy)
}

fn key(scratch: &Scratch, name: &str) -> Arc<dyn Signer> {
    let text = std::fs::read_to_string(scratch.path(name)).expect("a private key");
    read_private_key(&text, None).expect("a key")
}

fn connect(sshd: &Sshd, transport: TransportConfig, patience: Duration) -> Client {
    Client::connect(sshd.address, ClientConfig::new(transport), patience)
}

/// Takes whatever host key is shown and logs in with the scratch folder's key.
fn log_in(client: &mut Client, scratch: &Scratch) {
    accept_host_key(client);
    client.connection.auth_publickey(&user_name(), key(scratch, "client_key"));
    client.wait_for(|event| matches!(event, Event::Authenticated { .. }).then_some(()));
}

fn accept_host_key(client: &mut Client) -> Vec<u8> {
    let blob = client.wait_for(|event| match event {
        Event::HostKeyOffered { blob, .. } => Some(blob.clone()),
        _ => None,
    });
    client.connection.handle_host_key(Instant::now(), true);
    blob
}

/// Opens a session and has `command` started in it.
fn start(client: &mut Client, command: &str) -> ChannelId {
    let channel = client.connection.open_session().expect("logged in");
    client.wait_for(|event| (*event == Event::ChannelOpened { channel }).then_some(()));
    client.connection.request_exec(channel, command.as_bytes());
    let started = client.wait_for(|event| match event {
        Event::ChannelReply { success, .. } => Some(*success),
        _ => None,
    });
    assert!(started, "exec {command}");
    channel
}

/// What a command said until its channel was gone.
#[derive(Default)]
struct Ended {
    stdout_sha256: Vec<u8>,
    stdout_bytes: u64,
    stderr: Vec<u8>,
    status: Option<u32>,
    eof: bool,
}

/// Writes what `supply` gives to the command, then EOF, and takes all it says until it has ended.
/// `supply` fills the block and says with how many bytes; 0 is the end.
fn feed(
    client: &mut Client,
    channel: ChannelId,
    mut supply: impl FnMut(&mut [u8]) -> usize,
) -> Ended {
    let mut ended = Ended::default();
    let mut hash = Sha256::new();
    let mut block = vec![0; 64 * 1024];
    let mut unsent = 0..0;
    let mut finished = false;
    loop {
        loop {
            if unsent.is_empty() && !finished {
                unsent = 0..supply(&mut block);
                if unsent.is_empty() {
                    client.connection.eof(channel);
                    finished = true;
                }
            }
            let sent = client.send(channel, &block[unsent.clone()]);
            unsent.start += sent;
            if sent == 0 {
                break;
            }
        }
        let Some(event) = client.try_event() else {
            client.wait();
            continue;
        };
        match event {
            Event::Data { range, extended, .. } => {
                let bytes = client.data(range);
                let taken = u32::try_from(bytes.len()).expect("a packet");
                match extended {
                    None => {
                        hash.update(bytes);
                        ended.stdout_bytes += u64::from(taken);
                    }
                    Some(_) => ended.stderr.extend_from_slice(bytes),
                }
                client.connection.adjust(channel, taken);
            }
            Event::ChannelRequest { request: ChannelRequest::ExitStatus(status), .. } => {
                ended.status = Some(status);
            }
            Event::Eof { .. } => ended.eof = true,
            Event::Closed { .. } => break,
            Event::Disconnected { .. } => panic!("the connection ended: {event:?}"),
            _ => {}
        }
    }
    ended.stdout_sha256 = hash.finalize().to_vec();
    ended
}

/// Sends `bytes` seeded bytes through `cat` and back; they must be the same.
fn through_cat(client: &mut Client, bytes: u64, seed: u64) {
    let channel = start(client, "cat");
    let (mut seeded, mut left, mut hash) = (Seeded::new(seed), bytes, Sha256::new());
    let ended = feed(client, channel, |block| {
        let take = usize::try_from(left.min(block.len() as u64)).expect("at most a block");
        seeded.fill(&mut block[..take]);
        hash.update(&block[..take]);
        left -= take as u64;
        take
    });
    assert_eq!(ended.stdout_bytes, bytes);
    assert_eq!(ended.stdout_sha256, hash.finalize().to_vec(), "what cat gave back");
    assert_eq!((ended.status, ended.eof), (Some(0), true));
}

/// Whether sshd is here; says so if not.
fn has_sshd() -> bool {
    if !sshd::is_installed() {
        skipped("no /usr/sbin/sshd");
    }
    sshd::is_installed()
}

/// sshd with everything its build has, and a host key for every algorithm.
fn generous(scratch: &Scratch, openssh: &Algorithms) -> Sshd {
    let keywords = ["KexAlgorithms", "HostKeyAlgorithms", "Ciphers", "MACs"];
    let lists = keywords
        .iter()
        .zip(KINDS)
        .map(|(keyword, kind)| format!("{keyword} {}", openssh.of(kind).join(",")));
    let made = make_host_keys(scratch, &Algorithms::of_ringferry().in_common(openssh));
    let path = |name: &String| scratch.path(name);
    let certificates = made.certificates.iter().map(path);
    let certificates = certificates.map(|path| format!("HostCertificate {}", path.display()));
    let lines: Vec<String> = lists.chain(certificates).collect();
    let keys: Vec<PathBuf> = made.keys.iter().map(path).collect();
    Sshd::start_with_keys(scratch, &keys, &lines)
}

#[test]
fn every_algorithm_in_common() {
    if !has_sshd() {
        return;
    }
    let scratch = Scratch::new();
    let openssh = Algorithms::of_openssh();
    let sshd = generous(&scratch, &openssh);
    let shared = |ours: Vec<&'static str>, kind: &str| -> Vec<&'static str> {
        ours.into_iter().filter(|name| openssh.has(kind, name)).collect()
    };
    let all = everything();
    let usual = || TransportConfig {
        kexes: vec!["curve25519-sha256"],
        ciphers: vec!["aes128-gcm@openssh.com"],
        ..everything()
    };
    let mut cells = Vec::new();
    for kex in shared(all.kexes, "kex") {
        cells.push(TransportConfig { kexes: vec![kex], ..usual() });
    }
    for host_key in shared(all.host_key_algorithms, "host-key") {
        cells.push(TransportConfig { host_key_algorithms: vec![host_key], ..usual() });
    }
    let (ciphers, macs) = (shared(all.ciphers, "cipher"), shared(all.macs, "mac"));
    let suites = crypto::suites().filter(|(cipher, mac)| {
        ciphers.contains(&cipher.name) && mac.is_none_or(|mac| macs.contains(&mac.name))
    });
    for (cipher, mac) in suites {
        let macs = mac.map_or_else(|| everything().macs, |mac| vec![mac.name]);
        cells.push(TransportConfig { ciphers: vec![cipher.name], macs, ..usual() });
    }
    for transport in &cells {
        let mut client = connect(&sshd, transport.clone(), PATIENCE);
        log_in(&mut client, &scratch);
        through_cat(&mut client, 300_000, 1);
        client.connection.rekey(Instant::now());
        client.wait_for(|event| matches!(event, Event::KexDone { .. }).then_some(()));
        through_cat(&mut client, 300_000, 2);
        let info = client.connection.info();
        assert_eq!(info.kex, *transport.kexes.first().expect("one"), "{info:?}");
        assert!(transport.host_key_algorithms.contains(&info.host_key_algorithm), "{info:?}");
        for direction in [info.sent, info.received] {
            assert_eq!(direction.cipher, *transport.ciphers.first().expect("one"), "{info:?}");
            let of_aead = direction.mac.is_empty();
            assert!(of_aead || transport.macs == [direction.mac], "{info:?}");
        }
        assert_eq!(info.exchanges, 2, "{info:?}");
    }
    eprintln!("{} combinations with sshd", cells.len());
    assert!(cells.len() >= 20, "{}", cells.len());
}

#[test]
fn compressed_both_ways_across_rekeys() {
    if !has_sshd() {
        return;
    }
    let scratch = Scratch::new();
    let sshd = Sshd::start(&scratch, &["RekeyLimit 1M".to_owned()]);
    let compressions = vec!["zlib@openssh.com"];
    let mut client = connect(&sshd, TransportConfig { compressions, ..everything() }, PATIENCE);
    log_in(&mut client, &scratch);
    through_cat(&mut client, 4 * MIB, 7);
    let info = client.connection.info();
    assert_eq!([info.sent.compression, info.received.compression], ["zlib@openssh.com"; 2]);
    assert!(client.connection.compresses());
    assert!(info.exchanges >= 4, "{}", info.exchanges);
}

#[test]
fn the_host_key_is_shown_and_may_be_refused() {
    if !has_sshd() {
        return;
    }
    let scratch = Scratch::new();
    let sshd = Sshd::start(&scratch, &[]);
    let host_key = key(&scratch, "host_key");
    let mut client = connect(&sshd, everything(), PATIENCE);
    assert_eq!(accept_host_key(&mut client), host_key.public_blob());
    client.wait_for(|event| matches!(event, Event::KexDone { first: true }).then_some(()));
    drop(client);

    let mut client = connect(&sshd, everything(), PATIENCE);
    client.wait_for(|event| matches!(event, Event::HostKeyOffered { .. }).then_some(()));
    client.connection.handle_host_key(Instant::now(), false);
    client.flush();
    let Event::Disconnected { by_peer: false, reason: 9, .. } = client.event() else {
        panic!("not ended by our HOST_KEY_NOT_VERIFIABLE");
    };
    client.flush();
    let told = |line: &str| line.contains("Received disconnect") && line.contains(":9:");
    sshd.log.wait_line(support::SOON, told);
}

#[test]
fn a_key_logs_in_and_neither_password_nor_stranger_does() {
    if !has_sshd() {
        return;
    }
    let scratch = Scratch::new();
    let sshd = Sshd::start(&scratch, &[]);
    let mut client = connect(&sshd, everything(), PATIENCE);
    accept_host_key(&mut client);
    let user = user_name();
    let failure = |event: &Event| match event {
        Event::AuthFailed { methods, partial } => Some((methods.clone(), *partial)),
        Event::Authenticated { .. } => panic!("logged in"),
        _ => None,
    };
    let only_keys = (vec!["publickey".to_owned()], false);
    client.connection.auth_none(&user);
    assert_eq!(client.wait_for(failure), only_keys);
    client.connection.auth_password(&user, "guess");
    assert_eq!(client.wait_for(failure), only_keys);
    client.connection.auth_publickey(&user, key(&scratch, "stranger_key"));
    assert_eq!(client.wait_for(failure), only_keys);
    assert!(client.connection.open_session().is_none(), "no session before login");
    client.connection.auth_publickey(&user, key(&scratch, "client_key"));
    let name = client.wait_for(|event| match event {
        Event::Authenticated { user } => Some(user.clone()),
        _ => None,
    });
    assert_eq!((&name, client.connection.user()), (&user, Some(&user[..])));
    through_cat(&mut client, 10, 3);
}

#[test]
fn a_command_s_stderr_and_status_arrive() {
    if !has_sshd() {
        return;
    }
    let scratch = Scratch::new();
    let sshd = Sshd::start(&scratch, &[]);
    let mut client = connect(&sshd, everything(), PATIENCE);
    log_in(&mut client, &scratch);
    let channel = start(&mut client, "printf out; printf wrong >&2; exit 7");
    let ended = feed(&mut client, channel, |_| 0);
    assert_eq!(ended.stdout_sha256, Sha256::digest(b"out").to_vec());
    assert_eq!(ended.stderr, b"wrong");
    assert_eq!(ended.status, Some(7));
    // The connection serves more than one, also at the same time.
    let (first, second) = (start(&mut client, "cat >/dev/null"), start(&mut client, "exit 3"));
    let ended = feed(&mut client, second, |_| 0);
    assert_eq!(ended.status, Some(3));
    let ended = feed(&mut client, first, |_| 0);
    assert_eq!(ended.status, Some(0));
}

/// Both directions at once, and sshd wants new keys after each MiB of either.
#[test]
fn cat_returns_256_mib_across_hundreds_of_rekeys() {
    if !has_sshd() {
        return;
    }
    let scratch = Scratch::new();
    let sshd = Sshd::start(&scratch, &["RekeyLimit 1M".to_owned()]);
    let mut client = connect(&sshd, everything(), Duration::from_secs(300));
    log_in(&mut client, &scratch);
    let begun = Instant::now();
    through_cat(&mut client, 256 * MIB, 4);
    let seconds = begun.elapsed().as_secs_f64();
    let info = client.connection.info();
    let rekeys = info.exchanges - 1;
    eprintln!(
        "256 MiB each way in {seconds:.1} s, {:.0} MB/s each, {rekeys} rekeys ({} and {}), at most \
         {} KiB buffered",
        (256 * MIB) as f64 / 1e6 / seconds,
        info.kex,
        info.sent.cipher,
        client.buffered_max / 1024,
    );
    assert!(rekeys >= 200, "{rekeys}");
    // The window of one channel and what was sealed for the socket, not what passed through.
    assert!(client.buffered_max < 4 << 20, "{} bytes", client.buffered_max);
}
