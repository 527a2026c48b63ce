//! Our nonces (RFC 7616 section 5.4): made and recognized without remembering any.
//!
//! A nonce is its time, a serial number, and a keyed hash over both, the realm and the address it was given to. Only
//! one that let somebody in is remembered, until it expires, together with its highest count: so a request that was
//! seen once cannot be played again, and strangers cannot make us remember anything. When that memory is full, the
//! oldest is forgotten and every nonce of its age counts as expired from then on.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::random::hex;

/// How long a nonce may be answered.
pub(crate) const LIFE: Duration = Duration::from_secs(300);
/// Nonces in use at once.
const MAX_USED: usize = 65_536;
/// Hexadecimal digits in front of the hash: 6 bytes of milliseconds, 4 of a serial number.
const HEAD_DIGITS: usize = 20;

/// What a nonce is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    /// Ours, for this source and realm, in time, and the count is new.
    Good {
        /// More than half of its life is over.
        aging: bool,
    },
    /// It was ours, but is expired, moved to another address, or this count was seen.
    Stale,
    /// Not ours.
    Forged,
}

/// Maker and judge of nonces.
#[derive(Debug)]
pub(crate) struct Nonces {
    key: [u8; 32],
    /// Time zero of the nonces.
    began: Option<Instant>,
    serial: u32,
    /// Highest count seen, by milliseconds and serial number: the oldest comes first.
    used: BTreeMap<(u64, u32), u32>,
    /// Nonces made before this are expired, whatever their age.
    floor_ms: u64,
    max_used: usize,
}

impl Nonces {
    /// `seed` is the secret of this process: after a restart older nonces are forged.
    pub(crate) fn new(seed: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"ringback nonce key");
        hash.update(seed.to_be_bytes());
        Self {
            key: hash.finalize().into(),
            began: None,
            serial: 0,
            used: BTreeMap::new(),
            floor_ms: 0,
            max_used: MAX_USED,
        }
    }

    /// A nonce for one challenge.
    pub(crate) fn make(&mut self, now: Instant, source: IpAddr, realm: &str) -> String {
        let at_ms = self.milliseconds(now);
        self.serial = self.serial.wrapping_add(1);
        let head = format!("{at_ms:012x}{:08x}", self.serial);
        let seal = self.seal(&head, source, realm);
        head + &seal
    }

    /// What a nonce is worth that came back with `count`; remembers nothing.
    pub(crate) fn judge(&self, now: Instant, source: IpAddr, realm: &str, nonce: &str, count: u32) -> Worth {
        let Some((head, seal)) = nonce.split_at_checked(HEAD_DIGITS) else { return Worth::Forged };
        let Some(id) = identity(head) else { return Worth::Forged };
        if !same(seal.as_bytes(), self.seal(head, source, realm).as_bytes()) {
            // One given to another address cannot be told from an invented one. Both learn no more than a new nonce.
            return Worth::Forged;
        }
        let age = self.milliseconds(now).saturating_sub(id.0);
        let life = u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX);
        let seen = self.used.get(&id).is_some_and(|highest| count <= *highest);
        if age > life || id.0 < self.floor_ms || seen || count == 0 {
            return Worth::Stale;
        }
        Worth::Good { aging: age > life / 2 }
    }

    /// A good nonce let somebody in: this count and those below are used up.
    pub(crate) fn spend(&mut self, now: Instant, nonce: &str, count: u32) {
        let Some(id) = nonce.get(..HEAD_DIGITS).and_then(identity) else { return };
        let life = u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX);
        let oldest = self.milliseconds(now).saturating_sub(life);
        while self.used.first_key_value().is_some_and(|((at_ms, _), _)| *at_ms < oldest) {
            self.used.pop_first();
        }
        self.used.insert(id, count);
        while self.used.len() > self.max_used {
            if let Some(((at_ms, _), _)) = self.used.pop_first() {
                self.floor_ms = self.floor_ms.max(at_ms + 1);
            }
        }
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        // Before the first use there is nothing to be older than.
        let since = self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began));
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// Time goes by from here.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.began.get_or_insert(now);
    }

    /// Keyed hash, nested like HMAC so that nobody can lengthen what it covers.
    fn seal(&self, head: &str, source: IpAddr, realm: &str) -> String {
        let mut inner = Sha256::new();
        inner.update(self.key);
        for part in [head.as_bytes(), source.to_canonical().to_string().as_bytes(), realm.as_bytes()] {
            inner.update((part.len() as u64).to_be_bytes());
            inner.update(part);
        }
        let mut outer = Sha256::new();
        outer.update(self.key);
        outer.update(inner.finalize());
        hex(outer.finalize().get(..16).unwrap_or_default())
    }

    /// Nonces remembered.
    #[cfg(test)]
    fn remembered(&self) -> usize {
        self.used.len()
    }
}

fn identity(head: &str) -> Option<(u64, u32)> {
    let (ms, serial) = head.split_at_checked(12)?;
    Some((u64::from_str_radix(ms, 16).ok()?, u32::from_str_radix(serial, 16).ok()?))
}

/// Whether two texts are equal, in a time that does not tell where they differ.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(0u8, |sum, (a, b)| std::hint::black_box(sum | (a ^ b)));
    a.len() == b.len() && std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> IpAddr {
        "192.0.2.1".parse().expect("address")
    }

    fn nonces(now: Instant) -> Nonces {
        let mut nonces = Nonces::new(7);
        nonces.begin(now);
        nonces
    }

    #[test]
    fn a_nonce_is_good_for_its_source_and_realm_only() {
        let now = Instant::now();
        let mut nonces = nonces(now);
        let nonce = nonces.make(now, source(), "a");
        let elsewhere = "192.0.2.2".parse().expect("address");

        assert_eq!(nonces.judge(now, source(), "a", &nonce, 1), Worth::Good { aging: false });
        assert_eq!(nonces.judge(now, elsewhere, "a", &nonce, 1), Worth::Forged);
        assert_eq!(nonces.judge(now, source(), "b", &nonce, 1), Worth::Forged);
        assert_eq!(nonces.judge(now, source(), "a", &nonce.replace('0', "1"), 1), Worth::Forged);
        assert_eq!(nonces.judge(now, source(), "a", "", 1), Worth::Forged);
        assert_eq!(
            nonces.judge(now, source(), "a", "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}", 1),
            Worth::Forged
        );
        assert_eq!(Nonces::new(8).judge(now, source(), "a", &nonce, 1), Worth::Forged);
    }

    #[test]
    fn a_nonce_ages_and_expires() {
        let now = Instant::now();
        let mut nonces = nonces(now);
        let nonce = nonces.make(now, source(), "a");

        let at = |wait: Duration| nonces.judge(now + wait, source(), "a", &nonce, 1);

        assert_eq!(at(LIFE / 2), Worth::Good { aging: false });
        assert_eq!(at(LIFE), Worth::Good { aging: true });
        assert_eq!(at(LIFE + Duration::from_millis(1)), Worth::Stale);
    }

    #[test]
    fn a_count_is_good_once_and_must_grow() {
        let now = Instant::now();
        let mut nonces = nonces(now);
        let nonce = nonces.make(now, source(), "a");
        nonces.spend(now, &nonce, 2);

        assert_eq!(nonces.judge(now, source(), "a", &nonce, 1), Worth::Stale);
        assert_eq!(nonces.judge(now, source(), "a", &nonce, 2), Worth::Stale);
        assert_eq!(nonces.judge(now, source(), "a", &nonce, 3), Worth::Good { aging: false });
        assert_eq!(nonces.judge(now, source(), "a", &nonce, 0), Worth::Stale);
    }

    #[test]
    fn the_memory_is_bounded_and_what_was_forgotten_cannot_be_replayed() {
        let now = Instant::now();
        let mut nonces = nonces(now);
        nonces.max_used = 2;
        let step = Duration::from_millis(10);
        let made: Vec<String> = (0..3).map(|n| nonces.make(now + step * n, source(), "a")).collect();
        for nonce in &made {
            nonces.spend(now + step * 3, nonce, 1);
        }

        assert_eq!(nonces.remembered(), 2);
        assert_eq!(nonces.judge(now + step * 4, source(), "a", &made[0], 1), Worth::Stale);
        assert_eq!(nonces.judge(now + step * 4, source(), "a", &made[2], 2), Worth::Good { aging: false });

        let late = nonces.make(now + LIFE * 2, source(), "a");
        nonces.spend(now + LIFE * 2, &late, 1);
        assert_eq!(nonces.remembered(), 1, "expired ones are forgotten");
    }

    #[test]
    fn texts_are_compared_whole() {
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd"));
        assert!(!same(b"abc", b"ab"));
        assert!(!same(b"", b"a"));
    }
}
