//! Lists of addresses, and bounds on how many there may be.

use std::process::Stdio;

use rustix::process::Signal;

use crate::support::client::Running;
use crate::support::files::Scratch;
use crate::support::log::field;
use crate::support::{SOON, wait_for};
use crate::{Said, is_greeted, knock, start};

const MAX_STARTUPS: &str = "Exceeded MaxStartups\r\n";

fn silence() -> Said {
    Said::Refusal(String::new())
}

#[test]
fn addresses_are_allowed_and_denied() {
    let scratch = Scratch::new();
    let settings = [("allow_addresses", "127.0.0.0/24"), ("deny_addresses", "127.0.0.7,::/0")];
    let Some(server) = start(&scratch, &settings) else { return };
    assert!(is_greeted("127.0.0.1", server.address));
    assert_eq!(knock("127.0.0.7", server.address).0, silence());
    assert_eq!(knock("127.0.1.1", server.address).0, silence());
    server.sftp(&["-o", "BindAddress=127.0.0.8"], "ls /\n", SOON).expect_success();
    let denied = server.sftp(&["-o", "BindAddress=127.0.0.7"], "ls /\n", SOON);
    denied.expect_code(255);
    for (peer, list) in [("127.0.0.7", "in deny_addresses"), ("127.0.1.1", "allow_addresses")] {
        let about = |line: &str| {
            line.contains("WARN") && field(line, "peer") == Some(peer) && line.contains(list)
        };
        server.log.wait_line(SOON, about);
    }
    // The second refusal of the same address has no line of its own.
    let lines = server.log.lines();
    let denied = lines.iter().filter(|line| line.contains("in deny_addresses"));
    assert_eq!(denied.count(), 1, "{lines:?}");
}

#[test]
fn strangers_are_dropped_from_max_startups_on() {
    let scratch = Scratch::new();
    let settings = [("max_startups", "3"), ("per_source_max_startups", "0")];
    let Some(server) = start(&scratch, &settings) else { return };
    let mut held: Vec<_> = (0..3).map(|_| knock("127.0.0.1", server.address)).collect();
    assert!(held.iter().all(|(said, _)| *said == Said::Greeting));
    for source in ["127.0.0.1", "127.0.0.2"] {
        let refused = Said::Refusal(MAX_STARTUPS.to_owned());
        assert_eq!(knock(source, server.address).0, refused);
    }
    let refused = server.sftp(&[], "ls /\n", SOON);
    refused.expect_code(255);
    // The door says how many it turned away.
    server.signal(Signal::USR1);
    let line = server.log.wait_line(SOON, |line| line.contains("statistics of admission"));
    assert_eq!(field(&line, "startups"), Some("3"), "{line}");
    assert_eq!(field(&line, "causes"), Some("max_startups=3"), "{line}");
    assert_eq!(field(&line, "refused"), Some("3"), "{line}");
    held.pop();
    let back = || server.sftp(&[], "ls /\n", SOON).code == Some(0);
    assert!(wait_for(SOON, || back().then_some(())).is_some(), "{}", server.log.tail());
}

#[test]
fn a_source_has_bounds_of_its_own() {
    let scratch = Scratch::new();
    let settings = [("per_source_max_startups", "2"), ("per_source_net_block_size", "30:64")];
    let Some(server) = start(&scratch, &settings) else { return };
    let held = ["127.0.0.4", "127.0.0.5"].map(|source| knock(source, server.address));
    assert!(held.iter().all(|(said, _)| *said == Said::Greeting));
    // 127.0.0.4 to .7 are one source.
    let refused = Said::Refusal(MAX_STARTUPS.to_owned());
    assert_eq!(knock("127.0.0.7", server.address).0, refused);
    assert!(is_greeted("127.0.0.8", server.address));
    drop((held, server));

    let scratch = Scratch::new();
    let Some(server) = start(&scratch, &[("per_source_max_connections", "2")]) else { return };
    let held = [0; 2].map(|_| knock("127.0.0.4", server.address));
    assert!(held.iter().all(|(said, _)| *said == Said::Greeting));
    assert_eq!(knock("127.0.0.4", server.address).0, silence());
    assert!(is_greeted("127.0.0.5", server.address));
    drop(held);
    let free = || is_greeted("127.0.0.4", server.address).then_some(());
    assert!(wait_for(SOON, free).is_some(), "what ended is given back");
}

#[test]
fn a_user_has_so_many_connections() {
    let scratch = Scratch::new();
    let Some(server) = start(&scratch, &[("per_user_max_connections", "1")]) else { return };
    let mut first = Running::start(server.ssh_command(&["-N"], &[]), "");
    server.log.wait_line(SOON, |line| line.contains("authenticated"));
    let second = server.sftp(&[], "ls /\n", SOON).expect_code(255);
    assert!(second.stderr.contains("per_user_max_connections"), "{}", second.stderr);
    first.kill();
    first.wait(SOON);
    let free = || (server.sftp(&[], "ls /\n", SOON).code == Some(0)).then_some(());
    assert!(wait_for(SOON, free).is_some(), "{}", server.log.tail());
}

#[test]
fn a_user_has_so_many_sessions() {
    let scratch = Scratch::new();
    let Some(server) = start(&scratch, &[("per_user_max_sessions", "1")]) else { return };
    let mut command = server.ssh_command(&["-s"], &["sftp"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut first = command.spawn().expect("ssh runs");
    server.log.wait_line(SOON, |line| line.contains("sftp session opened"));
    let second = server.sftp(&[], "ls /\n", SOON);
    assert_eq!(second.code, Some(255), "{}", second.output());
    server.log.wait_line(SOON, |line| line.contains("per_user_max_sessions"));
    // A session that is closed makes room, and its connection need not end for that.
    drop(first.stdin.take());
    let free = || (server.sftp(&[], "ls /\n", SOON).code == Some(0)).then_some(());
    assert!(wait_for(SOON, free).is_some(), "{}", server.log.tail());
    let _ = first.kill();
    let _ = first.wait();
}
