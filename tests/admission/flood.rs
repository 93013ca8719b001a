//! Slow connections and a flood of handshakes, while others upload: these must not notice.
//!
//! At full size with `RINGFERRY_TEST_LARGE=1 cargo test --test admission -- flood
//! --nocapture`: 5,000 slow connections, 100 clients that upload ten times each, and as many
//! handshakes as 64 threads can ask for, which is told as a multiple of what the server can do.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::support::client::Running;
use crate::support::files::{Scratch, assert_same_bytes, write_random};
use crate::support::server::Server;
use crate::support::wire::plain_packet;
use crate::support::{SOON, is_large};
use crate::{connect_from, start, try_connect_from};

/// Memory that the server may hold for a connection that nobody has logged in on.
const STRANGER_BYTES_MAX: u64 = 64 * 1024;
/// Slow connections from one address; the server lets in twice as many.
const SLOW_PER_SOURCE: usize = 10;
/// How late a slow connection may be closed, on two cores that flooder, 100 clients and the server
/// share: 1 to 4 seconds mostly, 7.4 once. One that is not closed for its lateness stays for ever.
const LATENESS_MAX: Duration = Duration::from_secs(15);

struct Size {
    slow: usize,
    clients: usize,
    uploads_each: usize,
    upload_bytes: u64,
    /// Seconds until slow connections are closed.
    grace: u64,
    flood_threads: usize,
    /// Addresses the flood comes from.
    flood_sources: usize,
    patience: Duration,
}

fn size() -> Size {
    if is_large() {
        Size {
            slow: 5000,
            clients: 100,
            uploads_each: 10,
            upload_bytes: 1 << 20,
            grace: 60,
            flood_threads: 64,
            flood_sources: 16,
            patience: Duration::from_secs(300),
        }
    } else {
        Size {
            slow: 300,
            clients: 6,
            uploads_each: 2,
            upload_bytes: 256 << 10,
            grace: 8,
            flood_threads: 4,
            flood_sources: 8,
            patience: 3 * SOON,
        }
    }
}

/// A key exchange as far as it costs the server something and its client nothing: two powers of
/// 4096 bits for a client that has chosen 1 as its secret number.
fn handshake() -> Vec<u8> {
    let mut kexinit = vec![20];
    kexinit.extend([7; 16]);
    let lists = [
        "diffie-hellman-group16-sha512",
        "ssh-ed25519",
        "aes128-gcm@openssh.com",
        "aes128-gcm@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-256",
        "none",
        "none",
        "",
        "",
    ];
    for list in lists {
        kexinit.extend(u32::try_from(list.len()).expect("short").to_be_bytes());
        kexinit.extend(list.as_bytes());
    }
    kexinit.extend([0; 5]);
    let init = [30, 0, 0, 0, 1, 2];
    [b"SSH-2.0-flood\r\n".to_vec(), plain_packet(&kexinit), plain_packet(&init)].concat()
}

/// What a flood has come to.
#[derive(Default)]
struct Flood {
    over: AtomicBool,
    attempts: AtomicU64,
    /// Those that the server has signed something for.
    exchanged: AtomicU64,
}

impl Flood {
    /// Exchanges keys with the server again and again, and goes, until it is over.
    fn run(&self, server: SocketAddr, thread: usize, sources: usize) {
        let packets = handshake();
        for turn in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let source = format!("127.2.0.{}", 1 + (thread * 7 + turn) % sources);
            self.attempts.fetch_add(1, Ordering::Relaxed);
            let Ok(mut stream) = try_connect_from(&source, server) else { continue };
            let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
            let _ = stream.write_all(&packets);
            let mut said = Vec::new();
            let mut part = [0; 4096];
            // KEXINIT, KEXDH_REPLY and NEWKEYS, of which the last is 16 bytes with number 21.
            while let Ok(got @ 1..) = stream.read(&mut part) {
                said.extend_from_slice(&part[..got]);
                if said.get(said.len().wrapping_sub(16)..).is_some_and(|last| last[5] == 21) {
                    self.exchanged.fetch_add(1, Ordering::Relaxed);
                    break;
                }
            }
        }
    }

    fn numbers(&self) -> (u64, u64) {
        (self.attempts.load(Ordering::Relaxed), self.exchanged.load(Ordering::Relaxed))
    }
}

/// Key exchanges a second that the server does when it is asked for nothing else and refuses none.
fn capacity(size: &Size) -> Option<f64> {
    let scratch = Scratch::new();
    let settings =
        [("per_source_penalties", "no"), ("log_level", "error"), ("algorithms", "compatible")];
    let server = start(&scratch, &settings)?;
    let flood = Flood::default();
    let time = Duration::from_secs(2);
    std::thread::scope(|scope| {
        for thread in 0..size.flood_threads {
            let flood = &flood;
            scope.spawn(move || flood.run(server.address, thread, size.flood_sources));
        }
        std::thread::sleep(time);
        flood.over.store(true, Ordering::Relaxed);
    });
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    Some(flood.numbers().1 as f64 / time.as_secs_f64())
}

/// One that says nothing, or stops in the middle, or sends a byte now and then.
struct Slow {
    stream: TcpStream,
    begun: Instant,
    closed: Option<Instant>,
    drips: Vec<u8>,
}

fn connect_slowly(count: usize, server: SocketAddr) -> Vec<Slow> {
    let packets = handshake();
    let one = |number: usize| {
        let source = number / SLOW_PER_SOURCE;
        let begun = Instant::now();
        let mut stream =
            connect_from(&format!("127.1.{}.{}", source / 250, source % 250 + 1), server);
        stream.set_nonblocking(true).expect("O_NONBLOCK");
        let mut drips = Vec::new();
        match number % 3 {
            0 => {}
            1 => stream.write_all(b"SSH-2.0-slow\r\n").expect("sent"),
            _ => {
                stream.write_all(&packets[..40]).expect("sent");
                drips = packets[40..].iter().rev().copied().collect();
            }
        }
        Slow { stream, begun, closed: None, drips }
    };
    (0..count).map(one).collect()
}

/// Waits until the server has closed all of them.
fn outlast(slow: &mut [Slow], until: Instant) {
    let mut dripped = Instant::now();
    while slow.iter().any(|one| one.closed.is_none()) {
        assert!(Instant::now() < until, "some are never closed");
        let open: Vec<usize> = (0..slow.len()).filter(|at| slow[*at].closed.is_none()).collect();
        let ready: Vec<usize> = {
            let mut fds: Vec<PollFd<'_>> =
                open.iter().map(|at| PollFd::new(&slow[*at].stream, PollFlags::IN)).collect();
            let pause = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
            poll(&mut fds, Some(&pause)).expect("poll");
            let said = open.iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
            said.map(|(at, _)| *at).collect()
        };
        for at in ready {
            let mut part = [0; 4096];
            match slow[at].stream.read(&mut part) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => slow[at].closed = Some(Instant::now()),
            }
        }
        if dripped.elapsed() > Duration::from_secs(1) {
            dripped = Instant::now();
            // Not all of it: it must not come to an exchange.
            for one in slow.iter_mut().filter(|one| one.drips.len() > 60) {
                if let Some(byte) = one.drips.pop() {
                    let _ = one.stream.write_all(&[byte]);
                }
            }
        }
    }
}

/// Uploads of one client, one after the other; how many succeeded.
fn upload(server: &Server, scratch: &Scratch, client: usize, size: &Size) -> usize {
    let bind = format!("BindAddress=127.3.0.{}", client % 200 + 1);
    let attempt = |number: &usize| {
        let name = format!("honest-{client}-{number}");
        let batch = format!("put {} /{name}\n", scratch.path("source").display());
        let done = Running::start(server.sftp_command(&["-o", &bind]), &batch).wait(size.patience);
        if done.code != Some(0) {
            eprintln!("{name}: {}", done.output());
            return false;
        }
        assert_same_bytes(&scratch.path("source"), &scratch.served(&name));
        true
    };
    (0..size.uploads_each).filter(attempt).count()
}

fn raise_descriptors(wanted: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|most| most < wanted) {
        limit.current = limit.maximum;
        setrlimit(Resource::Nofile, limit).expect("raise the limit of open files");
    }
}

#[test]
fn uploads_go_on_through_slow_connections_and_a_flood() {
    let size = size();
    raise_descriptors(size.slow as u64 + 1000);
    let Some(capacity) = capacity(&size) else { return };
    let scratch = Scratch::new();
    write_random(&scratch.path("source"), size.upload_bytes, 1);
    let grace = size.grace.to_string();
    let settings = [
        ("max_connections", "12000"),
        ("max_startups", "10000:30:12000"),
        ("per_source_max_startups", "20"),
        ("per_source_penalty_exempt_list", ""),
        ("login_grace_time", &grace),
        ("ident_timeout", "3600"),
        ("kex_timeout", "3600"),
        ("algorithms", "compatible"),
    ];
    let Some(server) = start(&scratch, &settings) else { return };
    // What a server needs once does not count.
    server.sftp(&[], "ls /\n", SOON).expect_success();
    let before = server.memory_kib("VmRSS");
    let mut slow = connect_slowly(size.slow, server.address);
    let last = Instant::now();
    let told = server.log.wait_line(size.patience, |_| {
        server.signal(rustix::process::Signal::USR1);
        std::thread::sleep(Duration::from_millis(50));
        server.log.numbers("startups").last().is_some_and(|count| *count == size.slow as u64)
    });
    assert!(!told.is_empty());
    let each = server.memory_kib("VmRSS").saturating_sub(before) * 1024 / size.slow as u64;
    eprintln!("{} bytes of memory for each of {} slow connections", each, size.slow);
    assert!(each <= STRANGER_BYTES_MAX, "{each} bytes");

    let flood = Flood::default();
    let flooded = Instant::now();
    let uploaded: usize = std::thread::scope(|scope| {
        let (flood, server, scratch, size) = (&flood, &server, &scratch, &size);
        for thread in 0..size.flood_threads {
            scope.spawn(move || flood.run(server.address, thread, size.flood_sources));
        }
        let uploads = |client| scope.spawn(move || upload(server, scratch, client, size));
        let clients: Vec<_> = (0..size.clients).map(uploads).collect();
        outlast(&mut slow, last + Duration::from_secs(size.grace) + 2 * LATENESS_MAX);
        let uploaded = clients.into_iter().map(|client| client.join().expect("a client")).sum();
        flood.over.store(true, Ordering::Relaxed);
        uploaded
    });
    let (attempts, exchanged) = flood.numbers();
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let rate = attempts as f64 / flooded.elapsed().as_secs_f64();
    eprintln!(
        "flood: {rate:.0} attempts a second, {:.1} times the {capacity:.0} key exchanges that the \
         server can do; {exchanged} of {attempts} were done",
        rate / capacity
    );
    let wanted = size.clients * size.uploads_each;
    eprintln!("uploads: {uploaded} of {wanted}");
    assert!(uploaded * 1000 >= wanted * 999, "{uploaded} of {wanted} uploads");
    let deadline = Duration::from_secs(size.grace);
    let lasted = slow.iter().map(|one| one.closed.unwrap_or(last) - one.begun);
    let (least, most) = (lasted.clone().min().expect("some"), lasted.max().expect("some"));
    eprintln!("slow connections lasted {least:?} to {most:?} of {deadline:?}");
    assert!(least >= deadline, "one was closed after {least:?}");
    assert!(most <= deadline + LATENESS_MAX, "one was closed after {most:?}");
    assert!(exchanged * 2 < attempts, "most of the flood is turned away at the door");
}
