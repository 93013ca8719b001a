//! Balancers that look whether the server is there: connect and close, every second.

use std::time::Duration;

use crate::support::SOON;
use crate::support::files::Scratch;
use crate::support::server::Server;
use crate::{connect_from, first_line, is_greeted, start};

/// Probes of both kinds: some read the greeting, and some end with a reset.
fn probe(server: &Server, source: &str) {
    for number in 0..12 {
        let mut stream = connect_from(source, server.address);
        if number % 2 == 0 {
            assert!(first_line(&mut stream).starts_with("SSH-2.0-"), "{}", server.log.tail());
        }
        if number % 3 == 0 {
            let linger = Some(Duration::ZERO);
            rustix::net::sockopt::set_socket_linger(&stream, linger).expect("SO_LINGER");
        }
    }
}

fn lines_above_debug(server: &Server) -> Vec<String> {
    let lines = server.log.lines().into_iter();
    lines.filter(|line| !line.contains("DEBUG") && !line.contains("serving")).collect()
}

#[test]
fn probes_leave_no_line_and_no_penalty() {
    let scratch = Scratch::new();
    let settings = [("log_level", "debug"), ("per_source_penalty_exempt_list", "")];
    let Some(server) = start(&scratch, &settings) else { return };
    probe(&server, "127.0.0.20");
    // They have all been seen, and were not too many in so short a time.
    let closed = |_: &str| {
        let lines = server.log.lines();
        let gone = ["said nothing", "the peer left before"];
        lines.iter().filter(|line| gone.iter().any(|it| line.contains(it))).count() == 12
    };
    server.log.wait_line(SOON, closed);
    assert_eq!(lines_above_debug(&server), [""; 0]);
    assert!(is_greeted("127.0.0.20", server.address));
    // Who says something is told of, and so is who logs in.
    server.sftp(&["-o", "BindAddress=127.0.0.20"], "ls /\n", SOON).expect_success();
    server.log.wait_line(SOON, |line| line.contains("INFO") && line.contains("accepted"));
    server.log.wait_line(SOON, |line| line.contains("INFO") && line.contains("connection closed"));
}

#[test]
fn many_probes_from_an_exempt_address_stay_quiet() {
    let scratch = Scratch::new();
    let settings = [
        ("per_source_penalties", "noauth:1m,min:1s"),
        ("per_source_penalty_exempt_list", "127.0.0.21"),
    ];
    let Some(server) = start(&scratch, &settings) else { return };
    for _ in 0..5 {
        probe(&server, "127.0.0.21");
    }
    assert!(is_greeted("127.0.0.21", server.address));
    assert_eq!(lines_above_debug(&server), [""; 0]);
}

#[test]
fn a_proxy_may_look_without_a_header() {
    let scratch = Scratch::new();
    let settings = [
        ("proxy_protocol_from", "127.0.0.22"),
        ("per_source_penalties", "noauth:1m,min:1s"),
        ("per_source_penalty_exempt_list", ""),
    ];
    let Some(server) = start(&scratch, &settings) else { return };
    for _ in 0..10 {
        drop(connect_from("127.0.0.22", server.address));
    }
    for _ in 0..10 {
        let mut stream = connect_from("127.0.0.22", server.address);
        std::io::Write::write_all(&mut stream, b"PROXY UNKNOWN\r\n").expect("sent");
        assert!(first_line(&mut stream).starts_with("SSH-2.0-"), "{}", server.log.tail());
    }
    assert_eq!(lines_above_debug(&server), [""; 0]);
}
