//! Penalties of a server that runs by the machine's clock; by a clock of their own, and exactly,
//! the tests of `auth::penalties`.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::support::client::Finished;
use crate::support::files::Scratch;
use crate::support::log::field;
use crate::support::server::Server;
use crate::support::{SOON, wait_for};
use crate::{PENALISED, Said, connect_from, expect_closed, first_line, is_greeted, knock, start};

/// How far from the configured time a refusal may begin or end.
const PRECISION: Duration = Duration::from_secs(1);

fn login_from(source: &str, server: &Server) -> Finished {
    server.sftp(&["-o", &format!("BindAddress={source}")], "ls /\n", SOON)
}

/// The source is refused from `ended` on until `penalty` after it, and then no more.
/// `began` is before whatever it is penalised for.
fn expect_penalty(server: &Server, source: &str, began: Instant, penalty: Duration) {
    let ended = Instant::now();
    let block = format!("{source}/32");
    let about = |line: &str| {
        field(line, "source") == Some(&block) && line.contains("the source is refused")
    };
    server.log.wait_line(PRECISION, about);
    assert_eq!(knock(source, server.address).0, Said::Refusal(PENALISED.to_owned()));
    loop {
        let asked = Instant::now();
        if is_greeted(source, server.address) {
            break;
        }
        assert!(asked < ended + penalty + PRECISION, "{source} is still refused");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(began.elapsed() >= penalty, "{source} was let in after {:?}", began.elapsed());
}

#[test]
fn failed_logins_are_held_against_their_source() {
    let scratch = Scratch::new();
    let settings = [
        ("per_source_penalties", "authfail:2s,invaliduser:3s,noauth:0,min:1s"),
        ("per_source_penalty_exempt_list", "127.0.0.9"),
    ];
    let Some(mut server) = start(&scratch, &settings) else { return };
    login_from("127.0.0.5", &server).expect_success();
    login_from("127.0.0.5", &server).expect_success();
    server.log_in_as(&server.user.clone(), scratch.path("stranger_key"));
    let began = Instant::now();
    login_from("127.0.0.5", &server).expect_code(255);
    assert!(is_greeted("127.0.0.6", server.address), "a neighbour");
    expect_penalty(&server, "127.0.0.5", began, Duration::from_secs(2));
    server.log.wait_line(SOON, |line| line.contains("penalty for failed logins"));
    // Listed as exempt, it may fail as it likes.
    for _ in 0..3 {
        login_from("127.0.0.9", &server).expect_code(255);
    }
    assert!(is_greeted("127.0.0.9", server.address));
    server.log_in_as("nobody-of-that-name", scratch.path("client_key"));
    let began = Instant::now();
    login_from("127.0.0.15", &server).expect_code(255);
    expect_penalty(&server, "127.0.0.15", began, Duration::from_secs(3));
    server.log.wait_line(SOON, |line| line.contains("penalty for logins as users there are not"));
}

#[test]
fn penalties_add_up_before_they_count() {
    let scratch = Scratch::new();
    let settings = [
        // As by default, but over many of these logins: sixteen would do in any case.
        ("per_source_penalties", "authfail:60s,min:150s,max:200s"),
        ("per_source_penalty_exempt_list", ""),
    ];
    let Some(mut server) = start(&scratch, &settings) else { return };
    server.log_in_as(&server.user.clone(), scratch.path("stranger_key"));
    for _ in 0..2 {
        login_from("127.0.0.5", &server).expect_code(255);
        assert!(is_greeted("127.0.0.5", server.address));
    }
    login_from("127.0.0.5", &server).expect_code(255);
    let refused = || (!is_greeted("127.0.0.5", server.address)).then_some(());
    assert!(wait_for(SOON, refused).is_some(), "{}", server.log.tail());
    assert!(is_greeted("127.0.0.6", server.address));
}

#[test]
fn connections_that_lead_nowhere_are_held_against_their_source() {
    let scratch = Scratch::new();
    let settings = [
        ("per_source_penalties", "noauth:2s,grace-exceeded:3s,refuseconnection:4s,min:1s"),
        ("per_source_penalty_exempt_list", ""),
        ("login_grace_time", "1"),
        ("client_versions", "*,!bad*"),
    ];
    let Some(server) = start(&scratch, &settings) else { return };
    let began = Instant::now();
    drop(knock("127.0.0.5", server.address));
    expect_penalty(&server, "127.0.0.5", began, Duration::from_secs(2));

    let mut slow = connect_from("127.0.0.6", server.address);
    first_line(&mut slow);
    expect_closed(slow, SOON);
    // From here: the connection itself took a second.
    let began = Instant::now();
    expect_penalty(&server, "127.0.0.6", began - PRECISION, Duration::from_secs(3));
    server.log.wait_line(SOON, |line| line.contains("penalty for connections that took too long"));

    let began = Instant::now();
    let mut bad = connect_from("127.0.0.7", server.address);
    bad.write_all(b"SSH-2.0-bad_1\r\n").expect("sent");
    expect_closed(bad, SOON);
    expect_penalty(&server, "127.0.0.7", began, Duration::from_secs(4));
    server.log.wait_line(SOON, |line| line.contains("penalty for clients that are not served"));
}

#[test]
fn this_machine_is_exempt_unless_told_otherwise() {
    let scratch = Scratch::new();
    let Some(server) = start(&scratch, &[("per_source_penalties", "noauth:1h,min:0")]) else {
        return;
    };
    for _ in 0..3 {
        assert!(is_greeted("127.0.0.1", server.address));
    }
    drop(server);
    let scratch = Scratch::new();
    let settings = [("per_source_penalties", "no"), ("per_source_penalty_exempt_list", "")];
    let Some(server) = start(&scratch, &settings) else { return };
    for _ in 0..50 {
        assert!(is_greeted("127.0.0.1", server.address));
    }
}
