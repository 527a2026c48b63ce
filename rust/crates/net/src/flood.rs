//! A packet budget for each source and each trunk, spent before anything is parsed.
//!
//! The table is bounded: when it is full, idle sources are forgotten, and if there are none, all strangers share one
//! budget. IPv6 sources count by /64, because one host commands all of it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Budgets in packets per second, each with a burst of the same size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloodLimits {
    /// For a source nobody vouched for.
    pub stranger_per_s: u32,
    /// For a source of the access list.
    pub known_per_s: u32,
    /// Sources remembered at once.
    pub max_sources: usize,
}

impl Default for FloodLimits {
    fn default() -> Self {
        Self { stranger_per_s: 2_000, known_per_s: 100_000, max_sources: 16_384 }
    }
}

/// Who vouched for a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The trunk it belongs to.
    pub trunk: u64,
    /// Packets per second that all sources of the trunk share; 0 for no limit beyond each source's.
    pub trunk_per_s: u32,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
    per_s: f64,
    known: Option<Known>,
}

impl Bucket {
    fn new(now: Instant, per_s: u32, known: Option<Known>) -> Self {
        Self { tokens: f64::from(per_s), filled_at: now, per_s: f64::from(per_s), known }
    }

    fn take(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.per_s).min(self.per_s);
        self.filled_at = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

/// Time after which a silent source is full again and may be forgotten.
const IDLE: Duration = Duration::from_secs(1);

/// The budgets of all sources.
#[derive(Debug)]
pub struct FloodGate {
    limits: FloodLimits,
    buckets: HashMap<IpAddr, Bucket>,
    /// Of trunks with a limit of their own; as many as there are such trunks.
    trunks: HashMap<u64, Bucket>,
    overflow: Option<Bucket>,
    swept_at: Option<Instant>,
    dropped: u64,
    dropped_trunk: u64,
}

impl FloodGate {
    /// Make one.
    pub fn new(limits: FloodLimits) -> Self {
        Self {
            limits,
            buckets: HashMap::new(),
            trunks: HashMap::new(),
            overflow: None,
            swept_at: None,
            dropped: 0,
            dropped_trunk: 0,
        }
    }

    /// Replace the budgets; everybody starts with a full one.
    pub fn set_limits(&mut self, limits: FloodLimits) {
        self.limits = limits;
        self.overflow = None;
        self.forget_all();
    }

    /// Whether a packet of `source` may be looked at; counts it if not. `whose` is asked once for a new source.
    pub fn admit(&mut self, now: Instant, source: IpAddr, whose: impl FnOnce() -> Option<Known>) -> bool {
        let key = source_key(source);
        let found = self.buckets.get_mut(&key).map(|bucket| (bucket.take(now), bucket.known));
        let (admitted, known) = found.unwrap_or_else(|| {
            let known = whose();
            (self.admit_new(now, key, known), known)
        });
        if !admitted {
            self.dropped += 1;
            return false;
        }
        known.is_none_or(|known| self.admit_trunk(now, known))
    }

    fn admit_trunk(&mut self, now: Instant, known: Known) -> bool {
        if known.trunk_per_s == 0 {
            return true;
        }
        let bucket = self.trunks.entry(known.trunk).or_insert_with(|| Bucket::new(now, known.trunk_per_s, None));
        let admitted = bucket.take(now);
        self.dropped_trunk += u64::from(!admitted);
        admitted
    }

    fn admit_new(&mut self, now: Instant, key: IpAddr, known: Option<Known>) -> bool {
        if self.buckets.len() >= self.limits.max_sources {
            self.forget_idle(now);
        }
        let per_s = if known.is_some() { self.limits.known_per_s } else { self.limits.stranger_per_s };
        if self.buckets.len() >= self.limits.max_sources && known.is_none() {
            return self.overflow.get_or_insert_with(|| Bucket::new(now, per_s, None)).take(now);
        }
        let mut bucket = Bucket::new(now, per_s, known);
        let admitted = bucket.take(now);
        self.buckets.insert(key, bucket);
        admitted
    }

    /// At most once per `IDLE`, so that a flood of new addresses cannot make us sweep for each.
    fn forget_idle(&mut self, now: Instant) {
        if self.swept_at.is_some_and(|at| now.saturating_duration_since(at) < IDLE) {
            return;
        }
        self.swept_at = Some(now);
        self.buckets.retain(|_, bucket| now.saturating_duration_since(bucket.filled_at) < IDLE);
    }

    /// Forget who is known, after the access list changed.
    pub fn forget_all(&mut self) {
        self.buckets.clear();
        self.trunks.clear();
    }

    /// Packets dropped so far because of their trunk's budget.
    pub fn dropped_trunk(&self) -> u64 {
        self.dropped_trunk
    }

    /// Packets dropped so far because of their source's budget.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn source_key(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(max_sources: usize) -> FloodGate {
        FloodGate::new(FloodLimits { stranger_per_s: 3, known_per_s: 5, max_sources })
    }

    fn admitted(gate: &mut FloodGate, now: Instant, ip: &str, known: bool, tries: usize) -> usize {
        let ip: IpAddr = ip.parse().unwrap();
        let known = known.then_some(Known { trunk: 1, trunk_per_s: 0 });
        (0..tries).filter(|_| gate.admit(now, ip, || known)).count()
    }

    #[test]
    fn a_source_spends_its_burst_and_refills_with_time() {
        let (mut gate, now) = (gate(10), Instant::now());

        assert_eq!(admitted(&mut gate, now, "192.0.2.1", false, 10), 3);
        assert_eq!(admitted(&mut gate, now + Duration::from_millis(400), "192.0.2.1", false, 10), 1);
        assert_eq!(gate.dropped(), 7 + 9);
    }

    #[test]
    fn a_known_source_has_more_and_does_not_suffer_from_strangers() {
        let (mut gate, now) = (gate(2), Instant::now());

        admitted(&mut gate, now, "192.0.2.1", false, 10);
        admitted(&mut gate, now, "192.0.2.2", false, 10);

        assert_eq!(admitted(&mut gate, now, "192.0.2.3", true, 10), 5);
    }

    #[test]
    fn strangers_beyond_the_table_share_one_budget_until_others_fall_silent() {
        let (mut gate, now) = (gate(1), Instant::now());
        admitted(&mut gate, now, "192.0.2.1", false, 1);

        assert_eq!(admitted(&mut gate, now, "192.0.2.2", false, 2), 2);
        assert_eq!(admitted(&mut gate, now, "192.0.2.3", false, 2), 1);

        let later = now + Duration::from_secs(2);
        assert_eq!(admitted(&mut gate, later, "192.0.2.4", false, 9), 3);
        assert_eq!(gate.buckets.len(), 1);
    }

    #[test]
    fn the_sources_of_a_trunk_share_its_budget_and_leave_other_trunks_theirs() {
        let (mut gate, now) = (gate(10), Instant::now());
        let mut sent = |ip: &str, trunk, tries: usize| {
            let ip: IpAddr = ip.parse().unwrap();
            (0..tries).filter(|_| gate.admit(now, ip, || Some(Known { trunk, trunk_per_s: 6 }))).count()
        };

        assert_eq!(sent("192.0.2.1", 1, 4), 4);
        assert_eq!(sent("192.0.2.2", 1, 4), 2);
        assert_eq!(sent("192.0.2.3", 2, 4), 4);
        assert_eq!((gate.dropped(), gate.dropped_trunk()), (0, 2));
    }

    #[test]
    fn new_budgets_count_from_full() {
        let (mut gate, now) = (gate(10), Instant::now());
        admitted(&mut gate, now, "192.0.2.1", false, 10);

        gate.set_limits(FloodLimits { stranger_per_s: 7, known_per_s: 5, max_sources: 10 });

        assert_eq!(admitted(&mut gate, now, "192.0.2.1", false, 10), 7);
    }

    #[test]
    fn one_ipv6_network_is_one_source() {
        let (mut gate, now) = (gate(10), Instant::now());

        assert_eq!(admitted(&mut gate, now, "2001:db8::1", false, 2), 2);
        assert_eq!(admitted(&mut gate, now, "2001:db8::2", false, 2), 1);
        assert_eq!(admitted(&mut gate, now, "::ffff:192.0.2.9", false, 1), 1);
    }
}
