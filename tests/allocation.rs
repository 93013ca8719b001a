//! Memory follows the bytes that have come, never the numbers written in them: whatever a length or
//! a count says, what is allocated at any moment stays below twice the bytes received and 64 KiB.
//!
//! Measured with `allocation-counter`, which counts for one thread, so tests may run side by side.
//! Only our side's work is inside a measurement; the peer's packets are made before it.

#[path = "allocation/channels.rs"]
mod channels;
#[path = "allocation/fields.rs"]
mod fields;
#[path = "allocation/floods.rs"]
mod floods;
#[path = "peer/mod.rs"]
mod peer;
#[path = "allocation/sftp.rs"]
mod sftp;

use peer::Scene;

/// What may be allocated besides twice what has come.
const SLACK_BYTES: u64 = 64 * 1024;

/// Lets our side of `scene` take `packets` and answer, and returns the most bytes that were
/// allocated meanwhile on top of what it held before.
fn peak_bytes(scene: &mut Scene, packets: &[u8]) -> u64 {
    scene.input.reserve_exact(packets.len());
    scene.input.extend_from_slice(packets);
    let mut out = Vec::with_capacity(1 << 20);
    let measured = allocation_counter::measure(|| {
        scene.take_input();
        scene.ours.poll_transmit(scene.now, &mut out);
    });
    measured.bytes_max
}

/// Fails if our side allocates more over `packets` than it should.
fn assert_in_proportion(scene: &mut Scene, packets: &[u8], what: &str) {
    let peak = peak_bytes(scene, packets);
    let limit = 2 * packets.len() as u64 + SLACK_BYTES;
    assert!(peak <= limit, "{what}: {peak} bytes for {} received", packets.len());
}

/// 0, the powers of two with their neighbours below, and 2^32 - 1.
fn telling_numbers() -> impl Iterator<Item = u32> {
    (0..32).flat_map(|bit| [(1u32 << bit) - 1, 1 << bit]).chain([u32::MAX])
}

/// A measurement that sees nothing would let everything pass.
#[test]
fn the_counter_counts() {
    let measured = allocation_counter::measure(|| {
        std::hint::black_box(Vec::<u8>::with_capacity((64 << 10) + 1));
    });
    assert!(measured.bytes_max > SLACK_BYTES, "{measured:?}");
}
