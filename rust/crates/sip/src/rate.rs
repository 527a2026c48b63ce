//! How many new calls one source may make: a token bucket for each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Sources watched at once. Beyond it, sources that were quiet for a second are forgotten.
const MAX_SOURCES: usize = 4096;

/// Token buckets by source address.
#[derive(Debug)]
pub(crate) struct RateTable {
    per_second: u32,
    buckets: HashMap<IpAddr, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// In units of 1/1,000,000,000 of a call.
    tokens: u64,
    at: Instant,
}

const WHOLE: u64 = 1_000_000_000;

impl RateTable {
    /// `per_second` calls a second with a burst of the same size; 0 is no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second, buckets: HashMap::new() }
    }

    /// Whether this source may make one more call now.
    pub(crate) fn admit(&mut self, now: Instant, source: IpAddr) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let full = u64::from(self.per_second) * WHOLE;
        if self.buckets.len() >= MAX_SOURCES && !self.buckets.contains_key(&source) {
            self.forget_quiet(now);
            if self.buckets.len() >= MAX_SOURCES {
                return false;
            }
        }
        let bucket = self.buckets.entry(source).or_insert(Bucket { tokens: full, at: now });
        let elapsed = now.saturating_duration_since(bucket.at).min(Duration::from_secs(1));
        let gained = u64::try_from(elapsed.as_nanos()).unwrap_or(WHOLE) * u64::from(self.per_second);
        bucket.tokens = (bucket.tokens + gained).min(full);
        bucket.at = now;
        let admitted = bucket.tokens >= WHOLE;
        if admitted {
            bucket.tokens -= WHOLE;
        }
        admitted
    }

    /// A bucket untouched for a second is full again: forgetting it changes nothing.
    fn forget_quiet(&mut self, now: Instant) {
        self.buckets.retain(|_, bucket| now.saturating_duration_since(bucket.at) < Duration::from_secs(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_followed_by_the_steady_rate() {
        let mut table = RateTable::new(2);
        let source = "192.0.2.1".parse().expect("address");
        let start = Instant::now();

        assert!(table.admit(start, source));
        assert!(table.admit(start, source));
        assert!(!table.admit(start, source));
        assert!(!table.admit(start + Duration::from_millis(499), source));
        assert!(table.admit(start + Duration::from_millis(500), source));
        assert!(!table.admit(start + Duration::from_millis(501), source));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut table = RateTable::new(5);
        let start = Instant::now();

        let admitted = (0..10_000u32).filter(|n| table.admit(start, IpAddr::from(n.to_be_bytes()))).count();

        assert_eq!(admitted, MAX_SOURCES);
        assert!(table.admit(start + Duration::from_secs(1), IpAddr::from([9, 9, 9, 9])));
    }
}
