//! Time (RFC 3261 table 4): how long things take, and the queue that says when to look again.
//!
//! There is no clock in here: every instant came in with an event. Cancelling costs nothing, because the queue is only
//! a list of reminders: who is reminded looks at its own deadline and ignores a reminder that no longer fits.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use crate::probe::ProbeId;
use crate::registrar::BindingId;
use crate::registration::RegistrationId;
use crate::session::SessionId;
use crate::transaction::TxKey;

/// The three base timers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timers {
    /// Round-trip estimate.
    pub(crate) t1: Duration,
    /// Longest retransmission interval.
    pub(crate) t2: Duration,
    /// Longest life of a message in the network.
    pub(crate) t4: Duration,
}

impl Timers {
    /// T2 and T4 keep their usual ratio to T1 (500 ms : 4 s : 5 s), so that tests can shrink all of them at once.
    pub(crate) fn new(t1: Duration) -> Self {
        // With no time at all between two copies a timer would never be done.
        let t1 = t1.max(Duration::from_millis(1));
        Self { t1, t2: t1 * 8, t4: t1 * 10 }
    }

    /// 64·T1: timers B, D, F, H, J, L and M.
    pub(crate) fn timeout(&self) -> Duration {
        self.t1 * 64
    }

    /// A time that the RFC gives in milliseconds, shrunk or stretched as T1 is.
    pub(crate) fn scaled(&self, ms: u64) -> Duration {
        self.t1 * u32::try_from(ms).unwrap_or(u32::MAX) / 500
    }

    /// The next retransmission interval where T2 is the cap.
    pub(crate) fn double_capped(&self, interval: Duration) -> Duration {
        (interval * 2).min(self.t2)
    }
}

/// Who is reminded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// A client transaction.
    Client(TxKey),
    /// A server transaction.
    Server(TxKey),
    /// A session: its 2xx, its CANCEL.
    Session(SessionId),
    /// A contact of a phone: its end, its keep-alive.
    Binding(BindingId),
    /// A trunk's registration: its refresh, its next try.
    Registration(RegistrationId),
    /// A watched gateway: the next OPTIONS, or the end of waiting for an answer.
    Probe(ProbeId),
}

/// Reminders in order of time; those of the same instant in the order they were made.
#[derive(Debug, Default)]
pub(crate) struct TimerQueue {
    heap: BinaryHeap<Reverse<(Instant, u64, Target)>>,
    made: u64,
}

impl TimerQueue {
    /// Remind `target` at `at`.
    pub(crate) fn push(&mut self, at: Instant, target: Target) {
        self.made += 1;
        self.heap.push(Reverse((at, self.made, target)));
    }

    /// The next reminder that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Target)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((at, _, target))| (at, target))
    }

    /// Reminders waiting, those that no longer fit included.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Drop the reminders that no longer fit.
    pub(crate) fn retain(&mut self, mut fits: impl FnMut(Instant, Target) -> bool) {
        self.heap.retain(|Reverse((at, _, target))| fits(*at, *target));
    }

    /// When the next reminder is.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _, _))| *at)
    }
}
