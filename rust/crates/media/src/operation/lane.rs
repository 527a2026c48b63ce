//! A bounded queue of sound between two threads, or two phases of one.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::audio::frame::Sound;

/// Frames that may wait: 80 ms.
const MAX_FRAMES: usize = 4;
/// Frames after which a queue that was never empty is shortened by one: 1 s.
const CALM_FRAMES: u32 = 50;

/// One direction. The lock is held for one copy of a frame.
#[derive(Debug, Default)]
pub(crate) struct Lane(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Sound>,
    /// Fewest frames left over since `pulls` was zero.
    least_left: usize,
    pulls: u32,
}

impl Lane {
    /// Append 20 ms; false when the oldest frame had to go.
    pub(crate) fn push(&self, frame: &Sound) -> bool {
        let mut queue = lock(&self.0);
        let fits = queue.frames.len() < MAX_FRAMES;
        if !fits {
            queue.frames.pop_front();
        }
        queue.frames.push_back(*frame);
        fits
    }

    /// Take the oldest frame.
    pub(crate) fn pull(&self) -> Option<Sound> {
        let mut queue = lock(&self.0);
        let frame = queue.frames.pop_front();
        queue.pulls += 1;
        queue.least_left = queue.least_left.min(queue.frames.len());
        if queue.pulls >= CALM_FRAMES {
            // A thread that was held up leaves frames behind that would delay the talk for ever.
            if queue.least_left > 0 {
                queue.frames.pop_front();
            }
            (queue.pulls, queue.least_left) = (0, MAX_FRAMES);
        }
        frame
    }
}

/// A thread that panicked while it copied a frame leaves a frame, not a broken queue.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_the_queue_is_bounded_and_keeps_the_newest() {
        let lane = Lane::default();
        let kept: Vec<bool> = (0..6).map(|value| lane.push(&[value; 160].into())).collect();

        assert_eq!(kept, [true, true, true, true, false, false]);
        assert_eq!(lane.pull(), Some([2; 160].into()));
    }

    #[test]
    fn test_a_queue_that_is_never_empty_is_shortened() {
        let lane = Lane::default();
        lane.push(&[0; 160].into());
        lane.push(&[0; 160].into());
        for _ in 0..200 {
            lane.push(&[0; 160].into());
            lane.pull();
        }

        assert_eq!(lane.pull(), None);
    }
}
