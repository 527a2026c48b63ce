//! The recordings of one leg or room.

use std::path::PathBuf;

use crate::audio::frame::{Frame, SILENCE};
use crate::command::OpId;
use crate::event::OpResult;
use crate::leg::Context;
use crate::operation::record::{Pause, Recorder};
use crate::output::DiskJob;

/// Recordings at once.
const MAX_RECORDERS: usize = 4;

/// Recordings under way, and those whose files are being closed.
#[derive(Debug, Default)]
pub(crate) struct Recorders(Vec<Recorder>);

impl Recorders {
    /// Begin one.
    pub(crate) fn begin(&mut self, recorder: Recorder, path: PathBuf, ctx: &mut Context<'_>) {
        if self.0.len() >= MAX_RECORDERS {
            let why = format!("{MAX_RECORDERS} recordings are under way already");
            return ctx.done(recorder.op, OpResult::Failed, Some(why));
        }
        ctx.out.jobs.push(DiskJob::Create { op: recorder.op, path, channels: recorder.channels() });
        self.0.push(recorder);
    }

    /// Say whether all files are closed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Append 20 ms to each.
    pub(crate) fn frame(&mut self, heard: &Frame, sent: &Frame, ctx: &mut Context<'_>) {
        for recorder in &mut self.0 {
            recorder.frame(heard, sent, &mut ctx.out.jobs);
        }
    }

    /// Give orders to close a file again that found no room.
    pub(crate) fn repeat_orders(&mut self, ctx: &mut Context<'_>) {
        self.frame(&SILENCE, &SILENCE, ctx);
    }

    /// End one; false if it is not here.
    pub(crate) fn stop(&mut self, op: OpId, result: OpResult, ctx: &mut Context<'_>) -> bool {
        let Some(recorder) = self.find(op) else { return false };
        recorder.end(result, &mut ctx.out.jobs);
        true
    }

    /// End all.
    pub(crate) fn stop_all(&mut self, result: OpResult, ctx: &mut Context<'_>) {
        for recorder in &mut self.0 {
            recorder.end(result, &mut ctx.out.jobs);
        }
    }

    /// Pause one, or let it go on; false if it is not here.
    pub(crate) fn pause(&mut self, op: OpId, pause: Option<Pause>) -> bool {
        let Some(recorder) = self.find(op) else { return false };
        recorder.pause(pause);
        true
    }

    /// Take the end of a recording from the disk thread: the file is closed, or something failed.
    pub(crate) fn over(&mut self, op: OpId, outcome: Result<(), String>, ctx: &mut Context<'_>) {
        let Some(index) = self.0.iter().position(|recorder| recorder.op == op) else { return };
        let recorder = self.0.swap_remove(index);
        match outcome {
            Ok(()) => {
                let result = recorder.result().unwrap_or(OpResult::Failed);
                ctx.ops.recorded(op, result, recorder.duration_ms(), &mut ctx.out.events);
            }
            Err(why) => ctx.done(op, OpResult::Failed, Some(why)),
        }
    }

    /// Deal with a job the disk thread had no room for.
    pub(crate) fn refused(&mut self, job: &DiskJob, why: String, ctx: &mut Context<'_>) {
        match job {
            DiskJob::Load { .. } => {}
            DiskJob::Create { op, .. } => self.over(*op, Err(why), ctx),
            DiskJob::Append { op, gap, samples } => {
                if let Some(recorder) = self.find(*op) {
                    recorder.piece_refused(gap + samples.len());
                }
            }
            DiskJob::Finish { op } => {
                if let Some(recorder) = self.find(*op) {
                    recorder.close_refused();
                }
            }
        }
    }

    /// Give up on files that the disk did not close.
    pub(crate) fn abandon(&self, result: OpResult, ctx: &mut Context<'_>) {
        for recorder in &self.0 {
            let why = "the disk did not answer: a recording may lack its end";
            ctx.done(recorder.op, result, Some(why.to_owned()));
        }
    }

    fn find(&mut self, op: OpId) -> Option<&mut Recorder> {
        self.0.iter_mut().find(|recorder| recorder.op == op)
    }
}
