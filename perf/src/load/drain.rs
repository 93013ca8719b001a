//! The light sink: it takes bytes off a socket and looks at none of them.
//!
//! MSG_TRUNC lets the kernel throw away what TCP has received instead of copying it out (tcp(7)).
//! On a machine with two cores the server then has nearly all of both, which no client that takes
//! its bytes can leave it.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::limits::LARGE_BUFFER_BYTES;
use super::session::silence;
use crate::Outcome;

/// Counts what comes until at least `due_bytes` have and then nothing more does for `tail`, or the
/// peer has closed. Returns when the last of it came, and how much it was.
pub(super) fn drain(stream: TcpStream, due_bytes: u64, tail: Duration) -> Outcome<(Instant, u64)> {
    // Nothing is written to it: its length says how much may be thrown away at once.
    let mut room = vec![0; LARGE_BUFFER_BYTES];
    let (mut counted, mut end) = (0, Instant::now());
    loop {
        let error = match rustix::net::recv(&stream, &mut *room, RecvFlags::TRUNC) {
            Ok((_, 0)) => "the server closed".into(),
            Ok((_, got)) => {
                end = Instant::now();
                let before = counted;
                counted += got as u64;
                if before < due_bytes && counted >= due_bytes {
                    stream.set_read_timeout(Some(tail))?;
                }
                continue;
            }
            Err(Errno::INTR) => continue,
            Err(error) => silence(error.into()),
        };
        if counted >= due_bytes {
            return Ok((end, counted));
        }
        return Err(format!("{error}, after {counted} of {due_bytes} bytes").into());
    }
}
