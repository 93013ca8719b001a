//! Uploads over a link with delay, by OpenSSH's client: every byte right, and the receive window
//! grown to what such a link can use.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use support::client::{Running, quoted};
use support::files::{Scratch, assert_same_bytes, write_random};
use support::log::field;
use support::server::{Options, Server};
use support::{MIB, SOON, skipped, wait_for};

/// Each way.
const DELAY: Duration = Duration::from_millis(150);

/// A debug build over a link whose every round trip is 300 ms.
const LONG: Duration = Duration::from_secs(120);

/// A proxy for one connection that holds everything back for [`DELAY`].
struct Delayed {
    address: SocketAddr,
    passing: JoinHandle<()>,
}

/// Bytes, and when they may go on.
type Block = (Instant, Vec<u8>);

impl Delayed {
    fn start(server: SocketAddr) -> Delayed {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address");
        let passing = std::thread::spawn(move || {
            let Ok((client, _)) = listener.accept() else { return };
            let Ok(upstream) = TcpStream::connect(server) else { return };
            let _ = (client.set_nodelay(true), upstream.set_nodelay(true));
            let (Ok(client_too), Ok(upstream_too)) = (client.try_clone(), upstream.try_clone())
            else {
                return;
            };
            let back = std::thread::spawn(move || pass_on(upstream_too, client_too));
            pass_on(client, upstream);
            let _ = back.join();
        });
        Delayed { address, passing }
    }
}

/// Passes on what comes, each block when it is due. More than any window may be under way.
fn pass_on(from: TcpStream, to: TcpStream) {
    let (send, due) = sync_channel(4096);
    let writing = std::thread::spawn(move || write_due(to, &due));
    read_all(from, &send);
    drop(send);
    let _ = writing.join();
}

fn read_all(mut from: TcpStream, send: &SyncSender<Block>) {
    let mut block = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut block) {
        let bytes = block[..count].to_vec();
        if send.send((Instant::now() + DELAY, bytes)).is_err() {
            return;
        }
    }
}

fn write_due(mut to: TcpStream, blocks: &Receiver<Block>) {
    while let Ok((due, bytes)) = blocks.recv() {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Uploads over the link, and the largest window the server says the connection had.
fn upload(settings: Vec<(&'static str, String)>) -> Option<u64> {
    let scratch = Scratch::new();
    let server = Server::start_with(&scratch, &Options { settings, ..Options::default() });
    let source = scratch.path("source");
    write_random(&source, 32 * MIB, 31);
    let link = Delayed::start(server.address);
    let options = server.options_through(link.address);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let batch = format!("put {} /there\n", quoted(&source));
    Running::start(server.sftp_command(&options), &batch).wait(LONG).expect_success();
    link.passing.join().expect("the link");
    assert_same_bytes(&source, &scratch.served("there"));
    if !server.subject.logs_fields() {
        skipped("(windows only) the subject does not log them");
        return None;
    }
    let window = wait_for(SOON, || {
        let lines = server.log.with_field("window_bytes");
        lines.first().and_then(|line| field(line, "window_bytes")?.parse().ok())
    });
    Some(window.expect("a connection that closed says how large its window was"))
}

#[test]
fn a_far_upload_grows_its_window() {
    let Some(window) = upload(vec![]) else { return };
    // How far it grows depends on how fast this machine is; `ssh/channel` has the exact numbers.
    assert!(window > 2 * MIB && window <= 15 * MIB, "{window}");
}

#[test]
fn no_window_grows_past_what_is_configured() {
    let most = vec![("window_bytes_max", (3 * MIB).to_string())];
    if let Some(window) = upload(most) {
        assert!(window > 2 * MIB && window <= 3 * MIB, "{window}");
    }
    let none = vec![("window_budget_bytes", "0".to_owned())];
    if let Some(window) = upload(none) {
        assert_eq!(window, 2 * MIB);
    }
}
