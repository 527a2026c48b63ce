//! A supervisor on a join: hears both sides, and is heard by none, one or both of them.

use std::sync::{Arc, Mutex};

use crate::audio::frame::Sound;
use crate::command::{LegId, OpId};
use crate::operation::join::Join;
use crate::operation::lane::{Lane, lock};

/// Who hears the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TapMode {
    /// Nobody.
    Monitor,
    /// One leg of the join.
    Whisper(LegId),
    /// Both.
    Barge,
}

/// What the supervisor's leg and the two legs of the join share.
#[derive(Debug)]
pub(crate) struct Tap {
    op: OpId,
    mode: Mutex<TapMode>,
    /// What each side of the join said, and what is said to each side.
    heard: [Lane; 2],
    said: [Lane; 2],
}

impl Tap {
    pub(crate) fn new(op: OpId, mode: TapMode) -> Arc<Self> {
        Arc::new(Self { op, mode: Mutex::new(mode), heard: Default::default(), said: Default::default() })
    }

    pub(crate) fn op(&self) -> OpId {
        self.op
    }

    /// Take what a side of the join said.
    pub(crate) fn hear(&self, side: usize, sound: &Sound) {
        self.heard[side].push(sound);
    }

    /// Return what the supervisor says to a side of the join.
    pub(crate) fn say(&self, side: usize) -> Option<Sound> {
        self.said[side].pull()
    }
}

/// The supervisor's end. Dropping it ends the tap.
#[derive(Debug)]
pub(crate) struct TapSide {
    tap: Arc<Tap>,
    join: Arc<Join>,
    leg: LegId,
}

impl TapSide {
    /// Put a tap on a join; the error says why there can be none.
    pub(crate) fn begin(join: Arc<Join>, op: OpId, leg: LegId, mode: TapMode) -> Result<Self, String> {
        check(&join, mode)?;
        let tap = Tap::new(op, mode);
        join.add_tap(&tap)?;
        Ok(Self { tap, join, leg })
    }

    /// Return the operation.
    pub(crate) fn op(&self) -> OpId {
        self.tap.op
    }

    /// Return the supervisor's leg.
    pub(crate) fn leg(&self) -> LegId {
        self.leg
    }

    /// Say whether what is tapped is over.
    pub(crate) fn is_over(&self) -> bool {
        self.join.is_over()
    }

    /// Change who hears the supervisor; false if that is neither leg of the join.
    pub(crate) fn set_mode(&self, mode: TapMode) -> bool {
        let fits = check(&self.join, mode).is_ok();
        if fits {
            *lock(&self.tap.mode) = mode;
        }
        fits
    }

    /// Give the join what the supervisor said, and return what both sides said.
    pub(crate) fn exchange(&self, voice: &Sound) -> Option<Sound> {
        let mode = *lock(&self.tap.mode);
        for (side, leg) in self.join.legs().into_iter().enumerate() {
            if mode == TapMode::Barge || mode == TapMode::Whisper(leg) {
                self.tap.said[side].push(voice);
            }
        }
        match (self.tap.heard[0].pull(), self.tap.heard[1].pull()) {
            (Some(one), Some(other)) => Some(one.mixed(&other)),
            (one, other) => one.or(other),
        }
    }
}

impl Drop for TapSide {
    fn drop(&mut self) {
        self.join.remove_tap(self.tap.op);
    }
}

fn check(join: &Join, mode: TapMode) -> Result<(), String> {
    match mode {
        TapMode::Whisper(leg) if !join.legs().contains(&leg) => Err(format!("leg {leg} is not part of what is tapped")),
        _ => Ok(()),
    }
}
