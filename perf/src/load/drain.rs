//! The light sink: it takes bytes off a socket and looks at none of them.
//!
//! MSG_TRUNC lets the kernel throw away what TCP has received instead of copying it out (tcp(7)).
//! On a machine with two cores the server then has nearly all of both, which no client that takes
//! its bytes can leave it. What waking it up costs is the server's CPU time and the machine's, so
//! it naps while bytes gather in the socket: 8 streams of aes128-gcm on two cores of a Zen 5 went
//! from 3.3 to 5.5 GB/s, and one, which has a core to itself either way, from 3.1 to 4.3.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::RecvFlags;

use super::limits::{LARGE_BUFFER_BYTES, NAP_MAX, NAP_MIN};
use super::session::silence;
use crate::Outcome;

/// How long it leaves the socket alone.
struct Nap(Duration);

impl Nap {
    /// Sleeps, longer than the last time if that brought less than a quarter of what there is room
    /// for, and shorter if it brought more than half of it.
    fn take(&mut self, got: usize, room: usize) {
        if got < room / 4 {
            self.0 = (self.0 * 2).min(NAP_MAX);
        } else if got > room / 2 {
            self.0 = (self.0 / 2).max(NAP_MIN);
        }
        std::thread::sleep(self.0);
    }
}

/// Counts what comes until at least `due_bytes` have and then nothing more does for `tail`, or the
/// peer has closed. Returns when the last of it came, and how much it was.
pub(super) fn drain(stream: TcpStream, due_bytes: u64, tail: Duration) -> Outcome<(Instant, u64)> {
    // Nothing is written to it: its length says how much may be thrown away at once.
    let mut room = vec![0; LARGE_BUFFER_BYTES];
    let (mut counted, mut end, mut nap) = (0, Instant::now(), Nap(NAP_MIN));
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
                // The last of it is waited for, as its time counts.
                if counted + (room.len() as u64) < due_bytes {
                    nap.take(got, room.len());
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
