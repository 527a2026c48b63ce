//! Whom we do not even listen to: sources a listener is closed to, banned ones, scanners.
//!
//! Looked at before a message is parsed, and nobody is told: silence is the cheapest answer, and the one that says
//! least. Sources of trunks are believed to be who they are: they are neither banned nor searched for scanners.

mod acl;
mod bans;
mod scanner;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use acl::Acl;
pub use acl::AclRule;
use bans::Bans;
pub use bans::{Ban, BanLimits};
pub use scanner::DEFAULT_SCANNERS;
use scanner::Scanner;

use crate::peer::Peer;
use crate::ua::UserAgent;

/// What the user agent defends itself by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefenseSettings {
    /// When failed authentications end in a ban.
    pub bans: BanLimits,
    /// Texts that give a scanner away wherever they stand in the head of a message; capitals do not count.
    pub scanners: Vec<String>,
    /// Networks that a listener takes messages from. Without any for a listener it takes them from everywhere.
    pub allow: Vec<AclRule>,
    /// Networks that it does not; they win over `allow`.
    pub deny: Vec<AclRule>,
}

impl Default for DefenseSettings {
    fn default() -> Self {
        Self {
            bans: BanLimits::default(),
            scanners: DEFAULT_SCANNERS.iter().map(|text| (*text).to_owned()).collect(),
            allow: Vec::new(),
            deny: Vec::new(),
        }
    }
}

/// Settings made ready, and who is banned.
#[derive(Debug)]
pub(crate) struct Defense {
    acl: Acl,
    scanner: Scanner,
    pub(crate) bans: Bans,
}

impl Defense {
    pub(crate) fn new(settings: DefenseSettings) -> Self {
        let acl = Acl::new(settings.allow, settings.deny);
        Self { acl, scanner: Scanner::new(&settings.scanners), bans: Bans::new(settings.bans) }
    }
}

impl UserAgent {
    /// Replace what we defend ourselves by. Bans go on.
    pub fn set_defense(&mut self, settings: DefenseSettings) {
        let limits = settings.bans;
        let mut fresh = Defense::new(settings);
        std::mem::swap(&mut fresh.bans, &mut self.defense.bans);
        self.defense = fresh;
        self.defense.bans.set_limits(limits);
    }

    /// Whether a message is to be dropped unread; counts it if so.
    pub(crate) fn turns_away(&mut self, now: Instant, from: Peer, bytes: &[u8]) -> bool {
        if self.defense.acl.is_closed_to(from) {
            self.counters.dropped_denied += 1;
            return true;
        }
        let is_banned = self.defense.bans.is_banned(now, from.address.ip());
        if !is_banned && !self.defense.scanner.is_active() {
            return false;
        }
        if self.access.find(from.address).is_some() {
            return false;
        }
        if is_banned {
            self.counters.dropped_banned += 1;
            return true;
        }
        let found = self.defense.scanner.finds(bytes);
        self.counters.dropped_scanner += u64::from(found);
        found
    }

    /// A source failed to authenticate. So many failures in so short a time, and it is banned for a while. Call it only
    /// where the source was proven by a nonce of ours that came back: a forged datagram must not cut anybody off.
    pub(crate) fn penalize(&mut self, now: Instant, from: Peer) {
        if self.access.find(from.address).is_none() && self.defense.bans.penalize(now, from.address.ip()) {
            self.counters.sources_banned += 1;
        }
    }

    /// Ban a source by hand; IPv6 by /64.
    pub fn ban(&mut self, now: Instant, source: IpAddr, time: Duration) {
        self.defense.bans.ban(now, source, time);
        self.counters.sources_banned += 1;
    }

    /// Lift a ban, by hand; failures are forgotten too.
    pub fn lift_ban(&mut self, source: IpAddr) {
        self.defense.bans.lift(source);
    }

    /// Who is banned, and a number that changes whenever the list does.
    pub fn bans(&self) -> (u64, impl Iterator<Item = Ban> + '_) {
        (self.defense.bans.version(), self.defense.bans.all())
    }

    /// Number of the list of bans; it changes whenever the list does.
    pub fn bans_version(&self) -> u64 {
        self.defense.bans.version()
    }
}
