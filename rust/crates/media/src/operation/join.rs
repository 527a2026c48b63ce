//! Two legs that hear each other, on one shard or on two: decoded frames in a bounded queue for each direction.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::audio::frame::Sound;
use crate::command::{LegId, OpId};
use crate::event::OpResult;

/// Frames that may wait for the other leg: 80 ms.
const MAX_FRAMES: usize = 4;
/// Digits that may wait for the other leg.
const MAX_DIGITS: usize = 32;
/// Frames after which a queue that was never empty is shortened by one: 1 s.
const CALM_FRAMES: u32 = 50;

/// How a join ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JoinEnd {
    pub(crate) result: OpResult,
    pub(crate) detail: Option<String>,
}

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    frames: VecDeque<Sound>,
    digits: VecDeque<(char, u32)>,
    /// Fewest frames left over since `pulls` was zero.
    least_left: usize,
    pulls: u32,
}

/// What both legs of a join share. Each lock is held for one copy of a frame.
#[derive(Debug)]
pub(crate) struct Join {
    op: OpId,
    a: LegId,
    b: LegId,
    lanes: [Mutex<Lane>; 2],
    end: Mutex<Option<JoinEnd>>,
}

impl Join {
    /// Prepare a join; the end is reported by the shard of `a` alone.
    pub(crate) fn new(op: OpId, a: LegId, b: LegId) -> Arc<Self> {
        Arc::new(Self { op, a, b, lanes: Default::default(), end: Mutex::new(None) })
    }

    /// Return the two ends, that of `a` first.
    pub(crate) fn sides(self: Arc<Self>) -> [JoinSide; 2] {
        [JoinSide { join: Arc::clone(&self), index: 0 }, JoinSide { join: self, index: 1 }]
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
        let mut lane = lock(&self.join.lanes[self.index]);
        let fits = lane.frames.len() < MAX_FRAMES;
        if !fits {
            lane.frames.pop_front();
        }
        lane.frames.push_back(*frame);
        fits
    }

    /// Give the other leg a digit; false when too many wait.
    pub(crate) fn push_digit(&self, digit: char, duration_ms: u32) -> bool {
        let mut lane = lock(&self.join.lanes[self.index]);
        let fits = lane.digits.len() < MAX_DIGITS;
        if fits {
            lane.digits.push_back((digit, duration_ms));
        }
        fits
    }

    /// Take what the other leg said, and a digit it pressed.
    pub(crate) fn pull(&self) -> (Option<Sound>, Option<(char, u32)>) {
        let mut lane = lock(&self.join.lanes[1 - self.index]);
        let frame = lane.frames.pop_front();
        lane.pulls += 1;
        lane.least_left = lane.least_left.min(lane.frames.len());
        if lane.pulls >= CALM_FRAMES {
            // A thread that was held up leaves frames behind that would delay the talk for ever.
            if lane.least_left > 0 {
                lane.frames.pop_front();
            }
            (lane.pulls, lane.least_left) = (0, MAX_FRAMES);
        }
        (frame, lane.digits.pop_front())
    }
}

impl Drop for JoinSide {
    fn drop(&mut self) {
        self.finish(OpResult::LegEnded, None);
    }
}

/// A thread that panicked while it copied a frame leaves a frame, not a broken queue.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn test_the_queue_is_bounded_and_keeps_the_newest() {
        let [a, b] = Join::new(1, 10, 20).sides();
        let kept: Vec<bool> = (0..6).map(|value| a.push(&[value; 160].into())).collect();

        assert_eq!(kept, [true, true, true, true, false, false]);
        assert_eq!(b.pull().0, Some([2; 160].into()));
    }

    #[test]
    fn test_a_queue_that_is_never_empty_is_shortened() {
        let [a, b] = Join::new(1, 10, 20).sides();
        a.push(&[0; 160].into());
        a.push(&[0; 160].into());
        for _ in 0..200 {
            a.push(&[0; 160].into());
            b.pull();
        }

        assert_eq!(lock(&a.join.lanes[0]).frames.len(), 0);
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
