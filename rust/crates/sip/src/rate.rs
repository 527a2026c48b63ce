//! How many new calls one source or trunk may make: a token bucket for each.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Sources watched at once. Beyond it, sources that were quiet for a second are forgotten.
const MAX_SOURCES: usize = 4096;

/// Token buckets by source address (IPv6 by /64: one host commands all of it), or by something else.
#[derive(Debug)]
pub(crate) struct RateTable<K = IpAddr> {
    per_second: u32,
    buckets: HashMap<K, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// In units of 1/1,000,000,000 of a call.
    tokens: u64,
    at: Instant,
}

const WHOLE: u64 = 1_000_000_000;

/// What counts as one source: an IPv4 address, or the /64 of an IPv6 one.
pub(crate) fn source_key(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl RateTable {
    /// Whether this source may make one more call now.
    pub(crate) fn admit(&mut self, now: Instant, source: IpAddr) -> bool {
        self.admit_at(now, source_key(source), self.per_second)
    }
}

impl<K: Hash + Eq> RateTable<K> {
    /// `per_second` calls a second with a burst of the same size; 0 is no limit.
    pub(crate) fn new(per_second: u32) -> Self {
        Self { per_second, buckets: HashMap::new() }
    }

    /// Whether `key` may make one more call now, at a rate of its own.
    pub(crate) fn admit_at(&mut self, now: Instant, key: K, per_second: u32) -> bool {
        if per_second == 0 {
            return true;
        }
        let full = u64::from(per_second) * WHOLE;
        if self.buckets.len() >= MAX_SOURCES && !self.buckets.contains_key(&key) {
            self.forget_quiet(now);
            if self.buckets.len() >= MAX_SOURCES {
                return false;
            }
        }
        let bucket = self.buckets.entry(key).or_insert(Bucket { tokens: full, at: now });
        let elapsed = now.saturating_duration_since(bucket.at).min(Duration::from_secs(1));
        let gained = u64::try_from(elapsed.as_nanos()).unwrap_or(WHOLE) * u64::from(per_second);
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
    fn one_ipv6_network_is_one_source() {
        let mut table = RateTable::new(1);
        let start = Instant::now();

        assert!(table.admit(start, "2001:db8::1".parse().expect("address")));
        assert!(!table.admit(start, "2001:db8::2".parse().expect("address")));
        assert!(table.admit(start, "2001:db8:0:1::1".parse().expect("address")));
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
