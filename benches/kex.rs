//! What the steps of a login cost: key exchange by method, role and backend, and a whole handshake
//! in memory.
//!
//! `cargo bench --bench kex -- kex/sntrup` runs a part of it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use ringferry::crypto::{Backend, ChaChaRandom, Ed25519Signer, Moduli, Preset, kexes};
use ringferry::ssh::{ClientConfig, Connection, Event, ServerConfig, TransportConfig};

fn seeded(seed: u8) -> ChaChaRandom {
    ChaChaRandom::from_seed([seed; 32])
}

/// The client from its ephemeral key to the secret, and the server. The methods modulo a prime have
/// one backend.
fn kex(criterion: &mut Criterion) {
    for kex in kexes().iter().filter(|kex| !kex.exchanges_group()) {
        let mut group = criterion.benchmark_group(format!("kex/{}", kex.name));
        let one = [Backend::PureRust];
        let modulo = kex.name.starts_with("diffie-hellman");
        let backends = if modulo { &one } else { Backend::built_in() };
        let init = kex.client(&mut seeded(1)).unwrap().init().to_vec();
        let reply = kex.server(&init, &mut seeded(2)).unwrap().0;
        for backend in backends {
            group.bench_function(format!("client/{}", backend.name()), |bencher| {
                bencher.iter(|| {
                    let client = kex.client_with(*backend, &mut seeded(1)).unwrap();
                    client.finish(black_box(&reply)).unwrap()
                });
            });
            let mut random = seeded(3);
            group.bench_function(format!("server/{}", backend.name()), |bencher| {
                bencher.iter(|| kex.server_with(*backend, black_box(&init), &mut random).unwrap());
            });
        }
        group.finish();
    }
}

/// In a group that an exchange has taken place in before.
fn group_exchange(criterion: &mut Criterion) {
    let mut benchmarks = criterion.benchmark_group("kex/diffie-hellman-group-exchange-sha256");
    for bits in [2048, 3072, 4096, 8192] {
        let group = Moduli::default().choose(bits, bits, bits, &mut seeded(1)).unwrap();
        let init = group.client(&mut seeded(1)).unwrap().init().to_vec();
        let mut random = seeded(3);
        benchmarks.bench_function(format!("server/{bits}"), |bencher| {
            bencher.iter(|| group.server(black_box(&init), &mut random).unwrap());
        });
    }
    benchmarks.finish();
}

/// One end of a connection and what has come for it.
struct End {
    connection: Connection,
    inbox: Vec<u8>,
    done: bool,
}

impl End {
    fn new(connection: Connection) -> Self {
        Self { connection, inbox: Vec::new(), done: false }
    }

    fn transmit(&mut self, now: Instant) -> Vec<u8> {
        let mut out = Vec::new();
        self.connection.poll_transmit(now, &mut out);
        out
    }

    fn feed(&mut self, now: Instant, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        loop {
            let handled = self.connection.handle_input(now, &mut self.inbox);
            self.inbox.drain(..handled.consumed);
            match handled.event {
                Some(Event::HostKeyOffered { .. }) => self.connection.handle_host_key(now, true),
                Some(Event::KexDone { .. }) => self.done = true,
                Some(Event::Connected { .. }) => {}
                Some(other) => panic!("{other:?}"),
                None if handled.consumed == 0 => return,
                None => {}
            }
        }
    }
}

/// From the first byte to the first keys, both ends.
fn handshake(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("handshake");
    let transport = TransportConfig {
        host_keys: vec![Arc::new(Ed25519Signer::from_seed([7; 32]))],
        ..TransportConfig::preset(Preset::Compatible)
    };
    let server = Arc::new(ServerConfig::new(transport));
    for kex in kexes() {
        let transport = TransportConfig { kexes: vec![kex.name], ..TransportConfig::default() };
        let client = Arc::new(ClientConfig::new(transport));
        let now = Instant::now();
        group.bench_function(kex.name, |bencher| {
            bencher.iter(|| {
                let random = |seed| Box::new(seeded(seed));
                let mut client = End::new(Connection::client(client.clone(), random(1), now));
                let mut server = End::new(Connection::server(server.clone(), random(2), now));
                while !(client.done && server.done) {
                    let (up, down) = (client.transmit(now), server.transmit(now));
                    assert!(!up.is_empty() || !down.is_empty(), "both ends wait");
                    server.feed(now, &up);
                    client.feed(now, &down);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, kex, group_exchange, handshake);
criterion_main!(benches);
