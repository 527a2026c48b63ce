//! Operations on a leg: how they begin, replace each other and are stopped.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Context, Leg};
use crate::audio::tone::Tone;
use crate::command::{GatherPrompt, MediaCommand, OpId};
use crate::counters::count;
use crate::dtmf::{digit_of, event_of};
use crate::event::{GatherResult, OpResult};
use crate::operation::gather::{Gather, GatherRules, MAX_DIGITS};
use crate::operation::playback::{Playback, Source};
use crate::operation::player::Prompt;
use crate::operation::record::Recorder;
use crate::operation::table::Gathered;
use crate::output::DiskJob;

/// Length of a digit passed on to a joined leg that came without audio.
const INFO_TONE_MS: u32 = 100;
/// Files of one play.
const MAX_FILES: usize = 100;
/// Digits of one `SendDtmf`.
const MAX_SENT_DIGITS: usize = 64;

impl Leg {
    /// Begin an operation that is in the table already, or take a digit.
    pub(crate) fn begin(&mut self, command: MediaCommand, ctx: &mut Context<'_>) {
        match command {
            MediaCommand::Play { op, files, loop_count, barge_in, gain_db, .. } => {
                let source = Source::Loading { loop_count, gain_db };
                self.play(Playback { op, is_prompt: false, barge_in, source }, files, ctx);
            }
            MediaCommand::Tone { op, name, country, duration_ms, .. } => {
                let source = Source::Tone(Tone::new(name, country, duration_ms));
                self.play(Playback { op, is_prompt: false, barge_in: false, source }, Vec::new(), ctx);
            }
            MediaCommand::Gather {
                op,
                prompt,
                min_digits,
                max_digits,
                terminators,
                first_timeout_ms,
                inter_timeout_ms,
                ..
            } => {
                let max_digits = max_digits.clamp(1, MAX_DIGITS);
                let rules = GatherRules {
                    min_digits: min_digits.min(max_digits) as usize,
                    max_digits: max_digits as usize,
                    terminators,
                    first_timeout: Duration::from_millis(first_timeout_ms.into()),
                    inter_timeout: Duration::from_millis(inter_timeout_ms.into()),
                };
                self.begin_gather(op, rules, prompt, ctx);
            }
            MediaCommand::Record { op, path, stereo, max_ms, silence_stop_ms, .. } => {
                self.recorders.begin(Recorder::new(op, stereo, max_ms, silence_stop_ms), path, ctx);
            }
            MediaCommand::SendDtmf { op, digits, tone_ms, gap_ms, .. } => {
                self.send_dtmf(op, &digits, tone_ms, gap_ms, ctx);
            }
            MediaCommand::Stream { op, lease, .. } => self.begin_stream(op, lease, ctx),
            MediaCommand::DetectMachine { op, rules, .. } => self.detect_machine(op, rules, ctx),
            MediaCommand::Digit { digit, .. } => {
                if let Some(digit) = event_of(digit).and_then(digit_of) {
                    self.barge_in(ctx);
                    self.digit(digit, Some(INFO_TONE_MS), ctx);
                } else {
                    count(&ctx.counters.dropped_digits);
                }
            }
            // Both concern more than one leg: the shard deals with them.
            MediaCommand::Join { .. }
            | MediaCommand::JoinRoom { .. }
            | MediaCommand::Tap { .. }
            | MediaCommand::Stop { .. } => {}
        }
    }

    /// Stop an operation, whichever it is.
    pub(crate) fn stop(&mut self, op: OpId, ctx: &mut Context<'_>) {
        if self.gather.as_ref().is_some_and(|gather| gather.op == op) {
            self.end_gather_as(GatherResult::Stopped, None, ctx);
        } else if self.playback.take_if(|playback| playback.op == op).is_some() || self.dtmf_out.stop(op) {
            ctx.done(op, OpResult::Stopped, None);
        } else if self.machine.as_ref().is_some_and(|machine| machine.op == op) {
            self.end_detection(OpResult::Stopped, ctx);
        } else if !self.recorders.stop(op, OpResult::Stopped, ctx) && !self.stop_stream(op, ctx) {
            self.stop_talk(op, ctx);
        }
    }

    /// Take the files of a play or prompt, or why there are none.
    pub(crate) fn prompts_loaded(&mut self, op: OpId, loaded: Result<Vec<Arc<Prompt>>, String>, ctx: &mut Context<'_>) {
        let Some(playback) = self.playback.as_mut().filter(|playback| playback.op == op) else { return };
        match loaded {
            Ok(prompts) => playback.loaded(prompts),
            Err(why) if playback.is_prompt => {
                self.end_gather_as(GatherResult::Failed, Some(why), ctx);
            }
            Err(why) => {
                self.playback = None;
                ctx.done(op, OpResult::Failed, Some(why));
            }
        }
    }

    /// Take the end of a recording from the disk thread: the file is closed, or something failed.
    pub(crate) fn recording_over(&mut self, op: OpId, outcome: Result<(), String>, ctx: &mut Context<'_>) {
        self.recorders.over(op, outcome, ctx);
    }

    /// Deal with a job the disk threads had no room for.
    pub(crate) fn job_refused(&mut self, job: &DiskJob, why: String, ctx: &mut Context<'_>) {
        match job {
            DiskJob::Load { op, .. } => self.prompts_loaded(*op, Err(why), ctx),
            other => self.recorders.refused(other, why, ctx),
        }
    }

    fn play(&mut self, playback: Playback, files: Vec<PathBuf>, ctx: &mut Context<'_>) {
        let op = playback.op;
        let loads = matches!(playback.source, Source::Loading { .. });
        self.end_playback(OpResult::Replaced, ctx);
        self.playback = Some(playback);
        if loads && (files.is_empty() || files.len() > MAX_FILES) {
            let why = format!("{} files to play: 1 to {MAX_FILES} are possible", files.len());
            self.prompts_loaded(op, Err(why), ctx);
        } else if loads {
            let wide = self.codec().is_wide();
            ctx.out.jobs.push(DiskJob::Load { op, files, wide });
        }
    }

    pub(super) fn end_playback(&mut self, result: OpResult, ctx: &mut Context<'_>) {
        if let Some(playback) = self.playback.take() {
            if playback.is_prompt {
                self.prompt_over(ctx);
            } else {
                ctx.done(playback.op, result, None);
            }
        }
    }

    fn begin_gather(&mut self, op: OpId, rules: GatherRules, prompt: GatherPrompt, ctx: &mut Context<'_>) {
        self.end_gather_as(GatherResult::Replaced, None, ctx);
        let GatherPrompt { files, barge_in } = prompt;
        if !files.is_empty() {
            self.end_playback(OpResult::Replaced, ctx);
        }
        // Who types ahead knows the prompt.
        let plays = !(files.is_empty() || barge_in && !self.typed_ahead.is_empty());
        self.gather = Some(Gather::new(op, rules, plays.then_some(barge_in), ctx.now));
        if plays {
            let source = Source::Loading { loop_count: 1, gain_db: 0.0 };
            self.play(Playback { op, is_prompt: true, barge_in, source }, files, ctx);
        }
        self.feed_typed_ahead(ctx);
    }

    /// Let the gather's time run, and count the digits that came during a prompt that could not be stopped.
    pub(super) fn prompt_over(&mut self, ctx: &mut Context<'_>) {
        if let Some(gather) = &mut self.gather {
            gather.prompt_over(ctx.now);
        }
        self.feed_typed_ahead(ctx);
    }

    fn feed_typed_ahead(&mut self, ctx: &mut Context<'_>) {
        while let Some(gather) = self.gather.as_mut().filter(|gather| gather.takes_digits()) {
            let Some(digit) = self.typed_ahead.pop_front() else { return };
            if let Some(gathered) = gather.digit(digit, ctx.now) {
                self.end_gather(gathered, None, ctx);
            }
        }
    }

    pub(super) fn end_gather_as(&mut self, result: GatherResult, detail: Option<String>, ctx: &mut Context<'_>) {
        if let Some(gathered) = self.gather.as_ref().map(|gather| gather.end(result, None)) {
            self.end_gather(gathered, detail, ctx);
        }
    }

    pub(super) fn end_gather(&mut self, gathered: Gathered, detail: Option<String>, ctx: &mut Context<'_>) {
        if let Some(gather) = self.gather.take() {
            self.playback.take_if(|playback| playback.is_prompt && playback.op == gather.op);
            ctx.ops.gathered(gather.op, gathered, detail, &mut ctx.out.events);
        }
    }

    fn send_dtmf(&mut self, op: OpId, digits: &str, tone_ms: u32, gap_ms: u32, ctx: &mut Context<'_>) {
        let valid = digits.chars().all(|digit| digit == ',' || event_of(digit).is_some());
        let why = if !valid || digits.len() > MAX_SENT_DIGITS {
            format!("digits {digits:?}: at most {MAX_SENT_DIGITS} of 0-9*#A-D and , can be sent")
        } else if self.dtmf_out.push(Some(op), digits, tone_ms.clamp(40, 5000), gap_ms.clamp(20, 5000)) {
            return;
        } else {
            "too many digits wait to be sent".to_owned()
        };
        ctx.done(op, OpResult::Failed, Some(why));
    }
}
