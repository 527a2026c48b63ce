//! The end of a prompt is still on its way, and in the far end's jitter buffer, when its last packet was sent. A hang-up
//! at once would cut it off, so it waits a little: for a hang-up that follows a play that came to its end, and no other.

use std::time::{Duration, Instant};

use ringback_sip as sip;

use super::leg::Leg;
use super::{Alarm, Core, MediaPort};
use crate::ids::LegId;

/// How long the last packet may take to be heard: the largest playout delay of common far ends and some way.
const DRAIN: Duration = Duration::from_millis(120);

impl<M: MediaPort> Core<M> {
    /// A play on the leg came to its end.
    pub(super) fn drain(&mut self, now: Instant, leg: LegId) {
        if let Some(entry) = self.legs.get_mut(&leg) {
            entry.drains_until = Some(now + DRAIN);
        }
    }

    /// Keep a hang-up until the far end has played everything; false if it need not wait.
    pub(super) fn waits_to_drain(&mut self, now: Instant, leg: LegId, q850: Option<u8>, reason: Option<&str>) -> bool {
        let Some(entry) = self.legs.get_mut(&leg) else { return false };
        let Some(until) = entry.drains_until.filter(|until| *until > now) else { return false };
        if entry.hangup.is_none() {
            entry.hangup = Some((q850, reason.map(str::to_owned)));
            self.alarms.insert((until, leg, Alarm::Drained));
        }
        true
    }

    /// The wait is over.
    pub(super) fn hangup_drained(&mut self, leg: LegId) {
        let Some(entry) = self.legs.get_mut(&leg).filter(|entry| !Leg::is_closing(entry)) else { return };
        let Some((q850, reason)) = entry.hangup.take() else { return };
        if let Some(reason) = reason {
            self.sip_commands.push_back(sip::Command::Explain { leg, reason });
        }
        self.sip_commands.push_back(sip::Command::Hangup { leg, q850 });
    }
}
