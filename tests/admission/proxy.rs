//! The PROXY protocol: connections count as what the proxy says they are.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::support::SOON;
use crate::support::client::Running;
use crate::support::files::{Scratch, assert_same_bytes, write_random};
use crate::support::log::field;
use crate::support::server::Server;
use crate::{PENALISED, connect_from, expect_closed, first_line, start, start_on};

/// Where the proxy is.
const PROXY: &str = "127.0.0.10";

fn v1(source: &str) -> Vec<u8> {
    format!("PROXY TCP4 {source} 10.0.0.1 4711 22\r\n").into_bytes()
}

fn v2(command: u8, source: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    // Both addresses and ports, and a TLV that says nothing.
    header.extend([command, 0x11, 0, 16]);
    header.extend(source);
    header.extend([10, 0, 0, 1]);
    header.extend(4711_u16.to_be_bytes());
    header.extend([0, 22, 4, 0, 1, 0]);
    header
}

/// Connects as the proxy and says `header`.
fn through(server: &Server, header: &[u8]) -> TcpStream {
    let mut stream = connect_from(PROXY, server.address);
    stream.write_all(header).expect("sent");
    stream
}

/// A proxy that serves until the test ends: what to connect to.
fn relay(server: SocketAddr, header: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let mut onward = connect_from(PROXY, server);
            onward.set_read_timeout(None).expect("no timeout");
            onward.write_all(&header).expect("sent");
            carry(client.try_clone().expect("dup"), onward.try_clone().expect("dup"));
            carry(onward, client);
        }
    });
    address
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}

fn accepted(server: &Server, peer: &str) -> String {
    let about = |line: &str| {
        line.contains("connection accepted")
            && field(line, "peer").is_some_and(|found| found.starts_with(peer))
    };
    server.log.wait_line(SOON, about)
}

const DRIVERS: [&str; 2] = ["ring", "poll"];

#[test]
fn a_header_of_either_version_names_the_peer() {
    for driver in DRIVERS {
        let scratch = Scratch::new();
        let settings = [("proxy_protocol_from", "127.0.0.10,192.0.2.0/24")];
        let Some(server) = start_on(Some(driver), &scratch, &settings) else { return };
        let say = |header: &[u8]| {
            let mut stream = through(&server, header);
            assert!(first_line(&mut stream).starts_with("SSH-2.0-"), "{}", server.log.tail());
            stream.write_all(b"SSH-2.0-probe\r\n").expect("sent");
            stream
        };
        let _one = say(&v1("198.51.100.1"));
        let line = accepted(&server, "198.51.100.1:4711");
        assert!(field(&line, "proxy").is_some_and(|it| it.starts_with(PROXY)), "{line}");
        let _two = say(&v2(0x21, [198, 51, 100, 2]));
        accepted(&server, "198.51.100.2:4711");
        // What the proxy says for itself is from the proxy.
        let _local = say(&v2(0x20, [198, 51, 100, 3]));
        let line = accepted(&server, PROXY);
        assert_eq!(field(&line, "proxy"), None, "{line}");
        drop(say(b"PROXY UNKNOWN\r\n"));
        drop(say(b"PROXY TCP6 2001:db8::7 ::1 4711 22\r\n"));
        accepted(&server, "[2001:db8::7]:4711");
        let log = server.log.text();
        assert!(
            log.contains(&format!("driver=\"{driver}\"")) && !log.contains("198.51.100.3"),
            "{log}"
        );
    }
}

#[test]
fn nothing_is_said_before_the_header_has_come() {
    for driver in DRIVERS {
        let scratch = Scratch::new();
        let settings = [("proxy_protocol_from", PROXY)];
        let Some(server) = start_on(Some(driver), &scratch, &settings) else { return };
        let header = [&v2(0x21, [198, 51, 100, 1])[..], b"SSH-2.0-probe\r\n"].concat();
        let mut stream = connect_from(PROXY, server.address);
        let (last, first) = header.split_last().expect("bytes");
        for byte in first.iter().take(31) {
            stream.write_all(&[*byte]).expect("sent");
            std::thread::sleep(Duration::from_millis(2));
        }
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        let early = stream.read(&mut [0; 1]);
        assert!(early.is_err(), "{early:?}: the server spoke first");
        stream.set_read_timeout(Some(SOON)).expect("a timeout");
        // The rest of it in one piece with the line behind it, but for its end.
        stream.write_all(&first[31..]).expect("sent");
        assert!(first_line(&mut stream).starts_with("SSH-2.0-"), "{}", server.log.tail());
        stream.write_all(&[*last]).expect("sent");
        accepted(&server, "198.51.100.1:4711");
    }
}

#[test]
fn a_proxy_without_a_good_header_is_turned_away() {
    let scratch = Scratch::new();
    let settings = [
        ("proxy_protocol_from", PROXY),
        ("ident_timeout", "1"),
        ("per_source_penalties", "noauth:1h,grace-exceeded:1h,min:0"),
        ("per_source_penalty_exempt_list", ""),
    ];
    let Some(server) = start(&scratch, &settings) else { return };
    let v2_long = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11".as_slice(), &[0xff, 0xff]].concat();
    let bad: [&[u8]; 6] = [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"PROXY TCP4 198.51.100.1 10.0.0.1 4711 +22\r\n",
        b"PROXY UNKNOWN\n",
        &[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat(),
        &v2_long,
        &v2(0x22, [198, 51, 100, 1]),
    ];
    for header in bad {
        let rest = expect_closed(through(&server, header), SOON);
        assert_eq!(rest, b"", "to {header:?}");
    }
    let log = server.log.wait_line(SOON, |line| line.contains("connection refused: no good PROXY"));
    assert!(log.contains("WARN") && field(&log, "peer") == Some(PROXY), "{log}");
    // One that comes too late, and one that never does.
    for header in [&b"PROXY TCP4 "[..], b""] {
        assert_eq!(expect_closed(through(&server, header), SOON), b"");
    }
    server.log.wait_line(SOON, |line| line.contains("no PROXY header came in time"));
    // The proxy pays for none of it, and its clients do not.
    let mut stream = through(&server, &v1("198.51.100.1"));
    assert!(first_line(&mut stream).starts_with("SSH-2.0-"), "{}", server.log.tail());
}

#[test]
fn nobody_else_may_say_who_he_is() {
    let scratch = Scratch::new();
    let Some(server) = start(&scratch, &[("proxy_protocol_from", PROXY)]) else { return };
    for header in [v1("198.51.100.1"), v2(0x21, [198, 51, 100, 1])] {
        let mut stream = connect_from("127.0.0.1", server.address);
        stream.write_all(&header).expect("sent");
        assert!(first_line(&mut stream).starts_with("SSH-2.0-"));
        expect_closed(stream, SOON);
    }
    let about = |line: &str| line.contains("something else before its SSH identification");
    let line = server.log.wait_line(SOON, about);
    assert!(field(&line, "peer").is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{line}");
    assert!(!server.log.text().contains("198.51.100.1"));
}

#[test]
fn the_address_in_the_header_is_judged_and_penalised() {
    let scratch = Scratch::new();
    let settings = [
        ("proxy_protocol_from", PROXY),
        ("deny_addresses", "198.51.100.66,127.0.0.10"),
        ("per_source_max_startups", "1"),
        ("per_source_penalties", "noauth:1h,min:0"),
        ("per_source_penalty_exempt_list", ""),
    ];
    let Some(server) = start(&scratch, &settings) else { return };
    let said = |source: &str| {
        let mut stream = through(&server, &v1(source));
        (first_line(&mut stream), stream)
    };
    let (denied, _) = said("198.51.100.66");
    assert_eq!(denied, "");
    let (greeting, held) = said("198.51.100.1");
    assert!(greeting.starts_with("SSH-2.0-"), "the proxy itself is not judged: {greeting:?}");
    assert_eq!(said("198.51.100.1").0, "Exceeded MaxStartups\r\n");
    assert!(said("198.51.100.2").0.starts_with("SSH-2.0-"));
    drop(held);
    server.log.wait_line(SOON, |line| line.contains("penalty") && line.contains("198.51.100.1/32"));
    assert_eq!(said("198.51.100.1").0, PENALISED);
    assert!(said("198.51.100.3").0.starts_with("SSH-2.0-"));
}

#[test]
fn stock_clients_work_through_a_proxy() {
    for driver in DRIVERS {
        let scratch = Scratch::new();
        let keys = scratch.path("authorized_keys");
        let key = std::fs::read_to_string(&keys).expect("the keys");
        std::fs::write(&keys, format!("from=\"198.51.100.0/24\" {key}")).expect("the keys");
        let settings = [("proxy_protocol_from", PROXY)];
        let Some(server) = start_on(Some(driver), &scratch, &settings) else { return };
        let relays = [v1("198.51.100.1"), v2(0x21, [198, 51, 100, 2])];
        for (number, header) in relays.into_iter().enumerate() {
            let relay = relay(server.address, header);
            let (source, back) = (scratch.path("source"), scratch.path("back"));
            write_random(&source, 3 << 20, number as u64);
            let batch = format!("put {0} /file\nget /file {1}\n", source.display(), back.display());
            let options = server.options_through(relay);
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            server.sftp(&options, &batch, SOON).expect_success();
            assert_same_bytes(&source, &back);
            let mut scan = Command::new("ssh-keyscan");
            scan.args(["-t", "ed25519", "-p", &relay.port().to_string(), "127.0.0.1"]);
            let found = Running::start(scan, "").wait(SOON).expect_success();
            assert!(found.stdout.contains("ssh-ed25519"), "{}", found.output());
        }
        // The key is for those addresses only: without the proxy it is good for nothing.
        let direct = server.sftp(&[], "ls /\n", SOON);
        direct.expect_code(255);
        let line = server.log.wait_line(SOON, |line| line.contains("authenticated"));
        assert!(
            field(&line, "peer").is_some_and(|peer| peer.starts_with("198.51.100.1:")),
            "{line}"
        );
    }
}
