//! A histogram of how late ticks were, with about 12 % resolution from 1 µs to hours.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Buckets to a doubling.
const STEPS: u32 = 8;
const BUCKETS: usize = 256;

/// Upper ends of the buckets that are exported, in microseconds, with the names of their cumulative counts.
const EXPORTED: [(u64, &str); 8] = [
    (500, "tick_late_le_500us"),
    (1000, "tick_late_le_1ms"),
    (2000, "tick_late_le_2ms"),
    (5000, "tick_late_le_5ms"),
    (10_000, "tick_late_le_10ms"),
    (20_000, "tick_late_le_20ms"),
    (50_000, "tick_late_le_50ms"),
    (100_000, "tick_late_le_100ms"),
];
/// Length of a slot of the recent past; the newest two count.
const SLOT_MS: u64 = 1000;
const SLOTS: usize = 2;

/// Counts of lateness. Written by one thread, read by others.
#[derive(Debug)]
pub(crate) struct Lateness {
    buckets: Buckets,
    max_us: AtomicU64,
    /// The recent past, by turns; and when each slot began, in milliseconds since `epoch`, plus one (0: never).
    recent: [Buckets; SLOTS],
    began: [AtomicU64; SLOTS],
    epoch: Instant,
}

#[derive(Debug)]
struct Buckets([AtomicU64; BUCKETS]);

impl Default for Buckets {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Buckets {
    fn add(&self, other: &Self) {
        for (sum, more) in self.0.iter().zip(&other.0) {
            let more = more.load(Ordering::Relaxed);
            if more > 0 {
                sum.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    fn counts(&self) -> Vec<u64> {
        self.0.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }
}

impl Default for Lateness {
    fn default() -> Self {
        Self {
            buckets: Buckets::default(),
            max_us: AtomicU64::new(0),
            recent: Default::default(),
            began: Default::default(),
            epoch: Instant::now(),
        }
    }
}

impl Lateness {
    /// Count one tick that was done at `now`.
    pub(crate) fn record(&self, late: Duration, now: Instant) {
        let us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        let bucket = bucket(us);
        self.buckets.0[bucket].fetch_add(1, Ordering::Relaxed);
        self.max_us.fetch_max(us, Ordering::Relaxed);
        self.slot(now).0[bucket].fetch_add(1, Ordering::Relaxed);
    }

    /// Return the slot of now, emptied if it holds an older time.
    fn slot(&self, now: Instant) -> &Buckets {
        let number = self.ms(now) / SLOT_MS;
        #[allow(clippy::cast_possible_truncation)] // 0 or 1
        let index = (number % SLOTS as u64) as usize;
        let began = number * SLOT_MS + 1;
        if self.began[index].swap(began, Ordering::Relaxed) != began {
            self.recent[index].0.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        }
        &self.recent[index]
    }

    fn ms(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }

    /// Return the 99th percentile of the last one to two seconds in microseconds, and of how many ticks.
    pub(crate) fn recent_us(&self, now: Instant) -> (u64, u64) {
        let sum = Buckets::default();
        let oldest = (self.ms(now) / SLOT_MS).saturating_sub(1) * SLOT_MS;
        for (slot, began) in self.recent.iter().zip(&self.began) {
            // A thread without legs does not tick: what it did long ago says nothing.
            if began.load(Ordering::Relaxed) > oldest {
                sum.add(slot);
            }
        }
        let counts = sum.counts();
        (percentile(&counts, 99), counts.iter().sum())
    }

    /// Add the counts of another histogram, without its recent past.
    pub(crate) fn add(&self, other: &Self) {
        self.buckets.add(&other.buckets);
        self.max_us.fetch_max(other.max_us.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Return how many ticks there were.
    pub(crate) fn ticks(&self) -> u64 {
        self.buckets.counts().iter().sum()
    }

    /// Return how many ticks were at most so late, for some values. A bucket that a value cuts counts as later.
    pub(crate) fn histogram(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.buckets.counts();
        EXPORTED.into_iter().map(move |(end_us, name)| {
            let below = counts.iter().enumerate().take_while(|(index, _)| upper_end(*index) <= end_us);
            (name, below.map(|(_, count)| count).sum())
        })
    }

    /// Return median, 99th percentile and maximum in microseconds.
    pub(crate) fn summary_us(&self) -> [u64; 3] {
        let counts = self.buckets.counts();
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
        let (lateness, now) = (Lateness::default(), Instant::now());
        for us in 1..=100 {
            lateness.record(Duration::from_micros(us), now);
        }
        lateness.record(Duration::from_millis(50), now);

        let [median, p99, max] = lateness.summary_us();

        assert!((51..=57).contains(&median), "{median}");
        assert!((100..=112).contains(&p99), "{p99}");
        assert_eq!((max, lateness.ticks()), (50_000, 101));
        assert_eq!(Lateness::default().summary_us(), [0, 0, 0]);
    }

    #[test]
    fn test_the_recent_past_forgets_what_is_older_than_two_seconds() {
        let lateness = Lateness::default();
        let start = lateness.epoch;
        let at = |ms| start + Duration::from_millis(ms);
        for ms in 0..100 {
            lateness.record(Duration::from_millis(40), at(ms));
        }
        assert_eq!(lateness.recent_us(at(100)).1, 100);
        assert!(lateness.recent_us(at(100)).0 >= 40_000);

        for ms in 1000..1400 {
            lateness.record(Duration::from_micros(100), at(ms));
        }
        assert!(lateness.recent_us(at(1400)).0 >= 40_000, "20 % of the last ticks were late");
        lateness.record(Duration::from_micros(100), at(2000));

        let (p99, ticks) = lateness.recent_us(at(2000));
        assert!(p99 < 120, "{p99}");
        assert_eq!(ticks, 401);
        assert_eq!(lateness.recent_us(at(9000)), (0, 0), "nothing ticks, nothing is late");
    }

    #[test]
    fn test_exported_buckets_are_cumulative() {
        let (lateness, now) = (Lateness::default(), Instant::now());
        for ms in [0, 3, 8, 300] {
            lateness.record(Duration::from_millis(ms), now);
        }

        let counts: Vec<u64> = lateness.histogram().map(|(_, count)| count).collect();

        assert_eq!(counts, [1, 1, 1, 2, 3, 3, 3, 3]);
    }
}
