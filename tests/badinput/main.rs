//! What a client must never do, done to a running server: each case ends in the protocol's own
//! answer or a closed connection within a deadline, one log line with peer and cause, every
//! descriptor given back, and a server that still serves.
//!
//! - `transport`: bytes that are no SSH, or SSH that is wrong. `login`: who or what is refused.
//! - `requests`: SFTP packets, paths and disks.
//! - `sessions`: handles, attributes, order, descriptors.

mod login;
mod requests;
mod sessions;
#[path = "../support/mod.rs"]
mod support;
mod transport;

use support::SOON;
use support::log::field;
use support::server::Server;

/// Exactly one line names the peer together with a cause.
pub(crate) fn expect_logged(server: &Server, peer: &str) {
    if !server.subject.logs_fields() {
        return;
    }
    let about = |line: &str| {
        field(line, "peer") == Some(peer)
            && field(line, "cause").is_some_and(|cause| !cause.is_empty())
    };
    server.log.wait_line(SOON, about);
    let lines = server.log.lines().into_iter().filter(|line| about(line)).count();
    assert_eq!(lines, 1, "lines with a cause about {peer}:\n{}", server.log.tail());
}
