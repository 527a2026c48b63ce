//! Whom a leg talks with: another leg, a room, or the two sides of a join it taps. One of them at a time.

use super::{Context, Leg};
use crate::audio::frame::Sound;
use crate::command::{Change, OpId};
use crate::counters::count;
use crate::event::OpResult;
use crate::operation::join::JoinSide;
use crate::operation::room::RoomSide;
use crate::operation::tap::TapSide;

/// Gap after a digit that is passed on from a joined leg.
const RELAYED_GAP_MS: u32 = 60;

impl Leg {
    /// Take one side of a join; it replaces what plays and an older talk.
    pub(crate) fn join(&mut self, side: JoinSide, ctx: &mut Context<'_>) {
        self.end_playback(OpResult::Replaced, ctx);
        self.end_talk(OpResult::Replaced, ctx);
        self.join = Some(side);
    }

    /// Enter a room; it replaces what plays and an older talk.
    pub(crate) fn enter_room(&mut self, side: RoomSide, ctx: &mut Context<'_>) {
        self.end_playback(OpResult::Replaced, ctx);
        self.end_talk(OpResult::Replaced, ctx);
        self.room = Some(side);
    }

    /// Tap a join; it replaces what plays and an older talk.
    pub(crate) fn tap(&mut self, side: TapSide, ctx: &mut Context<'_>) {
        self.end_playback(OpResult::Replaced, ctx);
        self.end_talk(OpResult::Replaced, ctx);
        self.tap = Some(side);
    }

    /// End whatever talk there is.
    pub(super) fn end_talk(&mut self, result: OpResult, ctx: &mut Context<'_>) {
        if let Some(side) = self.join.take() {
            side.finish(result, None);
            self.report_join(&side, ctx);
        }
        if let Some(side) = self.room.take() {
            self.talk_over(side.op(), result, None, ctx);
        }
        if let Some(side) = self.tap.take() {
            self.talk_over(side.op(), result, None, ctx);
        }
    }

    /// Stop the talk that is this operation; false if there is none.
    pub(super) fn stop_talk(&mut self, op: OpId, ctx: &mut Context<'_>) -> bool {
        if let Some(side) = self.join.as_ref().filter(|side| side.op() == op) {
            side.finish(OpResult::Stopped, None);
            self.check_talk(ctx);
            return true;
        }
        let is_here = self.room.as_ref().is_some_and(|side| side.op() == op)
            || self.tap.as_ref().is_some_and(|side| side.op() == op);
        if is_here {
            self.end_talk(OpResult::Stopped, ctx);
        }
        is_here
    }

    /// End a talk that ended at its other side.
    pub(crate) fn check_talk(&mut self, ctx: &mut Context<'_>) {
        if let Some(side) = self.join.take_if(|side| side.end().is_some()) {
            self.report_join(&side, ctx);
        }
        if let Some(side) = self.room.take_if(|side| side.is_over()) {
            self.talk_over(side.op(), OpResult::Done, Some("the room was closed"), ctx);
        }
        if let Some(side) = self.tap.take_if(|side| side.is_over()) {
            self.talk_over(side.op(), OpResult::Done, Some("what was tapped is over"), ctx);
        }
    }

    /// Return the leg this one is joined with.
    pub(crate) fn peer(&self) -> Option<crate::command::LegId> {
        self.join.as_ref().map(JoinSide::peer)
    }

    /// Change an operation that is under way.
    pub(crate) fn change(&mut self, op: OpId, change: Change) {
        let room = self.room.as_ref().filter(|side| side.op() == op);
        match change {
            Change::Pause(pause) => {
                self.recorders.pause(op, pause);
            }
            Change::Tap(mode) => {
                if let Some(side) = self.tap.as_ref().filter(|side| side.op() == op) {
                    side.set_mode(mode);
                }
            }
            Change::Role(_) | Change::Mute(_) | Change::Gain(_) => {
                if let Some(side) = room {
                    side.change(change);
                }
            }
        }
    }

    fn report_join(&mut self, side: &JoinSide, ctx: &mut Context<'_>) {
        // What was typed before a talk is not about what comes after it.
        self.typed_ahead.clear();
        if let Some(end) = side.end().filter(|_| side.reports()) {
            ctx.done(side.op(), end.result, end.detail);
        }
    }

    fn talk_over(&mut self, op: OpId, result: OpResult, detail: Option<&str>, ctx: &mut Context<'_>) {
        self.typed_ahead.clear();
        ctx.done(op, result, detail.map(str::to_owned));
    }

    /// Give the others what was heard, and return what they said.
    pub(super) fn exchange(&mut self, heard: &Sound, ctx: &mut Context<'_>) -> Option<Sound> {
        if let Some(side) = &self.tap {
            return side.exchange(heard);
        }
        if let Some(side) = &self.room {
            if !side.push(heard) {
                count(&ctx.counters.dropped_room_frames);
            }
            return side.pull();
        }
        let side = self.join.as_ref()?;
        if !side.push(heard) {
            count(&ctx.counters.dropped_join_frames);
        }
        let (said, digit) = side.pull();
        if let Some((digit, duration_ms)) = digit {
            let tone_ms = duration_ms.clamp(40, 5000);
            if !self.dtmf_out.push(None, digit.encode_utf8(&mut [0; 4]), tone_ms, RELAYED_GAP_MS) {
                count(&ctx.counters.dropped_digits);
            }
        }
        if said.is_none() {
            count(&ctx.counters.media_join_frames_missing);
        }
        said
    }
}
