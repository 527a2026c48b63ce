//! How legs end: SIP first, then media, then operations, figures and `Ended`, in this order.

use std::time::Instant;

use ringback_sip as sip;

use super::leg::Phase;
use super::{Alarm, Core, MEDIA_CLOSE_WITHIN, MediaPort};
use crate::event::{Ended, What};
use crate::ids::LegId;

impl<M: MediaPort> Core<M> {
    /// The signaling side of a leg is over: close its media, then report.
    pub(super) fn begin_end(&mut self, now: Instant, mut ended: Ended) {
        let leg = ended.leg;
        let Some(entry) = self.legs.get_mut(&leg).filter(|entry| !entry.is_closing()) else { return };
        if let Some(cause) = entry.forced_cause {
            ended.cause = cause;
            ended.side = "local";
        }
        let until = now + MEDIA_CLOSE_WITHIN;
        let closing = Phase::Closing { ended: Box::new(ended), until };
        let has_media = entry.media_port.is_some();
        match std::mem::replace(&mut entry.phase, closing) {
            Phase::Undecided { until } => drop(self.alarms.remove(&(until, leg, Alarm::Undecided))),
            Phase::Resolving { until, .. } => drop(self.alarms.remove(&(until, leg, Alarm::Unresolved))),
            Phase::Signaling | Phase::Closing { .. } => {}
        }
        if has_media {
            self.alarms.insert((until, leg, Alarm::MediaNotClosed));
            self.media.close_leg(leg);
        } else {
            self.finish(now, leg);
        }
    }

    /// End a dialed leg of which nothing was sent yet.
    pub(super) fn end_unresolved(
        &mut self,
        now: Instant,
        leg: LegId,
        cause: &'static str,
        side: &'static str,
        why: Option<String>,
    ) {
        self.begin_end(now, Ended { phrase: why, ..Ended::bare(leg, cause, side) });
    }

    /// Media is closed or given up: the last events of the leg.
    pub(super) fn finish(&mut self, now: Instant, leg: LegId) {
        if !self.legs.get(&leg).is_some_and(super::leg::Leg::is_closing) {
            return;
        }
        self.end_operations(now, leg);
        let Some(entry) = self.legs.remove(&leg) else { return };
        let Phase::Closing { ended, until } = entry.phase else { return };
        self.alarms.remove(&(until, leg, Alarm::MediaNotClosed));
        if let Some(stats) = entry.stats {
            self.report(now, What::LegStats(stats));
        }
        self.report(now, What::Ended(*ended));
    }

    /// A fault of our own while working on a leg: the far end is told, Python too, and nothing waits for either.
    pub(super) fn end_by_fault(&mut self, now: Instant, leg: LegId) {
        self.sip_commands.push_back(sip::Command::Hangup { leg, q850: Some(41) });
        self.begin_end(now, Ended::bare(leg, "fault", "local"));
    }

    /// Begin to stop: no new legs; those that wait for a name end now, the others through the user agent.
    pub(crate) fn begin_stop(&mut self, now: Instant) {
        self.stopping = true;
        let unsent: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, leg)| matches!(leg.phase, Phase::Resolving { .. }))
            .map(|(id, _)| *id)
            .collect();
        for leg in unsent {
            self.end_unresolved(now, leg, "stopped", "local", None);
        }
        self.sip_commands.push_back(sip::Command::StopAll);
    }

    /// The grace is over: whatever is left ends without waiting for the far end.
    pub(crate) fn end_all(&mut self, now: Instant, cause: &'static str) {
        self.stopping = true;
        let mut left: Vec<LegId> = self.legs.keys().copied().collect();
        left.sort_unstable();
        for leg in left {
            self.begin_end(now, Ended::bare(leg, cause, "local"));
        }
    }

    /// Report every leg as over without waiting for media either.
    pub(crate) fn finish_all(&mut self, now: Instant, cause: &'static str) {
        self.end_all(now, cause);
        let mut left: Vec<LegId> = self.legs.keys().copied().collect();
        left.sort_unstable();
        for leg in left {
            self.finish(now, leg);
        }
        self.finish_rooms(now);
    }
}
