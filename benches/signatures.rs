//! What signatures cost: signing and verifying by algorithm and, where both have it, backend.
//!
//! `cargo bench --bench signatures -- verify` runs a part of it.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use ringferry::crypto::{Backend, Signer, read_private_key, verify_with};

const KEY_FILES: &str = include_str!("../tests/fixtures/crypto/key_files.txt");

/// A key exchange signs a hash, a login a little more.
const DATA: [u8; 256] = [0x5a; 256];

/// The fixtures' keys in OpenSSH's own format, one of a type, with their names.
fn keys() -> Vec<(&'static str, Arc<dyn Signer>)> {
    let files = KEY_FILES.split("=== ").filter_map(|entry| {
        let (head, text) = entry.split_once('\n')?;
        let name = head.strip_suffix(" openssh").filter(|name| !name.contains('-'))?;
        Some((name, read_private_key(text, None).unwrap()))
    });
    files.collect()
}

fn sign(criterion: &mut Criterion) {
    for (name, key) in keys() {
        for algorithm in key.algorithms() {
            criterion.bench_function(&format!("sign/{name}/{algorithm}"), |bencher| {
                bencher.iter(|| key.sign(algorithm, black_box(&DATA)).unwrap());
            });
        }
    }
}

fn verify(criterion: &mut Criterion) {
    for (name, key) in keys() {
        for algorithm in key.algorithms() {
            let signature = key.sign(algorithm, &DATA).unwrap();
            for backend in Backend::built_in() {
                let bench = format!("verify/{name}/{algorithm}/{}", backend.name());
                criterion.bench_function(&bench, |bencher| {
                    bencher.iter(|| {
                        let blob = key.public_blob();
                        verify_with(*backend, blob, algorithm, black_box(&DATA), &signature)
                            .unwrap();
                    });
                });
            }
        }
    }
}

criterion_group!(benches, sign, verify);
criterion_main!(benches);
