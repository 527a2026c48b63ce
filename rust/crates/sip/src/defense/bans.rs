//! Sources that failed to authenticate too often.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::rate::source_key;

/// Sources remembered at once. The oldest failure makes room for a new one; a table full of bans takes no more.
const MAX_SOURCES: usize = 10_000;

/// When failures end in a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BanLimits {
    /// Failures until a source is banned; 0 bans nobody.
    pub after: u32,
    /// Failures this far apart do not add up.
    pub window: Duration,
    /// How long a ban lasts.
    pub time: Duration,
}

impl Default for BanLimits {
    fn default() -> Self {
        Self { after: 10, window: Duration::from_secs(300), time: Duration::from_secs(3600) }
    }
}

/// One banned source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// The address; of IPv6 its /64.
    pub source: IpAddr,
    /// When the ban ends.
    pub until: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    failures: u32,
    /// Of the first failure that counts.
    since: Instant,
    banned_until: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Bans {
    limits: BanLimits,
    sources: HashMap<IpAddr, Entry>,
    /// How many of them are banned: zero spares every message the look.
    banned: usize,
    version: u64,
}

impl Bans {
    pub(super) fn new(limits: BanLimits) -> Self {
        Self { limits, sources: HashMap::new(), banned: 0, version: 0 }
    }

    pub(super) fn set_limits(&mut self, limits: BanLimits) {
        self.limits = limits;
    }

    pub(super) fn is_banned(&mut self, now: Instant, source: IpAddr) -> bool {
        if self.banned == 0 {
            return false;
        }
        let key = source_key(source);
        let Some(until) = self.sources.get(&key).and_then(|entry| entry.banned_until) else { return false };
        if until <= now {
            self.forget(key);
            return false;
        }
        true
    }

    /// Note a failure; returns whether it ended in a ban.
    pub(super) fn penalize(&mut self, now: Instant, source: IpAddr) -> bool {
        let BanLimits { after, window, time } = self.limits;
        let key = source_key(source);
        if after == 0 || !self.has_room_for(now, key) {
            return false;
        }
        let fresh = Entry { failures: 0, since: now, banned_until: None };
        let entry = self.sources.entry(key).or_insert(fresh);
        if now.saturating_duration_since(entry.since) > window && entry.banned_until.is_none() {
            *entry = fresh;
        }
        entry.failures = entry.failures.saturating_add(1);
        if entry.failures < after || entry.banned_until.is_some() {
            return false;
        }
        entry.banned_until = Some(now + time);
        self.banned += 1;
        self.version += 1;
        true
    }

    pub(super) fn ban(&mut self, now: Instant, source: IpAddr, time: Duration) {
        let key = source_key(source);
        if self.has_room_for(now, key) {
            self.forget(key);
            self.sources.insert(key, Entry { failures: 0, since: now, banned_until: Some(now + time) });
            self.banned += 1;
            self.version += 1;
        }
    }

    pub(super) fn lift(&mut self, source: IpAddr) {
        self.forget(source_key(source));
    }

    pub(super) fn all(&self) -> impl Iterator<Item = Ban> + '_ {
        self.sources.iter().filter_map(|(source, entry)| Some(Ban { source: *source, until: entry.banned_until? }))
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn count(&self) -> u64 {
        self.banned as u64
    }

    fn forget(&mut self, key: IpAddr) {
        if self.sources.remove(&key).is_some_and(|entry| entry.banned_until.is_some()) {
            self.banned -= 1;
            self.version += 1;
        }
    }

    fn has_room_for(&mut self, now: Instant, key: IpAddr) -> bool {
        if self.sources.len() < MAX_SOURCES || self.sources.contains_key(&key) {
            return true;
        }
        let window = self.limits.window;
        let over = |entry: &Entry| match entry.banned_until {
            Some(until) => until <= now,
            None => now.saturating_duration_since(entry.since) > window,
        };
        let ended: Vec<IpAddr> = self.sources.iter().filter(|(_, entry)| over(entry)).map(|(key, _)| *key).collect();
        for key in ended {
            self.forget(key);
        }
        if self.sources.len() >= MAX_SOURCES {
            let failing = self.sources.iter().filter(|(_, entry)| entry.banned_until.is_none());
            let oldest = failing.min_by_key(|(key, entry)| (entry.since, **key)).map(|(key, _)| *key);
            if let Some(key) = oldest {
                self.forget(key);
            }
        }
        self.sources.len() < MAX_SOURCES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BanLimits = BanLimits { after: 3, window: Duration::from_secs(60), time: Duration::from_secs(600) };

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn banned_by(bans: &mut Bans, now: Instant, source: &str, failures: usize) -> usize {
        (0..failures).filter(|_| bans.penalize(now, ip(source))).count()
    }

    #[test]
    fn failures_in_the_window_add_up_to_a_ban_that_ends() {
        let (mut bans, now) = (Bans::new(LIMITS), Instant::now());

        assert_eq!(banned_by(&mut bans, now, "192.0.2.1", 2), 0);
        assert!(!bans.is_banned(now, ip("192.0.2.1")));
        assert_eq!(banned_by(&mut bans, now + Duration::from_secs(59), "192.0.2.1", 3), 1);

        let start = now + Duration::from_secs(59);
        assert!(bans.is_banned(start + Duration::from_secs(599), ip("::ffff:192.0.2.1")));
        assert!(!bans.is_banned(start, ip("192.0.2.2")));
        assert!(!bans.is_banned(start + Duration::from_secs(600), ip("192.0.2.1")));
        assert_eq!((bans.count(), bans.all().count()), (0, 0));
    }

    #[test]
    fn failures_far_apart_do_not_add_up() {
        let (mut bans, now) = (Bans::new(LIMITS), Instant::now());

        for minute in 0..10 {
            assert_eq!(banned_by(&mut bans, now + Duration::from_secs(61 * minute), "192.0.2.1", 1), 0);
        }
    }

    #[test]
    fn one_ipv6_network_is_one_source() {
        let (mut bans, now) = (Bans::new(LIMITS), Instant::now());

        bans.ban(now, ip("2001:db8::1"), Duration::from_secs(9));

        assert!(bans.is_banned(now, ip("2001:db8::ffff")));
        assert!(!bans.is_banned(now, ip("2001:db8:0:1::1")));
        bans.lift(ip("2001:db8::2"));
        assert!(!bans.is_banned(now, ip("2001:db8::1")));
    }

    #[test]
    fn the_table_is_bounded_and_failures_make_room_for_bans() {
        let (mut bans, now) = (Bans::new(LIMITS), Instant::now());

        for n in 0..20_000_u32 {
            bans.penalize(now, IpAddr::from(n.to_be_bytes()));
        }
        assert_eq!(bans.sources.len(), MAX_SOURCES);
        bans.ban(now, ip("192.0.2.1"), Duration::from_secs(9));
        assert!(bans.is_banned(now, ip("192.0.2.1")));
        assert_eq!(bans.sources.len(), MAX_SOURCES);
    }

    #[test]
    fn zero_bans_nobody() {
        let mut bans = Bans::new(BanLimits { after: 0, ..LIMITS });

        assert_eq!(banned_by(&mut bans, Instant::now(), "192.0.2.1", 99), 0);
    }
}
