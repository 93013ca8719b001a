//! What one message through the loop costs: the reactor against tokio-uring and tokio.
//!
//! An echo of 64 bytes over loopback TCP. The server runs on one thread, on each runtime in turn;
//! its peer is a plain thread with blocking calls that keeps one message on its way on each of 1 or
//! 64 connections. The first figure is the CPU time of the server's thread for a round trip, which
//! is the loop's own price and the kernel's; sockets never reach a worker thread of the ring's.
//! Rounds are interleaved, so that a busy minute of the machine meets every server. The choice of a
//! reactor of our own rests on this table.
//!
//! `cargo bench --bench reactor`; `-- tokio` runs the servers whose names hold that.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use ringferry::reactor::{
    BufferPool, Done, DriverChoice, Op, PoolLimits, Reactor, ReactorLimits, Socket, Token,
};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_uring::buf::BoundedBuf;

const MESSAGE_BYTES: usize = 64;
/// What every server receives into.
const BUFFER_BYTES: usize = 4096;
/// Connections, and how many round trips are measured over all of them.
const LOADS: [(usize, u32); 2] = [(1, 40_000), (64, 200_000)];
/// Interleaved rounds of every server.
const ROUNDS: usize = 9;
/// A part of a round that is not measured: connections start, memory is touched, clocks speed up.
const WARM_UP_SHARE: u32 = 10;

/// Serves the connections until their peers have closed them.
type Serve = fn(Vec<TcpStream>, &Arc<Meter>);

const SERVERS: [(&str, Serve); 4] = [
    ("ringferry, ring", |streams, meter| on_reactor(DriverChoice::Ring, streams, meter)),
    ("ringferry, poll", |streams, meter| on_reactor(DriverChoice::Poll, streams, meter)),
    ("tokio-uring 0.5", on_tokio_uring),
    ("tokio, one thread", on_tokio),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // As criterion has it: without --bench this is a test, and once through is enough.
    let measures = words.iter().any(|word| word == "--bench");
    let (rounds, divisor) = if measures { (ROUNDS, 1) } else { (1, 100) };
    let wanted = |name: &str| {
        let mut names = words.iter().filter(|word| !word.starts_with('-')).peekable();
        names.peek().is_none() || names.any(|word| name.contains(word.as_str()))
    };
    let servers: Vec<_> = SERVERS.into_iter().filter(|(name, _)| wanted(name)).collect();

    println!("echo of {MESSAGE_BYTES} bytes over loopback, {rounds} interleaved rounds:");
    println!("median (least .. most)\n");
    println!("{:18} {:>11}  {:>25}  {:>28}", "", "connections", "server CPU us", "round trips/s");
    for (connections, round_trips) in LOADS {
        let mut samples = vec![Vec::new(); servers.len()];
        for round in 0..rounds {
            // Another one begins each time: the place in the row is nobody's advantage.
            for step in 0..servers.len() {
                let index = (round + step) % servers.len();
                samples[index].push(measure(servers[index].1, connections, round_trips / divisor));
            }
        }
        for ((name, _), samples) in servers.iter().zip(&samples) {
            let cpu = spread(samples.iter().map(|sample| sample.cpu_micros), 1);
            let rate = spread(samples.iter().map(|sample| sample.per_second), 0);
            println!("{name:18} {connections:>11}  {cpu:>25}  {rate:>28}");
        }
    }
}

#[derive(Clone, Copy)]
struct Sample {
    /// CPU time of the server's thread for a round trip.
    cpu_micros: f64,
    per_second: f64,
}

/// Median, least and most.
fn spread(values: impl Iterator<Item = f64>, digits: usize) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let (least, most) = (values[0], values[values.len() - 1]);
    let median = values[values.len() / 2];
    format!("{median:.digits$} ({least:.digits$} .. {most:.digits$})")
}

fn measure(serve: Serve, connections: usize, round_trips: u32) -> Sample {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut peers = Vec::new();
    let mut streams = Vec::new();
    for _ in 0..connections {
        peers.push(TcpStream::connect(address).unwrap());
        streams.push(listener.accept().unwrap().0);
    }
    for stream in peers.iter().chain(&streams) {
        stream.set_nodelay(true).unwrap();
    }
    let warm_up = round_trips / WARM_UP_SHARE;
    let server = thread::spawn(move || {
        let meter = Arc::new(Meter::new(warm_up));
        serve(streams, &meter);
        meter.read()
    });
    let passed = converse(peers, warm_up, round_trips);
    let (cpu, counted) = server.join().unwrap();
    assert!(counted >= u64::from(round_trips), "the server saw {counted} of {round_trips}");
    Sample {
        cpu_micros: cpu.as_secs_f64() * 1e6 / counted as f64,
        per_second: f64::from(round_trips) / passed.as_secs_f64(),
    }
}

/// Keeps one message on its way on each connection until `warm_up` and then `round_trips` have come
/// back; how long the latter took.
fn converse(peers: Vec<TcpStream>, warm_up: u32, round_trips: u32) -> Duration {
    let mut peers = VecDeque::from(peers);
    let (mut sent, mut back) = (0_u32, 0_u32);
    let mut say = |peer: &mut TcpStream| {
        peer.write_all(&message(sent)).unwrap();
        sent += 1;
    };
    peers.iter_mut().for_each(&mut say);
    let mut started = Instant::now();
    while back < warm_up + round_trips {
        if back == warm_up {
            started = Instant::now();
        }
        // They take turns, so what comes back is in the order it was sent.
        let mut peer = peers.pop_front().unwrap();
        let mut echo = [0; MESSAGE_BYTES];
        peer.read_exact(&mut echo).unwrap();
        assert_eq!(echo, message(back), "another message came back");
        back += 1;
        say(&mut peer);
        peers.push_back(peer);
    }
    let passed = started.elapsed();
    for mut peer in peers {
        peer.read_exact(&mut [0; MESSAGE_BYTES]).unwrap();
    }
    passed
}

fn message(number: u32) -> [u8; MESSAGE_BYTES] {
    let mut message = [0x5a; MESSAGE_BYTES];
    message[..4].copy_from_slice(&number.to_be_bytes());
    message
}

/// Counts round trips, and from the end of the warm-up on the CPU time of the thread it is used on.
/// Of atomics, which tokio's tasks ask for; one thread uses them.
struct Meter {
    warm_up: u64,
    seen: AtomicU64,
    started_nanos: AtomicU64,
}

impl Meter {
    fn new(warm_up: u32) -> Self {
        let (seen, started_nanos) = (AtomicU64::new(0), AtomicU64::new(thread_cpu_nanos()));
        Self { warm_up: warm_up.into(), seen, started_nanos }
    }

    /// A message has been answered.
    fn count(&self) {
        let seen = self.seen.load(Relaxed) + 1;
        self.seen.store(seen, Relaxed);
        if seen == self.warm_up {
            self.started_nanos.store(thread_cpu_nanos(), Relaxed);
        }
    }

    /// What was used after the warm-up, and the round trips that were made in it.
    fn read(&self) -> (Duration, u64) {
        let used = thread_cpu_nanos() - self.started_nanos.load(Relaxed);
        (Duration::from_nanos(used), self.seen.load(Relaxed) - self.warm_up)
    }
}

fn thread_cpu_nanos() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap().as_nanos().try_into().unwrap()
}

fn on_reactor(choice: DriverChoice, streams: Vec<TcpStream>, meter: &Arc<Meter>) {
    let mut reactor = Reactor::new(choice, &ReactorLimits::default()).unwrap();
    let pool = BufferPool::new(PoolLimits { small_bytes: BUFFER_BYTES, ..PoolLimits::default() });
    let sockets: Vec<Socket> = streams.into_iter().map(|own| Arc::new(own.into())).collect();
    let receive = |socket: &Socket, poll_first| {
        let (socket, buffer) = (Arc::clone(socket), pool.small().unwrap());
        let range = 0..buffer.len();
        Op::Recv { socket, buffer, range, poll_first }
    };
    for (token, socket) in sockets.iter().enumerate() {
        reactor.submit(Token(token as u64), receive(socket, true));
    }
    let mut open = sockets.len();
    let mut completions = Vec::new();
    while open > 0 {
        reactor.wait(None, &mut completions).unwrap();
        for completion in completions.drain(..) {
            let token = completion.token;
            let socket = &sockets[usize::try_from(token.0).unwrap()];
            match completion.done {
                Done::Received { result: Ok(0), .. } => open -= 1,
                Done::Received { buffer, result, .. } => {
                    let (socket, range) = (Arc::clone(socket), 0..result.unwrap());
                    reactor.submit(token, Op::Send { socket, buffer, range, patient: false });
                }
                Done::Sent { result, .. } => {
                    result.unwrap();
                    meter.count();
                    reactor.submit(token, receive(socket, true));
                }
                other => panic!("not asked for: {other:?}"),
            }
        }
    }
}

fn on_tokio_uring(streams: Vec<TcpStream>, meter: &Arc<Meter>) {
    async fn echo(stream: tokio_uring::net::TcpStream, meter: Arc<Meter>) {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let (result, back) = stream.read(buffer).await;
            let count = result.unwrap();
            if count == 0 {
                return;
            }
            let (result, slice) = stream.write_all(back.slice(..count)).await;
            result.unwrap();
            buffer = slice.into_inner();
            meter.count();
        }
    }
    tokio_uring::start(async {
        let echo = |stream| {
            let stream = tokio_uring::net::TcpStream::from_std(stream);
            tokio_uring::spawn(echo(stream, Arc::clone(meter)))
        };
        for task in streams.into_iter().map(echo).collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}

fn on_tokio(streams: Vec<TcpStream>, meter: &Arc<Meter>) {
    async fn echo(mut stream: tokio::net::TcpStream, meter: Arc<Meter>) {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = stream.read(&mut buffer).await.unwrap();
            if count == 0 {
                return;
            }
            stream.write_all(&buffer[..count]).await.unwrap();
            meter.count();
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let echo = |stream: TcpStream| {
            stream.set_nonblocking(true).unwrap();
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            tokio::spawn(echo(stream, Arc::clone(meter)))
        };
        for task in streams.into_iter().map(echo).collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
}
