//! When new calls are refused by ourselves, and when that is reported.

use std::time::{Duration, Instant};

use ringback_sip::Gate;

/// Answered to callers while we refuse because of load.
const RETRY_AFTER_OVERLOAD_S: u32 = 5;
/// Answered to callers while the operator drains the engine.
const RETRY_AFTER_DRAINING_S: u32 = 30;
/// A limit that was not met for this long is over.
const CALM: Duration = Duration::from_secs(1);
/// Media this late (99th percentile) leaves the far ends' jitter buffers dry: no new calls, until it is well below.
const MEDIA_LATE: Duration = Duration::from_millis(30);
const MEDIA_CALM: Duration = Duration::from_millis(15);

/// Figures the decision rests on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    pub(crate) events_waiting: usize,
    pub(crate) refused_max_legs: u64,
    pub(crate) refused_rate: u64,
    /// Turns of the signaling loop that left the receive buffer nearly full.
    pub(crate) backlogged_turns: u64,
    /// How late the media threads were in the last two seconds: the 99th percentile.
    pub(crate) media_lateness: Duration,
}

/// A limit that is seen by a counter growing.
#[derive(Debug, Default)]
struct Watched {
    count: u64,
    grew_at: Option<Instant>,
}

impl Watched {
    /// Returns whether the limit began (true) or ceased (false) to be met.
    fn observe(&mut self, now: Instant, count: u64) -> Option<bool> {
        if count > self.count {
            self.count = count;
            let began = self.grew_at.replace(now).is_none();
            return began.then_some(true);
        }
        let over = self.grew_at.is_some_and(|at| now.saturating_duration_since(at) >= CALM);
        over.then(|| {
            self.grew_at = None;
            false
        })
    }

    fn is_on(&self) -> bool {
        self.grew_at.is_some()
    }
}

/// The gate in front of new calls.
#[derive(Debug)]
pub(crate) struct Gatekeeper {
    high_water: usize,
    accepting: bool,
    events_high: bool,
    /// Enforced by the user agent itself; only reported here.
    max_legs: Watched,
    rate: Watched,
    signaling: Watched,
    media_late: bool,
}

impl Gatekeeper {
    pub(crate) fn new(high_water: usize) -> Self {
        Self {
            high_water,
            accepting: true,
            events_high: false,
            max_legs: Watched::default(),
            rate: Watched::default(),
            signaling: Watched::default(),
            media_late: false,
        }
    }

    pub(crate) fn set_accepting(&mut self, accepting: bool) {
        self.accepting = accepting;
    }

    /// Look at the figures of this turn; returns what began or ceased, for `Overload`.
    pub(crate) fn observe(&mut self, now: Instant, load: Load) -> impl Iterator<Item = (bool, &'static str)> + use<> {
        let events = self.observe_events(load.events_waiting).map(|on| (on, "events"));
        let legs = self.max_legs.observe(now, load.refused_max_legs).map(|on| (on, "max_legs"));
        let rate = self.rate.observe(now, load.refused_rate).map(|on| (on, "rate"));
        let signaling = self.signaling.observe(now, load.backlogged_turns).map(|on| (on, "signaling"));
        let media = self.observe_media(load.media_lateness).map(|on| (on, "media"));
        [events, legs, rate, signaling, media].into_iter().flatten()
    }

    /// Closed at the mark, open again at half of it, so that it does not flap.
    fn observe_events(&mut self, waiting: usize) -> Option<bool> {
        let high = if self.events_high { waiting > self.high_water / 2 } else { waiting >= self.high_water };
        let changed = high != self.events_high;
        self.events_high = high;
        changed.then_some(high)
    }

    fn observe_media(&mut self, lateness: Duration) -> Option<bool> {
        let late = if self.media_late { lateness > MEDIA_CALM } else { lateness >= MEDIA_LATE };
        let changed = late != self.media_late;
        self.media_late = late;
        changed.then_some(late)
    }

    /// What the user agent is to do with new calls.
    pub(crate) fn gate(&self) -> Gate {
        if !self.accepting {
            Gate::Refuse { retry_after_s: RETRY_AFTER_DRAINING_S }
        } else if self.events_high || self.signaling.is_on() || self.media_late {
            Gate::Refuse { retry_after_s: RETRY_AFTER_OVERLOAD_S }
        } else {
            Gate::Open
        }
    }

    /// When to look again although nothing happens: while something is on, its end is to be noticed.
    pub(crate) fn next_look(&self, now: Instant) -> Option<Instant> {
        let watched = [&self.max_legs, &self.rate, &self.signaling];
        let on = self.events_high || self.media_late || watched.iter().any(|limit| limit.is_on());
        on.then(|| now + Duration::from_millis(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(waiting: usize) -> Load {
        Load { events_waiting: waiting, ..Load::default() }
    }

    fn seen(keeper: &mut Gatekeeper, now: Instant, load: Load) -> Vec<(bool, &'static str)> {
        keeper.observe(now, load).collect()
    }

    #[test]
    fn the_gate_closes_at_the_mark_and_opens_at_half_of_it() {
        let (mut keeper, now) = (Gatekeeper::new(10), Instant::now());

        assert_eq!(seen(&mut keeper, now, events(9)), vec![]);
        assert_eq!(seen(&mut keeper, now, events(10)), vec![(true, "events")]);
        assert!(matches!(keeper.gate(), Gate::Refuse { retry_after_s: RETRY_AFTER_OVERLOAD_S }));
        assert_eq!(seen(&mut keeper, now, events(6)), vec![]);
        assert!(keeper.next_look(now).is_some());
        assert_eq!(seen(&mut keeper, now, events(5)), vec![(false, "events")]);
        assert_eq!(keeper.gate(), Gate::Open);
        assert!(keeper.next_look(now).is_none());
    }

    #[test]
    fn a_limit_of_the_user_agent_is_reported_once_until_it_is_calm() {
        let (mut keeper, now) = (Gatekeeper::new(10), Instant::now());
        let load = |refused_max_legs| Load { refused_max_legs, ..Load::default() };

        assert_eq!(seen(&mut keeper, now, load(1)), vec![(true, "max_legs")]);
        assert_eq!(seen(&mut keeper, now + CALM / 2, load(2)), vec![]);
        assert_eq!(seen(&mut keeper, now + CALM, load(2)), vec![]);
        assert_eq!(seen(&mut keeper, now + CALM * 3 / 2, load(2)), vec![(false, "max_legs")]);
        assert_eq!(keeper.gate(), Gate::Open);
    }

    #[test]
    fn a_signaling_thread_that_cannot_keep_up_closes_the_gate_until_it_can() {
        let load = Load { backlogged_turns: 1, ..Load::default() };
        let (mut keeper, now) = (Gatekeeper::new(10), Instant::now());

        assert_eq!(seen(&mut keeper, now, load), vec![(true, "signaling")]);
        assert!(matches!(keeper.gate(), Gate::Refuse { .. }));
        assert_eq!(seen(&mut keeper, now + CALM, load), vec![(false, "signaling")]);
        assert_eq!(keeper.gate(), Gate::Open);
    }

    #[test]
    fn late_media_closes_the_gate_and_opens_it_only_when_it_is_well_in_time() {
        let (mut keeper, now) = (Gatekeeper::new(10), Instant::now());
        let late = |ms| Load { media_lateness: Duration::from_millis(ms), ..Load::default() };

        assert_eq!(seen(&mut keeper, now, late(29)), vec![]);
        assert_eq!(seen(&mut keeper, now, late(30)), vec![(true, "media")]);
        assert!(matches!(keeper.gate(), Gate::Refuse { retry_after_s: RETRY_AFTER_OVERLOAD_S }));
        assert!(keeper.next_look(now).is_some());
        assert_eq!(seen(&mut keeper, now + CALM * 5, late(16)), vec![]);
        assert_eq!(seen(&mut keeper, now + CALM * 5, late(15)), vec![(false, "media")]);
        assert_eq!(keeper.gate(), Gate::Open);
    }

    #[test]
    fn draining_refuses_without_being_an_overload() {
        let (mut keeper, now) = (Gatekeeper::new(10), Instant::now());

        keeper.set_accepting(false);

        assert_eq!(seen(&mut keeper, now, events(0)), vec![]);
        assert!(matches!(keeper.gate(), Gate::Refuse { .. }));
    }
}
