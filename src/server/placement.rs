//! Which shard serves a new connection.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::statistics::ShardStatistics;

/// How busy one shard is. Written by that shard and by placement, read by whoever places.
#[derive(Default)]
pub(super) struct Load {
    /// It is there for when all others move bytes.
    spare: bool,
    connections: AtomicUsize,
    bytes_a_second: AtomicU64,
    busy_percent: AtomicU64,
    trains_sealed_elsewhere: AtomicU64,
}

impl Load {
    pub(super) fn of_spare() -> Self {
        Self { spare: true, ..Self::default() }
    }

    /// A connection was given to the shard; counted at once so that a burst spreads.
    pub(super) fn add_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove_connection(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// What the shard did of late: bytes moved, and hundredths of its time that it was at work.
    pub(super) fn set_work(&self, bytes_a_second: u64, busy_percent: u64) {
        self.bytes_a_second.store(bytes_a_second, Ordering::Relaxed);
        self.busy_percent.store(busy_percent, Ordering::Relaxed);
    }

    pub(super) fn set_trains_sealed_elsewhere(&self, trains: u64) {
        self.trains_sealed_elsewhere.store(trains, Ordering::Relaxed);
    }

    /// Whether the shard said last that it moved bytes.
    pub(super) fn moves_bytes(&self) -> bool {
        self.bytes_a_second.load(Ordering::Relaxed) > 0
    }

    /// A look at all of it.
    pub(super) fn seen(&self) -> ShardStatistics {
        ShardStatistics {
            spare: self.spare,
            connections: self.connections(),
            bytes_a_second: self.bytes_a_second.load(Ordering::Relaxed),
            busy_percent: self.busy_percent.load(Ordering::Relaxed),
            trains_sealed_elsewhere: self.trains_sealed_elsewhere.load(Ordering::Relaxed),
        }
    }

    /// Bytes moving first, in steps of 16 MiB/s so that a trickle does not outweigh a connection;
    /// then connections, but the spare shard only when all others move bytes.
    fn weight(&self) -> (u64, bool, usize) {
        let bytes = self.bytes_a_second.load(Ordering::Relaxed);
        (bytes >> 24, self.spare, self.connections())
    }
}

/// The least loaded shard. Two bulk transfers must not meet on one core while another idles, which
/// a hash of the address cannot promise.
pub(super) fn choose<'a>(loads: impl IntoIterator<Item = &'a Load>) -> usize {
    loads
        .into_iter()
        .enumerate()
        .min_by_key(|(_, load)| load.weight())
        .map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_connections_spreads_evenly() {
        let loads: [Load; 3] = Default::default();
        for _ in 0..30 {
            loads[choose(&loads)].add_connection();
        }
        assert!(loads.iter().all(|load| load.connections() == 10));
    }

    #[test]
    fn a_shard_that_moves_bytes_is_spared_even_with_fewer_connections() {
        let loads: [Load; 2] = Default::default();
        loads[0].add_connection();
        loads[0].set_work(500 << 20, 90);
        (0..5).for_each(|_| loads[1].add_connection());
        assert_eq!(choose(&loads), 1);
        loads[0].set_work(1 << 20, 1);
        assert_eq!(choose(&loads), 0);
    }

    #[test]
    fn the_spare_shard_is_for_when_all_others_move_bytes() {
        let loads = [Load::default(), Load::default(), Load::of_spare()];
        for _ in 0..10 {
            loads[choose(&loads)].add_connection();
        }
        assert_eq!(loads[2].connections(), 0);
        loads[0].set_work(500 << 20, 90);
        assert_eq!(choose(&loads), 1);
        loads[1].set_work(500 << 20, 90);
        assert_eq!(choose(&loads), 2);
        // Moving as much as the others it is no better than they.
        loads[2].set_work(500 << 20, 90);
        assert_eq!(choose(&loads), 0);
    }
}
