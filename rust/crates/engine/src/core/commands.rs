//! Commands of Python that concern signaling.

use std::time::Instant;

use ringback_net::Question;
use ringback_sip as sip;

use super::leg::{Leg, Phase};
use super::{Alarm, Core, MediaPort, RESOLVE_WITHIN};
use crate::command::{Command, Dial};
use crate::event::{Ended, Incoming, What};
use crate::ids::LegId;

/// Sent with our own refusals.
const UNAVAILABLE: u16 = 503;
/// Not Acceptable Here: the answer to media we cannot do.
const NOT_ACCEPTABLE: u16 = 488;

impl<M: MediaPort> Core<M> {
    /// Carry out one command. Tables, the gate and stopping are the owner's.
    pub(crate) fn handle_command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Dial(dial) => self.dial(now, dial),
            Command::Ring { leg } => self.ring(leg),
            Command::EarlyMedia { leg } => self.early_media(leg),
            Command::Answer { leg } => self.answer(leg),
            Command::Reject { leg, code, reason } => self.reject(leg, code, reason),
            Command::Hangup { leg, q850, reason } => self.hangup(now, leg, q850, reason),
            Command::InDialog { leg, order } => self.in_dialog(leg, *order),
            Command::EndDialog { dialog } => self.sip_commands.push_back(sip::Command::EndDialog { dialog }),
            Command::Start { op, leg, operation } => self.start_operation(now, op, leg, operation),
            Command::StopOp { op } => self.stop_operation(op),
            Command::Change { op, change } => self.change_operation(op, change),
            Command::OpenRoom { room, max_members } => self.open_room(room, max_members),
            Command::CloseRoom { room } => self.close_room(room),
            Command::SetTables { .. }
            | Command::SetPhones { .. }
            | Command::SetAccepting(_)
            | Command::SetDefense(_)
            | Command::Ban { .. }
            | Command::LiftBan { .. }
            | Command::Stop { .. } => {}
        }
    }

    fn dial(&mut self, now: Instant, dial: Box<Dial>) {
        let leg = dial.leg;
        self.current = Some(leg);
        self.last_dialed = self.last_dialed.max(leg);
        if self.stopping {
            self.report(now, What::Ended(Ended::bare(leg, "stopped", "local")));
            return;
        }
        let phone = dial.phone;
        let until = now + RESOLVE_WITHIN;
        let families = self.config.families;
        let question = Question { host: dial.host.clone(), port: dial.port, wanted: dial.wanted, families };
        // Entered before anything else can fail: from here on it ends like every leg.
        let policy = dial.media.clone();
        self.legs.insert(leg, Leg::new(Phase::Resolving { dial, until }, false, policy, false));
        self.alarms.insert((until, leg, Alarm::Unresolved));
        match self.media.open_leg(leg) {
            Ok(port) => {
                if let Some(entry) = self.legs.get_mut(&leg) {
                    entry.media_port = Some(port);
                }
                match phone {
                    Some(phone) => self.phone_lookups.push_back((leg, phone)),
                    None => self.lookups.push_back((leg, question)),
                }
            }
            Err(why) => {
                self.counters.refused_no_media_port += 1;
                self.end_unresolved(now, leg, "no_media_port", "local", Some(why));
            }
        }
    }

    /// Enter an incoming leg; Python must touch it within `decide_within`.
    pub(super) fn enter_incoming(&mut self, now: Instant, incoming: Incoming, secure: bool) {
        let leg = incoming.leg;
        self.last_incoming = self.last_incoming.max(leg);
        let until = now + self.config.decide_within;
        // A trunk that only the access list names speaks what every carrier does.
        let policy = self.trunks.get(&incoming.trunk).cloned().unwrap_or_default();
        self.legs.insert(leg, Leg::new(Phase::Undecided { until }, true, policy, secure));
        self.alarms.insert((until, leg, Alarm::Undecided));
        self.report(now, What::Incoming(Box::new(incoming)));
    }

    /// Python did not decide in time.
    pub(super) fn refuse_undecided(&mut self, now: Instant, leg: LegId) {
        if self.touch(leg).is_some() {
            self.counters.refused_overload += 1;
            self.refuse(leg, "overload");
        }
        let _ = now;
    }

    fn refuse(&mut self, leg: LegId, cause: &'static str) {
        if let Some(entry) = self.legs.get_mut(&leg) {
            entry.forced_cause = Some(cause);
        }
        self.sip_commands.push_back(sip::Command::Reject { leg, code: UNAVAILABLE, reason: None });
    }

    /// Find a leg that a command may work on, and note that Python has seen it.
    pub(super) fn touch(&mut self, leg: LegId) -> Option<&mut Leg> {
        self.current = Some(leg);
        match self.legs.get_mut(&leg).filter(|entry| !entry.is_closing()) {
            Some(entry) => {
                if let Phase::Undecided { until } = entry.phase {
                    entry.phase = Phase::Signaling;
                    self.alarms.remove(&(until, leg, Alarm::Undecided));
                }
                Some(entry)
            }
            None => None,
        }
    }

    /// As `touch`, but only for an incoming leg; counts a miss.
    fn touch_incoming(&mut self, leg: LegId) -> Option<&mut Leg> {
        let found = self.touch(leg).is_some_and(|entry| entry.incoming);
        self.counters.stale_commands += u64::from(!found);
        if found { self.legs.get_mut(&leg) } else { None }
    }

    fn ring(&mut self, leg: LegId) {
        if self.touch_incoming(leg).is_some() {
            self.sip_commands.push_back(sip::Command::Ring { leg });
        }
    }

    fn early_media(&mut self, leg: LegId) {
        let Some(entry) = self.touch_incoming(leg) else { return };
        if entry.answered || entry.forced_cause.is_some() {
            self.counters.stale_commands += 1;
        } else if let Some(media) = self.local_media(leg) {
            self.sip_commands.push_back(sip::Command::EarlyMedia { leg, media });
        }
    }

    fn answer(&mut self, leg: LegId) {
        let Some(entry) = self.touch_incoming(leg) else { return };
        if entry.answered || entry.forced_cause.is_some() {
            self.counters.stale_commands += 1;
            return;
        }
        entry.answered = true;
        if let Some(media) = self.local_media(leg) {
            self.sip_commands.push_back(sip::Command::Answer { leg, media });
        }
    }

    /// Our side of an incoming leg's media, opened now if it is not open yet. Without a port the leg is refused.
    fn local_media(&mut self, leg: LegId) -> Option<sip::LocalMedia> {
        let entry = self.legs.get_mut(&leg)?;
        let codecs = entry.policy.codecs.clone();
        // One key for the whole leg, also if it is described several times.
        let crypto = match entry.crypto {
            Some(crypto) => Ok(Some(crypto)),
            None => entry.policy.crypto(entry.secure, || self.media.srtp_key()),
        };
        let Ok(crypto) = crypto else {
            entry.forced_cause = Some("no_srtp");
            self.sip_commands.push_back(sip::Command::Reject { leg, code: NOT_ACCEPTABLE, reason: None });
            return None;
        };
        entry.crypto = crypto;
        let opened = entry.media_port.map_or_else(|| self.media.open_leg(leg), Ok);
        let Ok(port) = opened else {
            self.counters.refused_no_media_port += 1;
            self.refuse(leg, "no_media_port");
            return None;
        };
        self.legs.get_mut(&leg)?.media_port = Some(port);
        Some(sip::LocalMedia { rtp: self.rtp_address(Some(port)), codecs, crypto })
    }

    fn reject(&mut self, leg: LegId, code: u16, reason: Option<String>) {
        if self.touch_incoming(leg).is_some() {
            self.sip_commands.push_back(sip::Command::Reject { leg, code, reason });
        }
    }

    fn in_dialog(&mut self, leg: LegId, order: sip::Command) {
        match self.touch(leg) {
            Some(_) => self.sip_commands.push_back(order),
            None => self.counters.stale_commands += 1,
        }
    }

    fn hangup(&mut self, now: Instant, leg: LegId, q850: Option<u8>, reason: Option<String>) {
        let Some(entry) = self.touch(leg) else {
            self.counters.stale_commands += 1;
            return;
        };
        if matches!(entry.phase, Phase::Resolving { .. }) {
            self.end_unresolved(now, leg, "cancelled", "local", None);
        } else if !self.waits_to_drain(now, leg, q850, reason.as_deref()) {
            if let Some(reason) = reason {
                self.sip_commands.push_back(sip::Command::Explain { leg, reason });
            }
            self.sip_commands.push_back(sip::Command::Hangup { leg, q850 });
        }
    }
}
