//! The handle's part in rooms and taps: where they are, and who is let in.

use std::sync::{Arc, Weak};

use crate::command::{Change, LegId, MediaCommand, OpId};
use crate::counters::count;
use crate::event::OpResult;
use crate::media::Media;
use crate::operation::join::Join;
use crate::operation::lane::lock;
use crate::operation::room::{Membership, Room, RoomId};
use crate::operation::tap::{TapMode, TapSide};
use crate::shard::ShardCommand;
use crate::thread::ThreadCommand;

/// Rooms at once.
const MAX_ROOMS: usize = 1000;

impl Media {
    /// Open a room for at most `max_members` legs; false if there are too many rooms.
    pub fn open_room(&self, room: RoomId, max_members: usize) -> bool {
        let mut rooms = lock(&self.rooms);
        if rooms.len() >= MAX_ROOMS {
            count(&self.counters.refused_rooms);
            return false;
        }
        #[allow(clippy::cast_possible_truncation)] // the remainder is below 16
        let shard = (room % self.shards.len() as u64) as usize;
        let opened = Room::new(room, max_members);
        rooms.insert(room, (Arc::clone(&opened), shard));
        drop(rooms);
        self.urgent(shard, ThreadCommand::core(ShardCommand::OpenRoom { room: opened }))
    }

    /// Close a room: its members leave as `done`, what plays and records there ends as `done`.
    pub fn close_room(&self, room: RoomId) {
        match lock(&self.rooms).remove(&room) {
            Some((closed, shard)) => {
                closed.close();
                self.urgent(shard, ThreadCommand::core(ShardCommand::CloseRoom { room }));
            }
            None => count(&self.counters.media_commands_late),
        }
    }

    /// Change an operation under way; nothing happens if it is over or of another kind.
    pub fn change(&self, op: OpId, change: Change) {
        self.tell_all(|| ShardCommand::Change { op, change });
    }

    pub(crate) fn shard_of_room(&self, room: RoomId) -> Option<usize> {
        lock(&self.rooms).get(&room).map(|(_, shard)| *shard)
    }

    pub(crate) fn join_room(&self, op: OpId, leg: LegId, room: RoomId, membership: Membership) {
        let command = MediaCommand::JoinRoom { op, leg, room, membership };
        let Some(shard) = self.leg_shard(leg, &command) else { return };
        let found = lock(&self.rooms).get(&room).map(|(room, _)| Arc::clone(room));
        let entered = found.ok_or_else(|| "there is no such room".to_owned());
        match entered.and_then(|room| room.enter(op, leg, membership)) {
            Ok(side) => self.send_talk(shard, &command, ShardCommand::EnterRoom(side)),
            Err(why) => self.refuse(&command, OpResult::Failed, &why),
        }
    }

    pub(crate) fn tap(&self, op: OpId, leg: LegId, join: OpId, mode: TapMode) {
        let command = MediaCommand::Tap { op, leg, join, mode };
        let Some(shard) = self.leg_shard(leg, &command) else { return };
        let found = lock(&self.joins).get(&join).and_then(Weak::upgrade);
        let tapped = found.ok_or_else(|| "what was to be tapped is over, or no join".to_owned());
        match tapped.and_then(|join| TapSide::begin(join, op, leg, mode)) {
            Ok(side) => self.send_talk(shard, &command, ShardCommand::Tap(side)),
            Err(why) => self.refuse(&command, OpResult::Failed, &why),
        }
    }

    /// Remember a join for those who may tap it, and forget those that are over.
    pub(crate) fn remember_join(&self, op: OpId, join: &Arc<Join>) {
        let mut joins = lock(&self.joins);
        if joins.len() >= joins.capacity() {
            joins.retain(|_, join| join.strong_count() > 0);
        }
        joins.insert(op, Arc::downgrade(join));
    }

    fn leg_shard(&self, leg: LegId, command: &MediaCommand) -> Option<usize> {
        let shard = self.shard_of(leg);
        if shard.is_none() {
            count(&self.counters.media_commands_late);
            self.refuse(command, OpResult::LegEnded, "the leg has no media any more");
        }
        shard
    }

    fn send_talk(&self, shard: usize, command: &MediaCommand, side: ShardCommand) {
        if !self.urgent(shard, ThreadCommand::core(side)) {
            self.refuse(command, OpResult::Failed, "media is overloaded: too many commands wait");
        }
    }
}
