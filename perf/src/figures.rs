//! What a sample yields, by name. A figure knows how it is printed and nothing of where it came
//! from.

use crate::measure::{Cpu, Peak};

/// One kind of figure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Figure {
    Wall,
    MbPerS,
    CpuPerGib,
    CpuPer1000,
    /// Latency in milliseconds that half of the requests stay below.
    P50,
    /// The same of 99 in 100.
    P99,
    /// Proportional memory a session.
    PssPerSession,
    /// Memory a session with the kernel's share, where a control group counts it.
    CgroupPerSession,
    Rss,
    Pss,
    CpuUser,
    CpuSystem,
}

impl Figure {
    /// In the order of the columns of raw.csv.
    pub(crate) const ALL: &[Figure] = &[
        Figure::Wall,
        Figure::MbPerS,
        Figure::CpuUser,
        Figure::CpuSystem,
        Figure::CpuPerGib,
        Figure::CpuPer1000,
        Figure::P50,
        Figure::P99,
        Figure::PssPerSession,
        Figure::CgroupPerSession,
        Figure::Rss,
        Figure::Pss,
    ];

    /// The head of its column in a table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Figure::Wall => "wall s",
            Figure::MbPerS => "MB/s",
            Figure::CpuPerGib => "server CPU s/GiB",
            Figure::CpuPer1000 => "server CPU s/1,000",
            Figure::P50 => "p50 ms",
            Figure::P99 => "p99 ms",
            Figure::PssPerSession => "KiB/session (PSS)",
            Figure::CgroupPerSession => "KiB/session (cgroup)",
            Figure::Rss => "RSS MiB",
            Figure::Pss => "PSS MiB",
            Figure::CpuUser => "server CPU s, user",
            Figure::CpuSystem => "server CPU s, system",
        }
    }

    /// The name of its column in raw.csv.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Figure::Wall => "wall_s",
            Figure::MbPerS => "mb_per_s",
            Figure::CpuPerGib => "cpu_s_per_gib",
            Figure::CpuPer1000 => "cpu_s_per_1000",
            Figure::P50 => "p50_ms",
            Figure::P99 => "p99_ms",
            Figure::PssPerSession => "pss_kib_per_session",
            Figure::CgroupPerSession => "cgroup_kib_per_session",
            Figure::Rss => "rss_peak_mib",
            Figure::Pss => "pss_peak_mib",
            Figure::CpuUser => "cpu_user_s",
            Figure::CpuSystem => "cpu_system_s",
        }
    }

    /// Digits after the point.
    pub(crate) fn digits(self) -> usize {
        match self {
            Figure::MbPerS => 0,
            Figure::Rss | Figure::Pss => 1,
            Figure::PssPerSession | Figure::CgroupPerSession => 1,
            Figure::Wall => 2,
            _ => 3,
        }
    }

    pub(crate) fn more_is_better(self) -> bool {
        self == Figure::MbPerS
    }

    /// Of a peak the highest of all rounds is what counts, of the rest the median.
    pub(crate) fn is_peak(self) -> bool {
        matches!(self, Figure::Rss | Figure::Pss)
    }
}

/// The figures of one sample.
#[derive(Clone, Default, Debug, PartialEq)]
pub(crate) struct Figures(Vec<(Figure, f64)>);

impl Figures {
    /// A figure that is there already takes the new value.
    pub(crate) fn set(&mut self, figure: Figure, value: f64) {
        self.0.retain(|(kind, _)| *kind != figure);
        self.0.push((figure, value));
    }

    pub(crate) fn get(&self, figure: Figure) -> Option<f64> {
        self.0.iter().find(|(kind, _)| *kind == figure).map(|(_, value)| *value)
    }

    /// What every measured stretch of time has: wall time, CPU time and peak memory.
    #[expect(clippy::cast_precision_loss, reason = "KiB of a machine stay far below 2^52")]
    pub(crate) fn of(wall_s: f64, cpu: Cpu, peak: Peak) -> Figures {
        let mut figures = Figures::default();
        figures.set(Figure::Wall, wall_s);
        figures.set(Figure::CpuUser, cpu.user_s);
        figures.set(Figure::CpuSystem, cpu.system_s);
        figures.set(Figure::Rss, peak.rss_kib as f64 / 1024.0);
        figures.set(Figure::Pss, peak.pss_kib as f64 / 1024.0);
        figures
    }

    fn cpu_s(&self) -> f64 {
        let part = |figure| self.get(figure).unwrap_or(0.0);
        part(Figure::CpuUser) + part(Figure::CpuSystem)
    }

    /// Adds the figures of a transfer of so many bytes.
    #[expect(clippy::cast_precision_loss, reason = "bytes of a run stay far below 2^52")]
    pub(crate) fn with_bytes(mut self, bytes: u64) -> Figures {
        let (bytes, cpu_s) = (bytes as f64, self.cpu_s());
        if let Some(wall_s) = self.get(Figure::Wall) {
            self.set(Figure::MbPerS, bytes / 1e6 / wall_s);
        }
        self.set(Figure::CpuPerGib, cpu_s / (bytes / f64::from(1 << 30)));
        self
    }

    /// Adds the figure of so many operations.
    pub(crate) fn with_operations(mut self, count: u32) -> Figures {
        let cpu_s = self.cpu_s();
        self.set(Figure::CpuPer1000, cpu_s / (f64::from(count) / 1000.0));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_from_time_and_amount() {
        let cpu = Cpu { user_s: 0.5, system_s: 1.5 };
        let peak = Peak { rss_kib: 2048, pss_kib: 1024 };
        let figures = Figures::of(2.0, cpu, peak).with_bytes(2 << 30).with_operations(4000);
        let of = |figure| figures.get(figure);
        assert_eq!(of(Figure::CpuPerGib), Some(1.0));
        assert_eq!(of(Figure::CpuPer1000), Some(0.5));
        assert_eq!(of(Figure::MbPerS), Some(1_073.741_824));
        assert_eq!((of(Figure::Rss), of(Figure::Pss)), (Some(2.0), Some(1.0)));
        assert_eq!(of(Figure::P99), None);
    }

    #[test]
    fn every_figure_has_a_column_of_its_own() {
        let mut columns: Vec<_> = Figure::ALL.iter().map(|figure| figure.column()).collect();
        columns.sort_unstable();
        columns.dedup();
        assert_eq!(columns.len(), Figure::ALL.len());
    }
}
