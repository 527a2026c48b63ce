//! A histogram of how late ticks were, with about 12 % resolution from 1 µs to hours.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets to a doubling.
const STEPS: u32 = 8;
const BUCKETS: usize = 256;

/// Counts of lateness. Written by one thread, read by others.
#[derive(Debug)]
pub(crate) struct Lateness {
    buckets: [AtomicU64; BUCKETS],
    max_us: AtomicU64,
}

impl Default for Lateness {
    fn default() -> Self {
        Self { buckets: array::from_fn(|_| AtomicU64::new(0)), max_us: AtomicU64::new(0) }
    }
}

impl Lateness {
    /// Count one tick.
    pub(crate) fn record(&self, late: Duration) {
        let us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(us)].fetch_add(1, Ordering::Relaxed);
        self.max_us.fetch_max(us, Ordering::Relaxed);
    }

    /// Add the counts of another histogram.
    pub(crate) fn add(&self, other: &Self) {
        for (sum, more) in self.buckets.iter().zip(&other.buckets) {
            sum.fetch_add(more.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.max_us.fetch_max(other.max_us.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Return how many ticks there were.
    pub(crate) fn ticks(&self) -> u64 {
        self.buckets.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Return median, 99th percentile and maximum in microseconds.
    pub(crate) fn summary_us(&self) -> [u64; 3] {
        let counts: Vec<u64> = self.buckets.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let max = self.max_us.load(Ordering::Relaxed);
        [percentile(&counts, 50).min(max), percentile(&counts, 99).min(max), max]
    }
}

/// Return the upper end of the bucket below which `percent` of the counts are.
fn percentile(counts: &[u64], percent: u64) -> u64 {
    let total: u64 = counts.iter().sum();
    let rank = (total * percent).div_ceil(100);
    let mut seen = 0;
    for (index, count) in counts.iter().enumerate() {
        seen += count;
        if seen >= rank && rank > 0 {
            return upper_end(index);
        }
    }
    0
}

/// Values below `STEPS` have a bucket each; above, each doubling has `STEPS`.
fn bucket(us: u64) -> usize {
    let steps = u64::from(STEPS);
    if us < steps {
        return usize::try_from(us).unwrap_or(0);
    }
    let doublings = us.ilog2() - STEPS.ilog2();
    let index = u64::from(doublings + 1) * steps + (us >> doublings) - steps;
    usize::try_from(index).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

fn upper_end(bucket: usize) -> u64 {
    let (steps, bucket) = (u64::from(STEPS), bucket as u64);
    if bucket < steps {
        return bucket;
    }
    let doublings = bucket / steps - 1;
    ((bucket % steps + steps + 1) << doublings) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_every_value_is_in_a_bucket_that_is_at_most_an_eighth_too_high() {
        for us in (0..100_000).chain([10_000_000, 3_600_000_000]) {
            let end = upper_end(bucket(us));
            assert!(us <= end && end <= us + us / 8, "{us} is in the bucket up to {end}");
        }
    }

    #[test]
    fn test_percentiles() {
        let lateness = Lateness::default();
        for us in 1..=100 {
            lateness.record(Duration::from_micros(us));
        }
        lateness.record(Duration::from_millis(50));

        let [median, p99, max] = lateness.summary_us();

        assert!((51..=57).contains(&median), "{median}");
        assert!((100..=112).contains(&p99), "{p99}");
        assert_eq!((max, lateness.ticks()), (50_000, 101));
        assert_eq!(Lateness::default().summary_us(), [0, 0, 0]);
    }
}
