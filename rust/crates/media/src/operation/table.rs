//! The operations under way in a shard. Only what is in this table can end, so each ends exactly once.

use std::collections::HashMap;
use std::time::Instant;

use crate::command::{LegId, MediaCommand, OpId};
use crate::event::{GatherResult, MediaEvent, OpResult};

/// What is known of an operation whatever its kind.
#[derive(Debug, Clone, Copy)]
struct Entry {
    leg: LegId,
    is_gather: bool,
    since: Instant,
}

/// All operations of a shard.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    entries: HashMap<OpId, Entry>,
}

/// What a gather ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gathered {
    pub(crate) digits: String,
    pub(crate) result: GatherResult,
    pub(crate) terminator: Option<char>,
}

impl Operations {
    /// Enter an operation; false if its id is taken.
    pub(crate) fn begin(&mut self, op: OpId, leg: LegId, is_gather: bool, now: Instant) -> bool {
        let is_new = !self.entries.contains_key(&op);
        if is_new {
            self.entries.insert(op, Entry { leg, is_gather, since: now });
        }
        is_new
    }

    /// Return the leg of an operation under way.
    pub(crate) fn leg(&self, op: OpId) -> Option<LegId> {
        self.entries.get(&op).map(|entry| entry.leg)
    }

    /// End an operation that is not a gather.
    pub(crate) fn done(
        &mut self,
        op: OpId,
        result: OpResult,
        detail: Option<String>,
        now: Instant,
        events: &mut Vec<MediaEvent>,
    ) {
        if let Some(entry) = self.entries.remove(&op) {
            events.push(MediaEvent::OpDone { op, leg: entry.leg, result, detail, duration_ms: since(&entry, now) });
        }
    }

    /// End a recording, which lasted as long as what was written.
    pub(crate) fn recorded(&mut self, op: OpId, result: OpResult, duration_ms: u64, events: &mut Vec<MediaEvent>) {
        if let Some(entry) = self.entries.remove(&op) {
            events.push(MediaEvent::OpDone { op, leg: entry.leg, result, detail: None, duration_ms });
        }
    }

    /// End a gather.
    pub(crate) fn gathered(
        &mut self,
        op: OpId,
        gathered: Gathered,
        detail: Option<String>,
        events: &mut Vec<MediaEvent>,
    ) {
        if let Some(entry) = self.entries.remove(&op) {
            let Gathered { digits, result, terminator } = gathered;
            events.push(MediaEvent::GatherDone { op, leg: entry.leg, digits, result, terminator, detail });
        }
    }

    /// End whatever is still under way on a leg; `failure` says why it failed, `None` that the leg ended.
    ///
    /// Returns what was ended.
    pub(crate) fn end_leg(
        &mut self,
        leg: LegId,
        failure: Option<&str>,
        now: Instant,
        events: &mut Vec<MediaEvent>,
    ) -> Vec<OpId> {
        let mut left: Vec<OpId> =
            self.entries.iter().filter(|(_, entry)| entry.leg == leg).map(|(&op, _)| op).collect();
        left.sort_unstable();
        for &op in &left {
            let Some(entry) = self.entries.remove(&op) else { continue };
            let result = if failure.is_some() { OpResult::Failed } else { OpResult::LegEnded };
            let detail = failure.map(str::to_owned);
            events.push(end_event((op, leg), entry.is_gather, result, detail, since(&entry, now)));
        }
        left
    }
}

/// Return the end of a command that could not even begin.
pub(crate) fn refused(command: &MediaCommand, result: OpResult, why: &str) -> Option<MediaEvent> {
    let ids = command.begins()?;
    Some(end_event(ids, matches!(command, MediaCommand::Gather { .. }), result, Some(why.to_owned()), 0))
}

fn end_event(
    (op, leg): (OpId, LegId),
    is_gather: bool,
    result: OpResult,
    detail: Option<String>,
    duration_ms: u64,
) -> MediaEvent {
    if !is_gather {
        return MediaEvent::OpDone { op, leg, result, detail, duration_ms };
    }
    let result = if result == OpResult::LegEnded { GatherResult::LegEnded } else { GatherResult::Failed };
    MediaEvent::GatherDone { op, leg, digits: String::new(), result, terminator: None, detail }
}

fn since(entry: &Entry, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(entry.since).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_an_operation_ends_once_and_its_id_is_taken_until_then() {
        let (mut ops, mut events, now) = (Operations::default(), Vec::new(), Instant::now());
        assert!(ops.begin(1, 7, false, now));
        assert!(!ops.begin(1, 8, false, now));
        assert_eq!(ops.leg(1), Some(7));

        ops.done(1, OpResult::Done, None, now, &mut events);
        ops.done(1, OpResult::Stopped, None, now, &mut events);
        ops.end_leg(7, None, now, &mut events);

        assert_eq!(events.len(), 1);
        assert!(ops.begin(1, 8, false, now));
    }

    #[test]
    fn test_what_a_leg_leaves_behind_ends_in_its_own_way() {
        let (mut ops, mut events, now) = (Operations::default(), Vec::new(), Instant::now());
        ops.begin(1, 7, false, now);
        ops.begin(2, 7, true, now);
        ops.begin(3, 8, false, now);

        assert_eq!(ops.end_leg(7, Some("why"), now, &mut events), [1, 2]);

        assert!(matches!(events[0], MediaEvent::OpDone { op: 1, result: OpResult::Failed, .. }));
        assert!(matches!(events[1], MediaEvent::GatherDone { op: 2, result: GatherResult::Failed, .. }));
        assert_eq!(ops.leg(3), Some(8));
    }
}
