//! A link with delay: a TCP proxy that hands every byte on so much later, in each direction.
//!
//! It stands in for netem where the kernel has none. What it delays is the stream and not packets:
//! each side's kernel sees a near peer, so TCP neither starts slowly nor loses anything, and the
//! bandwidth has no bound. What is left is what SSH's and SFTP's own windows make of the distance.
//! Invariant: no byte leaves before its time, none is lost, and an end comes where it came.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::limits::{DELAYED_BYTES_MAX, DELAYED_CHUNK_BYTES};
use crate::Outcome;

/// Runs until it is dropped, which cuts its connections.
pub(crate) struct DelayProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    target: SocketAddr,
    one_way_delay: Duration,
    stopped: AtomicBool,
    /// Connections of which an end is still open.
    links: Mutex<Vec<Link>>,
}

/// One connection: both its sockets and its threads.
struct Link {
    sockets: [TcpStream; 2],
    queues: [Arc<Queue>; 2],
    threads: Vec<JoinHandle<()>>,
}

/// What is under way in one direction.
#[derive(Default)]
struct Queue {
    state: Mutex<UnderWay>,
    changed: Condvar,
}

#[derive(Default)]
struct UnderWay {
    chunks: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// When the end of the stream is due, if it has come.
    end: Option<Instant>,
    /// Nobody wants the rest.
    cut: bool,
}

/// What the sending side has to do next.
enum Due {
    Chunk(Vec<u8>),
    End,
    Cut,
}

impl DelayProxy {
    /// Listens on a free port of 127.0.0.1 and hands connections on to `target`.
    pub(crate) fn start(target: SocketAddr, one_way_delay: Duration) -> Outcome<DelayProxy> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let links = Mutex::default();
        let shared =
            Arc::new(Shared { target, one_way_delay, stopped: AtomicBool::new(false), links });
        let served = Arc::clone(&shared);
        let accepting = Some(std::thread::spawn(move || served.accept(&listener)));
        Ok(DelayProxy { address, shared, accepting })
    }

    /// Where to connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for DelayProxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.accepting.take() {
            let _ = thread.join();
        }
        for link in std::mem::take(&mut *locked(&self.shared.links)) {
            link.cut();
        }
    }
}

impl Shared {
    fn accept(&self, listener: &TcpListener) {
        while let Ok((near, _)) = listener.accept() {
            if self.stopped.load(Ordering::Acquire) {
                return;
            }
            let mut links = locked(&self.links);
            links.retain(|link| !link.threads.iter().all(JoinHandle::is_finished));
            match TcpStream::connect(self.target).and_then(|far| self.link(near, far)) {
                Ok(link) => links.push(link),
                // `near` is closed, which is what the client would see without us.
                Err(error) => eprintln!("ringferry-perf: {}: {error}", self.target),
            }
        }
    }

    fn link(&self, near: TcpStream, far: TcpStream) -> std::io::Result<Link> {
        let queues: [Arc<Queue>; 2] = Default::default();
        let mut threads = Vec::new();
        for (queue, from, to) in [(&queues[0], &near, &far), (&queues[1], &far, &near)] {
            to.set_nodelay(true)?;
            let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
            let (arriving, leaving) = (Arc::clone(queue), Arc::clone(queue));
            let delay = self.one_way_delay;
            threads.push(std::thread::spawn(move || arriving.fill(&mut from, delay)));
            threads.push(std::thread::spawn(move || leaving.empty(&mut to)));
        }
        Ok(Link { sockets: [near, far], queues, threads })
    }
}

impl Link {
    fn cut(self) {
        for queue in &self.queues {
            queue.cut();
        }
        for socket in &self.sockets {
            let _ = socket.shutdown(Shutdown::Both);
        }
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

impl Queue {
    /// Reads to the end, or until nobody wants more.
    fn fill(&self, from: &mut TcpStream, delay: Duration) {
        let mut chunk = vec![0; DELAYED_CHUNK_BYTES];
        // A connection that breaks ends like one that is closed.
        while let Ok(got) = from.read(&mut chunk)
            && got > 0
        {
            let due = Instant::now() + delay;
            let mut state = locked(&self.state);
            while state.bytes > DELAYED_BYTES_MAX && !state.cut {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.cut {
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
            state.bytes += got;
            state.chunks.push_back((due, chunk[..got].to_vec()));
            self.changed.notify_all();
        }
        locked(&self.state).end = Some(Instant::now() + delay);
        self.changed.notify_all();
    }

    /// Sends each chunk when it is due, and then the end.
    fn empty(&self, to: &mut TcpStream) {
        loop {
            match self.next_due() {
                Due::Chunk(chunk) => {
                    if to.write_all(&chunk).is_err() {
                        // The other direction ends by itself: its socket is gone.
                        let _ = to.shutdown(Shutdown::Both);
                        return self.cut();
                    }
                }
                Due::End => {
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                Due::Cut => return,
            }
        }
    }

    fn next_due(&self) -> Due {
        let mut state = locked(&self.state);
        loop {
            if state.cut {
                return Due::Cut;
            }
            let due = state.chunks.front().map(|(due, _)| *due).or(state.end);
            let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
            state = match wait {
                Some(Duration::ZERO) => {
                    let Some((_, chunk)) = state.chunks.pop_front() else { return Due::End };
                    state.bytes -= chunk.len();
                    self.changed.notify_all();
                    return Due::Chunk(chunk);
                }
                Some(wait) => {
                    let waited = self.changed.wait_timeout(state, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn cut(&self) {
        locked(&self.state).cut = true;
        self.changed.notify_all();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(60);

    /// A proxy in front of a listener, and both ends of a connection through it.
    fn connected(delay: Duration) -> (DelayProxy, TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = DelayProxy::start(listener.local_addr().unwrap(), delay).unwrap();
        let near = TcpStream::connect(proxy.address()).unwrap();
        let far = listener.accept().unwrap().0;
        for end in [&near, &far] {
            end.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        }
        (proxy, near, far)
    }

    #[test]
    fn a_byte_takes_the_delay_each_way() {
        let (_proxy, mut near, mut far) = connected(DELAY);
        let start = Instant::now();
        near.write_all(b"a").unwrap();
        far.read_exact(&mut [0]).unwrap();
        assert!(start.elapsed() >= DELAY, "{:?}", start.elapsed());
        far.write_all(b"b").unwrap();
        near.read_exact(&mut [0]).unwrap();
        assert!(start.elapsed() >= 2 * DELAY, "{:?}", start.elapsed());
    }

    #[test]
    fn all_bytes_arrive_in_order_with_their_end_and_the_other_way_stays_open() {
        let (_proxy, near, mut far) = connected(DELAY);
        let sent: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let copy = sent.clone();
        let mut writer = near.try_clone().unwrap();
        let sender = std::thread::spawn(move || {
            writer.write_all(&copy).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut arrived = Vec::new();
        far.read_to_end(&mut arrived).unwrap();
        sender.join().unwrap();
        assert!(arrived == sent, "{} of {} bytes", arrived.len(), sent.len());
        far.write_all(b"late").unwrap();
        drop(far);
        let (mut late, mut near) = (Vec::new(), near);
        near.read_to_end(&mut late).unwrap();
        assert_eq!(late, b"late");
    }

    #[test]
    fn connections_do_not_share_a_queue() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = DelayProxy::start(listener.local_addr().unwrap(), DELAY).unwrap();
        for byte in 0..20 {
            let mut near = TcpStream::connect(proxy.address()).unwrap();
            let mut far = listener.accept().unwrap().0;
            near.write_all(&[byte]).unwrap();
            let mut got = [255];
            far.read_exact(&mut got).unwrap();
            assert_eq!(got, [byte]);
        }
    }

    /// It returns long before the bytes under way are due, though both ends are open.
    #[test]
    fn a_dropped_proxy_cuts_its_connections() {
        let (proxy, mut near, mut far) = connected(Duration::from_secs(60));
        near.write_all(b"never to arrive").unwrap();
        drop(proxy);
        let mut rest = Vec::new();
        let _ = near.read_to_end(&mut rest);
        let _ = far.read_to_end(&mut rest);
        assert_eq!(rest, b"");
        assert!(near.read(&mut [0]).is_ok_and(|got| got == 0));
    }
}
