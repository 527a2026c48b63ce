//! What is found in the audio of a leg: digits, and who answered.

use super::{Context, Leg};
use crate::audio::frame::Frame;
use crate::command::OpId;
use crate::event::{DigitSource, MediaEvent, OpResult};
use crate::operation::machine::{MachineDetector, MachineRules, Step};
use crate::stream::jitter::Pulled;

impl Leg {
    /// Look for digits within the audio.
    pub(super) fn hear_digits(&mut self, heard: &Frame, pulled: Pulled, ctx: &mut Context<'_>) {
        let Some(inband) = &mut self.inband else { return };
        for key in inband.audio(heard, pulled == Pulled::Concealed).into_iter().flatten() {
            self.key(key, DigitSource::Inband, ctx);
        }
    }

    /// Begin to find out who answered.
    pub(super) fn detect_machine(&mut self, op: OpId, rules: MachineRules, ctx: &mut Context<'_>) {
        self.end_detection(OpResult::Replaced, ctx);
        self.machine = Some(Box::new(MachineDetector::new(op, rules)));
    }

    pub(super) fn end_detection(&mut self, result: OpResult, ctx: &mut Context<'_>) {
        if let Some(machine) = self.machine.take() {
            ctx.done(machine.op, result, None);
        }
    }

    /// Let the detector listen, and report what it knows.
    pub(super) fn hear_machine(&mut self, heard: &Frame, ctx: &mut Context<'_>) {
        // Before the first packet there is no line to listen to.
        let Some(machine) = self.machine.as_mut().filter(|_| self.had_media) else { return };
        match machine.frame(heard) {
            Step::More => {}
            Step::NoBeep => self.end_detection(OpResult::Limit, ctx),
            Step::Heard { verdict, why, last } => {
                ctx.out.events.push(MediaEvent::Machine { op: machine.op, leg: self.id, verdict, why });
                if last {
                    self.end_detection(OpResult::Done, ctx);
                }
            }
        }
    }
}
