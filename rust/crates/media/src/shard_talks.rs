//! What a shard does for talks of more than two: its legs enter rooms and tap joins, and rooms live on it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use crate::command::{Change, MediaCommand, OpId};
use crate::counters::count;
use crate::event::OpResult;
use crate::leg::{Context, Leg};
use crate::operation::room::mixer::RoomMixer;
use crate::operation::room::{ROOMS, Room, RoomId, RoomSide};
use crate::operation::table::refused;
use crate::operation::tap::TapSide;
use crate::shard::{PHASES, Shard};

impl Shard {
    pub(crate) fn open_room(&mut self, room: Arc<Room>) -> bool {
        self.rooms.insert(room.id, RoomMixer::new(room));
        true
    }

    pub(crate) fn close_room(&mut self, room: RoomId, now: Instant) -> bool {
        let known = self.with_room(room, now, RoomMixer::close);
        self.sweep_room(room, now);
        known
    }

    /// Let a leg into a room.
    pub(crate) fn enter_room(&mut self, side: RoomSide, now: Instant) -> bool {
        let (op, leg) = (side.op(), side.leg());
        self.begin_talk(op, leg, now) && self.guarded(leg, now, |leg, ctx| leg.enter_room(side, ctx))
    }

    /// Let a leg tap a join.
    pub(crate) fn tap(&mut self, side: TapSide, now: Instant) -> bool {
        let (op, leg) = (side.op(), side.leg());
        self.begin_talk(op, leg, now) && self.guarded(leg, now, |leg, ctx| leg.tap(side, ctx))
    }

    fn begin_talk(&mut self, op: OpId, leg: crate::command::LegId, now: Instant) -> bool {
        if !self.ops.begin(op, leg, false, now) {
            return false;
        }
        let is_open = self.legs.get(&leg).is_some_and(|leg| !leg.is_closing());
        if !is_open {
            let why = Some("the leg has no media any more".to_owned());
            self.ops.done(op, OpResult::LegEnded, why, now, &mut self.out.events);
        }
        is_open
    }

    /// Begin an operation on a room.
    pub(crate) fn begin_in_room(&mut self, room: RoomId, command: MediaCommand, now: Instant) -> bool {
        if !self.rooms.contains_key(&room) {
            self.out.events.extend(refused(&command, OpResult::Failed, "there is no such room"));
            return false;
        }
        let Some((op, _)) = command.begins() else { return false };
        self.ops.begin(op, room, matches!(command, MediaCommand::Gather { .. }), now)
            && self.with_room(room, now, |room, ctx| room.begin(command, ctx))
    }

    /// Change an operation, if it is here.
    pub(crate) fn change(&mut self, op: OpId, change: Change, now: Instant) -> bool {
        match self.ops.leg(op) {
            Some(room) if room >= ROOMS => self.with_room(room, now, |room, _| room.change(op, change)),
            Some(leg) => self.guarded(leg, now, |leg, _| Leg::change(leg, op, change)),
            None => false,
        }
    }

    /// Mix the rooms of this tick.
    pub(crate) fn tick_rooms(&mut self, phase: usize, now: Instant) {
        if self.rooms.is_empty() {
            return;
        }
        let due: Vec<RoomId> = self.rooms.keys().copied().filter(|room| room % PHASES as u64 == phase as u64).collect();
        for room in due {
            self.with_room(room, now, RoomMixer::tick);
            self.sweep_room(room, now);
        }
    }

    /// Take out a closed room that nothing keeps any more.
    pub(crate) fn sweep_room(&mut self, room: RoomId, now: Instant) {
        let mut over = false;
        self.with_room(room, now, |room, ctx| over = room.finish(ctx));
        if over {
            self.rooms.remove(&room);
        }
    }

    /// Do something with a room; false if there is none. If it panics, the room is over, and only this one.
    pub(crate) fn with_room(
        &mut self,
        id: RoomId,
        now: Instant,
        act: impl FnOnce(&mut RoomMixer, &mut Context<'_>),
    ) -> bool {
        let Some(room) = self.rooms.get_mut(&id) else { return false };
        let mut ctx = Context {
            now,
            out: &mut self.out,
            ops: &mut self.ops,
            counters: &self.counters,
            clock: self.config.clock,
            media_timeout: self.config.media_timeout,
        };
        if catch_unwind(AssertUnwindSafe(|| act(room, &mut ctx))).is_err() {
            count(&self.counters.media_faults);
            let why = Some("a fault of the media engine ended the room");
            self.ops.end_leg(id, why, now, &mut self.out.events);
            self.rooms.remove(&id);
        }
        true
    }
}
