//! One watched gateway: when to ask, and what the answers make of its state.

use std::time::{Duration, Instant};

use super::Probe;
use crate::transaction::TxKey;

/// The longest a gateway may have us wait by Retry-After before it is asked again.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Report {
    pub(super) up: bool,
    /// Of the last answer; None if none came.
    pub(super) code: Option<u16>,
    pub(super) round_trip: Option<Duration>,
}

/// One gateway.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) config: Probe,
    /// None until something is known.
    up: Option<bool>,
    answers: u8,
    misses: u8,
    /// An OPTIONS is under way: looked up since, or sent.
    asking: bool,
    sent: Option<(Instant, TxKey)>,
    due: Instant,
}

impl Gateway {
    pub(super) fn new(config: Probe, due: Instant) -> Self {
        Self { config, up: None, answers: 0, misses: 0, asking: false, sent: None, due }
    }

    /// The same gateway under changed settings.
    pub(super) fn with(self, config: Probe) -> Self {
        Self { config, ..self }
    }

    pub(super) fn is_named(&self, config: &Probe) -> bool {
        (self.config.trunk, &self.config.gateway) == (config.trunk, &config.gateway)
    }

    /// When to ask next, or to give up waiting.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    pub(super) fn is_asking(&self) -> bool {
        self.asking
    }

    /// Asking begins.
    pub(super) fn ask(&mut self, now: Instant) {
        self.asking = true;
        self.sent = None;
        self.due = now + self.config.timeout;
    }

    pub(super) fn sent(&mut self, now: Instant, key: TxKey) {
        self.sent = Some((now, key));
    }

    /// Transaction of the OPTIONS that is out.
    pub(super) fn key(&self) -> Option<TxKey> {
        self.sent.map(|(_, key)| key)
    }

    pub(super) fn waits_for(&self, key: TxKey) -> bool {
        self.asking && self.sent.is_some_and(|(_, sent)| sent == key)
    }

    /// An answer came. `jitter` is 0 to 1.
    pub(super) fn answered(&mut self, now: Instant, code: u16, wait_s: Option<u32>, jitter: f64) -> Option<Report> {
        let round_trip = self.sent.map(|(at, _)| now.saturating_duration_since(at));
        self.rest(now, jitter);
        if !matches!(code, 408 | 503) {
            return self.alive(code, round_trip);
        }
        if let Some(wait_s) = wait_s {
            // It says itself how long it will be away: no need to find that out by further misses.
            let wait = Duration::from_secs(u64::from(wait_s)).min(MAX_RETRY_AFTER);
            self.due = self.due.max(now + wait);
            self.misses = self.config.down_after;
        }
        self.dead(Some(code), round_trip)
    }

    /// No answer came in time.
    pub(super) fn missed(&mut self, now: Instant, jitter: f64) -> Option<Report> {
        self.rest(now, jitter);
        self.dead(None, None)
    }

    fn rest(&mut self, now: Instant, jitter: f64) {
        self.asking = false;
        self.sent = None;
        // 90 to 110 % of the interval.
        self.due = now + self.config.interval.mul_f64(0.9 + jitter * 0.2);
    }

    fn alive(&mut self, code: u16, round_trip: Option<Duration>) -> Option<Report> {
        self.misses = 0;
        self.answers = self.answers.saturating_add(1);
        // Nothing known yet: the first answer is news enough.
        let is_up = self.up.is_none() || self.answers >= self.config.up_after;
        (is_up && self.up != Some(true)).then(|| {
            self.up = Some(true);
            Report { up: true, code: Some(code), round_trip }
        })
    }

    fn dead(&mut self, code: Option<u16>, round_trip: Option<Duration>) -> Option<Report> {
        self.answers = 0;
        self.misses = self.misses.saturating_add(1);
        (self.misses >= self.config.down_after && self.up != Some(false)).then(|| {
            self.up = Some(false);
            Report { up: false, code, round_trip }
        })
    }
}
