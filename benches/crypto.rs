//! What the steps of a login cost.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ringferry::crypto::{Backend, ChaChaRandom, Ed25519Signer, Signer, kexes, verify_with};

fn login(criterion: &mut Criterion) {
    let mut random = ChaChaRandom::from_seed([1; 32]);
    let mut group = criterion.benchmark_group("login");
    for kex in kexes() {
        let init = kex.client(&mut random).unwrap().init().to_vec();
        for backend in Backend::built_in() {
            group.bench_function(format!("{}/server/{}", kex.name, backend.name()), |bencher| {
                bencher.iter(|| kex.server_with(*backend, black_box(&init), &mut random).unwrap());
            });
        }
    }
    let signer = Ed25519Signer::from_seed([3; 32]);
    let data = [0x5a; 256];
    let algorithm = signer.algorithms()[0];
    group.bench_function("ssh-ed25519/sign", |bencher| {
        bencher.iter(|| signer.sign(algorithm, black_box(&data)).unwrap());
    });
    let signature = signer.sign(algorithm, &data).unwrap();
    for backend in Backend::built_in() {
        group.bench_function(format!("ssh-ed25519/verify/{}", backend.name()), |bencher| {
            bencher.iter(|| {
                verify_with(*backend, signer.public_blob(), algorithm, &data, &signature).unwrap()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, login);
criterion_main!(benches);
