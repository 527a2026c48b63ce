//! The core of a shard: legs, and everything that happens to them, without socket, clock or thread.
//!
//! Packets, commands, answers of the disk threads and ticks go in, each with the time; what they lead to is in
//! [`Outputs`], to be taken out after each call. A tick comes every 5 ms and serves a quarter of the legs.

use std::collections::HashMap;
use std::mem;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::command::{Change, LegId, MediaCommand, OpId, RemoteMedia};
use crate::counters::{Counters, count};
use crate::event::{MediaEvent, OpResult};
use crate::leg::{Context, Leg, LegSeed};
use crate::operation::join::JoinSide;
use crate::operation::player::Prompt;
use crate::operation::room::mixer::RoomMixer;
use crate::operation::room::{ROOMS, Room, RoomId, RoomSide};
use crate::operation::table::{Operations, refused};
use crate::operation::tap::TapSide;
use crate::output::{Channel, DiskJob, Outputs};
use crate::stream::report::NtpClock;

/// Groups of legs, served in turn.
pub(crate) const PHASES: usize = 4;

/// Settings of a shard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShardConfig {
    pub(crate) media_timeout: Duration,
    pub(crate) clock: NtpClock,
}

/// What can be asked of a shard.
#[derive(Debug)]
pub(crate) enum ShardCommand {
    /// Begin a leg.
    Open { leg: LegId, seed: LegSeed },
    /// Set what was agreed with its far end.
    SetRemote { leg: LegId, remote: RemoteMedia },
    /// End a leg.
    Close { leg: LegId },
    /// Begin an operation on one leg, or give it a digit.
    Begin(MediaCommand),
    /// Take one side of a join.
    Join(JoinSide),
    /// Mix a room here.
    OpenRoom { room: Arc<Room> },
    /// Do so no more.
    CloseRoom { room: RoomId },
    /// Let a leg into a room.
    EnterRoom(RoomSide),
    /// Let a leg tap a join.
    Tap(TapSide),
    /// Change an operation if it is here.
    Change { op: OpId, change: Change },
    /// End an operation if it is here.
    Stop { op: OpId },
}

/// The legs of one thread.
pub(crate) struct Shard {
    pub(crate) config: ShardConfig,
    pub(crate) legs: HashMap<LegId, Leg>,
    /// Rooms that are mixed here.
    pub(crate) rooms: HashMap<RoomId, RoomMixer>,
    /// Legs by the tick that serves them.
    phases: [Vec<LegId>; PHASES],
    /// The group that is served next.
    phase: usize,
    /// Legs that were closed and wait for their recordings.
    closing: Vec<LegId>,
    pub(crate) ops: Operations,
    pub(crate) out: Outputs,
    pub(crate) counters: Arc<Counters>,
}

impl Shard {
    /// Begin without legs.
    pub(crate) fn new(config: ShardConfig, counters: Arc<Counters>) -> Self {
        Self {
            config,
            legs: HashMap::new(),
            rooms: HashMap::new(),
            phases: Default::default(),
            phase: 0,
            closing: Vec::new(),
            ops: Operations::default(),
            out: Outputs::default(),
            counters,
        }
    }

    /// Return what is to be done; to be emptied by the caller.
    pub(crate) fn outputs(&mut self) -> &mut Outputs {
        &mut self.out
    }

    /// Say whether there is nothing to tick for.
    pub(crate) fn is_idle(&self) -> bool {
        self.legs.is_empty() && self.rooms.is_empty()
    }

    /// Return the legs the next tick serves: their sockets are to be read before it.
    pub(crate) fn next_legs(&self) -> &[LegId] {
        &self.phases[self.phase]
    }

    /// Take a datagram that arrived `at` on a port of a leg.
    pub(crate) fn handle_packet(
        &mut self,
        leg: LegId,
        channel: Channel,
        from: SocketAddr,
        bytes: &[u8],
        (at, now): (Instant, Instant),
    ) {
        self.guarded(leg, now, |leg, ctx| match channel {
            _ if leg.is_closing() => {}
            Channel::Rtp => leg.rtp(from, bytes, at, ctx),
            Channel::Rtcp => leg.rtcp(from, bytes, at, ctx),
        });
    }

    /// Take a command; false if it was for a leg or operation that is not here.
    pub(crate) fn handle_command(&mut self, command: ShardCommand, now: Instant) -> bool {
        match command {
            ShardCommand::Open { leg, seed } => self.open(leg, seed, now),
            ShardCommand::SetRemote { leg, remote } => {
                self.guarded(leg, now, |leg, ctx| leg.set_remote(remote, ctx.now))
            }
            ShardCommand::Close { leg } => self.close(leg, now),
            ShardCommand::Begin(command) => self.begin(command, now),
            ShardCommand::Join(side) => self.join(side, now),
            ShardCommand::OpenRoom { room } => self.open_room(room),
            ShardCommand::CloseRoom { room } => self.close_room(room, now),
            ShardCommand::EnterRoom(side) => self.enter_room(side, now),
            ShardCommand::Tap(side) => self.tap(side, now),
            ShardCommand::Change { op, change } => self.change(op, change, now),
            ShardCommand::Stop { op } => self.stop(op, now),
        }
    }

    /// Take prompts, or the reason why they could not be loaded.
    pub(crate) fn handle_prompts(&mut self, op: OpId, loaded: Result<Vec<Arc<Prompt>>, String>, now: Instant) {
        match self.ops.leg(op) {
            Some(room) if room >= ROOMS => {
                self.with_room(room, now, |room, ctx| room.prompts_loaded(op, loaded, ctx));
            }
            Some(leg) => {
                self.guarded(leg, now, |leg, ctx| leg.prompts_loaded(op, loaded, ctx));
            }
            None => {}
        }
    }

    /// Take the end of a recording.
    pub(crate) fn handle_recording(&mut self, op: OpId, outcome: Result<(), String>, now: Instant) {
        match self.ops.leg(op) {
            Some(room) if room >= ROOMS => {
                self.with_room(room, now, |room, ctx| room.recording_over(op, outcome, ctx));
                self.sweep_room(room, now);
            }
            Some(leg) => {
                self.guarded(leg, now, |leg, ctx| leg.recording_over(op, outcome, ctx));
                self.sweep(leg, now);
            }
            None => {}
        }
    }

    /// Take back a job for which there was no room.
    pub(crate) fn handle_refused_job(&mut self, job: &DiskJob, now: Instant) {
        let (DiskJob::Load { op, .. }
        | DiskJob::Create { op, .. }
        | DiskJob::Append { op, .. }
        | DiskJob::Finish { op }) = job;
        if let DiskJob::Append { .. } = job {
            count(&self.counters.dropped_record_chunks);
        }
        let why = "the disk is too slow: too much work waits for it".to_owned();
        match self.ops.leg(*op) {
            Some(room) if room >= ROOMS => {
                self.with_room(room, now, |room, ctx| room.job_refused(job, why, ctx));
            }
            Some(leg) => {
                self.guarded(leg, now, |leg, ctx| leg.job_refused(job, why, ctx));
            }
            None => {}
        }
    }

    /// Serve the next group of legs.
    pub(crate) fn tick(&mut self, now: Instant) {
        let open = self.legs.len();
        let ids = mem::take(&mut self.phases[self.phase]);
        for &id in &ids {
            self.guarded(id, now, Leg::tick);
        }
        self.phases[self.phase] = ids;
        if self.legs.len() < open {
            // A leg that panicked is gone from the table already.
            self.phases[self.phase].retain(|id| self.legs.contains_key(id));
        }
        self.tick_rooms(self.phase, now);
        self.phase = (self.phase + 1) % PHASES;
        for id in self.closing.clone() {
            self.sweep(id, now);
        }
    }

    /// Leave out `rounds` times 20 ms after the thread was held up.
    pub(crate) fn skip(&mut self, rounds: u32) {
        for leg in self.legs.values_mut() {
            leg.skip(rounds);
        }
        self.counters.dropped_ticks.fetch_add(u64::from(rounds) * PHASES as u64, Ordering::Relaxed);
    }

    /// Close every leg.
    pub(crate) fn close_all(&mut self, now: Instant) {
        let mut ids: Vec<LegId> = self.legs.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            self.close(id, now);
        }
        for room in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.close_room(room, now);
        }
    }

    /// Make the next tick of a leg panic.
    #[cfg(test)]
    pub(crate) fn break_leg(&mut self, leg: LegId) {
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.panics = true;
        }
    }

    fn open(&mut self, id: LegId, seed: LegSeed, now: Instant) -> bool {
        // The smallest group, so that the work of the ticks is even.
        let phase = (0..PHASES).min_by_key(|&phase| self.phases[phase].len()).unwrap_or(0);
        self.phases[phase].push(id);
        self.legs.insert(id, Leg::new(id, seed, now));
        self.count_legs();
        true
    }

    fn close(&mut self, id: LegId, now: Instant) -> bool {
        let peer = self.legs.get(&id).and_then(Leg::peer);
        let known = self.guarded(id, now, Leg::close);
        // The other leg, if it is here, hears of it before this one is gone.
        if let Some(peer) = peer {
            self.guarded(peer, now, Leg::check_talk);
        }
        if known {
            if !self.closing.contains(&id) {
                self.closing.push(id);
            }
            self.sweep(id, now);
        } else if !self.legs.contains_key(&id) {
            // Its media failed before; whoever closes it waits for the end.
            self.out.events.push(MediaEvent::Closed { leg: id });
            self.out.closed.push(id);
        }
        known
    }

    fn begin(&mut self, command: MediaCommand, now: Instant) -> bool {
        let leg = match &command {
            MediaCommand::Digit { leg, .. } => *leg,
            other => match other.begins() {
                Some((_, leg)) => leg,
                None => return false,
            },
        };
        if leg >= ROOMS {
            return self.begin_in_room(leg, command, now);
        }
        if self.legs.get(&leg).is_none_or(Leg::is_closing) {
            self.out.events.extend(refused(&command, OpResult::LegEnded, "the leg has no media any more"));
            return false;
        }
        if let Some((op, leg)) = command.begins() {
            let is_gather = matches!(command, MediaCommand::Gather { .. });
            if !self.ops.begin(op, leg, is_gather, now) {
                return false;
            }
        }
        self.guarded(leg, now, |leg, ctx| leg.begin(command, ctx))
    }

    fn join(&mut self, side: JoinSide, now: Instant) -> bool {
        let (op, leg) = (side.op(), side.leg());
        let is_open = self.legs.get(&leg).is_some_and(|leg| !leg.is_closing());
        if side.reports() && !self.ops.begin(op, leg, false, now) {
            return false;
        }
        if !is_open {
            side.finish(OpResult::Failed, Some(format!("leg {leg} has no media any more")));
            if let Some(end) = side.end().filter(|_| side.reports()) {
                self.ops.done(op, end.result, end.detail, now, &mut self.out.events);
            }
            return false;
        }
        self.guarded(leg, now, |leg, ctx| leg.join(side, ctx))
    }

    fn stop(&mut self, op: OpId, now: Instant) -> bool {
        match self.ops.leg(op) {
            Some(room) if room >= ROOMS => self.with_room(room, now, |room, ctx| room.stop(op, ctx)),
            Some(leg) => self.guarded(leg, now, |leg, ctx| leg.stop(op, ctx)),
            None => false,
        }
    }

    /// Take out a closed leg that nothing keeps any more.
    fn sweep(&mut self, id: LegId, now: Instant) {
        if self.legs.get(&id).is_some_and(|leg| leg.is_over(now)) {
            self.guarded(id, now, |leg, ctx| leg.report_closed(ctx));
            self.remove(id);
        }
    }

    fn remove(&mut self, id: LegId) {
        self.legs.remove(&id);
        self.closing.retain(|&other| other != id);
        for phase in &mut self.phases {
            phase.retain(|&other| other != id);
        }
        self.count_legs();
    }

    fn count_legs(&self) {
        self.counters.media_legs.store(self.legs.len() as u64, Ordering::Relaxed);
    }

    /// Do something with a leg; false if there is none. If it panics, the leg is over, and only this one.
    pub(crate) fn guarded(&mut self, id: LegId, now: Instant, act: impl FnOnce(&mut Leg, &mut Context<'_>)) -> bool {
        let Some(leg) = self.legs.get_mut(&id) else { return false };
        let mut ctx = Context {
            now,
            out: &mut self.out,
            ops: &mut self.ops,
            counters: &self.counters,
            clock: self.config.clock,
            media_timeout: self.config.media_timeout,
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| act(leg, &mut ctx))) {
            self.fail(id, &panic_text(&*panic), now);
        }
        true
    }

    fn fail(&mut self, id: LegId, what: &str, now: Instant) {
        count(&self.counters.media_faults);
        let why = Some("a fault of the media engine ended the leg");
        for op in self.ops.end_leg(id, why, now, &mut self.out.events) {
            // Should it be a recording, the file has to be closed; nobody waits for the answer.
            self.out.jobs.push(DiskJob::Finish { op });
        }
        self.out.events.push(MediaEvent::Fault { leg: id, what: format!("media of leg {id} failed: {what}") });
        self.remove(id);
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}
