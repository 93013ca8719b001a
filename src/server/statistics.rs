//! What the shards are doing, for whoever runs the server.

use std::sync::Arc;

use super::admission::{AdmissionStatistics, Gate};
use super::placement::Load;

/// One shard, of late.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ShardStatistics {
    /// It takes connections only while all others move bytes.
    pub spare: bool,
    /// Connections it serves.
    pub connections: usize,
    /// Bytes it moved a second, both ways, over the last tenth of a second that it moved any.
    pub bytes_a_second: u64,
    /// Hundredths of that time that it was at work.
    pub busy_percent: u64,
    /// Trains it sent to other cores to be sealed, since it started.
    pub trains_sealed_elsewhere: u64,
}

/// A view of all shards and of the door; cheap to clone, and to look at from any thread.
#[derive(Clone)]
pub struct Statistics {
    loads: Arc<[Arc<Load>]>,
    gate: Arc<Gate>,
}

impl Statistics {
    pub(super) fn new(loads: &[Arc<Load>], gate: &Arc<Gate>) -> Self {
        Self { loads: loads.into(), gate: Arc::clone(gate) }
    }

    /// Every shard, by its number.
    #[must_use]
    pub fn shards(&self) -> Vec<ShardStatistics> {
        self.loads.iter().map(|load| load.seen()).collect()
    }

    /// Who was turned away, and who is held off.
    #[must_use]
    pub fn admission(&self) -> AdmissionStatistics {
        self.gate.statistics()
    }
}

/// How unevenly work lies on `shards`: how much busier the busiest is than the least busy one, in
/// hundredths of a core. 0 with one shard; the spare one does not count, it is to be idle.
#[must_use]
pub fn imbalance_percent(shards: &[ShardStatistics]) -> u64 {
    let busy = || shards.iter().filter(|shard| !shard.spare).map(|shard| shard.busy_percent);
    busy().max().unwrap_or(0) - busy().min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imbalance_is_between_the_most_and_the_least_busy() {
        let of = |busy: &[u64]| {
            let shard = |&busy_percent| ShardStatistics { busy_percent, ..Default::default() };
            imbalance_percent(&busy.iter().map(shard).collect::<Vec<_>>())
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[70]), 0);
        assert_eq!(of(&[70, 95, 20]), 75);
        let spare = ShardStatistics { spare: true, ..Default::default() };
        let busy = ShardStatistics { busy_percent: 60, ..Default::default() };
        assert_eq!(imbalance_percent(&[busy, busy, spare]), 0);
    }
}
