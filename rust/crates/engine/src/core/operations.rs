//! Operations: numbered by Python, carried out by media, ended exactly once.

use std::time::Instant;

use ringback_media::{Change, ROOMS};

use super::{Core, MediaPort};
use crate::command::Operation;
use crate::event::What;
use crate::ids::{LegId, OpId};

/// An operation that has not ended.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) leg: LegId,
    /// The second leg of a join.
    other: Option<LegId>,
    is_gather: bool,
    is_play: bool,
    began: Instant,
}

impl<M: MediaPort> Core<M> {
    pub(super) fn start_operation(&mut self, now: Instant, op: OpId, leg: LegId, operation: Operation) {
        let other = match operation {
            Operation::Join { other } => Some(other),
            _ => None,
        };
        let is_gather = matches!(operation, Operation::Gather(_));
        let is_play = matches!(operation, Operation::Play { .. });
        self.ops.insert(op, Op { leg, other, is_gather, is_play, began: now });
        if leg >= ROOMS {
            match self.can_operate_room(leg, &operation) {
                Ok(()) => self.media.start(op, leg, operation),
                Err(why) => self.end_operation(now, op, "failed", Some(why)),
            }
            return;
        }
        for party in [Some(leg), other].into_iter().flatten() {
            if let Err((result, detail)) = self.can_operate(party) {
                self.counters.stale_commands += 1;
                self.end_operation(now, op, result, detail);
                return;
            }
        }
        if other == Some(leg) {
            self.end_operation(now, op, "failed", Some("a leg cannot be joined to itself"));
            return;
        }
        for party in [Some(leg), other].into_iter().flatten() {
            if let Some(entry) = self.legs.get_mut(&party) {
                entry.ops.push(op);
            }
        }
        self.media.start(op, leg, operation);
    }

    /// Whether a leg has media to work on; if not, the result of the operation and why.
    fn can_operate(&mut self, leg: LegId) -> Result<(), (&'static str, Option<&'static str>)> {
        match self.touch(leg).map(|entry| entry.media_port.is_some()) {
            Some(true) => Ok(()),
            Some(false) => Err(("failed", Some("the leg has no media yet: answer it first"))),
            None if self.was_issued(leg) => Err(("leg_ended", None)),
            None => Err(("failed", Some("there is no such leg"))),
        }
    }

    fn was_issued(&self, leg: LegId) -> bool {
        if leg >= ringback_sip::INCOMING_LEGS {
            leg <= self.last_incoming
        } else {
            (1..=self.last_dialed).contains(&leg)
        }
    }

    pub(super) fn change_operation(&mut self, op: OpId, change: Change) {
        match self.ops.get(&op) {
            Some(entry) => {
                self.current = Some(entry.leg);
                self.media.change(op, change);
            }
            None => self.counters.stale_commands += 1,
        }
    }

    pub(super) fn stop_operation(&mut self, op: OpId) {
        match self.ops.get(&op) {
            Some(entry) => {
                self.current = Some(entry.leg);
                self.media.stop(op);
            }
            None => self.counters.stale_commands += 1,
        }
    }

    /// End what media has not ended by itself, just before the `Ended` of a leg.
    pub(super) fn end_operations(&mut self, now: Instant, leg: LegId) {
        let ops = self.legs.get_mut(&leg).map(|entry| std::mem::take(&mut entry.ops)).unwrap_or_default();
        for op in ops {
            self.end_operation(now, op, "leg_ended", None);
        }
    }

    pub(super) fn end_operation(&mut self, now: Instant, op: OpId, result: &'static str, detail: Option<&'static str>) {
        let Some(entry) = self.take_operation(op) else { return };
        let (leg, duration) = (entry.leg, now.saturating_duration_since(entry.began));
        let detail = detail.map(str::to_owned);
        let what = if entry.is_gather {
            What::GatherDone { op, leg, digits: String::new(), result, terminator: None, detail }
        } else {
            let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            What::OpDone { op, leg, result, detail, duration_ms }
        };
        self.report(now, what);
    }

    /// Forget an operation and return it; None if it ended before.
    fn take_operation(&mut self, op: OpId) -> Option<Op> {
        let entry = self.ops.remove(&op)?;
        for party in [Some(entry.leg), entry.other].into_iter().flatten() {
            if let Some(leg) = self.legs.get_mut(&party) {
                leg.ops.retain(|other| *other != op);
            }
        }
        Some(entry)
    }

    pub(super) fn media_op_done(
        &mut self,
        now: Instant,
        op: OpId,
        result: &'static str,
        detail: Option<String>,
        duration_ms: u64,
    ) {
        if let Some(entry) = self.take_operation(op) {
            if entry.is_play && result == "done" {
                self.drain(now, entry.leg);
            }
            self.report(now, What::OpDone { op, leg: entry.leg, result, detail, duration_ms });
        }
    }

    pub(super) fn media_gather_done(
        &mut self,
        now: Instant,
        op: OpId,
        digits: String,
        result: &'static str,
        terminator: Option<char>,
        detail: Option<String>,
    ) {
        if let Some(entry) = self.take_operation(op) {
            self.report(now, What::GatherDone { op, leg: entry.leg, digits, result, terminator, detail });
        }
    }
}
