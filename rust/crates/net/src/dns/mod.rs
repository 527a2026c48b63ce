//! Gateways to addresses (RFC 3263), looked up by a thread of its own and remembered.
//!
//! The owner asks from its loop and never waits: targets in the order to try them, a failure, or "later", in which
//! case the answer is taken with `finished` after the wake-up. Places that failed lately come last.

mod ask;
mod order;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use ringback_sip::Transport;
use tokio::sync::mpsc;

use crate::wake::WakeFd;
use ask::{Outcomes, answer_all};
use order::{Place, Random, ordered};

pub use order::Target;

/// An answer serves at least this long: a TTL of zero must not ask for every call.
const FRESH_AT_LEAST: Duration = Duration::from_secs(1);
/// How long a failure is remembered, so that a dead name does not occupy the thread.
const FAILED: Duration = Duration::from_secs(5);
/// How long an old answer still serves when the name server fails.
const STALE: Duration = Duration::from_secs(3600);
/// How long a place that failed comes after the others.
const QUARANTINE: Duration = Duration::from_secs(60);
const MAX_NAMES: usize = 1024;
const MAX_QUARANTINED: usize = 1024;

/// Which transport the trunk allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// What DNS says; UDP if it says nothing.
    Auto,
    /// This one.
    Only(Transport),
}

impl Wanted {
    /// The transport where DNS has no say.
    pub fn transport(self) -> Transport {
        match self {
            Self::Auto => Transport::Udp,
            Self::Only(transport) => transport,
        }
    }
}

/// Address families that our listeners can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Families {
    /// There is an IPv4 listener.
    pub v4: bool,
    /// There is an IPv6 listener.
    pub v6: bool,
}

impl Families {
    fn has(self, ip: IpAddr) -> bool {
        if ip.is_ipv4() { self.v4 } else { self.v6 }
    }
}

/// Where is this gateway?
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// Name or address.
    pub host: String,
    /// A port rules out NAPTR and SRV (RFC 3263 section 4.1).
    pub port: Option<u16>,
    /// The trunk's transport.
    pub wanted: Wanted,
    /// What we can reach.
    pub families: Families,
}

/// What the resolver says at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Where to try, in this order; at least one.
    Targets(Vec<Target>),
    /// The name does not resolve; why.
    Failed(String),
    /// `finished` will tell.
    Later,
}

/// Look-ups so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResolverCounters {
    /// Names handed to the thread.
    pub lookups: u64,
    /// Look-ups that failed.
    pub failures: u64,
    /// Questions refused because too many names were waiting.
    pub refused: u64,
    /// Places that failed lately.
    pub quarantined: u64,
}

/// An answer of DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) places: Vec<Place>,
    pub(crate) until: Instant,
}

#[derive(Debug, Default)]
struct Entry {
    found: Option<Found>,
    failure: Option<(String, Instant)>,
    waiting: Vec<u64>,
}

/// The resolver of one engine; dropping it ends its thread.
#[derive(Debug)]
pub struct Resolver {
    /// Name servers to ask; empty for those of the system.
    servers: Vec<SocketAddr>,
    entries: HashMap<Question, Entry>,
    questions: Option<mpsc::Sender<Question>>,
    outcomes: Outcomes,
    quarantine: HashMap<Target, Instant>,
    random: Random,
    wake: Arc<WakeFd>,
    counters: ResolverCounters,
}

impl Resolver {
    /// Make one; `wake` is signaled when answers came. Starts no thread yet.
    pub fn new(servers: Vec<SocketAddr>, seed: u64, wake: Arc<WakeFd>) -> Self {
        Self {
            servers,
            entries: HashMap::new(),
            questions: None,
            outcomes: Arc::default(),
            quarantine: HashMap::new(),
            random: Random(seed),
            wake,
            counters: ResolverCounters::default(),
        }
    }

    /// Ask for the targets of a gateway; `token` comes back from `finished` if the answer is `Later`.
    pub fn resolve(&mut self, now: Instant, mut question: Question, token: u64) -> Answer {
        if let Ok(ip) = question.host.parse::<IpAddr>() {
            return if question.families.has(ip) {
                let transport = question.wanted.transport();
                let address = SocketAddr::new(ip, question.port.unwrap_or(transport.default_port()));
                Answer::Targets(vec![Target { transport, address }])
            } else {
                Answer::Failed(wrong_family(&question.host))
            };
        }
        question.host.make_ascii_lowercase();
        if !self.entries.contains_key(&question) && self.entries.len() >= MAX_NAMES {
            self.forget_old(now);
        }
        let entry = self.entries.entry(question.clone()).or_default();
        if let Some(remembered) = entry.remembered(now) {
            let remembered = remembered.map(<[Place]>::to_vec);
            return self.answer(now, remembered);
        }
        entry.waiting.push(token);
        if entry.waiting.len() > 1 {
            return Answer::Later;
        }
        self.ask(&question)
    }

    fn ask(&mut self, question: &Question) -> Answer {
        let sent = self.entries.len() <= MAX_NAMES
            && self.questions().is_some_and(|questions| questions.try_send(question.clone()).is_ok());
        if sent {
            self.counters.lookups += 1;
            return Answer::Later;
        }
        self.counters.refused += 1;
        self.entries.remove(question);
        Answer::Failed("too many names are being looked up".to_owned())
    }

    /// The channel to the thread, started with the first question.
    fn questions(&mut self) -> Option<&mpsc::Sender<Question>> {
        if self.questions.is_none() {
            let (sender, receiver) = mpsc::channel(MAX_NAMES);
            let (servers, outcomes, wake) = (self.servers.clone(), Arc::clone(&self.outcomes), Arc::clone(&self.wake));
            std::thread::Builder::new()
                .name("rb-dns".to_owned())
                .spawn(move || answer_all(&servers, receiver, &outcomes, &wake))
                .ok()?;
            self.questions = Some(sender);
        }
        self.questions.as_ref()
    }

    /// Take the answers that came since, with the token of each question.
    pub fn finished(&mut self, now: Instant) -> Vec<(u64, Answer)> {
        let outcomes = std::mem::take(&mut *self.outcomes.lock().unwrap_or_else(PoisonError::into_inner));
        let mut finished = Vec::new();
        for (question, result) in outcomes {
            self.counters.failures += u64::from(result.is_err());
            let entry = self.entries.entry(question).or_default();
            let waiting = std::mem::take(&mut entry.waiting);
            let stored = entry.store(now, result).map(<[Place]>::to_vec);
            // Each asks chance anew, so that weights hold among those who waited together.
            for token in waiting {
                let answer = self.answer(now, stored.clone());
                finished.push((token, answer));
            }
        }
        finished
    }

    fn answer(&mut self, now: Instant, places: Result<Vec<Place>, String>) -> Answer {
        match places {
            Err(why) => Answer::Failed(why),
            Ok(places) => {
                let mut targets = ordered(&places, &mut self.random);
                targets.sort_by_key(|target| self.quarantine.get(target).is_some_and(|until| *until > now));
                Answer::Targets(targets)
            }
        }
    }

    /// A target did not answer or answered 503: for a while others come first.
    pub fn quarantine(&mut self, now: Instant, target: Target) {
        self.quarantine.retain(|_, until| *until > now);
        if self.quarantine.len() < MAX_QUARANTINED {
            self.quarantine.insert(target, now + QUARANTINE);
        }
    }

    fn forget_old(&mut self, now: Instant) {
        self.entries.retain(|_, entry| {
            let fresh = entry.found.as_ref().is_some_and(|found| found.until > now);
            fresh || !entry.waiting.is_empty()
        });
    }

    /// Look-ups so far.
    pub fn counters(&self) -> ResolverCounters {
        ResolverCounters { quarantined: self.quarantine.len() as u64, ..self.counters }
    }
}

impl Entry {
    fn remembered(&self, now: Instant) -> Option<Result<&[Place], String>> {
        if let Some(found) = self.found.as_ref().filter(|found| found.until > now) {
            return Some(Ok(&found.places));
        }
        match &self.failure {
            Some((why, at)) if now.saturating_duration_since(*at) < FAILED => Some(self.stale(now, why)),
            _ => None,
        }
    }

    /// An old answer beats a failure of the name server.
    fn stale(&self, now: Instant, why: &str) -> Result<&[Place], String> {
        match &self.found {
            Some(found) if now.saturating_duration_since(found.until) < STALE => Ok(&found.places),
            _ => Err(why.to_owned()),
        }
    }

    fn store(&mut self, now: Instant, result: Result<Found, String>) -> Result<&[Place], String> {
        match result {
            Ok(found) => {
                self.failure = None;
                let until = found.until.max(now + FRESH_AT_LEAST);
                Ok(&self.found.insert(Found { until, ..found }).places)
            }
            Err(why) => {
                self.failure = Some((why.clone(), now));
                self.stale(now, &why)
            }
        }
    }
}

fn wrong_family(host: &str) -> String {
    format!("{host} has no address of a listener's family")
}
