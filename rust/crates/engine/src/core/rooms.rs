//! Rooms: numbered from `ringback_media::ROOMS` up, so that they can stand where a leg does in an operation.

use std::time::Instant;

use ringback_media::ROOMS;

use super::{Core, MediaPort};
use crate::command::Operation;
use crate::ids::{LegId, OpId};

impl<M: MediaPort> Core<M> {
    pub(super) fn open_room(&mut self, room: LegId, max_members: usize) {
        // A room that could not be opened refuses what is asked of it, each operation with its own end.
        if !self.stopping && self.media.open_room(room, max_members) {
            self.rooms.insert(room);
        }
    }

    pub(super) fn close_room(&mut self, room: LegId) {
        if self.rooms.remove(&room) {
            self.media.close_room(room);
        } else {
            self.counters.stale_commands += 1;
        }
    }

    /// Whether this can be done in a room; if not, why.
    pub(super) fn can_operate_room(&self, room: LegId, operation: &Operation) -> Result<(), &'static str> {
        if !matches!(operation, Operation::Play { .. } | Operation::Tone { .. } | Operation::Record { .. }) {
            Err("a room can only be played to and recorded")
        } else if self.rooms.contains(&room) {
            Ok(())
        } else {
            Err("there is no such room")
        }
    }

    /// End what goes on in rooms without waiting for media.
    pub(super) fn finish_rooms(&mut self, now: Instant) {
        for room in std::mem::take(&mut self.rooms) {
            self.media.close_room(room);
        }
        let mut left: Vec<OpId> = self.ops.iter().filter(|(_, op)| op.leg >= ROOMS).map(|(id, _)| *id).collect();
        left.sort_unstable();
        for op in left {
            self.end_operation(now, op, "leg_ended", None);
        }
    }
}
