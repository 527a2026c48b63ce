//! What plays on a leg: one play, tone or prompt of a gather at a time.

use std::sync::Arc;

use crate::audio::tone::Tone;
use crate::command::{Codec, OpId};
use crate::operation::player::{Player, Prompt};
use crate::stream::voice::Outgoing;

/// Where the audio comes from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The loader has not answered yet.
    Loading { loop_count: u32, gain_db: f32 },
    /// Files.
    Prompts(Player),
    /// A tone.
    Tone(Tone),
}

/// What plays, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct Playback {
    /// The operation it belongs to.
    pub(crate) op: OpId,
    /// It is the prompt of a gather; its end is not the end of the operation.
    pub(crate) is_prompt: bool,
    /// A digit stops it.
    pub(crate) barge_in: bool,
    /// Where the audio comes from.
    pub(crate) source: Source,
}

impl Playback {
    /// Take the files that were loaded.
    pub(crate) fn loaded(&mut self, prompts: Vec<Arc<Prompt>>) {
        if let Source::Loading { loop_count, gain_db } = self.source {
            self.source = Source::Prompts(Player::new(prompts, loop_count, gain_db));
        }
    }

    /// Write the next 20 ms; return whether anything comes after them. `None` while nothing is loaded.
    pub(crate) fn fill(&mut self, codec: Codec, outgoing: &mut Outgoing) -> Option<bool> {
        match &mut self.source {
            Source::Loading { .. } => None,
            Source::Prompts(player) => Some(player.fill(codec, outgoing)),
            Source::Tone(tone) => {
                outgoing.wire = None;
                Some(tone.fill(&mut outgoing.sound.narrow))
            }
        }
    }
}
