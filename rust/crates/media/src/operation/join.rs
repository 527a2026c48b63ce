//! Two legs that hear each other, on one shard or on two: decoded frames in a bounded queue for each direction.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::audio::frame::Sound;
use crate::command::{LegId, OpId};
use crate::event::OpResult;
use crate::operation::lane::{Lane, lock};
use crate::operation::tap::Tap;

/// Digits that may wait for the other leg.
const MAX_DIGITS: usize = 32;
/// Supervisors on one join.
const MAX_TAPS: usize = 4;

/// How a join ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinEnd {
    pub(crate) result: OpResult,
    pub(crate) detail: Option<String>,
}

/// What both legs of a join share. Each lock is held for one copy of a frame.
#[derive(Debug)]
pub(crate) struct Join {
    op: OpId,
    a: LegId,
    b: LegId,
    lanes: [Lane; 2],
    digits: [Mutex<VecDeque<(char, u32)>>; 2],
    end: Mutex<Option<JoinEnd>>,
    /// Supervisors, and whether there are any: asked for every frame.
    taps: Mutex<Vec<Arc<Tap>>>,
    is_tapped: AtomicBool,
}

impl Join {
    /// Prepare a join; the end is reported by the shard of `a` alone.
    pub(crate) fn new(op: OpId, a: LegId, b: LegId) -> Arc<Self> {
        Arc::new(Self {
            op,
            a,
            b,
            lanes: Default::default(),
            digits: Default::default(),
            end: Mutex::new(None),
            taps: Mutex::default(),
            is_tapped: AtomicBool::new(false),
        })
    }

    /// Return the two ends, that of `a` first.
    pub(crate) fn sides(self: Arc<Self>) -> [JoinSide; 2] {
        [JoinSide { join: Arc::clone(&self), index: 0 }, JoinSide { join: self, index: 1 }]
    }

    /// Return both legs, `a` first.
    pub(crate) fn legs(&self) -> [LegId; 2] {
        [self.a, self.b]
    }

    /// Say whether it ended.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.end).is_some()
    }

    /// Let a supervisor listen; the error says why not.
    pub(crate) fn add_tap(&self, tap: &Arc<Tap>) -> Result<(), String> {
        if self.is_over() {
            return Err("what was to be tapped is over".to_owned());
        }
        let mut taps = lock(&self.taps);
        if taps.len() >= MAX_TAPS {
            return Err(format!("{MAX_TAPS} supervisors listen already"));
        }
        taps.push(Arc::clone(tap));
        self.is_tapped.store(true, Ordering::Release);
        Ok(())
    }

    /// Let a supervisor go.
    pub(crate) fn remove_tap(&self, op: OpId) {
        let mut taps = lock(&self.taps);
        taps.retain(|tap| tap.op() != op);
        self.is_tapped.store(!taps.is_empty(), Ordering::Release);
    }

    /// Give supervisors what a side said.
    fn let_hear(&self, side: usize, sound: &Sound) {
        if self.is_tapped.load(Ordering::Acquire) {
            lock(&self.taps).iter().for_each(|tap| tap.hear(side, sound));
        }
    }

    /// Add what supervisors say to a side.
    fn add_taps(&self, side: usize, said: &mut Option<Sound>) {
        if !self.is_tapped.load(Ordering::Acquire) {
            return;
        }
        for tap in lock(&self.taps).iter() {
            if let Some(voice) = tap.say(side) {
                *said = Some(said.map_or(voice, |sum| sum.mixed(&voice)));
            }
        }
    }

    /// End it for both; the first end counts.
    fn finish(&self, result: OpResult, detail: Option<String>) {
        lock(&self.end).get_or_insert(JoinEnd { result, detail });
    }
}

/// One leg's end of a join. Dropping it ends the join.
#[derive(Debug)]
pub(crate) struct JoinSide {
    join: Arc<Join>,
    /// The lane this side writes; it reads the other.
    index: usize,
}

impl JoinSide {
    /// Return the operation.
    pub(crate) fn op(&self) -> OpId {
        self.join.op
    }

    /// Return the leg of this side.
    pub(crate) fn leg(&self) -> LegId {
        if self.reports() { self.join.a } else { self.join.b }
    }

    /// Return the leg at the other side.
    pub(crate) fn peer(&self) -> LegId {
        if self.reports() { self.join.b } else { self.join.a }
    }

    /// Say whether this side reports the end.
    pub(crate) fn reports(&self) -> bool {
        self.index == 0
    }

    /// End it for both; the first end counts.
    pub(crate) fn finish(&self, result: OpResult, detail: Option<String>) {
        self.join.finish(result, detail);
    }

    /// Return the end, once there is one.
    pub(crate) fn end(&self) -> Option<JoinEnd> {
        lock(&self.join.end).clone()
    }

    /// Give the other leg what was heard from this one; false when the oldest frame had to go.
    pub(crate) fn push(&self, frame: &Sound) -> bool {
        self.join.let_hear(self.index, frame);
        self.join.lanes[self.index].push(frame)
    }

    /// Give the other leg a digit; false when too many wait.
    pub(crate) fn push_digit(&self, digit: char, duration_ms: u32) -> bool {
        let mut digits = lock(&self.join.digits[self.index]);
        let fits = digits.len() < MAX_DIGITS;
        if fits {
            digits.push_back((digit, duration_ms));
        }
        fits
    }

    /// Take what the other leg said (and supervisors to this one), and a digit it pressed.
    pub(crate) fn pull(&self) -> (Option<Sound>, Option<(char, u32)>) {
        let mut said = self.join.lanes[1 - self.index].pull();
        self.join.add_taps(self.index, &mut said);
        (said, lock(&self.join.digits[1 - self.index]).pop_front())
    }
}

impl Drop for JoinSide {
    fn drop(&mut self) {
        self.finish(OpResult::LegEnded, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_frames_and_digits_go_both_ways() {
        let [a, b] = Join::new(1, 10, 20).sides();
        a.push(&[1; 160].into());
        a.push_digit('5', 100);
        b.push(&[2; 160].into());

        assert_eq!(b.pull(), (Some([1; 160].into()), Some(('5', 100))));
        assert_eq!(a.pull(), (Some([2; 160].into()), None));
        assert_eq!(a.pull(), (None, None));
        assert_eq!((a.leg(), a.peer(), b.leg(), b.peer()), (10, 20, 20, 10));
    }

    #[test]
    fn test_dropping_a_side_ends_it_for_the_other() {
        let [a, b] = Join::new(1, 10, 20).sides();
        assert_eq!(a.end(), None);

        drop(b);

        assert_eq!(a.end(), Some(JoinEnd { result: OpResult::LegEnded, detail: None }));
        a.finish(OpResult::Stopped, None);
        assert_eq!(a.end().map(|end| end.result), Some(OpResult::LegEnded));
    }
}
