//! What a packet costs: sealing and opening by cipher, MAC, size and backend; hashes.
//!
//! `cargo bench --bench seal -- seal/aes128` runs a part of it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ringferry::crypto::{Backend, CipherAlgorithm, HashAlgorithm, MacAlgorithm, MacKey, suites};

const SIZES: [usize; 8] = [64, 256, 512, 1 << 10, 2 << 10, 4 << 10, (32 << 10) + 16, 256 << 10];

/// A cipher, and a MAC where it needs one.
#[derive(Clone, Copy)]
struct Suite {
    cipher: &'static CipherAlgorithm,
    mac: Option<&'static MacAlgorithm>,
}

impl Suite {
    fn name(self) -> String {
        let mac = self.mac.map_or(String::new(), |mac| format!("+{}", mac.name));
        format!("{}{mac}", self.cipher.name)
    }

    fn mac_key(self) -> Option<MacKey<'static>> {
        self.mac.map(|algorithm| MacKey { algorithm, key: &[5; 64][..algorithm.key_bytes] })
    }

    /// The body of a packet of about `size` bytes, which the length may count toward.
    fn body(self, size: usize) -> usize {
        if self.cipher.shape(self.mac).length_padded { size - 4 } else { size }
    }

    /// A packet: length, padded body, room for the tag.
    fn packet(self, body: usize) -> Vec<u8> {
        let mut packet = vec![0x5a; 4 + body + self.cipher.shape(self.mac).tag_bytes];
        put_length(&mut packet, body);
        packet
    }
}

fn each() -> impl Iterator<Item = Suite> {
    suites().map(|(cipher, mac)| Suite { cipher, mac })
}

/// Sealing encrypts the length of some ciphers, so every round writes it anew, as the transport
/// does.
fn put_length(packet: &mut [u8], size: usize) {
    packet[..4].copy_from_slice(&u32::try_from(size).unwrap().to_be_bytes());
}

fn key_and_iv(cipher: &CipherAlgorithm) -> (Vec<u8>, Vec<u8>) {
    (vec![7; cipher.key_bytes], vec![9; cipher.iv_bytes])
}

fn seal(criterion: &mut Criterion) {
    for suite in each() {
        let cipher = suite.cipher;
        let mut group = criterion.benchmark_group(format!("seal/{}", suite.name()));
        for backend in cipher.backends() {
            for size in SIZES {
                let (key, iv) = key_and_iv(cipher);
                let mut sealer = cipher.seal_with(*backend, &key, &iv, suite.mac_key()).unwrap();
                let body = suite.body(size);
                let mut packet = suite.packet(body);
                let mut sequence = 0u32;
                group.throughput(Throughput::Bytes(size as u64));
                group.bench_function(BenchmarkId::new(backend.name(), size), |bencher| {
                    bencher.iter(|| {
                        put_length(&mut packet, body);
                        sealer.seal(sequence, black_box(&mut packet)).unwrap();
                        sequence = sequence.wrapping_add(1);
                    });
                });
            }
        }
        group.finish();
    }
}

/// Each packet is sealed for its opening, outside the time taken.
fn open(criterion: &mut Criterion) {
    for suite in each() {
        let cipher = suite.cipher;
        let mut group = criterion.benchmark_group(format!("open/{}", suite.name()));
        for backend in cipher.backends() {
            for size in SIZES {
                let (key, iv) = key_and_iv(cipher);
                let mut sealer = cipher.seal(&key, &iv, suite.mac_key()).unwrap();
                let mut opener = cipher.open_with(*backend, &key, &iv, suite.mac_key()).unwrap();
                let body = suite.body(size);
                let mut packet = suite.packet(body);
                let mut sequence = 0u32;
                group.throughput(Throughput::Bytes(size as u64));
                group.bench_function(BenchmarkId::new(backend.name(), size), |bencher| {
                    bencher.iter_custom(|rounds| {
                        let mut total = Duration::ZERO;
                        for _ in 0..rounds {
                            put_length(&mut packet, body);
                            sealer.seal(sequence, &mut packet).unwrap();
                            let start = Instant::now();
                            let length = opener.packet_length(sequence, &packet).unwrap();
                            opener.open(sequence, black_box(&mut packet)).unwrap();
                            total += start.elapsed();
                            assert_eq!(length as usize, body);
                            sequence = sequence.wrapping_add(1);
                        }
                        total
                    });
                });
            }
        }
        group.finish();
    }
}

fn hash(criterion: &mut Criterion) {
    let data = vec![0x5a; 32 << 10];
    let mut group = criterion.benchmark_group("hash/sha256");
    group.throughput(Throughput::Bytes(data.len() as u64));
    for backend in Backend::built_in() {
        group.bench_function(backend.name(), |bencher| {
            bencher.iter(|| HashAlgorithm::Sha256.digest_with(*backend, &[black_box(&data)]));
        });
    }
    group.finish();
}

criterion_group!(benches, seal, open, hash);
criterion_main!(benches);
