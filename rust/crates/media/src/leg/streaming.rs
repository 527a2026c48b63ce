//! A leg's audio to and from a program far away.

use std::sync::Arc;

use super::{Context, Leg};
use crate::audio::frame::Sound;
use crate::command::OpId;
use crate::counters::count;
use crate::event::OpResult;
use crate::operation::audio_stream::{StreamLease, StreamSide};

impl Leg {
    /// Begin to exchange audio.
    pub(super) fn begin_stream(&mut self, op: OpId, lease: Arc<StreamLease>, ctx: &mut Context<'_>) {
        self.end_stream(OpResult::Replaced, ctx);
        self.stream = Some(Box::new(StreamSide::new(op, lease)));
    }

    /// Leave the stream.
    pub(super) fn end_stream(&mut self, result: OpResult, ctx: &mut Context<'_>) {
        if let Some(side) = self.stream.take() {
            side.leave(result);
            ctx.done(side.op, result, None);
        }
    }

    /// Stop the stream if it is this operation.
    pub(super) fn stop_stream(&mut self, op: OpId, ctx: &mut Context<'_>) -> bool {
        let is_here = self.stream.as_ref().is_some_and(|side| side.op == op);
        if is_here {
            self.end_stream(OpResult::Stopped, ctx);
        }
        is_here
    }

    /// Give the program what was heard, and add what it says to what others said.
    pub(super) fn stream(&mut self, heard: &Sound, said: &mut Option<Sound>, ctx: &mut Context<'_>) {
        let Some(side) = &mut self.stream else { return };
        if let Some((result, detail)) = side.ended() {
            let op = side.op;
            self.stream = None;
            return ctx.done(op, result, detail);
        }
        if !side.push(heard) {
            count(&ctx.counters.dropped_stream_frames);
        }
        if self.playback.is_none()
            && let Some(voice) = side.pull()
        {
            *said = Some(said.map_or(voice, |sum| sum.mixed(&voice)));
        }
    }
}
