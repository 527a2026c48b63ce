//! The mixer of a room: lives on one shard, mixes every 20 ms, plays to the room and records it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::audio::frame::{SILENCE, Sound};
use crate::audio::tone::Tone;
use crate::command::{Change, Codec, MediaCommand, OpId};
use crate::counters::count;
use crate::event::{MediaEvent, OpResult};
use crate::leg::Context;
use crate::operation::lane::lock;
use crate::operation::playback::{Playback, Source};
use crate::operation::player::Prompt;
use crate::operation::record::Recorder;
use crate::operation::recorders::Recorders;
use crate::operation::room::voices::{Channel, Voices};
use crate::operation::room::{Member, Room};
use crate::output::DiskJob;
use crate::stream::voice::Outgoing;

/// How long a closed room waits for its recordings to be on disk.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// `Talking` events of a room: one in so many ticks on average (50 in 2 s), and so many at once.
const TALKING_TICKS: u32 = 2;
const TALKING_BURST: u32 = 40;
/// Files of one play.
const MAX_FILES: usize = 100;

/// One room on its shard.
#[derive(Debug)]
pub(crate) struct RoomMixer {
    room: Arc<Room>,
    channels: HashMap<OpId, Channel>,
    /// Of the room itself: what is played to it, and what a recording hears.
    own: Channel,
    voices: Voices,
    playback: Option<Playback>,
    recorders: Recorders,
    /// Events that may be reported now; grows with the ticks.
    allowance: u32,
    ticks: u32,
    closing: Option<Instant>,
}

impl RoomMixer {
    /// Begin to mix.
    pub(crate) fn new(room: Arc<Room>) -> Self {
        Self {
            room,
            channels: HashMap::new(),
            own: Channel::new(),
            voices: Voices::default(),
            playback: None,
            recorders: Recorders::default(),
            allowance: TALKING_BURST,
            ticks: 0,
            closing: None,
        }
    }

    /// Mix 20 ms.
    pub(crate) fn tick(&mut self, ctx: &mut Context<'_>) {
        if self.closing.is_some() {
            return self.recorders.repeat_orders(ctx);
        }
        let members: Vec<Arc<Member>> = lock(&self.room.members).clone();
        if self.channels.len() > members.len() {
            self.channels.retain(|op, _| members.iter().any(|member| member.op == *op));
        }
        for member in &members {
            self.channels.entry(member.op).or_insert_with(Channel::new);
        }
        self.mix(&members, ctx);
        self.report_talkers(&members, ctx);
    }

    fn mix(&mut self, members: &[Arc<Member>], ctx: &mut Context<'_>) {
        let played = self.played(ctx);
        // In the order of the members; the map holds each of them.
        let mut by_op: HashMap<OpId, &mut Channel> =
            self.channels.iter_mut().map(|(op, channel)| (*op, channel)).collect();
        let mut channels: Vec<&mut Channel> = members.iter().filter_map(|member| by_op.remove(&member.op)).collect();
        self.voices.clear();
        for (member, channel) in members.iter().zip(&mut channels) {
            let said = member.input.pull();
            if said.is_none() {
                count(&ctx.counters.media_room_frames_missing);
            }
            self.voices.take(said.as_ref(), *lock(&member.membership), channel);
        }
        let heard = self.voices.mix(played.as_ref(), &mut channels, &mut self.own, |index, sound| {
            if !members[index].output.push(sound) {
                count(&ctx.counters.dropped_room_frames);
            }
        });
        self.recorders.frame(&heard, &SILENCE, ctx);
    }

    fn played(&mut self, ctx: &mut Context<'_>) -> Option<Sound> {
        let mut outgoing = Outgoing { wire: None, sound: Sound::SILENCE };
        let goes_on = self.playback.as_mut()?.fill(Codec::G722, &mut outgoing)?;
        if !goes_on {
            self.end_playback(OpResult::Done, ctx);
        }
        Some(outgoing.sound)
    }

    fn report_talkers(&mut self, members: &[Arc<Member>], ctx: &mut Context<'_>) {
        self.ticks += 1;
        if self.ticks.is_multiple_of(TALKING_TICKS) {
            self.allowance = (self.allowance + 1).min(TALKING_BURST);
        }
        for member in members {
            let Some(channel) = self.channels.get_mut(&member.op).filter(|channel| channel.talks != channel.told)
            else {
                continue;
            };
            // What is not reported now is with a later tick, if it still is so.
            if self.allowance == 0 {
                return;
            }
            self.allowance -= 1;
            channel.told = channel.talks;
            ctx.out.events.push(MediaEvent::Talking { room: self.room.id, leg: member.leg, on: channel.talks });
        }
    }

    /// Begin an operation on the room, which is in the table already.
    pub(crate) fn begin(&mut self, command: MediaCommand, ctx: &mut Context<'_>) {
        match command {
            MediaCommand::Play { op, files, loop_count, gain_db, .. } => {
                let source = Source::Loading { loop_count, gain_db };
                self.play(Playback { op, is_prompt: false, barge_in: false, source }, ctx);
                if (1..=MAX_FILES).contains(&files.len()) {
                    ctx.out.jobs.push(DiskJob::Load { op, files, wide: true });
                } else {
                    let why = format!("{} files to play: 1 to {MAX_FILES} are possible", files.len());
                    self.prompts_loaded(op, Err(why), ctx);
                }
            }
            MediaCommand::Tone { op, name, country, duration_ms, .. } => {
                let source = Source::Tone(Tone::new(name, country, duration_ms));
                self.play(Playback { op, is_prompt: false, barge_in: false, source }, ctx);
            }
            MediaCommand::Record { op, path, max_ms, silence_stop_ms, .. } => {
                self.recorders.begin(Recorder::new(op, false, max_ms, silence_stop_ms), path, ctx);
            }
            other => {
                if let Some((op, _)) = other.begins() {
                    ctx.done(op, OpResult::Failed, Some("a room can only be played to and recorded".to_owned()));
                }
            }
        }
    }

    fn play(&mut self, playback: Playback, ctx: &mut Context<'_>) {
        self.end_playback(OpResult::Replaced, ctx);
        self.playback = Some(playback);
    }

    fn end_playback(&mut self, result: OpResult, ctx: &mut Context<'_>) {
        if let Some(playback) = self.playback.take() {
            ctx.done(playback.op, result, None);
        }
    }

    /// Stop an operation on the room.
    pub(crate) fn stop(&mut self, op: OpId, ctx: &mut Context<'_>) {
        if self.playback.as_ref().is_some_and(|playback| playback.op == op) {
            self.end_playback(OpResult::Stopped, ctx);
        } else {
            self.recorders.stop(op, OpResult::Stopped, ctx);
        }
    }

    /// Change an operation on the room.
    pub(crate) fn change(&mut self, op: OpId, change: Change) {
        if let Change::Pause(pause) = change {
            self.recorders.pause(op, pause);
        }
    }

    /// Take the files of a play, or why there are none.
    pub(crate) fn prompts_loaded(&mut self, op: OpId, loaded: Result<Vec<Arc<Prompt>>, String>, ctx: &mut Context<'_>) {
        let Some(playback) = self.playback.as_mut().filter(|playback| playback.op == op) else { return };
        match loaded {
            Ok(prompts) => playback.loaded(prompts),
            Err(why) => {
                self.playback = None;
                ctx.done(op, OpResult::Failed, Some(why));
            }
        }
    }

    /// Take the end of a recording.
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

    /// Close the room; it stays until its recordings are closed.
    pub(crate) fn close(&mut self, ctx: &mut Context<'_>) {
        self.room.close();
        if self.closing.is_none() {
            self.closing = Some(ctx.now + CLOSE_TIMEOUT);
            self.end_playback(OpResult::Done, ctx);
            self.recorders.stop_all(OpResult::Done, ctx);
        }
    }

    /// End what is left once the room is over; false as long as it is not.
    pub(crate) fn finish(&mut self, ctx: &mut Context<'_>) -> bool {
        let over = self.closing.is_some_and(|deadline| self.recorders.is_empty() || ctx.now >= deadline);
        if over {
            self.recorders.abandon(OpResult::Done, ctx);
        }
        over
    }
}

impl Drop for RoomMixer {
    fn drop(&mut self) {
        self.room.close();
    }
}
