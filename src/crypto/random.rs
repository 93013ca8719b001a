//! Randomness, injected: nothing here asks the kernel for it.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

/// A source of unpredictable bytes: cookies, padding, ephemeral keys.
pub trait Random: Send {
    /// Fills the whole of `out`.
    fn fill(&mut self, out: &mut [u8]);
}

/// ChaCha20 as a generator, from a seed the caller gets from the kernel (or fixes, in a
/// simulation).
///
/// Chosen over the rand_chacha crate because this one wipes its state when dropped.
pub struct ChaChaRandom(ChaCha20Rng);

impl ChaChaRandom {
    /// A generator whose whole output follows from `seed`.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        ChaChaRandom(ChaCha20Rng::from_seed(*seed))
    }
}

impl Random for ChaChaRandom {
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }
}

impl std::fmt::Debug for ChaChaRandom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChaChaRandom")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The all-zero seed is RFC 8439 A.1 test vector 1: the keystream itself.
    #[test]
    fn zero_seed_is_the_chacha20_keystream() {
        let mut out = [0u8; 16];
        ChaChaRandom::from_seed([0; 32]).fill(&mut out);
        let want = [
            0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86,
            0xbd, 0x28,
        ];
        assert_eq!(out, want);
    }

    #[test]
    fn the_stream_moves_on() {
        let mut random = ChaChaRandom::from_seed([7; 32]);
        let (mut first, mut second) = ([0u8; 32], [0u8; 32]);
        random.fill(&mut first);
        random.fill(&mut second);
        assert_ne!(first, second);
    }
}
