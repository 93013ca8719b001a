//! Median and spread of a few values, percentiles of many.

use std::time::Duration;

/// What a few rounds gave.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// `None` without values.
pub(crate) fn summary(values: impl IntoIterator<Item = f64>) -> Option<Summary> {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let (&least, &most) = (sorted.first()?, sorted.last()?);
    let middle = sorted.len() / 2;
    let median = if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    };
    Some(Summary { median, least, most })
}

/// The least of `times` that so large a share of them does not exceed (nearest rank): 0.5 is the
/// median, 0.99 what one in a hundred takes longer than. `None` without times.
pub(crate) fn percentile(times: &[Duration], share: f64) -> Option<Duration> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_values() {
        let times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        let of = |share| percentile(&times, share).map(|time| time.as_millis());
        assert_eq!(of(0.5), Some(100));
        assert_eq!(of(0.99), Some(198));
        assert_eq!((of(0.0), of(1.0)), (Some(1), Some(200)));
        assert_eq!(percentile(&times[..1], 0.99), Some(Duration::from_millis(200)));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn odd_even_and_none() {
        let of = |values: &[f64]| summary(values.iter().copied());
        assert_eq!(of(&[3.0, 1.0, 2.0]), Some(Summary { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(of(&[4.0, 1.0]).map(|s| s.median), Some(2.5));
        assert_eq!(of(&[]), None);
    }
}
