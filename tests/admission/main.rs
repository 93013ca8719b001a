//! Who is let in at the door, by address, by number and by what happened before, with real sockets.
//! All of 127/8 is this machine, so that a client can come from any address in it.

#[path = "../support/mod.rs"]
mod support;

mod bounds;
mod crash;
mod flood;
mod penalties;
mod probes;
mod proxy;

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use support::SOON;
use support::files::Scratch;
use support::server::{Options, Server, Subject};

/// What sshd says to those whose source is penalised.
const PENALISED: &str = "Not allowed at this time\r\n";

/// What the server said first to somebody who said nothing.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// Its identification line.
    Greeting,
    /// Something else, or nothing, and closed.
    Refusal(String),
}

/// Connects from an address of this machine.
fn connect_from(source: &str, server: SocketAddr) -> TcpStream {
    try_connect_from(source, server).expect("connect")
}

fn try_connect_from(source: &str, server: SocketAddr) -> std::io::Result<TcpStream> {
    let source: Ipv4Addr = source.parse().expect("an address");
    let flags = SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    net::bind(&socket, &SocketAddr::from((source, 0)))?;
    net::connect(&socket, &server)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(SOON))?;
    Ok(stream)
}

/// The first line that comes; what came of it if the connection was closed before its end.
fn first_line(stream: &mut TcpStream) -> String {
    let mut line = Vec::new();
    // A reset is an end too.
    let _ = BufReader::with_capacity(1, stream).read_until(b'\n', &mut line);
    String::from_utf8_lossy(&line).into_owned()
}

/// What is said to somebody who connects from `source`, and the connection.
fn knock(source: &str, server: SocketAddr) -> (Said, TcpStream) {
    let mut stream = connect_from(source, server);
    let line = first_line(&mut stream);
    let said = match line.starts_with("SSH-2.0-") {
        true => Said::Greeting,
        false => Said::Refusal(line),
    };
    (said, stream)
}

fn is_greeted(source: &str, server: SocketAddr) -> bool {
    knock(source, server).0 == Said::Greeting
}

/// Waits until the server closes; fails if it takes longer than that.
fn expect_closed(mut stream: TcpStream, within: Duration) -> Vec<u8> {
    stream.set_read_timeout(Some(within)).expect("a timeout");
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("still open after {within:?}: {error}"),
    }
    rest
}

/// Our server with these settings; `None` where another is under test.
fn start(scratch: &Scratch, settings: &[(&'static str, &str)]) -> Option<Server> {
    start_on(None, scratch, settings)
}

/// The same on a driver of the test's choice.
fn start_on(
    driver: Option<&'static str>,
    scratch: &Scratch,
    settings: &[(&'static str, &str)],
) -> Option<Server> {
    if Subject::chosen() != Subject::Ringferry {
        support::skipped("the settings are ours");
        return None;
    }
    let settings = settings.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    Some(Server::start_with(scratch, &Options { settings, driver, ..Options::default() }))
}
