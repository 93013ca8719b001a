//! A proxy that passes on exactly so many bytes of what a client sends, then holds still until the
//! test has done its worst: to the client, to the server, or to the connection itself.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::SOON;

/// How often the way back looks whether it shall end.
const LOOK: Duration = Duration::from_millis(20);

/// What the proxy does after it has held still.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Then {
    /// Resets both connections: each end gets RST, not FIN.
    Reset,
    /// Goes on, with whatever the ends still send.
    PassOn,
}

/// A proxy for one connection.
pub(crate) struct Stall {
    pub(crate) address: SocketAddr,
    reached: Receiver<()>,
    then: Sender<Then>,
    passing: JoinHandle<()>,
}

impl Stall {
    /// Passes on `stall_at` bytes to `server`.
    pub(crate) fn start(server: SocketAddr, stall_at: u64) -> Stall {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address");
        let (say_reached, reached) = channel();
        let (then, told) = channel();
        let passing = std::thread::spawn(move || {
            let Ok((client, _)) = listener.accept() else { return };
            // Nobody else: a client that reconnects is to be refused.
            drop(listener);
            let Ok(upstream) = TcpStream::connect(server) else { return };
            proxy(client, upstream, stall_at, &say_reached, &told);
        });
        Stall { address, reached, then, passing }
    }

    /// Waits until all the bytes are through; `false` if they do not come.
    pub(crate) fn wait(&self) -> bool {
        self.reached.recv_timeout(SOON).is_ok()
    }

    /// Lets the proxy go on and waits for its end.
    pub(crate) fn end(self, then: Then) {
        let _ = self.then.send(then);
        let _ = self.passing.join();
    }
}

fn proxy(
    mut client: TcpStream,
    mut upstream: TcpStream,
    stall_at: u64,
    reached: &Sender<()>,
    told: &Receiver<Then>,
) {
    let ended = Arc::new(AtomicBool::new(false));
    // Reads only: writes have no such limit.
    let _ = upstream.set_read_timeout(Some(LOOK));
    let (Ok(back_from), Ok(back_to)) = (upstream.try_clone(), client.try_clone()) else { return };
    let end = Arc::clone(&ended);
    let back = std::thread::spawn(move || pass_back(back_from, back_to, &end));
    let mut then = Then::PassOn;
    if pass_some(&mut client, &mut upstream, stall_at) {
        let _ = reached.send(());
        then = told.recv_timeout(SOON).unwrap_or(Then::Reset);
        if then == Then::PassOn {
            pass_some(&mut client, &mut upstream, u64::MAX);
        }
    }
    match then {
        Then::PassOn => {
            // The server's last words still pass: it closes once it has seen our end.
            let _ = upstream.shutdown(Shutdown::Write);
        }
        Then::Reset => {
            for socket in [&client, &upstream] {
                let _ = rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO));
            }
            // A reset goes out with the last descriptor, and the way back holds two.
            ended.store(true, Ordering::SeqCst);
        }
    }
    let _ = back.join();
}

/// Passes on `bytes` bytes; `false` if the stream breaks or ends first.
fn pass_some(from: &mut TcpStream, to: &mut TcpStream, bytes: u64) -> bool {
    let mut block = vec![0; 16 * 1024];
    let mut left = bytes;
    while left > 0 {
        let most = usize::try_from(left.min(block.len() as u64)).expect("at most a block");
        let Ok(got) = from.read(&mut block[..most]) else { return false };
        if got == 0 || to.write_all(&block[..got]).is_err() {
            return false;
        }
        left -= got as u64;
    }
    true
}

fn pass_back(mut from: TcpStream, mut to: TcpStream, ended: &AtomicBool) {
    let mut block = vec![0; 16 * 1024];
    while !ended.load(Ordering::SeqCst) {
        match from.read(&mut block) {
            Ok(0) => break,
            Ok(got) => {
                if to.write_all(&block[..got]).is_err() {
                    break;
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    if !ended.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    }
}
